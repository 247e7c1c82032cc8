"""`procession instance migrate`."""

from __future__ import annotations

import shutil

import pytest

from tests.acceptance.cli.conftest import Shell, furnished
from tests.building import job
from tests.oracle.models import line


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shell, int]:
    """A folder with an instance on the first of two versions; for what changes nothing."""
    shell = furnished(tmp_path_factory.mktemp("migrating"))
    shell.write("one.bpmn", line(job("pack"), job("ship")))
    shell.write("two.bpmn", line(job("pack-goods"), job("ship")))
    shell.ask("deploy", "one.bpmn")
    key = shell.ask("start", "p")["key"]
    shell.ask("deploy", "two.bpmn")
    return shell, key


@pytest.fixture
def versions(prepared: tuple[Shell, int], shell: Shell) -> tuple[Shell, int]:
    """The same, for what does."""
    shutil.copy(prepared[0].folder / "procession.db", shell.folder)
    return shell, prepared[1]


def test_an_instance_moves_to_another_version(versions: tuple[Shell, int]) -> None:
    shell, key = versions
    answer = shell.ask("instance", "migrate", str(key), "--to", "2", "--map", "pack=pack-goods")

    assert answer == {"key": key, "migrated": True}
    detail = shell.ask("instance", "show", str(key))
    assert detail["info"]["version"] == 2
    assert [one["element_id"] for one in detail["waiting"]] == ["pack-goods"]


def test_people_are_told(versions: tuple[Shell, int]) -> None:
    shell, key = versions
    definition = shell.ask("definition", "list", "--process", "p")[0]["key"]
    arguments = ("--definition", str(definition), "--map", "pack=pack-goods", "--retype-jobs")
    answer = shell.run("instance", "migrate", str(key), *arguments)

    assert answer.out == f"Migrated: instance {key} to definition {definition}\n"
    assert "job pack-goods: waits for a worker" in shell.run("instance", "show", str(key)).out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "say where to move it"),
        (("--to", "2", "--definition", "7"), 2, "say where to move it"),
        (("--to", "2", "--map", "pack"), 2, "'pack' is no mapping"),
        (("--to", "2", "--map", "pack=a", "--map", "pack=b"), 2, "names 'pack' twice"),
        (("--to", "2", "--map", "pack=nothing"), 2, "has no element 'nothing'"),
        (("--to", "7"), 3, "has no version 7"),
        (("--to", "2"), 1, "element 'pack' is active and has no place in version 2"),
        (("--to", "2", "--map", "ship=ship", "--only-mapped"), 1, "has no place"),
    ],
)
def test_what_cannot_be_done_is_told(
    prepared: tuple[Shell, int], arguments: tuple[str, ...], code: int, says: str
) -> None:
    shell, key = prepared
    answer = shell.run("instance", "migrate", str(key), *arguments)

    assert (answer.code, says in answer.err) == (code, True), answer
