"""The answers of chapter 00."""

import math

import torch

from gancourse import losses
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Property, Value

CALLS = ["zero_grad", "real", "fake", "step"]


def undecided() -> float:
    """L_D of a D that answers the logit 0 everywhere."""
    logits = torch.zeros(10, dtype=torch.float64)
    return sum(losses.bce_discriminator(logits, logits)).item()


def fools(points, near, real, bandwidths) -> str:
    """What 500 points lack to be near the ring one by one, and wrong as a cloud."""
    if tuple(points.shape) != (500, 2):
        return f"a tensor (500, 2) is asked for, and this is {tuple(points.shape)}"
    share, mmd2 = near(points), losses.mmd2(points, real, bandwidths).item()
    if share < 1:
        return f"{share:.0%} are near the ring: the share sees that something is wrong"
    return "" if mmd2 > 0.5 else f"all are near the ring, but MMD² is {mmd2:.2f}: too good a cloud"


def where(fakes) -> str:
    """The word "middle", "ring" or "away": where half of the fakes are."""
    radius = fakes.norm(dim=1).median()
    return "middle" if radius < 0.5 else "ring" if radius < 1.5 else "away"


def teaches(order, belief) -> str:
    """What D lacks after training with its calls in ``order``."""
    if sorted(order) != sorted(CALLS):
        return f"the four words are {', '.join(CALLS)}, each once"
    on_real, on_fake = belief(list(order))
    if on_real > 0.9 and on_fake < 0.1:
        return ""
    return f"this D says {on_real:.2f} of real points and {on_fake:.2f} of fakes"


EXERCISES = {
    "00.1": Exercise(
        (
            Value(
                "L_D at the end",
                undecided,
                (
                    "Put D = ½ into both terms of L_D.",
                    "−log ½ = log 2, and L_D has a term for real and one for fake points.",
                ),
                (
                    (math.log(2), "That is one of the two terms."),
                    (0.0, "0 would be a D that is sure and never wrong."),
                    (1.0, "½ + ½ are the probabilities; a loss is their −log."),
                    (2.0, "That is in bits; log is the natural one here."),
                    (-2 * math.log(2), "Look at the signs: a loss is −log, and D < 1."),
                ),
                tolerance=1e-3,
            ),
        ),
        "loss_of_d = 2 * math.log(2)",
        "Each term is $-\\log ½ = \\log 2$, and there are two: 1.386, or $\\log 4$. A loss of D "
        "near this value is what a good end looks like, but a D that never learned anything has "
        "it as well.",
    ),
    "00.2": Exercise(
        (
            Property(
                "500 points that fool the share",
                fools,
                (
                    "The share asks each point alone. What does it not ask?",
                    "Nobody said that the 500 points must differ.",
                ),
            ),
        ),
        "points = torch.tensor([[1.0, 0.0]]).expand(500, 2)",
        "One point of the ring, 500 times. Each fake is perfect, and the generator is useless: "
        "it makes one thing. This is *mode collapse*, and a score that judges fakes one by one "
        "cannot see it. MMD² compares the clouds, and does.",
    ),
    "00.3": Exercise(
        (
            Value(
                "the fakes of a D that never learns",
                where,
                (
                    "Which of the two networks knows where the data are?",
                    "D's first, random landscape stays for ever, and G always walks up.",
                ),
                (
                    ("ring", "Who should have told G of the ring? A D that never learns cannot."),
                    ("middle", "G's rate is not 0: it moves wherever D's random slope points."),
                ),
            ),
        ),
        'guess = "away"',
        "An untrained D slopes somewhere, by chance, and G walks along that slope, past the ring "
        "and on. (With another seed it may find a dip, and stay there.) Nothing in $L_G$ knows "
        "the data: all that G learns of them comes through D.",
    ),
    "00.4": Exercise(
        (
            Property(
                "the right order",
                teaches,
                (
                    "Whose gradient is still there when `step` comes?",
                    "Both halves must lie between `zero_grad` and `step`.",
                ),
            ),
        ),
        'order = ["zero_grad", "real", "fake", "step"]',
        "Their `zero_grad` stood between the two halves and threw the gradient of the real ones "
        'away. $D$ only ever learned "fake", said so of everything, and its slope pointed '
        "nowhere. Such a run raises no error. One sees it in $D(x)$, which falls with $D(G(z))$ "
        "instead of rising: so chapter 02 draws both.",
    ),
}
