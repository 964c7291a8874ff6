"""JupyterHub's configuration. What a deployer edits is labwerk.toml, beside this file."""

from traitlets.config import get_config

from labwerk_hub.bootstrap import settings_from_environment
from labwerk_hub.hub.configure import configure

c = get_config()
configure(c, settings_from_environment())
