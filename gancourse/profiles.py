"""Every setting of every model, each constant with its reason and its source.

What an experiment changes of them is in ``settings/<model>.toml``, one table a profile. A profile
says how much of an experiment runs: ``smoke`` for tests (seconds), ``quick`` for any machine (about
a minute), ``full`` for a GPU and some hours (the papers' settings).
"""

from __future__ import annotations

import dataclasses
import functools
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gancourse.errors import GancourseError, unknown

PROFILES = ("smoke", "quick", "full")
DEFAULT = "quick"  # on every device: full takes hours on a GPU, too, so it has to be asked for


RANGES = {  # of every number: [smallest, largest], beyond which nothing sensible is trained
    "size": (4, 2048),
    "load_size": (4, 4096),
    "channels": (1, 3),
    "z_dim": (1, 4096),
    "width": (1, 1024),
    "width_g": (1, 1024),
    "width_d": (1, 1024),
    "blocks": (0, 64),
    "patch_layers": (1, 8),
    "critic_steps": (1, 100),
    "batch_size": (1, 4096),
    "epochs": (1, 10**7),
    "constant_epochs": (0, 10**7),
    "steps": (0, 10**9),
    "pool": (0, 10**5),
    "seed": (0, 2**32 - 1),
    "lr": (0, 1),  # 0: a network that stands still
    "lr_g": (0, 1),
    "lr_d": (0, 1),
    "disc_rate": (0, 100),
    "beta1": (0, 0.9999),
    "beta2": (0, 0.99999),
    "ema": (0, 0.99999),
    "dropout": (0, 0.99),
    "identity_share": (1e-6, 1),
    "lambda_cycle": (0, 1e6),
    "lambda_identity": (0, 1e6),
    "lambda_l1": (0, 1e6),
    "lambda_penalty": (0, 1e6),
    "r1": (0, 1e6),
    "clip": (0, 1e6),
}


class Settings:
    """What the settings of all models share: numbers are checked as soon as they are made."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if field.name in RANGES:
                (low, high), value = RANGES[field.name], getattr(self, field.name)
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if not number or not low <= value <= high:
                    raise GancourseError(
                        f"{field.name} must lie in [{low:g}, {high:g}], not {value!r}."
                    )


@dataclass(frozen=True)
class DCGANSettings(Settings):
    """Settings of one DCGAN run. The defaults are Melchior's steel experiment as published."""

    model: ClassVar[str] = "dcgan"
    # said in a run's name where it differs from the experiment's recipe
    named: ClassVar[tuple[str, ...]] = ("z", "norm", "upsample", "spectral", "loss")

    data: str = "NEU-DET"
    part: str | None = "scratches"
    folder: str = ""  # of your own pictures, instead of ``data``, which is then their name
    size: int = 128  # pixels; the published images, resized from 200
    channels: int = 3  # the files store grey as RGB, and the published networks keep the three
    z_dim: int = 100  # Radford 2016
    z: str = "normal"  # CMU draws z from uniform(-1, 1) instead
    width_g: int = 64  # "generator_depth"
    width_d: int = 128  # "discriminator_depth": D twice as wide as G
    norm: str = "batch"
    upsample: str = "transpose"
    spectral: bool = True  # on D's five blocks
    loss: str = "bce"
    lr_g: float = 1e-4
    lr_d: float = 4e-4  # D learns four times as fast as G: two time scales, Heusel 2017
    beta1: float = 0.5  # Radford 2016: 0.9 oscillates
    beta2: float = 0.999
    batch_size: int = 12
    epochs: int = 128
    augment: str = "none"  # a classical policy of gancourse.augment, on the reals
    diffaugment: str = ""  # Zhao 2020, e.g. "color,translation,cutout": on reals and fakes
    ema: float = 0.999  # average of G's weights, for looking only: it never enters the training
    features: str = "inception-768"  # what a record is measured with, see evaluation.features
    seed: int = 0

    @property
    def widths(self) -> tuple[int, int]:
        """Of G and of D, as a caption says them."""
        return self.width_g, self.width_d

    def studied(self) -> list[str]:
        """What a run's name says in any case."""
        return [f"{self.augment}+diffaugment" if self.diffaugment else self.augment]


@dataclass(frozen=True)
class CycleGANSettings(Settings):
    """Settings of one CycleGAN run. The defaults are the reference recipe at 256 px."""

    model: ClassVar[str] = "cyclegan"
    named: ClassVar[tuple[str, ...]] = (
        "start",
        "loss",
        "cycle",
        "pool",
        "clip",
        "r1",
    )

    data: str = "horse2zebra"
    folder_a: str = ""  # of your own pictures, with folder_b, instead of ``data``
    folder_b: str = ""
    size: int = 256
    load_size: int = 286  # enlarged by 11.7 %, so that the random crop has something to choose
    channels: int = 3
    upside_down: bool = False  # training pictures, half of the time: steel has no up or down
    width: int = 64  # of G's first stage; the residual blocks have four times as many
    blocks: int = 9  # 6 at 128 px (paper, section 7.2), 3 at 64 px (CMU)
    start: str = "paper"  # "identity": G begins as x → 0.98·x (chapter 05)
    upsample: str = "transpose"  # "nearest": enlarge, then convolve; draws no grid
    padding: str = "reflect"  # of G's size-keeping convolutions; "zero" is faster
    disc: str = "patch"  # or "dc", the CMU course's: one logit for the whole image
    width_d: int = 64
    patch_layers: int = 3  # 70×70 pixels a logit
    loss: str = "lsgan"
    adversarial: bool = True  # off: the paper's "cycle alone"
    cycle: str = "l1"  # "l2" in the CMU course
    direction: str = "both"  # which cycles count: forward is A→B→A, backward B→A→B
    lambda_cycle: float = 10.0  # λ
    lambda_identity: float = 0.5  # a fraction of λ: 5 in all
    identity_share: float = 1.0  # the identity term sees this share of a batch
    pool: int = 50  # earlier fakes that D is shown; 0 for none
    clip: float = 0.0  # bound of D's weights, for the Wasserstein loss only (0.01 there)
    r1: float = 0.0  # γ of R1 (Mescheder 2018) on D, taken every fourth step
    diffaugment: str = ""  # in front of D, as in DCGANSettings
    lr: float = 2e-4
    disc_rate: float = 1.0  # D's learning rate as a multiple of lr
    beta1: float = 0.5
    beta2: float = 0.999
    batch_size: int = 1  # instance norm needs no batch
    epochs: int = 200
    constant_epochs: int = 100  # then the learning rate falls linearly to 0
    steps: int = 0  # length in steps instead of epochs: half at constant rate, then to 0.02 of it
    ema: float = 0.0  # average of both G's weights, for looking only; 0: none, as in the paper
    features: str = "inception-768"  # what a record is measured with, see evaluation.features
    seed: int = 0

    @property
    def widths(self) -> tuple[int, int]:
        """Of G and of D, as a caption says them."""
        return self.width, self.width_d

    def studied(self) -> list[str]:
        """What a run's name says in any case."""
        words = ["lambda0" if self.direction == "none" else f"lambda{self.lambda_cycle:g}"]
        if self.lambda_identity > 0:
            words.append(f"idt{self.lambda_identity:g}")
        if self.direction in ("forward", "backward"):
            words.append(self.direction)
        if not self.adversarial:
            words.append("cycle-alone")
        if self.disc != "patch":
            words.append(self.disc)
        if self.diffaugment:
            words.append("diffaugment")
        return words


@dataclass(frozen=True)
class Pix2PixSettings(Settings):
    """Settings of one pix2pix run. The defaults are the paper's at 256 px."""

    model: ClassVar[str] = "pix2pix"
    named: ClassVar[tuple[str, ...]] = ("dropout", "loss")

    data: str = "facades"
    folder_a: str = ""  # of your own pictures, with folder_b, instead of ``data``
    folder_b: str = ""
    size: int = 256  # a power of two: G halves down to one pixel
    load_size: int = 286  # the paper's jitter: enlarged, then a random crop
    channels: int = 3
    width: int = 64  # of G's first and last stage; up to eight times as many inside
    dropout: float = 0.5  # in G's three innermost decoder blocks: the only noise
    width_d: int = 64
    patch_layers: int = 3  # 70×70 pixels a logit
    loss: str = "bce"
    lambda_l1: float = 100.0  # λ (equation 4, section 4.1)
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    batch_size: int = 1
    epochs: int = 200  # facades, at a constant learning rate
    ema: float = 0.0  # average of G's weights, for looking only; 0: none, as in the paper
    features: str = "inception-768"  # what a record is measured with, see evaluation.features
    seed: int = 0

    @property
    def widths(self) -> tuple[int, int]:
        """Of G and of D, as a caption says them."""
        return self.width, self.width_d

    def studied(self) -> list[str]:
        """What a run's name says in any case."""
        return [f"l1-{self.lambda_l1:g}"]


@dataclass(frozen=True)
class WGANSettings(Settings):
    """Settings of one WGAN run. The defaults are Gulrajani 2017, algorithm 1, on the steel."""

    model: ClassVar[str] = "wgan"
    named: ClassVar[tuple[str, ...]] = ("z", "norm", "upsample")

    data: str = "NEU-DET"  # this and the networks as in DCGANSettings
    folder: str = ""
    part: str | None = "scratches"
    size: int = 128
    channels: int = 3
    z_dim: int = 100
    z: str = "normal"
    width_g: int = 64
    width_d: int = 128
    norm: str = "batch"  # of G only; the critic has none (section 4)
    upsample: str = "transpose"
    critic_steps: int = 5  # updates of the critic for one of G: n_critic
    lambda_penalty: float = 10.0  # λ
    lr: float = 1e-4  # of both
    beta1: float = 0.0  # no momentum: the critic's loss moves with G
    beta2: float = 0.9
    batch_size: int = 60  # pictures a step; each update of the critic gets its share of them, 12
    steps: int = 2304  # updates of G, as many as the DCGAN's 128 epochs of 18 have
    augment: str = "none"  # on the reals, as in DCGANSettings
    diffaugment: str = ""
    ema: float = 0.999
    features: str = "inception-768"  # what a record is measured with, see evaluation.features
    seed: int = 0

    def studied(self) -> list[str]:
        """What a run's name says in any case."""
        words = [f"{self.augment}+diffaugment" if self.diffaugment else self.augment]
        return [*words, f"critic{self.critic_steps}", f"penalty{self.lambda_penalty:g}"]

    @property
    def widths(self) -> tuple[int, int]:
        """Of G and of D, as a caption says them."""
        return self.width_g, self.width_d


# The experiments of a model lie in settings/<model>.toml.
MODELS = {
    kind.model: kind for kind in (DCGANSettings, CycleGANSettings, Pix2PixSettings, WGANSettings)
}
FOLDERS = ("folder", "folder_a", "folder_b")  # settings that name a reader's own


@functools.cache
def _tables(model: str) -> dict[str, dict[str, dict]]:
    """Experiment → profile → what differs from the defaults of ``model``."""
    file = Path(__file__).with_name("settings") / f"{model}.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    recipes = tables.pop("recipes", {})
    for rows in tables.values():
        base = rows.pop("base", {})
        for profile, row in rows.items():
            recipe = recipes[row.pop("like")] if "like" in row else {}
            rows[profile] = base | recipe | row
    return tables


def experiments() -> list[str]:
    """Names of the experiments that ``settings`` knows."""
    return sorted(name for model in MODELS for name in _tables(model))


def of_model(model: str, values: dict):
    """The settings of a run of ``model``, as its record holds them.

    Raises ``UnknownName`` for a model or a setting that does not exist.
    """
    if model not in MODELS:
        raise unknown("model", model, MODELS)
    return replace(MODELS[model](), **values)


def resolve(profile: str | None = None) -> str:
    """The profile to use: the one named, else ``$GANCOURSE_PROFILE``, else ``DEFAULT``."""
    profile = profile or os.environ.get("GANCOURSE_PROFILE") or DEFAULT
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    return profile


def settings(experiment: str, profile: str | None = None, /, **overrides):
    """Settings of ``experiment`` at ``profile``, with ``overrides`` by field name.

    Of the model's class, such as ``DCGANSettings``. ``profile`` may also be another of the
    experiment's, such as ``"cpu"``: the papers' recipe, smaller, ``"laptop"``: one that works
    there, or ``"live"``: in a minute. Raises ``UnknownName`` for an unknown experiment, profile or
    setting, and ``GancourseError`` for a value of another type than the setting's.
    """
    if experiment not in experiments():
        raise unknown("experiment", experiment, experiments())
    model = next(model for model in MODELS if experiment in _tables(model))
    rows = _tables(model)[experiment]
    row = rows[profile if profile in rows else resolve(profile)]
    return replace(MODELS[model](), **(row | overrides))


# Model → the settings that name folders of one's own, and the recipe taken for them.
OWN = {
    "cyclegan": (("folder_a", "folder_b"), "grumpy-cats", "laptop"),
    "dcgan": (("folder",), "neu-scratches", "laptop"),
    "pix2pix": (("folder_a", "folder_b"), "facades-paired", "cpu"),
    "wgan": (("folder",), "neu-wgan", "hour"),
}


def own(model: str, folders: list, profile: str | None = None, /, **overrides):
    """Settings of ``model`` for folders of your own: ``[data]``, or ``[a, b]`` of a translator.

    They are those of ``OWN``'s experiment, by default at the profile there. Another ``size``
    brings its ``load_size`` and the depth of a patch discriminator with it. Raises ``UnknownName``
    as ``settings`` does, ``GancourseError`` for another number of folders or an empty name.
    """
    if model not in OWN:
        raise unknown("model that trains on folders", model, OWN)
    fields, experiment, usual = OWN[model]
    if len(folders) != len(fields):
        raise GancourseError(f"A {model} takes {len(fields)} folder(s), not {len(folders)}.")
    if not all(map(str, folders)):  # Path("") would be the current folder
        said = ", ".join(f"{name}={str(at)!r}" for name, at in zip(fields, folders, strict=True))
        raise GancourseError(f"A {model} needs every folder named, not {said}.")
    recipe = settings(experiment, profile or usual)
    given = dict(zip(fields, map(str, folders), strict=True))
    places = [Path(folder).expanduser().resolve() for folder in folders]
    if model == "pix2pix" and places[0].parent == places[1].parent:
        places = [places[0].parent]  # mine/A and mine/B are the pairs "mine"
    given["data"] = " and ".join(place.name or "pictures" for place in places)
    if fields == ("folder",):
        given["part"] = None
    elif "size" in overrides:
        size = replace(recipe, size=overrides["size"]).size
        given["size"], given["load_size"] = size, round(size * 72 / 64)
        given["patch_layers"] = min(recipe.patch_layers, max(1, size.bit_length() - 4))
    return replace(recipe, **(given | overrides))


def without_folders(values: dict) -> dict:
    """A run's settings as its record keeps them: without where folders lie on this machine."""
    return {name: value for name, value in values.items() if name not in FOLDERS}


def replace(settings, /, **overrides):
    """``settings`` with ``overrides``; text such as ``"2"`` is read as the field's own type."""
    fields = {f.name: f for f in dataclasses.fields(settings)}
    for name, value in overrides.items():
        if name not in fields:
            raise unknown("setting", name, fields)
        overrides[name] = _as_type_of(fields[name], value)
    return dataclasses.replace(settings, **overrides)


def run_name(settings) -> str:
    """A run's folder, such as ``steel+diffaugment-seed1`` or ``lambda10-idt0.5-forward-dc-seed2``.

    The studied settings and the seed always; then what else differs from the recipe (``cpu``) of
    the experiment with these data, such as ``lambda10-cycle-l1-pool-50-seed0``. Sizes, widths,
    rates and lengths are not in it: runs that differ in these only need names of their own.
    """
    words = [*settings.studied(), *_differences(settings), f"seed{settings.seed}"]
    return "-".join(words)


def _differences(of) -> list[str]:
    """A word for each field that differs from the recipe: ``cpu`` of the experiment of its data."""
    recipes = [settings(experiment, "cpu") for experiment in _tables(of.model)]
    recipe = next((recipe for recipe in recipes if recipe.data == of.data), type(of)())
    words = []
    for name in of.named:
        value = getattr(of, name)
        if value == getattr(recipe, name):
            continue
        if isinstance(value, bool):
            words.append(name if value else f"no-{name}")
        else:
            words.append(f"{name}-{value}")
    return words


def _as_type_of(field: dataclasses.Field, value):
    """``value`` as the type of a setting: text such as "2" may be a number, "true" a truth."""
    name, _, or_none = field.type.partition(" | ")
    if value is None and or_none:
        return None
    kind = {"int": int, "float": float, "str": str, "bool": bool}[name]
    try:
        if kind is bool:
            return {"true": True, "false": False}[str(value).lower()]
        if kind is str and not isinstance(value, str | os.PathLike):
            raise TypeError("not a word")  # str(None) would be one
        made = kind(value)
        if kind is int and isinstance(value, float) and made != value:
            raise ValueError(f"{value} is no whole number")
        return made
    except (ValueError, OverflowError, KeyError, TypeError) as error:
        raise GancourseError(
            f"Setting {field.name} takes a value of type {name}: {value!r}."
        ) from error
