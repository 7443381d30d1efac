"""The state of every random generator, to be put back later."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


def random_state() -> dict:
    """The state of Python's, NumPy's and PyTorch's generators, as plain numbers and tensors.

    PyTorch has one for the CPU, one for each CUDA device and one for Apple's MPS.
    """
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
    }


def set_random_state(state: dict) -> None:
    """Put back what ``random_state`` returned, for the devices that this machine has."""
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    for mps in state.get("mps", []):  # absent in a checkpoint of before
        if torch.backends.mps.is_available():
            torch.mps.set_rng_state(mps)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """What is drawn inside changes no generator; ``torch.random.fork_rng`` leaves out MPS's."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
