"""The command ``labwerk``; ``python3 hub_config`` makes its environment and hands over."""

from __future__ import annotations

import errno
import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.errors import LabwerkError, SettingsError
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Origin

if TYPE_CHECKING:
    from labwerk_hub.machine.progress import Progress
    from labwerk_hub.settings import Settings

CHECKOUT_VARIABLE = "LABWERK_CHECKOUT"
_PROGRAMS = ("hub", "service", "helper", "proxy", "provider", "migrate", "settle")

settings_option = click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path),
    help="The settings file; hub_config/labwerk.toml if none is named.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@dataclass(frozen=True)
class Installed:
    """An installation that `up` made: its settings as they run, where it came from."""

    places: Places
    settings: Settings
    origin: Origin

    @property
    def engine(self) -> str:
        """The engine's address."""
        from labwerk_hub.machine.engine import engine_host

        return engine_host({"DOCKER_HOST": self.origin.engine})


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def labwerk() -> None:
    """Labwerk: notebooks with slices of GPUs, run by the institutions themselves."""


@labwerk.command()
@settings_option
@click.option("--detach", is_flag=True, help="Return when everything answers.")
def up(file: Path | None, detach: bool) -> None:
    """Set up what is missing and start Labwerk."""
    from labwerk_hub.machine import locking
    from labwerk_hub.machine import up as setting_up

    origin = setting_up.origin_of(_checkout(), _settings_file(file), os.environ)
    places = Places(_state_of(origin.settings))
    _root("up")
    with locking.locked(places):
        settings = setting_up.bring_up(origin, _progress(places, done=1))
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

    installed = _installed(file, "down")
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

    installed = _installed(file, "restart")
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

    installed = _installed(file, "status")
    found = looking.status(installed.settings, installed.places, installed.engine)
    click.echo(found.model_dump_json(indent=1) if as_json else looking.as_text(found))


@labwerk.command()
@click.argument("name", required=False)
@settings_option
@click.option("--follow", is_flag=True, help="Go on as lines come; Ctrl-C ends it.")
def logs(name: str | None, file: Path | None, follow: bool) -> None:
    """Show the end of a log: up, hub, service, proxy, helper, provider, supervisord or all."""
    places = _installed(file, "logs").places
    known = {path.stem: path for path in sorted(places.logs.glob("*.log"))}
    if name is not None and name not in known:
        raise MachineError(f"There is no log {name!r}; there are {', '.join(known)}.")
    chosen = [known[name]] if name else list(known.values())
    command = ["tail", "-n", "40", *(["-F"] if follow else []), *map(str, chosen)]
    os.execvp(command[0], command)


@labwerk.command()
@settings_option
def check(file: Path | None) -> None:
    """Check the settings file and this machine; changes nothing."""
    from labwerk_hub.machine.checks import machine_problems
    from labwerk_hub.machine.up import refuse
    from labwerk_hub.settings import load_settings

    settings = load_settings(_settings_file(file))
    refuse(list(machine_problems(settings, Places(settings.machine.state))))
    click.echo(f"{settings.path} and this machine are fit for `up`.")


@labwerk.command()
@settings_option
@yes_option
@click.option("--keep-images", is_flag=True, help="Leave the images that were built.")
def reset(file: Path | None, yes: bool, keep_images: bool) -> None:
    """Remove everything `up` made: homes, budgets, networks, rules, images, the user."""
    from labwerk_hub.machine import down as taking_down
    from labwerk_hub.machine import locking

    _root("reset")
    places = Places(_own_state_or(file))
    whole = places.run.exists()
    with locking.locked(places):
        if whole:
            _ask_about_sessions(_installed(file, "reset"), yes)
        if not yes and not click.confirm(
            f"Remove {places.state} with all homes, budgets and secrets for good?"
        ):
            raise MachineError("Nothing was removed.")
        if whole:
            installed = _installed(file, "reset")
            log = _progress(places).log
            said = taking_down.take_down(installed.settings, places, installed.engine, log)
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


def _checkout() -> Path:
    """The checkout that `python3 hub_config` was run from, or that `up` once recorded."""
    if named := os.environ.get(CHECKOUT_VARIABLE):
        return Path(named)
    if (state := _own_state()) is not None:
        return Origin.read(Places(state).origin).checkout
    raise MachineError("Run `python3 hub_config up` from a checkout of Labwerk.")


def _own_state() -> Path | None:
    """The state directory that this very command is installed in."""
    for folder in Path(sys.prefix).parents:
        if Places(folder).origin.is_file():
            return folder
    return None


def _own_state_or(file: Path | None) -> Path:
    """The state directory meant: of the file that is named, else our own."""
    own = _own_state() if file is None else None
    return own or _state_of(_settings_file(file))


def _settings_file(file: Path | None) -> Path:
    if file is not None:
        return file
    if CHECKOUT_VARIABLE not in os.environ and (state := _own_state()) is not None:
        return Origin.read(Places(state).origin).settings
    return _checkout() / "hub_config" / "labwerk.toml"


def _state_of(file: Path) -> Path:
    """Where a settings file has Labwerk's state, even if other parts of it are at fault."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([f"{file}: there is no such file; name one with --settings."]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{file}: cannot be read: {error}."]) from None
    machine = raw.get("machine", {})
    return Path(machine.get("state", "/var/lib/labwerk") if isinstance(machine, dict) else "")


def _installed(file: Path | None, command: str) -> Installed:
    """The installation meant, even if its `up` has not come to an end yet."""
    from labwerk_hub.machine.up import origin_of
    from labwerk_hub.settings import load_settings

    _root(command)
    places = Places(_own_state_or(file))
    if not places.run.exists():
        raise MachineError(f"There is no Labwerk in {places.state}; `up` makes it.")
    if places.origin.exists():
        origin = Origin.read(places.origin)
    else:
        origin = origin_of(_checkout(), _settings_file(file), os.environ)
    os.environ.pop("DOCKER_HOST", None)
    if origin.engine:  # the engine that `up` used, whatever this shell says
        os.environ["DOCKER_HOST"] = origin.engine
    copy = places.settings if places.settings.exists() else origin.settings
    return Installed(places, load_settings(copy), origin)


def _with_settings(origin: Origin, file: Path) -> Origin:
    return Origin(origin.checkout, file.resolve(), origin.engine)


def _root(command: str) -> None:
    from labwerk_hub.machine.checks import require_root

    require_root(command)


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
    sys.exit(_guarded(lambda: labwerk(prog_name="labwerk", standalone_mode=False)))
