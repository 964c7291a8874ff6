"""The notebook client against a hub service: datasets, frames, budget, session, refusals."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import labwerk
import pandas as pd
import polars as pl
import pytest
from support.environment import REPOSITORY
from support.overview_service import (
    TOKEN,
    OverviewService,
    dataset,
    overview,
    overview_service,
    payer,
)

DATA = REPOSITORY / "hub_config" / "datasets"


@pytest.fixture(autouse=True)
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OverviewService]:
    datasets = [
        dataset("iwe/windpark", "Wind farm", DATA, "windpark_scada_2014_2015.parquet"),
        dataset("thr/beton", "Concrete <strength>", DATA, "beton_druckfestigkeit.csv"),
        dataset("thr/two", "Two files", tmp_path, "a.csv", "b.csv"),
        dataset("thr/mesh", "A mesh", tmp_path, "mesh.vtu"),
    ]
    with overview_service(overview(datasets)) as service:
        for name, value in service.environment().items():
            monkeypatch.setenv(name, value)
        # A proxy for the web must not get the token: nothing answers there.
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        yield service


def test_the_service_is_asked_with_the_sessions_token_and_language(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "it")
    labwerk.datasets()
    path = "/services/labwerk/api/v1/overview?lang=it"
    assert service.asked == [(path, f"Bearer {TOKEN}")]


def test_datasets_are_a_sequence_and_a_table() -> None:
    found = labwerk.datasets()
    assert [one.id for one in found][:2] == ["iwe/windpark", "thr/beton"]
    assert found["thr/beton"].files[0].format == "csv"
    assert len(found[1:]) == 3
    head, first, *_ = repr(found).splitlines()
    assert head.split() == ["Name", "Title", "Institution", "Nature", "Licence", "Size"]
    assert "iwe/windpark" in first
    assert "7.4 MB" in first
    assert "Concrete &lt;strength&gt;" in found._repr_html_()


def test_a_dataset_shows_its_descriptor() -> None:
    shown = repr(labwerk.datasets()["iwe/windpark"])
    for said in ("Wind farm", "MIT License (MIT)", "mira.conti@iwe.example", str(DATA)):
        assert said in shown


def test_no_dataset_is_said_not_shown_as_an_empty_table(service: OverviewService) -> None:
    service.body["datasets"] = []
    assert repr(labwerk.datasets()) == "No dataset is shared with your institution yet."


def test_the_budget_is_in_gpu_hours() -> None:
    budget = labwerk.budget()
    assert (budget.granted, budget.held, budget.per_hour) == (60, 1, 0.125)
    assert budget.lasts == timedelta(days=14, hours=11, minutes=21, seconds=36)
    assert "16.58" in repr(budget)
    assert "14 days, 11 hours" in repr(budget)
    assert re.search(r"Left +43\.42\n +Of it, kept for running sessions +1\n", repr(budget))


def test_a_little_of_a_budget_is_not_nothing(service: OverviewService) -> None:
    service.body["budget"].update(held_ticks=0, left_ticks=3)
    shown = repr(labwerk.budget())
    assert re.search(r"Left +< 0\.01\n +Of it, kept for running sessions +0\n", shown)


def test_the_budget_speaks_the_sessions_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    shown = repr(labwerk.budget())
    assert shown.startswith("GPU-Stunden: Rhine Technical University, November 2026")
    assert "16,58" in shown
    assert "14 Tage, 11 Stunden" in shown


def test_the_budget_names_those_that_may_pay(service: OverviewService) -> None:
    assert "may pay" not in labwerk.budget()._repr_html_()
    rotor = payer("project/rotor", "Rotor <blades>", over_use=True)
    service.body["payers"].append(rotor | {"period": "Winter 2026/27", "left_ticks": 86400})
    budget = labwerk.budget()
    assert [one.id for one in budget.payers] == ["institution/thr", "project/rotor"]
    assert (budget.payers[1].left, budget.payers[1].over_use) == (1, True)
    shown = repr(budget)
    for said in ("project/rotor", "Winter 2026/27", "Pays now"):
        assert said in shown
    assert "Rotor &lt;blades&gt;" in budget._repr_html_()
    assert "Budgets that may pay, in GPU-hours" in budget._repr_html_()


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ({"warning": "fifth"}, "Less than a fifth of your budget is left."),
        ({"warning": "tenth"}, "Less than a tenth of your budget is left."),
        ({"warning": "minutes"}, "used up in a few minutes"),
        ({"warning": "minutes", "lasts_seconds": 40}, "used up within a minute"),
        ({"warning": "minutes", "lasts_seconds": 0}, "Your budget is used up."),
        ({"warning": "used-up"}, "Your budget is used up."),
        (
            {"warning": "used-up", "grace_ends_at": "2026-11-21T22:20:00Z"},
            "used up: your session stops at Nov 21, 2026",
        ),
        ({"over_use": True, "lasts_seconds": None}, "Your session runs without budget."),
        ({"period": "outside", "granted_ticks": 0}, "no budget at this time"),
        ({"kind": "course"}, "course"),
    ],
)
def test_a_budget_near_its_end_or_without_a_period_says_so(
    service: OverviewService, differences: dict[str, object], said: str
) -> None:
    assert said not in repr(labwerk.budget())
    service.body["budget"].update(differences)
    assert said in repr(labwerk.budget())
    assert "0 minutes" not in repr(labwerk.budget())


def test_fixed_dates_are_written_as_days_are(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABWERK_LANGUAGE", "it")
    service.body["budget"].update(period="2026-11-01..2027-02-05")
    assert "1 nov 2026 – 5 feb 2027" in re.sub(r"\s", " ", repr(labwerk.budget()))


def test_another_budget_pays_from_a_notebook(service: OverviewService) -> None:
    service.body["budget"].update(id="project/rotor", kind="project", title="Rotor blades")
    assert labwerk.budget.pay_with("project/rotor").title == "Rotor blades"
    assert service.changed == ["/services/labwerk/api/v1/session/payer?lang=en"]
    assert service.said == [{"budget": "project/rotor"}]

    service.status, service.body = 409, {"code": "budget-used-up", "message": "Too little."}
    with pytest.raises(labwerk.RefusedError, match="Too little") as refused:
        labwerk.budget.pay_with("course/ml4wind")
    assert refused.value.code == "budget-used-up"


def test_more_is_asked_for_from_a_notebook_and_who_decides_is_said(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"id": "br-1", "deciders": ["Mira Conti", "Jo Ek"], "repeated": False, "request": {}}
    service.answers["budget-requests"] = asked
    shown = repr(labwerk.budget.ask_for_more("Drei Läufe"))
    assert shown == "Your request for more is made. These decide: Mira Conti, Jo Ek."
    assert service.said == [{"budget": "institution/thr", "words": "Drei Läufe"}]

    service.answers["budget-requests"] = asked | {"repeated": True}
    assert repr(labwerk.budget.ask_for_more()).startswith("You have asked already. These decide")
    monkeypatch.setenv("LABWERK_LANGUAGE", "fr")
    service.answers["budget-requests"] = asked | {"repeated": True, "deciders": []}
    assert repr(labwerk.budget.ask_for_more()).startswith("Vous l'avez déjà demandé")


def test_what_was_used_is_a_table_by_day(
    service: OverviewService, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = [{"id": "institution/thr", "ticks": 86400}, {"id": "project/rotor", "ticks": 43200}]
    first = {"day": "2026-11-02", "ticks": 129600, "over_ticks": 0, "idle_ticks": 43200}
    second = {"day": "2026-11-21", "ticks": 86400, "over_ticks": 21600, "idle_ticks": 0}
    days = [first | {"by": paid}, second | {"by": paid[:1]}]
    service.answers["use"] = {"month": "2026-11", "days": days, "name": "thr--anna-mueller"}
    use = labwerk.use("2026-11")
    assert service.asked[-1][0] == "/services/labwerk/api/v1/use?month=2026-11&lang=en"
    assert (len(use), use.gpu_hours, use.idle, use.over) == (2, 2.5, 0.5, 0.25)
    assert use[0].by == {"institution/thr": 86400, "project/rotor": 43200}
    assert len(use[1:]) == 1
    title, head, row, *_, total = repr(use).splitlines()
    assert title == "GPU-hours used in November 2026"
    assert head.split("  ")[0] == "Day"
    assert row.split() == [
        "Nov",
        "2,",
        "2026",
        "1.5",
        "0.5",
        "0",
        "institution/thr,",
        "project/rotor",
    ]
    assert total.split() == ["Together", "2.5", "0.5", "0.25"]
    assert "<caption>" in use._repr_html_()

    service.answers["use"] = {"month": "2026-10", "days": []}
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    assert repr(labwerk.use()) == "Im Oktober 2026 wurde nichts verbraucht."
    assert service.asked[-1][0].endswith("/use?lang=de")


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
    for said in ("Nothing has run since", "Stops unless something runs", "fallen off the bus"):
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


@pytest.mark.parametrize(
    ("engine", "frame"),
    [("polars", pl.DataFrame), ("pandas", pd.DataFrame), ("duckdb", duckdb.DuckDBPyRelation)],
)
@pytest.mark.parametrize(("name", "rows"), [("iwe/windpark", 420480), ("thr/beton", 1030)])
def test_a_dataset_opens_with_each_library(
    engine: labwerk.Engine, frame: type, name: str, rows: int
) -> None:
    opened = labwerk.open(name, engine=engine)
    assert isinstance(opened, frame)
    assert opened.shape == (rows, 9)


def test_without_an_engine_and_without_a_gpu_a_dataset_opens_with_polars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LABWERK_SIMULATED", "1")
    assert isinstance(labwerk.open(labwerk.datasets()["thr/beton"]), pl.DataFrame)


def test_an_unknown_dataset_is_told_the_ones_there_are() -> None:
    with pytest.raises(labwerk.UnknownDatasetError) as refused:
        labwerk.open("iwe/windparc")
    assert refused.value.code == "unknown-dataset"
    assert "iwe/windpark, thr/beton, thr/two, thr/mesh" in str(refused.value)


def test_one_of_several_files_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    with pytest.raises(labwerk.UnknownFileError, match=r"file=….*a\.csv, b\.csv"):
        labwerk.open("thr/two")
    with pytest.raises(labwerk.UnknownFileError, match=r"no file “c\.csv”"):
        labwerk.open("thr/two", file="c.csv")
    assert labwerk.open("thr/two", file="b.csv", engine="polars").rows() == [(1, 2)]


def test_a_file_that_is_not_mounted_or_no_table_is_refused_in_a_sentence() -> None:
    with pytest.raises(labwerk.UnreadableFileError, match="is not in this session"):
        labwerk.open("thr/two", file="a.csv")
    with pytest.raises(labwerk.UnreadableFileError, match="format “vtu”"):
        labwerk.open("thr/mesh")


def test_an_engine_must_be_known_and_in_the_image() -> None:
    with pytest.raises(labwerk.UnknownEngineError, match="polars, pandas, cudf, duckdb"):
        labwerk.open("thr/beton", engine="dask")  # type: ignore[call-overload]
    with pytest.raises(
        labwerk.MissingLibraryError, match=r": cudf\. .* “RAPIDS” and a GPU\."
    ) as refused:
        labwerk.open("thr/beton", engine="cudf")
    assert "pip" not in str(refused.value)


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


def test_a_service_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABWERK_SERVICE_URL", "http://127.0.0.1:9/services/labwerk")
    monkeypatch.setenv("LABWERK_LANGUAGE", "de")
    with pytest.raises(labwerk.ServiceUnreachableError, match=r"unter http://127\.0\.0\.1:9"):
        labwerk.budget()


def test_outside_labwerk_there_is_no_service_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABWERK_SERVICE_URL", raising=False)
    with pytest.raises(labwerk.NotInLabwerkError):
        labwerk.datasets()


def test_what_a_notebook_needs_and_has_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "never_imported").mkdir()
    for name in ("__init__.py", "part.py"):
        (tmp_path / "never_imported" / name).write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    labwerk.need("json", "sys", "polars", "never_imported.part", "importlib.metadata")
    with pytest.raises(labwerk.MissingLibraryError, match=r"never_imported\.other"):
        labwerk.need("never_imported.other")
    with pytest.raises(labwerk.MissingLibraryError, match=r"json\.decoder\.deeper"):
        labwerk.need("json.decoder.deeper")


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        (["torch", "lightning", "json"], r": torch, lightning\. .* the image “PyTorch”\."),
        (["dask"], r": dask\. .* the image “RAPIDS”\."),
        (
            ["dask.dataframe", "cudf"],
            r": dask\.dataframe, cudf\. .* the image “RAPIDS” and a GPU\.",
        ),
        (["torchvision"], r": torchvision\. .* the image “PyTorch” and a GPU\."),
        (["torch", "triton"], r": torch, triton\. .* the image “PyTorch” and a GPU\."),
        (["torchvision", "cudf"], r": torchvision, cudf\. Choose an image that has all of this"),
        (["mujoco", "warp"], r": mujoco, warp\. .* the image “Simulation”\."),
        (["torch", "mujoco"], r": torch, mujoco\. Choose an image that has all of this"),
        (["no_such_thing"], r": no_such_thing\. .* “%pip install”"),
    ],
)
def test_what_a_notebook_needs_and_has_not_is_said_with_the_image_that_has_it(
    modules: list[str], said: str
) -> None:
    with pytest.raises(labwerk.MissingLibraryError, match=said) as refused:
        labwerk.need(*modules)
    assert refused.value.code == "missing-library"
    assert "json" not in str(refused.value)


def test_importing_labwerk_loads_no_data_library() -> None:
    code = (
        "import sys, labwerk; heavy = {'polars', 'pandas', 'duckdb', 'ipywidgets', 'babel'};"
        "heavy |= {'packaging', 'jupyter_core', 'argparse', 'labwerk.envs', 'labwerk.command'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY / "extensions" / "client",
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"
