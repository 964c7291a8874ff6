"""What an image contains, as one hash: the same for two builds of the same commit."""

from __future__ import annotations

import hashlib
import stat
import tarfile
from collections.abc import Iterator
from typing import IO, cast

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine.images.engine_build import making_name

#: Put into every container by the engine itself.
_ENGINES_OWN = {
    ".dockerenv", "dev/console", "dev/pts", "dev/shm",
    "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf",
}  # fmt: skip
_CHUNK = 2**20


class _Pieces:
    """What the engine sends piece by piece, read as tarfile reads a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        """The next piece, of whatever size; empty at the end."""
        return next(self._pieces, b"")


def content_lines(engine: docker.DockerClient, tag: str) -> list[str]:
    """One line for each file, folder and link of an image, sorted by path.

    Each has path, kind and mode, owner and group, and the SHA-256 of a file's content or a
    link's target. Times do not count. Raises :class:`EngineUnreachableError`.
    """
    try:
        container = engine.containers.create(
            tag, command=["true"], name=making_name(), network_mode="none"
        )
        try:
            pieces = cast(Iterator[bytes], container.export(_CHUNK))  # its stub says str
            with tarfile.open(fileobj=cast(IO[bytes], _Pieces(pieces)), mode="r|") as tar:
                return sorted(_line(tar, entry) for entry in tar if _counts(entry))
        finally:
            container.remove()
    except (DockerException, RequestException) as error:
        raise EngineUnreachableError(f"The engine cannot give out {tag} ({error}).") from None


def content_digest(engine: docker.DockerClient, tag: str) -> str:
    """The SHA-256 over :func:`content_lines`."""
    lines = "\n".join(content_lines(engine, tag))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def _counts(entry: tarfile.TarInfo) -> bool:
    return entry.name.rstrip("/") not in _ENGINES_OWN


def _line(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    if entry.isreg():
        digest = hashlib.sha256()
        stream = tar.extractfile(entry)
        assert stream is not None  # a regular file has content
        while piece := stream.read(_CHUNK):
            digest.update(piece)
        content = digest.hexdigest()
    elif entry.islnk() or entry.issym():
        content = f"-> {entry.linkname}"
    else:
        content = ""
    kind = "l" if entry.issym() else "h" if entry.islnk() else "d" if entry.isdir() else "f"
    mode = stat.S_IMODE(entry.mode)
    return f"{entry.name} {kind}{mode:04o} {entry.uid}:{entry.gid} {content}"
