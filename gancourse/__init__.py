"""gancourse: the thin helper package behind the notebooks of the GAN course.

Sub-modules are imported where they are used (``from gancourse import data``), so that
``import gancourse`` costs next to nothing on top of ``import torch``.
"""

__version__ = "0.1.0"
