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
    arm the one that validation pictures chose.
    """
    data = [name for name in data if n in results.sizes(name)]
    heights = [len(results.arms(name, n)) for name in data]
    figure, axes = figures.subplots(
        len(data),
        1,
        figsize=(9, 0.36 * sum(heights) + 0.7 * len(data) + 0.9),
        gridspec_kw={"height_ratios": heights},
        sharex=True,
        squeeze=False,
        title=f"{n} real pictures to learn from: {score}",
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
        _draw_row(axis, row, values, "C1" if is_synthetic(arm) else "C0")
    axis.set_yticks(range(len(found)), [_label(results, data, n, a, ratio) for a in found])
    axis.tick_params(axis="y", labelsize=11)
    axis.set_title(of_data(data), loc="left")
    ceiling = _ceiling(results, data, score)
    if ceiling is not None:
        axis.axvline(ceiling, color="C5", ls="--", lw=1)
        axis.annotate("all real pictures", (ceiling, 1.01), xycoords=("data", "axes fraction"),
                      ha="right", fontsize=10, color="C5")  # fmt: skip


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


def _draw_differences(axis, rows: Mapping[str, Difference], second: Mapping | None = None) -> None:
    """One panel of ``differences``."""
    for row, (name, found) in enumerate(reversed(list(rows.items()))):
        colour = "C5" if not found.found else "C0" if found.value > 0 else "C1"
        axis.plot([found.low, found.high], [row, row], color=colour, lw=2)
        axis.plot(found.value, row, "o", color=colour, ms=7)
        axis.annotate(
            f"{found.value:+.3f}", (found.value, row), (0, 7), textcoords="offset points",
            ha="center", fontsize=10,
        )  # fmt: skip
        if second:
            axis.plot(second[name], [row, row], color=colour, lw=9, alpha=0.25, zorder=1,
                      solid_capstyle="butt")  # fmt: skip
    axis.axvline(0, color="black", lw=0.8)
    axis.set_ylim(-0.6, len(rows) - 0.3)
    axis.set_yticks(range(len(rows)), list(reversed(rows)), fontsize=11)


def against(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """All ``questions`` with intervals that hold for all of them at once, by baseline.

    A panel a number of real pictures, a row an arm and a baseline, where every size has it.
    """
    sizes = list(dict.fromkeys(q.n for q in questions))
    figure, axes = figures.subplots(
        1, len(sizes), figsize=(5 + 2.8 * len(sizes), 0.62 * len(questions) / len(sizes) + 1.5),
        sharey=True, sharex=True, squeeze=False, caption=caption,
        title=f"all {len(questions)} comparisons with the two usual baselines",
    )  # fmt: skip
    for axis, n in zip(axes[0], sizes, strict=True):
        rows = {}
        for q in questions:
            if q.n == n:
                label = f"{of_data(q.data)}: {NAMES[q.arm]}\nless {NAMES[q.baseline]}"
                rows[label] = results.compare(*q, comparisons=len(questions))
        _draw_differences(axis, rows)
        axis.tick_params(axis="y", labelsize=11)
        axis.set_title(f"{n} real pictures")
        axis.set_xlabel(f"difference in {SCORE}")
    return figure


def by_seed(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """What each seed alone would have said of ``questions``: a dot a seed, the bar their mean."""
    figure, axis = figures.subplots(
        figsize=(9, 0.7 * len(questions) + 1.2), caption=caption,
        title="one split of the data, one training: what each would have reported",
    )  # fmt: skip
    for row, q in enumerate(reversed(questions)):
        first, second = (results.values(q.data, q.n, a) for a in (q.baseline, q.arm))
        for seed, value in enumerate(second - first):
            colour = "C0" if value > 0 else "C1"
            axis.plot(value, row, "o", ms=19, color=colour, alpha=0.75)
            axis.annotate(f"{seed}", (value, row), ha="center", va="center", color="white",
                          fontsize=11)  # fmt: skip
        mean = (second - first).mean()
        axis.plot([mean] * 2, [row - 0.4, row + 0.4], color="black", lw=2.5, zorder=1)
    axis.axvline(0, color="black", lw=0.8)
    axis.set_ylim(-0.6, len(questions) - 0.4)
    axis.set_yticks(range(len(questions)), [named(q) for q in reversed(questions)], fontsize=11)
    axis.set_xlabel(f"difference in {SCORE}, a disc a seed: blue says helps, orange hurts")
    return figure


def who_found(results: Results, questions: Sequence[Question], caption: str = "") -> Figure:
    """A bar a question: its test defects, over all seeds, by who recognised them.

    Found by both classifiers, by the baseline alone, by the arm alone, by neither.
    """
    figure, axis = figures.subplots(
        figsize=(9.5, 0.75 * len(questions) + 1.8), caption=caption,
        title="test defects of all seeds: which classifier recognised them?",
    )  # fmt: skip
    looks = {"both": ("C0", 0.35), "only the cheap remedy": ("C0", 1.0)}
    looks |= {"only with made ones": ("C1", 1.0), "neither": ("C5", 0.25)}
    for row, question in enumerate(reversed(questions)):
        start, counts = 0.0, found_counts(results, question)
        for (name, (colour, alpha)), count in zip(looks.items(), counts, strict=True):
            label = name if row == 0 else None
            share = count / sum(counts)
            axis.barh(row, share, left=start, color=colour, alpha=alpha, height=0.7, label=label)
            if share > 0.012:
                shade = "white" if alpha == 1 else "black"
                axis.text(start + share / 2, row, f"{count}", ha="center", va="center", color=shade,
                          fontsize=12)  # fmt: skip
            start += share
    axis.set_yticks(range(len(questions)), [named(q) for q in reversed(questions)], fontsize=11)
    axis.set_xlim(0, 1)
    axis.set_xticks([])
    axis.spines[:].set_visible(False)
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=4, fontsize=11, frameon=False)
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


def score_table(results: Results, caption: str = "") -> Figure:
    """Every arm's mean scores as a table, darker where better; in bold the best of a column.

    A panel a data set, a column a score and number of real pictures; the ratio of a synthetic arm
    is the one that validation chose.
    """
    sizes = [(data, n) for data in results.data for n in results.sizes(data)]
    rows = [arm for arm in NAMES if any(arm in results.arms(*size) for size in sizes)]
    figure, axes = figures.subplots(
        len(results.data), 1, figsize=(9, len(results.data) * (0.36 * len(rows) + 1.2)),
        squeeze=False, title="every arm: means over the seeds", caption=caption,
    )  # fmt: skip
    for axis, data in zip(axes[:, 0], results.data, strict=True):
        there = [arm for arm in rows if any(arm in results.arms(*s) for s in sizes if s[0] == data)]
        columns = [(n, score) for n in results.sizes(data) for score in paired.SCORES]
        for at, (n, score) in enumerate(columns):
            _draw_column(axis, at, _means(results, data, n, score, there))
        heads = [f"{score}\n{n} real" for n, score in columns]
        axis.set_xticks(range(len(columns)), heads, fontsize=11)
        axis.xaxis.tick_top()
        axis.set_xlim(-0.5, len(columns) - 0.5)
        axis.set_title(of_data(data))
        axis.spines[:].set_visible(False)
        axis.set_yticks(range(len(there)), [NAMES[arm] for arm in there], fontsize=11)
        axis.set_ylim(len(there) - 0.5, -0.5)
    return figure


def _means(results: Results, data: str, n: int | str, score: str, arms: Sequence[str]) -> list:
    """The mean ``score`` of each of ``arms``; None where it was not run."""
    there = results.arms(data, n)
    return [results.values(data, n, a, score).mean() if a in there else None for a in arms]


def _draw_column(axis, at: int, means: Sequence[float | None]) -> None:
    """One column of ``score_table``, coloured from its worst to its best."""
    known = [value for value in means if value is not None]
    low, high = min(known), max(known)
    for row, value in enumerate(means):
        if value is None:
            continue
        share = (value - low) / max(high - low, 1e-9)
        axis.fill([at - 0.5, at + 0.5, at + 0.5, at - 0.5],
                  [row - 0.5, row - 0.5, row + 0.5, row + 0.5], color="C0", alpha=0.55 * share,
                  lw=0)  # fmt: skip
        axis.text(at, row, f"{value:.2f}", ha="center", va="center", fontsize=12,
                  weight="bold" if value == high else "normal")  # fmt: skip


def found_by(test: Labelled, guessed: Mapping[str, np.ndarray], most: int = 10) -> dict:
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
        1, len(pieces), figsize=(7.6, 2.9), sharey=True, squeeze=False,
        title="what the study can see, computed before it ran", caption=caption,
    )  # fmt: skip
    gains = np.linspace(0, 0.4, 9)
    for axis, (data, sizes) in zip(axes[0], pieces.items(), strict=True):
        drawn = [paired.simulated(sizes, gain, paired.Assumed(), studies, 200) for gain in gains]
        for many in comparisons:
            found = [paired.found_share(*one, len(sizes), many) for one in drawn]
            axis.plot(
                gains, found, marker="o", ms=3, label=f"one of {many}" if many > 1 else "alone"
            )
        axis.set_title(of_data(data))
        axis.set_xlabel("true gain in recall")
        axis.set_ylim(-0.02, 1.02)
    axes[0][0].set_ylabel("chance to find it")
    axes[0][-1].legend(title="comparison")
    return figure


def ladder(results: Results, steps: Mapping[str, Sequence], n: int, caption: str = "") -> Figure:
    """What part of the way from few real pictures to all of them each of ``steps`` goes.

    ``steps``: data → [(label, arm) at ``n`` real pictures]; a panel each. 0 is as it is, 1 the
    ceiling, seed by seed.
    """
    heights = [len(of) for of in steps.values()]
    figure, axes = figures.subplots(
        len(steps), 1, figsize=(9, 0.42 * sum(heights) + 0.6 * len(steps) + 1), sharex=True,
        squeeze=False, gridspec_kw={"height_ratios": heights}, caption=caption,
        title=f"how far from {n} real pictures to all of them",
    )  # fmt: skip
    for axis, (data, of) in zip(axes[:, 0], steps.items(), strict=True):
        low = results.values(data, n, "as-is").mean()
        high = results.values(data, "all", "as-is").mean()
        for row, (_, arm) in enumerate(reversed(of)):
            part = (results.values(data, n, arm) - low) / (high - low)
            _draw_row(axis, row, part, "C1" if is_synthetic(arm) else "C0")
        axis.set_yticks(range(len(of)), [label for label, _ in reversed(of)], fontsize=11)
        axis.set_title(of_data(data), loc="left")
        for edge in (0, 1):
            axis.axvline(edge, color="C5", ls="--", lw=1)
    axes[-1][0].set_xlabel(f"part of the way in {SCORE}: 0 as it is, 1 all real ones as they are")
    return figure


def _draw_row(axis, row: int, values: np.ndarray, colour: str) -> None:
    """A dot a seed, a bar at their mean."""
    axis.plot(values, np.full(len(values), row), "o", color=colour, alpha=0.45, ms=5)
    axis.plot([values.mean()] * 2, [row - 0.32, row + 0.32], color=colour, lw=3)


def by_generator(points: Sequence[dict]) -> dict[tuple, list[dict]]:
    """(data set, model, n), named as in figures → its ``points``, one a seed."""
    found = {}
    for point in points:
        key = (of_data(point["data"]), NAMES[point["model"]], point["n"])
        found.setdefault(key, []).append(point)
    return found


def needs(points: Sequence[dict], caption: str = "") -> Figure:
    """KID and benefit of the generators against the number of real pictures they learnt from.

    ``points``: of ``Results.benefits``.
    """
    figure, axes = figures.subplots(1, 2, figsize=(7.6, 3.2), caption=caption)
    kinds = sorted({(p["data"], p["model"]) for p in points})
    sizes = sorted({p["n"] for p in points}, key=lambda n: (n == "all", n))
    for axis, key in zip(axes, ("KID", "benefit"), strict=True):
        for at, kind in enumerate(kinds):
            of = [p for p in points if (p["data"], p["model"]) == kind]
            label = f"{of_data(kind[0])}, {NAMES[kind[1]]}"
            x = [sizes.index(p["n"]) + 0.15 * (at - (len(kinds) - 1) / 2) for p in of]
            axis.plot(x, [p[key] for p in of], "o", ms=5, alpha=0.6, color=f"C{at}", label=label)
        axis.set_xticks(range(len(sizes)), [_learnt_from(points, n) for n in sizes])
        axis.set_xlim(-0.5, len(sizes) - 0.5)
        axis.set_xlabel("real pictures of the minority it learnt from")
    axes[0].set_ylabel("KID×10³ to held-out pictures")
    axes[1].axhline(0, color="black", lw=0.8)
    axes[1].set_ylabel(f"added to {SCORE}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _learnt_from(points: Sequence[dict], n: int | str) -> str:
    """Such as 20, or all (158 to 180)."""
    real = [p["real"] for p in points if p["n"] == n]
    return f"{n}" if n != "all" else f"all ({min(real)} to {max(real)})"


def quality(points: Sequence[dict], caption: str = "") -> Figure:
    """A generator a point: its KID, recall and copying AUC against what its pictures added.

    ``points``: {"data", "model", "n", "KID", "recall", "copying", "benefit"}.
    """
    panels = {"KID": "KID×10³ (smaller is nearer)", "recall": "recall of the generator"}
    panels["copying"] = "copying AUC (½: none)"
    figure, axes = figures.subplots(
        1, 3, figsize=(10.5, 4.0), sharey=True,
        caption=caption,
    )  # fmt: skip
    kinds = sorted({(p["data"], p["model"], str(p["n"])) for p in points})
    for axis, (key, label) in zip(axes, panels.items(), strict=True):
        for at, kind in enumerate(kinds):
            of = [p for p in points if (p["data"], p["model"], str(p["n"])) == kind]
            marker = "osv^D<>*"[at % 8]
            name = f"{of_data(kind[0])}, {NAMES[kind[1]]}, {kind[2]} real"
            axis.plot([p[key] for p in of], [p["benefit"] for p in of], marker, ms=5, label=name)
        axis.axhline(0, color="black", lw=0.8)
        axis.set_xlabel(label)
    axes[0].set_ylabel(f"what it added to {SCORE}")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=10, loc="outside upper right", ncols=3)
    return figure
