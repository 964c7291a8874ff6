"""The engine's and the storage's ports without an engine and without root.

Both pass the contract tests that the real adapters pass (tests/contract); what they leave
out is what no service asks for.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.container import LABEL_INSTANCE, LABEL_PERSON, LABEL_SESSION, LABEL_SLICE
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.quotas import DiskUse, Folder, FolderKind, How
from labwerk_hub.errors import EngineUnreachableError, StorageError
from labwerk_hub.services.ports import ContainerState, SessionContainer

_NS_PER_MS = 1_000_000


@dataclass
class _Container:
    """A container; ``cores`` is how much of the processor it uses while it runs."""

    labels: Mapping[str, str]
    created_ms: int
    state: ContainerState = ContainerState.CREATED
    started_ms: int | None = None
    finished_ms: int | None = None
    cores: float = 0.001
    used_ns: int = 1_000_000
    used_to_ms: int = 0


class SimulatedEngine:
    """The Engine port over containers that are entries of a table.

    Times are ``clock``'s. ``instance`` tells this installation's containers from another's.
    """

    def __init__(self, clock: Callable[[], datetime], instance: str = "tests") -> None:
        self._clock = clock
        self._instance = instance
        self._containers: dict[str, _Container] = {}
        self._images: set[str] = set()
        self._devices: dict[str, frozenset[str]] = {}
        self._is_frozen = False
        self._lock = threading.RLock()

    # What the services ask for.

    def sessions(self) -> list[SessionContainer]:
        """All containers of this installation's sessions, running or not."""
        with self._answering() as containers:
            ours = [n for n, c in containers.items() if c.labels[LABEL_INSTANCE] == self._instance]
            return [found for name in ours if (found := self.session(name)) is not None]

    def session(self, session: str) -> SessionContainer | None:
        """One session's container; None if there is none."""
        with self._answering() as containers:
            found = containers.get(session)
            if found is None:
                return None
            return SessionContainer(
                session=found.labels[LABEL_SESSION],
                person=found.labels[LABEL_PERSON],
                slice_label=found.labels[LABEL_SLICE],
                state=found.state,
                created_ms=found.created_ms,
                started_ms=found.started_ms,
                finished_ms=found.finished_ms,
            )

    def stop(self, session: str) -> None:
        """Stop the container; nothing if it is gone or does not run."""
        with self._answering() as containers:
            found = containers.get(session)
            if found is not None and found.state is ContainerState.RUNNING:
                found.state, found.finished_ms = ContainerState.EXITED, to_ms(self._clock())

    def remove(self, session: str) -> None:
        """Remove the container; nothing if it is gone."""
        with self._answering() as containers:
            containers.pop(session, None)

    def has_image(self, tag: str) -> bool:
        """Whether the engine holds the image."""
        with self._answering():
            return tag in self._images

    def cpu_ns(self, session: str) -> int | None:
        """Processor time used since the start; None if it does not run."""
        with self._answering() as containers:
            found = containers.get(session)
            if found is None or found.state is not ContainerState.RUNNING:
                return None
            now_ms = to_ms(self._clock())
            found.used_ns += int(found.cores * (now_ms - found.used_to_ms) * _NS_PER_MS)
            found.used_to_ms = now_ms
            return found.used_ns

    def devices(self, session: str) -> frozenset[str] | None:
        """What a test says is seen inside; None if it said nothing, or nothing runs."""
        with self._answering():
            return self._devices.get(session)

    # What the hub does to an engine, and what happens to one.

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """A container that does not run yet."""
        with self._answering() as containers:
            assert name not in containers, f"there is a container {name} already"
            containers[name] = _Container(dict(labels), created_ms=to_ms(self._clock()))

    def start(self, name: str) -> None:
        """Run it."""
        with self._answering() as containers:
            now_ms = to_ms(self._clock())
            found = containers[name]
            found.state = ContainerState.RUNNING
            found.started_ms = found.used_to_ms = now_ms

    def kill(self, name: str) -> None:
        """It ends by itself, or by somebody who is not Labwerk."""
        self.stop(name)

    def compute(self, name: str, cores: float) -> None:
        """From now on it uses so many cores."""
        self.cpu_ns(name)
        self._containers[name].cores = cores

    def show_devices(self, name: str, *devices: str) -> None:
        """What is seen inside the container."""
        self._devices[name] = frozenset(devices)

    def have_image(self, tag: str) -> None:
        """From now on the engine holds the image."""
        self._images.add(tag)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The engine does not answer; containers run on."""
        self._is_frozen = True
        try:
            yield
        finally:
            self._is_frozen = False

    @contextmanager
    def _answering(self) -> Iterator[dict[str, _Container]]:
        if self._is_frozen:
            raise EngineUnreachableError("The container engine does not answer (simulated).")
        with self._lock:
            yield self._containers


class FolderStorage:
    """The Storage port over plain folders below ``top``; datasets are links, not mounts.

    It knows ``projects`` and ``datasets`` as the root helper knows those of the settings.
    A call named in ``failing`` raises StorageError; ``used``, ``limits`` and ``how`` are what
    a measurement says, and with ``has_snapshots`` snapshots are copies.
    """

    def __init__(
        self, top: Path, projects: Sequence[str] = (), datasets: Sequence[Dataset] = ()
    ) -> None:
        self._top = top
        self.projects = set(projects)
        self._known = frozenset((d.institution, d.name, d.version) for d in datasets)
        self.failing: set[str] = set()
        self.how = How.MEASURED
        self.used: dict[Folder, int | None] = {}
        self.limits: dict[Folder, int] = {}
        self.has_snapshots = False

    def prepare_home(self, person: Person) -> str:
        """The person's home, made; its path."""
        self._may("prepare_home")
        return self._folder("homes", person.name)

    def prepare_project(self, project: str) -> str:
        """A project's shared folder, made; its path."""
        self._may("prepare_project")
        if project not in self.projects:
            raise StorageError(f"There is no project {project!r}.")
        return self._folder("projects", project)

    def open_data(self, session: str, datasets: Sequence[Dataset]) -> str:
        """The parent of the session's /data with the datasets linked below; its path."""
        self._may("open_data")
        for dataset in datasets:
            if (dataset.institution, dataset.name, dataset.version) not in self._known:
                raise StorageError(f"There is no dataset {dataset.id} {dataset.version}.")
        top = Path(self._folder("data", session))
        for dataset in datasets:
            folder = top / dataset.institution / dataset.name / dataset.version
            folder.mkdir(parents=True, exist_ok=True)
            for file in dataset.files:
                link = folder / file.name
                if not link.is_symlink():
                    link.symlink_to(file.source)
        return str(top)

    def close_data(self, session: str) -> None:
        """Remove what open_data made; nothing if it is gone."""
        self._may("close_data")
        shutil.rmtree(self._top / "data" / session, ignore_errors=True)

    def folders(self) -> list[Folder]:
        """The homes and projects that there are."""
        self._may("folders")
        tops = {FolderKind.HOME: "homes", FolderKind.PROJECT: "projects"}
        return [
            Folder(kind, entry.name)
            for kind, top in tops.items()
            for entry in sorted((self._top / top).glob("*"))
        ]

    def measure(self, folders: Sequence[Folder]) -> list[DiskUse]:
        """What a test says that each holds, else what its files take up."""
        self._may("measure")
        return [
            DiskUse(
                folder,
                self.how,
                self.used[folder] if folder in self.used else self._walk(folder),
                self.limits.get(folder),
                self._snapshots(folder),
            )
            for folder in folders
            if folder in self.folders()
        ]

    def snapshots_folder(self, person: str) -> str | None:
        """The folder of a home's snapshots, where the test has any."""
        self._may("snapshots_folder")
        return self._folder("snapshots", person) if self.has_snapshots else None

    def take_snapshot(self, person: str, name: str) -> bool:
        """A copy."""
        self._may("take_snapshot")
        if not self.has_snapshots:
            raise StorageError("There are no snapshots (simulated).")
        shutil.copytree(self._top / "homes" / person, self._top / "snapshots" / person / name)
        return True

    def drop_snapshot(self, person: str, name: str) -> None:
        """Remove the copy."""
        self._may("drop_snapshot")
        shutil.rmtree(self._top / "snapshots" / person / name, ignore_errors=True)

    def _snapshots(self, folder: Folder) -> tuple[str, ...] | None:
        if not self.has_snapshots or folder.kind is not FolderKind.HOME:
            return None
        return tuple(sorted(e.name for e in (self._top / "snapshots" / folder.name).glob("*")))

    def _walk(self, folder: Folder) -> int:
        top = self._top / f"{folder.kind.value}s" / folder.name
        return sum(path.lstat().st_blocks * 512 for path in (top, *top.rglob("*")))

    def _folder(self, kind: str, name: str) -> str:
        folder = self._top / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def _may(self, call: str) -> None:
        if call in self.failing:
            raise StorageError(f"{call} has failed (simulated).")
