"""`labwerk env` when something is in the way: one sentence, a code, and nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.small_session import Index, SmallSession, index, make_image

NOWHERE = "http://127.0.0.1:9/simple"


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Index]:
    with index(tmp_path / "index") as packages:
        packages.offer("gear", "1.0")
        packages.offer("rotor-lab", "1.0", "gear>=2")
        yield packages


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("image") / "image")


@pytest.fixture
def session(tmp_path: Path, image: Path, packages: Index) -> SmallSession:
    return SmallSession.begin(image, tmp_path / "home", UV_DEFAULT_INDEX=packages.url)


def one_sentence(said: str, code: str) -> str:
    """The last line, which is to say it all; what uv told before is its progress."""
    *progress, sentence = said.splitlines()
    assert not [line for line in progress if "error" in line.lower() or "Traceback" in line]
    assert sentence.endswith(f" ({code})")
    return sentence


# ---------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["Rotor", "-rotor", "my rotor", "../up", "python3", "r" * 41, ""])
def test_a_name_that_cannot_be_is_refused_with_the_rule(session: SmallSession, name: str) -> None:
    said = session.env("create", "--", name, code=1)
    assert f"“{name}” cannot be an environment's name" in one_sentence(said, "environment")
    assert not session.kernels.exists()


@pytest.mark.parametrize("name", ["r", "2-rotors", "r" * 40])
def test_other_names_are_taken(session: SmallSession, name: str) -> None:
    session.env("create", name)
    assert (session.kernels / name / "kernel.json").is_file()


def test_one_that_exists_is_left_alone_and_it_is_said_what_to_do(session: SmallSession) -> None:
    session.env("create", "rotor", "gear")
    said = one_sentence(session.env("create", "rotor", code=1), "environment")
    assert "`labwerk env add rotor PACKAGE`" in said
    assert "`labwerk env remove rotor`" in said
    assert session.run(str(session.environment("rotor") / "bin" / "gear")) == "1.0\n"


@pytest.mark.parametrize("whose", ["the person's", "the image's"])
def test_a_kernel_of_another_making_keeps_its_name(session: SmallSession, whose: str) -> None:
    kernels = {
        "the person's": session.kernels,
        "the image's": session.image / "share/jupyter/kernels",
    }
    spec = kernels[whose] / whose[4:7] / "kernel.json"
    name = spec.parent.name
    spec.parent.mkdir(parents=True)
    spec.write_text("{}")
    said = session.env("create", name, code=1)
    assert f"There is a kernel “{name}” already" in one_sentence(said, "environment")
    assert spec.read_text() == "{}"
    assert not session.environment(name).exists()


@pytest.mark.parametrize("verb", [["add", "rotar", "gear"], ["remove", "rotar", "--yes"]])
def test_one_that_is_not_there_is_told_the_ones_there_are(
    session: SmallSession, verb: list[str]
) -> None:
    said = one_sentence(session.env(*verb, code=1), "environment")
    assert "There is no environment “rotar”" in said
    assert "`labwerk env create rotar`" in said
    session.env("create", "rotor")
    assert "there are: rotor." in one_sentence(session.env(*verb, code=1), "environment")


# ------------------------------------------------------------------------- packages


def test_a_package_that_there_is_not_is_named_in_uvs_words(session: SmallSession) -> None:
    said = one_sentence(session.env("create", "rotor", "gaer", code=1), "install")
    assert "uv: “Because gaer was not found in the package registry" in said
    assert session.traces("rotor") == []


def test_packages_that_cannot_be_together_are_explained(session: SmallSession) -> None:
    session.env("create", "rotor")
    said = one_sentence(session.env("add", "rotor", "rotor-lab", code=1), "install")
    assert "uv: “Because only gear==1.0 is available" in said


def test_a_request_that_is_none_is_quoted(session: SmallSession) -> None:
    said = one_sentence(session.env("create", "rotor", "gear=!1", code=1), "install")
    assert "gear=!1" in said
    assert session.traces("rotor") == []


def test_a_request_is_never_an_option(session: SmallSession) -> None:
    said = session.env("create", "rotor", "--", "--index-url=http://127.0.0.1:9", code=1)
    assert "--index-url" in one_sentence(said, "install")
    assert session.traces("rotor") == []


@pytest.mark.parametrize("clean", [[], ["--clean"]])
def test_without_network_one_sentence_says_so(session: SmallSession, clean: list[str]) -> None:
    said = session.env("create", "rotor", "gear", *clean, code=1, UV_DEFAULT_INDEX=NOWHERE)
    sentence = one_sentence(said, "install")
    assert "The index of packages does not answer (uv: “http://127.0.0.1:9/simple/" in sentence
    assert "Connection refused" in sentence
    assert session.traces("rotor") == []


def test_what_pips_settings_name_counts_where_uvs_name_nothing(
    session: SmallSession, packages: Index
) -> None:
    nothing = {"UV_DEFAULT_INDEX": ""}
    session.env("create", "one", "gear", PIP_INDEX_URL=packages.url, **nothing)
    file = session.home / "pip.conf"
    file.write_text(f"[global]\nindex-url = {packages.url}\n[install]\nno-index = false\n")
    session.env("create", "two", "gear", PIP_CONFIG_FILE=str(file), **nothing)
    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages.folder / "gear")}
    session.env("create", "three", "gear", **links, **nothing)
    settings = session.home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[[index]]\nurl = "{packages.url}"\ndefault = true\n')
    session.env("create", "four", "gear", PIP_INDEX_URL=NOWHERE, **nothing)
    for name in ("one", "two", "three", "four"):
        assert session.run(str(session.environment(name) / "bin" / "gear")) == "1.0\n"


def test_an_addition_of_nothing_is_refused_and_shown_how_it_is_written(
    session: SmallSession,
) -> None:
    session.env("create", "rotor")
    said = one_sentence(session.env("add", "rotor", code=1), "environment")
    assert "Name the packages to install, such as `labwerk env add rotor pvlib`." in said


# ---------------------------------------------------------------------- interruptions


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupted_nothing_is_left_of_it(
    session: SmallSession, packages: Index, how: signal.Signals
) -> None:
    packages.never_answered.add("slow")
    process = session.start("labwerk", "env", "create", "rotor", "slow")
    assert packages.waited_for.wait(60)
    os.killpg(process.pid, how)
    said, _ = process.communicate(timeout=60)
    if how == signal.SIGKILL:  # nobody can clean up after that but the next command
        session.env("create", "other")
    else:
        assert said.splitlines()[-1] == "Interrupted."
        assert process.returncode == 130
    assert session.traces("rotor") == []
    assert session.traces("draft") == []


def test_of_two_commands_the_second_waits_and_says_so(
    session: SmallSession, packages: Index
) -> None:
    packages.never_answered.add("slow")
    first = session.start("labwerk", "env", "create", "rotor", "slow")
    assert packages.waited_for.wait(60)
    second = session.start("labwerk", "env", "create", "other")
    assert second.stdout is not None
    assert "Another `labwerk env` is at work" in second.stdout.readline()
    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert second.returncode == 0
    assert session.in_kernel("other", "print(6 * 7)") == "42"


@pytest.mark.parametrize("room", ["16k", "200k"])
def test_a_full_home_is_said_in_one_sentence(
    session: SmallSession, packages: Index, room: str
) -> None:
    """A file system of that size is mounted as the home, where nobody else sees it."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody have file systems of their own")
    packages.offer("large", "1.0", padding=1 << 20)
    script = (
        f"mount -t tmpfs -o size={room} tmpfs {session.home} && labwerk env create rotor large;"
        f" code=$?; ls {session.environment('')}; exit $code"
    )
    said = session.run(*alone, "sh", "-c", script, code=1)
    assert "Your home has too little room" in one_sentence(said, "disk-full")


# ----------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("language", "usage", "sentence"),
    [
        ("en", "usage:", "There is no environment “rotor”"),
        ("de", "Aufruf:", "Es gibt keine Python-Umgebung „rotor“"),
        ("it", "uso:", "Non esiste l'ambiente Python «rotor»"),
        ("fr", "utilisation :", "Il n'y a pas d'environnement Python « rotor »"),
    ],
)
def test_it_speaks_the_sessions_language(
    session: SmallSession, language: str, usage: str, sentence: str
) -> None:
    shown = session.env("create", "--help", LABWERK_LANGUAGE=language)
    assert shown.startswith(f"{usage} labwerk env create")
    if language != "en":
        assert "show this help" not in shown
    assert sentence in session.env("add", "rotor", code=1, LABWERK_LANGUAGE=language)


@pytest.mark.parametrize("line", [["create"], ["list", "--all"]])
def test_a_command_line_that_makes_no_sense_is_shown_how_it_is_written(
    session: SmallSession, line: list[str]
) -> None:
    said = session.env(*line, code=2)
    assert said.startswith("usage: labwerk env")
    assert "cannot be understood; `labwerk env" in said


@pytest.mark.parametrize(
    ("line", "language", "sentence"),
    [
        (["evn"], "en", "There is no command “evn”; there are: env."),
        (["env", "ad"], "en", "There is no command “ad”; there are: create, add, list, remove."),
        (["env", "ad"], "de", "Den Befehl „ad“ gibt es nicht; es gibt: create, add, list, remove."),
        (["env", "ad"], "it", "Il comando «ad» non esiste; ci sono: create, add, list, remove."),
        (
            ["env", "ad"],
            "fr",
            "La commande « ad » n'existe pas ; il y a : create, add, list, remove.",
        ),
    ],
)
def test_a_command_that_there_is_not_is_named_with_those_there_are(
    session: SmallSession, line: list[str], language: str, sentence: str
) -> None:
    said = session.run("labwerk", *line, "rotor", code=2, LABWERK_LANGUAGE=language)
    assert said.splitlines()[-1] == sentence


@pytest.mark.parametrize(
    ("language", "what"),
    [
        ("de", "der Umgebung der Sitzung"),
        ("it", "l'ambiente della sessione"),
        ("fr", "l'environnement de la session"),
    ],
)
def test_the_list_says_that_the_sessions_image_is_stood_on(
    session: SmallSession, language: str, what: str
) -> None:
    session.env("create", "rotor")
    assert f"  {what}  " in session.env("list", LABWERK_LANGUAGE=language)
