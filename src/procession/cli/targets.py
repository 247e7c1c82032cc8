"""What a command is about, named as MODULE:NAME: an app, a manager, or a class."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, TypeVar

from procession.errors import InvalidInput, ProcessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession import Procession
    from procession.process import Process, ProcessManager
    from procession.process.cases import BusinessCase, CaseManager


def load(target: str) -> object:
    """Import what is named `module:attribute`; the module is looked for in the current directory first.

    Raises:
        InvalidInput: there is no such module or attribute.
        ProcessionError: importing it failed.
    """
    name, _, attribute = target.partition(":")
    if not name or not attribute:
        raise InvalidInput(f"{target!r} names no app; write MODULE:APP, for example orders:app")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: object = getattr(_import(name), attribute, None)
    if found is None:
        raise InvalidInput(f"module {name!r} has no {attribute!r}")
    return found


def app_of(found: object, target: str, url: str | None) -> Procession:
    """The app that was named, on another database or server if a URL is given.

    A class of a process or business case gets an app of its own, which needs the URL.

    Raises:
        InvalidInput: it is neither an app nor something that has or makes one.
    """
    from procession import Procession

    app = found if isinstance(found, Procession) else _manager(found, target, url).app
    if url is not None:
        app.url = url
    return app


def manager_at(target: str, url: str | None) -> ProcessManager:
    """The process manager that was named, or that of the app that was named.

    Raises:
        InvalidInput: there is none.
    """
    from procession.process import ProcessManager, manager_of

    return _named(target, url, ProcessManager, manager_of)


def cases_at(target: str, url: str | None) -> CaseManager:
    """The case manager that was named, or that of the app that was named.

    Raises:
        InvalidInput: there is none.
    """
    from procession.process.cases import CaseManager, cases_of

    return _named(target, url, CaseManager, cases_of)


def class_at(target: str) -> type[Process] | type[BusinessCase]:
    """The class of a process or business case that was named.

    Raises:
        InvalidInput: it is none.
    """
    found = load(target)
    if not (_is_class(found, "Process") or _is_class(found, "BusinessCase")):
        raise InvalidInput(f"{target} is no subclass of Process or BusinessCase")
    return found  # type: ignore[return-value]  # just looked at


M = TypeVar("M", "ProcessManager", "CaseManager")


def _named(target: str, url: str | None, kind: type[M], of_app: Callable[[Procession], M]) -> M:
    from procession import Procession

    found = load(target)
    manager = of_app(found) if isinstance(found, Procession) else _manager(found, target, url)
    if not isinstance(manager, kind):
        raise InvalidInput(f"{target} has no {kind.__name__}")
    if url is not None:
        manager.app.url = url
    return manager


def _manager(found: object, target: str, url: str | None) -> ProcessManager | CaseManager:
    from procession import CaseManager, Procession, ProcessManager

    if isinstance(found, ProcessManager | CaseManager):
        return found
    if not (_is_class(found, "Process") or _is_class(found, "BusinessCase")):
        raise InvalidInput(
            f"{target} is a {type(found).__name__}; it must be a Procession app, a ProcessManager or "
            "CaseManager, or a subclass of Process or BusinessCase"
        )
    if url is None:
        raise InvalidInput(f"{target} is a class and has no database: name one, or a server, with --db URL")
    made: ProcessManager | CaseManager
    made = (ProcessManager if _is_class(found, "Process") else CaseManager)(Procession(url))
    made.register(found)  # type: ignore[arg-type]  # just looked at
    return made


def _is_class(found: object, name: str) -> bool:
    import procession

    return isinstance(found, type) and issubclass(found, getattr(procession, name))


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise InvalidInput(
                f"there is no module {name!r} in {os.getcwd()} or where Python looks for modules"
            ) from error
        raise ProcessionError(f"module {name!r} cannot be imported: {error}") from error
    except Exception as error:
        raise ProcessionError(
            f"module {name!r} cannot be imported: {type(error).__name__}: {error} "
            "(run `procession --debug ...` to see where)"
        ) from error
