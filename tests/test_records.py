"""Records that another version wrote, that are broken, or that hold no trained run."""

import json

import pytest

from gancourse import __version__, records
from gancourse.errors import GancourseError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    return tmp_path


def write(folder, text, name="evaluation/a"):
    path = folder / name
    path.mkdir(parents=True)
    (path / "record.json").write_text(text, encoding="utf-8")


def test_a_record_of_another_version_is_named_with_both_versions_and_a_remedy(folder):
    content = {"format": "gancourse-record-9", "versions": {"gancourse": "9.1"}}
    write(folder, json.dumps(content))
    with pytest.raises(GancourseError) as error:
        records.load("evaluation/a")
    said = str(error.value)
    for part in ("gancourse-record-9", "9.1", records.FORMAT, __version__, "record it again"):
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


def test_a_measurement_is_a_record_but_no_row_of_the_tables(folder):
    content = {"data": {"caption": "140 zebras"}, "device": "CPU", "floor": {"50": 1.0}}
    records.save(folder / "evaluation" / "a", content)
    assert records.names() == ["evaluation/a"]
    run = records.load("evaluation/a")
    assert run.caption == "140 zebras; CPU" and run["floor"] == {"50": 1.0}
    assert records.table() == ""


def test_every_committed_record_is_of_this_version(monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS", raising=False)
    assert all(records.load(name).caption for name in records.names())
