"""The first half of every command: from a bare Python to the installed ``labwerk``.

Standard library only; see ``hub_config/__main__.py``.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from labwerk_hub.errors import LabwerkError, SettingsError
from labwerk_hub.machine import announce, environment, locking
from labwerk_hub.machine.errors import MachineError, NotRootError
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.progress import Progress

_CHECKOUT = Path(__file__).resolve().parents[3]
_USAGE = """usage: python3 hub_config COMMAND [--settings FILE]

  up [--detach] [--images FILE]   set up what is missing, and start Labwerk
  down [--yes]          end sessions and stop Labwerk
  restart               start the programs anew; sessions live on
  status [--json]       show what runs
  logs [NAME] [--follow]
  check                 check the settings file and this machine; changes nothing
  gpus [--json]         show every GPU: what is free, in use, reserved or broken
  gpus plan             say what a layout of a GPU would give; changes nothing
  images list|build|bundle|load|prune|digest|bom|audit|new|lock
  mail test|list        try the mail server; show what waits to be sent
  tickets [--json]      show who waits
  reservations add|list|cancel
  budgets list|show|set|share|requests|grant|decline
  use [PERSON]          show what a person used in a month; without a name, all institutions
  statement make|list|verify
  storage list|measure|snapshot|convert
  audit verify|list|head
  people list|export|erase
  reset [--yes]         remove everything that `up` made
"""
#: Those that change nothing, and serve before anything is installed, too.
_LOOKING = ("check", "gpus")
#: Those of several parts: each has options of its own to explain.
_WITH_PARTS = (
    "gpus",
    "images",
    "mail",
    "tickets",
    "reservations",
    "budgets",
    "use",
    "statement",
    "storage",
    "audit",
    "people",
)
COMMANDS = ("up", "down", "restart", "status", "logs", "check", *_WITH_PARTS, "reset")
#: What a state directory may hold; anything else is not ours to touch.
_KNOWN = frozenset(
    [
        *("cache", "data", "datasets", "env", "envs", "homes", "hub.sqlite", "images.json"),
        *("jupyterhub_config.py", "labwerk.sqlite", "lock", "logs", "lost+found", "made.json"),
        *("node", "notebooks", "origin.json", "projects", "run", "secrets", "settings.toml"),
        *("snapshots", "volume", "volume.btrfs", "homes.before", "projects.before", "converting"),
    ]
)


@dataclass(frozen=True)
class Wanted:
    """What the first half needs of a settings file; the installed command checks it all."""

    state: Path
    user: str
    bridge: str
    backing: str


def main(arguments: Sequence[str]) -> NoReturn:
    """Carry out a command; ends with its exit code."""
    try:
        _main(list(arguments))
    except LabwerkError as error:
        sys.exit(error.message)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"The disk is full ({error.filename}); make room, then run the command again.")


def _main(arguments: list[str]) -> NoReturn:
    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        print(_USAGE)
        sys.exit(0 if command in ("", "-h", "--help") else 2)
    asks_for_help = not {"-h", "--help"}.isdisjoint(arguments)
    if asks_for_help and command not in _WITH_PARTS:
        print(_USAGE)
        sys.exit(0)
    wanted = _wanted(_settings_of(arguments))
    places = Places(wanted.state)
    is_installed = os.geteuid() == 0 and places.labwerk.exists()
    if asks_for_help and not is_installed:
        print(_USAGE)
        sys.exit(0)
    if command == "up":
        _up(wanted, places, arguments)
    if is_installed:
        _hand_over(places, arguments, {})
    if command in _LOOKING:
        _look_from_nothing(command, arguments)
    _nothing_there(command, wanted, as_json="--json" in arguments, yes="--yes" in arguments)


def _settings_of(arguments: Sequence[str]) -> Path:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--settings", type=Path)
    found, _ = parser.parse_known_args(arguments)
    return found.settings or _CHECKOUT / "hub_config" / "labwerk.toml"


def _wanted(file: Path) -> Wanted:
    """Read what the first half needs. Raises SettingsError if even that cannot be read."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError([f"{file}: there is no such file; name one with --settings."]) from None
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})."]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file}: is not UTF-8 text; save it as UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: is not valid TOML: {error}."]) from None
    machine, network = _table(file, raw, "machine"), _table(file, raw, "network")
    storage = _table(file, raw, "storage")
    state = machine.get("state", "/var/lib/labwerk")
    if not isinstance(state, str) or not Path(state).is_absolute():
        raise SettingsError(
            [f"{file}: machine.state = {state!r}: must be absolute, as /var/lib/labwerk is."]
        )
    return Wanted(
        state=Path(state),
        user=str(machine.get("user", "labwerk")),
        bridge=str(network.get("bridge", "labwerk")),
        backing=str(storage.get("backing", "auto")),
    )


def _table(file: Path, raw: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError([f"{file}: {name} = {table!r}: must be a table, [{name}]."])
    return table


def _up(wanted: Wanted, places: Places, arguments: list[str]) -> NoReturn:
    if os.geteuid() != 0:
        raise NotRootError(
            "`up` must be run as root, since it makes a system user, mounts and firewall rules; "
            "run it with sudo."
        )
    _refuse_foreign(places)
    ahead = announce.look_ahead(places, _CHECKOUT, wanted.user, wanted.backing)
    print(announce.announcement(ahead, places, wanted.bridge) + "\n", flush=True)
    room = announce.FIRST_MIB if ahead.first else announce.LATER_MIB
    announce.require_room(places.state, room, "Labwerk's own folder")
    places.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = locking.take(places)
    log = Log(places.up_log)
    with Progress(log).step("Private Python environment"):
        environment.ensure_environment(places, _CHECKOUT, log)
    _hand_over(places, arguments, locking.hand_on(lock))


def _refuse_foreign(places: Places) -> None:
    """Refuse a state directory that holds something else: `reset` would remove it."""
    if not places.state.is_dir() or places.origin.exists():
        return
    for entry in sorted(places.state.iterdir()):
        if entry.name not in _KNOWN and not entry.name.startswith("."):
            raise MachineError(
                f"machine.state = {str(places.state)!r}: the folder holds {entry.name}, which is "
                "not Labwerk's; name a folder of its own."
            )


def _hand_over(places: Places, arguments: list[str], handed: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    variables = {**os.environ, **handed, "LABWERK_CHECKOUT": str(_CHECKOUT)}
    os.execve(places.labwerk, [str(places.labwerk), *arguments], variables)


def _look_from_nothing(command: str, arguments: list[str]) -> NoReturn:
    """Look with an environment made for it and removed again, as looking changes nothing."""
    print(
        f"Labwerk is not installed here: `{command}` makes an environment for itself, a minute.",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory(prefix="labwerk-check-") as folder:
        places = Places(Path(folder))
        if environment.needs_venv_package():
            raise MachineError(
                f"{environment.choose_interpreter()} lacks the module ensurepip, so nothing "
                "can be looked at yet; run `apt-get install python3-venv`, or `up`, which does."
            )
        environment.ensure_environment(places, _CHECKOUT, Log(places.up_log))
        variables = {**os.environ, "LABWERK_CHECKOUT": str(_CHECKOUT)}
        status = os.spawnve(os.P_WAIT, places.labwerk, [str(places.labwerk), *arguments], variables)
    sys.exit(status)


def _nothing_there(command: str, wanted: Wanted, *, as_json: bool, yes: bool) -> NoReturn:
    """Answer for an installation that does not exist, or that we may not look into."""
    if os.geteuid() != 0:
        raise NotRootError(f"`{command}` must be run as root; run it with sudo.")
    if command == "status" and as_json:
        print('{"url": null, "ready": false, "engine": null, "programs": {}, "sessions": []}')
        sys.exit(0)
    if command == "reset" and wanted.state.is_dir():
        _remove_beginnings(Places(wanted.state), ask=not yes)
    print(f"There is no Labwerk in {wanted.state}; `up` makes it.")
    sys.exit(1 if command in ("restart", "logs", *_WITH_PARTS) else 0)


def _remove_beginnings(places: Places, *, ask: bool) -> NoReturn:
    """Remove what an `up` left that did not even come to an environment: files only."""
    _refuse_foreign(places)
    if (
        (places.state / "labwerk.sqlite").exists()
        or places.volume_file.exists()
        or (any(places.homes.glob("*")))
    ):
        # Sessions may still run in these homes: only the whole of `reset` ends them first.
        sys.exit(f"{places.state} holds people's files; run `up` once, then `reset`.")
    if ask and input(f"Remove {places.state}? [y/N] ").strip().lower() != "y":
        sys.exit("Nothing was removed.")
    shutil.rmtree(places.state)
    print("Everything that `up` made is removed.")
    sys.exit(0)
