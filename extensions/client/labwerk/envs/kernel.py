"""How Lab finds and starts an environment: a kernel of the person's, by the same name.

The kernel's files are in the environment, where other tools expect them, too; a link in
Jupyter's data folder makes it one of the person's kernels. So there is a kernel with the
environment or none: nothing has to be kept in step.
"""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

from labwerk.envs.errors import EnvironmentRefusedError
from labwerk.envs.place import Environment, folder


def refuse_if_taken(name: str) -> None:
    """Leave kernels alone that are none of ours, and do not hide those of the image.

    Raises:
        EnvironmentRefusedError: there is a kernel of that name.
    """
    link = _link(name)
    others = Path(sys.prefix) / "share" / "jupyter" / "kernels" / name
    if others.exists() or ((link.exists() or link.is_symlink()) and not _is_ours(link)):
        raise EnvironmentRefusedError.kernel_taken(name)


def write(environment: Environment, path: Path) -> None:
    """Write the kernel's files into an environment that is to be at ``path`` later."""
    python = ".".join(map(str, environment.python or ()))
    programs = path / "bin"
    spec = {
        # The debugger cannot stop in modules that are part of the interpreter itself.
        "argv": [
            *(str(programs / "python"), "-Xfrozen_modules=off", "-m", "ipykernel_launcher"),
            *("-f", "{connection_file}"),
        ],
        "display_name": display_name(environment),
        "language": "python",
        "metadata": {"debugger": True, "labwerk": {"environment": path.name, "python": python}},
        # What `!pip`, `!python` and a shell of the notebook's find is the environment's.
        "env": {
            "PATH": f"{programs}:${{PATH}}",
            "VIRTUAL_ENV": str(path),
            "PIP_USER": "0",
        },
    }
    files = _files(environment)
    files.mkdir(parents=True, exist_ok=True)
    for picture in _pictures():
        shutil.copyfile(picture, files / picture.name)
    (files / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")


def show(environment: Environment) -> None:
    """Make it a kernel of the person's."""
    link = _link(environment.name)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(_files(environment), target_is_directory=True)


def hide(name: str) -> None:
    """Take it from the person's kernels again."""
    link = _link(name)
    if _is_ours(link):
        link.unlink()


def is_shown(environment: Environment) -> bool:
    """Whether Lab finds it."""
    return _is_ours(_link(environment.name)) and (_files(environment) / "kernel.json").is_file()


def display_name(environment: Environment) -> str:
    """What Lab's launcher calls it."""
    return f"{environment.name} (Python {'.'.join(map(str, environment.python or ()))})"


def _files(environment: Environment) -> Path:
    return environment.path / "share" / "jupyter" / "kernels" / environment.name


def _link(name: str) -> Path:
    return Path(jupyter_data_dir()) / "kernels" / name


def _is_ours(link: Path) -> bool:
    return link.is_symlink() and link.readlink().is_relative_to(folder() / link.name)


def _pictures() -> list[Path]:
    """The logos of the image's own kernel."""
    spec = find_spec("ipykernel")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.joinpath("resources").glob("logo-*"))
