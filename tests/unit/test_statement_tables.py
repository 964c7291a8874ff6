"""Statements for programs: CSV, JSON, and usage records that APEL takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from labwerk_hub.adapters.statements import Format, render, verify
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND
from labwerk_hub.domain.statement import Statement, sums_of
from support.environment import REPOSITORY
from support.statement_files import made_up, november_of, rows_of
from support.statements import Site, site_in

SCHEMA = json.loads((REPOSITORY / "tests/data/apel_accelerator_message.json").read_text("utf-8"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as found:
        yield found


@pytest.fixture
def november(site: Site) -> Statement:
    return november_of(site)


def test_the_csv_has_a_row_for_each_line_and_their_sum(site: Site, november: Statement) -> None:
    rows = rows_of(render(november, Format.CSV, site.names(november, "de")))
    assert [row["record"] for row in rows] == ["use"] * 3 + ["total"]
    rotor = next(row for row in rows if row["budget"] == "project/rotor")
    assert rotor["name"] == "Anna Müller"
    assert rotor["gpu_hours"] == "0.875000"
    assert rotor["hours"] == "7.000000"
    assert (rotor["month"], rotor["status"], rotor["sessions"]) == ("2026-11", "final", "1")
    assert rows[-1]["gpu_hours"] == "1.250000"
    assert {row["signature"] for row in rows} == {november.signature}


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    found, names = made_up(1, ('=HYPERLINK("https://evil.example","Anna, \n the first")',))
    rows = rows_of(render(found, Format.CSV, names))
    assert rows[0]["name"] == '\'=HYPERLINK("https://evil.example","Anna, \n the first")'


def test_the_json_says_what_is_signed_and_how_much_a_tick_is(
    site: Site, november: Statement
) -> None:
    written = json.loads(render(november, Format.JSON, site.names(november)))
    assert written["signature"] == november.signature
    assert written["statement"]["sums"]["ticks"] / written["ticks_per_gpu_hour"] == 1.25
    assert "Anna" not in json.dumps(written["statement"])


def test_usage_records_are_messages_that_apel_takes(site: Site, november: Statement) -> None:
    lines = render(november, Format.USAGE_RECORD, site.names(november)).splitlines()
    (message,) = [json.loads(line) for line in lines]
    jsonschema.validate(message, SCHEMA)
    records = message["UsageRecords"]
    assert len(records) == 2  # what ran without a GPU cost nothing
    for record in records:
        (line,) = [x for x in november.lines if record["AssociatedRecord"].endswith(
            f"{x.budget}/{x.person}/{x.flavour}")]  # fmt: skip
        assert record["FQAN"] == f"/thr/{line.budget}"
        assert record["GlobalUserName"] == line.person
        seconds = record["AvailableDuration"]
        assert seconds * 1000 == line.ms
        assert record["Count"] * seconds == pytest.approx(line.ticks / TICKS_PER_GPU_SECOND)
        assert record["ActiveDuration"] == (line.ms - line.idle_ms) // 1000


def test_more_records_than_a_message_takes_are_several_messages() -> None:
    found, names = made_up(2_500)
    content = render(found, Format.USAGE_RECORD, names)
    messages = [json.loads(line) for line in content.splitlines()]
    assert [len(message["UsageRecords"]) for message in messages] == [1000, 1000, 500]
    for message in messages:
        jsonschema.validate(message, SCHEMA)
    assert verify(content, lambda _institution, _month, _then: (found, names)).same


def test_what_lasted_less_than_a_second_is_a_record_all_the_same() -> None:
    found, names = made_up(1)
    brief = replace(found.lines[0], ms=3, ticks=1)
    short = replace(found, lines=(brief,), sums=sums_of([brief]))
    (record,) = json.loads(render(short, Format.USAGE_RECORD, names))["UsageRecords"]
    assert record["AvailableDuration"] == 1
    assert record["Count"] == pytest.approx(1 / TICKS_PER_GPU_SECOND, abs=1e-6)
