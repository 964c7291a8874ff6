"""What every server of the image runs with; a person's ~/.jupyter may add to it.

jupyter_server_config.json beside this file turns off two extensions that would cost every
start and do nothing: the image has no language server (jupyter_lsp), and nobody brings
settings of notebook servers from before 2020 (notebook_shim). They are off there because
Jupyter Server reads which extensions are on from JSON alone.
"""

from traitlets.config import get_config

c = get_config()

c.ServerApp.root_dir = "/home/lab"
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash", "-l"]}
# Kernels speak through files of /tmp instead of ports, so they need no free port.
c.KernelManager.transport = "ipc"
# What people edit is kept beside Jupyter's other data instead of in sight, and the history
# of a document that rests for an hour becomes one entry.
c.SQLiteYStore.db_path = "/home/lab/.local/share/jupyter/ystore.db"
c.SQLiteYStore.squash_after_inactivity_of = 3600
# Lab cannot be built anew in the image, so a browser need not ask whether it should be.
c.ServerApp.tornado_settings = {
    "page_config_data": {"buildAvailable": False, "buildCheck": False},
}
# Nothing is asked of the outside: no list of extensions, no news, no newer version.
c.LabApp.extension_manager = "readonly"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
