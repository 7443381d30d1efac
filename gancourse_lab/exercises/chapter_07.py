"""The answers of chapter 07."""

from __future__ import annotations

from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value

PLACES = ("code", "data", "environment")
TOTALS = {
    "totals 3, 2, 4, 5, 6, 1 and patience 3": ([3.0, 2.0, 4.0, 5.0, 6.0, 1.0], 3),
    "totals that fall to the end": ([5.0, 4.0, 3.0, 2.0], 3),
    "totals 1, 2, 3 and patience 1": ([1.0, 2.0, 3.0], 1),
    "totals 2, 3, 1, 1, 1, 1 and patience 2": ([2.0, 3.0, 1.0, 1.0, 1.0, 1.0], 2),
}


def stopped(totals: list[float], patience: int) -> list[int]:
    """[epochs trained, epoch kept] of early stopping; epochs count from 1."""
    lowest = 1
    for epoch, value in enumerate(totals, start=1):
        if value < totals[lowest - 1]:
            lowest = epoch
        elif epoch - lowest == patience:
            return [epoch, lowest]
    return [len(totals), lowest]


def from_zero(totals: list[float], patience: int) -> list[int]:
    """The same, counted from 0."""
    return [epochs - 1 for epochs in stopped(totals, patience)]


def to_the_end(totals: list[float], patience: int) -> list[int]:
    """Trains on, and keeps the lowest of all."""
    return [len(totals), totals.index(min(totals)) + 1]


EXERCISES = {
    "07.1": Exercise(
        (
            Value(
                "what is missing from the total",
                (10 * 0.5 - 0.5) * (0.2 + 0.3),
                (
                    "Write down the reference's identity part, and this one's.",
                    "The reference weighs the sum 0.5 of the two by λ · 0.5 = 5.",
                ),
                (
                    (2.5, "That is the reference's whole identity part; a tenth of it is there."),
                    (0.25, "That is the part which is there."),
                    (0.45, "You took their mean difference once; the sum is 0.5."),
                ),
            ),
        ),
        "missing = 10 * 0.5 * 0.5 - 0.5 * 0.5",
        "2.5 instead of 0.25: the term is there, the curves look healthy, and it does a tenth of "
        "its work. Section 5 shows what a tenth is worth: in one seed of three enough.",
    ),
    "07.2": Exercise(
        (
            Value(
                "where you look",
                "data",
                (
                    "Two programs, one of them known to be right, fail alike on the steel.",
                    "Your code has passed twice: on the zebras, and beside the reference.",
                ),
                (("code", "Then the reference would have the same bug."),),
            ),
            Value(
                "where she looks",
                "environment",
                (
                    "Hers is not her own code.",
                    "The reference with the known data fails only on her machine: last row.",
                ),
                (
                    ("code", "The reference's code is good on other machines."),
                    ("data", "The same zebras are good on other machines."),
                ),
            ),
        ),
        'you = "data"\nshe = "environment"',
        "The reference on your own data is the fifth row that the table lacks. It takes an "
        "evening, and it clears your code a second time: two programs that fail alike are fed "
        "alike.",
    ),
    "07.3": Exercise(
        (
            Value(
                "cycle loss",
                0.0,
                (
                    "What is the negative of a negative?",
                    "$F(G(x)) = -(-x)$.",
                ),
                ((0.8, "Twice 0.4 is how far $G(x)$ is from x. The cycle compares $F(G(x))$."),),
            ),
            Value(
                "identity loss of both",
                1.6,
                (
                    "$|G(y) - y| = |-y - y|$. And there are two terms.",
                    "Each term is twice the mean $|y|$.",
                ),
                (
                    (0.8, "That is one of the two terms."),
                    (0.0, "A zebra through $G$ comes out as a negative of itself."),
                    (8.0, "That is weighted; the loss itself is asked for."),
                ),
            ),
            Value(
                "brightness kept",
                -1.0,
                (
                    "Where $x$ is brightest, what is $-x$?",
                    "A correlation of values with minus the same values.",
                ),
                ((1.0, "That is doing nothing."), (0.0, "0 would mean unrelated.")),
            ),
        ),
        "cycle = 0.0\nidentity = 1.6\nbrightness = -1.0",
        "A negative loses nothing, so the cycle loss is content, as with the mirrored map of "
        "chapter 05. Only the identity loss objects, and with 8 = 5 · 1.6 loudly: at this weight "
        "no run of section 5 ends as a negative.",
    ),
    "07.4": Exercise(
        (
            Function(
                "early stopping",
                stopped,
                lambda: TOTALS,
                (
                    "Remember the epoch of the lowest total so far, and count from there.",
                    "Return `[epoch, lowest]` when `epoch - lowest == patience`, else at the end.",
                ),
                (
                    (from_zero, "Epochs count from 1: the first total is that of epoch 1."),
                    (to_the_end, "She stops: what comes later she does not see."),
                ),
            ),
            Value(
                "half of the gain",
                False,
                (
                    "Which epoch is kept? Look at KID there, in the lower panel.",
                    "In epoch 2 the generator still returns its input.",
                ),
            ),
        ),
        """
def early(totals, patience):
    lowest = 1
    for epoch, value in enumerate(totals, start=1):
        if value < totals[lowest - 1]:
            lowest = epoch
        elif epoch - lowest == patience:
            return [epoch, lowest]
    return [len(totals), lowest]


half_of_the_gain = False
""",
        "On the long run she trains five epochs and keeps the second. KID was first measured at "
        "epoch 3: 1.23, with 1.30 for the untouched horses and 0.90 at the end. She keeps a model "
        "that has hardly begun, because doing nothing is cheap.",
    ),
}
