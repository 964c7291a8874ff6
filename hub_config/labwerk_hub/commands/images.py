"""Commands about images: `images list`, `build`, `bundle`, `load`, `audit` and so on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import Installed, checkout, installation, settings_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.machine.errors import MachineError

if TYPE_CHECKING:
    from labwerk_hub.machine.images.building import Workshop
    from labwerk_hub.machine.images.catalogue import Variant

cpu_or_gpu = click.option(
    "--gpu/--cpu",
    "gpu",
    default=None,
    help="With or without the libraries that only GPUs can use; else as the settings say.",
)


@click.group()
def images() -> None:
    """Build the images that people choose from, carry them to other sites, look at them."""


@images.command(name="list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show which images there are, which are built, how large, and what is known of them."""
    from labwerk_hub.machine.images.overview import as_text, images_here

    installed = installation(file, "images list")
    rows = images_here(_workshop(installed), installed.settings.image_variant)
    told = [row.model_dump() for row in rows]
    click.echo(json.dumps(told, indent=1, ensure_ascii=False) if as_json else as_text(rows))


@images.command()
@click.argument("names", nargs=-1)
@settings_option
@cpu_or_gpu
@click.option("--offline", is_flag=True, help="Fetch nothing: all must be in the wheelhouse.")
@click.option(
    "--wheelhouse",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A copy of another installation's `cache` folder, instead of our own.",
)
def build(
    names: tuple[str, ...],
    file: Path | None,
    gpu: bool | None,
    offline: bool,
    wheelhouse: Path | None,
) -> None:
    """Build the images named, or all; people can choose each as soon as it is there."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.images.building import ensure_image, write_down
    from labwerk_hub.machine.images.catalogue import read_images
    from labwerk_hub.machine.images.engine_build import has_image
    from labwerk_hub.machine.images.recipe import recipe
    from labwerk_hub.machine.images.room import require_room_for
    from labwerk_hub.machine.images.sizes import size_of

    installed = installation(file, "images build")
    variant = _variant(installed, gpu)
    with locking.locked(installed.places):
        workshop = _workshop(installed, offline=offline, wheelhouse=wheelhouse)
        every = [entry.name for entry in read_images(workshop.checkout).images]
        wanted = [recipe(name, workshop.checkout, variant) for name in names or every]
        require_room_for(wanted, workshop)
        for made in wanted:
            there = " is built already" if has_image(workshop.engine, made.tag) else ""
            click.echo(f"{made.entry.name}{there}:")
            tag = ensure_image(made.entry.name, workshop, variant)
            size = size_of(workshop.engine, tag, made.entry, variant, workshop.checkout)
            click.echo(f"  {tag}, {size}")
            write_down(workshop, installed.settings.image_variant)


@images.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("names", nargs=-1)
@settings_option
def bundle(target: Path, names: tuple[str, ...], file: Path | None) -> None:
    """Write the images named, or all that are built, into one file for another site."""
    from labwerk_hub.machine.images.bundle import write_bundle
    from labwerk_hub.machine.images.overview import images_here

    installed = installation(file, "images bundle")
    workshop = _workshop(installed)
    rows = images_here(workshop, installed.settings.image_variant)
    wanted = names or tuple(row.name for row in rows if row.tag)
    tags = {row.name: row.tag for row in rows}
    if missing := [name for name in wanted if not tags.get(name)]:
        raise MachineError(
            f"The image {missing[0]!r} is not built here; "
            f"`images build {missing[0]}` builds it, `images list` shows which there are."
        )
    if not wanted:
        raise MachineError("No image is built here yet; `images build` builds them.")
    written = write_bundle(
        workshop.engine, tuple(str(tags[name]) for name in wanted), target.absolute()
    )
    for image in written.images:
        click.echo(f"  {image.tag}")
    click.echo(f"{target}: {target.stat().st_size / 1e9:.2f} GB")


@images.command()
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@settings_option
def load(source: Path, file: Path | None) -> None:
    """Take the images of a bundle; nothing is fetched or built."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.images.building import write_down
    from labwerk_hub.machine.images.bundle import load_bundle
    from labwerk_hub.machine.images.overview import foreign

    installed = installation(file, "images load")
    with locking.locked(installed.places):
        workshop = _workshop(installed)
        for image in load_bundle(workshop.engine, source).images:
            click.echo(f"  {image.tag}")
        for line in foreign(workshop, source):
            click.echo(line)
        write_down(workshop, installed.settings.image_variant)


@images.command()
@click.argument("name")
@settings_option
@cpu_or_gpu
def digest(name: str, file: Path | None, gpu: bool | None) -> None:
    """Print one hash of all that an image contains: two builds of a commit have the same."""
    from labwerk_hub.machine.images.contents import content_digest

    installed = installation(file, "images digest")
    click.echo(content_digest(_workshop(installed).engine, _built(installed, name, gpu)))


@images.command()
@click.argument("name")
@settings_option
@cpu_or_gpu
def bom(name: str, file: Path | None, gpu: bool | None) -> None:
    """Print the bill of materials that an image carries (CycloneDX JSON)."""
    from labwerk_hub.machine.images.bom import read_bom

    installed = installation(file, "images bom")
    click.echo(read_bom(_workshop(installed).engine, _built(installed, name, gpu)), nl=False)


@images.command()
@click.argument("names", nargs=-1)
@settings_option
@cpu_or_gpu
def audit(names: tuple[str, ...], file: Path | None, gpu: bool | None) -> None:
    """Ask an advisory service what is known of the images' packages today."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.images.audit import audit as ask
    from labwerk_hub.machine.images.catalogue import read_images
    from labwerk_hub.machine.images.recipe import recipe
    from labwerk_hub.machine.images.wheelhouse import ensure_build_environment

    installed = installation(file, "images audit")
    workshop = _workshop(installed)
    with locking.locked(installed.places):
        tools = ensure_build_environment(workshop.checkout, workshop.places, workshop.log)
    known = failed = 0
    for name in names or [entry.name for entry in read_images(workshop.checkout).images]:
        wanted = recipe(name, workshop.checkout, _variant(installed, gpu))
        said = ask(wanted.locks, tools, workshop.log)
        known += len(said.known)
        failed += bool(said.failed)
        click.echo(f"{name}: {said.sentence}")
    if known:
        raise MachineError("Lock the images anew (`images lock`) where newer versions mend that.")
    if failed:
        raise MachineError(
            "Run `images audit` where an advisory service is in reach, or name one in "
            "PIP_AUDIT_VULNERABILITY_SERVICE and PIP_AUDIT_OSV_URL."
        )


@images.command()
@click.argument("name")
@click.option("--base", default="base", show_default=True, help="The image that it is laid on.")
@settings_option
def new(name: str, base: str, file: Path | None) -> None:
    """Draft an image of your own: its folder, and its entry in images.toml."""
    from labwerk_hub.machine.images.draft import draft

    installation(file, "images new")
    folder = draft(name, base, checkout())
    click.echo(
        f"{folder}: write into requirements.in and packages.txt what it holds, then run\n"
        f"`images lock {name}` and `images build {name}`; its titles are in images.toml."
    )


@images.command()
@click.argument("names", nargs=-1, required=True)
@settings_option
def lock(names: tuple[str, ...], file: Path | None) -> None:
    """Write the lock files of images from their requirements, with hashes."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.images.locking import write_locks

    installed = installation(file, "images lock")
    with locking.locked(installed.places):
        workshop = _workshop(installed)
        for name in names:
            for written in write_locks(name, workshop.checkout, workshop.places, workshop.log):
                click.echo(written)


@images.command()
@settings_option
def prune(file: Path | None) -> None:
    """Remove images and downloads of other checkouts that no session runs and nobody is offered."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.images.overview import remove_superseded

    installed = installation(file, "images prune")
    with locking.locked(installed.places):
        removed = remove_superseded(_workshop(installed))
    click.echo("\n".join(removed) if removed else "There is nothing to remove.")


def _variant(installed: Installed, gpu: bool | None) -> Variant:
    if gpu is None:
        return installed.settings.image_variant
    return "gpu" if gpu else "cpu"


def _workshop(
    installed: Installed, *, offline: bool = False, wheelhouse: Path | None = None
) -> Workshop:
    from labwerk_hub.machine.engine import connect
    from labwerk_hub.machine.images.building import Workshop
    from labwerk_hub.machine.images.engine_build import PATIENCE_S
    from labwerk_hub.machine.images.wheelhouse import Wheelhouse
    from labwerk_hub.machine.log import Log

    places = installed.places
    return Workshop(
        checkout=checkout(),
        engine=connect(installed.engine, timeout_s=PATIENCE_S),
        places=places,
        house=Wheelhouse(wheelhouse or places.cache, offline),
        log=Log(places.up_log),
        note=lambda text: click.echo(f"  {text}"),
    )


def _built(installed: Installed, name: str, gpu: bool | None) -> str:
    """The tag of an image that the engine has."""
    from labwerk_hub.machine.images.engine_build import has_image
    from labwerk_hub.machine.images.recipe import recipe

    tag = recipe(name, checkout(), _variant(installed, gpu)).tag
    if not has_image(_workshop(installed).engine, tag):
        raise MachineError(f"{tag} is not built here; `images build {name}` builds it.")
    return tag
