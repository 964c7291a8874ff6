"""What mails say, as messages; :func:`written` puts them into a person's language."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from labwerk_hub import formats
from labwerk_hub.domain.budgets import Budget, BudgetKind, budget_id
from labwerk_hub.domain.mails import plain_words
from labwerk_hub.domain.people import Institution
from labwerk_hub.domain.periods import Terms
from labwerk_hub.domain.requests import BudgetRequest, RequestState
from labwerk_hub.domain.texts import LANGUAGES, GpuHours, Localized, Message, Param, one_line
from labwerk_hub.texts import render

#: Characters in a line of plain text (RFC 3676 §4.2 advises at most 78).
_WIDTH = 76
_MONTH = re.compile(r"\d{4}-\d{2}")
_DATES = re.compile(r"\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Quoted:
    """Somebody's own words, which stand in a mail as such."""

    words: str


@dataclass(frozen=True)
class Letter:
    """A mail before it is in a language: its paragraphs, and the page that it leads to.

    ``page`` is a path at the public address.
    """

    subject: Message
    paragraphs: Sequence[Message | Quoted]
    page: str


@dataclass(frozen=True)
class Text:
    """A mail's subject, in one line, and its body, in lines that end with a line feed."""

    subject: str
    body: str


def written(letter: Letter, name: str, language: str, zone: tzinfo, public_url: str) -> Text:
    """The letter to somebody called ``name``, in their language."""
    greeting = Message("Hello %(name)s,", {"name": one_line(name)})
    blocks = [_filled(render(greeting, language, zone))]
    for part in letter.paragraphs:
        if isinstance(part, Quoted):
            blocks.append(_quoted(part.words))
        else:
            blocks.append(_filled(render(part, language, zone)))
    blocks.append(f"{public_url}{letter.page}")
    closing = Message("Labwerk writes this mail by itself.")
    blocks.append(f"-- \n{_filled(render(closing, language, zone))}")
    subject = one_line(render(letter.subject, language, zone))
    return Text(subject, "\n\n".join(block for block in blocks if block) + "\n")


def request_made(request: BudgetRequest, budget: Budget, name: str) -> Letter:
    """To whoever may decide: somebody called ``name`` asks for more."""
    facts = _facts(budget, request.period, name=one_line(name))
    if request.wanted_ticks is not None:
        facts["amount"] = GpuHours(request.wanted_ticks)
    match request.whole, request.wanted_ticks is None:
        case False, True:
            said = Message(
                "%(name)s asks for more of the budget “%(title)s” (%(period)s).",
                facts,
            )
        case False, False:
            said = Message(
                "%(name)s asks for %(amount)s more of the budget “%(title)s” (%(period)s).",
                facts,
            )
        case True, True:
            said = Message(
                "%(name)s asks for more for the whole budget “%(title)s” (%(period)s).",
                facts,
            )
        case _:
            said = Message(
                "%(name)s asks for %(amount)s more for the whole budget “%(title)s” (%(period)s).",
                facts,
            )
    return Letter(
        subject=Message("%(name)s asks for more of the budget “%(title)s”", facts),
        paragraphs=[
            said,
            *_words(request.words),
            Message("You can grant or decline it here:"),
        ],
        page=page_of(_decided_at(budget, request)),
    )


def request_decided(request: BudgetRequest, budget: Budget, name: str | None) -> Letter:
    """To the person who asked: granted or declined, by somebody called ``name`` if known."""
    facts = _facts(budget, request.period)
    if name is not None:
        facts["name"] = one_line(name)
    if request.state is RequestState.GRANTED:
        facts["amount"] = GpuHours(request.granted_ticks or 0)
        subject = Message("You have more of the budget “%(title)s”", facts)
        said = (
            Message("You were granted %(amount)s more of “%(title)s” (%(period)s).", facts)
            if name is None
            else Message("%(name)s granted %(amount)s more of “%(title)s” (%(period)s).", facts)
        )
    else:
        subject = Message("Your request for more of the budget “%(title)s” was declined", facts)
        said = (
            Message("Your request for more of “%(title)s” (%(period)s) was declined.", facts)
            if name is None
            else Message(
                "%(name)s declined your request for more of “%(title)s” (%(period)s).", facts
            )
        )
    return Letter(
        subject=subject,
        paragraphs=[said, *_words(request.answer), Message("What you have now is shown here:")],
        page="/hub/labwerk/use",
    )


def budget_low(budget: Budget, period: str, left: int, total: int) -> Letter:
    """To a budget's leads: of ``total`` ticks in a period, few are left."""
    facts = _facts(budget, period, left=GpuHours(left), total=GpuHours(total))
    return Letter(
        subject=Message("Little is left of the budget “%(title)s”", facts),
        paragraphs=[
            Message(
                "Of the budget “%(title)s” (%(period)s), %(left)s of %(total)s are left.", facts
            ),
            Message("Who uses how much, and how long it will last, is shown here:"),
        ],
        page=page_of(budget.id),
    )


def statement_there(institution: Institution, month: str) -> Letter:
    """To an institution's administrators: the statement of a month such as ``2026-11``."""
    facts: dict[str, Param] = {"title": institution.title, "month": period_title(month)}
    return Letter(
        subject=Message("The statement of %(title)s for %(month)s is ready", facts),
        paragraphs=[
            Message(
                "%(month)s is over, and what “%(title)s” used in it is charged. "
                "The statement can be downloaded here:",
                facts,
            )
        ],
        page=page_of(budget_id(BudgetKind.INSTITUTION, institution.name)),
    )


def trial_mail() -> Letter:
    """To try the mail server with."""
    return Letter(
        subject=Message("A test mail of Labwerk"),
        paragraphs=[Message("This mail shows that Labwerk can write to people at this address.")],
        page="/",
    )


def page_of(budget: str) -> str:
    """Where a budget is shown, as a path at the public address."""
    return f"/hub/labwerk/budget/{budget}"


def period_title(period: str) -> Localized:
    """What people call a period: a month by its name and year, a term by its own name.

    One between two dates is called by its days.
    """
    if _DATES.fullmatch(period):
        first, last = map(date.fromisoformat, period.split(".."))
        return Localized(**{one: formats.span(first, last, one) for one in LANGUAGES})
    if not _MONTH.fullmatch(period):
        return Localized.same(period)
    return Localized(**{language: formats.month(period, language) for language in LANGUAGES})


def period_called(budget: Budget | None, period: str) -> Localized:
    """What people call a budget's period by its name (None: the budget left the settings)."""
    terms = budget.periods.terms if budget and isinstance(budget.periods, Terms) else ()
    own = (term.title for term in terms if term.name == period and term.title)
    return period_title(next(own, period))


def _facts(budget: Budget, period: str, **more: Param) -> dict[str, Param]:
    return {"title": budget.title, "period": period_called(budget, period), **more}


def _decided_at(budget: Budget, request: BudgetRequest) -> str:
    """More for a whole budget comes from the one that it is given from."""
    return budget.parent or budget.id if request.whole else budget.id


def _words(words: str) -> list[Message | Quoted]:
    return [Message("What they add:"), Quoted(words)] if words else []


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _quoted(words: str) -> str:
    lines = [
        wrapped
        for line in plain_words(words).splitlines()
        for wrapped in (textwrap.wrap(line, _WIDTH - 2) or [""])
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)
