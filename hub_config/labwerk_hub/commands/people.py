"""Commands about people: `people list`, `export` and `erase`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import Installed, installation, settings_option, yes_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.errors import DatabaseError
from labwerk_hub.machine.errors import MachineError

if TYPE_CHECKING:
    from labwerk_hub.domain.people import Person
    from labwerk_hub.services.workbench import Workbench

_KEPT = """\
Kept without a name, since others depend on it:
  the ledger's postings and sums under {pseudonym}, which leads to nobody any more;
  events in which they did something to others, under the same pseudonym; but not those
  for which they gave a reason in their own words;
  files in project folders, which belong to the projects' members.
Until they are replaced or rotated, backups and logs may still name them."""

#: A large file is written anew when few write.
_STILL_TO_COME = """\
What was removed is overwritten, but the database's file may still have copies of it{why}.
The hub service writes the file anew by itself: it tries every ten minutes, and with a file of
more than 1 GiB in the night to Sunday."""


@click.group()
def people() -> None:
    """Show who has signed in, give out what is kept of somebody, or erase it."""


@people.command("list")
@settings_option
@click.option("--institution", help="Only people of this institution.")
@json_option
def list_(file: Path | None, institution: str | None, as_json: bool) -> None:
    """Show who has signed in, with their roles."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.leavers import everybody

    settings = installation(file, "people list").settings
    known = [each.name for each in settings.institutions]
    if institution is not None and institution not in known:
        raise click.BadParameter(
            f"There is no institution {institution!r}; there are {', '.join(known)}.",
            param_hint="--institution",
        )
    found = everybody(bootstrap.workbench(settings), institution)
    if as_json:
        import json

        shown = [row.model_dump(mode="json") for row in found]
        click.echo(json.dumps({"people": shown}, indent=1, ensure_ascii=False))
        return
    for row in found:
        roles = f"  ({', '.join(row.roles)})" if row.roles else ""
        address = f" <{row.email}>" if row.email else ""
        click.echo(f"{row.name}  {row.display_name}{address}{roles}")
    if not found:
        click.echo("Nobody has signed in yet.")


@people.command()
@click.argument("name")
@settings_option
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="A new file to write it into."
)
@click.option("--with-home", is_flag=True, help="A zip file with the files of their home, too.")
def export(name: str, file: Path | None, target: Path | None, with_home: bool) -> None:
    """Give out all that is kept of a person, as JSON."""
    from labwerk_hub import bootstrap
    from labwerk_hub.machine import leavers as files
    from labwerk_hub.services import leavers

    if with_home and target is None:
        raise click.BadParameter("--with-home needs the name of a zip file.", param_hint="--to")
    installed = installation(file, "people export")
    workbench = bootstrap.workbench(installed.settings)
    if target is not None:
        files.refuse_existing(target)
    if with_home:
        leavers.without_session(workbench, name)
    where = files.files_of(installed.places, name, _projects(workbench, name))
    record = leavers.export(workbench, name, where).model_dump_json(indent=1)
    if target is None:
        click.echo(record)
        return
    if not with_home:
        files.write_record(target, record)
        click.echo(f"What is kept of {name} is in {target}.")
        return
    left_out = files.write_archive(target, record, installed.places.homes / name)
    if not where.home:
        click.echo(f"What is kept of {name} is in {target}; they have no home.")
        return
    without = f"; links and the like, {left_out}, are left out" if left_out else ""
    click.echo(f"What is kept of {name}, and their home, are in {target}{without}.")


@people.command()
@click.argument("name")
@settings_option
@yes_option
@click.option("--keep-home", is_flag=True, help="Keep the files of their home, without the name.")
def erase(name: str, file: Path | None, yes: bool, keep_home: bool) -> None:
    """Remove name, address, account, groups, words and home of a person for good."""
    from labwerk_hub import bootstrap
    from labwerk_hub.machine import leavers as files
    from labwerk_hub.services import leavers

    installed = installation(file, "people erase")
    workbench, places = bootstrap.workbench(installed.settings), installed.places
    person = leavers.without_session(workbench, name)
    if not yes and not click.confirm(_question(person, keep_home)):
        raise MachineError("Nothing was erased.")
    _forget_in_hub(installed, name)
    # While the name is known: a command that was interrupted can be run again.
    removed = not keep_home and files.remove_home(places, name)
    copy = files.remove_before(places, name)
    erased = leavers.erase(workbench, name)
    kept = files.rename_home(places, name, erased.name) if keep_home else None
    click.echo(f"{name} is erased; {erased.name} stands in their place.")
    if removed:
        click.echo(f"Their home {places.homes / name} is removed.")
    if copy is not None:
        click.echo(f"What it was before `storage convert`, {copy}, is removed.")
    if kept is not None:
        click.echo(f"Their home is kept as {kept}; its files may still name them.")
    click.echo(
        f"{erased.sessions} sessions and {erased.events} events no longer tell whose they were."
    )
    click.echo(_KEPT.format(pseudonym=erased.pseudonym))
    _scrub(workbench)


def _scrub(workbench: Workbench) -> None:
    """Have nothing of it left in the database's file, or say that this is still to come."""
    from labwerk_hub.services import retention

    why = ""
    try:
        if retention.scrub(workbench):
            return
    except DatabaseError as error:
        why = f" ({error.message})"
    click.echo(_STILL_TO_COME.format(why=why))


def _question(person: Person, keep_home: bool) -> str:
    home = "" if keep_home else ", with all files of their home"
    return f"Erase {person.display_name} ({person.name}){home}? It cannot be taken back."


def _projects(workbench: Workbench, name: str) -> tuple[str, ...]:
    """The projects whose folders the person's sessions have."""
    from labwerk_hub.services import people as everybody

    person = everybody.find(workbench, name)
    if person is None:
        return ()
    try:
        return tuple(p.name for p in everybody.entitlement_of(workbench, person).projects)
    except KeyError:
        return ()  # their institution has left the settings


def _forget_in_hub(installed: Installed, name: str) -> None:
    """Have JupyterHub remove its user, with tokens and sign-in state.

    Raises MachineError if it does not answer: then nothing is erased yet.
    """
    from labwerk_hub.api.hub import Hub, HubUnreachableError
    from labwerk_hub.machine.files import read_stamp

    network = installed.settings.network
    url = f"http://{network.gateway}:{network.hub_port}/hub/api/"
    token = read_stamp(installed.places.secrets / "service_token")
    try:
        Hub(url, token).forget(name)
    except HubUnreachableError as error:
        raise MachineError(
            f"JupyterHub has a record of {name}, too, and cannot be asked to remove it "
            f"({error.message}) Nothing was erased; run the command again when `status` says "
            "that the hub runs."
        ) from error
