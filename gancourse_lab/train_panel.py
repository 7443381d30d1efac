"""A panel that trains in the background while the notebook stays free."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable

from gancourse.notebook.figures import png
from gancourse.notebook.panels import beside, box, image, read_off
from gancourse.train.loop import Callback, History, Run, fit

_lock = threading.Lock()
_training: TrainPanel | None = None  # one at a time: two would only slow each other down


class TrainPanel(Callback):
    """Sliders, Start / Pause / Stop, a status line and a picture; ``fit`` runs in a thread.

    ``make(**values)`` builds ``(step, batches, length, callbacks)`` from the controls' values at
    the press of Start; ``length`` is a number of epochs, or ``{"steps": n}`` or ``{"minutes": m}``.
    ``draw(run)`` returns the figure, or JPEG bytes, that is redrawn at most every ``seconds``, and
    never for more than a twentieth of the time. ``step`` and ``history`` hold the model and what it
    went through, also after Stop. ``view`` is the widget to display.
    """

    def __init__(self, make: Callable, draw: Callable, seconds: float = 2.0, **controls):
        import ipywidgets as w

        self.make, self.draw, self.seconds, self.controls = make, draw, seconds, controls
        self.step = None
        self.history = History()
        self.state = "ready"
        self._go, self._drawn, self._cost = threading.Event(), 0.0, 0.0
        self._thread: threading.Thread | None = None
        self.buttons = {}
        for name, icon in (("Start", "play"), ("Pause", "pause"), ("Stop", "stop")):
            self.buttons[name] = w.Button(description=name, icon=icon)
            self.buttons[name].on_click(getattr(self, f"_{name.lower()}"))
        self.status, self.picture = w.HTML(), image()
        self._say("ready", "Choose the settings and press Start.")
        buttons = w.HBox(list(self.buttons.values()))
        self.view = box(
            [beside(controls.values()), buttons, self.status, self.picture],
            lambda: f"A panel that trains in a live notebook, at {read_off(controls)}.",
            self.picture,
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)

    # the buttons

    def _start(self, _=None) -> None:
        global _training
        with _lock:
            busy = _training is not None and _training.alive
            if busy:
                mine = "This panel" if _training is self else "Another panel"
                self._tell(f"{mine} is already training: stop it first, one training at a time.")
                return
            _training = self
            self.state = "training"
            self._go.set()
            values = {name: control.value for name, control in self.controls.items()}
            self._thread = threading.Thread(target=self._train, args=(values,), daemon=True)
            self._thread.start()

    def _pause(self, _=None) -> None:
        if not self.alive:
            self._tell("Nothing is training.")
        elif self._go.is_set():
            self._go.clear()
            self._say("paused", "Paused after the current step; Pause again goes on.")
        else:
            self._say("training", "Going on.")
            self._go.set()

    def _stop(self, _=None) -> None:
        other = _training
        if not self.alive and other is not None and other.alive:
            other._stop()  # its cell may have been run again: then its own buttons are gone
            self._tell("Stopping the training of another panel.")
            return
        if not self.alive:
            self._tell("Nothing is training.")
            return
        self._say("stopping", "Stopping after the current step.")
        self._go.set()

    @property
    def alive(self) -> bool:
        """Whether the thread is at work, or paused."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> None:
        """Block until the training has ended: for tests and scripts."""
        if self._thread is not None:
            self._thread.join(timeout)

    # the thread

    def _train(self, values: dict) -> None:
        self._tell("Setting up …")  # not the state: Stop may already have been pressed
        try:
            step, batches, length, callbacks = self.make(**values)
            length = length if isinstance(length, dict) else {"epochs": length}
            self.step, self.history = step, History()
            fit(step, batches, callbacks=[*callbacks, self], history=self.history, **length)
        except Exception as error:  # the kernel and what was trained so far must survive
            self._say("failed", f"<b>{type(error).__name__}:</b> {html.escape(str(error))}")
            return
        done = len(self.history)
        word = "Stopped" if self.state == "stopping" else "Done"
        self._say(word.lower(), f"{word} after {done} steps, {self.history.seconds:.0f} s.")

    def on_step(self, run: Run) -> None:
        if time.monotonic() - self._drawn > max(self.seconds, 19 * self._cost):
            self._redraw(run)
            self._tell(run.where)
        if not self._go.is_set():
            self._redraw(run)
            self._say("paused", f"Paused at {run.where}.")
            self._go.wait()
        run.stop = run.stop or self.state == "stopping"

    def on_end(self, run: Run) -> None:
        self._redraw(run)

    def _redraw(self, run: Run) -> None:
        started = time.monotonic()
        run.flush()  # the picture, and ``history`` beside it, reach to this step
        drawn = self.draw(run)
        ready = isinstance(drawn, bytes)
        self.picture.format = "jpeg" if ready else "png"
        self.picture.value = drawn if ready else png(drawn, dpi=80)
        self._drawn = time.monotonic()
        self._cost = self._drawn - started

    def _say(self, state: str, text: str) -> None:
        """Enter ``state`` and show ``text``."""
        self.state = state
        self.buttons["Pause"].description = "Go on" if state == "paused" else "Pause"
        self._tell(text)

    def _tell(self, text: str) -> None:
        self.status.value = f"{text} <i>({self.state})</i>"
