"""The answers of chapter 02."""

import torch
from torch import nn

from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value


def distances() -> dict[str, tuple]:
    """Distances d[i, j] of fake i to real j, with the reach of each real and of each fake."""
    draw = torch.Generator().manual_seed(3)
    real = torch.randn(200, 2, generator=draw, dtype=torch.float64)
    fake = 0.3 * torch.randn(150, 2, generator=draw, dtype=torch.float64)  # half collapsed
    reach_real, reach_fake = (torch.cdist(x, x).kthvalue(4).values for x in (real, fake))
    two = torch.tensor([[1.0, 9.0], [9.0, 9.0]])
    return {
        "150 collapsed fakes, 200 reals": (torch.cdist(fake, real), reach_real, reach_fake),
        "d = [[1, 9], [9, 9]], all reach 2": (two, torch.full((2,), 2.0), torch.full((2,), 2.0)),
        "the same, reals reach 2 and fakes 10": (
            two,
            torch.full((2,), 2.0),
            torch.full((2,), 10.0),
        ),
        "one fake and one real, just in reach": (
            torch.tensor([[2.0]]),
            torch.tensor([2.0]),
            torch.tensor([2.0]),
        ),
        "nothing in reach": (torch.full((3, 2), 9.0), torch.ones(2), torch.ones(3)),
    }


def precision_recall(d, reach_real, reach_fake):
    precision = (d <= reach_real).any(1).double().mean()
    return precision, (d <= reach_fake[:, None]).any(0).double().mean()


def swapped(d, reach_real, reach_fake):
    precision, recall = precision_recall(d, reach_real, reach_fake)
    return recall, precision


def pairs(d, reach_real, reach_fake):
    precision = (d <= reach_real).double().mean()
    return precision, (d <= reach_fake[:, None]).double().mean()


def other_reach(d, reach_real, reach_fake):
    precision = (d <= reach_fake[:, None]).any(1).double().mean()
    return precision, (d <= reach_real).any(0).double().mean()


def strictly(d, reach_real, reach_fake):
    precision = (d < reach_real).any(1).double().mean()
    return precision, (d < reach_fake[:, None]).any(0).double().mean()


def values_of_eight_by_four(values_inside) -> int:
    return values_inside(nn.ConvTranspose2d(8, 1, 8, stride=4, padding=2, bias=False))


def outputs() -> list[int]:
    """Sizes of an 8 wide input after F = 4, S = 2, by padding."""
    row = torch.zeros(1, 1, 8)
    return [nn.Conv1d(1, 1, 4, 2, padding)(row).shape[-1] for padding in range(8)]


def out_of_reach() -> int:
    normalised = (torch.arange(256, dtype=torch.float64) / 255 - 0.37) / 0.18
    return int((normalised > 1).long().argmax())


EXERCISES = {
    "02.1": Exercise(
        (
            Function(
                "precision and recall",
                precision_recall,
                distances,
                (
                    "Precision asks of each fake: does any real reach it? Recall, of each real.",
                    "`d <= reach_real` compares columns, `d <= reach_fake[:, None]` rows.",
                ),
                (
                    (swapped, "These are the two in the other order."),
                    (pairs, "You count pairs; a fake within reach of two reals counts once."),
                    (other_reach, "A fake is precise if it lies within the reach of a *real*."),
                    (strictly, "A distance that equals the reach counts, too."),
                ),
            ),
        ),
        """
def precision_recall(d, reach_real, reach_fake):
    precision = (d <= reach_real).any(1).double().mean().item()
    recall = (d <= reach_fake[:, None]).any(0).double().mean().item()
    return precision, recall
""",
        "Fakes that have collapsed to the middle of the reals nearly all pass for real "
        "(precision), and most of what is real is never drawn (recall).",
    ),
    "02.2": Exercise(
        (
            Value(
                "different values of a flat input",
                values_of_eight_by_four,
                (
                    "Which outputs get the same weights? Count along one axis first.",
                    "Along one axis there is one value for each remainder by the stride.",
                ),
                (
                    (4, "With stride 2 there were two along each axis."),
                    (8, "The image has two axes, and along each it is the stride that counts."),
                    (64, "That is one for each weight; but outputs S apart are alike."),
                    (1, "That would be no checkerboard. Each output sees 4 of the 64 weights."),
                ),
            ),
        ),
        "prediction = 4 * 4",
        "One value for each remainder of row and column by the stride: a board of 4×4 tiles "
        "instead of 2×2.",
    ),
    "02.3": Exercise(
        (
            Value(
                "the rule gives P",
                lambda: outputs().index(8),
                (
                    "Put W = 8, S = 2 and F = 4 into the rule.",
                    "(2 − 1) · 8 − 2 + 4, and then the half of it.",
                ),
                (
                    (1, "That is what the study concludes. What does its rule say?"),
                    (10, "Halve it."),
                    (3, "Look at (S − 1) W once more: W is 8."),
                ),
            ),
            Value(
                "and the output has size",
                8,
                (
                    "Section 2 has the size: (W + 2P − F)/S + 1.",
                    "With the P of the rule, not with 1.",
                ),
                (
                    (4, "That is the size with P = 1."),
                    (9, "The last step would stand beyond the border: round down before + 1."),
                ),
            ),
        ),
        """
rule = ((2 - 1) * 8 - 2 + 4) // 2
size = conv_size(8, 4, 2, rule)
""",
        "The rule gives 5, not 1, and with 5 zeros on either side the output is again 8 wide: it "
        "is the rule for *keeping* the size. Halving needs $P = (F - S)/2 = 1$. The value in the "
        "study was right, its derivation not.",
    ),
    "02.4": Exercise(
        (
            Value(
                "first grey level out of reach",
                out_of_reach,
                (
                    "tanh ends at 1. Which grey level is that, after their normalisation?",
                    "(p/255 − 0.37)/0.18 > 1.",
                ),
                (
                    (140, "Is 140 really above 1? The limit lies between two levels."),
                    (49, "That is the lower end, −1; dark levels below it are lost as well."),
                    (94, "That is their mean, 0 after the normalisation."),
                    (255, "White would be 3.5 after the normalisation; tanh ends at 1."),
                ),
            ),
        ),
        "level = math.floor((0.37 + 0.18) * 255) + 1",
        "$(p/255 - 0.37)/0.18 > 1$ from $p = 141$ on: no scratch can be bright. D sees at once "
        "that no fake has a bright pixel, and wins for ever. Levels below 49 are lost as well.",
    ),
}
