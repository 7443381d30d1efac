"""Whether a CycleGAN makes metal of a printed replica, and at which contrast and light it fails.

    python -m gancourse_studies.replica OUT [--everywhere]

The bars are drawn, so contrast and light are known, and so is the metal picture that a translation
should have become. Training sees no pairs, and good conditions only; with ``--everywhere`` all of
them. The test moves one condition at a time, with the same bars: how far the bar is from its metal
picture, and how much of it a judge of grey surfaces calls metal, beside the untouched replica, its
grey picture and the metal itself.
Writes a record; 24 minutes on a third of a core.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancourse.data.sets import PairBatches
from gancourse.profiles import CycleGANSettings
from gancourse.train.cyclegan import CycleGANStep, LinearDecay, translate
from gancourse.train.loop import fit
from gancourse_lab import specimens
from gancourse_studies import recording

SEEDS, TRAINED, TESTED, SHOWN = 3, 500, 64, 6  # runs; bars of a domain, of the test, in the strip
GOOD = {"contrast": 0.85, "light": 0.15}  # the middle of what training sees
USUAL = {"contrast": specimens.CONTRAST, "light": specimens.LIGHT}
EVERYWHERE = {"contrast": (0.0, 1.0), "light": (0.0, 1.0)}
MOVED = {
    "contrast": (0.0, 0.1, 0.2, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0),
    "light": (0.0, 0.15, 0.3, 0.4, 0.55, 0.7, 0.85, 1.0),
}
SEEN = {  # what the strip shows
    "good": GOOD,
    "low contrast": GOOD | {"contrast": 0.1},
    "strong light": GOOD | {"light": 1.0},
}
RECIPE = CycleGANSettings(
    data=specimens.NAME,
    size=48,
    load_size=48,
    width=12,
    blocks=3,
    start="identity",
    upsample="nearest",
    width_d=16,
    lambda_cycle=2.0,
    lambda_identity=0.2,
    identity_share=0.25,
    lr=6e-4,
    disc_rate=0.2,
    batch_size=4,
    steps=500,
    ema=0.998,
)


def trained(seed: int, recipe: CycleGANSettings, bars: int, within: dict):
    """(the step of a finished training, its history): no bar is in both domains, none mirrored.

    A mirrored bar of metal would show what it mirrors at another tilt.
    """
    torch.manual_seed(seed)
    step = CycleGANStep(replace(recipe, seed=seed), "cpu")
    domains = specimens.domains(bars, recipe.size, **within)
    batches = PairBatches(*domains, recipe.batch_size, None, seed)
    return step, fit(step, batches, steps=recipe.steps, callbacks=[LinearDecay(by_steps=True)])


def measured(judge, pictures: Tensor, of: specimens.Pairs) -> dict[str, Tensor]:
    """Of each bar the error to its metal picture, and the share that is called metal."""
    return {
        "error": specimens.error(pictures, of.metal, of.mask),
        "metal": specimens.metal_share(judge, pictures, of.mask),
    }


def compared(judge, networks: list, of: specimens.Pairs) -> dict:
    """Means of the untouched replica, its grey picture, metal, and a list over ``networks``.

    "nearer": the share of bars that a network brings nearer to their metal picture.
    """
    found = {}
    before = measured(judge, of.replica, of)
    for name, pictures in (("replica", of.replica), ("grey", specimens.greyed(of.replica))):
        found[name] = means(measured(judge, pictures, of))
    found["metal"] = means(measured(judge, of.metal, of))
    rows = []
    for network in networks:
        after = measured(judge, translate(network, of.replica), of)
        nearer = (after["error"] < before["error"]).float().mean()
        rows.append(means(after) | {"nearer": float(nearer)})
    found["translated"] = {key: [row[key] for row in rows] for key in rows[0]}
    return found


def means(of_bars: dict[str, Tensor]) -> dict[str, float]:
    """Over the bars."""
    return {key: float(values.mean()) for key, values in of_bars.items()}


def curves(judge, networks: list, size: int, bars: int = TESTED) -> dict:
    """Condition → its values and what is measured at each, the other one staying good."""
    found = {}
    for name, values in MOVED.items():
        at = [specimens.pairs(bars, size, **(GOOD | {name: value})) for value in values]
        found[name] = {"values": values, "at": [compared(judge, networks, of) for of in at]}
    return found


def strip(network, size: int) -> list[tuple[dict, Tensor]]:
    """Replica, translation and metal of some bars, under each of ``SEEN``."""
    columns = []
    for name, at in SEEN.items():
        of = specimens.pairs(SHOWN, size, **at)
        shown = {"replica": of.replica, "translated": translate(network, of.replica)}
        shown["metal"] = of.metal
        columns += [({"label": f"{name}: {key}"}, some) for key, some in shown.items()]
    return columns


def run(seeds: int, recipe: CycleGANSettings, bars: int, within: dict, log=print):
    """(the record's content, strip) of ``seeds`` trainings under one judge.

    ``within``: the conditions of the training pictures, as ``specimens.domains`` takes them.
    """
    begun, networks, ends = time.perf_counter(), [], []
    judge = specimens.fit(size=recipe.size)
    for seed in range(seeds):
        step, history = trained(seed, recipe, bars, within)
        networks.append(step.shown("gen_ab"))
        last = {k: float(np.mean(v[-100:])) for k, v in history.terms.items()}
        ends.append(recording.rounded(last))
        log(f"seed {seed} after {(time.perf_counter() - begun) / 60:.0f} minutes: {ends[-1]}")
    found = curves(judge, networks, recipe.size)
    usual = specimens.pairs(TESTED, recipe.size)  # good conditions, other bars
    content = {
        "model": "measurement",
        "experiment": specimens.NAME,
        "commit": recording.commit(),
        "device": "CPU, one thread",
        "settings": asdict(recipe) | {"seeds": seeds, "bars": bars, "tested": TESTED, "good": GOOD},
        "trained at": within,
        "data": {"caption": f"drawn specimens, {recipe.size} px (stand-in)", "source": "stand-in"},
        "steps": recipe.steps,
        "minutes": round((time.perf_counter() - begun) / 60, 1),
        "losses at the end": ends,
        "in good conditions": recording.rounded(compared(judge, networks, usual)),
        "curves over": recording.rounded(found),
    }
    return content, strip(networks[0], recipe.size)


def main(words: list[str] | None = None) -> None:
    """The command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--everywhere", action="store_true", help="train in all conditions")
    given = parser.parse_args(words)
    content, columns = run(SEEDS, RECIPE, TRAINED, EVERYWHERE if given.everywhere else USUAL)
    recording.save(given.out, content | {"run": given.out.name}, columns)


if __name__ == "__main__":
    main()
