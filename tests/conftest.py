"""The suite computes on the CPU, also on a machine with a GPU: what it compares came from one.

``make gpu-check`` (``pytest -m gpu``) is the exception: it runs the tests marked so, on the GPU.
"""

import os

import browsing
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


@pytest.fixture(scope="module")
def browser():
    """Chromium, for one file's tests: beside its event loop no chapter could be executed."""
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if browsing.CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    sync.expect.set_options(timeout=browsing.MINUTE)
    with sync.sync_playwright() as p:
        flags = browsing.FLAGS.split()
        chromium = p.chromium.launch(executable_path=browsing.CHROMIUM, args=flags)
        yield chromium
        chromium.close()
