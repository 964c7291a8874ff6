"""A statement as JSON: the whole of it, its signature, and the names it was shown with.

What is signed is ``statement`` alone; ``names`` are what they were called when the file
was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields

from pydantic import BaseModel, ConfigDict, ValidationError

from labwerk_hub.adapters.statements.form import (
    Found,
    UnreadableStatementError,
    exactly,
    placed,
)
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.statement import FORM, AsOf, Heads, Line, Position, Statement, Sums
from labwerk_hub.services.statement import Names


class _File(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    form: str
    number: str
    ticks_per_gpu_hour: int
    statement: Statement
    signature: str
    names: Names


def write(statement: Statement, names: Names) -> bytes:
    """The file; the same for the same statement and names."""
    written = {
        "form": FORM,
        "number": statement.number,
        "ticks_per_gpu_hour": TICKS_PER_GPU_HOUR,
        "statement": asdict(statement),
        "signature": statement.signature,
        "names": asdict(names),
    }
    return (json.dumps(written, ensure_ascii=False, indent=1) + "\n").encode()


def read(content: bytes) -> Found:
    """What the file says; UnreadableStatementError if it is another one."""
    try:
        file = _File.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UnreadableStatementError(
            f"This is no statement of Labwerk: {where}: {first['msg']}; "
            "verify the file as `statement make` wrote it."
        ) from None
    stated = file.statement
    figures = placed([*_figures(stated), ("signature", file.signature), ("number", file.number)])
    as_of = None if stated.final else AsOf(stated.heads.posting, stated.heads.event)
    return Found(
        stated.institution, stated.month, figures, file.names, as_of, file.names.people.items()
    )


def _figures(stated: Statement) -> Iterator[tuple[str, object]]:
    for name in ("institution", "month", "zone", "final"):
        yield name, getattr(stated, name)
    parts: list[tuple[str, Heads | Sums | Position | Line]] = [
        ("heads", stated.heads),
        ("sums", stated.sums),
        *((f"{p.budget}, {p.period} from {p.first_day}", p) for p in stated.positions),
        *((f"{line.budget}, {line.person}, {line.flavour}", line) for line in stated.lines),
    ]
    for of, part in parts:
        for field in fields(part):
            yield f"{of}: {field.name}", exactly(field.name, getattr(part, field.name))
