"""The wheels that go into an image, fetched and built on this machine.

A package client in a container would not know the certificates of a proxy that re-signs
TLS, so everything is fetched here, where pip, npm and apt are set up for the site.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labwerk_hub.machine.environment import certificate_environment
from labwerk_hub.machine.errors import CommandError, InstallError
from labwerk_hub.machine.files import content_stamp, read_stamp, replace_folder, write_whole
from labwerk_hub.machine.images.locks import Pin
from labwerk_hub.machine.images.sources import copy_sources, sources_stamp
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.node import ensure_node, npm_environment
from labwerk_hub.machine.places import Places

#: The Python of Debian 12, which images are made of, and the newest C library it can use.
PYTHON = "3.11"
_GLIBC_MINOR = 36


@dataclass(frozen=True)
class OwnPackage:
    """A distribution of this repository that images hold."""

    name: str
    folder: Path
    #: Whether building it needs Node and the npm registry.
    needs_node: bool = False


def own_packages(checkout: Path) -> tuple[OwnPackage, ...]:
    """The notebook client and the Lab extension."""
    extensions = checkout / "extensions"
    return (
        OwnPackage("labwerk", extensions / "client"),
        OwnPackage("labwerk-lab", extensions / "lab", needs_node=True),
    )


def build_lock(checkout: Path) -> Path:
    """The lock file of what building our packages needs."""
    return checkout / "images" / "build-requirements.lock"


def own_stamp(package: OwnPackage, checkout: Path) -> str:
    """A hash of all that a package is built from."""
    return content_stamp([build_lock(checkout)], package.name, sources_stamp(package.folder))


@dataclass(frozen=True)
class Wheelhouse:
    """Where everything that images are made from is kept once it was fetched or built.

    It is the installation's ``cache`` folder, or a copy of another's for a site that
    reaches nothing: with ``offline`` nothing is fetched, and what is missing is an error.
    """

    folder: Path
    offline: bool = False

    def require_network(self, what: str) -> None:
        """Raises :class:`InstallError` if ``what`` would have to be fetched and may not be."""
        if self.offline:
            raise InstallError(
                f"{self.folder} lacks {what}, and --offline forbids to fetch them; build once "
                "where there is a network, and copy that installation's `cache` folder here."
            )


# -------------------------------------------------------------------- locked wheels


def ensure_wheels(
    pins: Sequence[Pin], house: Wheelhouse, log: Log, note: Callable[[str], None]
) -> Path:
    """A folder with the wheels of these locked packages, for an image's Python.

    Raises :class:`InstallError` if a wheel cannot be had or has another hash.
    """
    locked = "\n".join(pin.text for pin in pins) + "\n"
    folder = wheels_folder(pins, house)
    stamp = folder.name
    if read_stamp(folder / ".stamp") == stamp:
        return folder
    house.require_network(f"the wheels of {len(pins)} Python packages")
    note(f"download {len(pins)} Python packages")
    folder.mkdir(parents=True, exist_ok=True)
    # What an interrupted run had fetched is kept here; not needed once all is there.
    kept = folder.with_name(f".{stamp}.kept")
    requirements = folder.with_name(f".{stamp}.lock")
    write_whole(requirements, locked)
    failing = "The Python packages of the images could not be fetched"
    if special := [f"{pin.name} {pin.version}" for pin in pins if "+" in pin.version]:
        failing += (
            f" (for {', '.join(special)}, name an index or a folder that has such builds in "
            "pip's configuration, or build the image with --gpu, which runs without a GPU, too)"
        )
    _pip(
        log, "download", "--require-hashes", "--no-deps", "--only-binary=:all:",
        "--python-version", PYTHON, "--implementation", "cp", *_platforms(),
        "--cache-dir", kept, "--dest", folder, "--requirement", requirements,
        failing=failing,
    )  # fmt: skip
    requirements.unlink()
    write_whole(folder / ".stamp", stamp + "\n")
    shutil.rmtree(kept, ignore_errors=True)
    return folder


def wheels_folder(pins: Sequence[Pin], house: Wheelhouse) -> Path:
    """Where the wheels of these locked packages are, or will be."""
    locked = "\n".join(pin.text for pin in pins) + "\n"
    return house.folder / "wheels" / content_stamp([], locked, platform.machine())[:12]


def _platforms() -> list[str]:
    """What wheels for the image may be tagged with; pip takes older ones only if named."""
    machine = platform.machine()
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC_MINOR, 4, -1)]
    tags += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    return [word for tag in tags for word in ("--platform", tag)]


# ------------------------------------------------------------------------ our wheels


def ensure_own_wheel(
    package: OwnPackage,
    checkout: Path,
    places: Places,
    house: Wheelhouse,
    log: Log,
    note: Callable[[str], None],
) -> Path:
    """The wheel of one of our packages, built if its sources are not the last build's.

    Raises :class:`InstallError` if it cannot be built.
    """
    stamp = own_stamp(package, checkout)
    final = house.folder / "own-wheels" / package.name
    if read_stamp(final / ".stamp") != stamp:
        house.require_network(f"the wheel of {package.name} as it is in this checkout")
        note(f"build {package.name}")
        fresh = final.with_name(f".{package.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _build_wheel(package, checkout, places, log, fresh)
        write_whole(fresh / ".stamp", stamp + "\n")
        replace_folder(fresh, final)
    (wheel,) = final.glob("*.whl")
    return wheel


def _build_wheel(
    package: OwnPackage, checkout: Path, places: Places, log: Log, target: Path
) -> None:
    """Build beside the checkout, which may be read-only or hold another build's leftovers."""
    python = ensure_build_environment(checkout, places, log)
    sources = places.cache / "build" / package.name
    copy_sources(package.folder, sources)
    environment = {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    if package.needs_node:
        environment |= _node_environment(places, python, log)
    _pip(
        log, "--python", python, "wheel", "--no-deps", "--no-index", "--no-build-isolation",
        "--no-cache-dir", "--wheel-dir", target, sources,
        environment=environment, failing=f"The wheel of {package.folder} could not be built",
    )  # fmt: skip
    shutil.rmtree(sources, ignore_errors=True)


def ensure_build_environment(checkout: Path, places: Places, log: Log) -> Path:
    """The Python of an environment that holds the build tools, and nothing else."""
    lock = build_lock(checkout)
    folder = places.cache / "build-env"
    python = folder / "bin" / "python"
    stamp = content_stamp([lock], sys.version)
    if read_stamp(folder / ".stamp") != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        log.run([sys.executable, "-m", "venv", "--without-pip", folder])
        _pip(
            log, "--python", python, "install", "--require-hashes", "--no-deps",
            "--cache-dir", places.cache / "pip", "--requirement", lock,
        )  # fmt: skip
        write_whole(folder / ".stamp", stamp + "\n")
    return python


def _node_environment(places: Places, python: Path, log: Log) -> dict[str, str]:
    """Node, and for Yarn (``jlpm``) what is configured for npm: it reads no .npmrc."""
    node = ensure_node(places, log)
    environment = dict(npm_environment(places, node, log))
    paths = [str(python.parent), str(node.node.parent), os.environ.get("PATH", os.defpath)]
    environment["PATH"] = os.pathsep.join(paths)
    registry = subprocess.run(
        [*node.npm, "config", "get", "registry"],
        capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    ).stdout.strip()  # fmt: skip
    environment |= {
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_GLOBAL_CACHE": "1",
        "YARN_GLOBAL_FOLDER": str(places.cache / "yarn"),
    }
    if registry.startswith("http"):
        environment.setdefault("YARN_NPM_REGISTRY_SERVER", registry)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        proxy = os.environ.get(variable) or os.environ.get(variable.lower())
        if proxy:
            environment.setdefault(f"YARN_{variable}", proxy)
    return environment


def _pip(
    log: Log,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    failing: str = "The Python packages of the images could not be fetched",
) -> None:
    python = Path(sys.executable)
    settings = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        **certificate_environment(python),
        **(environment or {}),
    }
    try:
        log.run([python, "-m", "pip", *arguments], env=settings)
    except CommandError as error:
        raise InstallError(
            f"{failing} ({error.reason}); are the package index and the npm registry in "
            f"reach, and is there room on the disk? All output is in {error.log}."
        ) from None
