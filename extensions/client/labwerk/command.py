"""The command `labwerk` of a session's terminal and notebooks: environments of one's own."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from labwerk.errors import LabwerkError
from labwerk.texts import say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every error of ours becomes its sentence and exit code 1."""
    options, more = _parser().parse_known_args(arguments)
    if more:  # argparse wants all packages in one place, but an option may stand between them
        if not hasattr(options, "packages") or any(text.startswith("-") for text in more):
            options.parser.error("")
        options.packages += more
    try:
        return _run(options)
    except LabwerkError as error:
        print(f"{error.message} ({error.code})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(say("Interrupted."), file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    if getattr(options, "verb", None) is None:
        options.parser.print_help()
        return 2
    if options.verb == "create":
        return _create(options.name, options.packages, clean=options.clean)
    if options.verb == "add":
        return _add(options.name, options.packages)
    if options.verb == "list":
        return _list(as_json=options.json)
    return _remove(options.name, sure=options.yes)


def _create(name: str, packages: Sequence[str], *, clean: bool) -> int:
    from labwerk.envs import kernel, verbs

    environment = verbs.create(name, packages, clean=clean)
    print(
        say(
            "The environment “%(name)s” is ready: in Lab choose the kernel “%(kernel)s”, which the "
            "launcher shows within a minute; in a terminal, `source %(activate)s`.",
            name=name,
            kernel=kernel.display_name(environment),
            activate=_short(environment.path / "bin" / "activate"),
        )
    )
    return 0


def _add(name: str, packages: Sequence[str]) -> int:
    from labwerk.envs import verbs

    verbs.add(name, packages)
    print(
        say(
            "Done: restart the kernels of “%(name)s” that run, so that they see what is new.",
            name=name,
        )
    )
    return 0


def _list(*, as_json: bool) -> int:
    from labwerk.envs import layers, place, verbs

    environments = place.everything()
    problems = {one.name: verbs.problem(one) for one in environments}
    if as_json:
        found = [
            {
                "name": one.name,
                "path": str(one.path),
                "python": ".".join(map(str, one.python)) if one.python else None,
                "clean": layers.image_below(one) is None,
                "packages": {name: pkg.version for name, pkg in sorted(layers.own(one).items())},
                "problem": problems[one.name],
            }
            for one in environments
        ]
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return 0
    if not environments:
        print(say("You have no environments yet; `labwerk env create NAME` makes one."))
        return 0
    rows = [(say("Name"), "Python", say("Stands on"), say("Own packages"))]
    rows += [
        (
            one.name,
            ".".join(map(str, one.python)) if one.python else "?",
            say("itself") if layers.image_below(one) is None else say("the image"),
            ", ".join(layers.chosen(one)) or "–",
        )
        for one in environments
    ]
    _print_table(rows)
    for name, problem in problems.items():
        if problem:
            print(f"\n{name}: {problem}")
    return 0


def _remove(name: str, *, sure: bool) -> int:
    from labwerk.envs import place, verbs
    from labwerk.envs.errors import EnvironmentRefusedError

    place.find(name)
    if not sure:
        question = say("Remove the environment “%(name)s” and all it holds? [y/N]", name=name)
        try:
            answer = input(f"{question} ")
        except EOFError:
            print()
            raise EnvironmentRefusedError.unconfirmed(name) from None
        if answer.strip().lower() not in _yes():
            print(say("Nothing was removed."))
            return 1
    verbs.remove(name)
    print(say("The environment “%(name)s” and its kernel are removed.", name=name))
    return 0


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _yes() -> set[str]:
    """What counts as a yes in any of the four languages."""
    return {"y", "yes", "j", "ja", "s", "sì", "si", "o", "oui"}


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


class _Parser(argparse.ArgumentParser):
    """A parser that speaks the session's language.

    argparse's own words are English; those of its help are replaced here, and what it says of
    a command line that it does not understand becomes one sentence below the usage.
    """

    def __init__(self, *, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self._positionals.title = say("what is named")
        self._optionals.title = say("options")
        self.add_argument("-h", "--help", action="help", help=say("show this help"))
        self.set_defaults(parser=self)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Name the command that there is none of; argparse's own sentence for it is English."""
        if action.choices is None or value in action.choices:
            return
        self.print_usage(sys.stderr)
        sentence = say(
            "There is no command “%(word)s”; there are: %(known)s.",
            word=value,
            known=", ".join(action.choices),
        )
        self.exit(2, f"{sentence}\n")

    def error(self, message: str) -> NoReturn:  # noqa: ARG002  (argparse's, in English)
        self.print_usage(sys.stderr)
        sentence = say(
            "This command line cannot be understood; `%(command)s --help` says how it is written.",
            command=self.prog,
        )
        self.exit(2, f"{sentence}\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help with a heading in the session's language."""

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, prefix or say("usage:") + " ")


def _parser() -> _Parser:
    parser = _Parser(prog="labwerk", description=say("Labwerk in a session's terminal."))
    commands = _choice(parser, "command")
    about = say("environments of your own: kernels that stay in your home")
    env = commands.add_parser("env", help=about, description=_explained())
    verbs = _choice(env, "verb")

    create = verbs.add_parser(
        "create",
        help=say("make an environment and its kernel"),
        description=say(
            "Make an environment and its kernel. It stands on the packages of the image that the\n"
            "session runs, so it is there at once and without network; its own packages come first."
        ),
        epilog=say("Example:") + " labwerk env create rotor pvlib 'xarray>=2025'",
    )
    _name(create)
    _packages(create)
    create.add_argument(
        "--clean",
        action="store_true",
        help=say("let it stand by itself: only what is installed into it, and what a kernel needs"),
    )

    add = verbs.add_parser(
        "add",
        help=say("install packages into an environment"),
        description=say(
            "Install packages into an environment. What the image has and fits is not installed\n"
            "again. In a notebook, `%%pip install` does the same."
        ),
    )
    _name(add)
    _packages(add)

    listed = verbs.add_parser(
        "list",
        help=say("show your environments, and which of them do not fit this image"),
        description=say("Show your environments, and which of them do not fit this image."),
    )
    listed.add_argument("--json", action="store_true", help=say("as JSON, for programs"))

    remove = verbs.add_parser(
        "remove",
        help=say("remove an environment and its kernel"),
        description=say("Remove an environment and its kernel."),
    )
    _name(remove)
    remove.add_argument("--yes", action="store_true", help=say("do not ask"))
    return parser


def _choice(parser: _Parser, dest: str) -> argparse._SubParsersAction[_Parser]:
    return parser.add_subparsers(
        dest=dest, title=say("commands"), metavar=dest.upper(), prog=parser.prog
    )


def _explained() -> str:
    return say(
        "Environments of your own: Python with packages that you choose. They stay in your home\n"
        "(~/.local/share/labwerk/envs) from session to session, and each is a kernel in Lab."
    )


def _name(parser: _Parser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        help=say("what the environment is called: lower-case letters, digits and hyphens"),
    )


def _packages(parser: _Parser) -> None:
    parser.add_argument(
        "packages",
        metavar="PACKAGE",
        nargs="*",
        help=say("what is installed, as with pip: names, versions, paths, addresses"),
    )
