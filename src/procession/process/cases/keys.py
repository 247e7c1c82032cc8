"""The secret keys of an installation: what is encrypted and signed with them, and how they are replaced."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

VARIABLE = "PROCESSION_CASE_KEYS"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,16}")
_LENGTH = 64
"""Bytes of a key: AES-256 in SIV mode takes two of 32."""


class NotSealedHere(ValueError):
    """A text that none of the keys made for that purpose, or that was altered or cut."""


def new_key(name: str) -> str:
    """A fresh key as `NAME:SECRET`, for the configuration.

    Raises:
        InvalidInput: the name has other characters than letters, digits, _ and -, or more than 16.
    """
    _check_name(name)
    return f"{name}:{base64.urlsafe_b64encode(secrets.token_bytes(_LENGTH)).decode()}"


class Keyring:
    """Encrypts and signs texts (AES-SIV, RFC 5297: deterministic, authenticated) and opens them again.

    The first key seals, all of them open. To replace a key: add the new one behind the others
    everywhere, then put it first everywhere, then drop the old one when no case of before is left.

    Args:
        keys: as `new_key` makes them.

    Raises:
        InvalidInput: there is none, one is no key, or two have one name.
        ProcessionError: the package `cryptography` is missing.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise InvalidInput(
                "business cases need a secret key: make one with `procession case key`, and give it as "
                f"CaseManager(keys=[...]) or in {VARIABLE}, the same for all processes of an installation"
            )
        self._ciphers: dict[str, AESSIV] = {}
        for key in keys:
            name, _, secret = key.strip().partition(":")
            _check_name(name)
            if name in self._ciphers:
                raise InvalidInput(
                    f"two keys are called {name!r}; a name stands in all that is sealed with it"
                )
            self._ciphers[name] = _cipher(name, secret)
        self._primary = next(iter(self._ciphers))

    @classmethod
    def from_environment(cls) -> Keyring:
        """Of PROCESSION_CASE_KEYS: keys separated by commas.

        Raises:
            InvalidInput: as the class.
        """
        return cls([key for key in os.environ.get(VARIABLE, "").split(",") if key.strip()])

    def seal(self, content: bytes, purpose: bytes, *, salt: bytes = b"") -> str:
        """An URL-safe text that only `open` with the same purpose reads; the same for the same content,
        purpose, salt and key."""
        name = self._primary
        sealed = self._ciphers[name].encrypt(content, [purpose, name.encode(), salt])
        return f"{name}.{_encoded(salt)}.{_encoded(sealed)}" if salt else f"{name}.{_encoded(sealed)}"

    def open(self, text: str, purpose: bytes) -> bytes:
        """What was sealed.

        Raises:
            NotSealedHere: it was not sealed with one of these keys for that purpose, or was altered or cut.
        """
        from cryptography.exceptions import InvalidTag

        name, *parts = text.split(".")
        cipher = self._ciphers.get(name)
        if cipher is None or len(parts) not in (1, 2):
            raise NotSealedHere
        try:
            *salt, sealed = (_decoded(part) for part in parts)
            if salt == [b""]:  # a second way to write what has no salt
                raise NotSealedHere
            return cipher.decrypt(sealed, [purpose, name.encode(), *(salt or [b""])])
        except (InvalidTag, ValueError) as error:
            raise NotSealedHere from error


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            "a key is written NAME:SECRET, with a name of at most 16 letters, digits, _ and -; "
            "`procession case key` makes one"
        )


def _cipher(name: str, secret: str) -> AESSIV:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    except ModuleNotFoundError:
        raise ProcessionError(
            'business cases need the package cryptography: pip install "procession[cases]"'
        ) from None
    try:
        raw = base64.b64decode(secret, altchars=b"-_", validate=True)
        if len(raw) != _LENGTH:
            raise ValueError
    except (binascii.Error, ValueError):
        raise InvalidInput(f"the secret of key {name!r} is not what `procession case key` makes") from None
    return AESSIV(raw)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Of exactly one text: what decodes to the same bytes but is written otherwise is refused."""
    content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encoded(content) != text:
        raise ValueError("not as it is written here")
    return content
