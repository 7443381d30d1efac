"""Crops and run lengths against the rates that chapter 10 promises."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from gancourse_lab import crops, defects, run_lengths

from .training import row

RATE = 200  # pictures a second on two cores


def steel_crops() -> dict:
    """1,000 tiles of 200x256 px with a defect or without: one crop each, files to pixels."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        sheets = []
        for i in range(1000):
            file = Path(folder) / f"{i}.jpg"
            Image.fromarray(rng.integers(60, 200, (256, 200), np.uint8)).save(file)
            boxes = np.array([[80, 100, 110, 130]] * (i % 2), np.float32).reshape(-1, 4)
            kinds = ["hole"] * len(boxes)
            sheets.append(defects.Sheet(file, (256, 200), f"{i}", boxes, kinds))
        began = time.perf_counter()
        made = crops.cut(sheets, crops.Rule(size=96))
        each = (time.perf_counter() - began) / 1000
    assert len(made.images) == 1000
    notes = f"{1 / each:.0f} pictures a second on {os.cpu_count()} cores"
    return row(f"a crop of 96 px (reference: {RATE} a second)", each, 1 / RATE, 1, notes)


def steel_run_lengths() -> dict:
    """1,000 masks of 1600x256 with some 670 runs each, from text to pixels."""
    rng, texts = np.random.default_rng(0), []
    for _ in range(20):
        noise = ndimage.gaussian_filter(rng.normal(size=run_lengths.STRIP), 20)
        texts.append(run_lengths.encode(noise > 0.025))
    began = time.perf_counter()
    for i in range(1000):
        run_lengths.decode(texts[i % 20], *run_lengths.STRIP)
    taken = time.perf_counter() - began
    notes = f"{len(texts[0].split()) // 2} runs in the first"
    return row("1,000 run-length masks of 1600x256 (reference: 1 s)", taken, 1.0, 1, notes)


BENCHMARKS = (steel_crops, steel_run_lengths)
