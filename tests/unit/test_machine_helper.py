"""The root helper: names in, folders and mounts out, and nothing beyond the state folder."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.storage import HelperStorage
from labwerk_hub.bootstrap import catalogue
from labwerk_hub.domain.catalogue import Dataset
from labwerk_hub.errors import StorageError
from labwerk_hub.machine import mounts
from labwerk_hub.machine.places import Places
from labwerk_hub.settings import Settings
from support.accounts import person
from support.root_helper import folders_of, root_helper, settings_in

SESSION = "lw-0123456789ab"
ANNA = person()

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and owners need root")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def places(settings: Settings) -> Iterator[Places]:
    with folders_of(settings) as found:
        (found.notebooks / "de").mkdir()
        (found.notebooks / "de" / "Willkommen.ipynb").write_text("{}")
        yield found


@pytest.fixture
def storage(settings: Settings, places: Places) -> Iterator[HelperStorage]:
    with root_helper(settings):
        yield HelperStorage(places.state)


@pytest.fixture
def datasets(settings: Settings) -> tuple[Dataset, ...]:
    return catalogue(settings).datasets


def test_a_new_home_belongs_to_its_person_and_welcomes_in_their_language(
    storage: HelperStorage,
) -> None:
    home = Path(storage.prepare_home(ANNA))
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (ANNA.uid, 0o700)
    assert (home / "Willkommen.ipynb").stat().st_uid == ANNA.uid


def test_a_home_is_never_written_into_again(storage: HelperStorage) -> None:
    home = Path(storage.prepare_home(ANNA))
    (home / "Willkommen.ipynb").unlink()
    (home / "mine.txt").write_text("kept")
    assert storage.prepare_home(ANNA) == str(home)
    assert [path.name for path in home.iterdir()] == ["mine.txt"]


def test_a_home_of_somebody_else_is_not_handed_out(storage: HelperStorage) -> None:
    storage.prepare_home(ANNA)
    with pytest.raises(StorageError, match="does not belong to user id 200001"):
        storage.prepare_home(replace(ANNA, uid=200001))


def test_a_link_in_the_place_of_a_home_is_refused(storage: HelperStorage, places: Places) -> None:
    (places.homes / ANNA.name).symlink_to("/etc")
    with pytest.raises(StorageError, match="does not belong"):
        storage.prepare_home(ANNA)


def test_a_user_id_that_is_not_ours_is_refused(storage: HelperStorage) -> None:
    with pytest.raises(StorageError, match="below machine"):
        storage.prepare_home(replace(ANNA, uid=0))


@pytest.mark.parametrize("name", ["../etc", "thr--../x", "thr", "thr--a--b/", "THR--Anna", ""])
def test_a_name_that_is_none_is_refused(storage: HelperStorage, name: str) -> None:
    with pytest.raises(StorageError, match="person"):
        storage.prepare_home(replace(ANNA, name=name))


def test_a_project_folder_is_open_to_whoever_has_it_mounted(storage: HelperStorage) -> None:
    folder = Path(storage.prepare_project("rotor"))
    command = ["sh", "-c", f"umask 077; cd {folder} 2>/dev/null; touch {folder}/shared"]
    subprocess.run(command, check=True)
    assert (folder / "shared").stat().st_mode & 0o666 == 0o666


def test_a_project_that_the_settings_do_not_have_is_refused(storage: HelperStorage) -> None:
    with pytest.raises(StorageError, match="no project 'geheim'"):
        storage.prepare_project("geheim")


def test_datasets_are_mounted_read_only_and_go_away(
    storage: HelperStorage, datasets: tuple[Dataset, ...]
) -> None:
    top = Path(storage.open_data(SESSION, datasets))
    beton = top / "thr" / "beton" / "1.0" / "beton_druckfestigkeit.csv"
    assert beton.read_bytes()[:6] == b"cement"
    with pytest.raises(OSError, match="Read-only"):
        beton.write_text("spoiled")
    storage.close_data(SESSION)
    assert not top.exists()
    storage.close_data(SESSION)


def test_opening_twice_mounts_once(storage: HelperStorage, datasets: tuple[Dataset, ...]) -> None:
    top = Path(storage.open_data(SESSION, datasets))
    before = mounts.mount_points(top)
    storage.open_data(SESSION, datasets)
    assert mounts.mount_points(top) == before
    storage.close_data(SESSION)


def test_mounts_outlive_the_helper(
    settings: Settings, places: Places, datasets: tuple[Dataset, ...]
) -> None:
    for last in (False, True):
        with root_helper(settings):
            storage = HelperStorage(places.state)
            if last:
                assert mounts.mount_points(places.data / SESSION)
                storage.close_data(SESSION)
            else:
                storage.open_data(SESSION, datasets)
    assert mounts.mount_points(places.data) == [places.data]


def test_an_unknown_dataset_is_refused_and_nothing_is_mounted(
    storage: HelperStorage, places: Places, datasets: tuple[Dataset, ...]
) -> None:
    with pytest.raises(StorageError, match="no dataset iwe/windpark 9"):
        storage.open_data(SESSION, [*datasets, replace(datasets[0], version="9")])
    assert not (places.data / SESSION).exists()


def test_a_session_name_that_is_a_path_is_refused(storage: HelperStorage) -> None:
    with pytest.raises(StorageError, match="session"):
        storage.close_data("../../etc")


def test_what_is_no_call_is_refused_in_a_sentence(storage: HelperStorage, places: Places) -> None:
    storage.ping()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(places.helper_socket))
        connection.sendall(b'{"call": "run", "command": "id"}\n')
        answer = json.loads(connection.makefile().readline())
    assert answer["problem"].startswith("The root helper refuses the call")


def test_others_on_the_machine_get_no_answer(places: Places, storage: HelperStorage) -> None:
    storage.ping()
    places.helper_socket.chmod(0o666)
    for folder in (places.run, places.state, *places.state.parents):
        folder.chmod(folder.stat().st_mode | 0o001)
    ask = (
        "import socket; s = socket.socket(socket.AF_UNIX); "
        f"s.connect({str(places.helper_socket)!r}); "
        's.sendall(b\'{"call": "ping"}\\n\'); print(s.recv(100))'
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", ask],
        user="daemon", group="daemon", extra_groups=[], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "path" not in done.stdout
    assert done.stdout.strip() in ("b''", "") or done.returncode != 0


def test_a_helper_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not answer"):
        HelperStorage(tmp_path).ping()
