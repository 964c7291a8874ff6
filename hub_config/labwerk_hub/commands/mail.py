"""Commands about e-mail: `mail test` and `mail list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import installation, settings_option
from labwerk_hub.commands.pool import json_option
from labwerk_hub.errors import MailServerError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from labwerk_hub.services.mail import MailView, Outbox
    from labwerk_hub.services.views import Moment


@click.group()
def mail() -> None:
    """Try the mail server, and see what waits to be sent."""


@mail.command()
@click.argument("address", metavar="ADDRESS")
@settings_option
def test(address: str, file: Path | None) -> None:
    """Send one mail now, and say what the server answered."""
    from labwerk_hub import bootstrap
    from labwerk_hub.domain.mails import is_address
    from labwerk_hub.services.mail import trial

    installed = installation(file, "mail test")
    settings = installed.settings
    if not is_address(address):
        raise click.BadParameter(
            f"{address!r} is no address; write it like name@your.example.", param_hint="ADDRESS"
        )
    server = bootstrap.mail_server(settings)
    if server is None:
        raise MailServerError(
            f"{installed.origin.settings}: mail.server is empty; name the site's mail server "
            "there, then run `restart`."
        )
    with server.connected() as connection:
        answer = connection.send(trial(bootstrap.workbench(settings), address))
    click.echo(f"{server.name} took the mail to {address} and answered: {answer}")


@mail.command("list")
@settings_option
@json_option
def list_(file: Path | None, as_json: bool) -> None:
    """Show what waits to be sent, and what was given up."""
    from labwerk_hub import bootstrap
    from labwerk_hub.services.mail import outbox

    settings = installation(file, "mail list").settings
    found = outbox(bootstrap.workbench(settings))
    text = _as_text(found, settings.machine.zone) if not as_json else ""
    click.echo(text or found.model_dump_json(indent=1))


def _as_text(found: Outbox, zone: ZoneInfo) -> str:
    lines = [_line(view, found.at, zone) for view in found.mails]
    return "\n".join(lines) or "No mail waits, and none was given up."


def _line(view: MailView, now: Moment, zone: ZoneInfo) -> str:
    from labwerk_hub import formats

    def moment(when: Moment) -> str:
        return formats.moment(when, "en", zone, now)

    if view.next_try_at is None:
        what = f"given up after it was tried {_times(view.tries)}"
    elif view.tries == 0:
        what = "waits"
    else:
        what = f"tried {_times(view.tries)}, next {moment(view.next_try_at)}"
    said = f": {view.last_error}" if view.last_error else ""
    to = view.to or "(no longer kept)"
    return f"{view.id}  {to}, {view.about}, since {moment(view.made_at)}: {what}{said}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
