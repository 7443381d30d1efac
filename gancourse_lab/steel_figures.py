"""The figures of chapter 11: arms side by side, differences with their intervals, power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from gancourse.notebook import figures
from gancourse_lab import paired
from gancourse_lab.imbalance import GENERATORS, Labelled
from gancourse_lab.paired import Difference
from gancourse_lab.steel_results import SCORE, Question, Results

NAMES = {
    "as-is": "as it is",
    "class-weights": "class weights",
    "over-sampling": "over-sampling",
    "under-sampling": "under-sampling",
    "classical": "classical augmentation",
    "over-sampling+classical": "over-sampling + classical",
    "dcgan": "DCGAN",
    "dcgan+classical": "DCGAN + classical",
    "cyclegan": "CycleGAN",
    "cyclegan+classical": "CycleGAN + classical",
}
DATA = {"neu": "NEU scratches", "tiles": "tiles, defective"}
# What an arm learns from. Blue and orange are left for "helps" and "hurts".
REAL, MADE = "C4", "C2"


def of_data(data: str) -> str:
    """The data set's name in a figure; a reader's own folder has its own."""
    return DATA.get(data, data)


def is_synthetic(arm: str) -> bool:
    """Whether an arm takes generated pictures."""
    return arm.split("+")[0] in GENERATORS


def arms(
    results: Results,
    data: Sequence[str],
    n: int | str,
    score: str = SCORE,
    ratio: float | None = None,
    caption: str = "",
) -> Figure:
    """Every arm's ``score``: a dot a seed, a bar at their mean; dashed, all real pictures.

    A panel for each of ``data`` that has ``n`` real pictures. ``ratio`` None: of each synthetic
    arm the one that validation pictures chose. The means stand beside it in numbers.
    """
    data = [name for name in data if n in results.sizes(name)]
    heights = [len(results.arms(name, n)) for name in data]
    figure, axes = figures.subplots(
        len(data),
        1,
        figsize=(9.5, 0.38 * sum(heights) + 0.8 * len(data) + 0.9),
        gridspec_kw={"height_ratios": heights},
        sharex=True,
        squeeze=False,
        caption=caption,
    )
    for axis, name in zip(axes[:, 0], data, strict=True):
        _draw_arms(axis, results, name, n, score, ratio)
    axes[-1][0].set_xlabel(f"{score} on real test pictures (a dot a seed, the bar their mean)")
    return figure


def _draw_arms(axis, results: Results, data: str, n: int | str, score: str, ratio: float | None):
    """One panel of ``arms``."""
    found = results.arms(data, n)[::-1]
    for row, arm in enumerate(found):
        taken = ratio if is_synthetic(arm) else 0
        taken = results.chosen(data, n, arm) if taken is None else taken
        values = results.values(data, n, arm, score, taken)
        _draw_row(axis, row, values, MADE if is_synthetic(arm) else REAL)
        axis.annotate(f"{values.mean():.2f}", (1.01, row), xycoords=("axes fraction", "data"),
                      va="center", fontsize=12)  # fmt: skip
    axis.set_yticks(range(len(found)), [_label(results, data, n, a, ratio) for a in found])
    axis.tick_params(axis="y", labelsize=12)
    axis.set_title(f"{of_data(data)}, {n} real", loc="left", fontsize=13)
    ceiling = _ceiling(results, data, score)
    if ceiling is not None:
        axis.axvline(ceiling, color="C5", ls="--", lw=1)
        axis.annotate(f"all real, as they are {ceiling:.2f}", (ceiling, 1.01), color="0.35",
                      xycoords=("data", "axes fraction"), ha="center", fontsize=11)  # fmt: skip


def _label(results: Results, data: str, n, arm: str, ratio: float | None) -> str:
    if not is_synthetic(arm):
        return NAMES[arm]
    taken = results.chosen(data, n, arm) if ratio is None else ratio
    return f"{NAMES[arm]}, {taken:g} : 1"


def _ceiling(results: Results, data: str, score: str) -> float | None:
    """The mean score with all real pictures as they are; None where that was not run."""
    if "as-is" not in results.arms(data, "all"):
        return None
    return float(results.values(data, "all", "as-is", score).mean())


def differences(
    rows: Mapping[str, Difference],
    title: str,
    xlabel: str,
    caption: str = "",
    second: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """A row each: the difference and its interval; orange and blue where 0 lies outside, grey else.

    Blue is better than the baseline, orange worse. ``second``: another interval of each row, drawn
    as a pale bar behind the line.
    """
    figure, axis = figures.subplots(
        figsize=(9, 0.62 * len(rows) + 1.3), title=title, caption=caption
    )
    _draw_differences(axis, rows, second)
    axis.set_xlabel(xlabel)
    return figure


def _draw_differences(
    axis, rows: Mapping[str, Difference], second: Mapping | None = None, numbers: bool = True
) -> None:
    """One panel of ``differences``; without ``numbers`` only those that are found have theirs."""
    for row, (name, found) in enumerate(reversed(list(rows.items()))):
        colour = "C5" if not found.found else "C0" if found.value > 0 else "C1"
        bold = found.found and not numbers  # one of many rows must catch the eye
        axis.plot([found.low, found.high], [row, row], color=colour, lw=5 if bold else 2,
                  solid_capstyle="butt")  # fmt: skip
        axis.plot(found.value, row, "o", color=colour, ms=12 if bold else 7)
        if numbers or found.found:
            axis.annotate(f"{found.value:+.3f}", (found.value, row), (0, 7), fontsize=10,
                          textcoords="offset points", ha="center")  # fmt: skip
        if second:
            axis.plot(second[name], [row, row], color=colour, lw=9, alpha=0.25, zorder=1,
                      solid_capstyle="butt")  # fmt: skip
    axis.axvline(0, color="black", lw=0.8)
    axis.set_ylim(-0.6, len(rows) - 0.3)
    axis.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=11)


def against(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """All ``questions``, a panel a baseline, with intervals that hold for all at once.

    In each row one way to add made pictures: the same row in every panel.
    """
    baselines = list(dict.fromkeys(q.baseline for q in questions))
    rows = list(dict.fromkeys(q[:3] for q in questions))
    figure, axes = figures.subplots(
        1, len(baselines), figsize=(11, 0.4 * len(rows) + 1.7), sharey=True, sharex=True,
        squeeze=False, caption=caption,
    )  # fmt: skip
    for axis, baseline in zip(axes[0], baselines, strict=True):
        found = {
            f"{of_data(q.data).split(',')[0]}, {q.n} real: {NAMES[q.arm]}": results.compare(
                *q, comparisons=len(questions)
            )
            for q in questions
            if q.baseline == baseline
        }
        _draw_differences(axis, found, numbers=False)
        axis.set_title(f"against {NAMES[baseline]}", fontsize=13)
        axis.set_xlabel(f"difference in {SCORE}", fontsize=12)
    return figure


def by_seed(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """What each seed alone would have said of ``questions``: a dot a seed, the bar their mean."""
    figure, axis = figures.subplots(
        figsize=(9.5, 0.85 * len(questions) + 1.2), caption=caption,
    )  # fmt: skip
    for row, q in enumerate(reversed(questions)):
        first, second = (results.values(q.data, q.n, a) for a in (q.baseline, q.arm))
        gains, heights = second - first, {}
        for seed in np.argsort(gains).tolist():  # a disc that would lie on its neighbour goes up
            below = [heights[s] for s in heights if abs(gains[s] - gains[seed]) < 0.007]
            heights[seed] = max(below) + 0.3 if below else 0.0
        for seed, value in enumerate(gains):
            colour, at = "C0" if value > 0 else "C1", row + heights[seed]
            axis.plot(value, at, "o", ms=19, color=colour, alpha=0.75)
            axis.annotate(f"{seed}", (value, at), ha="center", va="center", color="white",
                          fontsize=12)  # fmt: skip
        mean = (second - first).mean()
        axis.plot([mean] * 2, [row - 0.4, row + 0.4], color="black", lw=2.5, zorder=1)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_ylim(-0.6, len(questions) - 0.2)
    axis.set_yticks(range(len(questions)), [named(q) for q in reversed(questions)], fontsize=12)
    axis.set_xlabel(f"difference in {SCORE}: blue says helps, orange hurts", fontsize=12)
    return figure


def who_found(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """A bar a question: its test defects, over all seeds, by who recognised them.

    Found by both classifiers, by the baseline alone, by the arm alone, by neither.
    """
    figure, axis = figures.subplots(
        figsize=(11, 0.75 * len(questions) + 1.4), caption=caption,
    )  # fmt: skip
    looks = {"both": ("C5", 0.6), "only the cheap remedy": (REAL, 1.0)}
    looks |= {"only with made ones": (MADE, 1.0), "neither": ("C5", 0.25)}
    for row, question in enumerate(reversed(questions)):
        start, counts = 0.0, found_counts(results, question)
        for (name, (colour, alpha)), count in zip(looks.items(), counts, strict=True):
            label = name if row == 0 else None
            share = count / sum(counts)
            axis.barh(row, share, left=start, color=colour, alpha=alpha, height=0.7, label=label)
            size = 14 if share > 0.05 else 11
            axis.text(start + share / 2, row, f"{count}", ha="center", va="center", fontsize=size)
            start += share
    axis.set_yticks(range(len(questions)), [named(q) for q in reversed(questions)], fontsize=13)
    axis.set_xlim(0, 1)
    axis.set_xticks([])
    axis.spines[:].set_visible(False)
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, fontsize=13, frameon=False)
    return figure


def found_counts(results: Results, question: Question) -> tuple[int, int, int, int]:
    """Test defects over all seeds: found by both, the baseline alone, the arm alone, neither."""
    arms = (results.cells(question.data, question.n, a) for a in (question.baseline, question.arm))
    counts = np.zeros(4, int)
    for one in results.outcomes(question.data, *arms):
        few = one.labels == one.minority
        first, second = (guessed[few] == one.minority for guessed in one.guessed)
        parts = first & second, first & ~second, ~first & second, ~first & ~second
        counts += [int(part.sum()) for part in parts]
    return tuple(int(count) for count in counts)


def bought(results: Results, n: int | str, caption: str = "") -> Figure:
    """Each arm with ``n`` real pictures, the best on top: test defects found, and false alarms.

    A panel a data set, counts over all seeds: found to the right, others taken for one to the left.
    """
    data = [name for name in results.data if n in results.sizes(name)]
    heights = [len(results.arms(name, n)) for name in data]
    figure, axes = figures.subplots(
        len(data), 1, figsize=(10.5, 0.42 * sum(heights) + 0.9 * len(data) + 0.6), squeeze=False,
        gridspec_kw={"height_ratios": heights}, caption=caption,
    )  # fmt: skip
    for axis, name in zip(axes[:, 0], data, strict=True):
        counts = {arm: alarms(results, name, n, arm) for arm in results.arms(name, n)}
        ranked = sorted(counts, key=lambda arm: counts[arm][0])
        every, others = counts[ranked[0]][1], counts[ranked[0]][3]
        for row, arm in enumerate(ranked):
            found, _, false, _ = counts[arm]
            axis.barh(row, found, color=MADE if is_synthetic(arm) else REAL, height=0.75)
            axis.barh(row, -false, color="C1", height=0.75)
            axis.text(found + every / 150, row, f"{found}", va="center", fontsize=12,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
            axis.text(-false - every / 150, row, f"{false}", va="center", ha="right", fontsize=12)
        axis.set_yticks(range(len(ranked)), [NAMES[arm] for arm in ranked], fontsize=12)
        axis.set_xlim(-0.27 * every, every)
        axis.set_xticks([])
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        axis.axvline(0, color="black", lw=0.8)
        if "as-is" in results.arms(name, "all"):
            most = alarms(results, name, "all", "as-is")[0]
            axis.axvline(most, color="C5", ls="--", lw=1.5, zorder=0)
            axis.annotate(f"all real ones, as they are: {most}", (most, 0), (5 if most < 0.7 * every
                          else -5, 0), textcoords="offset points", fontsize=11, color="0.35",
                          ha="left" if most < 0.7 * every else "right", va="center")  # fmt: skip
        title = f"{of_data(name)}: found, of {every}; orange: false alarms, of {others}"
        axis.set_title(title, loc="left", fontsize=13)
    return figure


def alarms(results: Results, data: str, n: int | str, arm: str) -> tuple[int, int, int, int]:
    """Over all seeds: defects found, of how many; others taken for one, of how many."""
    cells, counts = results.cells(data, n, arm), np.zeros(4, int)
    for one in results.outcomes(data, cells, cells):
        few, said = one.labels == one.minority, one.guessed[0] == one.minority
        counts += [int(x.sum()) for x in (few & said, few, ~few & said, ~few)]
    return tuple(int(count) for count in counts)


def seen_by(test: Labelled, guessed: Mapping[str, np.ndarray], most: int = 6, caption="") -> Figure:
    """Some of the minority's test pictures, and below each which arms recognise it.

    ``guessed``: arm → a class for each picture of ``test`` (N,). The pictures are spread evenly
    from what most arms recognise to what none does.
    """
    index = np.flatnonzero(test.labels.numpy() == test.minority)
    said = np.array([np.asarray(g)[index] == test.minority for g in guessed.values()])
    ranked = np.argsort(-said.sum(0), kind="stable")
    picked = ranked[np.linspace(0, len(index) - 1, min(most, len(index))).round().astype(int)]
    rows = np.argsort(-said.sum(1), kind="stable")
    figure, axes = figures.subplot_mosaic(
        [[f"{k}" for k in range(len(picked))]] * 4 + [["marks"] * len(picked)] * len(rows),
        figsize=(1.62 * len(picked) + 2.6, 2.2 + 0.36 * len(rows)), caption=caption,
    )  # fmt: skip
    axis = axes["marks"]
    for k, at in enumerate(picked):
        picture = test.images[index[at], 0]
        axes[f"{k}"].imshow(picture, "gray", vmin=0, vmax=255, interpolation="bicubic")
        axes[f"{k}"].set_axis_off()
        for row, arm in enumerate(rows):
            right = said[arm, at]
            axis.plot(k, row, "o" if right else "x", ms=15 if right else 9, mew=2,
                      color="C0" if right else "C1")  # fmt: skip
    names = list(guessed)
    axis.set_yticks(range(len(rows)), [NAMES[names[arm]] for arm in rows], fontsize=13)
    for row, arm in enumerate(rows):
        axis.annotate(f"{said[arm].sum()}", (1, row), (4, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="center", fontsize=13)  # fmt: skip
    axis.annotate(f"of {len(index)}", (1, 1.0), (0, 6), xycoords="axes fraction", fontsize=12,
                  textcoords="offset points", annotation_clip=False)  # fmt: skip
    axis.set_xticks([])
    axis.set_xlim(-0.5, len(picked) - 0.5)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return figure


def beside_the_seen(
    answers: Mapping[Question, Difference], seeds: int, gain: float, caption: str = ""
) -> Figure:
    """What was found, on what such a study would miss, and how many seeds ``gain`` takes.

    Left the grey bar of effects too small to be found in four cases of five, the difference and
    its interval. Right a disc a seed, the ``seeds`` that there are filled, as many in each column.
    """
    many = len(answers)
    figure, (axis, beside) = figures.subplots(
        1, 2, figsize=(12.5, 0.9 * many + 1.5), sharey=True, width_ratios=[1, 1.05], caption=caption
    )
    widest = max(paired.detectable(found, seeds, many) for found in answers.values())
    for row, found in enumerate(answers.values()):
        least = paired.detectable(found, seeds, many)
        axis.barh(row, 2 * least, left=-least, height=0.8, color="C5", alpha=0.25)
        axis.text(least, row, f" ±{least:.2f}", va="center", fontsize=11, color="0.35")
        needed = paired.seeds_needed(found, seeds, gain, many)
        for one in range(needed):
            there = one < seeds
            beside.plot(one // seeds, row - 0.28 + 0.56 * (one % seeds) / max(1, seeds - 1), "o",
                        ms=7, color="black" if there else "C5", fillstyle="full" if there
                        else "none")  # fmt: skip
        beside.text(-(-needed // seeds) + 0.3, row, f"{needed}", va="center", fontsize=13)
    _draw_differences(axis, {named(q): f for q, f in reversed(answers.items())})
    axis.set_ylim(many - 0.5, -0.6)
    axis.set_yticks(range(many), [named(q) for q in answers], fontsize=12)
    axis.set_xlim(-1.35 * widest, 1.35 * widest)
    axis.set_xlabel(f"difference in {SCORE}", fontsize=11)
    axis.set_title("grey: effects too small for this study", fontsize=12)
    beside.set_title(f"seeds that a true {gain:+.2f} takes; black: there are {seeds}", fontsize=12)
    beside.set_xticks([])
    beside.spines[:].set_visible(False)
    beside.tick_params(length=0)
    return figure


def settled(
    sentences: Sequence[tuple[str, bool, str]], slips: Mapping[str, Sequence[int]]
) -> Figure:
    """Bets of several players on sentences, and what came true.

    ``sentences``: (what it says, whether it came true, the number that says so); ``slips``: player
    → a bet in % for each. The shaded half is the side that paid.
    """
    figure, axis = figures.subplots(figsize=(12, 0.62 * len(sentences) + 1.5))
    came = [true for _, true, _ in sentences]
    for row, (_, true, why) in enumerate(sentences):
        axis.barh(row, 50, left=50 * true, height=0.84, color="C0" if true else "C1", alpha=0.2)
        word = "true" if true else "false"
        axis.text(104, row, f"{word}: {why}", va="center", fontsize=12)
    looks = (("o", "black"), ("s", "C3"), ("D", "C2"))
    for (player, slip), (marker, colour) in zip(slips.items(), looks, strict=False):
        at = np.arange(len(slip)) + 0.24 * ("osD".index(marker) - 1)  # equal bets side by side
        axis.plot(slip, at, marker, ms=10, color=colour, clip_on=False, zorder=3,
                  label=f"{player}: {paid(slip, came):.2f}")  # fmt: skip
    axis.set_yticks(range(len(sentences)), [said for said, *_ in sentences], fontsize=12)
    axis.set_ylim(len(sentences) - 0.4, -0.6)
    axis.set_xlim(0, 100)
    axis.set_xticks([0, 50, 100], ["0 %", "50 %", "100 %"], fontsize=11)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.legend(title="loss (smaller is better)", loc="lower center", bbox_to_anchor=(0.5, 1),
                ncols=len(slips), fontsize=12, title_fontsize=12)  # fmt: skip
    return figure


def paid(slip: Sequence[float], came: Sequence[bool]) -> float:
    """The loss of bets in %: the mean square of how far each was from 1 (true) or 0 (false)."""
    return float(np.mean([(bet / 100 - true) ** 2 for bet, true in zip(slip, came, strict=True)]))


def found_by(test: Labelled, guessed: Mapping[str, np.ndarray], most: int = 6) -> dict:
    """Which of the minority's test pictures two arms recognise, as rows for ``figures.sheet``.

    ``guessed``: two arms → a class for each picture of ``test`` (N,). Found by both, by one alone,
    by the other, by neither, with their numbers; ``most`` pictures each, spread over the row's,
    and white where there are fewer.
    """
    few = test.labels.numpy() == test.minority
    (first, a), (second, b) = ((arm, np.asarray(g) == test.minority) for arm, g in guessed.items())
    kinds = {"both": a & b, f"only {NAMES[first]}": a & ~b, f"only {NAMES[second]}": b & ~a}
    kinds["neither"] = ~a & ~b
    rows = {}
    for name, of in kinds.items():
        index = np.flatnonzero(few & of)
        picked = index[np.linspace(0, len(index) - 1, min(most, len(index))).round().astype(int)]
        blank = torch.full((most - len(picked), *test.images.shape[1:]), 255, dtype=torch.uint8)
        rows[f"{name}: {len(index)}"] = torch.cat([test.images[picked], blank])
    return rows


def named(question: Question) -> str:
    """A question as a row's label."""
    with_n = "all" if question.n == "all" else f"{question.n}"
    return f"{of_data(question.data)}, {with_n} real:\n{NAMES[question.arm]}"


def power(
    pieces: Mapping[str, Sequence[Sequence[int]]],
    comparisons: Sequence[int],
    caption: str = "",
    studies: int = 300,
) -> Figure:
    """The chance to find a gain in recall, a panel a data set, a curve a number of comparisons.

    ``studies`` are simulated for each gain.
    """
    figure, axes = figures.subplots(
        1, len(pieces), figsize=(10.5, 4), sharey=True, squeeze=False, caption=caption,
    )  # fmt: skip
    gains = np.linspace(0, 0.4, 9)
    for axis, (data, sizes) in zip(axes[0], pieces.items(), strict=True):
        drawn = [paired.simulated(sizes, gain, paired.Assumed(), studies, 200) for gain in gains]
        for many in comparisons:
            found = [paired.found_share(*one, len(sizes), many) for one in drawn]
            label = f"one of {many} questions" if many > 1 else "the only question"
            axis.plot(gains, found, marker="o", ms=6, lw=2.5, label=label)
            last = many == comparisons[-1]
            axis.annotate(f"{found[4]:.0%}", (gains[4], found[4]), (4, -15) if last else (-2, 7),
                          ha="left" if last else "right", fontsize=12,
                          textcoords="offset points")  # fmt: skip
        axis.axvline(gains[4], color="C5", ls="--", lw=1)
        axis.set_title(of_data(data), fontsize=13)
        axis.set_xlabel("true gain in recall", fontsize=12)
        axis.set_ylim(-0.1, 1.02)
    axes[0][0].set_ylabel("chance to find it", fontsize=12)
    axes[0][0].legend(fontsize=12, loc="upper left")
    return figure


def ladder(results: Results, steps: Mapping[str, Sequence], n: int, caption: str = "") -> Figure:
    """What part of the way from few real pictures to all of them each of ``steps`` goes.

    ``steps``: data → [(label, arm) at ``n`` real pictures]; a panel each. 0 is as it is, 1 the
    ceiling, seed by seed.
    """
    heights = [len(of) for of in steps.values()]
    figure, axes = figures.subplots(
        len(steps), 1, figsize=(9.5, 0.45 * sum(heights) + 0.7 * len(steps) + 1), sharex=True,
        squeeze=False, gridspec_kw={"height_ratios": heights}, caption=caption,
    )  # fmt: skip
    for axis, (data, of) in zip(axes[:, 0], steps.items(), strict=True):
        low = results.values(data, n, "as-is").mean()
        high = results.values(data, "all", "as-is").mean()
        for row, (_, arm) in enumerate(reversed(of)):
            part = (results.values(data, n, arm) - low) / (high - low)
            _draw_row(axis, row, part, MADE if is_synthetic(arm) else REAL)
            mean = f"{round(part.mean(), 2) + 0.0:.2f}"  # no minus before a zero
            axis.annotate(mean, (1.01, row), xycoords=("axes fraction", "data"), va="center",
                          fontsize=12)  # fmt: skip
        axis.set_yticks(range(len(of)), [label for label, _ in reversed(of)], fontsize=12)
        axis.set_title(of_data(data), loc="left", fontsize=13)
        for edge in (0, 1):
            axis.axvline(edge, color="C5", ls="--", lw=1)
    said = f"part of the way in {SCORE}: 0 as it is, 1 all real ones as they are"
    axes[-1][0].set_xlabel(said, fontsize=12)
    return figure


def _draw_row(axis, row: int, values: np.ndarray, colour: str) -> None:
    """A dot a seed, a bar at their mean."""
    axis.plot(values, np.full(len(values), row), "o", color=colour, alpha=0.45, ms=7)
    axis.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=colour, lw=3)


def by_generator(points: Sequence[dict]) -> dict[tuple, list[dict]]:
    """(data set, model, n), named as in figures → its ``points``, one a seed."""
    found = {}
    for point in points:
        key = (of_data(point["data"]), NAMES[point["model"]], point["n"])
        found.setdefault(key, []).append(point)
    return found


def quality(points: Sequence[dict], caption: str = "") -> Figure:
    """A generator a point: its KID against what its pictures added.

    ``points``: {"data", "model", "n", "KID", "benefit"}.
    """
    figure, axis = figures.subplots(figsize=(10.5, 4.6), caption=caption)
    groups = by_generator([point | {"n": str(point["n"])} for point in points])
    for at, ((data, model, n), of) in enumerate(sorted(groups.items())):
        name = f"{data.split(',')[0]}, {model}, {n} real"
        x, y = ([p[key] for p in of] for key in ("KID", "benefit"))
        axis.plot(x, y, "osv^D<>*"[at % 8], ms=11, alpha=0.85, label=name)
    axis.axhline(0, color="black", lw=0.8)
    axis.set_xlabel("KID×10³ of the generator (smaller is nearer)", fontsize=12)
    axis.set_ylabel(f"what it added to {SCORE}", fontsize=12)
    axis.tick_params(labelsize=11)
    figure.legend(fontsize=12, loc="outside right upper")
    return figure
