"""How commands are called."""

from __future__ import annotations

import pytest

from procession.errors import InvalidInput, NotFound
from procession.operations.commands.keys import channel_key, disabled_by, kebab
from procession.operations.commands.registry import Registry


class GetOrders: ...


class ImportInvoices: ...


class IssueInvoices: ...


class ImportInvoicesService1: ...


class ProcessManager: ...


def send_mails() -> None: ...


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("GetOrders", "get-orders"),
        ("get_orders", "get-orders"),
        ("Get Orders", "get-orders"),
        ("HTTPSync", "http-sync"),
        ("service1", "service1"),
        ("24", "24"),
        ("get-orders", "get-orders"),
    ],
)
def test_names_become_kebab_case(name: str, key: str) -> None:
    assert kebab(name) == key


@pytest.mark.parametrize("name", ["", "a/b", "..", "zażółć", "x" * 201, "a\0", "-"])
def test_what_can_be_no_name_of_a_file_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a lock key"):
        kebab(name)


def test_the_registration_of_the_specification_makes_these_keys() -> None:
    registry = Registry()
    registry.add(
        {
            GetOrders: "Get Orders",
            ImportInvoices: ("Import Invoices", ["service1", "service2"]),
            IssueInvoices: ("Issue Invoices", [10, 24]),
            send_mails: "Send Mails",
        }
    )

    assert registry.labels() == {
        "process-manager": "Process Manager",
        "get-orders": "Get Orders",
        "import-invoices-service1": "Import Invoices (service1)",
        "import-invoices-service2": "Import Invoices (service2)",
        "issue-invoices-10": "Issue Invoices (10)",
        "issue-invoices-24": "Issue Invoices (24)",
        "send-mails": "Send Mails",
    }


def test_a_command_with_instances_has_no_lock_of_its_own() -> None:
    registry = Registry()
    registry.add({ImportInvoices: ("Import Invoices", ["service1"])})

    with pytest.raises(NotFound, match="known are import-invoices-service1, process-manager"):
        registry.label("import-invoices")


def test_registering_again_is_no_conflict() -> None:
    registry = Registry()
    registry.add({GetOrders: "Get Orders"})
    registry.add({GetOrders: "Fetch Orders"})

    assert registry.label("get-orders") == "Fetch Orders"


def test_two_commands_cannot_have_one_key() -> None:
    registry = Registry()

    with pytest.raises(InvalidInput, match="would both have the lock key import-invoices-service1"):
        registry.add({ImportInvoices: ("Import", ["service1"]), ImportInvoicesService1: "Import 1"})

    assert list(registry.labels()) == ["process-manager"]


def test_keys_of_the_process_manager_are_reserved() -> None:
    with pytest.raises(InvalidInput, match="reserved"):
        Registry().add({ProcessManager: "Mine"})


def test_instances_are_a_list() -> None:
    with pytest.raises(InvalidInput, match="as a list"):
        Registry().add({ImportInvoices: ("Import", "service1")})


def test_a_channel_has_the_key_of_the_process_manager_before_it() -> None:
    assert channel_key("NewOrders") == "process-manager-new-orders"
    assert Registry().label("process-manager-new-orders") == "Process Manager (new-orders)"


def test_what_disables_a_channel() -> None:
    assert disabled_by("process-manager-x") == ("all-commands", "process-manager", "process-manager-x")
    assert disabled_by("get-orders") == ("all-commands", "get-orders")
