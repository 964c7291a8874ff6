"""What every server of the image runs with; a person's ~/.jupyter may add to it."""

from traitlets.config import get_config

c = get_config()

c.ServerApp.root_dir = "/home/lab"
# Only what is used: each further extension costs every start.
c.ServerApp.jpserver_extensions = {
    "jupyterlab": True,
    "jupyter_server_terminals": True,
    "jupyter_server_fileid": True,  # jupyter_server_ydoc needs it
    "jupyter_server_ydoc": True,
    "labwerk_lab": True,
    "jupyter_lsp": False,  # the image has no language server
    "notebook_shim": False,  # settings of notebook servers before 2020
}
c.ServerApp.terminado_settings = {"shell_command": ["/bin/bash", "-l"]}
# Kernels speak through files of /tmp instead of ports, so they need no free port.
c.KernelManager.transport = "ipc"
# Nothing is asked of the outside: no list of extensions, no news, no newer version.
c.LabApp.extension_manager = "readonly"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
