"""The printed self-checks of the exercises."""

from __future__ import annotations

from numbers import Number


def check(question: str, answer, expected, tolerance: float = 1e-6) -> None:
    """Print the reader's ``answer`` beside the true one: ✓ if they agree, ✗ if not.

    A blank (``...``) gets ○, not answered yet. Numbers agree within ``tolerance``, sequences of
    numbers element by element, everything else by equality.
    """
    if answer is ...:
        print(f"○ {question}: not answered yet")
    else:
        mark = "✓" if _agree(answer, expected, tolerance) else "✗"
        print(f"{mark} {question}: yours {answer}, true {expected}")


def _agree(answer, expected, tolerance: float) -> bool:
    if hasattr(answer, "tolist"):  # tensors and arrays
        answer = answer.tolist()
    if isinstance(expected, list | tuple):
        return (
            isinstance(answer, list | tuple)
            and len(answer) == len(expected)
            and all(_agree(a, e, tolerance) for a, e in zip(answer, expected, strict=True))
        )
    if isinstance(expected, Number) and not isinstance(expected, bool):
        return isinstance(answer, Number) and abs(answer - expected) <= tolerance
    return type(answer) is type(expected) and answer == expected
