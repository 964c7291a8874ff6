"""The Docker engine: the one that answers, or one that ``up`` installs and starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import docker
import tenacity
from docker.errors import DockerException

from labwerk_hub.domain.container import LABEL_INSTANCE
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine import processes
from labwerk_hub.machine.errors import CommandError
from labwerk_hub.machine.files import write_whole
from labwerk_hub.machine.log import Log, telling_line
from labwerk_hub.machine.packages import can_install, install_packages
from labwerk_hub.machine.places import Places

DEFAULT_SOCKET = Path("/var/run/docker.sock")
_PATIENCE_S = 60


@dataclass(frozen=True)
class Daemon:
    """How a daemon of our own is started; the defaults are those of Debian's package."""

    socket: Path = DEFAULT_SOCKET
    arguments: tuple[str, ...] = ("--live-restore",)


@dataclass(frozen=True)
class StartedEngine:
    """The engine that ``up`` started: by systemd, or as process ``pid`` born at ``birth``."""

    host: str
    service: bool
    pid: int = 0
    birth: int = 0


@dataclass(frozen=True)
class EngineFacts:
    """What an answering engine says of itself."""

    host: str
    version: str
    root: Path
    live_restore: bool
    running: Mapping[str, str] = field(default_factory=dict)


def engine_host(environ: Mapping[str, str]) -> str:
    """Where the engine is: ``DOCKER_HOST``, or the usual socket.

    Raises EngineUnreachableError for one on another machine: Labwerk's mounts, bridge and
    firewall rules are made on this one.
    """
    host = environ.get("DOCKER_HOST") or f"unix://{DEFAULT_SOCKET}"
    if not host.startswith("unix://"):
        raise EngineUnreachableError(
            f"DOCKER_HOST = {host!r} leads to another machine or a network port; Labwerk needs "
            "the engine's own socket here, such as unix:///var/run/docker.sock, or no DOCKER_HOST."
        )
    return host


def socket_of(host: str) -> Path:
    """The path of an engine's Unix socket."""
    return Path(host.removeprefix("unix://"))


def connect(host: str, *, timeout_s: int = 60) -> docker.DockerClient:
    """A client of the engine. Raises EngineUnreachableError if nothing answers there."""
    try:
        return docker.DockerClient(base_url=host, version="auto", timeout=timeout_s)
    except DockerException:
        raise EngineUnreachableError(
            f"The container engine at {host} does not answer; start it, or let `up` do it."
        ) from None


def facts(host: str, *, timeout_s: int = 10) -> EngineFacts:
    """Ask the engine about itself; ``running`` is container name → instance label.

    Raises EngineUnreachableError if it does not answer.
    """
    client = connect(host, timeout_s=timeout_s)
    try:
        info = client.info()
        running = {
            container["Names"][0].lstrip("/"): (container["Labels"] or {}).get(LABEL_INSTANCE, "")
            for container in client.api.containers()
        }
    except (DockerException, OSError):
        raise EngineUnreachableError(
            f"The container engine at {host} stopped answering; see its own log."
        ) from None
    finally:
        client.close()
    return EngineFacts(
        host=host,
        version=str(info["ServerVersion"]),
        root=Path(info["DockerRootDir"]),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        running=running,
    )


def ensure_engine(
    places: Places, log: Log, environ: Mapping[str, str], daemon: Daemon | None = None
) -> EngineFacts:
    """An engine that answers: the one there is, else one installed and started.

    Never replaces an engine that ``DOCKER_HOST`` names. Raises EngineUnreachableError with
    what to run where nothing can be done.
    """
    daemon = daemon or Daemon()
    host = f"unix://{daemon.socket}" if "DOCKER_HOST" not in environ else engine_host(environ)
    try:
        return facts(host)
    except EngineUnreachableError:
        if environ.get("DOCKER_HOST"):
            raise EngineUnreachableError(
                f"The container engine at DOCKER_HOST = {host!r} does not answer; start it, "
                "or unset DOCKER_HOST to let `up` start one."
            ) from None
    if shutil.which("dockerd") is None:
        if not can_install():
            raise EngineUnreachableError(
                "There is no Docker engine here; run `apt-get install docker.io iptables` "
                "as root (or your distribution's like), then `up` again."
            )
        install_packages(places, log, "docker.io", "iptables")
    if not _answers_within(host, 3):
        _start(places, log, host, daemon)
    return facts(host)


def _start(places: Places, log: Log, host: str, daemon: Daemon) -> None:
    if Path("/run/systemd/system").is_dir() and daemon == Daemon():
        try:
            log.run(["systemctl", "start", "docker"])
        except CommandError as error:
            raise EngineUnreachableError(
                f"systemd could not start Docker ({error.reason}); see `journalctl -u docker`."
            ) from None
        _remember(places, StartedEngine(host, service=True))
        _answers_within(host, _PATIENCE_S)
        return
    engine_log = places.logs / "dockerd.log"
    command = ["dockerd", "--host", host, *daemon.arguments]
    log.say("$ " + " ".join(command))
    with engine_log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd="/",
        )
    _remember(places, StartedEngine(host, False, process.pid, processes.birth(process.pid) or 0))
    deadline = time.monotonic() + _PATIENCE_S
    while not _answers_within(host, 1):
        if process.poll() is not None or time.monotonic() > deadline:
            reason = telling_line(engine_log.read_text(errors="replace").splitlines()[-20:])
            raise EngineUnreachableError(
                f"dockerd does not start ({reason}); its whole log is {engine_log}."
            )


def _answers_within(host: str, seconds: float) -> bool:
    """Whether the engine answers within a time; asked four times a second."""

    def ask() -> bool:
        client = docker.APIClient(base_url=host, timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((DockerException, OSError)),
        wait=tenacity.wait_fixed(0.25),
        stop=tenacity.stop_after_delay(seconds),
    )
    try:
        return retrying(ask)
    except tenacity.RetryError:
        return False


def _remember(places: Places, started: StartedEngine) -> None:
    write_whole(places.engine_record, json.dumps(asdict(started)) + "\n")


def started_engine(places: Places) -> StartedEngine | None:
    """The engine that ``up`` started and that still is the same process."""
    try:
        raw = json.loads(places.engine_record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    started = StartedEngine(
        str(raw["host"]), bool(raw["service"]), int(raw["pid"]), int(raw["birth"])
    )
    if not started.service and processes.birth(started.pid) != started.birth:
        return None
    return started


def stop_started_engine(places: Places, log: Log) -> str:
    """Stop the engine if ``up`` started it and nothing foreign runs on it; what was done."""
    started = started_engine(places)
    if started is None:
        places.engine_record.unlink(missing_ok=True)
        return ""
    try:
        others = [
            name for name, owner in facts(started.host).running.items() if owner != places.instance
        ]
    except EngineUnreachableError:
        others = []
    if others:
        return f"The Docker engine keeps running: {', '.join(others[:3])} on it is not Labwerk's."
    if started.service:
        log.run(["systemctl", "stop", "docker.service", "docker.socket"])
    else:
        processes.end(started.pid, started.birth, signal.SIGTERM, patience_s=30)
    places.engine_record.unlink(missing_ok=True)
    return "The Docker engine that `up` had started is stopped."


def environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What Labwerk's processes need to find the same engine."""
    environ = os.environ if environ is None else environ
    return {"DOCKER_HOST": environ["DOCKER_HOST"]} if environ.get("DOCKER_HOST") else {}
