"""The WGAN experiment: a DCGAN's data and numbers, another step."""

from __future__ import annotations

from gancourse.train.wgan import WGANStep, check_settings
from gancourse_studies import dcgan


class Experiment(dcgan.Experiment):
    """One WGAN run. Of its numbers only ``disc`` differs: D(x) of a critic is no logit."""

    terms = ("wasserstein", "penalty", "gen")
    check = staticmethod(check_settings)

    def step(self) -> WGANStep:
        """Fresh networks and optimisers."""
        return WGANStep(self.settings, self.device)
