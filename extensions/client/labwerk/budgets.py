"""What the workbench says about budgets: the one that pays, and those that may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from labwerk import show, show_budgets

#: One second of 1/24 of a GPU is a tick.
TICKS_PER_GPU_HOUR = 24 * 3600


@dataclass(frozen=True)
class _Balance:
    """What a person has of one budget in one period."""

    id: str
    """What `labwerk.budget.pay_with` takes, such as ``project/rotor``."""
    kind: str
    """``institution``, ``project`` or ``course``."""
    title: str
    institution: str
    """The title of the institution that pays in the end."""
    period: str
    """``2026-11``, a term's name, or ``outside`` where there is no period now."""
    period_ends_at: datetime
    granted_ticks: int
    used_ticks: int
    held_ticks: int
    left_ticks: int

    @property
    def granted(self) -> float:
        """GPU-hours that you may use in the period."""
        return self.granted_ticks / TICKS_PER_GPU_HOUR

    @property
    def used(self) -> float:
        """GPU-hours charged so far."""
        return self.used_ticks / TICKS_PER_GPU_HOUR

    @property
    def held(self) -> float:
        """GPU-hours that running sessions may still use."""
        return self.held_ticks / TICKS_PER_GPU_HOUR

    @property
    def left(self) -> float:
        """GPU-hours that are neither used nor held."""
        return self.left_ticks / TICKS_PER_GPU_HOUR


@dataclass(frozen=True)
class Payer(_Balance):
    """A budget that may pay for your sessions."""

    over_use: bool
    """Whether sessions may run without budget while nobody waits."""
    chosen: bool
    """Whether it pays now."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Payer:
        """From the service's answer."""
        return cls(
            **_known(value, cls)
            | {
                "institution": value["institution"]["title"],
                "period_ends_at": _moment(value["period_ends_at"]),
            }
        )


@dataclass(frozen=True)
class Budget(_Balance):
    """GPU-hours of one period: granted, used, held by running sessions, left."""

    budget_left_ticks: int
    """What the budget has left for everybody."""
    ticks_per_second: int
    ticks_per_gpu_hour: int
    over_use: bool
    """Whether this session runs without budget; it ends when somebody waits for its slice."""
    warning: str | None
    """``fifth``, ``tenth``, ``minutes`` or ``used-up``; None while there is enough."""
    lasts: timedelta | None
    """How long what is held and left pays for this session; None if it costs nothing."""
    grace_ends_at: datetime | None
    """Until when the session goes on, once the budget is used up."""
    payers: tuple[Payer, ...]
    """All that may pay for your sessions, this one included."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any], payers: tuple[Payer, ...]) -> Budget:
        """From the service's answer."""
        seconds, grace = value["lasts_seconds"], value["grace_ends_at"]
        return cls(
            **_known(value, cls)
            | {
                "institution": value["institution"]["title"],
                "period_ends_at": _moment(value["period_ends_at"]),
                "lasts": None if seconds is None else timedelta(seconds=seconds),
                "grace_ends_at": None if grace is None else _moment(grace),
                "payers": payers,
            }
        )

    @property
    def per_hour(self) -> float:
        """GPU-hours that one hour of this session costs."""
        return self.ticks_per_second * 3600 / self.ticks_per_gpu_hour

    def __repr__(self) -> str:
        facts = show.as_text(show_budgets.budget_facts(self))
        if len(self.payers) < 2:
            return facts
        return f"{facts}\n\n{show.table_text(show_budgets.payer_table(self))}"

    def _repr_html_(self) -> str:
        facts = show.as_html(show_budgets.budget_facts(self))
        if len(self.payers) < 2:
            return facts
        caption = show_budgets.payers_caption()
        return f"{facts}{show.table_html(show_budgets.payer_table(self), caption)}"


@dataclass(frozen=True)
class Asked:
    """A request for more of a budget, as it stands."""

    id: str
    deciders: tuple[str, ...]
    """Who decides, by their names."""
    repeated: bool
    """Whether the same was asked for already and is not decided yet."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Asked:
        """From the service's answer."""
        return cls(value["id"], tuple(value["deciders"]), value["repeated"])

    def __repr__(self) -> str:
        return show_budgets.asked_text(self)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _known(value: Mapping[str, Any], kind: type[_Balance]) -> dict[str, Any]:
    """What of an answer has a field of its own; the service may say more."""
    names = {field.name for field in fields(kind)}
    return {name: said for name, said in value.items() if name in names}
