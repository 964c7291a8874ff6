"""What people are told of budgets by mail without anybody having done something."""

from __future__ import annotations

from labwerk_hub.domain.budgets import Budget, BudgetKind
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.people import Institution, Role
from labwerk_hub.domain.periods import Months, Period
from labwerk_hub.domain.statement import Month
from labwerk_hub.services import mail, mail_texts
from labwerk_hub.services.statement import is_final
from labwerk_hub.services.workbench import Workbench

#: Per cent of a budget, below which its leads are told.
LOW_PERCENT = 20


def tell(workbench: Workbench) -> int:
    """Write what is new to whom it concerns, each thing once; how many mails there are."""
    if not workbench.policy.mail.enabled:
        return 0
    return _tell_low(workbench) + _tell_statements(workbench)


def _tell_low(workbench: Workbench) -> int:
    """Tell a project's or course's leads, once in a period, that little is left."""
    now_ms = to_ms(workbench.clock())
    low: list[tuple[Budget, Period, int, int]] = []
    with workbench.database.reading() as tx:
        for budget in workbench.catalogue.budgets.values():
            period = budget.periods.at(now_ms)
            if budget.kind is BudgetKind.INSTITUTION or not budget.leads or not period.is_open:
                continue
            figures = tx.ledger.figures(budget.id, period.name)
            left = figures.total - (figures.used - figures.over)  # over-use took nothing of it
            if 100 * left < LOW_PERCENT * figures.total:
                low.append((budget, period, left, figures.total))
    written = 0
    for budget, period, left, total in low:
        letter = mail_texts.budget_low(budget, period.name, left, total)
        key = f"low/{budget.id}/{period.name}"
        with workbench.database.writing() as tx:
            for lead in tx.people.with_group(budget.leads):
                written += mail.write(workbench, tx, letter, lead, key=key)
    return written


def _tell_statements(workbench: Workbench) -> int:
    """Tell an institution's administrators that the last month's statement is ready.

    Not before all that ran in the month is charged, and not where nothing did.
    """
    months = Months(workbench.policy.zone)
    month = months.before(months.at(to_ms(workbench.clock())))
    assert month is not None  # there always was a month before
    with workbench.database.reading() as tx:
        if not is_final(workbench, tx, Month.parse(month.name)):
            return 0
        due = [
            institution
            for institution in workbench.catalogue.institutions
            if tx.usage.of_institution(institution.name, month.name, month.name)
        ]
    return sum(_tell_statement(workbench, institution, month.name) for institution in due)


def _tell_statement(workbench: Workbench, institution: Institution, month: str) -> int:
    letter = mail_texts.statement_there(institution, month)
    key = f"statement/{institution.name}/{month}"
    with workbench.database.writing() as tx:
        return sum(
            mail.write(workbench, tx, letter, person, key=key)
            for person in tx.people.of_institution(institution.name)
            if Role.INSTITUTION_ADMIN in person.roles
        )
