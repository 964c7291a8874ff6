"""Which images are offered is read anew when it changes; how tools reach what pip reaches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from labwerk_hub.adapters.built_images import BuiltImage, BuiltImages, ImagesHere
from labwerk_hub.domain.texts import Localized
from labwerk_hub.machine.environment import tool_environment


def _write(state: Path, *names: str) -> None:
    BuiltImages(
        images=tuple(
            BuiltImage(
                name=name,
                title=Localized.same(name),
                description=Localized.same("…"),
                tag=f"labwerk/{name}:1",
                memory_gib=3,
            )
            for name in names
        )
    ).write(state)


def test_before_the_first_build_there_is_none(tmp_path: Path) -> None:
    assert list(ImagesHere(tmp_path)) == []


def test_an_image_is_there_as_soon_as_it_is_written_down(tmp_path: Path) -> None:
    images = ImagesHere(tmp_path)
    _write(tmp_path, "base")
    assert [image.name for image in images] == ["base"]
    _write(tmp_path, "base", "pytorch")
    assert [image.name for image in images] == ["base", "pytorch"]
    assert images[1].memory_gib == 3


def test_other_tools_get_pips_indexes_and_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://mirror.example/simple\nfind-links = /srv/a /srv/b\n"
        "cert = /etc/ssl/site.pem\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    for name in ("UV_DEFAULT_INDEX", "UV_FIND_LINKS", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PIP_FIND_LINKS", "PIP_CERT", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    told = tool_environment(Path(sys.executable))
    assert told["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert told["UV_FIND_LINKS"] == "/srv/a,/srv/b"
    assert told["REQUESTS_CA_BUNDLE"] == "/etc/ssl/site.pem"


def test_what_is_set_for_a_tool_itself_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example/simple")
    assert "UV_DEFAULT_INDEX" not in tool_environment(Path(sys.executable))
