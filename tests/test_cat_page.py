"""The page "Your own cat": what is built, and what a real browser shows of it.

Needs Debian's Chromium and Playwright, as ``test_browser.py``; ``GANCOURSE_SCREENSHOTS=folder``
keeps what the browser showed.
"""

import base64
import io
import json
import re
import shutil

import browsing
import numpy as np
import pytest
from browsing import keep
from PIL import Image

from gancourse import records
from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse.train.cyclegan import translate
from gancourse_tools import cat_page

pytest.importorskip("onnx", reason="onnx is not installed")

CLOSE = 2  # grey levels


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the page."""
    return cat_page.build(tmp_path_factory.mktemp("cat") / "page").parent


@pytest.fixture(scope="module")
def models(built):
    return json.loads((built / "models.json").read_text("utf-8"))["models"]


# What is built


def test_the_page_s_numbers_are_those_of_the_records(built, models):
    assert len(models) == 2 * len(cat_page.RUNS)
    for model in models:
        record, way = records.load(model["record"]), model["way"].replace("-", "_")
        assert model["lambda"] == record["settings"]["lambda_cycle"]
        measured = record["final"][record.weights][way]
        assert model["kid"] == measured["held_out"][model["features"]]
        assert model["reconstruction"] == measured["reconstruction"]
    assert {model["lambda"] for model in models if model["experiment"] == "grumpy-cats"} >= {0, 5}


def test_graphs_keep_half_the_bytes_and_every_weight(built, models):
    import onnx
    from onnx import numpy_helper

    for model in models:
        file = built / model["file"]
        assert file.stat().st_size == model["bytes"] < 2.3 * model["weights"]
        graph = onnx.load(file)
        assert graph.opset_import[0].version == 17
        arrays = [numpy_helper.to_array(tensor) for tensor in graph.graph.initializer]
        assert {a.dtype for a in arrays if a.size >= cat_page.FEW} <= {np.dtype(np.float16)}


def test_a_damaged_runtime_is_refused(tmp_path, monkeypatch):
    sources = tmp_path / "cat"
    shutil.copytree(cat_page.SOURCES, sources)
    monkeypatch.setattr(cat_page, "SOURCES", sources)
    script = sources / "runtime" / "ort.wasm.bundle.min.mjs"
    script.write_bytes(script.read_bytes() + b" ")
    with pytest.raises(GancourseError, match="ort.wasm.bundle.min.mjs is not that of onnxruntime"):
        cat_page.build(tmp_path / "page")
    script.write_bytes(script.read_bytes()[:-1])
    wasm = sources / "runtime" / f"{cat_page.WASM}.xz"
    wasm.write_bytes(wasm.read_bytes()[:-99])
    with pytest.raises(GancourseError, match="does not unpack"):
        cat_page.build(tmp_path / "page")
    wasm.unlink()
    with pytest.raises(GancourseError, match="cannot be read"):
        cat_page.build(tmp_path / "page")


def luminance(colour: str) -> float:
    """As WCAG 2 defines it, of "#rrggbb"."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_texts_have_the_contrast_of_aa_in_light_and_dark():
    css = (cat_page.SOURCES / "cat.css").read_text("utf-8")
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    for colours in ({n: light for n, light, _ in pairs}, {n: dark for n, _, dark in pairs}):
        pairs = [(text, back) for text in ("ink", "soft") for back in ("paper", "card")]
        pairs += [("accent", "paper"), ("accent", "card"), ("on-accent", "accent")]
        for text, back in [*pairs, ("error", "paper"), ("paper", "error")]:
            light, dark = sorted((luminance(colours[text]), luminance(colours[back])))[::-1]
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, back)


# What a browser shows


@pytest.fixture(scope="module")
def address(built):
    with browsing.served(built) as found:
        yield found


@pytest.fixture
def visit(browser, address, request):
    """A function that opens the page and waits for its first pictures; watches what is sent."""
    seen, said, contexts = [], [], []

    def opened(ready="translated to", script=None, theme="light", size=(1280, 900), **options):
        width, height = size
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda sent: seen.append((sent.method, sent.url, sent.post_data)))
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(f"{address}/index.html")
        status(page, ready)
        return page

    opened.said = said
    yield opened
    for number, page in enumerate(page for context in contexts for page in context.pages):
        keep(page, re.sub(r"\W+", "-", f"{request.node.name}-{number}"))
    for context in contexts:
        context.close()
    for method, url, body in seen:
        assert method == "GET" and body is None, url
        assert url.startswith((f"{address}/", "blob:", "data:")), url
    assert said == []


def status(page, text) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#status")).to_contain_text(text)


def pixels(page, name: str) -> np.ndarray:
    """What a canvas of the page shows, (64, 64, 3)."""
    address = page.evaluate("id => document.getElementById(id).toDataURL()", name)
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as shown:
        return np.array(shown.convert("RGB")).astype(int)


def python_s(file, model) -> dict[str, np.ndarray]:
    """Canvas → what the package makes of the picture in ``file``."""
    photo = images.decode(file, model["size"])[None]
    record = records.load(model["record"])
    there, back = ("gen_ab", "gen_ba") if model["way"] == "a-to-b" else ("gen_ba", "gen_ab")
    translated = translate(record.generator(there), photo)
    returned = translate(record.generator(back), translated)
    made = {"photo": photo, "translated": translated, "back": returned}
    return {k: v[0].permute(1, 2, 0).numpy().astype(int) for k, v in made.items()}


def choose(page, model) -> None:
    """Press the direction and the λ of ``model``."""
    page.get_by_label(f"{model['from']} → {model['to']}").check()
    page.get_by_label(f"λ = {model['lambda']:g}").check()


def picture(seed: int, width: int, height: int) -> Image.Image:
    """A held-out photo of a record, enlarged, with noise on it: fine and coarse at once."""
    photo = records.load("grumpy-cats/laptop-seed0").strip[seed, 0]
    photo = Image.fromarray(photo.permute(1, 2, 0).contiguous().numpy())
    enlarged = np.array(photo.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    noise = np.random.default_rng(seed).integers(-30, 31, enlarged.shape)
    return Image.fromarray((enlarged + noise).clip(0, 255).astype(np.uint8))


def test_every_network_shows_what_python_makes(visit, models, tmp_path):
    file = tmp_path / "photo.png"
    picture(2, 301, 232).save(file)  # the middle square begins at half a pixel
    page = visit()
    page.locator("#file").set_input_files(file)
    worst = {}
    for model in models:
        choose(page, model)
        status(page, f"photo.png: translated to {model['to']} and back, λ = {model['lambda']:g}")
        for name, expected in python_s(file, model).items():
            off = abs(pixels(page, name) - expected).max()
            worst[name] = max(off, worst.get(name, 0))
    assert worst["photo"] == 0 and max(worst.values()) <= CLOSE


def transparent(width: int, height: int) -> Image.Image:
    """A picture that fades to nothing from the left to the right."""
    made = picture(5, width, height).convert("RGBA")
    made.putalpha(Image.linear_gradient("L").rotate(90).resize((width, height)))
    return made


def test_pictures_of_every_kind_are_cut_and_resized_as_in_python(visit, models, tmp_path):
    page = visit()
    for name, made, close in [
        ("tall", picture(4, 700, 1300), 0),  # more rows than are read at once
        ("small", picture(1, 40, 57), 0),  # smaller than the network's pictures
        ("grey", picture(3, 90, 90).convert("L"), 0),
        ("palette", picture(3, 90, 90).convert("P"), 0),
        ("transparent", transparent(120, 100), 1),  # the browser rounds in its own way
    ]:
        file = tmp_path / f"{name}.png"
        made.save(file)
        page.locator("#file").set_input_files(file)
        status(page, f"{name}.png: translated to")
        expected = python_s(file, models[0])
        assert abs(pixels(page, "photo") - expected["photo"]).max() <= close, name
        for canvas in ("translated", "back"):
            assert abs(pixels(page, canvas) - expected[canvas]).max() <= CLOSE, name


def test_a_photo_of_a_phone_stands_upright(visit, models, tmp_path):
    file = tmp_path / "phone.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: the camera was held upright
    picture(5, 320, 240).save(file, quality=95, exif=turned)
    page = visit()
    page.locator("#file").set_input_files(file)
    status(page, "phone.jpg: translated to")
    assert abs(pixels(page, "photo") - python_s(file, models[0])["photo"]).max() <= CLOSE


def changed(page, name: str, before: np.ndarray) -> None:
    """Wait until a canvas shows another picture."""
    for _ in range(600):
        if (pixels(page, name) != before).any():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{name} stands still")


def bring(page, event: str, files: dict[str, bytes]) -> None:
    """Drop or paste ``files`` on the page."""
    page.evaluate(
        """([event, files]) => {
            const data = new DataTransfer();
            for (const [name, content] of files) {
                data.items.add(new File([new Uint8Array(content)], name));
            }
            const field = event === "drop" ? "dataTransfer" : "clipboardData";
            const kind = event === "drop" ? DragEvent : ClipboardEvent;
            document.body.dispatchEvent(new kind(event, {bubbles: true, [field]: data}));
        }""",
        [event, [[name, list(content)] for name, content in files.items()]],
    )


def png(made: Image.Image) -> bytes:
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photo_is_dropped_or_pasted_and_what_is_none_is_said(visit):
    page = visit()
    bring(page, "drop", {"dropped.png": png(picture(0, 80, 90))})
    status(page, "dropped.png: translated")
    bring(page, "paste", {"pasted.png": png(picture(1, 80, 90))})
    status(page, "pasted.png: translated")
    before = pixels(page, "photo")
    bring(page, "drop", {"no <b>photo.png": b"a text"})
    status(page, "no <b>photo.png is no picture that this browser can read")
    bring(page, "drop", {"strip.png": png(Image.new("RGB", (2001, 2)))})
    status(page, "strip.png is 2001 × 2: far too long a strip")
    bring(page, "drop", {})
    status(page, "That was no file")
    assert (pixels(page, "photo") == before).all()
    bring(page, "drop", {"again.png": png(picture(2, 80, 90))})  # the page is alive
    status(page, "again.png: translated")


def test_without_a_connection_it_goes_on_once_the_networks_are_there(visit):
    page = visit()
    page.context.set_offline(True)
    bring(page, "drop", {"offline.png": png(picture(3, 200, 200))})
    status(page, "offline.png: translated to Grumpy Cat and back, λ = 5")


def test_the_keyboard_does_it_all(visit):
    page = visit()
    first = pixels(page, "back")
    page.keyboard.press("Tab")  # the way home
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.id") == "choose"
    with page.expect_file_chooser() as dialogue:
        page.locator("#choose").press("Enter")
    buffer = png(picture(5, 400, 300))
    dialogue.value.set_files({"name": "mine.png", "mimeType": "image/png", "buffer": buffer})
    status(page, "mine.png: translated")
    for slider in ("side", "across", "down"):
        before = pixels(page, "photo")
        page.locator(f"#{slider}").focus()
        for _ in range(5):
            page.keyboard.press("ArrowLeft")
        changed(page, "photo", before)
    page.locator("#examples button").nth(1).focus()
    page.keyboard.press("Space")
    status(page, "Russian Blue: translated")
    page.get_by_label("λ = 5").focus()
    page.keyboard.press("ArrowRight")
    status(page, "and back, λ = 0")
    assert (pixels(page, "back") != first).any()
    page.get_by_label("Russian Blue → Grumpy Cat").focus()
    page.keyboard.press("ArrowDown")
    status(page, "Grumpy Cat: translated to Russian Blue")
    with page.expect_download() as saved:
        page.locator("#save").press("Enter")
    with Image.open(saved.value.path()) as strip:
        assert strip.width == 3 * strip.height


def test_the_camera_runs_stops_and_leaves_its_last_picture(visit):
    page = visit()
    before = pixels(page, "translated")
    page.locator("#camera").click()
    status(page, "The camera runs")
    for _ in range(3):  # the fake camera's picture moves
        changed(page, "translated", before)
        before = pixels(page, "translated")
    page.locator("#camera").click()
    status(page, "The camera’s last picture: translated")
    before = pixels(page, "photo")
    page.wait_for_timeout(500)
    assert (pixels(page, "photo") == before).all()  # it stands
    page.locator("#camera").click()
    status(page, "The camera runs")
    bring(page, "drop", {"photo.png": png(picture(0, 80, 80))})  # stops it, too
    status(page, "photo.png: translated")
    assert page.locator("#camera").inner_text() == "Use the camera"


def test_a_camera_that_is_refused_missing_or_not_lent_is_said(visit):
    page = visit()
    for name, text in {
        "NotAllowedError": "The camera was refused",
        "NotFoundError": "There is no camera here",
        "OddError": "The camera did not start",
    }.items():
        page.evaluate(
            """name => navigator.mediaDevices.getUserMedia =
                () => Promise.reject(new DOMException("", name))""",
            name,
        )
        page.locator("#camera").click()
        status(page, text)
    page.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page.locator("#camera").click()
    status(page, "from https:// or localhost only")


def test_without_webassembly_or_with_a_lost_network_the_page_says_so(visit, models):
    visit("This browser has no WebAssembly", script="delete globalThis.WebAssembly")
    page = visit()
    page.route("**/*lambda0*.onnx", lambda route: route.fulfill(status=200, body="no graph"))
    choose(page, next(model for model in models if model["lambda"] == 0))
    status(page, "lambda0-seed0-a-to-b.onnx cannot be opened here")
    page.unroute("**/*lambda0*.onnx")
    choose(page, models[0])
    status(page, "and back, λ = 5")
    choose(page, next(model for model in models if model["lambda"] == 0))  # tried again
    status(page, "and back, λ = 0")
    page.route("**/horse*.onnx", lambda route: route.abort())
    choose(page, models[-1])
    status(page, "could not be loaded: the host does not answer")
    visit.said[:] = [text for text in visit.said if "ERR_FAILED" not in text]  # the aborted one


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(visit, theme):
    page = visit(size=(390, 844), theme=theme)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.locator("#translated").bounding_box()["width"] >= 256
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(255, 255, 255)") == (theme == "light")
    page.evaluate("() => localStorage.setItem('mode', 'light')")  # chosen on the course's site
    page.reload()
    status(page, "translated to")
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
