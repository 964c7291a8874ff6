"""Programs under the supervisor: what they are made of, and who may run what."""

import configparser
import io
import socket
from pathlib import Path

import pytest
from labwerk_hub.errors import EngineUnreachableError
from labwerk_hub.machine import processes
from labwerk_hub.machine.checks import machine_problems
from labwerk_hub.machine.engine import engine_host
from labwerk_hub.machine.environment import choose_interpreter
from labwerk_hub.machine.errors import BusyError
from labwerk_hub.machine.files import open_to_all
from labwerk_hub.machine.locking import locked, take
from labwerk_hub.machine.log import Log
from labwerk_hub.machine.node import is_new_enough
from labwerk_hub.machine.places import Places
from labwerk_hub.machine.programs import Program, programs
from labwerk_hub.machine.progress import Progress
from labwerk_hub.machine.supervisor import Supervisor
from labwerk_hub.machine.supervisor_config import config_text
from labwerk_hub.settings import Settings, load_settings
from support.settings import SHIPPED


def _settings(**network: object) -> Settings:
    shipped = load_settings(SHIPPED)
    return shipped.model_copy(update={"network": shipped.network.model_copy(update=network)})


def _places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "state")
    places.run.mkdir(parents=True)
    places.logs.mkdir()
    return places


@pytest.mark.parametrize(
    ("version", "usable"),
    [
        ("v18.19.0", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("v26.0.0-nightly", True),
        ("", False),
        ("command not found", False),
    ],
)
def test_node_is_new_enough_from_20_19_and_22_12_on(version: str, usable: bool) -> None:
    assert is_new_enough(version) is usable


def test_the_chosen_python_can_be_run_by_everybody() -> None:
    assert open_to_all(choose_interpreter())


def test_an_engine_on_another_machine_is_refused() -> None:
    assert engine_host({}) == "unix:///var/run/docker.sock"
    assert engine_host({"DOCKER_HOST": "unix:///run/other.sock"}) == "unix:///run/other.sock"
    for remote in ("tcp://10.0.0.5:2375", "ssh://root@gpu7"):
        with pytest.raises(EngineUnreachableError, match="another machine"):
            engine_host({"DOCKER_HOST": remote})


def test_only_the_helper_runs_as_root(tmp_path: Path) -> None:
    found = programs(_settings(), _places(tmp_path))
    assert [program.name for program in found if not program.user] == ["helper"]
    assert {"hub", "service", "proxy", "provider"} < {program.name for program in found}


def test_without_the_demo_there_is_no_demo_provider(tmp_path: Path) -> None:
    settings = _settings()
    sign_in = settings.sign_in.model_copy(update={"issuer": "https://login.example"})
    found = programs(settings.model_copy(update={"sign_in": sign_in}), _places(tmp_path))
    assert "provider" not in {program.name for program in found}


def test_a_port_below_1024_is_bound_without_root(tmp_path: Path) -> None:
    found = {p.name: p for p in programs(_settings(public_port=443), _places(tmp_path))}
    command = " ".join(found["proxy"].command)
    assert "setpriv --reuid labwerk" in command
    assert "net_bind_service" in command


def test_a_changed_setting_restarts_the_programs_but_not_proxy_and_provider(
    tmp_path: Path,
) -> None:
    places = _places(tmp_path)
    places.settings.write_text("one")
    before = programs(_settings(), places)
    assert programs(_settings(), places) == before
    places.settings.write_text("two")
    after = programs(_settings(), places)
    changed = {was.name for was, now in zip(before, after, strict=True) if was != now}
    assert changed == {"helper", "service", "hub"}


def test_another_port_or_a_renewed_certificate_restarts_the_proxy(tmp_path: Path) -> None:
    places, certificate, key = _places(tmp_path), tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_text("of this year")
    key.write_text("a key")
    tls = _settings(tls_certificate=str(certificate), tls_key=str(key))

    def proxy(settings: Settings) -> Program:
        return next(p for p in programs(settings, places) if p.name == "proxy")

    before = proxy(tls)
    assert before.lasting
    assert proxy(_settings()) != before
    assert proxy(_settings(public_port=8010)) != proxy(_settings())
    certificate.write_text("of next year")
    assert proxy(tls) != before


def test_no_secret_stands_in_the_supervisors_configuration(tmp_path: Path) -> None:
    places = _places(tmp_path)
    places.secrets.mkdir()
    (places.secrets / "proxy_token").write_text("verysecret")
    assert "verysecret" not in config_text(places, programs(_settings(), places))


def test_percent_signs_reach_the_program_as_they_are(tmp_path: Path) -> None:
    program = Program("hub", ("hub",), "labwerk", {"HTTPS_PROXY": "http://me:p%40ss@proxy"})
    parsed = configparser.RawConfigParser()
    parsed.read_file(io.StringIO(config_text(_places(tmp_path), [program])))
    assert "p%%40ss" in parsed["program:hub"]["environment"]
    assert parsed["program:hub"]["user"] == "labwerk"


def test_no_supervisor_means_nothing_runs(tmp_path: Path) -> None:
    supervisor = Supervisor(_places(tmp_path))
    assert not supervisor.is_running()
    assert supervisor.states() == []


def test_two_commands_do_not_change_one_installation_at_once(tmp_path: Path) -> None:
    places = _places(tmp_path)
    with locked(places), pytest.raises(BusyError, match="Another command"):
        take(places)
    with locked(places):
        pass


def test_a_taken_port_is_named_with_its_key_and_holder(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = list(machine_problems(_settings(public_port=port), _places(tmp_path)))
    (problem,) = [p for p in found if p.code == "port-taken" and str(port) in p.message]
    assert problem.message.startswith(f"network.public_port = {port}: it is taken by ")


def test_a_port_on_all_addresses_counts_as_taken_on_the_bridge(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        found = list(machine_problems(_settings(hub_port=port), _places(tmp_path)))
    assert any(p.message.startswith(f"network.hub_port = {port}:") for p in found)


def test_a_network_that_this_machine_uses_is_refused(tmp_path: Path) -> None:
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    fields = [line.split() for line in routes]
    used = next((f for f in fields if f[7] != "00000000"), None)
    if used is None:
        pytest.skip("this machine has no route of its own")
    address = ".".join(str(byte) for byte in reversed(bytes.fromhex(used[1])))
    found = list(
        machine_problems(_settings(subnet=f"{address}/30", bridge="elsewhere"), _places(tmp_path))
    )
    assert any(p.message.startswith("network.subnet") and used[0] in p.message for p in found)


def test_a_process_is_told_from_a_later_one_by_its_birth() -> None:
    ours = next(p for p in processes.all_processes() if p.pid == _pid())
    assert processes.birth(_pid()) == ours.birth
    assert processes.birth(2**22 + 1) is None


def _pid() -> int:
    return int(Path("/proc/self").readlink().name)


def test_steps_are_numbered_and_timed_and_failures_said(tmp_path: Path) -> None:
    out = io.StringIO()
    progress = Progress(Log(tmp_path / "up.log"), done=1, total=3, out=out)
    with progress.step("first"):
        progress.note("a detail")
    with pytest.raises(ValueError, match="no"), progress.step("second"):
        raise ValueError("no")
    first, note, time, second = out.getvalue().splitlines()
    assert first == "[ 2/3] first … "
    assert note.strip() == "a detail"
    assert time.strip() == "0.0 s"
    assert second == "[ 3/3] second … failed"
