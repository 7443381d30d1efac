"""Does synthetic steel help the classifier? The plan of the study and its jobs (chapter 11).

Six classes of NEU-DET with scratches made scarce, and magnetic tiles, defective or not. For each
seed, a fold; for each number of real pictures of the minority the arms of
``gancourse_lab.imbalance``. A generator is a job of its own, shared by all ratios: it sees the real
minority pictures of its fold's training part, and is refused any other.

    gancourse sweep steel --grid ten-hours --out runs/steel       # goes on where it was stopped
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gancourse import augment, files, profiles
from gancourse import device as devices
from gancourse.data.batches import Batches, PairBatches
from gancourse.data.sets import ImageSet, to_float, to_uint8
from gancourse.errors import GancourseError, among
from gancourse.train import checkpoint
from gancourse.train.cyclegan import CycleGANStep, LinearDecay, translate
from gancourse.train.dcgan import DCGANStep, sample_z
from gancourse.train.loop import History, fit
from gancourse_lab import classifier, imbalance, paired
from gancourse_lab.classifier import Recipe
from gancourse_lab.imbalance import CEILING, GENERATORS, PLAIN, Fold, Labelled
from gancourse_lab.steel_results import BASELINES
from gancourse_studies import recording, sweep
from gancourse_studies.sweep import Job

RATES = (3e-4, 1e-3, 3e-3)  # learning rates that validation chooses from
TUNED = 50  # real pictures of the minority in that choice
FAKES = 128  # pictures that a generator is judged by
# Seconds of a core that others used, too: of a step of a classifier and of each generator, and of
# judging a generator. An idle core takes less.
SECONDS = {"classifier": 0.1, "dcgan": 0.12, "cyclegan": 0.86, "judge": 31}
SHOWN = 40  # pictures of a generator that a record keeps: what a ratio of 2 takes of 20 real ones
FEWEST = 120  # pictures of an epoch of a generator: fewer real ones are repeated


@dataclass(frozen=True)
class Grid:
    """What the study crosses, and how long each training is.

    ``data``: "neu", "tiles", or a folder of yours with a subfolder a class, of which ``minority``
    is one. ``steps`` of a classifier by data; ``generator_steps`` by model. ``limit``: so many
    pictures a class, for tests.
    """

    data: tuple[str, ...] = ("neu", "tiles")
    sizes: tuple[int | str, ...] = (20, "all", 10, 50)  # in the order of the sweep
    ratios: tuple[float, ...] = (0.5, 1, 2, 5)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    steps: int = 340
    generator_steps: tuple[tuple[str, int], ...] = (("dcgan", 5000), ("cyclegan", 1000))
    source: str = "real"
    features: str = "inception-768"
    minority: str = ""
    limit: int | None = None
    tiny: bool = False  # networks of the profile "smoke"

    def generators(self, data: str) -> tuple[str, ...]:
        """CycleGAN translates clean into defective, so there has to be a clean class: of two."""
        return GENERATORS if data == "tiles" else GENERATORS[:1]

    def arms(self, data: str) -> list[str]:
        """The arms that take synthetic pictures."""
        return [f"{g}{end}" for g in self.generators(data) for end in ("", "+classical")]


GRIDS = {
    "full": Grid(),
    "ten-hours": Grid(sizes=(20, "all")),  # generators are the most of it, one a size
    "smoke": Grid(
        sizes=(4,),
        ratios=(1,),
        seeds=(0, 1),
        steps=6,
        generator_steps=(("dcgan", 2), ("cyclegan", 2)),
        source="stand-in",
        features="stand-in",
        limit=100,
        tiny=True,
    ),
}


def grid(name: str, **overrides) -> Grid:
    """The grid ``name`` with ``overrides``; raises ``UnknownName``."""
    return dataclasses.replace(GRIDS[among("grid", name, GRIDS)], **overrides)


# The plan


def jobs(grid: Grid) -> list[Job]:
    """All jobs, each after what it needs; a size is finished for all seeds before the next."""
    found = []
    for data in grid.data:
        found += [
            Job(f"{data_key(data)}-seed{s}-fold", describe_fold, (grid, data, s))
            for s in grid.seeds
        ]
        found.append(Job(f"{data_key(data)}-tuning", tune, (grid, data)))
        found += [_cell(grid, data, s, "all", CEILING) for s in grid.seeds]
    for n in grid.sizes:
        for data in grid.data:
            for s in grid.seeds:
                plain = [arm for arm in PLAIN if not (n == "all" and arm == "as-is")]  # the ceiling
                found += [_cell(grid, data, s, n, arm) for arm in plain]
                for model in grid.generators(data):
                    key = f"{data_key(data)}-seed{s}-n{n}-{model}"
                    found.append(Job(key, train_generator, (grid, data, s, n, model)))
                    found += [
                        _cell(grid, data, s, n, arm, ratio, key)
                        for arm in (model, f"{model}+classical")
                        for ratio in grid.ratios
                    ]
    return found


def data_key(data: str) -> str:
    """The data's name in a key: a folder's own name."""
    return data if data in ("neu", "tiles") else Path(data).expanduser().resolve().name


def cell_key(data: str, seed: int, n: int | str, arm: str, ratio: float = 0) -> str:
    """Such as ``neu-seed0-n20-dcgan+classical-r5``."""
    end = f"-r{ratio:g}" if ratio else ""
    return f"{data_key(data)}-seed{seed}-n{n}-{arm}{end}"


def _cell(grid, data, seed, n, arm, ratio=0.0, generator="") -> Job:
    # the generator's own key ends with its model, a cell's with the ratio: they never meet
    key = cell_key(data, seed, n, arm, ratio)
    needs = (f"{data_key(data)}-tuning", *((generator,) if generator else ()))
    return Job(key, train_cell, (grid, data, seed, n, arm, ratio), needs)


def comparisons(grid: Grid) -> int:
    """How many differences the study is about: each synthetic arm, its ratio chosen on validation,
    against each of ``BASELINES``, for each size and data set.
    """
    arms = sum(len(grid.arms(data)) for data in grid.data)
    return arms * len(grid.sizes) * len(BASELINES)


def hours(grid: Grid) -> float:
    """About how many core-hours the whole grid takes, by ``SECONDS``."""
    total = 0.0
    for job in jobs(grid):
        if job.function is train_cell:
            total += SECONDS["classifier"] * grid.steps
        elif job.function is tune:
            total += SECONDS["classifier"] * grid.steps * 2 * len(RATES)
        elif job.function is train_generator:
            model = job.arguments[-1]
            total += SECONDS[model] * _steps(grid, model) + SECONDS["judge"]
    return total / 3600


def plan(grid: Grid, out: str | Path) -> str:
    """What will be done, what is there, and what the study will be able to see."""
    every = jobs(grid)
    there = sum(sweep.read(out, job.key) is not None for job in every)
    kinds = {
        "cells": sum(job.function is train_cell for job in every),
        "generators": sum(job.function is train_generator for job in every),
    }
    sizes = {data_key(data): minority_pieces(grid, data) for data in grid.data}
    counted = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return "\n".join(
        [
            f"{len(every)} jobs: {counted}, about {hours(grid):.1f} hours of one core; "
            f"{there} are there in {out}",
            paired.power_table(sizes, comparisons(grid)),
        ]
    )


def minority_pieces(grid: Grid, data: str) -> list[list[int]]:
    """For each seed how many minority test pictures each piece has."""
    found = []
    for seed in grid.seeds:
        test = _fold(grid, data, seed).test
        names = test.of(test.minority).pieces
        found.append([names.count(piece) for piece in sorted(set(names))])
    return found


# The data of a job


@functools.lru_cache(maxsize=2)
def _whole(data: str, source: str, minority: str, limit: int | None) -> Labelled:
    if data == "neu":
        return imbalance.neu(source, limit)
    if data == "tiles":
        return imbalance.tiles(source, limit)
    return imbalance.own(data, minority)


def _fold(grid: Grid, data: str, seed: int) -> Fold:
    return imbalance.fold(_whole(data, grid.source, grid.minority, grid.limit), seed)


def _begin() -> None:
    """A job computes on one thread: as many jobs as there are cores share a machine."""
    torch.set_num_threads(1)


@functools.cache
def _code() -> dict:
    """Which code gave a result; asked once a process."""
    return {"commit": recording.commit(), "torch": torch.__version__}


def describe_fold(out: Path, grid: Grid, data: str, seed: int) -> dict:
    """A seed's test pictures in the order of the cells' answers, and the counts of its parts."""
    _begin()
    made = _fold(grid, data, seed)
    parts = {"train": made.train, "validation": made.validation, "test": made.test}
    return {
        "caption": made.train.caption,
        "classes": list(made.train.classes),
        "minority": made.train.minority,
        "counts": {
            name: part.labels.bincount(minlength=len(part.classes)).tolist()
            for name, part in parts.items()
        },
        "minority pieces": {
            name: len(set(part.of(part.minority).pieces)) for name, part in parts.items()
        },
        "test": {
            "names": made.test.names,
            "labels": made.test.labels.tolist(),
            "pieces": made.test.pieces,
        },
    }


# Classifiers


def tune(out: Path, grid: Grid, data: str) -> dict:
    """The learning rate whose macro-F1 on validation is the best on average over two seeds."""
    _begin()
    found = {}
    for rate in RATES if not grid.tiny else RATES[-1:]:
        looks = []
        for seed in grid.seeds[:2]:
            made = _fold(grid, data, seed)
            few = int((made.train.labels == made.train.minority).sum())
            real = imbalance.scarce(made.train, min(TUNED, few), seed)
            shown = imbalance.training("over-sampling", real, seed=seed)
            looks.append(_fit(shown, made, Recipe(lr=rate, steps=grid.steps, seed=seed)).best[1])
        found[f"{rate:g}"] = round(sum(looks) / len(looks), 4)
    return {"chosen on validation": found, "lr": float(max(found, key=found.get))}


def _fit(shown, made: Fold, recipe: Recipe) -> classifier.Fitted:
    held = made.validation
    return classifier.fit(shown, held.images, held.labels, len(held.classes), recipe)


def train_cell(
    out: Path, grid: Grid, data: str, seed: int, n: int | str, arm: str, ratio: float
) -> dict:
    """Train and test one classifier; the result holds its scores and its answer to each picture."""
    _begin()
    made = _fold(grid, data, seed)
    real = imbalance.scarce(made.train, n, seed)
    few, synthetic = int((real.labels == real.minority).sum()), None
    if ratio:
        key = f"{data_key(data)}-seed{seed}-n{n}-{arm.split('+')[0]}"
        synthetic = read_pictures(out / f"{key}.safetensors")[: max(1, round(ratio * few))]
    shown = imbalance.training(arm, real, synthetic, seed)
    imbalance.check_apart(shown.images, made.validation, made.test, what="The classifier")
    recipe = Recipe(lr=_tuned(out, data), steps=grid.steps, seed=seed)
    fitted = _fit(shown, made, recipe)
    answers = classifier.logits(fitted.network, made.test.images)
    odds = classifier.odds(answers, real.minority)
    guessed = answers.argmax(1)
    return {
        "data": data_key(data),
        "seed": seed,
        "n": n,
        "arm": arm,
        "ratio": ratio,
        "shown": {"minority": few, "synthetic": 0 if synthetic is None else len(synthetic)},
        "recipe": dataclasses.asdict(recipe),
        "looks": [(step, round(value, 4)) for step, value in fitted.looks],
        "scores": recording.rounded(
            classifier.scores(made.test.labels, guessed, odds, real.minority)
        ),
        "guessed": guessed.tolist(),
        "odds": [round(value, 2) for value in odds.tolist()],
        **_code(),
    }


def _tuned(out: Path, data: str) -> float:
    found = sweep.read(out, f"{data_key(data)}-tuning")
    if found is None:
        raise GancourseError(f"The learning rate for {data} is not chosen yet: run its job first.")
    return found["lr"]


# Generators


def train_generator(out: Path, grid: Grid, data: str, seed: int, n: int | str, model: str) -> dict:
    """Train a generator on the ``n`` real pictures, write what it makes, and judge it.

    Its pictures lie in ``<key>.safetensors``; a cell takes the first of them. A checkpoint every
    two minutes, so that a killed job goes on.
    """
    _begin()
    made = _fold(grid, data, seed)
    real = imbalance.scarce(made.train, n, seed)
    few = real.of(real.minority)
    imbalance.check_apart(real.images, made.validation, made.test, what="The generator")
    key = f"{data_key(data)}-seed{seed}-n{n}-{model}"
    count = max(FAKES, round(max(grid.ratios) * len(few)))
    draw = {"dcgan": _dcgan, "cyclegan": _cyclegan}[model]
    pictures, settings, history = draw(out / "checkpoints" / key, grid, real, seed, count)
    imbalance.check_apart(pictures, made.validation, made.test, what="The classifier")
    content = {
        "real": len(few),
        "pictures": len(pictures),
        "steps": len(history),
        "minutes": round(history.seconds / 60, 2),
        "settings": profiles.without_folders(dataclasses.asdict(settings)),
        "quality": quality(pictures[:FAKES], few.images, made, grid.features),
        **_code(),
    }
    write_pictures(out / f"{key}.safetensors", pictures)
    shutil.rmtree(out / "checkpoints" / key, ignore_errors=True)
    return content


def _steps(grid: Grid, model: str) -> int:
    return dict(grid.generator_steps)[model]


def _dcgan(folder: Path, grid: Grid, real: Labelled, seed: int, count: int):
    """Pictures (count, 1, H, W) of a DCGAN by the laptop's recipe; its settings; its history."""
    profile = "smoke" if grid.tiny else "laptop"
    size = {"size": imbalance.SIZE, "seed": seed, "batch_size": 12, "augment": "steel"}
    settings = profiles.settings("neu-scratches", profile, **size)
    few = real.of(real.minority)
    again = -(-FEWEST // len(few))
    shown = ImageSet(few.images.repeat(again, 1, 1, 1), few.names * again, "minority")
    devices.seed_everything(seed)
    step = DCGANStep(settings, "cpu")
    change = functools.partial(augment.classical, policy=settings.augment)
    batches = Batches(shown, settings.batch_size, change, seed)
    history = _trained(folder, step, batches, _steps(grid, "dcgan"))
    stream = torch.Generator().manual_seed(seed)
    latents = sample_z(count, settings, torch.device("cpu"), stream)
    return step.sample(latents, ema=True), settings, history


def _cyclegan(folder: Path, grid: Grid, real: Labelled, seed: int, count: int):
    """Clean pictures of the fold, translated by a CycleGAN of the laptop's recipe."""
    profile, steps = "smoke" if grid.tiny else "laptop", _steps(grid, "cyclegan")
    size = {"size": imbalance.SIZE, "load_size": imbalance.SIZE, "channels": 1, "seed": seed}
    settings = profiles.settings("grumpy-cats", profile, steps=steps, batch_size=8, **size)
    few, clean = real.of(real.minority), real.subset((real.labels != real.minority).nonzero()[:, 0])
    sets = [ImageSet(part.images, part.names, name) for part, name in ((clean, "a"), (few, "b"))]
    devices.seed_everything(seed)
    step = CycleGANStep(settings, "cpu")
    change = functools.partial(augment.classical, policy="steel")
    batches = PairBatches(*sets, settings.batch_size, change, seed)
    history = _trained(folder, step, batches, steps, (LinearDecay(by_steps=True),))
    return translate(step.shown("gen_ab"), _inputs(clean.images, count, seed)), settings, history


def _inputs(clean: Tensor, count: int, seed: int) -> Tensor:
    """``count`` clean pictures in random order; from the second round on flipped and cropped."""
    with devices.apart():
        torch.manual_seed(seed)
        order = torch.randperm(len(clean))
        rounds = [clean[order]]
        while sum(map(len, rounds)) < count:
            rounds.append(to_uint8(augment.classical(to_float(clean[order]), "steel")))
    return torch.cat(rounds)[:count]


def _trained(folder: Path, step, batches, steps: int, callbacks: tuple = ()) -> History:
    """Train for ``steps``, going on from the newest checkpoint in ``folder``."""
    newest = checkpoint.latest(folder)
    history = checkpoint.load(newest, step, batches) if newest else History()
    lasting = checkpoint.Checkpoints(folder, minutes=2, keep=1)
    if batches.epoch * len(batches) + batches.position < steps:
        fit(step, batches, steps=steps, callbacks=[*callbacks, lasting], history=history)
    return history


def quality(fakes: Tensor, train: Tensor, made: Fold, features: str) -> dict:
    """KID to the held-out minority, precision and recall of it, and the copying test.

    Held out are the fold's validation and test pictures: the generator saw none of them, and
    nothing is chosen by these numbers.
    """
    from gancourse.metrics.distances import kid, precision_recall
    from gancourse.metrics.features import extractor
    from gancourse.metrics.neighbours import copying

    parts = [part.of(part.minority).images for part in (made.validation, made.test)]
    held_out = torch.cat(parts)
    extract = extractor(features, "cpu")
    real, found = extract.cached(held_out), extract(fakes)
    precision, recall = precision_recall(real, found)
    copied = copying(fakes, train, held_out, flips="hv", device="cpu")
    return recording.rounded(
        {
            "features": extract.name,
            "KID×10³": [1000 * value for value in kid(found, real)],
            "precision": precision,
            "recall": recall,
            "copying": {"auc": copied.auc, "p_value": copied.p_value},
        }
    )


# The record


def collected(grid: Grid, out: str | Path) -> dict:
    """What ``gancourse_lab.steel_results.Results`` reads: of each size, where all of it is done.

    A size of a data set that lacks a job is left out, and its missing jobs are counted. Raises
    ``GancourseError`` where nothing is complete.
    """
    out, missing = Path(out), {}
    found = {"folds": {}, "tuning": {}, "cells": [], "generators": [], "commits": []}
    for data in grid.data:
        complete = []
        for n in grid.sizes:
            of_size = jobs(dataclasses.replace(grid, data=(data,), sizes=(n,)))
            lacking = sum(sweep.read(out, job.key) is None for job in of_size)
            if lacking:
                missing[f"{data_key(data)} n={n}"] = lacking
            else:
                complete.append(n)
        if complete:
            for job in jobs(dataclasses.replace(grid, data=(data,), sizes=tuple(complete))):
                _collect(found, job, sweep.read(out, job.key))
    if not found["cells"]:
        raise GancourseError(
            f"{out} has no finished part of the study ({missing} jobs are missing). Sweep on: "
            "gancourse sweep steel with the same words."
        )
    return found | {"missing": missing}


def _collect(found: dict, job: Job, content: dict) -> None:
    """Put the result of ``job`` where a record has it."""
    data = data_key(job.arguments[1])
    if job.function is describe_fold:
        found["folds"].setdefault(data, []).append(_kept_fold(content, job.arguments[2]))
    elif job.function is tune:
        found["tuning"][data] = content
    elif job.function is train_cell:
        found["cells"].append(_kept_cell(content))
        if content["commit"] not in found["commits"]:
            found["commits"].append(content["commit"])
    else:
        _, _, seed, n, model = job.arguments
        about = {"data": data, "seed": seed, "n": n, "model": model}
        keep = ("real", "pictures", "steps", "minutes", "quality")
        found["generators"].append(about | {key: content[key] for key in keep})


def _kept_fold(content: dict, seed: int) -> dict:
    """A fold without its pictures' names: labels, and pieces as numbers."""
    test = content["test"]
    numbers = {piece: i for i, piece in enumerate(dict.fromkeys(test["pieces"]))}
    keep = ("caption", "classes", "minority", "counts", "minority pieces")
    kept = {"seed": seed} | {key: content[key] for key in keep}
    return kept | {"labels": test["labels"], "pieces": [numbers[p] for p in test["pieces"]]}


def _kept_cell(content: dict) -> dict:
    """A cell with its answers; of the odds, which a score takes as a ranking, the ranks."""
    ranks = {value: rank for rank, value in enumerate(sorted(set(content["odds"])))}
    keep = ("data", "seed", "n", "arm", "ratio", "shown", "seconds", "scores", "guessed")
    kept = {key: content[key] for key in keep}
    kept["validation"] = max(value for _, value in content["looks"])
    return kept | {"order": [ranks[value] for value in content["odds"]]}


def record(grid: Grid, out: str | Path, path: str | Path, run: str) -> Path:
    """Write what is ``collected`` to ``path``, with pictures of the first seed's generators.

    ``SHOWN`` of each; lossy (WebP), so a classifier that trains on them sees almost what the
    study's did. Its commit is the cells', null where they are of several.
    """
    content = collected(grid, out)
    cells, minutes = content["cells"], [one["minutes"] for one in content["generators"]]
    strip = [
        ({"label": f"{one['data']} n={one['n']} {one['model']}"}, _shown(out, one))
        for one in content["generators"]
        if one["seed"] == grid.seeds[0]
    ]
    about = {
        "model": "measurement",
        "experiment": "steel",
        "run": run,
        "commit": content["commits"][0] if len(content["commits"]) == 1 else None,
        "device": "CPU, 1 thread (fp32)",
        "features": content["generators"][0]["quality"]["features"],
        "settings": profiles.without_folders(dataclasses.asdict(grid)),
        "minutes": round(sum(cell["seconds"] for cell in cells) / 60 + sum(minutes), 1),
        "data": {"caption": "; ".join(f[0]["caption"] for f in content["folds"].values())},
    }
    return recording.save(path, about | content, strip)


def _shown(out: str | Path, generator: dict) -> Tensor:
    """The first ``SHOWN`` of a generator's pictures."""
    key = "{data}-seed{seed}-n{n}-{model}".format(**generator)
    return read_pictures(Path(out) / f"{key}.safetensors")[:SHOWN]


def write_pictures(file: Path, pictures: Tensor) -> None:
    """``pictures`` uint8 (N, C, H, W) as a safetensors file, whole or not at all."""
    from safetensors.torch import save

    files.write(file, save({"pictures": pictures.contiguous()}))


def read_pictures(file: Path) -> Tensor:
    """What ``write_pictures`` wrote; raises ``GancourseError`` where it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(os.fspath(file))["pictures"]
    except (OSError, SafetensorError, KeyError) as error:
        raise GancourseError(
            f"{file} holds no synthetic pictures ({error}). Delete the generator's .json beside "
            "it, and sweep again."
        ) from error
