"""The explorer as an ipywidget: four tabs over one lazily read file."""

from __future__ import annotations

from html import escape
from typing import Any, get_args

import ipywidgets as widgets

from labwerk.dataset import Dataset, nature
from labwerk.explorer.plot import plot, value_text
from labwerk.explorer.profile import Profile
from labwerk.explorer.source import Source
from labwerk.frames import Engine
from labwerk.show import Facts, Table, as_html, table_html
from labwerk.texts import number, say

FIRST_ROWS = 20


class Explorer(widgets.VBox):
    """Columns, first rows, one column's distribution and code for one file.

    Attributes:
        source: the file that is looked at.
        column: the chooser of the column whose distribution is shown.
    """

    def __init__(self, dataset: Dataset, file: str, source: Source) -> None:
        self.source = source
        self.dataset = dataset
        self._file = file
        self.column = widgets.Dropdown(
            options=[column.name for column in source.columns],
            description=say("Column"),
        )
        self._distribution = widgets.HTML()
        self._engine = widgets.Dropdown(
            options=[("labwerk.open", None), *((name, name) for name in get_args(Engine))],
            description=say("Library"),
        )
        self._code = widgets.HTML()
        self.column.observe(self._show_column, "value")
        self._engine.observe(self._show_code, "value")
        super().__init__([widgets.HTML(self._heading()), self._tabs()])
        self._show_column(None)
        self._show_code(None)

    def _tabs(self) -> widgets.Tab:
        return widgets.Tab(
            children=[
                widgets.HTML(self._schema()),
                widgets.HTML(self._head()),
                widgets.VBox([self.column, self._distribution]),
                widgets.VBox([self._engine, self._code]),
            ],
            titles=[say("Columns"), say("First rows"), say("Distribution"), say("Code")],
        )

    def _heading(self) -> str:
        dataset = self.dataset
        shape = say(
            "%(rows)s rows, %(columns)s columns",
            rows=number(self.source.rows, 0),
            columns=number(len(self.source.columns), 0),
        )
        facts = (dataset.institution, nature(dataset.nature), dataset.licence, shape)
        return (
            f"<h3 style='margin:0'>{escape(dataset.title)}</h3>"
            f"<p style='margin:2px 0'>{escape(' · '.join(facts))}</p>"
        )

    def _schema(self) -> str:
        rows = tuple((column.name, column.type) for column in self.source.columns)
        table = table_html(Table((say("Column"), say("Type")), rows))
        return f'<div style="max-height:320px;overflow:auto" tabindex="0">{table}</div>'

    def _head(self) -> str:
        frame = self.source.head(FIRST_ROWS)
        rows = tuple(tuple(value_text(value) for value in row) for row in frame.iter_rows())
        table = table_html(Table(tuple(frame.columns), rows, say("This file has no rows.")))
        return f'<div style="overflow-x:auto" tabindex="0">{table}</div>'

    def _show_column(self, _change: Any) -> None:
        if self.column.value is not None:
            profile = self.source.profile(self.column.value)
            self._distribution.value = plot(profile) + as_html(statistics(profile))

    def _show_code(self, _change: Any) -> None:
        code = snippet(self.dataset, self._file, self._engine.value)
        self._code.value = f"<pre tabindex='0'>{escape(code)}</pre>"


def statistics(profile: Profile) -> Facts:
    """A column's numbers, named."""
    rows = [
        (say("Values"), number(profile.rows - profile.missing, 0)),
        (say("Missing"), number(profile.missing, 0)),
    ]
    if profile.distinct is not None:
        rows.append((say("Different values"), number(profile.distinct, 0)))
    found = profile.statistics
    if found is not None:
        named = (
            (say("Mean"), found.mean),
            (say("Standard deviation"), found.deviation),
            (say("Smallest"), found.smallest),
            (say("25 %%"), found.quarter),
            (say("Median"), found.median),
            (say("75 %%"), found.three_quarters),
            (say("Largest"), found.largest),
        )
        rows += [(name, value_text(value)) for name, value in named if value is not None]
    return Facts(profile.column, tuple(rows))


def snippet(dataset: Dataset, file: str, engine: Engine | None) -> str:
    """Code that opens the file that is looked at."""
    which = f", file={file!r}" if len(dataset.files) > 1 else ""
    library = f", engine={engine!r}" if engine else ""
    return f'import labwerk\n\nframe = labwerk.open("{dataset.id}"{which}{library})\nframe'
