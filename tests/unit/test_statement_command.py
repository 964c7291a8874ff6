"""`labwerk statement`: what it writes, lists and verifies."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.services import metering, openings
from labwerk_hub.services.ports import ContainerState, SessionContainer
from support.small_install import HOUR_MS, SmallInstall, install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="these commands are root's")

A_SMALL_ONE = Slice("fixed", "1g.10gb", 0, 1)


@pytest.fixture
def site(tmp_path: Path) -> SmallInstall:
    """Somebody ran a session for four hours from noon on and stopped it."""
    site = install(tmp_path)
    # Whatever time it is now, no midnight and no month's end is in between.
    today = site.workbench.clock().astimezone(site.settings.machine.zone)
    noon = today.replace(hour=12, minute=0, second=0, microsecond=0)
    bench = replace(site.workbench, clock=lambda: noon)
    openings.open_now(bench)
    lease = replace(site, workbench=bench).hold(A_SMALL_ONE)
    ran = SessionContainer(
        session=lease.session,
        person=lease.person,
        slice_label=A_SMALL_ONE.label,
        state=ContainerState.EXITED,
        created_ms=lease.intended_ms,
        started_ms=lease.intended_ms,
        finished_ms=lease.intended_ms + 4 * HOUR_MS,
    )
    with bench.database.writing() as tx:
        metering.close(bench, tx, lease.session, ran, EndReason.STOPPED)
    return site


def _month(site: SmallInstall) -> str:
    """This month at the site."""
    return f"{site.workbench.clock().astimezone(site.settings.machine.zone):%Y-%m}"


def test_it_writes_a_file_that_it_verifies(site: SmallInstall, tmp_path: Path) -> None:
    for form in ("pdf", "csv", "json", "usage-record"):
        file = tmp_path / f"november.{form}"
        made = site.run(
            "statement", "make", "thr", "--month", _month(site), "--format", form, "--to", str(file)
        )
        assert made.code == 0
        assert f"{file}: statement thr/{_month(site)}, signature" in made.text
        assert "It is preliminary" in made.text
        verified = site.run("statement", "verify", str(file))
        assert (verified.code, "as the ledger gives it" in verified.text) == (0, True)


def test_that_it_was_made_is_recorded_with_its_signature(site: SmallInstall) -> None:
    words = ("statement", "make", "thr", "--month", _month(site), "--format", "json", "--to", "-")
    signature = json.loads(site.run(*words).text)["signature"]
    with site.workbench.database.reading() as tx:
        told = tx.events.last_of(EventKind.STATEMENT)
    assert told is not None
    assert told.event is not None
    assert (told.event.actor, told.event.object) == ("root", f"thr/{_month(site)}")
    assert told.event.details["signature"] == signature
    # That it was handed out is no reason for another one.
    assert json.loads(site.run(*words).text)["signature"] == signature


def test_it_writes_to_the_terminal_in_the_language_asked_for(site: SmallInstall) -> None:
    words = ("statement", "make", "thr", "--month", _month(site), "--format", "json", "--to", "-")
    written = json.loads(site.run(*words, "--language", "fr").text)
    assert written["names"]["language"] == "fr"
    assert json.loads(site.run(*words).text)["names"]["language"] == "en"


def test_a_changed_file_is_said_to_differ_and_where(site: SmallInstall, tmp_path: Path) -> None:
    file = tmp_path / "november.csv"
    words = ("statement", "make", "thr", "--month", _month(site), "--format", "csv")
    site.run(*words, "--to", str(file))
    file.write_text(file.read_text("utf-8").replace("0.500000", "0.400000"), "utf-8")
    answer = site.run("statement", "verify", str(file))
    assert answer.code == 1
    assert f"{file} is not the statement thr/{_month(site)} that the ledger gives" in answer.text
    assert "gpu_hours: the file says 0.400000, the ledger 0.500000" in answer.text
    assert answer.text.startswith(f"{file} is preliminary, made at posting 2; the ledger is now at")


def test_a_preliminary_one_stays_right_while_the_month_goes_on(
    site: SmallInstall, tmp_path: Path
) -> None:
    file = tmp_path / "november.csv"
    words = ("statement", "make", "thr", "--month", _month(site), "--format", "csv")
    site.run(*words, "--to", str(file))
    site.run("budgets", "set", "institution/thr", "--gpu-hours", "300")
    answer = site.run("statement", "verify", str(file))
    assert answer.code == 0
    # At a month's end the next one is opened by the way: more than one posting.
    said = r"is preliminary, made at posting 2; the ledger is now at [3-9]\.\n"
    assert re.match(rf"{file} {said}{file}: the statement thr/", answer.text)


@pytest.mark.parametrize("content", [b"a,b\r\n1,2\r\n", b"%PDF-1.7 and no more", b"", b"{}"])
def test_a_file_that_is_no_statement_is_named(
    site: SmallInstall, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "november"
    file.write_bytes(content)
    answer = site.run("statement", "verify", str(file))
    assert (answer.code, answer.text.startswith(f"{file}: ")) == (1, True)


def test_the_list_names_what_can_be_made(site: SmallInstall) -> None:
    month = _month(site)
    assert site.run("statement", "list").text == f"{month}  thr  preliminary\n"
    (listed,) = json.loads(site.run("statement", "list", "--json").text)["statements"]
    assert (listed["institution"], listed["month"], listed["final"]) == ("thr", month, False)


def test_nothing_used_is_nothing_listed(tmp_path: Path) -> None:
    assert install(tmp_path).run("statement", "list").text == "Nothing was used yet.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["make", "tfr"], "There is no institution 'tfr'; there are thr."),
        (["make", "thr", "--month", "11/2026"], "'11/2026' is no month; write it like 2026-11."),
        (["make", "thr", "--month", "2099-01"], "2099-01 has not begun"),
        (["make", "thr", "--month", "2020-01"], "2020-01 was over before Labwerk began here"),
        (
            ["make", "thr", "--month", "THIS", "--to", "/no/such/folder/x.pdf"],
            "name another file with --to",
        ),
        (["verify", "/no/such/file.pdf"], "name a file that `statement make` wrote"),
    ],
)
def test_what_cannot_be_done_is_said(site: SmallInstall, words: list[str], said: str) -> None:
    answer = site.run("statement", *(_month(site) if word == "THIS" else word for word in words))
    assert answer.code == 1
    assert said in answer.text


def test_what_a_file_says_moves_nothing_on_the_terminal(site: SmallInstall, tmp_path: Path) -> None:
    file = tmp_path / "november.csv"
    words = ("statement", "make", "thr", "--month", _month(site), "--format", "csv")
    site.run(*words, "--to", str(file))
    file.write_text(file.read_text("utf-8").replace(",small,", ",sm\x1b[2Jall,"), "utf-8")
    answer = site.run("statement", "verify", str(file))
    assert (answer.code, "\x1b" in answer.text) == (1, False)
    assert "the file says sm [2Jall, the ledger nothing" in answer.text
