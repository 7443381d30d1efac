"""The answers of chapter 08."""

from __future__ import annotations

import math

import torch

from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value
from gancourse_lab.human_study import d_prime, trials_needed


def moved_by_a_mirror(recorded) -> int:
    """How many of the four recorded scores of the zebras a mirror moves by more than 0.02."""
    plain, mirrored = recorded["altered"]["none"], recorded["altered"]["mirror left-right"]
    pairs = [
        [recorded.at_path(key, within=found) for found in (plain, mirrored)]
        for key in ("{fid}", "{kid}", "precision", "recall")
    ]
    return sum(abs(there - here) > 0.02 for here, there in pairs)


def lost_to_the_offset(d: int = 2048, e: float = 1e-6) -> float:
    """Twice the trace of the root, of 119 and 139 eigenvalues 1 in other directions: truly 0."""
    one, two = torch.zeros(2, d).double()
    one[:119], two[119:258] = 1, 1
    return float(2 * ((one + e) * (two + e)).sqrt().sum())


def line_to_infinity(n: int, fid: float, more: int, less_biased: float) -> float:
    """The end at 1/n → 0 of the line through (1/n, fid) and (1/more, less_biased)."""
    slope = (fid - less_biased) / (1 / n - 1 / more)
    return fid - slope / n


def only_doubled(n: int, fid: float, more: int, less_biased: float) -> float:
    """Right where ``more`` is twice ``n``."""
    return 2 * less_biased - fid


EXERCISES = {
    "08.1": Exercise(
        (
            Value(
                "numbers that move",
                moved_by_a_mirror,
                (
                    "What does a network that names animals make of a zebra that looks left?",
                    "Think of how such a network is trained: with mirrored pictures, too.",
                ),
                (
                    (4, "Every pixel moves. Do the features?"),
                    (2, "Which two? Precision and recall ask whether zebras lie near zebras."),
                ),
            ),
        ),
        "moved = 0",
        "To the network a zebra that looks left is a zebra that looks right. So no score of sets "
        "notices a generator that turns every horse round (chapter 06 has such a cheat).",
    ),
    "08.2": Exercise(
        (
            Function(
                "the FID at n → ∞",
                line_to_infinity,
                lambda: {
                    "30.0 at 1,000 and 25.0 at 2,000": (1000, 30.0, 2000, 25.0),
                    "30.0 at 1,000 and 24.0 at 4,000": (1000, 30.0, 4000, 24.0),
                    "8.0 at 500 and 8.0 at 900": (500, 8.0, 900, 8.0),
                },
                (
                    "$f(n) = f_\\infty + c/n$: two equations, two unknowns.",
                    "c is the difference of the two values over that of 1/n.",
                ),
                ((only_doubled, "That holds for twice as many pictures. And for four times?"),),
            ),
            Value(
                "the better model",
                1,
                (
                    "Take both to infinity: which is lower there?",
                    "$2 \\cdot 25.0 - 30.0$ against $2 \\cdot 24.5 - 28.0$.",
                ),
                ((2, "At each n it is lower. But the bias is part of that."),),
            ),
        ),
        """
def at_infinity(n, fid, more, less_biased):
    slope = (fid - less_biased) / (1 / n - 1 / more)
    return fid - slope / n


better = 1
""",
        "20 and 21: the order turns round. At small $n$ the model with less variety has less bias.",
    ),
    "08.3": Exercise(
        (
            Value(
                "FID lost to the offset",
                lost_to_the_offset,
                (
                    "The offset enters the root only. Which eigenvalues does the root have?",
                    "258 times $\\sqrt{(1 + e)\\,e}$, and $2048 - 258$ times $e$; the FID takes "
                    "twice their sum off.",
                ),
                (
                    (258e-3, "Nearly: the FID has *twice* the trace of the root."),
                    (0.0, "$\\sqrt{10^{-6}}$ is 0.001, and there are many."),
                ),
                tolerance=1e-3,
            ),
        ),
        """
root = 258 * math.sqrt((1 + 1e-6) * 1e-6) + (2048 - 258) * 1e-6
too_small = 2 * root
""",
        "Half a point of 258. With eigenvalues of 0.01 the same offset adds "
        "$\\sqrt{0.01 \\cdot 10^{-6}}$ to a variance of 0.01: relatively ten times as much. The "
        "nuclear norm needs no offset.",
    ),
    "08.4": Exercise(
        (
            Value(
                "trials",
                lambda: trials_needed(0.3, power=0.9),
                (
                    "Section 10's formula, with $p_0 = 0.5$ and $p = 0.3$. And 0.84 is for 80 %.",
                    "For a power of 90 % it is 1.28 instead of 0.84; round up.",
                ),
                (
                    (trials_needed(0.3), "That is for a power of 80 %."),
                    (trials_needed(0.3, power=0.9) - 1, "Round up, not down."),
                ),
            ),
            Value(
                "d′ at 30 %",
                lambda: d_prime(0.3),
                (
                    "$\\sqrt 2\\,\\Phi^{-1}(1 - 0.3)$; `NormalDist().inv_cdf` is $\\Phi^{-1}$.",
                    "$\\Phi^{-1}(0.7)$ is 0.52.",
                ),
                (
                    (d_prime(0.3) / math.sqrt(2), "The root of 2 is missing."),
                    (-d_prime(0.3), "Of 1 minus the share that is fooled."),
                ),
                tolerance=1e-3,
            ),
        ),
        """
z_level, z_power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.9)
root = (z_level * math.sqrt(0.25) + z_power * math.sqrt(0.3 * 0.7)) / (0.5 - 0.3)
trials = math.ceil(root**2)
d = math.sqrt(2) * NormalDist().inv_cdf(1 - 0.3)
""",
        "62 trials: two viewers of 40, if their trials were independent.",
    ),
}
