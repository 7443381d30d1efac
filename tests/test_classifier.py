"""The classifier of the steel study: what it is, what it learns, how it is scored."""

import pytest
import torch
from sklearn.metrics import average_precision_score
from torchvision.models.resnet import BasicBlock

from gancourse_lab import classifier
from gancourse_lab.classifier import Recipe, Training

TINY = Recipe(steps=40, batch_size=16, lr=3e-3)


def bars(n, seed=0, size=16):
    """Pictures (n, 1, size, size) of a horizontal or a vertical bar, and which it is."""
    rng = torch.Generator().manual_seed(seed)
    pictures = torch.randint(60, 120, (n, 1, size, size), generator=rng, dtype=torch.uint8)
    labels, at = torch.arange(n) % 2, torch.randint(2, size - 2, (n,), generator=rng)
    for picture, label, i in zip(pictures, labels, at, strict=True):
        (picture[:, i] if label else picture[:, :, i]).fill_(250)
    return pictures, labels


def test_it_has_one_basic_block_a_stage():
    net = classifier.network(6)
    blocks = [m for m in net.modules() if isinstance(m, BasicBlock)]
    assert [block.conv2.out_channels for block in blocks] == [32, 64, 128, 256]
    assert net(torch.zeros(2, 1, 64, 64)).shape == (2, 6)
    assert sum(p.numel() for p in net.parameters()) == 1_228_646


def test_it_learns_bars_and_keeps_its_best_look():
    pictures, labels = bars(64)
    held = bars(40, seed=1)
    fitted = classifier.fit(Training(pictures, labels), *held, 2, TINY)
    guessed = classifier.logits(fitted.network, held[0]).argmax(1)
    assert classifier.macro_f1(held[1], guessed) == fitted.best[1] > 0.9
    assert [step for step, _ in fitted.looks] == [20, 25, 30, 35, 40]
    again = classifier.fit(Training(pictures, labels, augment=True), *held, 2, TINY)
    assert again.looks != fitted.looks or again.best[1] == 1  # the augmentation is another training
    same = classifier.fit(Training(pictures, labels), *held, 2, TINY)
    assert same.looks == fitted.looks


def test_every_arm_takes_as_many_steps_and_draws_as_it_says():
    pictures, labels = bars(10)
    labels[:] = torch.tensor([0] * 9 + [1])
    plain = torch.cat(classifier.order(Training(pictures, labels), TINY))
    assert len(plain) == 640 and plain.bincount().tolist() == [64] * 10  # whole epochs
    drawn = Training(pictures, labels, draw=1 / labels.bincount()[labels].float())
    weighted = torch.cat(classifier.order(drawn, TINY))
    assert len(weighted) == 640 and 0.42 < (weighted == 9).float().mean() < 0.58


def test_the_costs_of_the_classes_enter_the_loss():
    pictures, labels = bars(64)
    labels = torch.zeros(64, dtype=torch.long)
    labels[:4] = 1  # noise: only the costs can make anybody say 1
    cost = torch.tensor([0.01, 100.0])
    held = bars(40, seed=1)
    plain = classifier.fit(Training(pictures, labels), *held, 2, TINY)
    costly = classifier.fit(Training(pictures, labels, cost=cost), *held, 2, TINY)
    share = [
        float((classifier.logits(f.network, held[0]).argmax(1) == 1).float().mean())
        for f in (plain, costly)
    ]
    assert share[1] > share[0] + 0.3


def test_classical_augmentation_differs_by_picture_and_stays_in_range():
    torch.manual_seed(0)
    one = torch.linspace(-1, 1, 16 * 16).reshape(1, 1, 16, 16).repeat(8, 1, 1, 1)
    changed = classifier.classical(one)
    assert changed.shape == one.shape and changed.abs().max() <= 1
    assert len({x.numpy().tobytes() for x in changed}) == 8


def test_scores_of_a_known_case():
    labels = torch.tensor([0, 0, 0, 1, 1])
    guessed = torch.tensor([0, 0, 1, 1, 0])
    odds = torch.tensor([-3.0, -2.0, 1.0, 2.0, -1.0])
    found = classifier.scores(labels, guessed, odds, 1)
    assert found["recall"] == 0.5
    assert found["macro-F1"] == pytest.approx((2 / 3 + 1 / 2) / 2)  # F1 of 0: 4/6; of 1: 2/4
    assert found["PR-AUC"] == pytest.approx(1 / 2 + (2 / 3) / 2)


def test_odds_rank_where_probabilities_are_all_one():
    logits = torch.tensor([[0.0, 60.0, 1.0], [0.0, 90.0, 1.0], [5.0, 1.0, 1.0]])
    found = classifier.odds(logits, 1)
    assert found[1] > found[0] > 0 > found[2]
    assert found[2] == pytest.approx(1 - torch.tensor([5.0, 1.0]).logsumexp(0))
    assert average_precision_score([0, 1, 0], found) == 1
