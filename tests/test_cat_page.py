"""The page "Your own cat": what is built, and what a real browser shows of it.

Needs Debian's Chromium and Playwright, as ``test_browser.py``; ``GANCOURSE_SCREENSHOTS=folder``
keeps what the browser showed.
"""

import base64
import functools
import http.server
import io
import json
import os
import re
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from gancourse import records
from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse.train.cyclegan import translate
from gancourse_tools import cat_page

pytest.importorskip("onnx", reason="onnx is not installed")

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-component-update"
FLAGS += " --disable-background-networking --disable-sync"
FLAGS += " --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
MINUTE = 60_000  # milliseconds
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
    blocks = [block for block in re.findall(r"\{([^{}]*)\}", css) if "--paper:" in block]
    assert len(blocks) == 3  # light; dark by the system; dark by the site
    assert re.sub(r"\s", "", blocks[1]) == re.sub(r"\s", "", blocks[2])
    for block in blocks:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        pairs = [(text, back) for text in ("ink", "soft") for back in ("paper", "card")]
        pairs += [("accent", "paper"), ("accent", "card"), ("on-accent", "accent")]
        for text, back in [*pairs, ("error", "paper"), ("paper", "error")]:
            light, dark = sorted((luminance(colours[text]), luminance(colours[back])))[::-1]
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, back)


# What a browser shows


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address(built):
    handler = functools.partial(Quiet, directory=built)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    sync.expect.set_options(timeout=MINUTE)
    with sync.sync_playwright() as p:
        started = p.chromium.launch(executable_path=chromium, args=FLAGS.split())
        yield started
        started.close()


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
    folder = os.environ.get("GANCOURSE_SCREENSHOTS")
    for number, page in enumerate(page for context in contexts for page in context.pages):
        if folder:
            name = re.sub(r"\W+", "-", request.node.name)
            page.screenshot(path=f"{folder}/{name}-{number}.png", full_page=True)
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
    page.get_by_text(f"{model['from']} → {model['to']}", exact=True).first.click()
    page.get_by_text(f"λ = {model['lambda']:g}", exact=True).click()


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
