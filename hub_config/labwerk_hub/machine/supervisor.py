"""supervisord keeps the programs running; ``up`` brings what runs in line with what should.

The daemon is started by root in a session of its own, restarts programs that end, and is
spoken to over a socket that only root can open.
"""

from __future__ import annotations

import signal
import time
import xmlrpc.client
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import tenacity
from supervisor.xmlrpc import SupervisorTransport

from labwerk_hub.machine import processes
from labwerk_hub.machine.errors import CommandError, ProgramError
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import (
    INSTANCE_VARIABLE,
    PROGRAM_VARIABLE,
    SYSTEM_PATH,
    Program,
    log_of,
)
from labwerk_hub.machine.supervisor_config import config_text

_NOT_RUNNING = 70  # supervisor.xmlrpc.Faults.NOT_RUNNING


@dataclass(frozen=True)
class ProgramState:
    """A program as supervisord tells it; ``state`` is its word, such as RUNNING or FATAL."""

    name: str
    state: str
    pid: int
    started: int

    @property
    def is_running(self) -> bool:
        """Whether a process of it runs now."""
        return self.pid > 0


class _Remote(Protocol):
    """The part of supervisord's XML-RPC interface that is used."""

    def getAllProcessInfo(self) -> list[dict[str, str | int]]: ...  # noqa: N802
    def reloadConfig(self) -> list[list[list[str]]]: ...  # noqa: N802
    def stopProcess(self, name: str, wait: bool) -> object: ...  # noqa: N802
    def startProcessGroup(self, name: str, wait: bool) -> object: ...  # noqa: N802
    def removeProcessGroup(self, name: str) -> object: ...  # noqa: N802
    def addProcessGroup(self, name: str) -> object: ...  # noqa: N802
    def stopAllProcesses(self) -> object: ...  # noqa: N802
    def getPID(self) -> int: ...  # noqa: N802
    def shutdown(self) -> object: ...


class Supervisor:
    """supervisord of one installation."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @contextmanager
    def _remote(self) -> Iterator[_Remote]:
        """The interface over a connection of its own, closed afterwards."""
        transport = SupervisorTransport(None, None, f"unix://{self._places.supervisor_socket}")
        # The address is not used: the transport knows the socket.
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            yield cast(_Remote, server.supervisor)
        finally:
            transport.close()

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        return self._pid() is not None

    def states(self) -> list[ProgramState]:
        """All programs; none if supervisord does not run."""
        try:
            with self._remote() as remote:
                told = remote.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return []
        return [
            ProgramState(
                name=str(entry["name"]),
                state=str(entry["statename"]),
                pid=int(entry["pid"]),
                started=int(entry["start"]),
            )
            for entry in told
        ]

    def apply(self, programs: Sequence[Program], log: Log) -> frozenset[str]:
        """Let just these programs run: start supervisord, or restart what changed.

        A program that an earlier supervisord left behind is ended first. Returns the names
        of those that were started. Raises ProgramError if supervisord cannot be started.
        """
        write_whole(self._places.supervisor_config, config_text(self._places, programs), mode=0o600)
        if not self._is_of_current_environment():
            self.stop(log)
        if not self.is_running():
            self._end_leftovers(log)
            self._start(log)
            return frozenset(program.name for program in programs)
        with self._remote() as remote:
            started = self._reload(remote, log)
        for state in self.states():
            if not state.is_running:
                self._start_group(state.name)
        return started

    def _reload(self, remote: _Remote, log: Log) -> frozenset[str]:
        """Bring the groups in line with the configuration; what changed ends all at once."""
        added, changed, removed = remote.reloadConfig()[0]
        log.say(f"supervisor: new {added}, changed {changed}, gone {removed}")
        self._stop_programs(remote, [*removed, *changed])
        for name in (*removed, *changed):
            remote.removeProcessGroup(name)
        for name in (*added, *changed):
            remote.addProcessGroup(name)
        return frozenset((*added, *changed))

    def restart(self, programs: Sequence[Program], log: Log) -> None:
        """Start programs anew, each once; supervisord itself stays, and so do lasting ones."""
        fresh = self.apply(programs, log)
        others = [p.name for p in programs if p.name not in fresh and not p.lasting]
        with self._remote() as remote:
            self._stop_programs(remote, others)
        for name in others:
            self._start_group(name)

    def stop(self, log: Log) -> None:
        """End supervisord and its programs, and whatever it may have left behind."""
        pid = self._pid()
        if pid is not None:
            born = processes.birth(pid)
            with self._remote() as remote:
                remote.stopAllProcesses()  # at once; a shutdown alone ends one by one
                remote.shutdown()
            if born is not None:
                _wait_for_end(pid, born)
        self._end_leftovers(log)

    def _pid(self) -> int | None:
        try:
            with self._remote() as remote:
                return int(remote.getPID())
        except (OSError, xmlrpc.client.Error):
            return None

    def _is_of_current_environment(self) -> bool:
        """Whether the running supervisord, if any, is of the environment now in use."""
        pid = self._pid()
        if pid is None:
            return True
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        used = self._places.env.resolve() / "bin"
        return any(Path(word.decode(errors="replace")).parent == used for word in words[:2])

    def _start(self, log: Log) -> None:
        folder = self._places.env.resolve() / "bin"
        try:
            # Programs inherit what supervisord has: nothing of the shell that ran `up`.
            log.run(
                [
                    *(folder / "python", folder / "supervisord"),
                    *("--configuration", self._places.supervisor_config),
                ],
                env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"},
                bare=True,
            )
        except CommandError as error:
            raise ProgramError(
                f"supervisord does not start ({error.reason}); all output is in {error.log}."
            ) from None
        waiting = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda answers: not answers),
            wait=tenacity.wait_fixed(0.05),
            stop=tenacity.stop_after_delay(15),
            retry_error_callback=lambda _: False,
        )
        if not waiting(self.is_running):
            raise ProgramError(
                f"supervisord does not answer; see {self._places.logs / 'supervisord.log'}."
            )

    def _stop_programs(self, remote: _Remote, names: Sequence[str]) -> None:
        """Tell all of them to end, then wait until none runs; supervisord kills late ones."""
        for name in names:
            try:
                remote.stopProcess(name, False)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != _NOT_RUNNING:
                    raise
        while any(state.name in names and state.state == "STOPPING" for state in self.states()):
            time.sleep(0.05)

    def _start_group(self, name: str) -> None:
        try:
            with self._remote() as remote:
                remote.startProcessGroup(name, False)
        except xmlrpc.client.Fault as fault:
            raise ProgramError(
                f"The program {name} cannot be started ({fault.faultString}); "
                f"see {log_of(self._places, name)}."
            ) from None

    def _end_leftovers(self, log: Log) -> None:
        """End programs of ours that no supervisord looks after: a killed one leaves them."""
        for process in leftovers(self._places.instance):
            log.say(f"ending {process.name} ({process.pid}), which no supervisor looks after")
            processes.end(process.pid, process.birth, signal.SIGTERM, patience_s=10)
        self._places.supervisor_socket.unlink(missing_ok=True)


def _wait_for_end(pid: int, born: int) -> None:
    """Wait for a process's end; one that does not end is killed."""
    gone = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda there: there),
        wait=tenacity.wait_fixed(0.05),
        stop=tenacity.stop_after_delay(40),
        retry_error_callback=lambda _: True,
    )
    if gone(lambda: processes.birth(pid) == born):
        processes.end(pid, born, signal.SIGKILL, patience_s=2)


def leftovers(instance: str) -> Iterable[processes.Process]:
    """Processes of this installation's programs."""
    return [
        process
        for process in processes.all_processes()
        if process.environ.get(INSTANCE_VARIABLE) == instance
        and process.environ.get(PROGRAM_VARIABLE)
    ]


def last_lines(path: Path, count: int = 20) -> list[str]:
    """The end of a log; empty if there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 65536))
            return stream.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
