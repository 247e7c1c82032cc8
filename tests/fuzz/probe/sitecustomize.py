"""Tells what a Python process really holds, which its resident pages do not: they keep what was freed.

Python imports this when it starts, if its folder is in PYTHONPATH; it answers on the Unix socket
MEMORY_PROBE.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import socket
import sys
import threading
from xml.etree import ElementTree


def _serve(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        while True:
            asking, _ = listening.accept()
            with asking:
                asking.sendall(json.dumps(_held()).encode())


def _held() -> dict[str, int]:
    """Python's own blocks, which are of at most 512 bytes; and bytes of the C heap (glibc's malloc)."""
    gc.collect()
    return {"blocks": sys.getallocatedblocks(), "heap": _heap_bytes()}


def _heap_bytes() -> int:
    libc = ctypes.CDLL(None)
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    told = ElementTree.fromstring(text.value or b"")
    libc.free(text)
    free = sum(int(told.find(f"total[@type='{kind}']").attrib["size"]) for kind in ("fast", "rest"))
    mapped = int(told.find("total[@type='mmap']").attrib["size"])
    return int(told.find("system[@type='current']").attrib["size"]) - free + mapped


if path := os.environ.get("MEMORY_PROBE"):
    threading.Thread(target=_serve, args=(path,), daemon=True).start()
