"""Statements written as files, read again and verified."""

from __future__ import annotations

import csv
import io
import re

from labwerk_hub.adapters.statements import Verdict, verify
from labwerk_hub.domain.statement import AsOf, Heads, Line, Position, Statement, sums_of
from labwerk_hub.services.statement import Names
from pypdf import PdfReader

from support.statements import HOUR, Site

PEOPLE = ("Łukasz Żółć", "Nguyễn Thị Hương", "Γιώργος Παπαδόπουλος", "Юлия Мельник")


def november_of(site: Site) -> Statement:
    """What Anna and Łukasz used in November, which is over."""
    anna = site.person("Anna Müller", "thr", "p-rotor")
    lukasz = site.person("Łukasz Żółć", "thr")
    site.used(anna, 7, "project/rotor")
    site.used(lukasz, 3)
    site.used(lukasz, 4, flavour="cpu")
    site.at(2026, 12, 1, 8)
    return site.statement("2026-11")


def verdict_on(site: Site, content: bytes) -> Verdict:
    """What verifying says of a file on this site."""

    def made(institution: str, month: str, as_of: AsOf | None) -> tuple[Statement, Names]:
        anew = site.statement(month, institution, as_of)
        return anew, site.names(anew)

    return verify(content, made)


def text_of(content: bytes) -> str:
    """The words of a PDF, a blank between two of them."""
    pages = PdfReader(io.BytesIO(content)).pages
    return re.sub(r"\s+", " ", "\n".join(page.extract_text() for page in pages))


def rows_of(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV by their columns."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def made_up(lines: int, people: tuple[str, ...] = PEOPLE) -> tuple[Statement, Names]:
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
