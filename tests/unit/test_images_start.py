"""The parts of an image's start, which are in the image as files and not as a package."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.environment import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "images" / "base" / "start"))
try:
    import account
    import certificates
    import deferred
    import graphics
    import limits
finally:
    del sys.path[0]


# --------------------------------------------------------------------------- deferring


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that says on import that it was imported."""
    folder = tmp_path / "slow_to_import"
    folder.mkdir()
    (folder / "__init__.py").write_text("answer = 42\n")
    (folder / "part.py").write_text("class Given: pass\nother = 43\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder.name
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_a_deferred_module_is_imported_when_a_name_of_it_is_asked_for(package: str) -> None:
    with deferred.deferred({package: {}}):
        namespace: dict[str, object] = {}
        exec(f"import {package} as slow", namespace)
    assert package not in sys.modules
    assert eval("slow.answer", namespace) == 42
    assert not isinstance(sys.modules[package], deferred.StandIn)


def test_a_name_may_be_asked_for_while_others_are_deferred(package: str) -> None:
    with deferred.deferred({package: {}, f"{package}.part": {}}):
        namespace: dict[str, object] = {}
        exec(f"from {package}.part import other", namespace)
        assert namespace["other"] == 43


def test_a_class_that_is_needed_by_name_is_given_without_an_import(package: str) -> None:
    given = type("Given", (), {})
    with deferred.deferred({package: {}, f"{package}.part": {"Given": given}}):
        namespace: dict[str, object] = {}
        exec(f"from {package}.part import Given", namespace)
    assert namespace["Given"] is given
    assert package not in sys.modules


def test_imports_afterwards_get_the_module_itself(package: str) -> None:
    with deferred.deferred({package: {}}):
        pass
    namespace: dict[str, object] = {}
    exec(f"import {package}.part; result = {package}.part.other", namespace)
    assert namespace["result"] == 43


def test_a_module_that_is_there_already_is_left_alone() -> None:
    before = sys.modules["json"]
    with deferred.deferred({"json": {}}):
        import json

        assert json is before
    assert sys.modules["json"] is before


# ----------------------------------------------------------------------------- the name


def test_the_number_gets_the_persons_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "getuid", lambda: 200001)
    monkeypatch.setattr(account.os, "getgid", lambda: 200002)
    monkeypatch.setenv("USER", "thr--anna-mueller")
    monkeypatch.setenv("HOME", "/home/lab")
    monkeypatch.setenv("SHELL", "/bin/bash")
    account.name_the_user(tmp_path / "labwerk")
    name = "thr--anna-mueller"
    passwd = (tmp_path / "labwerk" / "passwd").read_text()
    assert passwd == f"{name}:x:200001:200002:{name}:/home/lab:/bin/bash\n"
    assert (tmp_path / "labwerk" / "group").read_text() == f"{name}:x:200002:\n"


def test_a_name_cannot_add_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "getuid", lambda: 200001)
    monkeypatch.setenv("USER", "x:x:0:0::/:/bin/sh\nroot2")
    account.name_the_user(tmp_path)
    (line,) = (tmp_path / "passwd").read_text().splitlines()
    assert line.split(":")[2] == "200001"


# ---------------------------------------------------------------------------- the cores


def test_a_limit_is_read_as_either_kind_of_cgroup_tells_it(tmp_path: Path) -> None:
    assert limits.allowed_cores(tmp_path) is None
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert limits.allowed_cores(tmp_path) == 2
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert limits.allowed_cores(tmp_path) == 1


@pytest.mark.parametrize(("quota", "period"), [("-1", "100000"), ("max", "100000")])
def test_no_limit_means_no_number(tmp_path: Path, quota: str, period: str) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota} {period}\n")
    assert limits.allowed_cores(tmp_path) is None


# ------------------------------------------------------------------- drawing without a screen


@pytest.mark.parametrize(
    ("has_gpu", "mujoco", "vtk"),
    [(True, "egl", "vtkEGLRenderWindow"), (False, "osmesa", "vtkOSOpenGLRenderWindow")],
)
def test_pictures_are_drawn_with_the_gpu_where_there_is_one(
    has_gpu: bool, mujoco: str, vtk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MUJOCO_GL", "VTK_DEFAULT_OPENGL_WINDOW"):
        monkeypatch.delenv(name, raising=False)
    graphics.draw_without_a_screen(tmp_path if has_gpu else tmp_path / "gone")
    assert (os.environ["MUJOCO_GL"], os.environ["VTK_DEFAULT_OPENGL_WINDOW"]) == (mujoco, vtk)


def test_how_somebody_wants_to_draw_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    graphics.draw_without_a_screen(tmp_path)
    assert os.environ["MUJOCO_GL"] == "glfw"


# ------------------------------------------------------------------------------ trusting


def test_what_people_run_trusts_what_the_machine_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "certificates.crt"
    bundle.write_text("…")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/home/lab/own.pem")
    certificates.trust_what_the_machine_trusts(bundle)
    assert os.environ["SSL_CERT_FILE"] == str(bundle)
    assert os.environ["REQUESTS_CA_BUNDLE"] == "/home/lab/own.pem"


def test_without_the_file_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    certificates.trust_what_the_machine_trusts(tmp_path / "gone")
    assert "SSL_CERT_FILE" not in os.environ
