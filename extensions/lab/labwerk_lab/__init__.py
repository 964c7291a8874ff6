"""Labwerk in JupyterLab: a sidebar panel and the server extension that feeds it.

Every notebook server imports this module at its start, so it imports nothing
itself: what is needed is imported when it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where JupyterLab finds the built panel."""
    return [{"src": "labextension", "dest": "labwerk-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Which module Jupyter Server loads."""
    return [{"module": "labwerk_lab"}]


def _load_jupyter_server_extension(server_app: ServerApp) -> None:
    """Add the routes to a notebook server, and report its activity."""
    from labwerk_lab.activity import start_reports
    from labwerk_lab.routes import add_routes

    add_routes(server_app.web_app)
    start_reports(server_app)
