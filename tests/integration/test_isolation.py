"""What a session cannot do, each beside a control that shows the check itself can see it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import docker.models.containers
import pytest
from support.engine import Engine
from support.far_host import METADATA, OUTSIDE, far_host, reached
from support.install import Install
from support.kernel import Kernel
from support.person import Person

GATEWAY = "10.214.0.1"
ELSEWHERE = 18555  # a port of the machine that nobody opened to sessions

#: Runs inside the session: whether a TCP connection can be made, and what answers HTTP.
PROBE = """
import os, socket, urllib.error, urllib.request

def connects(address, port):
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False

def status(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
"""


@dataclass(frozen=True)
class Inside:
    """Anna's session, from inside; Luca works beside her."""

    anna: Person
    luca: Person
    kernel: Kernel
    container: docker.models.containers.Container
    neighbour: docker.models.containers.Container

    def says(self, expression: str) -> bool:
        """Whether the Python expression is true in Anna's kernel."""
        return self.kernel.run(f"bool({expression})") == "True"

    def refused_write(self, path: str) -> str:
        """The error's name when Anna writes to ``path``; empty if she can."""
        code = (
            "import errno\n"
            "try:\n"
            f"    with open({path!r}, 'w') as file: file.write('x')\n"
            "    said = ''\n"
            "except OSError as error:\n"
            "    said = errno.errorcode[error.errno]\n"
            "print(said)"
        )
        return self.kernel.run(code)


def address_of(container: docker.models.containers.Container) -> str:
    container.reload()
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


@pytest.fixture(scope="module")
def inside(labwerk: Install, engine: Engine) -> Iterator[Inside]:
    with ExitStack() as stack:
        people = {}
        for login in ("anna", "luca"):
            person = people[login] = stack.enter_context(labwerk.person(login))
            person.sign_in()
            person.start("cpu-small")
            stack.callback(person.stop)
        anna, luca = people["anna"], people["luca"]
        kernel = stack.enter_context(anna.kernel())
        kernel.run(PROBE)
        yield Inside(anna, luca, kernel, engine.session_of(anna.name), engine.session_of(luca.name))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with far_host(tmp_path_factory.mktemp("far")):
        yield


@contextmanager
def listening(address: str, port: int) -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer((address, port), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# ------------------------------------------------------------------------ network


def test_the_hub_and_the_service_answer_on_the_gateway(inside: Inside) -> None:
    assert inside.kernel.run(f"status('http://{GATEWAY}:18081/hub/api')") == "200"
    service = f"status('http://{GATEWAY}:18082/services/labwerk/api/v1/overview')"
    assert inside.kernel.run(service) in {"401", "403"}


def test_no_other_session_can_be_reached(inside: Inside) -> None:
    neighbour = address_of(inside.neighbour)
    assert reached(neighbour, 8888), "control: the neighbour's server answers the proxy's side"
    assert inside.says(f"connects('{address_of(inside.container)}', 8888)"), "control: one's own"
    assert not inside.says(f"connects('{neighbour}', 8888)")


def test_the_proxys_api_cannot_be_reached(inside: Inside) -> None:
    assert reached("127.0.0.1", 18001), "control: it answers on the machine"
    assert not inside.says(f"connects('{GATEWAY}', 18001)")


@pytest.mark.parametrize("address", [GATEWAY, "10.0.2.100"])
def test_no_other_port_of_the_machine_can_be_reached(inside: Inside, address: str) -> None:
    with listening(address, ELSEWHERE):
        assert reached(address, ELSEWHERE), "control: it answers on the machine"
        assert not inside.says(f"connects('{address}', {ELSEWHERE})")


@pytest.mark.usefixtures("outside")
def test_the_metadata_address_cannot_be_reached_while_the_rest_of_its_host_can(
    inside: Inside,
) -> None:
    assert reached(METADATA), "control: the metadata address answers the machine"
    assert inside.says(f"connects('{OUTSIDE}', 80)"), "control: its host answers a session"
    assert not inside.says(f"connects('{METADATA}', 80)")


def test_another_persons_server_refuses_through_the_proxy(inside: Inside) -> None:
    assert inside.luca.server("GET", "api/status").status_code == 200, "control: its own person"
    answer = inside.anna.http.get(f"/user/{inside.luca.name}/api/status")
    assert answer.status_code in {403, 404}


# -------------------------------------------------------------------------- files


def test_one_can_write_at_home_and_in_tmp(inside: Inside) -> None:
    assert inside.refused_write("/home/lab/mine.txt") == ""
    assert inside.refused_write("/tmp/mine.txt") == ""


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/mine.txt",
        "/etc/passwd",
        "/data/mine.txt",
        "/data/iwe/windpark/2015.1/mine.txt",
        "/data/iwe/windpark/2015.1/windpark_scada_2014_2015.parquet",
    ],
)
def test_the_system_and_the_data_cannot_be_written(inside: Inside, path: str) -> None:
    assert inside.refused_write(path) in {"EROFS", "EACCES"}


def test_nobody_elses_home_is_there(inside: Inside, labwerk: Install) -> None:
    homes = labwerk.state / "homes"
    assert (homes / inside.luca.name).is_dir(), "control: the machine has it"
    assert json.loads(inside.kernel.run("import json, os; print(json.dumps(os.listdir('/home')))"))
    assert inside.says("os.listdir('/home') == ['lab']")
    assert not inside.says(f"os.path.exists('{homes}')")


def test_neither_database_nor_engine_socket_nor_secret_is_there(
    inside: Inside, labwerk: Install
) -> None:
    for name in ("hub.sqlite", "labwerk.sqlite", "secrets", "run/helper.sock"):
        assert (labwerk.state / name).exists(), "control: the machine has it"
        assert not inside.says(f"os.path.exists('{labwerk.state / name}')")
    mounts = inside.kernel.run("print(open('/proc/self/mountinfo').read())")
    assert "/home/lab" in mounts, "control: mounts are listed"
    assert ".sock" not in mounts
    sockets = "[p for p in ('/run/docker.sock', '/var/run/docker.sock') if os.path.exists(p)]"
    assert not inside.says(sockets)


def test_no_secret_of_the_workbench_is_in_the_sessions_environment(
    inside: Inside, labwerk: Install
) -> None:
    environment = inside.kernel.run("print('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))")
    server = "\n".join(inside.container.attrs["Config"]["Env"])
    assert "JUPYTERHUB_API_TOKEN=" in server, "control: the server has its own token"
    secrets = [file for file in (labwerk.state / "secrets").rglob("*") if file.is_file()]
    assert secrets
    for secret in secrets:
        value = secret.read_text(errors="ignore").strip()
        if len(value) >= 16:
            assert value not in environment + server, f"{secret.name} is in the session"


# ------------------------------------------------------------------------- powers


@pytest.fixture(scope="module")
def powers(inside: Inside) -> dict[str, str]:
    status = inside.kernel.run("print(open('/proc/self/status').read())")
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def test_a_session_runs_as_the_persons_own_user(inside: Inside, powers: dict[str, str]) -> None:
    uid = int(powers["Uid"].split()[0])
    assert uid >= 200_000
    assert uid != int(inside.neighbour.attrs["Config"]["User"].split(":")[0])


@pytest.mark.parametrize("kind", ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
def test_a_session_has_no_capability(powers: dict[str, str], kind: str) -> None:
    own = Path("/proc/self/status").read_text()
    assert int(own.split("CapEff:\t")[1].split()[0], 16) > 0, "control: the machine's root has some"
    assert int(powers[kind], 16) == 0


def test_a_session_can_gain_no_privileges(powers: dict[str, str]) -> None:
    assert powers["NoNewPrivs"].strip() == "1"
    assert powers["Seccomp"].strip() == "2"


def test_a_session_has_a_limit_of_processes(inside: Inside) -> None:
    code = (
        "import subprocess\n"
        "started, children = 0, []\n"
        "try:\n"
        "    while started < 3000:\n"
        "        children.append(subprocess.Popen(['sleep', '60']))\n"
        "        started += 1\n"
        "except OSError:\n"
        "    pass\n"
        "finally:\n"
        "    for child in children: child.kill()\n"
        "    for child in children: child.wait()\n"
        "print(started)"
    )
    assert 100 < int(inside.kernel.run(code, seconds=120)) < 1024


def test_the_kernel_is_not_the_hosts_root(inside: Inside) -> None:
    assert not inside.says("os.access('/proc/1/root/etc/shadow', os.R_OK)")
    assert socket.gethostname() != inside.kernel.run("import socket; print(socket.gethostname())")
