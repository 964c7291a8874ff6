"""Requests for more budget."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from labwerk_hub.adapters.sql.request_tables import budget_requests as requests
from labwerk_hub.domain.requests import BudgetRequest, RequestState

_OPEN = requests.c.ended_ms.is_(None)


class SqlRequests:
    """The Requests port within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, request: BudgetRequest) -> None:
        """A new request; the table refuses a person's second open one for the same."""
        self._connection.execute(
            insert(requests).values(
                id=request.id,
                budget=request.budget,
                period=request.period,
                person=request.person,
                whole=request.whole,
                wanted_ticks=request.wanted_ticks,
                words=request.words,
                state=request.state.value,
                made_ms=request.made_ms,
                answer=request.answer,
            )
        )

    def get(self, request: str) -> BudgetRequest | None:
        """The request with this id."""
        found = self._list(requests.c.id == request)
        return found[0] if found else None

    def open(self) -> list[BudgetRequest]:
        """All that are to be decided, the oldest first."""
        return self._list(_OPEN)

    def open_of_budgets(self, budgets: Collection[str]) -> list[BudgetRequest]:
        """Those of some budgets, the oldest first."""
        return self._list(_OPEN & requests.c.budget.in_(budgets))

    def open_of(self, person: str, budget: str, whole: bool) -> BudgetRequest | None:
        """What the person asks for of a budget."""
        theirs = (requests.c.person == person) & (requests.c.budget == budget)
        found = self._list(_OPEN & theirs & (requests.c.whole.is_(whole)))
        return found[0] if found else None

    def withdrawn_of(
        self, person: str, budget: str, period: str, whole: bool
    ) -> BudgetRequest | None:
        """What the person asked for last of a budget in a period, and then withdrew."""
        theirs = (requests.c.person == person) & (requests.c.budget == budget)
        same = (requests.c.period == period) & requests.c.whole.is_(whole)
        withdrawn = requests.c.state == RequestState.WITHDRAWN.value
        found = self._list(theirs & same & withdrawn)
        return found[-1] if found else None

    def of_person(self, person: str) -> list[BudgetRequest]:
        """All that the person ever asked for, the oldest first."""
        return self._list(requests.c.person == person)

    def set_words(self, request: str, wanted_ticks: int | None, words: str) -> None:
        """It is asked for once more, otherwise."""
        self._set(request, wanted_ticks=wanted_ticks, words=words)

    def reopen(self, request: str, wanted_ticks: int | None, words: str, made_ms: int) -> None:
        """What was withdrawn is asked for once more."""
        state = RequestState.OPEN.value
        self._set(request, state=state, ended_ms=None, made_ms=made_ms)
        self.set_words(request, wanted_ticks, words)

    def set_ended(
        self,
        request: str,
        state: RequestState,
        ended_ms: int,
        *,
        decided_by: str | None = None,
        granted_ticks: int | None = None,
        answer: str = "",
    ) -> None:
        """Granted, declined, withdrawn or lapsed."""
        self._set(
            request,
            state=state.value,
            ended_ms=ended_ms,
            decided_by=decided_by,
            granted_ticks=granted_ticks,
            answer=answer,
        )

    def forget(self, person: str, now_ms: int) -> None:
        """Empty what a person wrote, and what was written to them; withdraw what is open."""
        mine, decided = requests.c.person == person, requests.c.decided_by == person
        withdrawn = {"state": RequestState.WITHDRAWN.value, "ended_ms": now_ms}
        self._connection.execute(update(requests).where(_OPEN & mine).values(withdrawn))
        self._connection.execute(update(requests).where(mine).values(words=""))
        self._connection.execute(update(requests).where(or_(mine, decided)).values(answer=""))

    def _set(self, request: str, **values: str | int | None) -> None:
        self._connection.execute(update(requests).where(requests.c.id == request).values(**values))

    def _list(self, condition: ColumnElement[bool]) -> list[BudgetRequest]:
        query = select(requests).where(condition).order_by(requests.c.made_ms, requests.c.id)
        return [_request(row) for row in self._connection.execute(query)]


def _request(row: Row[tuple[object, ...]]) -> BudgetRequest:
    return BudgetRequest(
        id=row.id,
        budget=row.budget,
        period=row.period,
        person=row.person,
        whole=row.whole,
        wanted_ticks=row.wanted_ticks,
        words=row.words,
        state=RequestState(row.state),
        made_ms=row.made_ms,
        ended_ms=row.ended_ms,
        decided_by=row.decided_by,
        granted_ticks=row.granted_ticks,
        answer=row.answer,
    )
