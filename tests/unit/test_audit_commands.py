"""`labwerk audit` and `labwerk people`, as an operator types them."""

from __future__ import annotations

import json
import os
import re
import resource
import zipfile
from pathlib import Path

import pytest
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.leases import EndReason
from labwerk_hub.machine import leavers as files
from labwerk_hub.services import audit, budget_requests, leavers, people
from support.small_install import SmallInstall, install
from support.tampering import Tamperer

ANNA = "thr--anna-1"


@pytest.fixture
def here(tmp_path: Path) -> SmallInstall:
    """Anna has signed in, and her session has ended."""
    made = install(tmp_path)
    lease = made.hold(Slice("fixed", "1g.10gb", 0, 1))
    audit.signed_in(made.workbench, ANNA)
    with made.workbench.database.writing() as tx:
        tx.leases.set_ended(lease.session, made.now_ms, EndReason.STOPPED)
        audit.session_ended(made.workbench, tx, lease.session, ANNA)
    return made


@pytest.fixture
def tamperer(here: SmallInstall) -> Tamperer:
    return Tamperer(here.settings.machine.state / "labwerk.sqlite")


def test_verify_says_how_much_there_is_and_the_heads(here: SmallInstall) -> None:
    answer = here.run("audit", "verify")
    assert answer.code == 0
    counted = "2 events, 0 postings and 0 decisions about budgets are as they were written."
    assert answer.text.startswith(f"{counted}\nevent 2 ")
    assert here.run("audit", "head").text == "\n".join(answer.text.splitlines()[1:]) + "\n"


def test_verify_locates_what_was_changed_and_fails(here: SmallInstall, tamperer: Tamperer) -> None:
    tamperer.does("UPDATE events SET at_ms = 0 WHERE id = 2")
    answer = here.run("audit", "verify")
    assert answer.code == 1
    assert answer.text.startswith("Event 2 does not follow from the one before: it was changed")
    told = here.run("audit", "verify", "--json")
    assert told.code == 1
    assert [f["row"] for f in json.loads(told.text)["findings"]] == ["2"]


def test_verify_wants_heads_that_are_some_and_finds_those_that_were(here: SmallInstall) -> None:
    here.run("budgets", "set", "institution/thr", "--gpu-hours", "300")
    of_chains = dict(line.split()[::2] for line in here.run("audit", "head").text.splitlines())
    assert list(of_chains) == ["event", "posting", "decision"]
    for head in of_chains.values():
        assert here.run("audit", "verify", "--head", head).code == 0
    missing = here.run("audit", "verify", "--head", of_chains["event"], "--head", "a" * 64)
    assert missing.code == 1
    assert missing.text.startswith("No event, posting or decision has the hash aaa")
    assert (
        "is no hash; it has 64 hexadecimal digits"
        in here.run("audit", "verify", "--head", "x").text
    )


def test_a_database_that_is_damaged_is_said_with_what_to_do(here: SmallInstall) -> None:
    here.workbench.database.close()  # type: ignore[attr-defined]
    file = here.settings.machine.state / "labwerk.sqlite"
    for log in file.parent.glob("labwerk.sqlite-*"):
        log.unlink()
    file.write_bytes(b"no database" * 1000)
    answer = here.run("audit", "verify")
    assert answer.code == 1
    said = "labwerk.sqlite: file is not a database; run `down`, then bring back a backup."
    assert answer.text.endswith(said)


def test_events_are_listed_by_person_kind_and_day(here: SmallInstall) -> None:
    lines = here.run("audit", "list").text.splitlines()
    assert [line.split()[0] for line in lines] == ["2", "1"]
    who = f"Anna Müller ({ANNA})"  # others may be called the same
    assert lines[0].endswith(f"{who}: The session lw-000000000001 was stopped.")
    stopped = here.workbench.clock().astimezone(here.settings.machine.zone)
    assert re.match(rf"2  {stopped:%Y-%m-%d} \d\d:\d\d:\d\d[+]\d\d:00  ", lines[0])
    assert here.run("audit", "list", "--person", ANNA).text.splitlines() == lines
    assert here.run("audit", "list", "--kind", "sign-in").text.splitlines() == lines[1:]
    assert here.run("audit", "list", "--since", "2999-01-01").text == "There is no such event.\n"
    shown = json.loads(here.run("audit", "list", "--json").text)["events"]
    assert [(event["kind"], event["who"]) for event in shown] == [
        ("stop", who),
        ("sign-in", who),
    ]


def test_the_list_names_budgets_by_their_ids_and_what_is_no_longer_kept(
    here: SmallInstall,
) -> None:
    for hours in ("300", "312.3456", "0.004"):
        here.run("budgets", "set", "institution/thr", "--gpu-hours", hours)
    lines = here.run("audit", "list", "--kind", "budget").text.splitlines()
    assert [line.partition(" was set to ")[2] for line in lines] == [
        f"{hours} GPU-hours from then on. [institution/thr]"
        for hours in ("0.004", "312.3456", "300")
    ]
    leavers.erase(here.workbench, ANNA)
    gone = here.run("audit", "list", "--kind", "sign-in").text
    assert gone.endswith(": What this was is no longer kept.\n")
    assert "(no longer kept): What" in gone


def test_what_somebody_wrote_passes_for_no_other_event(here: SmallInstall) -> None:
    anna = people.find(here.workbench, ANNA)
    assert anna is not None
    words = "Please.”\n9  2026-11-28 11:36:14+01:00  Labwerk: The budget was set to 99 GPU-hours."
    budget_requests.ask(here.workbench, anna, "institution/thr", words=words)
    (line,) = here.run("audit", "list", "--kind", "request").text.splitlines()
    assert " “Please.” 9 2026-11-28 11:36:14+01:00 Labwerk: " in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--person", "thr--nobody"), "signed in here; `people list` shows who has."),
        (("--since", "yesterday"), "'yesterday' is no date; write it like 2026-11-24."),
    ],
)
def test_a_list_of_what_cannot_be_says_why(
    here: SmallInstall, words: tuple[str, ...], said: str
) -> None:
    answer = here.run("audit", "list", *words)
    assert answer.code != 0
    assert said in answer.text


def test_content_that_somebody_removed_before_its_time_is_asked_about(
    here: SmallInstall, tamperer: Tamperer
) -> None:
    tamperer.tries(
        "UPDATE events SET content = NULL, salt = NULL, actor = NULL, subject = NULL,"
        " object = NULL WHERE id = 1"
    )
    answer = here.run("audit", "verify")
    assert answer.code == 0
    assert "(1 of them no longer with their content)" in answer.text
    assert "1 event (1) lost the content before `retention` lets it go" in answer.text
    assert json.loads(here.run("audit", "verify", "--json").text)["early"] == [1]


def test_people_are_listed(here: SmallInstall) -> None:
    assert here.run("people", "list").text == f"{ANNA}  Anna Müller\n"
    (row,) = json.loads(here.run("people", "list", "--institution", "thr", "--json").text)["people"]
    assert (row["name"], row["groups"]) == (ANNA, ["course"])
    unknown = here.run("people", "list", "--institution", "eth")
    assert "There is no institution 'eth'; there are thr." in unknown.text


def test_what_is_kept_is_given_out_to_whoever_asks(here: SmallInstall, tmp_path: Path) -> None:
    printed = json.loads(here.run("people", "export", ANNA).text)
    target = tmp_path / "anna.json"
    here.run("people", "export", ANNA, "--to", str(target))
    written = json.loads(target.read_text("utf-8"))
    assert printed["records"] == written["records"]
    assert [event["kind"] for event in written["events"]] == ["export", "export", "stop", "sign-in"]
    assert target.stat().st_mode & 0o777 == 0o600
    again = here.run("people", "export", ANNA, "--to", str(target))
    assert (again.code, again.text) == (1, f"{target} is there already; name a file that is not.")


def test_a_home_is_given_out_without_what_only_points_elsewhere(
    here: SmallInstall, tmp_path: Path
) -> None:
    home = here.settings.machine.state / "homes" / ANNA
    (home / "thesis").mkdir(parents=True)
    (home / "thesis" / "thesis.txt").write_text("…", encoding="utf-8")
    (home / os.fsdecode(b"Gr\xfc\xdfe.txt")).write_text("as an old program wrote it")
    (home / "passwords").symlink_to("/etc/shadow")
    (home / "machine").symlink_to("/etc", target_is_directory=True)
    os.mkfifo(home / "pipe")
    target = tmp_path / "anna.zip"
    answer = here.run("people", "export", ANNA, "--with-home", "--to", str(target))
    assert answer.text.endswith("links and the like, 2, are left out.\n")
    with zipfile.ZipFile(target) as archive:
        files = ["record.json", "home/Gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e.txt"]
        assert archive.namelist() == [*files, "home/thesis/thesis.txt"]
        assert archive.read("home/thesis/thesis.txt").decode() == "…"
        assert json.loads(archive.read("record.json"))["files"]["home"] == str(home)


def test_of_somebody_without_a_home_the_record_is_given_out(
    here: SmallInstall, tmp_path: Path
) -> None:
    target = tmp_path / "anna.zip"
    answer = here.run("people", "export", ANNA, "--with-home", "--to", str(target))
    assert answer.text == f"What is kept of {ANNA} is in {target}; they have no home.\n"
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["record.json"]


def test_a_file_that_cannot_be_written_to_its_end_is_not_left_behind(tmp_path: Path) -> None:
    home, target = tmp_path / "home", tmp_path / "anna.zip"
    home.mkdir()
    (home / "noise").write_bytes(os.urandom(1 << 16))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            files.write_archive(target, "{}", home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not target.exists()


def test_a_home_in_use_is_not_given_out(tmp_path: Path) -> None:
    busy = install(tmp_path)
    busy.hold(Slice("fixed", "1g.10gb", 0, 1))
    target = tmp_path / "anna.zip"
    answer = busy.run("people", "export", ANNA, "--with-home", "--to", str(target))
    assert answer.code == 1
    assert answer.text.startswith(f"{ANNA} has the session lw-000000000001; stop it first")
    assert not target.exists()


def test_nothing_is_erased_while_the_hub_cannot_be_asked(here: SmallInstall) -> None:
    home = here.settings.machine.state / "homes" / ANNA
    home.mkdir(parents=True)
    answer = here.run("people", "erase", ANNA, "--yes")
    assert answer.code == 1
    assert "Nothing was erased; run the command again when `status` says" in answer.text
    assert home.is_dir()
    assert people.find(here.workbench, ANNA) is not None


def test_nobody_is_erased_unasked(here: SmallInstall) -> None:
    assert here.run("people", "erase", ANNA).code != 0
    assert people.find(here.workbench, ANNA) is not None


def test_nobody_is_erased_while_they_work(tmp_path: Path) -> None:
    busy = install(tmp_path)
    busy.hold(Slice("fixed", "1g.10gb", 0, 1))
    answer = busy.run("people", "erase", ANNA, "--yes")
    assert answer.code == 1
    assert answer.text.startswith(f"{ANNA} has the session lw-000000000001; stop it first")
    assert people.find(busy.workbench, ANNA) is not None
