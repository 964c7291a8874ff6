"""What ``up`` says before it does anything: its needs and what it will change here.

Standard library only.
"""

from __future__ import annotations

import platform
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from labwerk_hub.machine import environment, filesystems, packages
from labwerk_hub.machine.errors import DiskFullError
from labwerk_hub.machine.places import Places

#: Free space in MiB that a first `up` needs below the state directory, for environment,
#: Node and downloads; and what is kept free for logs and databases afterwards.
FIRST_MIB = 2000
LATER_MIB = 100
#: Free space in MiB that building the base image takes where the engine keeps images.
IMAGE_MIB = 5000
#: Debian packages that building images from Debian's own packages needs.
IMAGE_PACKAGES = ("mmdebstrap",)


@dataclass(frozen=True)
class Ahead:
    """What a first `up` still has to change on this machine."""

    packages: tuple[str, ...]
    user: str
    environment: bool
    first: bool

    @property
    def anything(self) -> bool:
        """Whether there is anything to announce."""
        return bool(self.packages or self.user or self.environment)


def look_ahead(places: Places, checkout: Path, user: str, backing: str = "auto") -> Ahead:
    """See what is missing, changing nothing."""
    current = environment.is_current(places, checkout)
    wanted: list[str] = []
    if not current and environment.needs_venv_package():
        wanted.append("python3-venv")
    if shutil.which("dockerd") is None and not Path("/var/run/docker.sock").exists():
        wanted += ["docker.io", "iptables"]
    if shutil.which("iptables") is None and "iptables" not in wanted:
        wanted.append("iptables")
    if filesystems.needs_btrfs_tools(backing, places.state):
        wanted.append("btrfs-progs")
    if not places.images.exists():
        wanted += IMAGE_PACKAGES
    return Ahead(
        packages=tuple(name for name in wanted if not packages.is_installed(name)),
        user="" if _exists(user) else user,
        environment=not current,
        first=not places.origin.exists(),
    )


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def announcement(ahead: Ahead, places: Places, bridge: str) -> str:
    """The announcement as people read it."""
    if not ahead.anything:
        return f"Labwerk in {places.state}: nothing to install. Log: {places.up_log}"
    if not ahead.first and not ahead.packages and not ahead.user:
        return f"Labwerk in {places.state} is brought up to this checkout. Log: {places.up_log}"
    room = f"{FIRST_MIB / 1000:.1f} GB in {places.state}, {IMAGE_MIB / 1000:.0f} GB for images"
    lines = [
        "Labwerk will be set up on this machine.",
        f"  It needs   about {room}; 5 to 15 minutes.",
        f"  It makes   the folder {places.state}, with everything Labwerk keeps,",
    ]
    if ahead.packages:
        lines.append(f"             the Debian packages {', '.join(ahead.packages)},")
    if ahead.user:
        lines.append(f"             the system user {ahead.user} (no login),")
    if (system := _system()) != "Debian GNU/Linux 12":
        lines.insert(1, f"  It is tried on Debian 12; this is {system}.")
    lines += [
        f"             the network bridge {bridge} and firewall rules for it alone,",
        "             nothing else. `python3 hub_config reset` removes it again.",
        f"  Its log    {places.up_log}",
    ]
    return "\n".join(lines)


def _system() -> str:
    """The operating system's name and version."""
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return platform.system()
    return f"{told.get('NAME', 'Linux')} {told.get('VERSION_ID', '')}".strip()


def require_room(
    folder: Path,
    mib: int,
    what: str,
    remedy: str = "name another folder as machine.state in the settings",
) -> None:
    """Raise DiskFullError unless ``folder``'s disk has ``mib`` MiB free."""
    here = folder
    while not here.exists():
        here = here.parent
    free = shutil.disk_usage(here).free // 2**20
    if free < mib:
        raise DiskFullError(
            f"The disk of {folder} has {free} MiB free, and {what} needs {mib} MiB; make room, "
            f"or {remedy}."
        )
