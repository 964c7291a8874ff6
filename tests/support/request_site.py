"""A university with a project, its lead and administrator, who ask for budget by mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from labwerk_hub.domain.budgets import Balance, BudgetKind
from labwerk_hub.domain.catalogue import Project
from labwerk_hub.domain.ledger import FREE, TICKS_PER_GPU_HOUR, Posting, PostingKind, move, used
from labwerk_hub.domain.people import Person, Role
from labwerk_hub.domain.requests import RequestState
from labwerk_hub.domain.texts import Localized
from labwerk_hub.services.budgets import balance_in, budget_of
from labwerk_hub.services.mail import send_due
from labwerk_hub.services.openings import open_now
from labwerk_hub.services.workbench import MailPolicy

from support.mailing import MailServer, client_of, mail_server, somebody
from support.workbench import Bench, budget, budgets

HOUR = TICKS_PER_GPU_HOUR
ROTOR, THR = "project/rotor", "institution/thr"
ADMIN, OPERATOR = frozenset({Role.INSTITUTION_ADMIN}), frozenset({Role.OPERATOR})


@dataclass
class RequestSite:
    """A university with a project, its people, and a mail server that takes what is sent."""

    bench: Bench
    server: MailServer
    anna: Person
    lea: Person
    mira: Person
    olga: Person

    def mails(self) -> dict[str, str]:
        """What has been sent since the last look, by address, without its line breaks."""
        send_due(self.bench.workbench, client_of(self.server))
        mails = self.server.by_address()
        found = {address: " ".join(mail.text.split()) for address, mail in mails.items()}
        self.server.delivered.clear()
        return found

    def balance(self, person: Person, name: str = ROTOR) -> Balance:
        """What a person has of a budget now."""
        workbench = self.bench.workbench
        budget = budget_of(workbench, name)
        open_now(workbench)
        with workbench.database.reading() as tx:
            return balance_in(tx, person, budget, budget.periods.at(self.bench.clock.ms))

    def state(self, request: str) -> RequestState:
        """What has become of a request."""
        with self.bench.workbench.database.reading() as tx:
            found = tx.requests.get(request)
        assert found is not None
        return found.state

    def use(self, ticks: int, account: str = FREE) -> None:
        """Charge the project for Anna's use of it, from what is free or over and above."""
        open_now(self.bench.workbench)
        entries = move(ROTOR, "2026-11", account, used(self.anna.pseudonym), ticks)
        with self.bench.workbench.database.writing() as tx:
            key = f"test-{account}-{ticks}"
            tx.ledger.post(Posting(PostingKind.HOLD, key, self.bench.clock.ms, "labwerk", entries))

    def without_shares(self, name: str) -> None:
        """From now on a budget has no shares: everybody uses it together."""
        found = self.bench.workbench.catalogue.budgets
        shared = replace(found[name], person_ticks=None)
        self.bench.with_catalogue(budgets={**found, name: shared})


@contextmanager
def request_site(bench: Bench) -> Iterator[RequestSite]:
    """The site on a bench: 100 hours for the project, of which 20 are each person's."""
    title = Localized("Rotor condition", "Rotorzustand", "Stato dei rotori", "État des rotors")
    project = budget("rotor", 100 * HOUR, 20 * HOUR, BudgetKind.PROJECT, "thr", leads="leads-rotor")
    rotor = replace(project, title=title)
    bench.with_catalogue(
        budgets=budgets(budget("thr"), budget("iwe"), rotor),
        projects=(Project("rotor", rotor.title, "project-rotor"),),
    )
    bench.with_policy(mail=MailPolicy(enabled=True, public_url="https://labwerk.example"))
    work = bench.workbench
    with mail_server() as server:
        yield RequestSite(
            bench,
            server,
            anna=somebody(work, "Anna Müller", "project-rotor", locale="de"),
            lea=somebody(work, "Lea Rossi", "project-rotor", "leads-rotor", locale="it"),
            mira=somebody(work, "Mira Conti", locale="fr", roles=ADMIN),
            olga=somebody(work, "Olga Brandt", institution="iwe", roles=OPERATOR),
        )
