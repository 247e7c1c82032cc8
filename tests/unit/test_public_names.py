"""What `import procession` gives, and what it costs."""

import subprocess
import sys

import procession
from procession import bpmn

HEAVY = (
    "sqlalchemy",
    "psycopg",
    "alembic",
    "lxml",
    "typer",
    "rich",
    "croniter",
    "asyncio",
    "grpc",
    "httpx",
    "procession.broker",
)


def loaded_after(statement: str) -> set[str]:
    """The modules a fresh interpreter has loaded after a statement."""
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_procession_loads_nothing_heavy() -> None:
    assert loaded_after("import procession").isdisjoint(HEAVY)


def test_opening_an_sqlite_database_loads_no_driver_of_another() -> None:
    statement = (
        "import procession.storage as s, tempfile as t; s.open_storage(f'sqlite:///{t.mkdtemp()}/x.db')"
    )
    assert "psycopg" not in loaded_after(statement)


def test_reading_bpmn_loads_nothing_that_writes_or_draws() -> None:
    loaded = loaded_after("from procession.bpmn import read")
    assert loaded.isdisjoint({"procession.bpmn.layout", "procession.bpmn.svg", "procession.bpmn.writing"})


def test_every_public_name_of_bpmn_is_there() -> None:
    assert [name for name in bpmn.__all__ if getattr(bpmn, name, None) is None] == []
    assert not hasattr(bpmn, "no_such_name")


def test_the_pytest_plugin_loads_nothing_of_procession_but_itself() -> None:
    loaded = loaded_after("import procession.testing.plugin")
    ours = {name for name in loaded if name.startswith("procession")}
    assert ours == {"procession", "procession.testing", "procession.testing.plugin"}


def test_the_public_names_are_sorted() -> None:
    assert procession.__all__ == sorted(procession.__all__)


def test_every_public_name_is_there() -> None:
    for name in procession.__all__:
        assert getattr(procession, name) is not None


def test_every_lazy_name_is_public() -> None:
    assert {*procession._HOME, "__version__"} == set(procession.__all__)


def test_every_error_of_the_tree_is_public() -> None:
    from procession import errors

    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }
    assert tree <= set(procession.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(procession, "no_such_name")
