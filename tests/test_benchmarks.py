"""`python -m benchmarks`: a table whatever fails, and memory that is a process's own."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import cyclegan, training


def broken():
    raise ZeroDivisionError("float division by zero")


def sound():
    return training.row("a row", 1.0, 2.0, 1.5, None)


def test_a_benchmark_that_fails_is_a_row_and_the_rest_follow(monkeypatch, capsys):
    monkeypatch.setattr(training, "BENCHMARKS", (sound, broken, sound))
    for other in (cyclegan, bench.evaluation, bench.monitor, bench.steel):
        monkeypatch.setattr(other, "BENCHMARKS", ())
    with pytest.raises(SystemExit, match="broken"):
        bench.main([])
    printed = capsys.readouterr().out
    rows = [line.split("  ")[0] for line in printed.splitlines() if "×" in line or "FAIL" in line]
    assert rows == ["a row", "broken", "a row"]
    assert "ZeroDivisionError: float division by zero" in printed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_the_peak_is_measured_from_where_the_steps_begin():
    """What was held before, by this process or its parent, must not hide what comes."""
    held = np.ones(50_000_000)  # 400 MB, gone before the peak is set back
    del held
    Path("/proc/self/clear_refs").write_text("5")
    before = cyclegan._status("VmRSS")
    held = np.ones(12_500_000)  # 100 MB
    found = cyclegan._status("VmHWM") - before
    del held
    assert 90_000 < found < 130_000
