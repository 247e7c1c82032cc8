"""The process: one invoice is issued, written into the books, and mailed."""

from __future__ import annotations

from datetime import timedelta

import httpx

from procession import Process, ProcessError, ProcessResult
from procession.process import Channel, RetryPolicy, Task

BOOKS = Channel("books", fifo=True)
"""Invoices are numbered without gaps, so they are issued one after the other."""


class MailInvoice(Task):
    """A step as a class of its own."""

    def handle(self) -> ProcessResult:
        number = self.process.meta["number"]
        self.process.sent("mail", {"to": "customer@example.org", "subject": f"Invoice {number}"})
        return ProcessResult(f"Mailed invoice {number}")


class IssueInvoice(Process):
    """ISSUE INVOICE"""

    version = 1
    channel = BOOKS
    retry = RetryPolicy(wait=timedelta(seconds=1))
    STEPS = {"issue": "issue", "book": "book", "mail": MailInvoice}  # noqa: RUF012  # as users write it
    books = ""
    """The address of the books; set before the app runs."""

    def validate(self) -> None:
        if not self.meta.get("net"):
            raise ProcessError("an invoice needs an amount")

    def issue(self) -> ProcessResult:
        number = self._post("/numbers", {"for": str(self.processable), "key": self.idempotency_key})["number"]
        return ProcessResult(
            f"Issued invoice {number}", meta={"number": number, "display": {"Invoice": number}}
        )

    def book(self) -> ProcessResult:
        entry = {"number": self.meta["number"], "net": self.meta["net"], "api_key": "only-for-the-books"}
        answer = self._post("/entries", entry)
        return ProcessResult("Booked", data=answer)

    def _post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        with httpx.Client(base_url=self.books, event_hooks=self.hooks("books")) as client:
            answer = client.post(path, json=body)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise ProcessError(f"the books refuse it: {answer.text}")
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found
