"""The hub service and a mail server, both as they run: nothing is lost, whoever is down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.services import budget_requests, request_decisions
from support.environment import REPOSITORY
from support.mailing import MAIL_TABLE, MailServer, free_port, mail_server, somebody
from support.small_install import POOL, SmallInstall, install
from support.waiting import eventually

#: No hub listens at that port, on a gateway that another installation here may have.
_NETWORK = "\n[network]\nhub_port = {port}\n"


@pytest.fixture
def site(tmp_path: Path) -> SmallInstall:
    """An installation with a mail server in its settings, which does not run yet."""
    tables = _NETWORK.format(port=free_port()) + MAIL_TABLE.format(port=free_port())
    return install(tmp_path, POOL + tables)


@pytest.fixture
def anna(site: SmallInstall) -> Person:
    """Somebody whose institution's administrator can be written to, in Italian."""
    admin = frozenset({Role.INSTITUTION_ADMIN})
    somebody(site.workbench, "Mira Conti", locale="it", roles=admin)
    return somebody(site.workbench, "Anna Müller", locale="de")


@contextmanager
def _service(site: SmallInstall) -> Iterator[subprocess.Popen[bytes]]:
    """The hub service as the supervisor runs it, without an engine and a hub."""
    port = free_port()
    app = "labwerk_hub.api.app:create_app"
    command = [sys.executable, "-m", "uvicorn", "--factory", app, "--port", str(port)]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{REPOSITORY / 'hub_config'}:{os.environ.get('PYTHONPATH', '')}",
        "LABWERK_SETTINGS": str(site.file),
        "JUPYTERHUB_API_TOKEN": "of-the-service",
        "DOCKER_HOST": f"unix://{site.file.parent}/no-engine.sock",
    }
    with subprocess.Popen(command, env=environment) as process:
        try:
            address = f"http://127.0.0.1:{port}/services/labwerk/api/health"
            eventually(lambda: _answers(address), 60, "the service's first answer")
            yield process
        finally:
            process.kill()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _ask(site: SmallInstall, person: Person) -> str:
    """What the hub does when somebody clicks."""
    return budget_requests.ask(site.workbench, person, "institution/thr").id


def _unsent(site: SmallInstall) -> int:
    with site.workbench.database.reading() as tx:
        return len(tx.mails.unsent())


def test_a_request_reaches_whoever_decides_and_a_decision_whoever_asked(
    site: SmallInstall, anna: Person
) -> None:
    with mail_server(site.settings.mail.port) as server, _service(site):
        request = _ask(site, anna)
        (asked,) = server.wait_for(1)
        assert asked.recipients == ("mira@thr.example",)
        assert asked.text.startswith("Buongiorno Mira Conti,")
        assert "Anna Müller" in asked.text
        assert (
            f"{site.settings.network.public_url}/hub/labwerk/budget/institution/thr" in asked.text
        )
        request_decisions.decline(site.workbench, None, request, "Später")
        _, decided = server.wait_for(2)
        assert decided.recipients == ("anna@thr.example",)
        assert "> Später" in decided.text.splitlines()
        eventually(lambda: _unsent(site) == 0, 30, "the note that both are sent")
    assert len(server.delivered) == 2


def test_a_mail_server_that_is_down_blocks_nobody_and_gets_everything_when_it_is_up(
    site: SmallInstall, anna: Person
) -> None:
    with _service(site):
        _ask(site, anna)
        with site.workbench.database.reading() as tx:
            (waiting,) = tx.mails.unsent()

        def tried() -> bool:
            with site.workbench.database.reading() as tx:
                current = tx.mails.get(waiting.id)
            return current is not None and current.last_error is not None

        eventually(tried, 60, "the first try")
        with mail_server(site.settings.mail.port) as server:
            server.wait_for(1)
            eventually(lambda: _unsent(site) == 0, 30, "the note that it is sent")
    assert len(server.delivered) == 1


def test_a_service_that_is_killed_before_it_noted_a_mail_sends_the_same_mail_again(
    site: SmallInstall, anna: Person
) -> None:
    """It is stopped between the mail's last byte and the server's "250", and then killed.

    A mailbox that knows a mail by its Message-ID shows it once.
    """
    with ExitStack() as stack:
        server = stack.enter_context(mail_server(site.settings.mail.port))
        process = stack.enter_context(_service(site))
        with _stopped_when_it_has_sent(server, process) as stopped:
            _ask(site, anna)
            assert stopped()
            process.kill()
            process.wait()
        assert _unsent(site) == 1
        stack.enter_context(_service(site))
        first, second = server.wait_for(2)
        eventually(lambda: _unsent(site) == 0, 30, "the note that it is sent")
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.content == second.content
    assert len(server.delivered) == 2


@contextmanager
def _stopped_when_it_has_sent(
    server: MailServer, process: subprocess.Popen[bytes]
) -> Iterator[Callable[[], bool]]:
    """Stop ``process`` before it is told that its mail was taken."""
    stopped = threading.Event()

    def stop() -> None:
        process.send_signal(signal.SIGSTOP)
        stopped.set()

    server.taking = stop
    try:
        yield lambda: stopped.wait(60)
    finally:
        server.taking = lambda: None
