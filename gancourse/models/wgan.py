"""The networks of a WGAN: a DCGAN's generator, and a critic without any norm.

Batch norm would make D(x) depend on the other pictures of the batch, while the gradient penalty
asks for the slope at each picture alone (Gulrajani 2017, section 4).
"""

from __future__ import annotations

from gancourse.models import dcgan


def generator(settings) -> dcgan.Generator:
    """The generator of a ``profiles.WGANSettings``."""
    return dcgan.generator(settings)


def critic(settings) -> dcgan.Discriminator:
    """Image (N, channels, size, size) in [-1, 1] → D(x) (N,), any number."""
    s = settings
    return dcgan.Discriminator(s.size, s.width_d, s.channels, "none", spectral=False, bias=True)


NETWORKS = {"generator": generator, "disc": critic}  # as records call them
