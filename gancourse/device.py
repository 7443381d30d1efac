"""Where to compute and how: device, precision, seeds and the state of random numbers.

The course runs on CUDA, on Apple's MPS or on a plain CPU, always on one device in one process.
Hugging Face Accelerate moves networks and batches there and casts to half precision.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import numpy as np
import torch

from gancourse.errors import GancourseError, unknown

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def pick(name: str = "auto") -> torch.device:
    """The device to compute on: ``auto`` takes CUDA, else MPS, else the CPU.

    Raises ``GancourseError`` when a device is asked for that this machine does not have.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": _has_mps(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in present.items() if there)
    kind = str(name).partition(":")[0]
    if kind not in present:
        raise unknown("device", name, ("auto", *present))
    if not present[kind]:
        raise GancourseError(
            f"Device {name!r} was asked for, but this PyTorch ({torch.__version__}) sees none. "
            "Use device='auto' or 'cpu', or install a PyTorch build for your hardware."
        )
    return torch.device(name)


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def pick_precision(device: torch.device, precision: str = "auto") -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` is fp32.

    Half precision is not faster by itself: at batch 1 a CycleGAN's step took 62 ms in bf16 and 45
    in fp32 on an H100, a DCGAN's 15.6 and 12.5 (many small launches, and the casts are more of
    them): it has to be timed. fp32 is PyTorch's: cuDNN may round to TF32 inside
    convolutions.
    """
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision == "fp16" and device.type == "cpu":
        raise GancourseError("fp16 needs a GPU; on the CPU use precision='fp32'.")
    return "fp32" if precision == "auto" else precision


def choice(name: str, value: str | bool) -> bool | None:
    """None for "auto", else whether it is on; raises ``UnknownName`` for another word."""
    known = {"auto": None, "on": True, "off": False}
    if isinstance(value, bool):
        return value
    if value not in known:
        raise unknown(name, value, known)
    return known[value]


def check_one_process() -> None:
    """Raise ``GancourseError`` in one of several processes of ``torchrun`` or the like."""
    said = os.environ.get("WORLD_SIZE", "1")
    if said.isdigit() and int(said) > 1:
        raise GancourseError(
            f"This is one of {said} processes (WORLD_SIZE) that torchrun or accelerate launch "
            "started. A training is one process on one device: all of them would take the same "
            "batches and write to the same folder. Start it with python alone, or with "
            "--nproc_per_node 1 (of accelerate: --num_processes 1)."
        )


def accelerator(device: str = "auto", precision: str = "auto"):
    """An ``accelerate.Accelerator`` on ``pick(device)`` with ``pick_precision``.

    Raises ``GancourseError`` in one of several processes of a launcher.
    """
    check_one_process()
    target = pick(device)
    if target.index is not None:
        torch.cuda.set_device(target)
    os.environ["ACCELERATE_USE_CPU"] = str(target.type == "cpu").lower()
    os.environ.pop("LOCAL_RANK", None)  # of a launcher with one process: that is a plain run
    from accelerate import Accelerator  # imported here: it takes over a second
    from accelerate.state import AcceleratorState
    from accelerate.utils import AutocastKwargs

    AcceleratorState._reset_state(reset_partial_state=True)  # a notebook may change its mind
    mixed = pick_precision(target, precision).replace("fp32", "no")
    # no cache of casted weights: a network uses each once, and a CUDA graph must not keep one
    casts = AutocastKwargs(cache_enabled=False)
    return Accelerator(mixed_precision=mixed, cpu=target.type == "cpu", kwargs_handlers=[casts])


def seed_everything(seed: int) -> int:
    """Seed Python's, NumPy's and PyTorch's generators (all devices); returns the seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return seed


def describe(device: torch.device | str = "auto", precision: str = "auto") -> str:
    """One line for captions and records: ``NVIDIA A100 (bf16)``, ``CPU, 2 threads (fp32)``."""
    device = pick(device) if isinstance(device, str) else device
    precision = pick_precision(device, precision)
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({precision})"
    if device.type == "mps":
        return f"Apple GPU ({precision})"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' * (threads > 1)} ({precision})"


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
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
    for mps in state["mps"]:
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
