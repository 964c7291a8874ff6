"""Homes with a quota and snapshots, as a session's container and an operator see them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.install import Install
from support.person import Person

SignIn = Callable[[str], Person]
#: Runs inside the session: the error's name when so many MiB more are wanted, or nothing.
TAKE = """
import errno, os
def take(name, mib):
    with open(os.path.expanduser(name), "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, mib * 2**20)
        except OSError as error:
            return errno.errorcode[error.errno]
    return ""
def refused(change):
    try:
        change()
    except OSError as error:
        return errno.errorcode[error.errno]
    return ""
"""


def test_a_session_cannot_fill_more_than_its_home_may_hold(signed_in: SignIn) -> None:
    anna, luca = signed_in("anna"), signed_in("luca")
    anna.start("cpu-small")
    luca.start("cpu-small")
    with anna.kernel() as hers, luca.kernel() as his:
        assert hers.run(TAKE + "take('~/large.bin', 2048)") == "'EDQUOT'"
        assert his.run(TAKE + "take('~/mine.bin', 512)") == "''"
        assert hers.run("os.remove(os.path.expanduser('~/large.bin'))") == ""
        assert hers.run("take('~/fits.bin', 512)") == "''"
        hers.run("os.remove(os.path.expanduser('~/fits.bin'))")
        his.run("os.remove(os.path.expanduser('~/mine.bin'))")


def test_people_find_their_snapshots_in_a_session_that_runs(
    labwerk: Install, signed_in: SignIn
) -> None:
    anna = signed_in("anna")
    anna.start("cpu-small")
    with anna.kernel() as kernel:
        kernel.run(TAKE + "open(os.path.expanduser('~/story.txt'), 'w').write('first')")
        assert f"A snapshot of {anna.name} was taken." in labwerk.run(
            "storage", "snapshot", anna.name
        )
        kernel.run("open(os.path.expanduser('~/story.txt'), 'w').write('second')")
        newest = "(p := max(os.listdir('/snapshots')), f'/snapshots/{p}/story.txt')[1]"
        assert kernel.run(f"open({newest}).read()") == "'first'"
        for change in (
            f"open({newest}, 'w')",
            f"os.remove({newest})",
            "os.mkdir('/snapshots/mine')",
            "os.rmdir('/snapshots/' + max(os.listdir('/snapshots')))",
        ):
            assert kernel.run(f"refused(lambda: {change})") in {"'EROFS'", "'EPERM'"}, change


def test_an_operator_sees_who_holds_how_much(labwerk: Install, signed_in: SignIn) -> None:
    anna = signed_in("anna")
    anna.start("cpu-small")
    found = json.loads(labwerk.run("storage", "measure", "--json"))
    assert 0 < found["disk_free_bytes"] < found["disk_bytes"] <= 8 * 2**30
    (home,) = [folder for folder in found["folders"] if folder["name"] == anna.name]
    assert (home["kind"], home["how"], home["limit_bytes"]) == ("home", "enforced", 2**30)
    assert 0 < home["used_bytes"] < 2**29
    assert home["snapshots"] is not None
    assert anna.name in labwerk.run("storage", "list")


@pytest.mark.parametrize("command", [["snapshot", "thr--nobody"], ["snapshot", "../etc"]])
def test_a_home_that_there_is_not_is_named(labwerk: Install, command: list[str]) -> None:
    done = labwerk.command("storage", *command)
    assert done.returncode == 1
    assert f"There is no home of {command[1]!r}" in done.stderr
