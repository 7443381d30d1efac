"""The answers of chapter 04."""

import math

import torch

from gancourse.metrics.neighbours import mann_whitney
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value


def copies_against_the_wrong_baseline() -> float:
    """AUC of copies, at distance 0, against images that find themselves."""
    return mann_whitney(torch.zeros(50), torch.zeros(200))[0]


def pairs() -> dict[str, tuple]:
    draw = torch.Generator().manual_seed(4)
    many = torch.randint(20, (40,), generator=draw), torch.randint(25, (30,), generator=draw)
    return {
        "x = [1, 2], y = [3, 4]": (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])),
        "x = [1, 5], y = [2]": (torch.tensor([1.0, 5.0]), torch.tensor([2.0])),
        "x = [0], y = [0, 0, 0]": (torch.zeros(1), torch.zeros(3)),
        "x = [1, 2], y = [2, 2, 3]": (torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0, 3.0])),
        "40 and 30 whole numbers": (many[0].float(), many[1].float()),
    }


def auc(x, y):
    return (x[:, None] < y).double().mean() + 0.5 * (x[:, None] == y).double().mean()


def leaking_split() -> float:
    """Three quarters of the held-out images tie with copies, a quarter lose to them."""
    held_out = torch.cat([torch.zeros(75), torch.ones(25)])
    return mann_whitney(torch.zeros(100), held_out)[0]


EXERCISES = {
    "04.1": Exercise(
        (
            Value(
                "AUC of exact copies against the wrong baseline",
                copies_against_the_wrong_baseline,
                (
                    "What is the first distance that `knn(train, train, 1)` finds?",
                    "Copies lie at distance 0, and every image lies at 0 from itself.",
                ),
                (
                    (1.0, "Then every copy would lie nearer than every training image."),
                    (0.0, "Then every copy would lie farther than every training image."),
                ),
            ),
        ),
        "auc = 0.5",
        "In `knn(train, train, 1)` every image finds itself at distance 0. Copies lie at distance "
        '0 too: all ties, AUC ½, "no copying". Every honest generator looks too *far* by the same '
        "test.",
    ),
    "04.2": Exercise(
        (
            Value(
                "standard deviation of the noise",
                1000 / math.sqrt(64 * 64),
                (
                    "Of d independent numbers the squares add up.",
                    "σ √d = 1000, and d = 64².",
                ),
                (
                    (1000 / 64**2, "Not the numbers add up, but their squares: a root."),
                    (1000.0, "That would be one pixel alone."),
                    (1000 / math.sqrt(64), "There are 64 × 64 pixels."),
                ),
                tolerance=0.01,
            ),
            Value(
                "distance at 128 × 128",
                lambda noise: float(noise.norm()) * 1000 / 64,
                (
                    "The same σ, but how many pixels?",
                    "Four times as many squares, and then the root.",
                ),
                (
                    (1000.0, "There are more pixels now, and each adds its square."),
                    (4000.0, "The squares are four times as many; a distance is the root."),
                    (500.0, "More pixels cannot bring it nearer: squares are never negative."),
                ),
                tolerance=60,
            ),
        ),
        """
sigma = 1000 / 64
away = 2000
""",
        "$\\sigma\\sqrt{d} = 1000$ with $d = 64^2$; at 128 × 128 $\\sqrt d$ is twice as large. The "
        "larger the image, the farther away a noisy copy: one more reason to search at a small "
        "size, too.",
    ),
    "04.3": Exercise(
        (
            Function(
                "AUC by its definition",
                auc,
                pairs,
                (
                    "Of all pairs, the share in which x is the smaller; a tie counts half.",
                    "`x[:, None] < y` compares all pairs at once.",
                ),
                (
                    (lambda x, y: (x[:, None] < y).double().mean(), "And the ties?"),
                    (lambda x, y: (x[:, None] <= y).double().mean(), "A tie counts half, not one."),
                    (lambda x, y: 1 - auc(x, y), "The other way round: nearer is smaller."),
                ),
            ),
        ),
        """
def auc_of(x, y):
    nearer, tied = x[:, None] < y, x[:, None] == y
    return (nearer.double().mean() + 0.5 * tied.double().mean()).item()
""",
        "The ranks give the same number without comparing all pairs: $N \\log N$ steps for the "
        "sorting instead of $nm$.",
    ),
    "04.4": Exercise(
        (
            Value(
                "expected AUC with a leaking split",
                leaking_split,
                (
                    "Some held-out images have their mirror image in training. At which distance?",
                    "Three quarters of the pairs are ties, a quarter are won.",
                ),
                (
                    (1.0, "That is what a clean split would give."),
                    (0.5, "Not all held-out images have a twin in training."),
                    (0.875, "The other way round: three quarters of them have a twin."),
                    (0.25, "Those are the pairs that the copies win; ties count half."),
                ),
                tolerance=1e-3,
            ),
        ),
        "auc = 0.75 * 0.5 + 0.25 * 1.0",
        "Three quarters of the held-out images tie with the copies, a quarter lose to them: 0.625 "
        "instead of 1. Split first, augment afterwards.",
    ),
}
