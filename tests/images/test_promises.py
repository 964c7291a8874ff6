"""Each image keeps its promises: the functions of its promises.py run inside it, and say nothing.

What a person would see in a notebook as a warning fails them, too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from images.running import Server, run_from_kernel
from support.environment import REPOSITORY
from support.images import ENTRIES


def promises() -> Iterator[tuple[str, Path, str]]:
    for entry in ENTRIES:
        file = REPOSITORY / "images" / entry.folder / entry.tests
        for part in ast.parse(file.read_text()).body:
            if isinstance(part, ast.FunctionDef) and part.name.startswith("test_"):
                yield entry.name, file, part.name


PROMISES = tuple(promises())
#: What libraries say where there is no GPU, whatever they are told: it is so.
HONEST = {
    (
        "Warp CUDA warning: Could not find or load the NVIDIA CUDA driver. "
        "GPU execution will not be available."
    ),
}


@pytest.mark.parametrize(
    ("name", "file", "promise"), PROMISES, ids=[f"{n}: {p[5:]}" for n, _, p in PROMISES]
)
def test_it_keeps_the_promise(
    server_of: Callable[[str], Server], name: str, file: Path, promise: str
) -> None:
    server = server_of(name)
    script = server.home / "promise.py"
    script.write_text(f"{file.read_text()}\n\nif __name__ == '__main__':\n    {promise}()\n")
    script.chmod(0o644)
    # Warnings go to standard error; what a library tells beside is no warning.
    command = ("bash", "-c", "python promise.py > /dev/null")
    said = run_from_kernel(server, *command).splitlines()
    assert [line for line in said if line.strip() and line not in HONEST] == []
