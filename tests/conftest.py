"""The suite computes on the CPU, also on a machine with a GPU: what it compares came from one.

``make gpu-check`` (``pytest -m gpu``) is the exception: it runs the tests marked so, on the GPU.
"""

import os

from gancourse import device


def pytest_configure(config):
    if config.getoption("markexpr") != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for the chapters' kernels, too
        device._has_mps = lambda: False
