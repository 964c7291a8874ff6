"""axe-core, which judges pages by the Web Content Accessibility Guidelines, from npm as locked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from support.environment import REPOSITORY, cache, variables
from support.node import node_folder

_LOCKED = REPOSITORY / "tests" / "data" / "axe"
#: Levels A and AA of WCAG 2.0, 2.1 and 2.2.
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_RUN = """async (rules) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: rules}});
  return {passed: found.passes.length, violations: found.violations};
}"""


@dataclass(frozen=True)
class Judged:
    """How many rules a page keeps, and a line for each that it breaks."""

    passed: int
    broken: tuple[str, ...]


def axe_script() -> str:
    """The script that a page is given; its package is installed if it is not there yet."""
    lock = (_LOCKED / "package-lock.json").read_bytes()
    folder = cache() / f"axe-{hashlib.sha256(lock).hexdigest()[:12]}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    complete = folder / ".complete"
    if not complete.exists():  # a run that was killed may have left a part of it
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_LOCKED / name, folder)
        environment = variables()
        environment["PATH"] = f"{node_folder()}:{environment['PATH']}"
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
        )
        complete.touch()
    return Path(script).read_text(encoding="utf-8")


def judge(page: Page, script: str) -> Judged:
    """What axe says of the page as it is shown now."""
    page.evaluate(script)
    found: dict[str, Any] = page.evaluate(_RUN, list(_RULES))
    return Judged(
        passed=found["passed"],
        broken=tuple(
            f"{one['id']} ({one['impact']}): {node['html'][:200]}"
            for one in found["violations"]
            for node in one["nodes"]
        ),
    )
