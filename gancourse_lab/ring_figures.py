"""Chapter 00's game in the plane: D as a field and as a landscape, and how alike clouds are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import softplus

from gancourse import losses
from gancourse.notebook import figures

EDGE = 1.7  # half a side of the plane that is drawn
AXIS = torch.linspace(-EDGE, EDGE, 41)
SHADES = LinearSegmentedColormap.from_list("belief", ["#E8935E", "#FFFFFF", "#5FA8DA"])
LEVELS = (0, 0.15, 0.3, 0.4, 0.46, 0.5, 0.54, 0.6, 0.7, 0.85, 1)  # close together around one half
TINTS = (0.0, 0.1, 0.2, 0.28, 0.37, 0.63, 0.72, 0.8, 0.9, 1.0)  # which side of one half: never pale
SPREAD = 0.05  # standard deviation across the ring
WIDTH = 0.25  # of the kernel, unless told
CAMERA = (-60.0, 40.0)  # azimuth and elevation of the landscapes, in degrees


def near_ring(points: Tensor) -> float:
    """The share of points (N, 2) within two standard deviations of the ring of radius 1."""
    return ((points.norm(dim=1) - 1).abs() < 2 * SPREAD).float().mean().item()


def alike(a: Tensor, b: Tensor, width: float = WIDTH) -> Tensor:
    """The likeness k of a (..., 2) and b (..., 2): 1 at one place, near 0 some widths apart."""
    return torch.exp(-(a - b).square().sum(-1) / (2 * width**2))


def snapshot(step: int, gen, disc, real: Tensor, z: Tensor) -> dict:
    """Where a game stands: the fakes of z, their pulls, D over the plane, and the two numbers."""
    points = gen(z).detach()
    some = points[:60].clone().requires_grad_()
    (slope,) = torch.autograd.grad(softplus(-disc(some)).sum(), some)  # of L_G at each fake
    plane = torch.cartesian_prod(AXIS, AXIS)
    return {
        "step": step,
        "real": real,
        "points": points,
        "arrows": -0.25 * slope / slope.norm(dim=1, keepdim=True).clamp(min=1),
        "belief": torch.sigmoid(disc(plane)).detach().reshape(41, 41).T,  # rows are x2
        "height": torch.sigmoid(disc(points)).detach()[:, 0],
        "height of real": torch.sigmoid(disc(real)).detach()[:, 0],
        "near": near_ring(points),
        "mmd2": losses.mmd2(points, real, (WIDTH,)).item(),
    }


def field(frame: dict, axis=None, title: str | None = None):
    """Real points, fakes, their pulls, on D's shading; the figure, a large one without ``axis``."""
    alone, size = axis is None, 1.0
    if alone:
        _, axis = figures.subplots(figsize=(8, 8.6))
        size = 2.8
    colours = [SHADES(tint) for tint in TINTS]
    axis.contourf(AXIS, AXIS, frame["belief"], LEVELS, colors=colours)
    real, fakes = frame["real"][:300], frame["points"][:300]
    axis.scatter(*real.T, s=7 * size, color=figures.BLUE, linewidths=0, label="real points x")
    look = {"s": 10 * size, "color": figures.ORANGE, "marker": "^", "linewidths": 0}
    axis.scatter(*fakes.T, label="fakes G(z)", **look)
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.004, "color": "#7A3300"}
    axis.quiver(*frame["points"][:60].T, *frame["arrows"].T, **arrows)
    axis.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    _say_who_left(axis, frame["points"], 15 if alone else 9)
    title = title or f"step {frame['step']}: {frame['near']:.0%} near the ring"
    axis.set_title(title, fontsize=15 if alone else 10)
    if alone:
        where = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0)}
        axis.legend(ncols=2, fontsize=14, markerscale=2, **where)
    return axis.figure


def _say_who_left(axis, points: Tensor, fontsize: int) -> None:
    """Where more than half of the fakes lie outside the plane: how many, and which way."""
    gone = (points.abs().amax(1) > EDGE).float().mean().item()
    if gone <= 0.5:
        return
    way = points.mean(0)
    tip = (0.97 * EDGE * way / way.abs().max()).tolist()
    look = {"arrowstyle": "-|>", "color": "#7A3300", "linewidth": 3, "mutation_scale": 18}
    axis.annotate("", tip, [0.45 * t for t in tip], arrowprops=look)
    note = f"{gone:.0%} of the fakes\nhave left the picture"
    axis.text(0, 0, note, ha="center", va="center", fontsize=fontsize)


def hidden(points: Tensor, heights: Tensor, belief: Tensor, tall: float) -> Tensor:
    """Which points (N, 2) at heights (N,) the surface hides from the camera; bool (N,).

    ``belief`` (41, 41) is the surface over the plane; ``tall`` is what one unit of height
    measures on the page, in units of the plane. Marches from each point towards the camera.
    """
    azimuth, elevation = (torch.deg2rad(torch.tensor(angle)) for angle in CAMERA)
    way = torch.stack([azimuth.cos(), azimuth.sin()]) * elevation.cos()
    far = torch.linspace(0.06, 2 * EDGE, 120)[:, None]  # along the line of sight
    over = heights + 0.02 + far * elevation.sin() / tall
    places = (points + far[..., None] * way) / EDGE  # (120, N, 2)
    ground = torch.nn.functional.grid_sample(
        belief[None, None], places[None], align_corners=True, padding_mode="border"
    )[0, 0]
    return ((ground > over) & (places.abs().amax(-1) < 1)).any(0)


def landscapes(frames: Sequence[dict]):
    """D's belief as a surface for each frame, on it the real points and the fakes in sight."""
    figure = Figure(figsize=(10.5, 3.9))
    x, y = torch.meshgrid(AXIS, AXIS, indexing="xy")
    for place, frame in enumerate(frames):
        where = (place / len(frames) - 0.02, -0.12, 1.11 / len(frames), 1.12)
        axis = figure.add_axes(where, projection="3d", computed_zorder=False)
        look = {
            "cmap": SHADES,
            "vmin": 0.2,
            "vmax": 0.8,
            "linewidth": 0.2,
            "edgecolor": "#00000040",
        }
        axis.plot_surface(x, y, frame["belief"], rcount=41, ccount=41, **look)
        real = (frame["real"][:200], frame["height of real"][:200])
        fakes = (frame["points"][:300], frame["height"][:300])
        for (points, heights), look in (
            (real, {"s": 6, "color": "#00456E"}),
            (fakes, {"s": 16, "color": "#B34700", "marker": "^"}),
        ):
            seen = points.abs().amax(1) < EDGE
            seen &= ~hidden(points, heights, frame["belief"], 0.75 * 2 * EDGE / 0.8)
            axis.scatter(*points[seen].T, heights[seen] + 0.02, linewidths=0, zorder=4, **look)
        axis.set(zlim=(0.1, 0.9))
        axis.set_axis_off()
        axis.patch.set_alpha(0)  # or it would cut its neighbour's edge
        axis.view_init(elev=CAMERA[1], azim=CAMERA[0])
        axis.set_box_aspect((1, 1, 0.75), zoom=1.2)
        middle = (place + 0.5) / len(frames)
        figure.text(middle, 0.93, f"step {frame['step']}", ha="center", fontsize=14)
    return figure


def likenesses(frames: Sequence[dict], pairs: int = 150):
    """Pairs of points within the real ones, within the fakes, across; lines as strong as k."""
    kinds = {"within real": (0, 0, figures.BLUE), "within fakes": (1, 1, figures.ORANGE)}
    kinds["across"] = (0, 1, "black")
    _, axes = figures.subplots(len(frames), 3, figsize=(9, 3.3 * len(frames)), squeeze=False)
    for row, frame in zip(axes, frames, strict=True):
        clouds = (frame["real"][: 2 * pairs], frame["points"][: 2 * pairs])
        for axis, (name, (one, other, colour)) in zip(row, kinds.items(), strict=True):
            first, second = clouds[one][:pairs], clouds[other][pairs:]
            for index, dim in ((0, figures.BLUE), (1, figures.ORANGE)):
                if index in (one, other):
                    axis.scatter(*clouds[index].T, s=5, color=dim, alpha=0.35, linewidths=0)
            for a, b, k in zip(first, second, alike(first, second), strict=True):
                look = {"linewidth": 0.15 + 2.5 * float(k), "alpha": 0.1 + 0.9 * float(k)}
                axis.plot(*torch.stack([a, b]).T, color=colour, **look)
            mean = alike(first[:, None], second).mean()
            axis.set_title(f"{name}: k = {mean:.2f} on average", fontsize=12)
            axis.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(f"step {frame['step']}", fontsize=13)
    return axes[0, 0].figure
