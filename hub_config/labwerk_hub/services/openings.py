"""Periods of budgets: opened, granted for, and what was left of the one before taken over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labwerk_hub.domain.allotments import Allotment, granted_to
from labwerk_hub.domain.budgets import Budget, carried_over
from labwerk_hub.domain.ledger import (
    BY_ITSELF,
    CARRIED,
    FREE,
    GIVEN,
    GRANTED,
    Entry,
    Posting,
    PostingKind,
    move,
)
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.openings import as_opened
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Period, day_end_ms
from labwerk_hub.services.budgets import following_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.workbench import Workbench

#: Periods in a row in which nobody opened any, and that are made up for all the same.
_MOST_MISSED = 36


def open_now(workbench: Workbench, budgets: Sequence[Budget] | None = None) -> None:
    """Open the periods that are on, or about to begin, for ``budgets`` or for all of them.

    Where all are open this reads and writes nothing.
    """
    now_ms = to_ms(workbench.clock())
    due: list[tuple[Budget, Period]] = []
    for budget in budgets if budgets is not None else workbench.catalogue.budgets.values():
        period = budget.periods.at(now_ms)
        following = following_of(workbench, budget, period, now_ms)
        due += [
            (budget, wanted)
            for wanted in (period, following)
            if wanted is not None and (wanted.is_open or wanted is period)
            if workbench.opened.is_due(budget.id, wanted.name, now_ms)
        ]
    if not due:
        return
    whole: dict[tuple[str, str], bool] = {}
    with workbench.database.writing() as tx:
        for budget, period in due:
            if period.is_open:
                whole[budget.id, period.name] = open_period(workbench, tx, budget, period)
            else:
                _end_what_was_on(workbench, tx, budget)
                whole[budget.id, period.name] = True
    workbench.opened.note(whole, now_ms)


def carry_now(workbench: Workbench) -> None:
    """Let the periods that are on take over what is left of those before them.

    For the service alone, whose clock does not follow every jump: what is taken over cannot be
    given back. Where all is taken over this reads and writes nothing.
    """
    now_ms = to_ms(workbench.clock())
    due = [
        (budget, period)
        for budget in workbench.catalogue.budgets.values()
        if budget.carry_over and (period := budget.periods.at(now_ms)).is_open
        if workbench.carried.is_due(budget.id, period.name, now_ms)
    ]
    if not due:
        return
    with workbench.database.writing() as tx:
        whole = {
            (budget.id, period.name): _carry(workbench, tx, budget, period)
            for budget, period in due
        }
    workbench.carried.note(whole, now_ms)


def open_period(
    workbench: Workbench, tx: Transaction, budget: Budget, period: Period, by: str = BY_ITSELF
) -> bool:
    """Grant a budget what it is to have in a period, less or more as was decided since.

    What is used, held or given on cannot be taken away any more, and nobody gives more than
    they have. The ledger keeps when the period begins and ends, also if that is all that is
    new. Whether the budget has by now what it is to have.
    """
    whole = _grant_missing(workbench, tx, budget, period, by)
    if period.is_open:
        known = tx.ledger.opened(budget.id, period)
        if known != replace(period, title=""):
            _open(workbench, tx, budget, period, (), by)
    return whole


def _grant_missing(
    workbench: Workbench, tx: Transaction, budget: Budget, period: Period, by: str
) -> bool:
    """Grant what is missing, or take back what is too much; whether nothing is missing now."""
    if budget.parent is not None:
        _return_to_others(workbench, tx, budget, period, by)
    wanted = granted_to(budget, period, tx.allotments.about(budget.id, None))
    accounts = tx.ledger.accounts(budget.id, period.name, [GRANTED, FREE])
    missing = wanted + accounts.get(GRANTED, 0)
    if missing < 0:
        back = min(-missing, accounts.get(FREE, 0))
        _give_back(workbench, tx, budget, period, back, by)
        return back == -missing
    given = missing
    entries: tuple[Entry, ...] = ()
    if budget.parent is not None and missing:
        parent = workbench.catalogue.budgets.get(budget.parent)
        if parent is None:
            return False  # a budget that left the settings gives nothing
        of = parent.periods.at(max(to_ms(workbench.clock()), period.start_ms))
        open_period(workbench, tx, parent, of, by)
        given = min(missing, tx.ledger.accounts(parent.id, of.name, [FREE]).get(FREE, 0))
        entries = move(parent.id, of.name, FREE, GIVEN, given)
    _grant(workbench, tx, budget, period, given, entries, by)
    return given == missing


def _give_back(
    workbench: Workbench, tx: Transaction, budget: Budget, period: Period, ticks: int, by: str
) -> None:
    """Take ``ticks`` that are free from a budget, back to whoever gave them, the latest first."""
    left = ticks
    entries: tuple[Entry, ...] = ()
    if budget.parent is not None:
        for (giver, of), gave in reversed(list(tx.ledger.given_to(budget.id, period.name).items())):
            part = min(left, max(0, gave))
            entries += move(giver, of, GIVEN, FREE, part)
            left -= part
        ticks -= left  # what nobody gave cannot be given back
    _grant(workbench, tx, budget, period, -ticks, entries, by)


def _return_to_others(
    workbench: Workbench, tx: Transaction, budget: Budget, period: Period, by: str
) -> None:
    """Give what is free back to an institution that does not pay for this budget any more."""
    free = tx.ledger.accounts(budget.id, period.name, [FREE]).get(FREE, 0)
    for (giver, of), gave in tx.ledger.given_to(budget.id, period.name).items():
        if giver != budget.parent and gave > 0 and free > 0:
            part = min(free, gave)
            entries = move(giver, of, GIVEN, FREE, part)
            _grant(workbench, tx, budget, period, -part, entries, by)
            free -= part


def _grant(
    workbench: Workbench,
    tx: Transaction,
    budget: Budget,
    period: Period,
    ticks: int,
    entries: tuple[Entry, ...],
    by: str,
) -> None:
    """Book that a budget has ``ticks`` more (or less), with what others gave or got back."""
    if ticks:
        entries += move(budget.id, period.name, GRANTED, FREE, ticks)
        _open(workbench, tx, budget, period, entries, by)


def _open(
    workbench: Workbench,
    tx: Transaction,
    budget: Budget,
    period: Period,
    entries: tuple[Entry, ...],
    by: str,
) -> None:
    """Book grants of a period, or that there are none, with when it begins and ends."""
    entries = entries or (Entry(budget.id, period.name, GRANTED, 0),)
    number = tx.ledger.head().number + 1
    key = f"grant:{budget.id}:{period.name}:{number}"
    now_ms = to_ms(workbench.clock())
    tx.ledger.post(Posting(PostingKind.GRANT, key, now_ms, by, entries, opens=period))


def _end_what_was_on(workbench: Workbench, tx: Transaction, budget: Budget) -> None:
    """Of a budget that has no period now, end with this day what the ledger has as one.

    Its end was moved to before now, or it left the settings: until now it was used.
    """
    now_ms, zone = to_ms(workbench.clock()), workbench.policy.zone
    was_on = as_opened(tx.ledger.openings_of(budget.id), zone).at(now_ms)
    ends_ms = day_end_ms(now_ms, zone)
    if was_on.is_open and was_on.end_ms > ends_ms:
        _open(workbench, tx, budget, replace(was_on, end_ms=ends_ms), (), BY_ITSELF)


def _carry(workbench: Workbench, tx: Transaction, budget: Budget, period: Period) -> bool:
    """Take over what the period before has left; whether there is no more to come of it.

    Not before everything that ran in it is charged.
    """
    before = budget.periods.before(period)
    if before is None or budget.carry_over == 0:
        return True
    key = f"carry:{budget.id}:{before.name}"
    if tx.ledger.has(key):
        return True
    behind = (
        lease.metered_to_ms if lease.metered_to_ms is not None else lease.intended_ms
        for lease in tx.leases.unended_paid_by(budget.id)
    )
    if any(reached < before.end_ms for reached in behind):
        return False
    if GRANTED not in tx.ledger.accounts(budget.id, before.name, [GRANTED]):
        if not _was_there(tx, budget, before):
            return True  # before there was such a budget
        # Nobody was there to open it in its time: it is made up for.
        open_period(workbench, tx, budget, before)
        if not _carry(workbench, tx, budget, before):
            return False
    accounts = tx.ledger.accounts(budget.id, before.name, [FREE])
    ticks = carried_over(budget, accounts.get(FREE, 0))
    entries = move(budget.id, before.name, FREE, CARRIED, ticks)
    entries += move(budget.id, period.name, CARRIED, FREE, ticks)
    now_ms = to_ms(workbench.clock())
    tx.ledger.post(Posting(PostingKind.CARRY, key, now_ms, BY_ITSELF, entries))
    return True


def _was_there(tx: Transaction, budget: Budget, period: Period) -> bool:
    """Whether anything was granted in a period before this one, as far back as is asked for."""
    known = set(tx.ledger.periods_of(budget.id))
    earlier = budget.periods.before(period)
    for _ in range(_MOST_MISSED):
        if earlier is None or not known:
            return False
        if earlier.name in known:
            return True
        earlier = budget.periods.before(earlier)
    return False


def allot(
    workbench: Workbench,
    tx: Transaction,
    actor: str,
    budget: Budget,
    person: Person | None,
    ticks: int | None,
    period: Period | None = None,
) -> None:
    """Decide what a budget, or a person's share of it, is to be; None: as in the settings.

    For ``period`` alone, or from now on. ``actor`` is a pseudonym, or who else it was.
    """
    tx.allotments.add(
        Allotment(
            budget=budget.id,
            person=person.pseudonym if person is not None else None,
            period=period.name if period is not None else None,
            ticks=ticks,
            made_ms=to_ms(workbench.clock()),
            made_by=actor,
        )
    )
    if person is None:
        now_ms = to_ms(workbench.clock())
        current = budget.periods.at(now_ms)
        following = following_of(workbench, budget, current, now_ms)
        for affected in {current, following, period} - {None}:
            assert affected is not None  # it was just taken out
            open_period(workbench, tx, budget, affected, actor)
