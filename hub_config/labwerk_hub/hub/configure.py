"""From settings to JupyterHub's configuration: one small function per subject."""

from __future__ import annotations

from traitlets.config import Config

from labwerk_hub import bootstrap
from labwerk_hub.domain.scopes import OF_SESSIONS, Scope
from labwerk_hub.hub.authenticator import configure_sign_in
from labwerk_hub.hub.pages import configure_pages, options_from_form, start_form
from labwerk_hub.hub.spawner import LabwerkSpawner
from labwerk_hub.services.workbench import Workbench
from labwerk_hub.settings import Settings

SERVICE = "labwerk"
#: What lets a session's token ask the hub service about its own person.
_SERVICE_ACCESS = f"access:services!service={SERVICE}"


def configure(c: Config, settings: Settings) -> None:
    """Configure the hub of one installation; ``c`` is JupyterHub's ``get_config()``."""
    workbench = bootstrap.workbench(settings)
    _network(c, settings)
    _state(c, settings)
    _service(c, settings)
    _sessions(c, settings, workbench)
    configure_sign_in(c, settings, workbench)
    configure_pages(c, settings, workbench)


def _network(c: Config, settings: Settings) -> None:
    """The proxy is a process of its own: killing the hub leaves it, and what it routes."""
    network = settings.network
    c.JupyterHub.bind_url = network.public_url
    c.JupyterHub.hub_ip = network.gateway
    c.JupyterHub.hub_port = network.hub_port
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{network.proxy_api_port}"
    c.ConfigurableHTTPProxy.auth_token = secret(settings, "proxy_token")
    # A proxy that was restarted has forgotten every route. JupyterHub tells a proxy that it
    # did not start itself again only when it asks it for people's latest activity.
    c.JupyterHub.last_activity_interval = 5


def _state(c: Config, settings: Settings) -> None:
    state = settings.machine.state
    c.JupyterHub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
    c.JupyterHub.cookie_secret_file = str(state / "secrets" / "cookie_secret")
    # Labwerk's commands migrate; a hub of another version must not.
    c.JupyterHub.upgrade_db = False


def _service(c: Config, settings: Settings) -> None:
    network = settings.network
    c.JupyterHub.services = [
        {
            "name": SERVICE,
            "url": f"http://{network.gateway}:{network.service_port}",
            "api_token": secret(settings, "service_token"),
            "display": False,
        }
    ]
    c.JupyterHub.load_roles = [
        {
            "name": "labwerk-service",
            "description": (
                "Reads whose servers run, ends sessions whose time is up, starts those of "
                "people who stood in line, and removes people who are erased"
            ),
            "services": [SERVICE],
            "scopes": [
                "list:users",
                "read:servers",
                "start:servers",
                "delete:servers",
                "delete:users",
            ],
        }
    ]
    # People make tokens with some of these at /hub/token; the service asks which a token has.
    c.JupyterHub.custom_scopes = {
        scope.value: {"description": scope.description} for scope in Scope
    }
    c.JupyterHub.extra_user_scopes = {_SERVICE_ACCESS, *(scope.value for scope in Scope)}


def _sessions(c: Config, settings: Settings, workbench: Workbench) -> None:
    c.JupyterHub.spawner_class = LabwerkSpawner
    c.LabwerkSpawner.workbench = workbench
    c.LabwerkSpawner.options_form = start_form
    c.LabwerkSpawner.options_from_form = options_from_form
    # Nothing of a choice is applied before admission has looked at it, in `start`.
    c.LabwerkSpawner.apply_user_options = _nothing_yet
    c.LabwerkSpawner.remove = True
    c.LabwerkSpawner.network_name = settings.network.bridge
    c.LabwerkSpawner.use_internal_ip = True
    c.LabwerkSpawner.pull_policy = "skip"
    c.LabwerkSpawner.start_timeout = settings.sessions.start_timeout
    # Servers found when the hub starts: a busy one gets this long to answer before the
    # hub would take it for dead and stop it.
    c.LabwerkSpawner.http_timeout = 120
    c.LabwerkSpawner.poll_interval = 10
    c.LabwerkSpawner.default_url = "/lab"
    c.LabwerkSpawner.server_token_scopes = [
        "users:activity!user",
        "access:servers!server",
        _SERVICE_ACCESS,
        *(scope.value for scope in OF_SESSIONS),
    ]
    # Admission decides how many start, in words; JupyterHub's own limits answer 429.
    c.JupyterHub.concurrent_spawn_limit = 0
    c.JupyterHub.init_spawners_timeout = 1
    c.JupyterHub.allow_named_servers = False


def _nothing_yet(_spawner: LabwerkSpawner, _user_options: dict[str, object]) -> None:
    """JupyterHub's place to act on a choice; ours comes later."""


def secret(settings: Settings, name: str) -> str:
    """A secret that ``up`` made, by its file's name."""
    return (settings.machine.state / "secrets" / name).read_text(encoding="ascii").strip()
