"""What pages, the REST API and downloads show of use and budgets.

They are made by ``use_pages.of_person``, ``budget_pages.of_budget`` and ``seen_by``, and
``operator_page.of_operator``; ``use_tables`` makes rows of them for downloads.

Amounts are ticks (:data:`~labwerk_hub.domain.ledger.TICKS_PER_GPU_HOUR` of them are a
GPU-hour), times milliseconds, days those of the site's time zone.
"""

from __future__ import annotations

from datetime import date

from labwerk_hub.services.budget_views import PayerView
from labwerk_hub.services.views import Moment, Named, View

#: Who has not signed in for so many days has probably left.
LEAVER_DAYS = 90


class UsedView(View):
    """What was used. ``over_ticks`` of the ``ticks`` had no budget; ``idle_ticks`` of them
    were spent while nothing ran, for ``idle_ms`` of the ``ms`` that sessions ran."""

    ticks: int = 0
    over_ticks: int = 0
    idle_ticks: int = 0
    ms: int = 0
    idle_ms: int = 0
    sessions: int = 0


class NamedUse(View):
    """What was used of something: of a budget, with a flavour."""

    id: str
    title: str
    used: UsedView


class Amount(View):
    """Ticks of something that is named elsewhere by its ``id``."""

    id: str
    ticks: int


class DayUse(View):
    """What was used on one day, and ``by`` which budgets it was paid."""

    day: date
    ticks: int
    over_ticks: int
    idle_ticks: int
    by: tuple[Amount, ...]


class PeriodView(View):
    """A period of a budget, both days included; ``is_open`` if anything is granted for it.

    What is in no period has no end either: its days are None. ``title`` is what people read.
    """

    name: str
    title: str
    first_day: date | None
    last_day: date | None
    is_open: bool
    is_now: bool


class LeftOn(View):
    """What was left when a day ended."""

    day: date
    left_ticks: int


class BurnDownView(View):
    """How a budget (or a person's share of it) is used up in a period.

    ``points`` are the days from the first one to today. ``per_day_ticks`` is what was used a
    day lately, ``empty_on`` the day on which nothing will be left if that goes on (None: not
    in this period), ``spare_ticks`` what will then be left at the period's end. Both are
    guesses; a period that is over has none.
    """

    period: str
    first_day: date
    last_day: date
    total_ticks: int
    points: tuple[LeftOn, ...]
    per_day_ticks: int
    empty_on: date | None
    spare_ticks: int | None


class UseLine(View):
    """What was used on a day of one budget with one flavour: the table beside the picture."""

    day: date
    budget: str
    budget_title: str
    flavour: str
    flavour_title: str
    used: UsedView


class OwnBudget(View):
    """A budget that may pay for a person, and how what they may use of it goes.

    ``is_shared``: nobody's part is set, and the burn-down is that of all who use it.
    ``is_short``: the budget has less left than the person's share of it, and the burn-down
    is that of what they can come to.
    """

    payer: PayerView
    is_shared: bool
    is_short: bool
    burn_down: BurnDownView | None


class MyUse(View):
    """What a person used in a month, and what there is left; ``months`` has the latest first."""

    name: str
    display_name: str
    month: str
    months: tuple[str, ...]
    total: UsedView
    days: tuple[DayUse, ...]
    lines: tuple[UseLine, ...]
    payers: tuple[NamedUse, ...]
    flavours: tuple[NamedUse, ...]
    budgets: tuple[OwnBudget, ...]
    at: Moment


class FiguresView(View):
    """What the ledger has of a budget in a period; ``total_ticks`` is what there is to use."""

    granted_ticks: int
    carried_ticks: int
    given_ticks: int
    used_ticks: int
    over_ticks: int
    held_ticks: int
    free_ticks: int
    total_ticks: int


class BudgetHead(View):
    """A budget as the settings have it.

    ``ticks`` and ``person_ticks`` (None: everybody may use all of it) hold until somebody
    decides otherwise; of what is left at a period's end ``carry_over`` per cent stay.
    ``parent`` is the budget that it is given from.
    """

    id: str
    kind: str
    name: str
    title: str
    institution: Named
    parent: str | None
    ticks: int
    person_ticks: int | None
    carry_over: int
    over_use: bool


class BudgetRow(View):
    """A budget in a list: what it has now, and when it is used up if use goes on (None: not
    in this period). ``requests`` are those that are to be decided."""

    head: BudgetHead
    period: PeriodView
    figures: FiguresView
    empty_on: date | None
    requests: int
    may_decide: bool


class MemberView(View):
    """Somebody who may use a budget, or has used it in the period.

    ``name`` is None for somebody whose record was erased. ``share_ticks`` is what they may
    use (None: as much as there is), and ``is_decided`` whether somebody decided it; else the
    settings say so. Of an institution's people, ``paid`` is what they used of any budget that
    it pays, and ``seen_at`` when they last signed in; elsewhere that is nothing to the reader.
    ``is_member`` is False for who used it and is in the group no more, ``is_leaver`` True for
    who has not signed in for 90 days.
    """

    name: str | None
    display_name: str
    institution: Named
    share_ticks: int | None
    is_decided: bool
    used: UsedView
    held_ticks: int
    left_ticks: int
    last_use: date | None
    paid: UsedView
    seen_at: Moment | None
    is_member: bool
    is_leaver: bool


class RequestView(View):
    """A request for more of a budget, or for more for the ``whole`` of it.

    ``may_decide`` is whether who looks at it may. While it is open, ``deciders`` are who may
    by their names, and who decides is shown what the asker has of the budget now:
    ``share_ticks`` (None: not shown, or no share), ``used_ticks``, ``left_ticks``.
    """

    id: str
    budget: str
    budget_title: str
    period: str
    name: str
    display_name: str
    whole: bool
    wanted_ticks: int | None
    words: str
    state: str
    made_at: Moment
    ended_at: Moment | None
    decided_by: str
    granted_ticks: int | None
    answer: str
    may_decide: bool
    deciders: tuple[str, ...] = ()
    share_ticks: int | None = None
    used_ticks: int | None = None
    left_ticks: int | None = None


class AskedView(View):
    """What became of a click on "ask for more".

    ``deciders`` are who may decide it, by their names; ``repeated`` is whether the same was
    asked for already and not decided yet.
    """

    id: str
    deciders: tuple[str, ...]
    repeated: bool
    request: RequestView


class DecisionView(View):
    """Who decided what about a budget, or about ``whom``'s share of it.

    For one ``period``, or from then on (None); ``ticks`` None is back to the settings.
    """

    at: Moment
    who: str
    whom: str
    period: str | None
    ticks: int | None


class StatementMonth(View):
    """A month of which there is a statement; ``is_final`` once nothing more can come in."""

    month: str
    is_final: bool


class BudgetPage(View):
    """A budget with everybody's use of it in a period; of an institution, with more.

    ``periods`` has the latest first. ``children`` are an institution's projects and courses,
    ``statements`` its months. ``days`` are paid by the budget and, of an institution, by
    those given from it, too.
    """

    head: BudgetHead
    period: PeriodView
    periods: tuple[str, ...]
    figures: FiguresView
    used: UsedView
    burn_down: BurnDownView | None
    days: tuple[DayUse, ...]
    flavours: tuple[NamedUse, ...]
    members: tuple[MemberView, ...]
    requests: tuple[RequestView, ...]
    decisions: tuple[DecisionView, ...]
    children: tuple[BudgetRow, ...]
    statements: tuple[StatementMonth, ...]
    may_decide: bool
    may_decide_whole: bool
    may_ask_whole: bool
    at: Moment


class InstitutionRow(View):
    """An institution on the operator's page: its own budget, and all that it paid for in the
    month, its projects and courses included."""

    budget: BudgetRow
    used: UsedView
    people: int
    leavers: int
    sessions: int


class SessionNow(View):
    """A session that runs, who pays for it, and until when it may."""

    session: str
    name: str
    display_name: str
    institution: str
    flavour: str
    payer: str
    started_at: Moment
    ends_at: Moment
    over_use: bool


class HeadView(View):
    """The latest link of a chain: its number and its hash."""

    number: int
    hash: str


class OperatorPage(View):
    """Everything: all institutions in a month, what runs now, mail, and both chains' heads.

    ``sealed_at`` is when the ledger's head was last written into the audit chain.
    """

    month: str
    months: tuple[str, ...]
    total: UsedView
    days: tuple[DayUse, ...]
    institutions: tuple[InstitutionRow, ...]
    flavours: tuple[NamedUse, ...]
    sessions: tuple[SessionNow, ...]
    requests: int
    mails_waiting: int
    mails_given_up: int
    event_head: HeadView
    posting_head: HeadView
    decision_head: HeadView
    sealed_at: Moment | None
    at: Moment
