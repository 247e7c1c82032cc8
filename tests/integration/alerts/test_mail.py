"""Mail over a real SMTP server."""

from __future__ import annotations

import asyncio
import email
import email.policy
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from procession.errors import InvalidInput
from procession.operations.alerts import MailChannel, MailSecurity
from tests.alerting import an_alert

Start = Callable[..., Awaitable[MailChannel]]


class Mailbox:
    """Keeps mails; refuses recipients that begin with `no` (550) or `later` (450)."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for start, answer in (("no", "550 nobody of that name"), ("later", "450 come back")):
            if address.startswith(start):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.mails.append((list(envelope.rcpt_tos), message))
        return "250 OK"


def authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data.login == b"me" and data.password == b"secret", handled=False)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def start(box: Mailbox, authority: trustme.CA) -> AsyncIterator[Start]:
    """Starts a server of a kind of security on the test's event loop; answers a channel to it."""
    running: list[asyncio.Server] = []
    offered = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(offered)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)

    async def begin(
        security: MailSecurity, *recipients: str, server: dict[str, Any] | None = None, **settings: Any
    ) -> MailChannel:
        options = {"tls_context": offered} if security is MailSecurity.STARTTLS else {}
        listener = await asyncio.get_running_loop().create_server(
            lambda: SMTP(box, hostname="localhost", **{**options, **(server or {})}),
            host="localhost",
            port=0,
            family=socket.AF_INET,
            ssl=offered if security is MailSecurity.TLS else None,
        )
        running.append(listener)
        return MailChannel(
            "localhost",
            port=listener.sockets[0].getsockname()[1],
            security=security,
            sender="procession@example.org",
            recipients=recipients or ("duty@example.org",),
            context=trusted,
            timeout=timedelta(seconds=60),
            **settings,
        )

    yield begin
    for listener in running:
        listener.close()
        await listener.wait_closed()


@pytest.mark.parametrize("security", list(MailSecurity))
async def test_a_mail_reaches_all_recipients(start: Start, box: Mailbox, security: MailSecurity) -> None:
    channel = await start(security, "duty@example.org", "boss@example.org")
    await channel.send(an_alert(message="kein Päckchen"))
    ((recipients, mail),) = box.mails
    assert recipients == ["duty@example.org", "boss@example.org"]
    assert mail["From"] == "procession@example.org"
    assert mail["To"] == "duty@example.org, boss@example.org"
    assert mail["Subject"] == "[shop] incident in order at Ship: kein Päckchen"
    assert "kein Päckchen" in mail.get_content()
    assert "mend it" in mail.get_content()


async def test_a_repetition_has_the_same_message_id(start: Start, box: Mailbox) -> None:
    channel = await start(MailSecurity.NONE)
    await channel.send(an_alert())
    await channel.send(an_alert())
    first, second = (mail["Message-ID"] for _, mail in box.mails)
    assert first == second


async def test_it_logs_in_where_the_server_wants_it(start: Start, box: Mailbox) -> None:
    wants = {"authenticator": authenticated, "auth_required": True}
    channel = await start(MailSecurity.STARTTLS, server=wants, username="me", password="secret")
    await channel.send(an_alert())
    assert len(box.mails) == 1


async def test_a_wrong_password_is_not_tried_again(start: Start, box: Mailbox) -> None:
    wants = {"authenticator": authenticated, "auth_required": True}
    channel = await start(MailSecurity.STARTTLS, server=wants, username="me", password="guess")
    with pytest.raises(InvalidInput, match="refuses"):
        await channel.send(an_alert())
    assert not box.mails


async def test_without_encryption_nothing_is_said(start: Start, box: Mailbox) -> None:
    plain = await start(MailSecurity.NONE)
    plain.security = MailSecurity.STARTTLS
    with pytest.raises(smtplib.SMTPNotSupportedError):
        await plain.send(an_alert())
    assert not box.mails


async def test_an_unknown_certificate_is_not_trusted(start: Start, box: Mailbox) -> None:
    channel = await start(MailSecurity.STARTTLS)
    channel._context = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await channel.send(an_alert())
    assert not box.mails


async def test_the_others_get_it_when_one_recipient_is_refused(
    start: Start, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    channel = await start(MailSecurity.NONE, "duty@example.org", "nobody@example.org")
    await channel.send(an_alert())
    assert box.mails[0][0] == ["duty@example.org"]
    assert "not to nobody@example.org" in caplog.text


async def test_a_refusal_of_all_recipients_may_be_final(start: Start) -> None:
    channel = await start(MailSecurity.NONE, "nobody@example.org")
    with pytest.raises(InvalidInput, match="takes no mail"):
        await channel.send(an_alert())


async def test_a_refusal_for_now_is_a_failed_attempt(start: Start) -> None:
    channel = await start(MailSecurity.NONE, "later@example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        await channel.send(an_alert())


async def test_a_server_that_is_away_is_a_failed_attempt(start: Start) -> None:
    channel = MailChannel("127.0.0.1", port=1, sender="a@x", recipients=["b@x"])
    with pytest.raises(OSError, match="refused"):
        await channel.send(an_alert())
