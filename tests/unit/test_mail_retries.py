"""Mail that cannot be sent now: tried again, given up, and never lost or sent twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.api.loops.mail import MailLoop
from labwerk_hub.errors import DatabaseError, MailServerError
from labwerk_hub.services import budget_news, mail
from support.mailing import MailServer, client_of, free_port, mail_server, sending_process, somebody
from support.outbox import POLICY, look, unsent, write
from support.workbench import Bench


@pytest.fixture
def site(bench: Bench) -> Bench:
    """A workbench with a mail server in its settings."""
    bench.with_policy(mail=POLICY)
    return bench


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def test_a_server_that_is_down_loses_nothing_and_pauses_grow(site: Bench) -> None:
    port = free_port()
    gone = client_of(MailServer(port))
    for name in ("Anna", "Luca"):
        write(site, somebody(site.workbench, name))
    pauses = []
    for _ in range(10):
        found = mail.send_due(site.workbench, gone)
        assert isinstance(found.trouble, MailServerError)
        assert f"127.0.0.1:{port}" in found.trouble.message
        first, second = unsent(site)
        assert first.next_ms == second.next_ms
        pauses.append((first.next_ms - site.clock.ms) // 1000)
        site.clock.step(seconds=pauses[-1])
    assert pauses == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    with mail_server(port) as server:
        assert look(site, server).sent == 2
    assert set(server.by_address()) == {"anna@thr.example", "luca@thr.example"}


def test_a_mail_that_is_refused_for_now_is_tried_again(site: Bench, server: MailServer) -> None:
    server.refusals = ["451 4.7.1 Greylisted, try again later"]
    write(site, somebody(site.workbench, "Anna Müller"))
    assert look(site, server).failed == 1
    (waiting,) = unsent(site)
    assert waiting.last_error is not None
    assert "451 4.7.1 Greylisted" in waiting.last_error
    assert look(site, server).sent == 0, "tried again at once"
    site.clock.step(seconds=20)
    assert look(site, server).sent == 1


def test_one_address_that_is_refused_keeps_no_other_back(site: Bench, server: MailServer) -> None:
    server.refused = {"anna@thr.example": "550 5.1.1 No such user"}
    for name in ("Anna", "Luca", "Mira"):
        write(site, somebody(site.workbench, name))
    found = look(site, server)
    assert (found.sent, found.failed) == (2, 1)
    (waiting,) = unsent(site)
    assert waiting.to == "anna@thr.example"
    # Final, says the server: tried again, but rarely, since it may be a setting of theirs.
    assert waiting.next_ms == site.clock.ms + 3_600_000


def test_a_mail_at_which_the_connection_breaks_keeps_no_other_back(
    site: Bench, server: MailServer
) -> None:
    server.refusals = ["421 4.3.2 Shutting down"]
    for name in ("Anna", "Luca"):
        write(site, somebody(site.workbench, name))
    look(site, server)
    look(site, server)
    site.clock.step(minutes=1)
    look(site, server)
    assert set(server.by_address()) == {"anna@thr.example", "luca@thr.example"}


def test_what_cannot_be_sent_for_days_is_given_up_and_says_so_in_the_log(
    site: Bench, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused = {"anna@thr.example": "450 4.2.2 Mailbox full"}
    write(site, somebody(site.workbench, "Anna Müller"), key="request/br-1/made")
    loop = MailLoop(site.workbench, client_of(server))
    loop.look_once()
    site.clock.step(days=3)
    loop.look_once()
    (given_up,) = unsent(site)
    assert given_up.given_up_ms == site.clock.ms
    assert f"Mail {given_up.id} is given up after 2 tries" in caplog.text
    assert "anna" not in caplog.text
    server.refused = {}
    site.clock.step(days=1)
    loop.look_once()
    assert server.delivered == []


def test_mail_is_sent_although_news_cannot_be_looked_for_and_the_log_says_which(
    site: Bench,
    server: MailServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreadable(_: object) -> None:
        raise DatabaseError("The disk is full.")

    monkeypatch.setattr(budget_news, "tell", unreadable)
    write(site, somebody(site.workbench, "Anna Müller"))
    loop = MailLoop(site.workbench, client_of(server))
    loop.look_once()
    loop.look_once()
    assert len(server.delivered) == 1
    (told,) = (one.getMessage() for one in caplog.records if one.levelname == "WARNING")
    assert told == (
        "What there is to tell is not looked for now, tried again soon: The disk is full."
    )


def test_a_kill_between_sending_and_noting_costs_a_second_copy_and_never_the_mail(
    site: Bench, server: MailServer, tmp_path: Path
) -> None:
    """It is stopped when all of the mail is over and "250" not read, and then killed."""
    write(site, somebody(site.workbench, "Anna Müller"))
    stopped = threading.Event()

    def stop_the_sender() -> None:
        os.kill(sender.pid or 0, signal.SIGSTOP)
        stopped.set()

    server.taking = stop_the_sender
    context = multiprocessing.get_context("spawn")
    sender = context.Process(
        target=sending_process, args=(str(tmp_path), server.port, site.clock.ms)
    )
    sender.start()
    assert stopped.wait(60)
    sender.kill()
    sender.join()
    server.taking = lambda: None
    assert len(server.delivered) == 1

    assert look(site, server).sent == 0, "somebody else may still be sending it"
    mail.resume(site.workbench)  # what a service does first: nobody else does
    assert look(site, server).sent == 1
    mail.resume(site.workbench)
    site.clock.step(days=1)
    assert look(site, server).sent == 0
    first, second = server.delivered
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.content == second.content


def test_a_mail_that_ends_its_sender_again_and_again_waits_longer_each_time(site: Bench) -> None:
    write(site, somebody(site.workbench, "Anna Müller"))
    waits = []
    for tries in range(1, 5):
        with site.workbench.database.writing() as tx:
            (waiting,) = tx.mails.unsent()
            tx.mails.set_begun(waiting.id, tries, site.clock.ms, site.clock.ms + 300_000)
        mail.resume(site.workbench)
        waits.append((unsent(site)[0].next_ms - site.clock.ms) // 1000)
    assert waits == [0, 15, 30, 60]


def test_two_that_send_at_once_do_not_send_the_same(site: Bench, server: MailServer) -> None:
    for number in range(20):
        write(site, somebody(site.workbench, f"P{number}"))
    found: list[mail.Round] = []
    both = [threading.Thread(target=lambda: found.append(look(site, server))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(server.by_address()) == 20
    assert sum(one.sent for one in found) == 20
