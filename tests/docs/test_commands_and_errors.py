"""Every command, option and error code is explained in README.md."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

import click
import labwerk_hub
import pytest
from labwerk_hub import cli
from labwerk_hub.errors import LabwerkError
from labwerk_hub.machine import begin
from support.environment import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def commands(
    group: click.Group = cli.labwerk, prefix: str = ""
) -> Iterator[tuple[str, click.Command]]:
    """Everything that can be run, with its whole name: groups that do nothing are left out."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield prefix + name, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


def error_types() -> set[type[LabwerkError]]:
    for module in pkgutil.walk_packages(labwerk_hub.__path__, "labwerk_hub."):
        if ".migrations" not in module.name:  # Alembic runs those itself
            importlib.import_module(module.name)

    def below(kind: type[LabwerkError]) -> Iterator[type[LabwerkError]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from below(sub)

    return set(below(LabwerkError))


def test_every_command_and_option_is_in_the_readme() -> None:
    for name, command in commands():
        # After the name: its end, an option or an argument, but no further command.
        rest = r"(?=`| [\[A-Z-]).*$"
        (line,) = re.findall(rf"(?m)^\| `python3 hub_config {name}{rest}", README) or [""]
        assert line, f"README.md does not explain `python3 hub_config {name}`"
        for option in command.params:
            long = max(option.opts, key=len)
            if not long.startswith("--") or long in {"--help", "--settings"}:
                continue
            assert long in line, f"README.md does not explain {long} of {name}"


def test_help_calls_a_command_as_the_readme_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["hub_config", "budgets", "show", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().out.startswith("Usage: python3 hub_config budgets show ")


def test_every_command_can_be_run_from_a_checkout() -> None:
    """`python3 hub_config` knows them before anything is installed."""
    shown = {name for name, command in cli.labwerk.commands.items() if not command.hidden}
    assert set(begin.COMMANDS) == shown


def test_settings_can_be_named_for_every_command() -> None:
    assert "--settings FILE" in README
    for name, command in commands():
        options = {opt for parameter in command.params for opt in parameter.opts}
        assert "--settings" in options, name


@pytest.mark.parametrize("code", sorted({kind.code for kind in error_types()}))
def test_every_error_code_is_in_the_readmes_table(code: str) -> None:
    assert re.search(rf"(?m)^\| `{code}` \| .+ \|", README), f"README.md does not explain {code}"


def test_no_two_errors_share_a_code() -> None:
    # A private kind is its public parent's case, told apart within one module only.
    public = (kind for kind in error_types() if not kind.__name__.startswith("_"))
    counted = Counter(kind.code for kind in public)
    assert [code for code, count in counted.items() if count > 1] == []


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    assert [kind.__name__ for kind in error_types() if not kind.__doc__] == []
