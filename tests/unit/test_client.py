"""The notebook client against a hub service: the session, refusals, and a service that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import labwerk
import pytest
from support.overview_service import TOKEN, OverviewService, notebooks_service


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[OverviewService]:
    with notebooks_service(tmp_path) as found:
        yield found


def test_the_service_is_asked_with_the_sessions_token_and_language(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "it")
    labwerk.datasets()
    path = "/services/labwerk/api/v1/overview?lang=it"
    assert service.asked == [(path, f"Bearer {TOKEN}")]


def test_a_simulated_slice_says_so(service: OverviewService) -> None:
    shown = repr(labwerk.session())
    assert shown.startswith("Small GPU slice – simulated")
    assert "1 of 8 units, 9.75 GiB of GPU memory" in shown
    service.body["session"]["slice"].update(simulated=False, memory_mib=None)
    shown = repr(labwerk.session())
    assert "simulated" not in shown
    assert "GPU memory" not in shown


def test_a_session_without_a_gpu_says_so(service: OverviewService) -> None:
    service.body["session"]["slice"] = None
    assert "no GPU" in repr(labwerk.session())


def test_what_of_a_slice_cannot_be_measured_is_not_shown_as_nothing(
    service: OverviewService,
) -> None:
    use = {"memory_used_mib": 2496, "processes": None, "utilisation": None}
    service.body["session"]["slice"].update(simulated=False, use=use, shared_by=4)
    session = labwerk.session()
    assert session.slice is not None
    assert session.slice.use == labwerk.Use(2496, None, None)
    shown = repr(session)
    assert "2.44 GiB" in shown
    assert shown.count("not measurable") == 2
    assert "shared by up to 4 sessions" in shown
    service.body["session"]["slice"]["use"] = use | {"processes": 0, "utilisation": 0.456}
    shown = repr(labwerk.session())
    assert "46 %" in shown
    assert "not measurable" not in shown
    service.body["session"]["slice"]["use"] = None
    assert repr(labwerk.session()).count("not measurable") == 1


def test_a_session_says_how_it_ends(service: OverviewService) -> None:
    session = labwerk.session()
    assert session.extendable_until == session.longest_ends_at
    assert (session.idle_since, session.stops_at, session.refusal) == (None, None, None)
    assert "Nothing has run" not in repr(session)

    service.body["session"].update(
        extension={"until": None, "refusal": "Two people wait."},
        idle={"since": "2026-11-21T21:00:00Z", "stops_at": "2026-11-21T22:30:00Z", "warning": True},
        problem="The GPU has fallen off the bus.",
        waiting_behind=2,
    )
    session = labwerk.session()
    assert (session.extendable_until, session.refusal) == (None, "Two people wait.")
    assert session.stops_at == datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
    assert session.waiting_behind == 2
    for said in ("Idle since", "Stops unless something runs", "fallen off the bus"):
        assert said in repr(session)

    service.body["session"]["idle"] = None
    assert labwerk.session().idle_since is None


@pytest.mark.parametrize(
    ("verb", "path"),
    [(labwerk.session.extend, "extend"), (labwerk.session.still_working, "still-working")],
)
def test_a_session_is_extended_and_kept_from_a_notebook(
    service: OverviewService, verb: Callable[[], labwerk.Session], path: str
) -> None:
    service.body["session"]["ends_at"] = "2026-11-22T10:00:00Z"
    assert verb().ends_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert service.changed == [f"/services/labwerk/api/v1/session/{path}?lang=en"]
    assert service.asked[-1][1] == f"Bearer {TOKEN}"


def test_an_extension_that_is_refused_says_why(service: OverviewService) -> None:
    service.status, service.body = 409, {"code": "somebody-waits", "message": "Somebody waits."}
    with pytest.raises(labwerk.RefusedError, match="Somebody waits") as refused:
        labwerk.session.extend()
    assert refused.value.code == "somebody-waits"


def test_there_is_no_session_to_extend_once_it_has_ended(service: OverviewService) -> None:
    service.body["session"] = None
    with pytest.raises(labwerk.NoSessionError):
        labwerk.session.extend()


def test_no_session_is_an_error_with_a_code(service: OverviewService) -> None:
    service.body["session"] = None
    with pytest.raises(labwerk.NoSessionError) as refused:
        labwerk.session()
    assert refused.value.code == "no-session"


def test_a_newer_service_may_say_more_than_this_client_knows(service: OverviewService) -> None:
    service.body["session"]["slice"]["busy"] = 0.4
    service.body["datasets"][0]["files"][0]["sha256"] = "…"
    assert labwerk.session().slice is not None
    assert labwerk.datasets()[0].files[0].bytes == 7390399


def test_a_refusal_keeps_the_services_code_and_sentence(service: OverviewService) -> None:
    service.status, service.body = 403, {"code": "not-entitled", "message": "Not you."}
    with pytest.raises(labwerk.RefusedError) as refused:
        labwerk.budget()
    assert (refused.value.code, str(refused.value)) == ("not-entitled", "Not you.")


@pytest.mark.parametrize(
    ("status", "body"), [(500, "boom"), (302, {}), (200, ["not", "an", "overview"])]
)
def test_an_answer_not_as_agreed_is_an_error_of_the_service(
    service: OverviewService, status: int, body: object
) -> None:
    service.status, service.body = status, body
    with pytest.raises(labwerk.ServiceUnreachableError) as refused:
        labwerk.budget()
    assert refused.value.code == "service-unreachable"
    assert len(service.asked) == 1, "the token must not follow a redirect"


@pytest.mark.parametrize("status", [200, 403])
def test_a_service_that_ends_while_it_answers_is_an_error_of_the_service(
    service: OverviewService, status: int
) -> None:
    service.status, service.cut_off = status, 5
    with pytest.raises(labwerk.ServiceUnreachableError):
        labwerk.budget()


def test_a_service_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_SERVICE_URL", "http://127.0.0.1:9/services/labwerk")
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    with pytest.raises(labwerk.ServiceUnreachableError, match=r"unter http://127\.0\.0\.1:9"):
        labwerk.budget()


def test_outside_labwerk_there_is_no_service_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABWERK_SERVICE_URL", raising=False)
    with pytest.raises(labwerk.NotInLabwerkError):
        labwerk.datasets()
