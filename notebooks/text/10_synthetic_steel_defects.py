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
# # 10 · Synthetic steel defects
#
# A CycleGAN adds blowholes and cracks to clean metal. Would you notice? Are they new? Are they worth
# anything to a detector?
#
# After this chapter you can
#
# - train such a translator, and read off where it put what it added;
# - say what it cannot do;
# - cut and split crops without fooling yourself.
#
# Three lectures: sections 1 to 5; 6 to 9, which may come first; and an appendix that turns a printed
# replica into metal, and makes it fail.
#
# **Time:** 19 minutes to read, 43 with the code; two to three minutes to run on one CPU core
# (`quick`; not run on a GPU). **Data:** NEU-DET, the magnetic tiles (both real here, or seeded
# stand-ins); strips in Severstal's layout and the replicas are drawn. Every figure says which.

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # "real" never falls back to stand-ins, "stand-in" always does
STRIPS = ""  # your folder with Severstal's train_images/ and train.csv; empty: drawn strips

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

import collections

import numpy as np
import torch

from gancourse import device, profiles, records
from gancourse.data import catalog, images
from gancourse.data import pieces as metal
from gancourse.data.batches import looked_at, pairs_of
from gancourse.metrics import distances, features
from gancourse.notebook import figures, panels
from gancourse.notebook.cell import report, require, table
from gancourse.train.cyclegan import CycleGANStep, LinearDecay, translate
from gancourse.train.loop import History, ProgressBar, Samples, fit
from gancourse_lab import (
    added,
    annotations,
    crop_figures,
    crops,
    exercises,
    layouts,
    paired,
    run_lengths,
    specimen_figures,
    steel_figures,
    tile_crops,
)
from gancourse_lab.human_study import wilson

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED)
PLAN = {  # clean crops that are translated, sheets a layout that are cut, the live training
    "smoke": {"translated": 24, "sheets": 60, "live": "smoke", "steps": 3},
    "quick": {"translated": None, "sheets": None, "live": "live", "steps": 320},
    "full": {"translated": None, "sheets": None, "live": "live", "steps": 320},
}[profile]
trained = records.load("tile-defects/laptop-seed0")
GAP = catalog.find("magnetic-tile").piece_gap  # numbers nearer than this are one tile's
print(f"profile {profile}, {device.describe()}")

# %% [markdown]
# The upper row is clean metal, crops of tiles that the network never saw. The lower row is
# what it made of them.


# %% tags=["nbval-ignore-output"]
def some_of(images, count):
    """At most ``count`` pictures, spread evenly over a set; all where None."""
    if count is None or count >= len(images):
        return images
    return images.subset(torch.arange(count) * len(images) // count)


def pieces_of(names, source):
    """The piece of metal of each crop; of drawn tiles everyone is a piece."""
    names = [name.rsplit("-", 1)[0] for name in names]
    return metal.by_gap(names, GAP) if source == "real" else names


clean = some_of(tile_crops.domain("A", tile_crops.METAL, "test", DATA), PLAN["translated"])
defective = tile_crops.domain("B", tile_crops.METAL, "test", DATA)
translator = trained.generator("gen_ab")
made = translate(translator, clean.images)
TILES = f"held-out crops: {clean.caption}; {trained.caption}"
for one in (clean, defective):
    print(f"{one.caption}, of {len(set(pieces_of(one.names, one.source)))} pieces of metal")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output", "thumbnail"]
both = pieces_of([*clean.names, *defective.names], clean.source)
of_clean, of_defective = both[: len(clean)], both[len(clean) :]
change = added.difference(clean.images, made)
most = torch.from_numpy(change).flatten(1).amax(1)  # the largest change of each crop
strongest = {}  # crop of each tile that has no real defect below
for i in most.argsort(descending=True).tolist():
    if of_clean[i] not in of_defective:
        strongest.setdefault(of_clean[i], i)
strongest = list(strongest.values())
weakest = {}  # of the crops that are not dark, a tile each
for i in most.argsort().tolist():
    if of_clean[i] not in of_defective and clean.images[i].float().mean() > 90:
        weakest.setdefault(of_clean[i], i)
opening = strongest[:4] + list(weakest.values())[:2]
figures.show_sheet(
    "Two rows of six crops of metal. Above clean ones, below the same ones after translation: four "
    "with a dark spot or streak added, two as good as unchanged.",
    {"clean": clean.images[opening], "translated": made[opening]},
    "",
    f"chosen: a tile each, changed most and, of crops that are not dark, least; {TILES}",
    ["changed most"] * 4 + ["changed least"] * 2,
    scale=3,
)

# %% [markdown]
# *What you see.* The first four got a dark spot or streak of a blowhole's size; around it the grinding
# marks are those of the input. The last two are failures: nothing was added (section 3 counts 94 such
# of 445). These six were chosen; section 2 shows sixteen that were not.
#
# ## 1 · Would you notice?
#
# **Guess first.** Eight crops of eight tiles, a defect on each. Four are photographs of real
# defects, on four others the network added one (again strong ones). Which four? Write the
# numbers down; the end of section 2 tells.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
real = list({piece: i for i, piece in enumerate(of_defective)}.values())[:4]  # one a tile
mixed = torch.cat([made[strongest[4:8]], defective.images[real]])
order = torch.randperm(len(mixed), generator=torch.Generator().manual_seed(SEED))
numbered = {f"{n} to {n + 3}": mixed[order][n - 1 : n + 3] for n in (1, 5)}
figures.show_sheet(
    "Eight crops of metal, each with a dark spot or line: four real, four made.",
    numbered,
    "",
    f"{clean.caption} (translated) and {defective.caption}; one crop a tile",
    scale=3,
)

# %% [markdown]
# One reader, a language model, got a hundred such crops, nothing chosen: 50 translations, 25 real
# defective crops, 25 real clean ones. Knowing neither sources nor shares, the reader wrote down which
# defect each shows, and whether it is made.
#
# **Guess again:** in how many of the 50 translations did the reader see a defect, and how many did it
# call made?

# %%
blind = records.load("tile-defects/blind-100")
head = ["source", "none", "blowhole", "crack", "other", "called made", "of"]
table(head, [[name, *[row[h] for h in head[1:]]] for name, row in blind["counted"].items()])

# %% [markdown]
# *What you see.* A defect in 37 of the 50 translations, in all 25 real defective crops, in 5 of the 25
# clean ones: **the defects are there.** But 37 translations were called *made*, too, and only 4 of the
# 50 photographs: **they do not pass for real.** What gave them away: blobs of irregular outline, and
# chains of dots. (Not quite fair: a tile that came twice gave a clue, and the reader knew of a public
# set of such tiles.)
#
# ## 2 · From clean to defective
#
# Adding a defect is a translation without pairs (chapter 05): domain A is clean metal,
# domain B metal with a blowhole or a crack. Four choices matter:
#
# - **The same tiles on both sides.** A's crops come from defective tiles too, beside the
#   defect. Else whatever differs between two sets of tiles would be translated.
# - **Begin as the identity** (chapter 06): $G(x) = \tanh(\operatorname{artanh}(0.98\,x) +
#   d(x))$ with $d = 0$ at first. What is learnt is an *addition*, as a defect is.
# - **A weak cycle loss**, λ = 5, identity a fifth of it: $F$ has to paint over the defect, and
#   cannot know what was below.
# - **Only kinds that fit** into a crop: sections 7 and 8 say which do not.
#
# ```
#            clean  ──G──▶  with a defect?  ──F──▶  clean again
#              A                  │                     │
#                                D_B              |F(G(x)) − x|
#                    "does B look like this?"
# ```
#
# It is given crops of tiles, which are several times as wide (sections 6 to 8 say by which rule). The
# recorded run cut them at 80 pixels, to be cropped at random to 64, which leaves 1,221 and 85 of these.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
given = {
    f"{part}, {what}": tile_crops.domain(part, tile_crops.METAL, "train", DATA)
    for part, what in (("A", "clean"), ("B", "with a defect"))
}
rows = {}
for label, some in given.items():
    a_tile = {piece: i for i, piece in enumerate(pieces_of(some.names, some.source))}.values()
    rows[label] = some.images[list(a_tile)[:: max(1, len(a_tile) // 6)][:6]]
figures.show_sheet(
    "Two rows of six training crops, a tile each: clean metal, and metal with a hole or a crack near "
    "the middle.",
    rows,
    "",
    "; ".join(some.caption for some in given.values()),
    scale=2,
)

# %% [markdown]
# *What you see.* In B the defect lies near the middle, on the same kinds of metal as A.
#
# **Guess first:** $G$ begins as "do nothing". What will it add first, and where? A minute or two of
# training from nothing (here the machine was busy), at half the pixels:


# %% tags=["nbval-ignore-output"]
def pair_of_crops(split):
    """Both domains, as large as this run takes them."""
    return [tile_crops.load(settings, part, split, DATA) for part in "AB"]


settings = profiles.settings("tile-defects", PLAN["live"], seed=SEED)
steps_live = settings.steps or PLAN["steps"]
test_a, test_b = pair_of_crops("test")
shown_live = looked_at(test_a, "a"), looked_at(test_b, "b")[:0]
caption_live = f"{test_a.caption}, enlarged"


def paint(run):
    """What G makes of the held-out crops now, as JPEG bytes."""
    rows = {"clean": shown_live[0], "G(clean)": run.step.sample(shown_live)}
    return figures.jpeg_of(figures.sheet(rows, run.where, caption_live))


device.seed_everything(SEED)
step = CycleGANStep(settings)
batches = pairs_of(*(one.to(step.device) for one in pair_of_crops("train")), settings)
moments = [n * steps_live // 8 for n in (0, 2, 3, 4, 6, 8)]
film = Samples(shown_live, steps=set(moments))
live = panels.LiveFigure(seconds=3, paint=paint)
watchers = [LinearDecay(by_steps=True), ProgressBar(("gen", "disc_b")), live, film]
history = History()  # filled by fit: also where the stop button ends this cell
history = fit(step, batches, callbacks=watchers, history=history, steps=steps_live)
if test_a.source != "real":
    print(
        "These tiles are drawn: in a minute no spot grows on them. The sentences below are of real."
    )

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
followed = [3, 6, 7]  # of the eight
columns = {f"crop {i + 1}": torch.stack([x[i] for _, x in film.images]) for i in followed}
figures.show_sheet(
    "Three clean crops, the first dark, over the steps of the live training: a dark spot appears in each.",
    columns,
    "",
    caption_live,
    [f"step {at}" for at, _ in film.images],
)

# %% [markdown]
# *What you see* (of real tiles). First a shadow in the middle, then a spot with an edge. The recorded
# run has four times the pixels, wider networks, a lower rate and 2,000 steps.

# %%
s = trained.settings
print(f"{s.size} px, widths {s.width}/{s.width_d}, start: {s.start}, {trained.steps} steps")
print(f"λ {s.lambda_cycle:g}, identity {s.lambda_identity:g}, rate {s.lr:g}, batch {s.batch_size}")
sizes = trained["data"]
for side, what in (("a", "clean crops"), ("b", "defective crops")):
    print(f"{what}: {sizes[side]['train']} to train with, {sizes[side]['held_out']} held out")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
spread = torch.arange(16) * len(clean) // 16
for half in (spread[:8], spread[8:]):
    figures.show_sheet(
        "Eight clean crops above, their translations below: some with a dark spot or line, some "
        "unchanged.",
        {"clean": clean.images[half], "translated": made[half]},
        "",
        f"not chosen: spread evenly over {clean.caption}; {trained.steps:,} steps",
        scale=2,
    )

# %% [markdown]
# *What you see.* Nine of the sixteen got a defect that one would notice: blots, flakes, an arc,
# small cracks. Two got a faint one, five none; these are dark or unevenly lit.
#
# **Guess first:** the short run marked all eight of its crops, dark ones too. Did the recorded run
# never learn to, or did it forget?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show_sheet(
    "Two crops of the live training over the steps of the recorded one: at step 200 both have a dark "
    "spot; the dark crop has lost it at 400, the unevenly lit one at 800.",
    {f"crop {i + 1}": trained.strip[i, [0, 5, 6, 7, 9]] for i in (3, 7)},
    "",
    f"held-out crops; {trained.caption}",
    ["clean", *(f"step {trained['samples']['columns'][n]['step']:,}" for n in (5, 6, 7, 9))],
    scale=2,
)
for label, some in given.items():
    dark = (some.images.float().mean((1, 2, 3)) < 90).float().mean()
    print(f"{label}: {dark:.0%} of the training crops darker than 90 of 255")

# %% [markdown]
# *What you see.* It forgot: at step 200 both have a blot, at 800 neither. Why is not known. Dark metal is
# no rarer in B than in A; adding nothing costs neither a cycle nor an identity loss.
#
# And the eight of section 1:

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
numbers = [n + 1 for n, i in enumerate(order.tolist()) if i < 4]
print("added by the network:", ", ".join(map(str, numbers)))

# %% [markdown]
# ## 3 · What was added, and where
#
# $|G(x) - x|$ says it: a mask that nobody had to draw. But $G$ also changes a little
# everywhere. From which level on is a change a *defect*?
#
# Ask $G$ for pictures that it should leave alone: real defective crops are in B already. The level is
# the lowest at which 95 % of these get no mask beside the defect that they have. (They are of training
# pieces: nothing is tuned on the held-out part. On clean metal, nobody could tell noise from a faint
# defect.)


# %%
def boxes_of_change(before, after, level):
    """Boxes (n, 4) of what changed by more than ``level`` grey levels, on 3x3 means."""
    mask = added.masks(added.difference(before, after), level)
    return [added.boxes(one) for one in mask]


before = torch.full((1, 1, 64, 64), 120, dtype=torch.uint8)
after = before.clone()
after[..., 20:30, 40:52] = 60  # 10 rows and 12 columns became darker by 60
print(f"added at columns 40-51, rows 20-29: box {boxes_of_change(before, after, 20)[0].tolist()}")

# %% tags=["nbval-ignore-output"]
left_alone, known = tile_crops.with_masks("train", DATA)
level = added.level_of(translator, left_alone, known)
masks = added.masks(change, level)
changed = masks.any((1, 2))
print(f"level: {level:g} of 255 grey levels, from {len(left_alone)} crops to be left alone")
share, low, high = wilson(int(changed.sum()), len(changed))
print(f"{share:.0%} [{low:.0%}, {high:.0%}] of {len(changed)} held-out crops got a mask")
if clean.source == "real" and PLAN["translated"] is None:
    require(0.7 < share < 0.9, "four of five")
noise = added.beside(translator, left_alone, known)
for at in sorted({8.0, level, 32.0}):
    alone, found = (added.masks(one, at).any((1, 2)).mean() for one in (noise, change))
    print(f"level {at:g}: {found:.0%} of the translations get a mask, {alone:.0%} of the others")

# %% [markdown]
# **Guess first:** what is outlined when the level is too low, what is lost when it is too high?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
with_mask = ([i for i in spread.tolist() if changed[i]] or spread.tolist())[:6]
grey = torch.from_numpy(np.clip(4 * change, 0, 255).astype(np.uint8))[:, None]
grey = grey.expand(-1, 3, -1, -1)
rows = {"4 · |G(x) − x|": grey[with_mask]}
for at in sorted({8.0, level, 32.0}):
    outlined = added.outlined(made[with_mask], added.masks(change[with_mask], at))
    rows[f"level {at:g}"] = outlined
figures.show_sheet(
    "Four rows of six: the change as a bright spot on black, then the same translations with what lies "
    "above level 8, 15 and 32 outlined: much, the spots and some streaks, the strong spots alone.",
    rows,
    "",
    clean.caption,
    scale=2,
)

# %% [markdown]
# *What you see.* At 15, the level that the rule gave, the outlines follow the spots; in three of the
# six crops they also hold streaks at the rim, which are no defect. At 8 grinding marks are outlined:
# every second crop that should be left alone has a mask. At 32 the streaks are gone, and two of the
# six spots too.
#
# **Failures.** A translation without a mask would go into training labelled *defective*, and show no
# defect. Several places, or a mask over an eighth of the crop, are failures of another kind.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
area = masks.mean((1, 2))
boxes_each = np.array([len(added.boxes(mask)) for mask in masks])
failures = {
    "below the level": np.flatnonzero(~changed),
    "several places": np.flatnonzero(boxes_each > 1),
    "too large": np.flatnonzero(area > 1 / 8),
}
marked, shown = added.outlined(made, masks), {}
failed = len(set(np.concatenate(list(failures.values())).tolist()))
print(f"fail in one way or another: {failed} of {len(made)}, {failed / len(made):.0%}")
for name, at in failures.items():
    print(f"{name}: {len(at)} of {len(made)}")
    each = list({of_clean[i]: i for i in at.tolist()}.values())  # one crop a tile
    if len(each) >= 6:
        shown[name] = marked[[each[n * len(each) // 6] for n in range(6)]]
if shown:
    alt = f"Rows of six failed translations, a tile each: {', '.join(shown)}."
    figures.show_sheet(alt, shown, "", f"one crop a tile; {clean.caption}", scale=2)

# %% [markdown]
# *What you see.* More than half fail. Above, nothing was added, or something too faint; most of these crops are dark.
# Below, one outline is the spot, the others are smaller spots or streaks: for training take the
# largest, or refuse the crop.
#
# ### Are they new?
#
# Chapter 04's question: is it a training defect, pasted in? The background is the input's, so compare
# only a window of 28 pixels around what was added with that around each training defect, mirrored or
# not, by their correlation. Beside it real held-out defects, which nobody copied.


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
def windows(pictures, marks, side=28):
    """The window (side x side) around the largest box of each mark; pictures without one go."""
    found = []
    for picture, mark in zip(pictures.float(), marks, strict=True):
        box = added.largest_box(mark)
        if box is not None:
            x, y = ((box[:2] + box[2:]) / 2).round().astype(int)
            wide = torch.nn.functional.pad(picture[None], [side // 2] * 4, mode="reflect")[0]
            found.append(wide[:, y : y + side, x : x + side])
    return torch.stack(found)


def nearest(some, known):
    """Correlation of each window with the most alike of ``known``, mirrored or not; which it is."""
    ways = [known.flip(dims) for dims in ([], [-1], [-2], [-2, -1])]
    some, *ways = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (some, *ways))
    unit = torch.nn.functional.normalize
    return torch.stack([unit(some) @ unit(way).T for way in ways]).amax(0).max(1)


new = windows(made[torch.from_numpy(changed)], masks[changed])
learnt = windows(left_alone, known)
unseen = windows(*tile_crops.with_masks("test", DATA))
alike = {"added": nearest(new, learnt), "real, held out": nearest(unseen, learnt)}
for name, (values, _) in alike.items():
    middle, most = float(values.median()), float(values.max())
    print(f"{name}: {len(values)} windows, median correlation {middle:.2f}, largest {most:.2f}")
shown = {}
tiles_of = {"added": [of_clean[i] for i in np.flatnonzero(changed)], "real, held out": of_defective}
for name, of in (("added", new), ("real, held out", unseen)):
    values, which = alike[name]
    best = {}  # the most alike of each tile
    for i in values.argsort(descending=True).tolist():
        best.setdefault(tiles_of[name][i], i)
    some = list(best.values())[:5]
    shown[name], shown["nearest learnt" + " " * len(shown)] = of[some], learnt[which[some]]
figures.show_sheet(
    "Four rows of windows, a tile each: added defects, and the training defect most alike, which is "
    "sharper and has an edge; real held-out defects, and theirs.",
    {name: images.to(torch.uint8) for name, images in shown.items()},
    "",
    f"28 of 64 pixels; {clean.caption}, translated; {defective.caption}",
    scale=5,
)

# %% [markdown]
# *What you see.* No copies: the network adds blots, the training defects have an edge. But four of the
# five most alike, up to 0.87, are nearest to one blowhole (under several lamps): its shape may be
# remembered. The median, 0.66, is that of real defects.
#
# **A leak:** the held-out crack and its "nearest learnt", 0.99, are one tile. The numbers of sections 3
# to 5 count it; section 9 finds it and gives them without.
#
# ## 4 · When to stop: the loss, or KID?
#
# The generators' loss is written at every step; KID to real defective crops needs translations
# and a feature network. Does the cheap number find the same moment as the dear one?

# %%
KID, FID = trained.kid, trained.fid
steps = [row["step"] for row in trained["metrics"]]
path = "{weights}.a_to_b.train."
kids = [trained.at_path(path + "{kid}", within=row) for row in trained["metrics"]]
fids = [trained.at_path(path + "{fid}", within=row) for row in trained["metrics"]]
losses = [trained.mean("gen", a, b) for a, b in zip([0, *steps], steps, strict=False)]
lowest = {"the generators' loss": losses, KID: kids, FID: fids}
for name, values in lowest.items():
    at = int(np.argmin(values))
    print(f"{name} is lowest at step {steps[at]}: there {KID} {kids[at]:.2f}")
rank = np.corrcoef(np.argsort(np.argsort(losses)), np.argsort(np.argsort(kids)))[0, 1]
print(f"rank correlation of loss and KID over {len(steps)} moments: {rank:.2f}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figure, axes = figures.subplots(1, 2, figsize=(10, 3.6), caption=trained.caption)
for axis, name in zip(axes, list(lowest)[:2], strict=True):
    values = lowest[name]
    axis.plot(steps, values, marker="o", markersize=5, color=figures.BLUE)
    at = int(np.argmin(values))
    axis.plot(steps[at], values[at], marker="o", markersize=13, fillstyle="none", color="black")
    axis.set(xlabel="step", title=f"{name}, lowest at {steps[at]:,}")
figures.show(
    figure,
    "Two curves over the steps, each with its lowest point ringed: the generators' loss falls and "
    "then rises, KID to the training crops of B falls for most of the training.",
)

# %%
value, low, high = trained.at_path("final.{weights}.a_to_b.held_out.{kid}", interval=True)
print(f"held out, at the end: {KID} {value:.2f} [{low:.2f}, {high:.2f}]")
told = trained["against untouched"]["a_to_b"]
less = told["change×10³"]
print(
    f"the same crops untouched: {value - less:.2f}; change {less:.2f}, p = {told['p']:.4f} (paired)"
)

# %% [markdown]
# No. The loss is lowest at step 304, where KID is still 0.45; from there it *rises* while KID falls to
# 0.27. **A loss in a game says how the two players stand, not where they are.** KID and FID agree on
# 1,200 to 1,400 steps; whether KID's rise after that is chance was not tested, and this chapter's
# pictures are of the last step, 2,000.
#
# To the 22 held-out defective crops (4 pieces of metal, the known one among them) 256 translations
# are nearer, 0.55, than the same crops untouched, 1.42.
#
# ## 5 · Boxes for a detector
#
# A detector learns from boxes that somebody drew; a translation's box is free, the largest of what was
# added. **Pascal VOC** counts pixels from 1 and includes the last; **COCO** writes left and top, from
# 0, width and height. `annotations.write` writes both.

# %%
box = np.array([[40, 20, 52, 30]])  # columns 40-51 and rows 20-29, as in section 3
print(annotations.voc_object("added", box[0]))
print(annotations.coco([("a", box, ["added"])], (64, 64))["annotations"][0])

# %% [markdown]
# Are such boxes worth real ones? A small detector was trained four times (three seeds each, all else
# the same): on **real** defects; on as many **translated** clean crops; on the same real defects
# **pasted** onto clean crops along their masks, without a GAN; on **real and translated** ones. A crop
# lies anywhere around its defect, else the middle would be a good guess.
#
# **Guess first:** which of the other three comes nearest to real boxes?

# %%
boxed = records.load("tile-defects/detection")
arms = ["real", "translated", "pasted", "real and translated"]
for arm in arms[:3]:
    about = boxed["train"]["arms"][arm]
    wide, high = about["width, height"]
    print(f"{arm}: {about['scenes']} defects, the median box {wide:.0f} by {high:.0f} pixels")
tested = boxed["test"]
print(
    f"of {boxed['train']['pieces']} pieces of metal; beside {boxed['train']['clean']} clean crops"
)
print(
    f"test: {tested['defects']} defects of {len(set(tested['pieces']))} other pieces, each in "
    f"{boxed['settings']['places']} crops; {tested['clean']} clean crops"
)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
columns = dict(zip(boxed.columns, boxed.strip.unbind(1), strict=True))
learnt = {arm: boxed["train"]["arms"][arm]["boxes"] for arm in arms[:3]}
rows = {arm: [(box, None, True) for box in boxes[:6]] for arm, boxes in learnt.items()}
few = {arm: columns[arm][:6] for arm in rows}
figures.show(
    crop_figures.boxed(few, rows, f"training crops with their boxes; {boxed.caption}"),
    "Three rows of six training crops, a blue box in each: real dark holes, then blots and flakes "
    "in larger boxes, then real holes on other metal.",
    photo=True,
)

# %% [markdown]
# *What you see.* Real blowholes, and pasted ones, are dark and sharp. Translations are blots and
# flakes, in larger boxes: 13 by 15 pixels against 8 by 12, at the median.
#
# Now real crops of held-out tiles, one a piece of metal: true boxes blue, told ones orange, dotted
# where the detector is not sure (below the threshold at which 5 % of clean training crops get a box).

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
of_shown = [tested["pieces"][i] for i in tested["shown"]]
one_each = sorted({piece: i for i, piece in reversed(list(enumerate(of_shown)))}.values())
rows = {}
for arm in arms[:3]:
    told = list(zip(tested["boxes"], *boxed["told"][arm].values(), strict=True))
    rows[f"taught by\n{arm}"] = [told[i] for i in one_each]
pictures = dict.fromkeys(rows, columns["test"][one_each])
figures.show(
    crop_figures.boxed(pictures, rows, f"held-out crops, seed 0; {boxed.caption}"),
    "Five held-out crops, a tile each, in three rows, a blue true box and an orange told one in "
    "each. Orange boxes lie on the compact holes, cover part of a bent crack, and are dotted and "
    "elsewhere where a hole lies at the rim.",
    photo=True,
)

# %% [markdown]
# *What you see.* All three find the two compact holes, box a part of the bent crack, and miss the
# hole at the rim. At the long crack the one taught by translations is not sure.

# %%
rows = []
for arm in ["constant", *arms]:
    means = boxed["means"][arm]
    shares = [f"{means[key]['by piece'][0]:.0%}" for key in ("found", "on it") if key in means]
    false = f"{np.mean(means['false']):.0%}" if "false" in means else ""
    rows.append([arm, f"{means['iou']['by piece'][0]:.2f}", *(shares or ["", ""]), false])
table(["trained on", "mean IoU", "IoU ≥ ½", "centre on the defect", "clean crops with a box"], rows)

# %% tags=["nbval-ignore-output"]
said = {"iou": "mean IoU", "found": "IoU ≥ ½", "on it": "centre on the defect"}
over_pieces, over_defects, others = {}, {}, []
for row in boxed["compared"]:
    if "constant" not in row["arms"]:
        label, (value, low, high) = " − ".join(row["arms"]), row["by piece"]
        if row["score"] == "iou":
            over_pieces[label] = paired.Difference(value, low, high, float("nan"))
            over_defects[label] = row["by defect"][1:]
        elif row["arms"][0] == "translated":
            others.append([label, said[row["score"]], f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"])
figures.show(
    steel_figures.differences(
        over_pieces,
        "what one kind of box teaches less another",
        "difference in mean IoU; line: 95 % over 5 pieces, pale bar: over 24 defects",
        boxed.caption,
        over_defects,
    ),
    "A row a pair of arms: the difference in mean IoU as a dot, two intervals, and zero. Two rows, "
    "both of translations, lie below zero.",
)
table(["the other scores", "", "95 % over 5 pieces"], others)
over_seeds = {arm: np.mean([run["iou"] for run in boxed["arms"][arm]], 0) for arm in arms}
less = over_seeds["translated"] - over_seeds["real"]
of_piece = [less[np.array(tested["pieces"]) == one].mean() for one in set(tested["pieces"])]
require(max(of_piece) < 0, "below on each piece of metal")
print(f"translated below real on {sum(one < 0 for one in of_piece)} of {len(of_piece)} pieces")

# %% [markdown]
# *What it shows.* Translations teach *where*: the told centre lies on the defect in 82 % of the
# crops. They teach less well *how large*: mean IoU is 0.09 below that of real boxes, on each
# of five pieces, and both intervals leave 0 out; for the centre the one over pieces does not.
#
# Pasting, without any GAN, comes out better by 0.08, but without the leaked tile that cannot be told (see
# below); nor whether it is worse than real crops. Translations added to real ones did not help (−0.01). (*Constant* is always the mean
# box.) One of the five pieces is the tile that leaked: without it these gaps shrink
# (section 9).
#
# *What it does not.* The interval over defects takes exposures of one tile for independent, and is too
# narrow; that over five pieces is rough (a sign test of five never goes below p = 0.06). Twelve
# differences, uncorrected; the centre became a score after the first IoUs had been seen; one
# generator, one small detector, no tighter boxes tried.
#
# ## 6 · Which crops were these?
#
# From here on: what the network was given. Read downwards: how many marks are left as a crop has to
# fulfil more.


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
def marks_of(split):
    """How many blowholes and cracks are marked on the tiles of a split."""
    of_split = [s for s in sheets[layouts.TILES] if images.in_split(s.piece, split)]
    return sum(len(s.boxes) for s in of_split if set(s.kinds) & set(tile_crops.KINDS))


found = {
    name: layouts.load(name, DATA, STRIPS if name == layouts.STRIPS else "")
    for name in layouts.READERS
}
CAPTIONS = {name: layouts.caption(name, *loaded) for name, loaded in found.items()}
sheets = {name: loaded[0].sheets for name, loaded in found.items()}
train, held = boxed["train"]["defects"], tested["defects"]
of_b = sizes["b"]
table(
    ["blowholes and cracks", "training", "held out", "what for"],
    [
        ["marked", marks_of("train"), marks_of("test"), ""],
        ["in some crop of 64 px", train, held, "the detector (recorded)"],
        ["in the middle of 64 px", len(left_alone), len(defective), "level; KID, guess"],
        ["in the middle of 80 px", of_b["train"], "", "training of G (recorded)"],
    ],
)

# %% [markdown]
# Data sets say in three ways where a defect is. **NEU-DET** draws a *box* around it. The **magnetic
# tiles** have a *mask*, a second picture, white on the defect. **Severstal** writes the mask as
# *text*, in a table.

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
longest = {}
for name, loaded in found.items():
    boxes = np.concatenate([sheet.boxes for sheet in loaded[0].sheets])
    longest[name] = (boxes[:, 2:] - boxes[:, :2]).max(1)
    print(f"{CAPTIONS[name]}: {len(boxes)} defects; not read: {len(loaded[0].problems)}")


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
def typical(name, kind):
    """The sheet of a kind whose defects cover a middling area."""
    every = [s for s in sheets[name] if set(s.kinds) == {kind} and s.size[0] >= 150]
    return sorted(every, key=lambda s: (s.boxes[:, 2:] - s.boxes[:, :2]).prod(1).sum())[
        len(every) // 2
    ]


strip = max((s for s in sheets[layouts.STRIPS] if len(s.boxes) > 2), key=lambda s: s.mask.sum())
figure, axes = figures.subplot_mosaic(
    [["a", "b", "c", "d"], ["s"] * 4], figsize=(10, 4.6), caption="; ".join(CAPTIONS.values())
)
for key, kind in zip("ab", ("scratches", "crazing"), strict=True):
    crop_figures.show_defects(axes[key], typical(layouts.NEU, kind), f"NEU, boxes: {kind}")
for key, kind in zip("cd", ("blowhole", "fray"), strict=True):
    crop_figures.show_defects(axes[key], typical(layouts.TILES, kind), f"tile, mask: {kind}")
crop_figures.show_defects(axes["s"], strip, f"strip, mask from text: {strip.kinds[0]}")
figures.show(
    figure,
    "Two NEU pictures with blue boxes, two magnetic tiles with orange masks, and a wide strip with "
    "its masks.",
    photo=True,
)

# %% [markdown]
# *What you see.* NEU's boxes are generous: those of crazing hold metal that looks like what is around
# them. A blowhole is a dozen pixels of a tile, a fray a third of it.
#
# **A mask as text** is a list of *runs*: pairs of a start and a length, pixels counted **down
# the columns, from 1**. Both are easy to get wrong, and the wrong mask looks plausible: read along
# the rows, a blob becomes a stripe.


# %%
def to_text(mask):
    """A (H, W) mask as starts and lengths of its runs, pixels counted from 1 down the columns."""
    down = np.concatenate([[0], mask.T.ravel().astype(int), [0]])  # .T: columns, not rows
    starts, ends = np.flatnonzero(np.diff(down) == 1), np.flatnonzero(np.diff(down) == -1)
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


small = np.array([[0, 0, 1], [1, 0, 1]], bool)
require(to_text(strip.mask) == run_lengths.encode(strip.mask), "the package writes the same")
print(f"{small.astype(int).tolist()} is {to_text(small)!r}")

# %% [markdown]
# ## 7 · The rule for a crop
#
# A network takes squares. Cloudera's post on this data set cuts them by three rules:
#
# - the defect lies **wholly inside and near the middle** (here: the centres at most a quarter of the
#   side apart, unless the metal is no larger than the crop);
# - the crop stays **off the edges and the dark margin** beside the strip;
# - its size **admits most defects**, not the few extraordinarily wide ones.
#
# Along each axis:


# %%
def along(low, high, size, first, end, off_centre=0.25):
    """Where a crop begins that holds the defect from low to high, on metal from first to end."""
    start = round((low + high - size) / 2)  # the defect in the middle
    start = min(max(start, first), end - size)  # but never beyond the metal
    if size > end - first or high - low > size:
        return None  # too little metal, or too large a defect
    if low < start or high > start + size:
        return None  # the defect sticks out, into a margin
    far = abs((low + high) / 2 - (start + size / 2)) > off_centre * size
    return None if far and end - first > size else start


for low in (100, 12, 8, 3):
    left = along(low, low + 20, 64, 0, 200)
    require((left is None) == (crops.crop_at((low, 90, low + 20, 110), 64, 200, (0, 200)) is None))
    print(f"a defect from {low} to {low + 20} of 200: the crop of 64 begins at {left}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
SIDE = 64


def verdict(sheet):
    """Why the first defect of a sheet gets no crop, or "kept"."""
    at = crops.place(sheet.boxes[0], SIDE, (0, sheet.size[0]), (0, sheet.size[1]))
    return crop_figures.SHORT[at] if isinstance(at, str) else "kept"


by_verdict = collections.defaultdict(list)
for sheet in sheets[layouts.TILES]:
    if len(sheet.boxes) == 1 and sheet.size[0] >= 150:
        by_verdict[verdict(sheet)].append(sheet)
four = []
for name, count in (("kept", 2), ("far from the middle", 1), ("too wide", 1)):
    each = list({sheet.piece: sheet for sheet in by_verdict[name]}.values())  # one a tile
    four += each[:: max(1, len(each) // 2)][:count]
figure, axes = figures.subplots(
    1, 4, figsize=(10, 4), caption=f"{CAPTIONS[layouts.TILES]}; crops of {SIDE} px"
)
for axis, sheet in zip(axes.flat, four, strict=False):
    reasons = crop_figures.show_crops(axis, sheet, SIDE)
    axis.set_title(f"{sheet.kinds[0]}:\n{', '.join(sorted(set(reasons)))}", fontsize=13)
for axis in axes.flat[len(four) :]:
    axis.set_axis_off()
figures.show(
    figure,
    "Four tiles with their masks in orange. Solid frames around two defects near the middle of "
    "their tile; dashed frames, one over the tile's edge, one smaller than the defect.",
    photo=True,
)

# %% [markdown]
# *What you see.* Solid frames are crops that were cut; dashed ones were refused, drawn where they would
# have to lie. The second blowhole's crop touches the lower edge, but its centre is less
# than a quarter off. The third lies so near a rim that its crop would leave the tile.
#
# ## 8 · How large?
#
# A crop that holds *every* defect shows mostly clean metal, and a blowhole of 12 pixels
# becomes 3 when it is shrunk to what the network takes. So one takes the size that admits
# a share of the defects. Move the share:

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
SHORT_NAMES = {layouts.TILES: "tiles", layouts.NEU: "NEU-DET", layouts.STRIPS: "strips"}
holes = [s for s in by_verdict["kept"] if s.kinds == ["blowhole"]]
one_hole = holes[len(holes) // 2]


def draw_admitted(share):
    """How large a crop of tiles is that admits ``share`` of the defects, and what that costs."""
    name = layouts.TILES
    boxes = np.concatenate([sheet.boxes for sheet in sheets[name]])
    side = crops.crop_size(torch.from_numpy(boxes), share)
    figure, axes = figures.subplots(1, 2, figsize=(9, 3.8), caption=CAPTIONS[name])
    out = int((longest[name] > side).sum())
    title = f"{side} px, {out} of {len(longest[name])} left out"
    crop_figures.admitted(axes[0], longest[name], side, title)
    axes[0].set_ylabel("share of the defects")
    crop_figures.show_shrunk(axes[1], one_hole, side, 64)
    return figure


panels.panel(draw_admitted, photo=True, share=panels.number(0.4, 1.0, 0.7, "share admitted", 0.1))

# %% [markdown]
# **Guess first:** 68 % of the tiles' defects are no larger than 64 pixels. Do as many get a crop? And
# do more get one at 96, at 128?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
shares, bare, neu_at_64 = {}, {}, 0.0
for name in SHORT_NAMES:
    for side in (64, 96, 128):
        fits = float((longest[name] <= side).mean())
        places = [
            crops.place(box, side, (0, sheet.size[0]), (0, sheet.size[1]))
            for sheet in sheets[name]
            for box in sheet.boxes
        ]
        got = np.mean([not isinstance(at, str) for at in places])
        some = sheets[name][:: max(1, len(sheets[name]) // (PLAN["sheets"] or 10**6))]
        cut = crops.cut(some, crops.Rule(size=side, pixels=32, clean_from="all"))
        shares.setdefault(SHORT_NAMES[name], {})[side] = (fits, float(got))
        bare.setdefault(SHORT_NAMES[name], []).append(cut.kinds.count(crops.CLEAN) / len(some))
        if (name, side) == (layouts.NEU, 64):
            neu_at_64 = float(got)
figures.show(
    crop_figures.admitted_and_cut(shares, "; ".join(CAPTIONS.values())),
    "Three panels, tiles, NEU-DET and strips: the share of defects that are as small as a crop of "
    "64, 96 and 128 pixels rises; the share that gets a crop falls on tiles, rises on the others.",
)
for name, of in bare.items():
    print(f"{name}: pictures with a clean crop at 64, 96, 128 px:", *(f"{x:.0%}" for x in of))

# %% [markdown]
# *What you see.* At 64 pixels 68 % of the tiles' defects are small enough, yet 36 % get a crop: the
# others lie near a rim. **A larger crop admits more and loses more to the rim:** 25 % at 96, 11 % at
# 128. Of NEU-DET's boxes 20, 35 and 41 % get a crop.
#
# And what do 64 pixels leave out? Guess: a random third?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
left_out = {}  # one tile a piece of metal
for kind in ("crack", "break", "fray", "uneven"):
    of_kind = [s for s in by_verdict["too wide"] if s.kinds == [kind]]
    for sheet in [s for s in of_kind if s.piece not in left_out][:1]:
        left_out[sheet.piece] = sheet
figure, axes = figures.subplots(
    1, 4, figsize=(11, 3.8), caption=f"what {SIDE} px leave out; {CAPTIONS[layouts.TILES]}"
)
for axis in axes:
    axis.set_axis_off()
for axis, sheet in zip(axes, left_out.values(), strict=False):
    crop_figures.show_defects(axis, sheet, sheet.kinds[0], boxes=False)
figures.show(
    figure,
    "Four tiles whose defects are larger than a crop: a crack along the tile, a break, a fray, an "
    "uneven part.",
    photo=True,
)

# %% [markdown]
# *What you see.* It is *kinds*. Long cracks, breaks along a side, frays and uneven parts do not exist
# for whoever trains on these crops.
#
# **Clean crops,** the other half of the data, touch no defect's box. NEU-DET has *no* clean picture,
# only what is left beside a defect, and at 128 of 200 pixels hardly anything is (8 %). To *add* a
# defect you need both sides: so this chapter took the tiles.
#
# ## 9 · Split by piece of metal
#
# The makers photographed each tile under several exposures: `exp1_num_3667.jpg` to
# `exp6_num_3789.jpg` are one tile. Numbers near each other tell it.
#
# **Guess first:** split the *files* at random. Of how many test pictures has training seen the tile?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
groups = collections.defaultdict(list)
for sheet in sheets[layouts.TILES]:
    if sheet.kinds and sheet.kinds[0] in tile_crops.KINDS:
        groups[sheet.piece].append(sheet)
several = sorted(groups.values(), key=len, reverse=True)[:2]
figure, axes = figures.subplots(2, 3, figsize=(9.5, 5.6), caption=CAPTIONS[layouts.TILES])
for row, one_piece in zip(axes, several, strict=True):
    for axis, sheet in zip(row, one_piece, strict=False):
        crop_figures.show_defects(axis, sheet, sheet.file.stem, boxes=False)
    for axis in row[len(one_piece) :]:
        axis.set_axis_off()
figures.show(
    figure,
    "Two rows: in each row pictures that the rule takes for one tile, brighter and darker. In the "
    "second row two tiles, with different defects.",
    photo=True,
)

# %% tags=["nbval-ignore-output"]
names = [sheet.file.name for sheet in sheets[layouts.TILES]]
piece = {sheet.file.name: sheet.piece for sheet in sheets[layouts.TILES]}
by_file = {name for name in names if images.in_split(name, "test")}
by_piece = {name for name in names if images.in_split(piece[name], "test")}
for label, test in (("file", by_file), ("piece", by_piece)):
    seen = {piece[name] for name in names if name not in test}
    again = sum(piece[name] in seen for name in test) / max(1, len(test))
    print(f"split by {label}: {len(test)} test pictures, {again:.0%} of a tile in training, too")
    if label == "file":
        leaked = again
print(f"{len(names)} pictures, {len(set(piece.values()))} pieces of metal")

# %% [markdown]
# *What you see.* The first row is one tile. In the second the rule has taken two tiles for one: no
# leak, but pieces are counted too few.
#
# Split by file, 97 % of the test pictures show a tile that training has seen, under another lamp. A
# classifier then recognises *tiles*, a generator's copy counts as new, and every number is too good.
#
# **And the other mistake,** one tile taken for two, because it was photographed again in another
# session? Numbers cannot tell, pixels can: compare the fine details of every picture with those of
# every other piece.

# %% tags=["nbval-ignore-output"]
tiles = sheets[layouts.TILES]
alike = tile_crops.alike(
    [images.decode(sheet.file, None, 1) for sheet in tiles], [sheet.piece for sheet in tiles]
)
ranked = sorted(alike.items(), key=lambda item: -item[1][0])
for (one, other), (value, *_) in ranked[:9]:
    where = ["training" if images.in_split(x, "train") else "held out" for x in (one, other)]
    print(f"{value:.2f}  {one} ({where[0]}) and {other} ({where[1]})")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
again = {group: alike[group[:2]] for group in tile_crops.TWINS if group[:2] in alike}
if clean.source == "real":
    few = list(again.values())[::2]
    figure, axes = figures.subplots(2, len(few), figsize=(10, 5.4), caption=CAPTIONS[layouts.TILES])
    for column, (_, *both_at) in zip(axes.T, few, strict=True):
        for axis, at in zip(column, both_at, strict=True):
            crop_figures.show_defects(axis, tiles[at], tiles[at].file.stem, boxes=False)
    figures.show(
        figure,
        "Three columns of two tiles with far-off numbers; above and below the same crack, the same "
        "scratch, the same writing.",
        photo=True,
    )

# %% [markdown]
# *What you see.* Three of them, above and below one tile: the same crack, the same scratch, the same
# handwriting. In all, five tiles come twice and one three times; the next pair, 0.28, is two tiles.
#
# This was found after the runs of this chapter and the next were recorded: section 3's cracked tile was
# held out under one number, learnt from under two others. Without its crops:

# %% tags=["nbval-ignore-output"]
elsewhere = {sheet.piece for sheet in tiles if images.in_split(sheet.piece, "train")}
torn = {x for group in tile_crops.TWINS if elsewhere & set(group) for x in group}
of_stem = {sheet.file.stem: sheet.piece for sheet in tiles}


def apart(some):
    """Which crops show no tile that training shows under another number, bool (N,)."""
    stems = [name.rpartition("/")[2].rpartition("-")[0] for name in some.names]
    return torch.tensor([of_stem.get(stem) not in torn for stem in stems])


if clean.source == "real" and PLAN["translated"] is None:
    extract = features.extractor("auto")
    of_b, first = extract.cached(defective.images), slice(256)  # as many as the record measured
    heaps = {"translated": extract(made[first]), "untouched": extract(clean.images[first])}
    stay_a, stay_b = apart(clean), apart(defective)
    asked, of_learnt = stay_a[first], windows(left_alone, known)
    left_new = new[stay_a[torch.from_numpy(changed)]]
    for name, some in (("added", left_new), ("real, held out", unseen[stay_b])):
        values, _ = nearest(some, of_learnt)
        print(f"without: {name}: {len(values)} windows, median correlation", end=" ")
        print(f"{values.median():.2f}, largest {values.max():.2f}")
    for label, which, b in (("all", asked | True, of_b), ("without", asked, of_b[stay_b])):
        scores = {k: 1e3 * distances.kid(heap[which], b).value for k, heap in heaps.items()}
        said = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
        print(f"{label}: {extract.kid} to {len(b)} real defects: {said}")
    of = np.array(tested["pieces"])
    stay, rows = ~np.isin(of, list(torn)), []
    for one, other in (("translated", "real"), ("pasted", "real"), ("translated", "pasted")):
        less = over_seeds[one] - over_seeds[other]
        left = sorted(less[of == x].mean() for x in set(of[stay]))
        each = " ".join(f"{x:+.3f}" for x in left)
        rows.append([f"{one} − {other}", f"{less.mean():+.3f}", f"{less[stay].mean():+.3f}", each])
    table(["detector, mean IoU", "all", "without", "each piece that is left"], rows)

# %% [markdown]
# *What you see.* The 19 real windows are as near at the median (0.65), but at most 0.70; 345 added ones
# reach 0.87: some lean to a training defect, or it is the number of tries. KID's 0.55 was partly the known tile's: without it
# translations lie at 0.79, untouched crops at 1.88.
#
# The detector's differences shrink, and four pieces are too few for an interval. Translations less
# real boxes: from −0.09 to −0.05, below 0 on each of the four: the sign stays, the size does not.
# Translations less pasted: from −0.08 to −0.06, but +0.06 on one of the four: **cannot tell.**
#
# **A split is only as good as what it knows about its pictures: compare pixels before the first
# training.**
#
# **The answer in one sentence.** From 85 crops of defects, in 21 minutes on one core, a CycleGAN
# learnt to add dark spots, flakes and short cracks to clean metal that it never saw: nine of sixteen
# crops got one that you would notice, the set came nearer to real defective metal, and one reader, a
# language model, saw most of the defects and took most for made.
#
# What this does not show: whether a classifier gains by it (chapter 11); what another seed would add.
# This is one run, and KID's test takes crops for independent, while several show one tile.

# %% [markdown]
# ## 10 · Exercises
#
# **1. Write it.** A row of `train.csv` begins with the number of a pixel. Which row and
# which column of the picture is that, both counted from 0?


# %% tags=["exercise"]
def row_and_column(number, height):
    """Of pixel ``number`` of a picture with ``height`` rows."""
    return ...


exercises.answer("10.1", row_and_column)

# %% [markdown]
# **2. Predict, then run.** A defect of 20 by 20 pixels lies with its left side at $x = 2$
# of a tile of 200 pixels, half-way down. The crop has 64 pixels and must not leave the tile.
# How many pixels lie between the centre of the defect and that of the crop? Is it kept? And
# from which left side on would it be?

# %% tags=["exercise"]
between = ...  # pixels
kept_then = ...  # True or False
from_left = ...  # the smallest x of a defect that is kept
exercises.answer("10.2", between, kept_then, from_left)

# %% [markdown]
# **3. Find the bug.** Three ways to hold out a quarter of the tiles. Which of them let the
# test see metal of the training?
#
# ```python
# P: test = [f for f in files if hash_of(f.name) < 0.25]
# Q: test = [f for f in files if hash_of(piece_of(f)) < 0.25]
# R: test = [f for f in files if f.name.startswith(("exp5", "exp6"))]
# ```

# %% tags=["exercise"]
leak = ...  # a list such as ["Q"]
exercises.answer("10.3", leak)

# %% [markdown]
# **4. Write it.** The overlap of two boxes, each left, top, right and bottom, right and bottom
# outside: the area of their intersection over that of their union.


# %% tags=["exercise"]
def iou(a, b):
    """Of boxes ``a`` and ``b``, 0 to 1."""
    return ...


exercises.answer("10.4", iou)

# %% [markdown]
# **5. Open.** Cut your own strips: set `STRIPS` to a folder with `train_images/` and
# `train.csv` and run sections 6 to 8. Which size admits 95 % of your defects, and what is
# among the rest?

# %% [markdown]
# ## Summary
#
# - Started at the identity, a CycleGAN learns what to add. |output − input| is a mask that nobody
#   drew, once you know the level of its noise; streaks along rims get into it, too.
# - A loss does not say when to stop, and no score says what is on the picture: let a reader who
#   does not know the sources count.
# - A translation's box is free and too large: a small detector learns from it where a defect is,
#   less well how large. Whether pasting real defects teaches more cannot be told without the tile
#   that leaked.
# - A crop's rule has to say what it refuses. The size decides which defects exist for
#   everything that comes after. Split by piece, not by file.
#
# **References.** Cloudera Fast Forward / L. Melchior, *Data Augmentation with GANs for Defect
# Detection* (blog) · Y. Huang, C. Qiu, K. Yuan, *Surface defect saliency of magnetic
# tile*, The Visual Computer 36, 2020 · K. Song and Y. Yan, *A noise robust method …*, 2013
# (NEU) · Severstal: Steel Defect Detection, Kaggle 2019 · J.-Y. Zhu et al., *Unpaired
# Image-to-Image Translation using Cycle-Consistent Adversarial Networks*, 2017 · M.
# Bińkowski et al., *Demystifying MMD GANs*, 2018 (KID).
#
# **Next:** [11 · Does synthetic data help?](11_does_synthetic_help.ipynb)

# %% [markdown]
# ## Appendix · A printed replica becomes metal
#
# The course's slides turn photographs of a 3-D-printed *replica* into a metal specimen, and report
# two failures: low contrast to the background, and strong light. Those photographs are not public.
#
# Here bars are **drawn** (a stand-in), of orange filament or of brushed metal, so that contrast and
# light are numbers, and every replica has its true metal picture. A CycleGAN (chapter 05) saw 500 bars
# of each kind, no pairs, in good conditions only.
#
# ### In good conditions

# %% tags=["nbval-ignore-output"]
bars = records.load("specimens/replica-to-metal")
shots = dict(zip(bars.columns, bars.strip.unbind(1), strict=True))
kinds = ("replica", "translated", "metal")
steps = bars["settings"]["steps"]
figures.show_sheet(
    "Three rows of four bars: orange replicas, below them grey ones with dark ends, a bright middle "
    "and coloured rims, below them smooth grey metal, dark and bright at the same ends.",
    {kind: shots[f"good: {kind}"][:4] for kind in kinds},
    "contrast 0.85, light 0.15",
    f"bars that trained nothing; {steps} steps, seed 0; {bars.caption}",
    scale=4,
)

# %%
rows = []
for name, scores in bars["in good conditions"].items():
    off, share = (np.mean(scores[key]) for key in ("error", "metal"))
    nearer = f"{np.mean(scores['nearer']):.0%}" if "nearer" in scores else ""
    rows.append([name, f"{off:.1f}", f"{share:.2f}", nearer])
head = ["picture", "grey levels off its metal picture", "share called metal", "bars brought nearer"]
table(head, rows)
for seed, off in enumerate(bars["in good conditions"]["translated"]["error"]):
    print(f"translated, seed {seed}: {off:.1f}")

# %% [markdown]
# *What you see.* Orange became grey, dark and bright where the metal is, with coloured rims: 15.6 grey
# levels off instead of 38.8, and nearer on every one of 64 bars in all three trainings. Taking the
# colour out would give 26.2 (*grey*). A judge of surfaces, blind to colour and trained on other drawn
# bars, calls 89 % of it metal.

# %% [markdown]
# ### Where it fails
#
# **Guess first.** Lower the contrast, or make the light stronger: which spoils more, and where the bar
# hardly stands out, does the network change too little or too much? (Grey ground: what training saw.)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    specimen_figures.moved(bars),
    "Four panels. The translation's error rises to the replica's as contrast falls to 0, and "
    "doubles from weak to strong light. The share called metal falls below contrast 0.2, a little "
    "near contrast 1, and hardly with light.",
)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
bad = {"low contrast": "contrast 0.1, light 0.15", "strong light": "light 1, contrast 0.85"}
alts = (
    "Three rows of four bars: pale replicas become blue and keep their stripes; the metal is "
    "bright with dark ends.",
    "Three rows of four bars: the translation stays orange in the lamp's spot, where the metal is "
    "white.",
)
for (name, said), alt in zip(bad.items(), alts, strict=True):
    shown = {kind: shots[f"{name}: {kind}"][:4] for kind in kinds}
    figures.show_sheet(alt, shown, f"{name}: {said}", bars.caption, scale=3)

# %%
for name, index in (("contrast", 0), ("contrast", 1), ("light", -1)):
    curve = bars["curves over"][name]
    at = curve["at"][index]
    off = [np.mean(at[kind]["error"]) for kind in ("translated", "replica")]
    nearer, called = (np.mean(at["translated"][key]) for key in ("nearer", "metal"))
    print(
        f"{name} {curve['values'][index]:g}: {off[0]:.0f} off, untouched {off[1]:.0f}; "
        f"{nearer:.0%} of the bars nearer; {called:.2f} called metal"
    )

# %% [markdown]
# *What you see.* Where the bar hardly stands out, the network changes the *wrong* thing:
# it adds the blue that turns orange grey to a bar that is no longer orange. At contrast 0 it gains
# nothing (38 off, as untouched).
#
# In strong light it leaves the lamp's spot orange where metal is burnt out; the error doubles, though
# it stays below the untouched one. The judge, blind to colour, hardly notices (0.85): one score would
# have missed it.
#
# *What it does not show.* Drawn bars at 48 pixels, one filament, one table; recipe and drawing chosen
# by what worked on other bars; no training on bad conditions.
#
# **With your photographs,** a folder of each (or in chapter 07, section 10):
#
# ```
# gancourse train cyclegan --a REPLICA --b METAL --set lambda_cycle=2 --set disc_rate=0.2
# ```

# %% tags=["nbval-ignore-output"]
report(
    data=clean,
    NEU_defects_with_a_crop_of_64_px=neu_at_64,
    test_pictures_of_a_tile_in_training_when_split_by_file=leaked,
    level_of_the_mask=level,
    translations_with_a_mask=float(changed.mean()),
)
