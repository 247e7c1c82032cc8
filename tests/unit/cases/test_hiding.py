"""Hidden fields: sealed where they are stored, masked where they are shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import InvalidInput
from procession.process.cases import Keyring, new_key
from procession.process.cases.hiding import DEEPEST, Hiding, masked

OLD, NEW = new_key("old"), new_key("new")
NAMES = frozenset({"password", "Card Number"})
HIDING = Hiding(NAMES, Keyring([NEW]))
SECRET = "s3cret-value"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["password", "PASSWORD", "card_number", "a", "b", "passwords"]), inner
        )
    ),
    max_leaves=20,
)


@given(value=values)
def test_what_is_hidden_is_revealed(value: Any) -> None:
    assert HIDING.revealed(HIDING.hidden(value)) == value


@given(value=values)
def test_masking_what_is_hidden_is_masking_what_was(value: Any) -> None:
    assert masked(HIDING.hidden(value), NAMES) == masked(value, NAMES)


@pytest.mark.parametrize(
    "value",
    [
        {"password": SECRET},
        {"PassWord": SECRET},
        {"card-number": SECRET},
        {"a": {"password": SECRET}},
        {"a": [{"b": [[{"password": SECRET}]]}]},
        {"password": {"inner": SECRET}},
        {"password": [SECRET]},
        [{"password": SECRET}],
        ({"password": SECRET},),
    ],
)
def test_a_hidden_field_is_found_at_any_depth(value: Any) -> None:
    for shown in (HIDING.hidden(value), masked(value, NAMES)):
        assert SECRET not in msgspec.json.encode(shown).decode()
        assert "***" in msgspec.json.encode(shown).decode()


def test_other_fields_and_none_stay() -> None:
    value = {"password": None, "passwords": SECRET, "a": 1}
    assert HIDING.hidden(value) == value
    assert masked(value, NAMES) == value


def test_the_same_secret_is_never_written_the_same() -> None:
    assert HIDING.hidden({"password": SECRET}) != HIDING.hidden({"password": SECRET})


def test_a_secret_may_look_like_a_sealed_one() -> None:
    for secret in ("***", "***new.a.b", HIDING.hidden({"password": SECRET})["password"]):
        assert HIDING.revealed(HIDING.hidden({"password": secret})) == {"password": secret}


def test_what_was_stored_before_it_was_hidden_is_read() -> None:
    assert HIDING.revealed({"password": SECRET}) == {"password": SECRET}


def test_the_old_key_still_reveals() -> None:
    sealed = Hiding(NAMES, Keyring([OLD])).hidden({"password": SECRET})
    assert Hiding(NAMES, Keyring([NEW, OLD])).revealed(sealed) == {"password": SECRET}


def test_a_key_that_was_removed_is_named() -> None:
    sealed = Hiding(NAMES, Keyring([OLD])).hidden({"a": {"password": SECRET}})
    with pytest.raises(InvalidInput, match="key 'old' is not among the keys"):
        HIDING.revealed(sealed)


def test_an_altered_field_is_refused() -> None:
    sealed = HIDING.hidden({"password": SECRET})["password"]
    with pytest.raises(InvalidInput, match="altered"):
        HIDING.revealed({"password": sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")})


def test_nothing_is_searched_where_nothing_is_hidden() -> None:
    value = {"password": SECRET}
    assert Hiding(frozenset(), Keyring([NEW])).hidden(value) is value


def test_what_is_too_deep_to_search_is_refused() -> None:
    value: Any = {"password": SECRET}
    for _ in range(DEEPEST + 1):
        value = [value]
    with pytest.raises(InvalidInput, match="levels deep"):
        HIDING.hidden(value)
