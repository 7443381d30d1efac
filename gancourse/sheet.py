"""The cheat sheet and the glossary: made from the package's docstrings and constants.

``gancourse sheet`` prints them; ``docs/`` keeps them, and a test compares. So a changed default or
a changed definition cannot leave an old one behind.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import torch

from . import profiles
from .errors import unknown
from .training.signs import SIGNS

# Term → where its definition stands: the first paragraph of that docstring.
TERMS = {
    "Augmentation, classical": "augment.classical",
    "Averaged weights (EMA)": "training.dcgan.update_ema",
    "Checkpoint": "training.checkpoint.save",
    "Content agreement": "evaluation.content.agreement",
    "Copying": "evaluation.neighbours.Copying",
    "Critic": "losses.wasserstein_discriminator",
    "Cycle and identity loss": "losses.distance",
    "CycleGAN's objective": "training.cyclegan.CycleGANStep",
    "d′": "evaluation.study.d_prime",
    "DiffAugment": "augment.diffaugment",
    "Discriminator": "models.dcgan.Discriminator",
    "FCN score": "evaluation.segmentation.scores",
    "Fréchet distance, FID": "evaluation.distances.frechet",
    "Generator": "models.dcgan.Generator",
    "Gradient penalty": "losses.gradient_penalty",
    "Flag of the monitor": "training.monitor.Flag",
    "Image pool": "training.pool.ImagePool",
    "Jackknife": "evaluation.spread.jackknife",
    "Jensen–Shannon divergence": "densities.jensen_shannon",
    "Kernel distance, KID": "evaluation.distances.kid",
    "Latent vector z": "training.dcgan.sample_z",
    "Least-squares loss": "losses.lsgan_discriminator",
    "Linear decay": "training.cyclegan.decay",
    "Maximum mean discrepancy": "losses.mmd2",
    "Mode count": "densities.modes_found",
    "Non-saturating loss": "losses.bce_generator",
    "Optimal discriminator": "densities.optimal_discriminator",
    "PatchGAN": "models.cyclegan.PatchDiscriminator",
    "Precision and recall": "evaluation.distances.precision_recall",
    "Real-or-fake study": "evaluation.study.Study",
    "Receptive field": "models.cyclegan.receptive_field",
    "Residual block": "models.cyclegan.ResidualBlock",
    "Saturating loss": "losses.bce_generator_saturating",
    "Spectral norm": "models.dcgan.SpectralConv2d",
    "Unpaired batches": "training.loop.PairBatches",
    "Wasserstein distance": "densities.wasserstein1",
    "Wilson's interval": "evaluation.study.wilson",
}
LOSSES = (
    "bce_discriminator",
    "bce_generator",
    "bce_generator_saturating",
    "lsgan_discriminator",
    "lsgan_generator",
    "wasserstein_discriminator",
    "wasserstein_generator",
    "gradient_penalty",
    "distance",
    "mmd2",
)
RECIPES = {  # the published settings: profile "full"
    "steel scratches, DCGAN (02)": "neu-scratches",
    "cats, DCGAN (03)": "cats",
    "cats, CycleGAN (06)": "grumpy-cats",
    "horse → zebra, CycleGAN (07)": "horse2zebra",
}
ROWS = {  # setting → how the sheet calls it
    **{"size": "pixels", "channels": "channels", "width_g": "width of G", "width": "width of G"},
    **{"width_d": "width of D", "blocks": "residual blocks", "loss": "loss", "norm": "norm"},
    **{"lr_g": "learning rate of G", "lr_d": "learning rate of D", "lr": "learning rate"},
    **{"beta1": "Adam's β₁", "batch_size": "batch", "epochs": "epochs", "cycle": "cycle loss"},
    **{"lambda_cycle": "λ", "lambda_identity": "identity, share of λ", "pool": "image pool"},
}


def find(path: str):
    """The object at ``module.name`` below the package."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"gancourse.{module}"), name)


def definition(path: str, paragraphs: int = 1) -> str:
    """The first ``paragraphs`` of a docstring as one line of Markdown; one more after a colon."""
    every = inspect.getdoc(find(path)).split("\n\n")
    first = every[:paragraphs]
    if first[-1].endswith(":"):
        first = every[: paragraphs + 1]
    return re.sub(r"``(.*?)``", r"`\1`", " ".join(" ".join(first).split())).replace("|", "\\|")


def chapters_with(name: str, folder: Path) -> str:
    """Numbers of the chapters whose text form calls or imports ``name``."""
    word = re.compile(rf"\b{name}\(|\bimport .*\b{name}\b")
    files = sorted(folder.glob("[0-9][0-9]_*.py"))
    return ", ".join(f.name[:2] for f in files if word.search(f.read_text(encoding="utf-8")))


def glossary(folder: str | Path = "notebooks/text") -> str:
    """The terms in alphabetical order: definition, where it is in the package, which chapters."""
    lines = ["# Glossary", "", *_made("glossary")]
    for term, path in sorted(TERMS.items(), key=lambda item: item[0].casefold()):
        where = chapters_with(path.rpartition(".")[2], Path(folder))
        chapters = f"; chapter {where}" if where else ""
        lines.append(f"- **{term}**: {definition(path, 2)} (`gancourse.{path}`{chapters})")
    return "\n".join(lines)


def cheatsheet() -> str:
    """One page: losses, shapes, recipes, and what a sick run looks like."""
    parts = [["# Cheat sheet", "", *_made("cheatsheet")], _losses(), _shapes(), _recipes()]
    parts.append(_signs())
    return "\n\n".join("\n".join(part) for part in parts)


def _made(name: str) -> list[str]:
    return [f"Made by `gancourse sheet {name}` from the package; change it there.", ""]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _losses() -> list[str]:
    rows = [[f"`{name}`", definition(f"losses.{name}")] for name in LOSSES]
    return ["## Losses", "", "On logits, each the mean over all of them.", ""] + _table(
        ["function", "what it computes"], rows
    )


def _shapes() -> list[str]:
    from .models import cyclegan, dcgan

    rows = []
    with torch.device("meta"):  # shapes and counts, no numbers
        for name, experiment in RECIPES.items():
            s = profiles.settings(experiment, "full")
            image = torch.empty(2, s.channels, s.size, s.size)
            if isinstance(s, profiles.DCGANSettings):
                nets, given = dcgan.build(s), (torch.empty(2, s.z_dim), image)
            else:
                nets, given = (cyclegan.generator(s), cyclegan.discriminator(s)), (image, image)
            for letter, net, x in zip("GD", nets, given, strict=True):
                shapes = " → ".join(_shape(t) for t in (x, net.eval()(x)))
                rows.append([name, letter, shapes, f"{dcgan.parameters(net):,}"])
    return ["## Shapes", "", "N images a batch, at the published settings.", ""] + _table(
        ["experiment", "network", "input → output", "parameters"], rows
    )


def _shape(tensor) -> str:
    return f"({', '.join(['N', *map(str, tensor.shape[1:])])})"


def _recipes() -> list[str]:
    found = {name: vars(profiles.settings(e, "full")) for name, e in RECIPES.items()}
    rows = []
    for label in dict.fromkeys(ROWS.values()):
        keys = [key for key, text in ROWS.items() if text == label]
        row = [next((f"{s[k]}" for k in keys if k in s), "") for s in found.values()]
        rows.append([label, *row])
    return ["## Recipes", "", "The published settings, profile `full`.", ""] + _table(
        ["", *found], rows
    )


def _signs() -> list[str]:
    head = "The monitor's flags, with the limits of chapter 09's small models; v is the reading."
    rows = []
    for name, sign in SIGNS.items():
        says = re.sub(r" ?\(limit.*?\)", "", sign.says).replace("{where}", "…")
        says = re.sub(r"\{value.*?\}", "v", says)
        rows.append([name, says, f"v {'<' if sign.below else '>'} {sign.limit:g}", sign.remedy])
    return ["## Is it working?", "", head, ""] + _table(
        ["flag", "what it says", "raised at", "what to do"], rows
    )


SHEETS = {"cheatsheet": cheatsheet, "glossary": glossary}


def make(name: str) -> str:
    """The text of ``"cheatsheet"`` or ``"glossary"``; raises ``UnknownName`` for another one."""
    if name not in SHEETS:
        raise unknown("sheet", name, SHEETS)
    return SHEETS[name]()
