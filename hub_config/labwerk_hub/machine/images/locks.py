"""Lock files: which wheels an image holds, and which of them it adds to the one below.

They are what ``uv pip compile --generate-hashes`` writes: ``name==version`` and its hashes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from labwerk_hub.machine.images.catalogue import ImageError

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")


@dataclass(frozen=True)
class Pin:
    """One locked package; ``text`` is its lines in the file, with the hashes."""

    name: NormalizedName
    version: str
    text: str


def read_lock(file: Path) -> Mapping[NormalizedName, Pin]:
    """The packages of a lock file by name."""
    pins: dict[NormalizedName, Pin] = {}
    lines: list[str] = []
    for line in [*file.read_text(encoding="utf-8").splitlines(), "end"]:
        if line.startswith("#") or (line.startswith(" ") and line.lstrip().startswith("#")):
            continue
        if not line.startswith(" ") and lines:
            found = _PIN.match(lines[0])
            if found is None:
                raise ImageError(f"{file}: {lines[0]!r}: must be name==version with its hashes.")
            name = canonicalize_name(found[1])
            pins[name] = Pin(name, found[2], "\n".join(lines))
            lines = []
        if line.strip():
            lines.append(line)
    return pins


def added(lock: Path, below: Sequence[Path] = ()) -> tuple[Pin, ...]:
    """What ``lock`` has beside the lock files of the images below it, sorted by name.

    Raises :class:`ImageError` where both have a package in two versions: the image would
    hold it twice, and the lower one for nothing.
    """
    lower = {name: (pin, file) for file in below for name, pin in read_lock(file).items()}
    found = []
    for name, pin in sorted(read_lock(lock).items()):
        there, file = lower.get(name, (None, lock))
        if there is not None and there.version != pin.version:
            raise ImageError(
                f"{lock}: {name} = {pin.version}: {file} below it has {there.version}; make "
                "the lock file anew with `images lock`, which keeps to that one."
            )
        if there is None:
            found.append(pin)
    return tuple(found)
