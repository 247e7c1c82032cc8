"""Variables in scopes: look-up, propagation, mappings, and evaluation of expressions on them.

Values are kept as JSON texts and decoded only for FEEL (spec/engine.md section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from procession import feel
from procession.engine.graph import Mapping as IoMapping
from procession.engine.graph import Node, Value
from procession.engine.records import ElementInstance, IncidentType, Variable, VariableChange
from procession.engine.run import Run, Stuck
from procession.engine.unit import Row
from procession.model.text import is_storable

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encoder = msgspec.json.Encoder(decimal_format="number")

Chain = tuple[int, ...]
"""Scope keys from the innermost outwards."""


def decode(raw: str) -> Any:
    """JSON text -> FEEL value; whole numbers become int, others Decimal."""
    return _decode(raw)


def encode(value: Any) -> str:
    """FEEL value -> JSON text, as Zeebe writes it (2.0 becomes 2, durations ISO 8601, ...)."""
    return _encoder.encode(feel.to_json(value)).decode()


def chain_of(run: Run, element: ElementInstance) -> Chain:
    """The scopes an element sees: its own, those around it (where they have variables), the instance's."""
    if not element.locals and element.scope_key == element.instance_key:
        return (element.instance_key,)
    outer = outer_chain(run, element)
    return (element.key, *outer) if element.locals else outer


def outer_chain(run: Run, element: ElementInstance) -> Chain:
    """The scopes around an element that have variables, and the instance's."""
    scope_key, instance_key = element.scope_key, element.instance_key
    if scope_key == instance_key:
        return (instance_key,)
    keys = []
    while scope_key != instance_key:
        scope = run.element(scope_key)
        if scope.locals:
            keys.append(scope_key)
        scope_key = scope.scope_key
    return (*keys, instance_key)


class ScopeContext(Mapping[str, Any]):
    """FEEL's view of the variables: decoded when read, nothing copied."""

    __slots__ = ("_chain", "_extra", "_table")

    def __init__(self, run: Run, chain: Chain, extra: Mapping[str, Any] | None = None) -> None:
        self._table = run.unit.variables
        self._chain = chain
        self._extra = extra

    def __getitem__(self, name: str) -> Any:
        if self._extra is not None and name in self._extra:
            return self._extra[name]
        for scope_key in self._chain:
            variable = self._table.get((scope_key, name))
            if variable is not None:
                return _decode(variable.value)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def lookup(run: Run, chain: Chain, name: str) -> str | None:
    """The JSON text of a variable, or None."""
    table = run.unit.variables
    for scope_key in chain:
        variable = table.get((scope_key, name))
        if variable is not None:
            return variable.value
    return None


def evaluate(run: Run, value: Value, chain: Chain, extra: Mapping[str, Any] | None = None) -> Any:
    """The constant, or the value of the expression.

    Raises:
        Stuck: the evaluation was stopped (step limit, recursion).
    """
    if isinstance(value, str):
        return value
    surroundings = run.feel_scope
    surroundings.steps = 0
    try:
        return value.evaluate(ScopeContext(run, chain, extra), scope=surroundings)
    except feel.FeelError as error:
        raise Stuck(
            IncidentType.EXTRACT_VALUE_ERROR.value, f"expression {value.text!r} failed: {error}"
        ) from error


def condition(
    run: Run, expression: feel.Expression, chain: Chain, extra: Mapping[str, Any] | None = None
) -> bool:
    """A condition's value.

    Raises:
        Stuck: it is neither true nor false.
    """
    result = evaluate(run, expression, chain, extra)
    if result is True or result is False:
        return bool(result)
    raise Stuck(
        IncidentType.EXTRACT_VALUE_ERROR.value,
        f"condition {expression.text!r} is {_kind(result)}, neither true nor false",
    )


def text(run: Run, value: Value, chain: Chain, what: str) -> str:
    """A value that must be a text.

    Raises:
        Stuck: it is none.
    """
    result = evaluate(run, value, chain)
    if not isinstance(result, str):
        raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, f"{what} is {_kind(result)}, not a text")
    return keepable(result, what)


def keepable(text: str, what: str) -> str:
    """A name or key that every database can keep.

    Raises:
        Stuck: it is none.
    """
    if not is_storable(text):
        message = f"{what} is {text!r}, but no name or key may have a NUL or half a character in it"
        raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, message)
    return text


def integer(run: Run, value: Value, chain: Chain, what: str) -> int:
    """A value that must be a whole number (constants are texts of digits).

    Raises:
        Stuck: it is none.
    """
    result = evaluate(run, value, chain)
    try:
        if (
            isinstance(result, str | int | Decimal)
            and not isinstance(result, bool)
            and int(result) == Decimal(result)
        ):
            return int(result)
    except (ValueError, ArithmeticError):
        pass
    raise Stuck(IncidentType.EXTRACT_VALUE_ERROR.value, f"{what} is {result!r}, not a whole number")


def _kind(value: Any) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def set_local(run: Run, scope_key: int, root_key: int, name: str, raw: str) -> None:
    """Write a variable of exactly this scope, keeping the value it replaces as history."""
    element = run.unit.elements.live.get(scope_key)
    if element is None or element.locals:
        variable = run.unit.variables.get((scope_key, name))
    else:
        variable = None
        element.locals = 1
        run.unit.variables.empty.add(scope_key)
    _write(run, variable, scope_key, root_key, name, raw)


def _write(run: Run, variable: Variable | None, scope_key: int, root_key: int, name: str, raw: str) -> None:
    if variable is None:
        run.unit.variables.add(Variable(scope_key, name, root_key, raw, run.now))
    elif variable.value != raw:
        run.unit.changed.add(
            VariableChange(run.new_key(), scope_key, name, root_key, variable.value, run.now)
        )
        variable.value = raw
        variable.updated_at = run.now


def propagate(run: Run, chain: Chain, root_key: int, values: Mapping[str, str]) -> None:
    """Write each value to the nearest scope that holds its name, otherwise to the outermost."""
    table = run.unit.variables
    for name, raw in values.items():
        for scope_key in chain:
            variable = table.get((scope_key, name))
            if variable is not None:
                break
        # Without any, it is the outermost scope's: the instance, the last of the chain.
        _write(run, variable, scope_key, root_key, name, raw)


def receive(run: Run, element: ElementInstance, node: Node, values: Mapping[str, str]) -> None:
    """Results of an element's work: kept local for output mappings, or propagated without them."""
    if not values:
        return
    if node.outputs:
        for name, raw in values.items():
            set_local(run, element.key, element.root_key, name, raw)
    else:
        propagate(run, chain_of(run, element), element.root_key, values)


def local_values(run: Run, scope_key: int) -> dict[str, str]:
    """All variables of exactly this scope."""
    return {v.name: v.value for v in run.unit.variables.find("scope", scope_key)}


def own_values(run: Run, element: ElementInstance) -> dict[str, str]:
    """The local variables of an element."""
    return local_values(run, element.key) if element.locals else {}


def visible(run: Run, chain: Chain) -> dict[str, str]:
    """All variables an element sees; inner scopes hide outer ones."""
    values: dict[str, str] = {}
    for scope_key in reversed(chain):
        values.update(local_values(run, scope_key))
    return values


def apply_inputs(run: Run, element: ElementInstance, node: Node) -> None:
    """Input mappings: each creates a local variable; later ones see earlier ones."""
    chain = (element.key, *outer_chain(run, element))
    for mapping in node.inputs:
        raw = _mapped(run, mapping, chain, element.key)
        set_local(run, element.key, element.root_key, mapping.target, raw)


def apply_outputs(run: Run, element: ElementInstance, node: Node) -> None:
    """Output mappings: evaluated on the element's scope, written from the scope around it.

    A multi-instance child writes from its own: so they can make the variable that is collected.
    """
    chain = chain_of(run, element)
    outer = chain if element.loop_counter else outer_chain(run, element)
    table = run.unit.variables
    look = table.row
    # Without a local variable it keeps its value. Where the first ones came just now, they are all at hand.
    has_own = table.live.__contains__ if element.key in table.empty else look
    for mapping in node.outputs:
        target = mapping.target
        holder = outer[-1] if len(outer) == 1 else _holder(look, outer, target)
        if (
            mapping.keeps_name
            and look((holder, target)) is not None
            and not (element.locals and has_own((element.key, target)))
        ):
            continue
        set_local(run, holder, element.root_key, target, _mapped(run, mapping, chain, holder))


def _holder(look: Callable[[Any], Row | None], outer: Chain, name: str) -> int:
    """The nearest scope that has the variable, otherwise the outermost."""
    for scope_key in outer:
        if look((scope_key, name)) is not None:
            return scope_key
    return outer[-1]


def _mapped(run: Run, mapping: IoMapping, chain: Chain, target_scope: int) -> str:
    """The JSON text for a mapping's target; a dotted target merges into the context it names."""
    source = mapping.source
    if mapping.variable is not None and len(mapping.path) == 1:
        return lookup(run, chain, mapping.variable) or "null"
    try:
        value = evaluate(run, source, chain)
    except Stuck as stuck:
        raise Stuck(IncidentType.IO_MAPPING_ERROR.value, stuck.message) from stuck
    if len(mapping.path) == 1:
        return encode(value)
    held = run.unit.variables.get((target_scope, mapping.target))
    root = decode(held.value) if held is not None else {}
    root = root if isinstance(root, dict) else {}
    place = root
    for part in mapping.path[1:-1]:
        inner = place.get(part)
        inner = inner if isinstance(inner, dict) else {}
        place[part] = inner
        place = inner
    place[mapping.path[-1]] = value
    return encode(root)
