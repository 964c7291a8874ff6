"""What a site offers: flavours, images, projects, courses, datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from labwerk_hub.domain.budgets import Budget
from labwerk_hub.domain.people import Institution
from labwerk_hub.domain.texts import Localized


@dataclass(frozen=True)
class Flavour:
    """What people choose: a kind of slice, or none, with CPU and memory.

    ``slices`` maps a GPU model to the profile that serves the flavour; empty for a
    flavour without a GPU, whose seconds cost ``ticks`` each. A session first ends after
    ``default_hours`` (0: the longest), and is stopped when nothing ran in it for
    ``idle_minutes`` (0: never).
    """

    name: str
    title: Localized
    cpus: float
    memory_gib: int
    longest_hours: int
    slices: Mapping[str, str] = field(default_factory=dict)
    ticks: int = 0
    default_hours: int = 0
    idle_minutes: int = 0

    @property
    def needs_gpu(self) -> bool:
        """Whether a session of this flavour holds a slice."""
        return bool(self.slices)


@dataclass(frozen=True)
class Image:
    """A container image people can choose; ``tag`` is None until it is built.

    ``lacks`` says what it goes without as it was built here. A session with it needs
    ``memory_gib``, and ``for_gpus`` is whether it is made for flavours with a GPU alone.
    """

    name: str
    title: Localized
    description: Localized
    tag: str | None
    lacks: Localized | None = None
    memory_gib: int = 1
    for_gpus: bool = False


@dataclass(frozen=True)
class Project:
    """People of one or several institutions with a shared folder."""

    name: str
    title: Localized
    group: str


@dataclass(frozen=True)
class Course:
    """A course with its instructors' and its participants' groups and its dates."""

    name: str
    title: Localized
    institution: str
    instructors: str
    roster: str
    first_day: date
    last_day: date


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset version: ``source`` on this machine, its size in bytes."""

    name: str
    source: str
    size: int


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset with its descriptor."""

    institution: str
    name: str
    version: str
    title: Localized
    description: Localized
    nature: str
    publisher: str
    origin: str
    licence: str
    licence_title: str
    steward: str
    files: tuple[DataFile, ...]
    shared_with: tuple[str, ...]

    @property
    def id(self) -> str:
        """How people name it: ``institution/name``."""
        return f"{self.institution}/{self.name}"

    @property
    def path(self) -> str:
        """Where it appears in a session."""
        return f"/data/{self.institution}/{self.name}/{self.version}"


@dataclass(frozen=True)
class Catalogue:
    """Everything a site offers, as its settings say."""

    institutions: tuple[Institution, ...]
    projects: tuple[Project, ...]
    courses: tuple[Course, ...]
    flavours: tuple[Flavour, ...]
    images: Sequence[Image]
    datasets: tuple[Dataset, ...]
    #: Keys are the budgets' ids.
    budgets: Mapping[str, Budget] = field(default_factory=dict)

    def institution(self, name: str) -> Institution:
        """The institution called ``name``; KeyError if it left the settings."""
        for institution in self.institutions:
            if institution.name == name:
                return institution
        raise KeyError(name)

    def flavour(self, name: str) -> Flavour:
        """The flavour called ``name``; KeyError if it left the settings."""
        return {flavour.name: flavour for flavour in self.flavours}[name]

    def image(self, name: str) -> Image:
        """The image called ``name``; KeyError if there is none."""
        return {image.name: image for image in self.images}[name]
