"""The private Python environment, made with nothing but the standard library.

``<state>/env`` links to ``<state>/envs/<key>``, keyed by lock files and interpreter. A new
one is built beside the old and taken into use by moving the link, so an interruption at
any point leaves either the old environment or none.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from labwerk_hub.machine.errors import CommandError, InstallError, MachineError
from labwerk_hub.machine.files import (
    content_stamp,
    open_to_all,
    point_link,
    read_stamp,
    write_whole,
)
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.packages import can_install, install_packages
from labwerk_hub.machine.places import Places

SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_OLDEST = (3, 11)
_LOCKS = Path(__file__).parent / "locks"


def is_current(places: Places, checkout: Path) -> bool:
    """Whether the environment in use is made of just these lock files and sources."""
    target = places.env.resolve()
    return (
        target.parent == places.envs.resolve()
        and target.name == _key(checkout, _interpreter_of(target))
        and read_stamp(target / ".requirements") == "complete"
        and read_stamp(target / ".package") == package_stamp(checkout)
    )


def ensure_environment(places: Places, checkout: Path, log: Log) -> None:
    """Make the environment, or bring it up to the checkout; nothing if it is current.

    Raises :class:`MachineError` without a usable Python, :class:`InstallError` if packages
    cannot be installed.
    """
    if is_current(places, checkout):
        return
    python = choose_interpreter()
    key = _key(checkout, str(python))
    target = places.envs / key
    if read_stamp(target / ".requirements") != "complete":
        _create(places, python, target, log)
        for lock in (_LOCKS / "build.lock", checkout / "requirements.lock"):
            _pip(places, target, log, "--require-hashes", "--no-deps", "--requirement", lock)
        write_whole(target / ".interpreter", f"{python}\n")
        write_whole(target / ".requirements", "complete\n")
    if read_stamp(target / ".package") != package_stamp(checkout):
        (target / ".package").unlink(missing_ok=True)
        stamp = package_stamp(checkout)
        _pip(
            places, target, log,
            "--no-deps", "--no-build-isolation", "--force-reinstall", checkout,
        )  # fmt: skip
        write_whole(target / ".package", f"{stamp}\n")
    point_link(places.env, Path("envs") / key)


def remove_old_environments(places: Places) -> None:
    """Remove environments that are no longer in use; their programs were restarted."""
    current = places.env.resolve()
    for folder in places.envs.iterdir():
        if folder.resolve() != current:
            shutil.rmtree(folder, ignore_errors=True)


def package_stamp(checkout: Path) -> str:
    """A hash of the package's sources."""
    return content_stamp([checkout / "pyproject.toml", checkout / "hub_config" / "labwerk_hub"])


def choose_interpreter() -> Path:
    """A Python from 3.11 on that other users of the machine can run.

    The one running now may live in root's home (pyenv), where the system user cannot read
    it; then the system's. Raises :class:`MachineError` if there is none.
    """
    running = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    newest_first = [Path(f"/usr/bin/python3.{minor}") for minor in range(15, 10, -1)]
    for candidate in [
        running,
        Path("/usr/bin/python3"),
        *newest_first,
        Path("/usr/local/bin/python3"),
    ]:
        if _for_everyone(candidate) and (found := _usable(candidate)):
            return found
    raise MachineError(
        f"No Python from 3.11 on that every user of this machine can run: {running} is in a "
        "folder closed to others, and there is none in /usr/bin; run `apt-get install python3`."
    )


def _for_everyone(path: Path) -> bool:
    try:
        return open_to_all(path)
    except OSError:
        return False


def _usable(python: Path) -> Path | None:
    """The interpreter itself if it is new enough and its library is open to all."""
    ask = "import os, sys; print(*sys.version_info[:2], os.__file__)"
    done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    major, minor, library = done.stdout.strip().split(" ", 2)
    if (int(major), int(minor)) < _OLDEST or not _for_everyone(Path(library).parent):
        return None
    return Path(os.path.realpath(python))


def _key(checkout: Path, python: str) -> str:
    return content_stamp([checkout / "requirements.lock", _LOCKS / "build.lock"], python)[:16]


def _interpreter_of(target: Path) -> str:
    return read_stamp(target / ".interpreter")


def _create(places: Places, python: Path, target: Path, log: Log) -> None:
    probe = subprocess.run(
        [python, "-I", "-c", "import ensurepip"], capture_output=True, check=False
    )
    if probe.returncode != 0:
        _install_venv(places, python, log)
    places.envs.mkdir(mode=0o755, exist_ok=True)
    log.run([python, "-m", "venv", "--clear", target])


def needs_venv_package() -> bool:
    """Whether the interpreter lacks what ``python -m venv`` needs (Debian splits it off)."""
    command = [str(choose_interpreter()), "-I", "-c", "import ensurepip"]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def _install_venv(places: Places, python: Path, log: Log) -> None:
    if not can_install() or not str(python).startswith("/usr/bin/"):
        raise InstallError(
            f"{python} lacks the module ensurepip; run `apt-get install python3-venv` as root "
            "(or your distribution's like), then `up` again."
        )
    install_packages(places, log, "python3-venv")


def _pip(places: Places, target: Path, log: Log, *arguments: str | Path) -> None:
    python = target / "bin" / "python"
    environment = {
        "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR", str(places.cache / "pip")),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        **certificate_environment(python),
    }
    try:
        log.run([python, "-m", "pip", "install", *arguments], env=environment, cwd=places.state)
    except CommandError as error:
        raise InstallError(
            f"Python packages could not be installed ({error.reason}); is the package index in "
            f"reach, and is there room on the disk? All output is in {error.log}."
        ) from None


def pip_install_folder(places: Places, lock: Path, folder: Path, log: Log) -> None:
    """Install a lock file's packages into a folder of their own."""
    _pip(
        places, places.env, log,
        "--require-hashes", "--no-deps", "--target", folder, "--requirement", lock,
    )  # fmt: skip


def certificate_environment(python: Path) -> dict[str, str]:
    """The system's CA bundle for pip, unless the administrator configured one.

    A mirror or proxy may re-sign TLS with a CA that only the system's store knows.
    """
    named = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    if not SYSTEM_CA.is_file() or any(os.environ.get(name) for name in named):
        return {}
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    if _configured(listed.stdout.splitlines(), "cert"):
        return {}
    return {"PIP_CERT": str(SYSTEM_CA)}


def tool_environment(python: Path) -> dict[str, str]:
    """How uv and pip-audit reach what pip reaches: they do not read pip's settings.

    Index, folders of wheels and certificates of pip's configuration, in these tools' own
    variables; what an administrator set for the tools themselves counts more.
    """
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    told = dict(re.findall(r"(?m)^\S+?\.([a-z-]+)='(.*)'$", listed.stdout))
    certificates = told.get("cert") or (str(SYSTEM_CA) if SYSTEM_CA.is_file() else "")
    wanted = {
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": told.get("index-url", ""),
        "UV_INDEX": told.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(told.get("find-links", "").split()),
        # As pip chooses: the newest of all indexes.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "REQUESTS_CA_BUNDLE": certificates,
    }
    return {name: value for name, value in wanted.items() if value and name not in os.environ}


def _configured(lines: Iterable[str], key: str) -> bool:
    return any(line.split("=", 1)[0].rpartition(".")[2] == key for line in lines)
