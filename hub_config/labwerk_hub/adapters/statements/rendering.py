"""A statement in the form asked for."""

from __future__ import annotations

from labwerk_hub.adapters.statements import csv_form, json_form, pdf_form, usage_record
from labwerk_hub.adapters.statements.form import Format
from labwerk_hub.domain.statement import Statement
from labwerk_hub.services.statement import Names

_WRITERS = {
    Format.PDF: pdf_form.write,
    Format.CSV: csv_form.write,
    Format.JSON: json_form.write,
    Format.USAGE_RECORD: usage_record.write,
}


def render(statement: Statement, form: Format, names: Names) -> bytes:
    """The file; the same bytes for the same statement and names. Texts are in their language."""
    return _WRITERS[form](statement, names)
