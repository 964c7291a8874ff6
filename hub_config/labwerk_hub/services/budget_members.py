"""Who may use a budget, what each may use of it, and what they did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from labwerk_hub.domain.allotments import Allotment, share_of
from labwerk_hub.domain.budgets import Budget, BudgetKind, Figures
from labwerk_hub.domain.ledger import held, over, used
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.periods import Period
from labwerk_hub.domain.texts import Message
from labwerk_hub.domain.usage import UsageSum, Used, summed_by
from labwerk_hub.errors import UnknownPersonError
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_sums import institution_named, used_view
from labwerk_hub.services.use_views import LEAVER_DAYS, BudgetPage, MemberView
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.texts import render

_DAY_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Drawn:
    """What a budget's people have drawn on in a period.

    ``own`` is what the budget paid; ``paid`` for an institution's is what was used of any
    budget that it pays, else the same. ``accounts`` are the ledger's, in ticks.
    """

    budget: Budget
    period: Period
    figures: Figures
    accounts: dict[str, int]
    own: list[UsageSum]
    paid: list[UsageSum]


def people_of(workbench: Workbench, tx: Transaction, budget: Budget) -> list[Person]:
    """Who may use a budget: an institution's people, or those of the provider's groups."""
    if budget.kind is BudgetKind.INSTITUTION:
        return tx.people.of_institution(budget.institution)
    if budget.kind is BudgetKind.PROJECT:
        groups = [p.group for p in workbench.catalogue.projects if p.name == budget.name]
    else:
        courses = [c for c in workbench.catalogue.courses if c.name == budget.name]
        groups = [group for c in courses for group in (c.instructors, c.roster)]
    found = {person.name: person for group in groups for person in tx.people.with_group(group)}
    return sorted(found.values(), key=lambda person: person.name)


def members_of(
    workbench: Workbench, tx: Transaction, drawn: Drawn, language: str
) -> tuple[MemberView, ...]:
    """Everybody who may use a budget or has used it in the period, in the order of names."""
    now = {p.pseudonym: p for p in people_of(workbench, tx, drawn.budget) if p.pseudonym}
    gone = {one.person for one in drawn.own} - now.keys()
    people = _People(workbench, tx, drawn, language)
    found = [people.view(pseudonym, person, True) for pseudonym, person in now.items()]
    found += [people.view(name, tx.people.by_pseudonym(name), False) for name in sorted(gone)]
    return tuple(sorted(found, key=lambda view: (view.display_name.casefold(), view.name or "")))


class _People:
    """The same sums for everybody, worked out once."""

    def __init__(self, workbench: Workbench, tx: Transaction, drawn: Drawn, language: str) -> None:
        self._workbench, self._drawn, self._language = workbench, drawn, language
        self._used = summed_by(drawn.own, lambda one: one.person)
        self._paid = summed_by(drawn.paid, lambda one: one.person)
        self._last_use = _last_days(drawn.own)
        self._held: dict[str, int] = {}
        for lease in tx.leases.unended_paid_by(drawn.budget.id):
            ticks = drawn.accounts.get(held(lease.session), 0)
            self._held[lease.person] = self._held.get(lease.person, 0) + ticks
        self._decided: dict[str, list[Allotment]] = {}
        for one in tx.allotments.of_budget(drawn.budget.id):
            if one.person is not None:
                self._decided.setdefault(one.person, []).append(one)

    def view(self, pseudonym: str, person: Person | None, is_member: bool) -> MemberView:
        drawn, language = self._drawn, self._language
        decided = self._decided.get(pseudonym, [])
        share = share_of(drawn.budget, pseudonym, drawn.period, decided)
        name = person.name if person is not None else None
        has_held = self._held.get(name, 0) if name is not None else 0
        granted = drawn.figures.total if share is None else share
        paid = drawn.accounts.get(used(pseudonym), 0) + drawn.accounts.get(over(pseudonym), 0)
        rest = granted - paid - has_held
        is_ours = drawn.budget.kind is BudgetKind.INSTITUTION
        seen_ms = person.seen_ms if person is not None and is_ours else None
        erased = Message(
            "Somebody whose record was erased (%(pseudonym)s)", {"pseudonym": pseudonym}
        )
        return MemberView(
            name=name,
            display_name=(person.display_name if person is not None else render(erased, language)),
            institution=institution_named(
                self._workbench,
                person.institution if person is not None else drawn.budget.institution,
                language,
            ),
            share_ticks=share,
            is_decided=share_of(_without_default(drawn.budget), pseudonym, drawn.period, decided)
            is not None,
            used=used_view(self._used.get(pseudonym, Used())),
            held_ticks=has_held,
            left_ticks=max(0, min(rest, drawn.figures.free)) if is_member else 0,
            last_use=self._last_use.get(pseudonym),
            paid=used_view(self._paid.get(pseudonym, Used())),
            seen_at=from_ms(seen_ms) if seen_ms is not None else None,
            is_member=is_member,
            is_leaver=is_ours and is_leaver(self._workbench, person),
        )


def is_leaver(workbench: Workbench, person: Person | None) -> bool:
    """Whether somebody has not signed in for long; not told of whom nothing is known."""
    if person is None or person.seen_ms is None:
        return False
    return to_ms(workbench.clock()) - person.seen_ms >= LEAVER_DAYS * _DAY_MS


def _last_days(sums: Iterable[UsageSum]) -> dict[str, date]:
    found: dict[str, str] = {}
    for one in sums:
        found[one.person] = max(found.get(one.person, ""), one.span)
    return {person: date.fromisoformat(day) for person, day in found.items()}


def _without_default(budget: Budget) -> Budget:
    """The budget as if the settings gave nobody a share: what is left was decided."""
    return replace(budget, person_ticks=None)


def member_in(page: BudgetPage, name: str) -> MemberView:
    """Somebody of a budget by their hub user name. Raises UnknownPersonError."""
    found = next((member for member in page.members if member.name == name), None)
    if found is None:
        raise UnknownPersonError(f"Nobody called {name[:80]!r} may use {page.head.id}.")
    return found
