"""The hub's pages: Labwerk's templates and handlers in JupyterHub's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from tornado.web import StaticFileHandler
from traitlets.config import Config

from labwerk_hub.adapters.statements import Format
from labwerk_hub.domain.admission import Request
from labwerk_hub.hub import markup
from labwerk_hub.hub.board_handlers import BoardHandler
from labwerk_hub.hub.budget_handlers import (
    BudgetFileHandler,
    BudgetHandler,
    BudgetsHandler,
    OperatorHandler,
    StatementHandler,
)
from labwerk_hub.hub.context import STATIC_FOLDER, PageContext
from labwerk_hub.hub.language import LanguageHandler, RequestLanguage
from labwerk_hub.hub.reading import Pages
from labwerk_hub.hub.session_handlers import OffersHandler, StopHandler
from labwerk_hub.hub.start import options_from_form
from labwerk_hub.hub.use_handlers import RecordHandler, UseFileHandler, UseHandler
from labwerk_hub.hub.waiting_handlers import LeaveHandler, WaitingHandler
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings

__all__ = ["configure_pages", "options_from_form", "start_form"]

_TEMPLATES = Path(__file__).parent / "templates"
#: Where tornado's settings hold the pages, for :func:`start_form`.
_PAGES = "labwerk_pages"


def configure_pages(c: Config, settings: Settings, workbench: Workbench) -> None:
    """Let the hub show Labwerk's pages instead of JupyterHub's."""
    pages = Pages(settings, workbench)
    c.JupyterHub.template_paths = [str(_TEMPLATES)]
    c.JupyterHub.logo_file = str(STATIC_FOLDER / "labwerk.svg")
    c.JupyterHub.jinja_environment_options = {
        "extensions": [markup.extension(workbench.policy.zone)]
    }

    def labwerk(user: User | None) -> PageContext:
        return PageContext(pages, user.name if user else None)

    c.JupyterHub.template_vars = {"labwerk": labwerk}
    c.JupyterHub.extra_handlers = handlers(pages)
    c.JupyterHub.tornado_settings = {
        **c.JupyterHub.get("tornado_settings", {}),
        _PAGES: pages,
        "transforms": [RequestLanguage],
        # The pending page shows the stages at once; a refusal is shown there as well.
        # JupyterHub would show an empty page for up to a second first.
        "slow_spawn_timeout": 0,
    }


def handlers(pages: Pages) -> list[tuple[Any, ...]]:
    """The addresses of ours below the hub's own."""
    return [
        (r"/labwerk/language", LanguageHandler),
        (r"/labwerk/offers/([^/]+)", OffersHandler, {"pages": pages}),
        (r"/labwerk/stop/([^/]+)", StopHandler),
        (r"/labwerk/waiting/([^/]+)", WaitingHandler, {"pages": pages}),
        (r"/labwerk/leave/([^/]+)", LeaveHandler, {"pages": pages}),
        (r"/labwerk/board", BoardHandler, {"pages": pages}),
        *data_handlers(pages),
        (r"/labwerk/static/(.*)", StaticFileHandler, {"path": str(STATIC_FOLDER)}),
    ]


def data_handlers(pages: Pages) -> list[tuple[Any, ...]]:
    """The pages of use and budgets."""
    given = {"pages": pages}
    budget = r"/labwerk/budget/(institution|project|course)/([^/]+)"
    formats = "|".join(Format)
    return [
        (r"/labwerk/use", UseHandler, given),
        (r"/labwerk/use\.(csv|json)", UseFileHandler, given),
        (r"/labwerk/record", RecordHandler, given),
        (r"/labwerk/budgets", BudgetsHandler, given),
        (budget, BudgetHandler, given),
        (budget + r"/(days\.csv|people\.csv|all\.json)", BudgetFileHandler, given),
        (r"/labwerk/operator", OperatorHandler, given),
        (r"/labwerk/operator\.(csv|json)", OperatorHandler, given),
        (rf"/labwerk/statement/([^/]+)/(\d{{4}}-\d\d)/({formats})", StatementHandler, given),
    ]


async def start_form(spawner: Spawner) -> str:
    """The content of the start page's form; for ``Spawner.options_form``.

    It is in the language of whoever looks, which may be an operator.
    """
    tornado_settings = spawner.user.settings
    pages: Pages = tornado_settings[_PAGES]
    viewer = spawner.handler.current_user if spawner.handler else spawner.user
    await pages.open(viewer.name)
    asked = spawner.user_options
    flavour, image = str(asked.get("flavour", "")), str(asked.get("image", ""))
    payer = str(asked.get("payer", ""))
    wanted = Request(flavour, image, payer=payer) if flavour else None
    return await pages.start_fields(
        tornado_settings["jinja2_env"], spawner.user.name, spawner.hub.base_url, wanted
    )
