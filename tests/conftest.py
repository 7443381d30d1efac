"""The suite computes on the CPU, also on a machine with a GPU: what it compares came from one.

``make gpu-check`` (``pytest -m gpu``) is the exception: it runs the tests marked so, on the GPU.
"""

import os

import pytest

from gancourse import data, device


def pytest_configure(config):
    if config.getoption("markexpr") != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for the chapters' kernels, too
        device._has_mps = lambda: False


@pytest.fixture
def load_from(monkeypatch):
    """``data.load`` of the real set in a folder: ``load_from(folder, name, …)``."""

    def load(folder, name, **options):
        monkeypatch.setenv("GANCOURSE_DATA", str(folder))
        return data.load(name, source="real", **options)

    return load
