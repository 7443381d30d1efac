"""Two folders of pictures compared: how far apart, how surely, and what so many pictures tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from gancourse import data
from gancourse.errors import GancourseError
from gancourse.files import path_of
from gancourse.metrics import features
from gancourse.metrics.distances import Interval, frechet, kid, precision_recall
from gancourse_studies import folders

K = 3  # neighbours of precision and recall
FEWEST = K + 2  # a side: one more than precision and recall need
SMALL = 100  # in chapter 08 70 zebras a side hide 29 % horses from KID, 140 hide 19 % (power 80 %)
LARGEST = 299  # pixels: what Inception looks at


@dataclass
class Score:
    """How far the pictures of ``other`` are from those of ``reference``.

    ``kid`` is KID×10³ with its 95 % interval and ``p`` a permutation test's: how often pictures
    dealt at random to two sides lie as far apart. ``names`` says what the four numbers are called,
    by the features that they are of.
    """

    reference: str
    other: str
    kid: Interval
    p: float
    fid: float
    precision: float
    recall: float
    names: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.p <= 0.05:
            verdict = "they differ"
        else:
            verdict = "so many pictures cannot tell them apart"
        rows = [
            (self.names["kid"], f"{self.kid.value:.2f} [{self.kid.low:.2f}, {self.kid.high:.2f}]"),
            ("permutation test", f"p = {self.p:.3f}: {verdict}"),
            (self.names["fid"], f"{self.fid:.2f}"),
            (self.names["precision"], f"{self.precision:.2f}"),
            (self.names["recall"], f"{self.recall:.2f}"),
        ]
        lines = [f"reference: {self.reference}", f"compared:  {self.other}"]
        lines += [f"{name:<26} {value}" for name, value in rows]
        return "\n".join(lines + [f"note: {text}" for text in self.warnings])


def score(
    reference: str | Path,
    other: str | Path,
    *,
    size: int | None = None,
    kind: str | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Score:
    """Compare the pictures of two folders, at the same ``size`` of their middle squares.

    By default that is the smaller of the folders' median short sides, at most ``LARGEST``: else
    the sharper side would be told by its sharpness. ``kind`` as in ``features.extractor``, by
    default Inception-768 where its weights are here, else the stand-in, and the names say which.
    Raises ``GancourseError`` for fewer than ``FEWEST`` pictures a side, or a side of equal ones.
    """
    from gancourse_lab.uncertainty import permutation_test

    sides = [short_side(folder) for folder in (reference, other)]
    size = min(LARGEST, *sides) if size is None else size
    sets = [data.folder(folder, size=size) for folder in (reference, other)]
    for found, folder in zip(sets, (reference, other), strict=True):
        if len(found) < FEWEST:
            raise GancourseError(
                f"{folder} holds {len(found)} pictures: a score needs {FEWEST} or more a side, and "
                f"says little below {SMALL}."
            )
    extract = features.extractor(folders.best_features() if kind is None else kind, device)
    a, b = (extract(found.images, progress=progress) for found in sets)
    value = kid(a, b)
    precision, recall = precision_recall(a, b, K)
    return Score(
        reference=sets[0].caption,
        other=sets[1].caption,
        kid=Interval(value.value * 1e3, value.low * 1e3, value.high * 1e3),
        p=permutation_test(a, b)[0],
        fid=frechet(a, b),
        precision=precision,
        recall=recall,
        names={
            "kid": extract.kid,
            "fid": extract.metric,
            "precision": f"precision ({extract.name})",
            "recall": f"recall ({extract.name})",
        },
        warnings=_warnings(sets, sides, size, extract),
    )


def short_side(folder: str | Path) -> int:
    """The median of the short sides, in pixels, of the pictures in ``folder`` and below.

    Only headers are read. Raises ``DataNotFound`` where there are none.
    """
    found = folders.short_sides(folder) if path_of(folder).is_dir() else []
    if not found:
        data.folder(folder)  # says what is wrong with it
    return int(median(found)) if found else LARGEST


def _warnings(sets, sides, size: int, extract) -> list[str]:
    """What the reader has to know before believing the numbers."""
    said, n = [], min(map(len, sets))
    if extract.name == "stand-in":
        said.append(
            "the features are a stand-in's, so these numbers compare with nothing published. "
            "`gancourse data fetch fid-inception` gets the real ones."
        )
    if n < SMALL:
        said.append(
            f"{n} pictures on the smaller side are few: only a large difference shows (chapter 08: "
            "with 70 a side, from 29 % horses among zebras on), and a p above 0.05 does not say "
            "that there is none."
        )
    if n < 10 * extract.dims:
        said.append(
            f"{extract.metric} is too large with so few pictures ({extract.dims} dimensions): "
            f"compare it only with others at n = {len(sets[0])} and {len(sets[1])}."
        )
    if max(sides) > 1.5 * min(sides):
        said.append(
            f"the short sides are {sides[0]} and {sides[1]} px; both were compared at {size} px."
        )
    shared = {row.numpy().tobytes() for row in sets[0].images} & {
        row.numpy().tobytes() for row in sets[1].images
    }
    if shared:
        said.append(f"{len(shared)} pictures are in both folders, which makes every score better.")
    for found in sets:
        if found.skipped:
            listed = ", ".join(name for name, _ in found.skipped)
            said.append(f"not read from {found.name}: {listed}.")
    return said
