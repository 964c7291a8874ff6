"""A session without a container: an image that is a virtual environment, a home, an index.

For what people do to their own environments, which takes no hub and no engine. The packages
are made here, each a module of one line, and nothing outside this machine is asked for any.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import sysconfig
import threading
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from support.environment import REPOSITORY

CLIENT = REPOSITORY / "extensions" / "client"
SITE_PACKAGES = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


def wheel(
    folder: Path,
    name: str,
    version: str,
    *requires: str,
    extras: Sequence[str] = (),
    padding: int = 0,
) -> str:
    """Write a package whose module says its ``version``, and has a program of the same name.

    ``padding`` are bytes that nobody can pack.
    """
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {required}" for required in requires]
    files = {
        f"{module}.py": f"version = {version!r}\n\n\ndef main():\n    print(version)\n",
        f"{module}.txt": os.urandom(padding // 2).hex(),
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{module}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, content)
    return str(path)


@dataclass(frozen=True)
class Index:
    """An index of packages; who asks for one of ``never_answered`` waits until the end."""

    url: str
    folder: Path
    asked: list[str] = field(default_factory=list)
    never_answered: set[str] = field(default_factory=set)
    waited_for: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def offer(self, name: str, version: str, *requires: str, padding: int = 0) -> None:
        """Take a package in."""
        folder = self.folder / name
        wheel(folder, name, version, *requires, padding=padding)
        links = "".join(f'<a href="{one.name}">{one.name}</a>\n' for one in folder.glob("*.whl"))
        (folder / "index.html").write_text(f"<!DOCTYPE html>\n{links}")


@contextmanager
def index(folder: Path) -> Iterator[Index]:
    """Serve an index on loopback until the end."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if self.path.strip("/") in made.never_answered:
                made.waited_for.set()
                made.ended.wait(60)
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        made = Index(f"http://127.0.0.1:{server.server_port}", folder)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.ended.set()
            server.shutdown()
            thread.join()


def make_image(image: Path) -> Path:
    """An image that has what the tests' own Python has, our client and uv."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", image],
        check=True,
    )
    spec = find_spec("uv")
    assert spec is not None, "the tests' environment has no uv"
    assert spec.origin is not None
    below = {Path(spec.origin).parents[1], Path(sysconfig.get_path("purelib"))}
    lines = [f"import site; site.addsitedir({str(folder)!r})\n" for folder in sorted(below)]
    (image / SITE_PACKAGES / "tests.pth").write_text(f"{''.join(lines)}{CLIENT}\n")
    scripts = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, place in scripts.items():
        module, _, function = place.partition(":")
        script = image / "bin" / name
        script.write_text(
            f"#!{image}/bin/python\nimport sys\nfrom {module} import {function}\n"
            f"sys.exit({function}())\n"
        )
        script.chmod(0o755)
    return image


def put_into_image(image: Path, *wheels: str) -> None:
    """Install packages where the image's are."""
    from uv import find_uv_bin

    command = [find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--no-index"]
    subprocess.run([*command, "--python", str(image / "bin" / "python"), *wheels], check=True)


@dataclass(frozen=True)
class SmallSession:
    """What a person has in a session: an image's Python, a home, and a terminal."""

    image: Path
    home: Path
    variables: Mapping[str, str]

    @classmethod
    def begin(cls, image: Path, home: Path, **variables: str) -> SmallSession:
        """A session of an image that `make_image` made, with an empty home."""
        home.mkdir(exist_ok=True)
        basic = {
            "HOME": str(home),
            "PATH": f"{image}/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_HTTP_RETRIES": "0",
            "IPYTHONDIR": str(home / ".ipython"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        }
        return cls(image, home, basic | variables)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Begin a command, in a process group of its own as a terminal does."""
        return subprocess.Popen(
            command,
            env={**self.variables, **variables},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """What a command says; AssertionError unless it ends with ``code``."""
        process = self.start(*command, **variables)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == code, f"{command} ends with {process.returncode}:\n{said}"
        return said

    def env(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """What ``labwerk env …`` says."""
        return self.run("labwerk", "env", *arguments, code=code, **variables)

    def environment(self, name: str) -> Path:
        """Where an environment is, or would be."""
        return self.home / ".local" / "share" / "labwerk" / "envs" / name

    def traces(self, name: str) -> list[str]:
        """Every file of the home that is called like an environment, or belongs to a draft."""
        share = self.home / ".local" / "share"
        return [str(path) for path in share.rglob("*") if name in path.name or "draft" in path.name]

    @property
    def kernels(self) -> Path:
        """Where Jupyter looks for the person's kernels."""
        return self.home / ".local" / "share" / "jupyter" / "kernels"

    def in_kernel(self, name: str, code: str, **variables: str) -> str:
        """What code prints that runs in a kernel, started as a server starts it."""
        specs = KernelSpecManager(kernel_dirs=[str(self.kernels)])
        manager = KernelManager(kernel_name=name, kernel_spec_manager=specs, transport="ipc")
        manager.connection_file = str(self.home / "connection.json")
        manager.start_kernel(env={**self.variables, **variables}, cwd=str(self.home))
        said: list[str] = []

        def hear(message: Mapping[str, object]) -> None:
            content = message["content"]
            assert isinstance(content, dict)
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.append("\n".join(content["traceback"]))

        try:
            client = manager.blocking_client()
            client.start_channels()
            client.wait_for_ready(timeout=60)
            client.execute_interactive(code, timeout=120, output_hook=hear)
            client.stop_channels()
        finally:
            manager.shutdown_kernel(now=True)
        return "".join(said).strip()
