"""What stands on the pages of a statement: every text and number as it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from labwerk_hub import formats
from labwerk_hub.adapters.statements.form import MS_PER_HOUR
from labwerk_hub.domain.ledger import TICKS_PER_GPU_HOUR
from labwerk_hub.domain.statement import Line, Month, Position, Statement, Sums, sums_of
from labwerk_hub.services.statement import Names
from labwerk_hub.texts import N_, translations

#: From this share of idle time on it stands out.
_MUCH_IDLE = 0.5
_NONE = "–"

_NOTES = (
    N_(
        "A GPU-hour is one whole GPU for one hour; a part of a GPU counts as that part, times "
        "the weight of its model. Numbers are rounded to hundredths; sums are of numbers that "
        "are not rounded."
    ),
    N_(
        "“Without budget” is what sessions went on using while nobody waited after their "
        "budget was used up; it is part of what was used."
    ),
    N_(
        "“Idle” is the share of the sessions' time in which nothing ran in them; from half on it "
        "stands out."
    ),
    N_(
        "People are called what Labwerk called them when it wrote this file; those whose "
        "record was erased stand here by the pseudonym that the ledger has of them."
    ),
)
_HOW_TO_VERIFY = N_(
    "The signature chains the numbers, without people's names, to the ledger and to the audit "
    "chain as they were at the end of the month, or when a preliminary statement was made. "
    "“python3 hub_config statement verify” with this file makes the statement anew from the "
    "ledger and says whether it is the same. The numbers are attached to this file as %(file)s."
)
_PRELIMINARY = N_(
    "Preliminary: the month is not over, or not everything that ran in it is charged yet. "
    "The numbers will still change."
)


@dataclass(frozen=True)
class Cell:
    """A number or a text; with ``marked`` it stands out."""

    text: str
    marked: bool = False


@dataclass(frozen=True)
class Row:
    """``name``, with what stands below it in small print, and the cells after it."""

    name: str
    below: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Group:
    """The rows of one budget, and what they add up to."""

    title: str
    rows: tuple[Row, ...]
    total: Row


@dataclass(frozen=True)
class Fact:
    """Something by its name."""

    name: str
    value: str


@dataclass(frozen=True)
class Sheet:
    """All of it, in the order of the pages."""

    language: str
    day: tuple[int, int, int]
    title: str
    issuer: str
    institution: str
    month: str
    facts: tuple[Fact, ...]
    preliminary: str
    sums: tuple[Fact, ...]
    budgets: str
    budget_columns: tuple[str, ...]
    positions: tuple[Row, ...]
    use: str
    use_columns: tuple[str, ...]
    groups: tuple[Group, ...]
    total: Row
    nothing: str
    notes_title: str
    notes: tuple[str, ...]
    signature: str
    heads: tuple[Fact, ...]
    verify: str
    page: str


def sheet(statement: Statement, names: Names) -> Sheet:
    """The pages of ``statement`` in the language of ``names``."""
    return _Writer(statement, names).sheet()


class _Writer:
    def __init__(self, statement: Statement, names: Names) -> None:
        self._statement, self._names = statement, names
        self._language = names.language
        self._gettext = translations(names.language).gettext
        self._month = Month.parse(statement.month)

    def sheet(self) -> Sheet:
        statement, _, month = self._statement, self._gettext, self._month
        following = month.following
        return Sheet(
            language=self._language,
            day=(following.year, following.month, 1),
            title=_("Statement of GPU-hours"),
            issuer=self._names.issuer,
            institution=self._names.institution,
            month=formats.month(statement.month, self._language),
            facts=(
                Fact(_("Statement"), statement.number),
                Fact(_("From – to"), self._span(month.first_day, month.last_day)),
                Fact(_("Time zone"), statement.zone),
                Fact(_("State"), _("final") if statement.final else _("preliminary")),
            ),
            preliminary="" if statement.final else _(_PRELIMINARY),
            sums=tuple(self._sums(statement.sums)),
            budgets=_("Budgets, in GPU-hours"),
            budget_columns=(
                _("Budget"),
                _("Granted"),
                _("Carried over"),
                _("Given on"),
                _("Used before"),
                _("Used in the month"),
                _("Of it without budget"),
                _("Left at the end"),
            ),
            positions=tuple(self._position(position) for position in statement.positions),
            use=_("Use in the month, by person"),
            use_columns=(
                _("Person"),
                _("Flavour"),
                _("Sessions"),
                _("Hours"),
                _("Idle"),
                _("GPU-hours"),
                _("Of it without budget"),
            ),
            groups=tuple(self._groups()),
            total=Row(_("All together"), "", (Cell(""), *self._cells(statement.sums))),
            nothing=_("Nothing was used in this month."),
            notes_title=_("Notes"),
            notes=tuple(_(note) for note in _NOTES),
            signature=_("Signature"),
            heads=tuple(self._heads()),
            verify=_(_HOW_TO_VERIFY) % {"file": "statement.json"},
            page=_("Page"),
        )

    def _sums(self, sums: Sums) -> Iterator[Fact]:
        _ = self._gettext
        yield Fact(_("GPU-hours"), self._gpu_hours(sums.ticks))
        yield Fact(_("Of it without budget"), self._gpu_hours(sums.over_ticks))
        yield Fact(_("Sessions"), formats.number(sums.sessions, self._language))
        yield Fact(_("Idle"), self._idle(sums).text)

    def _position(self, position: Position) -> Row:
        days = date.fromisoformat(position.first_day), date.fromisoformat(position.last_day)
        return Row(
            self._names.budgets.get(position.budget, position.budget),
            self._span(*days),
            (
                *self._amounts(position.granted, position.carried, position.given),
                *self._amounts(position.used_before, position.used),
                Cell(self._gpu_hours(position.over), marked=position.over > 0),
                *self._amounts(position.left),
            ),
        )

    def _groups(self) -> Iterator[Group]:
        lines, _ = self._statement.lines, self._gettext
        for budget in dict.fromkeys(line.budget for line in lines):
            of = [line for line in lines if line.budget == budget]
            title = self._names.budgets.get(budget, budget)
            yield Group(
                title,
                tuple(self._line(line) for line in sorted(of, key=self._order)),
                Row(_("Sum"), "", (Cell(""), *self._cells(sums_of(of)))),
            )

    def _order(self, line: Line) -> tuple[bool, str, str, str]:
        """By name, and those without one at the end."""
        name = self._names.people.get(line.person)
        return name is None, (name or "").casefold(), line.person, line.flavour

    def _line(self, line: Line) -> Row:
        return Row(
            self._names.people.get(line.person, line.person),
            "",
            (Cell(self._names.flavours.get(line.flavour, line.flavour)), *self._cells(line)),
        )

    def _cells(self, part: Line | Sums) -> tuple[Cell, ...]:
        return (
            Cell(formats.number(part.sessions, self._language)),
            Cell(self._number(Decimal(part.ms) / MS_PER_HOUR)),
            self._idle(part),
            *self._amounts(part.ticks),
            Cell(self._gpu_hours(part.over_ticks), marked=part.over_ticks > 0),
        )

    def _heads(self) -> Iterator[Fact]:
        heads, _ = self._statement.heads, self._gettext
        yield Fact(_("Signature"), self._statement.signature)
        for name, number, hashed in (
            (_("Posting %(number)s of the ledger"), heads.posting, heads.posting_hash),
            (_("Event %(number)s of the audit chain"), heads.event, heads.event_hash),
        ):
            yield Fact(name % {"number": formats.number(number, self._language)}, hashed)

    def _idle(self, part: Line | Sums) -> Cell:
        if not part.ms:
            return Cell(_NONE)
        share = part.idle_ms / part.ms
        return Cell(formats.percent(share, self._language), marked=share >= _MUCH_IDLE)

    def _amounts(self, *ticks: int) -> tuple[Cell, ...]:
        return tuple(Cell(self._gpu_hours(amount)) for amount in ticks)

    def _gpu_hours(self, ticks: int) -> str:
        return self._number(Decimal(ticks) / TICKS_PER_GPU_HOUR) if ticks else _NONE

    def _number(self, value: Decimal) -> str:
        """Hundredths; the least of them that is not nothing is one."""
        least = Decimal("0.01")
        if 0 < value < least / 2:
            return f"<\N{NO-BREAK SPACE}{formats.fixed(least, self._language, 2)}"
        return formats.fixed(value, self._language, 2)

    def _span(self, first: date, last: date) -> str:
        return formats.span(first, last, self._language)
