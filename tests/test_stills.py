"""What a page without a kernel shows: stored frames, pictures with texts, links, formulas."""

import base64
import io
import subprocess
from pathlib import Path

import ipywidgets
import nbformat
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from gancourse.errors import GancourseError
from gancourse.notebook import figures, frames, panels
from gancourse_tools import course, formulas, page, site, stills

ROOT = Path(__file__).resolve().parent.parent


def draw(n):
    return figures.jpeg_of(Image.new("RGB", (40, 20), (25 * n, 0, 0)))


def told_of(panel):
    return panel._repr_mimebundle_()[0].get(frames.MIME)


def picture(frame):
    return Image.open(io.BytesIO(base64.b64decode(frame["webp"])))


def test_a_panel_stores_what_it_would_show_along_its_last_slider():
    told = told_of(panels.panel(draw, n=panels.number(0, 10, 3, "n")))
    assert told["name"] == "n" and told["fixed"] == ""
    at = [frame["at"] for frame in told["frames"]]
    assert at[0] == "0" and at[-1] == "10" and len(at) == frames.MOST
    assert at[told["start"]] == "3"
    for frame in told["frames"]:
        red = picture(frame).convert("RGB").getpixel((20, 10))[0]
        assert abs(red - 25 * int(frame["at"])) < 8
    two = panels.panel(
        lambda a, n: draw(n),
        a=panels.slider(["x", "y"], "word", "y"),
        n=panels.number(0, 2, 1, "n"),
    )
    assert told_of(two)["fixed"] == "word = y" and len(told_of(two)["frames"]) == 3
    first = panels.panel(
        lambda n, a: draw(n),
        moves="n",
        n=panels.number(0, 4, 4, "n"),
        a=panels.number(0, 1, 0, "a"),
    )
    assert told_of(first)["name"] == "n" and told_of(first)["fixed"] == "a = 0"
    with pytest.raises(GancourseError, match="m"):
        panels.panel(draw, moves="m", n=panels.number(0, 4, 4, "n"))


def test_frames_follow_the_sliders_and_refused_positions_are_left_out():
    def some(n):
        if n == 2:
            raise ValueError("no such kernel")
        return Figure((1, 1))

    panel = panels.panel(some, n=panels.number(0, 3, 1, "n"))
    assert [frame["at"] for frame in told_of(panel)["frames"]] == ["0", "1", "3"]
    panel.children[0].children[0].value = 3
    assert told_of(panel)["start"] == 2

    def never(n):
        raise ValueError("nothing to see")

    panel = panels.panel(never, n=panels.number(0, 3, 1, "n"))
    assert frames.MIME not in panel._repr_mimebundle_()[0]
    text = panels.panel(lambda t: draw(1), t=ipywidgets.Text("one"))
    assert frames.MIME not in text._repr_mimebundle_()[0]  # it has no positions


def test_too_slow_a_panel_has_no_frames(monkeypatch):
    monkeypatch.setattr(frames, "SECONDS", -1.0)
    assert told_of(panels.panel(draw, n=panels.number(0, 3, 1, "n"))) is None


def test_frames_fit_their_bytes_by_quality_then_by_number():
    noise = [Image.effect_noise((225, 75), 80 + i).resize((900, 300)) for i in range(9)]
    at = [str(i) for i in range(9)]
    told = frames.stored(noise, at, "n", start=3)
    shown = [frame["at"] for frame in told["frames"]]
    assert shown[told["start"]] == "3" and 2 <= len(shown) < 9 and shown == sorted(shown)
    assert sum(len(f["webp"]) for f in told["frames"]) * 3 / 4 <= frames.BYTES
    assert picture(told["frames"][0]).width <= 720
    few = frames.stored(noise[:2], at[:2], "n", most_bytes=10)  # two stay, whatever they weigh
    assert len(few["frames"]) == 2


@pytest.mark.parametrize(
    "options, start, most, chosen",
    [
        ([1, 2, 3], 2, 9, [1, 2, 3]),
        (list(range(100)), 50, 3, [0, 50, 99]),
        (list(range(100)), 52, 3, [0, 52, 99]),
        (list(range(100)), 1, 3, [1, 50, 99]),
        (["a", "b", "c"], "b", 2, ["b", "c"]),
    ],
)
def test_positions_are_spread_evenly_with_the_present_one(options, start, most, chosen):
    assert frames.spread(options, start, most) == chosen


def film():
    """The output of ``frames.show_film``, as a notebook holds it."""
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    before, shell.display_pub = shell.display_pub, CapturingDisplayPublisher(shell=shell)
    try:
        images = [torch.full((8, 3, 32, 32), value, dtype=torch.uint8) for value in (0, 100, 200)]
        strip = Image.new("RGB", (90, 30))
        frames.show_film(strip, images, [0, 15, 30], "held-out cats", "Cats become grumpy.")
        shown = shell.display_pub.outputs
    finally:
        shell.display_pub = before
        InteractiveShell.clear_instance()
    (output,) = shown
    return nbformat.v4.new_output("display_data", output["data"], metadata=output["metadata"])


def test_a_film_is_a_strip_where_nothing_plays_it():
    output = film()
    assert {"image/jpeg", frames.MIME, "text/plain"} == set(output.data)
    assert output.metadata["image/jpeg"]["alt"] == "Cats become grumpy."
    told = output.data[frames.MIME]
    assert [f["at"] for f in told["frames"]] == ["0", "15", "30"] and told["start"] == 2
    assert picture(told["frames"][0]).size[0] > 4 * 32  # enlarged
    html = stills.of_output(output, stills.inline, film=True)
    assert "data-film" in html and "Cats become grumpy. Here at step = 15, held-out cats." in html


def test_frames_become_a_slider_of_pictures_with_texts():
    told = frames.stored([Image.new("RGB", (8, 8))] * 2, ["<a>", "b"], "λ", start=0, fixed='"c"')
    addresses = []

    def address(kind, content):
        addresses.append((kind, content[:4]))
        return f"pictures/{len(addresses)}"

    html = stills.figure(told, address)
    assert addresses == [("image/webp", b"RIFF")] * 2
    assert html.count("<img") == html.count(' alt="') == 2 and 'src="pictures/2"' in html
    assert '<input type="range" min="0" max="1"' in html and 'aria-label="λ"' in html
    assert "<a>" not in html and "&lt;a&gt;" in html and "data-film" not in html


@pytest.mark.parametrize("told", [{}, [], "x", {"frames": [{}]}, {"frames": [], "name": "n"}, None])
def test_damaged_frames_are_no_frames(told):
    assert stills.of_output({"data": {frames.MIME: told}}, stills.inline) == ""


def test_a_moving_picture_stands_still_for_who_wants_no_motion():
    moving = figures.movie([Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")])
    data = {"image/png": base64.b64encode(moving).decode()}
    html = stills.of_output({"data": data}, stills.inline)
    assert html.count("data:image/png") == 2 and "prefers-reduced-motion: reduce" in html
    with Image.open(io.BytesIO(stills.without_motion(moving))) as still:
        assert still.n_frames == 1 and still.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    plain = base64.b64encode(figures.png(Figure((1, 1)))).decode()
    assert "<source" not in stills.of_output({"data": {"image/png": plain}}, stills.inline)


def exported(tmp_path, prose="One $x$.", outputs=()):
    code = nbformat.v4.new_code_cell("draw()", outputs=list(outputs))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), code])
    page.export(book, tmp_path / "00.ipynb")
    return (tmp_path / "00.html").read_text("utf-8")


def test_the_exported_chapter_is_one_file_that_asks_no_network(tmp_path):
    assert formulas.source(), "the extra `site` is not installed"
    text = exported(tmp_path, outputs=[film()])
    for tag in ('src="http', "src='http", 'href="http', "import '", "cdnjs"):
        assert tag not in text.replace(formulas.source(), ""), tag
    assert formulas.source() in text and text.count('type="range"') == 1
    assert formulas.source() not in exported(tmp_path, prose="No formula.")


def test_without_the_package_formulas_are_nbconvert_s(tmp_path, monkeypatch):
    monkeypatch.setattr(formulas, "PACKAGE", "no-such-package")
    assert "mathjax" in exported(tmp_path).lower()


@pytest.mark.parametrize(
    "remote, address",
    [
        ("https://github.com/some-one/gans.2.git", "https://github.com/some-one/gans.2"),
        ("git@github.com:a/b.git", "https://github.com/a/b"),
        ("ssh://git@github.com/a/b", "https://github.com/a/b"),
        ("https://github.com/a/b/", "https://github.com/a/b"),
        ("https://token@example.org/a/b.git", ""),
        ("/a/folder/of/mine", ""),
        (None, ""),
    ],
)
def test_the_address_comes_from_git(tmp_path, remote, address):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if remote:
        command = ["git", "-C", str(tmp_path), "remote", "add", "origin", remote]
        subprocess.run(command, check=True)
    assert site.repository(tmp_path) == address


def test_links_lead_to_a_page_to_the_repository_or_nowhere():
    pages = {Path("notebooks/01_a.ipynb"), Path("data/README.md")}
    text = "[a](01_a.ipynb) [b](../data/README.md#x) [`c`](../gancourse/c.py#L1) [d](https://x.org)"
    text += " ![e](../docs/e.png)"
    file = Path("notebooks/02_b.ipynb")
    here = site.mended(text, file, pages, "")
    assert here == "[a](01_a.ipynb) [b](../data/README.md#x) `c` [d](https://x.org)" + text[-20:]
    there = site.mended(text, file, pages, "https://github.com/o/n")
    assert "[`c`](https://github.com/o/n/blob/main/gancourse/c.py#L1)" in there


def test_the_readme_s_sections_and_questions_are_found():
    readme = (ROOT / "README.md").read_text("utf-8")
    text = site.run_page(readme)
    assert text.count("\n## ") == len(site.RUN) and "make course" in text
    with pytest.raises(GancourseError, match="What you need"):
        site.run_page(readme.replace("## What you need", "## Needs"))
    assert set(site.questions(readme)) == {name[:2] for name in course.notebooks()}


def test_outside_of_a_clone_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(GancourseError, match="in a clone"):
        site.build(tmp_path / "out")
