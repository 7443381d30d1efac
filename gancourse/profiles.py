"""Every setting of every experiment, each constant with its reason and its source.

A profile says how much of an experiment runs: ``smoke`` for tests (seconds), ``quick`` for a
laptop (about a minute), ``full`` for a GPU (the papers' settings).
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

import torch

from .errors import GancourseError, unknown

PROFILES = ("smoke", "quick", "full")


@dataclass(frozen=True)
class DCGANSettings:
    """Settings of one DCGAN run. The defaults are Melchior's steel experiment as published."""

    data: str = "NEU-DET"
    part: str | None = "scratches"
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
    seed: int = 0


# What differs from the defaults, by experiment and profile.
_DCGAN: dict[str, dict[str, dict]] = {
    "neu-scratches": {
        "full": {},
        # A quarter of the published width: 0.4 s instead of 12 s a step on two CPU cores. One
        # channel, because the three are copies and a narrow G spends itself on keeping them equal
        # (40 epochs at 64 px: KID×10³ 1.6 instead of 2.8). G as fast as D: steps of Adam in a
        # narrower layer move its output less (Yang 2021: lr ~ 1/width).
        "cpu": {"width_g": 16, "width_d": 32, "channels": 1, "lr_g": 4e-4, "ema": 0.995},
        # 32 px: the smallest size at which a scratch still looks like one
        "quick": {
            **{"size": 32, "width_g": 32, "width_d": 32, "channels": 1},
            **{"lr_g": 4e-4, "lr_d": 2e-4, "epochs": 20, "ema": 0.99},
        },
        "smoke": {
            **{"size": 16, "width_g": 8, "width_d": 8, "channels": 1},
            **{"epochs": 1, "batch_size": 8, "ema": 0.9},
        },
    },
    "cats": {
        # CMU 16-726: LSGAN, instance norm, uniform z, equal learning rates, batch 16
        "base": {
            "data": "grumpifycat",
            "part": "B",
            "size": 64,
            "z": "uniform",
            "width_g": 32,
            "width_d": 32,
            "norm": "instance",
            "upsample": "nearest",
            "spectral": False,
            "loss": "lsgan",
            "lr_g": 2e-4,
            "lr_d": 2e-4,
            "batch_size": 16,
            "epochs": 500,
        },
        "full": {},
        "quick": {"size": 32, "width_g": 16, "width_d": 16, "epochs": 20, "ema": 0.99},
        "smoke": {"size": 16, "width_g": 8, "width_d": 8, "epochs": 1, "ema": 0.9},
    },
}


def experiments() -> list[str]:
    """Names of the experiments that ``dcgan`` knows."""
    return sorted(_DCGAN)


def default() -> str:
    """``full`` where there is a CUDA device, else ``quick``."""
    return "full" if torch.cuda.is_available() else "quick"


def resolve(profile: str | None = None) -> str:
    """The profile to use: the one named, else ``$GANCOURSE_PROFILE``, else ``default()``."""
    profile = profile or os.environ.get("GANCOURSE_PROFILE") or default()
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    return profile


def dcgan(experiment: str, profile: str | None = None, **overrides) -> DCGANSettings:
    """Settings of ``experiment`` at ``profile``, with ``overrides`` by field name.

    ``profile`` may also be ``"cpu"`` (steel only): the recorded run for machines without a GPU.
    Raises ``UnknownName`` for an unknown experiment, profile or setting, and ``GancourseError``
    for a value of another type than the setting's.
    """
    if experiment not in _DCGAN:
        raise unknown("experiment", experiment, _DCGAN)
    table = _DCGAN[experiment]
    if profile not in table:
        profile = resolve(profile)
    values = {**table.get("base", {}), **table[profile]}
    return replace(DCGANSettings(**values), **overrides)


def replace(settings, **overrides):
    """``settings`` with ``overrides``; text such as ``"2"`` is read as the field's own type."""
    fields = {f.name: f for f in dataclasses.fields(settings)}
    for name, value in overrides.items():
        if name not in fields:
            raise unknown("setting", name, fields)
        overrides[name] = _as_type_of(name, value, getattr(settings, name))
    return dataclasses.replace(settings, **overrides)


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
