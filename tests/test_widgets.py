"""The panels: training in the background, the study, the vote, the upload; no browser here."""

import base64
import io
import threading
import time

import ipywidgets
import pytest
import torch
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from gancourse import data
from gancourse.data.batches import Batches
from gancourse.errors import GancourseError
from gancourse.notebook import figures, panels
from gancourse.train.loop import Callback
from gancourse_lab import human_study_panel, train_panel
from gancourse_lab.human_study import Study
from gancourse_lab.human_study_panel import Poll, StudyPanel, Upload, Vote, read_upload
from gancourse_lab.train_panel import TrainPanel


class Steps:
    """Ten "batches" an epoch; each step waits for permission where ``gate`` is given."""

    device, images = torch.device("cpu"), range(10)
    epoch = position = 0
    batch_size = 1

    def __init__(self, gate=None):
        self.gate = gate

    def __len__(self):
        return 10

    __iter__ = Batches.__iter__

    def order(self):
        return torch.arange(10)[None]

    def read(self, order):
        for i in order[0]:
            if self.gate:
                self.gate.acquire(timeout=20)
            yield i


def make_panel(gate=None, fail=False, **options):
    seen = {}

    def make(lam, epochs):
        seen.update(lam=lam, epochs=epochs)

        def step(x):
            if fail and x == 3:
                raise ValueError("broken at three")
            return {"gen": torch.tensor(lam)}

        return step, Steps(gate), epochs, [Callback()]

    controls = {
        "lam": ipywidgets.FloatSlider(value=10.0),
        "epochs": ipywidgets.IntSlider(value=2),
    }
    panel = TrainPanel(make, lambda run: Figure((1, 1)), seconds=0.0, **controls, **options)
    return panel, seen


def press(panel, name):
    panel.buttons[name].click()


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def test_a_panel_s_output_holds_its_picture_for_who_runs_no_widget():
    """GitHub shows the last kind it knows: the picture as it stands, with its text."""

    def draw(a, b):
        return Figure((1, 1))

    panel = panels.panel(
        draw, a=panels.number(0, 5, 2, "a"), b=panels.slider(["x", "y"], "recipe", "y")
    )
    bundle, about = panel._repr_mimebundle_()
    text = "A panel with sliders, here at a = 2, recipe = y."
    assert bundle["text/plain"] == text and about["image/png"]["alt"] == text
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in bundle
    panel.children[0].children[0].value = 4
    assert "a = 4" in panel._repr_mimebundle_()[0]["text/plain"]
    alone, _ = panels.number(0.0, 1.0, 0.25, "share", step=0.05)._repr_mimebundle_()
    assert alone["text/plain"] == "A slider: share = 0.25."


def test_views_without_a_picture_say_what_they_are():
    panel, _ = make_panel()
    said, _ = panel.view._repr_mimebundle_()
    assert said["text/plain"].startswith("A panel that trains in a live notebook, at")
    vote = Vote({"one": pictures(0), "two": pictures(9)}, "Which?")
    assert "Which? Chosen: nothing." in vote.view._repr_mimebundle_()[0]["text/plain"]


def test_a_bar_in_a_notebook_ends_as_one_plain_line():
    """In a real kernel: no widget, whose stored state would be "0 %"."""
    code = "from gancourse.progress import bar\nfor _ in bar(range(50), desc='MMD'): pass"
    book = new_notebook(cells=[new_code_cell(code)])
    NotebookClient(book, timeout=300, kernel_name="python3").execute()
    (output,) = book.cells[0].outputs
    assert list(output["data"]) == ["text/plain"]
    assert output["data"]["text/plain"].startswith("MMD: 100%|██████████| 50/50 [")


def test_start_trains_at_the_sliders_values_and_leaves_the_model():
    panel, seen = make_panel()
    panel.controls["lam"].value = 3.0
    press(panel, "Start")
    panel.wait(20)
    assert seen == {"lam": 3.0, "epochs": 2}
    assert panel.history.terms["gen"] == [3.0] * 20 and panel.step is not None
    assert panel.state == "done" and "Done after 20 steps" in panel.status.value
    assert bytes(panel.picture.value).startswith(b"\x89PNG")


def test_the_kernel_is_free_and_pause_holds_and_stop_ends():
    gate = threading.Semaphore(0)
    panel, _ = make_panel(gate)
    press(panel, "Start")  # returns although no step can be taken yet
    assert panel.alive
    gate.release(3)
    until(lambda: len(panel.history) == 3)
    press(panel, "Pause")
    gate.release(10)
    until(lambda: "Paused at step" in panel.status.value)
    held = len(panel.history)
    time.sleep(0.05)
    assert len(panel.history) == held < 20 and panel.state == "paused"
    assert panel.buttons["Pause"].description == "Go on"
    press(panel, "Pause")
    until(lambda: len(panel.history) > held)
    press(panel, "Stop")
    gate.release(10)
    panel.wait(20)
    assert panel.state == "stopped" and "Stopped after" in panel.status.value
    assert not panel.alive and held < len(panel.history) < 20


def test_stop_also_ends_a_paused_training():
    panel, _ = make_panel()
    panel.controls["epochs"].value = 100
    press(panel, "Start")
    press(panel, "Pause")
    until(lambda: "Paused at step" in panel.status.value or panel.state == "paused")
    press(panel, "Stop")
    panel.wait(20)
    assert panel.state == "stopped"


def test_one_training_at_a_time_whichever_panel():
    gate = threading.Semaphore(0)
    first, _ = make_panel(gate)
    second, seen = make_panel()
    press(first, "Start")
    press(first, "Start")
    assert "This panel is already training" in first.status.value
    press(second, "Start")
    assert "Another panel is already training" in second.status.value and not seen
    press(first, "Stop")
    gate.release(1000)
    first.wait(20)
    press(second, "Start")
    second.wait(20)
    assert second.state == "done"


def test_stop_reaches_a_training_whose_own_buttons_are_gone():
    """The cell run again while training: the new panel's Stop ends the old one's."""
    gate = threading.Semaphore(0)
    first, _ = make_panel(gate)
    second, _ = make_panel()
    press(first, "Start")
    press(second, "Stop")
    assert "another panel" in second.status.value
    gate.release(1000)
    first.wait(20)
    assert first.state == "stopped" and len(first.history) < 20
    press(second, "Start")
    second.wait(20)
    assert second.state == "done"


def test_an_error_is_shown_and_a_second_start_works():
    panel, _ = make_panel(fail=True)
    press(panel, "Start")
    panel.wait(20)
    assert panel.state == "failed" and "broken at three" in panel.status.value
    assert len(panel.history) == 3  # nothing lost
    press(panel, "Start")
    panel.wait(20)
    assert panel.state == "failed"


def test_pause_and_stop_without_a_training_say_so():
    panel, _ = make_panel()
    for name in ("Pause", "Stop"):
        press(panel, name)
        assert "Nothing is training" in panel.status.value and panel.state == "ready"


def test_training_leaves_pyplot_alone():
    """A figure of the thread must not come out under a cell that runs at the same time."""
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    panel, _ = make_panel()
    press(panel, "Start")
    panel.wait(20)
    assert plt.get_fignums() == before
    assert train_panel._training is panel


# The study


def pictures(value, n=6, size=8):
    return torch.full((n, 3, size, size), value, dtype=torch.uint8)


class Clock:
    """In place of ``threading.Timer``: time passes when the test says so."""

    def __init__(self, seconds, function):
        self.seconds, self.function = seconds, function

    def start(self): ...
    def cancel(self): ...


def test_a_pair_is_shown_then_hidden_and_the_answer_counted(monkeypatch):
    monkeypatch.setattr(human_study_panel.threading, "Timer", Clock)
    study = Study(pictures(0), pictures(255), practice=1, counted=2)
    panel = StudyPanel(study)
    blank = panel.pictures[0].value
    assert all(b.disabled for b in panel.buttons.values())
    assert "Practice 1 of 1" in panel.message.value
    panel.begin.click()
    assert panel.pictures[0].value != panel.pictures[1].value
    assert panel._timer.seconds == 1.0  # the paper's
    panel._timer.function()
    assert panel.pictures[0].value == panel.pictures[1].value == blank
    real = "left" if study._real_left[0] else "right"
    panel.buttons[real].click()
    assert panel.message.value.startswith("Right.") and "Trial 1 of 2" in panel.message.value
    for trial in (1, 2):
        panel.begin.click()
        panel.buttons["right" if study._real_left[trial] else "left"].click()
    assert "Fooled in 100% of 2 trials" in panel.message.value and "interval 34%" in (
        panel.message.value
    )
    assert panel.begin.disabled and study.done


def test_no_answer_before_the_pair_and_only_one_after():
    panel = StudyPanel(Study(pictures(0), pictures(255), practice=0, counted=3), seconds=9)
    panel.begin.click()
    assert panel.begin.disabled
    panel.buttons["left"].click()
    assert panel.study.trial == 1 and panel.buttons["left"].disabled and not panel.begin.disabled
    assert panel.pictures[0].value == panel._blank


def test_presets_put_the_controls_where_they_say_and_a_field_has_a_twin():
    controls = {"a": panels.slider([1, 2, 3], "a", 1), "b": panels.slider([4, 5], "b", 4)}
    row = panels.presets(controls, {"high": {"a": 3, "b": 5}, "low": {"a": 1}})
    assert [button.description for button in row.children] == ["high", "low"]
    row.children[0].click()
    assert [c.value for c in controls.values()] == [3, 5]
    row.children[1].click()
    assert [c.value for c in controls.values()] == [1, 5]
    seen = []
    row = panels.presets(controls, {"high": {"a": 3}}, lambda: seen.append(controls["a"].value))
    for button in row.children:
        button.click()
    assert row.children[-1].description == "run" and seen == [3, 3]
    field = panels.field("S", "letters")
    field.value = "GAN"
    said = field._repr_mimebundle_()[0]["text/plain"]
    assert said == "A field to type in: letters = GAN."


def test_the_poll_counts_each_kind_once_and_says_the_interval():
    grey = {level: torch.full((3, 1, 8, 8), level, dtype=torch.uint8) for level in (0, 100, 200)}
    poll = Poll(grey[0], {"fog": grey[100], "good": grey[200]}, seed=4, columns=4)
    places = {label: poll.which(label) for label in ("real", "fog", "good")}
    assert sorted(sum(places.values(), [])) == list(range(1, 10))
    assert poll.result() == "not cast yet"
    assert poll.view._repr_mimebundle_()[0]["text/plain"].startswith("A poll: 9 numbered pictures.")
    for number in (*places["real"], places["good"][0]):
        poll.toggles[number - 1].value = True
    poll.done.click()
    poll.vote([1])  # the first vote counts
    assert poll.marked == sorted([*places["real"], places["good"][0]])
    real, fog, good = sorted(poll.result().splitlines(), key=lambda line: "rfg".index(line[0]))
    assert real.startswith("real pictures found: 3 of 3, 100%")
    assert fog.startswith("fog: taken for real: 0 of 3, 0%") and "1 of 3, 33% (6% to 79%)" in good
    assert all(toggle.disabled for toggle in poll.toggles)


def test_the_poll_shows_its_pictures_under_their_numbers_and_refuses_others():
    reals, fakes = torch.zeros(1, 1, 8, 8), torch.full((4, 1, 8, 8), 255)
    poll = Poll(reals.byte(), {"fog": fakes.byte()}, columns=3)
    assert poll.sheet.height > 2 * 128 and poll.sheet.width > 3 * 128  # two rows of three
    (real,) = poll.which("real")
    row, column = divmod(real - 1, 3)
    x, y = 10 + 130 * column + 64, (poll.sheet.height // 2) * row + 90
    assert poll.sheet.getpixel((x, y)) == (0, 0, 0)
    with pytest.raises(GancourseError, match="numbered 1 to 5"):
        poll.vote([6])


def test_the_vote_is_blind_until_the_first_choice():
    vote = Vote({"fid": pictures(10), "loss": pictures(200)}, "Which looks more real?", seed=3)
    assert [b.description for b in vote.buttons] == ["Set 1", "Set 2"]
    kept = vote.view.children[1].children[0].children[0]  # a notebook stays small
    assert kept.format == "jpeg" and bytes(kept.value).startswith(b"\xff\xd8\xff")
    vote.buttons[1].click()
    vote.buttons[0].click()
    assert vote.chosen == vote.labels[1]
    assert [b.description for b in vote.buttons] == vote.labels
    orders = {tuple(Vote({"a": pictures(1), "b": pictures(2)}, "?", s).labels) for s in range(8)}
    assert len(orders) == 2


def test_neither_a_question_nor_a_label_becomes_html():
    panel = Vote({"<script>a": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, "a <b> or b?")
    assert "a &lt;b&gt; or b?" in panel.message.value
    panel.buttons[0].click()
    assert panel.message.value == "You chose <b>&lt;script&gt;a</b>."


def test_an_error_in_a_panel_is_text():
    def draw():
        raise ValueError("<script>a</script>")

    message = panels.panel(draw).children[2].value
    assert message == "<b>ValueError:</b> &lt;script&gt;a&lt;/script&gt;"


# The upload


def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **({"format": "PNG"} | options))
    return buffer.getvalue()


def upload(panel, content, name="x.png"):
    file = {"name": name, "content": memoryview(content), "type": "", "size": len(content)}
    panel._take({"new": ({**file},)})


def test_any_picture_is_translated():
    panel = Upload(lambda images: 255 - images, 16)
    upload(panel, encoded(Image.new("RGBA", (40, 90), (255, 0, 0, 255))))
    assert (
        bytes(panel.picture.value).startswith(b"\x89PNG") and "x.png: left" in panel.message.value
    )


def test_what_two_generators_make_of_it_stands_beside_it():
    panel = Upload(lambda images: torch.cat([255 - images, images]), 16)
    upload(panel, encoded(Image.new("RGB", (16, 16), (255, 0, 0))))
    shown = Image.open(io.BytesIO(panel.picture.value))
    assert shown.size == (3 * 256, 256)
    assert [shown.getpixel((x, 0)) for x in (0, 300, 600)] == [
        (255, 0, 0),
        (0, 255, 255),
        (255, 0, 0),
    ]


def test_exif_rotation_and_the_first_frame():
    wide = Image.new("RGB", (64, 32), "black")
    wide.paste("white", (0, 0, 32, 32))
    exif = wide.getexif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    turned = read_upload(encoded(wide, format="JPEG", exif=exif, quality=95), 16)
    assert turned[:, 2].float().mean() > 200 and turned[:, -2].float().mean() < 50
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    moving = encoded(frames[0], format="GIF", save_all=True, append_images=frames[1:])
    assert read_upload(moving, 8)[0].float().mean() > 200


@pytest.mark.parametrize(
    "content, message",
    [(b"hello", "not a picture"), (b"", "not a picture")],
)
def test_what_is_no_picture_is_said_and_nothing_lost(content, message):
    panel = Upload(lambda images: images, 16)
    upload(panel, encoded(Image.new("L", (20, 20), 9)))
    before = panel.picture.value
    upload(panel, content, "notes.txt")
    assert message in panel.message.value and "notes.txt" in panel.message.value
    assert panel.picture.value == before


def test_a_picture_12000_pixels_wide_is_taken_and_a_giant_refused(monkeypatch):
    assert read_upload(encoded(Image.new("1", (12_000, 20))), 16).shape == (3, 16, 16)
    monkeypatch.setattr(data.images, "MAX_PIXELS", 1000)
    with pytest.raises(GancourseError, match="million pixels"):
        read_upload(encoded(Image.new("1", (100, 100))), 16)


def test_a_damaged_picture_is_said():
    whole = encoded(Image.effect_noise((64, 64), 50).convert("RGB"), format="JPEG")
    with pytest.raises(GancourseError, match="damaged"):
        read_upload(whole[: len(whole) // 2], 16)


def test_a_panel_of_photographs_holds_a_jpeg():
    def draw(n):
        return figures.grid(torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8), 2, "noise")

    sizes = {}
    for photo, start in ((False, b"\x89PNG"), (True, b"\xff\xd8\xff")):
        view = panels.panel(draw, photo=photo, n=panels.number(1, 4, 4, "n"))
        picture = view.children[1]
        assert bytes(picture.value).startswith(start) and picture.format == (
            "jpeg" if photo else "png"
        )
        sizes[photo] = len(picture.value)
    assert sizes[True] < sizes[False]
    drawn = figures.jpeg_of(Image.new("RGB", (8, 8), "red"))
    view = panels.panel(lambda n: drawn, photo=True, n=panels.number(1, 4, 4, "n"))
    assert bytes(view.children[1].value) == drawn  # not encoded a second time
