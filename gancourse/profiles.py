"""Every setting of every experiment, each constant with its reason and its source.

A profile says how much of an experiment runs: ``smoke`` for tests (seconds), ``quick`` for any
machine (about a minute), ``full`` for a GPU and some hours (the papers' settings).
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gancourse.errors import GancourseError, unknown

PROFILES = ("smoke", "quick", "full")


@dataclass(frozen=True)
class DCGANSettings:
    """Settings of one DCGAN run. The defaults are Melchior's steel experiment as published."""

    model: ClassVar[str] = "dcgan"

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
class CycleGANSettings:
    """Settings of one CycleGAN run. The defaults are the reference recipe at 256 px."""

    model: ClassVar[str] = "cyclegan"

    data: str = "horse2zebra"
    folder_a: str = ""  # of your own pictures, with folder_b, instead of ``data``
    folder_b: str = ""
    size: int = 256
    load_size: int = 286  # enlarged by 11.7 %, so that the random crop has something to choose
    channels: int = 3
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
class Pix2PixSettings:
    """Settings of one pix2pix run. The defaults are the paper's at 256 px."""

    model: ClassVar[str] = "pix2pix"

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
class WGANSettings:
    """Settings of one WGAN run. The defaults are Gulrajani 2017, algorithm 1, on the steel."""

    model: ClassVar[str] = "wgan"

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


# What differs from the defaults, by experiment and profile. "base" is part of every profile.
# fmt: off
_SCRATCHES = {
    "full": {},
    # A quarter of the published width: 0.4 s instead of 5.7 s a step on one core. One channel,
    # because the three are copies and a narrow G spends itself on keeping them equal (40 epochs at
    # 64 px: KID×10³ 1.6 instead of 2.8). G as fast as D: steps of Adam in a narrower layer move its
    # output less (Yang 2021: lr ~ 1/width).
    "cpu": dict(width_g=16, width_d=32, channels=1, lr_g=4e-4, ema=0.995),
    # What made scratches that one believes on a GPU (records/neu-scratches/near), narrower and at
    # twice the rate: resizing instead of transposed convolutions, D no wider and no faster than G,
    # both kinds of augmentation, five times as long.
    "laptop": dict(
        channels=1, width_g=24, width_d=24, upsample="nearest", lr_g=4e-4, lr_d=4e-4,
        augment="steel", diffaugment="translation,cutout", epochs=600,
    ),
    # 32 px: the smallest size at which a scratch still looks like one
    "quick": dict(
        size=32, channels=1, width_g=32, width_d=32, lr_g=4e-4, lr_d=2e-4, epochs=20, ema=0.99,
    ),
    # What chapter 02 trains before the reader's eyes: the recipe of "laptop" at that size and in
    # 360 steps. Bright bars instead of checkered fog in about the same time (chapter 02).
    "live": dict(
        size=32, channels=1, width_g=32, width_d=32, upsample="nearest", lr_g=4e-4, lr_d=4e-4,
        augment="steel", diffaugment="translation,cutout", epochs=20, ema=0.99,
    ),
    # Chapter 09 compares many short runs: the cheapest networks that draw a scratch in 252 steps.
    # G learns twice as fast as D, else they are too few for it; resizing instead of transposed
    # convolutions, so that a checkerboard has to be planted.
    "lab": dict(
        size=32, channels=1, z_dim=32, width_g=8, width_d=8, upsample="nearest", spectral=False,
        lr_g=1e-3, lr_d=5e-4, batch_size=16, epochs=18, ema=0.99,
    ),
    "smoke": dict(
        size=16, channels=1, width_g=8, width_d=8, batch_size=8, epochs=1, ema=0.9,
        features="stand-in",
    ),
}
_CATS = {
    # CMU 16-726: LSGAN, instance norm, uniform z, equal learning rates, batch 16
    "base": dict(
        data="grumpifycat", part="B", size=64, z="uniform", width_g=32, width_d=32,
        norm="instance", upsample="nearest", spectral=False, loss="lsgan", lr_g=2e-4, lr_d=2e-4,
        batch_size=16, epochs=500,
    ),
    "full": {},
    # the published widths: 0.23 s a step on one core; the study's longer training time
    "cpu": dict(epochs=300, ema=0.995),
    "quick": dict(size=32, width_g=16, width_d=16, epochs=20, ema=0.99),
    "smoke": dict(size=16, width_g=8, width_d=8, epochs=1, ema=0.9, features="stand-in"),
}
_DCGAN = {"neu-scratches": _SCRATCHES, "cats": _CATS}

# CycleGAN's smallest: 32 px for a look, where a patch of two strided layers sees half the picture,
# and 16 px for tests.
TINY = dict(
    size=32, load_size=36, width=8, width_d=16, blocks=2, patch_layers=2,
    epochs=1, constant_epochs=1,
)
SMOKE = dict(
    size=16, load_size=18, width=4, width_d=4, blocks=1, patch_layers=1, batch_size=16,
    epochs=1, constant_epochs=1, features="stand-in",
)
# A recipe for two CPU cores: begin as the identity, so that no time goes into learning to copy;
# then a weaker cycle loss is enough. D narrower than the paper's: it must not win.
LAPTOP = dict(
    size=64, load_size=72, width=16, blocks=3, start="identity", upsample="nearest",
    padding="zero", width_d=24, cycle="l1", lambda_cycle=5.0, lambda_identity=0.2, pool=50,
    lr=4e-4, batch_size=8, ema=0.998,
)
_GRUMPY_CATS = {
    # CMU 16-726: 64 px, mean-squared cycle error, batch 16, no decay, no identity loss
    "base": dict(
        data="grumpifycat", size=64, load_size=70, blocks=3, cycle="l2", lambda_identity=0.0,
        lr=3e-4, batch_size=16, pool=0,
    ),
    # 100,000 iterations of 158 // 16 = 9 an epoch (a quarter of the 204 is held out)
    "full": dict(width=32, width_d=32, epochs=11112, constant_epochs=11112),
    # 600 iterations. Width 16 has the 64 channels in the residual blocks that CMU's "conv_dim 32"
    # has there: its generator starts at half the resolution.
    "cpu": dict(width=16, width_d=32, epochs=67, constant_epochs=67),
    "laptop": dict(LAPTOP, steps=1900),
    # from nothing in a minute
    "live": dict(
        LAPTOP, size=32, load_size=36, width=12, width_d=16, patch_layers=2, lr=1e-3, steps=450,
    ),
    # the same for tests, in a second
    "tiny": dict(
        LAPTOP, size=16, load_size=18, width=4, width_d=4, blocks=1, patch_layers=1, lr=1e-3,
        steps=8, features="stand-in",
    ),
    "quick": dict(TINY, epochs=5, constant_epochs=5),
    "smoke": SMOKE,
}
_HORSE2ZEBRA = {
    "full": {},
    # A quarter of the side and of the width: 0.5 s a step on one core. Four images a step and
    # twice the learning rate, because there is time for 8,000 steps, not for 267,000.
    "cpu": dict(
        size=64, load_size=72, width=16, width_d=32, blocks=3, lr=4e-4, batch_size=4,
        epochs=24, constant_epochs=12,
    ),
    # the identity term on a quarter of a batch costs a quarter of it
    "laptop": dict(LAPTOP, identity_share=0.25, steps=6500),
    # Chapter 07 compares settings over seeds: many runs of 1,000 steps, each two to three minutes
    # on one core with its metrics. Half of the epochs at constant rate, as at 256 px.
    "small": dict(TINY, blocks=3, lr=4e-4, batch_size=8, epochs=6, constant_epochs=3),
    # chapter 09's small CycleGAN: one epoch over 120 drawn horses, so 120 steps
    "lab": dict(TINY, width_d=8, blocks=1, lr=1e-3),
    "quick": dict(TINY, batch_size=8),
    "smoke": SMOKE,
}
_FACADES = {  # A is the label map, B the photo: the paper's ablation with its FCN score
    "base": dict(data="facades", lambda_identity=0.0),
    # the paper's ablation ran at 128 px too, though on Cityscapes
    "full": dict(size=128, load_size=143, blocks=6),
    # 3,200 steps of at most 0.09 s on one core, for five settings. A patch of 34 of the 64 pixels,
    # about the share that 70 has of 128.
    "cpu": dict(
        size=64, load_size=72, width=16, width_d=32, blocks=3, patch_layers=2, lr=4e-4,
        epochs=8, constant_epochs=4,
    ),
    "quick": dict(TINY, lr=4e-4, batch_size=4),
    "smoke": SMOKE,
}
_CYCLEGAN = {"grumpy-cats": _GRUMPY_CATS, "horse2zebra": _HORSE2ZEBRA, "facades": _FACADES}
_FACADES_PAIRED = {  # A is the label map, B its photo
    # half the paper's side, enlarged by as much as there
    "base": dict(size=128, load_size=143),
    "full": {},
    # Three eighths of the paper's widths: 12,000 steps of 0.18 s, 36 minutes of one core. Four
    # pairs a step, because four steps of one pair take nearly twice as long; twice the rate.
    "cpu": dict(width=24, width_d=24, batch_size=4, lr=4e-4, epochs=120),
    "quick": dict(
        size=32, load_size=36, width=8, width_d=16, patch_layers=2, batch_size=4, lr=1e-3, epochs=4,
    ),
    "smoke": dict(
        size=16, load_size=18, width=4, width_d=4, patch_layers=1, batch_size=16, epochs=1,
        features="stand-in",
    ),
}
_PIX2PIX = {"facades-paired": _FACADES_PAIRED}
_WGAN_SCRATCHES = {  # as "neu-scratches", by profile
    "full": {},
    "cpu": dict(width_g=16, width_d=32, channels=1, ema=0.995),
    # as many updates of G as the DCGAN's 600 epochs of 18: equal steps, with five times the updates
    # of D. Its learning rate is the paper's, not the four times higher one of the DCGAN.
    # 1.8 s a step on one core (the DCGAN's: 0.33 s): five and a half hours.
    "laptop": dict(
        channels=1, width_g=24, width_d=24, upsample="nearest", augment="steel",
        diffaugment="translation,cutout", steps=10_800,
    ),
    # The same in an hour: 600 passes over the 226 scratches and about the time of the DCGAN's
    # "laptop", but a sixth of its updates of G.
    "hour": dict(
        channels=1, width_g=24, width_d=24, upsample="nearest", augment="steel",
        diffaugment="translation,cutout", steps=1800,
    ),
    # 32 px, about 20 s of one core
    "quick": dict(size=32, channels=1, width_g=32, width_d=32, steps=120, ema=0.99),
    "smoke": dict(
        size=16, channels=1, width_g=8, width_d=8, batch_size=20, steps=6, ema=0.9,
        features="stand-in",
    ),
}
_WGAN = {"neu-wgan": _WGAN_SCRATCHES}
# fmt: on


# model → its settings, and its experiments' rows
MODELS = {
    "dcgan": (DCGANSettings, _DCGAN),
    "cyclegan": (CycleGANSettings, _CYCLEGAN),
    "pix2pix": (Pix2PixSettings, _PIX2PIX),
    "wgan": (WGANSettings, _WGAN),
}


def experiments() -> list[str]:
    """Names of the experiments that ``settings`` knows."""
    return sorted(name for _, tables in MODELS.values() for name in tables)


def of_model(model: str, values: dict):
    """The settings of a run of ``model``, as its record holds them.

    Raises ``UnknownName`` for a model or a setting that does not exist.
    """
    if model not in MODELS:
        raise unknown("model", model, MODELS)
    return replace(MODELS[model][0](), **values)


def default() -> str:
    """``quick``, on every device: ``full`` takes hours on a GPU, too, so it has to be asked for."""
    return "quick"


def resolve(profile: str | None = None) -> str:
    """The profile to use: the one named, else ``$GANCOURSE_PROFILE``, else ``default()``."""
    profile = profile or os.environ.get("GANCOURSE_PROFILE") or default()
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    return profile


def settings(experiment: str, profile: str | None = None, **overrides):
    """Settings of ``experiment`` at ``profile``, with ``overrides`` by field name.

    Of the model's class, such as ``DCGANSettings``. ``profile`` may also be another of the
    experiment's, such as ``"cpu"``: the papers' recipe, smaller, ``"laptop"``: one that works
    there, or ``"live"``: in a minute. Raises ``UnknownName`` for an unknown experiment, profile or
    setting, and ``GancourseError`` for a value of another type than the setting's.
    """
    known = {name: kind for kind, tables in MODELS.values() for name in tables}
    if experiment not in known:
        raise unknown("experiment", experiment, experiments())
    kind = known[experiment]
    table = MODELS[kind.model][1][experiment]
    if profile not in table:
        profile = resolve(profile)
    row = table.get("base", {}) | table[profile]
    return replace(kind(**row), **overrides)


# Model → the settings that name folders of one's own, and the recipe that is taken for them.
OWN = {
    "cyclegan": (("folder_a", "folder_b"), "grumpy-cats"),
    "dcgan": (("folder",), "neu-scratches"),
}
FOLDERS = {name for fields, _ in OWN.values() for name in fields}


def own(model: str, folders: list, profile: str | None = None, **overrides):
    """Settings of ``model`` for folders of your own: ``[data]`` of a DCGAN, ``[a, b]``.

    They are those of ``OWN``'s experiment at ``profile``, by default "laptop". Another ``size``
    brings its ``load_size`` and the depth of a patch discriminator with it. Raises ``UnknownName``
    as ``settings`` does, ``GancourseError`` for another number of folders or an empty name.
    """
    if model not in OWN:
        raise unknown("model that trains on folders", model, OWN)
    fields, experiment = OWN[model]
    if len(folders) != len(fields):
        raise GancourseError(f"A {model} takes {len(fields)} folder(s), not {len(folders)}.")
    if not all(map(str, folders)):  # Path("") would be the current folder
        said = ", ".join(f"{name}={str(at)!r}" for name, at in zip(fields, folders, strict=True))
        raise GancourseError(f"A {model} needs every folder named, not {said}.")
    recipe = settings(experiment, profile or "laptop")
    given = dict(zip(fields, map(str, folders), strict=True))
    names = [Path(folder).expanduser().resolve().name or "pictures" for folder in folders]
    given["data"] = " and ".join(names)
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


def replace(settings, **overrides):
    """``settings`` with ``overrides``; text such as ``"2"`` is read as the field's own type."""
    fields = {f.name: f for f in dataclasses.fields(settings)}
    for name, value in overrides.items():
        if name not in fields:
            raise unknown("setting", name, fields)
        overrides[name] = _as_type_of(name, value, getattr(settings, name))
    return dataclasses.replace(settings, **overrides)


# What a run's name says only where it differs from the experiment's recipe.
_WORDS = {
    "dcgan": ("z", "norm", "upsample", "spectral", "loss"),
    "cyclegan": ("start", "loss", "cycle", "pool", "clip", "r1"),
    "pix2pix": ("dropout", "loss"),
    "wgan": ("z", "norm", "upsample"),
}


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
    _, tables = MODELS[of.model]
    recipe = type(of)()
    for experiment in reversed(list(tables)):
        here = settings(experiment, "cpu")
        if here.data == of.data:
            recipe = here
    words = []
    for name in _WORDS[of.model]:
        value = getattr(of, name)
        if value == getattr(recipe, name):
            continue
        if isinstance(value, bool):
            words.append(name if value else f"no-{name}")
        else:
            words.append(f"{name}-{value}")
    return words


def _as_type_of(name: str, value, current):
    if current is None or value is None or isinstance(current, bool) and isinstance(value, bool):
        return value
    try:
        if isinstance(current, bool):
            return {"true": True, "false": False}[str(value).lower()]
        return type(current)(value)
    except (ValueError, KeyError, TypeError) as error:
        kind = type(current).__name__
        raise GancourseError(f"Setting {name} takes a value of type {kind}: {value!r}.") from error
