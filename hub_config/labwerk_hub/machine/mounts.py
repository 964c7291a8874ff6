"""Bind mounts below the state directory; needs root."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from labwerk_hub.errors import StorageError

#: What a dataset file never needs to be.
_READ_ONLY = "remount,bind,ro,nosuid,nodev,noexec"


def mount(*arguments: str | Path) -> None:
    """Run `mount`. Raises StorageError."""
    command("mount", *arguments)


def command(*words: str | Path) -> None:
    """Run a command. Raises StorageError with what it said last."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise StorageError(f"{' '.join(map(str, words))}: {done.stderr.strip() or 'failed'}.")


def mount_points(below: Path) -> list[Path]:
    """Everything mounted at or below a folder, the innermost last."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        # The kernel writes blanks and the like as octal escapes.
        point = Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]))
        if point == below or below in point.parents:
            found.append(point)
    return found


def ensure_shared(folder: Path) -> None:
    """Make a folder a shared mount of its own, so that containers see later mounts below it."""
    if folder not in mount_points(folder):
        mount("--bind", folder, folder)
        mount("--make-private", folder)
        mount("--make-shared", folder)


def bind_read_only(source: Path, target: Path, stage: Path) -> None:
    """Show ``source`` at ``target``, read-only from the first moment on.

    A bind mount becomes read-only in a second step, so it is made aside, on ``stage``
    (outside of any shared mount), and shown in its final place when it is done.
    """
    kind = stage / ("folder" if source.is_dir() else "file")
    mount("--bind", source, kind)
    try:
        mount("-o", _READ_ONLY, kind)
        mount("--bind", kind, target)
    finally:
        command("umount", kind)


def unmount_all(below: Path, *, keep_top: bool = False) -> None:
    """Unmount everything at and below a folder; what is in use goes when it is free."""
    for point in reversed(mount_points(below)):
        if not (keep_top and point == below):
            command("umount", "--lazy", point)
