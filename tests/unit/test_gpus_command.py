"""The commands about the pool: the map, what a layout would give, reservations, the check."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from labwerk_hub.adapters.declared import models
from labwerk_hub.commands.gpu_map import as_text
from labwerk_hub.domain.gpu import Model, Slice, illegal
from labwerk_hub.domain.layouts import arrangements, maximal
from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.formats import moment
from labwerk_hub.services.gpu_map import gpu_map
from support.small_install import HOUR_MS, POOL, SmallInstall, install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="these commands are root's")

A_SMALL_ONE = Slice("fixed", "1g.10gb", 0, 1)
HALF = Slice("cut", "3g.40gb", 4, 4)


@pytest.fixture
def site(tmp_path: Path) -> SmallInstall:
    return install(tmp_path)


def _at(site: SmallInstall, **later: float) -> str:
    """A moment as somebody would type it, in the site's own zone."""
    then = (site.workbench.clock() + timedelta(**later)).astimezone(site.settings.machine.zone)
    # In the hour that an autumn night has twice, they would say which one they mean.
    return f"{then:%Y-%m-%d %H:%M%z}" if then.fold else f"{then:%Y-%m-%d %H:%M}"


def _reserve(site: SmallInstall, count: int, start: str, end: str, *more: str) -> str:
    words = ["--title", "Lesson", "--flavour", "small", "--group", "course", "--count", str(count)]
    return site.run("reservations", "add", *words, "--from", start, "--to", end, *more).text


def _never_installed(folder: Path) -> tuple[SmallInstall, Path]:
    """Settings with which there was no `up` yet, and their state folder, which is not there."""
    site = install(folder)
    absent = folder / "never"
    file = folder / "other.toml"
    file.write_text(site.file.read_text().replace(str(folder / "state"), str(absent)))
    return SmallInstall(file, site.settings, site.workbench), absent


# The map


def test_the_map_shows_every_gpu_with_as_many_columns_as_it_has_units(site: SmallInstall) -> None:
    lines = site.run("gpus").text.splitlines()
    assert lines[0].startswith("fixed  H100-80GB, simulated")
    assert lines[1].strip() == "│░░│░░│░░░░│░░░░░░░░│"
    bars = [line.replace("│", "").strip() for line in lines if "│" in line]
    assert [len(bar) for bar in bars] == [2 * 8, 2 * 8, 2 * 12, 2 * 4]
    assert "cut at start" in lines[3]
    assert "shared" in lines[9]


def test_the_map_says_who_holds_what_until_when_and_for_whom_it_is_kept(
    site: SmallInstall,
) -> None:
    lease = site.hold(A_SMALL_ONE)
    _reserve(site, 2, _at(site), _at(site, hours=2))
    text = site.run("gpus").text
    assert "│██│▒▒│" in text
    until = moment(from_ms(lease.ends_ms), "en", site.settings.machine.zone)
    assert f"1g.10gb@0 in use: thr--anna-1, small, until {until}" in text
    assert "1g.10gb@1 reserved" in text
    assert "Lesson, for course (rs-" in text


def test_the_map_tells_a_fault_and_a_session_whose_gpu_is_gone(site: SmallInstall) -> None:
    site.hold(HALF, "large")
    found = gpu_map(site.with_pool(POOL.replace('"cut"', '"new"')).workbench)
    text = click.unstyle(as_text(found, site.settings.machine.zone))
    assert "cut/3g.40gb@4 is in use, but there is no such GPU any more: thr--anna-1" in text
    broken = found.gpus[0].model_copy(update={"fault": "has fallen off the bus"})
    one = found.model_copy(update={"gpus": (broken,)})
    text = click.unstyle(as_text(one, site.settings.machine.zone))
    assert "fixed has fallen off the bus" in text
    assert "│××│××│××××│××××××××│" in text


def test_the_map_has_colours_for_a_terminal_only(site: SmallInstall) -> None:
    assert "\x1b" not in site.run("gpus").text
    assert "\x1b[32m" in as_text(gpu_map(site.workbench), site.settings.machine.zone)


def test_programs_read_the_map_as_json(site: SmallInstall) -> None:
    lease = site.hold(A_SMALL_ONE)
    gpus = json.loads(site.run("gpus", "--json").text)["gpus"]
    first = gpus[0]["places"][0]
    assert (first["profile"], first["start"], first["state"]) == ("1g.10gb", 0, "held")
    assert first["holder"]["session"] == lease.session
    assert [gpu["units"] for gpu in gpus] == [8, 8, 12, 4]


def test_the_map_of_settings_that_were_never_installed_is_the_pool_with_nothing_held(
    tmp_path: Path,
) -> None:
    site, absent = _never_installed(tmp_path)
    assert "│░░│░░│░░░░│░░░░░░░░│" in site.run("gpus").text
    assert not absent.exists(), "looking made something"


# What a layout would give


def test_a_layout_is_told_with_what_it_serves_and_what_nobody_could_use(
    site: SmallInstall,
) -> None:
    words = ["--gpu", "cut", "--layout", "3g.40gb@0,2g.20gb@4,1g.10gb@6", "--json"]
    (model,) = json.loads(site.run("gpus", "plan", *words).text)["models"]
    (layout,) = model["layouts"]
    assert layout["flavours"] == {"small": 1, "large": 1}
    assert layout["unusable_units"] == [7]
    assert layout["serving_no_flavour"] == ["2g.20gb"]
    profiles = models()["H100-80GB"].profiles
    expected = [profiles[name].memory_mib for name in ("3g.40gb", "2g.20gb", "1g.10gb")]
    assert layout["memory_mib"] == sum(mib or 0 for mib in expected)


def test_without_a_layout_each_that_serves_the_flavours_is_told_and_changes_nothing(
    site: SmallInstall,
) -> None:
    before = site.file.read_bytes(), site.run("gpus", "--json").text.partition("gpus")[2]
    found = json.loads(site.run("gpus", "plan", "--model", "H100-80GB", "--json").text)
    kinds = {tuple(sorted(layout["layout"])) for layout in found["models"][0]["layouts"]}
    assert ("3g.40gb@0", "3g.40gb@4") in kinds
    assert all(layout["ways"] >= 1 for layout in found["models"][0]["layouts"])
    words = ["--model", "H100-80GB", "--flavour", "small", "--flavour", "large", "--json"]
    both = json.loads(site.run("gpus", "plan", *words).text)["models"][0]["layouts"]
    assert both
    assert all(layout["flavours"]["small"] and layout["flavours"]["large"] for layout in both)
    assert (site.file.read_bytes(), site.run("gpus", "--json").text.partition("gpus")[2]) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--layout", "3g.40gb@2", "--gpu", "cut"], "3g.40gb cannot start at unit 2"),
        (["--layout", "3g.40gb@0,1g.10gb@3", "--gpu", "cut"], "1g.10gb@3 overlaps another slice"),
        (["--layout", "half", "--gpu", "cut"], "must read profile@start"),
        (["--gpu", "gone"], "is no GPU of this pool; there are fixed, cut, twelve, shared."),
        (["--model", "H1"], "is no model of the geometry table; there are A100-40GB"),
        (["--gpu", "cut", "--model", "A30-24GB"], "exclude each other"),
        (["--flavour", "cpu"], "no such flavour with a GPU; there are small, large, share."),
        (["--flavour", "small", "--gpu", "twelve"], "No GPU that was asked for can be cut"),
    ],
)
def test_what_cannot_be_planned_is_told_in_a_sentence(
    site: SmallInstall, words: list[str], sentence: str
) -> None:
    answer = site.run("gpus", "plan", *words)
    assert answer.code == 1
    assert sentence in answer.text


@pytest.mark.parametrize("model", models().values(), ids=lambda model: model.name)
def test_every_maximal_layout_is_found_once(model: Model) -> None:
    """78 for eight units and 5 for four or twelve, as NVIDIA's tables have them."""
    plain = [name for name in model.profiles if "+" not in name and "-" not in name]
    found = list(maximal(model, plain))
    assert len({frozenset(layout) for layout in found}) == len(found)
    assert len(found) == (78 if model.units == 8 else 5)
    for layout in found:
        assert illegal(model, layout) is None
    assert sum(ways for _, ways in arrangements(found)) == len(found)


# Reservations


def test_a_reservation_is_made_listed_and_given_up(site: SmallInstall) -> None:
    said = _reserve(site, 3, _at(site, days=1), _at(site, days=1, hours=2), "--release-after", "5")
    identifier = said.split()[0]
    assert "Lesson: 3 × small for course" in said
    (listed,) = json.loads(site.run("reservations", "list", "--json").text)["reservations"]
    assert listed["id"] == identifier
    assert len(set(listed["slices"])) == 3
    released = datetime.fromisoformat(listed["released"])
    assert released - datetime.fromisoformat(listed["from"]) == timedelta(minutes=5)
    assert f"Cancelled: {identifier}" in site.run("reservations", "cancel", identifier).text
    assert site.run("reservations", "list").text == "Nothing is kept for anybody.\n"
    again = site.run("reservations", "cancel", identifier)
    assert (again.code, again.text) == (
        1,
        f"No reservation '{identifier}' runs or is to come; there is none.",
    )


def test_a_time_without_a_zone_is_the_sites_and_one_with_a_zone_is_its_own(
    site: SmallInstall,
) -> None:
    year = site.workbench.clock().year + 1
    _reserve(site, 1, f"{year}-07-01 10:00", f"{year}-07-01T09:30:00Z")
    (listed,) = json.loads(site.run("reservations", "list", "--json").text)["reservations"]
    assert listed["from"] == f"{year}-07-01T08:00:00+00:00"
    assert listed["to"] == f"{year}-07-01T09:30:00+00:00"


def test_over_capacity_is_refused_with_the_figures_and_nothing_is_kept(site: SmallInstall) -> None:
    site.hold(A_SMALL_ONE, hours=8)
    start, end = _at(site, hours=1), _at(site, hours=3)
    _reserve(site, 2, start, end)
    said = _reserve(site, 9, start, end)
    assert said.startswith("Only 6 of the 9 asked for can be kept from ")
    assert "the pool has 9 of “Small GPU slice (small)”" in said
    assert "2 kept for other reservations then" in said
    assert "1 in the way of sessions that may last so long, the last of which ends" in said
    assert len(json.loads(site.run("reservations", "list", "--json").text)["reservations"]) == 1


def test_a_session_that_ends_before_is_not_in_the_way(site: SmallInstall) -> None:
    site.hold(A_SMALL_ONE, hours=1)
    assert "9 × small" in _reserve(site, 9, _at(site, hours=2), _at(site, hours=3))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"--flavour": "cpu"}, "uses no GPU, so there is nothing to keep"),
        ({"--flavour": "huge"}, "There is no flavour 'huge'; with a GPU there are small"),
        ({"--group": "institution:eth"}, "There is no institution 'eth'; there are thr."),
        ({"--group": "project:rotor"}, "here it is 'project-rotor'"),
        ({"--group": " "}, "is no group; name a provider's group"),
        ({"--count": "0"}, "0 slices cannot be kept"),
        ({"--title": " "}, "needs a title"),
        ({"--to": "2999-01-01 10:00"}, "is longer than the 31 days"),
        ({"--from": "2020-01-01 10:00", "--to": "2020-01-01 12:00"}, "would begin in the past"),
        ({"--to": "2020-01-01 10:00"}, "before it begins"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    site: SmallInstall, changed: dict[str, str], sentence: str
) -> None:
    usual = {
        "--title": "Lesson",
        "--flavour": "small",
        "--group": "course",
        "--count": "1",
        "--from": _at(site, hours=1),
        "--to": _at(site, hours=2),
    }
    words = [word for pair in (usual | changed).items() for word in pair]
    answer = site.run("reservations", "add", *words)
    assert answer.code == 1
    assert sentence in answer.text
    assert site.run("reservations", "list").text == "Nothing is kept for anybody.\n"


def test_a_date_that_cannot_be_read_is_told_with_one_that_can(site: SmallInstall) -> None:
    assert 'write it like "2026-11-24 10:00"' in _reserve(site, 1, "tomorrow", "later")


# Who waits


def test_the_waiting_list_is_in_the_order_of_service(site: SmallInstall) -> None:
    assert site.run("tickets").text == "Nobody waits.\n"
    lease = site.hold(HALF, "large")
    now = site.now_ms
    with site.workbench.database.writing() as tx:
        ticket = Ticket(
            id="tk-000000000001",
            person=lease.person,
            institution="thr",
            flavour="large",
            image="base",
            language="de",
            state=TicketState.WAITING,
            taken_ms=now - 60_000,
            first_expected_ms=now + HOUR_MS,
        )
        tx.tickets.add(ticket)
    assert "thr--anna-1, large, since" in site.run("tickets").text
    (listed,) = json.loads(site.run("tickets", "--json").text)["tickets"]
    assert (listed["id"], listed["state"]) == ("tk-000000000001", "waiting")


# The check


def _problems(site: SmallInstall) -> str:
    return site.run("check").text


def test_the_check_tells_sessions_and_reservations_whose_slices_are_gone(
    site: SmallInstall,
) -> None:
    lease = site.hold(A_SMALL_ONE)
    _reserve(site, 9, _at(site, days=1), _at(site, days=1, hours=2))
    text = _problems(site.with_pool(POOL.replace('"1g.10gb@0", ', "").replace('"cut"', '"new"')))
    held = f"thr--anna-1 holds 1g.10gb@0 of fixed with the session {lease.session}"
    assert f"{held}, but fixed cannot be cut into it any more; ask them to stop" in text
    assert "keeps 1g.10gb@6 of cut, but there is no GPU cut any more; cancel it" in text
    assert "keeps 1g.10gb@1 of fixed" not in text


def test_the_check_tells_a_driver_that_cannot_be_read(site: SmallInstall) -> None:
    library = site.file.with_name("libnvidia-ml.so.1")
    library.write_text("no library")
    pool = f'\n[pool]\nsource = "nvml"\nnvml_library = "{library}"\n'
    text = _problems(site.with_pool(POOL + pool))
    assert f"pool.nvml_library cannot be loaded: {library}" in text


def test_the_check_of_settings_that_were_never_installed_makes_no_database(
    tmp_path: Path,
) -> None:
    site, absent = _never_installed(tmp_path)
    assert "labwerk.sqlite" not in site.run("check").text
    assert not absent.exists()
