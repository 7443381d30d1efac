"""Checkpoints: the resumed run is the same run, and nothing foreign is ever unpickled."""

import os
import pickle
import random

import numpy as np
import pytest
import torch
from test_training import SETTINGS, image_set, make

from gancourse import augment, profiles
from gancourse.training import checkpoint, loop


def augmented(settings=SETTINGS, seed=0):
    step, batches = make(settings, seed)
    batches.augment = augment.classical  # draws random numbers: their state must be saved as well
    return step, batches


class StopAfter(loop.Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_step(self, run):
        run.stop = len(run.history) == self.steps


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
    assert "gen.stages.0.0.weight: checkpoint (100, 8, 4, 4), this run (100, 16, 4, 4)" in text
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
        with pytest.raises(checkpoint.CheckpointError, match=f"{name}.pt is not a checkpoint"):
            checkpoint.read(tmp_path / f"{name}.pt")
    assert not (tmp_path / "exploded").exists()
    with pytest.raises(checkpoint.CheckpointError, match="Checkpoints there: .*cut.pt"):
        checkpoint.read(tmp_path / "absent.pt")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    step, batches = make()
    path = checkpoint.save(tmp_path / "c.pt", step, batches, loop.History())
    before = path.read_bytes()

    def full(content, file):
        open(file, "wb").write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(checkpoint.CheckpointError, match="No space left"):
        checkpoint.save(path, step, batches, loop.History())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
