"""Commands about budgets: what there is, what is decided about it, and who asks for more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import installation, settings_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.errors import LabwerkError, UnknownPersonError

if TYPE_CHECKING:
    from labwerk_hub.services.workbench import Workbench

_DEFAULT = "default"


class GpuHours(click.ParamType[int | str]):
    """GPU-hours as ticks; ``default`` is None: what the settings say."""

    name = "gpu_hours"

    def __init__(self, *, or_default: bool) -> None:
        self._or_default = or_default

    def convert(
        self, value: object, _param: click.Parameter | None, _context: click.Context | None
    ) -> int | str:
        """The ticks, rounded to the nearest, or the word."""
        from labwerk_hub.domain.ledger import MOST_GPU_HOURS, TICKS_PER_GPU_HOUR

        if isinstance(value, int) or (self._or_default and value == _DEFAULT):
            return value if isinstance(value, int) else _DEFAULT
        try:
            hours = Decimal(str(value))
            if not hours.is_finite() or abs(hours) > MOST_GPU_HOURS:
                raise InvalidOperation
        except InvalidOperation:
            other = f", or {_DEFAULT!r}" if self._or_default else ""
            self.fail(f"{value!r} is no number of GPU-hours; write it like 12.5{other}.")
        return int((hours * TICKS_PER_GPU_HOUR).to_integral_value())


_PERIOD = "A period's name, such as 2026-11 or 2026-10-12..2027-02-05"
_period_option = click.option("--period", help=f"{_PERIOD}; without it from now on.")
_ticks_option = click.option(
    "--gpu-hours",
    "ticks",
    type=GpuHours(or_default=True),
    required=True,
    help=f"Such as 12.5, or {_DEFAULT}.",
)
_because_option = click.option("--because", default="", help="What the person is told.")


@click.group()
def budgets() -> None:
    """Show budgets, decide how large they are and what people may use, answer requests."""


@budgets.command("list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show every budget: what it has, what is left, and when it runs out."""
    import json

    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services.budget_pages import seen_by

    found = seen_by(_workbench(file, "budgets list"), None, "en")
    if as_json:
        shown = [row.model_dump(mode="json") for row in found]
        click.echo(json.dumps({"budgets": shown}, indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join(budget_texts.rows(found)) or "There is no budget.")


@budgets.command()
@click.argument("budget", metavar="ID")
@settings_option
@click.option("--period", help=f"{_PERIOD}; the one that is on if none is named.")
@click.option("--csv", "as_csv", is_flag=True, help="Its people as CSV.")
@json_option
def show(budget: str, file: Path | None, period: str | None, as_csv: bool, as_json: bool) -> None:
    """Show a budget with its people, what they used, and what was decided."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services import use_tables
    from labwerk_hub.services.budget_pages import of_budget

    _one_form(as_csv, as_json)
    workbench = _workbench(file, "budgets show")
    page = of_budget(workbench, None, budget, period, "en")
    if as_csv:
        click.echo(use_tables.as_csv(use_tables.of_members(page)), nl=False)
    elif as_json:
        click.echo(page.model_dump_json(indent=1))
    else:
        click.echo("\n".join(budget_texts.page(page, workbench.policy.zone)))


@budgets.command("set")
@click.argument("budget", metavar="ID")
@settings_option
@_ticks_option
@_period_option
def set_(budget: str, file: Path | None, ticks: int | str, period: str | None) -> None:
    """Decide how many GPU-hours a budget has; "default" is what the settings say."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services.budget_decisions import set_budget
    from labwerk_hub.services.budget_pages import of_budget

    workbench = _workbench(file, "budgets set")
    set_budget(workbench, None, budget, _amount(ticks), period)
    page = of_budget(workbench, None, budget, period, "en")
    click.echo("\n".join([budget_texts.head(page), *budget_texts.smaller(page, _amount(ticks))]))


@budgets.command()
@click.argument("budget", metavar="ID")
@click.argument("person", metavar="PERSON")
@settings_option
@_ticks_option
@_period_option
def share(
    budget: str, person: str, file: Path | None, ticks: int | str, period: str | None
) -> None:
    """Decide how many GPU-hours of a budget a person may use; "default": as in the settings."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services.budget_decisions import set_share
    from labwerk_hub.services.budget_members import member_in
    from labwerk_hub.services.budget_pages import of_budget

    workbench = _workbench(file, "budgets share")
    set_share(workbench, None, budget, person, _amount(ticks), period)
    page = of_budget(workbench, None, budget, period, "en")
    click.echo(budget_texts.member(member_in(page, person)))


@budgets.command()
@settings_option
@json_option
def requests(file: Path | None, as_json: bool) -> None:
    """Show who asks for more, the oldest request first."""
    import json

    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services.request_pages import to_decide

    workbench = _workbench(file, "budgets requests")
    found = to_decide(workbench, None, "en")
    if as_json:
        shown = [view.model_dump(mode="json") for view in found]
        click.echo(json.dumps({"requests": shown}, indent=1, ensure_ascii=False))
    else:
        lines = [budget_texts.request(view, workbench.policy.zone) for view in found]
        click.echo("\n".join(lines) or "Nobody asks for more.")


@budgets.command()
@click.argument("identifier", metavar="REQUEST")
@settings_option
@click.option(
    "--gpu-hours",
    "ticks",
    type=GpuHours(or_default=False),
    required=True,
    help="How many more, such as 12.5.",
)
@_because_option
def grant(identifier: str, file: Path | None, ticks: int, because: str) -> None:
    """Grant so much more, in the request's period; the person is told."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services import request_decisions, request_pages

    workbench = _workbench(file, "budgets grant")
    with _requests_listed():
        request_decisions.grant(workbench, None, identifier, ticks, because)
    view = request_pages.find(workbench, None, identifier, "en")
    click.echo(budget_texts.request(view, workbench.policy.zone))


@budgets.command()
@click.argument("identifier", metavar="REQUEST")
@settings_option
@_because_option
def decline(identifier: str, file: Path | None, because: str) -> None:
    """Decline a request; the person is told why."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services import request_decisions, request_pages

    workbench = _workbench(file, "budgets decline")
    with _requests_listed():
        request_decisions.decline(workbench, None, identifier, because)
    view = request_pages.find(workbench, None, identifier, "en")
    click.echo(budget_texts.request(view, workbench.policy.zone))


@click.command()
@click.argument("person", required=False)
@settings_option
@click.option("--month", metavar="YYYY-MM", help="This month if none is named.")
@click.option("--csv", "as_csv", is_flag=True, help="A table as CSV.")
@json_option
def use(
    person: str | None, file: Path | None, month: str | None, as_csv: bool, as_json: bool
) -> None:
    """Show what a person used in a month; without a name, all institutions."""
    from labwerk_hub.commands import budget_texts
    from labwerk_hub.services import use_tables
    from labwerk_hub.services.operator_page import of_operator
    from labwerk_hub.services.use_pages import of_person

    _one_form(as_csv, as_json)
    workbench = _workbench(file, "use")
    if person is None:
        everybody = of_operator(workbench, None, month, "en")
        table, text = use_tables.of_operator(everybody), budget_texts.everybody(everybody)
        as_object = everybody.model_dump_json(indent=1) if as_json else ""
    else:
        try:
            page = of_person(workbench, None, person, month, "en")
        except UnknownPersonError as error:
            raise UnknownPersonError(
                f"{error.message.rstrip('.')}; `people list` shows who has."
            ) from None
        table, text = use_tables.of_person(page), budget_texts.own(page)
        as_object = page.model_dump_json(indent=1) if as_json else ""
    if as_csv:
        click.echo(use_tables.as_csv(table), nl=False)
    else:
        click.echo(as_object or "\n".join(text))


class _UnknownRequestError(LabwerkError):
    """There is no request of that id."""

    code = "unknown-request"


@contextmanager
def _requests_listed() -> Iterator[None]:
    """Say of a request that there is not where those that there are stand."""
    from labwerk_hub.services.budget_requests import UnknownRequestError as Unknown

    try:
        yield
    except Unknown as error:
        listed = f"{error.message.rstrip('.')}; `budgets requests` lists them."
        raise _UnknownRequestError(listed) from None


def _one_form(as_csv: bool, as_json: bool) -> None:
    """Refuse both at once."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other; name one of them.")


def _workbench(file: Path | None, command: str) -> Workbench:
    from labwerk_hub import bootstrap

    return bootstrap.workbench(installation(file, command).settings)


def _amount(ticks: int | str) -> int | None:
    return ticks if isinstance(ticks, int) else None
