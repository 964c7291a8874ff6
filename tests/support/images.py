"""Labwerk's images as the tests build them: once a run, in the variant for this machine."""

from __future__ import annotations

import os

from docker import DockerClient
from labwerk_hub.machine.images.building import Workshop, ensure_image
from labwerk_hub.machine.images.catalogue import ImageEntry, Variant, read_images
from labwerk_hub.machine.images.engine_build import PATIENCE_S
from labwerk_hub.machine.images.wheelhouse import Wheelhouse
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places

from support.environment import REPOSITORY, cache

#: The variant that is built and tried; the other one is several times as large.
VARIANT: Variant = "gpu" if os.environ.get("LABWERK_TESTS_VARIANT") == "gpu" else "cpu"
ENTRIES: tuple[ImageEntry, ...] = read_images(REPOSITORY).images
NAMES = tuple(entry.name for entry in ENTRIES)


def places() -> Places:
    """Where images of the tests are made from: what was fetched for an install serves here."""
    return Places(cache() / "state")


def workshop(client: DockerClient, house: Wheelhouse | None = None) -> Workshop:
    """The tests' workshop; with a wheelhouse of its own it fetches everything anew."""
    client.api.timeout = PATIENCE_S
    log = Log(places().logs / "images.log")
    return Workshop(REPOSITORY, client, places(), house or Wheelhouse(places().cache), log, log.say)


def built(client: DockerClient, name: str) -> str:
    """An image's tag, as `up` and `images build` would build it."""
    return ensure_image(name, workshop(client), VARIANT)
