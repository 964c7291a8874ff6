"""What every storage must do for the services (the port ``Storage``).

The real one's owners, modes and mounts are tested with the root helper (unit tests).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.bootstrap import catalogue
from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.domain.quotas import Folder, FolderKind, How
from labwerk_hub.errors import StorageError
from labwerk_hub.services.ports import Storage
from labwerk_hub.settings import Settings
from support.accounts import person
from support.root_helper import folders_of, root_helper, settings_in
from support.simulated import FolderStorage

SESSION = "lw-0123456789ab"
ANNA = person()
HOME = Folder(FolderKind.HOME, ANNA.name)
ROTOR = Folder(FolderKind.PROJECT, "rotor")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def datasets(settings: Settings) -> tuple[Dataset, ...]:
    return catalogue(settings).datasets


@pytest.fixture(params=["helper", "folders"])
def storage(
    request: pytest.FixtureRequest,
    settings: Settings,
    datasets: tuple[Dataset, ...],
    tmp_path: Path,
) -> Iterator[Storage]:
    if request.param == "folders":
        yield FolderStorage(tmp_path, [p.name for p in settings.projects], datasets)
        return
    if os.geteuid() != 0:
        pytest.skip("mounts and owners need root")
    with folders_of(settings) as places, root_helper(settings):
        yield HelperStorage(places.state)


def test_a_home_is_made_once_and_what_is_in_it_stays(storage: Storage) -> None:
    home = Path(storage.prepare_home(ANNA))
    (home / "mine.txt").write_text("kept")
    assert Path(storage.prepare_home(ANNA)) == home
    assert (home / "mine.txt").read_text() == "kept"


def test_everybody_has_a_home_of_their_own(storage: Storage) -> None:
    ben = replace(ANNA, name="thr--ben", uid=200_001)
    assert storage.prepare_home(ANNA) != storage.prepare_home(ben)


def test_a_project_of_the_settings_has_a_folder_and_no_other_has(storage: Storage) -> None:
    folder = Path(storage.prepare_project("rotor"))
    assert folder.is_dir()
    assert storage.prepare_project("rotor") == str(folder)
    with pytest.raises(StorageError, match="no project 'secret'"):
        storage.prepare_project("secret")


def test_what_a_folder_holds_is_measured(storage: Storage) -> None:
    home = Path(storage.prepare_home(ANNA))
    storage.prepare_project("rotor")
    assert storage.folders() == [HOME, ROTOR]
    (before,) = storage.measure([HOME])
    (home / "results").mkdir()
    (home / "results" / "run.bin").write_bytes(os.urandom(3 * 2**20))
    (after,) = storage.measure([HOME])
    assert before.used_bytes is not None
    assert after.used_bytes is not None
    assert 3 * 2**20 <= after.used_bytes - before.used_bytes < 3 * 2**20 + 65536
    assert after.how is How.MEASURED


def test_a_folder_that_is_gone_is_left_out_of_a_measurement(storage: Storage) -> None:
    storage.prepare_project("rotor")
    assert [use.folder for use in storage.measure([HOME, ROTOR])] == [ROTOR]


def test_without_a_file_system_that_has_them_there_are_no_snapshots(storage: Storage) -> None:
    storage.prepare_home(ANNA)
    assert storage.snapshots_folder(ANNA.name) is None
    with pytest.raises(StorageError, match="snapshots"):
        storage.take_snapshot(ANNA.name, "2026-11-28T120000Z")


def test_a_session_sees_just_its_datasets_with_their_files(
    storage: Storage, datasets: tuple[Dataset, ...]
) -> None:
    first, *others = datasets
    top = Path(storage.open_data(SESSION, [first]))
    folder = top / first.institution / first.name / first.version
    assert {file.name for file in folder.iterdir()} == {file.name for file in first.files}
    for file in first.files:
        assert (folder / file.name).stat().st_size == file.size
    assert others
    assert not any((top / d.institution / d.name / d.version).exists() for d in others)


def test_a_session_without_datasets_has_a_folder_all_the_same(storage: Storage) -> None:
    assert list(Path(storage.open_data(SESSION, [])).iterdir()) == []


def test_opening_and_closing_can_be_repeated(
    storage: Storage, datasets: tuple[Dataset, ...]
) -> None:
    storage.close_data(SESSION)
    top = storage.open_data(SESSION, datasets)
    assert storage.open_data(SESSION, datasets) == top
    storage.close_data(SESSION)
    assert not Path(top).exists()
    storage.close_data(SESSION)


def test_a_dataset_that_there_is_not_is_refused_and_nothing_is_opened(
    storage: Storage, datasets: tuple[Dataset, ...]
) -> None:
    top = Path(storage.open_data(SESSION, []))
    storage.close_data(SESSION)
    unknown = replace(datasets[0], version="9")
    with pytest.raises(StorageError, match=f"no dataset {unknown.id} 9"):
        storage.open_data(SESSION, [*datasets, unknown])
    assert not top.exists()
