"""Where environments are in the home, what they are called, and one change at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from labwerk.envs.errors import EnvironmentRefusedError, HomeFullError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RESERVED = "python3"
"""The kernel of the image itself."""


def folder() -> Path:
    """The folder of all environments of this person."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "labwerk" / "envs"


@dataclass(frozen=True)
class Environment:
    """One environment, as its files say; ``python`` is None if they are damaged."""

    path: Path
    python: tuple[int, int] | None

    @classmethod
    def at(cls, path: Path) -> Environment:
        """The environment in a folder."""
        try:
            settings = (path / "pyvenv.cfg").read_text("utf-8")
        except OSError:
            settings = ""
        found = re.search(r"(?m)^version(?:_info)? *= *(\d+)\.(\d+)", settings)
        return cls(path, (int(found[1]), int(found[2])) if found else None)

    @property
    def name(self) -> str:
        """Its name, which is its kernel's name, too."""
        return self.path.name

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return self.path / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The folder of its own packages."""
        major, minor = self.python or (3, 0)
        return self.path / "lib" / f"python{major}.{minor}" / "site-packages"


def everything() -> list[Environment]:
    """All environments by name."""
    try:
        paths = sorted(folder().iterdir())
    except FileNotFoundError:
        return []
    return [Environment.at(path) for path in paths if _NAME.fullmatch(path.name)]


def find(name: str) -> Environment:
    """The environment of that name.

    Raises:
        EnvironmentRefusedError: there is none.
    """
    known = everything()
    for environment in known:
        if environment.name == name:
            return environment
    check_name(name)
    raise EnvironmentRefusedError.unknown(name, [one.name for one in known])


def check_name(name: str) -> None:
    """Refuse a name that cannot be an environment's.

    Raises:
        EnvironmentRefusedError: with the rule.
    """
    if not _NAME.fullmatch(name) or name == _RESERVED:
        raise EnvironmentRefusedError.name(name)


@contextmanager
def one_at_a_time(waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of the home's environments; ``waiting`` is called if others have it.

    Whoever holds it may remove what a killed command left behind, and is ended by a closed
    terminal or a stopped session as by Ctrl-C, so that it cleans up after itself.

    Raises:
        EnvironmentRefusedError: the folder cannot be written.
        HomeFullError: there is no room for it.
    """
    previous = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        with _sentences():
            folder().mkdir(parents=True, exist_ok=True)
            with (folder() / ".lock").open("w") as lock:
                _take(lock, waiting)
                for left in folder().glob(".draft-*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def draft(name: str) -> Iterator[Path]:
    """A folder beside the environments that becomes one at the end, or nothing.

    The folder's last part is ``name``: what is made in it may go by it.
    """
    around = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder()))
    try:
        yield around / name
        (around / name).rename(folder() / name)
    finally:
        shutil.rmtree(around, ignore_errors=True)


def discard(environment: Environment) -> None:
    """Remove an environment's files; interrupted, the rest goes with the next command."""
    around = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder()))
    environment.path.rename(around / environment.name)
    shutil.rmtree(around)


def _take(lock: IO[str], waiting: Callable[[], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:  # some network file systems have no locks; then nobody waits
        return


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what the file system refuses into an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HomeFullError(error.strerror or str(error)) from error
        place = error.filename or str(folder())
        raise EnvironmentRefusedError.unwritable(place, error.strerror or str(error)) from error
