"""The answers of chapter 01."""

import math

import torch

from gancourse import losses
from gancourse_lab import theory
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value

ETA = 1.1  # of the extragradient steps


def samples() -> dict[str, tuple]:
    draw = torch.Generator().manual_seed(1)
    many = torch.rand(500, generator=draw), 0.25 + torch.rand(500, generator=draw)
    return {
        "x = [0, 1], y = [1, 2]": (torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])),
        "x = [3, 1, 2], y = [2, 3, 1]": (
            torch.tensor([3.0, 1.0, 2.0]),
            torch.tensor([2.0, 3.0, 1.0]),
        ),
        "x = [0, 2], y = [1, 1]": (torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0])),
        "x = [0, 0], y = [0, 4]": (torch.tensor([0.0, 0.0]), torch.tensor([0.0, 4.0])),
        "one number each, x = [−1], y = [1]": (torch.tensor([-1.0]), torch.tensor([1.0])),
        "500 numbers each": many,
    }


def gradient_in_the_turn_of_d() -> float:
    """What g = 2 gets from softplus(1.5 g) where nothing is detached."""
    g = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.softplus(1.5 * g).backward()
    return g.grad.item()


def after_a_step(loss) -> float:
    """Where g = 0 is after a step of rate 0.1 down ``loss`` of the critic f(x) = x."""
    g = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    loss(g).sum().backward()
    return (g - 0.1 * g.grad).item()


def growth(path) -> float:
    """The factor of a step of extragradient, by fifty of them."""
    size = path("extragradient", ETA, 50).norm(dim=1)
    return float((size[-1] / size[0]) ** (1 / 50))


EXERCISES = {
    "01.1": Exercise(
        (
            Function(
                "W1 of two samples",
                theory.wasserstein1,
                samples,
                (
                    "W1 is the mean way of all the mass, under the best matching.",
                    "The smallest of x goes to the smallest of y, and so on.",
                ),
                (
                    (
                        lambda x, y: (x.mean() - y.mean()).abs(),
                        "That compares the means only: mass that moves out to both sides counts, "
                        "too.",
                    ),
                    (
                        lambda x, y: (x - y).abs().mean(),
                        "You pair the numbers as they were drawn; another matching is shorter.",
                    ),
                    (
                        lambda x, y: (x.sort().values - y.sort().values).square().mean().sqrt(),
                        "That is W2: it squares the ways.",
                    ),
                    (
                        lambda x, y: (x.sort().values - y.sort().values).abs().sum(),
                        "That adds the ways up; each number carries 1/n of the mass.",
                    ),
                ),
            ),
        ),
        """
def w1_of_samples(x, y):
    return (x.sort().values - y.sort().values).abs().mean().item()
""",
        "No other matching is shorter: ways that cross can be uncrossed.",
    ),
    "01.2": Exercise(
        (
            Value(
                "gradient of g in D's turn",
                gradient_in_the_turn_of_d,
                (
                    "Only softplus(ℓ) contains g, with ℓ = 1.5 g = 3. Chain rule.",
                    "The slope of softplus is the sigmoid.",
                ),
                (
                    (1.5, "That is the slope of ℓ in g alone; softplus has one, too."),
                    (1 / (1 + math.exp(-3)), "That is the slope of softplus at 3; now ℓ = 1.5 g."),
                    (-1.5 / (1 + math.exp(-3)), "Look at the sign: softplus(ℓ) grows with ℓ."),
                    (-1.5 / (1 + math.exp(3)), "That is what g gets in its own turn."),
                    (math.log1p(math.exp(3)), "That is the loss, not its slope."),
                    (0.0, "Nothing in the code cuts the fakes loose from G."),
                ),
                tolerance=1e-3,
            ),
            Value(
                "what it should be",
                0.0,
                (
                    "Whose loss is it, and whose turn?",
                    "What does `detach` do to a gradient?",
                ),
            ),
        ),
        """
gradient_of_g = 1.5 / (1 + math.exp(-3.0))
should_be = 0.0
""",
        "The fakes are not detached. `opt.step()` then moves $G$ *down* $D$'s loss, that is, it "
        "helps $D$ to recognise the fakes, and half of each round undoes the other half. With two "
        "optimisers it would only be wasted time.",
    ),
    "01.3": Exercise(
        (
            Value(
                "g in their code",
                lambda: after_a_step(lambda f: f),
                (
                    "f(g) = g. What is its slope, and which way does an optimiser go?",
                    "g minus 0.1 times the slope of the loss as they wrote it.",
                ),
                (
                    (0.1, "An optimiser goes *down* what it is handed."),
                    (-1.0, "That is the whole slope; the rate is 0.1."),
                    (0.0, "The slope of f(g) = g is not 0."),
                ),
                tolerance=1e-4,
            ),
            Value(
                "g in a right one",
                lambda: after_a_step(losses.wasserstein_generator),
                (
                    "G wants the critic to give its fakes a higher value.",
                    "The right loss of G is −D(G(z)).",
                ),
                (
                    (-0.1, "That is away from the reals, which lie at 3."),
                    (3.0, "One step of rate 0.1 does not go all the way."),
                    (1.0, "That is without the rate."),
                ),
                tolerance=1e-4,
            ),
        ),
        """
theirs = -0.1
right = 0.1
""",
        "Both expressions are to be *raised*, each by its player, and optimisers lower: both need "
        "a minus. Their fakes run away from the reals. The critic's loss has the same slip, so "
        "there the critic learns to prefer fakes.",
    ),
    "01.4": Exercise(
        (
            Value(
                "factor of a step",
                growth,
                (
                    "Section 7's table has a formula for extragradient steps.",
                    "Its root at η = 1 is exactly 1; what then at 1.1?",
                ),
                (
                    (math.sqrt(1 + ETA**2), "That is the factor of simultaneous steps."),
                    (1 - ETA**2 + ETA**4, "That is the factor of the *squared* distance."),
                    (1.0, "That is so at η = 1."),
                ),
                tolerance=1e-3,
            ),
        ),
        "factor = math.sqrt(1 - 1.1**2 + 1.1**4)",
        "1.12: it runs away. Looking ahead helps only as far as one can see.",
    ),
}
