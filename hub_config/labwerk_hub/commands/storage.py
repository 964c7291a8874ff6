"""Commands about disk space: `storage list`, `measure`, `snapshot` and `convert`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import (
    Installed,
    installation,
    root,
    settings_file,
    settings_option,
)
from labwerk_hub.commands.pool import json_option
from labwerk_hub.machine.errors import MachineError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from labwerk_hub.services.storage import StorageView


@click.group()
def storage() -> None:
    """See what homes and projects hold, and keep snapshots of homes."""


@storage.command("list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show who uses how much of what, and who sees to the limit."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.storage import every_view

    installed = installation(file, "storage list")
    _show(every_view(bootstrap.workbench(installed.settings)), installed, as_json=as_json)


@storage.command()
@settings_option
@json_option
def measure(file: Path | None, as_json: bool) -> None:
    """Measure all homes and projects now, and show them."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.storage import measure as measure_all

    installed = installation(file, "storage measure")
    _show(measure_all(bootstrap.workbench(installed.settings)), installed, as_json=as_json)


@storage.command()
@click.argument("name", required=False)
@settings_option
def snapshot(name: str | None, file: Path | None) -> None:
    """Keep a home as it is now; without a name, all homes."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.storage import snapshot as take

    settings = installation(file, "storage snapshot").settings
    for taken in take(bootstrap.workbench(settings), name):
        click.echo(f"A snapshot of {taken} was taken.")
    click.echo("Homes without a change since their last snapshot got none.")


@storage.command()
@settings_option
def convert(file: Path | None) -> None:
    """Make plain folders subvolumes, so that quotas hold; Labwerk must be down."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.convert import convert as convert_all
    from labwerk_hub.machine.places import Places
    from labwerk_hub.settings import load_settings

    root("storage convert")
    settings = load_settings(settings_file(file))
    places = Places(settings.machine.state)
    if not places.homes.exists():
        raise MachineError(f"There is no Labwerk in {places.state}; `up` makes it.")
    with locking.locked(places):
        left = convert_all(settings, places, click.echo)
    click.echo("Every folder is a subvolume now; `up` applies the quotas.")
    for folder in left:
        click.echo(f"What was there before is in {folder}; remove it when you have looked.")


def _show(found: Sequence[StorageView], installed: Installed, *, as_json: bool) -> None:
    """What folders hold, and what is left on their disk: quotas may promise more than that."""
    import json

    from labwerk_hub import formats

    disk = shutil.disk_usage(installed.places.homes)
    if as_json:
        folders = [view.model_dump(mode="json") for view in found]
        left = {"disk_bytes": disk.total, "disk_free_bytes": disk.free}
        click.echo(json.dumps({"folders": folders, **left}, indent=1))
        return
    lines = _lines(found, installed.settings.machine.zone)
    click.echo("\n".join(lines) or "Nothing has been measured yet.")
    free, total = formats.size(disk.free, "en"), formats.size(disk.total, "en")
    click.echo(f"{free} of {total} are free where homes and projects are kept.")


def _lines(found: Sequence[StorageView], zone: ZoneInfo) -> list[str]:
    from labwerk_hub import formats

    lines = []
    for view in found:
        used = "unknown" if view.used_bytes is None else formats.size(view.used_bytes, "en")
        limit = "any amount"
        if view.limit_bytes is not None:
            limit = f"{formats.size(view.limit_bytes, 'en')}, {view.how.value}"
        when = "" if view.measured_at is None else formats.moment(view.measured_at, "en", zone)
        if view.snapshots:
            kept = len(view.snapshots)
            when += "; 1 snapshot" if kept == 1 else f"; {kept} snapshots"
        mark = "!" if view.warning else " "
        held = f"{used:>10} of {limit:22}"
        lines.append(f"{mark} {view.kind.value:7}  {view.name:32}  {held}  {when}".rstrip())
    return lines
