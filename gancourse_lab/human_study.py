"""Human judgement: real-or-fake trials after the AMT protocol of the pix2pix and CycleGAN papers.

Each trial shows a real image beside a generated one for one second; then the viewer says which was
real. The first ten trials tell whether the answer was right, the next forty count (CycleGAN,
section 5.1.1). A viewer who sees no difference is fooled in half of the trials, so 50 % is the
ceiling that matters, not 100 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from scipy.stats import binomtest, norm
from torch import Tensor

from gancourse.errors import GancourseError

PRACTICE, COUNTED, SECONDS = 10, 40, 1.0


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float, float]:
    """(share, low, high): a proportion with Wilson's score interval (1927) at ``level``.

    Unlike share ± 1.96 standard errors it stays in [0, 1] and holds at few trials. Raises
    ``GancourseError`` unless 0 ≤ successes ≤ trials and trials ≥ 1.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise GancourseError(f"{successes} of {trials} trials is no proportion.")
    found = binomtest(successes, trials).proportion_ci(level, method="wilson")
    return successes / trials, float(found.low), float(found.high)


def d_prime(fooled: float) -> float:
    """d′ of a viewer who took the fake for real in the share ``fooled`` of the trials; 0 < · < 1.

    Two alternatives, forced choice: both pictures of a trial raise an impression with normal noise
    of variance 1, the real one's d′ higher, and the stronger one is called real. Then
    P(right) = Φ(d′/√2), so d′ = √2 Φ⁻¹(1 − fooled) (Green and Swets 1966). 0: cannot tell them
    apart; 1: right in 76 % of the trials; negative: the fakes look more real.
    """
    if not 0 < fooled < 1:
        raise GancourseError(
            f"d′ needs a share between 0 and 1, both left out, not {fooled}: at the ends it is "
            "infinite. With k of n trials give (k + 0.5) / (n + 1)."
        )
    return math.sqrt(2) * float(norm.ppf(1 - fooled))


def trials_needed(
    share: float, against: float = 0.5, power: float = 0.8, level: float = 0.05, studies: int = 1
) -> int:
    """Counted trials that tell a viewer fooled in ``share`` from one fooled in ``against``.

    Two-sided test at ``level`` that succeeds with probability ``power``; normal approximation,
    n = ((z₁ √(p₀q₀) + z₂ √(pq)) / (p − p₀))². ``studies=1``: ``against`` is known, such as 50 %.
    ``studies=2``: it is another study's share, and each of the two needs n (Fleiss 1981, section
    3.2). Trials are taken as independent; those of one viewer are not quite. Raises
    ``GancourseError`` for shares outside 0..1, both left out, or equal ones.
    """
    inside = all(0 < x < 1 for x in (share, against, power, level))
    if not inside or share == against or studies not in (1, 2):
        raise GancourseError(
            "trials_needed takes two different shares, a power and a level, each between 0 and 1, "
            f"and studies=1 or 2; got {share}, {against}, {power}, {level}, {studies}."
        )
    p, q = share * (1 - share), against * (1 - against)
    if studies == 2:
        middle = (share + against) / 2
        p, q = p + q, 2 * middle * (1 - middle)
    root = norm.ppf(1 - level / 2) * math.sqrt(q) + norm.ppf(power) * math.sqrt(p)
    return math.ceil((root / (share - against)) ** 2)


@dataclass
class Study:
    """A study in which people say, pair by pair, which of two pictures is the real one.

    ``reals`` and ``fakes`` are uint8 (N, C, H, W), their order is fixed by ``seed``. ``trial``
    counts from 0; ``answers`` holds for each finished one whether the fake was taken for the real
    image. Every image comes once before any comes again.
    """

    reals: Tensor
    fakes: Tensor
    seed: int = 0
    practice: int = PRACTICE
    counted: int = COUNTED
    answers: list[bool] = field(default_factory=list)

    def __post_init__(self):
        if not len(self.reals) or not len(self.fakes):
            raise GancourseError("A study needs at least one real image and one generated one.")
        if self.practice < 0 or self.counted < 1:
            raise GancourseError("A study needs practice >= 0 and counted >= 1 trials.")
        draw = torch.Generator().manual_seed(self.seed)
        trials = self.practice + self.counted

        def order(n: int) -> list[int]:
            rounds = [torch.randperm(n, generator=draw) for _ in range(-(-trials // n))]
            return torch.cat(rounds)[:trials].tolist()

        self._order = list(zip(order(len(self.reals)), order(len(self.fakes)), strict=True))
        self._real_left = (torch.rand(trials, generator=draw) < 0.5).tolist()

    @property
    def trial(self) -> int:
        """Number of answers so far, the practice included."""
        return len(self.answers)

    @property
    def done(self) -> bool:
        """Whether every trial has been answered."""
        return self.trial == self.practice + self.counted

    @property
    def practising(self) -> bool:
        """Whether the next trial is practice, with feedback, and not counted."""
        return self.trial < self.practice

    def pair(self) -> tuple[Tensor, Tensor]:
        """(left, right) images of the next trial, each (C, H, W) uint8."""
        if self.done:
            raise GancourseError("The study is over: every trial has been answered.")
        real, fake = self._order[self.trial]
        pair = self.reals[real], self.fakes[fake]
        return pair if self._real_left[self.trial] else pair[::-1]

    def answer(self, side: str) -> bool | None:
        """Record which side, "left" or "right", was said to be real.

        Returns whether that was right during practice, None afterwards: no feedback then.
        """
        if side not in ("left", "right"):
            raise GancourseError(f"A side is 'left' or 'right', not {side!r}.")
        if self.done:
            raise GancourseError("The study is over: every trial has been answered.")
        practising = self.practising
        right = (side == "left") == self._real_left[self.trial]
        self.answers.append(not right)
        return right if practising else None

    def fooled(self) -> tuple[float, float, float]:
        """(share, low, high) of the counted trials in which the fake was taken for real."""
        counted = self.answers[self.practice :]
        if not counted:
            raise GancourseError("No counted trial has been answered yet.")
        return wilson(sum(counted), len(counted))
