"""Images in one file, for a site that reaches no package index.

A bundle is what the engine itself saves and loads, so that `docker load` takes it, too,
with one member more: ``labwerk.json`` says which images are in it.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import docker
from docker.errors import DockerException
from pydantic import BaseModel, ConfigDict, ValidationError
from requests import Response
from requests.exceptions import RequestException

from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.images.engine_build import EPOCH, has_image

_ABOUT = "labwerk.json"
_CHUNK = 2**20


class BundleError(MachineError):
    """A bundle of images cannot be written, or is not one, or is damaged."""

    code = "bundle"


class BundledImage(BaseModel):
    """One image of a bundle; ``id`` is the engine's hash of its configuration and layers."""

    model_config = ConfigDict(frozen=True)

    tag: str
    id: str


class Bundle(BaseModel):
    """What ``labwerk.json`` says."""

    model_config = ConfigDict(frozen=True)

    images: tuple[BundledImage, ...]


def write_bundle(engine: docker.DockerClient, tags: tuple[str, ...], file: Path) -> Bundle:
    """Write images and what they are laid on, each layer once; the file is whole or absent.

    Raises :class:`BundleError` or :class:`EngineUnreachableError`.
    """
    fresh = file.with_name(f".{file.name}.new")
    try:
        images = tuple(BundledImage(tag=tag, id=str(engine.images.get(tag).id)) for tag in tags)
        bundle = Bundle(images=images)
        with fresh.open("wb") as stream, _saved(engine, tags) as saved:
            for chunk in saved.iter_content(_CHUNK):
                stream.write(chunk)
        about = bundle.model_dump_json(indent=1).encode()
        with tarfile.open(fresh, "a") as tar:
            entry = tarfile.TarInfo(_ABOUT)
            entry.size, entry.mtime = len(about), EPOCH
            tar.addfile(entry, io.BytesIO(about))
        fresh.replace(file)
    except (DockerException, RequestException) as error:
        raise EngineUnreachableError(f"The engine cannot give out the images ({error}).") from None
    except tarfile.TarError as error:
        raise EngineUnreachableError(f"The engine gave out no whole images ({error}).") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        fresh.unlink(missing_ok=True)
    return bundle


def _saved(engine: docker.DockerClient, tags: tuple[str, ...]) -> Response:
    """The engine's answer to "save these": one call for all, or shared layers come twice."""
    api = engine.api
    url = f"{api.base_url}/v{api.api_version}/images/get"
    answer = api.get(url, params={"names": list(tags)}, stream=True)
    answer.raise_for_status()
    return answer


def load_bundle(engine: docker.DockerClient, file: Path) -> Bundle:
    """Give a bundle's images to the engine.

    The engine checks every layer against its hash. Raises :class:`BundleError` if the file is
    no bundle, or not all of it arrived, and :class:`EngineUnreachableError`.
    """
    bundle = read_bundle(file)
    _require_that_it_holds_no_more(bundle, file)
    try:
        with file.open("rb") as stream:
            engine.images.load(stream)
        for image in bundle.images:
            if not has_image(engine, image.tag) or engine.images.get(image.tag).id != image.id:
                raise BundleError(
                    f"{file}: the engine has another {image.tag} now than the bundle says; it "
                    "was damaged on its way: copy it anew."
                )
    except (DockerException, RequestException) as error:
        raise BundleError(
            f"The engine cannot take {file} ({error}); is it whole, and is there room where "
            "Docker keeps images?"
        ) from None
    return bundle


def _require_that_it_holds_no_more(bundle: Bundle, file: Path) -> None:
    """The engine takes every name that it finds in the file: none may be another's."""
    told = {image.tag for image in bundle.images}
    try:
        with tarfile.open(file, "r:") as tar:
            stream = tar.extractfile("manifest.json")
            assert stream is not None  # else getmember has raised
            held = {tag for image in json.load(stream) for tag in image["RepoTags"] or ()}
    except (tarfile.TarError, KeyError, AssertionError, ValueError, TypeError):
        raise BundleError(f"{file} is no whole bundle of Labwerk's images.") from None
    if strange := sorted(held ^ told) + [tag for tag in told if not tag.startswith("labwerk/")]:
        raise BundleError(
            f"{file}: {strange[0]} is in it and not said to be, or the other way round; take a "
            "bundle that `images bundle` wrote."
        )


def read_bundle(file: Path) -> Bundle:
    """Which images a bundle has. Raises :class:`BundleError` if it is none."""
    try:
        with tarfile.open(file, "r:") as tar:
            stream = tar.extractfile(_ABOUT)
            assert stream is not None  # else getmember has raised
            return Bundle.model_validate_json(stream.read())
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror or error}.") from None
    except (tarfile.TarError, KeyError, AssertionError, ValidationError):
        raise BundleError(
            f"{file} is no whole bundle of Labwerk's images; `images bundle FILE` writes one."
        ) from None
