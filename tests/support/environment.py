"""The tests' private Python environment and Debian packages; standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements-dev.lock"
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: A program that the engine parts call, and the Debian packages that bring it; without
#: a font, Chromium's pictures show boxes in place of letters.
PROGRAMS = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "ip": "iproute2",
    "slirp4netns": "slirp4netns",
    "btrfs": "btrfs-progs",
    "mmdebstrap": "mmdebstrap",
    "chromium": "chromium fonts-dejavu-core",
    "git": "git",
    "cc": "gcc libc6-dev",  # for the stand-in driver
    "postgres": "postgresql",  # the tests start a server of their own
}


class CannotTestError(Exception):
    """Something the tests need is missing; one sentence says what to do."""


def cache() -> Path:
    """Where environments and the engine's images survive between runs."""
    if os.geteuid() == 0:
        return Path("/var/cache/labwerk-tests")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "labwerk-tests"


def variables() -> dict[str, str]:
    """The environment of everything the tests start.

    Package clients bring certificate lists of their own, which fail behind a proxy that
    re-signs TLS; the system's store has that proxy's CA.
    """
    result = dict(os.environ)
    path = result.get("PATH", "").split(":")
    result["PATH"] = ":".join(path + [p for p in SYSTEM_PATH.split(":") if p not in path])
    if SYSTEM_CERTIFICATES.exists():
        for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
            result.setdefault(name, str(SYSTEM_CERTIFICATES))
    # What is installed must run by itself, not by what a shell has on its path.
    result.pop("PYTHONPATH", None)
    return result


def ensure(*, with_engine: bool, quiet: bool = False) -> Path:
    """Make what is missing and return the environment's Python."""
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever runs this may have an older one)
        raise CannotTestError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    if with_engine:
        _ensure_programs(quiet)
    return _ensure_python(quiet)


def _ensure_programs(quiet: bool) -> None:
    if os.geteuid() != 0:
        raise CannotTestError("these parts start a container engine: run them as root")
    # Debian keeps PostgreSQL's programs apart, since several versions may be installed.
    servers = [str(place) for place in Path("/usr/lib/postgresql").glob("*/bin")]
    search = ":".join([variables()["PATH"], *servers])
    missing = [
        packages for name, packages in PROGRAMS.items() if not shutil.which(name, path=search)
    ]
    if missing:
        with step(f"install {' '.join(missing)}", quiet):
            _install(" ".join(missing).split())


def _install(packages: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise CannotTestError(f"install {', '.join(packages)}: only Debian is done by itself")
    environment = variables() | {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update"], environment)
    _run(["apt-get", "install", "-y", "--no-install-recommends", *packages], environment)


def _ensure_python(quiet: bool) -> Path:
    content = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = cache() / f"python-{content}"
    complete = place / ".complete"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "python.lock").open("w") as lock:
        # Two runs may want the same environment; one makes it, the other waits.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            with step(f"make the test environment in {place}", quiet):
                _make_environment(place)
            complete.touch()
            _remove_unused(keep=place)
        complete.touch()
    return place / "bin" / "python"


def _make_environment(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    _make_venv(place)
    install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
    _run([*install, *options], variables())


def _remove_unused(keep: Path) -> None:
    """Environments of other lock files that no run used for two weeks."""
    for other in cache().glob("python-*/.complete"):
        if other.parent != keep and time.time() - other.stat().st_mtime > 14 * 86400:
            shutil.rmtree(other.parent)


def _make_venv(place: Path) -> None:
    try:
        import ensurepip  # noqa: F401  (Debian's Python may come without it)
    except ImportError:
        if os.geteuid() != 0:
            raise CannotTestError(
                "Python's venv is missing: apt-get install python3-venv"
            ) from None
        _install(["python3-venv"])
    _run([sys.executable, "-m", "venv", str(place)], variables())


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise CannotTestError(f"{' '.join(command[:4])} … failed ({done.returncode}):\n{end}")


@contextmanager
def step(name: str, quiet: bool = False) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    start = time.monotonic()
    if not quiet:
        print(f"· {name} …", flush=True)
    yield
    if not quiet:
        print(f"· {name}: {time.monotonic() - start:.1f} s", flush=True)
