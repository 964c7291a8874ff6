"""A build that fails or is interrupted leaves no image that looks finished."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import BinaryIO

import pytest
from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.images.engine_build import build, context_of, has_image
from labwerk_hub.machine.log import Log
from support.engine import Engine
from support.tiny_image import tiny_image

TAG = "labwerk-tests/built:1"


@pytest.fixture(autouse=True)
def without_the_tag(engine: Engine) -> None:
    """A run that was killed may have left it: the engine's images survive."""
    if has_image(engine.client, TAG):
        engine.client.images.remove(TAG)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "build.log")


def dockerfile(engine: Engine, *steps: str) -> str:
    return "\n".join([f"FROM {tiny_image(engine.client)}", *steps, ""])


def test_a_build_is_tagged_and_labelled(engine: Engine, log: Log, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    context = context_of(
        {"file": tmp_path / "file"}, dockerfile(engine, "COPY file /file", 'RUN ["/bin/true"]')
    )
    build(engine.client, context, TAG, log=log, labels={"labwerk.image": "tests"})
    assert engine.client.images.get(TAG).labels["labwerk.image"] == "tests"


def test_a_step_that_fails_is_told_in_the_engines_words(engine: Engine, log: Log) -> None:
    context = context_of({}, dockerfile(engine, "COPY missing /", 'RUN ["/bin/true"]'))
    with pytest.raises(InstallError, match=r"could not build the image .*missing"):
        build(engine.client, context, TAG, log=log)
    assert not has_image(engine.client, TAG)


def test_a_build_whose_sender_dies_leaves_no_tag(engine: Engine, log: Log) -> None:
    whole = context_of({}, dockerfile(engine, 'RUN ["/bin/true"]'))

    def half(stream: BinaryIO) -> None:
        class Cut:
            def write(self, data: bytes) -> int:
                stream.write(data[: len(data) // 20])
                raise BrokenPipeError

        whole(Cut())  # type: ignore[arg-type]

    with pytest.raises(InstallError):
        build(engine.client, half, TAG, log=log)
    assert not has_image(engine.client, TAG)


def test_a_build_whose_files_vanish_leaves_no_tag(engine: Engine, log: Log) -> None:
    text = dockerfile(engine, 'RUN ["/bin/true"]')
    context = context_of({"z": Path("/nowhere/at/all")}, text)
    with pytest.raises(InstallError, match=r"could not be sent: .*/nowhere/at/all"):
        build(engine.client, context, TAG, log=log)
    assert not has_image(engine.client, TAG)


def test_a_build_whose_step_is_ended_leaves_no_tag(engine: Engine, log: Log) -> None:
    # Never done before: a step that once went through is not run again.
    anew = f"LABEL anew={secrets.token_hex(4)}"
    context = context_of({}, dockerfile(engine, anew, 'RUN ["/bin/sleep", "30"]'))
    failures: list[BaseException] = []

    def attempt() -> None:
        try:
            build(engine.client, context, TAG, log=log)
        except InstallError as error:
            failures.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    # Ending the container of the step is what an interrupted build comes to.
    while thread.is_alive():
        for container in engine.client.containers.list(ignore_removed=True):
            if container.attrs["Path"] == "/bin/sleep":
                container.kill()
        thread.join(0.1)
    assert failures
    assert not has_image(engine.client, TAG)
