"""Use and budgets as tables to download, which no spreadsheet takes for formulas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labwerk_hub.services import operator_page, use_tables
from support.mailing import somebody
from support.use_site import ROTOR, THR, UseSite, own, page, use_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[UseSite]:
    with use_site(tmp_path) as found:
        yield found


def test_a_persons_use_is_a_table_of_days_budgets_and_flavours(site: UseSite) -> None:
    site.use(site.anna, 2)
    text = use_tables.as_csv(use_tables.of_person(own(site, site.anna)))
    assert text == (
        "day,budget,budget_title,flavour,flavour_title,gpu_hours,over_use_gpu_hours,"
        "idle_gpu_hours,hours,idle_hours,sessions\r\n"
        "2026-11-16,institution/thr,Thr,small,Small,0.250000,0.000000,0.000000,2.000000,"
        "0.000000,1\r\n"
    )


def test_a_name_is_never_a_formula_and_commas_stay_in_their_cell(site: UseSite) -> None:
    somebody(site.bench.workbench, '=HYPERLINK("x"), Eve', "project-rotor")
    text = use_tables.as_csv(use_tables.of_members(page(site, site.lea, ROTOR)))
    assert '"\'=HYPERLINK(""x""), Eve"' in text


def test_every_cell_is_safe_for_a_spreadsheet_and_numbers_stay_numbers() -> None:
    table = use_tables.Table(("a", "b", "c"), (("-1.500000", "@cmd", "-1+2"),))
    assert use_tables.as_csv(table) == "a,b,c\r\n-1.500000,'@cmd,'-1+2\r\n"


def test_every_table_has_as_many_cells_as_columns(site: UseSite) -> None:
    site.use(site.anna, 1, ROTOR)
    work = site.bench.workbench
    shown = page(site, site.mira, THR)
    tables = [
        use_tables.of_person(own(site, site.anna)),
        use_tables.of_members(shown),
        use_tables.of_days(shown),
        use_tables.of_budgets(shown.children),
        use_tables.of_operator(operator_page.of_operator(work, None)),
    ]
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert tables[2].rows == (("2026-11-16", ROTOR, "0.125000"),)
