"""The cheat sheet and the glossary: what docs/ holds is what the package says now."""

from pathlib import Path

import pytest

from gancourse import cli, profiles, sheet
from gancourse.errors import UnknownName
from gancourse.training import signs

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", sheet.SHEETS)
def test_docs_hold_what_the_package_says(name, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(["sheet", name]) == 0
    kept = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == kept, f"gancourse sheet {name} > docs/{name}.md"


@pytest.mark.parametrize(("term", "path"), sheet.TERMS.items())
def test_each_term_has_a_definition(term, path):
    text = sheet.definition(path)
    assert text.endswith(".") and len(text) < 500, text


def test_the_sheet_follows_the_constants(monkeypatch):
    before = sheet.cheatsheet()
    assert "11,378,179" in before and "2,764,737" in before  # the reference's two networks
    assert "(N, 1, 30, 30)" in before
    usual = profiles.settings
    monkeypatch.setattr(
        profiles, "settings", lambda *a: profiles.replace(usual(*a), beta1=0.123, width_d=8)
    )
    after = sheet.cheatsheet()
    assert "0.123" in after and "0.123" not in before and "2,764,737" not in after


def test_the_sheet_lists_every_flag_with_its_limit():
    lines = sheet.cheatsheet().splitlines()
    for name, sign in signs.SIGNS.items():
        (line,) = [x for x in lines if x.startswith(f"| {name} |")]
        assert f"v {'<' if sign.below else '>'} {sign.limit:g} |" in line
        assert sign.remedy in line and "{" not in line


def test_a_definition_goes_on_after_a_colon():
    text = sheet.definition("training.cyclegan.CycleGANStep", 2)
    assert text.endswith("λ λ_identity (idt_a + idt_b).")


def test_an_unknown_sheet_is_refused():
    with pytest.raises(UnknownName, match="glossary"):
        sheet.make("glosary")


def test_the_glossary_names_the_chapters(tmp_path):
    (tmp_path / "03_x.py").write_text("from gancourse.losses import mmd2\n")
    (tmp_path / "04_y.py").write_text("mmd2_other = 1\n")
    line = next(x for x in sheet.glossary(tmp_path).splitlines() if "`gancourse.losses.mmd2`" in x)
    assert "chapter 03)" in line  # and not 04
