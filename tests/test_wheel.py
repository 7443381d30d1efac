"""The package as it is installed: a wheel, unpacked elsewhere, holds all that it reads."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gancourse", "gancourse_lab", "gancourse_standins", "gancourse_studies")
PACKAGES += ("gancourse_tools",)
NOT_READ = {".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built without a network, from a copy: the checkout gets no ``build/``."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel(OUT))"
    command = [sys.executable, "-c", build.replace("OUT", repr(str(out)))]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("gancourse-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """(Run Python in an empty folder, where the wheel lies): the checkout is not on its path."""
    place, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    zipfile.ZipFile(wheel).extractall(place)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GANCOURSE_")}
    told = kept | {"PYTHONPATH": str(place), "GANCOURSE_CACHE": str(empty / "cache")}
    told |= {"GANCOURSE_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}

    def python(*words):
        command = [sys.executable, "-P", *words]
        return subprocess.run(
            command, cwd=empty, env=told, capture_output=True, text=True, check=False
        )

    return python, place


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    found = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        file.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for file in (ROOT / name).rglob("*")
        if file.is_file() and file.suffix not in NOT_READ
    }
    assert not ours - found
    kinds = {".py", ".j2", ".css", ".js", ".mplstyle", ".sha256", ".toml"}
    assert {Path(name).suffix for name in ours} == kinds
    assert not [name for name in found if name.split("/")[0] in ("tests", "records", "notebooks")]


def test_what_is_imported_and_read_comes_from_the_wheel(installed):
    python, place = installed
    lines = (
        "import gancourse.notebook.figures as figures, gancourse_tools.page as page",
        "from gancourse import data, records",
        "from gancourse.data import catalog, fetch",
        "assert len(figures.CYCLE) == 6",
        "sets = [e for e in catalog.CATALOG.values() if e.digest]",
        "assert len(sets) == 3",
        "assert all((fetch.MANIFESTS / f'{e.name}.sha256').is_file() for e in sets)",
        "from pathlib import Path",
        "page.write(Path('.'), {}, 'smoke')",
        "assert records.names() == []",
        "print(data.load('NEU-DET', size=16, limit=3).caption, figures.__file__)",
    )
    done = python("-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert "stand-in" in done.stdout and str(place) in done.stdout


CASES = [  # words, exit code, what is said
    (["records"], 0, "0 records"),
    (["data", "verify"], 1, "`gancourse data fetch NAME`"),
    (["run", "02"], 1, "run this in a clone of the course"),
    (["records", "show", "cats/none-seed0"], 1, "no record cats/none-seed0"),
    (["translate", "horse2zebra/laptop-seed0", "x", "--out", "y"], 1, "GANCOURSE_RECORDS"),
]


def test_the_command_line_works_or_says_in_one_line_what_is_missing(installed):
    python, _ = installed
    lines = (
        "import sys",
        "from gancourse_tools.cli import main",
        f"codes = [main(words) for words in {[words for words, _, _ in CASES]}]",
        "print(codes, file=sys.stderr)",
    )
    done = python("-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr
    *errors, codes = done.stderr.splitlines()
    assert codes == str([code for _, code, _ in CASES])
    assert len(errors) == sum(code != 0 for _, code, _ in CASES)
    assert all(says in done.stdout + done.stderr for _, _, says in CASES)
