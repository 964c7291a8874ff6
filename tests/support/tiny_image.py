"""An image of one program, for tests that need a container and not what is in it."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

from docker import DockerClient

NAME = "labwerk-tests/tiny:1"
_PROGRAMS = ("/bin/sleep", "/bin/true")


def tiny_image(client: DockerClient) -> str:
    """The tag of an image with this machine's ``sleep`` and ``true``; made if missing."""
    if not client.images.list(NAME):
        repository, _, tag = NAME.partition(":")
        client.api.import_image_from_data(_root_filesystem(), repository=repository, tag=tag)
    return NAME


def _root_filesystem() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted({*_PROGRAMS, *(lib for p in _PROGRAMS for lib in _libraries(p))}):
            archive.add(Path(file).resolve(), arcname=file.lstrip("/"))
    return packed.getvalue()


def _libraries(program: str) -> list[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+)", listed)
