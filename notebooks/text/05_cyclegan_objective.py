# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,jupyter,-all
#     formats: notebooks///ipynb,notebooks/text///py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · The CycleGAN objective, term by term
#
# After this chapter you can
#
# - say what the cycle loss adds to an adversary, and what even it leaves open;
# - write the objective and one step of it from memory, and measure what each part did;
# - say which translations it is good at, and when to take something else.
#
# **Data:** drawn horses and zebras with known poses (always stand-ins), and the CMP
# facades with their label maps, real or seeded stand-ins; every figure says which.
# **Time:** 29 minutes to read, with the code 47; about a minute to run on two CPU cores
# (`quick`). The paper is Zhu, Park, Isola and Efros, *Unpaired Image-to-Image Translation
# using Cycle-Consistent Adversarial Networks* (2017).

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # of the facades: "real" never falls back to stand-ins, "stand-in" always does
EPOCHS = None  # of each run on the drawn pairs; None: 1, at full 20
TRAIN_HORSES = False  # True: train the five settings of section 7 here, too
TRAIN_FACADES = False  # True: train the five settings on facades here, even where records exist

# %% tags=["nbval-ignore-output"]
# In Colab: fetch the course and install its package; torch stays as it is.
import importlib.util
import os
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("gancourse") is None:
    import subprocess

    source = os.environ.get("GANCOURSE_SOURCE", "")  # filled in by `make badges`
    if not source:
        raise RuntimeError("Set os.environ['GANCOURSE_SOURCE'] to the course's git address.")
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, "gancourse_repo"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "-e", "gancourse_repo"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, os.path.abspath("gancourse_repo"))

import copy
import statistics

import numpy as np
import torch
from torch import nn

from gancourse import data, device, profiles, records
from gancourse.data import standins
from gancourse.data.batches import load_domain, pairs_of
from gancourse.metrics import content, distances, features
from gancourse.models import cyclegan
from gancourse.notebook import figures, panels
from gancourse.notebook.cell import finished, report, require, table
from gancourse.train.cyclegan import CycleGANStep, ImagePool, LinearDecay, translate
from gancourse.train.loop import ProgressBar, fit
from gancourse_lab import drawn_pairs, exercises, fcn_score, objective_figures
from gancourse_lab.drawn_pairs import grey_levels, there_and_back

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED)
print(f"profile {profile}, {device.describe()}")

# %% [markdown]
# What this objective can do, on photographs that trained nothing. Nobody told the network
# which zebra belongs to which horse.

# %% jupyter={"source_hidden": true} tags=["thumbnail"]
zebras, columns = records.load("horse2zebra/prototype-128px-lam5"), (5, 1, 4)
rows = {  # row 0 of the sheet has the horses, row 4 what they are after 7,050 steps
    "x": objective_figures.from_sheet(zebras, 0, columns),
    "G(x)": objective_figures.from_sheet(zebras, 4, columns),
}
alt = "Three photographs of horses, and below each the same scene with stripes on the horses."
about = f"test pictures, 128 px, after 7,050 steps of 8; a prototype's run, {zebras['device']}"
figures.show_sheet(alt, rows, "", about, scale=2)
found = next(m for m in zebras["metrics"] if m["step"] == 7050)["average"]["a_to_b"]["held_out"]
print(f"{zebras.kid} to the test zebras: {found[zebras.kid][0]:.2f} after 7,050 steps")

# %% [markdown]
# *What you see:* brown coats turn into stripes; heads, legs and grass stay. In the second
# and third picture some stripes fall beside the horse: no term says what a horse is. (Three
# of the run's eight test horses, chosen. *KID*, here times 1,000, is the distance between two
# sets of pictures of chapter 02.)
#
# ## 1 · Two piles of pictures, no pairs
#
# We have pictures $x$ of one kind, domain A, and pictures $y$ of another, domain B, and
# want a translator $G: A \to B$: the same scene, the other kind. With pairs
# $(x_i, y_i)$ this would be regression. But no photographer has the zebra that stands
# exactly where this horse stood.
#
# To *measure*, never to train, we need pairs all the same. So this chapter draws its animals,
# and to any $x$ its own $y$.

# %% tags=["nbval-ignore-output"]
recipe = {
    "smoke": {},
    "quick": {"batch_size": 1, "lr": 4e-4},  # one image a step: 224 steps an epoch
    "full": {"size": 64, "load_size": 72, "width": 32, "width_d": 64, "blocks": 3, "epochs": 20},
}[profile]
recipe |= {"seed": SEED} | ({} if EPOCHS is None else {"epochs": EPOCHS})
recipe["constant_epochs"] = recipe.get("epochs", 1)


def horses(**changes):
    """Settings of one run on the drawn pairs."""
    return profiles.settings("horse2zebra", profile, **(recipe | changes))


settings, smoke = horses(), profile == "smoke"
drawn = {"size": settings.load_size, "split": "train", "n": 64 if smoke else None}
train_a = standins.make("horse2zebra", part="A", **drawn)
train_b = standins.make("horse2zebra", part="B", **drawn)
held_out = {"split": "test", "n": 16 if smoke else 64}
pairs_a, pairs_b = standins.pairs("horse2zebra", size=settings.size, **held_out)
long_a, long_b = standins.pairs("horse2zebra", size=64, **held_out)  # as large as the records
print(f"training: {len(train_a)} horses and {len(train_b)} other zebras; {len(pairs_a)} test pairs")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
others = standins.make("horse2zebra", part="B", size=64, split="train", n=6)
seen = {"x": long_a.images[:6], "its own y": long_b.images[:6], "B to train on": others.images}
alt = (
    "Three rows of six drawn animals on grass: brown horses, zebras in exactly the same poses and "
    "places, and other zebras in other places."
)
figures.show_sheet(alt, seen, "", f"{long_a.caption}; {others.caption}", scale=2)

# %% [markdown]
# *What you see:* each horse has its partner below it. Training gets other horses, and zebras as
# in the third row, where nothing fits.
#
# ## 2 · Adversarial alone cannot tie x to its own y
#
# A discriminator $D_B$ never sees which $x$ a picture was made from. So all that $G$ can learn
# from it is to make the *distribution* of $G(x)$ equal to that of $y$. Any permutation of B's
# pictures, handed out at random, satisfies it perfectly (the paper's argument).
#
# Let pictures be single numbers: $x$ uniform on $[0, 1]$, $y$ on $[2, 3]$, the own partner of
# $x$ being $x + 2$. **Guess first:** which of these six translators does an adversary catch?


# %%
n = 10_000
x = (torch.arange(n, dtype=torch.float64) + 0.5) / n
maps = {
    "own partner": x + 2,
    "mirrored": 3 - x,
    "halves swapped": 2 + (x + 0.5) % 1,
    "folded": 2 + (2 * x - 1).abs(),
    "doubled": 2 + (2 * x) % 1,
    "one point": torch.full_like(x, 2.5),
}


def best_way_back(gx):
    """Smallest mean |F(G(x)) - x| that any F can reach: it sees G(x) and must name one x."""
    order = gx.mul(1e6).round().unique(return_inverse=True)[1]
    groups = torch.split(x[order.argsort(stable=True)], order.bincount().tolist())
    return float(torch.cat([(group - group.median()).abs() for group in groups]).mean())


print(f"{'':16s}{'to B, as a whole':>18s}{'way back':>10s}{'to own y':>10s}")
for name, gx in maps.items():
    y = x + 2  # the own partners; sorted, they are B
    distribution = float((gx.sort().values - y).abs().mean())  # the Wasserstein-1 distance
    own = float((gx - y).abs().mean())
    print(f"{name:16s}{distribution:18.2f}{best_way_back(gx):10.2f}{own:10.2f}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    objective_figures.maps(x, maps),
    "Six graphs of G over x: the rising line, a falling line, two swapped pieces, a V, two rising "
    "pieces each over all of B, and a constant. A grey line marks the own partner.",
)

# %% [markdown]
# *To B, as a whole*: the distance between the distributions of $G(x)$ and of $y$,
# all that an adversary can measure. Only the last is caught: one picture for everything
# is not B's distribution.
#
# *Way back*: how well the best $F: B \to A$ can undo $G$. Folding and doubling send two
# $x$ to one $y$, and no $F$ can tell which it was. The **cycle loss**
# $\lvert F(G(x)) - x \rvert$ sees it: $G$ must not forget.
#
# *To own y*: what we really want. Mirroring and swapping lose nothing, so both losses
# are content, and yet nearly every $x$ gets a wrong partner. **The cycle loss demands a
# translation that can be undone; it does not say which one.** That trained networks
# prefer the first row is not in the objective: a convolutional generator starts out
# local and smooth (Galanti et al., 2018).

# %% [markdown]
# ## 3 · Every term, written out
#
# Two generators, $G: A \to B$ and $F: B \to A$ (`gen_ab`, `gen_ba`), and two
# discriminators, $D_A$ and $D_B$ (`disc_a` judges A). The whole loop, with the
# pictures that a trained one makes (the laptop's run of chapter 07):

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
laptop = records.load("horse2zebra/laptop-seed0")
to_b, to_a = laptop.generator("gen_ab"), laptop.generator("gen_ba")
horse, zebra = laptop.strip[[0, 12], 0]
made_b, made_a = translate(to_b, horse[None])[0], translate(to_a, zebra[None])[0]
pictures = {"x": horse, "G(x)": made_b, "y": zebra, "F(y)": made_a}
pictures |= {"F(G(x))": translate(to_a, made_b[None])[0], "F(x)": translate(to_a, horse[None])[0]}
pictures |= {"G(F(y))": translate(to_b, made_a[None])[0], "G(y)": translate(to_b, zebra[None])[0]}
figures.show(
    objective_figures.loop(pictures, f"test pictures, 64 px; {laptop.caption}"),
    "Diagram. Above: the horse x goes through G to the striped G(x), through F back to F(G(x)), which "
    "a dashed line compares with x; D_B sees G(x) and a real y. Below, mirrored: the zebra y through F "
    "to F(y), through G back; D_A sees F(y) and a real x. Right: G(y) against y, F(x) against x.",
    photo=True,
)

# %% [markdown]
# *What you see:* the horses get stripes, and lose most of them on the way back; the zebra's back
# turns brown, and its stripes come back too bold.
#
# The paper's objective:
#
# $$\mathcal{L} = \mathcal{L}_\text{GAN}(G, D_B) + \mathcal{L}_\text{GAN}(F, D_A)
#   + \lambda\, \mathcal{L}_\text{cyc}(G, F), \qquad
#   G^*, F^* = \arg \min_{G, F} \max_{D_A, D_B} \mathcal{L} .$$
#
# **Adversarial.** In the theory it is the logarithmic game of chapter 01,
# $\mathbb{E}[\log D_B(y)] + \mathbb{E}[\log(1 - D_B(G(x)))]$. In the experiments the
# paper takes least squares, which trained more stably: $G$ minimises
# $\mathbb{E}[(D_B(G(x)) - 1)^2]$, $D_B$ minimises
# $\tfrac12\mathbb{E}[(D_B(y) - 1)^2] + \tfrac12\mathbb{E}[D_B(G(x))^2]$.
# There is no noise $z$: each $x$ gets one answer, always the same.
#
# **Cycle.** There and back, both ways, by mean absolute difference:
# $\mathbb{E}\lvert F(G(x)) - x \rvert$, the *forward* cycle, and
# $\mathbb{E}\lvert G(F(y)) - y \rvert$, the *backward* one. L1, because a squared
# error is smallest for the mean of all candidates, a blur. $F \circ G$ and $G \circ F$
# are two autoencoders whose code is a picture of the other domain, and an adversary
# decides what a code may look like. Section 6 shows where λ pulls.
#
# **Identity.** A picture that is in the target domain already should stay as it
# is: $\mathbb{E}\lvert G(y) - y\rvert + \mathbb{E}\lvert F(x) - x\rvert$ (after
# Taigman et al., 2017), for tasks where colours must not drift. The reference code
# weighs it as a *fraction of λ*: $0.5 \cdot 10 = 5$.
#
# In the code, `rec_a` is $F(G(x))$ and `idt_a` is $F(x)$.


# %%
def generator_terms(gen_ab, gen_ba, disc_a, disc_b, real_a, real_b, lambda_cycle, lambda_identity):
    """All terms of the generators, unweighted, their weighted sum, and the two fakes."""
    fake_b, fake_a = gen_ab(real_a), gen_ba(real_b)
    rec_a, rec_b = gen_ba(fake_b), gen_ab(fake_a)
    idt_b, idt_a = gen_ab(real_b), gen_ba(real_a)
    t = {
        "adv_b": (disc_b(fake_b) - 1).square().mean(),
        "adv_a": (disc_a(fake_a) - 1).square().mean(),
        "cycle_a": (rec_a - real_a).abs().mean(),  # forward: A → B → A
        "cycle_b": (rec_b - real_b).abs().mean(),  # backward: B → A → B
        "idt_b": (idt_b - real_b).abs().mean(),
        "idt_a": (idt_a - real_a).abs().mean(),
    }
    cycle, identity = t["cycle_a"] + t["cycle_b"], t["idt_a"] + t["idt_b"]
    weighted = lambda_cycle * cycle + lambda_cycle * lambda_identity * identity
    return {**t, "gen": t["adv_a"] + t["adv_b"] + weighted}, fake_a, fake_b


def train_step(nets, opt_gen, opt_disc, pool_a, pool_b, real_a, real_b, lam, lam_identity):
    """One update of both generators, then one of both discriminators."""
    gen_ab, gen_ba, disc_a, disc_b = nets
    for disc in (disc_a, disc_b):
        disc.requires_grad_(False)  # in this half their weights are only looked through
    terms, fake_a, fake_b = generator_terms(*nets, real_a, real_b, lam, lam_identity)
    opt_gen.zero_grad()
    terms["gen"].backward()
    opt_gen.step()

    for disc in (disc_a, disc_b):
        disc.requires_grad_(True)
    opt_disc.zero_grad()  # once, in front of both
    for name, disc, real, fake in (
        ("disc_a", disc_a, real_a, pool_a.query(fake_a.detach())),
        ("disc_b", disc_b, real_b, pool_b.query(fake_b.detach())),
    ):
        terms[name] = 0.5 * ((disc(real) - 1).square().mean() + disc(fake).square().mean())
        terms[name].backward()
    opt_disc.step()
    return {name: value.detach() for name, value in terms.items()}


# %% [markdown]
# Put in networks with known answers: a $G$ and an $F$ that paint everything mid-grey
# (0), discriminators that answer 0.3 everywhere, and pictures that are 0.5 everywhere.
# What should `gen` be?


# %%
def grey(image):
    return torch.zeros_like(image)


def unsure(image):
    return torch.full((len(image), 1, 6, 6), 0.3)


half = torch.full((2, 3, 32, 32), 0.5)
known, _, _ = generator_terms(grey, grey, unsure, unsure, half, half, 10, 0.5)
for name, value in known.items():
    print(f"{name:8s}{value:7.2f}")
print("gen by hand: 2·(0.3 − 1)² + 10·(0.5 + 0.5) + 10·0.5·(0.5 + 0.5) =", 2 * 0.7**2 + 10 + 5)

# %% [markdown]
# The package's `CycleGANStep` does the same, with fake and identity image as one batch (which
# *instance norm* allows: it looks at each image by itself). Both steps, from the same start:

# %%
small = profiles.settings("horse2zebra", "smoke", batch_size=2)
torch.manual_seed(1)
package_step = CycleGANStep(small, device="cpu")
nets = [getattr(package_step, name) for name in ("gen_ab", "gen_ba", "disc_a", "disc_b")]
ours = copy.deepcopy(nets)
adam = [
    torch.optim.Adam([*two[0].parameters(), *two[1].parameters()], 2e-4, (0.5, 0.999))
    for two in (ours[:2], ours[2:])
]
batch = [torch.rand(2, 3, 16, 16) * 2 - 1 for _ in "ab"]
mine = train_step(ours, *adam, ImagePool(50), ImagePool(50), *batch, 10, 0.5)
theirs = package_step(tuple(batch))
require(mine.keys() == theirs.keys())
require(max(abs(mine[k].item() - theirs[k].item()) for k in mine) < 1e-5)
print(f"claim holds: {len(mine)} of 9 terms equal the package's to 1e-5:", ", ".join(mine))

published = profiles.CycleGANSettings()
count = sum(p.numel() for p in cyclegan.generator(published).parameters())
print(f"G and F, each: {count:,} weights at the published width")
count = sum(p.numel() for p in cyclegan.discriminator(published).parameters())
print(f"D_A and D_B, each: {count:,} weights at the published width")

# %% [markdown]
# ### The generator
#
# It halves the picture twice, works on it, and doubles it twice:
#
# - *c7s1-64*: a 7×7 convolution to 64 channels, borders reflected;
# - *d128*, *d256*: 3×3 convolutions of stride 2;
# - *R256*, nine times (six at 128 px, three at 64): a *residual block*, $h + f(h)$ with
#   two 3×3 convolutions in $f$;
# - *u128*, *u64*: transposed 3×3 convolutions, each twice as large;
# - *c7s1-3*: 7×7 again, to three channels, then tanh.
#
# After every convolution but the last stand instance norm and ReLU.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
stages = [("x", 256, 3), ("c7s1-64", 256, 64), ("d128", 128, 128), ("d256", 64, 256)]
stages += [("9 × R256", 64, 256), ("u128", 128, 128), ("u64", 256, 64), ("c7s1-3", 256, 3)]
figures.show(
    objective_figures.layers([*stages, ("G(x)", 256, 3)]),
    "Bars from left to right, as high as the picture at that stage: 256 pixels, then 128, then 64 "
    "for the middle and the nine residual blocks, then 128 and 256 again.",
)

# %% [markdown]
# ## 4 · What a PatchGAN sees
#
# The discriminator answers with a map of logits. Each sees only a *patch*, and the loss is the
# mean over all: D stays small, works at any size, and judges texture, blind to the whole.
#
# How large is the patch? Walk back from one logit, $r = 1$. Through a convolution with
# kernel $k$ and stride $s$, a width of $r$ outputs needs
#
# $$r \leftarrow s\,(r - 1) + k$$
#
# inputs. The published D has three layers with stride 2 and two with stride 1,
# all with $k = 4$.


# %%
def patch(layers):
    """Side of the patch that one logit sees: ``layers`` strided convolutions, two at stride 1."""
    r = 1
    for stride in [1, 1] + [2] * layers:  # from the logit back to the image
        r = stride * (r - 1) + 4
    return r


def logits(size, layers):
    """Side of the map of logits: (W + 2P - F) // S + 1 with P = 1, F = 4."""
    for stride in [2] * layers + [1, 1]:
        size = (size - 2) // stride + 1
    return size


for layers in (1, 2, 3, 4):
    net = cyclegan.initialise(cyclegan.PatchDiscriminator(8, layers))
    by_gradient = int((cyclegan.receptive_field(net, 256) > 0).any(0).sum())  # seen by one logit
    count = net(torch.zeros(1, 3, 256, 256)).shape[-1]
    require(by_gradient == patch(layers) and count == logits(256, layers))
    print(f"{layers} strided layers: {by_gradient:3d} px a logit, {count}×{count} logits at 256 px")

# %% [markdown]
# Move a logit about; below, the patches of three networks, and how much arrives from where,
# by the mean $\lvert\text{gradient}\rvert$.

# %% tags=["nbval-ignore-output"]
FACADE = 64 if smoke else 128
limit = 32 if smoke else None  # pictures of each split
photo = data.load("facades", part="photo", size=FACADE, split="test", source=DATA, limit=4)


def one_logit(layers, down, across):
    """The square of the logit that lies at these per cent of D's map."""
    last = logits(FACADE, layers) - 1
    row, column = (round(last * part / 100) for part in (down, across))
    return objective_figures.patch(photo.images[0], layers, row, column, patch(layers), last + 1)


panels.panel(
    one_logit,
    photo=True,
    moves="layers",
    layers=panels.number(1, 4, 3, "strided layers"),
    down=panels.number(0, 100, 45, "down, %"),
    across=panels.number(0, 100, 45, "across, %"),
)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
fresh = [cyclegan.initialise(cyclegan.PatchDiscriminator(8, 3)) for _ in range(8)]
gradient = torch.stack([cyclegan.receptive_field(net, FACADE) for net in fresh]).mean(0)
reaches = {layers: patch(layers) for layers in (1, 2, 3)}
figures.show(
    objective_figures.patches(photo.images[1:], reaches, gradient, photo.caption),
    "Three facades with orange squares of 16, 34 and 70 pixels: a window, a window with its wall, "
    "and most of a storey or more; then a dark bell in the middle of a pale square.",
    photo=True,
)

# %% [markdown]
# *What you see:* 16 pixels hold a part of a window, 34 a window with its wall, 70 two
# storeys of a bay. The gradient is a bell: a patch works as if it were smaller.
#
# ## 5 · The image pool
#
# If $D$ only ever sees the newest fakes, $G$ can return to a trick of a hundred steps
# ago, and the two run in circles. So a pool keeps 50 earlier fakes of each domain. A
# coin decides: a new fake is shown at once, or changes places with a random older one.


# %%
class Pool:
    """Up to ``size`` earlier fakes; half of the queries are answered with one of them."""

    def __init__(self, size=50):
        self.size, self.images = size, []

    def query(self, images):
        answer = []
        for image in images:
            if len(self.images) < self.size:  # it fills first
                self.images.append(image)
            elif torch.rand(()) < 0.5:
                at = int(torch.randint(self.size, ()))
                image, self.images[at] = self.images[at], image
            answer.append(image)
        return torch.stack(answer)


numbered = torch.arange(20_000.0).reshape(-1, 1, 1, 1)  # each "fake" is its own number
answers = []
for pool in (Pool(50), ImagePool(50)):
    torch.manual_seed(0)
    answers.append(pool.query(numbered))
require(torch.equal(*answers))
age = (numbered - answers[0]).flatten()[2000:]
print(f"claim holds: {len(age)} of 18000 answers equal the package's")
print(f"shown at once {(age == 0).float().mean():.2f}, mean age {age.mean():.0f} queries")

# %% [markdown]
# A stored fake leaves at a query with probability $\tfrac12 \cdot \tfrac1{50}$, so it stays
# for 100 on average; half of the answers are new, half from the store: **the mean age**,
# $\tfrac12 \cdot 100 = 50$, **equals the size of the pool**.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    objective_figures.ages(age),
    "A histogram of ages that falls off exponentially, with the curve through it.",
)

# %% [markdown]
# ## 6 · All terms at work
#
# The full objective, identity included, on the drawn horses and zebras, for one epoch.


# %% tags=["nbval-ignore-output"]
def train(settings, reals_a, reals_b, label, *callbacks):
    """One run from a fresh start: (step, history)."""
    device.seed_everything(settings.seed)
    step = CycleGANStep(settings)
    batches = pairs_of(reals_a.to(step.device), reals_b.to(step.device), settings)
    bar = ProgressBar(("gen", "disc_a", "disc_b"), label)
    return step, fit(step, batches, settings.epochs, [LinearDecay(), bar, *callbacks])


watched = (pairs_a.images[:4], pairs_b.images[4:8])
caption = f"{train_a.caption} and {train_b.caption}"
paint = None if profile == "full" else lambda run: objective_figures.losses(run, caption)
live = panels.LiveFigure(watched, "full objective with identity", caption, paint=paint)
with_identity = horses(lambda_identity=0.5)
first_step, history = train(with_identity, train_a, train_b, "all terms", live)

# %% [markdown]
# The adversarial losses go nowhere in particular. The cycle terms are distances, and must fall
# below that of a constant grey, the mean $\lvert x \rvert$.

# %% tags=["nbval-ignore-output"]
for ends, name in ((pairs_a, "cycle_a"), (pairs_b, "cycle_b")):
    values, grey_level = history.terms[name], float(ends.floats().abs().mean())
    end = statistics.mean(values[-max(1, len(values) // 10) :])
    print(
        f"{name}: {values[0]:.2f} at the first step, {end:.2f} at the end; grey: {grey_level:.2f}"
    )
painted, returned = there_and_back(
    first_step.network("gen_ab"), first_step.network("gen_ba"), watched[0]
)
alt = "Four drawn horses, what G makes of each after one epoch, and what F makes of that."
shown = {"x": watched[0], "G(x)": painted, "F(G(x))": returned}
about = f"{pairs_a.caption}; {len(history)} steps, {profile}"
figures.show_sheet(alt, shown, "", about, scale=160 / settings.size)

# %% [markdown]
# *What you see:* after one epoch stripes stand where the animal stood, without legs or head,
# and the way back paints a brown cloud there. What does $D_B$ answer, patch by patch? 1 means
# real, 0 made. (That of chapter 07's photographs, after ten minutes, from the identity. Its patches of
# 70 pixels are larger than these pictures: each logit sees nearly all, and weighs its middle most.)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
halfway = records.load("horse2zebra/laptop-2600-halfway")
shown = {"real zebras": laptop.strip[[9, 12, 14], 0]}
shown["G(x)"] = translate(halfway.generator("gen_ab"), laptop.strip[[0, 3, 7], 0])
with torch.no_grad():
    both = data.to_float(torch.cat(list(shown.values())))
    judged = halfway.generator("disc_b")(both)
figures.show(
    objective_figures.answers(shown, judged, f"test pictures, 64 px; {halfway.caption}"),
    "Three zebras and three translated horses; below each the discriminator's map of answers, light "
    "where it believes the patch.",
    photo=True,
)

# %% [markdown]
# *What you see:* it believes the third zebra nearly everywhere, the first in most patches, the
# second hardly more than the fakes, of which it believes none.
#
# ### Where each term pulls
#
# All that $G$ is told in a step is which way to change each pixel of its output: minus the
# gradient, the sum of the terms' pulls. **Guess first:** where does $D_B$ pull, and where
# the way back?


# %% tags=["nbval-ignore-output"]
def pull(term, output):
    """Minus the gradient of a term by the output's pixels."""
    output = output.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(term(output), output)
    return -gradient


def size(force):
    """Sum over pixels and channels of |pull|."""
    return float(force.abs().sum())


there, back, judge_b = (halfway.generator(name) for name in ("gen_ab", "gen_ba", "disc_b"))
lam = halfway["settings"]["lambda_cycle"]
pulls = []
for x in data.to_float(laptop.strip[[0, 3, 7], 0])[:, None]:
    gx = there(x)
    by_d = pull(lambda made: (judge_b(made) - 1).square().mean(), gx)
    by_cycle = pull(lambda made, x=x: (back(made) - x).abs().mean(), gx)
    pulls.append((x, gx.detach(), by_d, by_cycle))
    against = nn.functional.cosine_similarity(by_d.flatten(), by_cycle.flatten(), 0)
    print(
        f"D_B {size(by_d):4.0f}, cycle λ · {size(by_cycle):.1f} = {lam * size(by_cycle):4.1f}, ",
        end="",
    )
    print(f"cosine between them {against:+.2f}")
y = data.to_float(laptop.strip[[12], 0])
print(
    f"identity, any picture: λ_idt · {size(pull(lambda made: (made - y).abs().mean(), there(y))):.2f}"
)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    objective_figures.pulls(pulls, lam, f"test pictures, 64 px; {halfway.caption}"),
    "Three rows: a horse, its translation, and two heat maps, each column with its own scale: the "
    "discriminator's pull is bright on flank, neck or legs, that of the cycle along edges.",
    photo=True,
)

# %% [markdown]
# *What you see:* $D_B$ pulls at flanks, chests and legs (upper left in the third is a second
# horse), and hardly at sea and grass. The way back pulls at some of the same places, a little
# against it (negative cosines), with a third or a quarter of its force.
#
# An L1 term on the output itself pulls every pixel equally hard, 1 in all, however small the
# error: λ *is* its force (through $F$ a little more). At 5 $D_B$ mostly has its way, at 16
# to 18 the two would be even, at 50 little moves (chapter 06, under your hand).
#
# ### Where $G$ starts
#
# The paper's generator starts with noise, so cycle and identity loss first teach one
# lesson: *copy the picture*. But we know its answer. Write $G(x) = \tanh\big(\operatorname{artanh}(0.98\,x) + d(x)\big)$, where $d$
# is the same network without its tanh, artanh undoes a tanh, and set the last convolution of $d$ to 0. Now
# $G(x) = 0.98\,x$ before the first step, and every step can only *change* the picture.
# (artanh(1) is infinite: hence 0.98.) Since the start keeps the content, $\lambda$ can be
# weaker: 5 in the laptop recipe. H. Yang's TensorFlow CycleGAN (2017) adds its input to its
# output, DeblurGAN learns a residual; to start *at* the identity, in the tanh's own
# coordinates, is ours as far as we know. Its price: doing nothing is also where $G$ falls
# back to when $D$ becomes too good to be fooled (chapter 07, section 6).


# %%
def from_identity(d, x):
    """G(x) = tanh(artanh(0.98·x) + d(x)): the picture, changed by d before the tanh."""
    return torch.tanh(torch.atanh(0.98 * x) + d(x))


torch.manual_seed(0)
package_gen = cyclegan.generator(profiles.settings("grumpy-cats", "tiny"))
d, x_16 = package_gen.layers, torch.rand(2, 3, 16, 16) * 2 - 1
with torch.no_grad():
    off = (from_identity(d, x_16) - 0.98 * x_16).abs().max()
    d[-1].weight.normal_(0, 0.1)  # as if it had learnt something
    equal = torch.allclose(from_identity(d, x_16), package_gen(x_16), atol=1e-6)
require(off < 1e-6 and equal)
print(
    f"before the first step: {off:.0e} off 0.98 x; after any step equal to the package's: {equal}"
)

# %% [markdown]
# **Guess first:** the same cats, losses and 450 steps, once from noise and once from the
# identity. Which gets a white muzzle first? (Recorded runs, one seed each; the one from noise
# has the paper's generator throughout.)

# %% jupyter={"source_hidden": true}
starts = {"noise": "live-paper-start-seed0", "identity": "live-seed0"}
starts = {label: records.load(f"grumpy-cats/{name}") for label, name in starts.items()}
rows = {}
for cat in (0, 5):
    for label, run in starts.items():
        rows[f"cat {cat + 1}, from {label}"] = run.strip[cat]
heads = [c.get("label", f"step {c.get('step')}") for c in run["samples"]["columns"]]
alt = "Two grey cats on their way to Grumpy Cat, each from noise and from the identity."
of_both = f"held-out {run['data']['source']} cats, {run['settings']['size']} px, enlarged; {run['device']}"
figures.show_sheet(alt, rows, "", of_both, heads)

# %%
for label, run in starts.items():
    way_back = run.at_path("final.{weights}.a_to_b.reconstruction")
    kid = run.at_path("final.{weights}.a_to_b.held_out.{kid}")
    print(
        f"from {label}: way back off by {way_back:.2f}, {run.kid} {kid:.2f} after {run.steps} steps"
    )
untouched = run.at_path("baselines.a_to_b.untouched inputs.{kid}")
print(f"untouched cats: {run.kid} {untouched:.2f}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    objective_figures.ways_back(starts),
    "Cycle loss over the steps, both axes logarithmic: from noise it falls slowly from 0.5 to 0.2, "
    "from the identity it stays below 0.1 throughout.",
)

# %% [markdown]
# *What you see:* white comes first from noise, at step 25, but on a cat that is nobody's: the
# way back is still off by 0.2 after 450 steps, three times as much as from the identity. From
# the identity the first 100 steps paint a muzzle onto the cat that is there. In KID that run
# is better than doing nothing, the other worse.

# %% [markdown]
# ## 7 · Taking it apart, where the truth is known
#
# The paper's ablation has five settings. Recorded runs, ten epochs each, with the same data,
# seed and steps, without identity loss. (`TRAIN_HORSES = True` trains all five here.)

# %%
SETTINGS = {
    "cycle alone": {"adversarial": False},
    "GAN alone": {"direction": "none"},
    "GAN + forward": {"direction": "forward"},
    "GAN + backward": {"direction": "backward"},
    "full": {},
}
NAMES = {  # setting → what its recorded run is called
    "cycle alone": "lambda10-cycle-alone-seed0",
    "GAN alone": "lambda0-seed0",
    "GAN + forward": "lambda10-forward-seed0",
    "GAN + backward": "lambda10-backward-seed0",
    "full": "lambda10-seed0",
}


def recorded(experiment):
    """Setting → its recorded run; and of those whose weights were kept, G."""
    runs = {name: records.load(f"{experiment}/{run}") for name, run in NAMES.items()}
    kept = {name: run for name, run in runs.items() if "networks" in run.content}
    return runs, {name: run.generator("gen_ab") for name, run in kept.items()}


horse_runs, horse_nets = recorded("standin-horses")
facade_runs, facade_nets = recorded("facades")  # for section 8
facade_back = facade_runs["full"].generator("gen_ba")  # for section 9
for what, found in (("horses", horse_runs), ("facades", facade_runs)):
    run, kept = found["full"], [name for name in found if "networks" in found[name].content]
    print(
        f"{what}: {run['settings']['size']} px, {run.steps:,} steps; weights of {', '.join(kept)}"
    )

# %% [markdown]
# **How to measure "its own y".** Three numbers, each against the own partner and against
# *another's*. If the two are equal, the output does not depend on the input.
#
# - *Meadow*: mean difference to the partner's picture outside the animal, in grey levels.
# - *Zebra found*: a small network has learnt from drawn zebras which pixels are zebra.
#   Intersection over union of what it finds in $G(x)$ and the true mask.
# - *Edges*: correlation of the edge maps of $G(x)$ and of $x$ (chapter 06).


# %% tags=["nbval-ignore-output"]
judge_steps = {"smoke": 10, "quick": 150, "full": 600}[profile]
judge = drawn_pairs.zebra_judge(64, judge_steps, drawn["n"])
longer = drawn_pairs.compared(horse_nets, long_a, long_b, judge)
table(drawn_pairs.HEAD, longer.rows)
if TRAIN_HORSES:
    mine = {}
    for name, change in SETTINGS.items():
        step, _ = train(horses(lambda_identity=0.0, **change), train_a, train_b, name)
        mine[name] = step.network("gen_ab")
    finished(mine, SETTINGS)
    judge = drawn_pairs.zebra_judge(settings.size, judge_steps, drawn["n"])
    table(drawn_pairs.HEAD, drawn_pairs.compared(mine, pairs_a, pairs_b, judge).rows)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
some = [0, 1, 4, 11]
rows = {"x": long_a.images[some], "its own y": long_b.images[some]}
rows |= {name: longer.images[name][some] for name in ("full", "GAN alone", "cycle alone")}
way_back = horse_runs["cycle alone"].generator("gen_ba")
rows["and back"] = translate(way_back, rows["cycle alone"])
alt = (
    "Four drawn horses, their own zebras, and what three settings make of the horses; the last row "
    "is the way back of the cycle alone."
)
figures.show_sheet(alt, rows, "", f"{long_a.caption}; recorded runs, seed 0", scale=2)

# %% [markdown]
# *What you see:* *full* paints stripes where the horse stood and keeps its hills, with a pink
# fringe, a grid and a tinted sky. *GAN alone* paints cleaner zebras, in the horse's place and
# pose, though no loss asks for that (section 2: it starts out local), but under the same
# pale sky each time, with hills where there were none. *Cycle alone* has grass above, sky below
# and a checkered animal, and from that the way back makes the brown horse again.
#
# *The answer in one sentence:* in *full*, and nearly so in GAN + forward, the own meadow is
# twice as near as another's, and the judge finds nine tenths of the zebra that it finds in
# true ones; *GAN alone* paints good zebras in nearly anybody's meadow, and *cycle alone*
# found a code: nobody asked its $G$ for zebras, only for something that $F$ can undo.

# %% [markdown]
# ### Is KID a yardstick?
#
# The next chapters set the KID of translations beside that of doing nothing. What is that
# worth, where the truth is known? **Guess first:** does *full* lie left or right of the
# untouched horses?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
kid_of = "final.{weights}.a_to_b.held_out.{kid}"
scale = horse_runs["full"]["baselines"]["a_to_b"]
kid = horse_runs["full"].kid
found = {name: longer.scores[name].zebra[0] for name in longer.scores}
dots = {
    "untouched": (scale["untouched inputs"][kid][0], found["x untouched"]),
    "real zebras": (scale["training images"][kid][0], found["own y"]),
}
dots |= {name: (horse_runs[name].at_path(kid_of), found[name]) for name in horse_nets}
figures.show(
    objective_figures.kid_and_truth(dots, kid, f"{long_a.caption}; recorded runs, seed 0"),
    "Zebra found over KID. Real zebras at the upper left, untouched horses at the lower left; full, "
    "GAN + forward, GAN alone and cycle alone go down from the middle to the far right.",
)

# %%
for name, run in horse_runs.items():
    print(f"{name:15s}{kid} {run.at_path(kid_of):.2f}")
for label, key in (("untouched", "untouched inputs"), ("other zebras", "training images")):
    print(f"{label:15s}{kid} {scale[key][kid][0]:.2f}")

# %% [markdown]
# *The answer in one sentence:* KID ranks these settings as the truth does, and calls
# all of them worse than doing nothing: a grid of pixels and a tint of the sky cost more KID
# than a coat is worth, as it seems. So a KID *above* that of the untouched inputs may mean
# "translated, with a grid". (One seed, one kind of picture; none of these runs lies below.)

# %% [markdown]
# ## 8 · Taking it apart, on facades
#
# On real pictures the truth is known where one domain is a *label map* (A, twelve colours),
# from which $G$ makes the photo of a facade (B). A segmentation network, trained on real
# photos, reads it: does it find windows where the map has them? That is the **FCN score** of
# Isola et al.

# %% tags=["nbval-ignore-output"]
of_facades = profiles.CycleGANSettings(**facade_runs["full"]["settings"])
if TRAIN_FACADES:
    of_facades = profiles.settings("facades", profile, seed=SEED)
side, names = of_facades.size, list(fcn_score.FACADES)


def facades(split):
    """(label maps, photos, classes) at the generators' size, in the same order."""
    asked = {"split": split, "source": DATA, "limit": limit}
    maps = data.load("facades", part="label", size=side, **asked)
    photos = data.load("facades", part="photo", size=side, **asked)
    large = data.load("facades", part="label", size=2 * side, **asked)
    return maps, photos, fcn_score.classes_of(large.images, side)


maps, photos, classes = facades("train")
test_maps, test_photos, test_classes = facades("test")
share = classes.flatten().bincount(minlength=12) / classes.numel()
print(f"{len(maps)} pairs for training, {len(test_maps)} held out, {side} px")

# %% [markdown]
# Its *class IoU*: of all pixels that are a window in the map or in the reading, the share that
# are one in both; then the mean over the classes.

# %% tags=["nbval-ignore-output"]
torch.manual_seed(SEED)
judge = fcn_score.FCN(12).to(device.pick())
judge_steps = {"smoke": 10, "quick": 300, "full": 2000}[profile]
judge_losses = fcn_score.train(judge, photos.images, classes, judge_steps)
print(f"cross-entropy: {judge_losses[0]:.2f} → {statistics.mean(judge_losses[-20:]):.2f}")

# %% [markdown]
# The intervals are over the choice of facades, not of the seed.

# %% tags=["nbval-ignore-output"]
if TRAIN_FACADES:
    reals = [load_domain(of_facades, part, DATA).subset(slice(limit)) for part in "AB"]
    for name, change in SETTINGS.items():
        step, _ = train(profiles.replace(of_facades, **change), *reals, name)
        facade_nets[name] = step.network("gen_ab")
        facade_back = step.network("gen_ba")  # at the end that of the full objective


def read(images):
    """What the judge reads in ``images``, against the held-out maps."""
    return fcn_score.with_interval(fcn_score.predict(judge, images), test_classes, 12)


commonest = torch.full_like(test_classes, int(share.argmax()))
scored = {
    "real photos: the best": read(test_photos.images),
    "real photos of other facades": read(test_photos.images.roll(1, 0)),
    f"always {names[int(share.argmax())]}": fcn_score.with_interval(commonest, test_classes, 12),
}
fakes = {name: translate(gen_ab, test_maps.images) for name, gen_ab in facade_nets.items()}
scored |= {name: read(images) for name, images in fakes.items()}
rows = []
for name, (value, low, high) in scored.items():
    iou = f"{value.iou:.3f} [{low.iou:.3f}, {high.iou:.3f}]"
    rows.append((name, iou))
table(("", "class IoU [95 %]"), rows)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
some = [2, 5, 8]
rows = {"label map": test_maps.images[some], "its own photo": test_photos.images[some]}
rows |= {name: images[some] for name, images in fakes.items()}
kind = f"runs of this notebook ({profile})" if TRAIN_FACADES else "recorded runs"
alt = (
    "Three coloured label maps, the real photos, and the photos that the settings make of the maps."
)
figures.show_sheet(alt, rows, "", f"{test_maps.caption}; {kind}", scale=192 / side)

# %% tags=["nbval-ignore-output"]
if len(fakes) > 1:
    one, other = (fcn_score.predict(judge, fakes[name]) for name in ("GAN alone", "full"))
    value, low, high = fcn_score.difference(one, other, test_classes, 12)
    print(f"GAN alone - full, the same maps drawn for both: class IoU {value.iou:+.3f} ", end="")
    print(f"[{low.iou:+.3f}, {high.iou:+.3f}]")
for name, images in fakes.items():
    edges = content.agreement(test_maps.images, images)
    print(f"{name:12s}edges of the map kept: {edges.kept:.2f}")
if not TRAIN_FACADES and maps.source != facade_runs["full"]["data"]["source"]:
    print("The generators learnt on other facades than these: read nothing into the numbers.")

# %% [markdown]
# *What you see:* *full* follows its map, a field or a dark place where the map has a window;
# *GAN alone* paints nearly the same front each time. The edges say so: 0.34 of the map's are
# kept, against 0.06. The judge ranks them the other way round, by 0.01, and not by chance. **An FCN
# score is only as good as its judge**: ours was trained for 300 steps, reads even photographs
# badly (0.14 of 1), and calls most of CycleGAN's weave wall. Believe the edges here.
#
# ### With pairs: the upper bound
#
# *pix2pix* (Isola et al. 2017) shows $D$ the map $x$ together with a photo, and tells $G$ the
# true photo $y$ of each map:
#
# $$\mathcal L(G) = \mathcal L_{\mathrm{GAN}}(G, D) + \lambda\,
# \mathbb E\,\lVert y - G(x) \rVert_1, \qquad \lambda = 100.$$
#
# No cycle, no $F$: its own pair says what $G$ must not lose. $G$ is a *U-Net*: it halves
# the map down to one pixel, doubles back, and hands every halving's features across.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
paired = records.load("facades-paired/cpu-seed0")
chosen = paired.strip[[0, 4, 5]]
rows = {
    "label map": chosen[:, 0],
    "pix2pix": chosen[:, -1],
    "its own photo": chosen[:, 1],
}
about = f"held-out maps; {paired.steps:,} steps of 4 pairs, {paired['device']}"
alt = "Three label maps, the facades that pix2pix paints from them, and the true photographs."
figures.show_sheet(alt, rows, "", about, scale=2)

# %% [markdown]
# *What you see:* windows, balconies and cornices stand where the map has them. The rest is
# invented: the colour of the wall, a torn sky. It is another house with the same windows.
#
# Now the judge, at its 64 px:

# %% tags=["nbval-ignore-output"]
sheet = torch.from_numpy(np.array(paired.picture("held_out.webp")))  # ten facades a row
large = sheet.reshape(10, 128, 10, 128, 3).permute(0, 2, 4, 1, 3).reshape(100, 3, 128, 128)
small = nn.AvgPool2d(2)(large.float()).round().to(torch.uint8)
same_maps = maps.source == paired["data"]["source"] and small.shape == test_maps.images.shape
if same_maps:
    scored["pix2pix, with pairs"] = read(small)
    lines = [*fakes, "pix2pix, with pairs", "real photos: the best"]
    values = [(scored[name].value, scored[name].low, scored[name].high) for name in lines]
    ious = [f"{v.iou:.3f} [{low.iou:.3f}, {high.iou:.3f}]" for v, low, high in values]
    kids = ["", "", "", ""]
    extract = features.extractor("auto")
    if extract.name == facade_runs["full"]["features"]:
        found = distances.kid(extract(small), extract(test_photos.images))
        cyclegans = [facade_runs[n].at_path("final.{weights}.a_to_b.held_out.{kid}") for n in fakes]
        kids = [f"{value:.2f}" for value in [*cyclegans, 1e3 * found.value]] + [""]
    table(("", "class IoU", f"{extract.kid}, 64 px"), list(zip(lines, ious, kids, strict=True)))
else:
    print("These are not the maps of the record: nothing to compare.")

# %% [markdown]
# *The answer in one sentence:* with pairs the judge reads as much as in photographs
# (0.13 of 0.14), without them next to nothing, and KID is less than a third of the best
# CycleGAN's. But the budgets differ: 12,000 steps of four pairs at 128 px against 3,200 at 64.
#
# ### Beside the paper
#
# Cityscapes, labels → photos, class IoU (the paper's Tables 2 to 5,
# [arXiv 1703.10593](https://arxiv.org/abs/1703.10593)): cycle alone .02, GAN alone .08, GAN +
# forward .12, GAN + backward .06, CycleGAN .11, pix2pix .18. One cycle was enough there; for
# photos → labels neither was (.07 and .01 against .16). Other classes, a stronger judge: not
# to be set beside our numbers.

# %% [markdown]
# ## 9 · Reconstruction: F(G(x))
#
# The cycle loss asks for $F(G(x)) = x$. Does it get it?

# %% tags=["nbval-ignore-output"]
maps_back = translate(facade_back, fakes["full"])
kept = fcn_score.classes_of(maps_back) == fcn_score.classes_of(test_maps.images)
print(f"full: off by {grey_levels(maps_back, test_maps.images):.1f} of 255 grey levels; ", end="")
print(f"{kept.float().mean():.0%} of the pixels come back in their class")

# %% [markdown]
# $F$ need not *see* a window to paint it back; a trace of it in $G(x)$ is enough, and Chu et
# al. (2017) found that CycleGAN hides such traces, as faint patterns. The test: add a little
# noise to $G(x)$. If $F$ reads what we see, it should hardly matter.
#
# A test needs a positive control (chapter 04). So we plant a trace: a "G" that returns the
# photo of *another* facade, with the map in the last four of each pixel's eight bits, and an
# "F" that reads these bits. **Guess first:** does the eye see the map in that photo?


# %% tags=["nbval-ignore-output"]
def hide(photos, maps):
    """Photos whose four last bits are the maps' four first ones."""
    return photos // 16 * 16 + maps // 16


def read_hidden(images):
    """What ``hide`` hid."""
    return images % 16 * 16 + 8


noise = torch.randn(fakes["full"].shape, generator=torch.Generator().manual_seed(0))
smuggled = hide(test_photos.images.roll(1, 0), test_maps.images)


def disturbed(images, sigma):
    """Images with noise of sigma grey levels."""
    return (images + sigma * noise).round().clamp(0, 255).to(torch.uint8)


print("error of the way back, in grey levels, with noise on G(x)")
for sigma in (0, 2, 4, 8, 16):
    error = grey_levels(translate(facade_back, disturbed(fakes["full"], sigma)), test_maps.images)
    planted = grey_levels(read_hidden(disturbed(smuggled, sigma)), test_maps.images)
    print(f"  noise of {sigma:2d}: full {error:5.1f}, planted trace {planted:5.1f}")
rows = {
    "x": test_maps.images[some],
    "G(x), planted": smuggled[some],
    "read back": read_hidden(smuggled)[some],
    "after noise of 4": read_hidden(disturbed(smuggled, 4))[some],
}
alt = (
    "Three label maps; three photographs of other facades, hardly a trace in them; the label "
    "maps read out of these; and coloured snow, read after a little noise."
)
figures.show_sheet(alt, rows, "", test_maps.caption, scale=160 / side)

# %% [markdown]
# *What you see:* in the second and third photo the eye finds nothing, in the smooth first one a
# faint tint of the pillars. The maps come out all but unharmed; after four grey levels of
# noise they are snow. So the test sees a hidden trace. In *full* it finds none: noise of 16
# levels raises the error by 3 %. (Perhaps this pair is too weak to hide anything: it is off by
# 23 levels without noise.)
#
# ## 10 · What it is good for, and where it fails
#
# In all the paper's applications the layout stays and the look changes: photo → Monet, horse ↔
# zebra, winter ↔ summer, map ↔ aerial photo, labels ↔ facades.
#
# Its failures follow from what the objective leaves out:
#
# - **Changes of shape.** Dog → cat gave a dog with changed colours: the generator that
#   changes least is the easiest to find.
# - **What the data lacks.** A horse with its rider: the rider gets stripes too.
# - **Exchanged labels.** Tree and building swapped in some label maps: section
#   2's swapped halves, undoable and wrong.
#
# **On your own two folders:** `gancourse train cyclegan --a DIR --b DIR --minutes 40`
# trains this objective at 64 px from the identity; section 10 of
# [chapter 07](07_cyclegan_horse2zebra.ipynb) does it in the notebook.
#
# ### When not to use a GAN
#
# | you have, or want | take |
# |---|---|
# | pairs, even a few hundred | pix2pix, or plain regression |
# | the style of *one* picture | Gram matrices of a pretrained network, no $G$ (Gatys 2016) |
# | one direction only, a small change | CUT: no $F$, no cycle, less memory (Park 2020) |
# | a change of shape, or the best quality, and a GPU | diffusion: SDEdit (Meng 2022), InstructPix2Pix (Brooks 2023) |
# | a few more defects for a classifier | balanced sampling and classical augmentation first |
# | evidence: a scan, a measurement | none of them; what they add is invented (Cohen 2018) |
#
# ## 11 · Exercises
#
# Put your answer in the place of `...` and run the cell; the third ✗ tells.
#
# **1. Write it.** The generator of section 3 as one `nn.Sequential`, a layer a line,
# with width 8 and a single residual block, which is given:
# `cyclegan.ResidualBlock(32)`. The transposed convolutions need
# `padding=1, output_padding=1`.

# %% tags=["exercise"]
my_generator = ...  # nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7), …)
exercises.answer("05.1", my_generator)

# %% [markdown]
# **2. Predict, then run.** A seventh translator for section 2: $G(x) = 2 + x^2$.
# Write down its three numbers before you run. Which two are equal, and would an
# adversary alone repair it?

# %% tags=["exercise"]
as_a_whole = ...  # to B, as a whole
way_back = ...  # of the best F
to_own_y = ...
exercises.answer("05.2", as_a_whole, way_back, to_own_y)

# %% [markdown]
# **3. Find the bug.** In one repository a function returns its two loss
# functions as `cycle, adversarial`, and the caller writes
#
# ```python
# adversarial, cycle = make_losses()  # make_losses returns (L1, mean squared error)
# ```
#
# Nothing crashes. What is logged now when $D$ answers 3 on every patch of the fakes, and
# when every pixel of $F(G(x))$ is off by 0.5? (Right would be $(3-1)^2 = 4$ and 0.5.)

# %% tags=["exercise"]
adversarial_term = ...  # of the buggy code, when D(G(x)) is 3 everywhere
cycle_term = ...  # of the buggy code, when |F(G(x)) - x| is 0.5 everywhere
exercises.answer("05.3", adversarial_term, cycle_term)

# %% [markdown]
# **4. Receptive field.** Somebody adds a fourth strided layer to the PatchGAN.
# How many pixels does a logit see, and how many logits are there at 256 px?

# %% tags=["exercise"]
pixels = ...  # side of the patch
side_of_map = ...  # of logits
exercises.answer("05.4", pixels, side_of_map)

# %% [markdown]
# **5. Open.** Think of a translation that you would like to have, and of two folders
# of pictures for it. Which of section 10's failures will it meet, and which row of its
# last table? Write it down; section 10 of chapter 07 trains on your folders.

# %% [markdown]
# ## Summary
#
# - An adversary sees distributions; it cannot tie $x$ to its own $y$. The cycle loss
#   forbids forgetting, and does not choose among undoable maps.
# - The generators minimise adv + λ·cycle + λ·(fraction)·identity, and λ is the force of
#   the way back.
# - A PatchGAN logit sees $r \leftarrow s(r-1)+k$ pixels, 70 as published. The
#   pool shows $D$ fakes of mean age 50.
# - To measure content, compare with the own partner *and* with another's. An FCN
#   score is as good as its judge. KID below the untouched inputs is evidence; above
#   them it says little.
# - A good way back proves that information survived, not that it is visible: add noise. (A
#   planted trace breaks at once; our pair shows none.)
#
# **References.** J.-Y. Zhu et al., *Unpaired Image-to-Image Translation using Cycle-Consistent
# Adversarial Networks*, 2017 · P. Isola et al., *Image-to-Image Translation with Conditional
# Adversarial Networks*, 2017 (PatchGAN, FCN score, facades) · X. Mao et al., *Least Squares
# GAN*, 2017 · A. Shrivastava et al., *Learning from Simulated and Unsupervised Images*, 2017
# (the pool) · C. Chu et al., *CycleGAN, a Master of Steganography*, 2017 · T. Galanti et al.,
# *The Role of Minimal Complexity Functions …*, 2018 · R. Tyleček and R. Šára, *Spatial Pattern
# Templates …*, 2013 (facades) · Y. Taigman et al., *Unsupervised Cross-Domain Image
# Generation*, 2017 · L. Gatys et al., *Image Style Transfer …*, 2016 · T. Park et al.,
# *Contrastive Learning for Unpaired Image-to-Image Translation*, 2020 · C. Meng et al.,
# *SDEdit*, 2022 · T. Brooks et al., *InstructPix2Pix*, 2023 · J. P. Cohen et al., *Distribution
# Matching Losses Can Hallucinate Features …*, 2018.
#
# **Next:** [06 · Grumpy cats: what the cycle loss
# keeps](06_cyclegan_grumpy_cats.ipynb)

# %% tags=["nbval-ignore-output"]
report(
    data=test_photos,
    steps=len(history),
    **{f"own_meadow_nearer_({name})": longer.scores[name].meadow_gain for name in horse_nets},
    **{f"FCN_class_IoU_({name})": scored[name].value.iou for name in fakes},
    **{"FCN_class_IoU_(real photos)": scored["real photos: the best"].value.iou},
)
