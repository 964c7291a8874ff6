"""`labwerk env`: environments of one's own, made by the real uv and run as real kernels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_session import (
    SITE_PACKAGES,
    Index,
    SmallSession,
    index,
    make_image,
    put_into_image,
    wheel,
)

WHERE = "import sys, {0}; print({0}.version, {0}.__file__.startswith(sys.prefix))"


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Index]:
    """An index with newer versions of what the image has, and things that it has not."""
    with index(tmp_path / "index") as packages:
        packages.offer("turbine", "1.0")
        packages.offer("turbine", "2.0")
        packages.offer("gear", "1.0")
        packages.offer("rotor-lab", "1.0", "turbine>=1", "gear")
        packages.offer("rotor-lab", "2.0", "turbine>=1", "gear")
        packages.offer("modern", "1.0", "turbine>=2")
        packages.offer("plots", "1.0")
        yield packages


def image_in(folder: Path) -> Path:
    """An image that has turbine 1.0, and windpark, which works with no newer one."""
    image = make_image(folder / "image")
    wheels = folder / "wheels"
    show = wheel(wheels, "windpark", "1.0", "turbine<2", "plots; extra=='show'", extras=["show"])
    put_into_image(image, wheel(wheels, "turbine", "1.0"), show)
    return image


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_in(tmp_path_factory.mktemp("image"))


@pytest.fixture
def session(tmp_path: Path, image: Path, packages: Index) -> SmallSession:
    return SmallSession.begin(image, tmp_path / "home", UV_DEFAULT_INDEX=packages.url)


@pytest.fixture
def before_an_update(tmp_path: Path, packages: Index) -> SmallSession:
    """A session of an image of its own, which may be changed."""
    image = image_in(tmp_path)
    return SmallSession.begin(image, tmp_path / "home", UV_DEFAULT_INDEX=packages.url)


def own_packages(session: SmallSession, name: str) -> dict[str, str]:
    (found,) = [one for one in json.loads(session.env("list", "--json")) if one["name"] == name]
    assert found["problem"] is None
    return dict(found["packages"])


# ------------------------------------------------------------------ on the image's packages


def test_an_environment_is_made_without_network_and_sees_the_images_packages(
    session: SmallSession, packages: Index
) -> None:
    said = session.env("create", "rotor")
    assert "choose the kernel “rotor (Python 3.11)”" in said
    assert packages.asked == []
    assert session.in_kernel("rotor", WHERE.format("turbine")) == "1.0 False"
    code = "import sys, labwerk; print(sys.prefix)"
    assert session.in_kernel("rotor", code) == str(session.environment("rotor"))


def test_a_server_finds_the_kernel_however_isolated_it_starts(session: SmallSession) -> None:
    session.env("create", "rotor")
    code = (
        "from jupyter_client.kernelspec import KernelSpecManager as Specs;"
        "print(Specs().get_all_specs()['rotor']['spec']['display_name'])"
    )
    said = session.run("python", "-I", "-c", code)
    assert said == "rotor (Python 3.11)\n"


def test_what_the_image_has_is_not_installed_again(session: SmallSession) -> None:
    session.env("create", "rotor", "rotor-lab")
    assert own_packages(session, "rotor") == {"rotor-lab": "2.0", "gear": "1.0"}
    assert session.in_kernel("rotor", WHERE.format("rotor_lab")) == "2.0 True"
    assert session.in_kernel("rotor", WHERE.format("turbine")) == "1.0 False"


def test_ones_own_packages_win_and_it_is_said_what_they_may_disturb(session: SmallSession) -> None:
    said = session.env("create", "rotor", "turbine==2.0")
    assert "windpark 1.0 of the image was made for turbine<2" in said
    assert session.in_kernel("rotor", WHERE.format("turbine")) == "2.0 True"


def test_what_a_package_needs_newer_than_the_images_becomes_ones_own(
    session: SmallSession,
) -> None:
    session.env("create", "rotor")
    session.env("add", "rotor", "modern")
    assert own_packages(session, "rotor") == {"modern": "1.0", "turbine": "2.0"}


def test_what_fits_in_the_image_is_named_and_left_there(session: SmallSession) -> None:
    said = session.env("create", "rotor", "turbine")
    assert "turbine 1.0 is taken from the image" in said
    assert own_packages(session, "rotor") == {}


def test_an_extra_of_what_the_image_has_brings_what_is_missing(session: SmallSession) -> None:
    session.env("create", "rotor", "windpark[show]")
    assert own_packages(session, "rotor") == {"plots": "1.0"}


def test_a_package_at_a_path_is_installed_though_the_image_has_one_of_its_name(
    session: SmallSession, tmp_path: Path
) -> None:
    path = wheel(tmp_path / "mine", "turbine", "1.5", "gear")
    session.env("create", "rotor", path)
    assert own_packages(session, "rotor") == {"turbine": "1.5", "gear": "1.0"}


def test_what_is_not_meant_for_this_python_is_left_out(session: SmallSession) -> None:
    session.env("create", "rotor", "gear; python_version < '3'")
    assert own_packages(session, "rotor") == {}


def test_an_environment_follows_the_image(before_an_update: SmallSession, tmp_path: Path) -> None:
    session = before_an_update
    session.env("create", "rotor", "rotor-lab")
    put_into_image(session.image, wheel(tmp_path / "later", "turbine", "1.1"))
    assert session.in_kernel("rotor", WHERE.format("turbine")) == "1.1 False"


def test_packages_installed_beside_the_image_do_not_leak_in(session: SmallSession) -> None:
    theirs = session.home / ".local" / SITE_PACKAGES
    theirs.mkdir(parents=True)
    (theirs / "leak.py").write_text("")
    session.env("create", "rotor")
    assert "No module named 'leak'" in session.in_kernel("rotor", "import leak")
    assert session.run("python", "-c", "import leak; print('seen')") == "seen\n"


# ------------------------------------------------------------------------- pip, as ever


@pytest.mark.parametrize("install", ["%pip", "!pip", "!python -m pip"])
def test_pip_in_a_notebook_installs_into_the_environment(
    session: SmallSession, packages: Index, install: str
) -> None:
    session.env("create", "rotor")
    # A person may have told pip to install into the home: not from here.
    code = f"{install} install --index-url {packages.url} rotor-lab"
    session.in_kernel("rotor", code, PIP_USER="1")
    assert own_packages(session, "rotor") == {"rotor-lab": "2.0", "gear": "1.0"}


def test_an_activated_environment_has_its_own_pip_and_programs(
    session: SmallSession, packages: Index
) -> None:
    session.env("create", "rotor", "gear")
    activate = session.environment("rotor") / "bin" / "activate"
    commands = f"source {activate}; pip install -q --index-url {packages.url} plots; gear; plots"
    assert session.run("bash", "-c", commands).split()[-2:] == ["1.0", "1.0"]
    assert own_packages(session, "rotor") == {"gear": "1.0", "plots": "1.0"}


def test_the_command_changes_environments_from_within_their_kernels(
    session: SmallSession,
) -> None:
    session.env("create", "rotor")
    said = session.in_kernel("rotor", "!labwerk env add rotor rotor-lab")
    assert "restart the kernels of “rotor”" in said
    assert own_packages(session, "rotor") == {"rotor-lab": "2.0", "gear": "1.0"}


# ----------------------------------------------------------------------- by itself


def test_a_clean_environment_has_only_what_is_installed_and_what_a_kernel_needs(
    session: SmallSession, packages: Index
) -> None:
    for name in ("ipykernel", "pip"):
        packages.offer(name, "99.0")
    session.env("create", "paper", "--clean", "rotor-lab==1.0")
    assert own_packages(session, "paper") == {
        "gear": "1.0",
        "ipykernel": "99.0",
        "pip": "99.0",
        "rotor-lab": "1.0",
        "turbine": "2.0",
    }
    python = session.environment("paper") / "bin" / "python"
    assert "No module named 'windpark'" in session.run(str(python), "-c", "import windpark", code=1)
    # Its programs run from where it is now, not from where it was made.
    assert session.run(str(python.with_name("gear"))) == "1.0\n"


# --------------------------------------------------------------------------- the list


def test_the_list_shows_each_environment_and_what_was_asked_for(session: SmallSession) -> None:
    assert "no environments yet" in session.env("list")
    session.env("create", "rotor", "rotor-lab")
    session.env("create", "plain")
    head, *rows = session.env("list").splitlines()
    assert head.split("  ")[0] == "Name"
    assert [row.split() for row in rows] == [
        ["plain", "3.11", "the", "image", "–"],
        ["rotor", "3.11", "the", "image", "rotor-lab"],
    ]


def test_an_environment_of_another_python_is_named_with_what_to_do(session: SmallSession) -> None:
    session.env("create", "rotor", "rotor-lab")
    made = session.environment("rotor")
    config = made / "pyvenv.cfg"
    config.write_text(config.read_text().replace("version_info = 3.11", "version_info = 3.9"))
    (made / "lib" / "python3.11").rename(made / "lib" / "python3.9")
    said = session.env("list")
    assert "It is of Python 3.9, which this image does not have (it has 3.11)" in said
    assert "`labwerk env create rotor rotor-lab`" in said
    refused = session.env("add", "rotor", "gear", code=1)
    assert "Nothing can be added to the environment “rotor”. It is of Python 3.9" in refused


def test_an_environment_that_needs_what_this_image_lacks_is_named_with_what_to_do(
    before_an_update: SmallSession,
) -> None:
    session = before_an_update
    session.env("create", "rotor", "rotor-lab")
    shutil.rmtree(session.image / SITE_PACKAGES / "turbine-1.0.dist-info")
    said = session.env("list")
    assert "It needs turbine>=1, which neither it nor this image has" in said
    session.env("add", "rotor", "turbine")
    assert own_packages(session, "rotor")["turbine"] == "2.0"


def test_a_kernel_that_is_gone_comes_back_with_add(session: SmallSession) -> None:
    session.env("create", "rotor")
    (session.kernels / "rotor").unlink()
    assert "`labwerk env add rotor` makes it a kernel again" in session.env("list")
    session.env("add", "rotor")
    assert session.in_kernel("rotor", "print(6 * 7)") == "42"


def test_a_damaged_environment_can_be_removed(session: SmallSession) -> None:
    session.env("create", "rotor")
    (session.environment("rotor") / "pyvenv.cfg").unlink()
    assert "rotor: It is damaged" in session.env("list")
    session.env("remove", "rotor", "--yes")
    assert session.traces("rotor") == []


# ------------------------------------------------------------------------- removing


def test_removal_takes_the_kernel_and_the_files(session: SmallSession) -> None:
    session.env("create", "rotor", "gear")
    session.env("create", "other")
    assert "are removed" in session.env("remove", "rotor", "--yes")
    assert session.traces("rotor") == []
    assert session.in_kernel("other", "print(6 * 7)") == "42"


def test_nothing_is_removed_unless_somebody_says_so(session: SmallSession) -> None:
    session.env("create", "rotor")
    said = session.env("remove", "rotor", code=1)
    assert "`labwerk env remove rotor --yes`" in said
    answer = "echo {} | labwerk env remove rotor"
    session.run("bash", "-c", answer.format("n"), code=1)
    assert session.environment("rotor").is_dir()
    session.run("bash", "-c", answer.format("ja"), LABWERK_LANGUAGE="de")
    assert session.traces("rotor") == []
