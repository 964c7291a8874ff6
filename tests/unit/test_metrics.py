"""Prometheus' figures: what is counted is what there is, and only who may reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from labwerk_hub.adapters.declared import DeclaredGpus
from labwerk_hub.api.metrics import exposition
from labwerk_hub.domain.gpu import Slice
from labwerk_hub.domain.metering import to_ms
from labwerk_hub.domain.quotas import Folder, FolderKind
from labwerk_hub.domain.waiting import Ticket, TicketState
from labwerk_hub.services import storage
from labwerk_hub.services.workbench import Workbench
from prometheus_client.parser import text_string_to_metric_families
from support.hub_service import serving
from support.lessons import keep_for_lesson
from support.small_install import SmallInstall, install
from support.workbench import Bench

SMALL = [Slice("fixed", "1g.10gb", start, 1) for start in (0, 1)]
ADDRESS = "/services/labwerk/metrics"
#: What JupyterHub's `GET /hub/api/user` says of each token.
TOKENS = {
    "scraper": {"kind": "service", "name": "prometheus", "scopes": ["read:metrics"]},
    "operator": {"kind": "user", "name": "thr--olga", "scopes": ["read:metrics", "list:users"]},
    "anna": {"kind": "user", "name": "thr--anna", "scopes": ["access:services!service=labwerk"]},
}


@pytest.fixture
def site(tmp_path: Path) -> SmallInstall:
    return install(tmp_path)


class _Figures:
    """What was scraped, by names and labels."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples[name, frozenset(labels.items())]

    def states(self, name: str, **labels: str) -> dict[str, float]:
        """The figures of all states beside ``labels``."""
        wanted = set(labels.items())
        return {
            dict(there)["state"]: value
            for (sample, there), value in self._samples.items()
            if sample == name and wanted < set(there)
        }


def _scraped(workbench: Workbench) -> _Figures:
    return _Figures(exposition(workbench).decode())


def _keep(site: SmallInstall, count: int, minutes: int) -> None:
    """Slices kept since a minute ago, for whoever comes within ``minutes``."""
    start = site.workbench.clock() - timedelta(minutes=1)
    keep_for_lesson(site.workbench, start, count=count, grace_minutes=minutes)


def _ticket(person: str, taken_ms: int) -> Ticket:
    return Ticket(
        id=f"tk-{person}",
        person=person,
        institution="thr",
        flavour="small",
        image="base",
        language="de",
        state=TicketState.WAITING,
        taken_ms=taken_ms,
    )


def test_an_empty_pool_is_free(site: SmallInstall) -> None:
    found = _scraped(site.workbench)
    nothing = {"held": 0, "claimed": 0, "faulty": 0}
    assert found.states("labwerk_slices", flavour="small") == {"free": 2 + 7} | nothing
    assert found.states("labwerk_slices", flavour="large") == {"free": 1 + 2 + 1} | nothing
    assert found.states("labwerk_slices", flavour="share") == {"free": 4} | nothing
    assert found("labwerk_gpus", model="H100-80GB", state="well") == 2
    assert found("labwerk_sessions", flavour="cpu") == 0
    assert found("labwerk_oldest_wait_seconds") == 0


def test_a_slice_is_held_claimed_or_free_and_the_units_add_up(site: SmallInstall) -> None:
    site.hold(SMALL[0])
    _keep(site, 3, minutes=10)
    found = _scraped(site.workbench)
    expected = {"held": 1, "claimed": 3, "free": 5, "faulty": 0}
    assert found.states("labwerk_slices", flavour="small") == expected
    units = found.states("labwerk_units", model="H100-80GB")
    assert units == {"held": 1, "claimed": 3, "free": 12, "faulty": 0, "uncut": 0}
    assert found("labwerk_sessions", flavour="small") == 1


def test_what_was_kept_and_not_taken_within_the_grace_is_free_again(site: SmallInstall) -> None:
    _keep(site, 3, minutes=0)
    assert _scraped(site.workbench)("labwerk_slices", flavour="small", state="free") == 9


def test_a_kept_slice_that_a_member_took_counts_once_as_held(site: SmallInstall) -> None:
    _keep(site, 9, minutes=10)
    site.hold(SMALL[0])
    states = _scraped(site.workbench).states("labwerk_slices", flavour="small")
    assert states == {"held": 1, "claimed": 8, "free": 0, "faulty": 0}


def test_a_gpu_with_a_fault_is_neither_free_nor_forgotten(site: SmallInstall) -> None:
    gpus = site.workbench.inventory.read().gpus
    broken = [replace(gpu, fault="has fallen off the bus") for gpu in gpus[:1]]
    bench = replace(site.workbench, inventory=DeclaredGpus([*broken, *gpus[1:]]))
    found = _scraped(bench)
    assert found.states("labwerk_gpus", model="H100-80GB") == {"well": 1, "faulty": 1}
    assert found("labwerk_slices", flavour="small", state="faulty") == 2
    assert found("labwerk_slices", flavour="small", state="free") == 7
    assert found("labwerk_units", model="H100-80GB", state="faulty") == 8


def test_fragmentation_is_the_share_of_free_units_that_are_lost_to_a_flavour(
    site: SmallInstall,
) -> None:
    """On the GPU that is cut at start, one unit in each half leaves no half."""
    ratio = "labwerk_fragmentation_ratio"
    assert _scraped(site.workbench)(ratio, flavour="large") == 0
    for start in (0, 4):
        site.hold(Slice("cut", "1g.10gb", start, 1))
    found = _scraped(site.workbench)
    # Free for halves are 6 units of this GPU, 4 of the fixed one, and 6 of the twelve.
    assert found(ratio, flavour="large") == pytest.approx(6 / 16)
    assert found(ratio, flavour="small") == 0


def test_waits_and_outcomes_are_counted(site: SmallInstall) -> None:
    first, second = site.hold(SMALL[0]), site.hold(SMALL[1])
    now = to_ms(site.workbench.clock())
    with site.workbench.database.writing() as tx:
        tx.tickets.add(_ticket(first.person, now - 100_000))
        tx.tickets.set_called(f"tk-{first.person}", first.session, now - 70_000)
        tx.tickets.set_ended(f"tk-{first.person}", TicketState.STARTED, now)
        tx.tickets.add(_ticket(second.person, now - 40_000))
        for outcome in ("granted", "no-slice-free", "granted"):
            tx.outcomes.count(outcome)
    found = _scraped(site.workbench)
    assert found("labwerk_wait_seconds_count", flavour="small") == 1
    assert found("labwerk_wait_seconds_sum", flavour="small") == 30
    assert found("labwerk_tickets_waiting", flavour="small") == 1
    assert found("labwerk_oldest_wait_seconds") == pytest.approx(40, abs=20)
    assert found("labwerk_starts_total", outcome="granted") == 2
    assert found("labwerk_starts_total", outcome="no-slice-free") == 1
    assert found("labwerk_starts_total", outcome="waiting") == 0


def test_every_metric_says_what_it_is(site: SmallInstall) -> None:
    families = _scraped(site.workbench).families
    assert len(families) == 11
    assert all(name.startswith("labwerk_") for name in families)
    assert [name for name, family in families.items() if not family.documentation] == []
    assert families["labwerk_starts"].type == "counter"
    assert families["labwerk_wait_seconds"].type == "summary"


@pytest.fixture
def service(site: SmallInstall, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The hub service as it is, without its loops."""
    with serving(site, TOKENS, monkeypatch) as client:
        yield client


def _get(service: TestClient, token: str | None) -> tuple[int, str, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answer = service.get(ADDRESS, headers=headers)
    return answer.status_code, answer.headers["content-type"], answer.text


@pytest.mark.parametrize("token", ["scraper", "operator"])
def test_a_token_with_the_scope_reads_the_metrics_in_prometheus_format(
    service: TestClient, token: str
) -> None:
    status, kind, text = _get(service, token)
    assert status == 200
    assert kind.startswith("text/plain; version=")
    assert kind.count("charset") == 1
    assert _Figures(text)("labwerk_gpus", model="A30-24GB", state="well") == 1


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, "unauthorized"), ("forged", 401, "unauthorized"), ("anna", 403, "missing-scope")],
)
def test_nobody_else_reads_them_and_is_told_why(
    service: TestClient, token: str | None, status: int, code: str
) -> None:
    answered, _, text = _get(service, token)
    assert (answered, json.loads(text)["code"]) == (status, code)
    assert "labwerk_gpus" not in text


def test_folders_are_counted_by_how_full_they_are(bench: Bench, tmp_path: Path) -> None:
    for name, gib in (("Anna", 5), ("Ben", 19), ("Cleo", 25)):
        folder = Folder(FolderKind.HOME, bench.person(name))
        (tmp_path / "homes" / folder.name).mkdir(parents=True)
        bench.storage.used[folder], bench.storage.limits[folder] = gib * 2**30, 20 * 2**30
    storage.look(bench.workbench)
    found = _Figures(exposition(bench.workbench).decode())
    assert found.states("labwerk_folders", kind="home") == {"room": 1, "near": 1, "over": 1}
    assert found("labwerk_folder_bytes", kind="home", quota="measured") == 49 * 2**30
