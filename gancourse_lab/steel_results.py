"""What the study of synthetic steel found (chapter 11): its record, read and compared.

A cell is one classifier: a data set, ``n`` real pictures of the minority, an arm, a ratio of
synthetic to real pictures, a seed. Seeds are folds, so two arms are compared on the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gancourse.errors import GancourseError, among
from gancourse_lab import paired
from gancourse_lab.imbalance import CEILING, GENERATORS, PLAIN
from gancourse_lab.paired import Difference, Outcome

SCORE = "macro-F1"
BASELINES = ("classical", "over-sampling")  # what synthetic pictures have to beat


class Question(NamedTuple):
    """One comparison: the ``arm`` against the ``baseline`` of the same data and ``n``."""

    data: str
    n: int | str
    arm: str
    baseline: str


# Named on 2026-11-27, before a result of any arm was seen: what synthetic pictures add to the
# cheapest remedy, where pictures are few and where they are not; in macro-F1.
PRIMARY = (
    Question("neu", 20, "dcgan+classical", "classical"),
    Question("neu", "all", "dcgan+classical", "classical"),
    Question("tiles", 20, "cyclegan+classical", "classical"),
    Question("tiles", "all", "cyclegan+classical", "classical"),
)
