"""Alerts as HTTP requests."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from procession.errors import InvalidInput
from procession.operations.alerts.alert import Alert
from procession.operations.alerts.channel import Channel

if TYPE_CHECKING:
    import httpx

DEFAULT_TIMEOUT = timedelta(seconds=10)
SIGNATURE = "X-Procession-Signature"
LATER = frozenset((408, 425, 429))
"""Statuses under 500 that invite another attempt."""


class WebhookChannel(Channel):
    """POSTs each alert as a JSON object (`Alert.as_json`).

    The header `Idempotency-Key` is the alert's id, the same on every attempt. With a `secret`, the
    header `X-Procession-Signature` is `sha256=` and the hexadecimal HMAC-SHA256 (RFC 2104) of the body.
    Any 2xx is success; redirects are not followed.

    Raises:
        InvalidInput: the address is no http(s) URL, or httpx is not installed.
    """

    def __init__(self, url: str, *, secret: str | None = None, timeout: timedelta = DEFAULT_TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("a webhook needs an address that begins with https:// or http://")
        if importlib.util.find_spec("httpx") is None:
            raise InvalidInput('webhooks need httpx: pip install "procession[grpc]"')
        self.name = f"webhook {parts.hostname}"  # paths of webhooks are often their secrets
        self._url = url
        self._secret = secret
        self._timeout = timeout.total_seconds()
        self._client: httpx.AsyncClient | None = None

    async def send(self, alert: Alert) -> None:
        import httpx

        body = msgspec.json.encode(alert.as_json())
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout)
        answer = await self._client.post(self._url, content=body, headers=self._headers(alert, body))
        if answer.is_success:
            return
        said = f"{answer.status_code} {answer.text[:200]}"
        if answer.is_server_error or answer.status_code in LATER:
            raise RuntimeError(f"the receiver answered {said}")
        raise InvalidInput(f"the receiver refuses: {said}")

    def _headers(self, alert: Alert, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        if self._secret is not None:
            digest = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        return headers

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
