"""The image pool: D is shown fakes of several ages, so that it cannot chase G in circles."""

from __future__ import annotations

import torch
from torch import Tensor


class ImagePool:
    """Up to ``size`` earlier fakes (Shrivastava 2017; CycleGAN section 4 takes 50).

    While it fills, a query returns its own images. Once full, each image is, with probability ½,
    kept in exchange for a random older one, which is returned in its place. Size 0 returns every
    query as it is. Draws come from PyTorch's global generator, so a checkpoint covers them.
    """

    def __init__(self, size: int = 50):
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """Fakes (N, C, H, W), without gradient, → as many, from now or earlier."""
        images = images.detach()
        if self.size == 0:
            return images
        chosen = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image.clone())
            elif torch.rand(()) < 0.5:
                at = int(torch.randint(self.size, ()))
                image, self.images[at] = self.images[at], image.clone()
            chosen.append(image)
        return torch.stack(chosen)

    def state_dict(self) -> dict:
        """The images held, as one tensor (n, C, H, W)."""
        return {"images": torch.stack(self.images) if self.images else torch.empty(0)}

    def load_state_dict(self, state: dict, device: torch.device | str = "cpu") -> None:
        """Take over what ``state_dict`` returned."""
        self.images = [image.to(device) for image in state["images"]]
