"""Commands about the audit chain: `audit verify`, `list` and `head`."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from labwerk_hub.commands.installed import installation, settings_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.texts import one_line
from labwerk_hub.errors import LabwerkError

if TYPE_CHECKING:
    from labwerk_hub.services.audit import Heads
    from labwerk_hub.services.audit_views import EventView
    from labwerk_hub.services.verification import Verified

_HEX = 64
#: Events that are named; there may be any number.
_NAMED = 5


class AuditError(LabwerkError):
    """Something is not as it was written."""

    code = "audit"


@click.group()
def audit() -> None:
    """Show who did what to whom, and verify that nothing of it was changed."""


@audit.command()
@settings_option
@click.option(
    "--head",
    "heads",
    multiple=True,
    help="A hash from a statement or `audit head` that must occur; several may be named.",
)
@json_option
def verify(file: Path | None, heads: tuple[str, ...], as_json: bool) -> None:
    """Read ledger and events from their beginnings, and locate what was changed."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.verification import verify as look

    for head in heads:
        if len(head) != _HEX or set(head) - set("0123456789abcdef"):
            raise click.BadParameter(
                f"{head!r} is no hash; it has {_HEX} hexadecimal digits.", param_hint="--head"
            )
    settings = installation(file, "audit verify").settings
    found = look(bootstrap.workbench(settings), heads)
    if as_json:
        click.echo(_as_json(found))
        if found.findings:
            raise SystemExit(1)
        return
    if found.findings:
        raise AuditError("\n".join(finding.sentence for finding in found.findings))
    removed = f" ({found.removed} of them no longer with their content)" if found.removed else ""
    click.echo(
        f"{_count(found.events, 'event')}{removed}, {_count(found.postings, 'posting')} and "
        f"{_count(found.decisions, 'decision')} about budgets are as they were written.\n"
        f"{_heads(found.heads)}"
    )
    if found.early:
        click.echo(_early(found.early))


@audit.command("list")
@settings_option
@click.option("--person", "name", help="Only what this person did, or what was done to them.")
@click.option("--kind", type=click.Choice([kind.value for kind in EventKind]), help="Only these.")
@click.option("--since", help="Only from this day on, such as 2026-11-24.")
@json_option
def list_(
    file: Path | None, name: str | None, kind: str | None, since: str | None, as_json: bool
) -> None:
    """Show events, the newest first."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.audit import of_all

    settings = installation(file, "audit list").settings
    zone = settings.machine.zone
    found = of_all(
        bootstrap.workbench(settings),
        name=name,
        kind=EventKind(kind) if kind else None,
        since=_day(since, zone) if since else None,
    )
    if as_json:
        import json

        shown = [event.model_dump(mode="json") for event in found]
        click.echo(json.dumps({"events": shown}, indent=1, ensure_ascii=False))
        return
    none = True
    for event in found:
        click.echo(_line(event, zone))
        none = False
    if none:
        click.echo("There is no such event.")


@audit.command()
@settings_option
def head(file: Path | None) -> None:
    """Show the ends of all chains; kept elsewhere, they show later what was changed."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.audit import heads

    settings = installation(file, "audit head").settings
    with bootstrap.workbench(settings).database.reading() as tx:
        click.echo(_heads(heads(tx)))


def _day(text: str, zone: ZoneInfo) -> datetime:
    """The beginning of a day of the site."""
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(), zone)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date; write it like 2026-11-24.", param_hint="--since"
        ) from None


def _line(event: EventView, zone: ZoneInfo) -> str:
    at = event.at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    who = event.who or "(no longer kept)"
    who += f" → {event.whom}" if event.whom else ""
    about = f" [{event.about}]" if event.about and event.about not in event.what else ""
    # In one line, whatever somebody wrote: a second one could pass for another event.
    why = f" “{one_line(event.why)}”" if event.why else ""
    return f"{event.id}  {at}  {who}: {one_line(event.what)}{about}{why}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _early(events: tuple[int, ...]) -> str:
    """That content went before its time; no fault by itself, but something to ask about."""
    named = ", ".join(map(str, events[:_NAMED])) + (", …" if len(events) > _NAMED else "")
    return (
        f"{_count(len(events), 'event')} ({named}) lost the content before `retention` lets it go, "
        "and nobody was erased since. Was it shorter once? Else ask who removed it."
    )


def _heads(found: Heads) -> str:
    of_chains = {"event": found.event, "posting": found.posting, "decision": found.decision}
    return "\n".join(f"{name} {head.number} {head.hash}" for name, head in of_chains.items())


def _as_json(found: Verified) -> str:
    import json
    from dataclasses import asdict

    return json.dumps(asdict(found), indent=1, ensure_ascii=False)
