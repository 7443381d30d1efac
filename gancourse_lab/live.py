"""What stands under a cell while it computes: a picture that becomes a film."""

from __future__ import annotations

from gancourse.notebook import figures


class Film:
    """One picture below the cell: each ``add`` replaces it, ``end`` plays all of them in a loop."""

    def __init__(self, dpi: int = 90):
        from IPython.display import display

        self.dpi, self.pictures, self.window = dpi, [], display(display_id=True)

    def add(self, figure, alt: str) -> None:
        """Show ``figure`` now; ``alt`` is for who cannot see it."""
        from IPython.display import Image

        self.pictures.append(figures.png(figure, self.dpi))
        self.window.update(Image(self.pictures[-1], alt=alt))

    def end(self, alt: str, pause: int = 220) -> int:
        """Put the animation in the picture's place, ``pause`` ms a frame; its size in bytes."""
        from IPython.display import Image

        film = figures.movie(self.pictures, pause=pause)
        self.window.update(Image(film, alt=alt))
        return len(film)
