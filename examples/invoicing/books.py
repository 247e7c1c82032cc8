"""The books: a real HTTP service, in this process. It is away now and then, as services are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AWAY_EVERY = 5
"""Each so manieth request is answered 503."""


class Books(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.requests = 0
        self.numbers: dict[str, int] = {}
        """By idempotency key: asked again, the same number is answered."""
        self.entries: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: Books

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.requests += 1
            if self.server.requests % AWAY_EVERY == 0:
                self._answer(503, {"error": "the books are closed for a moment"})
            elif self.path == "/numbers":
                number = self.server.numbers.setdefault(body["key"], len(self.server.numbers) + 1)
                self._answer(200, {"number": number})
            elif body["net"] < 0:
                self._answer(422, {"error": "a negative amount"})
            else:
                if body["number"] not in self.server.entries:
                    self.server.entries.append(body["number"])
                self._answer(200, {"entry": body["number"], "session_token": "not for the history"})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def open_books() -> Iterator[Books]:
    with Books() as books:
        thread = threading.Thread(target=books.serve_forever)
        thread.start()
        try:
            yield books
        finally:
            books.shutdown()
            thread.join()
