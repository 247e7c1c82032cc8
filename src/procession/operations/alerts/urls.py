"""Channels as URL texts, for settings and environment variables."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from procession.errors import InvalidInput
from procession.operations.alerts.channel import Channel
from procession.operations.alerts.log import LogChannel
from procession.operations.alerts.mail import MailChannel, MailSecurity
from procession.operations.alerts.webhook import WebhookChannel


def channel_for(given: Channel | str) -> Channel:
    """The channel itself, or the one a URL text means.

    - `log:` writes to the logger `procession.alerts`;
    - `smtp://user:password@host:587/?to=a@x.org&to=b@x.org&from=c@x.org` sends mail over STARTTLS,
      `smtps://` over TLS from the start, `smtp://...&tls=none` without;
    - `https://host/path#secret=...` posts JSON, signed if there is a secret (which is never sent).

    Characters like `@`, `:`, `/` in names and passwords are percent-encoded (RFC 3986).

    Raises:
        InvalidInput: the text means no channel.
    """
    if isinstance(given, Channel):
        return given
    url = given
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"an alert channel's address is no URL: {error}") from error
    make = _SCHEMES.get(parts.scheme)
    if make is None:
        known = ", ".join(f"{scheme}:" for scheme in _SCHEMES)
        raise InvalidInput(f"no alert channel begins with {parts.scheme or url[:20]!r}; there are {known}")
    return make(parts, port)


def _log(parts: SplitResult, port: int | None) -> Channel:
    return LogChannel()


def _mail(parts: SplitResult, port: int | None) -> Channel:
    options = _options(parts.query, {"to", "from", "tls"})
    if not parts.hostname or "from" not in options:
        raise InvalidInput("a mail channel looks like smtp://host/?to=a@example.org&from=b@example.org")
    default = "tls" if parts.scheme == "smtps" else "starttls"
    try:
        security = MailSecurity(options.get("tls", [default])[0])
    except ValueError as error:
        raise InvalidInput("tls is one of starttls, tls, none") from error
    return MailChannel(
        parts.hostname,
        port=port,
        sender=options["from"][0],
        recipients=options.get("to", []),
        security=security,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _webhook(parts: SplitResult, port: int | None) -> Channel:
    secrets = _options(parts.fragment, {"secret"}).get("secret", [None])
    return WebhookChannel(parts._replace(fragment="").geturl(), secret=secrets[0])


def _options(text: str, known: set[str]) -> dict[str, list[str]]:
    options = parse_qs(text.replace("+", "%2B"))  # mail addresses have them; no form encoded this
    unknown = options.keys() - known
    if unknown:
        raise InvalidInput(f"an alert channel has no option {', '.join(sorted(unknown))}")
    return options


_SCHEMES: dict[str, Callable[[SplitResult, int | None], Channel]] = {
    "log": _log,
    "smtp": _mail,
    "smtps": _mail,
    "https": _webhook,
    "http": _webhook,
}
