"""The layer with Debian and the locked Python packages, below what changes often.

It is an image of its own, so that a change to the Lab extension or to a setting of the
server does not install a hundred packages anew, and images that share it share its room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker

from labwerk_hub.machine.engine_build import (
    LABEL_BUILD,
    LABEL_LAYER,
    build,
    context_of,
    has_image,
)
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.rootfs import Rootfs, ensure_rootfs
from labwerk_hub.machine.wheelhouse import ensure_wheels


@dataclass(frozen=True)
class PythonLayer:
    """What such a layer is made of: an image's folder, and the lock file if not its own."""

    folder: Path
    lock: Path | None = None

    @property
    def requirements(self) -> Path:
        """The lock file."""
        return self.lock or self.folder / "requirements.lock"

    @property
    def dockerfile(self) -> Path:
        """How it is built."""
        return self.folder / "environment.Dockerfile"

    @property
    def stamp(self) -> str:
        """A hash of all that decides its content, but for the versions of Debian packages."""
        return content_stamp([self.requirements, self.dockerfile], Rootfs(self.folder).stamp)

    @property
    def tag(self) -> str:
        """The name of its image."""
        return f"labwerk/environment:{self.stamp[:12]}"


def ensure_python_layer(
    layer: PythonLayer,
    engine: docker.DockerClient,
    places: Places,
    log: Log,
    note: Callable[[str], None],
) -> str:
    """The layer's tag; it is built if it is not there.

    Raises :class:`InstallError` if its packages cannot be had or the build fails.
    """
    if has_image(engine, layer.tag):
        return layer.tag
    wheels = ensure_wheels(layer.requirements, places, log, note)
    rootfs = ensure_rootfs(Rootfs(layer.folder), engine, places, log, note)
    note("install the Python packages")
    files = {"requirements.lock": layer.requirements, "wheels": wheels}
    build(
        engine,
        context_of(files, layer.dockerfile.read_text(encoding="utf-8")),
        layer.tag,
        log=log,
        arguments={"ROOTFS": rootfs, "BUILD": LABEL_BUILD},
        labels={LABEL_LAYER: "environment"},
        offline=True,
    )
    return layer.tag
