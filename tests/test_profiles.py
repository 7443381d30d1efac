"""The names of runs: those of the committed records stay, and unlike settings do not share one."""

import dataclasses
import importlib
import tomllib
from pathlib import Path

import pytest

from gancourse import profiles, records
from gancourse.errors import GancourseError, UnknownName


def recorded():
    """The records whose names were made by ``run_name``, by name."""
    start = ("none", "steel-", "deluxe", "lambda10", "lambda0")
    return [name for name in records.names() if name.split("/")[1].startswith(start)]


def test_the_recorded_runs_keep_their_names():
    names = recorded()
    assert len(names) >= 30
    for name in names:
        run = records.load(name)
        settings = profiles.of_model(run.model, run["settings"])
        assert profiles.run_name(settings) == name.split("/")[1]


@pytest.mark.parametrize(
    "experiment, changes, name",
    [
        ("grumpy-cats", {}, "lambda10-seed0"),
        ("grumpy-cats", {"lambda_cycle": 0}, "lambda0-seed0"),
        ("grumpy-cats", {"direction": "forward", "seed": 3}, "lambda10-forward-seed3"),
        ("grumpy-cats", {"adversarial": False, "disc": "dc"}, "lambda10-cycle-alone-dc-seed0"),
        ("grumpy-cats", {"cycle": "l1"}, "lambda10-cycle-l1-seed0"),
        ("grumpy-cats", {"pool": 50}, "lambda10-pool-50-seed0"),
        ("horse2zebra", {"start": "identity"}, "lambda10-idt0.5-start-identity-seed0"),
        ("horse2zebra", {"loss": "bce", "r1": 0.5}, "lambda10-idt0.5-loss-bce-r1-0.5-seed0"),
        ("cats", {"augment": "deluxe"}, "deluxe-seed0"),
        ("cats", {"spectral": True, "loss": "bce"}, "none-spectral-loss-bce-seed0"),
        ("neu-scratches", {"spectral": False}, "none-no-spectral-seed0"),
    ],
)
def test_a_name_says_what_differs_from_the_recipe(experiment, changes, name):
    """At any size: ``smoke`` and ``cpu`` are the same recipe."""
    for profile in ("smoke", "cpu"):
        assert profiles.run_name(profiles.settings(experiment, profile, **changes)) == name


def test_unknown_data_are_compared_with_the_defaults():
    settings = profiles.CycleGANSettings(data="apples", cycle="l2")
    assert profiles.run_name(settings) == "lambda10-idt0.5-cycle-l2-seed0"


def test_every_table_is_package_data_and_builds_its_settings():
    root = Path(profiles.__file__).parent
    packaged = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = packaged["tool"]["setuptools"]["package-data"]["gancourse"]
    shipped = {file for pattern in patterns for file in root.glob(pattern)}
    assert shipped == set(root.rglob("*.toml"))
    files = sorted(root.glob("settings/*"))
    assert {file.stem for file in files} == set(profiles.MODELS)
    for file in files:
        for experiment, rows in tomllib.loads(file.read_text(encoding="utf-8")).items():
            for profile in rows:
                if experiment != "recipes" and profile != "base":
                    made = profiles.settings(experiment, profile)
                    assert type(made) is profiles.MODELS[file.stem]


def test_base_recipe_and_row_follow_each_other():
    """``base`` < the recipe of ``like`` < the row itself, as grumpy-cats has all three."""
    laptop, live = (profiles.settings("grumpy-cats", name) for name in ("laptop", "live"))
    assert (laptop.data, laptop.cycle, laptop.lr, laptop.steps) == ("grumpifycat", "l1", 4e-4, 1900)
    assert (live.cycle, live.lr, live.steps, live.pool) == ("l1", 1e-3, 450, 50)


def test_an_empty_name_is_no_folder():
    with pytest.raises(
        GancourseError, match="every folder named, not folder_a='cats', folder_b=''"
    ):
        profiles.own("cyclegan", ["cats", ""])


NOT_NUMBERS = [None, "x", "", [], {}, "nan", "inf", "-inf", "1e999", float("nan"), float("inf")]
NOT_NUMBERS += [-float("inf"), -1, -1e-3, "-5", 1e12, 10**30, "0x10", (1,), object()]
WORDS = [None, 5, [], "", "x", "nix", "lsgann", "\x00", "ä", "A" * 300, " ", "bce;", "../.."]
SMALLEST = {
    "dcgan": "neu-scratches",
    "cyclegan": "grumpy-cats",
    "pix2pix": "facades-paired",
    "wgan": "neu-wgan",
}
FREE = ("data", "part", "folder", "folder_a", "folder_b", "features")  # known where they are used


@pytest.mark.parametrize("model", profiles.MODELS)
def test_every_field_refuses_what_nothing_can_be_trained_with(model):
    """Before anything is loaded: 20 bad values of each number, 13 of each word."""
    module = importlib.import_module(f"gancourse.train.{model}")
    seen = 0
    for field in dataclasses.fields(profiles.MODELS[model]):
        if field.name in FREE or isinstance(field.default, bool):
            continue
        word = isinstance(field.default, str)
        for bad in WORDS if word else NOT_NUMBERS:
            if field.name == "diffaugment" and bad == "":
                continue  # none
            with pytest.raises(GancourseError):
                made = profiles.settings(SMALLEST[model], "smoke", **{field.name: bad})
                module.check_settings(made)
                print(field.name, repr(bad))
            seen += 1
        if not word:
            assert field.name in profiles.RANGES
    assert seen > 250


def test_a_whole_number_is_one_and_a_class_is_checked_without_a_table():
    with pytest.raises(GancourseError, match="epochs takes a value of type int: 1.5"):
        profiles.settings("cats", "smoke", epochs=1.5)
    assert profiles.settings("cats", "smoke", epochs=2.0).epochs == 2
    with pytest.raises(GancourseError, match=r"ema must lie in \[0, 0.99999\], not 2"):
        profiles.CycleGANSettings(ema=2)
    with pytest.raises(GancourseError, match="seed must lie in"):
        profiles.DCGANSettings(seed=2**40)


@pytest.mark.parametrize("name", ["experiment", "profile", "settings", "self"])
def test_a_setting_that_is_called_as_an_argument_is_an_unknown_one(name):
    """``gancourse train neu-scratches --set profile=full``."""
    with pytest.raises(UnknownName, match=f"Unknown setting '{name}'"):
        profiles.settings("neu-scratches", "smoke", **{name: "full"})
    with pytest.raises(UnknownName, match="Unknown setting 'model'"):
        profiles.own("dcgan", ["mine"], model="wgan")


def test_only_a_setting_that_may_be_none_is():
    assert profiles.settings("neu-scratches", "smoke", part=None).part is None
    with pytest.raises(GancourseError, match="part takes a value of type str: 5"):
        profiles.settings("cats", "smoke", part=5)
