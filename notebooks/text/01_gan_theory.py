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
# # 01 · Where GANs come from
#
# **Two lectures and a tour.**
#
# - *Lecture 1, from random numbers to a game* (sections 1 to 4): one generator, trained by MMD and
#   against a discriminator; $D^* = p/(p+q)$, and what the game is worth.
# - *Lecture 2, why it is hard to train* (sections 5 to 9): a loss that dies, a judge that does not,
#   players that run in circles, a loss that hides convergence, *mode collapse*, and a brake.
# - *A tour of the zoo* (section 10): what later GANs changed.
#
# **Time:** 21 minutes to read, 40 with the code; a minute to run on two idle CPU cores (`quick`).
# **Data:** all of it is drawn by rule, in one or two dimensions, where the truth is known. Cells
# that only draw or check are folded. $p$ is the true density, $q$ that of what $G$ makes.

# %% tags=["parameters"]
PROFILE = ""  # smoke, quick or full; empty: $GANCOURSE_PROFILE, else quick
SEED = 0
DATA = "auto"  # every chapter has it; here all data are drawn by rule, whatever it says
STEPS = None  # of the game in section 4; None: what the profile says

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

import math
import statistics

import torch
from IPython.display import Image, Pretty, display
from scipy.optimize import brentq
from torch.distributions import MultivariateNormal
from torch.nn.functional import softplus

from gancourse import device, losses, profiles
from gancourse.notebook import figures, panels
from gancourse.notebook.cell import report, require, table
from gancourse.progress import bar
from gancourse_lab import exercises, theory, theory_figures, toy_game, toy_judges, zoo
from gancourse_lab.live import Film
from gancourse_lab.theory import normal, uniform
from gancourse_lab.toy import MLP, Smooth
from gancourse_lab.toy_game import EVERY_Z, distance, noise

profile = profiles.resolve(PROFILE)
device.seed_everything(SEED)


def by_profile(smoke, quick, full):
    """One of three numbers, such as training steps."""
    return {"smoke": smoke, "quick": quick, "full": full}[profile]


print(f"profile {profile}, {device.describe()}; data: {theory_figures.DRAWN}")

# %% [markdown]
# **Guess first.** Three games on eight clusters of points, the circles. All is the
# same but for the learning rates. Which G will find all eight?

# %% tags=["nbval-ignore-output"]
recipes = {  # learning rates of G and D
    "equal rates": (1e-3, 1e-3),
    "G 4 times as fast": (4e-3, 1e-3),
    "D 4 times as slow": (1e-3, 2.5e-4),
}
ring_steps, film = by_profile(24, 1200, 6000), Film(dpi=80)
ring_games = {name: toy_game.ring_game(rates, ring_steps, SEED) for name, rates in recipes.items()}
for k in range(25):
    figure = theory_figures.ring_films(ring_games, k)
    film.add(figure, "Three rings of eight circles with the fakes as dots.")
weighs = film.end(
    "Animation: on the first ring the fakes spread to all eight circles and stay; on the second "
    "and the third they run from circle to circle as one heap."
)
print(f"25 frames, {weighs / 1000:.0f} kB")

# %% [markdown]
# *What you see,* of seed 0: at equal rates the fakes spread, find the clusters and stay. In the
# other two games they run as one heap to where D would believe them just now; D learns to refuse
# that place; they run on. Lecture 2 asks why, and ends with one term that saves such games.
#
# ## Lecture 1 · From random numbers to a game
#
# ## 1 · Two kinds of models
#
# Rows $x$, labels $y$. A **discriminative** model learns $p(y \mid x)$: which label does this row have?
# A **generative** model learns the joint $p(x, y)$, or $p(x)$ where there are no labels: which rows
# are there? The joint contains the conditional,
#
# $$p(y \mid x) = \frac{p(x, y)}{\sum_{y'} p(x, y')},$$
#
# and not the other way round.
#
# From 200 labelled points of two Gaussian classes (folded): the generative fit takes the classes' means
# and one covariance. The discriminative fit, a *logistic regression*
# $p(y{=}1 \mid x) = \sigma(w \cdot x + w_0)$ with the sigmoid $\sigma$, never asks how the $x$ lie.


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
MEANS = torch.tensor([[-0.8, -0.8], [0.8, 0.8]], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
truth = MultivariateNormal(MEANS, COVARIANCE)  # a batch of two, one a class


def draw_labelled(n):
    """n points (n, 2) and their labels (n,)."""
    y = torch.randint(0, 2, (n,))
    return truth.sample((n,))[torch.arange(n), y], y


def fit_joint(x, y):
    """The two class densities of the generative model, one pooled covariance."""
    means = torch.stack([x[y == label].mean(0) for label in (0, 1)])
    rest = x - means[y]
    return MultivariateNormal(means, rest.T @ rest / len(x))


def fit_conditional(x, y):
    """(w, w0) of the discriminative model, by maximum likelihood."""
    rows = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    weights = torch.zeros(3, dtype=torch.float64)
    for _ in range(20):  # Newton's steps
        said = torch.sigmoid(rows @ weights)
        curvature = rows.T * (said * (1 - said)) @ rows
        weights += torch.linalg.solve(curvature, rows.T @ (y - said))
    return weights[:2], weights[2]


device.seed_everything(SEED)
x, y = draw_labelled(200)
fresh_x, fresh_y = draw_labelled(20_000)
model = fit_joint(x, y)
w_fit, w0_fit = fit_conditional(x, y)
by_joint = model.log_prob(fresh_x[:, None]).argmax(1) == fresh_y
by_conditional = (fresh_x @ w_fit + w0_fit > 0) == fresh_y
print(f"generative     {by_joint.double().mean():.1%} of 20,000 fresh points right")
print(f"discriminative {by_conditional.double().mean():.1%}")
by_truth = truth.log_prob(fresh_x[:, None]).argmax(1) == fresh_y
print(f"the truth      {by_truth.double().mean():.1%}")
strange = torch.tensor([6.0, 6.0], dtype=torch.float64)
log_p = (model.log_prob(x[:, None]) + math.log(0.5)).logsumexp(1)
log_p_strange = (model.log_prob(strange) + math.log(0.5)).logsumexp(0)
sure = torch.sigmoid(strange @ w_fit + w0_fit)
print(f"x = (6, 6): the conditional says y = 1 with {sure:.4f}")
print(f"the joint says log p(x) = {log_p_strange:.0f}; the lowest of the 200 is {log_p.min():.1f}")

new_y = torch.randint(0, 2, (200,))
clouds = {
    "conditional: a line between labels": (x, y),
    "joint: where the points lie": (x, y),
    "200 new points of the joint": (model.sample((200,))[torch.arange(200), new_y], new_y),
}
figures.show(
    theory_figures.two_models(clouds, model, w_fit, w0_fit),
    "Two clouds of points three times: with a separating line; with two ellipses around each "
    "cloud; and new points inside the same ellipses.",
)

# %% [markdown]
# *What you see.* As classifiers the two are alike. But the line says nothing of where points lie; the
# ellipses do. So the joint answers two more questions: is this $x$ strange? (At (6, 6) it is; the
# conditional is sure of its label.) And **what would new points look like?** Right: they fill the
# ellipses as the old ones did. This is the question of the course.
#
# Nobody can write down a density of cats. But to *draw* cats it is enough to turn random numbers into
# samples. How?
#
# ## 2 · Random numbers out of random numbers
#
# ### Inverse transform
#
# A computer makes numbers $u$, uniform on $(0, 1)$. Let $C(x)$ be the probability of a value up to $x$,
# the *cumulative distribution function*. Then $x = C^{-1}(u)$ has just this distribution:
# $P(C^{-1}(u) \le x) = P(u \le C(x)) = C(x)$. Where $C^{-1}$ has no formula, bisection finds the $x$
# with $C(x) = u$:


# %%
def inverse_transform(p, u, bound=50.0):
    """The x with C(x) = u, by sixty halvings of (-bound, bound)."""
    low, high = torch.full_like(u, -bound), torch.full_like(u, bound)
    for _ in range(60):
        middle = (low + high) / 2
        below = p.cdf(middle) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


humps = theory.NAMED["two humps"]
tenth, half = inverse_transform(humps, torch.tensor([0.1, 0.5], dtype=torch.float64)).tolist()
print(f"two humps: C⁻¹(0.1) = {tenth:.3f}, C⁻¹(0.5) = {half:.3f}")

# %% [markdown]
# **Try it:** every $u$ goes right until it meets $C$, then down. Where $C$ is steep, many $u$ land
# close together: there the density is high. Which of the six distributions sends draws far outside
# the picture?


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
panels.panel(
    lambda name, draws: theory_figures.transform(name, draws, SEED),
    name=panels.slider(list(theory.NAMED), "distribution", "two humps"),
    draws=panels.slider([10, 100, 1000, 10_000], "draws", 1000),
)

# %% [markdown]
# (The Cauchy's: its $C$ crawls far out on both sides.)
#
# But a colour picture of 64 pixels a side has 12,288 numbers, and a $C$ of so many has no inverse. And
# of pictures we have no $p$, only samples.
#
# ### A network as the transform
#
# Let a network be the function: $x = G(z)$, with $z$ from a simple distribution. In one dimension it
# can be taught without knowing $C$: sort a sample and as many uniform numbers, pair the $i$-th with the
# $i$-th, and the rest is regression. We measure by $W_1$, how far mass has to travel, on average, to
# turn one distribution into the other (section 6).


# %% tags=["nbval-ignore-output"]
device.seed_everything(SEED)
sorted_net = MLP(1, 1, width=64, activation=Smooth())  # smooth: no staircases
optimiser = torch.optim.Adam(sorted_net.parameters(), 1e-2, fused=True)
count = by_profile(40, 800, 2000)
schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, count)
for _ in range(count):
    z, x = noise(256, 1), humps.sample((256, 1)).float()
    loss = (sorted_net(z.sort(0).values) - x.sort(0).values).abs().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    schedule.step()
with torch.no_grad():
    made = sorted_net(EVERY_Z)[:, 0]  # of 4,000 evenly spaced z
chance = [distance(humps.sample((256,))) for _ in range(20)]
print(f"256 draws of the two humps themselves: W1 {statistics.mean(chance):.3f} on average")
print(f"the network:                           W1 {distance(made):.3f}")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    theory_figures.learnt_transform(EVERY_Z, made, toy_game.humps(), humps, distance(made)),
    "Left: the quantile function of the two humps, steep between them, and the network's dashed "
    "curve on it. Right: the histogram of its outputs under the two humps.",
)

# %% [markdown]
# *What you see.* The network follows $C^{-1}$ but for its steepest places: both tails are cut off,
# and too many fakes lie in the valley. $W_1$ forgives that: 256 draws of the truth are no nearer.
#
# In the plane there is no sorting. What remains is to compare two *heaps*, directly or indirectly.
#
# ## 3 · The direct way: match the distributions
#
# *Generative moment matching* (Li et al. 2015) lowers the maximum mean discrepancy of
# chapter 00,
#
# $$\mathrm{MMD}^2 = \mathbb{E}\,k(x, x') + \mathbb{E}\,k(\tilde x, \tilde x')
#   - 2\,\mathbb{E}\,k(x, \tilde x), \qquad k(a, b) = e^{-(a - b)^2 / 2s^2},$$
#
# with $x, x'$ real and $\tilde x, \tilde x'$ generated; in a batch, the mean over all pairs without
# those of a point with itself.


# %%
def mmd2(x, y, s):
    """Unbiased MMD² of x (…, n, 1) and y (…, n, 1), one for each leading index; kernel width s."""

    def pairs(a, b):
        return torch.exp(-(a - b.transpose(-1, -2)).square() / (2 * s**2))

    n = x.shape[-2]
    within = pairs(x, x).sum((-1, -2)) + pairs(y, y).sum((-1, -2)) - 2 * n  # k(a, a) = 1
    return within / (n * (n - 1)) - 2 * pairs(x, y).mean((-1, -2))


x, y = torch.randn(50, 1), torch.randn(50, 1) + 1
require(all(abs(mmd2(x, y, s) - losses.mmd2(x, y, (s,))) < 1e-6 for s in (0.1, 1.0, 10.0)))

# %% [markdown]
# A few $s$ away the kernel's slope is as good as gone; one much wider than the data compares hardly more
# than the means.
#
# **Guess first:** which of five widths makes the best generator of two humps? (Three seeds each, 400
# steps with 100 real points a step.)


# %% tags=["nbval-ignore-output"]
WIDTHS, SEEDS = (0.03, 0.1, 0.5, 2.0, 10.0), 3
device.seed_everything(SEED)
matching = MLP(1, 1, 64, copies=len(WIDTHS) * SEEDS, activation=Smooth())
s = torch.tensor(WIDTHS).repeat_interleave(SEEDS)[:, None, None]
optimiser = torch.optim.Adam(matching.parameters(), 3e-3, fused=True)
for _ in bar(range(by_profile(30, 400, 2000)), desc="MMD"):
    real = humps.sample((100, 1)).float().expand(len(s), -1, -1)
    loss = mmd2(real, matching(noise(len(s), 100, 1)), s).sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
with torch.no_grad():
    made = matching(EVERY_Z.expand(len(s), -1, -1))[..., 0].unflatten(0, (len(WIDTHS), SEEDS))
made = dict(zip(WIDTHS, made, strict=True))
direct = {width: [distance(one) for one in of_width] for width, of_width in made.items()}
inside = {s: float(((one > -1) & (one < 0)).double().mean()) for s, one in made.items()}
for width, values in direct.items():
    row = f"{statistics.mean(values):.2f}, from {min(values):.2f} to {max(values):.2f}"
    print(f"s = {width:<5}: W1 {row} over {SEEDS} seeds; {inside[width]:.0%} in the valley")
ends = humps.cdf(torch.tensor([-1.0, 0.0], dtype=torch.float64))
print(f"of the truth {float(ends[1] - ends[0]):.0%} lies in the valley, from -1 to 0")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
firsts = {width: made[width][0] for width in (0.03, 0.5, 10.0)}
figures.show(
    theory_figures.kernel_widths(firsts, direct, humps),
    "Three histograms under the two humps. At 0.03 the fakes heap up beside the humps and fill "
    "the valley; at 0.5 they follow both humps; at 10 all mass sits in one thin bar at the mean.",
)

# %% [markdown]
# *What you see.* At 0.5 the fakes follow both humps, though the tails are cut off and the valley holds
# 11 % of them instead of 6. A kernel of 0.03 sees neighbours only: the left hump is smeared over the
# valley. One of 10 sees only the mean, and all fakes lie there, in one thin bar.
#
# The direct way works if somebody knows the right width. For pictures nobody does. Could
# the judge be *learnt* instead?
#
# ## 4 · The indirect way: a game
#
# Give a second player the task of telling real from generated. $D(x)$ is its
# probability that $x$ is real. With $p$ the true density and $q$ the density of
# $G(z)$, it maximises the **value of the game** (Goodfellow et al. 2014)
#
# $$V(D, G) = \mathbb{E}_{x \sim p}[\log D(x)]
#   + \mathbb{E}_{z}[\log(1 - D(G(z)))]
#   = \int p \log D + q \log (1 - D) \; dx ,$$
#
# and $G$ minimises it.
#
# **Guess first:** what should $D$ say at a place where $p$ is three times as high as $q$?


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    theory_figures.best_judge(normal(0), normal(3)),
    "Two bells, p on the left and q on the right, blue where p is higher, hatched where q is. "
    "Over them D* falls from 1 to 0, through one half where the bells cross; an arrow points "
    "from the hatched to the blue side, up its slope.",
)

# %% [markdown]
# Three of four points there are real: ¾. And fakes move from the hatched to the blue area, up the slope
# of $D^*$. The proof: at each $x$ the derivative of the integrand in $D$, $p/D - q/(1-D)$, vanishes at
#
# $$D^*(x) = \frac{p(x)}{p(x) + q(x)} .$$
#
# Put this in, and with $m = (p+q)/2$,
#
# $$V(D^*, G) = \int p \log \frac{p}{2m} + q \log \frac{q}{2m} \; dx
#   = -\log 4 + 2\,\mathrm{JSD}(p, q) ,$$
#
# with the **Jensen–Shannon divergence**
# $\mathrm{JSD} = \frac12 \mathrm{KL}(p \,\|\, m) + \frac12 \mathrm{KL}(q \,\|\, m)$
# and $\mathrm{KL}(p \,\|\, m) = \int p \log (p/m) \, dx$. It lies between 0, for
# $p = q$, and $\log 2$, where the two never overlap. So a perfect discriminator
# tells $G$ how much the two differ, and nobody has chosen a kernel. Checked on four pairs, each side
# by a sum over a grid of its own (folded):

# %% jupyter={"source_hidden": true}
STEP = 1e-3
LINE = torch.arange(-30, 30, STEP, dtype=torch.float64) + STEP / 2


def by_steps(p, q):
    """V(D*, G) by sums over equal steps; 1 - D* = q/(p+q) by itself, or it would round to 0."""
    p_x, q_x = theory.log_density(p, LINE).exp(), theory.log_density(q, LINE).exp()
    both = (p_x + q_x).clamp(min=1e-300)
    return float((torch.xlogy(p_x, p_x / both) + torch.xlogy(q_x, q_x / both)).sum() * STEP)


cases = {
    "the same twice": (humps, humps),
    "two humps, normal": (humps, normal(0)),
    "normals 3 apart": (normal(0), normal(3)),
    "disjoint": (uniform(0, 1), uniform(2, 3)),
}
rows = []
for name, (p, q) in cases.items():
    value, jsd = by_steps(p, q), theory.jensen_shannon(p, q)
    share = round(jsd / math.log(2), 3) + 0.0  # a rounding error must not print as -0.000
    rows.append([name, f"{value + 0.0:.3f}", f"{-math.log(4) + 2 * jsd:.3f}", f"{share:.3f}"])
table(["p, q", "V(D*, G)", "−log 4 + 2 JSD", "JSD/log 2"], rows)

# %% [markdown]
# ### The game, played
#
# One step is an update of $D$, up the value, then one of $G$. $G$ lowers
# $-\log D(G(z))$; section 5 says why. Networks return the logit $\ell$ with
# $D = \sigma(\ell)$, so that $-\log D$ is softplus$(-\ell)$ and $-\log(1-D)$ is
# softplus$(\ell)$.


# %%
def train_step(gen, disc, opt_gen, opt_disc, real, z, label=None):
    """One update of D, one of G; the losses of both. (The label is for section 10.)"""
    fake = gen(z, label)
    on_real, on_fake = disc(real, label), disc(fake.detach(), label)
    loss_disc = softplus(-on_real).mean() + softplus(on_fake).mean()
    opt_disc.zero_grad()
    loss_disc.backward()
    opt_disc.step()

    loss_gen = softplus(-disc(fake, label)).mean()
    opt_gen.zero_grad()
    loss_gen.backward()
    opt_gen.step()
    return loss_disc.item(), loss_gen.item()


logits = torch.linspace(-9, 9, 19), torch.linspace(-5, 8, 19)
ours = [softplus(-logits[0]).mean(), softplus(logits[1]).mean(), softplus(-logits[1]).mean()]
theirs = [*losses.bce_discriminator(*logits), losses.bce_generator(logits[1])]
require(ours == theirs)  # the package's

# %% [markdown]
# Now the generator of section 3 plays. Above, the density $q$ of what $G$ makes; below, the network's
# $D$, which learns four times as fast.
#
# **Guess first:** where will the first heap run?


# %% tags=["nbval-ignore-output"]
def players(numbers, width, rates, **options):
    """G, D and their optimisers, as train_step takes them; ``rates`` of G and of D."""
    gen, disc = MLP(numbers, numbers, width, **options), MLP(numbers, 1, width, **options)
    opt_gen = torch.optim.Adam(gen.parameters(), rates[0], (0.5, 0.999), fused=True)
    opt_disc = torch.optim.Adam(disc.parameters(), rates[1], (0.5, 0.999), fused=True)
    return gen, disc, opt_gen, opt_disc


steps = by_profile(40, 3000, 6000) if STEPS is None else STEPS
count = 8 if profile == "smoke" else 20
moments = sorted({round(steps * (i / count) ** 2) for i in range(count + 1)})  # often at first
RATES = (1e-3, 4e-3)


def slowing(optimisers):
    """Schedules under which the rates sink to a fiftieth over the game."""
    return [torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.02, max(1, steps)) for o in optimisers]


device.seed_everything(SEED)
gen, disc, *optimisers = players(1, 64, RATES, activation=Smooth())
schedules = slowing(optimisers)
told, frames, film = [], [], Film()
for step in range(steps + 1):
    if step in moments:
        frames.append(toy_game.look(step, gen, disc, humps))
        picture = theory_figures.game(frames[-1], best=False)
        film.add(picture, f"The game after {step} steps.")
    if step < steps:
        real = humps.sample((256, 1)).float()
        told.append(train_step(gen, disc, *optimisers, real, noise(256, 1)))
        for schedule in schedules:
            schedule.step()
weighs = film.end(
    "Animation: the orange density of the fakes starts as one narrow peak, spreads to where the "
    "bold curve D is high, and settles on both humps of the real density, with a spike at the left "
    "end that these have not, while D comes near one half wherever there are points."
)
print(f"{len(frames)} frames, {weighs / 1000:.0f} kB; {theory_figures.DRAWN}")

# %% [markdown]
# *What you see.* The fakes move up the slope of $D$; the first heap ran to the right hump. Where
# there are too many, orange above blue, $D$ sinks below ½, a little late: orange has moved on. (Thin:
# no points lie there, and $D$ has learnt nothing.)
#
# Is this $D$ the best one, $D^*$? Four moments with both, and the value that each reaches against
# these fakes.
#
# **Guess first:** the game ends at $-\log 4 = -1.386$. Can its value lie *below*?


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
chosen = [frames[round(i * (len(frames) - 1) / 5)] for i in range(6)]
figures.show(
    theory_figures.games([chosen[0], chosen[1], chosen[2], chosen[5]]),
    "Four moments of the game: a narrow generated peak under a flat D; then a wide heap with the "
    "valley filled; then two peaks, narrower than the humps; at the end q near both humps, with a "
    "spike on the left, and D near one half. D* is dashed, with higher and narrower waves.",
)
print(" step   V(D, G)  V(D*, G)   gap     W1")
for f in chosen:
    gap = f["most"] - f["value"]
    print(f"{f['step']:5d}{f['value']:10.3f}{f['most']:10.3f}{gap:7.3f}{f['W1']:8.3f}")
require(all(frame["value"] <= frame["most"] + 1e-5 for frame in frames))

# %% [markdown]
# *What you see.* It can: $-1.398$ at step 480. $-\log 4$ is the least for the *best* $D$ (third
# column); the network's $D$ may do worse, and does: it is smooth, chases a $G$ that moves, and rises
# beyond $x = 2$ where $D^*$ falls.
#
# At the end $q$ has both humps, but for a spike at the left, and $W_1 = 0.060$. MMD's best width had
# 0.08 on average, 0.06 with its best seed, from 400 steps of 100 real points; this one game took 3,000
# steps of 256, nineteen times as many. And that width, and these rates, were chosen by the truth.
# Which way is better, nobody can say from this.
#
# **Lecture 1 in one sentence:** a network turns random numbers into samples, and a second one,
# trained to tell them from the real ones, finds by itself where the heaps differ, at any scale
# that its architecture can draw: the kernel's width has moved into the network. *Lecture 1 ends here.*

# %% [markdown]
# ## Lecture 2 · Why it is hard to train
#
# In the first film two of three games never found the clusters. Here are the reasons why a game
# fails, each in the smallest example that shows it, and a remedy. From lecture 1: $D(x) = \sigma(\ell)$, with the
# logit $\ell$, is the probability that $x$ is real; the best one is $D^* = p/(p+q)$, and with it
# the game is worth $-\log 4 + 2\,\mathrm{JSD}(p, q)$.
#
# ## 5 · Two losses for one generator
#
# In the game as written, $G$ minimises $\log(1 - D(G(z)))$: the *saturating* or
# minimax form. Its slope in the logit is $-D$, and that of the *non-saturating* form
# $-\log D(G(z))$ is $-(1 - D)$. Both push $\ell$ up. But a bad generator meets a $D$ that is
# sure: at $D = 0.001$ the first pushes with 0.001, the second with 0.999.
#
# Reals around 4, fakes starting around 0, five updates of $D$ for each of $G$, five seeds with each
# loss. $G$ steps by plain gradient descent (Adam divides a gradient by its size, which hides
# saturation).
#
# **Guess first:** which loss arrives?


# %% tags=["nbval-ignore-output"]
def saturating(logit):
    """log(1 - D(G(z)))."""
    return -softplus(logit).mean()


def non_saturating(logit):
    """-log D(G(z))."""
    return softplus(-logit).mean()


sgd_steps = by_profile(15, 250, 2000)
traces = {
    "saturating": toy_game.chase(saturating, sgd_steps, SEED),
    "non-saturating": toy_game.chase(non_saturating, sgd_steps, SEED),
}
for name, found in traces.items():
    print(f"{name}: the means, at first 4 apart, come within 1, by seed")
    for word, where in (("first", toy_game.first_within), ("for good", toy_game.within_for_good)):
        steps_to = where(found.means, 1).tolist()
        print(f"  {word:9s}", *(f"{n:>5}" if n < sgd_steps else "never" for n in steps_to))
figures.show(
    theory_figures.two_losses(traces),
    "Left: the slopes D and 1 - D cross at one half. Middle: after a few steps the gradient of "
    "the saturating loss is far below that of the other, and goes on falling. Right: with the "
    "non-saturating loss the means meet after some swings; with the other they stay apart.",
)

# %% [markdown]
# *What you see.* With $\log(1 - D)$ no seed arrived within 250 steps. With $-\log D$ all came within
# 1 of the reals' mean in 13 to 16 steps, overshot, and came to stay after 32 to 51.
#
# ## 6 · Wasserstein: a judge that does not saturate
#
# What if $p$ and $q$ do not overlap? Let $p$ be uniform on $(0,1)$ and $q$ the same, moved by
# $\theta$. From $\theta = 1$ on the JSD is $\log 2$: it says "different" and not how much, and its
# slope is 0. The **Wasserstein distance** says how far the mass has to travel. With the
# distribution functions $C_p$ and $C_q$,
#
# $$W_1(p, q) = \int_0^1 \lvert C_p^{-1}(u) - C_q^{-1}(u) \rvert \, du
#   = \theta .$$
#
# A second form of $W_1$, by Kantorovich and Rubinstein, can be played as a game:
#
# $$W_1(p, q) = \max_{\lvert f' \rvert \le 1}
#   \mathbb{E}_{x \sim p} f(x) - \mathbb{E}_{z} f(G(z)) .$$
#
# The **critic** $f$ gives any number, not a probability, and must not be steeper
# than 1. In one dimension the best one is known: $f' = 1$ where $C_q > C_p$, else
# $-1$.

# %% jupyter={"source_hidden": true}
print("θ       JSD/log 2    W1      by the best critic")
for theta in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0):
    p, q = uniform(0, 1), uniform(theta, 1 + theta)
    jsd, w1 = theory.jensen_shannon(p, q), theory.wasserstein1(p, q)
    steep = torch.sign((LINE - theta).clamp(0, 1) - LINE.clamp(0, 1))  # C_q - C_p
    f = (torch.cumsum(steep, 0) - steep / 2) * STEP  # at the middle of each step
    gap = (theory.log_density(p, LINE).exp() - theory.log_density(q, LINE).exp()) @ f * STEP
    print(f"{theta:<8}{jsd / math.log(2):9.3f}{w1:10.3f}{round(float(gap), 2) + 0.0:12.2f}")

# %% [markdown]
# How to keep a network from being steeper than 1? **Weight clipping**
# (Arjovsky, Chintala and Bottou 2017): after each step every weight goes back
# into $[-c, c]$. That bounds the slope by *some* constant $K$ that nobody knows,
# and the critic then estimates $K\,W_1$.
#
# The **gradient penalty** (Gulrajani et al. 2017) asks for slope 1 directly, at
# points between reals and fakes, and is added to the critic's loss:
#
# $$\lambda\, \mathbb{E}\,
#   (\lVert \nabla_{\hat x} f(\hat x) \rVert - 1)^2, \qquad
#   \hat x = \epsilon\, x + (1 - \epsilon)\, G(z), \quad
#   \epsilon \text{ uniform on } (0, 1) .$$
#
# No constraint, though: a critic of slope $r$ gains $r\,\theta$ and pays $\lambda (r-1)^2$, so the
# best slope is $1 + \theta/2\lambda$.


# %%
def gradient_penalty(critic, real, fake):
    """E(|∇f(x̂)| - 1)² at random points between the pairs of real and fake (n, d)."""
    epsilon = torch.rand(len(real), 1)
    between = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


real, fake, bent = torch.randn(64, 2), torch.randn(64, 2), MLP(2, 1)
penalties = []
for penalty in (gradient_penalty, losses.gradient_penalty):
    device.seed_everything(SEED)  # the same ε
    penalties.append(penalty(bent, real, fake).item())
require(abs(penalties[0] - penalties[1]) < 1e-6, "the package's")
linear = gradient_penalty(lambda x: x @ torch.tensor([3.0, 4.0]), real, fake)
print(f"a linear critic of slope 5: penalty {linear:.3f} = (5 - 1)²")

# %% [markdown]
# Train judges against fakes that stand still: $p$ uniform on the unit square, $q$ the same
# moved by $\theta$; a discriminator, two clipped critics, and one whose loss is
#
# ```python
# critic(fake).mean() - critic(real).mean() + 10 * gradient_penalty(critic, real, fake)
# ```
#
# (Mind the signs: a critic *maximises*, optimisers minimise.) Each *says* how far $q$ is (the
# discriminator $\mathrm{JSD}/\log 2$, a critic $W_1$), and *pulls* at the fakes by its slope there.
#
# **Guess first:** whose pull is left at $\theta = 4$?

# %% tags=["nbval-ignore-output"]
SHIFTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
device.seed_everything(SEED)
judge_steps = by_profile(25, 400, 2000)
disc = toy_judges.train("bce", SHIFTS, judge_steps)
critics = {
    "clip 0.01": toy_judges.train("wasserstein", SHIFTS, judge_steps, 0.01),
    "clip 0.1": toy_judges.train("wasserstein", SHIFTS, judge_steps, 0.1),
    "penalty": toy_judges.train("wasserstein", SHIFTS, judge_steps),
}
square = torch.rand(len(SHIFTS), 2000, 2)
found = {"discriminator": toy_judges.discriminator_says(disc, square, SHIFTS)}
found |= {name: toy_judges.critic_says(net, square, SHIFTS) for name, net in critics.items()}
theta = torch.tensor(SHIFTS)
for name, net in critics.items():
    share = (found[name][0] / theta)[theta >= 1]
    print(f"{name}: estimate / W1 from θ = 1 on: {share.min():.3g} to {share.max():.3g}", end="")
    bound = float(name.removeprefix("clip ")) if "clip" in name else 0
    print(f"; {toy_judges.at_bound(net, bound):.0%} of the weights at ±c" if bound else "")
shapes = {"discriminator": toy_judges.across(disc, SHIFTS, 3.0, sigmoid=True)}
shapes |= {name: toy_judges.across(net, SHIFTS, 3.0) for name, net in critics.items()}
figures.show(
    theory_figures.judges(SHIFTS, shapes, found, 3.0),
    "Left: between real and fake the discriminator falls like a step, the critics as a ramp. "
    "Middle: with growing shift the discriminator's estimate stays at 1, the penalty's follows "
    "the line, the clipped ones are off by a factor. Right: the discriminator's slope at the fakes "
    "falls away, the penalty's stays near 1.",
)

# %% [markdown]
# *What you see.* Left: between real and fake the discriminator is a cliff, the critics are ramps.
# Middle: from $\theta = 1$ on its estimate is 1; the clipped ones estimate $K\,W_1$ with a $K$ that
# depends on $c$ and $\theta$; the penalty's is up to a fifth too high. Right: the discriminator's
# slope at the fakes goes to nothing, the critics keep one. (It is the slope of $\log(1 - D)$, to which
# the JSD belongs; that of section 5's $-\log D$, $(1 - D)\,\lVert\nabla\ell\rVert$, does not die of a $D$ that
# is sure, but belongs to no distance.)
#
# ## 7 · Taking turns, and going round
#
# Near the end the value of a GAN looks, in the simplest case, like $a \cdot b$ (Mescheder et al.
# 2018): one player chooses $a$ and lowers it, the other chooses $b$ and raises it. The solution is
# $(0, 0)$. But a step goes along $(-b, a)$, at right angles to the way there. Three ways to step with
# rate $\eta$:
#
# - **simultaneous**: $a' = a - \eta b$, $b' = b + \eta a$;
# - **alternating**: $a' = a - \eta b$, then $b' = b + \eta a'$;
# - **extragradient** (Korpelevich 1976): look ahead by one step, then step from where you are with the
#   gradients from *there*.
#
# **Guess first:** which of the three gets to $(0, 0)$?


# %%
def move(how, a, b, eta):
    """One step of both players in the game a·b."""
    if how == "simultaneous":
        return a - eta * b, b + eta * a
    if how == "alternating":
        a = a - eta * b
        return a, b + eta * a
    ahead_a, ahead_b = a - eta * b, b + eta * a
    return a - eta * ahead_b, b + eta * ahead_a


def path(how, eta, n, start=(1.0, 0.5)):
    """The n + 1 places (n + 1, 2) of a game."""
    places = [start]
    for _ in range(n):
        places.append(move(how, *places[-1], eta))
    return torch.tensor(places, dtype=torch.float64)


figures.show(
    theory_figures.turns(path, 0.2),
    "Three paths in the plane from the same start. Simultaneous steps spiral outwards, "
    "alternating ones stay on an ellipse, extragradient ones spiral in to the star.",
)

# %% [markdown]
# *What you see.* Only extragradient gets there: a step changes the distance by
# $\sqrt{1 - \eta^2 + \eta^4}$, less than 1 for $\eta < 1$. Simultaneous steps spiral out, by
# $\sqrt{1+\eta^2}$ a step. Alternating ones keep $a^2 + b^2 - \eta ab$ and go round for ever ($\eta < 2$).
#
# ### A GAN of two numbers, and a brake
#
# The smallest real GAN (the *Dirac-GAN*, Mescheder et al. 2018): all reals lie at
# 0, $G$ puts all its fakes at $\theta$, and $D$ has the logit $\psi x$. With the
# non-saturating losses each step of $G$ and $D$ goes along
#
# $$\theta' = \psi\,\sigma(-\theta\psi), \qquad
#   \psi' = -\theta\,\sigma(\theta\psi) - \gamma\psi,$$
#
# the last term from a penalty $\frac{\gamma}{2}\psi^2$ on $D$'s slope (R1).
#
# **Guess first:** with $\gamma = 0$, does it arrive at $(0, 0)$? And is a larger $\gamma$ always better?
# Move it:


# %%
def slopes(theta, psi, gamma):
    """Where G's θ and D's ψ are pulled."""
    belief = torch.sigmoid(theta * psi)
    return psi * (1 - belief), -theta * belief - gamma * psi


def dirac(gamma, eta=0.2, n=200):
    """The n + 1 places (θ, ψ) of alternating steps, D first."""
    theta, psi = torch.tensor(1.0), torch.tensor(0.5)
    places = [(theta, psi)]
    for _ in range(n):
        psi = psi + eta * slopes(theta, psi, gamma)[1]
        theta = theta + eta * slopes(theta, psi, gamma)[0]
        places.append((theta, psi))
    return torch.tensor(places)


# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
panels.panel(
    lambda gamma: theory_figures.dirac(slopes, dirac, [gamma]),
    gamma=panels.number(0.0, 3.0, 0.3, "γ", step=0.1),
)

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    theory_figures.dirac(slopes, dirac, (0.0, 0.3, 1.0, 3.0)),
    "Four planes of arrows with a path. Without penalty it goes round on slowly shrinking "
    "circles, at 0.3 it spirals in, at 1 it goes in almost straight, at 3 it creeps in along one line.",
)
at_rest = torch.zeros(2, dtype=torch.float64)
print("γ     λ by the formula              of the slopes' Jacobian at (0, 0)")
for gamma in (0.0, 0.3, 1.0, 3.0):
    root = complex(gamma**2 - 1) ** 0.5
    formula = (-gamma + root) / 2
    both = torch.autograd.functional.jacobian(
        lambda x, g=gamma: torch.stack(slopes(x[0], x[1], g)), at_rest
    )
    slowest = max(torch.linalg.eigvals(both).tolist(), key=lambda v: (round(v.real, 6), v.imag))
    require(abs(slowest - formula) < 1e-6)
    print(f"{gamma:<6g}{formula.real:.3f} ± {abs(formula.imag):.3f} i".ljust(36), end="")
    print(f"{slowest.real:.3f} ± {abs(slowest.imag):.3f} i")

# %% [markdown]
# *What you see.* Without the penalty $G$ and $D$ chase each other round, on circles that shrink
# slower and slower. A little penalty and they spiral in; too much, and $D$ is so flat that $G$
# creeps. The table: near the end the distance falls like $e^{t\,\mathrm{Re}\,\lambda}$ with
# $\lambda = \frac12(-\gamma \pm \sqrt{\gamma^2 - 1})$, fastest at $\gamma = 1$.
#
# ## 8 · When is it finished?
#
# At $q = p$ the best $D$ is ½ everywhere, and its loss is $\log 4$. Three games with that loss, and
# section 4's: its losses, beside the distance that nobody can compute for pictures.
#
# **Guess first:** $D$'s loss rests at $\log 4$. How far may $G$ still be?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
p, q = normal(0), normal(1)  # their D* has the logit ½ - x
strength = brentq(  # so many times D* is worth -log 4 again
    lambda s: theory.game_value(p, q, lambda x: s * (0.5 - x)) + math.log(4), 1, 10
)
ends = {
    "D knows nothing": (normal(6), torch.zeros_like),
    "D is too sure": (normal(1), lambda x: strength * (0.5 - x)),
    "G is perfect": (normal(0), torch.zeros_like),
}
for name, (q, logit) in ends.items():
    loss = -theory.game_value(p, q, logit)
    require(abs(loss - math.log(4)) < 1e-6)
    print(f"{name:16s}loss of D {loss:.4f} = log 4;  W1 {theory.wasserstein1(p, q):.1f}")

history = dict(zip(("D's loss", "G's loss"), zip(*told, strict=True), strict=True))
levels = {"log 4": math.log(4), "log 2": math.log(2)}
figures.show(
    theory_figures.losses_and_distance(history, frames, levels),
    "Left: within 300 steps D's loss rises to log 4 and G's falls to log 2; both stay there, flat "
    "and noisy. Right: the distance W1 falls quickly, and then goes up and down.",
)

# %% [markdown]
# *What you see.* As far as one likes: a $D$ that knows nothing has the same loss as one that met a
# perfect $G$. And from step 500 on both losses rest at $\log 4$ and $\log 2$ but for short
# spikes, while $W_1$ doubles and halves. Who stops at step 1920 gets a $W_1$ of 0.25 instead
# of 0.06 (section 4's table), and no loss says so.
#
# ## 9 · Mode collapse, and a brake
#
# Back to the ring (Metz et al. 2017). A mode counts as *found* if at least 2 % of
# the fakes lie within three standard deviations of its centre, the circles; a fair share is
# 12.5 %.

# %%
SPREAD = toy_game.RING_SPREAD
ring = theory.ring(modes=8, radius=2.0, spread=SPREAD)
CENTRES = ring.component_distribution.mean


def modes_found(points, centres, radius, share=0.02):
    """The number of centres with at least this share of the points within the radius."""
    near = torch.cdist(points, centres) <= radius  # (n, modes)
    return int((near.double().mean(0) >= share).sum())


device.seed_everything(SEED)
points = ring.sample((20_000,))
three = points[torch.cdist(points, CENTRES).argmin(1) < 3]
counted = [modes_found(sample, CENTRES, 3 * SPREAD) for sample in (points, three)]
require(counted == [8, 3])

# %% [markdown]
# Why does the heap run? Nothing in $G$'s loss, at a *fixed* $D$, asks for variety: where $D$ is
# highest a thousand copies of one fake do best. Then $D$ refuses that place, and they go on: section
# 7's circles. So try section 7's brake, R1, which makes $D$ flat where the reals lie:
# $\frac{\gamma}{2}\,\mathbb{E}\,\lVert\nabla \ell(x)\rVert^2$. In code three lines, and one in $D$'s turn:


# %%
def r1(disc, real):
    """E |∇ℓ(x)|² at the reals."""
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(disc(real).sum(), real, create_graph=True)
    return slope.square().sum(-1).mean()


# loss_disc = softplus(-on_real).mean() + softplus(on_fake).mean() + gamma / 2 * r1(disc, real)
flat_ring = points[:128].float()
require(abs(r1(bent, flat_ring) - losses.r1_penalty(bent, flat_ring)) < 1e-6)  # the package's

# %% [markdown]
# The first film's middle game, without the brake and with it, at $\gamma = 1$: section 7's fastest,
# which need not be a ring's; no other was tried.
#
# **Guess first:** will it save a $G$ that is four times as fast?


# %% tags=["nbval-ignore-output"]
braked = {
    name: toy_game.ring_game(rates, ring_steps, SEED, brake=1.0) for name, rates in recipes.items()
}
fast, film = "G 4 times as fast", Film(dpi=80)
pair = {fast: ring_games[fast], "the same, with the brake": braked[fast]}
for k in range(25):
    figure = theory_figures.ring_films(pair, k)
    film.add(figure, "Two rings of eight circles with the fakes as dots.")
weighs = film.end(
    "Animation: without the brake the fakes run from circle to circle as one heap; with it they "
    "spread over the eight circles."
)
print(f"25 frames, {weighs / 1000:.0f} kB")

# %% [markdown]
# One seed proves little. All three recipes, four seeds each:

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output", "thumbnail"]
figures.show(
    theory_figures.rings({"no brake": ring_games, "with the brake, γ = 1": braked}),
    "Two blocks of three rows of rings, four seeds each. Without the brake only the first row "
    "finds all modes; most others are heaps. With it nearly every ring is covered.",
)
counts = {}
for name in recipes:
    for how, games in (("", ring_games), (", braked", braked)):
        ends = games[name].looks[-1]
        counts[name + how] = [theory.modes_found(one, CENTRES, 3 * SPREAD) for one in ends]
        print(f"{name + how:26s}modes found, by seed: {counts[name + how]}")

# %% [markdown]
# *What you see.* Left: equal rates find all eight with every seed; of the eight uneven games one does.
# Right: the same rates, seeds and steps, one more term in $D$'s loss: all of the fast $G$'s games find
# all eight, and of the slow $D$'s three (the other is still a cloud).
#
# The games are chaotic: another machine, which rounds otherwise, may find other numbers. And a count
# does not see how many fakes lie *between* the circles.
#
# ### Your turn
#
# Goodfellow et al. (2014) give $D$ $k$ steps for each of $G$, so that its advice is up to date. Move the
# rates, $k$ and the brake $\gamma$, and press *run*. Set at first: the fast $G$ with $k = 5$, no brake.
#
# **Guess first:** does a $D$ that moves five times as often do what the brake does?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
RATES = [2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3]
controls = {
    "lr_g": panels.slider(RATES, "G's rate", 4e-3),
    "lr_d": panels.slider(RATES, "D's rate", 1e-3),
    "k": panels.number(1, 10, 5, "D's steps k"),
    "gamma": panels.number(0.0, 3.0, 0.0, "γ", step=0.1),
}


def play_ring():
    """The fast G's game beside the one that the sliders set, as a film; and its modes found."""
    lr_g, lr_d, k, gamma = (control.value for control in controls.values())
    yours = toy_game.ring_game((lr_g, lr_d), ring_steps, SEED, k=k, brake=gamma)
    games = {fast: ring_games[fast], f"yours: k = {k}, γ = {gamma:g}": yours}
    pictures = [figures.png(theory_figures.ring_films(games, look), dpi=80) for look in range(25)]
    alt = (
        f"Animation: beside the fast G's heap the game of the rates {lr_g:g} and {lr_d:g}, k = {k}."
    )
    windows[0].update(Image(figures.movie(pictures, pause=220), alt=alt))
    found = [theory.modes_found(one, CENTRES, 3 * SPREAD) for one in yours.looks[-1]]
    windows[1].update(Pretty(f"rates {lr_g:g} and {lr_d:g}, k = {k}, γ = {gamma:g}: modes {found}"))


rows = [panels.beside(controls.values()), panels.presets(controls, {}, play_ring)]
display(panels.box(rows, lambda: f"Four sliders and a button, run: {panels.read_off(controls)}."))
windows = [display(display_id=True), display(display_id=True)]
play_ring()

# %% [markdown]
# *What you see.* With $k = 5$ the fast $G$'s four games find 7, 8, 8 and 8 modes; with $k = 1$ it was 0,
# 1, 1 and 8. A $D$ that keeps up does nearly what the brake does, for five times as many steps of $D$.


# %% [markdown]
# ## A tour
#
# ## 10 · The zoo
#
# What later GANs changed is mostly what the two players get to see. Upper left: the game of section 4;
# in the others orange is new.
#
# **Guess first:** three have no $z$. Which, and why can they do without?

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
figures.show(
    zoo.draw(),
    "Eight block diagrams of what goes into which network: the plain game; conditional with a label "
    "into both; progressive with growing G and D; StyleGAN with a network from z to the styles and a "
    "constant input; image-to-image with an L1 term to the pair's answer; "
    "CycleGAN with the way back; two stages from text; super-resolution with a feature loss.",
)

# %% [markdown]
# (Image-to-image, CycleGAN, super-resolution: an image goes in, and one answer is enough.)
#
# - **Conditional.** Say *what* to draw. $D$ sees the label, too; else $G$ could ignore it.
# - **Progressive.** Learn 4 × 4 pixels; then add layers for 8 × 8 to both networks, and so on.
# - **StyleGAN.** A network $F$ turns $z$ into the *style* of every layer of $G$: scales of its
#   features. $G$ itself starts from a constant.
# - **Image-to-image.** The label is a whole image $x$, such as a map. $D$ judges the pair, and L1 pulls
#   $G(x)$ to the one right answer $y$.
# - **CycleGAN.** There are no right answers. Instead a second network $F$ must find the way back to $x$
#   (chapters 05 to 07).
# - **Text-to-image.** A sentence is the label. $G_1$ makes a small rough image, $G_2$ refines it.
# - **Super-resolution.** Many sharp images shrink to the same small one. $D$ asks for *one* sharp image,
#   the feature loss for the right one.
#
# The diagrams stop at 2019. *Spectral normalisation* (Miyato et al. 2018), which divides each weight
# matrix of $D$ by its largest stretch, is a third way to bound section 6's slope. Since 2021 diffusion
# models have drawn better pictures (Dhariwal and Nichol), as a rule in many passes of a network where
# $G$ needs one; chapter 05, section 9, says when to take one.
#
# ### A conditional one, trained
#
# The label is the mode: $y \in \{0, \dots, 7\}$. It goes into both networks as eight more
# inputs. $D$ then judges the *pair* $(x, y)$: a good point with a wrong label is a fake.

# %% tags=["nbval-ignore-output"]
device.seed_everything(SEED)
gen, *rest = players(2, 64, (1e-3, 2e-3), classes=8, copies=3)
for _ in bar(range(by_profile(30, 700, 4000)), desc="conditional"):
    y = torch.randint(0, 8, (3, 128))
    real = CENTRES[y] + SPREAD * torch.randn(3, 128, 2)
    train_step(gen, *rest, real, torch.randn(3, 128, 2), y)

asked = torch.arange(8).repeat_interleave(100).expand(3, -1)
with torch.no_grad():
    answers = gen(torch.randn(3, 800, 2), asked)
accuracy = (torch.cdist(answers, CENTRES).argmin(-1) == asked).double().mean(1)
within = ((answers - CENTRES[asked]).norm(dim=-1) <= 3 * SPREAD).double().mean()
each = answers.unflatten(1, (8, 100))  # (seeds, labels, 100, 2)
inside = each.var(2).mean((1, 2)).sqrt()  # of one mode's fakes
aside = (each.mean(2) - CENTRES).norm(dim=-1) / SPREAD  # of each heap's middle
print("nearest mode is the one asked for, by seed:", ", ".join(f"{a:.1%}" for a in accuracy))
print(f"within three standard deviations of it {within:.0%}; chance {1 / 8:.1%}")
print("standard deviation inside a mode, by seed:", ", ".join(f"{v:.3f}" for v in inside), end="")
print(f"; of the reals {SPREAD}")
print("seed 0, middle of the fakes off the mode's, in the reals' standard deviations:")
print("  ", *(f"y={label}: {off:.1f} " for label, off in enumerate(aside[0])))
print(f"   all three seeds: {aside.mean():.1f} on average")

# %% jupyter={"source_hidden": true} tags=["nbval-ignore-output"]
worst = int(aside[0].argmax())
true_ones = CENTRES[worst] + SPREAD * torch.randn(100, 2)
figures.show(
    theory_figures.labelled_rings(answers[0], asked[0], CENTRES, 3 * SPREAD, true_ones, worst),
    "Left a ring of eight circles, each with a small heap of fakes, several off its middle. Right one "
    "circle enlarged: the real points fill it, the fakes are a small heap at its edge.",
)

# %% [markdown]
# *What you see.* The label settles *which*, neither *how wide* nor *exactly where*. Inside each mode
# the fakes spread less than half as far as the reals: a small collapse, or not yet the end (how more
# steps or R1 would change it was not asked). And every
# heap sits beside its mode's middle, most of them inwards, by 1.2 to 2.7 standard deviations of the
# reals; the worst (right) straddles its circle's edge. The nearest mode is right in all 2,400 cases.

# %% jupyter={"source_hidden": true}
if profile != "smoke":
    require(accuracy.min() > 0.9)
    require(traces["non-saturating"].means[-1].median() < traces["saturating"].means[-1].median())

# %% [markdown]
# **What this chapter does not show.** All of it has one or two dimensions and endless real
# data; with a few hundred photographs $D$ can learn them by heart (chapters 02 to 04). And three to
# five seeds cannot rank two recipes that are close.
#
# ## 11 · Exercises
#
# Put your answer in the place of `...` and run the cell: ✓, or ✗ with a hint.
# `exercises.reveal("01.1")` gives up at once.
#
# **1. Write it.** $W_1$ between two samples of one size, in one line. How did section
# 2 pair the numbers of two heaps?


# %% tags=["exercise"]
def w1_of_samples(x, y):
    """W1 of two tensors of n numbers each, in any order."""
    return ...


exercises.answer("01.1", w1_of_samples)

# %% [markdown]
# **2. Find the bug.** Somebody keeps all weights in *one* optimiser and writes
# $D$'s turn as
#
# ```python
# fake = gen(z)
# loss = softplus(-disc(real)).mean() + softplus(disc(fake)).mean()
# opt.zero_grad(); loss.backward(); opt.step()
# ```
#
# Let $G$ make a single number, $G(z) = g = 2$, and let $D$'s logit be
# $\ell = 1.5\,x$. Which gradient does $g$ get in this turn, and which should it
# get?

# %% tags=["exercise"]
gradient_of_g = ...  # in the buggy turn
should_be = ...
exercises.answer("01.2", gradient_of_g, should_be)

# %% [markdown]
# **3. Find the bug.** From slides: "critic loss $D(x) - D(G(z))$, generator
# loss $D(G(z))$". Somebody hands both to `backward()` as they stand. The critic
# is $f(x) = x$, the reals lie at 3, and $G(z) = g = 0$. Where is $g$ after one
# step of gradient descent with rate 0.1, in their code and in a right one?

# %% tags=["exercise"]
theirs = ...  # g after their step
right = ...  # g after a right step
exercises.answer("01.3", theirs, right)

# %% [markdown]
# **4. Predict, then run.** Extragradient steps shrink the distance for $\eta < 1$. By
# which factor does one step change it at $\eta = 1.1$? Say first whether it grows.

# %% tags=["exercise"]
factor = ...  # of the distance to (0, 0), a step
exercises.answer("01.4", factor, path=path)

# %% [markdown]
# **5. Open.** How weak may the brake be? `toy_game.ring_game(rates, steps, seed, brake=0.1)` plays
# it. Write down first what you expect at 0.1 and at 10, for which recipe. And does `k=2`, two steps
# of $D$ for one of $G$, help as well?

# %% [markdown]
# ## Summary
#
# - GANs draw without writing a density down: a network as the transform, and a judge of heaps.
# - The direct judge is MMD with a kernel width; the indirect one is trained. At its best it
#   is $D^* = p/(p+q)$ and the game is worth $-\log 4 + 2\,\mathrm{JSD}$.
# - A sure $D$ takes the minimax loss its slope. Without overlap the JSD is flat; $W_1$ is not, and
#   its critic needs a bounded slope.
# - Simultaneous steps spiral out; $D$'s loss at $\log 4$ does not show convergence.
# - Nothing in $G$'s loss at a fixed $D$ asks for all modes. Count them. A penalty on $D$'s slope at
#   the reals is a brake, for two numbers and for the ring.
#
# **References.** I. Goodfellow
# et al., *Generative Adversarial Nets*, 2014 · M. Arjovsky, L. Bottou, *Towards Principled
# Methods*, 2017 · Y. Li et al., *Generative Moment Matching Networks*, 2015 · M. Arjovsky
# et al., *Wasserstein GAN*, 2017 · I. Gulrajani et al., *Improved Training of Wasserstein
# GANs*, 2017 · L. Mescheder et al., *Which Training Methods for GANs do actually
# Converge?*, 2018 · L. Metz et al., *Unrolled GANs*, 2017 · G. Korpelevich, *The
# extragradient method*, 1976 · A. Radford et al., *DCGAN*, 2016 · the zoo's, over its diagrams.
#
# **Next:** [02 · A DCGAN on steel scratches](02_dcgan_neu_scratches.ipynb)

# %% tags=["nbval-ignore-output"]
report(
    data="stand-in",  # drawn by rule
    W1_direct_best_width=min(statistics.mean(values) for values in direct.values()),
    W1_against_D=frames[-1]["W1"],
    **{f"modes_of_8_({name})": statistics.mean(found) for name, found in counts.items()},
    conditional_accuracy=float(accuracy.mean()),
)
