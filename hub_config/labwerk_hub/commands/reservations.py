"""Commands about reservations: `reservations add`, `list` and `cancel`."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from labwerk_hub.commands.installed import installation, settings_option
from labwerk_hub.commands.pool import json_option

if TYPE_CHECKING:
    from labwerk_hub.domain.reservations import Reservation

_MINUTES = 15


@click.group()
def reservations() -> None:
    """Keep slices of a flavour for a group, from a time to a time."""


@reservations.command()
@settings_option
@click.option("--title", required=True, help="What people see on the board.")
@click.option("--flavour", required=True, help="The name of a flavour with a GPU.")
@click.option("--group", required=True, help="A provider's group, or institution:NAME.")
@click.option("--count", type=int, required=True, help="How many slices.")
@click.option("--from", "start", required=True, help='Such as "2026-11-24 10:00".')
@click.option("--to", "end", required=True, help="The same; without a zone it is the site's.")
@click.option(
    "--release-after",
    "minutes",
    type=click.IntRange(min=0),
    default=_MINUTES,
    show_default=True,
    help="Minutes after which unused slices go back to everybody.",
)
def add(
    file: Path | None,
    title: str,
    flavour: str,
    group: str,
    count: int,
    start: str,
    end: str,
    minutes: int,
) -> None:
    """Keep slices, or say why they cannot be kept."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.reservations import Wanted, make

    settings = installation(file, "reservations add").settings
    wanted = Wanted(
        title=title,
        flavour=flavour,
        group=group,
        count=count,
        start=_moment(start, "--from", settings.machine.zone),
        end=_moment(end, "--to", settings.machine.zone),
        release_after=timedelta(minutes=minutes),
    )
    made_by = os.environ.get("SUDO_USER") or getpass.getuser()
    reservation = make(bootstrap.workbench(settings), wanted, made_by)
    click.echo(_sentence(reservation, settings.machine.zone))


@reservations.command("list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show what is kept, for whom and when."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.reservations import current

    settings = installation(file, "reservations list").settings
    found = current(bootstrap.workbench(settings))
    if as_json:
        click.echo(_as_json(found))
    else:
        lines = [_sentence(reservation, settings.machine.zone) for reservation in found]
        click.echo("\n".join(lines) or "Nothing is kept for anybody.")


@reservations.command()
@click.argument("identifier", metavar="ID")
@settings_option
def cancel(identifier: str, file: Path | None) -> None:
    """Give a reservation up; its slices are everybody's at once."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.reservations import cancel as give_up

    settings = installation(file, "reservations cancel").settings
    given_up = give_up(bootstrap.workbench(settings), identifier)
    click.echo(f"Cancelled: {_sentence(given_up, settings.machine.zone)}")


def _moment(text: str, option: str, zone: ZoneInfo) -> datetime:
    """A moment as ISO 8601 writes it, in the site's zone unless it names one."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(
            f'{text!r} is no date and time; write it like "2026-11-24 10:00".',
            param_hint=option,
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _sentence(reservation: Reservation, zone: ZoneInfo) -> str:
    from labwerk_hub import formats
    from labwerk_hub.domain.metering import from_ms

    start, end, released = (
        formats.moment(from_ms(moment), "en", zone)
        for moment in (reservation.from_ms, reservation.to_ms, reservation.released_ms)
    )
    count, slices = len(reservation.slices), ", ".join(s.label for s in reservation.slices)
    return (
        f"{reservation.id}  {reservation.title}: {count} × {reservation.flavour} for "
        f"{reservation.group}, {start} to {end}; unused ones go back at {released} ({slices})"
    )


def _as_json(found: Sequence[Reservation]) -> str:
    import json

    from labwerk_hub.domain.metering import from_ms

    return json.dumps(
        {
            "reservations": [
                {
                    "id": reservation.id,
                    "title": reservation.title,
                    "flavour": reservation.flavour,
                    "group": reservation.group,
                    "from": from_ms(reservation.from_ms).isoformat(),
                    "to": from_ms(reservation.to_ms).isoformat(),
                    "released": from_ms(reservation.released_ms).isoformat(),
                    "slices": [slice_.label for slice_ in reservation.slices],
                    "made_by": reservation.made_by,
                    "made": from_ms(reservation.made_ms).isoformat(),
                }
                for reservation in found
            ]
        },
        indent=1,
    )
