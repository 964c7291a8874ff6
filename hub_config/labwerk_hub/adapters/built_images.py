"""Which images this machine holds: written by ``up``, read by hub and service."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ConfigDict

from labwerk_hub.domain.texts import Localized


class BuiltImage(BaseModel):
    """An image of images.toml; ``tag`` is None until it is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: Localized
    description: Localized
    tag: str | None
    #: What it goes without as it was built here.
    lacks: Localized | None = None
    #: The least memory of a session with it, in GiB.
    memory_gib: int = 1
    #: Whether it is made for flavours with a GPU alone.
    for_gpus: bool = False


class BuiltImages(BaseModel):
    """The content of ``images.json`` in the state directory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: tuple[BuiltImage, ...] = ()

    @classmethod
    def read(cls, state: Path) -> BuiltImages:
        """What was written last; empty before the first ``up``."""
        file = state / "images.json"
        if not file.exists():
            return cls()
        return cls.model_validate_json(file.read_text(encoding="utf-8"))

    def write(self, state: Path) -> None:
        """Replace the file whole, so that a reader never sees half of it."""
        # A name nobody can have prepared a link under: root writes into the system user's folder.
        with NamedTemporaryFile("w", encoding="utf-8", dir=state, delete=False) as temporary:
            temporary.write(self.model_dump_json(indent=1))
        Path(temporary.name).chmod(0o644)
        Path(temporary.name).replace(state / "images.json")
