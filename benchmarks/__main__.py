"""`python -m benchmarks [word …]`: run the benchmarks whose names hold a word, print one table.

Each number is a ratio measured in one run on one machine; seconds elsewhere will differ. Other
work on the machine disturbs even ratios: run it alone.
"""

from __future__ import annotations

import os
import sys

import torch

from gancourse import device

from . import cyclegan, evaluation, monitor, steel, training

WIDTHS = (70, 10, 10, 8, 6, 7, 0)
HEAD = ("benchmark", "ours", "reference", "ratio", "aim", "reached", "floor and notes")


def cells(row: dict) -> tuple[str, ...]:
    """One benchmark's row as text; ``unit`` is seconds unless it says otherwise."""
    unit = row.get("unit", "s")
    aim = row["aim"]
    if row["ours"] is None:
        return (row["name"], "", "", "", f"≥ {aim:g}×", "not run", row["floor"])
    return (
        row["name"],
        f"{row['ours']:.3g} {unit}",
        f"{row['reference']:.3g} {unit}",
        f"{row['ratio']:.2f}×",
        "" if aim is None else f"≥ {aim:g}×",
        "" if aim is None else ("yes" if row["ratio"] >= aim else "no"),
        row["floor"] or "",
    )


def main(words: list[str]) -> None:
    kinds = (training, cyclegan, evaluation, monitor, steel)
    every = [benchmark for kind in kinds for benchmark in kind.BENCHMARKS]
    chosen = [b for b in every if not words or any(w in b.__name__ for w in words)]
    if not chosen:
        sys.exit(f"No benchmark holds {words}. There are: {', '.join(b.__name__ for b in every)}")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"PyTorch {torch.__version__} on {device.describe('cpu')}")
    if load > 0.7:
        print(f"Load was {load:.1f} before the start: other work slows the side with more threads.")
    show(HEAD)
    failed = []
    for benchmark in chosen:
        print(f"{benchmark.__name__} …", file=sys.stderr, flush=True)
        try:
            rows = benchmark()
        except Exception as error:  # the rows after it are worth having all the same
            failed.append(benchmark.__name__)
            said = str(error).strip().splitlines() or ["no words"]
            show(
                (
                    benchmark.__name__,
                    "",
                    "",
                    "",
                    "",
                    "FAILED",
                    f"{type(error).__name__}: {said[-1]}",
                )
            )
            continue
        for found in [rows] if isinstance(rows, dict) else rows:
            show(cells(found))
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


def show(line: tuple[str, ...]) -> None:
    """Print one line of the table as soon as it is known."""
    padded = (f"{cell:{width}}" for cell, width in zip(line, WIDTHS, strict=True))
    print("  ".join(padded).rstrip(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
