"""Compact BPMN for tests: element functions, and flows written as `start>task task>end`.

bpmn(start() + job("t") + end(), "s>t t>e")
"""

from __future__ import annotations

import re
from collections import defaultdict
from xml.sax.saxutils import escape, quoteattr

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="defs" targetNamespace="test"'
    ' xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">'
)


def file(*processes: str, definitions: str = "") -> bytes:
    """A file of processes, with the messages and errors they refer to."""
    return f"{HEAD}{definitions}{''.join(processes)}</definitions>".encode()


def process(body: str, flows: str = "", *, id: str = "p") -> str:
    return f'<process id="{id}" isExecutable="true">{_with_ends(body + connect(flows))}</process>'


_FLOW = re.compile(r"""<sequenceFlow id=["'](.*?)["'] sourceRef=["'](.*?)["'] targetRef=["'](.*?)["']""")
_NODE = re.compile(r'<\w+ id="([^"]*)"[^>]*(?<!/)>(?:<extensionElements>.*?</extensionElements>)?', re.DOTALL)


def _with_ends(body: str) -> str:
    """The elements with the flows into and out of them, which Zeebe reads there and not from the flows."""
    ends: dict[str, list[str]] = defaultdict(list)
    for id, _, target in _FLOW.findall(body):
        ends[target].append(f"<incoming>{id}</incoming>")
    for id, source, _ in _FLOW.findall(body):
        ends[source].append(f"<outgoing>{id}</outgoing>")
    return _NODE.sub(lambda node: node.group() + "".join(ends.get(node.group(1), ())), body)


def bpmn(body: str, flows: str = "", *, id: str = "p", definitions: str = "") -> bytes:
    """A file with one executable process."""
    return file(process(body, flows, id=id), definitions=definitions)


def connect(flows: str) -> str:
    return "".join(flow(*pair.split(">")) for pair in flows.split())


def flow(source: str, target: str, condition: str | None = None) -> str:
    """A sequence flow `source_target`, with a FEEL condition."""
    inner = f"<conditionExpression>={escape(condition)}</conditionExpression>" if condition else ""
    ends = f'sourceRef="{source}" targetRef="{target}"'
    return f'<sequenceFlow id="{source}_{target}" {ends}>{inner}</sequenceFlow>'


def message(name: str, key: str = "=key", *, id: str | None = None) -> str:
    """A message definition; its id is its name unless given."""
    return (
        f'<message id="{id or name}" name="{name}"><extensionElements>'
        f"<zeebe:subscription correlationKey={quoteattr(key)}/></extensionElements></message>"
    )


def error(code: str) -> str:
    """An error definition whose id is its code."""
    return f'<error id="{code}" errorCode="{code}"/>'


def signal(name: str, *, id: str | None = None) -> str:
    """A signal definition; its id is its name unless given."""
    return f'<signal id="{id or name}" name={quoteattr(name)}/>'


def element(kind: str, id: str, inner: str = "", *, extensions: str = "", **attributes: str) -> str:
    written = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    extended = f"<extensionElements>{extensions}</extensionElements>" if extensions else ""
    return f'<{kind} id="{id}"{written}>{extended}{inner}</{kind}>'


def start(id: str = "s", inner: str = "") -> str:
    return element("startEvent", id, inner)


def end(id: str = "e", inner: str = "", *, io: str = "") -> str:
    return element("endEvent", id, inner, extensions=io)


def terminate(id: str = "e") -> str:
    return end(id, "<terminateEventDefinition/>")


def on_error(code: str | None = None) -> str:
    return f'<errorEventDefinition errorRef="{code}"/>' if code else "<errorEventDefinition/>"


def on_message(name: str) -> str:
    return f'<messageEventDefinition messageRef="{name}"/>'


def on_signal(id: str) -> str:
    return f'<signalEventDefinition signalRef="{id}"/>'


def throw(id: str, inner: str = "", *, io: str = "") -> str:
    return element("intermediateThrowEvent", id, inner, extensions=io)


def on_duration(text: str) -> str:
    return _timer("timeDuration", text)


def on_date(text: str) -> str:
    return _timer("timeDate", text)


def on_cycle(text: str) -> str:
    return _timer("timeCycle", text)


def _timer(kind: str, text: str) -> str:
    return f"<timerEventDefinition><{kind}>{escape(text)}</{kind}></timerEventDefinition>"


def catch(id: str, inner: str, *, io: str = "") -> str:
    return element("intermediateCatchEvent", id, inner, extensions=io)


def boundary(id: str, host: str, inner: str, *, interrupting: bool = True, io: str = "") -> str:
    return element(
        "boundaryEvent",
        id,
        inner,
        extensions=io,
        attachedToRef=host,
        cancelActivity=str(interrupting).lower(),
    )


def inputs(**targets: str) -> str:
    """Input mappings target=source; `__` in a target is a dot."""
    return "".join(_mapping("input", target, source) for target, source in targets.items())


def outputs(**targets: str) -> str:
    """Output mappings target=source; `__` in a target is a dot."""
    return "".join(_mapping("output", target, source) for target, source in targets.items())


def _mapping(kind: str, target: str, source: str) -> str:
    return f'<zeebe:{kind} source={quoteattr(source)} target="{target.replace("__", ".")}"/>'


def io(mappings: str) -> str:
    return f"<zeebe:ioMapping>{mappings}</zeebe:ioMapping>"


def definition(type: str, retries: str = "3") -> str:
    return f"<zeebe:taskDefinition type={quoteattr(type)} retries={quoteattr(retries)}/>"


def job(
    id: str,
    *,
    type: str | None = None,
    retries: str = "3",
    mappings: str = "",
    inner: str = "",
    extensions: str = "",
    kind: str = "serviceTask",
) -> str:
    """A task worked on by job workers; its type is its id unless given."""
    mapped = io(mappings) if mappings else ""
    return element(kind, id, inner, extensions=f"{definition(type or id, retries)}{mapped}{extensions}")


def script(id: str, expression: str, result: str, *, inner: str = "", mappings: str = "") -> str:
    mapped = io(mappings) if mappings else ""
    written = f'<zeebe:script expression={quoteattr("=" + expression)} resultVariable="{result}"/>'
    return element("scriptTask", id, inner, extensions=f"{written}{mapped}")


def receive(id: str, message_id: str, *, inner: str = "") -> str:
    return element("receiveTask", id, inner, messageRef=message_id)


def gateway(kind: str, id: str, *, default: str | None = None) -> str:
    """A gateway; `default` names a flow."""
    return element(f"{kind}Gateway", id, **({"default": default} if default else {}))


def sub(id: str, body: str, flows: str = "", *, inner: str = "", mappings: str = "") -> str:
    mapped = io(mappings) if mappings else ""
    return element("subProcess", id, f"{inner}{body}{connect(flows)}", extensions=mapped)


def call(
    id: str, process_id: str, *, parent: bool = True, child: bool = True, mappings: str = "", inner: str = ""
) -> str:
    mapped = io(mappings) if mappings else ""
    called = (
        f"<zeebe:calledElement processId={quoteattr(process_id)} "
        f'propagateAllParentVariables="{str(parent).lower()}" '
        f'propagateAllChildVariables="{str(child).lower()}"/>'
    )
    return element("callActivity", id, inner, extensions=f"{called}{mapped}")


def each(
    collection: str,
    item: str = "item",
    *,
    collect: tuple[str, str] | None = None,
    sequential: bool = False,
    until: str | None = None,
) -> str:
    """A multi-instance marker over a collection; `collect` is (output collection, output element)."""
    output = (
        f" outputCollection={quoteattr(collect[0])} outputElement={quoteattr(collect[1])}" if collect else ""
    )
    enough = f"<completionCondition>={escape(until)}</completionCondition>" if until else ""
    return (
        f'<multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}"><extensionElements>'
        f'<zeebe:loopCharacteristics inputCollection={quoteattr(collection)} inputElement="{item}"{output}/>'
        f"</extensionElements>{enough}</multiInstanceLoopCharacteristics>"
    )


def times(count: str) -> str:
    """A parallel multi-instance marker with a cardinality."""
    cardinality = f"<loopCardinality>{escape(count)}</loopCardinality>"
    return f"<multiInstanceLoopCharacteristics>{cardinality}</multiInstanceLoopCharacteristics>"
