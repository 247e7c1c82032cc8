"""Alerts as mails (RFC 5321, 5322; TLS by RFC 3207 and RFC 8314)."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from enum import Enum

from procession.errors import InvalidInput
from procession.operations.alerts.alert import Alert
from procession.operations.alerts.channel import Channel

log = logging.getLogger("procession.alerts")

PORTS = {"starttls": 587, "tls": 465, "none": 25}
DEFAULT_TIMEOUT = timedelta(seconds=30)


class MailSecurity(Enum):
    """How a connection to a mail server is protected."""

    STARTTLS = "starttls"
    """It begins open and must become encrypted before anything is said."""
    TLS = "tls"
    """Encrypted from the first byte."""
    NONE = "none"
    """Never encrypted: for a server on this host."""


class MailChannel(Channel):
    """One mail for each alert, to all recipients.

    Args:
        port: None means the usual one for the kind of security.
        username, password: for servers that want a login.
        timeout: for each exchange with the server.
        context: which certificates are trusted; None means the system's.

    Raises:
        InvalidInput: there is no recipient or sender, or an address cannot be one.
    """

    def __init__(
        self,
        host: str,
        *,
        sender: str,
        recipients: Sequence[str],
        port: int | None = None,
        security: MailSecurity = MailSecurity.STARTTLS,
        username: str | None = None,
        password: str | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if not recipients:
            raise InvalidInput("mail needs at least one recipient")
        for address in (sender, *recipients):
            if "@" not in address or len(address.splitlines()) != 1 or "," in address:
                raise InvalidInput(f"{address!r} is no mail address")
        self.host = host
        self.port = port or PORTS[security.value]
        self.sender = sender
        self.recipients = tuple(recipients)
        self.security = security
        self.name = f"mail over {host}:{self.port} to {', '.join(recipients)}"
        self._login = (username, password or "") if username else None
        self._timeout = timeout.total_seconds()
        self._context = context

    async def send(self, alert: Alert) -> None:
        await asyncio.to_thread(self._send, self._message(alert))

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = alert.subject
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Date"] = format_datetime(alert.at)
        message["Message-ID"] = f"<{alert.id}@procession.invalid>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
        message.set_content(alert.text)
        return message

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                if self.security is MailSecurity.STARTTLS:
                    server.starttls(context=self._trusted())
                if self._login is not None:
                    server.login(*self._login)
                refused = server.send_message(message, self.sender, self.recipients)
        except smtplib.SMTPRecipientsRefused as error:
            if all(_final(code) for code, _ in error.recipients.values()):
                raise InvalidInput(f"the mail server takes no mail for them: {error.recipients}") from error
            raise
        except smtplib.SMTPResponseException as error:
            if _final(error.smtp_code):
                raise InvalidInput(f"the mail server refuses: {error}") from error
            raise
        for address, reason in refused.items():
            log.error("%s: not to %s, the server refused: %s", self.name, address, reason)

    def _connect(self) -> smtplib.SMTP:
        if self.security is MailSecurity.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self._timeout, context=self._trusted())
        return smtplib.SMTP(self.host, self.port, timeout=self._timeout)

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


def _final(code: int) -> bool:
    """Whether a server that answers so would do it again (RFC 5321 section 4.2.1)."""
    return code >= 500
