"""TensorBoard in Lab's launcher; it shows the runs that were logged to ~/runs."""

from traitlets.config import get_config

c = get_config()

c.ServerProxy.servers = {
    "tensorboard": {
        "command": [
            *("/opt/labwerk/bin/python", "-I", "-W", "ignore", "-m", "tensorboard.main"),
            *("--logdir", "/home/lab/runs", "--host", "127.0.0.1", "--port", "{port}"),
            *("--path_prefix", "{base_url}tensorboard", "--load_fast", "false"),
        ],
        "absolute_url": True,
        "timeout": 60,
        "new_browser_tab": False,
        "launcher_entry": {
            "title": "TensorBoard",
            "category": "Notebook",
            "icon_path": "/opt/labwerk/share/labwerk/tensorboard.svg",
        },
    },
}
