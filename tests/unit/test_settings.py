"""The settings file: what is wrong in it is told in full, with file, key, value and remedy."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from labwerk_hub.errors import SettingsError
from labwerk_hub.settings import load_settings
from support.settings import SHIPPED

Edited = Callable[..., Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """The shipped file with some text replaced, beside its datasets."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = SHIPPED.read_text(encoding="utf-8")
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new, 1)
        with suppress(FileExistsError):
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
        ("3g.20gb@0", "3g.20gb@2", "3g.20gb cannot start at unit 2 (0, 4 are possible)"),
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
        (
            "gpu_hours = 60\nperson_gpu_hours = 20",
            "gpu_hours = 350\nperson_gpu_hours = 20",
            "makes 350 that “iwe” gives on, which has gpu_hours = 200",
        ),
        (
            "person_gpu_hours = 80",
            "person_gpu_hours = 800",
            "must not be more than gpu_hours (200)",
        ),
        ("gpu_hours = 400", f"gpu_hours = {10**12}", "should be less than or equal to 100000000"),
        (
            "last_day = 2027-02-05",
            "last_day = 2026-02-05",
            "must not be before first_day (2026-10-12)",
        ),
    ],
)
def test_each_fault_names_file_key_value_and_remedy(
    edited: Edited, old: str, new: str, said: str
) -> None:
    file = edited((old, new))
    problems = _problems(file)
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith(f"{file}: ") for problem in problems)


REAL = """
[[gpus]]
name = "real-a30"
model = "A30-24GB"
layout = ["2g.12gb@0", "1g.6gb@2", "1g.6gb@3"]
devices = ["MIG-a", "MIG-b", "MIG-c"]

[[gpus]]
name = "sim-a100"
"""
SHARED = """
[[gpus]]
name = "shared-a30"
model = "A30-24GB"
shares = 4
devices = ["GPU-a"]

[[gpus]]
name = "sim-a100"
"""
#: What the shipped flavour `small` asks.
SMALL = '{ "H100-80GB" = "1g.10gb", "A100-40GB" = "1g.5gb" }'
DRIVER = ('source = "declared"', 'source = "nvml"')
LIBRARY = 'nvml_library = ""'
BEFORE = '[[gpus]]\nname = "sim-a100"\n'


@pytest.mark.parametrize(
    ("gpu", "old", "new", "said"),
    [
        (REAL, "real-a30", "sim-h100", "gpus[2] “sim-h100”.name = 'sim-h100': is taken by an"),
        (REAL, '"MIG-b", ', "", "“real-a30” = ['2g.12gb@0', '1g.6gb@2', '1g.6gb@3']: devices must"),
        (REAL, "MIG-b", "MIG-a", "devices must differ; one is named twice"),
        (REAL, "1g.6gb@2", "1g.6gb@1", "layout cannot be placed: 1g.6gb@1 overlaps another slice"),
        (REAL, "layout", "shares = 4\nlayout", "layout and shares exclude each other; keep one"),
        (REAL, "layout", "# layout", "needs a layout, dynamic = true, or shares of 2 or more"),
        (REAL, "layout", "dynamic = true\n#", "dynamic needs simulated = true here: a real GPU"),
        (REAL, "layout", 'mps = "/tmp/mps"\nlayout', "mps serves a real GPU with shares of 2 or"),
        (SHARED, 'devices = ["GPU-a"]', "", "devices must name the one device that all shares use"),
        (SHARED, "shares = 4", "shares = 0", "gpus[2] “shared-a30”.shares = 0: input should be"),
        (SHARED, "shares", 'mps = "mps"\nshares', "“shared-a30”.mps = 'mps': must be a full path"),
        (SHARED, "shares", "simulated = true\nshares", "devices belong to a real GPU; remove them"),
    ],
)
def test_a_gpu_that_cannot_be_so_is_told(
    edited: Edited, gpu: str, old: str, new: str, said: str
) -> None:
    assert old in gpu
    assert load_settings(edited((BEFORE, gpu))).gpus[1].model == "A30-24GB"
    file = edited((BEFORE, gpu.replace(old, new, 1)))
    problems = _problems(file)
    assert any(said in problem for problem in problems), problems


def test_one_device_cannot_stand_in_two_gpus(edited: Edited) -> None:
    again = REAL.replace("real-a30", "other").replace("MIG-a", "MIG-x").replace("MIG-c", "MIG-y")
    two = REAL.partition('[[gpus]]\nname = "sim-a100"')[0] + again
    problems = _problems(edited((BEFORE, two)))
    assert problems[0].endswith(
        "gpus[3] “other”.devices = 'MIG-b': belongs to real-a30 already; "
        "one device stands in one GPU."
    )


def test_a_flavour_that_no_declared_gpu_can_serve_is_told_with_what_there_is(
    edited: Edited,
) -> None:
    file = edited((SMALL, '{ "A30-24GB" = "whole" }'))
    (problem,) = _problems(file)
    assert problem.startswith(f"{file}: flavours[1] “small”.slices = {{'A30-24GB': 'whole'}}: ")
    assert "no GPU of this pool can be cut into whole of A30-24GB; it has 1g.10gb, " in problem


def test_a_dynamic_gpu_serves_every_profile_of_its_model_but_not_the_whole(edited: Edited) -> None:
    assert load_settings(edited((SMALL, '{ "H100-80GB" = "7g.80gb" }'))).flavours
    (problem,) = _problems(edited((SMALL, '{ "H100-80GB" = "whole" }')))
    assert "cannot" not in problem
    assert "can be cut into whole of H100-80GB" in problem


def test_a_shared_gpu_serves_its_shares(edited: Edited) -> None:
    shares = (BEFORE, SHARED)
    assert load_settings(edited(shares, (SMALL, '{ "A30-24GB" = "shared-4" }'))).flavours
    (problem,) = _problems(edited(shares, (SMALL, '{ "A30-24GB" = "shared-3" }')))
    assert "shared-4 of A30-24GB" in problem
    assert "must be shared-2 to" in _problems(edited((SMALL, '{ "A30-24GB" = "shared-1" }')))[0]


def test_what_a_driver_may_know_is_not_judged_from_the_file(edited: Edited) -> None:
    unknown = (SMALL, '{ "NVIDIA L4" = "whole" }')
    assert "is no model of the geometry table" in _problems(edited(unknown))[0]
    assert load_settings(edited(unknown, DRIVER)).flavours


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([('source = "declared"', 'source = "x"')], "pool.source = 'x': input should be"),
        ([("shares = 1", "shares = 100")], "pool.shares = 100: input should be less than"),
        ([('\nmps = ""', '\nmps = "/run/mps"')], "pool.mps = '/run/mps': needs shares of 2 or"),
        ([(LIBRARY, 'nvml_library = "lib.so"')], "= 'lib.so': must be a full path"),
        (
            [DRIVER, (LIBRARY, 'nvml_library = "/none/libnvidia-ml.so.1"')],
            "pool.nvml_library = '/none/libnvidia-ml.so.1': cannot be read; name the file of",
        ),
        ([("weights = {}", 'weights = { "H100-80GB" = 0 }')], "pool.weights.H100-80GB = 0: input"),
    ],
)
def test_a_pool_that_cannot_be_so_is_told(
    edited: Edited, changes: list[tuple[str, str]], said: str
) -> None:
    problems = _problems(edited(*changes))
    assert any(said in problem for problem in problems), problems


NVML = ('source = "declared"', 'source = "nvml"')


@pytest.mark.parametrize(
    ("replacements", "variant"),
    [
        ((), "cpu"),
        ((('variant = "auto"', 'variant = "gpu"'),), "gpu"),
        ((NVML,), "gpu"),
        (
            (('source = "declared"', 'source = "nvml"'), ('variant = "auto"', 'variant = "cpu"')),
            "cpu",
        ),
    ],
)
def test_images_are_built_for_gpus_where_there_are_real_ones(
    edited: Edited, replacements: tuple[tuple[str, str], ...], variant: str
) -> None:
    assert load_settings(edited(*replacements)).image_variant == variant


def test_all_faults_are_told_at_once(edited: Edited) -> None:
    problems = _problems(
        edited(
            ("public_port = 8000", "public_port = 0"),
            ("3g.20gb@0", "9g.90gb@4"),
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
