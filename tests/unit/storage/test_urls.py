"""Which database a URL means, and that no password is ever shown."""

from __future__ import annotations

import importlib.util

import pytest

from procession.errors import InvalidInput
from procession.storage import open_storage
from procession.storage.searches import full_name, open_reader
from procession.storage.urls import is_postgresql, shown


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresqls_urls_are_known(scheme: str) -> None:
    assert is_postgresql(f"{scheme}://host/orders")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:s3cret@host:5432/orders", "postgresql://me@host:5432/orders"),
        ("postgresql://me:s3:c@ret@host/orders", "postgresql://me@host/orders"),
        (
            "postgresql://host/orders?user=me&password=s3cret&x=1",
            "postgresql://host/orders?user=me&password=...&x=1",
        ),
        ("postgresql://me@host/orders", "postgresql://me@host/orders"),
        ("sqlite:///orders.db", "sqlite:///orders.db"),
    ],
)
def test_a_password_is_not_shown(url: str, expected: str) -> None:
    assert shown(url) == expected


def test_a_full_name_has_no_password() -> None:
    assert full_name("postgresql://me:s3cret@host/orders") == "postgresql://me@host/orders"
    assert full_name("sqlite:///orders.db").startswith("sqlite:////")


@pytest.mark.parametrize("use", [open_storage, open_reader])
def test_without_the_driver_it_is_said_how_to_get_it(use: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r'pip install "procession\[postgresql\]"') as caught:
        use("postgresql://me:s3cret@host/orders")  # type: ignore[operator]
    assert "s3cret" not in str(caught.value)
