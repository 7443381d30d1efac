"""The answers of chapter 05."""

from __future__ import annotations

import copy

import torch
from torch import nn

from gancourse.models import cyclegan
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Property, Value


def is_the_generator(given: object) -> str:
    """What a module lacks to be the generator of width 8 with one residual block."""
    if not isinstance(given, nn.Module):
        return f"an nn.Sequential is asked for, and this is a {type(given).__name__}"
    asked, side = cyclegan.Generator(8, 1), 32
    pictures = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    shape = list(given(pictures).shape)
    if shape != [2, 3, side, side]:
        return f"of 32 px and 3 channels it makes {shape[1:]}, and should make [3, 32, 32]"
    sizes = [[list(p.shape) for p in net.parameters()] for net in (given, asked)]
    if sizes[0] != sizes[1]:
        mine, theirs = (sum(p.numel() for p in net.parameters()) for net in (given, asked))
        return (
            f"its shape is right; it has {mine:,} weights, the published one {theirs:,} at width 8"
        )
    copied = copy.deepcopy(given)
    with torch.no_grad():
        for mine, theirs in zip(copied.parameters(), asked.parameters(), strict=True):
            mine.copy_(theirs)
        same = torch.allclose(copied(pictures), asked(pictures), atol=1e-5)
    return "" if same else "it has the right weights, but computes something else with them"


def sorted_gap() -> float:
    """The distance of 2 + x² to uniform on [2, 3], as wholes; to the own y it is the same."""
    x = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    return float((x - x**2).mean())


def exchanged(loss: nn.Module, off: float) -> float:
    """A loss of something that is ``off`` everywhere."""
    return loss(torch.full((4,), off), torch.zeros(4)).item()


def deeper(size: int = 256) -> tuple[int, int]:
    """What a logit of a PatchGAN with four strided layers sees, and the side of its map."""
    net = cyclegan.PatchDiscriminator(4, 4)
    seen = int((cyclegan.receptive_field(cyclegan.initialise(net), size) > 0).any(0).sum())
    return seen, net(torch.zeros(1, 3, size, size)).shape[-1]


EXERCISES = {
    "05.1": Exercise(
        (
            Property(
                "the generator",
                is_the_generator,
                (
                    "Count: a reflection, a 7×7 convolution, two of stride 2, the block, two "
                    "transposed ones, a reflection, 7×7 again, tanh.",
                    "Norm and ReLU stand behind every convolution but the last. The channels are "
                    "3, 8, 16, 32, 32, 16, 8, 3.",
                ),
            ),
        ),
        """
my_generator = nn.Sequential(
    nn.ReflectionPad2d(3),
    nn.Conv2d(3, 8, 7),
    nn.InstanceNorm2d(8),
    nn.ReLU(),
    nn.Conv2d(8, 16, 3, stride=2, padding=1),
    nn.InstanceNorm2d(16),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1),
    nn.InstanceNorm2d(32),
    nn.ReLU(),
    cyclegan.ResidualBlock(32),
    nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
    nn.InstanceNorm2d(16),
    nn.ReLU(),
    nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),
    nn.InstanceNorm2d(8),
    nn.ReLU(),
    nn.ReflectionPad2d(3),
    nn.Conv2d(8, 3, 7),
    nn.Tanh(),
)
""",
        "The published one has 64 for 8, and nine blocks.",
    ),
    "05.2": Exercise(
        (
            Value(
                "to B, as a whole",
                sorted_gap,
                (
                    "Sort both sides. Is $2 + x^2$ sorted already?",
                    "It is the mean of $(2 + x) - (2 + x^2)$ over $[0, 1]$.",
                ),
                (
                    (0.0, "It fills [2, 3], but not evenly: more of it lies near 2."),
                    (0.5, "That is the mean of x. Here two increasing curves are compared."),
                ),
                tolerance=2e-3,
            ),
            Value(
                "way back",
                0.0,
                (
                    "Can two different x have the same square?",
                    "On [0, 1] there is a function that undoes the square.",
                ),
                tolerance=2e-3,
            ),
            Value(
                "to own y",
                sorted_gap,
                (
                    "The own y is $x + 2$.",
                    "Which $x$ gets the largest $G(x)$, and which the largest y? The same.",
                ),
                ((0.0, "Only $G(x) = x + 2$ has that."),),
                tolerance=2e-3,
            ),
        ),
        "as_a_whole = 1 / 6\nway_back = 0.0\nto_own_y = 1 / 6",
        "The root undoes it. An increasing map keeps the order, so both distances are "
        "$\\int (x - x^2)\\,dx = 1/6$. Here the adversary does see the error, and repairing the "
        "distribution repairs every single $x$.",
    ),
    "05.3": Exercise(
        (
            Value(
                "adversarial term of the buggy code",
                lambda: exchanged(nn.L1Loss(), 2.0),
                (
                    "Which of the two functions is called `adversarial` now?",
                    "The mean absolute difference of 3 and 1.",
                ),
                ((4.0, "That is right code. The caller has the other function."),),
            ),
            Value(
                "cycle term of the buggy code",
                lambda: exchanged(nn.MSELoss(), 0.5),
                (
                    "Which of the two functions is called `cycle` now?",
                    "The mean squared difference, of 0.5 everywhere.",
                ),
                ((0.5, "That is right code: the mean absolute difference."),),
            ),
        ),
        "adversarial_term = 2.0\ncycle_term = 0.25",
        "L1 on the logits has the same slope however wrong $G$ is; squares in the cycle forgive "
        "small errors and blur. And λ = 10 now weighs another quantity, so that numbers from "
        "papers no longer apply. Return a dict, or unpack by name.",
    ),
    "05.4": Exercise(
        (
            Value(
                "pixels a logit sees",
                lambda: deeper()[0],
                (
                    "The new layer stands in front of the old ones, which see 70.",
                    "$r \\leftarrow s\\,(r - 1) + k$ once more, from $r = 70$.",
                ),
                (
                    (140, "Nearly: neighbours at stride 2 share pixels."),
                    (74, "That would be a layer of stride 1."),
                    (70, "That is the published one, with three strided layers."),
                ),
            ),
            Value(
                "logits along one side",
                lambda: deeper()[1],
                (
                    "Halve 256 four times. The last two layers have stride 1, kernel 4, padding 1.",
                    "Each of those two takes one off.",
                ),
                ((16, "After the four halvings two more layers follow."),),
            ),
        ),
        "pixels = 2 * (70 - 1) + 4\nside_of_map = 256 // 2**4 - 1 - 1",
        "One more strided layer in *front* turns $r$ into $2(r - 1) + 4 = 142$. Four halvings "
        "leave 16, and each of the two layers at stride 1 with padding 1 takes one off.",
    ),
}
