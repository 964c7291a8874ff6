"""What `up` writes is whole, and its stamps tell what changed."""

from pathlib import Path

import pytest
from labwerk_hub.machine.errors import CommandError
from labwerk_hub.machine.files import (
    content_stamp,
    open_to_all,
    point_link,
    replace_folder,
    write_whole,
)
from labwerk_hub.machine.log import Log, telling_line
from labwerk_hub.machine.record import Made, Origin


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    write_whole(file, "new", mode=0o600)
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_what_a_crash_left_behind_does_not_stop_the_next_write(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_text("half")
    write_whole(tmp_path / "file", "whole")
    assert (tmp_path / "file").read_text() == "whole"


def test_a_link_moves_to_its_new_target(tmp_path: Path) -> None:
    point_link(tmp_path / "env", Path("envs/one"))
    point_link(tmp_path / "env", Path("envs/two"))
    assert (tmp_path / "env").readlink() == Path("envs/two")


def test_a_finished_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new"]


def test_a_stamp_follows_contents_and_names_but_not_byte_code(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.py").write_text("1")
    first = content_stamp([sources])
    (sources / "__pycache__").mkdir()
    (sources / "__pycache__" / "a.pyc").write_text("compiled")
    (sources / ".hidden").write_text("scratch")
    assert content_stamp([sources]) == first
    (sources / "a.py").write_text("2")
    second = content_stamp([sources])
    (sources / "a.py").rename(sources / "b.py")
    assert len({first, second, content_stamp([sources]), content_stamp([sources], "x")}) == 4


def test_a_file_in_a_closed_folder_is_not_open_to_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch(mode=0o644)
    tmp_path.chmod(0o700)
    assert not open_to_all(file)
    assert open_to_all(Path("/usr/bin/env"))


def test_the_log_holds_everything_a_command_printed(tmp_path: Path) -> None:
    log = Log(tmp_path / "logs" / "up.log")
    log.run(["sh", "-c", "echo out; echo err >&2"])
    written = log.path.read_text()
    assert "$ sh -c" in written
    assert "out\n" in written
    assert "err\n" in written


def test_a_failed_command_is_told_with_the_line_that_says_most(tmp_path: Path) -> None:
    log = Log(tmp_path / "up.log")
    with pytest.raises(CommandError) as raised:
        log.run(["sh", "-c", "echo ERROR: no room left; echo bye; exit 3"])
    assert raised.value.reason == "ERROR: no room left"
    assert raised.value.status == 3
    assert str(log.path) in raised.value.message


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        Log(tmp_path / "up.log").run(["/nowhere/pip"])


def test_a_bare_command_sees_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    log = Log(tmp_path / "up.log")
    log.run(["/usr/bin/env"], env={"KEPT": "yes"}, bare=True)
    assert "KEPT=yes" in log.path.read_text()
    assert "LEAKED" not in log.path.read_text()


def test_silence_has_a_telling_line_too() -> None:
    assert telling_line([]) == "it said nothing"


def test_what_up_made_and_where_it_came_from_are_kept(tmp_path: Path) -> None:
    record = tmp_path / "made.json"
    assert Made.read(record) == Made()
    made = Made(user="labwerk").with_packages("docker.io", "iptables").with_packages("iptables")
    made.write(record)
    assert Made.read(record) == Made(packages=("docker.io", "iptables"), user="labwerk")
    origin = Origin(Path("/checkout"), Path("/etc/labwerk.toml"), "unix:///run/docker.sock")
    origin.write(tmp_path / "origin.json")
    assert Origin.read(tmp_path / "origin.json") == origin
