"""Say what an image holds, as JSON: Python distributions and Debian packages.

Runs in a container of the image's environment, handed to its Python as text.
"""

import json
import subprocess
from importlib.metadata import distributions


def python_packages() -> list[dict[str, str]]:
    """Name, version, licence and one line of description of each distribution."""
    found = {}
    for distribution in distributions(path=["/opt/labwerk/lib/python3.11/site-packages"]):
        about = distribution.metadata
        found[about["Name"].lower()] = {
            "name": about["Name"],
            "version": about["Version"],
            "licence": about["License-Expression"] or _classified(about.get_all("Classifier", [])),
            "about": about["Summary"] or "",
        }
    return [found[name] for name in sorted(found)]


def _classified(classifiers: list[str]) -> str:
    """The licence that the classifiers name; older packages say it there alone."""
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return " AND ".join(sorted(name for name in named if name != "OSI Approved"))


def debian_packages() -> list[dict[str, str]]:
    """Name, version and architecture of each installed package."""
    listed = subprocess.run(
        [
            "dpkg-query",
            "-W",
            "-f",
            "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    return [
        {"name": name, "version": version, "architecture": architecture}
        for name, version, architecture, status in sorted(rows)
        if status == "installed"
    ]


if __name__ == "__main__":
    print(json.dumps({"python": python_packages(), "debian": debian_packages()}))
