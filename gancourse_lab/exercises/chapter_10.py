"""The answers of chapter 10."""

from __future__ import annotations

from gancourse_lab import crops, localiser
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Value

CROP, TILE, DEFECT = 64, 200, 20


def row_and_column(number: int, height: int) -> tuple[int, int]:
    """Counted from 0, of pixel ``number``, counted from 1 down the columns."""
    column, row = divmod(number - 1, height)
    return row, column


def counted_from_zero(number: int, height: int) -> tuple[int, int]:
    """The mistake of taking the first pixel for number 0."""
    column, row = divmod(number, height)
    return row, column


def exchanged(number: int, height: int) -> tuple[int, int]:
    """Column first."""
    return divmod(number - 1, height)


def numbers() -> dict[str, tuple]:
    """Pixels at the ends of columns, and one inside."""
    return {
        f"pixel {number} of {height} rows": (number, height)
        for number, height in ((1, 256), (256, 256), (257, 256), (5, 3), (409_600, 256))
    }


def is_kept(left: float) -> bool:
    """Whether a defect whose left side is ``left`` gets a crop."""
    box = (left, 90, left + DEFECT, 90 + DEFECT)
    return crops.crop_at(box, CROP, TILE, (0, TILE)) is not None


def overlap(a, b) -> float:
    """Intersection over union of two boxes."""
    return float(localiser.iou([a], [b])[0])


def of_the_sum(a, b) -> float:
    """The mistake of counting the intersection twice in the union."""
    sides = [max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return sides[0] * sides[1] / sum(areas)


def without_the_zero(a, b) -> float:
    """The mistake of letting an intersection have negative sides."""
    sides = [min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1)]
    both = sides[0] * sides[1]
    return both / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - both)


def boxes() -> dict[str, tuple]:
    """Pairs that are equal, overlap, lie in each other, touch, and lie apart both ways."""
    first = [10, 10, 20, 30]
    others = {
        "two equal boxes": first,
        "boxes that overlap": [15, 20, 25, 40],
        "one in the other": [12, 15, 15, 20],
        "boxes that touch": [20, 10, 30, 30],
        "boxes apart to the side": [40, 10, 50, 30],
        "boxes apart both ways": [40, 50, 60, 70],
    }
    return {label: (first, other) for label, other in others.items()}


EXERCISES = {
    "10.1": Exercise(
        (
            Function(
                "the row and the column",
                row_and_column,
                numbers,
                (
                    "Pixel 1 is the upper left one, and pixel 2 lies *below* it.",
                    "`divmod(number - 1, height)` is the column and the row.",
                ),
                (
                    (counted_from_zero, "The first pixel has the number 1."),
                    (exchanged, "The row comes first here, the column second."),
                ),
            ),
        ),
        """
def row_and_column(number, height):
    column, row = divmod(number - 1, height)
    return row, column
""",
        "Down the columns, `height` pixels each, from 1. Whoever reads along the rows divides by "
        "the *width*, 1600: a blob in the middle becomes stripes all over the strip.",
    ),
    "10.2": Exercise(
        (
            Value(
                "pixels between the centres",
                20,
                (
                    "Where would the crop begin if it could? And where does it have to?",
                    "The crop goes from 0 to 64. The defect's centre is at 12.",
                ),
                (
                    (0, "That crop would begin at −20, outside of the tile."),
                    (12, "That is the defect's centre. Where is the crop's?"),
                ),
            ),
            Value(
                "it is kept",
                lambda: is_kept(2),
                (
                    "How far may the centres be apart, in pixels of this crop?",
                    "A quarter of 64 is 16.",
                ),
            ),
            Value(
                "the smallest left side",
                lambda: next(left for left in range(TILE) if is_kept(left)),
                (
                    "Its centre may be 16 pixels off 32.",
                    "A centre at 16, and half of the defect is 10.",
                ),
                (
                    (16, "That is where its centre lies."),
                    (22, "That would be in the middle. It needs not be."),
                ),
            ),
        ),
        "between = 20\nkept_then = False\nfrom_left = 6",
        "The crop has to begin at 0, its centre is 32, the defect's 12: 20 pixels, and 16 are "
        "allowed. With its left side at 6 the defect's centre is 16, and it is just kept.",
    ),
    "10.3": Exercise(
        (
            Value(
                "the ways that leak",
                ["P", "R"],
                (
                    "Exposures of a tile have different names. What do P and R look at?",
                    "Only one of the three asks which tile a file shows.",
                ),
                (
                    (["P"], "And where are exposures 1 to 4 of the tiles of exp5 and exp6?"),
                    (["R"], "A tile's exposures have several names, so several hashes."),
                    (["P", "Q", "R"], "Q sends all pictures of a tile to one side."),
                ),
            ),
        ),
        'leak = ["P", "R"]',
        "P scatters the exposures of a tile over both sides. R separates *lamps*, not metal: each "
        "tile that has an exposure 5 or 6 is in training under the others. Only Q keeps a piece "
        "together.",
    ),
    "10.4": Exercise(
        (
            Function(
                "the intersection over the union",
                overlap,
                boxes,
                (
                    "The intersection goes from the larger left to the smaller right side.",
                    "Its width is `max(0, min(a[2], b[2]) - max(a[0], b[0]))`. The union is both "
                    "areas less the intersection.",
                ),
                (
                    (of_the_sum, "The intersection is in both areas: the union has it once."),
                    (without_the_zero, "Boxes apart have no intersection: no side is negative."),
                ),
            ),
        ),
        """
def iou(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(areas) - wide * high)
""",
        "Small boxes are judged hard: one of 8 by 12 pixels that is told two pixels to the right "
        "and two too low has an IoU of 0.45, and counts as not found.",
    ),
}
