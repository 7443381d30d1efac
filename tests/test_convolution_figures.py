"""The film of a transposed convolution paints what PyTorch's layer computes."""

import pytest
import torch
from torch import nn

from gancourse_lab import convolution_figures


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (3, 1, 0), (5, 3, 2)])
def test_what_is_painted_is_the_layers_output(kernel, stride, padding):
    weights = torch.rand(kernel)
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, bias=False)
    layer.weight.data[:] = weights
    painted = convolution_figures.painted(6, weights.tolist(), stride, padding)
    assert torch.allclose(layer(torch.ones(1, 1, 6))[0, 0], painted.sum(0), atol=1e-6)


def test_a_frame_shows_so_many_inputs_at_work_and_a_comb_remains():
    assert len(convolution_figures.painting(3).axes[0].patches) == 3 * 16
    bars = convolution_figures.painting(8).axes[0].patches[-16:]
    tops = [bar.get_y() + bar.get_height() for bar in bars][2:-2]
    assert max(tops[::2]) != pytest.approx(max(tops[1::2]), abs=0.1)
