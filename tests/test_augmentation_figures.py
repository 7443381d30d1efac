"""Chapter 03's figures show every seed, and colour what the marks say."""

import torch
from matplotlib.colors import same_color

from gancourse.notebook.figures import BLUE, ORANGE
from gancourse_lab import augmentation_figures

SEEDS = {"none": [0.4, 0.5, 0.6], "with": [0.1, 0.2, 0.3]}


def test_one_row_a_setting_with_a_dot_a_seed():
    pictures = {label: torch.zeros(2, 3, 8, 8, dtype=torch.uint8) for label in SEEDS}
    levels = {"KID": ("another cat", 0.9)}
    figure = augmentation_figures.settings(pictures, {"KID": SEEDS}, levels, "", "drawn")
    dots = [axis.lines[0].get_xdata().tolist() for axis in figure.axes[1::2]]
    assert dots == list(SEEDS.values())
    assert figure.axes[0].get_ylabel() == "none" and figure.axes[2].get_ylabel() == "with"


def test_the_verdict_colours_by_mark_and_bands_what_it_compares_with():
    measured = {"KID": {100: SEEDS, 300: SEEDS}}
    marks = {("KID", 100, "with"): "−", ("KID", 300, "with"): "+"}
    figure = augmentation_figures.verdict(measured, marks, {"KID": 1}, "drawn")
    early, late = figure.axes
    assert same_color(early.lines[1].get_color(), ORANGE)
    assert same_color(late.lines[1].get_color(), BLUE)
    band = early.patches[0].get_bbox()
    assert (band.x0, band.x1) == (0.4, 0.6)
    assert "lower" in early.get_title()
