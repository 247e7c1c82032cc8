"""The processes of these tests, written to files with ids of the test's own."""

from __future__ import annotations

from pathlib import Path

from tests.building import (
    boundary,
    bpmn,
    catch,
    element,
    end,
    error,
    job,
    message,
    on_error,
    on_message,
    start,
)

ON_SIGNAL = '<signalEventDefinition signalRef="signal"/>'


class Models:
    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self.suffix = suffix

    def id(self, name: str) -> str:
        """A name that no other test uses: of a process, a job type, a message, a signal."""
        return f"{name}-{self.suffix}"

    def straight(self) -> Path:
        """Ends as soon as it starts."""
        return self._write("straight", start() + end(), "s>e")

    def work(self) -> Path:
        """One job `work`; its error E1 leads to the job `mend`."""
        body = (
            start()
            + job("work", type=self.id("work"), extensions=_header("colour", "red"))
            + boundary("caught", "work", on_error("E1"))
            + job("mend", type=self.id("mend"))
            + end()
        )
        return self._write("work", body, "s>work work>e caught>mend mend>e", definitions=error("E1"))

    def newer(self) -> Path:
        """What instances of `work` can be migrated to: the task `carry`, then the job `last`."""
        body = start() + job("carry", type=self.id("carry")) + job("last", type=self.id("last")) + end()
        return self._write("newer", body, "s>carry carry>last last>e")

    def letter(self) -> Path:
        """Waits for the message `letter` with the key in its variable `key`."""
        definitions = message(self.id("letter"), id="letter")
        body = start() + catch("wait", on_message("letter")) + end()
        return self._write("letter", body, "s>wait wait>e", definitions=definitions)

    def alarm(self) -> Path:
        """Waits for the signal `alarm`."""
        definitions = f'<signal id="signal" name="{self.id("alarm")}"/>'
        body = start() + element("intermediateCatchEvent", "wait", ON_SIGNAL) + end()
        return self._write("alarm", body, "s>wait wait>e", definitions=definitions)

    def called(self) -> Path:
        """Starts with the message `call`, and ends."""
        definitions = message(self.id("call"), id="call")
        body = start("s", on_message("call")) + job("work", type=self.id("work")) + end()
        return self._write("called", body, "s>work work>e", definitions=definitions)

    def broken(self) -> Path:
        """Cannot be deployed: its task has no type."""
        return self._write("broken", start() + element("serviceTask", "work") + end(), "s>work work>e")

    def _write(self, name: str, body: str, flows: str, *, definitions: str = "") -> Path:
        path = self.folder / f"{name}.bpmn"
        path.write_bytes(bpmn(body, flows, id=self.id(name), definitions=definitions))
        return path


def _header(key: str, value: str) -> str:
    return f'<zeebe:taskHeaders><zeebe:header key="{key}" value="{value}"/></zeebe:taskHeaders>'
