"""Records: what is written comes back, what is damaged is named, what is committed is small."""

import contextlib
import hashlib
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from gancourse import __version__, profiles, records
from gancourse.errors import GancourseError, UnknownName
from gancourse.models import dcgan
from gancourse_studies import recording
from gancourse_tools import cli, records_table

SETTINGS = profiles.settings("neu-scratches", "smoke")
MEGABYTE = 1_000_000
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    return tmp_path


def write(folder, text, name="evaluation/a"):
    path = folder / name
    path.mkdir(parents=True)
    with contextlib.suppress(ValueError):  # what is no JSON stays as it is
        found = json.loads(text)
        if isinstance(found, dict):
            text = json.dumps(found | {"digest": records.digest_of(found)})
    (path / "record.json").write_text(text, encoding="utf-8")


def content(**more):
    """A DCGAN's record of 20 steps; ``more`` replaces or adds."""
    ends = {
        kind: {
            "held_out": {"FID-768": 1.25, "KID-768×10³": [value, value - 0.5, value + 0.5]},
            "copying": {"auc": 0.5},
        }
        for kind, value in (("last", 2.5), ("average", 1.5))
    }
    base = {
        **{"model": "dcgan", "experiment": "neu-scratches", "run": "none-seed0", "commit": None},
        **{"device": "CPU", "settings": vars(SETTINGS), "steps": 20, "minutes": 0.5},
        **{"weights": "average", "features": "Inception-768", "final": ends},
        "data": {"caption": "226 real scratches", "source": "real"},
        "curves": recording.thinned({"gen": [float(i) for i in range(20)]}),
    }
    return base | more


@pytest.fixture
def run(folder):
    """A record with a strip of two moments and an untrained generator."""
    torch.manual_seed(0)
    shown = torch.full((2, 1, 16, 16), 90, dtype=torch.uint8)
    strip = [({"label": "input"}, shown), ({"step": 20, "epoch": 2}, shown + 90)]
    networks = {"generator": dcgan.build(SETTINGS)[0]}
    recording.save(folder / "neu-scratches" / "none-seed0", content(), strip, networks)
    return records.load("neu-scratches/none-seed0")


# Writing and reading


def test_a_record_says_when_where_and_of_what_code(run):
    assert list(run.content)[:3] == ["format", "model", "experiment"]
    assert len(run["date"]) == 10 and run["versions"]["gancourse"] == __version__
    assert run["machine"]["cores"] >= 1 and "system" in run["machine"]
    assert run.model == "dcgan" and (run.kid, run.fid) == ("KID-768×10³", "FID-768")
    assert (run.steps, run.minutes, run.weights) == (20, 0.5, "average")
    assert run.columns == ["input", 2] and run["samples"]["file"] == "samples.webp"
    assert run.strip.shape == (2, 2, 3, 16, 16)
    assert (run.strip[:, 0].float() - 90).abs().max() < 4
    assert (run.strip[:, 1].float() - 180).abs().max() < 4
    assert not run.generator().training


def test_a_caption_gives_the_length_that_the_run_had(folder):
    planned = SETTINGS.epochs
    for name, epochs in (("as-planned", planned), ("by-minutes", 0.37)):
        recording.save(folder / "neu-scratches" / name, content(epochs=epochs))
    assert f"{planned} epochs" in records.load("neu-scratches/as-planned").caption
    by_minutes = records.load("neu-scratches/by-minutes").caption
    assert "20 steps" in by_minutes and "epochs" not in by_minutes


def test_a_run_that_saw_a_sliver_of_an_epoch_says_so():
    """0.0 is a number: only a record without one has the settings' epochs."""
    settings = {"epochs": 5}
    assert records.Record(Path("x"), {"epochs": 0.0, "settings": settings}).epochs == 0.0
    assert records.Record(Path("x"), {"settings": settings}).epochs == 5


def test_what_the_caller_says_is_not_filled_in(folder):
    recording.save(folder / "a" / "b", content(date=None, machine=None, versions=None))
    found = records.load("a/b")
    assert found["date"] is found["machine"] is found["versions"] is None


def test_the_files_and_their_digests_are_listed(run):
    on_disk = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in run.path.iterdir()}
    assert run["files"] == {k: v for k, v in on_disk.items() if k != "record.json"}
    assert set(run["files"]) == {"samples.webp", "generator.safetensors"}


READ = {"samples.webp": lambda run: run.strip, "generator.safetensors": lambda run: run.generator()}


@pytest.mark.parametrize("name", READ)
def test_a_damaged_file_is_named_with_both_digests_and_a_remedy(run, name):
    file = run.path / name
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(GancourseError) as error:
        READ[name](run)
    for part in (str(file), found, run["files"][name], "Copy it again or record it again"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", READ)
def test_a_missing_file_is_named_with_its_digest_and_a_remedy(run, name):
    (run.path / name).unlink()
    with pytest.raises(GancourseError) as error:
        READ[name](run)
    for part in (str(run.path / name), "missing", run["files"][name], "copy it again or record"):
        assert part in str(error.value)


def test_the_kind_of_network_is_what_the_record_says(run):
    run.content["model"] = "cyclegan"
    with pytest.raises(UnknownName, match="setting"):  # a DCGAN's settings
        run.generator()


def test_every_list_of_numbers_stands_on_one_line(run):
    text = (run.path / "record.json").read_text(encoding="utf-8")
    assert json.loads(text) == run.content and "KID-768×10³" in text
    long = {"a": {"b": [float(i) for i in range(500)], "c": [[1, 2], [3, 4]]}, "d": [{"e": 1}] * 90}
    lines = recording.as_text(long).splitlines()
    assert json.loads("\n".join(lines)) == long
    assert sum('"b": [0.0, 1.0, ' in line and "499.0]" in line for line in lines) == 1
    assert sum(line.strip().rstrip(",") == '{"e": 1}' for line in lines) == 90


# Curves


@pytest.mark.parametrize(
    ("steps", "every"), [(1, 1), (2000, 1), (2001, 3), (3000, 3), (3001, 4), (10_800, 11)]
)
def test_how_far_a_curve_is_thinned(steps, every):
    found = recording.thinned({"gen": [1.0] * steps})
    assert found["every"] == every and len(found["terms"]["gen"]) == -(-steps // every)
    assert len(found["terms"]["gen"]) <= 2000


@pytest.mark.parametrize("seed", range(12))
def test_thinning_keeps_the_means(seed):
    """Of the whole run, of each block, and of the steps between any two ends of blocks."""
    draw = torch.Generator().manual_seed(seed)
    steps = int(torch.randint(2_001, 6_000, (1,), generator=draw))
    values = torch.rand(steps, generator=draw).double()
    curves = recording.thinned({"gen": values.tolist()})
    run = records.Record(None, {"curves": curves, "steps": steps})
    assert run.at[-1] == steps and len(run.at) == len(run.curves["gen"])
    ends = [0, *run.at]
    for a, b, mean in zip(ends, ends[1:], run.curves["gen"], strict=False):
        assert mean == pytest.approx(float(values[a:b].mean()), abs=1e-4)
    pairs = torch.randint(len(ends), (20, 2), generator=draw).sort(1).values.tolist()
    for a, b in [(0, steps), *((ends[i], ends[j]) for i, j in pairs if i < j)]:
        assert run.mean("gen", a, b) == pytest.approx(float(values[a:b].mean()), abs=1e-4)


def test_the_mean_of_each_epoch():
    """Four epochs of five steps; in blocks of three, a block counts by the part inside."""
    steps = {"gen": [float(i) for i in range(20)]}
    whole = {"settings": {"epochs": 4}, "steps": 20, "curves": recording.thinned(steps)}
    assert records.Record(None, whole).by_epoch("gen") == [2, 7, 12, 17]
    assert records.Record(None, whole).per_epoch == 5
    blocks = {"every": 3, "terms": {"gen": [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 18.5]}}
    run = records.Record(None, whole | {"curves": blocks})
    assert run.at == [3, 6, 9, 12, 15, 18, 20]
    assert run.by_epoch("gen")[0] == pytest.approx((3 * 1 + 2 * 4) / 5)
    assert sum(run.by_epoch("gen")) / 4 == pytest.approx(9.5)


def test_curves_of_a_record_without_any():
    assert recording.thinned({}) == {"every": 1, "terms": {}}
    assert records.Record(None, {"curves": recording.thinned({}), "steps": 0}).at == []


# Paths, seeds, epochs


@pytest.fixture
def seeds(folder):
    """Seeds 10, 2 and 0 with KIDs of 100 × seed + epoch; seed 0 was measured once more."""
    for seed, epochs in ((10, (1, 3)), (2, (1, 3)), (0, (1, 2, 3))):
        metrics = []
        for epoch in epochs:
            kid = 100 * seed + epoch
            held_out = {"KID-768×10³": [kid, kid - 1, kid + 1], "FID-768": epoch / 2}
            metrics.append({"step": 5 * epoch, "epoch": epoch, "average": {"held_out": held_out}})
        end = {"average": metrics[-1]["average"] | {"recall": seed / 10}}
        out = folder / "cats" / f"none+x-seed{seed}"
        recording.save(out, content(metrics=metrics, final=end, settings={"seed": seed}))
    recording.save(folder / "cats" / "none-seed0", content())
    recording.save(folder / "cats" / "a-prototype", content())
    return records.runs("cats/none+x")


def test_a_path_finds_a_number_by_this_records_names(seeds):
    run = seeds[2]
    assert run.at_path("settings.seed") == 10 and run.at_path("steps") == 20
    assert run.at_path("final.{weights}.held_out.{kid}") == 1003
    assert run.at_path("final.average.held_out.{kid}", interval=True) == [1003, 1002, 1004]
    assert run.at_path("final.average.held_out.{fid}") == 1.5
    assert run.at_path("held_out.{fid}", within=run["metrics"][0]["average"]) == 0.5
    assert run.at_path("final.average") == run["final"]["average"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("finl.average", "'finl'. Did you mean 'final'"),
        ("final.averge.held_out", "'averge'. Did you mean 'average'"),
        ("final.average.held_out.{kd}", "'{kd}'. Known: FID-768, KID-768×10³"),
        ("final.average.recall.value", "'value'. Known: nothing below this"),
    ],
)
def test_a_path_that_leaves_the_record_is_named_with_the_nearest_word(seeds, path, said):
    with pytest.raises(UnknownName) as error:
        seeds[0].at_path(path)
    assert said in str(error.value) and path in str(error.value)
    assert "none+x-seed0" in str(error.value)


def test_the_runs_of_a_setting_stand_in_the_order_of_their_seeds(seeds):
    assert records.settings() == ["cats/none", "cats/none+x"]
    assert seeds.over_seeds("settings.seed") == [0, 2, 10] and len(records.runs("cats/none")) == 1
    with pytest.raises(UnknownName, match="'cats/nonne'. Did you mean 'cats/none'"):
        records.runs("cats/nonne")
    with pytest.raises(GancourseError, match="'xxx.*' cannot be looked for: File name too long"):
        records.load("x" * 300)


def test_over_seeds(seeds):
    assert seeds.over_seeds("final.average.held_out.{kid}") == [3, 203, 1003]
    assert seeds.over_seeds("final.average.held_out.{kid}", interval=True)[0] == [3, 2, 4]
    assert seeds.mean_low_high("final.average.recall") == pytest.approx((0.4, 0, 1))


def test_over_epochs_at_which_every_seed_was_measured(seeds):
    epochs, values = seeds.over_epochs("{weights}.held_out.{kid}")
    assert epochs == [1, 3]
    assert values.tolist() == [[1, 3], [201, 203], [1001, 1003]]


# Names


def test_what_kid_is_called_says_of_which_features():
    assert records.metric_names("Inception-768") == ("KID-768×10³", "FID-768")
    assert records.metric_names("Inception-2048") == ("KID×10³", "FID")
    assert records.metric_names("stand-in") == ("KID(stand-in)×10³", "FD(stand-in)")
    with pytest.raises(UnknownName, match="Did you mean 'Inception-768'"):
        records.metric_names("Inception-76")


def test_the_names_are_those_of_the_extractor():
    from gancourse.metrics import features

    extract = features.extractor("stand-in")
    assert records.metric_names(extract.name)[1] == extract.metric


# Where the code came from


def git(root, *words):
    named = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(["git", "-C", root, *named, *words], check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a package in it, which takes the place of this one."""
    (tmp_path / "gancourse").mkdir()
    code = tmp_path / "gancourse" / "records.py"
    code.write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "a")
    monkeypatch.setattr(recording, "__file__", str(code))
    return tmp_path


def test_the_commit_is_that_of_the_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert recording.commit() == head
    (checkout / "README.md").write_text("beside the package")
    assert recording.commit() == head
    (checkout / "gancourse" / "records.py").write_text("changed")
    assert recording.commit() == head + "+"


def test_outside_of_a_checkout_there_is_no_commit(checkout, tmp_path, monkeypatch):
    inside = tmp_path / "venv" / "gancourse" / "records.py"  # installed below another repository
    monkeypatch.setattr(recording, "__file__", str(inside))
    inside.parent.mkdir(parents=True)
    assert recording.commit() is None
    monkeypatch.setenv("PATH", "")
    assert recording.commit() is None


# Other versions, broken files, other kinds


@pytest.mark.parametrize("written", ["gancourse-record-1", "gancourse-record-9"])
def test_a_record_of_another_version_is_named_with_both_versions_and_a_remedy(folder, written):
    write(folder, json.dumps({"format": written, "versions": {"gancourse": "0.0.7"}}))
    with pytest.raises(GancourseError) as error:
        records.load("evaluation/a")
    said = str(error.value)
    for part in (written, "0.0.7", records.FORMAT, __version__, "record it again"):
        assert part in said


@pytest.mark.parametrize("text", ["[1, 2]", "{}", '{"versions": 3}', '{"format": null}'])
def test_a_file_without_a_format_was_written_by_an_unknown_version(folder, text):
    write(folder, text)
    with pytest.raises(GancourseError, match="None.*gancourse unknown.*record it again"):
        records.load("evaluation/a")


@pytest.mark.parametrize("text", ["", '{"format": "gancourse-rec', "no json"])
def test_a_file_cut_short_is_refused(folder, text):
    write(folder, text)
    with pytest.raises(GancourseError, match="cut short"):
        records.load("evaluation/a")


@pytest.mark.parametrize("text", ["[" * 99_999, f'{{"format": {"9" * 5000}}}', '{"a": "\xff"}'])
def test_json_that_python_does_not_take_is_refused(folder, text):
    (folder / "evaluation/a").mkdir(parents=True)
    (folder / "evaluation/a/record.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(GancourseError, match="evaluation/a/record.json is no record"):
        records.load("evaluation/a")


@pytest.mark.parametrize(
    "where, value",
    [
        ("model", 5),
        ("steps", True),
        ("settings", []),
        ("data.caption", None),
        ("curves.terms.gen", "x"),
        ("curves.terms.gen.3", None),
        ("samples.columns", {}),
        ("samples.rows", ...),
        ("networks.generator", 5),
        ("files.samples.webp", ["x"]),
    ],
)
def test_an_entry_of_another_type_is_named(run, where, value):
    names = ["files", "samples.webp"] if where == "files.samples.webp" else where.split(".")
    part = run.content
    for name in names[:-1]:
        part = part[name]
    last = int(names[-1]) if isinstance(part, list) else names[-1]
    part[last] = value
    if value is ...:
        del part[last]
    recording.write(run.path, run.content)
    with pytest.raises(GancourseError, match=f"is no record: {where} is missing or of another"):
        records.load("neu-scratches/none-seed0")


@pytest.mark.parametrize("changes", [{"size": None}, {"younger": 1}, {"width_g": -1}])
def test_settings_that_are_none_are_named_with_their_record(run, changes):
    run.content["settings"] = run.content["settings"] | changes
    for read in (lambda: run.caption, run.generator, lambda: run.settings):
        with pytest.raises(GancourseError, match="settings in .*none-seed0 are none: .*"):
            read()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "\0"])
def test_a_file_of_a_record_is_one_in_its_folder(run, name):
    with pytest.raises(GancourseError, match="outside of its folder|cannot be read"):
        run.read(name)


def test_a_strip_that_is_not_what_the_record_says_is_refused(run):
    run.content["samples"]["rows"] = 3
    with pytest.raises(GancourseError, match="samples.webp is not 3 x 2 pictures of 16 px"):
        run.strip  # noqa: B018


def test_weights_and_pictures_that_are_none_are_refused(run):
    for name in ("generator.safetensors", "samples.webp"):
        (run.path / name).write_bytes(b"\xff" * 99)
        run.content["files"][name] = hashlib.sha256(b"\xff" * 99).hexdigest()
    with pytest.raises(GancourseError, match="generator.safetensors does not fit"):
        run.generator()
    with pytest.raises(GancourseError, match="samples.webp is no picture"):
        run.picture("samples.webp")


def test_a_name_that_is_no_utf8_does_not_cost_the_record(folder):
    """A folder of one's own may be called anything; its name is in the caption."""
    recording.save(folder / "a" / "b", content(data={"caption": "own caf\udce9", "source": "own"}))
    assert records.load("a/b")["data"]["caption"] == "own caf\\udce9"


def test_a_measurement_is_a_record_but_no_row_of_the_tables(folder):
    data = {"caption": "140 zebras"}
    recording.save(
        folder / "evaluation" / "a",
        {"model": "measurement", "data": data, "device": "CPU", "floor": {"50": 1.0}},
    )
    assert records.names() == ["evaluation/a"]
    run = records.load("evaluation/a")
    assert run.caption == "140 zebras; CPU" and run["floor"] == {"50": 1.0}
    assert records_table.table() == ""


def test_runs_with_other_features_stand_in_a_table_of_their_own(folder):
    for seed, features in ((1, "Inception-2048"), (2, "Inception-768"), (3, "Inception-768")):
        kid, fid = records.metric_names(features)
        values = {kid: [seed, 0, 9], fid: 0.5}
        ends = {k: {"held_out": values, "copying": {"auc": 0.5}} for k in ("last", "average")}
        out = folder / "neu-scratches" / f"none-seed{seed}"
        recording.save(out, content(features=features, final=ends))
    lines = [table.splitlines() for table in records_table.table().split("\n\n")]
    rows = {head.split(" | ")[2]: rows for head, _, *rows in lines}
    assert rows.keys() == {"KID×10³ last", "KID-768×10³ last"}
    assert rows["KID×10³ last"][0].startswith("| neu-scratches/none | 1 | 1.00 [0.00, 9.00] |")
    assert rows["KID-768×10³ last"][0].startswith("| neu-scratches/none | 2 | 2.50 (2.00–3.00) |")


def test_a_prototype_is_in_no_table(folder):
    recording.save(folder / "a" / "prototype-b", content(prototype=True))
    assert records_table.table() == "" and "prototype" in records.load("a/prototype-b").caption


def test_a_column_without_an_epoch_or_a_label_is_called_by_its_step():
    columns = [{"label": "input"}, {"step": 5}, {"step": 9, "epoch": 3}]
    run = records.Record(None, {"samples": {"columns": columns}})
    assert run.columns == ["input", "step 5", 3]


def test_a_cyclegans_row_is_of_the_shown_weights(folder):
    def way(kid):
        held_out = {"FID-768": 1.0, "KID-768×10³": [kid, kid, kid]}
        agreement = {"paired": 0.5, "shuffled": 0.25}
        return {"held_out": held_out, "reconstruction": 0.1, "agreement": agreement}

    ends = {"last": {"a_to_b": way(3), "b_to_a": way(4)}}
    ends["average"] = {"a_to_b": way(1), "b_to_a": way(2)}
    for weights, shown in (("last", "3.00 [3.00, 3.00] | 4.00"), ("average", "1.00 [1.00, 1.00]")):
        run = content(model="cyclegan", weights=weights, final=ends, settings={"seed": 0})
        recording.save(folder / "a" / "b", run)
        assert f"| a/b | 1 | 20 | {shown}" in records_table.table()


# What is committed


@pytest.fixture
def committed(monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS", raising=False)
    return [records.load(name) for name in records.names()]


def test_every_committed_record_is_whole(committed):
    """Its files are those it lists, byte for byte, and its strip and networks can be read."""
    assert committed
    for run in committed:
        assert run.caption and run.model in (*profiles.MODELS, "measurement")
        beside = {p.name for p in run.path.iterdir()} - {"record.json"}
        assert beside == set(run["files"]), run.path
        for name, digest in run["files"].items():
            assert hashlib.sha256((run.path / name).read_bytes()).hexdigest() == digest, run.path
        if "samples" in run.content:
            assert run.strip.shape[1] == len(run.columns)
        if "curves" in run.content:
            assert {len(values) for values in run.curves.values()} == {len(run.at)}, run.path
            assert run.at[-1] == run.steps or "prototype" in run.content


def test_committed_metrics_have_the_names_of_their_features(committed):
    """``final``, ``best`` and each of ``metrics`` hold the weights that the record shows."""
    for run in committed:
        if "final" not in run.content:
            continue
        for found in (run["final"], *run["metrics"], *[run.content.get("best", run["final"])]):
            shown = found[run.weights]
            for side in shown.values() if "a_to_b" in shown else [shown]:
                assert set(side["held_out"]) == {run.kid, run.fid}, run.path
        assert all("step" in measured for measured in run["metrics"])


def test_the_records_are_small(committed):
    root = committed[0].path.parents[1]
    sizes = {path: path.stat().st_size for path in root.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 30 * MEGABYTE
    assert not [path for path, size in sizes.items() if size > MEGABYTE and path.suffix == ".webp"]


def test_a_chapter_of_record_has_weights_where_it_draws_with_them(committed):
    """The runs whose generators chapters 02 to 08 load without asking whether they are there."""
    kept = {
        str(r.path.relative_to(r.path.parents[1])) for r in committed if "networks" in r.content
    }
    needed = {"neu-scratches/laptop-seed0", "horse2zebra/laptop-seed0"}
    needed |= {"horse2zebra/laptop-2600-halfway"}
    assert needed <= kept


# Several folders


def kept(root, name, caption):
    """A measurement's record below ``root``."""
    content = {"model": "measurement", "data": {"caption": caption}, "device": "CPU"}
    return recording.save(root / name, content)


def test_the_first_folder_that_has_a_name_wins_and_the_list_says_so(tmp_path, monkeypatch):
    ours, mine = tmp_path / "ours", tmp_path / "mine"
    monkeypatch.setenv("GANCOURSE_RECORDS", os.pathsep.join([str(ours), str(mine)]))
    kept(ours, "a/x", "of the course")
    kept(mine, "a/x", "my own x")
    path = kept(mine, "a/y", "my own y")
    assert records.all_names() == ["a/x", "a/y"] and records.names() == ["a/x"]
    assert "of the course" in records.load("a/x").caption
    assert "my own y" in records.load("a/y").caption
    assert "my own x" in records.load(mine / "a" / "x").caption  # by its folder
    assert records.load(str(path)).path == path
    listed, unread = recording.listing()
    lines = listed.splitlines()
    assert unread == 0 and lines[0] == f"{ours}: 1 record" and lines[2] == f"{mine}: 2 records"
    assert "hidden by the one in" in lines[3] and "my own y" in lines[4]


def test_runs_of_the_current_folder_are_found_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS", raising=False)
    monkeypatch.chdir(tmp_path)
    kept(tmp_path / "runs", "mine/x", "my own")
    assert "my own" in records.load("mine/x").caption
    assert "mine/x" in records.all_names() and "mine/x" not in records.names()


def test_where_there_are_no_records_the_error_says_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path / "nothing"))
    with pytest.raises(GancourseError, match="no such folder.*clone it and set GANCOURSE_RECORDS"):
        records.load("cats/none-seed0")


def test_a_folder_that_is_no_run_says_what_it_lacks(tmp_path):
    with pytest.raises(GancourseError, match="without a record.json"):
        records.load(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(GancourseError, match="--resume"):
        records.load(tmp_path)


def test_a_reader_s_own_runs_are_in_no_table(folder, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    recording.save(folder / "neu-scratches" / "none-seed0", content())
    recording.save(mine / "my" / "none-seed0", content())
    monkeypatch.setenv("GANCOURSE_RECORDS", f"{folder}{os.pathsep}{mine}")
    assert records.all_names() == ["my/none-seed0", "neu-scratches/none-seed0"]
    made = records_table.table()
    assert "| neu-scratches/none |" in made and "| my/none |" not in made


def test_a_reader_s_own_runs_change_no_loop_over_the_course_s(tmp_path, monkeypatch):
    """What chapters go through: names, settings and the seeds of a setting."""
    ours, mine = tmp_path / "ours", tmp_path / "runs"
    monkeypatch.setenv("GANCOURSE_RECORDS", f"{ours}{os.pathsep}{mine}")
    recording.save(ours / "cats" / "none-seed0", content())
    before = (records.names(), records.settings(), len(records.runs("cats/none")))
    for name in ("cats/none-seed1", "cats/other-seed0", "mine/none-seed0", "mine/none-seed1"):
        recording.save(mine / name, content())
    assert (records.names(), records.settings(), len(records.runs("cats/none"))) == before
    assert len(records.runs("mine/none")) == 2 and records.load("cats/none-seed1").caption


def test_chapters_go_through_the_course_s_records_only():
    texts = sorted((ROOT / "notebooks" / "text").glob("*.py"))
    assert texts
    for file in texts:
        assert "all_names" not in file.read_text(encoding="utf-8"), file.name


def test_what_cannot_be_read_is_listed_and_the_others_are_shown(folder, capsys, run):
    torch.manual_seed(0)
    good = run.path / "record.json"
    for number, change in enumerate(({"data": 5}, {"settings": "none"}, {"files": None})):
        broken = json.loads(good.read_text()) | change
        write(folder, json.dumps(broken), f"broken/type{number}")
    write(folder, good.read_text()[:300], "broken/short")
    write(folder, good.read_text(), "broken/alone")  # its files are missing
    (folder / "broken" / "place" / "record.json").mkdir(parents=True)
    assert cli.main(["records"]) == 1
    out, err = capsys.readouterr()
    lines = {line.split(":")[0].strip(): line for line in out.splitlines()[1:]}
    assert lines.pop("neu-scratches/none-seed0").endswith(run.caption)
    assert len(lines) == 6 and all("cannot be read" in line for line in lines.values())
    assert "cut short" in lines["broken/short"] and "samples.webp" in lines["broken/alone"]
    assert "6 records cannot be read" in err and err.count("\n") == 1


def test_a_key_with_dots_is_found_and_the_longest_wins():
    altered = {"blur 0.5": {"FID": 1.0}, "1": {"x": 2.0}, "1.5": {"x": 3.0}}
    run = records.Record(Path("r"), {"altered": altered})
    assert run.at_path("altered.blur 0.5.FID") == 1.0
    assert run.at_path("altered.1.x") == 2.0 and run.at_path("altered.1.5.x") == 3.0
    with pytest.raises(UnknownName, match="Known: 1, 1.5, blur 0.5"):
        run.at_path("altered.blur 0.7.FID")


def test_no_damage_of_a_record_passes(run):
    """Bits and bytes that leave the JSON valid, a digit say, are noticed by its digest."""
    file = run.path / "record.json"
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    for number in range(200):
        data, at = bytearray(whole), int(rng.integers(len(whole)))
        if number % 2:
            data[at] ^= 1 << int(rng.integers(8))
        else:
            data[at : at + int(rng.integers(1, 9))] = b"7"
        if bytes(data) == whole:
            continue
        file.write_bytes(data)
        try:
            same = records.load(run.path).content == run.content
        except GancourseError as error:
            same = "record.json" in str(error)
        assert same, (number, at)  # white space between two entries does no harm


def test_a_file_of_a_record_lies_in_its_folder(run, folder):
    (folder / "outside").write_bytes(b"x")
    with pytest.raises(GancourseError, match="outside of its folder"):
        run.read("../../outside")


def test_a_record_is_kept_with_or_without_its_weights(run, folder):
    out = folder / "kept" / "one"
    recording.keep(run.path, out, weights=False)
    kept = records.load(out)
    assert "networks" not in kept.content and not list(out.glob("*.safetensors"))
    assert torch.equal(kept.strip, run.strip) and kept["final"] == run["final"]
    with pytest.raises(GancourseError, match="already holds a record"):
        recording.keep(run.path, out)
    whole = records.load(recording.keep(run.path, folder / "kept" / "two"))
    assert whole["files"] == run["files"] and whole.generator()
    assert cli.main(["records", "keep", str(run.path)]) == 1


def test_numbers_that_are_none_are_null(folder):
    path = recording.write(folder / "a" / "b", content(format=records.FORMAT, x=[float("inf"), 1]))
    assert "Infinity" not in (path / "record.json").read_text()
    assert records.load(path)["x"] == [None, 1]
