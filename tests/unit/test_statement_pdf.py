"""Statements as PDF: what people read, in each language and script, and what archives keep."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from labwerk_hub import formats
from labwerk_hub.adapters.statements import Format, UnreadableStatementError, render
from labwerk_hub.adapters.statements.sheet import sheet
from labwerk_hub.domain.statement import Statement
from labwerk_hub.domain.texts import LANGUAGES
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, StreamObject
from support.statement_files import PEOPLE, made_up, november_of, text_of, verdict_on
from support.statements import Site, site_in


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path) as found:
        yield found


@pytest.fixture
def november(site: Site) -> Statement:
    return november_of(site)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_have_every_figure_in_each_language(
    site: Site, november: Statement, language: str
) -> None:
    content = render(november, Format.PDF, site.names(november, language))
    text = text_of(content)
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
    assert "Preliminary: the month is not over" in text_of(
        render(found, Format.PDF, site.names(found))
    )


def test_a_month_in_which_nothing_was_used_says_so(site: Site) -> None:
    found = site.statement("2026-11")
    content = render(found, Format.PDF, site.names(found))
    assert "Nothing was used in this month." in text_of(content)
    assert verdict_on(site, content).same


def test_a_long_table_goes_over_pages_with_its_heads_and_numbers_them() -> None:
    found, names = made_up(200)
    pages = PdfReader(io.BytesIO(render(found, Format.PDF, names))).pages
    assert len(pages) > 4
    for number, page in enumerate(pages, 1):
        text = page.extract_text()
        assert f"{number}/{len(pages)}" in text
        if number < len(pages):
            assert "GPU-hours" in text
            assert "Rotor" in text  # whose budget it is


def test_a_row_of_several_lines_stays_on_one_page() -> None:
    found, names = made_up(100, ("Beginn " + "Wilhelmine Friederike " * 5 + "Ende",))
    pages = PdfReader(io.BytesIO(render(found, Format.PDF, names))).pages
    words = [page.extract_text().split() for page in pages]
    assert sum(text.count("Beginn") for text in words) == 100
    assert all(text.count("Beginn") == text.count("Ende") for text in words)


def test_names_of_other_scripts_are_shown() -> None:
    found, names = made_up(len(PEOPLE))
    text = text_of(render(found, Format.PDF, names))
    for name in PEOPLE:
        assert name in text


def test_a_name_that_the_font_lacks_is_shown_by_its_pseudonym() -> None:
    found, names = made_up(2, ("王小明", "Anna Müller"))
    text = text_of(render(found, Format.PDF, names))
    assert "Anna Müller" in text
    assert "p-0000000000000000" in text


def test_a_name_is_printed_and_never_read_as_markup() -> None:
    name = '#read("/etc/passwd") *x* $1$ \\ <a> "q"'
    found, names = made_up(1, (name,))
    text = text_of(render(found, Format.PDF, names))
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
    shown = text_of(render(november, Format.PDF, names)).replace("\N{SOFT HYPHEN}", "").split()
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
    verdict = verdict_on(site, changed.getvalue())
    assert len(verdict.differences) == 1
    assert verdict.differences[0].startswith("page 1: the file says")


def _resolved(part: object) -> StreamObject:
    """A stream of a PDF; one that has nothing in it for everything else."""
    return part if isinstance(part, StreamObject) else StreamObject()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(b"/FlateDecode", b"/FlateEncode"), (b"/EF", b"/EG"), (b"/EmbeddedFiles", b"/EmbeddedFixes")],
)
def test_a_pdf_of_which_a_part_is_damaged_is_said_to_be_none(
    site: Site, november: Statement, right: bytes, wrong: bytes
) -> None:
    content = render(november, Format.PDF, site.names(november))
    assert right in content
    with pytest.raises(UnreadableStatementError, match="or it is damaged"):
        verdict_on(site, content.replace(right, wrong))


def test_a_pdf_that_says_the_same_otherwise_is_told_from_the_one_that_is_written_here(
    site: Site, november: Statement
) -> None:
    content = render(november, Format.PDF, site.names(november))
    verdict = verdict_on(site, content + b"\n% signed for by the administration\n")
    assert verdict.same
    assert verdict.note is not None
    assert "another version wrote it" in verdict.note
