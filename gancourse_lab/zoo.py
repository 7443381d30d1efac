"""Block diagrams: what goes into which network, in eight kinds of GAN and the two turns of one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from matplotlib.figure import Figure

from gancourse.notebook.figures import GREY, ORANGE, subplots

NETWORK, NEW = "#DCEBF5", "#FBE0CC"  # fills: a network, and what this kind of GAN adds


@dataclass(frozen=True)
class Diagram:
    """Boxes at (column, row); arrows "from>to|from>to"; ``new``: the boxes that this kind adds.

    G stands on the left, D on the right of it, data come from below. A name that stands twice has
    a blank more.
    """

    boxes: dict[str, tuple[float, float]]
    arrows: str
    new: tuple[str, ...]


KINDS = {
    "the game of section 4": Diagram(
        {"z": (0, 1), "G": (1, 1), "fake": (2, 1), "D": (3, 1), "real?": (4, 1), "real x": (2, 0)},
        "z>G|G>fake|fake>D|D>real?|real x>D",
        (),
    ),
    "conditional": Diagram(
        {
            "z": (0, 1),
            "G": (1, 1),
            "fake": (2, 1),
            "D": (3, 1),
            "real?": (4, 1),
            "real x": (2, 0),
            "label y": (2, 2),
        },
        "z>G|G>fake|fake>D|D>real?|real x>D|label y>G|label y>D",
        ("label y",),
    ),
    "progressive": Diagram(
        {
            "z": (0, 1),
            "G, 4 px": (1, 1),
            "image": (2, 1),
            "D, 4 px": (3, 1),
            "real?": (4, 1),
            "real image": (2, 0),
            "+ 8, 16, … px": (1, 2),
            "+ 8, 16, … px ": (3, 2),
        },
        "z>G, 4 px|G, 4 px>image|image>D, 4 px|D, 4 px>real?|real image>D, 4 px"
        "|+ 8, 16, … px>G, 4 px|+ 8, 16, … px >D, 4 px",
        ("+ 8, 16, … px", "+ 8, 16, … px "),
    ),
    "StyleGAN": Diagram(
        {
            "constant": (0, 1),
            "G": (1, 1),
            "image": (2, 1),
            "D": (3, 1),
            "real?": (4, 1),
            "real image": (2, 0),
            "z": (0, 2),
            "F ": (1, 2),
            "noise": (1, 0),
        },
        "constant>G|G>image|image>D|D>real?|real image>D|z>F |F >G|noise>G",
        ("constant", "F ", "noise"),
    ),
    "image-to-image (pix2pix)": Diagram(
        {
            "x": (0, 1),
            "G": (1, 1),
            "G(x)": (2, 1),
            "D": (3, 1),
            "real pair?": (4, 1),
            "y, x's answer": (2, 0),
            "x ": (2, 2),
            "L1": (1, 0),
        },
        "x>G|G>G(x)|G(x)>D|D>real pair?|y, x's answer>D|x >D|G(x)>L1|y, x's answer>L1",
        ("x", "x ", "L1"),
    ),
    "CycleGAN, one way of two": Diagram(
        {
            "x of A": (0, 1),
            "G": (1, 1),
            "G(x)": (2, 1),
            "D of B": (3, 1),
            "real?": (4, 1),
            "y of B": (2, 0),
            "F": (1, 2),
            "F(G(x))": (0, 2),
        },
        "x of A>G|G>G(x)|G(x)>D of B|D of B>real?|y of B>D of B|G(x)>F|F>F(G(x))|F(G(x))=x of A",
        ("x of A", "F", "F(G(x))"),
    ),
    "text-to-image (StackGAN)": Diagram(
        {
            "z": (0, 1),
            "G 1": (1, 1),
            "64 px": (2, 1),
            "G 2": (3, 1),
            "256 px": (4, 1),
            "D 1": (2, 0),
            "D 2": (4, 0),
            "text": (2, 2),
        },
        "z>G 1|G 1>64 px|64 px>G 2|G 2>256 px|64 px>D 1|256 px>D 2|text>G 1|text>G 2",
        ("text", "G 2", "256 px", "D 2"),
    ),
    "super-resolution (SRGAN)": Diagram(
        {
            "small x": (0, 1),
            "G": (1, 1),
            "large G(x)": (2, 1),
            "D": (3, 1),
            "real?": (4, 1),
            "true image": (2, 0),
            "feature loss": (1, 0),
        },
        "small x>G|G>large G(x)|large G(x)>D|D>real?|true image>D|large G(x)>feature loss"
        "|true image>feature loss",
        ("small x", "feature loss"),
    ),
}
IDEAS = {  # what is new in a kind, and who had it
    "the game of section 4": "to compare with (Goodfellow et al. 2014)",
    "StyleGAN": "a network turns z into the style of every layer (Karras et al. 2019)",
    "progressive": "layers for larger images join while it trains (Karras et al. 2018)",
    "conditional": "a label goes into both networks (Mirza and Osindero 2014)",
    "image-to-image (pix2pix)": "D judges pairs, L1 pulls to the answer (Isola et al. 2017)",
    "CycleGAN, one way of two": "no pairs: a way back returns x (Zhu et al. 2017)",
    "text-to-image (StackGAN)": "a sentence for a label; a second G refines (Zhang et al. 2017)",
    "super-resolution (SRGAN)": "small to large, with plausible detail (Ledig et al. 2017)",
}
TURN = Diagram(
    {
        "noise z": (0, 1),
        "G": (1, 1),
        "fake G(z)": (2, 1),
        "D": (3, 1),
        "D(·)": (4, 1),
        "real x": (2, 0),
    },
    "noise z>G|G>fake G(z)|fake G(z)>D|D>D(·)|real x>D",
    (),
)


def draw() -> Figure:
    """All kinds, four rows of two."""
    about = (
        "round: networks; orange: what is new; double line: to be equal; StackGAN's D also see "
        "real images and the text"
    )
    figure, axes = subplots(4, 2, figsize=(12, 11), caption=about)
    for axis, (kind, diagram) in zip(axes.flat, KINDS.items(), strict=True):
        blocks(axis, diagram.boxes, diagram.arrows, letters=12, new=diagram.new)
        axis.set_title(f"{kind}\n{IDEAS[kind]}", fontsize=13)
    return figure


def turns() -> Figure:
    """The two updates of a step: who learns, in orange, and which way the gradient takes."""
    about = "black: what flows forward; orange: the gradient, and the network that it changes"
    figure, axes = subplots(1, 2, figsize=(10.5, 2.5), caption=about)
    for axis, title, learns, stops in (
        (axes[0], "D's turn: call the real points real, the fakes fake", "D", ("D(·)", "D")),
        (axes[1], "G's turn: D stays as it is, and says which way is up", "G", ("D(·)", "D", "G")),
    ):
        boxes = dict(TURN.boxes)
        arrows = TURN.arrows
        if learns == "G":  # real points have no part in it
            del boxes["real x"]
            arrows = arrows.removesuffix("|real x>D")
        blocks(axis, boxes, arrows, letters=10, new=(learns,))
        for start, end in zip(stops[:-1], stops[1:], strict=True):
            places = [(boxes[end][0], 1.22), (boxes[start][0], 1.22)]
            look = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 2, "mutation_scale": 16}
            look |= {"connectionstyle": "arc3,rad=0.35", "shrinkA": 4, "shrinkB": 2}
            axis.annotate("", places[0], places[1], arrowprops=look)
        axis.set(ylim=(-0.35, 1.95))
        axis.set_title(title, fontsize=10)
    axes[0].plot([2.52, 2.52], [0.78, 1.22], color=ORANGE, linewidth=2.5, zorder=3)
    axes[0].text(2.5, 1.3, "detach: no further", color=ORANGE, ha="right", fontsize=9)
    return figure


def blocks(
    axis,
    boxes: dict[str, tuple[float, float]],
    arrows: str,
    letters: float = 9,
    new: Collection[str] = (),
) -> None:
    """Boxes and arrows as in ``Diagram``; "a=b" is a double line. Networks are round."""
    patches = {}
    for name, (column, row) in boxes.items():
        network = name[0] in "GDF+" and "(" not in name
        fill = NEW if name in new else NETWORK if network else "white"
        look = {"facecolor": fill, "edgecolor": ORANGE if name in new else GREY}
        look["boxstyle"] = "round,pad=0.4" if network else "square,pad=0.3"
        place = {"ha": "center", "va": "center", "fontsize": letters, "zorder": 2}
        patches[name] = axis.text(column, row, name.strip(), bbox=look, **place).get_bbox_patch()
    for arrow in arrows.split("|"):
        start, end = arrow.replace("=", ">").split(">")
        alike = "=" in arrow
        style = {"arrowstyle": "-" if alike else "-|>", "color": ORANGE if alike else "black"}
        style |= {"linewidth": 3.5 if alike else 0.9, "shrinkA": 1, "shrinkB": 1}
        style |= {"patchA": patches[start], "patchB": patches[end]}
        axis.annotate("", boxes[end], boxes[start], arrowprops=style)
        if alike:  # a white line upon the orange one
            middle = style | {"color": "white", "linewidth": 1.5}
            axis.annotate("", boxes[end], boxes[start], arrowprops=middle)
    axis.set(xlim=(-0.45, 4.5), ylim=(-0.4, 2.4))
    axis.set_axis_off()
