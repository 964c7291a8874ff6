"""A statement as usage records that accounting systems of research infrastructures take in.

Chosen is the APEL accelerator message, version 0.1: EGI's GPU usage record (draft 4 of 24
February 2021, in EGI's documentation of federated cloud accounting; its JSON schema is in the
repository apel/apel, ``apel/common/message_schemas.py``). It is the one format of the field in
which ``Count`` may be a fraction of a GPU, and which tells how long an accelerator was there
(``AvailableDuration``) from how long it was used (``ActiveDuration``). The OGF Usage Record
2.0 (GFD.204) knows no accelerators, and FOCUS is about prices: every row has a ``BilledCost``
in a ``BillingCurrency``, and Labwerk knows no money.

How a line of the statement becomes a record (lines that cost nothing have none):

==========================  ==============================================================
``MeasurementMonth``        the month in the site's time zone; ``MeasurementYear`` likewise
``AssociatedRecordType``    ``cloud``: sessions are interactive, not batch jobs
``AssociatedRecord``        the statement's number and the line's budget, person and flavour
``GlobalUserName``          the person's pseudonym, the same in every month
``FQAN``                    who pays: ``/institution/budget``, such as ``/thr/project/rotor``
``SiteName``                the site, as ``statements.site`` of the settings has it
``Count``                   GPUs held on average while sessions ran, times the model's weight
``AvailableDuration``       seconds that sessions ran, those of several added up
``ActiveDuration``          the same without those in which nothing ran
``Model``                   the flavour, which several models of GPUs may serve
==========================  ==============================================================

``Count`` × ``AvailableDuration`` are the GPU-seconds that are charged. A message has 1,000
records at most, so that a file has one message a line (JSON Lines). Beside what the schema
asks for, each names the statement, its signature and what it stands on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, ValidationError

from labwerk_hub.adapters.statements.form import Found, UnreadableStatementError, placed
from labwerk_hub.domain.gpu import TICKS_PER_GPU_SECOND
from labwerk_hub.domain.statement import AsOf, Line, Month, Statement
from labwerk_hub.services.statement import Names

TYPE, VERSION = "APEL-accelerator-message", "0.1"
#: As many records as the schema allows in a message.
MOST_RECORDS = 1000
_PLACES = Decimal("0.000001")


class Record(BaseModel):
    """One record, with the names that the format gives its parts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    MeasurementMonth: int
    MeasurementYear: int
    AssociatedRecordType: str = "cloud"
    AssociatedRecord: str
    GlobalUserName: str
    FQAN: str
    SiteName: str
    Count: float
    AvailableDuration: int
    ActiveDuration: int
    Type: str = "GPU"
    Model: str


class Origin(BaseModel):
    """The statement that records are part of, and what it stands on."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    Institution: str
    Month: str
    Status: str
    PostingId: int
    PostingHash: str
    EventId: int
    EventHash: str
    Signature: str


class Message(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    Type: str = TYPE
    Version: str = VERSION
    Statement: Origin
    UsageRecords: tuple[Record, ...]


def write(statement: Statement, names: Names) -> bytes:
    """The file; empty if nothing was charged, since a message without records is none."""
    records = [_record(statement, line, names.site) for line in statement.lines if line.ticks]
    heads = statement.heads
    origin = Origin(
        Institution=statement.institution,
        Month=statement.month,
        Status="final" if statement.final else "preliminary",
        PostingId=heads.posting,
        PostingHash=heads.posting_hash,
        EventId=heads.event,
        EventHash=heads.event_hash,
        Signature=statement.signature,
    )
    messages = (
        Message(Statement=origin, UsageRecords=tuple(records[start : start + MOST_RECORDS]))
        for start in range(0, len(records), MOST_RECORDS)
    )
    written = (json.dumps(message.model_dump(), ensure_ascii=False) for message in messages)
    return "".join(f"{line}\n" for line in written).encode()


def read(content: bytes) -> Found:
    """What the file says; UnreadableStatementError if it is another one.

    The site's name is not compared: it is not part of the statement.
    """
    try:
        lines = content.decode().splitlines()
        messages = [Message.model_validate_json(line) for line in lines if line.strip()]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UnreadableStatementError(
            f"This is no usage record of Labwerk: {where}: {first['msg']}; "
            "verify the file as `statement make` wrote it."
        ) from None
    origin = messages[0].Statement
    as_of = None if origin.Status == "final" else AsOf(origin.PostingId, origin.EventId)
    return Found(origin.Institution, origin.Month, placed(_figures(messages)), as_of=as_of)


def _record(statement: Statement, line: Line, site: str) -> Record:
    month = Month.parse(statement.month)
    seconds = _seconds(line.ms)
    gpu_seconds = Decimal(line.ticks) / TICKS_PER_GPU_SECOND
    return Record(
        MeasurementMonth=month.month,
        MeasurementYear=month.year,
        AssociatedRecord=f"{statement.number}/{line.budget}/{line.person}/{line.flavour}",
        GlobalUserName=line.person,
        FQAN=f"/{statement.institution}/{line.budget}",
        SiteName=site,
        Count=float((gpu_seconds / seconds).quantize(_PLACES)),
        AvailableDuration=seconds,
        ActiveDuration=_seconds(line.ms - line.idle_ms) if line.idle_ms else seconds,
        Model=line.flavour,
    )


def _seconds(ms: int) -> int:
    """Whole seconds, one at least: what lasted shorter was there all the same."""
    return max(1, (ms + 500) // 1000)


def _figures(messages: list[Message]) -> Iterator[tuple[str, object]]:
    for message in messages:
        for name, value in message.Statement.model_dump().items():
            yield name, value
        for name in ("Type", "Version"):
            yield name, getattr(message, name)
        for record in message.UsageRecords:
            for name, value in record.model_dump(exclude={"SiteName"}).items():
                yield f"{record.AssociatedRecord}: {name}", value
