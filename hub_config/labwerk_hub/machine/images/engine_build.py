"""Have the engine build an image from a context that is made while it is sent."""

from __future__ import annotations

import io
import os
import secrets
import tarfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, BinaryIO, cast

import docker
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.log import Log

#: Carried by every layer of a build's earlier stages, so that they can be removed.
LABEL_BUILD = "labwerk.build"
#: Images below those that people choose: "rootfs" or "environment".
LABEL_LAYER = "labwerk.layer"
#: The time that all files of an image have, in seconds since 1970: 1 January 2026. It is
#: not the time of the build, so that two builds give the same.
EPOCH = 1767225600
#: The engine may be silent for this long: large layers take minutes.
PATIENCE_S = 1800
#: What a container that serves a build is called. It has no label, for that would go on to
#: the image, and to the sessions that run it.
_MAKING = "labwerk-making-"
_CHUNK = 2**20

#: Names in the context and the files or folders that they stand for; of several folders
#: the content is laid one over the other.
Files = Mapping[str, Path | tuple[Path, ...]]


def has_image(engine: docker.DockerClient, tag: str) -> bool:
    """Whether the engine holds an image of this name."""
    try:
        engine.images.get(tag)
    except ImageNotFound:
        return False
    return True


def making_name() -> str:
    """A name for a container that serves a build."""
    return _MAKING + secrets.token_hex(6)


def remove_left_overs(engine: docker.DockerClient) -> None:
    """Remove the containers that an interrupted build left."""
    for container in engine.containers.list(all=True, filters={"name": f"^/{_MAKING}"}):
        container.remove(force=True)


def run_once(engine: docker.DockerClient, tag: str, command: list[str]) -> bytes:
    """What a command prints in a container of an image, without network.

    Raises docker's own errors.
    """
    entry, *arguments = command
    said: bytes = engine.containers.run(
        tag, arguments, name=making_name(), entrypoint=entry, network_mode="none", remove=True
    )
    return said


def context_of(files: Files, dockerfile: str) -> Callable[[BinaryIO], None]:
    """What writes the build context: a tar of the files, and this Dockerfile."""

    def write(stream: BinaryIO) -> None:
        with tarfile.open(fileobj=stream, mode="w|") as tar:
            described = tarfile.TarInfo("Dockerfile")
            described.size = len(dockerfile.encode())
            described.mtime = EPOCH
            tar.addfile(described, io.BytesIO(dockerfile.encode()))
            for name, sources in sorted(files.items()):
                for source in sources if isinstance(sources, tuple) else (sources,):
                    tar.add(source, name, filter=_plain)

    return write


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Owned by root and readable by all, whatever the checkout's owner and umask."""
    parts = Path(entry.name).parts
    if any(part == "__pycache__" or part.startswith(".") for part in parts):
        return None
    entry.uid = entry.gid = 0
    entry.mtime = EPOCH
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def build(
    engine: docker.DockerClient,
    context: Callable[[BinaryIO], None],
    tag: str,
    *,
    log: Log,
    arguments: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    offline: bool = False,
) -> None:
    """Build and, once all of it is there, tag; an interruption leaves no tag.

    Raises :class:`InstallError` with the engine's own words if a step fails.
    """
    log.say(f"building {tag}")
    try:
        image = _run(engine, context, log, arguments or {}, labels or {}, offline)
        repository, _, name = tag.partition(":")
        engine.api.tag(image, repository, name)
        engine.images.prune(filters={"dangling": True, "label": LABEL_BUILD})
    except (DockerException, RequestException) as error:
        raise InstallError(
            f"The engine could not build the image {tag} ({error}); all output is in {log.path}."
        ) from None


def _run(
    engine: docker.DockerClient,
    context: Callable[[BinaryIO], None],
    log: Log,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    offline: bool,
) -> str:
    """Send the context, follow the build, and return the image's id."""
    reading, writing = os.pipe()
    failed: list[BaseException] = []
    sender = threading.Thread(target=_send, args=(context, writing, failed), daemon=True)
    with os.fdopen(reading, "rb") as stream:
        sender.start()
        events = engine.api.build(
            fileobj=_in_chunks(stream),
            custom_context=True,
            decode=True,
            rm=True,
            forcerm=True,
            timeout=PATIENCE_S,
            buildargs=dict(arguments),
            labels=dict(labels),
            network_mode="none" if offline else None,
        )
        image = ""
        for event in events:
            if "error" in event:
                raise DockerException(str(event["error"]).strip().rstrip("."))
            image = event.get("aux", {}).get("ID", image)
            if said := event.get("stream", "").rstrip():
                log.say(said)
    sender.join()
    if failed:  # what arrived may have been built, and is not the whole
        raise DockerException(f"the files to build from could not be sent: {failed[0]}")
    if not image:
        raise DockerException("the engine ended the build without an image")
    return image


def _in_chunks(stream: BinaryIO) -> IO[bytes]:
    """The stream as requests sends it best: it would go over a file line by line."""
    return cast(IO[bytes], iter(lambda: stream.read(_CHUNK), b""))


def _send(context: Callable[[BinaryIO], None], writing: int, failed: list[BaseException]) -> None:
    try:
        with os.fdopen(writing, "wb") as stream:
            context(stream)
    except BrokenPipeError:  # the engine gave up; its answer says why
        pass
    except (OSError, tarfile.TarError) as error:
        failed.append(error)
