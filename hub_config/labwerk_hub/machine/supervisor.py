"""supervisord keeps the programs running; ``up`` brings what runs in line with what should.

The daemon is started by root in a session of its own, restarts programs that end, and is
spoken to over a socket that only root can open.
"""

from __future__ import annotations

import signal
import xmlrpc.client
from collections.abc import Iterable, Sequence
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
from labwerk_hub.machine.programs import INSTANCE_VARIABLE, PROGRAM_VARIABLE, Program, log_of

_NO_SUCH_PROCESS = 70  # supervisor.xmlrpc.Faults.NOT_RUNNING
_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class ProgramState:
    """A program as supervisord tells it; ``state`` is its word, such as RUNNING or FATAL."""

    name: str
    state: str
    pid: int
    started: int
    description: str

    @property
    def is_running(self) -> bool:
        """Whether a process of it runs now."""
        return self.pid > 0


class _Supervisor(Protocol):
    """The part of supervisord's XML-RPC interface that is used."""

    def getAllProcessInfo(self) -> list[dict[str, str | int]]: ...  # noqa: N802
    def reloadConfig(self) -> list[list[list[str]]]: ...  # noqa: N802
    def stopProcessGroup(self, name: str) -> object: ...  # noqa: N802
    def signalProcessGroup(self, name: str, signal: str) -> object: ...  # noqa: N802
    def startProcessGroup(self, name: str, wait: bool) -> object: ...  # noqa: N802
    def removeProcessGroup(self, name: str) -> object: ...  # noqa: N802
    def addProcessGroup(self, name: str) -> object: ...  # noqa: N802
    def stopAllProcesses(self) -> object: ...  # noqa: N802
    def startAllProcesses(self, wait: bool) -> object: ...  # noqa: N802
    def getPID(self) -> int: ...  # noqa: N802
    def shutdown(self) -> object: ...


def config_text(places: Places, programs: Sequence[Program]) -> str:
    """supervisord's configuration for these programs."""
    sections = [
        _section(
            "supervisord",
            {
                "logfile": str(places.logs / "supervisord.log"),
                "logfile_maxbytes": str(_LOG_BYTES),
                "logfile_backups": "2",
                "pidfile": str(places.run / "supervisord.pid"),
                "childlogdir": str(places.logs),
                "directory": str(places.state),
                "user": "root",
                "minfds": "16384",
                "umask": "022",
                "environment": f'{INSTANCE_VARIABLE}="{places.instance}"',
            },
        ),
        _section("unix_http_server", {"file": str(places.supervisor_socket), "chmod": "0600"}),
        _section(
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
    ]
    sections += [
        _program_section(places, program, priority) for priority, program in enumerate(programs, 1)
    ]
    return "\n".join(sections)


def _program_section(places: Places, program: Program, priority: int) -> str:
    environment = ",".join(f'{key}="{value}"' for key, value in sorted(program.environment.items()))
    values = {
        "command": " ".join(program.command),
        "directory": str(places.state),
        "environment": environment,
        "priority": str(priority),
        "autostart": "true",
        "autorestart": "true",
        "startsecs": "2",
        # The engine or the provider may be away for a while: go on trying, ever slower.
        "startretries": "1000",
        "stopwaitsecs": str(program.stop_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(log_of(places, program.name)),
        "stdout_logfile_maxbytes": str(_LOG_BYTES),
        "stdout_logfile_backups": "3",
    }
    if program.user:
        values["user"] = program.user
    return _section(f"program:{program.name}", values)


def _section(name: str, values: dict[str, str]) -> str:
    # supervisord expands %(…)s in values.
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])


class Supervisor:
    """supervisord of one installation."""

    def __init__(self, places: Places) -> None:
        self._places = places

    @property
    def _remote(self) -> _Supervisor:
        transport = SupervisorTransport(None, None, f"unix://{self._places.supervisor_socket}")
        # The address is not used: the transport knows the socket.
        server = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        return cast(_Supervisor, server.supervisor)

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            return bool(self._remote.getPID())
        except (OSError, xmlrpc.client.Error):
            return False

    def states(self) -> list[ProgramState]:
        """All programs; none if supervisord does not run."""
        try:
            told = self._remote.getAllProcessInfo()
        except (OSError, xmlrpc.client.Error):
            return []
        return [
            ProgramState(
                name=str(entry["name"]),
                state=str(entry["statename"]),
                pid=int(entry["pid"]),
                started=int(entry["start"]),
                description=str(entry["spawnerr"] or entry["description"]),
            )
            for entry in told
        ]

    def apply(self, programs: Sequence[Program], log: Log) -> None:
        """Let just these programs run: start supervisord, or restart what changed.

        A program that an earlier supervisord left behind is ended first. Raises
        ProgramError if supervisord cannot be started.
        """
        write_whole(self._places.supervisor_config, config_text(self._places, programs), mode=0o600)
        if not self._supports_environment():
            self.stop(log)
        if not self.is_running():
            self._end_leftovers(log)
            self._start(log)
            return
        added, changed, removed = self._remote.reloadConfig()[0]
        log.say(f"supervisor: new {added}, changed {changed}, gone {removed}")
        for name in (*removed, *changed):
            self._remote.signalProcessGroup(name, "TERM")
        for name in (*removed, *changed):
            self._stop_group(name)
            self._remote.removeProcessGroup(name)
        for name in (*added, *changed):
            self._remote.addProcessGroup(name)
        for state in self.states():
            if not state.is_running:
                self._start_group(state.name)

    def restart_programs(self) -> None:
        """Stop all programs and start them again; supervisord itself stays."""
        self._remote.stopAllProcesses()
        self._remote.startAllProcesses(False)

    def stop(self, log: Log) -> None:
        """End supervisord and its programs, and whatever it may have left behind."""
        pid = self._pid()
        if pid is not None:
            born = processes.birth(pid)
            self._remote.stopAllProcesses()  # at once; a shutdown alone ends one by one
            self._remote.shutdown()
            if born is not None:
                self._wait_for_end(pid, born)
        self._end_leftovers(log)

    def _pid(self) -> int | None:
        try:
            return int(self._remote.getPID())
        except (OSError, xmlrpc.client.Error):
            return None

    def _wait_for_end(self, pid: int, born: int) -> None:
        gone = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda there: there),
            wait=tenacity.wait_fixed(0.05),
            stop=tenacity.stop_after_delay(40),
            retry_error_callback=lambda _: True,
        )
        if gone(lambda: processes.birth(pid) == born):
            processes.end(pid, born, signal.SIGKILL, patience_s=2)

    def _supports_environment(self) -> bool:
        """Whether the running supervisord, if any, is of the environment now in use."""
        pid = self._pid()
        if pid is None:
            return True
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        used = self._places.env.resolve() / "bin"
        return any(Path(word.decode(errors="replace")).parent == used for word in words[:2])

    def _start(self, log: Log) -> None:
        command = self._places.env.resolve() / "bin" / "supervisord"
        python = self._places.env.resolve() / "bin" / "python"
        try:
            log.run([python, command, "--configuration", self._places.supervisor_config])
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

    def _stop_group(self, name: str) -> None:
        try:
            self._remote.stopProcessGroup(name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _NO_SUCH_PROCESS:
                raise

    def _start_group(self, name: str) -> None:
        try:
            self._remote.startProcessGroup(name, False)
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
