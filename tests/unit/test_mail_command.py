"""`labwerk mail`, and what of [mail] in the settings file is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub import bootstrap
from labwerk_hub.errors import SettingsError
from labwerk_hub.machine.places import Places
from labwerk_hub.services import mail, mail_texts
from labwerk_hub.settings import load_settings
from support.mailing import MAIL_TABLE, MailServer, mail_server, somebody
from support.settings import SHIPPED
from support.small_install import POOL, SmallInstall, install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="these commands are root's")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: MailServer) -> SmallInstall:
    return install(tmp_path, POOL + MAIL_TABLE.format(port=server.port))


def _wait(site: SmallInstall, name: str) -> None:
    person = somebody(site.workbench, name)
    with site.workbench.database.writing() as tx:
        mail.write(site.workbench, tx, mail_texts.trial_mail(), person, key="request/br-1/made")


def test_a_trial_goes_out_at_once_and_the_servers_answer_is_shown(
    site: SmallInstall, server: MailServer
) -> None:
    answer = site.run("mail", "test", "olga@th-rhein.example")
    assert answer.code == 0
    assert answer.text == (
        f"127.0.0.1:{server.port} took the mail to olga@th-rhein.example and answered: "
        "250 OK, queued\n"
    )
    (delivered,) = server.delivered
    assert delivered.recipients == ("olga@th-rhein.example",)
    assert delivered.message["Message-ID"].endswith("@[127.0.0.1]>")


def test_a_trial_that_is_refused_says_what_the_server_said(
    site: SmallInstall, server: MailServer
) -> None:
    server.refused = {"olga@th-rhein.example": "554 5.7.1 Relay access denied"}
    answer = site.run("mail", "test", "olga@th-rhein.example")
    assert answer.code == 1
    assert "554 5.7.1 Relay access denied" in answer.text


def test_a_trial_of_what_is_no_address_is_not_sent(site: SmallInstall, server: MailServer) -> None:
    answer = site.run("mail", "test", "olga")
    assert answer.code == 2
    assert "'olga' is no address" in answer.text
    assert server.delivered == []


def test_a_trial_without_a_server_names_the_setting(tmp_path: Path) -> None:
    site = install(tmp_path)
    copy = Places(site.settings.machine.state).settings  # as `up` leaves it
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(site.file.read_text("utf-8"), "utf-8")
    answer = site.run("mail", "test", "olga@th-rhein.example")
    assert answer.code == 1
    said = "mail.server is empty; name the site's mail server there, then run `restart`."
    assert answer.text == f"{site.file}: {said}"


def test_the_list_shows_what_waits_and_why(site: SmallInstall, server: MailServer) -> None:
    assert site.run("mail", "list").text == "No mail waits, and none was given up.\n"
    _wait(site, "Anna Müller")
    line = site.run("mail", "list").text
    assert "anna@thr.example, request/br-1/made/thr--anna-mueller, since" in line
    assert line.endswith(": waits\n")
    server.refused = {"anna@thr.example": "450 4.2.2 Mailbox full"}
    reached = bootstrap.mail_server(site.settings)
    assert reached is not None
    mail.send_due(site.workbench, reached)
    assert "tried once, next" in site.run("mail", "list").text
    (told,) = json.loads(site.run("mail", "list", "--json").text)["mails"]
    assert (told["state"], told["tries"]) == ("waiting", 1)
    assert "450 4.2.2 Mailbox full" in told["last_error"]


def _problems(folder: Path, *lines: str) -> str:
    text = SHIPPED.read_text(encoding="utf-8").replace(
        'files = ["datasets/', f'files = ["{SHIPPED.parent}/datasets/'
    )
    kept = {line.split(" = ")[0] for line in lines}
    head, _, rest = text.partition("\n[mail]\n")
    table, _, after = rest.partition("\n# ---")
    others = [line for line in table.splitlines() if line.split(" = ")[0] not in kept]
    file = folder / "labwerk.toml"
    file.write_text("\n".join([head, "[mail]", *lines, *others, "# ---" + after]), "utf-8")
    try:
        load_settings(file)
    except SettingsError as error:
        return error.message
    return ""


_SERVER = ('server = "mail.th-rhein.example"', 'sender = "labwerk@th-rhein.example"')


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (('server = "smtp://mail.example"',), "the port is a setting of its own"),
        (('server = "mail.example:587"',), "the port is a setting of its own"),
        (_SERVER[:1], "mail.sender = '': is needed with a server"),
        ((_SERVER[0], 'sender = "Labwerk"'), "must be one address"),
        ((_SERVER[0], 'sender = "a@b.example, c@d.example"'), "must be one address"),
        ((_SERVER[0], 'sender = "a@b.example\\nBcc: c@d.example"'), "must be one address"),
        ((*_SERVER, 'reply_to = "nobody"'), "mail.reply_to = 'nobody': must be one address"),
        ((*_SERVER, "port = 70000"), "mail.port = 70000"),
        ((*_SERVER, 'security = "ssl"'), "mail.security = 'ssl'"),
        ((*_SERVER, "give_up_hours = 0"), "mail.give_up_hours = 0"),
        ((*_SERVER, 'user = "labwerk"'), "mail.user = 'labwerk': needs password_file"),
        ((*_SERVER, 'user = "x"', 'password_file = "no"'), "mail.password_file = 'no': cannot be"),
        ((*_SERVER, 'password = "secret"'), "mail.password: there is no such setting"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    assert said in _problems(tmp_path, *lines)


def test_a_password_is_not_sent_unencrypted_to_another_machine(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    login = ('user = "labwerk"', 'password_file = "password"', 'security = "none"')
    assert "would send the password unencrypted" in _problems(tmp_path, *_SERVER, *login)
    here = ('server = "127.0.0.1"', _SERVER[1])
    assert _problems(tmp_path, *here, *login) == ""


@pytest.mark.parametrize(
    "server", ["mail.th-rhein.example", "192.0.2.7", "2001:db8::7", "localhost"]
)
def test_names_and_addresses_of_servers_are_taken(tmp_path: Path, server: str) -> None:
    sender = 'sender = "Labwerk der TH <labwerk@th-rhein.example>"'
    assert _problems(tmp_path, f'server = "{server}"', sender) == ""
