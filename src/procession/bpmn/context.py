"""What the readers share while one file is read: its definitions and the faults found so far."""

from __future__ import annotations

from lxml.etree import _Element as Element

from procession.bpmn.names import children, id_of, line_of
from procession.bpmn.quoting import quoted
from procession.model import Expression, Fault

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Context:
    """One file being read. Readers look up its messages, errors and signals, and report what they refuse."""

    def __init__(self, resource: str, definitions: Element) -> None:
        self.resource = resource
        self.findings: list[Fault] = []
        self.incomplete: set[str] = set()
        """Ids of refused elements of which a part is missing in the model: rules must not guess it."""
        self.messages = _by_id(definitions, "message")
        self.errors = _by_id(definitions, "error")
        self.signals = _by_id(definitions, "signal")

    def refuse(self, element: Element, message: str, *, at: Element | None = None) -> None:
        """Report a fault of `element`, found at the line of `at` (a part of it) or its own."""
        self._report(element, message, at, warning=False)

    def leave_out(self, element: Element, message: str, *, at: Element | None = None) -> None:
        """Report a fault because of which `element`, or a part of it, is missing in the model."""
        self.refuse(element, message, at=at)
        self.incomplete.add(id_of(element))

    def warn(self, element: Element, message: str, *, at: Element | None = None) -> None:
        """Report something that does not refuse the file."""
        self._report(element, message, at, warning=True)

    def _report(self, element: Element, message: str, at: Element | None, *, warning: bool) -> None:
        self.findings.append(
            Fault(
                resource=self.resource,
                element_id=id_of(element) or None,
                line=line_of(element if at is None else at),
                message=message,
                warning=warning,
            )
        )

    def flag(self, element: Element, name: str, default: bool, *, of: Element | None = None) -> bool:
        """A boolean attribute (XML Schema spelling); any other text is a fault of `of`."""
        raw = element.get(name)
        if raw is None:
            return default
        value = _FLAGS.get(raw.strip())
        if value is None:
            owner = element if of is None else of
            self.refuse(owner, f"{name} is {quoted(raw)}; write true or false", at=element)
        return default if value is None else value

    def feel(self, owner: Element, at: Element, name: str) -> Expression | None:
        """An attribute that is always FEEL; a constant is a fault of `owner`. Empty is None."""
        raw = at.get(name, "").strip()
        if raw and not raw.startswith("="):
            self.refuse(
                owner, f"{name} is {quoted(raw)}; it must be a FEEL expression, so start it with '='", at=at
            )
        return Expression(raw.removeprefix("=").strip(), line_of(at)) if raw else None


def _by_id(definitions: Element, name: str) -> dict[str, Element]:
    return {id_of(element): element for element in children(definitions, name)}
