"""A sweep: finished jobs are skipped, killed ones done again, nothing twice; on Dask, too."""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gancourse import files
from gancourse.errors import GancourseError
from gancourse_studies import sweep
from gancourse_studies.sweep import Job

ROOT = Path(__file__).resolve().parents[1]


def work(out, name, seconds=0.0):
    """Notes that it began, waits, and notes that it is done: what ran twice stands there twice."""
    with open(out / "journal", "a") as journal:
        journal.write(f"begin {name} {os.getpid()}\n")
    time.sleep(seconds)
    with open(out / "journal", "a") as journal:
        journal.write(f"end {name} {os.getpid()}\n")
    return {"pid": os.getpid()}


def fail(out):
    raise ValueError("no luck")


def journal(out, word):
    """The names of what began or ended."""
    file = out / "journal"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [line.split()[1] for line in lines if line.startswith(word)]


def quiet(text):
    pass


def test_finished_jobs_are_skipped_and_damaged_results_are_not(tmp_path):
    jobs = [Job(f"job{i}", work, (f"{i}",)) for i in range(3)]
    done = sweep.sweep(jobs[:2], tmp_path, log=quiet)
    assert (done.there, done.ran, done.failed) == (0, 2, [])
    (tmp_path / "job1.json").write_text('{"key": "job1", "pi')
    done = sweep.sweep(jobs, tmp_path, log=quiet)
    assert (done.there, done.ran) == (1, 2)
    assert journal(tmp_path, "end") == ["0", "1", "1", "2"]
    assert sweep.read(tmp_path, "job2")["pid"] == os.getpid()
    assert sweep.sweep(jobs, tmp_path, log=quiet).ran == 0


def test_a_failure_is_named_and_only_what_needs_it_is_left_out(tmp_path):
    jobs = [
        Job("bad", fail),
        Job("after", work, ("after",), needs=("bad",)),
        Job("other", work, ("other",)),
    ]
    done = sweep.sweep(jobs, tmp_path, log=quiet)
    assert done.ran == 1 and journal(tmp_path, "end") == ["other"]
    assert done.failed == [("bad", "ValueError: no luck"), ("after", "what it needs failed")]
    assert not (tmp_path / "bad.json").exists()


def test_two_sweeps_do_not_write_to_one_folder(tmp_path):
    with files.alone(tmp_path), pytest.raises(GancourseError, match="Another process writes to"):
        sweep.sweep([Job("a", work, ("a",))], tmp_path)


@pytest.mark.parametrize("keys", [(("a", ()), ("a", ())), (("a", ("b",)), ("b", ()))])
def test_a_plan_that_does_not_fit_is_refused(tmp_path, keys):
    jobs = [Job(key, work, (key,), needs) for key, needs in keys]
    with pytest.raises(GancourseError, match="The job a comes twice, or before what it needs"):
        sweep.sweep(jobs, tmp_path)


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n"
        "from gancourse_studies import sweep; import test_sweep as t\n"
        "jobs = [sweep.Job(f'job{i}', t.work, (f'{i}', 0.3 * (i == 2))) for i in range(5)]\n"
        "print(sweep.sweep(jobs, sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(ROOT / "tests")]
    begun = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_for(lambda: "2" in journal(tmp_path, "begin"))
    begun.kill()
    begun.wait()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert journal(tmp_path, "end") == ["0", "1", "2", "3", "4"]  # each once
    assert not list(tmp_path.glob(".*.tmp"))


def wait_for(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


# On Dask, with a scheduler and two workers that are processes of their own


@contextlib.contextmanager
def cluster(folder, workers=2):
    """The scheduler's address and the workers' processes."""
    pytest.importorskip("distributed")
    note = folder / "scheduler.json"
    search = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    place = os.environ | {"PYTHONPATH": search, "OMP_NUM_THREADS": "1"}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
    worker += ["--no-dashboard", "--local-directory", str(folder)]
    how = {"cwd": folder, "env": place, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
    running = [subprocess.Popen([*dask, *options], **how)]
    try:
        wait_for(note.exists)
        wait_for(lambda: note.read_text().endswith("}"))
        address = json.loads(note.read_text())["address"]
        running += [subprocess.Popen([*worker, address], **how) for _ in range(workers)]
        yield address, running[1:]
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_worker_killed_in_the_middle_costs_its_job_and_nothing_else(tmp_path):
    """Two real workers. The one that holds job 2 is killed: the other does it, once, to its end."""
    out = tmp_path / "out"
    jobs = [Job("first", work, ("first",))]
    jobs += [Job(f"job{i}", work, (f"{i}", 1.0), needs=("first",)) for i in range(6)]
    killed = []

    def kill(text):
        if not killed and "job" in text:
            begun, ended = journal(out, "begin"), journal(out, "end")
            name = next(n for n in begun if n not in ended)
            line = next(x for x in (out / "journal").read_text().split("\n") if f" {name} " in x)
            killed.append((name, int(line.split()[2])))
            os.kill(killed[0][1], signal.SIGKILL)

    with cluster(tmp_path) as (address, workers):
        done = sweep.sweep(jobs, out, scheduler=address, log=kill)
        name, pid = killed[0]
        assert pid in {worker.pid for worker in workers}
    assert (done.ran, done.failed) == (7, [])
    assert sorted(journal(out, "end")) == sorted(["first", *"012345"])  # each ended once
    assert journal(out, "begin").count(name) == 2 and journal(out, "end")[0] == "first"
    pids = {sweep.read(out, job.key)["pid"] for job in jobs}
    assert len(pids) <= 2 and sweep.read(out, f"job{name}")["pid"] != pid
    assert sweep.sweep(jobs, out, log=quiet).ran == 0


def fetched(out):
    """How often the kernel had to fetch a page while 4 MB were taken and freed fifty times."""
    import resource

    import torch

    counts = []
    for _ in range(60):
        torch.zeros(2**20).add_(1)
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    return {"pages": counts[-1] - counts[9]}  # the first ten: the C library adapts itself


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
def test_workers_of_our_own_keep_the_memory_that_a_training_frees(tmp_path, monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    done = sweep.sweep([Job("fetched", fetched)], tmp_path, workers=1, log=quiet)
    assert done.failed == []
    assert sweep.read(tmp_path, "fetched")["pages"] < 5 * 1024  # 4 MB have 1024; else 50 times


def test_a_failure_on_a_worker_is_named(tmp_path):
    out = tmp_path / "out"
    jobs = [Job("bad", fail), Job("after", work, ("after",), ("bad",)), Job("ok", work, ("ok",))]
    with cluster(tmp_path, 1) as (address, _):
        done = sweep.sweep(jobs, out, scheduler=address, log=quiet)
    assert done.ran == 1 and sweep.read(out, "ok")
    assert {key for key, _ in done.failed} == {"bad", "after"}
    assert all("no luck" in reason for _, reason in done.failed)


def test_no_scheduler_at_an_address(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    import distributed

    def nobody(*arguments, **options):
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", nobody)
    with pytest.raises(GancourseError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        sweep.sweep([Job("a", work, ("a",))], tmp_path, scheduler="tcp://127.0.0.1:1")


def test_without_dask_it_is_said_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(GancourseError, match="leave out --workers"):
        sweep.sweep([Job("a", work, ("a",))], tmp_path, workers=2)
