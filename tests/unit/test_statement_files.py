"""Statements as files: what people and programs read in them, and how changed ones are found."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from labwerk_hub import formats
from labwerk_hub.adapters.statements import (
    Format,
    UnreadableStatementError,
    Verdict,
    render,
    verify,
)
from labwerk_hub.adapters.statements.sheet import sheet
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND
from labwerk_hub.domain.statement import AsOf, Heads, Line, Position, Statement, sums_of
from labwerk_hub.domain.texts import LANGUAGES
from labwerk_hub.services.budget_decisions import set_budget
from labwerk_hub.services.statement import Names
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, StreamObject
from support.environment import REPOSITORY
from support.statements import HOUR, Site, site_in

SCHEMA = json.loads((REPOSITORY / "tests/data/apel_accelerator_message.json").read_text("utf-8"))
PEOPLE = ("Łukasz Żółć", "Nguyễn Thị Hương", "Γιώργος Παπαδόπουλος", "Юлия Мельник")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as found:
        yield found


@pytest.fixture
def november(site: Site) -> Statement:
    """Anna's and Łukasz's November, which is over."""
    anna = site.person("Anna Müller", "thr", "p-rotor")
    lukasz = site.person("Łukasz Żółć", "thr")
    site.used(anna, 7, "project/rotor")
    site.used(lukasz, 3)
    site.used(lukasz, 4, flavour="cpu")
    site.at(2026, 12, 1, 8)
    return site.statement("2026-11")


def _verify(site: Site, content: bytes) -> Verdict:
    def made(institution: str, month: str, as_of: AsOf | None) -> tuple[Statement, Names]:
        anew = site.statement(month, institution, as_of)
        return anew, site.names(anew)

    return verify(content, made)


def _text(content: bytes) -> str:
    """The words of a PDF, a blank between two of them."""
    pages = PdfReader(io.BytesIO(content)).pages
    return re.sub(r"\s+", " ", "\n".join(page.extract_text() for page in pages))


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def _made_up(lines: int, people: tuple[str, ...] = PEOPLE) -> tuple[Statement, Names]:
    """A statement of as many lines, of people with these names."""
    persons = {f"p-{number:016x}": name for number, name in enumerate(people)}
    listed = tuple(
        Line("project/rotor", f"p-{n % len(people):016x}", f"flavour-{n:05}", HOUR, 0, 1000, 0, 1)
        for n in range(lines)
    )
    position = Position(
        "project/rotor", "2026-11", "2026-11-01", "2026-11-30", 10**9, 0, 0, 0, 0, lines * HOUR, 0
    )
    heads = Heads(7, "a" * 64, 9, "b" * 64)
    found = Statement(
        "thr", "2026-11", "Europe/Berlin", True, heads, (position,), listed, sums_of(listed)
    )
    named = Names("en", "Labwerk", "LABWERK", "TH Rhein", {"project/rotor": "Rotor"}, {}, persons)
    return found, named


# Every form


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
    verdict = _verify(site, content)
    assert (verdict.form, verdict.same, verdict.note) == (form, True, None)


@pytest.mark.parametrize("form", list(Format))
def test_it_is_still_right_after_somebody_was_erased_and_nobody_is_named_any_more(
    site: Site, november: Statement, form: Format
) -> None:
    before = render(november, form, site.names(november))
    site.erase("thr--anna-mueller")
    assert _verify(site, before).same
    after = render(november, form, site.names(november))
    shown = _text(after) if form is Format.PDF else after.decode()
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
    verdict = _verify(site, content.replace(right, wrong, 1).encode())
    assert len(verdict.differences) == 1
    assert "the file says" in verdict.differences[0]
    assert str(line.ticks) in verdict.differences[0] or "0.125" in verdict.differences[0]


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.USAGE_RECORD])
def test_a_changed_signature_is_found(site: Site, november: Statement, form: Format) -> None:
    content = render(november, form, site.names(november)).decode()
    verdict = _verify(site, content.replace(november.signature, "0" * 64).encode())
    assert any("ignature" in one for one in verdict.differences)


def test_a_row_that_was_left_out_is_found(site: Site, november: Statement) -> None:
    rows = render(november, Format.CSV, site.names(november)).split(b"\r\n")
    verdict = _verify(site, b"\r\n".join([rows[0], *rows[2:]]))
    assert verdict.differences
    assert all("the file says nothing" in one for one in verdict.differences)


def test_a_row_that_was_added_is_found(site: Site, november: Statement) -> None:
    rows = render(november, Format.CSV, site.names(november)).split(b"\r\n")
    verdict = _verify(site, b"\r\n".join([*rows[:2], rows[1], *rows[2:]]))
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
    assert _verify(site, content).same
    site.clock.step(minutes=30)
    site.meter(session)
    set_budget(site.workbench, None, "project/rotor", 70 * HOUR)
    site.used(lukasz, 1)
    verdict = _verify(site, content)
    assert verdict.differences == ()
    assert verdict.as_of == AsOf(early.heads.posting, early.heads.event)
    site.at(2027, 1, 1, 8)
    site.stop(anna)
    assert _verify(site, content).same
    more = replace(early, sums=replace(early.sums, sessions=7))
    lines = (replace(early.lines[0], ticks=2 * early.lines[0].ticks), *early.lines[1:])
    more = replace(more, lines=lines)
    assert not _verify(site, render(more, form, site.names(early))).same


def test_a_ledger_that_was_changed_is_found(site: Site, november: Statement) -> None:
    content = render(november, Format.PDF, site.names(november))
    with site.workbench.database.writing() as tx:
        connection = tx.connection  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE usage_sums SET ticks = ticks + 1 WHERE flavour='small'")
    verdict = _verify(site, content)
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
    ],
)
def test_what_is_no_statement_is_said(site: Site, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableStatementError, match=re.escape(said)):
        _verify(site, content)


# PDF


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_have_every_figure_in_each_language(
    site: Site, november: Statement, language: str
) -> None:
    content = render(november, Format.PDF, site.names(november, language))
    text = _text(content)
    comma = "." if language == "en" else ","
    # 7 and 3 hours of an eighth of a GPU.
    for hours in ("0.88", "0.38", "1.25", "14.00"):
        assert hours.replace(".", comma) in text
    for said in ("Anna Müller", "Łukasz Żółć", "TH Rhein", november.signature, "1/1"):
        assert said in text
    assert formats.month("2026-11", language) in text
    assert november.heads.posting_hash in text
    assert november.heads.event_hash in text
    assert str(PdfReader(io.BytesIO(content)).root_object["/Lang"]) == language


def test_a_statement_that_will_still_change_says_so(site: Site) -> None:
    site.used(site.person("Anna Müller"), 2)
    found = site.statement("2026-11")
    assert "Preliminary: the month is not over" in _text(
        render(found, Format.PDF, site.names(found))
    )


def test_a_month_in_which_nothing_was_used_says_so(site: Site) -> None:
    found = site.statement("2026-11")
    content = render(found, Format.PDF, site.names(found))
    assert "Nothing was used in this month." in _text(content)
    assert _verify(site, content).same


def test_a_long_table_goes_over_pages_with_its_heads_and_numbers_them() -> None:
    found, names = _made_up(200)
    pages = PdfReader(io.BytesIO(render(found, Format.PDF, names))).pages
    assert len(pages) > 4
    for number, page in enumerate(pages, 1):
        text = page.extract_text()
        assert f"{number}/{len(pages)}" in text
        if number < len(pages):
            assert "GPU-hours" in text
            assert "Rotor" in text  # whose budget it is


def test_names_of_other_scripts_are_shown() -> None:
    found, names = _made_up(len(PEOPLE))
    text = _text(render(found, Format.PDF, names))
    for name in PEOPLE:
        assert name in text


def test_a_name_that_the_font_lacks_is_shown_by_its_pseudonym() -> None:
    found, names = _made_up(2, ("王小明", "Anna Müller"))
    text = _text(render(found, Format.PDF, names))
    assert "Anna Müller" in text
    assert "p-0000000000000000" in text


def test_a_name_is_printed_and_never_read_as_markup() -> None:
    name = '#read("/etc/passwd") *x* $1$ \\ <a> "q"'
    found, names = _made_up(1, (name,))
    text = _text(render(found, Format.PDF, names))
    assert "read(" in text
    assert "root:" not in text


def test_the_file_is_for_archives_and_for_screen_readers(site: Site, november: Statement) -> None:
    reader = PdfReader(io.BytesIO(render(november, Format.PDF, site.names(november))))
    root = reader.root_object
    described = root["/Metadata"].get_object()
    assert isinstance(described, StreamObject)
    for said in (b"<pdfaid:part>3</pdfaid:part>", b"<pdfuaid:part>1</pdfuaid:part>"):
        assert said in described.get_data()
    kinds = set(_kinds(root["/StructTreeRoot"].get_object()))
    assert {"/H1", "/H2", "/Table", "/THead", "/TH", "/TD", "/L"} <= kinds


def _kinds(part: object) -> Iterator[str]:
    """The kinds of a structure tree's elements."""
    if isinstance(part, ArrayObject):
        for child in part:
            yield from _kinds(child.get_object())
    elif isinstance(part, DictionaryObject):
        if "/S" in part:
            yield str(part["/S"])
        if "/K" in part:
            yield from _kinds(part["/K"].get_object())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_of_a_tables_head_is_cut(site: Site, november: Statement, language: str) -> None:
    names = site.names(november, language)
    shown = _text(render(november, Format.PDF, names)).replace("\N{SOFT HYPHEN}", "").split()
    printed = sheet(november, names)
    for head in (*printed.budget_columns, *printed.use_columns):
        assert set(head.replace("\N{SOFT HYPHEN}", "").split()) <= set(shown)


def test_a_pdf_with_another_number_on_its_page_is_found(site: Site, november: Statement) -> None:
    names = site.names(november)
    more = replace(november, sums=replace(november.sums, ticks=10 * november.sums.ticks))
    set_anew = PdfWriter(clone_from=io.BytesIO(render(more, Format.PDF, names)))
    streams = (_resolved(part) for part in set_anew._objects)
    (attached,) = (part for part in streams if part.get("/Type") == "/EmbeddedFile")
    attached.set_data(render(november, Format.JSON, names))
    changed = io.BytesIO()
    set_anew.write(changed)
    verdict = _verify(site, changed.getvalue())
    assert len(verdict.differences) == 1
    assert verdict.differences[0].startswith("page 1: the file says")


def _resolved(part: object) -> StreamObject:
    """A stream of a PDF; one that has nothing in it for everything else."""
    return part if isinstance(part, StreamObject) else StreamObject()


def test_a_pdf_that_says_the_same_otherwise_is_told_from_the_one_that_is_written_here(
    site: Site, november: Statement
) -> None:
    content = render(november, Format.PDF, site.names(november))
    verdict = _verify(site, content + b"\n% signed for by the administration\n")
    assert verdict.same
    assert verdict.note is not None
    assert "another version wrote it" in verdict.note


# CSV and JSON


def test_the_csv_has_a_row_for_each_line_and_their_sum(site: Site, november: Statement) -> None:
    rows = _rows(render(november, Format.CSV, site.names(november, "de")))
    assert [row["record"] for row in rows] == ["use"] * 3 + ["total"]
    rotor = next(row for row in rows if row["budget"] == "project/rotor")
    assert rotor["name"] == "Anna Müller"
    assert rotor["gpu_hours"] == "0.875000"
    assert rotor["hours"] == "7.000000"
    assert (rotor["month"], rotor["status"], rotor["sessions"]) == ("2026-11", "final", "1")
    assert rows[-1]["gpu_hours"] == "1.250000"
    assert {row["signature"] for row in rows} == {november.signature}


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    found, names = _made_up(1, ('=HYPERLINK("https://evil.example","Anna, \n the first")',))
    rows = _rows(render(found, Format.CSV, names))
    assert rows[0]["name"] == '\'=HYPERLINK("https://evil.example","Anna, \n the first")'


def test_the_json_says_what_is_signed_and_how_much_a_tick_is(
    site: Site, november: Statement
) -> None:
    written = json.loads(render(november, Format.JSON, site.names(november)))
    assert written["signature"] == november.signature
    assert written["statement"]["sums"]["ticks"] / written["ticks_per_gpu_hour"] == 1.25
    assert "Anna" not in json.dumps(written["statement"])


# Usage records


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
    found, names = _made_up(2_500)
    content = render(found, Format.USAGE_RECORD, names)
    messages = [json.loads(line) for line in content.splitlines()]
    assert [len(message["UsageRecords"]) for message in messages] == [1000, 1000, 500]
    for message in messages:
        jsonschema.validate(message, SCHEMA)
    assert verify(content, lambda _institution, _month, _then: (found, names)).same


def test_what_lasted_less_than_a_second_is_a_record_all_the_same() -> None:
    found, names = _made_up(1)
    brief = replace(found.lines[0], ms=3, ticks=1)
    short = replace(found, lines=(brief,), sums=sums_of([brief]))
    (record,) = json.loads(render(short, Format.USAGE_RECORD, names))["UsageRecords"]
    assert record["AvailableDuration"] == 1
    assert record["Count"] == pytest.approx(1 / TICKS_PER_GPU_SECOND, abs=1e-6)


@pytest.mark.parametrize("form", list(Format))
def test_every_form_has_a_type_and_an_ending(form: Format) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; .+)?", form.media_type)
    assert re.fullmatch(r"[a-z.-]+", form.suffix)
