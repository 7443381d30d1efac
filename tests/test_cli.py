"""The command line: exit codes, messages, and what each command hands on."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from gancourse.data import fetch
from gancourse.data.fetch import Check
from gancourse.errors import GancourseError
from gancourse_lab import doctor
from gancourse_studies import recording, train
from gancourse_tools import cli


@pytest.fixture
def chapters(tmp_path, monkeypatch):
    """A folder with a good and a bad chapter, which is the current one."""
    parameters = new_code_cell("PROFILE = ''\nEPOCHS = 1", metadata={"tags": ["parameters"]})
    sources = {"00_good": "assert EPOCHS == 2", "01_bad": "1 / 0"}
    (tmp_path / "notebooks").mkdir()
    for name, source in sources.items():
        book = new_notebook(cells=[parameters, new_code_cell(source)])
        nbformat.write(book, tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_exits_1_naming_chapter_cell_and_error(chapters, capfd):
    code = cli.main(["run", "--profile", "smoke", "-p", "EPOCHS=2"])
    out, err = capfd.readouterr()
    assert code == 1
    assert "OK      00_good" in out and "1 of 2 chapters" in out
    assert "FAIL    01_bad" in err and "cell In [3]: ZeroDivisionError: division by zero" in err
    assert (chapters / "build" / "course" / "index.html").is_file()


def test_run_exits_0_when_all_is_well(chapters):
    command = ["run", "0", "--profile", "smoke", "-p", "EPOCHS=2", "--out", "elsewhere"]
    assert cli.main(command) == 0
    assert (chapters / "elsewhere" / "00_good.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["run", "00_god"], "00_good"),
        (["run", "--profile", "smokes"], "smoke"),
        (["run", "-p", "EPOCS=2"], "EPOCHS"),
        (["data", "fetch", "NEU-DAT"], "NEU-DET"),
        (["data", "path", "gumpifycat"], "grumpifycat"),
        (["train", "neu-scratch"], "neu-scratches"),
        (["train", "cats", "--set", "epoch=2"], "epochs"),
    ],
)
def test_unknown_names_exit_2_with_one_line_and_a_suggestion(
    chapters, capsys, arguments, suggestion
):
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert f"Did you mean '{suggestion}'?" in err
    assert err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["trian"], "train"),
        (["data", "pth"], "path"),
        (["records", "shw"], "show"),
        (["run", "--profle", "smoke"], "--profile"),
    ],
)
def test_unknown_commands_and_options_suggest_the_nearest(capsys, arguments, suggestion):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert f"Did you mean '{suggestion}'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["run", "-p", "EPOCHS"], ["train"], ["run", "-p", "=2"]])
def test_incomplete_commands_are_usage_errors(arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_the_help_of_every_command_has_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    _, found, listed = capsys.readouterr().out.partition("for example:\n")
    examples = [line.partition("#")[0].split() for line in listed.splitlines() if line.strip()]
    assert found and examples
    for program, *words in examples:
        assert program == "gancourse" and cli.parser().parse_args(words).command == command


def test_other_errors_exit_1_with_their_text(capsys, monkeypatch):
    def fail(args):
        raise GancourseError("No space for NEU-DET. Make room.")

    monkeypatch.setitem(cli.COMMANDS, "doctor", fail)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "gancourse: No space for NEU-DET. Make room.\n"


def test_what_the_system_refuses_is_one_line(capsys, monkeypatch):
    def refuse(args):
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setitem(cli.COMMANDS, "doctor", refuse)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "gancourse: some/file: Permission denied.\n"


@pytest.mark.parametrize("out", ["/dev/null/x", "n" * 300, "~nobody-of-this-name"])
def test_a_folder_that_cannot_be_made_is_refused_before_a_chapter_runs(chapters, capsys, out):
    assert cli.main(["run", "00", "--out", out]) == 1
    said = capsys.readouterr().err
    assert said.startswith("gancourse: ") and out in said and said.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_is_no_error(tmp_path, encoding):
    recording.write(
        tmp_path / "a" / "b",
        {"format": "gancourse-record-2", "files": {}, "device": "CPU"}
        | {"model": "measurement", "data": {"caption": "é"}},
    )
    (tmp_path / "a" / "b").rename(tmp_path / "a" / "caf\udce9")
    environment = {"GANCOURSE_RECORDS": str(tmp_path), "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-m", "gancourse", "records"],
        env=os.environ | environment,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"a/caf\\udce9: " in done.stdout


def test_an_interruption_exits_130_and_says_what_was_saved(capsys, monkeypatch):
    def stop(args):
        raise KeyboardInterrupt("go on with --resume")

    monkeypatch.setitem(cli.COMMANDS, "doctor", stop)
    assert cli.main(["doctor"]) == 130
    assert "go on with --resume" in capsys.readouterr().err


def test_train_hands_on_what_it_was_told(capsys, monkeypatch):
    told = {}

    def pretended(name, overrides, **others):
        told.update(others, name=name, overrides=overrides)
        return "runs/x"

    monkeypatch.setattr(train, "train", pretended)
    command = "train cats --set epochs=2 --set lr_g=1e-4 --device cpu --resume --profile smoke"
    command += " --metrics-every 25 --minutes 1.5"
    assert cli.main(command.split()) == 0
    assert told == {
        "name": "cats",
        "overrides": {"epochs": "2", "lr_g": "1e-4"},
        "own": [],
        "device": "cpu",
        "resume": True,
        "profile": "smoke",
        "source": "auto",
        "out": None,
        "metrics_every": 25,
        "minutes": 1.5,
    }
    assert "runs/x" in capsys.readouterr().out
    cli.main(["train", "cats"])
    assert told["overrides"] == {} and told["resume"] is False and told["metrics_every"] == 8


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train cats --profile smoke --minutes 0", "minutes must be a number above 0, not 0"),
        ("train cats --profile smoke --metrics-every 0", "metrics_every must be at least 1, not 0"),
        ("train cats --profile smoke --size 0", "size must lie in [4, 2048], not 0"),
        ("train cats --profile smoke --set epochs=0", "epochs must lie in [1, 1e+07], not 0"),
        ("sample neu-scratches/laptop-seed0 -n 0 --out out", "n must lie in [1, 100000], not 0"),
        (
            "sample neu-scratches/laptop-seed0 --seed -1 --out out",
            "seed must lie in [0, 4294967295], not -1",
        ),
        (f"sample neu-scratches/laptop-seed0 --seed {2**70} --out out", "seed must lie in"),
        (
            "translate horse2zebra/laptop-seed0 in --out out --size 0",
            "size must be at least 1 pixel",
        ),
        ("score in in --size 0", "size >= 1"),
        ("run 02 --timeout 0", "timeout must be a number of seconds above 0, not 0"),
        ("run 02 -p EPOCHS=0", "EPOCHS must be a whole number in [1, 1e+07], not 0"),
    ],
)
def test_zero_is_a_number_and_not_the_default(tmp_path, monkeypatch, capsys, command, said):
    records = Path(__file__).parents[1] / "records"
    monkeypatch.setenv("GANCOURSE_RECORDS", str(records))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for i in range(2):
        Image.new("RGB", (32, 32), (i, 0, 0)).save(tmp_path / "in" / f"{i}.png")
    assert cli.main(command.split()) == 1
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_train_measures_every_epoch_at_the_most(capsys):
    assert cli.main("train cats --profile smoke --metrics-every 0".split()) == 1
    assert "metrics_every must be at least 1, not 0" in capsys.readouterr().err


def test_train_by_minutes_needs_some(capsys):
    assert cli.main("train cats --profile smoke --minutes 0".split()) == 1
    assert "minutes must be a number above 0" in capsys.readouterr().err


def test_data_list_says_what_is_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    (tmp_path / "NEU-DET").mkdir()
    assert cli.main(["data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("NEU-DET"))
    assert str(tmp_path / "NEU-DET") in lines[at + 1]
    at = next(i for i, line in enumerate(lines) if line.startswith("horse2zebra"))
    assert "not on this machine" in lines[at + 1] and "MB" in lines[at]


def test_data_path_and_fetch_take_every_name(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "fetch", lambda name: f"fetched {name}")
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    (tmp_path / "facades").mkdir()
    assert cli.main(["data", "fetch", "neu-det", "facades"]) == 0
    assert capsys.readouterr().out.splitlines() == ["fetched NEU-DET", "fetched facades"]
    assert cli.main(["data", "path", "facades"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "facades")
    assert cli.main(["data", "fetch"]) == 1
    assert "NEU-DET" in capsys.readouterr().err


@pytest.mark.parametrize(("outcome", "code"), [(True, 0), (None, 0), (False, 1)])
def test_data_verify_exits_1_only_for_wrong_bytes(monkeypatch, capsys, tmp_path, outcome, code):
    checked = []

    def verify(name):
        checked.append(name)
        return Check(outcome, f"text about {name}")

    monkeypatch.setattr(fetch, "verify", verify)
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    (tmp_path / "facades").mkdir()
    assert cli.main(["data", "verify"]) == code
    assert checked == ["facades"]
    assert "text about facades" in capsys.readouterr().out


def test_records_are_listed_shown_and_indexed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    content = {
        **{"model": "dcgan", "features": "Inception-768", "weights": "average"},
        "settings": {"width_g": 8, "width_d": 16, "epochs": 3, "seed": 0},
        "data": {"caption": "225 real scratches", "source": "real"},
        "device": "CPU",
        "final": {
            kind: {
                "held_out": {"FID-768": 1.25, "KID-768×10³": [1.5, 1, 2]},
                "copying": {"auc": 0.5, "p_value": 0.4},
            }
            for kind in ("last", "average")
        },
    }
    recording.save(tmp_path / "neu-scratches" / "none-seed0", content)
    name = "neu-scratches/none-seed0"
    assert cli.main(["records"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path}: 1 record" and second.startswith(f"  {name}: 225 real scratches")
    assert cli.main(["records", "index"]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    assert "| KID-768×10³ last |" in head and "| FID-768 last |" in head
    assert row.startswith("| neu-scratches/none | 1 | 1.50 [1.00, 2.00] |") and "| 1.25 |" in row
    assert cli.main(["records", "show", name]) == 0
    assert '"epochs": 3' in capsys.readouterr().out
    assert cli.main(["records", "show", "neu-scratches/non-seed0"]) == 2
    assert f"Did you mean '{name}'?" in capsys.readouterr().err
    assert cli.main(["records", "show"]) == 1
    assert name in capsys.readouterr().err


def test_a_reader_that_goes_away_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)  # what `| head` does, sooner
    command = [sys.executable, "-m", "gancourse", "data", "list"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 141 and done.stderr == ""


# the doctor


def test_commands_work_without_docstrings_and_asserts():
    """``python -OO``: nothing may lean on a docstring or an assert."""
    code = "import sys; from gancourse_tools.cli import main; sys.exit(main(sys.argv[1:]))"
    for words in (["--help"], ["records"], ["train", "--help"], ["data", "list"]):
        done = subprocess.run(
            [sys.executable, "-OO", "-c", code, *words], capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stdout, done.stderr[-500:]


def test_the_doctor_finds_this_environment_fit(capsys):
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("] ")[1].split(":")[0].strip() for line in lines] == list(doctor.CHECKS)
    assert all(line.startswith(("[OK]", "[WARN]")) for line in lines)


def test_a_failing_check_fails_the_doctor_but_not_the_other_checks(capsys, monkeypatch):
    def broken():
        raise OSError("libcudart is missing\nmore")

    monkeypatch.setattr(doctor, "CHECKS", {"PyTorch": broken, "disk": lambda: ("OK", "room")})
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out == ["[FAIL] PyTorch: OSError: libcudart is missing", "[OK]   disk: room"]


def test_a_torchvision_of_another_build_is_seen(monkeypatch):
    def missing(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", missing)
    status, text = doctor.CHECKS["torchvision"]()
    assert status == "FAIL" and "does not fit torch" in text


def test_a_foreign_kernel_is_seen(monkeypatch, tmp_path):
    assert doctor.CHECKS["kernel"]()[0] == "OK"
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    kernel = '{"argv": ["/opt/other/bin/python"], "display_name": "x", "language": "python"}'
    (spec / "kernel.json").write_text(kernel)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    status, text = doctor.CHECKS["kernel"]()
    assert status == "WARN" and "/opt/other/bin/python" in text


def test_missing_widgets_are_seen(monkeypatch):
    def version(name):
        if name == "jupyterlab_widgets":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return "8"

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    status, text = doctor.CHECKS["widgets"]()
    assert status == "FAIL" and "pip install jupyterlab_widgets" in text


def test_the_doctor_tells_real_data_from_stand_ins(monkeypatch, tmp_path):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    status, text = doctor.CHECKS["data"]()
    assert status == "WARN" and text.startswith("real: none; stand-ins: NEU-DET")
    (tmp_path / "facades").mkdir()
    status, text = doctor.CHECKS["data"]()
    assert status == "OK" and text.startswith("real: facades; stand-ins: NEU-DET")


def test_little_space_is_a_warning(monkeypatch):
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    status, text = doctor.CHECKS["disk"]()
    assert status == "WARN" and "1.0 GB free" in text


def fenced_commands(text):
    """The ``gancourse`` commands in the fenced blocks of a chapter's text form."""
    lines = [line.removeprefix("#").strip() for line in text.splitlines()]
    inside, found = False, []
    for line in lines:
        inside ^= line.startswith("```")
        if inside and line.startswith("gancourse "):
            found.append(line.split()[1:])
    return found


def test_the_commands_in_the_chapters_are_commands():
    chapters = Path(__file__).parents[1] / "notebooks/text"
    told = [c for f in sorted(chapters.glob("*.py")) for c in fenced_commands(f.read_text("utf-8"))]
    assert {"train", "translate", "score", "export"} <= {command[0] for command in told}
    for command in told:
        cli.parser().parse_args(command)  # exits where a word or an option is unknown
