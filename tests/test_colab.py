"""A chapter in Colab: torch is there, ``google.colab`` is loaded, no repository is around."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
MARK = "# In Colab: fetch the course"


def sources(path):
    return ["".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def setup_of(path):
    (cell,) = [s for s in sources(path) if s.startswith(MARK)]
    return cell[: cell.index('sys.path.insert(0, os.path.abspath("gancourse_repo"))')]


def test_all_chapters_have_the_same_set_up_and_no_address_of_nobody():
    assert len({setup_of(path) for path in CHAPTERS}) == 1
    for path in [*CHAPTERS, *(ROOT / "notebooks" / "text").glob("*.py"), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        assert "OWNER" not in text and "colab.research" not in text, path.name


def test_without_an_address_the_set_up_cell_says_what_to_set(tmp_path):
    code = setup_of(CHAPTERS[0])
    code = code[: code.index("    subprocess.run")]
    code = (
        "import sys; sys.modules['google.colab'] = None; sys.modules['gancourse'] = None\n" + code
    )
    code = code.replace('importlib.util.find_spec("gancourse")', "None")
    for source, says in (("", "Set os.environ['GANCOURSE_SOURCE']"), ("https://x.org/y", "")):
        environment = os.environ | {"GANCOURSE_SOURCE": source}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (done.returncode != 0) == bool(says) and says in done.stderr, done.stderr


def test_make_badges_changes_every_chapter_and_nothing_else(tmp_path):
    for folder in ("notebooks", "notebooks/text"):
        (tmp_path / folder).mkdir()
        for file in (ROOT / folder).glob("[0-9]*"):
            shutil.copy(file, tmp_path / folder)
    (tmp_path / "gancourse_tools").mkdir()
    shutil.copy(ROOT / "gancourse_tools" / "badges.py", tmp_path / "gancourse_tools")
    shutil.copy(ROOT / "Makefile", tmp_path)

    def make(repo):
        command = ["make", "-s", "badges", f"REPO={repo}", f"PYTHON={sys.executable}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    for bad in ("", "justaname", "a/b/c", "a b/c"):
        done = make(bad)
        assert done.returncode != 0 and "REPO=owner/name" in done.stderr
    for repo in ("an-other/gans", "some-one/gans.2"):  # a second time, too
        assert make(repo).returncode == 0
    for path in CHAPTERS:
        changed = (tmp_path / "notebooks" / path.name).read_text(encoding="utf-8")
        assert changed.count("some-one/gans.2") == 2  # the badge and the set-up cell
        assert (
            f"gans.2/blob/main/notebooks/{path.name})"
            in sources(tmp_path / "notebooks" / path.name)[0]
        )
        back = re.sub(r' +"\[!\[Open In Colab.*\n +"\\n",\n', "", changed)
        back = back.replace("https://github.com/some-one/gans.2", "")
        assert back == path.read_text(encoding="utf-8")
        text = (tmp_path / "notebooks" / "text" / f"{path.stem}.py").read_text(encoding="utf-8")
        back = re.sub(r"# \[!\[Open In Colab.*\n#\n", "", text)
        back = back.replace("https://github.com/some-one/gans.2", "")
        assert text.count("some-one/gans.2") == 2
        assert back == (ROOT / "notebooks/text" / f"{path.stem}.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """(python, folder): an environment with this one's packages but without gancourse."""
    root = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", root / "env"], check=True)
    python = root / "env" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    site = Path(site.stdout.strip())
    # Paths named in a .pth file are not searched for .pth files themselves: the editable install
    # of gancourse beside this test stays out of sight.
    ours = Path(sysconfig.get_paths()["purelib"])
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    (site / "colab.pth").write_text(f"{ours}\nimport google.colab\n")
    content = root / "content"
    content.mkdir()
    return python, content


def test_the_set_up_cell_installs_the_course_leaves_torch_and_the_chapter_runs(colab):
    python, content = colab
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GANCOURSE_")}
    environment |= {
        "GANCOURSE_SOURCE": f"file://{ROOT}",
        "GANCOURSE_PROFILE": "smoke",
        "GANCOURSE_CACHE": str(content / "cache"),
        "MPLBACKEND": "agg",
    }
    code = """
import importlib.util, sys
assert "google.colab" in sys.modules and importlib.util.find_spec("gancourse") is None
from importlib.metadata import distributions
def installed():
    mine = ("gancourse", "pip", "setuptools")  # the course, and what a fresh venv brings itself
    return {(d.name, d.version) for d in distributions() if d.name not in mine}
before = installed()
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in CELLS:
    shell.run_cell(cell).raise_error()
import gancourse, torch
from gancourse import records
assert "gancourse_repo" in gancourse.__file__, gancourse.__file__
assert records.names(), "the recorded runs did not come along"
changed = installed() ^ before
assert not changed, f"packages changed: {changed}"
print("ran with torch", torch.__version__)
"""
    import nbformat

    chapter = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    cells = [c.source for c in chapter.cells if c.cell_type == "code"]
    script = content / "chapter.py"
    script.write_text(f"CELLS = {cells!r}\n{code}")
    done = subprocess.run(
        [python, script], cwd=content, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    import torch

    assert re.search(rf"ran with torch {re.escape(torch.__version__)}", done.stdout)
