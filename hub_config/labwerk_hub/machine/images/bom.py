"""The bill of materials that an image carries: CycloneDX, made from what it really holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from docker.errors import DockerException
from packageurl import PackageURL
from requests.exceptions import RequestException

from labwerk_hub.machine.errors import InstallError
from labwerk_hub.machine.images.catalogue import images_folder
from labwerk_hub.machine.images.engine_build import EPOCH, run_once
from labwerk_hub.machine.images.recipe import Recipe
from labwerk_hub.machine.images.rootfs import SUITE

#: Where an image has it.
BOM = "/opt/labwerk/share/labwerk/bom.cdx.json"
_NAMESPACE = uuid.UUID("6d5b6d0e-2f7c-4a53-9d1b-7f5a3c0f9a10")


def inventory(recipe: Recipe, engine: docker.DockerClient) -> Mapping[str, Any]:
    """What the image's environment holds, asked of itself.

    Raises :class:`InstallError` if it cannot be asked.
    """
    script = images_folder(recipe.checkout).resolve() / "inventory.py"
    try:
        said = run_once(
            engine,
            recipe.environment_tag,
            ["/opt/labwerk/bin/python", "-I", "-c", script.read_text(encoding="utf-8")],
        )
    except (DockerException, RequestException) as error:
        raise InstallError(
            f"The contents of {recipe.environment_tag} could not be listed ({error})."
        ) from None
    found: Mapping[str, Any] = json.loads(said)
    return found


def bill_of_materials(recipe: Recipe, held: Mapping[str, Any], own: tuple[Path, ...]) -> str:
    """The bill as JSON; the same for the same content, with no time or number of its own.

    ``own`` are the wheels of our packages, which are not in the environment yet.
    """
    subject = Component(
        name=f"labwerk/{recipe.entry.name}",
        version=recipe.variant if recipe.entry.has_variants else "",
        type=ComponentType.CONTAINER,
        bom_ref="image",
    )
    ours = [(*wheel.name.split("-")[:2], "BSD-3-Clause", "") for wheel in own]
    theirs = [(r["name"], r["version"], r["licence"], r["about"]) for r in held["python"]]
    components = [_distribution(*row) for row in (*theirs, *ours)]
    components += [_debian(row) for row in held["debian"]]
    bom = Bom(components=components)
    bom.metadata.component = subject
    bom.register_dependency(subject, components)
    bom.metadata.timestamp = datetime.fromtimestamp(EPOCH, UTC)
    names = sorted(component.bom_ref.value or "" for component in components)
    bom.serial_number = uuid.uuid5(_NAMESPACE, f"{recipe.tag} {names}")
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _distribution(name: str, version: str, licence: str, about: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=name.lower(), version=version),
        bom_ref=f"pypi:{name}=={version}",
        description=about,
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )


def _debian(row: Mapping[str, str]) -> Component:
    name, version, architecture = row["name"], row["version"], row["architecture"]
    qualifiers = {"arch": architecture, "distro": SUITE}
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("deb", "debian", name, version, qualifiers),
        bom_ref=f"deb:{name}={version}:{architecture}",
    )


def read_bom(engine: docker.DockerClient, tag: str) -> str:
    """The bill that an image carries. Raises :class:`InstallError` if it cannot be read."""
    try:
        said = run_once(engine, tag, ["cat", BOM])
    except (DockerException, RequestException) as error:
        raise InstallError(f"The bill of materials of {tag} cannot be read ({error}).") from None
    return said.decode()
