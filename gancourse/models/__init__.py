"""The field's networks, a file for each model; ``network`` builds one by name."""

from __future__ import annotations

import importlib

from torch import nn

from gancourse.errors import unknown


def network(name: str, settings) -> nn.Module:
    """A fresh network of ``settings.model``, by the name that its step and its records use.

    ``gancourse.models.<model>.NETWORKS`` holds what there is. Raises ``UnknownName``.
    """
    known = importlib.import_module(f"gancourse.models.{settings.model}").NETWORKS
    if name not in known:
        raise unknown(f"network of a {settings.model}", name, known)
    return known[name](settings)
