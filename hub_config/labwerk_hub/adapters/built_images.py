"""Which images this machine holds.

Written by ``up`` and the commands about images; hub and service read it anew when it changes,
so that an image is offered as soon as it is there and nothing has to be restarted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import overload

from pydantic import BaseModel, ConfigDict

from labwerk_hub.domain.catalogue import Image
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


class ImagesHere(Sequence[Image]):
    """The images of an installation as they are now, for the catalogue."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._known: tuple[tuple[int, int] | None, tuple[Image, ...]] = (None, ())

    def _now(self) -> tuple[Image, ...]:
        # The file is replaced whole, so another one has another number.
        try:
            found = (self._state / "images.json").stat()
        except FileNotFoundError:
            return ()
        version = (found.st_ino, found.st_mtime_ns)
        if self._known[0] != version:
            built = BuiltImages.read(self._state).images
            self._known = version, tuple(Image(**dict(image)) for image in built)
        return self._known[1]

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | Sequence[Image]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())
