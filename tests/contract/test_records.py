"""What is written is what is loaded, for every table, key and index."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from procession.engine import Unit
from procession.engine.tables import CHILDREN_AT_ONCE, TABLES
from procession.storage.port import Storage

from . import samples
from .databases import Database

_FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
INDEXES = [
    (name, index) for name, spec in TABLES.items() for index in spec.indexes if not spec.indexes[index].paged
]


def _key(name: str, record: Any) -> Any:
    return Unit().by_name[name].key_of(record)


def _unique(name: str) -> Any:
    """Records that break no constraint together."""
    uniques = [index.fields for index in TABLES[name].indexes.values() if index.unique]
    identities = [lambda record: _key(name, record)]
    identities += [lambda record, fields=fields: _values(record, fields) for fields in uniques]  # type: ignore[misc]
    return st.lists(samples.records(name), min_size=1, max_size=5, unique_by=tuple(identities))


def _values(record: Any, fields: tuple[str, ...]) -> Any:
    return tuple(getattr(record, field) for field in fields)


@pytest.mark.parametrize("name", sorted(TABLES))
@_FEW
@given(data=st.data())
def test_a_new_record_is_loaded_as_it_was_written_and_gone_when_removed(
    storage: Storage, name: str, data: st.DataObject
) -> None:
    written = data.draw(_unique(name))
    keys = [_key(name, record) for record in written]
    samples.save(storage, *[structs.replace(record) for record in written])

    assert samples.stored(storage, name, *keys) == written

    _remove(storage, name, *keys)

    assert samples.stored(storage, name, *keys) == [None] * len(keys)


@pytest.mark.parametrize("name", sorted(name for name in TABLES if TABLES[name].changes))
@_FEW
@given(data=st.data())
def test_a_changed_record_is_loaded_with_its_changes(
    storage: Storage, name: str, data: st.DataObject
) -> None:
    before, after = data.draw(samples.records(name)), data.draw(samples.records(name))
    spec = TABLES[name]
    after = structs.replace(before, **{field: getattr(after, field) for field in spec.changes})
    key = _key(name, before)
    samples.save(storage, before)

    with storage.transaction() as transaction:
        table = samples.load(transaction, name, key)
        unit = Unit()
        unit.by_name[name].loaded.update(table.loaded)
        record = unit.by_name[name].get(key)
        for field in spec.changes:
            setattr(record, field, getattr(after, field))
        transaction.write(unit)
        transaction.commit()

    assert samples.stored(storage, name, key) == [after]
    _remove(storage, name, key)


@pytest.mark.parametrize("name", sorted(TABLES))
@_FEW
@given(data=st.data())
def test_a_rewritten_record_is_loaded_with_all_its_fields_as_they_are_then(
    storage: Storage, name: str, data: st.DataObject
) -> None:
    before, after = data.draw(samples.records(name)), data.draw(samples.records(name))
    after = structs.replace(after, **{field: getattr(before, field) for field in TABLES[name].key})
    key = _key(name, before)
    samples.save(storage, before)

    with storage.transaction() as transaction:
        table = samples.load(transaction, name, key)
        unit = Unit()
        unit.by_name[name].loaded.update(table.loaded)
        record = unit.by_name[name].get(key)
        for field in record.__struct_fields__:
            setattr(record, field, getattr(after, field))
        unit.by_name[name].rewrite(record)
        transaction.write(unit)
        transaction.commit()

    assert samples.stored(storage, name, key) == [after]
    _remove(storage, name, key)


def _remove(storage: Storage, name: str, *keys: Any) -> None:
    with storage.transaction() as transaction:
        unit = Unit()
        table = unit.by_name[name]
        table.loaded.update(samples.load(transaction, name, *keys).loaded)
        for key in keys:
            table.remove(table.get(key))
        transaction.write(unit)
        transaction.commit()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_key_nobody_has_is_known_to_be_absent(storage: Storage, name: str) -> None:
    key = _key(name, samples.plain(name, 404))

    with storage.transaction() as transaction:
        table = samples.load(transaction, name, key)

        assert table.known(key)
        assert table.get(key) is None


@pytest.mark.parametrize(("name", "index"), INDEXES)
def test_a_look_up_finds_what_has_the_value_in_order_of_keys(storage: Storage, name: str, index: str) -> None:
    spec = TABLES[name].indexes[index]
    same = {field: _sample(name, field) for field in spec.fields}
    keys = (3, 1, 2)[: 1 if spec.unique else 3]
    other = {field: _other(value) for field, value in same.items()}
    found = [samples.plain(name, key, **(_distinct(name, key) | same)) for key in keys]
    samples.save(storage, *found, samples.plain(name, 9, **other))

    with storage.transaction() as transaction:
        value = tuple(same.values()) if len(same) > 1 else next(iter(same.values()))
        nothing = tuple("no" if isinstance(each, str) else 404 for each in same.values())
        absent = nothing if len(same) > 1 else 404
        table = samples.find(transaction, name, index, value, absent)

        assert table.find(index, value) == sorted(found, key=lambda record: _key(name, record))[: spec.limit]
        assert table.find(index, absent) == []


def _distinct(name: str, key: int) -> dict[str, Any]:
    """A part of the key that no index looks at, where the key has several."""
    texts = [field for field in TABLES[name].key if field in ("name", "element_id", "process_id")]
    return {field: f"{field}-{key}" for field in texts if len(TABLES[name].key) > 1}


def _sample(name: str, field: str) -> Any:
    hint = TABLES[name].record.__annotations__[field]
    return "same" if "str" in hint else 77


def _other(value: Any) -> Any:
    return "other" if isinstance(value, str) else 78


def test_a_page_has_the_lowest_keys_above_the_given_one(storage: Storage) -> None:
    page = TABLES["signal_subscription"].indexes["signal"].limit
    assert page is not None
    keys = range(1, page + 12)
    samples.save(
        storage,
        *(samples.plain("signal_subscription", key, tenant="t", name="a") for key in keys),
        samples.plain("signal_subscription", page + 100, tenant="t", name="b"),
    )

    with storage.transaction() as transaction:
        first, rest, none = ("t", "a", 0), ("t", "a", page + 2), ("t", "a", page + 11)
        table = samples.find(transaction, "signal_subscription", "signal", first, rest, none)

        assert [one.key for one in table.find("signal", first)] == list(keys[:page])
        assert table.truncated("signal", first)
        assert [one.key for one in table.find("signal", rest)] == list(range(page + 3, page + 12))
        assert not table.truncated("signal", rest)
        assert table.find("signal", none) == []


OPEN_ONLY = [(name, index) for name, index in INDEXES if TABLES[name].indexes[index].open_only]


@pytest.mark.parametrize(("name", "index"), OPEN_ONLY)
def test_what_has_ended_is_not_found_where_only_open_ones_are_asked_for(
    storage: Storage, name: str, index: str
) -> None:
    same = {field: _sample(name, field) for field in TABLES[name].indexes[index].fields}
    samples.save(
        storage,
        samples.plain(name, 1, **same, ended_at=5),
        samples.plain(name, 2, **same),
        samples.plain(name, 3, **same, ended_at=6),
    )

    with storage.transaction() as transaction:
        value = tuple(same.values()) if len(same) > 1 else next(iter(same.values()))
        found = samples.find(transaction, name, index, value).find(index, value)

    assert [record.key for record in found] == [2]


def test_a_limited_look_up_gives_the_lowest_keys_for_each_value_and_says_there_may_be_more(
    storage: Storage,
) -> None:
    keys = range(1, CHILDREN_AT_ONCE + 3)
    many = [samples.plain("element_instance", key, scope_key=1) for key in keys]
    few = [samples.plain("element_instance", 10_000 + key, scope_key=2) for key in range(2)]
    samples.save(storage, *reversed(many), *few)

    with storage.transaction() as transaction:
        table = samples.find(transaction, "element_instance", "children", 1, 2)

        assert [child.key for child in table.find("children", 1)] == list(keys)[:CHILDREN_AT_ONCE]
        assert table.truncated("children", 1)
        assert [child.key for child in table.find("children", 2)] == [10_000, 10_001]
        assert not table.truncated("children", 2)


def test_an_element_comes_with_all_elements_around_it(storage: Storage) -> None:
    instance = {"instance_key": 100}
    samples.save(
        storage,
        samples.plain("element_instance", 1, scope_key=100, **instance),
        samples.plain("element_instance", 2, scope_key=1, **instance),
        samples.plain("element_instance", 3, scope_key=2, **instance),
        samples.plain("element_instance", 4, scope_key=2, **instance),
    )

    with storage.transaction() as transaction:
        table = samples.load(transaction, "element_instance", 3)

        assert [element.scope_key for key in (3, 2, 1) if (element := table.get(key))] == [2, 1, 100]
        assert not table.known(4)


def test_a_definition_comes_with_its_file(storage: Storage) -> None:
    definition = samples.plain("definition", 1, resource_key=2)
    samples.save(storage, definition, samples.plain("resource", 2, content=b"<xml/>"))

    with storage.transaction() as transaction:
        assert transaction.resource(1) == (definition, b"<xml/>")
        assert transaction.resource(2) is None


def test_what_one_storage_commits_another_loads(database: Database) -> None:
    one, other = database.open(), database.open()
    record = samples.plain("variable", 1, name="ü'\"\\ 😀", value='"😀"')

    samples.save(one, record)

    assert samples.stored(other, "variable", (1, "ü'\"\\ 😀")) == [record]
