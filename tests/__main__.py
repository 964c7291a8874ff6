"""``python3 tests``: everything that says whether Labwerk works, from a fresh clone.

``python3 tests`` runs all parts, ``python3 tests unit docs`` some of them, and what follows
``--`` goes to pytest (``python3 tests integration -- -k race``). ``python3 tests bench NAME
[--json]`` measures. ``python3 tests shell`` opens a shell where the engine parts run.

This file uses the standard library only: the test environment does not exist yet when it
starts. It makes that environment, and, for the parts that need a container engine, an
engine and a network of the tests' own (see support/sandbox.py), runs pytest and cleans up.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))

from support import environment, sandbox  # noqa: E402  (the line above makes it importable)

#: The parts in the order they run: quick answers first. True: needs the engine.
PARTS = {
    "lint": False,
    "unit": False,
    "docs": False,
    "contract": True,
    "images": True,
    "integration": True,
    "browser": True,
}
#: Benchmarks that simulate, and so need no engine.
SIMULATIONS = ("placement", "waiting")


def main(arguments: list[str]) -> int:
    """Run what the command line asks for; the exit code is pytest's or the benchmark's."""
    wanted, passed_on = _split(arguments)
    options = _parser().parse_args(wanted)
    try:
        return _run(options, passed_on)
    except environment.CannotTestError as error:
        print(f"tests: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, passed_on: list[str]) -> int:
    if options.part[:1] == ["bench"]:
        return _bench(options.part[1:], as_json=options.json)
    if options.part == ["shell"]:
        print("pytest is", environment.ensure(with_engine=True), "-m pytest")
        return _in_sandbox([os.environ.get("SHELL", "/bin/bash")])
    parts = options.part or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        _parser().error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)} and bench")
    return _pytest([part for part in PARTS if part in parts], passed_on)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 tests", description="Test Labwerk; without arguments, all of it."
    )
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}, bench NAME or shell")
    parser.add_argument("--json", action="store_true", help="bench: one JSON object, no table")
    return parser


def _pytest(parts: list[str], passed_on: list[str]) -> int:
    python = environment.ensure(with_engine=any(PARTS[part] for part in parts))
    folders = [str(TESTS / part) for part in parts]
    command = [str(python), "-m", "pytest", *folders, *passed_on]
    if not any(PARTS[part] for part in parts):
        return subprocess.run(command, cwd=TESTS.parent, env=environment.variables()).returncode
    return _in_sandbox(command)


def _bench(names: list[str], *, as_json: bool) -> int:
    with_engine = not set(names) <= set(SIMULATIONS)
    python = environment.ensure(with_engine=with_engine, quiet=as_json)
    command = [str(python), str(TESTS / "bench"), *names] + ["--json"] * as_json
    if not with_engine:
        return subprocess.run(command, cwd=TESTS.parent, env=environment.variables()).returncode
    return _in_sandbox(command, quiet=as_json)


def _in_sandbox(command: list[str], *, quiet: bool = False) -> int:
    environment.ensure(with_engine=True, quiet=quiet)
    with sandbox.opened(quiet=quiet) as box:
        code = box.run(command, cwd=TESTS.parent)
    if box.left_behind:
        print(f"tests: this was left running: {', '.join(box.left_behind)}", file=sys.stderr)
    return code or int(bool(box.left_behind))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
