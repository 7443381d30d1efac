"""Sliders and panels. Nothing is computed in here: a panel calls what the chapter gives it."""

from __future__ import annotations

import base64
import functools
import html
import time
from collections.abc import Callable, Mapping, Sequence

from gancourse.errors import unknown
from gancourse.notebook import figures, frames
from gancourse.train.loop import Callback, Run

LIVE_DPI = 80  # small enough to follow a slider


def panel(draw: Callable, photo: bool = False, moves: str = "", **controls):
    """Controls above one picture: ``draw(**values)`` returns a figure whenever a control moves.

    It may return PNG bytes instead, where Matplotlib is too slow to follow the hand. ``photo``:
    the picture becomes a JPEG, as in ``figures.show``; the notebook keeps a copy of it.
    ``controls``: name → ipywidgets control. An error in ``draw`` is shown in the panel, and the
    kernel goes on. Where no kernel runs, one control still moves, over stored frames: the one that
    ``moves`` names, else the last.
    """
    import ipywidgets as w

    moves = moves or next(reversed(controls), "")
    if moves and moves not in controls:
        raise unknown("control", moves, controls)
    picture, message = image(), w.HTML()
    picture.format = "jpeg" if photo else "png"

    def update(_=None):
        try:
            drawn = draw(**{name: c.value for name, c in controls.items()})
            drawn = drawn if isinstance(drawn, bytes) else figures.png(drawn, LIVE_DPI)
            picture.value = figures.jpeg(drawn) if photo else drawn
            message.value = ""
        except Exception as error:
            message.value = f"<b>{type(error).__name__}:</b> {html.escape(str(error))}"

    for control in controls.values():
        control.observe(update, names="value")
    update()
    return box(
        [beside(controls.values()), picture, message],
        lambda: f"A panel with sliders, here at {read_off(controls)}.",
        picture,
        lambda: _stored(draw, controls, moves) if moves else None,
    )


def _stored(draw: Callable, controls: Mapping, moves: str) -> dict | None:
    """The frames of a panel along the control ``moves``; the others stay as they stand."""
    control, values = controls[moves], {name: c.value for name, c in controls.items()}
    start = values[moves]
    options = frames.spread(_options(control), start)
    pictures, options = frames.of_panel(draw, values, moves, options, LIVE_DPI)
    if len(pictures) < 2:
        return None
    first = options.index(start) if start in options else -1
    fixed = read_off({name: c for name, c in controls.items() if name != moves})
    said = [_said(option) for option in options]
    return frames.stored(pictures, said, control.description or moves, first, fixed)


def _options(control) -> list:
    """All values that a control can take; of one that lists none, such as a text, the present."""
    if hasattr(control, "options"):  # values, or pairs of a label and a value
        return [o[1] if isinstance(o, tuple) and len(o) == 2 else o for o in control.options]
    if not all(hasattr(control, name) for name in ("min", "max", "step")):
        return [control.value]
    count = round((control.max - control.min) / control.step)
    return [round(control.min + i * control.step, 9) for i in range(count + 1)]


def box(children: Sequence, says: Callable[[], str], picture=None, stored=lambda: None):
    """Widgets below each other, and for whoever runs none what ``says()`` and the ``picture``.

    GitHub, a printed page and a notebook opened without a kernel show these. ``picture``: one of
    the ``image`` widgets inside. ``stored()``: the frames that the site and the exported page show
    instead of the picture, of the kind ``frames.MIME``, if there are any.
    """
    import ipywidgets as w

    made = _with_a_twin(w.VBox)(children)
    made.says, made.picture, made.stored = says, picture, stored
    return made


@functools.cache
def _with_a_twin(kind: type) -> type:
    """``kind``, a class of widgets, whose output also holds a text and, if there is one, a picture.

    The picture's alternative text is the text.
    """

    class Twin(kind):
        says, picture, stored = None, None, None

        def _repr_mimebundle_(self, **options):
            bundle = super()._repr_mimebundle_(**options)
            if bundle is None:
                return None
            text, about = self.says(), {}
            bundle["text/plain"] = text
            if self.picture is not None and self.picture.value:
                name = f"image/{self.picture.format}"
                bundle[name] = base64.b64encode(self.picture.value).decode()
                about[name] = {"alt": text}
            told = self.stored and self.stored()
            if told:
                bundle[frames.MIME] = told
            return bundle, about

    Twin.__name__ = kind.__name__
    return Twin


def read_off(controls: Mapping) -> str:
    """Where ``controls``, name → widget, stand: "recipe = what works, epoch = 600"."""
    said = []
    for name, control in controls.items():
        said.append(f"{control.description or name} = {_said(control.value)}")
    return ", ".join(said)


def _said(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def image():
    """An empty picture at its own size: a stretched one is blurred."""
    import ipywidgets as w

    return w.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"})


def beside(controls):
    """Controls in a row, with room between one's value and the next one's name."""
    import ipywidgets as w

    return w.HBox(list(controls), layout={"flex_flow": "row wrap", "grid_gap": "0 24px"})


def slider(values: Sequence, label: str, start=None):
    """A slider over ``values``, such as recorded epochs; ``start`` is shown first."""
    import ipywidgets as w

    made = _with_a_twin(w.SelectionSlider)(
        options=list(values),
        value=values[0] if start is None else start,
        description=label,
        continuous_update=True,
        style={"description_width": "initial"},
        layout={"width": "380px"},
    )
    made.says = lambda: f"A slider: {read_off({label: made})}."
    return made


def number(low: float, high: float, value: float, label: str, step: float = 1):
    """A slider from ``low`` to ``high``; whole numbers if ``step`` is one."""
    import ipywidgets as w

    kind = w.IntSlider if isinstance(step, int) else w.FloatSlider
    made = _with_a_twin(kind)(
        min=low,
        max=high,
        step=step,
        value=value,
        description=label,
        style={"description_width": "initial"},
    )
    made.says = lambda: f"A slider: {read_off({label: made})}."
    return made


def field(value: str, label: str):
    """A field to type a word in."""
    import ipywidgets as w

    made = _with_a_twin(w.Text)(value=value, description=label)
    made.style.description_width = "initial"
    made.says = lambda: f"A field to type in: {read_off({label: made})}."
    return made


def presets(controls: Mapping, choices: Mapping[str, Mapping], then: Callable | None = None):
    """A row of buttons that put controls where ``choices`` says: label → name → value.

    With ``then`` each calls it afterwards, and a last button, "run", does nothing else.
    """
    import ipywidgets as w

    def put(values: Mapping) -> None:
        for name, value in values.items():
            controls[name].value = value
        if then:
            then()

    buttons = []
    for label, values in (dict(choices) | ({"run": {}} if then else {})).items():
        button = w.Button(description=label)
        button.on_click(lambda _, values=values: put(values))
        buttons.append(button)
    return beside(buttons)


class LiveFigure(Callback):
    """Losses, D's belief and samples, redrawn under the cell while ``fit`` runs.

    At most one drawing in ``seconds``, and never more than a twentieth of the time: looking must
    cost little on a slow machine too. The last drawing stays in the notebook. ``paint(run)``
    returns another picture than the usual three panels, as JPEG bytes.
    """

    def __init__(
        self, z=None, title: str = "", caption: str = "", seconds: float = 5.0, paint=None
    ):
        self.z, self.title, self.caption, self.seconds = z, title, caption, seconds
        self.paint = paint
        self.handle, self.drawn, self.cost = None, 0.0, 0.0

    def on_step(self, run: Run) -> None:
        pause = max(self.seconds, 19 * self.cost)
        if run.done and time.monotonic() - self.drawn > pause:
            self.draw(run)

    def on_end(self, run: Run) -> None:
        if run.history.terms:
            self.draw(run)

    def draw(self, run: Run) -> None:
        """Put the current state under the cell, in the place of the one before."""
        from IPython.display import Image, display

        started = time.monotonic()
        run.flush()  # which terms there are decides what is drawn
        title = f"{self.title}: {run.where}"
        if self.paint:
            picture = self.paint(run)
        else:
            images = run.step.sample(self.z, ema=True)
            figure = figures.progress(run, images, title, self.caption)
            picture = figures.jpeg(figures.png(figure, LIVE_DPI))  # the samples are photographs
        image = Image(picture, alt=f"Live training figure. {title}.")
        if self.handle is None:
            self.handle = display(image, display_id=True)
        else:
            self.handle.update(image)
        self.drawn = time.monotonic()
        self.cost = self.drawn - started
