"""The commands; ``python3 hub_config`` makes their environment and hands over."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.audit import audit
from labwerk_hub.commands.budgets import budgets, use
from labwerk_hub.commands.images import images
from labwerk_hub.commands.installed import (
    Installed,
    checkout,
    installation,
    own_state_or,
    root,
    settings_file,
    settings_option,
    state_of,
    yes_option,
)
from labwerk_hub.commands.mail import mail
from labwerk_hub.commands.people import people
from labwerk_hub.commands.pool import gpus, tickets
from labwerk_hub.commands.reservations import reservations
from labwerk_hub.commands.statement import statement
from labwerk_hub.commands.storage import storage
from labwerk_hub.errors import LabwerkError
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Origin

if TYPE_CHECKING:
    from labwerk_hub.machine.progress import Progress
    from labwerk_hub.settings import Settings

_PROGRAMS = ("hub", "service", "helper", "proxy", "provider", "migrate", "settle")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def labwerk() -> None:
    """Labwerk: notebooks with slices of GPUs, run by the institutions themselves."""


_PARTS = (
    audit,
    budgets,
    gpus,
    images,
    mail,
    people,
    reservations,
    statement,
    storage,
    tickets,
    use,
)
for command in _PARTS:
    labwerk.add_command(command)


@labwerk.command()
@settings_option
@click.option("--detach", is_flag=True, help="Return when everything answers.")
@click.option(
    "--images",
    "bundle",
    type=click.Path(path_type=Path),
    help="A bundle of images to load instead of building them.",
)
def up(file: Path | None, detach: bool, bundle: Path | None) -> None:
    """Set up what is missing and start Labwerk."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine import up as setting_up

    origin = setting_up.origin_of(checkout(), settings_file(file), os.environ)
    places = Places(state_of(origin.settings))
    root("up")
    with locking.locked(places):
        settings = setting_up.bring_up(origin, _progress(places, done=1), bundle)
    click.echo(f"\nLabwerk answers at {settings.network.public_url}")
    if settings.sign_in.is_demo:
        click.echo("\nSign in as one of the demo's people:\n" + setting_up.demo_people(settings))
    if not detach:
        _stay(settings, places)


@labwerk.command()
@settings_option
@yes_option
def down(file: Path | None, yes: bool) -> None:
    """End sessions and stop Labwerk."""
    from labwerk_hub.machine import down as taking_down
    from labwerk_hub.machine import locking

    installed = installation(file, "down")
    with locking.locked(installed.places):
        _ask_about_sessions(installed, yes)
        log = _progress(installed.places).log
        for line in taking_down.take_down(
            installed.settings, installed.places, installed.engine, log
        ):
            click.echo(line)
    click.echo("Labwerk is down; homes, budgets and settings are kept.")


@labwerk.command()
@settings_option
def restart(file: Path | None) -> None:
    """Start the programs anew with the settings file as it is now; sessions live on."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine.restart import restart as start_anew

    installed = installation(file, "restart")
    origin = installed.origin if file is None else _with_settings(installed.origin, file)
    with locking.locked(installed.places):
        settings = start_anew(origin, _progress(installed.places, total=3))
    click.echo(f"\nLabwerk answers at {settings.network.public_url}")


@labwerk.command()
@settings_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(file: Path | None, as_json: bool) -> None:
    """Show what runs."""
    from labwerk_hub.machine import status as looking

    installed = installation(file, "status")
    found = looking.status(installed.settings, installed.places, installed.engine)
    click.echo(found.model_dump_json(indent=1) if as_json else looking.as_text(found))


@labwerk.command()
@click.argument("name", required=False)
@settings_option
@click.option("--follow", is_flag=True, help="Go on as lines come; Ctrl-C ends it.")
def logs(name: str | None, file: Path | None, follow: bool) -> None:
    """Show the end of a log: up, hub, service, proxy, helper, provider, supervisord or all."""
    places = installation(file, "logs").places
    known = {path.stem: path for path in sorted(places.logs.glob("*.log"))}
    if name is not None and name not in known:
        raise MachineError(f"There is no log {name!r}; there are {', '.join(known)}.")
    chosen = [known[name]] if name else list(known.values())
    command = ["tail", "-n", "40", *(["-F"] if follow else []), *map(str, chosen)]
    os.execvp(command[0], command)


@labwerk.command()
@settings_option
def check(file: Path | None) -> None:
    """Check the settings file, this machine and its GPUs; changes nothing."""
    from labwerk_hub.machine.checks import machine_problems
    from labwerk_hub.machine.pool import pool_problems_here
    from labwerk_hub.machine.up import refuse
    from labwerk_hub.settings import load_settings

    settings = load_settings(settings_file(file))
    places = Places(settings.machine.state)
    refuse([*machine_problems(settings, places), *pool_problems_here(settings)])
    click.echo(f"{settings.path} and this machine are fit for `up`.")


@labwerk.command()
@settings_option
@yes_option
@click.option("--keep-images", is_flag=True, help="Leave the images that were built.")
def reset(file: Path | None, yes: bool, keep_images: bool) -> None:
    """Remove everything `up` made: homes, budgets, networks, rules, images, the user."""
    from labwerk_hub.machine import down as taking_down
    from labwerk_hub.machine import locking

    root("reset")
    places = Places(own_state_or(file))
    whole = places.run.exists()
    with locking.locked(places):
        if whole:
            _ask_about_sessions(installation(file, "reset"), yes)
        if not yes and not click.confirm(
            f"Remove {places.state} with all homes, budgets and secrets for good?"
        ):
            raise MachineError("Nothing was removed.")
        if whole:
            installed = installation(file, "reset")
            log = _progress(places).log
            said = taking_down.take_down(
                installed.settings, places, installed.engine, log, keep_engine=True
            )
            said += taking_down.remove_everything(
                installed.settings, places, installed.engine, log, images=not keep_images
            )
        else:  # an `up` that did not come far: nothing of it runs
            said = taking_down.remove_beginnings(places)
    for line in (*said, "Everything that `up` made is removed."):
        click.echo(line)


@labwerk.command(hidden=True)
@click.argument("name", type=click.Choice(_PROGRAMS))
def run(name: str) -> None:
    """Run one of Labwerk's programs; the supervisor does that."""
    from labwerk_hub.machine.run import run as run_program

    run_program(name, Path(os.environ["LABWERK_SETTINGS"]))


def _with_settings(origin: Origin, file: Path) -> Origin:
    return Origin(origin.checkout, file.resolve(), origin.engine)


def _progress(places: Places, *, done: int = 0, total: int | None = None) -> Progress:
    from labwerk_hub.machine.log import Log
    from labwerk_hub.machine.progress import STEPS, Progress

    return Progress(Log(places.up_log), done=done, total=total or STEPS)


def _ask_about_sessions(installed: Installed, yes: bool) -> None:
    """Ask before sessions are ended, unless there are none or ``--yes`` was given."""
    from labwerk_hub.errors import EngineUnreachableError
    from labwerk_hub.machine.sessions import running_sessions

    if yes:
        return
    try:
        running = running_sessions(installed.places, installed.engine)
    except EngineUnreachableError:
        return  # nothing can be ended there
    people = ", ".join(session.person for session in running)
    if running and not click.confirm(f"Sessions run: {people}. End them?"):
        raise MachineError("Nothing was changed; sessions run on.")


def _stay(settings: Settings, places: Places) -> None:
    """Stay attached until Ctrl-C or until somebody else takes Labwerk down."""
    from labwerk_hub.machine.attached import stay

    click.echo("\nCtrl-C stops Labwerk's programs; sessions go on.")
    click.echo(stay(settings, places))


def _guarded(command: Callable[[], object]) -> int:
    """Run a command; every error of ours becomes its sentence and exit code 1."""
    try:
        command()
    except LabwerkError as error:
        click.echo(error.message, err=True)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = error.filename or "the state directory"
        click.echo(f"The disk is full ({where}); make room, then run the command again.", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nInterrupted; the same command goes on from here.", err=True)
        return 130
    return 0


def main() -> None:
    """Entry point."""
    sys.exit(_guarded(lambda: labwerk(prog_name="python3 hub_config", standalone_mode=False)))
