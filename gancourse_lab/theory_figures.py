"""The figures of chapter 01: densities, transforms, games, and the zoo's block diagrams.

A function that takes ``axes`` draws one panel of a larger figure, or, without them, the picture
of a slider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from gancourse.notebook import figures
from gancourse.notebook.figures import BLUE, CYCLE, GREY, ORANGE, SKY, subplots
from gancourse_lab import theory
from gancourse_lab.toy_game import RING_SPREAD, Chase, RingGame, X

DRAWN = "drawn by rule, no real data"
SEEN = 0.02  # where densities add up to less there are hardly any points


def line(low: float, high: float, n: int = 400) -> Tensor:
    """n places from low to high, float64."""
    return torch.linspace(low, high, n, dtype=torch.float64)


# Two kinds of models


def two_models(clouds: Mapping[str, tuple], model: MultivariateNormal, w: Tensor, w0) -> Figure:
    """Three clouds of points: title → (x (n, 2), labels (n,)).

    Over the first the line w·x + w0 = 0 of the conditional, over the others the joint's ellipses.
    """
    figure, axes = subplots(1, 3, figsize=(9.5, 3.2), sharey=True, caption=DRAWN)
    for axis, (title, (x, labels)) in zip(axes, clouds.items(), strict=True):
        for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
            look = {"s": 9, "color": color, "marker": marker, "alpha": 0.7}
            axis.scatter(*x[labels == label].T, label=f"y = {label}", **look)
        axis.set(title=title, xlim=(-4, 4), ylim=(-4, 4), xlabel="x1")
    x1 = torch.tensor([-4.0, 4.0], dtype=torch.float64)
    axes[0].plot(x1, -(w0 + w[0] * x1) / w[1], color="black")
    for axis in axes[1:]:
        for mean, covariance in zip(model.mean, model.covariance_matrix, strict=True):
            for deviations in (1, 2):
                axis.add_patch(_ellipse(mean, covariance, deviations))
    axes[0].set_ylabel("x2")
    axes[0].legend(loc="lower left")
    return figure


def _ellipse(mean: Tensor, covariance: Tensor, deviations: float) -> Ellipse:
    """Where a normal density of the plane is so many standard deviations from its mean."""
    sizes, directions = torch.linalg.eigh(covariance)  # the short axis first
    short, long = (2 * deviations * sizes.sqrt()).tolist()
    along = directions[:, 1]
    angle = float(torch.rad2deg(torch.atan2(along[1], along[0])))
    look = {"fill": False, "color": "black", "linewidth": 0.9}
    return Ellipse(mean.tolist(), width=long, height=short, angle=angle, **look)


# Random numbers out of random numbers


def transform(name: str, draws: int, seed: int, axes: Sequence | None = None) -> Figure:
    """Left C with twelve of the draws going through it, right their histogram and the density."""
    if axes is None:
        _, axes = subplots(1, 2, figsize=(9.5, 4))
    p = theory.NAMED[name]
    u = torch.rand(draws, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    drawn = theory.quantile(p, u)
    low, high = theory.quantile(p, torch.tensor([0.005, 0.995]).double()).clamp(-5, 5).tolist()
    x = line(low - 0.5, high + 0.5)
    axes[0].plot(x, p.cdf(x), color=BLUE)
    for place, level in zip(drawn[:12].tolist(), u[:12].tolist(), strict=True):
        if x[0] < place < x[-1]:
            path = [float(x[0]), place, place], [level, level, 0]
            axes[0].plot(*path, color=ORANGE, linewidth=1)
    axes[0].set(title=name, xlabel="x", ylabel="u = C(x)", ylim=(0, 1.02), xlim=(x[0], x[-1]))
    heights = torch.histc(drawn.float(), 40, low - 0.5, high + 0.5)
    width = (high - low + 1) / 40
    centres = [low - 0.5 + (i + 0.5) * width for i in range(40)]
    axes[1].bar(centres, heights / draws / width, width, color=ORANGE, alpha=0.4)
    axes[1].plot(x, theory.log_density(p, x).exp(), color=BLUE)
    title = f"{draws} draws and the density"
    axes[1].set(title=title, xlabel="x", yticks=[], xlim=(x[0], x[-1]))
    return axes[0].figure


def learnt_transform(z: Tensor, made: Tensor, truth: Tensor, p: Distribution, w1: float) -> Figure:
    """Left the true x = C⁻¹(u) and a network's x over z, right its histogram under p."""
    figure, (left, right) = subplots(1, 2, figsize=(9.5, 3.8), caption=DRAWN)
    left.plot(z, truth, color=BLUE)
    left.plot(z, made, "--", color=ORANGE)
    left.set(title="C⁻¹ (line) and the network (dashed)", xlabel="z", ylabel="x")
    right.plot(line(-4, 4), p.log_prob(line(-4, 4)).exp(), color=BLUE)
    right.hist(made.tolist(), 60, range=(-4, 4), density=True, color=ORANGE, alpha=0.4)
    right.set(title=f"W1 = {w1:.3f}", xlabel="x", yticks=[])
    return figure


# The direct way


def kernel_width(axis, width: float, made: Tensor, w1: float, p: Distribution) -> None:
    """What a generator trained by MMD made, under p, and the kernel at its width."""
    x = line(-5, 5)
    axis.plot(x, p.log_prob(x).exp(), color=BLUE, label="real")
    look = {"density": True, "color": ORANGE, "alpha": 0.4, "label": "generated"}
    axis.hist(made.tolist(), 80, range=(-5, 5), **look)
    kernel = torch.exp(-(x.square()) / (2 * width**2))
    axis.plot(x, 0.45 * kernel, ":", color="black", linewidth=1.5, label="kernel around 0")
    axis.set(title=f"s = {width}: W1 {w1:.2f}", yticks=[], xlabel="x", ylim=(0, 0.75))


def kernel_widths(
    made: Mapping[float, Tensor], w1: Mapping[float, list], p: Distribution
) -> Figure:
    """``kernel_width`` for each width, of its first seed; ``w1``: width → one value a seed."""
    seeds = len(next(iter(w1.values())))
    about = f"trained by MMD at {len(made)} kernel widths, the first of {seeds} seeds; {DRAWN}"
    figure, axes = subplots(1, len(made), figsize=(10, 3.6), sharey=True, caption=about)
    for axis, (width, first) in zip(axes, made.items(), strict=True):
        kernel_width(axis, width, first, w1[width][0], p)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=3, fontsize=11, loc="outside upper center")
    return figure


# The game


def best_judge(p: Distribution, q: Distribution) -> Figure:
    """Two densities, where q lies above p and where below, and D* over them."""
    figure, axis = subplots(figsize=(7.5, 3.4), caption=DRAWN)
    x = line(-3.5, 6.5)
    heights = [theory.log_density(one, x).exp() for one in (p, q)]
    _too_much(axis, x, *heights)
    right = axis.twinx()
    best = theory.optimal_discriminator(p, q, x)
    right.plot(x, best, color="black", linewidth=2.2, label="D* = p/(p+q), right axis")
    right.axhline(0.5, color=GREY, linewidth=0.6)
    right.set(ylim=(-0.02, 1.02), yticks=[0, 0.5, 1])
    right.spines["right"].set_visible(True)
    axis.annotate("", (2.2, 0.44), (4.8, 0.44), arrowprops={"arrowstyle": "-|>", "linewidth": 2})
    axis.text(3.5, 0.455, "fakes go up the slope of D*", ha="center", fontsize=11)
    axis.set(ylim=(0, 0.5), yticks=[], xlabel="x", xlim=(x[0], x[-1]))
    figure.legend(ncols=3, fontsize=11, loc="outside upper center")
    return figure


def _too_much(axis, x: Tensor, p: Tensor, q: Tensor) -> None:
    """Two densities, hatched where q is above p, blue where it is below."""
    axis.plot(x, p, color=BLUE, label="p, real")
    axis.plot(x, q, "--", color=ORANGE, label="q, generated")
    much = {"facecolor": ORANGE + "30", "hatch": "////", "edgecolor": ORANGE, "linewidth": 0}
    axis.fill_between(x, p, q, where=q > p, label="too much", **much)
    axis.fill_between(x, p, q, where=q <= p, label="too little", color=SKY, alpha=0.35, linewidth=0)


def game(frame: Mapping, axes: Sequence | None = None, best: bool = True) -> Figure:
    """A ``toy_game.look``: above p and q, below D; ``best``: also D*, where there are points.

    D is bold where there are points and thin where there are none: there it has learnt nothing.
    """
    alone = axes is None
    if alone:
        _, axes = subplots(2, 1, figsize=(9, 5.4), sharex=True, height_ratios=(1.4, 1))
    above, below = axes
    p, q = frame["p"], frame["q"]
    above.fill_between(X, p, color=SKY, alpha=0.45, linewidth=0, label="p, real")
    above.plot(X, q, color=ORANGE, linewidth=2, label="q, generated")
    above.set(title=f"step {frame['step']}: W1 = {frame['W1']:.2f}", ylim=(0, 0.9), yticks=[])
    below.axhline(0.5, color=GREY, linewidth=0.8)
    below.plot(X, frame["D"], color=GREY, linewidth=0.8)
    seen = p + q > SEEN
    shown = torch.where(seen, frame["D"], torch.nan)
    below.plot(X, shown, color="black", linewidth=2.4, label="D, the network")
    if best:
        ideal = torch.where(seen, frame["best"], torch.nan)
        below.plot(X, ideal, "--", color=ORANGE, linewidth=1.6, label="D* = p/(p+q)")
    below.set(ylim=(-0.03, 1.03), yticks=[0, 0.5, 1], xlabel="x")
    if alone:
        below.set_ylabel("D(x)")
        above.legend(loc="upper right")
        below.legend(ncols=2, loc="lower right")
    return above.figure


def games(frames: Sequence[Mapping]) -> Figure:
    """``game`` at some moments side by side."""
    size = {"figsize": (3.1 * len(frames), 5.2), "height_ratios": (1.3, 1)}
    figure, axes = subplots(2, len(frames), sharex=True, sharey="row", caption=DRAWN, **size)
    for column, frame in zip(axes.T, frames, strict=True):
        game(frame, column)
    for axis in axes[0]:
        axis.title.set_fontsize(13)
    entries = [axis.get_legend_handles_labels() for axis in axes[:, 0]]
    handles, labels = (above + below for above, below in zip(*entries, strict=True))
    figure.legend(handles, labels, ncols=4, fontsize=12, loc="outside upper center")
    axes[1, 0].set_ylabel("D(x)")
    return figure


def two_losses(traces: Mapping[str, Chase]) -> Figure:
    """Left the slopes in the logit; then G's gradient and the distance of the means.

    ``traces``: the saturating loss first.
    """
    about = f"median and range of five seeds; reals around 4; {DRAWN}"
    figure, axes = subplots(1, 3, figsize=(11, 3.6), caption=about)
    d = torch.linspace(0, 1, 201)
    slopes = {"saturating: D": d, "non-saturating: 1 − D": 1 - d}
    for (label, slope), (color, style) in zip(slopes.items(), CYCLE, strict=False):
        axes[0].plot(d, slope, style, color=color, label=label)
    axes[0].set(title="push on the logit", xlabel="D(G(z))", ylabel="|slope|")
    for axis, what in ((axes[1], "gradient"), (axes[2], "means")):
        for (name, found), (color, style) in zip(traces.items(), CYCLE, strict=False):
            values = getattr(found, what).clamp(min=1e-7)
            steps = range(len(values))
            axis.fill_between(steps, values.amin(1), values.amax(1), color=color, alpha=0.2)
            axis.plot(steps, values.median(1).values, style, color=color, label=name)
        axis.set_xlabel("step of G")
    axes[1].set(title="size of G's gradient", yscale="log")
    axes[2].set(title="distance of the means")
    for axis in axes[:2]:
        axis.legend(fontsize=11)
    return figure


def judges(
    shifts: Sequence[float], shapes: Mapping[str, tuple], found: Mapping[str, tuple], shift: float
) -> Figure:
    """What judges look like at one shift, what they say and how they pull at all shifts.

    ``shapes``: name → (x, the answers there); ``found``: name → (what it says, how it pulls).
    """
    about = f"p uniform on the unit square, q moved by θ; {DRAWN}"
    figure, axes = subplots(1, 3, figsize=(11, 4), caption=about)
    styles = zip(CYCLE, "osD^", (30, 50, 70, 90), strict=False)
    for (name, (x, shape)), ((color, style), marker, first) in zip(
        shapes.items(), styles, strict=True
    ):
        shape = (shape - shape.min()) / (shape.max() - shape.min())
        look = {"color": color, "marker": marker, "markersize": 4, "label": name}
        axes[0].plot(x, shape, style, markevery=(first, 90), **look)
        says, pulls = found[name]
        axes[1].plot(shifts, says, style, **look)
        axes[2].plot(shifts, pulls.clamp(min=1e-9), style, **look)
    for low, label in ((0, "real"), (shift, "fake")):
        axes[0].axvspan(low, low + 1, color=GREY, alpha=0.15, linewidth=0)
        axes[0].text(low + 0.5, -0.12, label, ha="center", fontsize=11)
    title = f"the judges at θ = {shift:g}, scaled to 0…1"
    axes[0].set(title=title, xlabel="x1 (at x2 = ½)", ylim=(-0.2, 1.05))
    axes[1].plot(shifts, shifts, color="black", linewidth=0.7)
    axes[1].set(title="estimate (thin line: W1 = θ)", xlabel="θ")
    axes[2].set(title="slope at the fakes", xlabel="θ", yscale="log")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, ncols=4, fontsize=11, loc="outside upper center")
    return figure


def turns(path, eta: float, count: int = 60) -> Figure:
    """Three ways to step, the first ``count`` of 60 steps; ``path(how, eta, n)`` (n + 1, 2)."""
    about = "square: start; star: the solution; above: distance to it, at the start → now"
    figure, axes = subplots(1, 3, figsize=(12, 4.6), caption=about)
    for axis, how in zip(axes, ("simultaneous", "alternating", "extragradient"), strict=True):
        places = path(how, eta, 60)
        reach = max(1.6, 1.1 * float(places.norm(dim=1).max()))
        places = places[: count + 1]
        axis.plot(*places.T, "-", marker=".", color=BLUE, linewidth=1.2, markersize=5)
        axis.plot(*places[-1], "o", color=BLUE, markersize=9)
        axis.plot(*places[0], "s", color=ORANGE)
        axis.plot(0, 0, "*", color="black", markersize=10)
        size = places.norm(dim=1)
        title = f"{how}: {size[0]:.2f} → {size[-1]:.2f}"
        axis.set_title(title, fontsize=13)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axis.set(xlabel="a", ylabel=f"b  (η = {eta:g})" if axis is axes[0] else "")
    return figure


def dirac(slopes, path, penalties: Sequence[float]) -> Figure:
    """The Dirac-GAN's field of arrows and one path, for each penalty γ.

    ``slopes(θ, ψ, γ)`` gives (θ', ψ'), ``path(γ)`` places (n + 1, 2).
    """
    about = f"square: start; star: reals and fakes coincide, D is flat; {DRAWN}"
    size = (3 * len(penalties), 3.6) if len(penalties) > 1 else (7.5, 6.6)
    figure, axes = subplots(1, len(penalties), figsize=size, squeeze=False, caption=about)
    side = torch.linspace(-1.4, 1.4, 13)
    theta, psi = torch.meshgrid(side, side, indexing="xy")
    for axis, gamma in zip(axes[0], penalties, strict=True):
        along_theta, along_psi = slopes(theta, psi, gamma)
        axis.quiver(theta, psi, along_theta, along_psi, color=GREY, angles="xy", width=0.004)
        places = path(gamma)
        axis.plot(*places.T, "-", color=BLUE, marker=".", linewidth=0.8, markersize=3)
        axis.plot(*places[0], "s", color=ORANGE)
        axis.plot(0, 0, "*", color="black", markersize=10)
        axis.set(title=f"γ = {gamma:g}", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
        axis.set_xlabel("θ (G's fakes)")
    axes[0, 0].set_ylabel("ψ (D's slope)")
    return figure


def losses_and_distance(
    history: Mapping[str, list], frames: Sequence[Mapping], levels: Mapping[str, float]
) -> Figure:
    """Left the losses of a game, right the distance W1 at its looks."""
    shape = {"figsize": (10, 3.8), "width_ratios": (1.3, 1)}
    figure, (left, right) = subplots(1, 2, caption=DRAWN, **shape)
    figures.curves(history, title="the losses", axis=left, levels=levels)
    at, w1 = [frame["step"] for frame in frames], [frame["W1"] for frame in frames]
    right.plot(at, w1, "-", marker="o", markersize=3, color=BLUE)
    right.set(title="W1 between q and p", xlabel="step", ylim=(0, None))
    return figure


# Mode collapse


def ring(axis, points: Tensor, centres: Tensor, radius: float, asked: int | None = None) -> None:
    """Fakes (n, 2) and the modes as circles of ``radius``, the one asked for bold."""
    axis.scatter(*points.T, s=2, color=ORANGE)
    for mode, centre in enumerate(centres.tolist()):
        look = {"edgecolor": BLUE, "linewidth": 2.5 if mode == asked else 0.9}
        axis.add_patch(Circle(centre, radius, fill=False, zorder=3, **look))
    axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def ring_films(games: Mapping[str, RingGame], look: int, seed: int = 0) -> Figure:
    """The games of one seed side by side, at one moment."""
    spread = 3 * RING_SPREAD
    centres = theory.ring(spread=RING_SPREAD).component_distribution.mean
    about = f"seed {seed}; circles: three standard deviations of each cluster; dots: 400 fakes"
    figure, axes = subplots(1, len(games), figsize=(3.3 * len(games), 3.8), caption=about)
    for axis, (name, game) in zip(axes, games.items(), strict=True):
        points = game.looks[look, seed]
        ring(axis, points[:400], centres, spread)
        found = theory.modes_found(points, centres, spread)
        axis.set_title(f"{name}\nstep {game.moments[look]}: {found} of 8", fontsize=11)
    return figure


def rings(blocks: Mapping[str, Mapping[str, RingGame]]) -> Figure:
    """The end of every game: heading → recipe → game; a row a recipe, a column a seed.

    The blocks stand side by side and share the recipes; each ring says how many modes it has.
    """
    recipes = list(next(iter(blocks.values())))
    centres = theory.ring(spread=RING_SPREAD).component_distribution.mean
    figure = Figure(figsize=(13, 1.9 * len(recipes) + 0.8), layout="constrained")
    panes = figure.subfigures(1, len(blocks), wspace=0.06, squeeze=False)[0]
    for pane, (heading, games) in zip(panes, blocks.items(), strict=True):
        pane.suptitle(heading, fontsize=15)
        seeds = len(games[recipes[0]].looks[-1])
        axes = pane.subplots(len(recipes), seeds, squeeze=False)
        for row, name in zip(axes, recipes, strict=True):
            for axis, points in zip(row, games[name].looks[-1], strict=True):
                ring(axis, points[:400], centres, 3 * RING_SPREAD)
                found = theory.modes_found(points, centres, 3 * RING_SPREAD)
                color = BLUE if found == len(centres) else ORANGE
                look = {"ha": "center", "va": "center", "fontsize": 20, "color": color}
                box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}
                axis.text(0, 0, found, bbox=box, zorder=4, **look)
            row[0].set_ylabel(name if pane is panes[0] else "", fontsize=13)
    about = f"a column a seed; number: modes found, of 8; dots: 400 fakes; {DRAWN}"
    figure.supxlabel(about, color=GREY)
    return figure


def labelled_rings(
    answers: Tensor, asked: Tensor, centres: Tensor, radius: float, reals: Tensor, label: int
) -> Figure:
    """Left the fakes (n, 2) of all labels, right those of ``label`` upon its real points (m, 2)."""
    about = f"circles: three standard deviations; dots: 100 fakes a label; {DRAWN}"
    figure, (left, right) = subplots(1, 2, figsize=(9.5, 4.9), caption=about)
    ring(left, answers, centres, radius, label)
    for mode, centre in enumerate(centres):
        left.text(*(0.55 * centre).tolist(), f"y = {mode}", ha="center", va="center", fontsize=12)
    left.set_title("all eight labels", fontsize=13)
    right.scatter(*reals.T, s=12, color=GREY, alpha=0.5, label="real")
    right.scatter(*answers[asked == label].T, s=12, color=ORANGE, label="fake")
    middle = centres[label].tolist()
    right.add_patch(Circle(middle, radius, fill=False, edgecolor=BLUE, linewidth=2.5))
    right.plot(*middle, "+", color=BLUE, markersize=14, markeredgewidth=2)
    reach = [(at - 1.6 * radius, at + 1.6 * radius) for at in middle]
    right.set(xlim=reach[0], ylim=reach[1], aspect="equal", xticks=[], yticks=[])
    right.spines[:].set_visible(False)
    right.set_title(f"y = {label}, nearer", fontsize=13)
    right.legend(fontsize=12, loc="upper left", markerscale=2)
    return figure
