"""Everything services work with, made once in ``bootstrap``, and the values they go by."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from zoneinfo import ZoneInfo

from labwerk_hub.domain.catalogue import Catalogue
from labwerk_hub.domain.container import Limits
from labwerk_hub.domain.events import Retention
from labwerk_hub.domain.quotas import Quotas
from labwerk_hub.domain.terms import SessionRule
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services.ports import Engine, Gpus, Storage
from labwerk_hub.services.tables import Database

#: For how long an expected start that was worked out serves again.
_RECENT = timedelta(seconds=10)
#: Milliseconds after which a budget is looked at again that did not get all it is to have.
_AGAIN_MS = 20_000


@dataclass(frozen=True)
class WaitingPolicy:
    """How people wait: how long a slice is kept on arrival, when age wins, what "lately" is."""

    enabled: bool = True
    hold_seconds: int = 300
    patience_seconds: int = 4 * 3600
    memory_days: int = 7


@dataclass(frozen=True)
class MailPolicy:
    """Whether people are written to, where links lead, and for how long sending is tried."""

    enabled: bool = False
    public_url: str = ""
    give_up_seconds: int = 72 * 3600


@dataclass(frozen=True)
class StatementPolicy:
    """Who hands statements out, and what the site is called in usage records."""

    issuer: Localized = field(default_factory=lambda: Localized.same("Labwerk"))
    site: str = "LABWERK"


@dataclass(frozen=True)
class Policy:
    """Values of the settings that services go by."""

    zone: ZoneInfo
    intent_timeout_seconds: int
    instance: str
    service_url: str
    limits: Limits
    language: str
    rules: tuple[SessionRule, ...] = ()
    idle_warning_seconds: int = 600
    waiting: WaitingPolicy = WaitingPolicy()
    #: How long a session goes on whose budget is used up, and one without budget once
    #: somebody waits.
    budget_grace_seconds: int = 600
    mail: MailPolicy = MailPolicy()
    quotas: Quotas = field(default_factory=Quotas)
    retention: Retention = field(default_factory=Retention)
    statements: StatementPolicy = StatementPolicy()


class Recent:
    """Expected starts that were worked out lately, for others who ask the same."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[Hashable, tuple[datetime, int | None]] = {}

    def of(self, key: Hashable, now: datetime, work_out: Callable[[], int | None]) -> int | None:
        """The value for ``key``, a few seconds old at most; one works it out, others wait."""
        with self._lock:
            known = self._known.get(key)
            if known is None or abs(now - known[0]) > _RECENT:
                known = self._known[key] = now, work_out()
            return known[1]


@dataclass
class Done:
    """For which budgets' periods something is done, and for which it is to be looked at again.

    Keys are a budget's id and a period's name. What is forgotten is only looked up again.
    """

    #: Keys → when they were looked at, and when they are to be again (None: all is done).
    _looked_ms: dict[tuple[str, str], tuple[int, int | None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def is_due(self, budget: str, period: str, now_ms: int) -> bool:
        """Whether it is to be looked whether there is something to do."""
        looked_ms, again_ms = self._looked_ms.get((budget, period), (0, 0))
        if again_ms is None:
            return False
        return now_ms >= again_ms or now_ms < looked_ms  # the clock was set back

    def note(self, whole: Mapping[tuple[str, str], bool], now_ms: int) -> None:
        """What was looked at now, and whether all of it is done."""
        again_ms = now_ms + _AGAIN_MS
        with self._lock:
            self._looked_ms |= {
                key: (now_ms, None if done else again_ms) for key, done in whole.items()
            }


@dataclass(frozen=True)
class Workbench:
    """Everything services work with; made once in ``bootstrap``."""

    catalogue: Catalogue
    policy: Policy
    database: Database
    engine: Engine
    inventory: Gpus
    storage: Storage
    clock: Callable[[], datetime]
    recent: Recent = field(default_factory=Recent)
    #: Periods that have all they are to have, and those that took over what was left before.
    opened: Done = field(default_factory=Done)
    carried: Done = field(default_factory=Done)

    def __deepcopy__(self, memo: dict[int, object]) -> Workbench:
        """Itself: JupyterHub's configuration copies what it holds, and there is one bench."""
        return self
