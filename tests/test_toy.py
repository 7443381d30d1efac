"""The small networks: shapes, labels, and copies that know nothing of each other."""

import pytest
import torch
from torch import nn

from gancourse.errors import GancourseError
from gancourse.models.dcgan import parameters
from gancourse_lab.toy import MLP, Smooth


def test_shapes_and_parameter_count():
    net = MLP(3, 2, width=8, depth=2)
    assert net(torch.zeros(5, 3)).shape == (5, 2)
    assert parameters(net) == (3 + 1) * 8 + (8 + 1) * 8 + (8 + 1) * 2
    assert isinstance(net.layers[-1], nn.Linear)  # nothing squashes the output


def test_a_label_changes_the_answer_and_reaches_it_as_one_hot():
    torch.manual_seed(0)
    net = MLP(2, 1, classes=4)
    x = torch.randn(6, 2)
    label = torch.tensor([0, 1, 2, 3, 0, 1])
    one_hot = torch.eye(4)[label]
    assert torch.equal(net(x, label), net.layers(torch.cat([x, one_hot], 1)))
    assert not torch.equal(net(x, label), net(x, (label + 1) % 4))


def test_copies_are_separate_networks():
    """Each copy computes what a plain network with its weights does, and so do its gradients."""
    torch.manual_seed(0)
    stack = MLP(2, 1, width=8, classes=3, copies=3)
    x, label = torch.randn(3, 7, 2), torch.randint(0, 3, (3, 7))
    found = stack(x, label)
    assert found.shape == (3, 7, 1)
    found.square().mean((1, 2)).sum().backward()
    for i in range(3):
        plain = MLP(2, 1, width=8, classes=3)
        pairs = [
            (a, b)
            for a, b in zip(plain.layers, stack.layers, strict=True)
            if isinstance(a, nn.Linear)
        ]
        with torch.no_grad():
            for a, b in pairs:
                a.weight.copy_(b.weight[i].T)
                a.bias.copy_(b.bias[i, 0])
        out = plain(x[i], label[i])
        assert torch.allclose(out, found[i], atol=1e-6)
        out.square().mean().backward()
        for a, b in pairs:
            assert torch.allclose(a.weight.grad, b.weight.grad[i].T, atol=1e-6)
            assert torch.allclose(a.bias.grad, b.bias.grad[i, 0], atol=1e-6)
    assert parameters(stack) == 3 * parameters(plain)


def test_copies_start_differently_and_as_wide_as_a_plain_layer():
    torch.manual_seed(0)
    stack, plain = MLP(64, 1, width=64, copies=2), MLP(64, 1, width=64)
    first = stack.layers[0].weight
    assert not torch.equal(first[0], first[1])
    assert first.abs().max().item() == pytest.approx(1 / 8, rel=0.01)
    assert first.std().item() == pytest.approx(plain.layers[0].weight.std().item(), rel=0.05)


@pytest.mark.parametrize(
    "net, x, label, message",
    [
        (MLP(2), torch.zeros(5, 3), None, r"of shape \(n, 2\), not \(5, 3\)"),
        (MLP(2), torch.zeros(4, 5, 2), None, r"of shape \(n, 2\)"),
        (MLP(2, copies=3), torch.zeros(5, 2), None, r"of shape \(3, n, 2\), not \(5, 2\)"),
        (MLP(2, copies=3), torch.zeros(4, 5, 2), None, r"of shape \(3, n, 2\), not \(4, 5, 2\)"),
        (MLP(2), torch.zeros(5, 2), torch.zeros(5, dtype=torch.long), "takes no label"),
        (MLP(2, classes=3), torch.zeros(5, 2), None, "a label below 3"),
        (MLP(2, classes=3), torch.zeros(5, 2), torch.full((5,), 3), "from 0 to 2"),
        (MLP(2, classes=3), torch.zeros(5, 2), torch.zeros(4, dtype=torch.long), "one for each"),
    ],
)
def test_wrong_input_is_named(net, x, label, message):
    with pytest.raises(GancourseError, match=message):
        net(x, label)


def test_smooth_is_near_relu_and_has_no_corner():
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)
    y = Smooth()(x)
    assert (y - x.clamp(min=0)).abs().max() < 0.08
    assert y.diff().diff().abs().max() < 1e-3  # of ReLU 0.01, at 0
