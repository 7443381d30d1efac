"""Inputs that nobody thought of: whatever a reader hands in is taken, or refused by its name.

A few hundred, the same ones every time, are part of the suite. ``make fuzz MINUTES=15`` takes
others for so long, a share for each kind; it prints how many there were, and the seed that failed.
"""

import contextlib
import functools
import gzip
import importlib
import io
import itertools
import json
import os
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from test_training import SETTINGS, make

from gancourse import data, models, profiles, records
from gancourse.data import fetch, images
from gancourse.errors import GancourseError
from gancourse.models import cyclegan, dcgan
from gancourse.train import checkpoint, loop
from gancourse_lab import defects
from gancourse_studies import folders, recording
from gancourse_tools import cli, course, page

KINDS = 10
SECONDS = 60 * float(os.environ.get("GANCOURSE_FUZZ_MINUTES") or 0) / KINDS


def fuzz(body, examples, **drawn):
    """Call ``body`` with ``examples`` drawings, or with ever others for this kind's ``SECONDS``."""
    count, end = 0, time.monotonic() + SECONDS

    @functools.wraps(body, assigned=("__name__", "__qualname__", "__module__"))
    def counted(**values):
        nonlocal count
        count += 1
        body(**values)

    def test(**how):
        limits = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
        return settings(max_examples=examples, **limits, **how)(given(**drawn)(counted))

    if not SECONDS:
        return test(derandomize=True)()
    for number in itertools.count():
        if time.monotonic() > end:
            print(f"\n{body.__qualname__}: {count} inputs, seeds 0 to {number - 1}")
            return
        print(f"seed {number}")
        seed(number)(test())()


def refused(error, *names):
    """``error`` says something, and names the input, as it is or as Python writes it."""
    said = [form for name in names for form in (str(name), repr(name), repr(str(name))[1:-1])]
    assert str(error).strip() and any(form in str(error) for form in said), repr(error)


def command(*words) -> tuple[int, str]:
    """(exit code, what was said) of the command line, which shows no traceback."""
    written = io.BytesIO()
    said = io.TextIOWrapper(written, encoding="utf-8", write_through=True)
    wrong = io.TextIOWrapper(written, "utf-8", "backslashreplace", write_through=True)  # as Python
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as stop:  # argparse
            code = stop.code
    text = written.getvalue().decode()
    assert code in (0, 1, 2)
    assert not code or "gancourse" in text
    return code, text


# What is drawn

WORDS = ["", " ", "x", "nan", "inf", "-inf", "1e999", "-0", "0x10", "1_0", "None", "True", "false"]
WORDS += ["[]", "{}", "(1,)", "{1, 2}", "{[]: 1}", "b'x'", "1j", "...", "'", '"', "\\", "\n", "é"]
WORDS += ["9" * 5000, "-" * 9000 + "1", "[" * 9000, "(" * 90, "a" * 300, "../..", "~", "~nobody"]
WORDS += ["/dev/null/x", "\udcff", "=", "-p", "--out", "%s", "{kid}", "__import__('os')", "\u2028"]
CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
ARGUMENT = st.text(st.one_of(CHARACTERS, st.sampled_from("/\udcff")), max_size=12)  # of a shell
TEXT = st.one_of(st.sampled_from(WORDS), ARGUMENT)
NUMBER = st.one_of(st.integers(-3, 3000), st.integers(), st.floats())
PLAIN = st.one_of(st.none(), st.booleans(), NUMBER, TEXT, st.just([]), st.just({}), st.just([None]))
WHOLE = st.integers(-2, 10**30)


def mostly(value, other):
    """``value``, and one in eight times ``other``: else the first wrong word hides the rest."""
    usual = value if isinstance(value, st.SearchStrategy) else st.just(value)
    return st.integers(0, 7).flatmap(lambda n: usual if n else other)


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "put", "cut", "insert", "repeat", "end"]),
        st.integers(0, 10**6),
        st.binary(min_size=1, max_size=9),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, changes) -> bytes:
    """``content`` after ``changes`` of ``DAMAGE``, each at a millionth of its length."""
    for kind, at, new in changes:
        at = at * len(content) // 10**6
        head, tail = content[:at], content[at:]
        if kind == "flip":
            content = head + bytes([tail[0] ^ 1 << new[0] % 8]) + tail[1:] if tail else head
        elif kind == "put":
            content = head + new + tail[len(new) :]
        elif kind == "cut":
            content = head + tail[new[0] :]
        elif kind == "insert":
            content = head + new + tail
        elif kind == "repeat":
            content = head + tail[:64] * (new[0] % 8) + tail
        else:
            content = head
    return content


ELSEWHERE = st.tuples(st.lists(st.integers(0, 40), min_size=1, max_size=5), PLAIN, st.booleans())


def altered(content, path, value, remove):
    """A copy of ``content`` whose entry at ``path``, by numbers, is ``value`` or is gone."""
    if not path or not isinstance(content, dict | list) or not content:
        return value
    if isinstance(content, list):
        at = path[0] % len(content)
        inner = [altered(content[at], path[1:], value, remove)]
        if remove and not path[1:]:
            inner = []
        return content[:at] + inner + content[at + 1 :]
    name = list(content)[path[0] % len(content)]
    if remove and not path[1:]:
        return {key: inner for key, inner in content.items() if key != name}
    return content | {name: altered(content[name], path[1:], value, remove)}


# Settings, and a chapter's parameters

FIELDS = sorted({f for kind in profiles.MODELS.values() for f in kind.__dataclass_fields__})
EDGES = sorted({edge for span in profiles.RANGES.values() for edge in span})


@torch.no_grad()
def forward(settings) -> None:
    """What passes the checks can be run; on the meta device nothing is computed."""
    with torch.device("meta"):
        for name in importlib.import_module(f"gancourse.models.{settings.model}").NETWORKS:
            network = models.network(name, settings)
            if name == "generator":  # of latents
                shown = network(torch.empty(2, settings.z_dim))
                assert shown.shape == (2, settings.channels, settings.size, settings.size)
                continue
            image = torch.empty(2, settings.channels, settings.size, settings.size)
            conditional = (settings.model, name) == ("pix2pix", "disc")
            network(*[image] * (1 + conditional))


def test_settings():
    def one(experiment, changes):
        try:
            made = folders.settings_of(experiment, (), "smoke", changes)
            importlib.import_module(f"gancourse.train.{made.model}").check_settings(made)
        except GancourseError as error:
            return refused(error, *changes, *changes.values(), "G", "D")
        assert isinstance(profiles.run_name(made), str)
        if made.size <= 64:
            forward(made)

    names = st.one_of(st.sampled_from(FIELDS), st.sampled_from(FIELDS), ARGUMENT)
    values = st.one_of(PLAIN, st.sampled_from(EDGES), st.sampled_from(["8", "16", "32", "1e-4"]))
    fuzz(
        one,
        200,
        experiment=st.sampled_from(profiles.experiments()),
        changes=st.dictionaries(names, values, min_size=1, max_size=3),
    )


PARAMETERS = {"PROFILE": "", "SEED": 0, "RATE": 0.1, "NAMES": ["a"], "FAST": False, "NONE": None}


@pytest.fixture
def one_chapter(tmp_path, monkeypatch):
    """A folder with one chapter that is not executed: its parameters arrive in the list."""
    arrived = []
    source = "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS.items())
    (tmp_path / "notebooks").mkdir()
    cells = [new_code_cell(source, metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks/00_one.ipynb")
    monkeypatch.chdir(tmp_path)

    def take(path, out, profile, parameters, timeout):
        arrived.append(parameters)
        return course.Result(path.stem, status="OK", numbers={"got": repr(parameters)})

    monkeypatch.setattr(course, "_one", take)
    return arrived


def test_parameters(one_chapter):
    from papermill.translators import PythonTranslator

    def one(name, value):
        one_chapter.clear()
        code, said = command("run", "00", f"-p{name}={value}", "--profile", "smoke")
        if code:
            return refused(said, name.partition("=")[0], value)
        (parameters,) = one_chapter
        told = {}
        exec(PythonTranslator.codify(parameters), told)
        for key, got in parameters.items():  # what papermill writes into the chapter is what came
            assert repr(told[key]) == repr(got)
            default = PARAMETERS[key]
            assert default is None or type(got) is type(default)

    fuzz(one, 150, name=st.one_of(st.sampled_from(sorted(PARAMETERS)), TEXT), value=TEXT)


# What is fetched

PICS = {"pics": "trainA", "more/pics": "trainB"}
PARTS = [
    "top",
    "pics",
    "more",
    "..",
    ".",
    "",
    "a",
    "a.png",
    ".a",
    "C:",
    "\\",
    "\0",
    "é" * 120,
    "\n",
]
PARTS += ["\udcff", "n" * 300]
KINDS_OF_MEMBER = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, b"x", b"S"]
MEMBER = st.tuples(
    st.one_of(
        st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("/".join),
        st.sampled_from(PARTS).map("top/pics/{}".format),
    ),
    st.sampled_from(KINDS_OF_MEMBER),
    st.binary(max_size=20),
    st.one_of(st.just(0), st.integers(-2, 2**34)),  # by how much its size is a lie
)


def tarred(members, damage) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as t:
        for name, kind, content, lie in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content)
            with contextlib.suppress(ValueError):
                t.addfile(info, io.BytesIO(content))
                if lie and 0 <= info.size + lie < 8**11:
                    out.seek(out.tell() - 1024)  # its header, written anew
                    info.size += lie
                    out.write(info.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape")[-512:])
                    out.seek(0, io.SEEK_END)
    return gzip.compress(damaged(out.getvalue(), damage), 1)


def zipped(members, damage) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, kind, content, _ in members:
            info = zipfile.ZipInfo(name.replace("\0", "").encode(errors="replace").decode())
            info.external_attr = (0o120777 if kind == tarfile.SYMTYPE else 0o100644) << 16
            z.writestr(info, content)
    return damaged(out.getvalue(), damage)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives(tmp_path):
    def one(pack, members, damage):
        shutil.rmtree(tmp_path / "deep", ignore_errors=True)
        into = tmp_path / "deep/er/into"
        into.mkdir(parents=True)
        (tmp_path / "a.pack").write_bytes(pack(members, damage))
        try:
            fetch.unpack(tmp_path / "a.pack", into, PICS)
        except fetch.BadArchive as error:
            refused(error, "a.pack")
        found = [p for p in tmp_path.rglob("*") if not p.is_dir() and p.name != "a.pack"]
        assert all(p.parent.parent == into and not p.is_symlink() for p in found)

    fuzz(
        one,
        300,
        pack=st.sampled_from([tarred, zipped]),
        members=st.lists(MEMBER, max_size=4),
        damage=st.one_of(st.just([]), DAMAGE),
    )


# Pictures


def drawn_pictures() -> list[bytes]:
    """A small picture of every kind that is read."""
    gradient = Image.linear_gradient("L").resize((9, 7))
    colour = Image.merge("RGB", [gradient, gradient.rotate(90), gradient])
    turned = Image.Exif()
    turned[0x0112] = 6
    made = []
    for picture, kind, how in [
        (colour, "JPEG", {"exif": turned, "dpi": (72, 72)}),
        (colour, "JPEG", {"progressive": True}),
        (colour.convert("CMYK"), "JPEG", {}),
        (colour, "PNG", {"exif": turned}),
        (colour.convert("RGBA"), "PNG", {}),
        (colour.convert("P"), "PNG", {"transparency": 3}),
        (gradient.convert("I;16"), "PNG", {}),
        (gradient.convert("1"), "PNG", {}),
        (gradient.convert("LA"), "PNG", {}),
        (colour, "WEBP", {"lossless": True}),
        (colour.convert("RGBA"), "WEBP", {"exif": turned}),
        (colour, "BMP", {}),
        (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "jpeg"}),
        (gradient.convert("I;16"), "TIFF", {}),
        (gradient.convert("F"), "TIFF", {}),
        (colour.convert("P"), "GIF", {"save_all": True, "append_images": [colour]}),
        (colour, "PPM", {}),
        (gradient, "PPM", {}),
    ]:
        file = io.BytesIO()
        picture.save(file, kind, **how)
        made.append(file.getvalue())
    return made + [b"P3 2 2 255 " + b"7 " * 12, b"P1 2 2 1 0 1 0", b"GIF89a", b""]


GOOD = drawn_pictures()[:15]
PICTURE = st.builds(damaged, st.sampled_from(drawn_pictures()), st.one_of(st.just([]), DAMAGE))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it mends
def test_pictures(tmp_path):
    def one(content, size, channels, half):
        file = tmp_path / "one.png"
        file.write_bytes(content)
        try:
            found = images.decode(io.BytesIO(content), size, channels, half)
            assert found.dtype == torch.uint8 and len(found) == channels
        except (OSError, ValueError, SyntaxError) as error:  # as ``decode`` says
            assert str(error)
        try:
            data.folder(tmp_path, size=size or 8, channels=channels)
        except GancourseError as error:
            refused(error, "one.png")

    fuzz(
        one,
        300,
        content=PICTURE,
        size=st.sampled_from([1, 8, None]),
        channels=st.sampled_from([1, 3]),
        half=st.sampled_from([None, "left", "right"]),
    )


# Checkpoints


def test_checkpoints(tmp_path):
    step, batches = make()
    history = loop.fit(step, batches, steps=2)
    file = tmp_path / "step_0000002.pt"
    checkpoint.save(file, step, batches, history, {"commit": None, "images": []})
    whole, content = file.read_bytes(), checkpoint.read(file)

    def one(damage, change, by_content):
        if by_content:
            checkpoint.write(file, altered(content, *change))
        else:
            file.write_bytes(damaged(whole, damage))
        intact = by_content or file.read_bytes() == whole
        fresh = make(SETTINGS, seed=1) if intact else (None, None)  # damage is seen before
        try:
            checkpoint.load(file, *fresh)
        except checkpoint.CheckpointError as error:
            refused(error, file)

    fuzz(one, 60, damage=DAMAGE, change=ELSEWHERE, by_content=st.booleans())


# Records


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A folder of records with a translator, "a/translator", and a sampler, "a/sampler"."""
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path / "records"))
    monkeypatch.chdir(tmp_path)
    small = profiles.settings("grumpy-cats", "smoke", width=1, width_d=1, blocks=0, patch_layers=1)
    strip = [({"label": "input"}, torch.zeros(2, 3, 8, 8, dtype=torch.uint8))]
    for name, values, network, made in (
        ("sampler", SETTINGS, "generator", dcgan.generator(SETTINGS)),
        ("translator", small, "gen_ab", cyclegan.generator(small)),
    ):
        content = {"model": values.model, "experiment": "a", "run": name, "commit": None}
        content |= {"settings": profiles.without_folders(vars(values)), "steps": 4, "epochs": 2.0}
        content |= {"device": "CPU", "minutes": 0.5, "weights": "average", "metrics": []}
        content |= {"features": "Inception-768", "final": {"last": {}, "average": {"x": [1, 2]}}}
        content |= {"data": {"caption": "some pictures", "source": "real"}}
        content |= {"curves": recording.thinned({"gen": [1.0, 2.0, 3.0, 4.0]})}
        recording.save(tmp_path / "records/a" / name, content, strip, {network: made})
    return tmp_path / "records/a"


def test_records(recorded, tmp_path):
    file = recorded / "sampler/record.json"
    whole = file.read_bytes()
    content = json.loads(whole)

    def one(damage, change, by_content, n, seed):
        if by_content:
            new = altered(content, *change)
            if isinstance(new, dict):
                new["digest"] = records.digest_of(new)
            file.write_text(json.dumps(new), encoding="utf-8")
        else:
            file.write_bytes(damaged(whole, damage))
        for words in (
            ["records"],
            ["records", "show", "a/sampler"],
            ["records", "keep", "a/sampler", "--out", tmp_path / "kept"],
            ["sample", "a/sampler", f"-n{n}", f"--seed={seed}", "--out=out", "--force"],
        ):
            code, said = command(*words)
            assert not code or any(name in said for name in ("sampler", str(n), str(seed)))
        shutil.rmtree(tmp_path / "kept", ignore_errors=True)
        with contextlib.suppress(GancourseError):
            record = records.load("a/sampler")
            for name in ("strip", "columns", "at", "per_epoch", "caption", "kid", "epochs"):
                with contextlib.suppress(GancourseError):
                    getattr(record, name)

    how = {"damage": DAMAGE, "change": ELSEWHERE, "by_content": st.booleans()}
    n = mostly(2, st.sampled_from([-1, 0, 1, 10**5 + 1, 10**30]))  # not 99,999 files
    fuzz(one, 120, n=n, seed=mostly(0, WHOLE), **how)


# Boxes

XML = "<annotation><object><bndbox>{}</bndbox></object></annotation>"
BOX = ("xmin", "ymin", "xmax", "ymax")


def test_boxes(tmp_path):
    def one(tags, damage):
        inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
        file = tmp_path / "one.xml"
        file.write_bytes(damaged(XML.format(inside).encode(errors="replace"), damage))
        try:
            found = defects.voc_boxes(file)
        except GancourseError as error:
            return refused(error, "one.xml")
        assert found.shape[1:] == (4,) and found.isfinite().all()
        assert (found[:, :2] < found[:, 2:]).all()

    value = st.one_of(st.integers(1, 200), TEXT, st.floats())
    box = st.tuples(*(st.tuples(st.just(tag), value) for tag in BOX))
    tags = st.one_of(box, st.lists(st.tuples(st.sampled_from([*BOX, "x"]), value), max_size=5))
    fuzz(one, 300, tags=tags, damage=st.one_of(st.just([]), DAMAGE))


# Folders of pictures

NAMES = st.text(st.one_of(CHARACTERS, st.just("\udcff")), min_size=1, max_size=60)
FILES = st.dictionaries(
    NAMES.map("{}.png".format), mostly(st.sampled_from(GOOD), PICTURE), max_size=7
)


def fill(folder, files) -> None:
    """``folder`` with these ``files`` only."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        with contextlib.suppress(OSError):  # a name that this disk does not take
            Path(folder, name).write_bytes(content)


SIZE = mostly("--size=16", st.one_of(TEXT, WHOLE).map("--size={}".format))


@pytest.mark.filterwarnings("ignore")
def test_translate(recorded, tmp_path):
    def one(files, size, source, run, out):
        fill(tmp_path / "mine", files)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        code, said = command("translate", run, source, f"--out={out}", "--device=cpu", size)
        if not code and out == "out":
            assert any((tmp_path / "out").rglob("*.png"))

    fuzz(
        one,
        40,
        files=FILES,
        size=SIZE,
        source=mostly("mine", TEXT.filter(lambda word: word.strip("./ "))),  # not all there is
        run=mostly("a/translator", TEXT),
        out=mostly(
            "out", st.sampled_from(["n" * 300, "mine/inside", "", "/dev/null/x", "~nobody"])
        ),
    )


@pytest.mark.filterwarnings("ignore")
def test_score(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def one(files, others, size, other):
        fill(tmp_path / "mine", files)
        fill(tmp_path / "others", others)
        command("score", "mine", other, "--features=stand-in", "--device=cpu", size)

    many = st.lists(st.sampled_from(GOOD), min_size=5, max_size=9).map(
        lambda found: {f"{i}.png": content for i, content in enumerate(found)}
    )
    fuzz(
        one,
        25,
        files=mostly(many, FILES),
        others=mostly(many, FILES),
        size=SIZE,
        other=mostly("others", st.one_of(st.just("mine"), TEXT)),
    )


# The page about a run


def test_results(tmp_path):
    row = json.dumps([vars(course.Result("00_one")), vars(course.Result("01_two"))])
    whole, rows = row.encode(), json.loads(row)

    def one(damage, change, by_content):
        content = damaged(whole, damage)
        if by_content:
            content = json.dumps(altered(rows, *change)).encode()
        (tmp_path / "results.json").write_bytes(content)
        found = page.earlier(tmp_path, ["00_one", "01_two"], course.Result)
        assert list(found) == ["00_one", "01_two"]
        page.write(tmp_path, found, "smoke")
        assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<li>") == 2

    fuzz(one, 200, damage=DAMAGE, change=ELSEWHERE, by_content=st.booleans())
