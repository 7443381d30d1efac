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
# - say of each term what goes wrong without it, and what all of them leave open;
# - write the objective and one step of it;
# - say what it is good at, and when to take something else.
#
# **Data:** drawn horses and zebras with known poses (always stand-ins), and the CMP facades with their
# label maps; every figure says which. **Time:** 18 minutes to read, with the code 40; about a minute to
# run on two CPU cores (`quick`). The paper is Zhu et al. (2017).

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # of the facades: "real" never falls back to stand-ins, "stand-in" always does
TRAIN_HORSES = False  # True: train the five settings of section 5 here, too
EPOCHS = None  # of each of these; None: 1, at full 20

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

import numpy as np
import torch
from torch import nn

from gancourse import data, device, profiles, records
from gancourse.data import standins
from gancourse.data.batches import pairs_of
from gancourse.metrics import content, distances, features
from gancourse.models import cyclegan
from gancourse.notebook import figures, frames, panels
from gancourse.notebook.cell import finished, report, require, table
from gancourse.train.cyclegan import CycleGANStep, ImagePool, LinearDecay, translate
from gancourse.train.loop import ProgressBar, fit
from gancourse_lab import drawn_pairs, exercises, fcn_score, objective_figures
from gancourse_lab.drawn_pairs import grey_levels
from gancourse_lab.toy import MLP

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED)
smoke = profile == "smoke"
print(f"profile {profile}, {device.describe()}")

# %% [markdown]
# What this objective can do, on photographs that trained nothing. Nobody told the networks which
# zebra belongs to which horse.

# %% jupyter={"source_hidden": true} tags=["thumbnail"]
prototype, moments = records.load("horse2zebra/prototype-128px-lam5"), (1775, 3525, 7050)
rows = {  # of the sheet: horses in row 0, translated in rows 1, 2, 4; zebras in row 6
    "horse, by G": objective_figures.from_sheet(prototype, (0, 1, 2, 4), 5),
    "zebra, by F": objective_figures.from_sheet(prototype, (6, 7, 8, 10), 2),
}
heads = ["input", *(f"after {step:,} steps" for step in moments)]
alt = (
    "Two rearing horses that get zebra stripes over the steps, mountains behind them unchanged; and "
    "a zebra whose stripes turn into a brown coat."
)
recipe = prototype["settings"]["options"]
about = (
    f"test pictures, 128 px; a trial run, widths {recipe['w']}/{recipe['wd']}, {recipe['blocks']} "
)
about += (
    f"blocks, λ = {recipe['lam']}; {prototype['minutes']:.2f} minutes on an {prototype['device']}"
)
figures.show_sheet(alt, rows, "", about, heads, scale=2)
found = next(m for m in prototype["metrics"] if m["step"] == 7050)["average"]["a_to_b"]
kids = [found["held_out"], prototype["baselines"]["a_to_b"]["untouched inputs"]]
translated, nothing = (k[prototype.kid][0] for k in kids)
print(f"{prototype.kid} to real zebras: horses {nothing:.2f}, translated {translated:.2f}")

# %% [markdown]
# *What you see:* stripes cover most of both horses, and some rocks; the mountains stay. The zebra turns
# brown, under an orange haze. (Two of sixteen test pictures, chosen. *KID*, chapter 02's distance
# between two sets of pictures, times 1,000, halves. The run is a trial on 1,067 horses and 1,334
# zebras, older than this course's code: chapter 07's recipe, larger.)
#
# ## 1 · Two piles of pictures, no pairs
#
# Pictures $x$ of domain A, pictures $y$ of domain B, and we want a translator $G: A \to B$: the same
# scene, the other kind. But no photographer has the zebra that stands exactly where this horse stood.
# To *measure* we need pairs all the same: so this chapter draws animals, and to any $x$ its own $y$.


# %% tags=["nbval-ignore-output"]
n_test = 64
n_drawn = 64 if smoke else None
x, y = standins.pairs("horse2zebra", size=64, split="test", n=n_test)
others = standins.make("horse2zebra", part="B", size=64, split="train", n=4)
rows = {"x": x.images[:4], "its own y": y.images[:4], "to train on": others.images}
alt = (
    "Three rows of four drawn animals on grass: brown horses, zebras in exactly the same poses and "
    "places, and other zebras in other places."
)
figures.show_sheet(alt, rows, "", f"{x.caption}; {others.caption}", scale=2.5)

# %% [markdown]
# *What you see:* each horse above its partner. Training gets zebras as in the third row, where
# nothing fits.
#
# ## 2 · The loop
#
# The whole chapter in one figure. Two generators, $G: A \to B$ and $F: B \to A$ (`gen_ab`,
# `gen_ba`), and two discriminators, $D_A$ and $D_B$ (`disc_a` judges A), with the pictures of chapter
# 07's laptop run:

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
laptop = records.load("horse2zebra/laptop-seed0")
to_b, to_a = laptop.generator("gen_ab"), laptop.generator("gen_ba")
horse, zebra = laptop.strip[[7, 12], 0]
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
# *What you see:* stripes come onto the horse and go again on the way back, not quite; the zebra's
# come back too bold. What is of the right kind already (right) hardly changes.
#
# So $G$ is asked three things, and $F$ the same, mirrored:
#
# | term | asks | formula | weight | in the code |
# |---|---|---|---|---|
# | adversarial | does it look like the other kind? | $(D_B(G(x)) - 1)^2$ | 1 | `adv_b` |
# | cycle | can it be undone? | $\lvert F(G(x)) - x \rvert$ | λ = 10 | `cycle_a` |
# | identity | is a zebra left alone? | $\lvert G(y) - y \rvert$ | ½ λ | `idt_b` |
#
# The generators minimise the weighted sum of these means and their mirror images:
#
# $$\mathcal{L} = \mathcal{L}_\text{GAN}(G, D_B) + \mathcal{L}_\text{GAN}(F, D_A)
#   + \lambda\, \mathcal{L}_\text{cyc}(G, F) + \tfrac12 \lambda\, \mathcal{L}_\text{idt}(G, F) .$$
#
# Now one at a time: what does each do alone, and what goes wrong without it?
#
# ## 3 · The adversary alone: a zebra, but whose?
#
# $D_B$ never sees which $x$ a picture was made from. So all that $G$ can learn from it is to make the
# *distribution* of $G(x)$ equal to that of $y$.
#
# Let pictures be single numbers: $x$ uniform on $[0, 1]$, $y$ on $[2, 3]$, the own partner of $x$ being
# $x + 2$.
#
# **Guess first:** which of these six translators does an adversary catch?


# %%
n = 10_000
u = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # x, as a number
maps = {
    "own partner": u + 2,
    "mirrored": 3 - u,
    "halves swapped": 2 + (u + 0.5) % 1,
    "folded": 2 + (2 * u - 1).abs(),
    "doubled": 2 + (2 * u) % 1,
    "one point": torch.full_like(u, 2.5),
}


def best_way_back(gx):
    """Smallest mean |F(G(x)) - x| that any F can reach: it sees G(x) and must name one x."""
    order = gx.mul(1e6).round().unique(return_inverse=True)[1]
    groups = torch.split(u[order.argsort(stable=True)], order.bincount().tolist())
    return float(torch.cat([(group - group.median()).abs() for group in groups]).mean())


found = {}
print(f"{'':16s}{'to B, as a whole':>18s}{'way back':>10s}{'to own y':>10s}")
for name, gx in maps.items():
    partner = u + 2  # sorted, these are B
    distribution = float((gx.sort().values - partner).abs().mean())  # the Wasserstein-1 distance
    found[name] = distribution, best_way_back(gx), float((gx - partner).abs().mean())
    print(f"{name:16s}{found[name][0]:18.2f}{found[name][1]:10.2f}{found[name][2]:10.2f}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    objective_figures.maps(u, maps, found),
    "Six graphs of G over x: the rising line, a falling line, two swapped pieces, a V, two rising "
    "pieces each over all of B, and a constant. Below each, who catches it: the adversary only the "
    "constant, the cycle loss also the V and the two pieces; all but the first have wrong partners.",
)

# %% [markdown]
# *To B, as a whole* is all that an adversary can measure: it catches one of six. *Way back* is what the
# best $F: B \to A$ can still repair. Folding and doubling send two $x$ to one $y$, and no $F$ can tell
# which: the **cycle loss** sees it.
#
# Mirroring and swapping lose nothing, so both losses are content, and nearly every $x$ gets a
# wrong partner. **The cycle loss demands a translation that can be undone; it does not say which
# one.** (Section 6 trains CycleGANs on these numbers and looks which they find.)
#
# And in pictures? Five settings are recorded, ten epochs each on 224 drawn horses and 224 other
# zebras, without identity loss (`TRAIN_HORSES = True` trains them here). First the adversaries alone.
#
# **Guess first:** what will the zebras of $\lambda = 0$ not know?


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

horse_runs = {name: records.load(f"standin-horses/{run}") for name, run in NAMES.items()}
kept = {name: run for name, run in horse_runs.items() if "networks" in run.content}
horse_nets = {name: run.generator("gen_ab") for name, run in kept.items()}
full = horse_runs["full"]
print(f"{full['settings']['size']} px, {full.steps:,} steps; weights of {', '.join(kept)}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
some = [0, 1, 4, 57]
of_drawn = f"{x.caption}; recorded runs, seed 0"
rows = {"x": x.images[some], "GAN alone": translate(horse_nets["GAN alone"], x.images[some])}
rows["its own y"] = y.images[some]
alt = (
    "Four drawn horses before different skies and hills; below, the zebras that GAN alone paints: "
    "striped bodies in the right place, heads and legs half missing, a grid of pixels over all, and "
    "the same pale sky each time."
)
figures.show_sheet(alt, rows, "", of_drawn, scale=2.5)

# %% [markdown]
# *What you see:* striped bodies in the horse's place and pose, though no loss asks for that (heads and
# legs are half missing, a grid lies over all). But under the same pale sky each time: *a* zebra's
# meadow, not its own.
#
# ## 4 · The cycle alone: does $G$ whisper?
#
# Now $\lvert F(G(x)) - x \rvert$ without any adversary. $G$ may paint what it likes, as long as $F$
# can read it. Chu et al. (2017) found that a CycleGAN can *hide* its message, too faint for the eye.
# The test: add a little noise to $G(x)$. If $F$ reads what we see, it should hardly matter.
#
# As positive control we plant a secret: a "G" that returns *another* photo, with $x$ in the last four
# of each pixel's eight bits, and an "F" that reads these.
#
# **Guess first:** whose way back breaks: the
# secret's, the cycle alone's, or that of chapter 07's horses?


# %% tags=["nbval-ignore-output"]
def hide(photos, secret):
    """Photos whose four last bits are the secret's four first ones."""
    return photos // 16 * 16 + secret // 16


def read_hidden(images):
    """What ``hide`` hid."""
    return images % 16 * 16 + 8


def disturbed(images, sigma):
    """Images with noise of sigma grey levels, always the same."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + sigma * noise).round().clamp(0, 255).to(torch.uint8)


herd, cycle_back = laptop.strip[:8, 0], horse_runs["cycle alone"].generator("gen_ba")
ways = {  # whose → (x, G(x), F)
    "planted secret": (herd, hide(laptop.strip[8:, 0], herd), read_hidden),
    "cycle alone": (
        x.images,
        translate(horse_nets["cycle alone"], x.images),
        lambda images: translate(cycle_back, images),
    ),
    "chapter 07": (herd, translate(to_b, herd), lambda images: translate(to_a, images)),
}
rows = []
for sigma in (0, 2, 4, 8, 16, 32):
    errors = [grey_levels(back(disturbed(made, sigma)), real) for real, made, back in ways.values()]
    by_noise = grey_levels(disturbed(ways["chapter 07"][1], sigma), ways["chapter 07"][1])
    rows.append((f"{by_noise:.1f}", *(f"{error:.1f}" for error in errors)))
print("error of the way back, in grey levels, with noise on G(x)")
table(("noise off by", *ways), rows)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
rows = {}
for label, which in {"planted secret": 7, "cycle alone": 1, "chapter 07": 7}.items():
    real, made, back = ways[label]
    one = slice(which, which + 1)
    after = [back(disturbed(made, sigma))[one] for sigma in (0, 4, 16)]
    rows[label] = torch.cat([real[one], made[one], *after])
alt = (
    "Three rows. A photograph of a zebra that holds a horse: read out it is there, after noise it is "
    "coloured snow. A checkered picture out of which the drawn brown horse comes back, with noise, "
    "too. And the striped horse of chapter 07, whose way back is flecked with and without noise."
)
heads = ["x", "G(x)", "F(G(x))", "after noise of 4", "after noise of 16"]
about = f"planted, chapter 07: test pictures, 64 px, {laptop.caption}; cycle alone: {of_drawn}"
figures.show_sheet(alt, rows, "", about, heads, scale=2.5)

# %% [markdown]
# *What you see:* no eye finds the horse in the zebra; the "F" that knows where to look does, and
# after a little noise it reads snow. So the test sees a secret.
#
# The cycle alone does not whisper, it *shouts*: grass above, sky below, a checkered animal, and from
# that the brown horse, noise or not (error 12.6; 13.3 with noise off by 25). Nobody asked its $G(x)$ to
# look like a zebra: there was nobody to hide from.
#
# Hiding pays where $G$ must please $D_B$ *and* remember what a $y$ cannot show. Chapter 07's $F$ lets
# the noise through, no more: it hides nothing that noise destroys.
#
# ## 5 · All together, where the truth is known
#
# The paper's ablation adds half a cycle at a time. What is each $G$ told?
#
# | setting | what the loss asks of $G$ |
# |---|---|
# | cycle alone | let $F$ find $x$ again |
# | GAN alone | look like a zebra |
# | GAN + forward | that, and let $F$ bring *the horse* back: $F(G(x)) \approx x$ |
# | GAN + backward | that, and bring *zebras* back: $G(F(y)) \approx y$; its own $x$ may be lost |
# | full | both cycles |
#
# The own $y$ is known, so we can say who is right.
#
# - *Own meadow*: outside the animal, by how much is $G(x)$ nearer to its own $y$ than to another's?
#   0 %: any meadow would do.
# - *Zebra found*: a small network has learnt which pixels of drawn zebras are zebra; its overlap (IoU)
#   with the true mask, as a share of what it reaches in true zebras.
#
# **Guess first:** who gets more than half of the meadow?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
judge = drawn_pairs.zebra_judge(64, {"smoke": 10, "quick": 150, "full": 600}[profile], n_drawn)
compared = drawn_pairs.compared(horse_nets, x, y, judge)
scores = compared.scores
at = drawn_pairs.places(full.strip[:4, 0], x.images)  # the four horses that every record shows
four_x, four_y = x.subset(at), y.subset(at)
columns = {"x": four_x.images, "its own y": four_y.images}
columns |= {name: run.strip[:4, -1] for name, run in horse_runs.items()}
truths = {}
for name, images in columns.items():
    truths[name] = drawn_pairs.own_and_other(judge, images, four_x, four_y)
best = truths["its own y"].zebra[0]
shares = {
    "own\nmeadow": {name: truth.meadow_gain for name, truth in truths.items()},
    "zebra\nfound": {name: truth.zebra[0] / best for name, truth in truths.items()},
}
about = f"bars: mean of four horses, two shown; {of_drawn}"
figures.show(
    objective_figures.verdicts({k: v[1::2] for k, v in columns.items()}, shares, about),
    "Two drawn horses; columns: the horse, its own zebra, and what five settings make of it. Bars "
    "below: own meadow and zebra found are full for the own zebra; cycle alone has neither, GAN alone "
    "a quarter of the meadow, half a cycle more, full half of the meadow and most of the zebra.",
    photo=True,
)
rows = []
for name in SETTINGS:
    of_four, of_all = truths[name], scores.get(name)
    row = (name, *(f"{value:.0f}" for value in of_four.meadow), f"{of_four.zebra[0]:.2f}")
    if of_all:
        row += (*(f"{value:.0f}" for value in of_all.meadow), f"{of_all.zebra[0]:.2f}")
    rows.append(row + ("not recorded",) * (7 - len(row)))
head = ("meadow: own y", "another's y", "zebra, IoU")
table(("", *(f"{h} (4)" for h in head), *(f"{h} ({len(x)})" for h in head)), rows)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
if TRAIN_HORSES:
    recipe = {
        "smoke": {},
        "quick": {"batch_size": 1, "lr": 4e-4},  # one image a step: 224 steps an epoch
        "full": {
            "size": 64,
            "load_size": 72,
            "width": 32,
            "width_d": 64,
            "blocks": 3,
            "epochs": 20,
        },
    }[profile]
    recipe |= {"seed": SEED} | ({} if EPOCHS is None else {"epochs": EPOCHS})
    recipe["constant_epochs"] = recipe.get("epochs", 1)
    trained = {}
    for name, change in SETTINGS.items():
        settings = profiles.settings(
            "horse2zebra", profile, lambda_identity=0.0, **recipe, **change
        )
        drawn = {"size": settings.load_size, "split": "train", "n": n_drawn}
        reals = [standins.make("horse2zebra", part=part, **drawn) for part in "AB"]
        device.seed_everything(settings.seed)
        step = CycleGANStep(settings)
        batches = pairs_of(*(real.to(step.device) for real in reals), settings)
        bar = ProgressBar(("gen", "disc_a", "disc_b"), name)
        fit(step, batches, settings.epochs, [LinearDecay(), bar])
        trained[name] = step.network("gen_ab")
    finished(trained, SETTINGS)
    tested = standins.pairs("horse2zebra", size=settings.size, split="test", n=n_test)
    judge = drawn_pairs.zebra_judge(settings.size, 10 if smoke else 150, n_drawn)
    table(drawn_pairs.HEAD, drawn_pairs.compared(trained, *tested, judge).rows)

# %% [markdown]
# *What you see:* only *full* gets more than half of its meadow, and barely (53 %); its zebra has a pink
# fringe. Each half of the cycle lies between GAN alone and full, in both bars; four horses do not say
# which half does more. *Cycle alone* is right in neither.
#
# *The answer in one sentence:* with both cycles $G(x)$ is half as far from the own meadow as from
# another's (19 and 38 grey levels over 64 horses), with the GAN alone only a fifth nearer (30 and
# 37), and without an adversary it is no zebra. (One seed.)
#
# ### Without identity: negatives
#
# No cycle forbids to exchange light and dark, and to exchange them back. A good $D_B$ would: dark sky
# over light ground is no picture of B. A small one, early, need not notice (section 5's drawn runs,
# without identity loss too, show no negatives). Chapter 07's smallest runs on photographs, the same
# but for this loss.
#
# **Guess first:** in how many of these eight pictures will light and dark change places?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
small_runs = {"no identity loss": "small-noidentity", "identity loss": "small-iteration2"}
small_runs = {word: records.runs(f"horse2zebra/{name}") for word, name in small_runs.items()}
rows = {word: runs[0].strip[:, -1] for word, runs in small_runs.items()}
one = small_runs["identity loss"][0]
rows = {"input": one.strip[:, 0], **rows}
alt = (
    "Eight test pictures, below what small runs make of them. Without identity loss dark sky over light "
    "ground, each a negative of its input; with it light and dark stay where they are."
)
about = (
    f"four horses, four zebras; test pictures, {one['settings']['size']} px, {one.steps} steps, "
)
figures.show_sheet(alt, rows, "", about + f"seed 0 of 3; {one['device']}", scale=4)


def kept_light(pictures):
    """Correlation of brightness, in tiles of 8 by 8 pixels, of each picture with the first one."""
    tiles = nn.functional.avg_pool2d(pictures.float().mean(1), 8).flatten(1)
    return torch.corrcoef(tiles)[0, 1:]


for word, runs in small_runs.items():
    kept_by_seed = [[float(kept_light(row[[0, -1]])) for row in run.strip] for run in runs]
    print(f"{word}: correlation of the brightness with the input's, pictures 1 to 8")
    for seed, values in enumerate(kept_by_seed):
        print(f"  seed {seed}", *(f"{value:+.2f}" for value in values))

# %% [markdown]
# *What you see:* at this size no animal. But without identity loss every picture is a negative of its
# input: all 24 correlations of the brightness lie below $-0.6$, with it all above $+0.8$.
#
# ### How strong? Follow the pulls
#
# λ says how hard the way back pulls against $D_B$. Take chapter 07's laptop after ten minutes, and
# let $G$ go where it is pulled, while $D_B$ and $F$ stand still.
#
# **Guess first:** what becomes of the horse at λ = 0, 5 and 50?

# %% tags=["nbval-ignore-output"]
halfway = records.load("horse2zebra/laptop-2600-halfway")
there, back, judge_b = (halfway.generator(name) for name in ("gen_ab", "gen_ba", "disc_b"))


def follow(lam, images, steps):
    """What G makes of ``images`` (uint8) in each of ``steps``, D_B and F standing still."""
    real, g = data.to_float(images), copy.deepcopy(there).requires_grad_(True)
    adam = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
    seen, terms = [], []
    for _ in range(steps + 1):
        made = g(real)
        terms.append(((judge_b(made) - 1).square().mean(), (back(made) - real).abs().mean()))
        seen.append(data.to_uint8(made.detach()))
        adam.zero_grad()
        (terms[-1][0] + lam * terms[-1][1]).backward()
        adam.step()
    return torch.stack(seen), [[float(value.detach()) for value in pair] for pair in terms]


for network in (back, judge_b):
    network.requires_grad_(False)
steps = {"smoke": 2, "quick": 20, "full": 40}[profile]
horse, followed = laptop.strip[[3], 0], {}
for strength in (0, 5, 50):
    followed[strength], terms = follow(strength, horse, steps)
    (adv, cycle), (adv_end, cycle_end) = terms[0], terms[-1]
    print(
        f"λ = {strength:2d}: adv_b {adv:.2f} → {adv_end:.2f}, cycle_a {cycle:.3f} → {cycle_end:.3f}"
    )

# %% tags=["nbval-ignore-output", "film"]
moments = sorted({0, steps // 8, steps // 4, steps // 2, steps})
rows = {f"λ = {k}": torch.cat([horse, seen[moments, 0]]) for k, seen in followed.items()}
heads = ["x", *(f"step {k}" for k in moments)]
about = f"test picture, 64 px; {halfway.caption}"
alt = (
    "One horse, three rows over the steps. At λ = 0 violet stripes spread over its whole body and the "
    "grass turns yellow; at λ = 5 stripes come on flank and neck; at λ = 50 it stays brown."
)
strip = figures.sheet(rows, "", about, heads, scale=2.5)
shown = range(0, steps + 1, 2)
film = [torch.cat([horse, *(seen[k] for seen in followed.values())]) for k in shown]
frames.show_film(strip, film, shown, f"x and λ = 0, 5, 50; {about}", alt)

# %% [markdown]
# *What you see:* at λ = 0 ten steps put stripes from neck to tail, and a patch of grass lights up. At
# λ = 5 the belly stays brown, $D_B$ is won over too, and the way back stays as good as it was. At 50
# $G$ takes back even the stripes it had. (Violet: a $D_B$ that stands still can be fooled.)
#
# ## 6 · Written out
#
# **Adversarial.** Least squares: $D_B$ minimises
# $\tfrac12\mathbb{E}[(D_B(y) - 1)^2] + \tfrac12\mathbb{E}[D_B(G(x))^2]$. There is no noise $z$: each $x$
# gets one answer.
#
# **Cycle.** L1, because a squared error is smallest for the mean of all candidates, a blur.
#
# **Identity** (Taigman et al., 2017). The reference code weighs it as a *fraction of λ*:
# $0.5 \cdot 10 = 5$. In the code, `rec_a` is $F(G(x))$, `idt_a` is $F(x)$.


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
# Put in networks with known answers: $G$ and $F$ paint everything mid-grey (0), both $D$ answer 0.3
# everywhere, the pictures are 0.5 everywhere. What should `gen` be?


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
# The package's `CycleGANStep` does the same. Both steps, from the same start:

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
# ### It runs: CycleGANs on numbers
#
# Section 3's numbers again, and our `train_step` as it stands: sixteen CycleGANs with the cycle loss
# and sixteen without, from the same random weights (counted from the middle of A and of B, so that
# rising is no easier than falling).
#
# **Guess first:** which of section 3's maps will they find, and how many of sixteen the own partner?

# %% tags=["nbval-ignore-output"]
x_line = torch.linspace(0, 1, 101)


def sixteen(lam, train_steps):
    """G(x) and F(G(x)) of sixteen CycleGANs on numbers x from 0 to 1, each (16, 101)."""
    device.seed_everything(SEED)
    nets = [MLP(1, 1, copies=16) for _ in range(4)]
    both = [[*two[0].parameters(), *two[1].parameters()] for two in (nets[:2], nets[2:])]
    adam = [torch.optim.Adam(w, lr, (0.5, 0.999)) for w, lr in zip(both, (2e-3, 4e-3), strict=True)]
    slow = [torch.optim.lr_scheduler.LinearLR(a, 1.0, 0.02, train_steps) for a in adam]
    no_pool = ImagePool(0)
    for _ in range(train_steps):
        a, b = 2 * torch.rand(2, 16, 64, 1) - 1
        train_step(nets, *adam, no_pool, no_pool, a, b, lam, 0.0)
        for schedule in slow:
            schedule.step()
    with torch.no_grad():
        made = nets[0]((2 * x_line - 1)[:, None].expand(16, -1, -1))
        return 2.5 + made[..., 0] / 2, (nets[1](made)[..., 0] + 1) / 2


train_steps = 10 if smoke else 400
sixteens = {
    "no cycle loss": sixteen(0, train_steps),
    "cycle loss, λ = 10": sixteen(10, train_steps),
}
figures.show(
    objective_figures.trained_maps(x_line, sixteens),
    "Four graphs. Without the cycle loss G rises in some networks and falls in the others, and F(G(x)) "
    "lies on the diagonal in some only. With it G does the same, but every F(G(x)) is the diagonal.",
)

# %% [markdown]
# *What you see:* all 32 lines rise or fall; none folds, none swaps halves. Without the cycle loss $G$
# and $F$ choose each for itself, and 9 of 16 happen to agree. With it all 16 come back, and half of
# them are mirrored all the same: **the loss ties $F$ to $G$, not $G$ to the truth.**
#
# What then makes photographs' CycleGANs keep a horse in its place? Not the objective. Perhaps that a
# small network finds the *simplest* map first (Galanti et al., 2018, argue so); tested here it is not.

# %% [markdown]
# ### The generator
#
# It halves the picture twice, works on it, and doubles it twice. In the paper's words:
# *c7s1-64*, a 7×7 convolution to 64 channels, borders reflected; *d128*, *d256*, 3×3 of stride 2;
# *R256* nine times (at 64 px three), a *residual block* $h + f(h)$ with two 3×3 convolutions in $f$;
# *u128*, *u64*, transposed 3×3; *c7s1-3*, 7×7 to three channels, then tanh. After every convolution
# but the last: instance norm and ReLU.
#
# **Where it starts.** The paper's generator starts with noise, and its first lesson is: *copy the
# picture*. We know that answer: $G(x) = \tanh\big(\operatorname{artanh}(0.98\,x) + d(x)\big)$, where $d$
# is the same network without its tanh, its last convolution set to 0. Now $G(x) = 0.98\,x$ before the
# first step, and every step can only *change* the picture. So $\lambda$ can be weaker: 5 in the laptop
# recipe. Its price: $G$ falls back to doing nothing when $D$ becomes too good (chapter 07, section 6).


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
# identity. Which gets a white muzzle first? (Recorded, one seed each.)

# %% jupyter={"source_hidden": true}
starts = {"noise": "live-paper-start-seed0", "identity": "live-seed0"}
starts = {label: records.load(f"grumpy-cats/{name}") for label, name in starts.items()}
rows = {}
for label, run in starts.items():
    rows[f"from {label}"] = run.strip[5, [0, 1, 2, 3, 4, 7]]
heads = [c.get("label", f"step {c.get('step')}") for c in run["samples"]["columns"]]
heads = [heads[i] for i in (0, 1, 2, 3, 4, 7)]
alt = "A grey cat on its way to Grumpy Cat, from noise and from the identity."
of_both = f"held-out {run['data']['source']} cats, {run['settings']['size']} px, enlarged; {run['device']}"
figures.show_sheet(alt, rows, "", of_both, heads, scale=5)
for label, run in starts.items():
    way_back = run.at_path("final.{weights}.a_to_b.reconstruction")
    kid = run.at_path("final.{weights}.a_to_b.held_out.{kid}")
    print(
        f"from {label}: way back off by {way_back:.2f}, {run.kid} {kid:.2f} after {run.steps} steps"
    )
untouched = run.at_path("baselines.a_to_b.untouched inputs.{kid}")
print(f"untouched cats: {run.kid} {untouched:.2f}")

# %% [markdown]
# *What you see:* white comes first from noise, at step 25, but on a cat that is nobody's. From the
# identity the muzzle grows onto the cat that is there: the way back is off a third as much, and in
# KID only that run beats doing nothing.

# %% [markdown]
# ### The discriminator sees patches
#
# The discriminator answers with a map of logits, each of a *patch*, and the loss is their mean: D
# stays small, works at any size, and judges texture; where the picture is larger than the patch it is
# blind to the whole. How large is the patch?
#
# Walk back from one logit, $r = 1$: through a convolution with kernel $k$ and stride $s$, $r$ outputs
# need $r \leftarrow s\,(r - 1) + k$ inputs. The published D has three layers of stride 2 and two of
# stride 1, all with $k = 4$.


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
# Move a logit about: right, all that it knows of the house.

# %% tags=["nbval-ignore-output"]
FACADE = 64 if smoke else 128
limit = 32 if smoke else None  # pictures of each split
house = data.load("facades", part="photo", size=FACADE, split="test", source=DATA, limit=4)


def one_logit(layers, down, across):
    """The square of the logit that lies at these per cent of D's map."""
    last = logits(FACADE, layers) - 1
    row, column = (round(last * part / 100) for part in (down, across))
    return objective_figures.patch(house.images[0], layers, row, column, patch(layers), last + 1)


panels.panel(
    one_logit,
    photo=True,
    moves="layers",
    layers=panels.number(1, 4, 3, "strided layers"),
    down=panels.number(0, 100, 45, "down, %"),
    across=panels.number(0, 100, 45, "across, %"),
)

# %% [markdown]
# ### The image pool
#
# If $D$ only sees the newest fakes, $G$ can return to a trick of a hundred steps ago, and the two run in
# circles. So a pool keeps 50 earlier fakes of each domain: a coin decides whether a new fake is shown
# at once, or changes places with an older one.


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
# A stored fake leaves at a query with probability $\tfrac12 \cdot \tfrac1{50}$, so it stays for 100 on
# average; half of the answers are new: **the mean age**, $\tfrac12 \cdot 100 = 50$, **equals the size of
# the pool**.
#
# ## 7 · Is KID a yardstick?
#
# The next chapters set the KID of translations beside that of doing nothing.
#
# **Guess first:** is *full* left or right of the untouched horses?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
kid_of = "final.{weights}.a_to_b.held_out.{kid}"
scale = horse_runs["full"]["baselines"]["a_to_b"]
kid = horse_runs["full"].kid
found = {name: score.zebra[0] for name, score in scores.items()}
dots = {
    "untouched": (scale["untouched inputs"][kid][0], found["x untouched"]),
    "real zebras": (scale["training images"][kid][0], found["own y"]),
}
dots |= {name: (horse_runs[name].at_path(kid_of), found[name]) for name in horse_nets}
figures.show(
    objective_figures.kid_and_truth(dots, kid, f"{x.caption}; recorded runs, seed 0"),
    "Zebra found over KID. Real zebras at the upper left, untouched horses at the lower left; full, "
    "GAN + forward, GAN alone and cycle alone go down from the middle to the far right.",
)
for name, run in horse_runs.items():
    print(f"{name:15s}{kid} {run.at_path(kid_of):.2f}")
for label, key in (("untouched", "untouched inputs"), ("other zebras", "training images")):
    print(f"{label:15s}{kid} {scale[key][kid][0]:.2f}")

# %% [markdown]
# *The answer in one sentence:* KID ranks the four settings drawn as the truth does, and calls all worse
# than doing nothing: a KID *above* that of the untouched inputs may still mean "translated", here with
# a grid of pixels and a tint.
#
# The fifth it ranks the other way: GAN + backward has a worse KID than forward (4.47, 3.94), but a
# zebra found a little better in section 5's four horses (0.75, 0.71). (One seed, one kind of picture.)


# %% [markdown]
# ## 8 · And with pairs?
#
# Facades come in pairs: a *label map* (A, twelve colours) and the photo (B) it was drawn from.
# *pix2pix* (Isola et al. 2017) shows $D$ the map together with a photo, and tells $G$ the true photo:
# $\mathcal L(G) = \mathcal L_{\mathrm{GAN}}(G, D) + 100 \cdot \mathbb E\,\lvert y - G(x) \rvert$.
# No cycle, no $F$; $G$ is a *U-Net*.
#
# The CycleGAN here saw 3,200 pictures of each kind, at 64 px. pix2pix had seen as many pairs at step
# 800, and went on to 48,000; but it is wider and works at 128 px. So this is no fair race: it shows
# what pairs, width and size buy together.
#
# **Guess first:** where will the windows be?

# %% tags=["nbval-ignore-output"]
unpaired = records.load("facades/lambda10-seed0")
paired = records.load("facades-paired/cpu-seed0")
side, limit = unpaired["settings"]["size"], 32 if smoke else None


def facades(split):
    """(label maps, photos, classes, maps of twice the size) at the generators' size, in order."""
    asked = {"split": split, "source": DATA, "limit": limit}
    maps = data.load("facades", part="label", size=side, **asked)
    photos = data.load("facades", part="photo", size=side, **asked)
    large = data.load("facades", part="label", size=2 * side, **asked)
    return maps, photos, fcn_score.classes_of(large.images, side), large


_, photos, classes, _ = facades("train")
test_maps, test_photos, test_classes, large_maps = facades("test")
fakes = {"CycleGAN, no pairs": translate(unpaired.generator("gen_ab"), test_maps.images)}
some, columns = [0, 4], {"label map": large_maps.images}
columns["CycleGAN, 3,200 pictures"] = frames.enlarged(fakes["CycleGAN, no pairs"], 2)
if test_maps.source == paired["data"]["source"] and len(test_maps) == 100:
    sheet = torch.from_numpy(np.array(paired.picture("held_out.webp")))  # ten facades a row
    made = sheet.reshape(10, 128, 10, 128, 3).permute(0, 2, 4, 1, 3).reshape(100, 3, 128, 128)
    fakes["pix2pix, pairs"] = nn.AvgPool2d(2)(made.float()).round().to(torch.uint8)
    # eight of them the record also shows at step 800, after 3,200 pairs
    eight = drawn_pairs.places(nn.AvgPool2d(2)(paired.strip[:, 0].float()), test_maps.images)
    moments = [column.get("step") for column in paired["samples"]["columns"]]
    early = torch.zeros_like(made)
    early[eight] = paired.strip[:, moments.index(800)]
    columns |= {"pix2pix, 3,200 pairs": early, "pix2pix, 48,000 pairs": made}
    some = [eight[0], eight[2]]
columns["its own photo"] = frames.enlarged(test_photos.images, 2)
budgets = [run.steps * run["settings"]["batch_size"] for run in (unpaired, paired)]
require(budgets == [3_200, 48_000] and 800 * paired["settings"]["batch_size"] == budgets[0])
print(f"{len(photos)} pairs for training, {len(test_maps)} held out")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
numerals = zip(("I", "II"), some, strict=True)
rows = {label: torch.stack([c[i] for c in columns.values()]) for label, i in numerals}
alt = (
    "Two facades, a row each: the coloured label map, what CycleGAN and pix2pix make of it after "
    "3,200 pictures, pix2pix after 48,000, and the true photograph."
)
about = f"{test_maps.caption}; CycleGAN: 64 px, {unpaired.steps:,} steps of 1; pix2pix: 128 px, "
about += f"800 and {paired.steps:,} steps of 4"
figures.show_sheet(alt, rows, "", about, list(columns), scale=2)

# %% [markdown]
# *What you see:* after as many pictures pix2pix already puts windows and doors where the map has them,
# blurred; 15 times as many pairs sharpen them: another house with the same windows. CycleGAN follows
# the map in a weave, where a light patch may be a window, a balcony or a cornice.
#
# In numbers, at 64 px. *Edges kept*: correlation of the picture's edges with its map's, less that
# with other maps. *Class IoU*: a segmentation network, trained on real photos, reads the picture; do
# its windows lie where the map's do, mean over twelve classes? (The **FCN score** of Isola et al.)

# %% tags=["nbval-ignore-output"]
torch.manual_seed(SEED)
reader = fcn_score.FCN(12).to(device.pick())
fcn_score.train(reader, photos.images, classes, {"smoke": 10, "quick": 300, "full": 2000}[profile])
extract = features.extractor("auto")
seen = fakes | {"photos of other facades": test_photos.images.roll(1, 0)}
seen |= {"own photos, the best": test_photos.images}
read, rows = {}, []
for name, images in seen.items():
    found = fcn_score.with_interval(fcn_score.predict(reader, images), test_classes, 12)
    read[name], (value, low, high) = found, found
    kid = ""
    if name in fakes:
        kid = f"{1e3 * distances.kid(extract(images), extract(test_photos.images)).value:.2f}"
    kept = f"{content.agreement(test_maps.images, images).kept:.2f}"
    budget = f"{budgets[list(fakes).index(name)]:,}" if name in fakes else ""
    rows.append((name, budget, kept, f"{value.iou:.3f} [{low.iou:.3f}, {high.iou:.3f}]", kid))
table(("", "pictures seen", "edges kept", "class IoU [95 %]", extract.kid), rows)
compared_ones = ("CycleGAN, no pairs", "photos of other facades")
pair = [fcn_score.predict(reader, seen[name]) for name in compared_ones]
value, low, high = fcn_score.difference(*pair, test_classes, 12)
if len(fakes) == 2:
    eight_seen = nn.AvgPool2d(2)(early[eight].float()).round().to(torch.uint8)
    pair = [fcn_score.predict(reader, eight_seen), pair[0][eight]]
    equal = fcn_score.difference(*pair, test_classes[eight], 12)
    ious = [fcn_score.with_interval(called, test_classes[eight], 12)[0].iou for called in pair]
    print(
        "after 3,200 pictures, eight facades: pix2pix {:.3f}, CycleGAN {:.3f}; ".format(*ious),
        end="",
    )
    print("difference {:+.3f} [{:+.3f}, {:+.3f}]".format(*(part.iou for part in equal)))
print(f"CycleGAN less photos of other facades: {value.iou:+.3f} [{low.iou:+.3f}, {high.iou:+.3f}]")

# %% [markdown]
# *The answer in one sentence:* this pix2pix makes facades that the reader can read, this CycleGAN less
# well than photos of *other* facades, though it keeps more of the map's edges than the true photos
# do: what the way back needs is there, but not as a facade.
#
# How far can the reader be trusted? It is weak, and full: blurred pix2pix (0.134, eight facades), sharp
# pix2pix (0.133) and the true photos (0.137) tie. It tells facade from no facade, not better from best,
# and no run here parts the pairs from the width and the size. One seed each.
#
# The paper's own comparison gives both one architecture: Cityscapes, labels → photos, class IoU
# ([arXiv 1703.10593](https://arxiv.org/abs/1703.10593), Tables 2 to 5): cycle alone .02, GAN alone
# .08, GAN + forward .12, GAN + backward .06, CycleGAN .11, pix2pix .18.

# %% [markdown]
# ## 9 · What it is good for, and where it fails
#
# Where the layout stays and the look changes: photo → Monet, winter ↔ summer. The paper's failures
# follow from what the objective leaves out:
#
# - **Changes of shape.** Dog → cat gave a dog with changed colours.
# - **What the data lacks.** A horse with its rider: the rider gets stripes too.
# - **Exchanged labels.** Tree and building swapped: section 3's swapped halves.
#
# For your own two folders: [chapter 07](07_cyclegan_horse2zebra.ipynb), section 10.
#
# ### When not to use a GAN
#
# | you have, or want | take |
# |---|---|
# | pairs, even a few hundred | pix2pix, or plain regression |
# | the style of *one* picture | Gram matrices of a pretrained network (Gatys 2016) |
# | one direction only, a small change | CUT: no $F$, no cycle (Park 2020) |
# | a change of shape, or the best quality | diffusion: SDEdit (Meng 2022), InstructPix2Pix (Brooks 2023) |
# | evidence: a scan, a measurement | none of them; what they add is invented (Cohen 2018) |
#
# ## 10 · Exercises
#
# Put your answer in the place of `...` and run the cell; the third ✗ tells.
#
# **1. Write it.** The generator of section 6 as one `nn.Sequential`, a layer a line,
# with width 8 and a single residual block, which is given:
# `cyclegan.ResidualBlock(32)`. The transposed convolutions need
# `padding=1, output_padding=1`.

# %% tags=["exercise"]
my_generator = ...  # nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7), …)
exercises.answer("05.1", my_generator)

# %% [markdown]
# **2. Predict, then run.** A seventh translator for section 3: $G(x) = 2 + x^2$.
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
# Nothing crashes. What is logged now when $D$ answers 3 on every patch of the fakes, and every pixel
# of $F(G(x))$ is off by 0.5? (Right would be $(3-1)^2 = 4$ and 0.5.)

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
# **5. Open.** Think of a translation that you would like to have, and of two folders of pictures for
# it. Which of section 9's failures will it meet? Section 10 of chapter 07 trains on your folders.

# %% [markdown]
# ## Summary
#
# - An adversary sees distributions; it cannot tie $x$ to its own $y$. The cycle loss
#   forbids forgetting, and does not choose among undoable maps: on numbers the mirror is as likely.
#   Identity keeps light light.
# - The generators minimise adv + λ·cycle + λ·(fraction)·identity.
# - A PatchGAN logit sees 70 pixels, and the pool shows $D$ fakes of mean age 50.
# - To measure content, compare with the own partner *and* with another's. KID above that of the
#   untouched inputs says little.
# - With pairs take pix2pix (the paper's comparison: .18, .11). Ours differ in width and size, too.
# - A good way back proves that information survived, not that it is visible: add noise.
#
# **References.** J.-Y. Zhu et al., *Unpaired Image-to-Image Translation …*, 2017 · P. Isola et al.,
# *Image-to-Image Translation with Conditional Adversarial Networks*, 2017 (PatchGAN, FCN score,
# pix2pix) · X. Mao et al., *Least Squares GAN*, 2017 · A. Shrivastava et al., *Learning from
# Simulated and Unsupervised Images*, 2017 (the pool) · C. Chu et al., *CycleGAN, a Master of
# Steganography*, 2017 · T. Galanti et al., *The Role of Minimal Complexity Functions …*, 2018 · R.
# Tyleček and R. Šára, *Spatial Pattern Templates …*, 2013 (facades) · Y. Taigman et al.,
# *Unsupervised Cross-Domain Image Generation*, 2017 · L. Gatys et al., *Image Style Transfer …*,
# 2016 · T. Park et al., *Contrastive Learning …*, 2020 · C. Meng et al., *SDEdit*, 2022 · T. Brooks
# et al., *InstructPix2Pix*, 2023 · J. P. Cohen et al., *Distribution Matching Losses …*, 2018.
#
# **Next:** [06 · Grumpy cats: what the cycle loss
# keeps](06_cyclegan_grumpy_cats.ipynb)

# %% tags=["nbval-ignore-output"]
report(
    data=test_photos,
    steps=steps,
    **{f"own_meadow_nearer_({name})": scores[name].meadow_gain for name in horse_nets},
    **{f"FCN_class_IoU_({name})": read[name].value.iou for name in read},
)
