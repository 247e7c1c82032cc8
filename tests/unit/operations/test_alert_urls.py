"""Channels as URL texts."""

from __future__ import annotations

import pytest

from procession.errors import InvalidInput
from procession.operations.alerts import (
    LogChannel,
    MailChannel,
    MailSecurity,
    WebhookChannel,
    channel_for,
)


def test_log() -> None:
    assert isinstance(channel_for("log:"), LogChannel)


def test_mail_with_login_and_several_recipients() -> None:
    url = "smtp://me%40x.org:p%3Aw%2F@mail.x.org:2525/?to=a@x.org&to=b+c@x.org&from=p@x.org"
    channel = channel_for(url)
    assert isinstance(channel, MailChannel)
    assert (channel.host, channel.port, channel.sender) == ("mail.x.org", 2525, "p@x.org")
    assert channel.recipients == ("a@x.org", "b+c@x.org")
    assert channel.security is MailSecurity.STARTTLS
    assert channel._login == ("me@x.org", "p:w/")


@pytest.mark.parametrize(
    ("url", "security", "port"),
    [
        ("smtp://h/?to=a@x&from=b@x", MailSecurity.STARTTLS, 587),
        ("smtps://h/?to=a@x&from=b@x", MailSecurity.TLS, 465),
        ("smtp://h/?to=a@x&from=b@x&tls=none", MailSecurity.NONE, 25),
    ],
)
def test_mail_is_encrypted_unless_told_otherwise(url: str, security: MailSecurity, port: int) -> None:
    channel = channel_for(url)
    assert isinstance(channel, MailChannel)
    assert (channel.security, channel.port) == (security, port)


def test_a_webhook_keeps_its_secret_to_itself() -> None:
    channel = channel_for("https://hooks.x.org/T0/B0?a=b#secret=s+3")
    assert isinstance(channel, WebhookChannel)
    assert channel._url == "https://hooks.x.org/T0/B0?a=b"
    assert channel._secret == "s+3"


@pytest.mark.parametrize(
    "url", ["smtp://me:hush@h/?to=a@x&from=b@x", "https://h/hush#secret=hush", "https://me:hush@h/"]
)
def test_names_hold_no_secrets(url: str) -> None:
    assert "hush" not in channel_for(url).name


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no alert channel"),
        ("pager:x", "pager"),
        ("smtp://h/?to=a@x", "from"),
        ("smtp://h/?from=a@x", "recipient"),
        ("smtp://h/?to=nobody&from=a@x", "nobody"),
        ("smtp://h/?to=a@x&from=b@x&tls=perhaps", "starttls"),
        ("smtp://h/?to=a@x&from=b@x&cc=c@x", "cc"),
        ("smtp://h:no/?to=a@x&from=b@x", "no URL"),
        ("https:///path", "address"),
        ("https://h/#token=x", "token"),
    ],
)
def test_texts_that_mean_no_channel_are_refused(url: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        channel_for(url)
