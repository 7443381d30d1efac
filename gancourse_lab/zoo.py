"""Block diagrams of six kinds of GAN: what goes into which network."""

from __future__ import annotations

from matplotlib.figure import Figure

from gancourse.notebook.figures import GREY, subplots

# kind → boxes at (column, row), and arrows between them; a name that stands twice has a blank more
KINDS = {
    "progressive": (
        {
            "z": (0, 3),
            "G 4 px": (0, 2),
            "+ 8 px": (0, 1),
            "+ …": (0, 0),
            "image": (1, 0),
            "+ … ": (2, 0),
            "+ 8 px ": (2, 1),
            "D 4 px": (2, 2),
            "real?": (2, 3),
        },
        "z>G 4 px|G 4 px>+ 8 px|+ 8 px>+ …|+ …>image|image>+ … |+ … >+ 8 px |+ 8 px >D 4 px"
        "|D 4 px>real?",
    ),
    "conditional": (
        {
            "z": (0, 3),
            "label y": (0, 1),
            "G": (1, 3),
            "fake x": (1, 2),
            "D": (1, 1),
            "real x": (2, 2),
            "real?": (1, 0),
        },
        "z>G|label y>G|G>fake x|fake x>D|real x>D|label y>D|D>real?",
    ),
    "image-to-image": (
        {
            "x": (0, 2),
            "G": (0, 3),
            "G(x)": (1, 3),
            "y of x": (2, 3),
            "L1": (1.5, 2),
            "D": (1, 1),
            "real pair?": (1, 0),
        },
        "x>G|G>G(x)|G(x)>L1|y of x>L1|x>D|G(x)>D|y of x>>D|D>real pair?",
    ),
    "CycleGAN": (
        {
            "x": (0, 3),
            "G": (1, 3),
            "G(x)": (2, 3),
            "F": (2, 2),
            "F(G(x))": (1, 2),
            "≈ x": (0, 2),
            "D of Y": (2, 1),
            "real y": (1, 1),
            "real?": (2, 0),
        },
        "x>G|G>G(x)|G(x)>F|F>F(G(x))|F(G(x))>≈ x|G(x)>>D of Y|real y>D of Y|D of Y>real?",
    ),
    "text-to-image": (
        {
            "text": (0, 3),
            "z": (0, 2),
            "G1": (1, 3),
            "64 px": (2, 3),
            "G2": (1, 1),
            "256 px": (2, 1),
            "D1": (2, 2),
            "D2": (2, 0),
        },
        "text>G1|z>G1|G1>64 px|64 px>D1|64 px>G2|text>G2|G2>256 px|256 px>D2",
    ),
    "super-resolution": (
        {
            "small x": (0, 3),
            "G": (1, 3),
            "large G(x)": (2, 3),
            "true image": (0, 1),
            "D": (2, 1),
            "features": (1, 2),
            "real?": (2, 0),
        },
        "small x>G|G>large G(x)|large G(x)>D|true image>D|large G(x)>features"
        "|true image>features|D>real?",
    ),
}


def draw() -> Figure:
    """All kinds, two rows of three."""
    about = (
        "shaded: trained networks; of CycleGAN one way of two, with F its second generator; "
        "D1 and D2 also see real images and the text"
    )
    figure, axes = subplots(2, 3, figsize=(9.5, 6.2), caption=about)
    for axis, (kind, (boxes, arrows)) in zip(axes.flat, KINDS.items(), strict=True):
        blocks(axis, boxes, arrows)
        axis.set_title(kind)
    return figure


def blocks(axis, boxes: dict[str, tuple[float, float]], arrows: str, letters: float = 8) -> None:
    """Boxes at (column, row); arrows "from>to|from>to", with ">>" in a bow; networks are shaded."""
    patches = {}
    for name, (column, row) in boxes.items():
        network = name[0] in "GDF+" and "(" not in name
        look = {"facecolor": "#DCEBF5" if network else "white", "edgecolor": GREY}
        look["boxstyle"] = "round,pad=0.35" if network else "square,pad=0.3"
        place = {"ha": "center", "va": "center", "fontsize": letters, "zorder": 2}
        patches[name] = axis.text(column, row, name.strip(), bbox=look, **place).get_bbox_patch()
    for arrow in arrows.split("|"):
        start, end = arrow.replace(">>", ">").split(">")
        style = {"arrowstyle": "-|>", "color": "black", "linewidth": 0.8}
        style |= {"shrinkA": 1, "shrinkB": 1, "patchA": patches[start], "patchB": patches[end]}
        if ">>" in arrow:
            style["connectionstyle"] = "arc3,rad=-0.45"
        axis.annotate("", boxes[end], boxes[start], arrowprops=style)
    axis.set(xlim=(-0.5, 2.6), ylim=(-0.45, 3.45))
    axis.set_axis_off()
