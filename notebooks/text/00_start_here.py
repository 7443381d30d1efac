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
# [![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/gancourse/blob/main/notebooks/00_start_here.ipynb)
#
# # 00 · Start here
#
# A *generative adversarial network* (GAN) learns to make things that look
# like its training data. This course builds GANs in small steps, runs each
# of them, and measures what came out. It is to end with a question from a
# steel plant: do synthetic scratches help to find real ones?
#
# After this chapter you can
#
# - say how a chapter is built, and which of its settings you may turn;
# - tell what your machine has for the course, and which pictures are real;
# - write a GAN in about 25 lines, and watch it learn, step by step;
# - put a number on "it learned", and name one thing this number misses.
#
# **Time**: 20 minutes of reading, half a minute of computing on a CPU. No GPU
# is needed. **Data**: a ring of points drawn by rule, and a look at the six
# sets of pictures. Captions say which pictures are real and which are
# *stand-ins*, drawn by a program.

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # auto, real or stand-in
STEPS = None  # training steps of the first GAN; None: the profile's number

# %% tags=["nbval-ignore-output"]
# In Colab: fetch the course and install its package; torch stays as it is.
import importlib.util
import os
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("gancourse") is None:
    import subprocess

    source = os.environ.get("GANCOURSE_SOURCE", "https://github.com/OWNER/gancourse")
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, "gancourse_repo"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "-e", "gancourse_repo"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, os.path.abspath("gancourse_repo"))

import math

import torch
from IPython.display import Image, Markdown, display
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap
from torch import nn
from torch.nn import functional as F

from gancourse import data, device, losses, models, profiles
from gancourse.data import CATALOG, fetch, images
from gancourse.models import dcgan
from gancourse.notebook import figures, panels
from gancourse.notebook.cell import check, report, require
from gancourse.notebook.figures import movie
from gancourse_lab import doctor

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED);

# %% [markdown]
# ## The course
#
# It is for whoever wants to understand GANs by running them: a student with
# a laptop or Colab, a lecturer with a projector, an engineer who doubts that
# synthetic data helps. You need some Python and a first idea of what training
# a network means. Everything else is built here.
#
# | chapter | what it answers | state |
# |---|---|---|
# | 00 · Start here | What is a GAN, and does this machine run one? | you are here |
# | [01 · GAN theory](01_gan_theory.ipynb) | What do the losses promise, in one dimension? | ready |
# | [02 · DCGAN on steel scratches](02_dcgan_neu_scratches.ipynb) | How do convolutions turn noise into a scratch? | ready |
# | [03 · Cats and augmentation](03_dcgan_cats_augmentation.ipynb) | What do 204 pictures allow? | ready |
# | [04 · Copying](04_knn_overfitting.ipynb) | Did the generator learn, or memorise? | ready |
# | [05 · The CycleGAN objective](05_cyclegan_objective.ipynb) | How to translate without pairs? | ready |
# | [06 · Grumpy cats](06_cyclegan_grumpy_cats.ipynb) | What does the cycle loss keep? | ready |
# | [07 · Horse to zebra](07_cyclegan_horse2zebra.ipynb) | What does the paper's own set show? | ready |
# | [08 · Evaluating](08_evaluating_gans.ipynb) | What does a score mean at a few hundred pictures? | ready |
# | [09 · Is it working?](09_is_it_working.ipynb) | What does a sick run look like? | ready |
# | 10–12 | Synthetic defects, and whether they help the detector | planned |
#
# *Planned* means: not written yet. Nothing in the finished chapters needs
# them.
#
# ## How to read a chapter
#
# - Run it from top to bottom: Shift-Enter runs a cell and moves on.
# - The first code cell holds the **parameters**. Change one there and run the
#   chapter again, or give it on the command line:
#   `gancourse run 00 -p STEPS=300`.
# - `PROFILE` says how much is run: *smoke* for the tests (seconds), *quick*
#   (about a minute) unless you ask for *full*, the papers' settings. That takes
#   hours, on a GPU too; the chapter says how many before they pass, saves every
#   five minutes in `runs/`, and goes on there when its cell is run again.
# - **Sliders** need a running kernel. On GitHub you see the still pictures
#   below them instead.
# - **Captions** name the data: its set, size and split, and *real* or
#   *stand-in*. A number computed from stand-ins says nothing about steel.
# - **Exercises** have a blank, `answer = ...`, and check themselves. The
#   solutions fold open.
#
# ## Is this machine ready?
#
# The doctor runs one real operation of each library and looks for data. *WARN*
# means that the course runs, with less: on the CPU, say, or on stand-ins.
# Details that name folders of yours are left out here; `gancourse doctor` in
# a terminal prints them.

# %% tags=["nbval-ignore-output"]
for found in doctor.examine():
    has_path = {"/", "\\"} & set(found.detail)
    print(f"[{found.status}]".ljust(7) + found.name + ("" if has_path else f": {found.detail}"))

# %% [markdown]
# ## The data
#
# None of the pictures lie in this repository. It holds where each set comes
# from, under which licence, and, where the bytes were to be had, a checksum
# of every file.

# %%
rows = ["| set | what | size | licence | cite | checked |", "|---|---|---|---|---|---|"]
for row in fetch.table():
    if row["name"] in CATALOG:
        size = f"{row['megabytes']} MB" if row["megabytes"] else "not known"
        cells = [f"[{row['name']}]({row['page']})", row["about"], size]
        cells += [row["licence"], row["citation"], row["checked"]]
        rows.append("| " + " | ".join(cells) + " |")
display(Markdown("\n".join(rows)))
print(f"{len(CATALOG)} sets, {sum(entry.files for entry in CATALOG.values()):,} files")

# %% [markdown]
# `data.load(name)` looks in `$GANCOURSE_DATA/<name>`, then in the cache, then
# tries to download, and at last draws a stand-in. To fetch a set yourself:
# `gancourse data fetch NEU-DET`. The Severstal set needs a Kaggle account, so
# no program can fetch it for you; `data/README.md` says how.
#
# Four of the six sets come without a test part. Then a fixed hash of the file
# name holds a quarter back, on every machine the same quarter. Nothing is
# ever tuned on it. Of the 300 steel scratches it leaves

# %%
held_out = [n for n in range(1, 301) if images.held_out(f"scratches_{n}.jpg")]
print(f"{300 - len(held_out)} to train on, {len(held_out)} held out, the first five {held_out[:5]}")

# %% [markdown]
# Now look. This chapter fetches nothing large: a set that is not on this
# machine is shown as its stand-in, except the steel (28 MB) and the cats
# (3 MB), which are downloaded if there is a network.

# %% tags=["nbval-ignore-output"]
here = {row["name"] for row in fetch.table() if row["here"]}
wanted = list(CATALOG) if DATA != "real" else [n for n in CATALOG if n in here] or ["NEU-DET"]
shown = {}
for name in wanted:
    small = name in here or name in ("NEU-DET", "grumpifycat")
    shown[name] = data.load(name, limit=6, source=DATA if small else "stand-in")

labels = {
    name: f"{name.removesuffix('-steel-defect-detection')}\n{s.source}" for name, s in shown.items()
}
figure = figures.rows(
    {labels[name]: s.images for name, s in shown.items()},
    columns=6,
    title="Six pictures of each set, cut to a square, 64 px",
    caption="the word under each name says whether the row is real",
)
figure.set_dpi(80)
figures.show(
    figure,
    alt="A row of six pictures for each data set: steel defects, cats, horses and zebras, "
    "facades, magnetic tiles, steel strips. The label of a row says real or stand-in.",
    photo=True,
)

# %% [markdown]
# Look at the steel and the tiles: they are grey, and a defect can be a thin
# line on a surface that is never twice the same. In memory a set is one tensor
# of bytes, `(N, C, H, W)`: pictures, channels, height, width. A network sees
# numbers from −1 to 1.

# %%
batch = shown[wanted[0]]
floats = batch.floats()
print("stored ", tuple(batch.images.shape), batch.images.dtype)
print("network", tuple(floats.shape), floats.dtype)
bytes_back = data.to_uint8(floats)
require(torch.equal(bytes_back, batch.images) and floats.abs().max() <= 1)
print(
    f"there and back: {(bytes_back != batch.images).sum()} of {bytes_back.numel():,} values changed"
)

# %% [markdown]
# ## A first GAN
#
# A colour picture of 64 × 64 is a point in a space of 64 · 64 · 3 = 12,288
# dimensions. Nobody can look into that. So the first GAN learns points in the
# plane, where the whole game can be seen at once.
#
# The training data are points near a ring: radius 1, with a little noise
# across it, of standard deviation 0.05. The generator is never told "ring".
# It only learns, through its opponent, how its points differ from the real
# ones.
#
# ```
#  noise z ───► G ───► fake point G(z) ───┐
#                                         ├───► D ───► D(·), "it is real": 0 to 1
#  training data ────► real point x ──────┘
# ```
#
# Two networks play against each other.
#
# - The **generator** $G$ turns noise $z$, two normal random numbers, into a
#   point $G(z)$.
# - The **discriminator** $D$ sees a point and says how likely it is real,
#   $D(x) \in (0, 1)$.
#
# $D$ wants $D(x)$ near 1 and $D(G(z))$ near 0. It lowers
#
# $$L_D = -\mathbb{E}_x[\log D(x)] - \mathbb{E}_z[\log(1 - D(G(z)))].$$
#
# $G$ wants to be believed. It lowers
#
# $$L_G = -\mathbb{E}_z[\log D(G(z))].$$
#
# $\mathbb{E}_x$ is the mean over real points, $\mathbb{E}_z$ the mean over
# noise, log the natural logarithm.
#
# $G$ never sees a real point. All it gets is the slope of $D$ at its own
# points: which way to go to look more real.
#
# ### The ring
#
# First, a way to score it. A point counts as *near the ring* if it lies within
# two standard deviations of it. Of the real points this is true for
# $\mathrm{erf}(2/\sqrt{2})$, the share of a normal distribution within two
# standard deviations, and a sample agrees.

# %%
NOISE = 0.05


def real_points(n):
    angle = 2 * math.pi * torch.rand(n)
    radius = 1 + NOISE * torch.randn(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)  # (n, 2)


def near_ring(points):
    return ((points.norm(dim=1) - 1).abs() < 2 * NOISE).float().mean().item()


by_theory = math.erf(2 / math.sqrt(2))
by_count = near_ring(real_points(20_000))
require(abs(by_count - by_theory) < 4 * math.sqrt(by_theory * (1 - by_theory) / 20_000))
print(f"near the ring, real points: {by_theory:.4f}")

# %% [markdown]
# ### The networks
#
# Both are three matrix products with a bend after the first two: *LeakyReLU*
# keeps a positive number and takes a fifth of a negative one. $D$ ends in one
# number, the *logit* $\ell$, with $D(x) = 1/(1 + e^{-\ell})$.


# %%
def network(outputs):
    return nn.Sequential(
        nn.Linear(2, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, outputs),
    )


for name, outputs in [("G", 2), ("D", 1)]:
    count = models.dcgan.parameters(network(outputs))
    require(count == (2 + 1) * 64 + (64 + 1) * 64 + (64 + 1) * outputs)
    print(f"{name}: noise or point (2) -> {outputs}, {count:,} parameters")

# %% [markdown]
# ### The losses
#
# In logits, $-\log D = \log(1 + e^{-\ell})$ and
# $-\log(1 - D) = \log(1 + e^{\ell})$. PyTorch calls $\log(1 + e^{t})$
# *softplus*, and computes it without overflow. So each term is one call, and
# the same as in the package:

# %%
real_logit, fake_logit = 3 * torch.randn(2, 1000)
here_real = F.softplus(-real_logit).mean()  # -log D(x)
here_fake = F.softplus(fake_logit).mean()  # -log(1 - D(G(z)))
here_gen = F.softplus(-fake_logit).mean()  # -log D(G(z))
package = (*losses.bce_discriminator(real_logit, fake_logit), losses.bce_generator(fake_logit))
gap = max(abs(a - b).item() for a, b in zip((here_real, here_fake, here_gen), package, strict=True))
require(gap == 0)
undecided = F.softplus(torch.tensor(0.0)).item()  # the logit 0 is D = 1/2
print(f"largest difference to gancourse.losses: {gap:.0f}")
print(f"a discriminator that cannot tell: each term is log 2 = {undecided:.4f}")

# %% [markdown]
# ### One step
#
# This is the whole of it. First $D$ learns from a batch of real and a batch of
# fake points, then $G$ learns from what $D$ now says about the same fakes.
#
# `detach` cuts the fakes loose from $G$: in $D$'s turn only $D$ learns. In
# $G$'s turn the gradient runs through $D$ into $G$, and only $G$ is updated.
# $D$ learns four times as fast as $G$ (learning rates 1.2e-3 and 3e-4), so that
# its advice is up to date.

# %%
device.seed_everything(SEED)
gen, disc = network(2), network(1)
gen_opt = torch.optim.Adam(gen.parameters(), lr=3e-4, betas=(0.5, 0.999))
disc_opt = torch.optim.Adam(disc.parameters(), lr=1.2e-3, betas=(0.5, 0.999))


def train_step(real):  # real (n, 2)
    fake = gen(torch.randn(len(real), 2))

    disc_real = F.softplus(-disc(real)).mean()
    disc_fake = F.softplus(disc(fake.detach())).mean()
    disc_opt.zero_grad()
    (disc_real + disc_fake).backward()
    disc_opt.step()

    gen_loss = F.softplus(-disc(fake)).mean()
    gen_opt.zero_grad()
    gen_loss.backward()
    gen_opt.step()
    return {"disc_real": disc_real, "disc_fake": disc_fake, "gen": gen_loss}


# %% [markdown]
# ### A second number, and a picture
#
# *Near the ring* says where the points lie, not whether they go all the way
# round. The *maximum mean discrepancy* (MMD) compares two clouds as a whole.
# The similarity of two points is $k(a, b) = e^{-\lVert a - b \rVert^2 / 2s^2}$,
# with a bandwidth $s$, and
#
# $$\mathrm{MMD}^2 = \mathbb{E}\,k(x, x') + \mathbb{E}\,k(y, y')
#   - 2\,\mathbb{E}\,k(x, y)$$
#
# for two points $x, x'$ of one cloud and two points $y, y'$ of the other: the
# similarity within the clouds less the similarity across. It is 0 for two
# samples of the same source, up to chance. For two spots one bandwidth apart
# it is $1 + 1 - 2e^{-1/2}$:

# %%
BANDWIDTHS = (0.25,)  # a quarter of the ring's radius: fine enough to see a gap in it
spot = torch.zeros(50, 2)
value = losses.mmd2(spot, spot + torch.tensor([BANDWIDTHS[0], 0.0]), BANDWIDTHS).item()
require(abs(value - (2 - 2 * math.exp(-0.5))) < 1e-5)
print(f"MMD² of two spots one bandwidth apart: {value:.4f}")

# %% [markdown]
# The next cell only looks. `snapshot` takes the generator's points, both
# numbers, and $D$'s opinion of every place in the plane; `draw` makes the
# picture.

# %%
device.seed_everything(SEED + 1)
z = torch.randn(1000, 2)  # always the same noise, so that one can follow a point
real = real_points(1000)
axis_values = torch.linspace(-1.7, 1.7, 41)
plane = torch.cartesian_prod(axis_values, axis_values)
shades = LinearSegmentedColormap.from_list("belief", ["#F3C3A3", "#FFFFFF", "#A9CDE8"])


@torch.no_grad()
def snapshot(step):
    points = gen(z)
    return {
        "step": step,
        "points": points,
        "belief": torch.sigmoid(disc(plane)).reshape(41, 41).T,
        "near": near_ring(points),
        "mmd2": losses.mmd2(points, real, BANDWIDTHS).item(),
    }


def draw(frame, axis=None):
    if axis is None:
        _, axis = plt.subplots(figsize=(4.2, 4.5), layout="constrained")
    levels = torch.linspace(0, 1, 11)
    axis.contourf(axis_values, axis_values, frame["belief"], levels, cmap=shades)
    axis.scatter(*real[:300].T, s=7, color=figures.BLUE, linewidths=0, label="real points x")
    axis.scatter(
        *frame["points"][:300].T,
        s=9,
        color=figures.ORANGE,
        marker="^",
        linewidths=0,
        label="fakes G(z)",
    )
    axis.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal", xticks=[], yticks=[])
    axis.set_title(f"step {frame['step']}: {frame['near']:.0%} near the ring", fontsize=10)
    if axis.figure.axes == [axis]:
        axis.legend(
            loc="lower center", ncols=2, frameon=False, fontsize=9, bbox_to_anchor=(0.5, -0.11)
        )
    return axis.figure


# %% [markdown]
# ### Run it
#
# Choose how long to train, and run the two cells below. The picture moves
# while the networks learn; when they are done, it plays the whole run again
# in a loop.

# %% tags=["nbval-ignore-output"]
steps = {"smoke": 40, "quick": 1200, "full": 4000}[profile] if STEPS is None else STEPS
steps_slider = panels.number(20, 4000, steps, "training steps", step=20)
steps_slider

# %% tags=["nbval-ignore-output"]
last = steps_slider.value
count = 8 if profile == "smoke" else 32
moments = sorted({round(last * (i / count) ** 2) for i in range(count + 1)})  # often at first

history = {"disc_real": [], "disc_fake": [], "gen": []}
frames, pictures, window = [], [], display(display_id=True)
for step in range(last + 1):
    if step in moments:
        frames.append(snapshot(step))
        pictures.append(figures.png(draw(frames[-1]), dpi=72))
        window.update(Image(pictures[-1], alt=f"The points after {step} steps."))
    if step < last:
        for name, term in train_step(real_points(256)).items():
            history[name].append(term.item())

film = movie(pictures, pause=150, colours=32)
window.update(
    Image(
        film,
        alt="Animation: orange triangles, the fakes, start as one heap in the middle, spread out "
        "and settle on the ring of blue real points, while the discriminator's shading moves.",
    )
)

# %% [markdown]
# Orange triangles are fakes, blue dots are real points. The shading is $D$'s
# opinion: blue where it would believe a point, orange where it would not,
# white where it cannot tell. Watch the two move in turn. $D$ paints a place
# orange, the fakes leave it; where they arrive, the blue fades.
#
# Six moments of the same run:

# %% tags=["thumbnail", "nbval-ignore-output"]
chosen = [frames[i * (len(frames) - 1) // 5] for i in range(6)]
figure, axes = plt.subplots(2, 3, figsize=(7.6, 5.4), layout="constrained")
for axis, frame in zip(axes.flat, chosen, strict=True):
    draw(frame, axis)
figure.supxlabel(
    "blue dots: real points, drawn by rule; orange triangles: fakes; shading: D, blue = real",
    fontsize=8,
)
figures.show(
    figure,
    alt="Six panels from the first step to the last: the heap of fakes in the middle opens, "
    "reaches the ring, and covers it evenly.",
)

# %% [markdown]
# The slider goes through the run step by step. Pick a bump in the shading and
# follow what the fakes around it do.

# %% tags=["nbval-ignore-output"]
by_step = {frame["step"]: frame for frame in frames}
panels.panel(lambda step: draw(by_step[step]), step=panels.slider(list(by_step), "step", last))

# %% [markdown]
# ### Did it learn?
#
# The same two numbers for the first step, for the last, and for a second
# sample of real points, which is the best that one can hope for. Beside them
# $G$'s loss, averaged over 20 steps.

# %% tags=["nbval-ignore-output"]
again = real_points(1000)
best_mmd2 = losses.mmd2(again, real, BANDWIDTHS).item()
real_row = ("real points, drawn again", near_ring(again), best_mmd2, "")
lines, gen_loss = [], history["gen"]
for frame, values in [(frames[0], gen_loss[:20]), (frames[-1], gen_loss[-20:])]:
    mean = f"{math.fsum(values) / len(values):.2f}"
    lines.append((f"fakes, step {frame['step']}", frame["near"], frame["mmd2"], mean))
print(f"{'':26}{'near the ring':>14}{'MMD²':>10}{'L_G':>8}")
for name, near, mmd2, loss in [*lines, real_row]:
    print(f"{name:26}{near:14.1%}{mmd2:10.4f}{loss:>8}")

# %%
device.seed_everything(SEED)
untrained = network(2), network(1)  # the same seed as the run's, so the same first weights
pairs = zip(untrained, (gen, disc), strict=True)
moved = sum(not torch.equal(old[0].weight, new[0].weight) for old, new in pairs)
require(moved == 2 and all(math.isfinite(v) for values in history.values() for v in values))
if profile != "smoke" and last >= 1000:
    late = sorted(frames[-9:], key=lambda frame: frame["near"])[4]  # the median: a run may wobble
    require(frames[0]["near"] < 0.1 and late["near"] > 0.7)
    require(late["mmd2"] < frames[0]["mmd2"] / 20)
print(f"networks that learned: {moved} of 2")

# %% [markdown]
# Two things are worth a second look.
#
# The share does not come to rest. It moves by some points from frame to frame,
# and the last step need not be the best. A network that trains alone walks down
# a fixed landscape; here each network's landscape moves with every step of the
# other. So a GAN is not judged by its last value alone: the recorded runs of
# this course give the last *and* the best.
#
# And the losses tell almost nothing. $G$'s loss is about the same in both
# rows of the table, with a heap of fakes and with a ring. It measures who is
# ahead, not how good the fakes are:

# %% tags=["nbval-ignore-output"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.axhline(math.log(2), color=figures.GREY, linewidth=0.9, linestyle=":", label="log 2")
figures.curves(history, title="the losses", axis=left)
x = [frame["step"] for frame in frames]
right.plot(x, [f["near"] for f in frames], color=figures.BLUE, label="share near the ring")
right.plot(x, [f["mmd2"] for f in frames], "--", color=figures.ORANGE, label="MMD² to real points")
right.set(xlabel="step", title="the two numbers", ylim=(-0.03, 1.05))
right.title.set_fontsize(10)
right.legend(frameon=False, fontsize=8, loc="center right")
right.spines[["top", "right"]].set_visible(False)
figures.show(
    figure,
    alt="Left: the three losses swing at first, then creep towards log 2. Right: the share near "
    "the ring rises from 0 to about 0.9, MMD squared falls to about 0.",
)

# %% [markdown]
# All three terms creep towards $\log 2$, the value of a $D$ that cannot tell.
# Chapter 02 sees the same curves on steel, and chapter 09 will ask what a sick
# run looks like.
#
# **What this does not show.** A ring in the plane is easy: there are endless
# real points, and each step sees fresh ones. With 226 pictures, $G$ could get
# away with copying them; chapter 04 tests for that. Nor does one seed show
# how much luck there was: change `SEED` and see.
#
# ### From two numbers to a picture
#
# Nothing in `train_step` knows that a point has two coordinates. With another
# $G$ and another $D$ the same lines learn pictures. The generator of chapter
# 02, at its published size:

# %%
with torch.device("meta"):  # shapes only, no memory
    steel = dcgan.Generator(size=128, width=64)
    fake = steel(torch.empty(12, 100))
print(f"noise (12, 100) -> {tuple(fake.shape)}: {fake[0].numel():,} numbers a picture")
print(f"{dcgan.parameters(steel):,} parameters, against {dcgan.parameters(gen):,} here")

# %% [markdown]
# ## Exercises
#
# Fill in the blank, run the cell, read what it says.
#
# **1. The end of the game.** $G$ has become perfect, and $D$ says ½ of every
# point. What is $L_D$, the sum of $D$'s two terms?

# %% tags=["exercise"]
answer = ...  # a number
zeros = torch.zeros(10)
check("L_D at the end", answer, sum(losses.bce_discriminator(zeros, zeros)).item(), 1e-3)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = 2 * math.log(2)
# ```
#
# Each term is $-\log ½ = \log 2$, and there are two: 1.386, or $\log 4$. A
# loss of $D$ near this value is what a good end looks like, but a $D$ that
# never learned anything has it as well.
# </details>
#
# **2. Fool the score.** Make 500 points that are all near the ring, with an
# MMD² above 0.5 to the real ones. What would such a generator be worth?


# %% tags=["exercise"]
def verdict(points):
    return [near_ring(points), losses.mmd2(points, real, BANDWIDTHS).item() > 0.5]


answer = ...  # a tensor (500, 2)
check("share near the ring, MMD² > 0.5", ... if answer is ... else verdict(answer), [1.0, True])

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = torch.tensor([[1.0, 0.0]]).expand(500, 2)
# ```
#
# One point of the ring, 500 times. Each fake is perfect, and the generator is
# useless: it makes one thing. This is *mode collapse*, and a score that judges
# fakes one by one cannot see it. MMD² compares the clouds, and does.
# </details>
#
# **3. When did it happen?** Find in the panel above the first recorded step
# at which more than half of the fakes are near the ring. (`None`, if your run
# was too short.)

# %% tags=["exercise"]
answer = ...  # a step
expected = next((f["step"] for f in frames if f["near"] > 0.5), None)
check("first recorded step above one half", answer, expected)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = min((f["step"] for f in frames if f["near"] > 0.5), default=None)
# ```
#
# Most of what there is to see happens early, which is why the frames are
# close together there. The long rest of the run is fine work.
# </details>
#
# **4. Find the bug.** Someone wrote $D$'s turn in four calls, so that real and
# fake points need not be in memory at once: gradients add up until
# `zero_grad` clears them. Their generator learned nothing. Below, $D$ alone
# is trained in their order, against a heap of fakes in the middle of the
# ring, where no real point lies. What does $D$ say about real points, and which
# order is right?


# %% tags=["nbval-ignore-output"]
def belief(order, rounds=150):
    """D's mean opinion of real and of fake points, after training D with the calls in `order`."""
    if order is ...:
        return ...
    device.seed_everything(SEED)
    judge = network(1)
    opt = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for _ in range(rounds):
        x, heap = real_points(64), 0.1 * torch.randn(64, 2)
        calls = {
            "real": lambda x=x: F.softplus(-judge(x)).mean().backward(),
            "fake": lambda heap=heap: F.softplus(judge(heap)).mean().backward(),
            "zero_grad": opt.zero_grad,
            "step": opt.step,
        }
        for name in order:
            calls[name]()
    with torch.no_grad():
        return [torch.sigmoid(judge(p)).mean().item() for p in (real_points(500), heap)]


on_real, on_fake = belief(["real", "zero_grad", "fake", "step"])
print(f"their order: D(x) = {on_real:.2f}, D(G(z)) = {on_fake:.2f}")

# %% tags=["exercise"]
answer = ...  # a list: the four words in the right order
said = belief(answer)
sure = said if said is ... else [said[0] > 0.9, said[1] < 0.1]
check("D believes real points, D sees through fakes", sure, [True, True])

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answer = ["zero_grad", "real", "fake", "step"]
# ```
#
# Their `zero_grad` stood between the two halves and threw the gradient of the
# real ones away. $D$ only ever learned "fake", said so of everything, and its
# slope pointed nowhere. Such a run raises no error. One sees it in $D(x)$,
# which falls with $D(G(z))$ instead of rising: so chapter 02 draws both.
# </details>
#
# To go on: change `real_points` into two rings, or a spiral, and run again.

# %% [markdown]
# ## Summary
#
# - A GAN is two networks: $G$ makes, $D$ judges, and $G$ learns only from the
#   slope of $D$'s judgement.
# - One step is two updates: $D$ on real and detached fake points, then $G$
#   through $D$.
# - The losses say who is ahead. Whether it works takes another number, and
#   each number has a blind spot: a share of good points misses collapse.
# - Captions say what is real. Believe a number only together with its caption.
#
# ## References
#
# - I. Goodfellow et al., *Generative Adversarial Nets*, NeurIPS 2014: the game
#   and both losses.
# - A. Gretton et al., *A Kernel Two-Sample Test*, Journal of Machine Learning
#   Research 13, 2012: MMD.
# - A. Radford, L. Metz, S. Chintala, *Unsupervised Representation Learning
#   with Deep Convolutional Generative Adversarial Networks*, ICLR 2016: why
#   Adam's first beta is 0.5.
# - M. Heusel et al., *GANs Trained by a Two Time-Scale Update Rule Converge to
#   a Local Nash Equilibrium*, NeurIPS 2017: why $D$ may learn faster than $G$.
#
# Next: [01 · GAN theory](01_gan_theory.ipynb), or straight to
# [02 · DCGAN on steel scratches](02_dcgan_neu_scratches.ipynb), the same game on
# pictures.

# %% tags=["nbval-ignore-output"]
sources = ", ".join(sorted({s.source for s in shown.values()}))
report(data=sources, near_the_ring=frames[-1]["near"], MMD2=frames[-1]["mmd2"])
