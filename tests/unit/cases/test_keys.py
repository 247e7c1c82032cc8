"""Keys: what is sealed, who opens it, and that nothing altered is opened."""

from __future__ import annotations

import base64
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import InvalidInput
from procession.process.cases import Keyring, new_key
from procession.process.cases.keys import VARIABLE, NotSealedHere

OLD, NEW = new_key("2025"), new_key("2026")
RING = Keyring([NEW])
SEALED = RING.seal(b"content", b"purpose")
SALTED = RING.seal(b"content", b"purpose", salt=b"0123456789abcdef")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(content=st.binary(), purpose=st.binary(min_size=1), salt=st.binary(max_size=32))
def test_what_is_sealed_is_opened(content: bytes, purpose: bytes, salt: bytes) -> None:
    sealed = RING.seal(content, purpose, salt=salt)
    assert RING.open(sealed, purpose) == content
    assert set(sealed) <= {*ALPHABET, "."}


def test_the_same_is_sealed_the_same() -> None:
    assert Keyring([NEW]).seal(b"content", b"purpose") == SEALED


@pytest.mark.parametrize("sealed", [SEALED, SALTED], ids=["plain", "salted"])
@given(data=st.data())
def test_any_altered_character_is_refused(sealed: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from([one for one in ALPHABET + ".=+/ \né" if one != sealed[place]]))
    with pytest.raises(NotSealedHere):
        RING.open(sealed[:place] + other + sealed[place + 1 :], b"purpose")


@pytest.mark.parametrize("sealed", [SEALED, SALTED], ids=["plain", "salted"])
@given(data=st.data())
def test_any_character_put_in_is_refused(sealed: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sealed)))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ \n\0é"))
    with pytest.raises(NotSealedHere):
        RING.open(sealed[:place] + other + sealed[place:], b"purpose")


@pytest.mark.parametrize("sealed", [SEALED, SALTED], ids=["plain", "salted"])
@given(data=st.data())
def test_what_is_cut_is_refused(sealed: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(sealed)))
    end = data.draw(st.integers(begin, len(sealed)))
    if (begin, end) != (0, len(sealed)):
        with pytest.raises(NotSealedHere):
            RING.open(sealed[begin:end], b"purpose")


@given(text=st.text())
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(NotSealedHere):
        RING.open(text, b"purpose")


def test_what_was_sealed_for_another_purpose_is_refused() -> None:
    with pytest.raises(NotSealedHere):
        RING.open(SEALED, b"another purpose")


def test_parts_of_two_sealed_texts_are_refused() -> None:
    name, salt, content = SALTED.split(".")
    _, other_salt, other = RING.seal(b"other", b"purpose", salt=b"fedcba9876543210").split(".")
    for text in (f"{name}.{salt}.{other}", f"{name}.{other_salt}.{content}", f"{name}.{content}.{salt}"):
        with pytest.raises(NotSealedHere):
            RING.open(text, b"purpose")


def test_salt_cannot_be_taken_away_or_left_empty() -> None:
    name, _, content = SALTED.split(".")
    _, plain = SEALED.split(".")
    for text in (f"{name}.{content}", f"{name}..{content}", f"{name}..{plain}", f"{name}.{plain}."):
        with pytest.raises(NotSealedHere):
            RING.open(text, b"purpose")


def test_a_key_of_the_same_name_is_not_the_same_key() -> None:
    with pytest.raises(NotSealedHere):
        Keyring([new_key("2026")]).open(SEALED, b"purpose")


def test_a_text_under_another_keys_name_is_refused() -> None:
    both = Keyring([NEW, OLD])
    with pytest.raises(NotSealedHere):
        both.open(SEALED.replace("2026", "2025", 1), b"purpose")


def test_keys_are_replaced_without_a_gap() -> None:
    # Given what the old key sealed
    before = Keyring([OLD]).seal(b"content", b"purpose")
    # When the new one is added behind it: both open, the old one seals
    added = Keyring([OLD, NEW])
    assert added.seal(b"content", b"purpose") == before
    assert added.open(SEALED, b"purpose") == b"content"
    # And then put first: both open, the new one seals
    turned = Keyring([NEW, OLD])
    assert turned.open(before, b"purpose") == b"content"
    assert turned.seal(b"content", b"purpose") == SEALED
    # And the old one dropped: what it sealed is refused
    with pytest.raises(NotSealedHere):
        RING.open(before, b"purpose")


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "procession case key"),
        ([NEW, NEW], "two keys are called '2026'"),
        (["secret"], "secret of key 'secret'"),
        (["a b:AAAA"], "NAME:SECRET"),
        (["x" * 17 + ":AAAA"], "NAME:SECRET"),
        (["a:" + base64.urlsafe_b64encode(bytes(32)).decode()], "secret of key 'a'"),
        (["a:not base64!"], "secret of key 'a'"),
    ],
)
def test_what_is_no_keyring_says_why(keys: list[str], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Keyring(keys)


def test_an_error_never_shows_a_secret() -> None:
    secret = NEW.partition(":")[2]
    with pytest.raises(InvalidInput) as caught:
        Keyring([NEW, NEW])
    assert secret not in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        Keyring([NEW[:-4]])
    assert secret[:20] not in str(caught.value)


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f" {NEW}, {OLD},")
    assert Keyring.from_environment().seal(b"content", b"purpose") == SEALED
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InvalidInput, match=VARIABLE):
        Keyring.from_environment()


def test_stages_on_threads_share_the_keys() -> None:
    wrong: list[bytes] = []

    def work(number: int) -> None:
        for count in range(500):
            content = f"{number} {count} ".encode() * 20
            if RING.open(RING.seal(content, b"purpose"), b"purpose") != content:
                wrong.append(content)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
