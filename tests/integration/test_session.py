"""The way of one session: sign in, start, work, stop, be charged, come back."""

from __future__ import annotations

import time
from collections.abc import Callable

from support import pages
from support.books import Books
from support.engine import Engine
from support.install import Install
from support.person import Person
from support.referee import Referee
from support.settings import LAST_DEVICE
from support.waiting import eventually

SignIn = Callable[[str], Person]
WIND_PARK = "/data/iwe/windpark/2015.1/windpark_scada_2014_2015.parquet"


def test_a_session_is_leased_while_it_runs_and_charged_when_it_stops(
    signed_in: SignIn, books: Books, engine: Engine
) -> None:
    anna, since = signed_in("anna"), time.time()
    anna.start("small")

    (lease,) = [lease for lease in books.leases(anna.name) if lease.state != "ended"]
    container = engine.session_of(anna.name)
    assert container.labels["labwerk.session"] == lease.session
    assert container.labels["labwerk.institution"] == "thr"
    assert container.labels["labwerk.slice"] == f"{lease.gpu}/{lease.profile}@{lease.start}"

    time.sleep(3)
    anna.stop()

    eventually(lambda: books.lease(lease.session).state == "ended", 30, "the lease's end")
    (run,) = engine.runs(anna.name, since)
    books.assert_charged_like(run)
    assert engine.sessions() == []


def test_shared_data_is_there_and_can_be_read_with_the_notebook_client(signed_in: SignIn) -> None:
    anna = signed_in("anna")
    anna.start("cpu-small")
    with anna.kernel() as kernel:
        assert kernel.run(f"import os; os.path.getsize('{WIND_PARK}') > 10**6") == "True"
        opened = kernel.run(
            "import labwerk\n"
            "[d.id for d in labwerk.datasets()], len(labwerk.open('iwe/windpark')) > 1000"
        )
    assert "iwe/windpark" in opened
    assert opened.endswith("True)")


def test_files_written_in_one_session_are_there_in_the_next(signed_in: SignIn) -> None:
    luca = signed_in("luca")
    luca.start("cpu-small")
    with luca.kernel() as kernel:
        kernel.run("from pathlib import Path; Path.home().joinpath('notes.txt').write_text('ciao')")
    luca.stop()

    luca.start("cpu-small")
    with luca.kernel() as kernel:
        read = "from pathlib import Path; Path.home().joinpath('notes.txt').read_text()"
        assert kernel.run(read) == "'ciao'"


def test_a_new_home_has_the_notebooks_in_the_persons_language(signed_in: SignIn) -> None:
    luca = signed_in("luca")
    luca.start("cpu-small")
    listing = luca.server("GET", "api/contents/").json()["content"]
    notebooks = sorted(entry["name"] for entry in listing if entry["type"] == "notebook")
    assert [name[:2] for name in notebooks] == ["01", "02", "03", "04", "05"]
    content = luca.server("GET", f"api/contents/{notebooks[0]}").json()["content"]
    text = " ".join("".join(cell["source"]) for cell in content["cells"])
    assert "Benvenut" in text


def test_the_start_page_offers_what_is_free_and_what_it_costs(signed_in: SignIn) -> None:
    camille = signed_in("camille")
    page = camille.start_page()
    offered = pages.form_offering(page, "flavour").choices
    assert {value for name, value in offered if name == "flavour"} >= {"small", "large", "cpu"}
    assert ("image", "base") in offered


def test_a_slice_of_a_real_gpu_reaches_the_engine_as_a_device(
    signed_in: SignIn, books: Books, referee: Referee, engine: Engine
) -> None:
    anna = signed_in("anna")
    anna.start("single")
    container = engine.session_of(anna.name)
    verdict = next(v for v in referee.verdicts() if v.container == container.id)
    assert verdict.refusal == ""
    assert verdict.devices == (LAST_DEVICE,)
    (lease,) = [lease for lease in books.leases(anna.name) if lease.state == "live"]
    assert lease.profile == "2g.12gb"


def test_two_people_of_one_name_are_two_people(signed_in: SignIn) -> None:
    assert signed_in("anna").name == "thr--anna-mueller"
    assert signed_in("anna-keller").name == "keller--anna-mueller"


def test_who_belongs_to_no_institution_is_told_what_was_missing(labwerk: Install) -> None:
    with labwerk.person("noah") as noah:
        page = noah.sign_in()
    assert page.status_code == 403
    assert "schac_home_organization" in pages.text(page)


def test_signing_out_ends_the_sign_in_at_the_provider_too(signed_in: SignIn) -> None:
    camille = signed_in("camille")
    camille.sign_out()
    again = camille.http.get("/hub/spawn")
    choices = {choice for form in pages.forms(again) for choice in form.choices}
    assert ("login", "camille") in choices or again.url.path.endswith("/hub/login"), (
        "after signing out, the workbench let the person in without asking"
    )
