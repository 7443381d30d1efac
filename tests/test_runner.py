"""The runner over throw-away notebooks: what happens to good, bad, slow and misspelt ones."""

import base64
import html.parser
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from gancourse.errors import GancourseError, UnknownName
from gancourse.notebook import cell
from gancourse_tools import course, page, parameters, stills

PARAMETERS = "PROFILE = ''\nSEED = 0\nEPOCHS = 5\nRATE = 0.1\nNAMES = ['a']\nFAST: bool = False"


def book(*sources, parameters=PARAMETERS, title="A chapter"):
    cells = [new_markdown_cell(f"# {title}")]
    cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    return new_notebook(cells=cells + [new_code_cell(source) for source in sources])


def save(folder, **books):
    folder.mkdir(exist_ok=True)
    for name, content in books.items():
        nbformat.write(content, folder / f"{name.removeprefix('c')}.ipynb")
    return folder


class Page(html.parser.HTMLParser):
    """Collects what the index holds, and fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.images, self.text = [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """One run over a good, a failing, a damaged and a second good chapter."""
    tmp = tmp_path_factory.mktemp("mixed")
    picture = (
        "from PIL import Image\nfrom IPython.display import display\n"
        "display(Image.new('RGB', (2000, 1000), 'red'))"
    )
    good = book(
        "import sys\nfrom gancourse.notebook import cell\n"
        "cell.report(data='stand-in', KID=0.123456, python=sys.executable)",
        "cell.report(epochs_run=EPOCHS, profile=PROFILE)",
        picture,
        title="Start *here* & <now>",
    )
    chapters = save(
        tmp / "notebooks",
        c00_good=good,
        c01_bad=book("a = 1", "raise ValueError('the <reason>')", "a = 2"),
        c04_plain=new_notebook(cells=[new_code_cell("print('no parameters cell')")]),
    )
    (chapters / "03_damaged.ipynb").write_text("{")
    (chapters / "notes.ipynb").write_text("no chapter")
    out = tmp / "out"
    results = course.run(profile="smoke", out=out, parameters={"EPOCHS": "2"}, folder=chapters)
    return {r.chapter: r for r in results}, out, chapters


def test_a_failing_chapter_does_not_stop_the_others(mixed):
    results, _, _ = mixed
    statuses = {name: r.status for name, r in results.items()}
    assert statuses == {
        "00_good": "OK",
        "01_bad": "FAIL",
        "03_damaged": "FAIL",
        "04_plain": "OK",
    }


def test_a_failure_names_chapter_cell_and_error(mixed):
    results, out, _ = mixed
    bad = results["01_bad"]
    assert bad.error == "ValueError: the <reason>"
    cells = nbformat.read(out / "01_bad.ipynb", as_version=4).cells
    failed = next(c for c in cells if c.get("execution_count") == bad.cell)
    assert failed.source == "raise ValueError('the <reason>')"
    assert re.search(r"FAIL +01_bad .*cell In \[\d\]: ValueError: the <reason>", str(bad))
    assert "03_damaged" in str(results["03_damaged"]) and results["03_damaged"].error


def test_reports_and_parameters_arrive(mixed):
    good = mixed[0]["00_good"]
    assert good.data == "stand-in"
    assert good.numbers["KID"] == "0.1235"
    assert good.numbers["epochs run"] == "2"
    assert good.numbers["profile"] == "smoke"
    assert good.title == "Start here & <now>"
    assert good.seconds > 0


def test_chapters_run_in_this_interpreter(mixed):
    assert mixed[0]["00_good"].numbers["python"] == sys.executable


def test_index_shows_every_chapter(mixed):
    results, out, _ = mixed
    index = Page((out / "index.html").read_text(encoding="utf-8"))
    for result in results.values():
        assert result.status in index.text
        assert (result.title or result.chapter) in index.text
        assert result.error in index.text
    assert "stand-in" in index.text and "0.1235" in index.text
    for link in index.links:
        assert (out / link).is_file(), link
    assert "./00_good.ipynb" in index.links and "./00_good.html" in index.links


def test_nothing_that_a_result_holds_becomes_html(tmp_path):
    """An earlier run's results.json may hold anything: text stays text, a link in its folder."""
    evil = "\"'><script>alert(1)</script>{{ 77 * 77 }}"
    words = {"title", "status", "profile", "finished", "data", "error"}
    bad = course.Result("00", **dict.fromkeys(words, evil), numbers={evil: evil}, cell=evil)
    bad.notebook, bad.html, bad.thumbnail = "javascript:alert(1)", "//elsewhere/x", "https://x/y"
    page.write(tmp_path, {"00": bad}, evil)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    index = Page(text)
    assert "<script" not in text and "5929" not in index.text
    assert index.text.count(evil) == 1 + 6 + 2 + 1  # profile; the words; the number; the cell
    assert index.links == [".///elsewhere/x", "./javascript%3Aalert%281%29"] and not index.images


EVIL = "\"'><script>document.title = 'ran'</script><img src=x onerror=alert(1)>{{ 77 * 77 }}"
FINE = {"chapter": "00_good", "status": "OK", "title": "Kept", "numbers": {"KID": "1"}}


def hostile_rows():
    """An OK row and a failed one with hostile text in every field, links of every kind."""
    words = dict.fromkeys(("title", "status", "profile", "finished", "data", "error"), EVIL)
    links = {"notebook": "javascript:document.title='ran'", "html": "data:text/html,<script>"}
    numbers = {EVIL: EVIL, "deep": {"a": [EVIL]}, "half": "\ud800"}
    row = words | links | {"numbers": numbers, "seconds": float("nan"), "cell": 3}
    thumbnails = [f"data:image/svg+xml,{EVIL}", "javascript:alert(1)", "\ud800"]
    return [row | {"chapter": f"0{i}_x", "thumbnail": t} for i, t in enumerate(thumbnails)]


def shown(out, rows, known):
    """The page that a run makes of an earlier ``results.json``."""
    text = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    (out / "results.json").write_bytes(text)
    found = page.earlier(out, known, course.Result)
    page.write(out, found, "smoke")
    return found, (out / "index.html").read_text(encoding="utf-8")


def test_a_hostile_earlier_run_is_text_on_the_page(tmp_path):
    _, text = shown(tmp_path, hostile_rows(), ["00_x", "01_x", "02_x"])
    index = Page(text)
    assert "<script" not in text and "onerror=alert(1)>" not in text and "5929" not in text
    assert index.text.count(EVIL) == 3 * (6 + 2)  # the words, and the number
    assert {link.split("/")[0] for link in index.links} == {"."} and len(index.links) == 6
    assert [image["src"][:10] for image in index.images] == ["data:image"]


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"\xff\xfe", b"[" * 200_000, b"[" + b"9" * 5000 + b"]", b"null", b"7", b'"text"']
    + [json.dumps(FINE).encode()],
)
def test_what_is_no_list_of_results_is_begun_anew(tmp_path, text):
    found, shows = shown(tmp_path, text, ["00_good"])
    assert found["00_good"].error == "not chosen" and shows.count("<li>") == 1


MISTYPED = [None, 5, "x", [], {}, {"chapter": []}, {"chapter": {}}, {"title": "nameless"}]
MISTYPED += [FINE | {name: value} for name in FINE for value in (None, 5, [], True)]
MISTYPED += [FINE | {name: 5} for name in ("html", "notebook", "thumbnail", "error", "data")]
MISTYPED += [FINE | {"seconds": "long"}, FINE | {"seconds": 10**400}, FINE | {"cell": "x"}]
MISTYPED += [FINE | {"younger": 1}]


@pytest.mark.parametrize("row", MISTYPED)
def test_a_mistyped_result_counts_as_not_chosen_and_the_others_stay(tmp_path, row):
    rows = [row, {"chapter": "01_other", "status": "FAIL", "error": "kept"}]
    found, text = shown(tmp_path, rows, ["00_good", "01_other"])
    assert found["00_good"].error == "not chosen" and found["01_other"].error == "kept"
    assert text.count("<li>") == 2 and Page(text)


def test_a_huge_earlier_run_and_a_pipe_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST", 1000)
    found, _ = shown(tmp_path, [FINE | {"title": "x" * 1000}], ["00_good"])
    assert found["00_good"].error == "not chosen"
    (tmp_path / "results.json").unlink()
    os.mkfifo(tmp_path / "results.json")
    assert page.earlier(tmp_path, ["00_good"], course.Result)["00_good"].error == "not chosen"


@pytest.mark.parametrize(
    "shows", [{cell.MIME: {"data": 5}}, {cell.MIME: [1]}, {"image/png": "no picture"}]
)
def test_what_a_chapter_displays_may_be_anything(tmp_path, monkeypatch, shows):
    """A report of another shape, a picture that is none: the chapter fails, the next one runs."""

    def execute(path, target, parameters, timeout, result):
        made = nbformat.read(path, as_version=4)
        if "bad" in path.stem:
            made.cells[-1].outputs = [nbformat.v4.new_output("display_data", data=shows)]
        nbformat.write(made, target)
        result.status = "OK"

    monkeypatch.setattr(course, "_execute", execute)
    monkeypatch.setattr(page, "export", lambda book, notebook: "")
    chapters = save(tmp_path / "n", c00_bad=book("1"), c01_good=book("1"))
    bad, good = course.run(out=tmp_path / "o", profile="smoke", folder=chapters)
    assert (bad.status, good.status) == ("FAIL", "OK")
    assert bad.error.startswith("what it shows cannot be read: ")
    assert bad.error[:28] in (tmp_path / "o" / "index.html").read_text(encoding="utf-8")


def test_the_exported_chapter_is_read_without_kernel_and_network_of_widgets(tmp_path):
    """Alternative texts stay, folded code is folded, a panel is its picture."""
    shown = {stills.WIDGET: {"model_id": "1"}, "image/png": "iVBORw0K", "text/plain": "A panel."}
    panel = nbformat.v4.new_output(
        "display_data", data=shown, metadata={"image/png": {"alt": 'a "red" <dot>'}}
    )
    made = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "plot()", outputs=[panel], metadata={"jupyter": {"source_hidden": True}}
            ),
            nbformat.v4.new_code_cell("open_code()"),
        ]
    )
    assert page.export(made, tmp_path / "00.ipynb") == "00.html"
    text = (tmp_path / "00.html").read_text(encoding="utf-8")
    assert "alt='a \"red\" &lt;dot&gt;'" in text and "No description" not in text
    assert "model_id" not in text and text.count("<details>") == 1
    assert text.index("<details>") < text.index("plot") < text.index("</details>")
    assert text.index("</details>") < text.index("open_code")


def test_thumbnail_is_small_embedded_and_described(mixed):
    index = Page((mixed[1] / "index.html").read_text(encoding="utf-8"))
    (image,) = index.images
    assert "Start here" in image["alt"]
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/png;base64" and len(data) < 200_000
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (480, 240)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_tagged_cell_gives_the_thumbnail(kind):
    def cell(colour, tags=()):
        file = io.BytesIO()
        Image.new("RGB", (4, 4), colour).save(file, kind)
        picture = base64.b64encode(file.getvalue()).decode()
        output = nbformat.v4.new_output("display_data", data={f"image/{kind}": picture})
        return new_code_cell("", outputs=[output], metadata={"tags": list(tags)})

    def colour(*cells):
        data = page.thumbnail(new_notebook(cells=list(cells))).partition(",")[2]
        return Image.open(io.BytesIO(base64.b64decode(data))).getpixel((0, 0))[:3]

    red, blue = (254, 0, 0), (0, 0, 254)  # the two that JPEG keeps
    assert colour(cell(red), cell(blue)) == blue
    assert colour(cell(red, ["thumbnail"]), cell(blue)) == red
    assert page.thumbnail(new_notebook()) == ""


def test_a_later_run_of_one_chapter_keeps_the_others(mixed, tmp_path):
    _, out, chapters = mixed
    for name in ("results.json", "00_good.ipynb"):
        (tmp_path / name).write_bytes((out / name).read_bytes())
    save(chapters, c01_bad=book("1"))
    (result,) = course.run(["1"], "smoke", tmp_path, folder=chapters)
    assert result.status == "OK" and not result.error
    rows = {r["chapter"]: r for r in json.loads((tmp_path / "results.json").read_text())}
    assert rows["01_bad"]["status"] == "OK"
    assert rows["00_good"]["numbers"]["KID"] == "0.1235"


def test_a_slow_chapter_times_out(tmp_path):
    chapters = save(
        tmp_path / "n",
        c00_slow=book("print('first')", "import time\ntime.sleep(60)"),
        c01_good=book("1"),
    )
    slow, good = course.run(out=tmp_path / "o", profile="smoke", folder=chapters, timeout=8)
    assert slow.status == "TIMEOUT" and good.status == "OK"
    assert slow.seconds < 40
    assert slow.cell == 4  # parameters, injected parameters, first, sleep
    assert "8 s" in slow.error and "TIMEOUT" in (tmp_path / "o" / "index.html").read_text()


def test_a_kernel_that_dies_is_a_failure(tmp_path):
    chapters = save(tmp_path / "n", c00_dies=book("import os\nos._exit(9)"))
    (result,) = course.run(out=tmp_path / "o", profile="smoke", folder=chapters)
    assert result.status == "FAIL" and result.cell == 3 and "Dead" in result.error


def test_another_registered_kernel_is_not_used(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps({"argv": ["/no/such/python"], "display_name": "x", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    chapters = save(tmp_path / "n", c00_good=book("1"))
    (result,) = course.run(out=tmp_path / "o", profile="smoke", folder=chapters)
    assert result.status == "OK", result.error


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        ({"chapters": ["00_god"]}, "'00_good'"),
        ({"profile": "smok"}, "'smoke'"),
        ({"parameters": {"EPOCH": "2"}}, "'EPOCHS'"),
        ({"parameters": {"epochs": "2"}}, "'EPOCHS'"),
    ],
)
def test_unknown_words_suggest_the_nearest_before_anything_runs(tmp_path, arguments, suggestion):
    chapters = save(tmp_path / "n", c00_good=book("1"))
    with pytest.raises(UnknownName, match=f"Did you mean {suggestion}"):
        course.run(out=tmp_path / "o", folder=chapters, **arguments)
    assert not (tmp_path / "o").exists()


def test_chapters_are_chosen_by_number_name_or_file(tmp_path):
    known = course.notebooks(save(tmp_path / "n", c00_a=book(), c02_b=book(), c10_c=book()))
    assert list(known) == ["00_a", "02_b", "10_c"]
    assert course.choose(None, known) == ["00_a", "02_b", "10_c"]
    assert course.choose(["10", "notebooks/02_b.ipynb", "2"], known) == ["02_b", "10_c"]
    with pytest.raises(UnknownName):
        course.choose(["20"], known)


def test_a_folder_without_chapters_is_an_error(tmp_path):
    with pytest.raises(GancourseError, match="No chapters"):
        course.run(folder=tmp_path, out=tmp_path / "o")


def test_the_default_folder_is_the_one_here_first(tmp_path, monkeypatch):
    save(tmp_path / "notebooks", c77_mine=book())
    monkeypatch.chdir(tmp_path)
    assert list(course.notebooks()) == ["77_mine"]


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("2", 5, 2),
        ("2", 0.5, 2.0),
        ("1e-3", 0.5, 0.001),
        ("2", "text", "2"),
        ("true", False, True),
        ("False", True, False),
        ("[1, 2]", ["a"], [1, 2]),
        ("None", None, None),
        ("scratches", None, "scratches"),
        ("{[]: 1}", None, "{[]: 1}"),
        ("[" * 9999, None, "[" * 9999),
        ("-" * 9999 + "1", None, "-" * 9999 + "1"),
        (3, 5, 3),
        (3, ..., 3),
    ],
)
def test_values_get_the_parameters_type(text, default, value):
    result = parameters.typed("P", text, default)
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "default"),
    [("two", 5), ("1.5", 5), ("1", True), (2, "text"), ("{[]: 1}", 5)]
    # what papermill would write into the chapter as text
    + [(text, None) for text in ("(1,)", "[(1,)]", "{1}", "1j", "b'x'", "...", "{1: 2}")],
)
def test_values_of_another_type_are_refused(text, default):
    with pytest.raises(GancourseError, match="Parameter EPOCHS"):
        parameters.typed("EPOCHS", text, default)


CHAPTERS_FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


@pytest.mark.parametrize(
    ("chapter", "given", "said"),
    [
        ("02", "EPOCHS=0", r"EPOCHS must be a whole number in \[1, 1e\+07\], not 0\."),
        ("02", "EPOCHS=-1", "EPOCHS must be a whole number .* not -1"),
        ("02", "EPOCHS=1.5", "EPOCHS must be a whole number .* not 1.5"),
        ("02", "EPOCHS=(1,)", r"EPOCHS takes no \(1,\)"),
        ("02", "EPOCHS=True", "EPOCHS must be a whole number .* not True"),
        ("02", "EPOCHS=two", "EPOCHS must be a whole number .* not 'two'"),
        ("02", "EPOCHS=" + "(" * 500, "EPOCHS must be a whole number"),
        ("02", "SEED=-1", "SEED must be a whole number .* not -1"),
        ("02", "SEED={[]: 1}", r"SEED \(default 0\) takes no '\{\[\]: 1\}'"),
        ("02", "SEED=None", r"SEED \(default 0\) takes no None"),
        ("02", "DATA=rael", "Unknown DATA 'rael'. Did you mean 'real'"),
        ("02", "AUGMENT=steal", "Unknown AUGMENT 'steal'. Did you mean 'steel'"),
        ("02", "EPOCS=1", "Unknown parameter 'EPOCS'. Did you mean 'EPOCHS'"),
        ("02", "PROFILE=smok", "Did you mean 'smoke'"),
        ("00", "STEPS=0", "STEPS must be a whole number in .* not 0"),
        ("04", "NEIGHBOURS=0", "NEIGHBOURS must be a whole number in .* not 0"),
        ("04", "SHARE=2", r"SHARE must be a number in \[0, 1\], not 2"),
        ("05", "TRAIN_HORSES=yes", "TRAIN_HORSES .* takes no 'yes': not bool"),
        ("06", "LAMBDA_CYCLE=nan", "LAMBDA_CYCLE .* takes no 'nan': not float"),
        ("06", "LAMBDA_CYCLE=1e999", "LAMBDA_CYCLE must be a number in .* not inf"),
        ("06", "LAMBDA_CYCLE=-1", "LAMBDA_CYCLE must be a number in .* not -1"),
        ("07", "ITERATION=3", r"ITERATION must be a whole number in \[0, 2\], not 3"),
        ("07", "BLOCKS=-1", "BLOCKS must be a whole number in .* not -1"),
        ("07", "LAMBDA_IDENTITY=nan", "LAMBDA_IDENTITY must be a number in .* not 'nan'"),
        ("07", "FOLDER_A=nowhere", "FOLDER_A: there is no folder /.*nowhere"),
        ("08", "FEATURES=inception", "Unknown FEATURES 'inception'. Did you mean 'inception-"),
    ],
)
def test_what_a_chapter_cannot_take_is_said_before_it_runs(
    tmp_path, monkeypatch, chapter, given, said
):
    monkeypatch.setattr(course, "_one", None)
    name, _, value = given.partition("=")
    with pytest.raises(GancourseError, match=said):
        course.run([chapter], "smoke", tmp_path / "o", {name: value}, folder=CHAPTERS_FOLDER)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf])
def test_a_timeout_is_above_0(tmp_path, timeout):
    """0 is no time, not "as by default"."""
    with pytest.raises(GancourseError, match="timeout must be a number of seconds above 0, not"):
        course.run(["02"], "smoke", tmp_path / "o", timeout=timeout, folder=CHAPTERS_FOLDER)


def test_every_parameter_of_the_chapters_is_checked():
    """A number, a word or a folder of the table, or a switch."""
    known = {*parameters.NUMBERS, *parameters.WORDS, *parameters.FOLDERS, *parameters.TEXTS}
    for path in course.notebooks(CHAPTERS_FOLDER).values():
        for name, default in parameters.parameters_of(course._read(path)).items():
            assert name in known or isinstance(default, bool), (path.name, name)
            assert parameters.checked(name, default, default) == default


def test_values_that_fit_arrive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name, text, default, value in (
        ("EPOCHS", "2", None, 2),
        ("EPOCHS", "None", None, None),
        ("LAMBDA_IDENTITY", "0", None, 0.0),
        ("BLOCKS", "0", None, 0),
        ("DATA", "Real", "auto", "real"),
        ("FEATURES", "", "", ""),
        ("FOLDER_A", "mine", "", str(tmp_path / "mine")),
        ("OTHER", "[1]", None, [1]),  # of a chapter of one's own
    ):
        found = parameters.checked(name, text, default)
        assert found == value and type(found) is type(value)


def test_zero_is_not_taken_for_not_given_in_a_chapter():
    """``if EPOCHS:`` and ``STEPS or …`` would."""
    for path in course.notebooks(CHAPTERS_FOLDER).values():
        for cell_ in course._read(path).cells:
            if cell_.cell_type == "code":
                assert not re.search(r"\b(EPOCHS|STEPS|BLOCKS) or\b", cell_.source), path.name
                assert not re.search(r"\bif (EPOCHS|STEPS|BLOCKS)\b(?! is)", cell_.source), (
                    path.name
                )


def test_parameters_are_read_with_their_defaults():
    found = parameters.parameters_of(book(parameters=PARAMETERS + "\nNOW = time()\nA = B = -1"))
    assert found == {
        "PROFILE": "",
        "SEED": 0,
        "EPOCHS": 5,
        "RATE": 0.1,
        "NAMES": ["a"],
        "FAST": False,
        "NOW": ...,
        "A": -1,
        "B": -1,
    }


def test_report_takes_an_image_set(monkeypatch):
    class Set:
        source = "real"

    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    cell.report(Set(), a_b=0.000123456, n=3)
    assert shown == [
        {
            course.MIME: {"data": "real", "numbers": {"a b": "0.0001235", "n": "3"}},
            "text/plain": "data: real\na b: 0.0001235\nn: 3",
        }
    ]


def test_folders_of_the_environment_are_meant_from_here(tmp_path, monkeypatch):
    """A chapter runs in notebooks/: a relative GANCOURSE_DATA would mean another folder there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANCOURSE_DATA", "data")
    monkeypatch.setenv("GANCOURSE_RECORDS", os.pathsep.join(["a", str(tmp_path / "b")]))
    monkeypatch.delenv("GANCOURSE_CACHE", raising=False)
    course._absolute_places()
    assert os.environ["GANCOURSE_DATA"] == str(tmp_path / "data")
    assert os.environ["GANCOURSE_RECORDS"] == f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"
    assert "GANCOURSE_CACHE" not in os.environ
