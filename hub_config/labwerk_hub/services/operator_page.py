"""Everything at once, for the operator."""

from __future__ import annotations

from collections import Counter

from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.events import EventKind
from labwerk_hub.domain.leases import Lease, LeaseState
from labwerk_hub.domain.metering import from_ms, to_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.statement import Month
from labwerk_hub.domain.usage import UsageSum, Used, summed_by
from labwerk_hub.services import audit
from labwerk_hub.services.audit_tables import Head
from labwerk_hub.services.budget_members import is_leaver
from labwerk_hub.services.budget_pages import row_of
from labwerk_hub.services.budget_rights import require_operator
from labwerk_hub.services.budgets import known_or_gone, today
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.request_pages import language_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_pages import month_of
from labwerk_hub.services.use_sums import (
    days_lately,
    days_of,
    flavour_title,
    flavours_of,
    institution_named,
    total_of,
    used_view,
)
from labwerk_hub.services.use_views import HeadView, InstitutionRow, OperatorPage, SessionNow
from labwerk_hub.services.workbench import Workbench


def of_operator(
    workbench: Workbench,
    viewer: Person | None,
    month: str | None = None,
    language: str | None = None,
) -> OperatorPage:
    """All institutions in a month such as ``2026-11`` (None: this one), and what runs now.

    Raises NotAllowedError for others than operators, UnknownMonthError.
    """
    require_operator(viewer)
    wanted = month_of(workbench, month)
    spoken = language_of(workbench, viewer, language)
    open_now(workbench)
    first, last = wanted.first_day.isoformat(), wanted.last_day.isoformat()
    with workbench.database.reading() as tx:
        people = [person for person in tx.people.all() if person.pseudonym]
        live = [one for one in tx.leases.unended() if one.state is LeaseState.LIVE]
        whole = tx.usage.all(wanted.name, wanted.name)
        heads = audit.heads(tx)
        seal = tx.events.last_of(EventKind.SEAL)
        mails = tx.mails.unsent()
        given_up = sum(mail.given_up_ms is not None for mail in mails)
        return OperatorPage(
            month=wanted.name,
            months=_months(workbench, tx),
            total=used_view(total_of(whole)),
            days=days_of(tx.usage.all(first, last)),
            institutions=_institutions(workbench, tx, viewer, people, live, whole, spoken),
            flavours=flavours_of(workbench, whole, spoken),
            sessions=_sessions(workbench, people, live, spoken),
            requests=len(tx.requests.open()),
            mails_waiting=len(mails) - given_up,
            mails_given_up=given_up,
            event_head=_head(heads.event),
            posting_head=_head(heads.posting),
            decision_head=_head(heads.decision),
            sealed_at=from_ms(seal.at_ms) if seal is not None else None,
            at=workbench.clock(),
        )


def _months(workbench: Workbench, tx: Transaction) -> tuple[str, ...]:
    """From the first month that anybody paid for to this one, the latest first."""
    spans = [tx.statements.months(one) for one in tx.statements.institutions()]
    month = Month.of(today(workbench))
    first = min((span[0] for span in spans if span is not None), default=month)
    found = [month.name]
    while first < month:
        month = month.preceding
        found.append(month.name)
    return tuple(found)


def _institutions(
    workbench: Workbench,
    tx: Transaction,
    viewer: Person | None,
    people: list[Person],
    live: list[Lease],
    whole: list[UsageSum],
    language: str,
) -> tuple[InstitutionRow, ...]:
    used = summed_by(whole, lambda one: one.institution)
    members = Counter(person.institution for person in people)
    leavers = Counter(p.institution for p in people if is_leaver(workbench, p))
    running = Counter(lease.institution for lease in live)
    return tuple(
        InstitutionRow(
            budget=row_of(
                workbench,
                tx,
                viewer,
                budget,
                budget.periods.at(to_ms(workbench.clock())),
                tx.usage.of_budget(budget.id, *days_lately(workbench)),
                language,
            ),
            used=used_view(used.get(budget.institution, Used())),
            people=members[budget.institution],
            leavers=leavers[budget.institution],
            sessions=running[budget.institution],
        )
        for budget in _own_budgets(workbench)
    )


def _own_budgets(workbench: Workbench) -> list[Budget]:
    budgets = workbench.catalogue.budgets.values()
    return [budget for budget in budgets if budget.kind is BudgetKind.INSTITUTION]


def _sessions(
    workbench: Workbench, people: list[Person], live: list[Lease], language: str
) -> tuple[SessionNow, ...]:
    """What runs, what began first before the others."""
    names = {person.name: person.display_name for person in people}
    views = []
    for lease in live:
        payer = known_or_gone(workbench, lease.payer, lease.paid_by or lease.institution)
        views.append(
            SessionNow(
                session=lease.session,
                name=lease.person,
                display_name=names.get(lease.person, lease.person),
                institution=institution_named(workbench, lease.institution, language).title,
                flavour=flavour_title(workbench, lease.flavour, language),
                payer=payer.title.in_language(language),
                started_at=from_ms(lease.started_ms or lease.intended_ms),
                ends_at=from_ms(lease.ends_ms),
                over_use=lease.over_use,
            )
        )
    return tuple(sorted(views, key=lambda view: (view.started_at, view.session)))


def _head(head: Head) -> HeadView:
    return HeadView(number=head.number, hash=head.hash)
