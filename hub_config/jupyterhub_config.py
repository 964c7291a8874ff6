"""JupyterHub's configuration. What a deployer edits is labwerk.toml, beside this file."""

import sys

from labwerk_hub.bootstrap import settings_from_environment
from labwerk_hub.errors import LabwerkError
from labwerk_hub.hub.configure import configure
from traitlets.config import get_config

c = get_config()
try:
    configure(c, settings_from_environment())
except LabwerkError as error:
    sys.exit(str(error))
