"""The answers of chapter 06."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value

IN_B, IN_A = 158, 55  # Grumpies and Russian Blues to train on


def edges_kept(table: Tensor) -> Tensor:
    """Mean of the diagonal minus the mean of the rest of each column."""
    own, n = table.diagonal(), len(table)
    return (own - (table.sum(0) - own) / (n - 1)).mean()


def with_its_own(table: Tensor) -> Tensor:
    """The diagonal minus the mean of everything."""
    return table.diagonal().mean() - table.mean()


def only_paired(table: Tensor) -> Tensor:
    """The mean of the diagonal."""
    return table.diagonal().mean()


def tables() -> dict[str, tuple]:
    """Correlations of three and of four pictures."""
    three = torch.tensor([[0.9, 0.4, 0.5], [0.3, 0.8, 0.4], [0.2, 0.3, 0.7]])
    draw = torch.Generator().manual_seed(0)
    return {
        "three pictures": (three,),
        "four pictures": (torch.rand(4, 4, generator=draw),),
        "a table of ones": (torch.ones(3, 3),),
    }


EXERCISES = {
    "06.1": Exercise(
        (
            Function(
                "edges kept",
                edges_kept,
                tables,
                (
                    "`table.diagonal()` is what each output shares with its own input.",
                    "The rest of a sum: `table.sum(0) - table.diagonal()`, over one less.",
                ),
                (
                    (only_paired, "That is `paired`. Any cat correlates with any other."),
                    (with_its_own, "The others are without the own one: it is in that mean."),
                ),
            ),
        ),
        """
def kept(table):
    own, n = table.diagonal(), len(table)
    return (own - (table.sum(0) - own) / (n - 1)).mean()
""",
        "Columns are outputs: what an output shares with the inputs of *others* is the rest of its "
        "column. (The mean over rows is the same number: each pair is counted once either way.)",
    ),
    "06.2": Exercise(
        (
            Value(
                "edges kept by doing nothing",
                0.7,
                (
                    "Which `paired` has a picture with itself?",
                    "1 minus `shuffled`.",
                ),
                (
                    (1.0, "That is `paired`; what counts is the rest."),
                    (0.3, "That is `shuffled`."),
                    (0.0, "0 is for outputs that do not depend on the input. These do."),
                ),
            ),
            Value(
                "top1 of doing nothing",
                1.0,
                (
                    "Whose edges are most like a picture's own?",
                    "Nobody's are more like it than its own.",
                ),
            ),
        ),
        "lazy_kept = 1 - 0.3\nlazy_top1 = 1.0",
        "`paired` is 1 for every picture. So the number has an upper end that nobody should reach, "
        "and the recipe of this chapter *starts* there: read it beside KID, never alone.",
    ),
    "06.3": Exercise(
        (
            Value(
                "pictures of B that are never drawn",
                IN_B - IN_A,
                (
                    "From which numbers does `randint(len(images_a), ())` draw?",
                    "0 to 54, of 158.",
                ),
                (
                    (IN_A, "Those are the ones which are drawn."),
                    (0, "The index never passes 54."),
                ),
            ),
            Value(
                "with 158 in A and 55 in B",
                "error",
                (
                    "Then the index runs to 157.",
                    "And B has 55 pictures.",
                ),
                (("fine", "Which picture of B has the number 100?"),),
            ),
        ),
        'never_seen = 158 - 55\nother_way = "error"',
        "The index runs from 0 to 54. The other way round it runs to 157 and sooner or later falls "
        "off the end of B: the same bug, but one that you notice.",
    ),
}
