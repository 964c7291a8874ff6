"""What ``up`` made on this machine outside its state directory.

Kept so that ``reset`` removes what is ours and nothing else. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from labwerk_hub.machine.files import write_whole


@dataclass(frozen=True)
class Made:
    """Things made by ``up``: Debian packages it installed, the system user it added."""

    packages: tuple[str, ...] = ()
    user: str = ""

    def with_packages(self, *names: str) -> Made:
        """The same with further packages."""
        return replace(self, packages=tuple(dict.fromkeys((*self.packages, *names))))

    @classmethod
    def read(cls, path: Path) -> Made:
        """The record in a file; an empty one if there is none."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        return cls(packages=tuple(map(str, raw["packages"])), user=str(raw["user"]))

    def write(self, path: Path) -> None:
        """Keep the record."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n", mode=0o600)


@dataclass(frozen=True)
class Origin:
    """Where an installation comes from: checkout, settings file, and the engine it uses.

    ``engine`` is ``DOCKER_HOST`` as it was for ``up``; empty for the usual socket.
    """

    checkout: Path
    settings: Path
    engine: str = ""

    @classmethod
    def read(cls, path: Path) -> Origin:
        """The origin kept in a file; FileNotFoundError if there is none."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(Path(raw["checkout"]), Path(raw["settings"]), str(raw["engine"]))

    def write(self, path: Path) -> None:
        """Keep the origin."""
        kept = {name: str(value) for name, value in asdict(self).items()}
        write_whole(path, json.dumps(kept, indent=1) + "\n")
