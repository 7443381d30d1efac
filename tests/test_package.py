"""Profiles, devices, records, self-checks, figures, panels; the way from settings to a record."""

import ast
import dataclasses
import io
import json
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

import gancourse
from gancourse import device, profiles, records
from gancourse.errors import GancourseError, UnknownName
from gancourse.files import NotWritten, replaced
from gancourse.notebook import cell, figures, panels
from gancourse.notebook.figures import movie
from gancourse.train.loop import History, Run
from gancourse.train.step import Chart
from gancourse_lab import faults
from gancourse_lab.distance_figures import distributions, line_up, neighbours
from gancourse_studies import dcgan as studies_dcgan
from gancourse_studies import recording, train
from gancourse_tools import records_table

matplotlib.use("agg")
PACKAGE = Path(gancourse.__file__).parent


# Profiles


def test_the_defaults_are_the_published_settings():
    s = profiles.settings("neu-scratches", "full")
    assert (s.size, s.channels, s.z_dim, s.z) == (128, 3, 100, "normal")
    assert (s.width_g, s.width_d, s.batch_size, s.epochs) == (64, 128, 12, 128)
    assert (s.lr_g, s.lr_d, s.beta1, s.beta2, s.loss) == (1e-4, 4e-4, 0.5, 0.999, "bce")


def test_cats_are_the_course_settings():
    s = profiles.settings("cats", "full")
    assert (s.size, s.width_g, s.width_d, s.norm, s.upsample) == (64, 32, 32, "instance", "nearest")
    assert (s.loss, s.lr_g, s.lr_d, s.batch_size, s.z) == ("lsgan", 2e-4, 2e-4, 16, "uniform")
    assert not s.spectral


@pytest.mark.parametrize("experiment", profiles.experiments())
@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_every_profile_of_every_experiment_can_be_built(experiment, profile):
    s = profiles.settings(experiment, profile)
    small = s.batch_size // getattr(s, "critic_steps", 1)  # of one update
    assert s.size >= 16 and small <= 16


def test_overrides_are_typed_and_checked():
    s = profiles.settings("neu-scratches", "smoke", epochs="3", lr_g="1e-3", spectral="false")
    assert (s.epochs, s.lr_g, s.spectral) == (3, 1e-3, False)
    with pytest.raises(UnknownName, match="Did you mean 'epochs'"):
        profiles.settings("neu-scratches", "smoke", epoch=3)
    with pytest.raises(GancourseError, match="epochs takes a value of type int: 'many'"):
        profiles.settings("neu-scratches", "smoke", epochs="many")
    with pytest.raises(GancourseError, match="type bool"):
        profiles.settings("neu-scratches", "smoke", spectral="perhaps")
    with pytest.raises(UnknownName, match="Did you mean 'neu-scratches'"):
        profiles.settings("neu-scratch")


def test_resolving_a_profile(monkeypatch):
    monkeypatch.delenv("GANCOURSE_PROFILE", raising=False)
    assert profiles.resolve("smoke") == "smoke"
    assert profiles.resolve() == "quick"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert profiles.resolve() == "quick"  # hours of a GPU are nobody's default
    monkeypatch.setenv("GANCOURSE_PROFILE", "smoke")
    assert profiles.resolve("") == "smoke"
    with pytest.raises(UnknownName, match="Did you mean 'smoke'"):
        profiles.resolve("smok")


# Devices


def test_devices_and_precision():
    assert device.pick("cpu").type == "cpu"
    assert device.pick().type in ("cuda", "mps", "cpu")
    with pytest.raises(UnknownName, match="Did you mean 'cuda'"):
        device.pick("cuda1")
    if not torch.cuda.is_available():
        with pytest.raises(GancourseError, match="sees none"):
            device.pick("cuda")
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert device.pick_precision(cpu) == device.pick_precision(gpu) == "fp32"
    assert device.pick_precision(gpu, "bf16") == "bf16"
    with pytest.raises(GancourseError, match="fp16 needs a GPU"):
        device.pick_precision(cpu, "fp16")
    with pytest.raises(UnknownName, match="Did you mean 'bf16'"):
        device.pick_precision(cpu, "bf61")
    assert "fp32" in device.describe("cpu")


def test_the_accelerator_may_be_made_again():
    for _ in range(2):
        found = device.accelerator("cpu")
        assert found.device.type == "cpu" and found.mixed_precision == "no"


def test_seeding_covers_all_three_generators():
    import random

    import numpy as np

    def draw():
        device.seed_everything(5)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw() == draw()


# From settings to a record, and back


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A smoke run on stand-ins, recorded; nothing is downloaded."""
    root = tmp_path_factory.mktemp("records")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCOURSE_CACHE", str(root / "cache"))
        patch.setenv("GANCOURSE_RECORDS", str(root))
        patch.delenv("GANCOURSE_DATA", raising=False)
        out = root / "neu-scratches" / "none-seed0"
        options = {"profile": "smoke", "source": "stand-in", "device": "cpu", "metrics_every": 1}
        train.train("neu-scratches", {"epochs": 2, "ema": 0.5}, out=out, **options)
        yield records.load("neu-scratches/none-seed0")


def test_a_record_says_what_was_done(record):
    assert records.names() == ["neu-scratches/none-seed0"]
    assert record["settings"]["epochs"] == 2 and record["data"]["source"] == "stand-in"
    assert "stand-in" in record.caption and "2 epochs" in record.caption
    assert record["features"] == "stand-in"
    row = record["final"]["last"]["held_out"]
    assert set(row) == {"FD(stand-in)", "KID(stand-in)×10³"}  # never called FID
    steps = 2 * (record["data"]["train"] // record["settings"]["batch_size"])
    assert record.steps == steps and {len(v) for v in record.curves.values()} == {steps}
    assert record.model == "dcgan" and record.weights == "average"
    assert [m["epoch"] for m in record["metrics"]] == [1, 2]
    for taken in record["metrics"]:
        assert set(taken["disc"]) == {"train", "held_out"}
        for kind in ("last", "average"):
            assert 0 <= taken[kind]["diversity"] and 0 <= taken[kind]["recall"] <= 1
            assert 0 <= taken[kind]["copying"]["auc"] <= 1
    assert record["flags"] == []  # the monitor watched, and had nothing to say
    assert record["best"]["epoch"] in (1, 2) and "training" in record["best"]["chosen by"]
    assert set(record["baselines"]) == {"training against held-out", "inclusions against held-out"}
    copying = record["final"]["average"]["copying"]
    assert len(copying["held_out"]) == record["data"]["held_out"] and copying["verdict"]
    with pytest.raises(UnknownName, match="Did you mean 'metrics'"):
        record["metric"]


def test_the_table_holds_the_numbers_of_the_record(record):
    row = records_table.table().splitlines()[2]
    kid, low, high = record["final"]["average"]["held_out"][record.kid]
    assert row.startswith("| neu-scratches/none (stand-in) | 1 | ")
    assert f"| {kid:.2f} [{low:.2f}, {high:.2f}] |" in row
    assert "| KID(stand-in)×10³ last |" in records_table.table().splitlines()[0]


def test_the_readme_shows_the_committed_records(monkeypatch):
    """A number in the README that no record holds turns this red."""
    monkeypatch.setenv("GANCOURSE_RECORDS", str(PACKAGE.parent / "records"))
    assert records.names()
    made = records_table.table()
    index = (PACKAGE.parent / "records" / "README.md").read_text(encoding="utf-8")
    assert all(table in index for table in made.split("\n\n"))
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    shown = [line for line in readme.splitlines() if re.match(r"\| [\w-]+/", line)]
    assert shown and not [line for line in shown if line not in made.splitlines()]


def test_a_row_is_a_setting_over_its_seeds(record, tmp_path, monkeypatch):
    for seed in (0, 1):
        copy = json.loads((record.path / "record.json").read_text())
        copy["final"]["last"]["held_out"][record.kid] = [1.0 + seed, 0.5, 9.0]
        folder = tmp_path / "neu-scratches" / f"none-seed{seed}"
        recording.write(folder, copy)
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    assert "| neu-scratches/none (stand-in) | 2 | 1.50 (1.00–2.00) |" in records_table.table()


def test_the_strip_and_the_generator_come_back(record):
    assert record.strip.shape == (studies_dcgan.ROWS, 3, 3, 16, 16)
    assert record.strip.dtype == torch.uint8 and record.columns == [0, 1, 2]
    gen = record.generator()
    assert not gen.training
    z = torch.Generator().manual_seed(20_000)
    from gancourse.train.dcgan import sample_images, sample_z

    settings = profiles.DCGANSettings(**record["settings"])
    z = sample_z(studies_dcgan.MANY, settings, torch.device("cpu"), z)[: studies_dcgan.ROWS]
    again = sample_images(gen, z).float()
    # through fp16 weights and WebP
    assert (again - record.strip[:, -1].float()).abs().mean() < 12


def test_weights_of_another_width_are_refused(record):
    record.content["settings"]["width_g"] *= 2
    try:
        with pytest.raises(GancourseError, match="does not fit"):
            record.generator()
    finally:
        record.content["settings"]["width_g"] //= 2


def test_an_existing_run_is_not_overwritten_but_resumed(record):
    options = {"profile": "smoke", "source": "stand-in", "device": "cpu", "out": record.path}
    with pytest.raises(GancourseError, match="--resume"):
        train.train("neu-scratches", {"epochs": 2, "ema": 0.5}, **options)
    before = json.loads((record.path / "record.json").read_text())
    changes = {"epochs": 3, "ema": 0.5}
    train.train("neu-scratches", changes, resume=True, metrics_every=1, **options)
    after = json.loads((record.path / "record.json").read_text())
    assert [column["epoch"] for column in after["samples"]["columns"]] == [0, 1, 2, 3]
    curves = after["curves"]["terms"]
    for name, values in before["curves"]["terms"].items():
        assert curves[name][: len(values)] == values and len(curves[name]) == len(values) * 3 // 2


def test_what_the_monitor_says_of_a_training_is_printed_and_recorded(tmp_path, monkeypatch, capsys):
    fresh = studies_dcgan.Experiment.step

    def broken(plan):
        step = fresh(plan)
        faults.eps_for_momentum(step)
        return step

    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(studies_dcgan.Experiment, "step", broken)
    options = {"profile": "smoke", "source": "stand-in", "device": "cpu"}
    out = tmp_path / "x" / "y"
    path = train.train("neu-scratches", {"epochs": 1, "ema": 0.5}, out=out, **options)
    (flag, *_) = json.loads((path / "record.json").read_text())["flags"]
    assert flag["name"] == "norm's eps" and flag["step"] == 0
    assert "step 0, norm's eps: " in capsys.readouterr().out


def test_records_that_are_not_there(record, tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'neu-scratches/none-seed0'"):
        records.load("neu-scratches/none-seed1")
    recording.save(tmp_path / "a" / "b", {"x": 1})
    content = json.loads((tmp_path / "a" / "b" / "record.json").read_text())
    assert content["format"] == records.FORMAT and content["versions"]["torch"]
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["record.json"]


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "x.json").write_text("old")
    with pytest.raises(NotWritten, match="disk full"), replaced(tmp_path / "x.json") as file:
        file.write_text("half")
        raise OSError("disk full")
    assert [f.name for f in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "old"


def test_rounding():
    assert recording.rounded({"a": [0.123456, 2], "b": "x"}) == {"a": [0.1235, 2], "b": "x"}


def test_unknown_policy_is_refused_before_training(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'steel'"):
        train.train(
            "neu-scratches", {"augment": "stel"}, profile="smoke", source="stand-in", out=tmp_path
        )


def test_a_record_of_a_run_by_steps_shows_its_average_from_the_identity_on(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    out = tmp_path / "grumpy-cats" / "tiny-seed0"
    train.train("grumpy-cats", profile="tiny", source="stand-in", device="cpu", out=out)
    run = records.load("grumpy-cats/tiny-seed0")
    assert run.steps == 8 and run.weights == "average" and set(run["final"]) == {"last", "average"}
    steps = [c.get("step", c.get("label")) for c in run["samples"]["columns"]]
    assert steps == ["input", 0, 8]
    untouched, first = run.strip[:, 0].float(), run.strip[:, 1].float()
    assert (untouched - first).abs().mean() < 6  # 0.98 of the input, through WebP
    assert set(run["against untouched"]) == {"a_to_b", "b_to_a"}
    each = run["final"]["average"]["a_to_b"]["agreement"]["each"]
    assert len(each) == run["data"]["a"]["held_out"]
    again = train.train(
        "grumpy-cats", profile="tiny", source="stand-in", device="cpu", out=out, resume=True
    )
    assert records.load("grumpy-cats/tiny-seed0")["metrics"] == run["metrics"] and again == out


def test_a_run_by_minutes_is_recorded_with_its_plan_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    given = {"profile": "tiny", "source": "stand-in", "device": "cpu", "out": tmp_path / "run"}
    train.train("grumpy-cats", minutes=0.02, **given)
    first = json.loads((tmp_path / "run" / "record.json").read_text())
    assert first["steps"] > 3 and first["settings"]["steps"] == 8
    train.train("grumpy-cats", resume=True, **given)  # says nothing of minutes
    again = json.loads((tmp_path / "run" / "record.json").read_text())
    assert again["steps"] == first["steps"] and again["curves"] == first["curves"]


def test_a_cyclegan_record_holds_both_ways(tmp_path, monkeypatch):
    from gancourse.train.cyclegan import translate

    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    out = tmp_path / "grumpy-cats" / "lambda10-seed0"
    options = {"profile": "smoke", "source": "stand-in", "device": "cpu", "metrics_every": 1}
    changes = {"batch_size": 8, "epochs": 2, "constant_epochs": 1}
    train.train("grumpy-cats", changes, out=out, **options)
    run = records.load("grumpy-cats/lambda10-seed0")
    assert "stand-in" in run.caption and run["data"]["source"] == "stand-in"
    assert [m["epoch"] for m in run["metrics"]] == [1, 2]
    assert set(run["final"]["last"]["b_to_a"]["held_out"]) == {run.fid, run.kid}
    assert run.fid == "FD(stand-in)" and run.model == "cyclegan"
    assert set(run["baselines"]["a_to_b"]) == {"untouched inputs", "training images"}
    assert run.columns == ["input", 0, 1, 2]
    inputs, last = run.strip[:, 0], run.strip[:, -1]
    for name, part in (("gen_ab", slice(0, 8)), ("gen_ba", slice(8, 16))):
        again = translate(run.generator(name), inputs[part]).float()
        assert (again - last[part].float()).abs().mean() < 12  # through fp16 and WebP
    with pytest.raises(UnknownName, match="Did you mean 'gen_ab'"):
        run.generator("gen_a")
    row = records_table.table().splitlines()[-1]
    kid, low, high = run["final"][run.weights]["a_to_b"]["held_out"][run.kid]
    assert f"| {kid:.2f} [{low:.2f}, {high:.2f}] |" in row


@pytest.mark.parametrize(
    "changes, name",
    [
        ({}, "lambda10-seed0"),
        ({"lambda_cycle": 0}, "lambda0-seed0"),
        ({"lambda_identity": 0.5, "direction": "forward"}, "lambda10-idt0.5-forward-seed0"),
        ({"adversarial": False, "disc": "dc", "seed": 2}, "lambda10-cycle-alone-dc-seed2"),
    ],
)
def test_a_runs_name_says_how_it_differs(changes, name):
    assert profiles.run_name(profiles.settings("grumpy-cats", "smoke", **changes)) == name


# What cells call


def test_table(capsys):
    cell.table(["", "AUC"], [["fresh", "0.51"], ["all copies", 1]])
    assert capsys.readouterr().out == "             AUC\nfresh       0.51\nall copies     1\n"


# Figures and panels


def test_a_line_up_numbers_its_suspects_beside_the_photograph():
    suspects = torch.stack([torch.full((1, 8, 8), 40 * i, dtype=torch.uint8) for i in range(6)])
    axes = line_up(torch.full((1, 8, 8), 255, dtype=torch.uint8), suspects).axes
    shown = {axis.get_title(): int(axis.images[0].get_array().max()) for axis in axes}
    assert shown == {"photograph": 255} | {str(i + 1): 40 * i for i in range(6)}


def test_figures_draw_what_they_are_given():
    images = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    assert figures.tile(images, 3).shape == (18, 28, 3)
    assert (figures.tile(images, 3)[:8, :8, 0] == images[0, 0].numpy()).all()
    assert (figures.tile(torch.ones(1, 3, 4, 4)) == 255).all()
    drawn = [
        figures.grid(images, 3, "title", "caption"),
        figures.rows({"a": images, "b": images}, 5),
        figures.curves({"loss": [1.0, 2.0, 3.0]}, 2, levels={"log 2": 0.69}),
        figures.strip(images[:4].reshape(2, 2, 1, 8, 8), [0, 8]),
        figures.metric({"a": ([1, 2], [0.1, 0.2])}, {"level": 0.15}, log=True),
        neighbours(images[:2], images[:4].reshape(2, 2, 1, 8, 8), torch.ones(2, 2)),
        distributions({"a": [1.0, 2.0], "b": [2.0, 3.0]}, "distance"),
    ]
    for figure in drawn:
        assert figures.png(figure).startswith(b"\x89PNG")
    assert not plt.get_fignums()


def test_a_movie_plays_its_frames_in_order_and_shows_the_last_when_still():
    shades = (0, 60, 120, 180)
    frames = [Image.new("RGB", (20, 10), (shade,) * 3) for shade in shades]
    content = movie([figures.png(plt.figure(figsize=(1, 1)))] * 2)  # from PNG bytes
    assert content.startswith(b"\x89PNG")
    played = Image.open(io.BytesIO(movie(frames, pause=100, last=900)))
    assert played.n_frames == 5  # the still one comes first and is no part of the animation
    shown = []
    for number in range(5):
        played.seek(number)
        shown.append((played.convert("RGB").getpixel((5, 5))[0], played.info.get("duration")))
    assert [shade for shade, _ in shown] == pytest.approx([180, *shades], abs=8)
    assert [time for _, time in shown[1:]] == [100, 100, 100, 900]


@pytest.mark.parametrize("frames", [[], [Image.new("L", (4, 4)), Image.new("L", (5, 4))]])
def test_a_movie_needs_frames_of_one_size(frames):
    with pytest.raises(GancourseError, match="one size"):
        movie(frames)


def test_long_curves_are_thinned_before_they_are_smoothed(monkeypatch):
    means, ends = figures.thin([0.0, 2.0, 4.0, 6.0, 9.0], 3)
    assert means.tolist() == [1, 5, 9] and ends.tolist() == [2, 4, 5]
    assert figures.thin([1.0, 2.0])[1].tolist() == [1, 2] and len(figures.thin([])[0]) == 0
    lengths = []
    smooth = figures.smooth
    monkeypatch.setattr(figures, "smooth", lambda v, w: lengths.append((len(v), w)) or smooth(v, w))
    figure = figures.curves({"gen": [1.0] * 266_800}, 1334)
    assert lengths == [(1992, 49)]
    assert figure.axes[0].lines[1].get_xdata()[-1] == pytest.approx(200)  # epochs


def test_smoothing_keeps_constants_and_length():
    assert figures.smooth([2.0] * 7, 3).tolist() == pytest.approx([2.0] * 7)
    assert figures.smooth([0.0, 3.0, 0.0], 3)[1] == pytest.approx(1)
    assert len(figures.smooth([], 3)) == 0


@pytest.mark.parametrize(("photo", "kind"), [(False, "image/png"), (True, "image/jpeg")])
def test_show_attaches_the_alternative_text(monkeypatch, photo, kind):
    seen = {}
    monkeypatch.setattr("IPython.display.display", lambda image: seen.update(image=image))
    figures.show(plt.figure(), "a red square", photo)
    data, metadata = seen["image"]._repr_mimebundle_()
    assert metadata[kind]["alt"] == "a red square" and kind in data
    assert not plt.get_fignums()


def test_a_figure_has_the_courses_style_a_title_above_and_the_caption_below():
    figure, axis = figures.subplots(figsize=(4, 3), title="above", caption="226 real scratches")
    (line,) = axis.plot([1, 2], label="first")
    assert line.get_color() == figures.BLUE == "#0072B2" and len(figures.CYCLE) == 6
    assert not axis.legend().get_frame_on() and not axis.spines["top"].get_visible()
    figures.png(figure)
    above, below = figure.get_suptitle(), figure.get_supxlabel()
    assert (above, below) == ("above", "226 real scratches")
    assert figures.subplots(figsize=(4, 3))[0].get_supxlabel() == ""


def test_a_metric_on_a_given_axis_has_its_title_there_and_no_legend():
    figure, (left, right) = figures.subplots(1, 2, figsize=(6, 3))
    rows = [[1.0, 2.0], [3.0, 2.0]]
    assert figures.metric({"a": ([1, 2], rows)}, title="KID", xlabel="step", axis=left) is figure
    assert left.get_title() == "KID" and left.get_xlabel() == "step" and not left.get_legend()
    assert left.lines[0].get_ydata().tolist() == [2, 2] and not right.lines


def test_a_picture_on_an_axis_has_no_frame():
    figure, axis = figures.subplots(figsize=(3, 3))
    figures.picture(axis, torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 2, "four")
    assert axis.get_title() == "four" and not axis.axison
    assert axis.images[0].get_array().shape == (18, 18, 3)


def test_figures_of_lines_are_shown_with_few_colours_and_pictures_with_all(monkeypatch):

    seen = []
    monkeypatch.setattr("IPython.display.display", lambda image: seen.append(image.data))
    lines, axis = figures.subplots(figsize=(4, 3))
    axis.plot(torch.linspace(0, 1, 50).square(), color=figures.BLUE)
    axis.fill_between(range(50), 1, color=figures.ORANGE, alpha=0.3)
    before = np.asarray(Image.open(io.BytesIO(figures.png(lines))).convert("RGB")).astype(int)
    by_value, axis = figures.subplots(figsize=(4, 3))
    axis.scatter(range(50), range(50), c=range(50))
    picture = figures.grid(torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8))
    for figure in (lines, by_value, picture):
        figures.show(figure, "text")
    modes = [Image.open(io.BytesIO(content)).mode for content in seen]
    assert modes == ["P", "RGBA", "RGBA"]
    after = np.asarray(Image.open(io.BytesIO(seen[0])).convert("RGB")).astype(int)
    assert abs(after - before).max() < 64 and abs(after - before).mean() < 0.5


def test_a_panel_redraws_when_a_control_moves_and_survives_an_error():
    drawn = []

    def draw(epoch, width):
        drawn.append((epoch, width))
        if width == 3:
            raise ValueError("<i>three</i> is not allowed")
        return b"a PNG" if width == 5 else plt.figure(figsize=(1, 1))

    epoch, width = panels.slider([0, 8, 64], "epoch", start=8), panels.number(1, 5, 2, "width")
    panel = panels.panel(draw, epoch=epoch, width=width)
    _, picture, message = panel.children
    before = picture.value
    assert bytes(before).startswith(b"\x89PNG")
    epoch.value = 64
    assert drawn == [(8, 2), (64, 2)]
    width.value = 3
    assert "ValueError" in message.value and "&lt;i&gt;three&lt;/i&gt; is not" in message.value
    width.value = 4
    assert message.value == "" and drawn[-1] == (64, 4)
    width.value = 5
    assert picture.value == b"a PNG"
    assert isinstance(panels.number(0.0, 1.0, 0.5, "t", step=0.1).value, float)


def test_the_live_figure_draws_into_one_place(monkeypatch):
    shown = []

    class Handle:
        def update(self, image):
            shown.append("update")

    def display(image, display_id):
        assert image.format == "jpeg"  # photographs: a chapter must stay small
        shown.append("display")
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    live = panels.LiveFigure(torch.zeros(4, 3), seconds=0.0)

    class Step:
        charts = (Chart("losses", "loss", ("gen",)),)

        def sample(self, z, ema):
            return torch.zeros(4, 1, 8, 8, dtype=torch.uint8)

    history = History()
    run = Run(Step(), [1, 2], 1, history)
    live.on_step(run)
    assert not shown  # nothing has been measured yet
    history.add({"disc_real": 0.7, "disc_fake": 0.7, "gen": 0.7, "p_real": 0.5, "p_fake": 0.5})
    run.done = 1
    live.on_step(run)
    live.on_end(run)
    assert shown == ["display", "update"]


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        profiles.DCGANSettings().epochs = 3


def test_no_check_is_an_assert():
    """``python -O`` leaves asserts out, of the package and of a chapter's kernel alike."""
    root = Path(profiles.__file__).parents[1]
    files = [*root.glob("gancourse*/**/*.py"), *root.glob("notebooks/text/*.py")]
    assert len(files) > 60
    found = [
        f"{file.name}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert not found


def test_one_bar_far_above_the_others_is_cut_off_and_its_share_is_written():
    flat = np.linspace(0, 10, 200)
    figure = distributions({"copies": np.full(50, 0.1), "fresh": flat}, "distance")
    (axis,) = figure.axes
    assert [text.get_text().strip() for text in axis.texts] == ["100% of the copies"]
    assert axis.get_ylim()[1] < 0.2
    level = distributions({"a": flat, "b": flat + 0.1}, "distance").axes[0]
    assert not level.texts
    plt.close("all")


def test_letters_grow_with_a_sheet_that_is_wider_than_a_page():
    rows = {"": torch.full((5, 1, 128, 128), 255, dtype=torch.uint8)}

    def height_of_the_caption(scale):
        picture = np.array(figures.sheet(rows, "", "train split", scale=scale))
        foot = picture[12 + round(132 * scale) :].min(2)  # below the white tiles
        lines = np.flatnonzero(foot.min(1) < 200)
        return lines[-1] - lines[0]

    assert height_of_the_caption(3) > 1.6 * height_of_the_caption(1)
    assert height_of_the_caption(0.5) == height_of_the_caption(1)


def test_a_long_title_of_a_sheet_is_not_cut():
    row = {"its mask": torch.zeros(2, 1, 64, 64, dtype=torch.uint8)}
    sheet = np.array(figures.sheet(row, "level 60: 20% of the crops get a mask, 5% of the others"))
    above = sheet[:18].min((0, 2)) < 128  # columns with ink above the pictures
    assert above.any() and not above[-2:].any()
