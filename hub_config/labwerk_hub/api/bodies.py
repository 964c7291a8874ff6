"""What comes and goes beside views: bodies that change something, and files."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from labwerk_hub.domain.ledger import MOST_GPU_HOURS, TICKS_PER_GPU_HOUR
from labwerk_hub.services.use_tables import Table, as_csv

#: GPU-hours, decimal.
GpuHours = Annotated[
    Decimal,
    Field(
        ge=0,
        le=MOST_GPU_HOURS,
        description="GPU-hours, rounded to the nearest tick.",
        examples=[40],
    ),
]
Words = Annotated[str, Field(max_length=1000)]
#: What every route that gives out a table may answer with.
CSV: dict[int | str, dict[str, object]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


class Body(BaseModel):
    """What is sent; a misspelt key is refused."""

    model_config = ConfigDict(extra="forbid")


class Decision(Body):
    """How many GPU-hours it is to be (null: what the settings say).

    For one ``period`` alone, or without one from now on.
    """

    gpu_hours: GpuHours | None
    period: Annotated[str, Field(max_length=40)] | None = None

    @property
    def ticks(self) -> int | None:
        """The same in ticks, rounded to the nearest."""
        return None if self.gpu_hours is None else ticks_of(self.gpu_hours)


def ticks_of(gpu_hours: Decimal) -> int:
    """GPU-hours as ticks, rounded to the nearest."""
    return int((gpu_hours * TICKS_PER_GPU_HOUR).to_integral_value())


def csv_file(table: Table, name: str) -> Response:
    """A table as a file of that name."""
    return file(as_csv(table).encode(), "text/csv; charset=utf-8; header=present", f"{name}.csv")


def file(content: bytes, media_type: str, name: str) -> Response:
    """A file to be saved. Names are made of ids and months: plain ASCII without quotes."""
    plain = name.replace("/", "-").replace('"', "")
    headers = {"Content-Disposition": f'attachment; filename="{plain}"'}
    return Response(content, media_type=media_type, headers=headers)
