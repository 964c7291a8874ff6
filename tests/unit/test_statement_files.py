"""Statements as files, in every form: the same later, and whatever was changed is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub.adapters.statements import Format, UnreadableStatementError, render
from labwerk_hub.domain.statement import AsOf, Statement
from labwerk_hub.services.budget_decisions import set_budget
from support.statement_files import november_of, text_of, verdict_on
from support.statements import HOUR, Site, site_in


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as found:
        yield found


@pytest.fixture
def november(site: Site) -> Statement:
    return november_of(site)


@pytest.mark.parametrize("form", list(Format))
def test_the_same_month_gives_the_same_bytes_later(
    site: Site, november: Statement, form: Format
) -> None:
    first = render(november, form, site.names(november, "it"))
    site.used(site.person("Mira Conti", "thr"), 2)
    site.at(2027, 6, 1, 8)
    again = site.statement("2026-11")
    assert render(again, form, site.names(again, "it")) == first


@pytest.mark.parametrize("form", list(Format))
def test_what_was_written_is_what_the_ledger_gives(
    site: Site, november: Statement, form: Format
) -> None:
    content = render(november, form, site.names(november, "fr"))
    site.at(2027, 6, 1, 8)
    verdict = verdict_on(site, content)
    assert (verdict.form, verdict.same, verdict.note) == (form, True, None)


@pytest.mark.parametrize("form", list(Format))
def test_it_is_still_right_after_somebody_was_erased_and_nobody_is_named_any_more(
    site: Site, november: Statement, form: Format
) -> None:
    before = render(november, form, site.names(november))
    site.erase("thr--anna-mueller")
    assert verdict_on(site, before).same
    after = render(november, form, site.names(november))
    shown = text_of(after) if form is Format.PDF else after.decode()
    assert "Anna" not in shown
    assert november.lines[-1].person in shown


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.USAGE_RECORD])
def test_a_changed_number_is_found_and_located(
    site: Site, november: Statement, form: Format
) -> None:
    line = next(line for line in november.lines if line.budget == "project/rotor")
    right, wrong = {
        Format.CSV: (f",{line.ticks},", ",1,"),
        Format.JSON: (f'"ticks": {line.ticks},', '"ticks": 1,'),
        Format.USAGE_RECORD: ('"Count": 0.125', '"Count": 0.1'),
    }[form]
    content = render(november, form, site.names(november)).decode()
    assert right in content
    verdict = verdict_on(site, content.replace(right, wrong, 1).encode())
    assert len(verdict.differences) == 1
    assert "the file says" in verdict.differences[0]
    assert str(line.ticks) in verdict.differences[0] or "0.125" in verdict.differences[0]


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.USAGE_RECORD])
def test_a_changed_signature_is_found(site: Site, november: Statement, form: Format) -> None:
    content = render(november, form, site.names(november)).decode()
    verdict = verdict_on(site, content.replace(november.signature, "0" * 64).encode())
    assert any("ignature" in one for one in verdict.differences)


def test_a_row_that_was_left_out_is_found(site: Site, november: Statement) -> None:
    rows = render(november, Format.CSV, site.names(november)).split(b"\r\n")
    verdict = verdict_on(site, b"\r\n".join([rows[0], *rows[2:]]))
    assert verdict.differences
    assert all("the file says nothing" in one for one in verdict.differences)


@pytest.mark.parametrize("form", [Format.PDF, Format.CSV, Format.JSON])
def test_names_that_were_exchanged_are_said_though_they_change_no_figure(
    site: Site, november: Statement, form: Format
) -> None:
    names = site.names(november)
    (anna, first), (lukasz, second) = names.people.items()
    others = replace(names, people={anna: second, lukasz: first})
    verdict = verdict_on(site, render(november, form, others))
    assert verdict.same
    assert verdict.note is not None
    assert f"{anna} is “{second}” in it and “{first}” now" in verdict.note


def test_a_row_that_was_added_is_found(site: Site, november: Statement) -> None:
    rows = render(november, Format.CSV, site.names(november)).split(b"\r\n")
    verdict = verdict_on(site, b"\r\n".join([*rows[:2], rows[1], *rows[2:]]))
    assert verdict.differences
    assert all("the ledger nothing" in one for one in verdict.differences)


@pytest.mark.parametrize("form", list(Format))
def test_a_preliminary_one_is_made_anew_as_of_the_posting_that_it_names(
    site: Site, form: Format
) -> None:
    anna = site.person("Anna Müller", "thr", "p-rotor", "p-netz")
    lukasz = site.person("Łukasz Żółć", "thr")
    site.used(lukasz, 3)
    site.used(lukasz, 1, flavour="cpu")
    session = site.begin(anna, "project/netz")  # by terms, so that its month is reckoned by days
    site.clock.step(minutes=30)
    site.meter(session)
    early = site.statement("2026-11")
    content = render(early, form, site.names(early))
    assert verdict_on(site, content).same
    site.clock.step(minutes=30)
    site.meter(session)
    set_budget(site.workbench, None, "project/rotor", 70 * HOUR)
    site.used(lukasz, 1)
    verdict = verdict_on(site, content)
    assert verdict.differences == ()
    assert verdict.as_of == AsOf(early.heads.posting, early.heads.event)
    site.at(2027, 1, 1, 8)
    site.stop(anna)
    assert verdict_on(site, content).same
    more = replace(early, sums=replace(early.sums, sessions=7))
    lines = (replace(early.lines[0], ticks=2 * early.lines[0].ticks), *early.lines[1:])
    more = replace(more, lines=lines)
    assert not verdict_on(site, render(more, form, site.names(early))).same


def test_a_ledger_that_was_changed_is_found(site: Site, november: Statement) -> None:
    content = render(november, Format.PDF, site.names(november))
    with site.workbench.database.writing() as tx:
        connection = tx.connection  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE usage_sums SET ticks = ticks + 1 WHERE flavour='small'")
    verdict = verdict_on(site, content)
    assert any("ticks: the file says" in one for one in verdict.differences)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 and nothing else", "is not attached to it, or it is damaged"),
        (b'{"form": "labwerk-statement-1"}', "number: Field required"),
        (b'{"Type": "APEL-accelerator-message", "UsageRecords": []}', "Statement: Field required"),
        (b"day,hours\r\n2026-11-01,3\r\n", "its columns are not those"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'record,institution\r\n"' + b"x" * 200_000, "its columns are not those"),
    ],
)
def test_what_is_no_statement_is_said(site: Site, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableStatementError, match=re.escape(said)):
        verdict_on(site, content)


def _as_if_at(site: Site, form: Format, posting: int) -> bytes:
    """A preliminary statement that says that it was made at this posting."""
    site.used(site.person("Anna Müller"), 1)
    early = site.statement("2026-11")
    forged = replace(early, heads=replace(early.heads, posting=posting))
    return render(forged, form, site.names(early))


@pytest.mark.parametrize("number", [-1, 10**20, 10**40])
def test_a_posting_that_there_cannot_be_is_said(site: Site, number: int) -> None:
    for form in (Format.JSON, Format.USAGE_RECORD):
        with pytest.raises(UnreadableStatementError, match="is none that there can be"):
            verdict_on(site, _as_if_at(site, form, number))
    assert not verdict_on(site, _as_if_at(site, Format.CSV, number)).same


def test_a_usage_record_from_before_anything_was_charged_is_found(site: Site) -> None:
    verdict = verdict_on(site, _as_if_at(site, Format.USAGE_RECORD, 0))
    assert all("the ledger nothing" in one for one in verdict.differences)
    assert verdict.differences


@pytest.mark.parametrize("form", list(Format))
def test_every_form_has_a_type_and_an_ending(form: Format) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; .+)?", form.media_type)
    assert re.fullmatch(r"[a-z.-]+", form.suffix)
