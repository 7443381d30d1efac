"""Panels in which the reader judges: the timed study, the poll, the blind vote, an upload."""

from __future__ import annotations

import html
import io
import threading
from collections.abc import Callable, Iterable, Mapping

import torch
from PIL import Image as Pictures
from torch import Tensor

from gancourse.data.images import decode, open_picture
from gancourse.errors import GancourseError
from gancourse.notebook.figures import jpeg, jpeg_of, sheet, tile
from gancourse.notebook.panels import box, image
from gancourse_lab.human_study import SECONDS, Study, wilson


def _picture(image: Tensor, height: int = 256) -> bytes:
    """(C, H, W) uint8 as PNG bytes, enlarged by whole pixels to about ``height``."""
    array = tile(image[None])
    factor = max(1, height // array.shape[0])
    buffer = io.BytesIO()
    Pictures.fromarray(array.repeat(factor, 0).repeat(factor, 1)).save(buffer, format="PNG")
    return buffer.getvalue()


class StudyPanel:
    """``Study`` on screen: a pair for ``seconds``, then grey, then the question.

    The buttons work as soon as the pair is shown. ``study`` holds the answers; ``view`` is the
    widget.
    """

    def __init__(self, study: Study, seconds: float = SECONDS):
        import ipywidgets as w

        self.study, self.seconds = study, seconds
        self.pictures = [w.Image(format="png", layout={"margin": "4px"}) for _ in "lr"]
        self.buttons = {
            side: w.Button(description=f"{side} is real", disabled=True)
            for side in ("left", "right")
        }
        self.begin = w.Button(description="Start", icon="play", button_style="primary")
        self.message = w.HTML()
        self._timer: threading.Timer | None = None
        self.begin.on_click(self._show)
        for side, button in self.buttons.items():
            button.on_click(lambda _, side=side: self._answer(side))
        shape = study.reals.shape[1:]
        self._blank = _picture(torch.full(shape, 128, dtype=torch.uint8))
        self._hide()
        self._say()
        buttons = w.HBox(list(self.buttons.values()))
        self.view = box(
            [self.begin, w.HBox(self.pictures), buttons, self.message],
            lambda: (
                f"A study, to be taken in a running notebook: {len(study.answers)} answers yet."
            ),
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)

    def _show(self, _=None) -> None:
        self.begin.disabled = True
        for picture, shown in zip(self.pictures, self.study.pair(), strict=True):
            picture.value = _picture(shown)
        for button in self.buttons.values():
            button.disabled = False
        self._timer = threading.Timer(self.seconds, self._hide)
        self._timer.daemon = True
        self._timer.start()

    def _hide(self) -> None:
        for picture in self.pictures:
            picture.value = self._blank

    def _answer(self, side: str) -> None:
        for button in self.buttons.values():
            button.disabled = True
        if self._timer:
            self._timer.cancel()
        self._hide()
        right = self.study.answer(side)
        self._say("" if right is None else "Right. " if right else "Wrong. ")
        if not self.study.done:
            self.begin.description, self.begin.disabled = "Next", False

    def _say(self, before: str = "") -> None:
        s = self.study
        if s.done:
            share, low, high = s.fooled()
            text = (
                f"Fooled in {share:.0%} of {s.counted} trials "
                f"(95 % interval {low:.0%} to {high:.0%}). "
                "50 % would mean that you cannot tell them apart."
            )
        elif s.practising:
            text = f"Practice {s.trial + 1} of {s.practice}: you are told whether you were right."
        else:
            text = f"Trial {s.trial - s.practice + 1} of {s.counted}: these count."
        self.message.value = before + text


class Poll:
    """Numbered pictures, real and generated in one sheet; the reader marks the real ones, once.

    ``fakes``: label → uint8 images (n, C, H, W). Their places are drawn from ``seed``. ``marked``
    holds the numbers marked, None before the vote; ``vote`` casts it without buttons.
    """

    def __init__(
        self,
        reals: Tensor,
        fakes: Mapping[str, Tensor],
        seed: int = 0,
        columns: int = 6,
        scale: float | None = None,
    ):
        import ipywidgets as w

        pictures = torch.cat([reals, *fakes.values()])
        kinds = ["real"] * len(reals)
        kinds += [label for label, images in fakes.items() for _ in images]
        draw = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(kinds), generator=draw).tolist()
        self.kinds = [kinds[i] for i in order]
        self.marked: list[int] | None = None
        self.sheet = _numbered(pictures[order], columns, scale)
        self.message = w.HTML("Mark all pictures that you hold for real, then press Done.")
        layout = {"width": "48px"}
        self.toggles = [
            w.ToggleButton(description=str(i + 1), layout=layout) for i in range(len(order))
        ]
        self.done = w.Button(description="Done", button_style="primary")
        self.done.on_click(self._cast)
        shown = image()
        shown.format, shown.value = "jpeg", jpeg_of(self.sheet)
        row = w.HBox([*self.toggles, self.done], layout={"flex_flow": "row wrap"})
        self.view = box(
            [shown, row, self.message],
            lambda: f"A poll: {len(order)} numbered pictures. Which are real?",
            shown,
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)

    def _cast(self, _=None) -> None:
        self.vote([i + 1 for i, toggle in enumerate(self.toggles) if toggle.value])
        self.message.value = html.escape(self.result()).replace("\n", "<br>")
        for toggle in (*self.toggles, self.done):
            toggle.disabled = True

    def vote(self, numbers: Iterable[int]) -> None:
        """Hold the pictures of these numbers, from 1, for real. The first vote counts."""
        numbers = sorted(set(numbers))
        if not set(numbers) <= set(range(1, len(self.kinds) + 1)):
            raise GancourseError(f"The pictures are numbered 1 to {len(self.kinds)}.")
        if self.marked is None:
            self.marked = numbers

    def which(self, label: str) -> list[int]:
        """The numbers of the pictures of a kind: "real" or a label of the fakes."""
        return [i + 1 for i, kind in enumerate(self.kinds) if kind == label]

    def result(self) -> str:
        """How many of each kind were marked, of the fakes with Wilson's 95 % interval."""
        if self.marked is None:
            return "not cast yet"
        lines = []
        for label in dict.fromkeys(["real", *self.kinds]):
            there = self.which(label)
            hits = len(set(there) & set(self.marked))
            share, low, high = wilson(hits, len(there))
            name = "real pictures found" if label == "real" else f"{label}: taken for real"
            lines.append(f"{name}: {hits} of {len(there)}, {share:.0%} ({low:.0%} to {high:.0%})")
        return "\n".join(lines)


def _numbered(pictures: Tensor, columns: int, scale: float | None) -> Pictures.Image:
    """Rows of pictures with 1, 2, … above them."""
    rows = []
    for start in range(0, len(pictures), columns):
        part = pictures[start : start + columns]
        numbers = range(start + 1, start + len(part) + 1)
        rows.append(sheet({"": part}, heads=list(numbers), scale=scale))
    high = sum(row.height for row in rows)
    whole = Pictures.new("RGB", (max(row.width for row in rows), high), "white")
    for i, row in enumerate(rows):
        whole.paste(row, (0, sum(above.height for above in rows[:i])))
    return whole


class Vote:
    """Unlabelled sets side by side; a vote, then the reveal.

    ``sets``: label → uint8 images (n, C, H, W). They are shown as 1, 2, … in an order drawn from
    ``seed``. ``chosen`` is the label voted for, None before.
    """

    def __init__(self, sets: Mapping[str, Tensor], question: str, seed: int = 0, columns: int = 4):
        import ipywidgets as w

        draw = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(sets), generator=draw).tolist()
        self.labels = [list(sets)[i] for i in order]
        self.chosen: str | None = None
        self.message = w.HTML(f"<b>{html.escape(question)}</b>")
        self.buttons = []
        boxes = []
        for number, label in enumerate(self.labels):
            sheet = torch.from_numpy(tile(sets[label], columns)).permute(2, 0, 1)
            button = w.Button(description=f"Set {number + 1}")
            button.on_click(lambda _, number=number: self._choose(number))
            self.buttons.append(button)
            shown = w.Image(value=jpeg(_picture(sheet)), format="jpeg")  # the notebook keeps it
            boxes.append(w.VBox([shown, button]))
        self.view = box(
            [self.message, w.HBox(boxes)],
            lambda: (
                f"A vote, in a running notebook: {question} Chosen: {self.chosen or 'nothing'}."
            ),
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)

    def _choose(self, number: int) -> None:
        if self.chosen is not None:
            return  # the first vote counts: after the reveal it would not be blind
        self.chosen = self.labels[number]
        for button, label in zip(self.buttons, self.labels, strict=True):
            button.description, button.disabled = label, True
        self.message.value = f"You chose <b>{html.escape(self.chosen)}</b>."


class Upload:
    """The reader's own picture through ``translate``: any size and mode, one file at a time.

    ``translate``: uint8 (1, 3, size, size) → (n, 3, size, size), which are shown beside it. What
    cannot be read is said in the panel.
    """

    def __init__(self, translate: Callable[[Tensor], Tensor], size: int):
        import ipywidgets as w

        self.translate, self.size = translate, size
        self.upload = w.FileUpload(accept="image/*", multiple=False)
        self.picture, self.message = image(), w.HTML("Left: yours. Beside it: translated.")
        self.upload.observe(self._take, names="value")
        self.view = box(
            [self.upload, self.picture, self.message],
            lambda: "A button, for a running notebook, that translates your own picture.",
            self.picture,
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.view)

    def _take(self, change) -> None:
        if not change["new"]:
            return
        uploaded = change["new"][0]
        name = html.escape(uploaded["name"])  # the message is HTML, a file's name is not
        try:
            mine = read_upload(bytes(uploaded["content"]), self.size)
            sheet = torch.cat([mine, *self.translate(mine[None])], dim=2)
        except Exception as error:
            self.message.value = f"<b>{name}</b> was not translated: {html.escape(str(error))}"
            return
        self.picture.value = _picture(sheet)
        self.message.value = f"{name}: left yours, cut to a square; beside it translated."


def read_upload(content: bytes, size: int) -> Tensor:
    """Bytes of a picture file → uint8 (3, size, size): EXIF rotation applied, the first frame.

    Raises ``GancourseError`` for what is no picture that ``data.images.open_picture`` takes, and
    for a damaged one.
    """
    try:
        with open_picture(io.BytesIO(content)):
            pass
    except (OSError, ValueError, SyntaxError) as error:
        raise GancourseError(f"not a picture that can be read: {error}") from error
    try:
        return decode(io.BytesIO(content), size)
    except (OSError, ValueError, SyntaxError) as error:
        raise GancourseError(f"the picture is damaged or of an unusual kind ({error})") from error
