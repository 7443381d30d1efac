"""`python -m benchmarks`: a table whatever fails, and memory that is a process's own."""

import mmap
import sys
from pathlib import Path

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

    def touched(size):
        """Memory mapped by hand: malloc may keep what is freed, and give it out again."""
        held = mmap.mmap(-1, size)
        for start in range(0, size, mmap.PAGESIZE):
            held[start] = 1
        return held

    touched(400_000_000).close()  # gone before the peak is set back
    Path("/proc/self/clear_refs").write_text("5")
    before = cyclegan._status("VmRSS")
    held = touched(100_000_000)
    found = cyclegan._status("VmHWM") - before
    held.close()
    assert 90_000 < found < 130_000
