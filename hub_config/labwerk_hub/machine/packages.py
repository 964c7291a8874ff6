"""Debian packages, installed only by root and only where Debian's tools are.

Standard library only.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from labwerk_hub.machine.errors import CommandError, InstallError
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Made


def can_install() -> bool:
    """Whether ``apt-get`` may be used here: Debian's tools are there, and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def is_installed(package: str) -> bool:
    """Whether dpkg has the package's files on the machine."""
    info = Path("/var/lib/dpkg/info")
    return any(info.glob(f"{package}.list")) or any(info.glob(f"{package}:*.list"))


def install_packages(places: Places, log: Log, *packages: str) -> None:
    """Install Debian packages without what they merely recommend, and keep record of it.

    Raises :class:`InstallError` if apt cannot; an interrupted dpkg is completed first.
    """
    missing = tuple(package for package in packages if not is_installed(package))
    if not missing:
        return
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        log.run(["dpkg", "--configure", "-a"], env=environment)
        log.run(["apt-get", "update"], env=environment)
        Made.read(places.record).with_packages(*missing).write(places.record)
        log.run(
            ["apt-get", "install", "--yes", "--no-install-recommends", *missing], env=environment
        )
    except CommandError as error:
        raise InstallError(
            f"The Debian packages {' '.join(missing)} could not be installed ({error.reason}); "
            f"is a package mirror in reach? All output is in {error.log}."
        ) from None
