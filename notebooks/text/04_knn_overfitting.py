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
# # 04 · Does it copy?
#
# After this chapter you can
#
# - find the nearest training images of a generated one, in a loop and as one matrix product;
# - explain why a picture of neighbours proves nothing without a baseline;
# - derive the Mann-Whitney statistic, write it down in ten lines, and test it
#   with a positive and a negative control;
# - say how many copies a test would have missed;
# - choose a distance, knowing which copies it does not see.
#
# **Data:** the scratch images of the NEU surface defect database, or seeded stand-ins; every figure says
# which. The generator under test is the recorded one of chapter 02.
# **Time:** 18 minutes to read, 44 with the code; about three minutes on two CPU cores (`quick`); not
# measured on a GPU.

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # "real" never falls back to stand-ins, "stand-in" always does
NEIGHBOURS = 4  # training images shown beside a generated one
SHARE = 0.2  # share of planted copies at which the slider of section 5 starts
EPOCHS = None  # of the run that overfits on purpose; None: what the profile says

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

import dataclasses
import itertools
import math
import time

import numpy as np
import torch
from IPython.display import display
from torch.nn.functional import avg_pool2d, interpolate, pad

from gancourse import data, device, profiles, records
from gancourse.data.batches import Batches, load_data
from gancourse.metrics import features
from gancourse.metrics.neighbours import copying, knn, mann_whitney
from gancourse.notebook import figures, panels
from gancourse.notebook.cell import report, require, table
from gancourse.train.dcgan import DCGANStep, sample_images, sample_z
from gancourse.train.loop import Callback, History, ProgressBar, fit
from gancourse_lab import exercises
from gancourse_lab.distance_figures import distributions, line_up, neighbours

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED)
print(f"profile {profile}, {device.describe()}")

# %% [markdown]
# **Guess first.** A line-up. Left a photograph of steel, beside it six suspects. One of them is a
# **copy** of it, mirrored and moved a little; five show other steel. (A hard case, chosen among 226
# copies; section 6 says how.) Which one is it?


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output", "thumbnail"]
def scratches(split, size=64):
    """Grey scratches of one split."""
    return data.load("NEU-DET", part="scratches", size=size, split=split, source=DATA, channels=1)


def shrink(images, size):
    """Images (N, C, H, W) uint8 brought to size × size by averaging over areas."""
    return interpolate(images.float(), size=(size, size), mode="area").round().to(torch.uint8)


def recorded_fakes(run, n=None):
    """The first n fakes that the record measured, drawn again: uint8 (n, 1, H, W)."""
    settings = profiles.DCGANSettings(**run["settings"])
    fixed = torch.Generator().manual_seed(20_000 + settings.seed)
    z = sample_z(run["fakes"]["at the end"], settings, torch.device("cpu"), fixed)
    return sample_images(run.generator(), z[:n])[:, :1]


def disguise(images, flip=0.0, move=0, noise=0.0, seed=SEED):
    """Copies: mirrored with probability flip, moved by ±move along both axes, with grey noise.

    Moving uncovers a rim, which is filled with a reflection.
    """
    stream = torch.Generator().manual_seed(seed)
    size = images.shape[-1]
    mirrored = torch.rand(len(images), generator=stream) < flip
    copies = torch.where(mirrored[:, None, None, None], images.flip(3), images).float()
    corners = 2 * move * torch.randint(0, 2, (len(images), 2), generator=stream)
    padded = pad(copies, [move] * 4, mode="reflect")
    moved = []
    for image, (y, x) in zip(padded, corners.tolist(), strict=True):
        moved.append(image[:, y : y + size, x : x + size])
    noisy = torch.stack(moved) + noise * torch.randn(images.shape, generator=stream)
    return noisy.round().clamp(0, 255).to(torch.uint8)


train, held_out = scratches("train"), scratches("test")
policies = {  # each with its seeds
    "laptop": records.runs("neu-scratches/laptop"),
    "none": records.runs("neu-scratches/none"),
}
runs = {run["run"]: run for group in policies.values() for run in group}
first = runs["laptop-seed0"]
large_fakes = recorded_fakes(first, 32)  # 128 px, as the record measured them
fakes = shrink(large_fakes, 64)
print(f"{train.caption}; {len(held_out)} held out; fakes of {first['run']}")
at_128 = {split: scratches(split, 128) for split in ("train", "test")}  # to be looked at
large = {split: found.images for split, found in at_128.items()}
chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(SEED))
sources = chosen[: len(held_out)]
MOVE = 8  # pixels of 128


def window(images, y=MOVE, x=MOVE):
    """Images without their rim: cut by MOVE on each side, or by twice as much on one."""
    side = images.shape[-1] - 2 * MOVE
    return images[..., y : y + side, x : x + side]


def copied(images):
    """Mirrored, and moved by ±MOVE along both axes, as windows: no rim gives them away."""
    stream = torch.Generator().manual_seed(SEED)
    corners = 2 * MOVE * torch.randint(0, 2, (len(images), 2), generator=stream)
    moved = zip(images.flip(3), corners.tolist(), strict=True)
    return torch.stack([window(image, y, x) for image, (y, x) in moved])


photos, strangers, copies = window(large["train"]), window(large["test"]), copied(large["train"])
to_stranger, who = knn(photos, strangers, 5)
to_copy = (photos.float() - copies.float()).flatten(1).norm(dim=1)
case = int((to_copy / to_stranger[:, -1]).argmax())  # where pixels err most
seats = torch.randperm(6, generator=torch.Generator().manual_seed(SEED))
suspects = torch.cat([copies[case : case + 1], strangers[who[case]]])[seats]
figures.show(
    line_up(photos[case], suspects, f"{at_128['train'].caption}; five suspects: test split"),
    "A steel photograph with a bright strip along its left edge, and six smaller ones, numbered: "
    "strips left, right and in the middle, specks, fine lines.",
    photo=True,
)

# %% [markdown]
# Write your number down; section 6 solves the case.
#
# ## 1 · The check as published
#
# Chapter 02's generator could have learnt what a scratch looks like, or its 226 training images by
# heart. No loss tells which, nor does KID: there the training images themselves score best.
#
# The post behind this experiment looks at neighbours: of a generated image $x$, with each pixel $j$
# as a dimension, it finds the $k$ training images $t_i$ with the smallest Euclidean distance
#
# $$\lVert x - t_i \rVert = \sqrt{\textstyle\sum_j (x_j - t_{i,j})^2} .$$
#
# It shows a few and concludes: similar but not too similar, so the generator did not overfit. This
# chapter tests that sentence. What does this distance say about our suspects?

# %% tags=["nbval-ignore-output"]
by_pixels = (suspects.float() - photos[case].float()).flatten(1).norm(dim=1)
ranking = (f"{int(i) + 1} ({by_pixels[i]:,.0f})" for i in by_pixels.argsort())
print("nearest first:", ", ".join(ranking))

# %% [markdown]
# Keep that order in mind. (The post compares images of 128 px; we take 64 px until section 8, to save
# time.)
#
# First the plain way: one image against one image, in a loop.


# %%
def nearest_by_loop(image, images, k):
    """Distances (k,) and indices (k,) of the k images nearest to one image."""
    distances = []
    for other in images:
        difference = image.double() - other.double()
        distances.append(difference.square().sum().sqrt())
    distances = torch.stack(distances)
    nearest = distances.argsort()[:k]
    return distances[nearest], nearest


# %% [markdown]
# A loop pays for every pair. Multiply the square out instead,
#
# $$\lVert x - t_i \rVert^2 = \lVert x \rVert^2 + \lVert t_i \rVert^2
#   - 2\, x \cdot t_i ,$$
#
# and all scalar products $x \cdot t_i$ are one matrix product. (A row of `q` is an $x$, a row of `t` a
# $t_i$.)


# %% tags=["nbval-ignore-output"]
def all_distances(queries, images):
    """Distances (n, m) of n queries to m images, by one matrix product."""
    q, t = queries.flatten(1).double(), images.flatten(1).double()
    squared = q.square().sum(1)[:, None] + t.square().sum(1) - 2 * q @ t.T
    return squared.sqrt()


def nearest_by_product(queries, images, k):
    """Distances (n, k) and indices (n, k) of the k nearest images, for n queries at once."""
    return all_distances(queries, images).topk(k, largest=False)


def loop_over_queries(queries, images, k):
    """The loop, for each query in turn."""
    one_by_one = [nearest_by_loop(x, images, k) for x in queries]
    return [torch.stack(parts) for parts in zip(*one_by_one, strict=True)]


queries, found = fakes[:8], {}
searches = {"loop": loop_over_queries, "product": nearest_by_product, "package": knn}
for name, search in searches.items():
    start = time.perf_counter()
    found[name] = search(queries, train.images, NEIGHBOURS)
    milliseconds = (time.perf_counter() - start) * 1e3
    require(all(torch.equal(a, b) for a, b in zip(found[name], found["loop"], strict=True)))
    print(f"{name:8s} {milliseconds:8.1f} ms for {len(queries)} queries, equal to the last bit")

# %% [markdown]
# (Grey levels are whole numbers: in float64 every product and sum is exact.)
#
# Look yourself: *query* is the generated image; above each neighbour stands its distance.


# %% tags=["nbval-ignore-output"]
def draw_neighbours(image, k):
    """One generated image and its k nearest training images."""
    distances, index = knn(fakes[image : image + 1], train.images, k)
    return neighbours(large_fakes[image : image + 1], large["train"][index], distances, side=2.7)


panels.panel(
    draw_neighbours,
    photo=True,
    moves="image",
    image=panels.number(0, 15, 0, "generated image"),
    k=panels.number(1, 4, min(4, NEIGHBOURS), "k"),
)

# %% [markdown]
# *What you see.* Similar, but not too similar? The numbers have no scale yet.
#
# ## 2 · Three exhibits
#
# Three sets of steel. One was generated, one is of photographs that the generator never saw, one of
# copies of its training images, mirrored and moved. To the right of each picture stands the nearest
# training image. (Shown are the two of each set whose distance is nearest to the set's median.)
# **Guess first:** which is which?

# %% tags=["nbval-ignore-output"]
large_exhibits = {
    "A": strangers,
    "B": copied(large["train"][sources]),
    "C": window(large_fakes),
}
train_windows = shrink(photos, 56)
shown, found = {}, {}
for label, images in large_exhibits.items():
    found[label] = knn(shrink(images, 56), train_windows, 1)
    distance, index = found[label]
    usual = (distance[:, 0] - distance.median()).abs().argsort()[:2].tolist()
    shown[label] = torch.stack([x for i in usual for x in (images[i], photos[index[i, 0]])])
alt = (
    "Three rows, a set each: a steel image and the nearest training image, twice. The first pair of A "
    "could be one strip; the others share brightness and little else."
)
caption = f"nearest: {at_128['train'].caption}; where A, B and C come from is said below"
heads = ["one", "nearest to it", "another", "nearest to it"]
figures.show_sheet(alt, shown, "", caption, heads, scale=2)

# %% tags=["nbval-ignore-output"]
for label, (distance, _) in found.items():
    print(
        f"{label}: median distance to the nearest training image {distance.median():.0f} "
        f"(over {len(distance)})"
    )
hits = int((found["B"][1][:, 0] == sources).sum())
print(f"In set B the nearest image is the one that was copied for {hits} of {len(sources)}.")

# %% [markdown]
# *What you see.* The pair that looks like a copy, the first of A, is of two photographs: A is real and
# new (test split). **B is the set of copies**, each of its pictures *is* a training image, and by the
# pairs one would clear it. C is generated. Nor do the medians give B away. Two things are missing:
#
# - **a baseline**: how near do images lie that are *certainly* no copies?
# - **a distance that sees the copies in question**. Pixels lose a copy that is mirrored or moved.
#
# ## 3 · The baseline, and a statistic
#
# The held-out images are real scratches that the generator never saw. Write
#
# $$d(x) = \min_i \lVert x - t_i \rVert$$
#
# for the distance of an image to the training set. Of a fake $x$ and a held-out image $y$ either is the
# nearer one half of the time, if G draws as the camera does. If G copies, the fake is, more often. So
# estimate
#
# $$\mathrm{AUC} = P\big(d(x) < d(y)\big) + \tfrac12 P\big(d(x) = d(y)\big)$$
#
# and ask whether it exceeds ½ by more than chance allows. Over all $n \cdot m$ pairs of $n$ fakes and
# $m$ held-out images $\mathrm{AUC} = U / nm$, where $U$ counts the pairs that the fake wins: the test of
# Mann and Whitney (1947), proposed against copying by Meehan et al. (2020).
#
# <details><summary>From ranks, and by chance: the derivation</summary>
#
# Sort all $N = n + m$ distances. Let $R$ be the sum of the
# fakes' ranks. The $j$-th smallest fake has $\text{rank} - j$ held-out images
# below it, so the fakes lose $R - n(n+1)/2$ pairs in all and win
#
# $$U = nm + \frac{n(n+1)}{2} - R .$$
#
# *By chance.* Without copying, every choice of $n$ ranks out of
# $1, \dots, N$ is equally likely. The mean rank is $(N+1)/2$, which gives
# $\mathbb{E}\,U = nm/2$. The ranks have variance $(N^2-1)/12$, and the sum of
# $n$ of them drawn without replacement has
#
# $$\mathrm{Var}\,U = n \cdot \frac{N^2-1}{12} \cdot \frac{N-n}{N-1}
#   = \frac{nm(N+1)}{12} .$$
#
# </details>
#
# Without copying $U$ has mean $nm/2$ and variance $nm(N+1)/12$, with $N = n + m$. Check it: for
# $n = 3$, $m = 4$ there are $\binom{7}{3} = 35$ choices.

# %%
n, m = 3, 4
choices = list(itertools.combinations(range(1, n + m + 1), n))
every_u = torch.tensor([n * m + n * (n + 1) / 2 - sum(ranks) for ranks in choices])
require(every_u.mean() == n * m / 2)
require(abs(every_u.var(correction=0) - n * m * (n + m + 1) / 12) < 1e-5)
print(
    f"{len(every_u)} choices: mean of U {every_u.mean():.1f} = nm/2, "
    f"variance {every_u.var(correction=0):.1f} = nm(n+m+1)/12"
)

# %% [markdown]
# For some twenty images on either side $U$ is close to normal. So
#
# $$z = \frac{U - nm/2 - \tfrac12}{\sqrt{\mathrm{Var}\,U}}$$
#
# is close to a standard normal number, and the **p-value**, the chance of a $U$ this large or larger
# without copying, is $p = \tfrac12\,\mathrm{erfc}(z/\sqrt2)$. (The ½ corrects for whole steps; ties
# share their mean rank.)


# %%
def rank_test(x, y):
    """AUC, and the p-value that x lies below y by chance (Mann-Whitney, one-sided)."""
    n, m, both = len(x), len(y), torch.cat([x, y]).double()
    below = (both < both[:, None]).double().sum(1)  # for each, how many lie below it
    equal = (both == both[:, None]).double().sum(1)  # and how many equal it, itself included
    rank = below + (equal + 1) / 2
    u = n * m + n * (n + 1) / 2 - rank[:n].sum()
    ties = (equal**2 - 1).sum() / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties)
    z = (u - n * m / 2 - 0.5) / variance.sqrt()
    return float(u / (n * m)), 0.5 * math.erfc(z / math.sqrt(2))


stream = torch.Generator().manual_seed(0)
cases = {
    "no ties": (torch.rand(40, generator=stream), torch.rand(30, generator=stream)),
    "many ties": (torch.arange(40) // 7, torch.arange(10, 40) // 7),
    "all nearer": (torch.arange(25), torch.arange(25, 50)),
}
for name, (x, y) in cases.items():
    ours, theirs = rank_test(x, y), mann_whitney(x, y)
    require(max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-12)
    print(f"{name:10s} AUC {ours[0]:.3f}  p {ours[1]:.2g}  (the package agrees)")

# %% [markdown]
# ## 4 · Two controls
#
# *Positive*: planted copies of training
# images, half of them mirrored, all moved by two pixels and lightly noised. (Moving uncovers a rim of
# two pixels, filled with a reflection.) *Negative*: fresh real scratches, one half of the held-out
# set; the other is the baseline. The search tries
# an image and its mirror image at every shift of up to two pixels, for both sides alike. (Upright
# lines: medians.)

# %% tags=["nbval-ignore-output"]
half = len(held_out) // 2
order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(SEED))
fresh, baseline = held_out.images[order[:half]], held_out.images[order[half:]]
originals = train.images[chosen[:half]]
planted = disguise(originals, flip=0.5, move=2, noise=4)

SEARCH = {"flips": "h", "shift": 2}
controls = {
    "planted copies": copying(planted, train.images, baseline, **SEARCH),
    "fresh images": copying(fresh, train.images, baseline, **SEARCH),
}
for name, result in controls.items():
    print(f"{name:15s} AUC {result.auc:.2f}  p {result.p_value:.2g}")
groups = {
    "planted copies": controls["planted copies"].fake,
    "fresh real images": controls["fresh images"].fake,
    "held-out baseline": controls["fresh images"].held_out,
}
distance_to_nearest = "distance to the nearest training image"
figure, axes = figures.subplots(3, 1, figsize=(8, 4.2), sharex=True, caption=train.caption)
bins = np.histogram_bin_edges(torch.cat(list(groups.values())), 40)
for axis, (label, found), (shade, _) in zip(axes, groups.items(), figures.CYCLE, strict=False):
    axis.hist(found, bins, color=shade)
    axis.axvline(found.median(), color="black", linewidth=1.5)
    axis.set_title(label, loc="left")
    axis.set_ylabel("images")
axes[-1].set_xlabel(distance_to_nearest)
figures.show(
    figure,
    "Three histograms of distances, one below the other: planted copies in a narrow peak far to "
    "the left, fresh images and held-out baseline spread over the same range to the right.",
)

# %%
LEVEL = 0.01 / 2  # the package runs two tests at 1 % in all
require(controls["planted copies"].p_value < LEVEL <= controls["fresh images"].p_value)
print(f"level of each test: {LEVEL}")

# %% [markdown]
# *What you see.* The copies lie apart, the fresh images where the baseline lies: both controls come
# out right. Is the formula for p right, too? Without copying p must fall below $\alpha$ in a share
# $\alpha$ of all ways to split. Split the 74 held-out images in two at random, 400 times:

# %% tags=["nbval-ignore-output"]
real = torch.cat([controls["fresh images"].fake, controls["fresh images"].held_out])
stream = torch.Generator().manual_seed(SEED)
p_values = []
for _ in range(400):
    shuffled = real[torch.randperm(len(real), generator=stream)]
    p_values.append(rank_test(shuffled[:half], shuffled[half:])[1])
p_values = torch.tensor(p_values)
for level in (0.05, 0.01):
    below, asked_for = int((p_values < level).sum()), level * len(p_values)
    luck = math.sqrt(asked_for * (1 - level))
    print(
        f"p < {level}: {below} of 400 splits; asked for: {asked_for:.0f}, give or take {luck:.0f}"
    )

# %% [markdown]
# As many as asked for, within luck. What this does *not* show: all splits share the same 74 images, so
# they check the formula, not new steel. If several images show one coil, 74 are worth fewer, and the
# p-values of this chapter are too small.
#
# ## 5 · How many copies would we have missed?
#
# "No copying seen" means little until we know what would have been seen. So mix a set with a *known*
# share of copies and count how often the test raises the alarm. (Distances are drawn from section 4's,
# with replacement; as many fakes and held-out images as chapter 02's runs have.)
#
# Two questions are asked of each set: do the fakes win more pairs than chance allows (the
# *ranks*)? And **how many fakes lie nearer than every held-out image** (the *nearest*)?
# Without copying, the chance that the $c$ smallest of all distances are all fakes is
# $\binom{n}{c} / \binom{n+m}{c}$. Each has the level 0.005. Move the share of copies:


# %% tags=["nbval-ignore-output"]
stored = first["final"]["average"]["copying"]
n_run, m_run = len(stored["fake"]), len(stored["held_out"])
copy_pool = controls["planted copies"].fake


def chance_of_nearest(c, n, m):
    """That the c smallest of n + m distances are all fakes, without copying."""
    return math.comb(n, c) / math.comb(n + m, c)


def draw_from(pool, count, stream):
    """count distances of the pool, with replacement."""
    return pool[torch.randint(0, len(pool), (count,), generator=stream)]


def plant(share, n, m, stream):
    """Distances of n fakes, a share of them copies, and of m held-out images."""
    copies = round(share * n)
    x = torch.cat([draw_from(copy_pool, copies, stream), draw_from(real, n - copies, stream)])
    return x, draw_from(real, m, stream)


def both_tests(x, y):
    """The p-values of the ranks and of the nearest."""
    c = int((x < y.min()).sum())
    return mann_whitney(x, y)[1], chance_of_nearest(c, len(x), len(y))


def draw_share(share):
    """Histogram of fakes with a share of copies, and what the two tests say."""
    x, y = plant(share, n_run, m_run, torch.Generator().manual_seed(SEED))
    title = f"{share:.0%} copies: AUC {mann_whitney(x, y)[0]:.2f}"
    for name, p in zip(("ranks", "nearest"), both_tests(x, y), strict=True):
        title += f", {name} p = {p:.1g} ({'flagged' if p < LEVEL else 'not seen'})"
    return distributions({"fakes": x, "held-out images": y}, distance_to_nearest, title)


panels.panel(draw_share, share=panels.number(0.0, 1.0, SHARE, "share of copies", step=0.01))

# %% [markdown]
# And every position of the slider at once, each point over many draws:

# %% tags=["nbval-ignore-output"]
trials = {"smoke": 20, "quick": 300, "full": 1000}[profile]
shares = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6]


def flagged(share, n, m, stream):
    """How often the ranks and the nearest flag a set with a share of copies."""
    p_values = [both_tests(*plant(share, n, m, stream)) for _ in range(trials)]
    return np.mean(np.array(p_values) < LEVEL, axis=0)


power = {}
figure, axis = figures.subplots(figsize=(9, 4.6), caption=f"distances of {train.caption}")
for (n, m), (shade, _) in zip(((n_run, m_run), (37, 37)), figures.CYCLE, strict=False):
    stream = torch.Generator().manual_seed(SEED)
    by_ranks, by_nearest = np.transpose([flagged(share, n, m, stream) for share in shares])
    power[n, m] = by_ranks
    sizes = f"{n} fakes, {m} held out"
    axis.plot(shares, by_nearest, color=shade, linewidth=3, label=f"nearest: {sizes}")
    axis.plot(shares, by_ranks, "--", color=shade, linewidth=3, label=f"ranks: {sizes}")
axis.axhline(0.8, color=figures.GREY, linestyle=":", linewidth=1.5)
axis.text(shares[-1], 0.81, "4 times out of 5", ha="right", va="bottom", color=figures.GREY)
axis.set(
    xlabel="share of copies among the fakes", ylabel="share of sets flagged", ylim=(-0.02, 1.04)
)
axis.legend(loc="lower right", fontsize=11)
figures.show(
    figure,
    "Four rising curves from 0 to 1 over the share of copies, solid for the nearest and dashed "
    "for the ranks, one colour a size; the nearest rise first, and many images before few.",
)
ranks = power[n_run, m_run]
require(ranks[0] <= 0.15 and ranks[-1] == 1)

# %% [markdown]
# *What you see.* Neither test excludes single copies: at a share of 0.02 the curves are still close
# to 0. One remedy: look at the *nearest pairs*, not at random ones. `Copying.pairs()` lists them.

# %% [markdown]
# **As a formula.** If a share $s$ of the fakes are copies, nearer than any held-out image, a copy wins
# all its pairs, the others half of theirs: $\mathrm{AUC} = s + (1 - s)\,\tfrac12 = \tfrac12 +
# \tfrac{s}{2}$. To be flagged at level $\alpha$ four times out of five, the AUC must exceed ½ by
# $(z_{1-\alpha} + z_{0.8})$ standard deviations of $U/nm$ ($z_q$: a standard normal number lies below
# with probability $q$):
#
# $$s_\text{seen} = 2\,(z_{1-\alpha} + z_{0.8})
#   \sqrt{\frac{n + m + 1}{12\,nm}} .$$


# %%
def share_seen(n, m, level=LEVEL):
    """The share of copies that the rank test flags four times out of five."""
    z = torch.special.ndtri(torch.tensor([1 - level, 0.8], dtype=torch.float64)).sum()
    return float(2 * z * math.sqrt((n + m + 1) / (12 * n * m)))


def copies_needed(n, m, level=LEVEL):
    """The fewest fakes nearer than every held-out image that chance does not explain."""
    return next(c for c in range(1, n + 1) if chance_of_nearest(c, n, m) < level)


result = controls["fresh images"]
auc_seen = 0.5 + share_seen(len(result.fake), len(result.held_out)) / 2
require(abs(auc_seen - result.detectable) < 1e-5)  # the package's formula
rows = []
for n, m in ((37, 37), (n_run, m_run), (10 * n_run, m_run), (n_run, 10 * m_run)):
    c = copies_needed(n, m)
    rows.append([n, m, f"{share_seen(n, m):.0%}", f"{c} of {n} = {c / n:.0%}"])
table(["fakes", "held out", "share seen by ranks", "by the nearest"], rows)

# %% [markdown]
# (The last column is the bare threshold; the second row is what chapter 02's runs have.) Ten times
# more fakes help little: images put aside before the training are what the test is made of.

# %% [markdown]
# ## 6 · What a distance sees
#
# **The line-up, solved:** slide each suspect over the photograph, as it is and mirrored, and take the
# smallest distance.

# %% tags=["nbval-ignore-output"]
side = suspects.shape[-1]
everywhere = large["train"][case][0].float().unfold(0, side, 1).unfold(1, side, 1)
by_search = []
for suspect in suspects[:, 0].float():
    tried = [everywhere - suspect, everywhere - suspect.flip(1)]
    by_search.append(float(torch.stack([d.square().sum((2, 3)) for d in tried]).min().sqrt()))
rows = [[i + 1, f"{by_pixels[i]:,.0f}", f"{by_search[i]:,.0f}"] for i in range(6)]
table(["suspect", "away, by pixels", "away, after the search"], rows)
guilty = int(torch.tensor(by_search).argmin())
require(guilty == int((seats == 0).nonzero()) and by_search[guilty] == 0)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
back_again = suspects[guilty].flip(2)
shown = {"": torch.stack([photos[case], back_again])}
heads = ["photograph", f"suspect {guilty + 1}, mirrored back"]
alt = "The photograph, and the guilty suspect mirrored back: the same picture, moved."
figures.show_sheet(alt, shown, "", at_128["train"].caption, heads, scale=4)

# %% [markdown]
# *What you see.* The culprit is the one that pixels put *last*: its strip stood on the wrong side. The
# same blot, the same specks; the search finds it at a distance of exactly 0. The case was picked: of
# 226 copies the one where pixels err most, beside the five held-out images nearest to the photograph.
#
# Other disguises, other distances. A copy with independent noise $\sigma\varepsilon_j$ on each of $d$
# pixels ($\varepsilon_j$ standard normal) lies, by Pythagoras, about
#
# $$\sqrt{\mathbb{E}\,\lVert \sigma\varepsilon \rVert^2} = \sigma \sqrt{d}$$
#
# from its original: far, for noise through which the eye still sees the copy.

# %%
for sigma in (4, 10, 20):
    noise = sigma * torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    print(f"σ = {sigma:2d}: σ√d = {sigma * math.sqrt(64 * 64):5.0f}, one draw {noise.norm():5.0f}")


# %% [markdown]
# Compare with the histogram of section 4. We try more disguises, and smoothing, because generated
# images are often smoother than photographs: once of copies, once of fresh images, which then still
# copy nothing.


# %% tags=["nbval-ignore-output"]
def smoothed(images):
    """Images (N, C, 64, 64) uint8 without what a 16 × 16 picture does not hold."""
    large_again = interpolate(shrink(images, 16).float(), scale_factor=4, mode="bilinear")
    return large_again.round().to(torch.uint8)


sets = {
    "fresh": fresh,
    "fresh, smoothed": smoothed(fresh),
    "copies, smoothed": smoothed(originals),
    "copies, noise 4": disguise(originals, noise=4),
    "copies, noise 20": disguise(originals, noise=20),
    "copies, mirrored": disguise(originals, flip=1),
    "copies, moved 2 px": disguise(originals, move=2),
    "copies, moved 4 px": disguise(originals, move=4),
}
views = {"original": originals}
views |= {name.removeprefix("copies, "): s for name, s in sets.items() if name.startswith("c")}
shown = {
    label: torch.stack([images[i] for images in views.values()])
    for label, i in (("I", 3), ("II", 2))
}
alt = (
    "Two training images and six disguises of each: blurred, with weak noise, with strong noise, "
    "mirrored, moved by two and by four pixels."
)
figures.show_sheet(alt, shown, "", train.caption, list(views), scale=2.5)

# %% [markdown]
# *What you see.* Beside its original the eye knows each, through noise too. (Moved ones have a rim of 2
# or 4 px of reflection: the bend at the left of II.) And a distance? Pixels; pixels with the search over mirrorings and shifts of up to two; pixels after averaging down to
# 16 × 16, which forgets noise and fine texture; and *features*, the numbers by which a classifier of
# photographs (Inception) describes a picture (they cost most, so they see 24 images of a set and 64
# training images, the copied ones among them). The table shows the AUC, with a star where
# $p < 0.005$. A good distance has stars on the copies and none on the first two rows.

# %% tags=["nbval-ignore-output"]
extract = features.extractor("stand-in" if profile == "smoke" else "auto")
reference = train.images[chosen[:64]]
by_distance = {}  # set → distance → what the test says
for name, images in sets.items():
    results = {"pixels": copying(images, train.images, baseline, flips="")}
    if profile != "smoke" or name.startswith("copies, m"):
        results["search"] = copying(images, train.images, baseline, **SEARCH)
    small, small_train, small_baseline = (shrink(x, 16) for x in (images, train.images, baseline))
    results["16 × 16"] = copying(small, small_train, small_baseline, flips="")
    if name not in ("copies, noise 20", "copies, moved 2 px"):
        few = (images[:24], reference, baseline[:24])
        results["features"] = copying(*few, features=extract.cached, flips="")
    by_distance[name] = results

DISTANCES = ("pixels", "search", "16 × 16", "features")
rows = []
for name, results in by_distance.items():
    row = [name]
    for distance in DISTANCES:
        if distance in results:
            star = "*" if results[distance].p_value < LEVEL else " "
            row.append(f"{results[distance].auc:.2f}{star}")
        else:
            row.append("–  ")
    rows.append(row)
table(["AUC (* p < 0.005)", *DISTANCES], rows)
print(f"\nfeatures: {extract.name}; {train.caption}")

# %%
pixels = {name: results["pixels"].auc for name, results in by_distance.items()}
searched = {}
for name, results in by_distance.items():
    if "search" in results:
        searched[name] = results["search"].p_value < LEVEL
right = [
    pixels["copies, mirrored"] < 0.75,  # pixels lose what is mirrored …
    searched["copies, mirrored"],  # … the search does not
    pixels["copies, moved 4 px"] < 0.75,
    not searched["copies, moved 4 px"],  # it goes as far as two pixels
    searched["copies, moved 2 px"],
    pixels["copies, noise 20"] < 0.5,  # a noisy copy lies farther away than a fresh image
    by_distance["copies, noise 20"]["16 × 16"].p_value < LEVEL,
    pixels["fresh, smoothed"] > pixels["fresh"],  # smoothing alone looks like copying
]
require(all(right))

# %% [markdown]
# - Pixels see weak noise, and miss what is mirrored, moved, or very noisy.
# - A search catches what it searches for, and nothing beyond.
# - A coarse image sees through noise.
# - Inception sees mirrored and moved copies without any search: it was trained on mirrored and moved
#   photographs. Smoothed copies pass it unseen. (`stand-in` below the table: do not expect this.)
# - *Smoothed fresh images raise the pixels' AUC, though nothing was copied*: a smooth image lies
#   nearer to everything. A flag is a reason to look, not a verdict.
#
# **A question that smoothness does not touch.** Does a fake lie nearer to the images that G *saw* than
# to those it did not? Call the difference of the two distances, on average, $\Delta$. Smoothness brings
# a fake nearer to both kinds; only memory prefers the seen.
#
# How large is large? Stick the label "seen" on *random* images of the pool and compute $\Delta$ again,
# 999 times: the grey heaps below, $\Delta$ without memory. If the true one, the line, stands beside its
# heap, G remembers. The share of relabellings that reach it is the p-value: a *permutation test*.
#
# $$\Delta = \frac{1}{n} \sum_x \Big(
#     \min_{t\ \text{unseen}} \lVert x - t \rVert
#   - \min_{t\ \text{seen}} \lVert x - t \rVert \Big) .$$
#
# (The code searches all mirror images. *Beyond chance* is $\Delta$ less its heap's mean.)


# %% tags=["nbval-ignore-output"]
RELABELLINGS = 299 if profile == "smoke" else 999


def relabelled(fake, seen, unseen, permutations=RELABELLINGS):
    """Δ, its values under random labels, and the share of fakes nearest to a seen image."""
    pool = torch.cat([seen, unseen])
    mirrored = [fake.flip(axes) for axes in ((), (3,), (2,), (2, 3))]
    near, who = torch.stack([all_distances(x, pool) for x in mirrored]).amin(0).sort(1)
    near, who = near[:, :100], who[:, :100]  # the nearest of either kind is hardly farther down

    def delta(labels):
        kind = labels[who].byte()  # (fakes, pool), nearest first: 1 where the image was seen
        to_seen = near.gather(1, kind.argmax(1, keepdim=True))  # argmax finds the first
        to_unseen = near.gather(1, (1 - kind).argmax(1, keepdim=True))
        return (to_unseen - to_seen).mean()

    labels = torch.arange(len(pool)) < len(seen)
    stream = torch.Generator().manual_seed(0)
    shuffled = (torch.randperm(len(pool), generator=stream) for _ in range(permutations))
    by_chance = torch.stack([delta(labels[order]) for order in shuffled])
    return delta(labels), by_chance, float(labels[who[:, 0]].double().mean())


def memory_test(fake, seen, unseen, permutations=RELABELLINGS):
    """Δ beyond what relabelling gives, the p-value, and the share nearest to a seen image."""
    true, by_chance, share = relabelled(fake, seen, unseen, permutations)
    p_value = (1 + int((by_chance >= true).sum())) / (1 + permutations)
    return float(true - by_chance.mean()), p_value, share


hundred = train.images[chosen[:100]]
asked = {
    "fresh": fresh,
    "fresh, smoothed": sets["fresh, smoothed"],
    "copies, smoothed": smoothed(hundred),
    "copies, mirrored": disguise(hundred, flip=1),
    "copies, noise 20": disguise(hundred, noise=20),
}
judged = {name: memory_test(images, train.images, baseline) for name, images in asked.items()}
expected = len(train) / (len(train) + len(baseline))
print(f"{expected:.0%} of the pool were seen: by chance about as many lie nearest to a seen one")
rows = []
for name, (beyond, p_value, share) in judged.items():
    rows.append([name, f"{beyond:.0f}", f"{p_value:.3f}", f"{share:.0%}"])
table(["", "Δ beyond chance", "p", "nearest to a seen one"], rows)
figure, axes = figures.subplots(1, 5, figsize=(11, 2.8), sharey=True, caption=train.caption)
for axis, (name, images) in zip(axes, asked.items(), strict=True):
    true, by_chance, _ = relabelled(images, train.images, baseline)
    axis.hist(by_chance, 25, color=figures.GREY, alpha=0.6)
    axis.axvline(true, color=figures.ORANGE, linewidth=3)
    axis.set(title=name, xlabel="Δ", yticks=[])
axes[0].set_ylabel("relabellings")
figures.show(
    figure,
    "Five grey heaps of Δ under random labels, each with an orange line at the true Δ: inside the "
    "heap for the two innocent sets, beyond its right end for the three sets of copies.",
)

# %% [markdown]
# *What you see.* Innocent, smoothed or not: the line stands in its heap. Copies: it stands beyond.

# %%
right = [judged[name][1] > LEVEL for name in ("fresh", "fresh, smoothed")]
right += [judged[name][1] < LEVEL for name in ("copies, mirrored", "copies, noise 20")]
require(all(right))

# %% [markdown]
# ## 7 · A generator that overfits on purpose
#
# Planted copies are our own invention. Here is the real disease: the DCGAN of chapter 02, trained on
# **eight** images. D can learn them by heart, and then nothing else will please it. Move the slider,
# then run the cells below it.

# %% tags=["nbval-ignore-output"]
FEW = 8
epochs = {"smoke": 4, "quick": 600, "full": 1200}[profile] if EPOCHS is None else EPOCHS
epochs_slider = panels.number(1, 2000, epochs, "epochs")
display(epochs_slider)

# %%
settings = profiles.settings(
    "neu-scratches",
    "quick",  # 32 px at every profile: small images are soon learnt by heart
    channels=1,
    width_g=24,
    width_d=24,
    z_dim=4,  # few ways to vary, sooner learnt by heart
    lr_g=2e-3,
    lr_d=1e-3,
    batch_size=FEW,
    seed=SEED,
)
device.seed_everything(SEED)
step = DCGANStep(settings)
weights = sum(p.numel() for p in step.gen.parameters())
print(f"G: {weights:,} weights; {FEW} images hold {FEW * 32 * 32:,} pixels")

# %% tags=["nbval-ignore-output"]
reduced = dataclasses.replace(train, images=shrink(train.images, 32))
unseen_test = shrink(held_out.images, 32)
few, others = reduced.subset(chosen[:FEW]), reduced.subset(chosen[FEW : 2 * FEW])
z_fixed = sample_z(96, settings, step.device, torch.Generator().manual_seed(5))


class Watch(Callback):
    """Asks the rank test from time to time, on the averaged weights."""

    def __init__(self, every):
        self.every, self.found = every, []

    def on_epoch(self, run):
        epoch = run.batches.epoch
        if epoch % self.every == 0 or epoch == run.epochs:
            result = copying(run.step.sample(z_fixed, ema=True), few.images, unseen_test)
            self.found.append((epoch, result))


watch = Watch(max(1, epochs_slider.value // 14))
batches = Batches(few.to(step.device), FEW, seed=SEED)
history = History()  # filled by fit: also where the stop button ends this cell
_ = fit(step, batches, epochs_slider.value, [ProgressBar(label="8 images"), watch], history)

# %% tags=["nbval-ignore-output"]
require(watch.found, "the training was stopped before it was looked at: run it again")
overfitted = watch.found[-1][1]
print(f"{len(overfitted.fake)} fakes: AUC {overfitted.auc:.2f}, p {overfitted.p_value:.2g}")

# %% tags=["nbval-ignore-output"]
memorised = step.sample(z_fixed, ema=True)
best = all_distances(few.images, memorised).argmin(1)  # for each image the nearest fake
shown = {"trained on": few.images, "nearest fake": memorised[best]}
title = f"images of the training, and the nearest of {len(memorised)} fakes"
alt = "The eight training images above, below each the nearest fake: after a full run the same scratch."
figures.show_sheet(alt, shown, title, f"{few.caption}; after {len(history)} steps", scale=4)

# %% tags=["nbval-ignore-output"]
n, m = len(overfitted.fake), len(overfitted.held_out)
at, aucs = zip(*[(epoch, result.auc) for epoch, result in watch.found], strict=True)
levels = {"no copying": 0.5, "flagged four times out of five": 0.5 + share_seen(n, m) / 2}
caption = f"{n} fakes against {m} held-out images; {few.caption}"
figure = figures.metric({"trained on 8": (at, aucs)}, levels, ylabel="AUC", caption=caption)
figures.show(
    figure,
    "The AUC against the epoch: above one half at first, then below it, then rising through "
    "one half to well above the level at which it is flagged.",
)

# %% [markdown]
# *What you see.* The bent scratch comes back kink for kink, the blots beside the broad one too: about
# six of eight. This is what copying looks like. The curve begins above ½, because the first, smooth
# fog lies near to everything; then noise carries the fakes *farther* away than real images are (an AUC
# below ½ is a sign of bad images, not of honest ones); then it climbs.
#
# Could it be smoothness? Two controls say no: the same fakes against eight *other* training images, and
# the permutation test.

# %% tags=["nbval-ignore-output"]
against_others = copying(memorised, others.images, unseen_test)
beyond, p_memory, share = memory_test(memorised, few.images, unseen_test)
print(f"against its own 8 images  AUC {overfitted.auc:.2f}  p {overfitted.p_value:.2g}")
print(f"against 8 it never saw    AUC {against_others.auc:.2f}  p {against_others.p_value:.2g}")
print(f"seen against unseen        Δ beyond chance {beyond:.0f}  p {p_memory:.2g}")
real_images = FEW + len(unseen_test)
of_them = f"which are {FEW / real_images:.0%} of the {real_images} real images"
print(f"{share:.0%} of the fakes lie nearest to one of the 8, {of_them}")
require(0 <= overfitted.auc <= 1 and 0 < overfitted.p_value <= 1)
if profile != "smoke" and len(history) >= 600:
    # how far 600 steps get depends on the data and on rounding; which way they go does not
    require(overfitted.auc > against_others.auc, "its own images should attract the fakes")
    require(beyond > 0, "the seen images should attract more than the unseen")

# %% [markdown]
# ## 8 · The verdict on chapter 02's model
#
# The recorded runs hold the test over pixels at 128 px, mirror images included. *laptop* draws scratches one can believe; *none*, the published recipe at
# a quarter of its width, draws fog. **Guess first:** which lies nearer to its training images?

# %%
rows = []
for name, run in runs.items():
    for weights in ("last", "average"):
        stored = run.at_path(f"final.{weights}.copying")
        auc, _ = rank_test(torch.tensor(stored["fake"]), torch.tensor(stored["held_out"]))
        require(abs(auc - stored["auc"]) < 2e-3)
        by_chance = chance_of_nearest(stored["closest"], n_run, m_run)
        numbers = [f"{stored['auc']:.3f}", f"{stored['p_value']:.2g}", stored["closest"]]
        rows.append([f"{name}, {weights}", *numbers, f"{by_chance:.2g}"])
head = f"{n_run} fakes, {m_run} held out"
table([head, "AUC", "p by ranks", "nearer than all held out", "p of the nearest"], rows)
print()
for policy, group in policies.items():
    for weights in ("last", "average"):
        mean, low, high = group.mean_low_high(f"final.{weights}.copying.auc")
        spread = f", {low:.3f} to {high:.3f} over {len(group)} seeds" if len(group) > 1 else ""
        print(f"{policy}, {weights} weights: AUC {mean:.3f}{spread}")

# %% jupyter={"source_hidden": true}
figure, axis = figures.subplots(
    figsize=(9, 4),
    caption=f"dot: median, bar: middle half; averaged weights; {first['data']['caption']} and test",
)
kinds = {"fake": (-0.15, "o", "fakes"), "held_out": (0.15, "s", "held-out images")}
for y, run in enumerate(runs.values()):
    stored = run.at_path("final.average.copying")
    for (kind, (shift, marker, label)), (shade, _) in zip(
        kinds.items(), figures.CYCLE, strict=False
    ):
        low, middle, high = np.percentile(stored[kind], (25, 50, 75))
        axis.plot([low, high], [y + shift] * 2, color=shade, linewidth=4, alpha=0.6)
        found = axis.plot(middle, y + shift, marker, color=shade, markersize=10)
        found[0].set_label(label if y == 0 else "")
    where = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 13}
    axis.text(1.01, y, f"AUC {stored['auc']:.2f}", **where)
axis.set_yticks(range(len(runs)), list(runs), fontsize=13)
axis.set(xlabel=distance_to_nearest, ylim=(len(runs) - 0.5, -0.5))
axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=13)
figures.show(
    figure,
    "Five rows, one a run: two bars with a dot at the median, fakes of the averaged weights and "
    "held-out images; the fakes' dot lies farther left in each.",
)

# %% [markdown]
# *What you see.* The averaged fakes lie a little nearer than held-out images do, in each run. But
# averaging smooths, and smooth images lie nearer. So we ask more of the one run whose weights are
# recorded: how *sharp* its fakes are; other distances; the permutation test, and what it would have
# said with disguised training images among the fakes; the nearest pairs. (On the real data only.)


# %% tags=["nbval-ignore-output"]
def sharpness(images):
    """Standard deviation of the images less their averages over 3 × 3 pixels."""
    inner = images[..., 1:-1, 1:-1].float()
    return float((inner - avg_pool2d(images.float(), 3, stride=1)).std())


recorded_settings = profiles.DCGANSettings(**first["settings"])
seen, unseen = (load_data(recorded_settings, DATA, split) for split in ("train", "test"))
here = seen.fingerprint() == first["data"]["fingerprint"]
if here:
    seen, unseen = seen.images[:, :1], unseen.images[:, :1]
    drawn = recorded_fakes(first, 48 if profile == "smoke" else None)
    at_64 = [shrink(images, 64) for images in (drawn, seen, unseen)]
    at_16 = [shrink(images, 16) for images in (drawn, seen, unseen)]
    ranks = {
        "pixels": copying(drawn, seen, unseen),
        "search": copying(*at_64, flips="hv", shift=1),
        "16 × 16": copying(*at_16, flips="hv"),
    }
    if profile == "full":
        ranks["features"] = copying(drawn, seen, unseen, features=extract.cached)
    rows = []
    for distance, result in ranks.items():
        rows.append([f"ranks, {distance}", f"{result.auc:.2f}", f"{result.p_value:.2g}"])

    fake_64, seen_64, unseen_64 = at_64
    beyond, p_memory, _ = memory_test(fake_64, seen_64, unseen_64)
    rows.append(["seen against unseen", "", f"{p_memory:.3f}"])
    order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(SEED))
    spikes = [(share, "mirrored", {"flip": 1}) for share in (0.05, 0.1, 0.2)]
    spikes += [(0.2, f"moved {move} px", {"move": move}) for move in (1, 4)]
    p_spiked = {}
    for share, name, how in spikes:
        copies = disguise(seen_64[order[: round(share * len(drawn))]], noise=4, **how)
        spiked = torch.cat([copies, fake_64[len(copies) :]])
        _, p_spiked[name], _ = memory_test(spiked, seen_64, unseen_64)
        rows.append([f"… with {share:.0%} copies, {name}", "", f"{p_spiked[name]:.3f}"])
    table([first["run"], "AUC", "p"], rows)
    sharp = sharpness(drawn) / sharpness(seen)
    print(
        f"Δ beyond chance {beyond:.0f}; the fakes are {sharp:.0%} as sharp as the training images"
    )
    if profile != "smoke":  # what the answer below says
        require(sharp < 0.75)
        require(min(ranks["16 × 16"].p_value, p_memory) > LEVEL > p_spiked["mirrored"])
else:
    print("The training images of the recorded runs are not on this machine.")


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
if here:
    closest = [fake for fake, _, _ in ranks["pixels"].pairs(2)]
    closest_real = ranks["pixels"].held_out.argsort()[:2]
    near_those = knn(unseen[closest_real], seen, 1)[1][:, 0]
    columns = {
        "fake": drawn[closest],
        "nearest to it": seen[ranks["pixels"].nearest[closest]],
        "held out": unseen[closest_real],
        "nearest to it ": seen[near_those],
    }
    rows = {}
    for i, label in enumerate(("nearest pair", "second")):
        rows[label] = torch.stack([images[i] for images in columns.values()])
    caption = f"{first['run']}, averaged weights; {first['data']['caption']}; held out: test split"
    alt = (
        "Two rows: the fakes that lie nearest to a training image beside these training images, then "
        "the nearest held-out images beside theirs."
    )
    figures.show_sheet(alt, rows, "", caption, list(columns), scale=2)
else:
    print("No pairs to show: the training images of the recorded runs are not here.")

# %% [markdown]
# *What you see.* The nearest fake has a faint line where its photograph has one, with other gaps; the
# second shares none. The held-out pair above right comes nearer to a copy: it could be one strip.
#
# ### Can it draw what it was trained on?
#
# Turn the question round: *search* for a picture in G. From the nearest of 256 latents the gradient
# moves $z$ until $G(z)$ is as near to a given picture as it gets. A G that knows its training images
# by heart must be able to draw them.
#
# Two controls. Pictures of *G itself*, from other latents, must be found. And pale pictures are easy,
# found or not: so each of 32 training images gets a *twin*, the held-out image of most nearly the
# same contrast (distance from its own mean grey).
#
# **Guess first:** which are found better, the training images or their twins?

# %% tags=["nbval-ignore-output"]
recorded = first.generator()
for weight in recorded.parameters():
    weight.requires_grad_(False)


def contrast(images):
    """Distance of each image from its own mean grey: how far off a blank picture would be."""
    return (images.float() - images.float().mean((1, 2, 3), keepdim=True)).flatten(1).norm(dim=1)


def twins_of(images, others):
    """For each image the other of most nearly its contrast, each used once: indices."""
    theirs, found = contrast(others), []
    for mine in contrast(images):
        away = (theirs - mine).abs()
        away[found] = math.inf
        found.append(int(away.argmin()))
    return found


def search_in(gen, goal, pool, steps):
    """The pictures nearest to ``goal`` that the search finds in a generator: uint8."""
    wanted = goal.float() / 127.5 - 1
    with torch.no_grad():
        drawn_pool = gen(pool)[:, :1]
    z = pool[torch.cdist(wanted.flatten(1), drawn_pool.flatten(1)).argmin(1)].clone()
    z.requires_grad_(True)
    optimiser = torch.optim.Adam([z], 0.1, (0.9, 0.99))
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        squared = (gen(z)[:, :1] - wanted).square().flatten(1).sum(1)
        optimiser.zero_grad()
        squared.log().sum().backward()  # of logarithms, so that near ones still move
        optimiser.step()
        slower.step()
    with torch.no_grad():
        return data.to_uint8(gen(z)[:, :1])


pool = torch.randn(256, recorded_settings.z_dim, generator=torch.Generator().manual_seed(SEED))
if here:
    count, search_steps = 32, {"smoke": 2, "quick": 300, "full": 1000}[profile]
    own_z = torch.randn(4, recorded_settings.z_dim, generator=torch.Generator().manual_seed(99))
    own = sample_images(recorded, own_z)[:, :1]
    goal = torch.cat([own, seen[:count], unseen[twins_of(seen[:count], unseen)]])
    reached = search_in(recorded, goal, pool, search_steps)
    off = (reached.float() - goal.float()).flatten(1).norm(dim=1)
    groups = ("its own", "trained on", "held-out twins")
    rows, by_group = [], {}
    sizes = [4, count, count]
    parts = zip(groups, off.split(sizes), contrast(goal).split(sizes), strict=True)
    for group, far, strong in parts:
        by_group[group] = (strong, far)
        left = far / strong
        numbers = [f"{share:.0%}" for share in (left.median(), left.min(), left.max())]
        rows.append([f"{len(left)} {group}", *numbers])
    table(["off by, as a share of the contrast", "median", "best", "worst"], rows)
    auc, p_search = rank_test(*(far / strong for strong, far in list(by_group.values())[1:]))
    print(f"trained on against twins: AUC {auc:.2f}, p {p_search:.2g}")
else:
    print("The training images of the recorded runs are not on this machine.")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
if here:
    near = [int(i) for i in off[4 : 4 + count].argsort()]  # of the trained on, nearest first
    best_own = int((off / contrast(goal))[:4].argmin())
    at = [("its own", best_own)]
    for i in near[:2]:
        at += [("trained on", 4 + i), ("its twin", 4 + count + i)]
    rows = {"wanted": goal[[i for _, i in at]], "best G(z)": reached[[i for _, i in at]]}
    heads = [f"{name}: {off[i]:,.0f}" for name, i in at]
    alt = (
        "Two rows of five: a picture of the generator itself, the two training scratches that the "
        "search came nearest to, each with its held-out twin; below, the nearest picture found."
    )
    about = f"above: off by how much; {first['run']}; {first['data']['caption']}; twins: test split"
    figures.show_sheet(alt, rows, "", about, heads, scale=2)

    figure, axis = figures.subplots(figsize=(8, 4.2), caption=about.split("; ", 1)[1])
    shades = [shade for shade, _ in figures.CYCLE[:3]]
    for (group, points), shade, marker in zip(by_group.items(), shades, "Dos", strict=True):
        axis.plot(*points, marker, color=shade, markersize=11, alpha=0.8, label=group)
    ends = [0, 1.05 * float(contrast(goal).max())]
    axis.plot(ends, ends, ":", color=figures.GREY)
    words = {"color": figures.GREY, "ha": "right", "fontsize": 13}
    axis.text(0.6 * ends[1], 0.66 * ends[1], "as far as blank grey", **words)
    axis.set(xlabel="contrast of the picture", ylabel="best G(z) off by", xlim=ends, ylim=ends)
    axis.legend(loc="upper left", fontsize=13)
    figures.show(
        figure,
        "Dots over the contrast of a picture: the generator's own low, training images and their "
        "held-out twins higher, among each other, below the line of blank grey.",
    )

# %% [markdown]
# *What you see.* The control works: three of its own four pictures are found (blue, low), one is missed.
# The two training images found nearest, off by less than 800, are pale: what was found there is their
# grey, and a stray line.
#
# As a share of the contrast, G's own keep 18 % (median), training images 47 %, their twins 52 %. This
# small lead has p = 0.04, above our level: a hint at most.
#
# Now the sentence that we came for: "similar but not too similar, so the generator did
# not overfit". Five runs are asked, so each gets a fifth of the level.

# %%
each = LEVEL / len(runs)
rows = []
for weights in ("average", "last"):
    p_values = [run.at_path(f"final.{weights}.copying.p_value") for run in runs.values()]
    nearer = sum(p < each for p in p_values)
    rows.append([f"{weights} weights", *[f"{p:.2g}" for p in p_values], f"{nearer} of {len(runs)}"])
    require(nearer == {"average": 3, "last": 0}[weights])
table([f"p, by ranks at 128 px; level {each:.4f}", *runs, "nearer"], rows)
print(f"the ranks show a share of copies of about {share_seen(n_run, m_run, each):.0%}")

# %% [markdown]
# **The answer in one sentence.** No copies seen, though the averaged fakes lie *nearer* to the training
# images than new photographs do in three runs of five; they are blurred, which can explain it. Plain
# copies would have shown from some 11 % on; a fifth of mirrored ones stands out (p = 0.002),
# copies moved by a few pixels could have passed.
#
# | the test | sees | misses | the laptop's first run, averaged; level 0.001 |
# |---|---|---|---|
# | ranks of pixels | many copies, some 30 % here | mirrored¹, moved, noisy; flags what is smooth | **flagged** (p = 0.0009), but so is blur |
# | the nearest | fewer copies, from 11 % here | the same disguises | not flagged (0.015) |
# | ranks after a search | what it searches for | what goes beyond it | not flagged (0.006) |
# | ranks of 16 × 16 | noise, blur | mirrored¹, moved by 4 px | not flagged (0.03) |
# | seen against unseen² | mirrored, noisy, blurred | moved, be it by 1 px; few copies | not flagged (0.41) |
# | the search in G | a picture that G can draw | one of its own four | not flagged (0.04), a hint |
#
# ¹ Not in this section: here all mirror images are tried. ² 999 relabellings give no p below 0.001: at
# this level it needs more of them to flag anything.
#
# So the post's conclusion is not contradicted, but its argument fails. Fog (AUC 0.60, 0.64) lies as
# near as believable scratches (0.59 to 0.63): nearness is no sign of quality.
#
# **What this does not show.** Held-out and training images may show the same coil: then the
# baseline itself lies near, and the test forgives a generator that lies as near. Single copies, and
# copies that these distances do not see, would pass.

# %% [markdown]
# ## 9 · Exercises
#
# Put your answer in the place of `...` and run the cell. It says ✓, or ✗ with a
# hint; the third time it tells. `exercises.reveal("04.1")` gives up at once.
#
# **1. Find the bug.** Somebody has no held-out set and reasons: fakes should
# lie no nearer to the training images than these lie to each other. The
# baseline is `knn(train, train, 1)`. A generator that returns exact copies is
# tested. Which AUC comes out?

# %% tags=["exercise"]
auc = ...  # your answer
exercises.answer("04.1", auc)

# %% [markdown]
# **2. Predict, then run.** How strong must independent noise be (its standard
# deviation in grey levels) for a copy of 64 × 64 pixels to lie about 1,000 away from
# its original? And how far away does the same noise put a copy of 128 × 128?

# %% tags=["exercise"]
sigma = ...  # in grey levels
away = ...  # at 128 × 128
noise = torch.randn(128, 128, generator=torch.Generator().manual_seed(SEED))
exercises.answer("04.2", sigma, away, noise=noise)

# %% [markdown]
# **3. Write it.** The AUC without ranks, straight from its definition in section 3:
# over all pairs. Two lines.


# %% tags=["exercise"]
def auc_of(x, y):
    """The share of pairs in which x is the nearer; x and y are tensors of distances."""
    return ...


exercises.answer("04.3", auc_of)

# %% [markdown]
# **4. Find the bug.** Somebody enlarges the data first, adding the mirror
# image of every photograph, and then draws three quarters of the doubled set
# at random for training; the rest is held out. The test searches mirrorings,
# and the generator returns exact copies. Which AUC may be expected? (A
# held-out image whose mirror image was trained on lies at distance 0.)

# %% tags=["exercise"]
auc = ...  # your answer
exercises.answer("04.4", auc)

# %% [markdown]
# **5. Open.** Put your own run of chapter 02, or a folder of pictures from any generator,
# in the place of `recorded_fakes`. Write down beforehand which verdict you expect, and
# which share of copies your numbers of images could have missed.

# %% [markdown]
# ## Summary
#
# - A nearest neighbour is a distance; a distance needs a scale. Held-out
#   images give it, and they must be put aside before the training.
# - $\mathrm{AUC} = U/nm$ is the share of pairs that the fake wins; without
#   copying ½, with standard deviation $\sqrt{(n+m+1)/(12\,nm)}$.
# - A test is used after a positive and a negative control, and reported with
#   the share of copies that it would miss. So is a search in G.
# - Pixels miss moved and noisy copies, and mistake smooth images for copies. Search, coarse images,
#   features and the permutation test each see something else.
# - No test here excludes single copies. Look at the nearest pairs.
#
# **References.** L. Melchior, *Data Augmentation with GANs for Defect
# Detection* (blog) · H. Mann and D. Whitney, *On a Test of Whether one of Two
# Random Variables is Stochastically Larger than the Other*, 1947 · C. Meehan,
# K. Chaudhuri and S. Dasgupta, *A Non-Parametric Test to Detect Data-Copying
# in Generative Models*, 2020 · M. Heusel et al., *GANs Trained by a Two
# Time-Scale Update Rule*, 2017 (the Inception features) · K. Song and Y. Yan,
# *A noise robust method based on completed local binary patterns for
# hot-rolled steel strip surface defects*, 2013 (the data).
#
# **Before:** [03 · Cats and augmentation](03_dcgan_cats_augmentation.ipynb)
# **Next:** [05 · The CycleGAN objective](05_cyclegan_objective.ipynb)

# %% tags=["nbval-ignore-output"]
recorded = {}
for name, run in runs.items():
    recorded[f"AUC recorded ({name})"] = run.at_path("final.average.copying.auc")
report(
    data=train,
    AUC_of_planted_copies=controls["planted copies"].auc,
    AUC_of_fresh_images=controls["fresh images"].auc,
    AUC_trained_on_8=overfitted.auc,
    **recorded,
)
