"""The settings file: what is wrong in it is told in full, with file, key, value and remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest
from labwerk_hub.errors import SettingsError
from labwerk_hub.settings import load_settings

SHIPPED = Path(__file__).parents[2] / "hub_config" / "labwerk.toml"
Edited = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """The shipped file with some text replaced, beside its datasets."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = SHIPPED.read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new, 1)
        (tmp_path / "datasets").symlink_to(SHIPPED.parent / "datasets")
        file = tmp_path / "labwerk.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def _problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load_settings(path)
    return raised.value.problems


def test_the_shipped_file_is_a_working_demo() -> None:
    settings = load_settings(SHIPPED)
    assert len(settings.institutions) == 3
    assert len(settings.demo.people) == 8
    assert len({gpu.model for gpu in settings.gpus}) == 3
    assert all(gpu.simulated for gpu in settings.gpus)
    assert settings.sign_in.is_demo


def test_a_title_may_be_one_text_for_every_language() -> None:
    firm = load_settings(SHIPPED).institution("keller")
    assert firm.title.in_language("it") == firm.title.in_language("de")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("public_port = 8000", "pubic_port = 8000", "network.pubic_port: there is no such setting"),
        ("gpu_hours = 400", 'gpu_hours = "many"', "institutions[1] “thr”.gpu_hours = 'many': "),
        ('institution = "thr"', 'institution = "thx"', "= 'thx': is not an institution; there are"),
        ('name = "iwe"', 'name = "thr"', "= 'thr': is taken by an earlier entry"),
        ("hub_port = 8081", "hub_port = 8000", "hub_port = 8000: is public_port already"),
        ("3g.40gb@4", "3g.40gb@2", "3g.40gb cannot start at unit 2 (0, 4 are possible)"),
        ('address = "127.0.0.1"', 'address = "10.1.2.3"', "must be 127.0.0.1 while sign_in.issuer"),
        (
            'issuer = "demo"',
            'issuer = "http://sso.example"',
            "an address that begins with https://",
        ),
        (
            'timezone = "Europe/Berlin"',
            'timezone = "Mars"',
            "machine.timezone = 'Mars': must be an",
        ),
        ('name = "medium"', 'name = "small"', "flavours[2] “small”.name = 'small': is taken"),
        ('domains = ["iwe.example"]', 'domains = ["th-rhein.example"]', "belongs to thr already"),
        ("windpark_scada", "windpork_scada", "is no file below"),
        ('name = "keller"', 'name = "Keller & Co"', "institutions[3] “Keller & Co”.name"),
    ],
)
def test_each_fault_names_file_key_value_and_remedy(
    edited: Edited, old: str, new: str, said: str
) -> None:
    file = edited((old, new))
    problems = _problems(file)
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith(f"{file}: ") for problem in problems)


def test_all_faults_are_told_at_once(edited: Edited) -> None:
    problems = _problems(
        edited(
            ("public_port = 8000", "public_port = 0"),
            ("3g.40gb@4", "9g.90gb@4"),
            ('shared_with = ["thr", "iwe"]', 'shared_with = ["nobody"]'),
        )
    )
    assert len(problems) == 3


def test_a_client_secret_that_cannot_be_read_is_refused(edited: Edited) -> None:
    file = edited(
        ('issuer = "demo"', 'issuer = "https://sso.example"'),
        ('client_secret_file = ""', 'client_secret_file = "secret.txt"'),
    )
    assert any("'secret.txt': cannot be read" in problem for problem in _problems(file))


def test_a_missing_or_broken_file_is_one_sentence(tmp_path: Path) -> None:
    assert "there is no such file" in _problems(tmp_path / "none.toml")[0]
    broken = tmp_path / "broken.toml"
    broken.write_text("[machine\n", encoding="utf-8")
    assert "is not valid TOML" in _problems(broken)[0]
