"""GAN losses in the notation of the papers, on logits.

``D(x)`` below is the probability that x is real; the networks return the *logit* l with
D(x) = sigmoid(l), because log D and log(1 - D) computed from logits never overflow.
Every function takes logits of any shape and returns a scalar: the mean over all elements.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse.errors import GancourseError, unknown


def bce_discriminator(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """-E[log D(x)] and -E[log(1 - D(G(z)))]; their sum is -V(D, G) (Goodfellow 2014, eq. 1)."""
    return F.softplus(-real).mean(), F.softplus(fake).mean()


def bce_generator(fake: Tensor) -> Tensor:
    """-E[log D(G(z))], the non-saturating form (Goodfellow 2014, section 3)."""
    return F.softplus(-fake).mean()


def bce_generator_saturating(fake: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))], the minimax form; its gradient vanishes where D is sure of itself."""
    return -F.softplus(fake).mean()


def lsgan_discriminator(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """½ E[(D(x) - 1)²] and ½ E[D(G(z))²], on raw outputs (Mao 2017, eq. 2 with a=0, b=c=1)."""
    return 0.5 * (real - 1).square().mean(), 0.5 * fake.square().mean()


def lsgan_generator(fake: Tensor) -> Tensor:
    """E[(D(G(z)) - 1)²]; CycleGAN and the CMU course leave out Mao's ½ on this side."""
    return (fake - 1).square().mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """-E[D(x)] and E[D(G(z))] with an unbounded critic D (Arjovsky 2017, algorithm 1)."""
    return -real.mean(), fake.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E[D(G(z))] (Arjovsky 2017, algorithm 1)."""
    return -fake.mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """E[(|∇D(x̂)| - 1)²] at x̂ = ε x + (1 - ε) G(z), ε uniform (Gulrajani 2017, eq. 3).

    real and fake (N, …) of one shape; one ε and one norm for each of the N. Without the paper's
    factor λ = 10. Differentiable in the critic's weights; no gradient reaches the generator.
    """
    if real.shape != fake.shape:
        raise GancourseError(
            "The gradient penalty mixes reals and fakes in pairs, so they need one shape, not "
            f"{tuple(real.shape)} and {tuple(fake.shape)}."
        )
    share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    mixed = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def r1_penalty(disc: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E[|∇ Σ D(x)|²] / number of logits, at reals x (N, C, H, W) (Mescheder 2018, eq. 9).

    A D of patches gives several logits an image; their sum is differentiated. Without the paper's
    factor γ/2. Differentiable in D's weights.
    """
    real = real.detach().requires_grad_()
    logits = disc(real)
    (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(1).mean() / logits[0].numel()


LOSSES: dict[str, tuple[Callable, Callable]] = {
    "bce": (bce_discriminator, bce_generator),
    "lsgan": (lsgan_discriminator, lsgan_generator),
    "wasserstein": (wasserstein_discriminator, wasserstein_generator),
}


def pair(name: str) -> tuple[Callable, Callable]:
    """(discriminator loss, generator loss) by name; raises ``UnknownName`` for another name."""
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "l2": F.mse_loss}


def distance(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Mean |a - b| (``"l1"``, CycleGAN eq. 2) or mean (a - b)² (``"l2"``, the CMU course's).

    Both take two tensors of one shape. They measure how far F(G(x)) comes back to x, the cycle
    loss, and how far G leaves an image alone that is in its target domain, the identity loss.
    """
    if name not in DISTANCES:
        raise unknown("distance", name, DISTANCES)
    return DISTANCES[name]


def mmd2(x: Tensor, y: Tensor, bandwidths: tuple[float, ...] = (1.0,)) -> Tensor:
    """Unbiased squared maximum mean discrepancy of samples x (n, d) and y (m, d).

    The kernel is a sum of Gaussians exp(-|a - b|² / 2s²) over ``bandwidths`` s (Gretton 2012,
    eq. 3). Differentiable in both arguments; generative moment matching minimises it.
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = torch.cdist(a, b).square()
        return sum(torch.exp(-squared / (2 * s * s)) for s in bandwidths)

    n, m = len(x), len(y)
    xx, yy = kernel(x, x), kernel(y, y)
    within_x = (xx.sum() - xx.diagonal().sum()) / (n * (n - 1))
    within_y = (yy.sum() - yy.diagonal().sum()) / (m * (m - 1))
    return within_x + within_y - 2 * kernel(x, y).mean()
