"""Commands about the monthly statements: `statement make`, `list` and `verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import installation, settings_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.domain.events import ROOT
from labwerk_hub.domain.texts import LANGUAGES, one_line
from labwerk_hub.errors import LabwerkError

if TYPE_CHECKING:
    from labwerk_hub.domain.statement import AsOf, Statement
    from labwerk_hub.services.statement import Names

#: Differences that are listed; a file of another ledger may have any number.
_SHOWN = 20
_FORMATS = ("pdf", "csv", "json", "usage-record")


class StatementDiffersError(LabwerkError):
    """A file says something else than the ledger."""

    code = "statement-differs"


class StatementFileError(LabwerkError):
    """A statement's file cannot be read or written."""

    code = "statement-file"


@click.group()
def statement() -> None:
    """Month-end statements of what an institution used, from the ledger."""


@statement.command()
@click.argument("institution")
@settings_option
@click.option("--month", help="Such as 2026-11; the last one that is over if none is named.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="pdf",
    show_default=True,
    help="For people (pdf), spreadsheets (csv), programs (json) or accounting systems.",
)
@click.option("--to", "to", type=click.Path(path_type=Path), help="The file to write; - is here.")
@click.option("--language", type=click.Choice(LANGUAGES), help="The site's if none is named.")
def make(
    institution: str,
    file: Path | None,
    month: str | None,
    form: str,
    to: Path | None,
    language: str | None,
) -> None:
    """Write the statement of an institution, such as thr, for a month."""
    from labwerk_hub import bootstrap
    from labwerk_hub.adapters.statements import Format, render
    from labwerk_hub.services import statement as statements

    settings = installation(file, "statement make").settings
    bench, wanted = bootstrap.workbench(settings), Format(form)
    made = statements.make(bench, institution, month)
    names = statements.names_for(bench, made, language or settings.machine.language)
    content = render(made, wanted, names)
    to = to or Path(f"statement-{made.institution}-{made.month}.{wanted.suffix}")
    if str(to) == "-":
        statements.handed_out(bench, made, ROOT)
        click.echo(content, nl=False)
        return
    try:
        to.write_bytes(content)
    except OSError as error:
        raise StatementFileError(
            f"{to} cannot be written ({error.strerror}); name another file with --to."
        ) from None
    statements.handed_out(bench, made, ROOT)
    state = "" if made.final else " It is preliminary: the numbers will still change."
    click.echo(f"{to}: statement {made.number}, signature {made.signature}.{state}")


@statement.command("list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show which statements can be made, the latest month first."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.statement import available

    settings = installation(file, "statement list").settings
    found = available(bootstrap.workbench(settings))
    if as_json:
        click.echo(json.dumps({"statements": [asdict(one) for one in found]}, indent=1))
        return
    lines = [f"{x.month}  {x.institution}  {'final' if x.final else 'preliminary'}" for x in found]
    click.echo("\n".join(lines) or "Nothing was used yet.")


@statement.command()
@click.argument("written", metavar="FILE", type=click.Path(path_type=Path))
@settings_option
def verify(written: Path, file: Path | None) -> None:
    """Say whether a statement's file, in any format, says what the ledger says."""
    from labwerk_hub import bootstrap
    from labwerk_hub.adapters import statements as files
    from labwerk_hub.services import statement as statements

    settings = installation(file, "statement verify").settings
    bench = bootstrap.workbench(settings)

    def made(institution: str, month: str, as_of: AsOf | None) -> tuple[Statement, Names]:
        anew = statements.make(bench, institution, month, as_of)
        return anew, statements.names_for(bench, anew, settings.machine.language)

    try:
        content = written.read_bytes()
    except OSError as error:
        raise StatementFileError(
            f"{written} cannot be read ({error.strerror}); name a file that `statement make` wrote."
        ) from None
    try:
        verdict = files.verify(content, made)
    except files.UnreadableStatementError as error:
        raise files.UnreadableStatementError(f"{written}: {one_line(error.message)}") from None
    number, then = verdict.statement.number, ""
    if verdict.as_of is not None:
        with bench.database.reading() as tx:
            now = tx.ledger.head().number
        then = f"{written} is preliminary, made at posting {verdict.as_of.posting}; "
        then += f"the ledger is now at {now}.\n"
    if not verdict.same:
        shown, more = verdict.differences[:_SHOWN], len(verdict.differences) - _SHOWN
        raise StatementDiffersError(
            f"{then}{written} is not the statement {number} that the ledger gives"
            f"{' as of that posting' if then else ''}:\n"
            + "\n".join(one_line(difference) for difference in shown)
            + (f"\nand {more} more" if more > 0 else "")
        )
    click.echo(f"{then}{written}: the statement {number} as the ledger gives it.")
    if verdict.note is not None:
        click.echo(one_line(verdict.note))
