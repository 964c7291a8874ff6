"""Debian as the lowest layer of the images, with or without a container registry.

A registry's plain Debian is taken if one answers within seconds; else ``mmdebstrap`` puts
the same packages together on this machine, from the package sources that it uses itself.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import docker
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from labwerk_hub.machine.errors import CommandError, InstallError
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.images.engine_build import (
    EPOCH,
    LABEL_LAYER,
    build,
    context_of,
    has_image,
    making_name,
)
from labwerk_hub.machine.images.wheelhouse import Wheelhouse
from labwerk_hub.machine.log import Log

SUITE = "bookworm"
_REGISTRY_IMAGE = f"debian:{SUITE}-slim"
#: How long a registry may take to answer before the image is made without it.
_REGISTRY_PATIENCE_S = 4
_PACKAGE_LISTS = "Created-By: Packages"
_PARTS = ("packages.txt", "locales.txt", "rootfs-finish.sh")
_DOCKERFILE = f"""\
FROM {_REGISTRY_IMAGE}
COPY {" ".join(_PARTS)} /finish/
RUN apt-get update \\
 && grep -v '^#' /finish/packages.txt | DEBIAN_FRONTEND=noninteractive \\
      xargs apt-get install --yes --no-install-recommends \\
 && sh /finish/rootfs-finish.sh / \\
 && rm -rf /finish
"""


@dataclass(frozen=True)
class Rootfs:
    """What a root filesystem is made of: the image's folder that says so."""

    folder: Path

    @property
    def stamp(self) -> str:
        """A hash of all that decides its content, but for the packages' versions."""
        parts = [self.folder / part for part in _PARTS]
        return content_stamp(parts, SUITE, platform.machine(), _DOCKERFILE)

    @property
    def tag(self) -> str:
        """The name of its image."""
        return f"labwerk/rootfs:{self.stamp[:12]}"

    @property
    def packages(self) -> tuple[str, ...]:
        """The Debian packages, beside those that Debian calls minimal."""
        lines = (self.folder / "packages.txt").read_text(encoding="utf-8").splitlines()
        return tuple(line for line in lines if line and not line.startswith("#"))


def ensure_rootfs(
    rootfs: Rootfs,
    engine: docker.DockerClient,
    house: Wheelhouse,
    log: Log,
    note: Callable[[str], None],
) -> str:
    """The tag of the root filesystem's image, which is made if it is not there.

    Raises :class:`InstallError` if neither a registry nor Debian's packages can be had.
    """
    if has_image(engine, rootfs.tag):
        return rootfs.tag
    kept = house.folder / "rootfs" / f"{rootfs.stamp[:12]}.tar"
    if not kept.exists():
        house.require_network("the root filesystem's Debian packages")
        if _pulled(engine, log) and _built_from_registry(rootfs, engine, log, note):
            _keep(rootfs, kept, engine)
            return rootfs.tag
        _make(rootfs, kept, log, note)
    _import(rootfs, kept, engine)
    return rootfs.tag


def _import(rootfs: Rootfs, kept: Path, engine: docker.DockerClient) -> None:
    repository, _, tag = rootfs.tag.partition(":")
    try:
        said = engine.api.import_image(
            src=str(kept),
            repository=repository,
            tag=tag,
            changes=[f"LABEL {LABEL_LAYER}=rootfs"],
        )
    except (DockerException, RequestException) as error:
        raise InstallError(
            f"The engine could not take the root filesystem {kept} ({error}); is there room "
            "where Docker keeps images?"
        ) from None
    if not has_image(engine, rootfs.tag):  # a full disk is told in the answer alone
        raise InstallError(
            f"The engine made no image of the root filesystem {kept} ({said.strip()}); is there "
            "room where Docker keeps images?"
        )


def _keep(rootfs: Rootfs, kept: Path, engine: docker.DockerClient) -> None:
    """Keep what a registry's image became, for builds that reach no registry."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".new.tar")
    container = engine.containers.create(rootfs.tag, command=["true"], name=making_name())
    try:
        with fresh.open("wb") as stream:
            for piece in container.export():
                stream.write(cast(bytes, piece))
    finally:
        container.remove()
    fresh.replace(kept)


# ------------------------------------------------------------------ from a registry


def _pulled(engine: docker.DockerClient, log: Log) -> bool:
    """Whether the engine has, or could fetch, the registry's image."""
    if has_image(engine, _REGISTRY_IMAGE):
        return True
    patience, engine.api.timeout = engine.api.timeout, _REGISTRY_PATIENCE_S
    try:
        engine.api.inspect_distribution(_REGISTRY_IMAGE)
    except (DockerException, RequestException) as error:
        log.say(f"no registry with {_REGISTRY_IMAGE} in reach: {error}")
        return False
    finally:
        engine.api.timeout = patience
    repository, _, tag = _REGISTRY_IMAGE.partition(":")
    try:
        engine.images.pull(repository, tag=tag)
    except (DockerException, RequestException, ImageNotFound) as error:
        log.say(f"{_REGISTRY_IMAGE} could not be pulled: {error}")
        return False
    return True


def _built_from_registry(
    rootfs: Rootfs, engine: docker.DockerClient, log: Log, note: Callable[[str], None]
) -> bool:
    """Add the packages inside a container; False if that fails, as behind some proxies."""
    note(f"Debian packages on {_REGISTRY_IMAGE}")
    files = {part: rootfs.folder / part for part in _PARTS}
    try:
        build(
            engine,
            context_of(files, _DOCKERFILE),
            rootfs.tag,
            log=log,
            labels={LABEL_LAYER: "rootfs"},
        )
    except InstallError as error:
        log.say(f"not from the registry's image: {error.message}")
        return False
    return True


# ------------------------------------------------------------ from Debian's packages


def _make(rootfs: Rootfs, kept: Path, log: Log, note: Callable[[str], None]) -> None:
    """Make the archive with mmdebstrap, under another name until it is whole."""
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        raise InstallError(
            f"No registry with {_REGISTRY_IMAGE} is in reach, and images cannot be made from "
            "Debian's packages here; run `up` as root with the package mmdebstrap installed, "
            "or let the engine reach a registry."
        )
    note("Debian root filesystem from packages")
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".new.tar")
    sources = debian_sources(log)
    finish = rootfs.folder.resolve() / "rootfs-finish.sh"
    command: list[str | Path] = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(rootfs.packages)}",
        # Texts nobody reads in a container; licences stay.
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        *[f"--aptopt={option}" for option in _apt_options()],
        f'--customize-hook=sh {shlex.quote(str(finish))} "$1"',
        SUITE,
        fresh,
        *sources,
    ]
    try:
        log.run(command, env={"SOURCE_DATE_EPOCH": str(EPOCH)})
    except CommandError as error:
        fresh.unlink(missing_ok=True)
        raise InstallError(
            f"The root filesystem of the images could not be made ({error.reason}); is a "
            f"Debian mirror in reach, and is there room in {kept.parent}? All output is in "
            f"{error.log}."
        ) from None
    fresh.replace(kept)


def debian_sources(log: Log) -> list[str]:
    """This machine's own package sources of the suite, as lines of a sources.list.

    Raises :class:`InstallError` if it has none, as on another distribution.
    """
    lines = _index_lines()
    if not lines:  # never updated, or of another release
        try:
            log.run(["apt-get", "update"])
        except CommandError as error:
            log.say(error.message)
        lines = _index_lines()
    if not lines:
        raise InstallError(
            f"This machine's apt has no Debian {SUITE} among its sources, which the images are "
            f"made of; add Debian {SUITE} to them, or let the engine reach a registry."
        )
    return lines


def _index_lines() -> list[str]:
    fields = "$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(REPO_URI)|$(RELEASE)"
    return source_lines(_output("apt-get", "indextargets", "--format", fields, _PACKAGE_LISTS))


def source_lines(listed: str) -> list[str]:
    """Lines of a sources.list from apt's own account of its package lists.

    Each line has origin, component, codename, address and release, with bars between them.
    Installation discs, which nobody has at hand, and other people's packages are left out.
    """
    lines = set()
    for line in listed.splitlines():
        origin, component, codename, uri, release = line.split("|", 4)
        debian = (origin, component) == ("Debian", "main") and codename.split("-")[0] == SUITE
        if debian and not uri.startswith("cdrom:"):
            lines.add(f"deb {uri} {release} main")
    # The release itself before its updates: apt takes the first for what is essential.
    return sorted(lines, key=lambda line: (line.split()[2] != SUITE, line))


def _apt_options() -> list[str]:
    """How this machine's apt fetches: proxies, certificates, retries."""
    listed = _output("apt-config", "dump").splitlines()
    kinds = ("Acquire::http", "Acquire::https", "Acquire::Retries")
    return [line for line in listed if line.startswith(kinds) and not line.endswith('"";')]


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
