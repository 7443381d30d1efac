"""The house: which package may lean on which, and which room of the core on which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Each may import those before it.
PACKAGES = [
    "gancourse_standins",
    "gancourse",
    "gancourse_lab",
    "gancourse_studies",
    "gancourse_tools",
]
# The rooms of the core; each may import those before it and its own.
ROOMS = [
    {"errors"},
    {"files"},
    {"device", "profiles"},
    {"augment", "losses", "models"},
    {"data"},
    {"train", "metrics"},
    {"records"},
    {"notebook"},
]


def imported(source: str) -> set[str]:
    """All modules named by the imports of ``source``, those inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are written out in full"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in PACKAGES}


def upward(package: str, source: str) -> list[str]:
    """The imports of a file of ``package`` that stand above it."""
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    return sorted(name for name in imported(source) if name.split(".")[0] not in allowed)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_leans_on_one_above_it(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not upward(package, file.read_text(encoding="utf-8")), file


def test_an_arrow_upward_is_seen():
    assert upward("gancourse", "def f():\n    from gancourse_lab import faults") == [
        "gancourse_lab.faults"
    ]
    assert upward("gancourse_lab", "import gancourse_tools.cli") == ["gancourse_tools.cli"]
    assert upward("gancourse_studies", "from gancourse_lab.faults import FAULTS") == []


def test_the_core_s_rooms_lean_one_way():
    level = {room: number for number, rooms in enumerate(ROOMS) for room in rooms}
    wrong = []
    for file in sorted((ROOT / "gancourse").rglob("*.py")):
        room = file.relative_to(ROOT / "gancourse").parts[0].removesuffix(".py")
        for name in imported(file.read_text(encoding="utf-8")):
            other = name.split(".")[1]
            if name.startswith("gancourse.") and other in level and room != "__init__":
                if level[other] > level[room] or (level[other] == level[room] and other != room):
                    wrong.append(f"{room} → {other}")
    assert not wrong


def test_chapters_import_the_core_and_the_lab_only():
    for file in sorted((ROOT / "notebooks/text").glob("*.py")):
        packages = {name.split(".")[0] for name in imported(file.read_text(encoding="utf-8"))}
        assert packages <= {"gancourse", "gancourse_lab"}, file.name


def test_import_is_light():
    heavy = "matplotlib ipywidgets torchvision accelerate pooch pytorch_fid papermill".split()
    code = f"import sys, torch, gancourse; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
