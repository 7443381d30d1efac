"""Checkpoints that hold everything, so that a resumed run is the same run.

n steps, a checkpoint, and n steps more give the same weights as 2n steps, bit for bit on a CPU.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import time
from pathlib import Path

import torch

from gancourse import files, profiles
from gancourse.device import random_state, set_random_state
from gancourse.errors import GancourseError
from gancourse.files import sealed, unsealed
from gancourse.train.loop import Callback, Forecast, History, NonFiniteLoss, Run

FORMAT = "gancourse-checkpoint-2"
PARTS = {"settings": dict, "step": dict, "batches": dict, "data": str, "history": dict}
PARTS |= {"random": dict, "begun": dict}
# Settings that may differ when a run goes on: how long it is, and what it is measured with.
MAY_DIFFER = {"epochs", "steps", "features", "folder", "folder_a", "folder_b"}


class CheckpointError(GancourseError):
    """A file that cannot be resumed from: not ours, damaged, or of another run."""


def write(path: str | Path, content: dict) -> Path:
    """What ``torch.save`` makes of ``content``, and its SHA-256, to ``path``: all of it or none.

    Raises ``NotWritten`` on a full disk, say.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return files.write(path, sealed(buffer.getbuffer()))


def save(path: str | Path, step, batches, history: History, begun: dict | None = None) -> Path:
    """Write the whole state of a run, so that going on from the file is the same run.

    Networks, optimisers, pools, random states, the position in the data and the history; ``step``
    and ``batches`` offer ``state_dict``. ``begun`` is what else the run keeps from its beginning.
    """
    return write(
        path,
        {
            "format": FORMAT,
            "settings": dataclasses.asdict(step.settings),
            "step": step.state_dict(),
            "batches": batches.state_dict(),
            "data": batches.fingerprint(),
            "history": dataclasses.asdict(history),
            "random": random_state(),
            "begun": begun or {},
        },
    )


def read(path: str | Path) -> dict:
    """The content of one of our checkpoints; nothing in the file is ever executed.

    Raises ``CheckpointError`` for a file that is none, of another version, or not as it was
    written: its SHA-256 stands at its end.
    """
    path = Path(path)
    if not os.path.isfile(path):  # a pipe would be waited for; a name may be too long for a file
        found = ", ".join(sorted(p.name for p in path.parent.glob("*.pt"))) or "none"
        raise CheckpointError(f"No checkpoint {path}. Checkpoints there: {found}.")
    try:
        data = unsealed(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    content = None
    if data is not None:
        with contextlib.suppress(Exception):  # of a foreign file that is sealed: there are many
            content = torch.load(io.BytesIO(data), "cpu", weights_only=True)
    ours = isinstance(content, dict) and content.get("format") == FORMAT
    if not ours or not all(isinstance(content.get(part), PARTS[part]) for part in PARTS):
        raise CheckpointError(
            f"{path} is damaged, or no checkpoint of this version ({FORMAT}); it was not "
            "unpickled. Resume from another one, or start the run afresh."
        )
    return content


def load(path: str | Path, step, batches) -> History:
    """Put a saved run back into ``step`` and ``batches``; returns its history.

    Raises ``CheckpointError``, naming every difference, if the checkpoint was made with other
    settings (``epochs`` and ``steps`` may differ: that is how a run is prolonged), other data or
    another architecture. A setting that is younger than the checkpoint counts as its default.
    """
    return restore(read(path), path, step, batches)


def restore(content: dict, path: str | Path, step, batches) -> History:
    """As ``load``, of what ``read`` made of ``path``."""
    ours = dataclasses.asdict(step.settings)
    young = {f.name: f.default for f in dataclasses.fields(step.settings)}
    theirs = young | content["settings"]
    differences = [
        f"{name}: checkpoint {theirs.get(name, 'absent')!r}, this run {ours.get(name, 'absent')!r}"
        for name in sorted({*ours, *theirs} - MAY_DIFFER)
        if ours.get(name) != theirs.get(name)
    ]
    if content["data"] != batches.fingerprint():
        differences.append("data: the checkpoint was trained on other images")
    if differences:
        listed = "\n  ".join(differences)
        raise CheckpointError(f"{path} belongs to another run:\n  {listed}")
    try:
        step.load_state_dict(content["step"])
        batches.load_state_dict(content["batches"])
        set_random_state(content["random"])
        return History(**content["history"])
    except Exception as error:  # the same settings meant other networks, or another class wrote it
        raise CheckpointError(
            f"{path} belongs to other networks: {type(error).__name__}: {error}"
        ) from error


class Checkpoints(Callback):
    """Saves every ``minutes`` minutes, at an interrupt and at the end; keeps the last ``keep``.

    Minutes and not epochs: a crash costs the same time with 200 pictures as with 200,000. 0 saves
    after every step. ``begun`` is saved with each. What a killed run left half-written goes.
    """

    def __init__(
        self, folder: str | Path, minutes: float = 5.0, keep: int = 2, begun: dict | None = None
    ):
        self.folder, self.minutes, self.keep, self.begun = Path(folder), minutes, keep, begun

    def on_start(self, run: Run) -> None:
        self.saved = time.monotonic()
        for half in self.folder.glob(".step_*.tmp"):
            half.unlink(missing_ok=True)

    def on_step(self, run: Run) -> None:
        # the last step's is saved by on_finish, after the last measurements
        due = time.monotonic() - self.saved >= 60 * self.minutes
        if due and run.done != run.steps:
            self.save(run)

    def on_interrupt(self, run: Run) -> None:
        self.save(run)

    def on_finish(self, run: Run) -> None:
        self.save(run)

    def save(self, run: Run) -> None:
        """Write ``step_<number>.pt`` and drop what is older than the last ``keep``.

        Raises ``NonFiniteLoss`` for a loss or a weight that is not finite: nothing is written then.
        """
        run.flush()  # a loss that is not finite must not replace the last good checkpoint
        broken = _not_finite(run.step)
        if broken:  # the update of this very step, of which no loss has told yet
            raise NonFiniteLoss(
                f"Step {run.done} left weights in {broken} that are not finite. Last good "
                f"checkpoint: {run.last_checkpoint or 'none was saved'}. Lower the learning rates."
            )
        path = self.folder / f"step_{run.done:07d}.pt"
        run.last_checkpoint = str(save(path, run.step, run.batches, run.history, self.begun))
        self.saved = time.monotonic()
        for old in sorted(self.folder.glob("step_*.pt"))[: -self.keep]:
            old.unlink()


def check_room(folder: str | Path, step, keep: int = 2) -> None:
    """Raise ``NotWritten`` where the disk of ``folder`` has no room for the checkpoints of a run.

    They are ``keep`` and one being written, less those that are there already. Each takes what the
    weights of ``step``, their averages and Adam's two moments do; pools and pictures come on top.
    """
    trained = sum(_size(step.network(name)) for name in step.networks)
    averages = sum(_size(step.network(name)) for name in step.averages())
    there = min(keep, len(list(Path(folder).glob("step_*.pt"))))
    files.check_room(folder, (keep + 1 - there) * (3 * trained + averages))


def _size(network: torch.nn.Module) -> int:
    """Bytes of its weights."""
    return sum(weight.nbytes for weight in network.state_dict().values())


def _not_finite(step) -> str:
    """The first network of ``step`` with a NaN or infinite weight, or ""."""
    for name in (*step.networks, *step.averages()):
        weights = step.network(name).state_dict().values()
        if not torch.stack([weight.isfinite().all() for weight in weights]).all():
            return name
    return ""


def latest(folder: str | Path) -> Path | None:
    """The newest checkpoint in ``folder``, or None."""
    return max(Path(folder).glob("step_*.pt"), default=None)


def resumable(folder: str | Path, step, batches, profile: str = "full", log=print):
    """(history, callbacks) for ``fit``: a *full* run goes on where it was cut off.

    Below ``folder`` every setting and set of pictures has a folder of its own. If it holds
    checkpoints, ``step`` and ``batches`` take up the newest one, and its history is returned. The
    callbacks save every five minutes and say how long the run takes here. At any other ``profile``
    there is nothing to do: a new history, no callbacks.

        history, lasting = checkpoint.resumable("runs/chapter-07", step, batches, profile)
        history = fit(step, batches, settings.epochs, [bar, *lasting], history)

    Raises ``CheckpointError`` for a damaged checkpoint, ``NotWritten`` without room for more.
    """
    if profile != "full":
        return History(), []
    folder = Path(folder) / _own_name(step.settings, batches)
    check_room(folder, step)
    newest = latest(folder)
    history = load(newest, step, batches) if newest else History()
    if newest:
        log(f"Going on after step {len(history):,}, saved in {folder}; delete it to begin afresh.")
    return history, [Checkpoints(folder), Forecast(folder, log=log)]


def _own_name(settings, batches) -> str:
    """A folder's name, such as ``horse2zebra-256px-seed0-1f0c9a3e``: one a setting and data set."""
    values = {k: v for k, v in dataclasses.asdict(settings).items() if k != "features"}
    values = profiles.without_folders(values)
    told = f"{sorted(values.items())} {batches.fingerprint()}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:8]
    return f"{settings.data}-{settings.size}px-seed{settings.seed}-{digest}"
