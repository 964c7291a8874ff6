"""The installation that a command is about: found by where we are installed, or by a file."""

from __future__ import annotations

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.errors import SettingsError
from labwerk_hub.machine.errors import MachineError
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.record import Origin

if TYPE_CHECKING:
    from labwerk_hub.settings import Settings

CHECKOUT_VARIABLE = "LABWERK_CHECKOUT"

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


def checkout() -> Path:
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


def own_state_or(file: Path | None) -> Path:
    """The state directory meant: of the file that is named, else our own."""
    own = _own_state() if file is None else None
    return own or state_of(settings_file(file))


def settings_file(file: Path | None) -> Path:
    """The settings file meant: the one that is named, else the one that `up` was run with."""
    if file is not None:
        return file
    if CHECKOUT_VARIABLE not in os.environ and (state := _own_state()) is not None:
        return Origin.read(Places(state).origin).settings
    return checkout() / "hub_config" / "labwerk.toml"


def state_of(file: Path) -> Path:
    """Where a settings file has Labwerk's state, even if other parts of it are at fault."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([f"{file}: there is no such file; name one with --settings."]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"{file}: cannot be read: {error}."]) from None
    machine = raw.get("machine", {})
    return Path(machine.get("state", "/var/lib/labwerk") if isinstance(machine, dict) else "")


def installation(file: Path | None, command: str) -> Installed:
    """The installation meant, even if its `up` has not come to an end yet."""
    from labwerk_hub.machine.up import origin_of
    from labwerk_hub.settings import load_settings

    root(command)
    places = Places(own_state_or(file))
    if not places.run.exists():
        raise MachineError(f"There is no Labwerk in {places.state}; `up` makes it.")
    if places.origin.exists():
        origin = Origin.read(places.origin)
    else:
        origin = origin_of(checkout(), settings_file(file), os.environ)
    os.environ.pop("DOCKER_HOST", None)
    if origin.engine:  # the engine that `up` used, whatever this shell says
        os.environ["DOCKER_HOST"] = origin.engine
    copy = places.settings if places.settings.exists() else origin.settings
    return Installed(places, load_settings(copy), origin)


def root(command: str) -> None:
    """Raise NotRootError unless we are root."""
    from labwerk_hub.machine.checks import require_root

    require_root(command)
