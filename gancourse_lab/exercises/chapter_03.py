"""The answers of chapter 03."""

import functools

import torch
from torch import nn

from gancourse import augment
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Property, Value


def pictures_of_one_photograph() -> int:
    """How many the pipeline makes: 64 px, a window of 64, and the flip."""
    photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    made = augment.crop_and_flip(photo.expand(200, -1, -1, -1), 64)
    return len(made.flatten(1).unique(dim=0))


def places_without(step) -> list[int]:
    """The places, 1 to 3, where D sees images that ``step``'s change has not touched."""
    seen = []

    class Spy(nn.Linear):
        def forward(self, images):
            seen.append(float(images.detach().mean()))
            return super().forward(images.flatten(1))

    nets = nn.Linear(2, 4), Spy(4, 1)
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.0) for net in nets]
    marked = functools.partial(torch.add, other=1000.0)  # a change that cannot be overlooked
    step(nets, optimizers, torch.zeros(8, 2), torch.zeros(8, 4), marked)
    return [place for place, mean in enumerate(seen, start=1) if mean < 500]


def mirrors(mirror) -> str:
    """What ``mirror`` lacks to mirror each picture of a batch with probability one half."""
    photos = torch.rand(64, 3, 8, 8, requires_grad=True)
    made = mirror(photos)
    if made.shape != photos.shape:
        return f"of a batch {tuple(photos.shape)} it makes {tuple(made.shape)}"
    same, flipped = ((made == x).flatten(1).all(1) for x in (photos, photos.flip(-1)))
    upside_down = (made == photos.flip(-2)).flatten(1).all(1)
    if upside_down.any():
        return "some pictures stand on their heads: the last axis is left to right"
    if not (same ^ flipped).all():
        return f"{int((~(same | flipped)).sum())} of 64 pictures are neither the one nor the other"
    if flipped.all() or same.all():
        return "all 64 pictures of a batch have the same fate: a coin for each"
    if not 10 < flipped.sum() < 54:
        return f"{int(flipped.sum())} of 64 pictures are mirrored: that is no fair coin"
    if not made.requires_grad:
        return "no gradient passes: D could not tell G anything through it"
    made.sum().backward()
    if not (photos.grad == 1).all():
        return "gradients come back changed"
    one = mirror(photos.detach()[:1])
    return "" if one.shape == photos[:1].shape else f"of one picture it makes {tuple(one.shape)}"


def smaller_eigenvalue() -> float:
    flip = torch.tensor([[0.7, 0.3], [0.3, 0.7]], dtype=torch.float64)
    return float(torch.linalg.eigvalsh(flip).min())


EXERCISES = {
    "03.1": Exercise(
        (
            Value(
                "different pictures of one photograph",
                pictures_of_one_photograph,
                (
                    "In how many places does a window of 64 fit into 64 pixels?",
                    "(64 − 64 + 1)² places for the crop, and then the flip.",
                ),
                (
                    (1, "The crop changes nothing, indeed. And the flip?"),
                    (98, "That would be so after a resize to 70."),
                    (49, "That would be the crops alone after a resize to 70."),
                    (4096, "The window has as many pixels; how many *places* has it?"),
                    (8192, "The window has as many pixels; how many *places* has it, then?"),
                ),
            ),
        ),
        "pictures = 2 * (64 - 64 + 1) ** 2",
        "The crop does nothing: a window of 64 fits into 64 pixels in one place only. What "
        "remains is the photograph and its mirror image. Resized to 70 first, it would have been "
        "2 · 49 = 98.",
    ),
    "03.2": Exercise(
        (
            Value(
                "places where T is missing",
                lambda step: places_without(step),
                (
                    "Find the three calls of `disc`. What is handed to each?",
                    "`real` went through `change`. Did `fake`, ever?",
                ),
                (
                    ([1], "`real = change(real)` stands at the top."),
                    ([2], "And in G's step?"),
                    ([3], "And in D's step, where it sees fakes?"),
                    ([1, 2, 3], "One of the three has it: look at `real`."),
                    ([], "Then the pictures above would be alike."),
                ),
            ),
        ),
        "missing = [2, 3]",
        "$T$ acts on the reals alone. To D a grey square is then a mark of reality. After a quick "
        "or a full run the last column shows it: the suspect's D gives fakes a *higher* score once "
        "a square is cut out of them, and the first column shows that G learns to draw grey. It is "
        "the classical way of section 2, with a policy that leaves the distribution. In the right "
        "step squares are no mark: they stand on both sides.",
    ),
    "03.3": Exercise(
        (
            Property(
                "mirror",
                mirrors,
                (
                    "A coin for each picture: a tensor (N, 1, 1, 1) of True and False.",
                    "`torch.where(coins, x.flip(-1), x)` with such coins.",
                ),
            ),
        ),
        """
def mirror(x):
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)
""",
        "In front of D it passes gradients and is still a bad idea: see the next exercise.",
    ),
    "03.4": Exercise(
        (
            Value(
                "smaller eigenvalue",
                smaller_eigenvalue,
                (
                    "Multiply the matrix with (1, 1) and with (1, −1).",
                    "Of (1, −1) it makes (1 − 2s, −(1 − 2s)).",
                ),
                (
                    (1.0, "That is the larger one, of (1, 1)."),
                    (0.7, "That stands on the diagonal; the eigenvalue is another number."),
                    (0.3, "That stands beside the diagonal; the eigenvalue is another number."),
                    (-0.4, "The sign: 0.7 − 0.3."),
                ),
            ),
            Value(
                "the s at which G cannot know",
                0.5,
                (
                    "When does every q look the same through the matrix?",
                    "When its smaller eigenvalue is 0.",
                ),
                (
                    (0.0, "Without flips D sees all."),
                    (1.0, "Always mirrored is as good as never: G can undo it."),
                    (0.3, "At 0.3 the difference is smaller, but still there."),
                ),
            ),
        ),
        """
eigenvalue = 1 - 2 * 0.3
blind = 0.5
""",
        "The eigenvectors are $(1, 1)$ and $(1, -1)$, the second with eigenvalue $1 - 2s$. It is 0 "
        "at $s = \\tfrac12$, the flip that everybody uses: then every $q$ looks the same through "
        "it.",
    ),
}
