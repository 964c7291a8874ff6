"""What the tests tell the referee, and read from it (see nvidia-container-runtime-hook)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from support.nvml import Driver


@dataclass(frozen=True)
class Verdict:
    """One start that the referee judged; ``refusal`` is empty when it agreed.

    ``remark`` says that another device was handed over (:meth:`Referee.misgive`), or why
    the container got no `nvidia-smi`.
    """

    time: float
    container: str
    devices: tuple[str, ...]
    refusal: str
    remark: str = ""


@dataclass(frozen=True)
class Device:
    """A device as the tests declare it: memory units of a GPU, or one for several to share."""

    gpu: str
    units: tuple[int, ...]
    shares: int = 1


class Referee:
    """The folder that the stand-in hook of the tests' engine works in."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["LABWERK_TESTS_REFEREE"])

    def declare(self, devices: Mapping[str, Device]) -> None:
        """Say which devices the machine has."""
        table = {name: asdict(device) for name, device in devices.items()}
        (self._folder / "devices.json").write_text(json.dumps(table))

    def drive(self, driver: Driver | None, *, shares: int = 1) -> None:
        """The machine also has what this stand-in driver has, at every moment.

        GPUs that are not cut may be held by so many ``shares`` at a time.
        """
        asked = {"folder": str(driver.folder), "shares": shares} if driver else {}
        (self._folder / "driver.json").write_text(json.dumps(asked))

    @contextmanager
    def misgive(self, swaps: Mapping[str, str]) -> Iterator[None]:
        """Hand over another device than the one that was asked for, as a broken hook might.

        ``*`` stands for whatever is asked for.
        """
        file = self._folder / "misgive.json"
        file.write_text(json.dumps(dict(swaps)))
        try:
            yield
        finally:
            file.unlink()

    def verdicts(self) -> list[Verdict]:
        """Every verdict of this run, oldest first."""
        file = self._folder / "verdicts.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        rows = [json.loads(line) for line in lines]
        return [
            Verdict(
                row["time"], row["container"], tuple(row["devices"]), row["refusal"], row["remark"]
            )
            for row in rows
        ]
