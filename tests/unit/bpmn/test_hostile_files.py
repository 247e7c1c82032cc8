"""Files that want to do harm, or are simply broken, are answered with one clear fault."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from procession.bpmn import MAX_BYTES, Reading, read

PLAIN = '<process id="p" isExecutable="true"><startEvent id="s"/><endEvent id="e"/></process>'


def only_fault(reading: Reading) -> tuple[str, int | None]:
    assert reading.processes == ()
    (fault,) = reading.faults
    return fault.message, fault.line


def laughs() -> str:
    entities = "".join(
        f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' if level else '<!ENTITY l0 "ha">'
        for level in range(30)
    )
    return f'<?xml version="1.0"?>\n<!DOCTYPE d [{entities}]>\n<d a="&l29;">&l29;</d>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_expansion_bomb_is_refused_in_any_encoding(encoding: str) -> None:
    message, line = only_fault(read(laughs().encode(encoding), "bomb.bpmn"))
    assert "DOCTYPE" in message
    assert line == 2


def test_an_external_entity_is_refused_and_never_read() -> None:
    content = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><d>&x;</d>'
    message, line = only_fault(read(content.encode(), "xxe.bpmn"))
    assert "DOCTYPE" in message
    assert line == 1


def test_an_external_document_type_is_refused() -> None:
    content = '<!DOCTYPE d PUBLIC "x" "http://example.invalid/d.dtd"><d/>'
    assert "DOCTYPE" in only_fault(read(content.encode(), "dtd.bpmn"))[0]


def test_an_undeclared_entity_is_refused(document: Callable[[str], bytes]) -> None:
    content = document(PLAIN.replace('id="s"', 'id="s" name="&nope;"'))
    assert "no well-formed XML" in only_fault(read(content, "entity.bpmn"))[0]


def test_ten_thousand_nested_elements_are_refused() -> None:
    content = b"<a>" * 10_000 + b"</a>" * 10_000
    assert "nested too deeply" in only_fault(read(content, "deep.bpmn"))[0]


def test_sub_processes_nested_more_than_fifty_deep_are_refused(document: Callable[[str], bytes]) -> None:
    inner = '<startEvent id="s60"/>'
    for level in range(60):
        inner = f'<startEvent id="s{level}"/><subProcess id="n{level}">{inner}</subProcess>'
    faults = read(document(f'<process id="p" isExecutable="true">{inner}</process>'), "deep.bpmn").faults
    assert [(fault.element_id, "50 deep" in fault.message) for fault in faults] == [("n9", True)]


def test_a_file_past_the_limit_is_refused(document: Callable[[str], bytes]) -> None:
    content = document(PLAIN) + b" " * 5_000_000
    message, _ = only_fault(read(content, "large.bpmn"))
    assert f"at most {MAX_BYTES}" in message


def test_a_truncated_file_is_refused_with_its_line(document: Callable[[str], bytes]) -> None:
    content = document("\n\n" + PLAIN)[:-30]
    message, line = only_fault(read(content, "cut.bpmn"))
    assert "no well-formed XML" in message
    assert line == 3


@pytest.mark.parametrize(
    "content", [b"", b"  \n ", b"\xef\xbb\xbf", b"\0\0\0\0", b"\xff\xfe", b"PK\3\4rubbish", b"{}"]
)
def test_what_is_no_xml_is_refused(content: bytes) -> None:
    assert only_fault(read(content, "rubbish.bpmn"))[0]


def test_null_bytes_inside_are_refused(document: Callable[[str], bytes]) -> None:
    content = document(PLAIN).replace(b'id="s"', b'id="\0s"')
    assert "no well-formed XML" in only_fault(read(content, "null.bpmn"))[0]


def test_an_unknown_encoding_is_refused() -> None:
    content = b'<?xml version="1.0" encoding="klingon"?><a/>'
    assert "no well-formed XML" in only_fault(read(content, "encoding.bpmn"))[0]


@pytest.mark.parametrize("root", ["<html/>", "<definitions/>", '<definitions xmlns="urn:other"/>'])
def test_a_root_that_is_no_bpmn_definitions_is_refused(root: str) -> None:
    message, line = only_fault(read(root.encode(), "other.bpmn"))
    assert "expected definitions in the namespace" in message
    assert line == 1


def test_utf_16_without_a_document_type_is_read(document: Callable[[str], bytes]) -> None:
    content = document(PLAIN).decode().encode("utf-16")
    assert [process.id for process in read(content, "utf16.bpmn").processes] == ["p"]


def test_damaged_bytes_never_raise(document: Callable[[str], bytes]) -> None:
    seed = 20_240_607
    chance = random.Random(seed)
    original = document(PLAIN)
    for _ in range(300):
        damaged = bytearray(original)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        reading = read(bytes(damaged), "damaged.bpmn")
        assert bool(reading.faults) != bool(reading.processes), (seed, bytes(damaged))
