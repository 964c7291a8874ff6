"""What `up` says when it cannot go on: one sentence, a non-zero code, and no harm done."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.environment import REPOSITORY, variables
from support.install import PYTHON, Install
from support.settings import replaced

TMPFS = ["mount", "-t", "tmpfs", "-o", "size=2m", "labwerk-tests"]


def up(
    settings: Path, *, before: tuple[str, ...] = (), python: Path = PYTHON, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, str(python), "hub_config", "up", "--detach", "--settings", str(settings)],
        cwd=REPOSITORY,
        env=variables() | environment,
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.returncode != 0, done.stdout
    assert len(said) == 1, done.stderr
    assert said[0].endswith("."), said
    for word in words:
        assert word in said[0]


@pytest.fixture
def changed(labwerk: Install, tmp_path: Path) -> Iterator[Path]:
    """A copy of the install's settings, to be broken; afterwards the install still answers."""
    file = tmp_path / "labwerk.toml"
    file.write_text(labwerk.settings.read_text(encoding="utf-8"), encoding="utf-8")
    yield file
    assert httpx.get(f"{labwerk.url}/hub/health", timeout=60).status_code == 200
    assert up(labwerk.settings).returncode == 0


def set_value(file: Path, key: str, value: str | int) -> None:
    file.write_text(replaced(file.read_text(encoding="utf-8"), {key: value}), encoding="utf-8")


def test_a_broken_settings_file_is_refused_with_file_key_value_and_remedy(changed: Path) -> None:
    set_value(changed, "network.egress", "everywhere")
    assert_one_sentence(up(changed), str(changed), "network.egress", "everywhere", "open")


def test_all_faults_of_a_settings_file_are_told_at_once(changed: Path) -> None:
    set_value(changed, "network.egress", "everywhere")
    set_value(changed, "sessions.start_timeout", -3)
    done = up(changed)
    assert done.returncode != 0
    assert "network.egress" in done.stderr
    assert "sessions.start_timeout" in done.stderr


def test_an_unreachable_issuer_is_refused(changed: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret\n")
    set_value(changed, "sign_in.issuer", "http://127.0.0.1:9/")
    set_value(changed, "sign_in.client_secret_file", str(secret))
    assert_one_sentence(up(changed), "sign_in.issuer", "http://127.0.0.1:9/")


def test_a_taken_port_is_refused_with_who_has_it(changed: Path) -> None:
    with socket.create_server(("127.0.0.1", 18999)):
        set_value(changed, "network.public_port", 18999)
        assert_one_sentence(up(changed), "network.public_port", "18999")


def test_an_engine_that_does_not_answer_is_refused(changed: Path, tmp_path: Path) -> None:
    done = up(changed, DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    assert_one_sentence(done, "nobody.sock")


def test_an_engine_on_another_machine_is_refused(changed: Path) -> None:
    assert_one_sentence(up(changed, DOCKER_HOST="tcp://192.0.2.1:2375"), "DOCKER_HOST")


def test_who_is_not_root_is_told_so(changed: Path) -> None:
    changed.chmod(0o644)
    for folder in list(changed.parents)[:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    # The tests' own Python may lie in a folder that is closed to others.
    done = up(changed, before=as_nobody, python=Path("/usr/bin/python3"))
    assert_one_sentence(done, "root", "sudo")


@contextmanager
def mounted(place: Path) -> Iterator[Path]:
    place.mkdir()
    subprocess.run([*TMPFS, str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_refused_before_anything_is_half_done(changed: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "small") as small:
        set_value(changed, "machine.state", str(small / "state"))
        assert_one_sentence(up(changed), "state")
        assert list((small / "state").glob("*")) == []


def test_without_a_network_a_new_install_is_refused(changed: Path, tmp_path: Path) -> None:
    set_value(changed, "machine.state", str(tmp_path / "state"))
    settings = {"PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "2", "PIP_NO_CACHE_DIR": "1"}
    done = up(changed, before=("unshare", "--net"), **settings)
    assert_one_sentence(done, "log")
