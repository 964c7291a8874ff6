"""Whether a file that was handed out says what the ledger says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from labwerk_hub.adapters.statements import csv_form, json_form, pdf_form, usage_record
from labwerk_hub.adapters.statements.form import LARGEST, Format, Found, UnreadableStatementError
from labwerk_hub.adapters.statements.rendering import render
from labwerk_hub.domain.statement import AsOf, Statement
from labwerk_hub.services.statement import Names

_READERS = {
    Format.PDF: pdf_form.read,
    Format.CSV: csv_form.read,
    Format.JSON: json_form.read,
    Format.USAGE_RECORD: usage_record.read,
}
_ABSENT = "nothing"
#: People who are called otherwise now, as many as are named.
_NAMED = 5


_OTHER_FILE = (
    "Its text and figures are right, but it is not the file that this Labwerk writes: another "
    "version wrote it, or its looks were changed."
)


@dataclass(frozen=True)
class Verdict:
    """``differences`` has one sentence for each figure that is not the ledger's.

    ``note`` is what else is to be said of a file whose figures are right. ``as_of`` is when
    a preliminary one was made: it is compared with the ledger as it was then.
    """

    form: Format
    statement: Statement
    differences: tuple[str, ...]
    note: str | None = None
    as_of: AsOf | None = None

    @property
    def same(self) -> bool:
        """Whether the file says what the ledger says."""
        return not self.differences


def verify(
    content: bytes, made: Callable[[str, str, AsOf | None], tuple[Statement, Names]]
) -> Verdict:
    """Compare a file with the ledger.

    ``made`` makes the statement of an institution and a month anew, a preliminary one as of
    then, with the names of now.
    Raises UnreadableStatementError for a file that is none, and what ``made`` raises.
    """
    form = _form(content)
    try:
        found = _READERS[form](content)
    except UnicodeDecodeError:
        raise UnreadableStatementError(
            "This is no statement of Labwerk: it is not UTF-8 text; verify the file as "
            "`statement make` wrote it."
        ) from None
    as_of = found.as_of
    if as_of is not None and not (0 <= as_of.posting <= LARGEST and 0 <= as_of.event <= LARGEST):
        raise UnreadableStatementError(
            "This is no statement of Labwerk: the posting or the event that it stands on is none "
            "that there can be; verify the file as `statement make` wrote it."
        )
    statement, names = made(found.institution, found.month, as_of)
    shown = found.names or names
    from_the_ledger = render(statement, form, shown)
    expected = _READERS[form](from_the_ledger).figures if from_the_ledger else {}
    differences = list(_differences(found, expected))
    note = _renamed(found.people, names.people)
    if form is Format.PDF and not differences and content != from_the_ledger:
        differences = list(pdf_form.differing_text(content, from_the_ledger))
        if not differences:
            note = " ".join(filter(None, (_OTHER_FILE, note)))
    return Verdict(form, statement, tuple(differences), note, found.as_of)


def _form(content: bytes) -> Format:
    """The form by how a file begins."""
    begins = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not begins:
        raise UnreadableStatementError(
            "The file is empty; a month in which nothing was charged has no usage record. "
            "Verify another form of its statement."
        )
    if begins.startswith(b"%PDF-"):
        return Format.PDF
    if begins.startswith(b"{"):
        return Format.USAGE_RECORD if b'"UsageRecords"' in begins else Format.JSON
    return Format.CSV


def _renamed(stated: Collection[tuple[str, str]], known: Mapping[str, str]) -> str | None:
    """That people are called otherwise in a file than now; of who was erased nobody can tell."""
    others = [
        f"{who} is “{name}” in it and “{known[who]}” now"
        for who, name in sorted(set(stated))
        if who in known and name != known[who].removeprefix("'")
    ]
    if not others:
        return None
    more = f", and so are {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return (
        "Names are not signed, and some are others: "
        f"{'; '.join(others[:_NAMED])}{more}. People may have changed theirs, or somebody the file."
    )


def _differences(found: Found, expected: Mapping[str, str]) -> Iterator[str]:
    for where in dict.fromkeys([*expected, *found.figures]):
        says, is_right = found.figures.get(where, _ABSENT), expected.get(where, _ABSENT)
        if says != is_right:
            yield f"{where}: the file says {says}, the ledger {is_right}"
