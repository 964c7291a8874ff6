"""What the workbench says about datasets, and how they look in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from labwerk import show
from labwerk.errors import UnknownDatasetError, UnknownFileError
from labwerk.texts import say, size


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
    def from_json(cls, value: Mapping[str, Any]) -> Dataset:
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
        return show.as_text(_facts(self))

    def _repr_html_(self) -> str:
        return show.as_html(_facts(self))


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
        return show.table_text(_table(self))

    def _repr_html_(self) -> str:
        return show.table_html(_table(self))


def _facts(dataset: Dataset) -> show.Facts:
    """One dataset's descriptor."""
    files = ", ".join(f"{file.name} ({size(file.bytes)})" for file in dataset.files)
    return show.Facts(
        dataset.title,
        (
            (say("Name"), dataset.id),
            (say("Institution"), dataset.institution),
            (say("Version"), dataset.version),
            (say("Nature"), nature(dataset.nature)),
            (say("Published by"), dataset.publisher),
            (say("Origin"), dataset.origin),
            (say("Licence"), dataset.licence),
            (say("Steward"), dataset.steward),
            (say("Path"), str(dataset.path)),
            (say("Files"), files),
        ),
        dataset.description,
    )


def _table(datasets: Datasets) -> show.Table:
    """One row a dataset: what to write, and what it is."""
    return show.Table(
        (say("Name"), say("Title"), say("Institution"), say("Nature"), say("Licence"), say("Size")),
        tuple(
            (
                dataset.id,
                dataset.title,
                dataset.institution,
                nature(dataset.nature),
                dataset.licence,
                size(sum(file.bytes for file in dataset.files)),
            )
            for dataset in datasets
        ),
        say("No dataset is shared with your institution yet."),
    )


def nature(word: str) -> str:
    """Where a dataset's values come from, in words."""
    words = {
        "measured": say("measured data"),
        "simulated": say("simulated data"),
        "synthetic": say("synthetic data"),
        "profiles": say("load profiles"),
    }
    return words.get(word, word)
