"""The DCGAN's networks: sizes, shapes and the published parameter counts."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import profiles
from gancourse.errors import GancourseError
from gancourse.models import dcgan, layers


def test_published_parameter_counts():
    """G 12.8 M and D 44.6 M, from the layer formulas (REPRODUCTION's counts) worked out by hand."""
    gen, disc = dcgan.build(profiles.DCGANSettings())
    widths = [1024, 512, 256, 128, 64]
    expected_gen = 100 * 1024 * 16 + sum(
        a * b * 16 for a, b in zip(widths, [*widths[1:], 3], strict=True)
    )
    expected_gen += 2 * sum(widths)  # batch norm: scale and shift
    blocks = [3, 128, 256, 512, 1024, 2048]
    expected_disc = sum(a * b * 16 for a, b in zip(blocks, [*blocks[1:], 1], strict=True))
    expected_disc += 2 * sum(blocks[2:])
    assert dcgan.parameters(gen) == expected_gen == 12_786_560
    assert dcgan.parameters(disc) == expected_disc == 44_611_072


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("upsample", ["transpose", "nearest"])
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_any_power_of_two(size, upsample, norm):
    gen = dcgan.Generator(size, 4, 10, 1, norm, upsample)
    disc = dcgan.Discriminator(size, 4, 1, norm, spectral=False)
    image = gen(torch.randn(3, 10))
    assert image.shape == (3, 1, size, size)
    assert image.abs().max() <= 1
    assert disc(image).shape == (3,)
    assert gen(torch.randn(3, 10, 1, 1)).shape == image.shape  # the post's shape of z works too


@pytest.mark.parametrize("size", [4, 48, 100, 0, -8])
def test_other_sizes_are_refused(size):
    with pytest.raises(GancourseError, match=f"power-of-two.*{size}"):
        dcgan.Generator(size)


def test_spectral_norm_sits_on_each_of_the_five_blocks_and_not_on_the_last():
    disc = dcgan.Discriminator(128, 4)
    normed = [hasattr(stage[0], "parametrizations") for stage in disc.stages[:-1]]
    assert normed == [True] * 5
    assert not hasattr(disc.stages[-1], "parametrizations")
    disc.train()
    for _ in range(200):  # power iterations converge
        disc(torch.zeros(2, 3, 128, 128))
    largest = torch.linalg.matrix_norm(disc.stages[2][0].weight.flatten(1), 2)
    assert largest.item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("n", [1, 7, 8, 9])  # 8 images of 4 positions have as many as outputs
@pytest.mark.parametrize("bf16", [False, True])
def test_wide_convolution_is_pytorchs_under_spectral_norm(n, bf16):
    """Outputs, both gradients through two passes and the power iteration; frozen in evaluation."""
    torch.manual_seed(n)
    ours = spectral_norm(layers.SpectralConv2d(5, 32, 4, stride=2, padding=1, bias=False))
    theirs = spectral_norm(nn.Conv2d(5, 32, 4, stride=2, padding=1, bias=False))
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    pair = torch.randn(2, n, 5, 4, 4)
    found = []
    for conv in (ours, theirs):
        images = pair.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = [conv(half) for half in images]
            conv.eval()
            out.append(conv(images[0]))
        (out[0].sin() + 2 * out[1].cos()).sum().backward()
        weight = conv.parametrizations.weight.original
        found.append([*out, images.grad, weight.grad, *conv.buffers()])
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        assert (a - b).norm() <= (0.02 if bf16 else 1e-5) * b.norm()


def test_batch_norm_has_the_usual_eps_and_momentum():
    """Mistake 6: BatchNorm2d(n, 0.8) sets eps, not momentum."""
    gen, disc = dcgan.build(profiles.DCGANSettings(size=32, width_g=4, width_d=4))
    norms = [m for net in (gen, disc) for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 4 - 0 + 1  # three blocks of G below the image, all but the first of D
    assert all(m.eps == 1e-5 and m.momentum == 0.1 for m in norms)


def test_unknown_words_get_a_suggestion():
    with pytest.raises(GancourseError, match="Did you mean 'instance'"):
        dcgan.Generator(16, 4, norm="instanse")
    with pytest.raises(GancourseError, match="Did you mean 'nearest'"):
        dcgan.Generator(16, 4, upsample="neares")


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype, near", [(torch.float32, 1e-6), (torch.float64, 1e-13)])
def test_instance_norm_is_pytorchs_and_keeps_the_layout(layout, dtype, near):
    """Values and gradient, away from mean 0 and scale 1, with biased variance and eps in it."""
    torch.manual_seed(0)
    plain = torch.randn(2, 3, 4, 6, dtype=dtype) * 0.01 + 0.5
    weight = torch.randn_like(plain)
    found = []
    for norm in (layers.InstanceNorm(3), nn.InstanceNorm2d(3)):
        x = plain.clone().contiguous(memory_format=layout).requires_grad_()
        out = norm(x)
        (out.sin() * weight).sum().backward()
        found.append((out, x.grad))
    (ours, slope), (theirs, expected) = found
    assert torch.allclose(ours, theirs, rtol=0, atol=10 * near)
    assert (slope - expected).norm() <= 10 * near * expected.norm()
    assert ours.is_contiguous(memory_format=layout)
    assert not layers.InstanceNorm(3).state_dict() and isinstance(norm, nn.InstanceNorm2d)


@pytest.mark.parametrize("bias", [True, False])
def test_enlarge_and_convolve_is_what_it_says(bias):
    """Values, both gradients and the border, against an enlarged image and a 3×3 convolution."""
    torch.manual_seed(0)
    conv = layers.EnlargedConv2d(3, 5, bias=bias).double()
    image = torch.randn(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(
        F.interpolate(image, scale_factor=2), conv.weight, conv.bias, stride=1, padding=1
    )
    ours = conv(image)
    assert ours.shape == (2, 5, 8, 12) and torch.allclose(ours, plain, rtol=0, atol=1e-12)
    inputs = [image, *conv.parameters()]
    for a, b in zip(*(torch.autograd.grad(y.sin().sum(), inputs) for y in (ours, plain)), strict=1):
        assert torch.allclose(a, b, rtol=0, atol=1e-12)


def test_recorded_weights_keep_their_numbers():
    """The enlarging was a layer of its own when the records were made."""
    names = dcgan.Generator(16, 4, 10, 1, "none", "nearest").state_dict()
    assert list(names) == ["stages.0.0.weight", "stages.1.1.weight", "stages.2.1.weight"]
