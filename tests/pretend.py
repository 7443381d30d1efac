"""A GPU without a GPU: tensors with real values on the CPU that say they lie on another device.

Inside ``device("cuda")`` or ``device("mps")`` whatever is created there, or moved there, becomes a
``Pretend``. An operation that mixes it with a tensor of the CPU fails as on the real device, and so
does float64 on MPS. ``copies`` counts what was moved from the CPU to the device, ``waits`` what was
fetched from it. Unlike PyTorch's FakeTensorMode there are values, so that code which looks at them
(a search, a proof that it is complete) runs too. No backward passes: the autograd engine asks for
the real device.
"""

import contextlib

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

from gancourse import device as devices

MAY_CROSS = {"_to_copy", "copy_", "to", "_local_scalar_dense"}


class Pretend(torch.Tensor):
    """``held``, a CPU tensor, which claims to lie on ``where``."""

    @staticmethod
    def __new__(cls, held, where):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device="meta",  # what C++ sees: a device that no driver is asked for
        )

    def __init__(self, held, where):
        self.held, self.where = held, where

    @property
    def device(self):
        return self.where

    def new_tensor(self, data, dtype=None):
        return torch.tensor(data, dtype=dtype or self.dtype).to(self.where)

    def tolist(self):
        return self.cpu().tolist()

    def numpy(self):
        raise TypeError(f"can't convert {self.device} device type tensor to numpy")

    def __repr__(self):
        return f"Pretend({self.held}, {self.device})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError("used outside of pretend.device(…)")


class Tensors(TorchFunctionMode):
    """``torch.tensor`` asks the driver before it asks anybody else."""

    def __init__(self, where):
        super().__init__()
        self.where = where

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        asked = torch.device(kwargs.get("device") or "cpu")
        if func is torch.tensor and asked.type == self.where.type:
            return func(*args, **kwargs | {"device": "cpu"}).to(self.where)
        return func(*args, **kwargs)


class Device(TorchDispatchMode):
    """Runs everything on the CPU and keeps account of where it would have been."""

    def __init__(self, kind):
        super().__init__()
        self.where = torch.device(kind, 0)
        self.copies = self.waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
        asked = kwargs.get("device")
        if asked is not None and asked.type == "meta":  # what C++ took a Pretend's device to be
            asked = self.where
        here = [isinstance(x, Pretend) for x in tensors]
        if not any(here) and (asked is None or asked.type != self.where.type):
            return func(*args, **kwargs)
        name = func.overloadpacket.__name__
        self.check(name, tensors, args, kwargs)
        target = self.where if asked is None or asked.type == self.where.type else asked
        to_cpu = name == "_to_copy" and target.type == "cpu" or name == "_local_scalar_dense"
        self.waits += bool(to_cpu)
        self.copies += name in ("_to_copy", "copy_") and not all(here)
        inner = {k: v for k, v in kwargs.items() if k != "device"}
        out = func(*tree_map(self.open, args), **tree_map(self.open, inner))
        if to_cpu:
            return out.clone() if isinstance(out, torch.Tensor) else out
        out = tree_map(self.wrap, out)
        return return_and_correct_aliasing(func, args, kwargs, out)

    def check(self, name, tensors, args, kwargs):
        """Raise what the real device raises."""
        generator = kwargs.get("generator")
        if generator is not None and generator.device.type != self.where.type:
            raise RuntimeError(f"Expected a '{self.where.type}' device type for generator")
        if name in MAY_CROSS:
            return
        if name in ("index", "index_put", "index_put_", "_unsafe_index"):
            tensors = tensors if not isinstance(args[0], Pretend) else tensors[:1]
        strangers = [x for x in tensors if not isinstance(x, Pretend) and x.dim()]
        if strangers and len(strangers) < len(tensors):
            raise RuntimeError(f"{name}: Expected all tensors to be on the same device")

    def open(self, x):
        return x.held if isinstance(x, Pretend) else x

    def wrap(self, x):
        if not isinstance(x, torch.Tensor):
            return x
        if self.where.type == "mps" and x.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return Pretend(x, self.where)


@contextlib.contextmanager
def device(kind):
    """Everything inside may name the device ``kind``, "cuda" or "mps"."""
    with pytest.MonkeyPatch.context() as patch:
        mode = Device(kind)
        patch.setattr(torch.cuda, "_lazy_init", lambda: None)
        patch.setattr(devices, "pick", lambda name="auto": mode.where)
        patch.setattr(torch, "inference_mode", torch.no_grad)  # Pretend has no such kind
        with mode, Tensors(mode.where):
            yield mode
