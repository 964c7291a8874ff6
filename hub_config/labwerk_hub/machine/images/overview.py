"""Which images there are on this machine: for `images list`, as text and as JSON."""

from __future__ import annotations

import shutil
from pathlib import Path

from docker.errors import APIError
from pydantic import BaseModel, ConfigDict

from labwerk_hub.adapters.built_images import BuiltImages
from labwerk_hub.machine.images.building import LABEL_AUDIT, Workshop
from labwerk_hub.machine.images.bundle import read_bundle
from labwerk_hub.machine.images.catalogue import VARIANTS, ImageEntry, Variant, read_images
from labwerk_hub.machine.images.engine_build import LABEL_LAYER, has_image, remove_left_overs
from labwerk_hub.machine.images.recipe import recipe
from labwerk_hub.machine.images.sizes import size_of
from labwerk_hub.machine.images.wheelhouse import wheels_folder


class ImageHere(BaseModel):
    """One image of images.toml in one variant; without ``tag`` it is not built here."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    variant: str
    tag: str | None
    mb: int | None
    growth: float | None
    audit: str


def images_here(workshop: Workshop, variant: Variant) -> list[ImageHere]:
    """Every image: in the variant of the settings, and in the other one if it is built."""
    rows = []
    for entry in read_images(workshop.checkout).images:
        rows.append(_row(entry, workshop, variant))
        for other in VARIANTS:
            if entry.has_variants and other != variant:
                row = _row(entry, workshop, other)
                rows += [row] if row.tag else []
    return rows


def _row(entry: ImageEntry, workshop: Workshop, variant: Variant) -> ImageHere:
    tag = recipe(entry.name, workshop.checkout, variant).tag
    here = has_image(workshop.engine, tag)
    size = size_of(workshop.engine, tag, entry, variant, workshop.checkout) if here else None
    labels = workshop.engine.images.get(tag).labels if here else {}
    return ImageHere(
        name=entry.name,
        title=entry.title.en,
        variant=variant if entry.has_variants else "",
        tag=tag if here else None,
        mb=size.mb if size else None,
        growth=size.growth if size else None,
        audit=labels.get(LABEL_AUDIT, ""),
    )


def foreign(workshop: Workshop, file: Path) -> list[str]:
    """Sentences about what a bundle has of other checkouts, and lacks of this one."""
    brought = {image.tag for image in read_bundle(file).images}
    said, ours = [], set()
    for entry in read_images(workshop.checkout).images:
        tags = {recipe(entry.name, workshop.checkout, variant).tag for variant in VARIANTS}
        ours |= tags
        if not tags & brought and not any(has_image(workshop.engine, tag) for tag in tags):
            said.append(f"  {entry.name}: the bundle does not have it as this checkout makes it.")
    return [*(f"  {tag}: is of another checkout." for tag in sorted(brought - ours)), *said]


def remove_superseded(workshop: Workshop) -> list[str]:
    """Remove what other checkouts built and fetched and nothing needs; the names removed.

    An image stays while it is this checkout's, people are offered it, a session runs it, or
    another is laid on it.
    """
    remove_left_overs(workshop.engine)
    recipes = [
        recipe(entry.name, workshop.checkout, variant)
        for entry in read_images(workshop.checkout).images
        for variant in VARIANTS
    ]
    wanted = {image.tag for image in BuiltImages.read(workshop.places.state).images}
    wanted |= {made.tag for made in recipes} | {made.environment_tag for made in recipes}
    wanted |= {made.rootfs.tag for made in recipes}
    removed = []
    for image in workshop.engine.images.list(filters={"label": LABEL_LAYER}):
        for tag in image.tags:
            if tag.startswith("labwerk/") and tag not in wanted:
                try:
                    workshop.engine.images.remove(tag)
                    removed.append(tag)
                except APIError as error:
                    workshop.log.say(f"{tag} stays: {error.explanation}")
    kept = {wheels_folder(made.wheels, workshop.house) for made in recipes}
    for folder in sorted((workshop.house.folder / "wheels").glob("*")):
        if folder not in kept and folder.is_dir():
            shutil.rmtree(folder)
            removed.append(str(folder))
    return removed


def as_text(rows: list[ImageHere]) -> str:
    """A table for a terminal."""
    lines = [f"{'image':14} {'variant':8} {'size':>9} {'last release':>13}  built as"]
    for row in rows:
        size = f"{row.mb / 1000:.2f} GB" if row.mb else "–"
        growth = f"{row.growth * 100:+.0f} %" if row.growth is not None else "–"
        built = row.tag or f"not built; `images build {row.name}` builds it"
        lines.append(f"{row.name:14} {row.variant or '–':8} {size:>9} {growth:>13}  {built}")
    audited: dict[str, list[str]] = {row.audit: [] for row in rows if row.audit}
    for row in rows:
        if row.audit:
            audited[row.audit].append(row.name)
    lines += [f"advisories, {told} ({', '.join(names)})" for told, names in audited.items()]
    return "\n".join(lines)
