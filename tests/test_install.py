"""What is installed, how: pyproject.toml, constraints.txt, environment.yml, Makefile, .ci/run."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"pytorch": "torch"}  # where conda-forge's name is another


def ranges(lines):
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


EXTRAS = PROJECT["optional-dependencies"]
ADDED = EXTRAS["dev"] + EXTRAS["site"] + EXTRAS["study"]
NEEDED = ranges(PROJECT["dependencies"] + ADDED)


def pins():
    """(name, version, marker, hashes) of each requirement that constraints.txt pins."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        requirement = Requirement(words)
        (version,) = [s.version for s in requirement.specifier]
        found.append((canonicalize_name(requirement.name), version, requirement.marker, hashes))
    return found


def test_constraints_hold_names_versions_and_hashes_only():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text and "index" not in text
    for name, _, _, hashes in pins():
        assert hashes and all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes), name


def test_constraints_pin_every_dependency_within_its_range_on_each_python():
    found = pins()
    assert "gancourse" not in {name for name, *_ in found}
    for python in ("3.11.0", "3.11.9", "3.13.1"):
        here = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        versions = {n: v for n, v, marker, _ in found if marker is None or marker.evaluate(here)}
        assert not [n for n, allowed in NEEDED.items() if versions.get(n, "none") not in allowed]


def test_environment_yml_agrees_with_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (from_pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    from_conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    assert from_pip[-1] == "-e ."
    found = ranges(from_conda + from_pip[:-1])
    found = {CONDA_NAMES.get(name, name): allowed for name, allowed in found.items()}
    found.pop("pip")
    assert str(found.pop("python")) == PROJECT["requires-python"]
    assert found == NEEDED


def test_every_dependency_has_a_reason_beside_it():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").partition("dependencies:")[2]
    items = [line for line in lines.splitlines() if line.strip().startswith("- ")]
    assert not [line for line in items if "pip:" not in line and not re.search(r"# \w", line)]


@pytest.fixture
def checkout(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder, *arguments):
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def set_time(path, seconds):
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, (seconds, seconds))


def test_a_second_install_does_nothing_until_the_requirements_change(checkout):
    for name in ("pyproject.toml", "constraints.txt"):
        set_time(checkout / name, 1000)
    assert make(checkout, "-q", "install").returncode == 1
    set_time(checkout / ".venv" / "installed", 2000)
    assert make(checkout, "-q", "install").returncode == 0
    for name in ("pyproject.toml", "constraints.txt"):
        set_time(checkout / name, 3000)
        assert make(checkout, "-q", "install").returncode == 1
        set_time(checkout / name, 1000)


def test_an_old_python_is_refused_clearly(checkout):
    old = checkout / "oldpython"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1\n')
    old.chmod(0o755)
    done = make(checkout, "install", f"PYTHON={old}")
    assert done.returncode != 0
    assert "needs Python 3.11 or later" in done.stderr and "Python 3.9.1" in done.stderr
    assert not (checkout / ".venv").exists()


def test_every_target_of_the_issue_exists_and_is_in_the_help(checkout):
    text = make(checkout, "help").stdout
    for target in (
        "course",
        "site",
        "test",
        "lab",
        "bench",
        "install",
        "pair",
        "badges",
        "lock",
        "audit",
    ):
        assert f"make {target} " in text
        assert make(checkout, "-n", target, "REPO=a/b").returncode == 0


def test_ci_runs_the_readmes_test_command_and_then_the_newest_python():
    for script in (ROOT / ".ci" / "run", ROOT / ".ci" / "newest-python"):
        assert os.access(script, os.X_OK)
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["make test", "exec .ci/newest-python"]


def newest(folder, **environment):
    """What ``.ci/newest-python`` says in ``folder``; its only Pythons are made there."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "newest-python", folder / ".ci")
    (folder / ".venv" / "bin").mkdir(parents=True)
    answer(folder / ".venv" / "bin" / "python", 11)
    answer(folder / ".venv" / "bin" / "uv", "none 1>&2", code=1)  # finds and downloads nothing
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "ls", "rm", "timeout"):
        (tools / name).symlink_to(shutil.which(name))
    told = {"PATH": str(tools), "HOME": str(folder), **environment}
    return subprocess.run(
        ["bash", ".ci/newest-python"], cwd=folder, env=told, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def answer(file, text, code=0):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {text}\nexit {code}\n")
    file.chmod(0o755)


def test_without_a_newer_python_ci_says_so_in_one_line_and_goes_on(tmp_path):
    done = newest(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1 and "No Python newer than 3.11" in done.stdout


def test_a_python_that_does_not_run_is_passed_over(tmp_path):
    broken = tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python"
    answer(broken, 13, code=1)
    older = tmp_path / ".pyenv" / "versions" / "3.12.1" / "bin" / "python"
    answer(older, 3)  # says that it is another
    done = newest(tmp_path)
    assert done.returncode == 0 and "No Python newer" in done.stdout


def test_the_workflow_publishes_what_make_site_writes():
    text = (ROOT / ".github/workflows/site.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    steps = job["steps"]
    assert {"run": "make site"} in steps
    (upload,) = [s for s in steps if s.get("uses", "").startswith("actions/upload-pages-artifact@")]
    assert upload["with"]["path"] == "build/site"
    assert "--out build/site" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not [s["uses"] for s in steps if "uses" in s and not re.search(r"@v\d+$", s["uses"])]
