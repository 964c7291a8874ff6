"""Requests for more budget as those see them who ask, and those who decide."""

from __future__ import annotations

from labwerk_hub.domain.metering import from_ms
from labwerk_hub.domain.people import Person
from labwerk_hub.domain.texts import Message
from labwerk_hub.services import budget_requests
from labwerk_hub.services.budget_requests import Asked, UnknownRequestError, may_answer
from labwerk_hub.services.budgets import purse_of
from labwerk_hub.services.tables import Transaction
from labwerk_hub.services.use_views import AskedView, RequestView
from labwerk_hub.services.workbench import Workbench


def to_decide(
    workbench: Workbench, viewer: Person | None, language: str | None = None
) -> tuple[RequestView, ...]:
    """What the viewer may decide now, the oldest first."""
    spoken = language_of(workbench, viewer, language)
    found = budget_requests.open_for(workbench, viewer)
    with workbench.database.reading() as tx:
        return tuple(open_view(workbench, tx, asked, viewer, spoken) for asked in found)


def own(
    workbench: Workbench, person: Person, language: str | None = None
) -> tuple[RequestView, ...]:
    """What a person asked for and what became of it, the newest first."""
    spoken = language_of(workbench, person, language)
    found = budget_requests.of_person(workbench, person)
    return tuple(request_view(asked, person, spoken) for asked in found)


def ask(
    workbench: Workbench,
    person: Person,
    budget: str,
    wanted_ticks: int | None = None,
    words: str = "",
    *,
    whole: bool = False,
    language: str | None = None,
) -> AskedView:
    """Ask for more, and say who decides. Raises as :func:`budget_requests.ask` does."""
    with workbench.database.reading() as tx:
        before = tx.requests.open_of(person.name, budget, whole)
    request = budget_requests.ask(workbench, person, budget, wanted_ticks, words, whole=whole)
    of = workbench.catalogue.budgets[request.budget]
    with workbench.database.reading() as tx:
        deciders = budget_requests.deciders(tx, request, of)
    spoken = language_of(workbench, person, language)
    return AskedView(
        id=request.id,
        deciders=tuple(decider.display_name for decider in deciders),
        repeated=before is not None and before.id == request.id,
        request=request_view(Asked(request, of, person, None), person, spoken),
    )


def find(
    workbench: Workbench, viewer: Person | None, request_id: str, language: str | None = None
) -> RequestView:
    """A request by its id, as it is now. Raises UnknownRequestError."""
    with workbench.database.reading() as tx:
        request = tx.requests.get(request_id)
        budget = workbench.catalogue.budgets.get(request.budget) if request is not None else None
        person = tx.people.by_name(request.person) if request is not None else None
        by = request.decided_by if request is not None else None
        decider = tx.people.by_name(by) if by is not None else None
    if request is None or budget is None or person is None:
        raise UnknownRequestError(Message("There is no request %(id)s.", {"id": request_id[:40]}))
    asked = Asked(request, budget, person, decider)
    return request_view(asked, viewer, language_of(workbench, viewer, language))


def language_of(workbench: Workbench, viewer: Person | None, language: str | None) -> str:
    """The language wanted, else the viewer's own, else the site's."""
    own = viewer.locale if viewer is not None else None
    return language or own or workbench.policy.language


def open_view(
    workbench: Workbench, tx: Transaction, asked: Asked, viewer: Person | None, language: str
) -> RequestView:
    """An open request for those who decide: with what the asker has, and who decides."""
    view = request_view(asked, viewer, language)
    found = budget_requests.deciders(tx, asked.request, asked.budget)
    more: dict[str, object] = {"deciders": tuple(one.display_name for one in found)}
    if not asked.request.whole:
        balance = purse_of(workbench, tx, asked.person, asked.budget).balance
        more |= {
            "share_ticks": balance.granted,
            "used_ticks": balance.used,
            "left_ticks": balance.left,
        }
    return view.model_copy(update=more)


def request_view(asked: Asked, viewer: Person | None, language: str) -> RequestView:
    """A request as ``viewer`` sees it."""
    request = asked.request
    return RequestView(
        id=request.id,
        budget=request.budget,
        budget_title=asked.budget.title.in_language(language),
        period=request.period,
        name=asked.person.name,
        display_name=asked.person.display_name,
        whole=request.whole,
        wanted_ticks=request.wanted_ticks,
        words=request.words,
        state=request.state.value,
        made_at=from_ms(request.made_ms),
        ended_at=from_ms(request.ended_ms) if request.ended_ms is not None else None,
        decided_by=asked.decided_by.display_name if asked.decided_by is not None else "",
        granted_ticks=request.granted_ticks,
        answer=request.answer,
        may_decide=request.is_open and may_answer(viewer, request, asked.budget),
    )
