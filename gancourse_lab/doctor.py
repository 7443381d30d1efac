"""``gancourse doctor``: does this machine have what the course needs? Chapter 00 asks it too."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

NEEDED_GB = 2  # horse2zebra is 0.12 GB, the full Inception weights 0.09 GB; the rest is for runs


@dataclass(frozen=True)
class Check:
    """One line of the doctor's: ``status`` is OK, WARN (the course still runs) or FAIL."""

    name: str
    status: str
    detail: str

    def __str__(self) -> str:
        return f"[{self.status}]".ljust(7) + f"{self.name}: {self.detail}"


def examine() -> list[Check]:
    """Every check, in a fixed order. A check that itself breaks is a FAIL with the error's text."""
    checks = []
    for name, check in CHECKS.items():
        try:
            checks.append(Check(name, *check()))
        except Exception as error:  # whatever a broken installation raises, the others go on
            checks.append(Check(name, "FAIL", f"{type(error).__name__}: {error}".splitlines()[0]))
    return checks


def main() -> bool:
    """Print a line per check; True if none of them is FAIL."""
    checks = examine()
    print(*checks, sep="\n")
    return all(check.status != "FAIL" for check in checks)


def _python() -> tuple[str, str]:
    good = sys.version_info >= (3, 11)
    text = f"{sys.version.split()[0]} at {sys.executable}"
    return ("OK", text) if good else ("FAIL", f"{text}; 3.11 or later is needed")


def _torch() -> tuple[str, str]:
    import torch

    torch.ones(2, 2).matmul(torch.ones(2, 2))
    return "OK", f"{torch.__version__}, {torch.get_num_threads()} threads"


def _torchvision() -> tuple[str, str]:
    import torch
    import torchvision

    try:  # a torchvision built for another torch imports well, but lacks its compiled operators
        torchvision.ops.nms(torch.tensor([[0.0, 0, 1, 1]]), torch.ones(1), 0.5)
    except (RuntimeError, AttributeError):
        both = f"{torchvision.__version__} does not fit torch {torch.__version__}"
        return "FAIL", f"{both}: reinstall the two together, from one index"
    return "OK", torchvision.__version__


def _gpu() -> tuple[str, str]:
    import torch

    from gancourse import device, profiles

    here = device.pick()
    torch.ones(8, device=here).sum().item()  # a driver too old shows here, not in is_available()
    text = f"{device.describe(here)}; default profile {profiles.DEFAULT!r}"
    return ("WARN", f"none, so {text}") if here.type == "cpu" else ("OK", text)


def _kernel() -> tuple[str, str]:
    from jupyter_client.kernelspec import KernelSpecManager

    version = importlib.metadata.version("ipykernel")
    python = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    # a bare "python" means the one that asks; a virtual environment's is a link, so no resolving
    if python.name == str(python) or python.parent == Path(sys.executable).parent:
        return "OK", f"ipykernel {version}, in this Python"
    return "WARN", f"JupyterLab's python3 kernel is {python}; `gancourse run` uses this Python"


def _widgets() -> tuple[str, str]:
    try:
        found = [importlib.metadata.version(n) for n in ("ipywidgets", "jupyterlab_widgets")]
    except importlib.metadata.PackageNotFoundError as error:
        return "FAIL", f"{error.name} is missing, so no slider shows: pip install {error.name}"
    return "OK", f"ipywidgets {found[0]}, jupyterlab_widgets {found[1]}"


def _data() -> tuple[str, str]:
    from gancourse.data import CATALOG, fetch

    real = [name for name, entry in CATALOG.items() if fetch.look(entry)]
    rest = [name for name in CATALOG if name not in real]
    text = f"real: {', '.join(real) or 'none'}"
    text += f"; stand-ins: {', '.join(rest)} (`gancourse data fetch NAME`)" if rest else ""
    return ("OK" if real else "WARN"), text


def _weights() -> tuple[str, str]:
    from gancourse.metrics import features

    found = features.extractor(device="cpu")
    status = "WARN" if found.name == "stand-in" else "OK"
    return status, f"{found.name}, so the distance is {found.metric}"


def _disk() -> tuple[str, str]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    text = f"{free:.1f} GB free in {Path.cwd()}"
    return ("OK", text) if free >= NEEDED_GB else ("WARN", f"{text}; {NEEDED_GB} GB are wise")


CHECKS = {
    "Python": _python,
    "PyTorch": _torch,
    "torchvision": _torchvision,
    "GPU": _gpu,
    "kernel": _kernel,
    "widgets": _widgets,
    "data": _data,
    "weights": _weights,
    "disk": _disk,
}
