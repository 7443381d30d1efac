"""JupyterLab in a real browser: sliders move pictures, the train panel trains, pauses and stops.

Needs Debian's Chromium (``.ci/run`` installs it) and Playwright; skips with a reason elsewhere.
``GANCOURSE_SCREENSHOTS=folder`` keeps what the browser showed.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from browsing import CHROMIUM, MINUTE, keep
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from test_runner import hostile_rows, shown

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a copy of the chapters, at smoke."""
    root = tmp_path_factory.mktemp("lab")
    (root / "notebooks").mkdir()
    for chapter in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        book = nbformat.read(chapter, as_version=4)
        for cell in book.cells:
            if cell.cell_type == "code":  # or the stored numbers would pass for a run
                cell.outputs, cell.execution_count = [], None
        nbformat.write(book, root / "notebooks" / chapter.name)
    code = SYNTHETIC.rsplit("panels.panel", 1)
    cells = [new_code_cell(code[0]), new_code_cell("panels.panel" + code[1])]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    synthetic = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(synthetic, root / "notebooks" / "99_sliders.ipynb")
    settings = root / "settings" / "@jupyterlab"
    # cells that are off screen must exist as well, and no pop-up may ask about news
    for name, content in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    environment = os.environ | {
        "GANCOURSE_PROFILE": "smoke",
        "GANCOURSE_RECORDS": str(ROOT / "records"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0"]
    command += ["--IdentityProvider.token=course", f"--ServerApp.root_dir={root / 'notebooks'}"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    log = (root / "lab.log").open("w+")
    server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    try:
        yield _address(server, root / "lab.log")
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _address(server, log: Path) -> str:
    """Wait until the server answers; port 0 means that only its log knows the port."""
    for _ in range(600):  # up to five minutes on a busy machine
        assert server.poll() is None, log.read_text()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab", log.read_text())
        if found:
            address = f"http://127.0.0.1:{found[1]}"
            try:
                urllib.request.urlopen(f"{address}/api?token=course", timeout=5).read()
                return address
            except OSError:
                pass
        time.sleep(0.5)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def chapter(lab, browser):
    """A function that opens a chapter, runs all its cells and returns the page."""
    pages = []

    def open_and_run(name: str):
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        pages.append((name, page))
        page.goto(f"{lab}/lab/tree/{name}?token=course&reset", timeout=2 * MINUTE)
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=2 * MINUTE)
        status = page.locator("#jp-main-statusbar")
        playwright.expect(status).to_contain_text("| Idle", timeout=2 * MINUTE)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        select = page.locator(".jp-Dialog button", has_text="Select")
        page.wait_for_timeout(3000)
        if select.is_visible():  # a slow start may ask for the kernel that is there already
            select.click()
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_text("Run All Cells", exact=True).click()
        last = page.locator(".jp-Notebook .jp-CodeCell").last
        prompt = last.locator(".jp-InputPrompt")
        playwright.expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=5 * MINUTE)
        errors = page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']")
        text = " ".join(errors.all_inner_texts())
        assert "Traceback" not in text, text
        return page

    yield open_and_run
    for name, page in pages:
        keep(page, Path(name).stem)
        page.close()


def slider(page, label: str, which: int = 0):
    """(handle, picture) of a slider called ``label`` in a panel with a picture."""
    name = page.locator(".widget-label", has_text=re.compile(f"^{label}$"))
    control = page.locator(".widget-hslider", has=name).nth(which)
    panel = control.locator("xpath=ancestor::*[contains(@class,'widget-vbox')][.//img][1]")
    return control.locator(".noUi-handle"), panel.locator("img").first


def moves_the_picture(page, label: str, name: str, which: int = 0) -> None:
    handle, picture = slider(page, label, which)
    handle.scroll_into_view_if_needed()
    before = picture.get_attribute("src")
    handle.focus()
    at, lowest = (float(handle.get_attribute(f"aria-value{end}")) for end in ("now", "min"))
    page.keyboard.press("ArrowLeft" if at > lowest else "ArrowRight")
    page.wait_for_function(
        "([picture, before]) => picture.src !== before",
        arg=[picture.element_handle(), before],
        timeout=MINUTE,
    )
    keep(page, name)


SYNTHETIC = """
import torch
from gancourse.notebook import figures, panels

def draw(grey, n):
    return figures.grid(torch.full((n, 1, 8, 8), grey, dtype=torch.uint8), 2, f"{grey}")

panels.panel(draw, grey=panels.number(0, 250, 100, "grey", 10), n=panels.number(1, 4, 2, "n"))
panels.panel(draw, grey=panels.slider([10, 200], "recorded"), n=panels.number(1, 4, 2, "m"))
"""


def test_sliders_move_their_pictures(chapter):
    """Of every kind that the chapters have; the chapters themselves run in other tests."""
    page = chapter("99_sliders.ipynb")
    for label in ("grey", "n", "recorded"):
        moves_the_picture(page, label, name=f"slider-{label}")


def test_00_a_button_plays_the_game_and_its_pictures_change(chapter):
    page = chapter("00_start_here.ipynb")
    cell = page.locator(".jp-CodeCell", has=page.get_by_role("button", name="D too fast"))
    pictures = cell.locator(".jp-RenderedImage img")
    before = [pictures.nth(k).get_attribute("src") for k in (0, 1)]
    cell.get_by_role("button", name="D too fast").click()
    for k in (0, 1):  # the film, then the six moments
        playwright.expect(pictures.nth(k)).not_to_have_attribute("src", before[k], timeout=MINUTE)
    keep(page, "00-button")


def test_06_the_explorer_moves_and_the_panel_trains_pauses_goes_on_and_stops(chapter):
    page = chapter("06_cyclegan_grumpy_cats.ipynb")
    moves_the_picture(page, "λ", name="06-explorer", which=-1)

    panel = page.locator(".widget-vbox", has=page.get_by_role("button", name="Start")).last
    button = lambda name: panel.get_by_role("button", name=name)  # noqa: E731
    status, picture = panel.locator(".widget-html-content").last, panel.locator("img").first
    minutes = panel.locator(".widget-hslider", has_text="minutes").locator(".noUi-handle")
    minutes.focus()
    page.keyboard.press("End")  # long enough to be paused and stopped
    button("Start").click()
    expect = playwright.expect
    expect(status).to_have_text(re.compile(r"step \d+ of \d+"), timeout=MINUTE)
    early = picture.get_attribute("src")
    expect(picture).not_to_have_attribute("src", early, timeout=MINUTE)  # the curve grows
    button("Start").click()  # pressed twice: said so, and the training goes on
    button("Pause").click()
    paused = re.compile(r"Paused at step (\d+)")
    expect(status).to_have_text(paused, timeout=MINUTE)
    held, text = picture.get_attribute("src"), status.inner_text()
    keep(page, "06-paused")
    page.wait_for_timeout(3000)
    assert (picture.get_attribute("src"), status.inner_text()) == (held, text)  # it stands still
    button("Go on").click()
    expect(picture).not_to_have_attribute("src", held, timeout=MINUTE)
    button("Stop").click()
    expect(status).to_have_text(re.compile(r"Stopped after \d+ steps"), timeout=MINUTE)
    keep(page, "06-stopped")
    steps = int(re.search(r"after (\d+)", status.inner_text())[1])
    assert steps > int(paused.search(text)[1])


def test_07_the_study_counts_the_vote_reveals_and_the_upload_translates(chapter, tmp_path):
    page = chapter("07_cyclegan_horse2zebra.ipynb")
    panel = page.locator(".widget-vbox", has=page.get_by_role("button", name="left is real")).last
    pictures = [panel.locator("img").nth(i) for i in (0, 1)]
    blank = pictures[0].get_attribute("src")
    assert panel.locator("img").count() == 2
    panel.get_by_role("button", name="Start").click()
    expect = playwright.expect
    for picture in pictures:
        expect(picture).not_to_have_attribute("src", blank, timeout=MINUTE)
    keep(page, "07-study")
    shown = pictures[0].get_attribute("src")
    expect(pictures[0]).not_to_have_attribute("src", shown, timeout=MINUTE)  # after one second
    panel.get_by_role("button", name="left is real").click()
    expect(panel.locator(".widget-html-content").last).to_have_text(
        re.compile(r"(Right|Wrong)\. Practice 2 of 10"), timeout=MINUTE
    )
    vote = page.get_by_role("button", name="Set 1")
    vote.click()
    expect(page.locator(".widget-html-content", has_text="You chose")).to_be_visible(timeout=MINUTE)
    keep(page, "07-vote")

    upload = page.locator(".jupyter-widget-upload, .widget-upload").last
    panel = upload.locator("xpath=ancestor::*[contains(@class,'widget-vbox')][1]")
    picture, said = panel.locator("img").first, panel.locator(".widget-html-content").last
    wide, broken = tmp_path / "wide.png", tmp_path / "no <b>picture.png"
    Image.linear_gradient("L").resize((300, 120)).save(wide)  # one channel, not square
    broken.write_text("a text")
    before = picture.get_attribute("src")
    choose(page, upload, broken)
    expect(said).to_contain_text("no <b>picture.png was not translated", timeout=MINUTE)
    assert picture.get_attribute("src") == before
    choose(page, upload, wide)  # the kernel is alive, and nothing was lost
    expect(said).to_contain_text("wide.png: left yours", timeout=MINUTE)
    expect(picture).not_to_have_attribute("src", before, timeout=MINUTE)
    keep(page, "07-upload")


def test_the_page_of_a_hostile_earlier_run_runs_no_script(browser, tmp_path):
    known = [row["chapter"] for row in hostile_rows()]
    shown(tmp_path, hostile_rows(), known)
    page, said = browser.new_page(), []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto((tmp_path / "index.html").as_uri(), timeout=2 * MINUTE)
    assert page.locator("li").count() == len(known)
    assert page.locator("script").count() == 0 and page.locator("img").count() == 1
    page.locator("a").first.click()  # a file of that name, which is not there
    page.wait_for_timeout(500)
    page.goto((tmp_path / "index.html").as_uri())
    assert page.title() == "gancourse: executed chapters" and not said
    keep(page, "hostile")
    page.close()


def choose(page, button, file: Path) -> None:
    """Give ``file`` to the dialogue that ``button`` opens."""
    with page.expect_file_chooser() as dialogue:
        button.click()
    dialogue.value.set_files(file)
