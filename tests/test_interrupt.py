"""The stop button in a loop of trainings, in a real kernel: chapter 03, interrupted in its second.

The cell ends, "run all" ends with it, and what is compared afterwards is equally long.
"""

import time
from pathlib import Path

import jupytext
import pytest

from gancourse.errors import GancourseError
from gancourse.notebook.cell import finished

TEXT = Path(__file__).resolve().parents[1] / "notebooks/text/03_dcgan_cats_augmentation.py"
SLOW = """
import pathlib, time
_update, _begun = DCGANStep.update, []

def _slowly(step, batch):
    if step not in _begun:
        _begun.append(step)
    if len(_begun) == 2:  # the second of the four trainings: time for the button
        pathlib.Path("second").touch()
        time.sleep(0.1)
    return _update(step, batch)

DCGANStep.update = _slowly
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """(manager, client) of a kernel of this Python, in a folder of its own."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import KernelManager
    from jupyter_client.kernelspec import KernelSpec

    class Own(KernelManager):
        kernel_spec = KernelSpec(**get_kernel_dict())  # starts sys.executable

    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    manager = Own()
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(120)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def replies(client, sent):
    """The replies to the requests ``sent``, in their order."""
    found = {}
    while set(sent) - set(found):
        reply = client.get_shell_msg(timeout=300)
        found[reply["parent_header"]["msg_id"]] = reply["content"]
    return [found[request] for request in sent]


def run(client, source):
    """(reply, printed) of a cell."""
    printed = []

    def keep(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(source, timeout=300, output_hook=keep)
    return reply["content"], "".join(printed)


def cells_of_the_comparison():
    """(all before the trainings, the cell that trains, the two that compare)."""
    sources = [cell.source for cell in jupytext.read(TEXT).cells if cell.cell_type == "code"]
    at = next(i for i, source in enumerate(sources) if "histories[label] = fit(" in source)
    return sources[:at], sources[at], sources[at + 1 : at + 3]


def test_the_stop_button_ends_the_cell_and_what_is_compared_is_equally_long(kernel, tmp_path):
    manager, client = kernel
    before, train, compare = cells_of_the_comparison()
    given = "PROFILE, DATA, EPOCHS = 'smoke', 'stand-in', 12"
    for source in (before[0], given, *before[1:], SLOW):
        reply, _ = run(client, source)
        assert reply["status"] == "ok", reply
    sent = [client.execute(source) for source in (train, *compare)]  # as "run all" does
    deadline = time.monotonic() + 300
    while not (tmp_path / "second").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    manager.interrupt_kernel()
    stopped, *later = replies(client, sent)
    assert stopped["ename"] == "Interrupted" and "stopped after step" in stopped["evalue"]
    assert [reply["status"] for reply in later] == ["aborted"] * 2
    for source in compare:
        reply, printed = run(client, source)
        assert reply["status"] == "ok", reply
        assert "Not trained to the end, and not compared here: classical, DiffAugm" in printed
    _, printed = run(client, "print({k: len(v) for k, v in histories.items()}, list(fakes))")
    assert printed.startswith("{'none': ") and printed.endswith("} ['none']\n")


def test_what_is_missing_is_said_and_nothing_where_all_are_there(capsys):
    finished({"a": 1, "b": 2}, ["a", "b"])
    assert not capsys.readouterr().out
    finished(["a"], ["a", "b", "c"])
    assert capsys.readouterr().out == "Not trained to the end, and not compared here: b, c.\n"
    with pytest.raises(GancourseError, match="run the cell that trains them again"):
        finished({}, ["a", "b"])
