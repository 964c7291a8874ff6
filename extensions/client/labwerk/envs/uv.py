"""Everything that uv is asked to do, and what it says when it cannot.

uv reads its own settings (``UV_…``, uv.toml). Where these name no index of packages, those
of pip count, which a site may have set for its mirror and which uv does not read. The
certificates are the system's, unless ``SSL_CERT_FILE`` names others.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from labwerk.envs.errors import HomeFullError, InstallError
from labwerk.errors import MissingLibraryError

_INDEX_VARIABLES = (
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"),
    *("UV_FIND_LINKS", "UV_NO_INDEX"),
)
_INDEX_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
_NOT_FOR_US = ("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_VENV_SEED", "UV_VENV_CLEAR", "VIRTUAL_ENV")
"""What says which environment is meant, or how one is made, elsewhere."""

_FULL = re.compile(r"No space left on device|Disk quota exceeded")
_UNREACHABLE = re.compile(r"Failed to fetch|error sending request|network was disabled")


def make_environment(path: Path, name: str) -> None:
    """Make an empty environment on the interpreter of the image's Python.

    It may be moved afterwards: what uv installs there finds its Python beside itself.
    """
    options = ("--quiet", "--relocatable", "--no-project", "--prompt", name)
    _run(["venv", *options, "--python", sys.executable, str(path)])


def install(
    interpreter: Path,
    packages: Sequence[str],
    *,
    leave_out: Sequence[str] = (),
    alone: bool = False,
) -> None:
    """Install packages and what they need into an environment.

    Args:
        interpreter: the environment's Python.
        packages: requirements, paths or addresses.
        leave_out: names that are not installed, whoever needs them.
        alone: install nothing that they need.

    Raises:
        InstallError: with what uv says.
        HomeFullError: there is no room.
        MissingLibraryError: the image has no uv.
    """
    options = ["--python", str(interpreter), *(["--no-deps"] if alone else []), *_index()]
    with NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as names:
        if leave_out:
            names.write("".join(f"{name}\n" for name in leave_out))
            names.flush()
            options += ["--excludes", names.name]
        _run(["pip", "install", *options, "--", *packages])


def _run(arguments: Sequence[str]) -> None:
    """Run uv and pass on what it says, line by line, until it complains."""
    try:
        from uv import find_uv_bin
    except ModuleNotFoundError as error:
        raise MissingLibraryError.asked("uv") from error
    process = subprocess.Popen(
        [find_uv_bin(), "--color", "never", *arguments],
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stderr is not None
    complaint: list[str] = []
    try:
        for line in process.stderr:
            if complaint or line.startswith(("error:", "  ×")):
                complaint.append(line.rstrip())
            elif not line.startswith("Using Python"):  # in a folder that is yet to be moved
                print(line, end="", file=sys.stderr, flush=True)
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        process.stderr.close()
    if code:
        raise _error("\n".join(complaint) or f"uv: {code}")


def _environment() -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_US}
    variables.setdefault("UV_SYSTEM_CERTS", "true")
    # Python comes with the image, never from elsewhere.
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    if not _uv_names_an_index():
        pip = _pip_settings()
        for name, key in (("SSL_CERT_FILE", "cert"), ("SSL_CLIENT_CERT", "client-cert")):
            if key in pip:
                variables.setdefault(name, pip[key])
        if "proxy" in pip:
            variables.setdefault("ALL_PROXY", pip["proxy"])
    return variables


def _index() -> list[str]:
    """The options that tell uv of the indexes in pip's settings, if its own name none."""
    return [] if _uv_names_an_index() else list(_index_options(_pip_settings()))


def _index_options(pip: Mapping[str, str]) -> Iterator[str]:
    for key, option in (
        ("index-url", "--default-index"),
        ("extra-index-url", "--index"),
        ("find-links", "--find-links"),
        ("trusted-host", "--allow-insecure-host"),
    ):
        for value in pip.get(key, "").split():
            yield from (option, value)
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        yield "--no-index"


def _uv_names_an_index() -> bool:
    if any(os.environ.get(name) for name in _INDEX_VARIABLES):
        return True
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    files = (os.environ.get("UV_CONFIG_FILE"), Path(config) / "uv" / "uv.toml", "/etc/uv/uv.toml")
    return any(_names_an_index(Path(file)) for file in files if file)


def _names_an_index(file: Path) -> bool:
    try:
        settings = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):  # uv itself says what is wrong with it
        return False
    return any(key in settings or key in settings.get("pip", {}) for key in _INDEX_KEYS)


def _pip_settings() -> dict[str, str]:
    """What pip's files and variables say, as ``pip config list`` shows it."""
    listed = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
    )
    found: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later ones count more
        for key, value in re.findall(rf"(?m)^{section}\.([a-z-]+)=(.+)$", listed.stdout):
            found[key] = str(ast.literal_eval(value))
    return found


def _error(complaint: str) -> InstallError | HomeFullError:
    """The error for what uv says, with the one line of it that tells most."""
    lines = [line for line in complaint.splitlines() if line.strip()]
    causes = re.findall(r"(?:cause|Caused by|╰─▶):? *(.+(?:\n +(?!cause|Caused by).+)*)", complaint)
    first = re.sub(r"^(error:| *×) *", "", lines[0])
    if _FULL.search(complaint):
        return HomeFullError(_line(causes[-1] if causes else first))
    if "No solution found" in first and causes:
        if "network was disabled" in complaint:
            return InstallError.unreachable(_line(causes[0]))
        return InstallError.refused(_line(causes[0]))
    if _UNREACHABLE.search(complaint):
        address = re.search(r"Failed to fetch: `?([^`\n]+)", complaint)
        parts = (address[1] if address else first, causes[-1] if causes else "")
        return InstallError.unreachable(_line(": ".join(filter(None, parts))))
    return InstallError.refused(_line(": ".join([first, *causes[-1:]])))


def _line(text: str) -> str:
    """One line, without the name and password that an index's address may hold."""
    return re.sub(r"://[^/@\s]+@", "://", " ".join(text.split()).rstrip("."))
