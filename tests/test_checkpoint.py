"""Checkpoints: the resumed run is the same run, and nothing foreign is ever unpickled."""

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import SETTINGS, image_set, make

from gancourse import augment, profiles
from gancourse.files import NotWritten
from gancourse.train import checkpoint, loop


def augmented(settings=SETTINGS, seed=0):
    step, batches = make(settings, seed)
    batches.augment = augment.classical  # draws random numbers: their state must be saved as well
    return step, batches


class StopAfter(loop.Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_step(self, run):
        run.stop = run.done == self.steps


@pytest.mark.parametrize("cut", [3, 4])  # at the end of an epoch, and within one
def test_n_plus_n_steps_equal_2n_steps_bit_for_bit(tmp_path, cut):
    """Mistake 14: saving only the networks makes the resumed run another run."""
    # width_d: the wider of D's convolutions becomes a matrix product
    settings = profiles.replace(SETTINGS, diffaugment="color,translation,cutout", width_d=40)
    whole = augmented(settings)
    history = loop.fit(*whole, 3)

    first = augmented(settings)
    partial = loop.fit(*first, 3, [StopAfter(cut)])
    checkpoint.save(tmp_path / "c.pt", *first, partial)
    random.random(), np.random.rand(), torch.rand(7)

    second = augmented(settings, seed=5)
    second[1].seed = 0
    resumed = checkpoint.load(tmp_path / "c.pt", *second)
    assert len(resumed) == cut
    resumed = loop.fit(*second, 3, history=resumed)
    assert resumed.terms == history.terms
    for name, value in whole[0].state_dict().items():
        if name in ("gen", "disc", "ema"):
            for key, tensor in value.items():
                assert torch.equal(tensor, second[0].state_dict()[name][key]), f"{name}.{key}"


def test_a_gpus_checkpoint_goes_on_on_a_cpu(tmp_path, monkeypatch):
    """Its tensors say that they lay on two GPUs, whose random numbers it brings along."""
    step, batches = make()
    history = loop.fit(step, batches, 1)
    state = checkpoint.random_state() | {"cuda": [torch.get_rng_state()] * 2}
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
        patch.setattr(checkpoint, "random_state", lambda: state)
        checkpoint.save(tmp_path / "c.pt", step, batches, history)
    assert b"cuda:1" in (tmp_path / "c.pt").read_bytes()
    other = make(seed=5)
    other[1].seed = 0
    resumed = loop.fit(*other, 2, history=checkpoint.load(tmp_path / "c.pt", *other))
    whole = make()
    assert resumed.terms == loop.fit(*whole, 2).terms


def test_random_states_come_back():
    state = checkpoint.random_state()
    drawn = random.random(), np.random.rand(), torch.rand(1).item()
    checkpoint.set_random_state(state)
    assert drawn == (random.random(), np.random.rand(), torch.rand(1).item())


def test_the_last_two_are_kept(tmp_path):
    step, batches = make()
    run_callbacks = [checkpoint.Checkpoints(tmp_path, minutes=0)]
    loop.fit(step, batches, 4, run_callbacks)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_0000011.pt", "step_0000012.pt"]
    assert checkpoint.latest(tmp_path).name == "step_0000012.pt"
    assert checkpoint.latest(tmp_path / "nowhere") is None


def test_other_settings_architecture_and_data_are_refused_by_name(tmp_path):
    step, batches = make()
    path = checkpoint.save(tmp_path / "c.pt", step, batches, loop.History())
    other = make(profiles.replace(SETTINGS, width_g=8, lr_d=1e-3))
    with pytest.raises(checkpoint.CheckpointError) as raised:
        checkpoint.load(path, *other)
    text = str(raised.value)
    assert "width_g: checkpoint 4, this run 8" in text
    assert "lr_d: checkpoint 0.0004, this run 0.001" in text
    before = step.gen
    step.gen = make(profiles.replace(SETTINGS, width_g=8))[0].gen
    with pytest.raises(checkpoint.CheckpointError, match="other networks.*\n.*stages.0.0.weight"):
        checkpoint.load(path, step, batches)
    step.gen = before
    step, batches = make()
    batches.images = image_set(14)
    with pytest.raises(checkpoint.CheckpointError, match="other images"):
        checkpoint.load(path, step, batches)
    longer = make(profiles.replace(SETTINGS, epochs=99))
    checkpoint.load(path, *longer)  # prolonging a run is not another run


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_foreign_files_are_refused_and_never_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Bomb()))
    torch.save({"x": Bomb()}, tmp_path / "torch.pt")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    whole = checkpoint.save(tmp_path / "cut.pt", *make(), loop.History())
    whole.write_bytes(whole.read_bytes()[:2000])
    for name in ("pickle", "torch", "other", "text", "empty", "cut"):
        with pytest.raises(
            checkpoint.CheckpointError, match=f"{name}.pt is damaged, or no checkpoint"
        ):
            checkpoint.read(tmp_path / f"{name}.pt")
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(checkpoint.CheckpointError, match="Checkpoints there: .*cut.pt"):
        checkpoint.read(tmp_path / "absent.pt")


@pytest.mark.parametrize("kind", ["bit", "byte", "cut", "hole", "swap"])
def test_no_damage_passes(tmp_path, kind):
    """200 random damages in all; torch.load alone accepts most flipped bits."""
    whole = checkpoint.save(tmp_path / "c.pt", *make(), loop.History()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        data, at = bytearray(whole), int(rng.integers(len(whole)))
        if kind == "bit":
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == "byte":
            data[at] = (data[at] + int(rng.integers(1, 256))) % 256
        elif kind == "cut":
            del data[at:]
        elif kind == "hole":
            del data[at : at + int(rng.integers(1, 99))]
        else:
            data[at : at + 64] = bytes(64)
        (tmp_path / "c.pt").write_bytes(data)
        if data != whole:
            with pytest.raises(checkpoint.CheckpointError, match="c.pt is damaged"):
                checkpoint.read(tmp_path / "c.pt")


def test_what_cannot_be_read_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")  # would be waited for
    for name in ("pipe.pt", "", "x" * 300):
        with pytest.raises(checkpoint.CheckpointError, match="No checkpoint"):
            checkpoint.read(tmp_path / name)


@pytest.mark.parametrize("part", ["settings", "step", "batches", "data", "history", "random"])
@pytest.mark.parametrize("value", [None, {}, {"x": 1}, "x"])
def test_a_whole_file_of_other_content_is_refused(tmp_path, part, value):
    """Its digest is right: another program wrote it, or another version of this one."""
    path = checkpoint.save(tmp_path / "c.pt", *make(), loop.History())
    content = checkpoint.read(path)
    content[part] = value
    checkpoint.write(path, content)
    if (part, value) in [("settings", {}), ("history", {})]:
        return  # every setting young, nothing done yet
    with pytest.raises(checkpoint.CheckpointError, match="c.pt"):
        checkpoint.load(path, *make())


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    half = tmp_path / ".step_0000001.pt.123.tmp"
    half.write_bytes(b"half")
    loop.fit(*make(), 1, [checkpoint.Checkpoints(tmp_path)])
    assert not half.exists() and checkpoint.latest(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    step, batches = make()
    path = checkpoint.save(tmp_path / "c.pt", step, batches, loop.History())
    before = path.read_bytes()

    def full(file, data):
        with open(file, "wb") as half:
            half.write(data[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NotWritten, match="No space left"):
        checkpoint.save(path, step, batches, loop.History())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def run_full(folder, settings=SETTINGS, cut=None, **changes):
    step, batches = make(profiles.replace(settings, **changes))
    said = []
    history, lasting = checkpoint.resumable(folder, step, batches, "full", said.append)
    more = [StopAfter(cut)] if cut else []
    history = loop.fit(step, batches, 3, [*more, *lasting], history)
    if cut:  # the machine is taken away: only what a checkpoint holds is left
        lasting[0].save(loop.Run(step, batches, 9, history, done=cut))
    return history, said, lasting


def test_a_full_run_goes_on_where_it_was_cut_off(tmp_path):
    whole = loop.fit(*make(), 3)
    _, said, _ = run_full(tmp_path, cut=4)
    assert not said
    history, said, lasting = run_full(tmp_path)
    assert history.terms == whole.terms
    assert said[0].startswith("Going on after step 4, saved in ")
    assert history.terms == run_full(tmp_path)[0].terms  # over already: nothing is trained again
    assert lasting[0].minutes == 5 and len(list(lasting[0].folder.glob("step_*.pt"))) <= 2


def test_another_setting_is_another_folder(tmp_path):
    run_full(tmp_path, cut=4)
    for changes in ({"lr_d": 1e-3}, {"seed": 1}, {"epochs": 9}):
        assert not run_full(tmp_path, cut=1, **changes)[1], changes
    assert run_full(tmp_path, cut=5, features="stand-in")[1]  # measures, does not train
    assert len(list(tmp_path.iterdir())) == 4
    assert all(p.name.startswith("NEU-DET-16px-seed") for p in tmp_path.iterdir())


def test_a_short_profile_leaves_nothing_behind(tmp_path):
    for profile in ("smoke", "quick"):
        history, lasting = checkpoint.resumable(tmp_path, *make(), profile)
        assert len(history) == 0 and lasting == []
    assert not list(tmp_path.iterdir())
