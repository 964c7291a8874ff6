"""What the workbench says about a session and its datasets, beside its budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, overload

from labwerk import show
from labwerk.budgets import Budget, Payer
from labwerk.errors import UnknownDatasetError, UnknownFileError

Json = Mapping[str, Any]


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@dataclass(frozen=True)
class Use:
    """How busy a slice is; None where the hardware cannot say, which is not 0."""

    memory_used_mib: int | None
    processes: int | None
    utilisation: float | None
    """A share of one."""

    @classmethod
    def from_json(cls, value: Json) -> Use:
        """From the service's answer."""
        return cls(**{field.name: value[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Slice:
    """The part of a GPU that a session holds."""

    label: str
    gpu: str
    model: str
    profile: str
    units: int
    units_total: int
    memory_mib: int | None
    """None where the memory is not known."""
    simulated: bool
    """There is no such device: the slice is reserved and charged, but computes nothing."""
    shared_by: int
    """How many sessions may share it in time, this one included; memory is not kept apart."""
    use: Use | None
    """None where there is nothing to measure: the slice is simulated, or the driver is silent."""

    @classmethod
    def from_json(cls, value: Json) -> Slice:
        """From the service's answer."""
        plain = {field.name: value[field.name] for field in fields(cls) if field.name != "use"}
        return cls(**plain, use=Use.from_json(value["use"]) if value["use"] else None)


@dataclass(frozen=True)
class Session:
    """One running notebook server."""

    id: str
    flavour: str
    image: str
    slice: Slice | None
    cpus: float
    memory_gib: int
    started_at: datetime
    ends_at: datetime
    longest_ends_at: datetime
    """The end that no extension goes beyond."""
    extendable_until: datetime | None
    """The end that an extension would give now; None if there can be none."""
    refusal: str | None
    """Why there can be none now."""
    idle_since: datetime | None
    """Since when nothing has run; None while something does, or if there is no idle rule."""
    stops_at: datetime | None
    """When the session is stopped unless something runs; None if that is not to be expected."""
    problem: str | None
    """What is wrong with the GPU, in the reader's language."""
    waiting_behind: int
    """How many people wait for a slice like this one."""

    @classmethod
    def from_json(cls, value: Json) -> Session:
        """From the service's answer."""
        idle = value["idle"] or {"since": None, "stops_at": None}
        return cls(
            id=value["id"],
            flavour=value["flavour"]["title"],
            image=value["image"]["title"],
            slice=Slice.from_json(value["slice"]) if value["slice"] else None,
            cpus=value["cpus"],
            memory_gib=value["memory_gib"],
            started_at=datetime.fromisoformat(value["started_at"]),
            ends_at=datetime.fromisoformat(value["ends_at"]),
            longest_ends_at=datetime.fromisoformat(value["longest_ends_at"]),
            extendable_until=_moment(value["extension"]["until"]),
            refusal=value["extension"]["refusal"],
            idle_since=_moment(idle["since"]),
            stops_at=_moment(idle["stops_at"]),
            problem=value["problem"],
            waiting_behind=value["waiting_behind"],
        )

    def __repr__(self) -> str:
        return show.as_text(show.session_facts(self))

    def _repr_html_(self) -> str:
        return show.as_html(show.session_facts(self))


@dataclass(frozen=True)
class File:
    """One file of a dataset."""

    name: str
    format: str
    bytes: int


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset: what it is, whose, under which licence, where."""

    id: str
    title: str
    description: str
    institution: str
    version: str
    nature: str
    publisher: str
    origin: str
    licence: str
    steward: str
    path: Path
    files: tuple[File, ...]

    @classmethod
    def from_json(cls, value: Json) -> Dataset:
        """From the service's answer."""
        return cls(
            id=value["id"],
            title=value["title"],
            description=value["description"],
            institution=value["institution"]["title"],
            version=value["version"],
            nature=value["nature"],
            publisher=value["publisher"],
            origin=value["origin"],
            licence=f"{value['licence']['title']} ({value['licence']['spdx']})",
            steward=value["steward"],
            path=Path(value["path"]),
            files=tuple(
                File(file["name"], file["format"], file["bytes"]) for file in value["files"]
            ),
        )

    def file(self, name: str | None = None) -> File:
        """The file of this name; the only one if no name is given.

        Raises:
            UnknownFileError: there is no such file, or there are several.
        """
        if name is None and len(self.files) == 1:
            return self.files[0]
        for file in self.files:
            if file.name == name:
                return file
        raise UnknownFileError(self.id, name, [file.name for file in self.files])

    def __repr__(self) -> str:
        return show.as_text(show.dataset_facts(self))

    def _repr_html_(self) -> str:
        return show.as_html(show.dataset_facts(self))


class Datasets(Sequence[Dataset]):
    """The datasets of a session: a sequence, and a lookup by id."""

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self._datasets = tuple(datasets)

    @overload
    def __getitem__(self, key: int | str) -> Dataset: ...
    @overload
    def __getitem__(self, key: slice[Any, Any, Any]) -> Datasets: ...
    def __getitem__(self, key: int | str | slice[Any, Any, Any]) -> Dataset | Datasets:
        if isinstance(key, slice):
            return Datasets(self._datasets[key])
        if isinstance(key, int):
            return self._datasets[key]
        for dataset in self._datasets:
            if dataset.id == key:
                return dataset
        raise UnknownDatasetError(key, [dataset.id for dataset in self._datasets])

    def __len__(self) -> int:
        return len(self._datasets)

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self._datasets)

    def __repr__(self) -> str:
        return show.table_text(show.dataset_table(self))

    def _repr_html_(self) -> str:
        return show.table_html(show.dataset_table(self))


@dataclass(frozen=True)
class Overview:
    """The person's session, budget and datasets at one moment."""

    session: Session | None
    budget: Budget
    datasets: Datasets

    @classmethod
    def from_json(cls, value: Json) -> Overview:
        """From the service's answer."""
        return cls(
            session=Session.from_json(value["session"]) if value["session"] else None,
            budget=Budget.from_json(
                value["budget"], tuple(Payer.from_json(item) for item in value["payers"])
            ),
            datasets=Datasets([Dataset.from_json(item) for item in value["datasets"]]),
        )
