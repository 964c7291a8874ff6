"""A network and a container engine of the tests' own; standard library only.

A second engine in the host's network would flush the first one's firewall chains when it
starts, and leave its own behind when it ends. So the tests have a network namespace: its
loopback, bridges, firewall and ports are nobody else's and go away with it. slirp4netns
carries connections to the package mirrors out of it, without a change to the host. The
engine keeps its images under the cache folder, so a second run need not build them again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support import engine_api, environment

RUN = Path("/run/labwerk-tests")
_SUPPORT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sandbox:
    """The opened sandbox: commands run inside it see only its network and its engine."""

    network: Path
    socket: Path
    engine_pid: int
    #: What was found running when the sandbox closed; filled then.
    left_behind: list[str] = field(default_factory=list)

    def variables(self) -> dict[str, str]:
        """The environment of what runs inside."""
        return environment.variables() | {
            "DOCKER_HOST": f"unix://{self.socket}",
            "LABWERK_TESTS_ENGINE_PID": str(self.engine_pid),
            "LABWERK_TESTS_REFEREE": str(RUN / "referee"),
        }

    def run(self, command: Sequence[str], cwd: Path) -> int:
        """Run ``command`` inside; its exit code."""
        inside = ["nsenter", f"--net={self.network}", "--", *command]
        with subprocess.Popen(inside, cwd=cwd, env=self.variables()) as process:
            # An interrupt from the terminal reaches the command by itself; a termination
            # does not, and the command must have its chance to clean up.
            signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
            try:
                return process.wait()
            except KeyboardInterrupt:
                return process.wait()


@contextmanager
def opened(*, quiet: bool = False) -> Iterator[Sandbox]:
    """Open the sandbox; only one exists on a machine at a time, others wait.

    Two would share an engine's images and the state folders of the tests' installs.
    """
    RUN.mkdir(mode=0o711, parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _interrupted)
    with ExitStack() as stack:
        stack.enter_context(_alone(quiet))
        network = RUN / "network"
        _end_leftovers(network)
        left = stack.enter_context(_network(network))
        with environment.step("start the tests' engine", quiet):
            box = stack.enter_context(_engine(network))
        yield box
        stack.pop_all().close()
        box.left_behind.extend(left)


def _interrupted(*_: object) -> None:
    # Unwinds like an interrupt, or the engine would stay behind.
    raise KeyboardInterrupt


@contextmanager
def _alone(quiet: bool) -> Iterator[None]:
    with (RUN / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with environment.step("wait for another run of the tests to end", quiet):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _network(network: Path) -> Iterator[list[str]]:
    left: list[str] = []
    network.touch()
    subprocess.run(["unshare", f"--net={network}", "true"], check=True)
    try:
        subprocess.run(["nsenter", f"--net={network}", "ip", "link", "set", "lo", "up"], check=True)
        with _way_out(network):
            yield left
    finally:
        # The engine has ended: whatever still runs in here was not ended by its maker.
        left.extend(_end(pid) for pid in _processes_in(network))
        subprocess.run(["umount", str(network)], check=True)
        network.unlink()


@contextmanager
def _way_out(network: Path) -> Iterator[None]:
    ready, signalled = os.pipe()
    command = ["slirp4netns", "--netns-type=path", "--configure", "--mtu=65520"]
    command += ["--disable-host-loopback", f"--ready-fd={signalled}", str(network), "tap0"]
    with (RUN / "slirp4netns.log").open("w") as log:
        process = subprocess.Popen(
            command, pass_fds=[signalled], stdout=log, stderr=log, start_new_session=True
        )
    (RUN / "slirp4netns.pid").write_text(str(process.pid))
    os.close(signalled)
    try:
        if os.read(ready, 1) != b"1":
            raise environment.CannotTestError(
                f"slirp4netns did not start, see {RUN}/slirp4netns.log"
            )
        yield
    finally:
        os.close(ready)
        process.terminate()
        process.wait()


@contextmanager
def _engine(network: Path) -> Iterator[Sandbox]:
    data, socket = environment.cache() / "engine", RUN / "docker.sock"
    shutil.rmtree(RUN / "referee", ignore_errors=True)  # another run's verdicts
    (RUN / "referee").mkdir()
    command = [
        *("nsenter", f"--net={network}", "--", "dockerd", "--live-restore"),
        *(f"--data-root={data}", f"--exec-root={RUN}/exec", f"--pidfile={RUN}/docker.pid"),
        # Namespaces of our own, where a system-wide containerd is shared with another engine.
        *("--containerd-namespace=labwerk-tests", "--containerd-plugins-namespace=labwerk-tests-p"),
        f"--host=unix://{socket}",
    ]
    variables = environment.variables() | {"LABWERK_TESTS_REFEREE": str(RUN / "referee")}
    # dockerd offers the driver `nvidia` when it finds this name on its PATH as it starts.
    python = Path(sys.executable).parent
    variables["PATH"] = f"{_SUPPORT}:{python}:{variables['PATH']}"
    log_file = RUN / "dockerd.log"
    with log_file.open("w") as log:
        # Ctrl-C is for the tests, which clean up with the engine's help.
        process = subprocess.Popen(
            command, env=variables, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for_engine(socket, process, log_file)
        engine_api.empty(socket)
        box = Sandbox(network, socket, process.pid)
        yield box
        box.left_behind.extend(engine_api.empty(socket))
    finally:
        # live-restore would keep containers; a test may have left the engine frozen.
        process.send_signal(signal.SIGCONT)
        if engine_api.answers(socket):
            engine_api.empty(socket)
        process.terminate()
        process.wait(timeout=60)
        # With live-restore the engine leaves its data mounted onto itself.
        subprocess.run(["umount", "--quiet", str(data)], check=False)


def _wait_for_engine(socket: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while not engine_api.answers(socket):
        if process.poll() is not None or time.monotonic() > deadline:
            raise environment.CannotTestError(f"the tests' engine did not start, see {log}")
        time.sleep(0.1)


def _end_leftovers(network: Path) -> None:
    """End what a run that was killed has left: only processes of our own namespace and files."""
    for pid in _processes_in(network):
        _end(pid)
    for name, program in (("slirp4netns.pid", "slirp4netns"), ("docker.pid", "dockerd")):
        pid = _recorded(RUN / name)
        if pid and _command_of(pid).startswith(program):
            _end(pid)
    if network.exists():
        subprocess.run(["umount", "--quiet", str(network)], check=False)
    (RUN / "docker.pid").unlink(missing_ok=True)


def _processes_in(network: Path) -> list[int]:
    if not network.exists():
        return []
    namespace = network.stat()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "ns" / "net").stat()
        except OSError:  # it has ended meanwhile
            continue
        if (status.st_ino, status.st_dev) == (namespace.st_ino, namespace.st_dev):
            found.append(int(entry.name))
    return found


def _end(pid: int) -> str:
    name = f"{_command_of(pid)} ({pid})"
    for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            break
        if number is signal.SIGTERM:
            _wait_gone(pid, seconds=10)
    return name


def _wait_gone(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def _command_of(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
    program, _, rest = command.strip().partition(" ")
    return f"{Path(program).name} {rest}"[:120].strip()


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _recorded(file: Path) -> int:
    try:
        return int(json.loads(file.read_text()))
    except (OSError, ValueError):
        return 0
