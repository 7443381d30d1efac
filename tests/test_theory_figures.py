"""What the figures of chapters 01 and 05 draw, read back from their axes."""

import math
from types import SimpleNamespace

import pytest
import torch
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import Circle, Rectangle

from gancourse import records
from gancourse.notebook import figures
from gancourse.notebook.figures import BLUE, ORANGE, subplots
from gancourse_lab import live, objective_figures, theory, theory_figures, toy_game, zoo

HUMPS = theory.NAMED["two humps"]


def test_an_ellipse_lies_along_the_long_axis():
    covariance = torch.tensor([[1.0, -0.6], [-0.6, 1.0]], dtype=torch.float64)
    found = theory_figures._ellipse(torch.zeros(2), covariance, 2)
    assert found.width == pytest.approx(4 * math.sqrt(1.6))
    assert found.height == pytest.approx(4 * math.sqrt(0.4))
    assert found.angle % 180 == pytest.approx(135)


def test_a_draw_goes_right_to_f_and_down_to_its_place():
    left, right = theory_figures.transform("exponential", 5, seed=1).axes
    curve, *paths = left.lines
    assert 1 <= len(paths) <= 5
    for path in paths:
        (_, place, same), (level, there, low) = path.get_xdata(), path.get_ydata()
        assert place == same and level == there and low == 0
        assert level == pytest.approx(float(theory.NAMED["exponential"].cdf(torch.tensor(place))))
    assert sum(bar.get_height() * bar.get_width() for bar in right.patches) <= 1 + 1e-6


def test_the_dirac_gans_field_and_path_stand_at_each_penalty():
    def slopes(theta, psi, gamma):
        return psi, -theta - gamma * psi

    figure = theory_figures.dirac(slopes, lambda gamma: torch.eye(2) * gamma, [0.0, 2.0])
    assert [axis.get_title() for axis in figure.axes] == ["γ = 0", "γ = 2"]
    start = figure.axes[1].lines[1]
    assert (*start.get_xdata(), *start.get_ydata()) == (2.0, 0.0)


def test_a_game_shows_densities_above_and_judges_below():
    frame = toy_game.look(3, lambda z: z, lambda x: x, HUMPS)
    above, below = theory_figures.game(frame).axes
    assert above.get_title() == f"step 3: W1 = {frame['W1']:.2f}"
    assert above.lines[0].get_ydata()[150] == pytest.approx(float(frame["q"][150]))
    names = [text.get_text() for text in below.get_legend().get_texts()]
    assert names == ["D, the network", "D* = p/(p+q)"]
    several = theory_figures.games([frame] * 4).axes
    assert len(several) == 8 and len(several[4].lines) == len(below.lines)


def test_the_mode_that_is_asked_for_is_bold():
    _, axis = subplots(figsize=(2, 2))
    theory_figures.ring(axis, torch.zeros(3, 2), torch.eye(2), 0.5, asked=1)
    first, second = (patch for patch in axis.patches if isinstance(patch, Circle))
    assert first.radius == second.radius == 0.5
    assert second.get_linewidth() > first.get_linewidth()


def test_all_labels_share_a_ring_and_one_stands_nearer_upon_its_reals():
    answers, asked = torch.rand(16, 2), torch.arange(8).repeat_interleave(2)
    centres = theory.ring().component_distribution.mean
    figure = theory_figures.labelled_rings(answers, asked, centres, 0.5, torch.rand(5, 2), 3)
    drawn = [[len(c.get_offsets()) for c in axis.collections] for axis in figure.axes]
    assert drawn == [[16], [5, 2]]
    shown = torch.tensor(figure.axes[1].collections[1].get_offsets().data)
    assert shown.float().equal(answers[6:8])
    assert "y = 3" in figure.axes[1].get_title()


@pytest.mark.parametrize("kind", zoo.KINDS)
def test_arrows_of_the_zoo_join_boxes_that_are_there(kind):
    diagram = zoo.KINDS[kind]
    _, axis = subplots(figsize=(3, 3))
    zoo.blocks(axis, diagram.boxes, diagram.arrows, new=diagram.new)  # an unknown name: KeyError
    arrows = diagram.arrows.replace("=", ">").split("|")
    assert len(axis.texts) == len(diagram.boxes) + len(arrows) + diagram.arrows.count("=")
    assert {name for arrow in arrows for name in arrow.split(">")} == set(diagram.boxes)
    assert set(diagram.new) <= set(diagram.boxes)
    assert bool(diagram.new) == (kind != "the game of section 4")  # what they are compared with


@pytest.mark.parametrize("kind", zoo.KINDS)
def test_no_two_arrows_of_the_zoo_cross(kind):
    diagram = zoo.KINDS[kind]
    lines = [arrow.replace("=", ">").split(">") for arrow in diagram.arrows.split("|")]
    for i, one in enumerate(lines):
        for other in lines[:i]:
            if not {*one} & {*other}:
                places = [diagram.boxes[name] for name in (*one, *other)]
                assert not crossing(*places), f"{one} and {other}"


def crossing(a, b, c, d):
    """Whether the line from a to b and that from c to d meet."""

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_the_gradient_ends_at_the_network_whose_turn_it_is():
    for axis, ends in zip(zoo.turns().axes, (["D"], ["D", "G"]), strict=True):
        orange = [t for t in axis.texts if getattr(t, "arrowprops", None)]
        orange = [t for t in orange if t.arrowprops["color"] == ORANGE]
        columns = {column: name for name, (column, _) in zoo.TURN.boxes.items()}
        assert [columns[t.xy[0]] for t in orange] == ends


def test_the_best_judge_is_drawn_over_its_densities():
    axis, right = theory_figures.best_judge(theory.normal(0), theory.normal(3)).axes
    much, little = axis.collections
    assert much.get_hatch() and not little.get_hatch()
    x, best = right.lines[0].get_data()
    assert best[abs(x - 1.5).argmin()] == pytest.approx(0.5, abs=0.03)


def test_where_nothing_lies_no_judge_counts():
    frame = toy_game.look(3, lambda z: 0.1 * z, lambda x: x, HUMPS)
    everywhere, bold, best = theory_figures.game(frame).axes[1].lines[1:]
    assert not any(value != value for value in everywhere.get_ydata())
    for line in (bold, best):
        gone = [value != value for value in line.get_ydata()]
        assert gone[0] and gone[-1] and 0 < sum(gone) < len(gone)


def test_turns_are_drawn_as_far_as_asked():
    def path(how, eta, n):
        return torch.arange(2.0 * (n + 1)).reshape(n + 1, 2)

    for axis in theory_figures.turns(path, 0.2, 7).axes:
        assert len(axis.lines[0].get_xdata()) == 8


def test_rings_show_each_seed_at_the_end_and_films_one_moment():
    looks = torch.zeros(3, 2, 500, 2)
    looks[-1] = theory.ring(spread=0.15).sample((2, 500))
    games = {"a": toy_game.RingGame(looks, [0, 1, 2]), "b": toy_game.RingGame(looks, [0, 1, 2])}
    first = theory_figures.ring_films(games, 0).axes[0]
    assert first.get_title() == "a\nstep 0: 0 of 8"
    assert "step 2: 8 of 8" in theory_figures.ring_films(games, 2, seed=1).axes[1].get_title()
    drawn = theory_figures.rings({"plain": games, "braked": dict(reversed(games.items()))})
    assert [axis.texts[0].get_text() for axis in drawn.axes] == ["8"] * 8
    assert [axis.get_ylabel() for axis in drawn.axes[::2]] == ["a", "b", "", ""]


# Chapter 05


def test_the_square_of_a_logit_is_where_its_gradient_is():
    from gancourse.models import cyclegan

    net = cyclegan.initialise(cyclegan.PatchDiscriminator(4, 2))
    touched = (cyclegan.receptive_field(net, 64) > 0).nonzero()
    side = net(torch.zeros(1, 3, 64, 64)).shape[-1]
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    reach = 34
    left, right = objective_figures.patch(image, 2, side // 2, side // 2, reach, side).axes
    (square,) = (patch for patch in left.patches if isinstance(patch, Rectangle))
    assert square.get_width() == reach
    assert square.get_y() + 0.5 == pytest.approx(float(touched[:, 0].min()), abs=4)
    assert right.get_title() == f"all that logit ({side // 2}, {side // 2}) of {side}×{side} sees"
    left_edge, right_edge = right.get_xlim()  # the right axis shows the square alone
    assert (left_edge, right_edge) == (square.get_x(), square.get_x() + reach)
    beyond = objective_figures.patch(image, 2, 99, 0, reach, side).axes[1]
    assert beyond.get_title().startswith(f"all that logit ({side - 1}, 0)")


def test_pictures_of_a_sheet_are_cut_at_their_frames():
    record = records.load("horse2zebra/prototype-128px-lam5")
    tiles = objective_figures.from_sheet(record, (0, 1), 5)
    assert tiles.shape == (2, 3, 128, 128) and tiles.dtype == torch.uint8
    borders = torch.cat([tiles[..., 0, :].flatten(), tiles[..., :, -1].flatten()])
    assert (borders > 250).float().mean() < 0.9  # no white gap inside


def test_the_loop_shows_each_picture_at_its_boxes_and_says_what_is_compared():
    names = ("x", "G(x)", "F(G(x))", "y", "F(y)", "G(F(y))", "G(y)", "F(x)")
    grey = torch.full((3, 8, 8), 128, dtype=torch.uint8)
    cycles, identity = objective_figures.loop(dict.fromkeys(names, grey)).axes
    counts = [
        sum(isinstance(artist, AnnotationBbox) for artist in axis.artists)
        for axis in (cycles, identity)
    ]
    assert counts == [6, 4]  # x and y stand in both
    compared = [text.get_text() for axis in (cycles, identity) for text in axis.texts]
    compared = [text for text in compared if text.startswith("mean")]
    assert compared == [f"mean |{name}|" for name in
                        ("F(G(x)) − x", "G(F(y)) − y", "G(y) − y", "F(x) − x")]  # fmt: skip


def test_losses_are_painted_without_samples(monkeypatch):
    charts = [
        SimpleNamespace(terms=(t, "absent"), heading=t, ylabel="loss") for t in ("adv", "rec")
    ]
    step, terms = SimpleNamespace(charts=charts), {"adv": [1.0, 0.5], "rec": [0.3, 0.2]}
    drawn = []
    monkeypatch.setattr(figures, "png", lambda figure: drawn.append(figure) or b"\xff\xd8\xff")
    run = SimpleNamespace(step=step, history=SimpleNamespace(terms=terms))
    assert objective_figures.losses(run, "drawn horses") == b"\xff\xd8\xff"
    assert [axis.get_title() for axis in drawn[0].axes] == ["adv", "rec"]
    assert not any(axis.images for axis in drawn[0].axes)


def test_below_each_translator_stands_who_catches_it():
    x = torch.linspace(0, 1, 40)
    made = {"own": x + 2, "mirrored": 3 - x}
    scores = {"own": (0.0, 0.0, 0.0), "mirrored": (0.0, 0.0, 0.5)}
    axes = objective_figures.maps(x, made, scores).axes
    said = [[text.get_text() for text in axis.texts] for axis in axes]
    assert said[0][2] == "right partner" and said[1][2] == "wrong partner"
    assert said[1][:2] == ["adversary: content", "cycle loss: content"]


def test_of_trained_maps_stands_how_many_are_mirrored_and_come_back():
    x = torch.linspace(0, 1, 11)
    gx, way = torch.stack([2 + x, 3 - x, 3 - x]), torch.stack([x, x, 1 - x])
    there, back = objective_figures.trained_maps(x, {"GAN": (gx, way)}).axes
    assert there.get_title() == "GAN\n1 own partner, 2 mirrored"
    assert back.get_title() == "GAN\n2 of 3 come back"
    assert there.lines[1].get_color() == BLUE and there.lines[2].get_color() == ORANGE


def test_below_each_setting_stands_how_near_it_comes():
    one = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    shares = {"meadow": {"own y": 1.0, "worse": -0.16}, "zebra": {"own y": 0.5, "worse": 0.51}}
    axes = objective_figures.verdicts({"own y": one, "worse": one}, shares).axes
    assert [axis.get_title() for axis in axes[:2]] == ["own y", "worse"]
    said = [axis.texts[0].get_text() for axis in axes[4:]]
    assert said == ["100 %", "−16 %", "50 %", "51 %"]
    widths = [axis.patches[1].get_width() for axis in axes[4:]]
    assert widths == [1.0, 0.0, 0.5, 0.51]


def test_the_line_of_doing_nothing_stands_at_the_kid_of_untouched_inputs():
    dots = {"untouched": (2.0, 0.1), "real zebras": (0.1, 0.9), "full": (3.0, 0.8)}
    (axis,) = objective_figures.kid_and_truth(dots, "KID").axes
    assert list(axis.lines[-1].get_xdata()) == [2.0, 2.0]
    assert [text.get_text() for text in axis.texts] == list(dots)


# What stands under a cell


def test_a_film_shows_each_picture_and_then_plays_them(monkeypatch):
    shown = []

    class Window:
        def update(self, image):
            shown.append(image)

    monkeypatch.setattr("IPython.display.display", lambda **_: Window())
    film = live.Film(dpi=20)
    for step in range(3):
        figure, axis = figures.subplots(figsize=(2, 1))
        axis.plot([0, step])
        film.add(figure, f"step {step}")
    assert film.end("all three") == len(shown[-1].data)
    assert len(shown) == 4 and b"acTL" in shown[-1].data and b"acTL" not in shown[0].data
