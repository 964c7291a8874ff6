"""A statement as PDF: A4, in one of the four languages, for people and for their archives.

Typst sets the pages (``statement.typ``) with fonts that its library carries (Libertinus Serif,
SIL Open Font License, and DejaVu Sans Mono): nothing is fetched, the machine's own fonts are
not looked at, and the same statement and names give the same bytes. The file is PDF/A-3a,
which archives keep, and PDF/UA-1: its tables, headings and language are told to screen
readers. The statement as JSON is attached to it, so that no program has to read the pages.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib import resources
from io import BytesIO
from itertools import zip_longest
from typing import TYPE_CHECKING

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from labwerk_hub.adapters.statements import json_form
from labwerk_hub.adapters.statements.form import Found, UnreadableStatementError
from labwerk_hub.adapters.statements.sheet import sheet
from labwerk_hub.domain.statement import Statement
from labwerk_hub.services.statement import Names

if TYPE_CHECKING:
    import typst

ATTACHED = "statement.json"
#: What reading a damaged file stumbles over, whose parts may be of any type.
_DAMAGED = (
    PyPdfError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    zlib.error,
)  # fmt: skip
_STANDARDS: list[typst.PDFStandard] = ["a-3a", "ua-1"]


def write(statement: Statement, names: Names) -> bytes:
    """The file; the same for the same statement, names and version of Labwerk."""
    import typst

    try:
        return _set(statement, names)
    except typst.TypstError:
        # The fonts lack a letter of somebody's name, which the standards do not allow.
        shown = {who: name for who, name in names.people.items() if _can_show(name)}
        return _set(statement, replace(names, people=shown))


def read(content: bytes) -> Found:
    """What the attached figures say; UnreadableStatementError if it is another file."""
    try:
        (attached,) = PdfReader(BytesIO(content)).attachments[ATTACHED]
    except _DAMAGED:
        raise UnreadableStatementError(
            f"This is no statement of Labwerk: {ATTACHED} is not attached to it, or it is "
            "damaged; verify the file as `statement make` wrote it."
        ) from None
    return json_form.read(attached)


def differing_text(content: bytes, expected: bytes) -> Iterator[str]:
    """Where the text of two files differs: the first difference of each page, as a sentence."""
    none: list[str] = []
    pages = zip_longest(_lines(content), _lines(expected), fillvalue=none)
    for number, (says, is_right) in enumerate(pages, 1):
        for stated, right in zip_longest(says, is_right, fillvalue="nothing"):
            if stated != right:
                yield f"page {number}: the file says {stated!r}, the ledger {right!r}"
                break


def _set(statement: Statement, names: Names) -> bytes:
    data = {
        "sheet": json.dumps(asdict(sheet(statement, names)), ensure_ascii=False),
        "attached": json_form.write(statement, names).decode(),
    }
    return _compile(resources.files(__package__).joinpath("statement.typ").read_bytes(), data)


def _can_show(name: str) -> bool:
    import typst

    page = b'#set document(title: "-")\n#set text(font: "Libertinus Serif")\n#sys.inputs.name'
    try:
        _compile(page, {"name": name})
    except typst.TypstError:
        return False
    return True


def _compile(page: bytes, data: dict[str, str]) -> bytes:
    import typst

    fonts = typst.Fonts(include_system_fonts=False)
    written = typst.Compiler(page, font_paths=fonts, sys_inputs=data).compile(
        format="pdf", pdf_standards=_STANDARDS, timestamp=0
    )
    assert isinstance(written, bytes)  # a list is of pictures, None is written to a file
    return written


def _lines(content: bytes) -> list[list[str]]:
    try:
        return [page.extract_text().splitlines() for page in PdfReader(BytesIO(content)).pages]
    except _DAMAGED:
        return []
