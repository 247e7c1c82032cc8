"""The messages of the Zeebe protocol, from the package pyzeebe, without the clients in that package.

Importing those would cost as much as a third of a server's start: they bring an HTTP library along.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING


def _load() -> ModuleType:
    """The generated module, by its file: importing it by name would import all packages around it.

    Protobuf knows one class for each message, so whoever imports it by name has the same ones.

    Raises:
        ModuleNotFoundError: pyzeebe is not installed.
    """
    package = importlib.util.find_spec("pyzeebe")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'pyzeebe'", name="pyzeebe")
    file = Path(package.submodule_search_locations[0]) / "proto" / "gateway_pb2.py"
    spec = importlib.util.spec_from_file_location("procession_zeebe_messages", file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'pyzeebe.proto.gateway_pb2'", name="pyzeebe")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from pyzeebe.proto import gateway_pb2 as pb
else:
    pb = _load()

__all__ = ["pb"]
