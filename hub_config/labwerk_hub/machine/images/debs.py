"""Debian packages that an image adds, fetched on this machine for the image's Debian."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import docker

from labwerk_hub.machine.errors import CommandError, InstallError
from labwerk_hub.machine.files import content_stamp, read_stamp, replace_folder, write_whole
from labwerk_hub.machine.images.engine_build import run_once
from labwerk_hub.machine.images.rootfs import SUITE, debian_sources
from labwerk_hub.machine.images.wheelhouse import Wheelhouse
from labwerk_hub.machine.log import Log


def ensure_debs(
    names: tuple[str, ...],
    below: str,
    engine: docker.DockerClient,
    house: Wheelhouse,
    log: Log,
    note: Callable[[str], None],
) -> Path:
    """A folder with the packages and all that they need beside what the image ``below`` has.

    apt works on the image's own list of installed packages, in folders of its own, so this
    machine's packages neither count nor change. Raises :class:`InstallError`.
    """
    installed = run_once(engine, below, ["cat", "/var/lib/dpkg/status"])
    stamp = content_stamp([], SUITE, installed.decode(), *names)
    folder = house.folder / "debs" / stamp[:12]
    if read_stamp(folder / ".stamp") == stamp:
        return folder
    house.require_network(f"the Debian packages {', '.join(names)}")
    note(f"download the Debian packages {', '.join(names)}")
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "partial").mkdir(parents=True)
    apt = house.folder / "apt"
    for part in ("lists/partial", "archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "status").write_bytes(installed)
    write_whole(apt / "sources.list", "\n".join(debian_sources(log)) + "\n")
    options = {
        "Dir::State::status": apt / "status",
        "Dir::State::lists": apt / "lists",
        "Dir::State::extended_states": apt / "extended_states",
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Cache::archives": fresh,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", *[f"-o{key}={value}" for key, value in options.items()]]
    try:
        log.run([*command, "update"])
        log.run(
            [*command, "install", "--yes", "--no-install-recommends", "--download-only", *names]
        )
    except CommandError as error:
        raise InstallError(
            f"The Debian packages {', '.join(names)} could not be fetched ({error.reason}); is "
            f"a Debian mirror in reach? All output is in {error.log}."
        ) from None
    write_whole(fresh / ".stamp", stamp + "\n")
    replace_folder(fresh, folder)
    return folder
