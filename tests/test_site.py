"""The site in a real browser: served from this machine, it asks no other, moves, and is legible.

Needs Debian's Chromium (``.ci/run`` installs it) and Playwright; skips with a reason elsewhere.
``GANCOURSE_SCREENSHOTS=folder`` keeps what the browser showed.
"""

import re

import browsing
import nbformat
import pytest
from browsing import CHROMIUM, MINUTE, keep
from test_stills import film

from gancourse_tools import course, page, site

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
CHAPTERS = sorted(course.notebooks())
FILM = f"notebooks/{site.FILM[0]}.html"
WIDTHS = {"screen": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the whole site."""
    out = tmp_path_factory.mktemp("site")
    site.build(out)
    return out


@pytest.fixture(scope="module")
def address(built):
    """The address of the site on this machine."""
    with browsing.served(built) as found:
        yield found


@pytest.fixture
def visit(address, browser):
    """A function that opens a page, and afterwards fails on errors and on foreign requests."""
    wrong, opened = [], []

    def go(path="index.html", size="screen", **options):
        width, height = WIDTHS[size]
        view = browser.new_page(viewport={"width": width, "height": height}, **options)
        opened.append(view)
        view.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        view.on("pageerror", lambda error: wrong.append(str(error)))
        view.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else 0)
        view.on("request", lambda r: wrong.append(r.url) if foreign(r.url) else None)
        view.goto(f"{address}/{path}", timeout=2 * MINUTE)
        return view

    def foreign(url):
        return not url.startswith((address, "data:", "blob:"))

    yield go
    for view in opened:
        view.wait_for_timeout(200)
        view.close()
    assert not wrong, wrong


def test_the_first_screen_is_the_minute_of_the_cats_moving(visit):
    view = visit()
    figure = view.locator("figure.frames[data-film]")
    box = figure.bounding_box()
    assert box["y"] + box["height"] < WIDTHS["screen"][1] and box["width"] > 450
    at = figure.locator("output")
    before = at.inner_text()
    playwright.expect(at).not_to_have_text(before, timeout=MINUTE)  # nobody touched it
    figure.get_by_role("button", name="pause").click()
    held = at.inner_text()
    view.wait_for_timeout(1500)
    assert at.inner_text() == held
    assert view.locator(".chapter").count() == len(CHAPTERS)
    keep(view, "site-first")


def test_who_wants_no_motion_gets_none_until_asked(visit):
    view = visit(reduced_motion="reduce")
    figure = view.locator("figure.frames[data-film]")
    held = figure.locator("output").inner_text()
    view.wait_for_timeout(1500)
    assert figure.locator("output").inner_text() == held
    figure.get_by_role("button", name="play").click()
    playwright.expect(figure.locator("output")).not_to_have_text(held, timeout=MINUTE)


def shown(figure):
    visible = figure.locator("img.shown")
    assert visible.count() == 1 and visible.is_visible()
    return visible.get_attribute("src"), visible.get_attribute("alt")


def moves(view, figure):
    """The keyboard and the mouse move the picture, and its text says where."""
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input")
    slider.focus()
    view.keyboard.press("Home")
    first = shown(figure)
    view.keyboard.press("ArrowRight")
    second = shown(figure)
    assert first[0] != second[0] and first[1] != second[1]
    assert slider.get_attribute("aria-valuetext") == figure.locator("output").inner_text()
    box = slider.bounding_box()
    view.mouse.click(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    assert shown(figure) not in (first, second) or figure.locator("img").count() == 2


def test_a_chapter_s_sliders_move_their_pictures(visit):
    view = visit(FILM)
    figures = view.locator("figure.frames")
    assert figures.count() == 2  # the film and the recorded runs
    for i in range(figures.count()):
        moves(view, figures.nth(i))
    keep(view, "site-slider")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_whole(visit, chapter):
    """No error, no foreign request (``visit``); formulas set, texts of pictures, code folded."""
    view = visit(f"notebooks/{chapter}.html")
    assert view.locator("article h1").inner_text()[:2] == chapter[:2]
    formulas = view.locator("span.math, div.math")
    if formulas.count():
        view.wait_for_selector("mjx-container svg", state="attached", timeout=MINUTE)
        view.wait_for_function("MathJax.startup.promise.then(() => true)", timeout=MINUTE)
        assert view.locator("mjx-container").count() >= formulas.count()
        assert view.locator("mjx-merror, [data-mjx-error]").count() == 0
    prose = view.evaluate(
        """() => [...document.querySelectorAll("article p, article li")]
           .map(e => { const c = e.cloneNode(true);
             c.querySelectorAll("mjx-container, code, pre").forEach(x => x.remove());
             return c.textContent })"""
    )
    assert not [text for text in prose if re.search(r"\$|\\[a-z]{3}|\]\(", text)]
    bare = "[...document.images].filter(i => !i.alt && !i.closest('[hidden]')).map(i => i.src)"
    assert view.evaluate(bare) == []
    assert "OWNER" not in view.content()


@pytest.mark.parametrize("path", ["index.html", FILM, "run.html", "records/README.html"])
@pytest.mark.parametrize("size", WIDTHS)
def test_no_page_scrolls_sideways(visit, path, size):
    view = visit(path, size)
    view.wait_for_timeout(500)
    root = "document.documentElement"
    assert view.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
    keep(view, f"site-{size}-{path.split('/')[-1]}")


def test_the_menu_of_a_phone_opens_and_leads_to_a_chapter(visit):
    view = visit(size="phone")
    link = view.locator("#pst-primary-sidebar-modal, #pst-primary-sidebar").get_by_role(
        "link", name=re.compile("^00 ·")
    )
    view.get_by_role("button", name=re.compile("primary sidebar|site navigation", re.I)).or_(
        view.locator("button.primary-toggle")
    ).first.click()
    link.first.click()
    playwright.expect(view.locator("article h1")).to_contain_text("00 ·")


def test_the_search_finds_a_word(visit):
    view = visit()
    view.keyboard.press("Control+k")
    view.keyboard.type("checkerboard")
    view.keyboard.press("Enter")
    found = view.locator("#search-results li").first
    playwright.expect(found).to_be_visible(timeout=MINUTE)
    assert view.locator("#search-results a[href*='notebooks/']").count() >= 1


RATIOS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const f = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const over = (top, below) => {
    const a = top[3] ?? 1;
    return [0, 1, 2].map((i) => a * top[i] + (1 - a) * below[i]);
  };
  const back = (e) => {
    if (!e) return [255, 255, 255];
    const own = rgb(getComputedStyle(e).backgroundColor);
    return own[3] === undefined ? own : over(own, back(e.parentElement));
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (e.closest("script, style, mjx-container, noscript")) continue;
    if (!walker.currentNode.textContent.trim()) continue;
    if (!e.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const style = getComputedStyle(e), below = back(e);
    const [a, b] = [light(over(rgb(style.color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    if (ratio < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5))
      found[`${e.tagName}.${e.className} ${style.color} ${below}`] = ratio.toFixed(2);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["index.html", FILM, "notebooks/01_gan_theory.html", "run.html"])
def test_every_letter_has_contrast(visit, path, scheme):
    """WCAG 2, level AA: 4.5, of large letters 3."""
    view = visit(path, color_scheme=scheme)
    theme = view.locator("html").get_attribute("data-theme")
    assert theme == scheme
    view.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    view.evaluate("Promise.all(document.getAnimations().map((a) => a.finished))")  # colours fade
    assert view.evaluate(RATIOS) == {}
    keep(view, f"site-{scheme}-{path.split('/')[-1]}")


def test_dark_mode_is_chosen_by_keyboard_and_stays(visit):
    view = visit(color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = view.evaluate(paper)
    button = view.get_by_role("button", name="Color mode").first
    button.focus()
    view.keyboard.press("Enter")
    dark = view.locator("button.theme-change-button[data-mode=dark]:visible")
    dark.focus()
    view.keyboard.press("Enter")
    assert view.evaluate(paper) != light
    view.reload()
    assert view.locator("html").get_attribute("data-theme") == "dark"


def test_the_download_is_the_chapter_as_it_is_committed(built):
    for name, path in course.notebooks().items():
        assert (built / "_sources/notebooks" / f"{name}.ipynb").read_bytes() == path.read_bytes()


def test_the_readers_own_cat_is_one_click_away(visit):
    view = visit()
    view.get_by_role("link", name="Try your own cat").click()
    assert "Your own cat" in view.locator("h1").inner_text()
    view.go_back()
    assert view.locator("a[href='own_cat.html']").count() >= 1


def test_the_address_is_that_of_the_remote(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "repository", lambda root: "https://github.com/some-one/gans")
    out = site.build(tmp_path / "out", ["00"]).parent
    chapter = (out / "notebooks" / "00_start_here.html").read_text("utf-8")
    assert "/github/some-one/gans/blob/main/notebooks/00_start_here.ipynb" in chapter  # in Colab
    taking_part = (out / "CONTRIBUTING.html").read_text("utf-8")
    assert "https://github.com/some-one/gans/blob/main/examples/new_gan.py" in taking_part


def test_the_exported_chapter_sets_formulas_and_moves_from_a_file(browser, tmp_path):
    prose = nbformat.v4.new_markdown_cell(
        r"# A\n\nHere $\lambda = \frac{1}{2}$.".replace(r"\n", "\n")
    )
    cell = nbformat.v4.new_code_cell("film()", outputs=[film()])
    page.export(nbformat.v4.new_notebook(cells=[prose, cell]), tmp_path / "00.ipynb")
    context = browser.new_context(offline=True)
    view, wrong = context.new_page(), []
    view.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    view.on("request", lambda r: wrong.append(r.url) if r.url.startswith("http") else None)
    view.goto((tmp_path / "00.html").as_uri())
    view.wait_for_selector("mjx-container svg", state="attached", timeout=MINUTE)
    moves(view, view.locator("figure.frames"))
    context.close()
    assert not wrong
