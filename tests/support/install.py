"""An install as an operator makes it: the real commands, on the tests' engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.environment import REPOSITORY, cache, variables
from support.person import Person
from support.waiting import eventually

#: The interpreter that an operator has: the one the test environment was made from.
PYTHON = Path(sys.base_prefix) / "bin" / "python3"
#: What a new run keeps of an earlier one's state: packages, which take minutes to fetch.
_KEPT = {"env", "envs", "node", "cache"}


@dataclass(frozen=True)
class Install:
    """A Labwerk installation with its own settings file and state folder."""

    settings: Path
    state: Path
    url: str

    def command(self, *arguments: str, seconds: float = 1800) -> subprocess.CompletedProcess[str]:
        """``python3 hub_config ARGUMENTS --settings FILE``; never raises for its exit code."""
        return subprocess.run(
            [PYTHON, "hub_config", *arguments, "--settings", str(self.settings)],
            cwd=REPOSITORY,
            env=variables(),
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )

    def run(self, *arguments: str) -> str:
        """As :meth:`command`; what it printed, AssertionError unless it exits 0."""
        done = self.command(*arguments)
        assert done.returncode == 0, (
            f"`hub_config {' '.join(arguments)}` exits {done.returncode}:\n"
            f"{done.stdout}{done.stderr}\n{self.log_ends()}"
        )
        return done.stdout

    def status(self) -> dict[str, Any]:
        """``status --json``."""
        return dict(json.loads(self.run("status", "--json")))

    def person(self, login: str) -> Person:
        """Somebody at a browser of their own, not yet signed in."""
        return Person(self.url, login)

    # ------------------------------------------------------------- its processes

    def pid_of(self, program: str) -> int | None:
        """The process that the supervisor runs under this name, from the kernel's table."""
        wanted = f"SUPERVISOR_PROCESS_NAME={program}".encode()
        supervisor = f"unix://{self.state}/run/supervisor.sock".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                variables_of = (entry / "environ").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                named = b"supervisord" in Path(f"/proc/{parent}/cmdline").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            ours = b"SUPERVISOR_SERVER_URL=" + supervisor in variables_of
            if wanted in variables_of and ours and named:
                return int(entry.name)
        return None

    def kill(self, program: str) -> None:
        """kill -9 one program, and wait until the supervisor's next one answers."""
        killed = self.pid_of(program)
        assert killed, f"{program} does not run"
        os.kill(killed, signal.SIGKILL)

        def replaced() -> bool:
            return self.pid_of(program) not in {None, killed}

        eventually(replaced, 60, f"{program}'s restart")
        eventually(self.hub_answers, 60, "the hub's answer")

    @contextmanager
    def without(self, program: str) -> Iterator[None]:
        """One program stopped, as the supervisor's own command does, and started at the end."""
        self._supervise("stop", program)
        try:
            yield
        finally:
            self._supervise("start", program)
            eventually(self.hub_answers, 60, "the hub's answer")

    def _supervise(self, verb: str, program: str) -> None:
        control, socket = self.state / "env/bin/supervisorctl", self.state / "run/supervisor.sock"
        subprocess.run([control, "-s", f"unix://{socket}", verb, program], check=True)

    def hub_answers(self) -> bool:
        """Whether the hub answers through the proxy."""
        try:
            return httpx.get(f"{self.url}/hub/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def log_ends(self, lines: int = 25) -> str:
        """The ends of all logs, for a failure's report."""
        parts = []
        for log in sorted((self.state / "logs").glob("*.log")):
            end = log.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"----- {log.name}\n" + "\n".join(end))
        return "\n".join(parts)


@contextmanager
def installed(folder: Path, settings: str, state: Path, url: str) -> Iterator[Install]:
    """An install that is up until the end; its settings file lies in ``folder``."""
    file = folder / "labwerk.toml"
    file.write_text(settings, encoding="utf-8")
    install = Install(file, state, url)
    install.run("up", "--detach")
    try:
        yield install
    finally:
        install.run("down", "--yes")


@contextmanager
def in_place_of(install: Install, settings: str) -> Iterator[Install]:
    """Another install at the same place, with nothing of what the first one has but packages.

    The first one is taken down, and comes up again at the end as it was.
    """
    before = install.settings.read_text(encoding="utf-8")
    aside = install.state.with_name(f"{install.state.name}-aside")
    install.run("down", "--yes")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    _move_all_but_packages(install.state, aside)
    try:
        install.settings.write_text(settings, encoding="utf-8")
        install.run("up", "--detach")
        yield install
    finally:
        install.run("down", "--yes")
        fresh_state(install.state.name)
        _move_all_but_packages(aside, install.state)
        aside.rmdir()
        install.settings.write_text(before, encoding="utf-8")
        install.run("up", "--detach")


def _move_all_but_packages(source: Path, target: Path) -> None:
    for entry in source.iterdir():
        if entry.name not in _KEPT:
            entry.rename(target / entry.name)


def fresh_state(name: str) -> Path:
    """An empty state folder whose packages, if an earlier run fetched them, are kept."""
    state = cache() / name
    _unmount_below(state)
    if state.exists():
        for entry in state.iterdir():
            if entry.name in _KEPT:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    return state


def _unmount_below(folder: Path) -> None:
    """Undo the mounts of a run that was killed; the innermost come first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in reversed(points):
        if Path(point).is_relative_to(folder):
            subprocess.run(["umount", point], check=True)
