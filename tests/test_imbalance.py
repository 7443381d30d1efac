"""Labelled steel: pieces stay together, arms are what they say, leaks are found."""

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse.errors import GancourseError, UnknownName
from gancourse_lab import imbalance
from gancourse_lab.imbalance import Labelled, Leak


def drawn(per_class=(30, 30), pieces=10, seed=0):
    """Noise with ``per_class`` pictures of each class, ``pieces`` pieces a class."""
    n, rng = sum(per_class), torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (n, 1, 64, 64), generator=rng, dtype=torch.uint8)
    labels = torch.cat([torch.full((m,), k) for k, m in enumerate(per_class)])
    names = [f"{label}-{i}" for i, label in enumerate(labels.tolist())]
    groups = [f"{label} {i % pieces}" for i, label in enumerate(labels.tolist())]
    return Labelled(pictures, labels, names, groups, tuple("ab"[: len(per_class)]), 1)


def test_no_piece_is_torn_apart_and_every_picture_is_tested_once():
    whole, tested = drawn(), []
    for seed in range(5):
        made = imbalance.fold(whole, seed)
        parts = (made.train, made.validation, made.test)
        groups = [set(part.pieces) for part in parts]
        assert not (groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2])
        assert sum(map(len, parts)) == len(whole)
        imbalance.check_apart(made.train.images, made.validation, made.test)
        tested += made.test.names
    assert sorted(tested) == sorted(whole.names)


def test_too_few_pieces_for_the_folds():
    with pytest.raises(GancourseError, match="The class b has 3 pictures of 3 pieces, too few for"):
        imbalance.fold(drawn((30, 3)), 0)
    with pytest.raises(GancourseError, match="The class b has 0 pictures"):
        imbalance.fold(drawn((30, 0)), 0)
    with pytest.raises(GancourseError, match="of 4 pieces"):
        imbalance.fold(drawn(pieces=4), 0)


def test_few_pictures_are_among_more_and_only_the_minority_loses():
    whole = drawn((30, 25))
    sets = [set(imbalance.scarce(whole, n, 3).of(1).names) for n in (5, 10, "all")]
    assert [len(s) for s in sets] == [5, 10, 25] and sets[0] < sets[1] < sets[2]
    assert len(imbalance.scarce(whole, 5, 3).of(0)) == 30
    assert sets[0] != set(imbalance.scarce(whole, 5, 4).of(1).names)
    with pytest.raises(GancourseError, match="26 pictures of b are asked for, and the fold trains"):
        imbalance.scarce(whole, 26, 0)


def test_a_planted_test_picture_is_a_leak():
    """The mutation that turns it red: a digest of names, or of the untouched pictures alone."""
    made = imbalance.fold(drawn(), 0)
    for picture in (made.test.images[7], made.validation.images[3].flip(-1)):
        planted = torch.cat([made.train.images, picture[None]])
        with pytest.raises(Leak, match="The generator sees 1 of the pictures held out"):
            imbalance.check_apart(planted, made.validation, made.test, what="The generator")


def test_what_each_arm_trains_on():
    whole = imbalance.scarce(drawn((30, 30)), 6, 0)
    synthetic = torch.full((12, 1, 64, 64), 7, dtype=torch.uint8)

    def made(arm):
        return imbalance.training(arm, whole, synthetic)

    plain = made("as-is")
    assert plain.labels.bincount().tolist() == [30, 6]
    assert plain.draw is None and plain.cost is None and not plain.augment
    weights = made("class-weights").cost
    assert torch.allclose(weights, torch.tensor([0.6, 3.0]))  # 36 / (2 · 30), 36 / (2 · 6)
    over = made("over-sampling")
    assert over.draw[over.labels == 0].sum() == pytest.approx(float(over.draw.sum()) / 2)
    assert made("under-sampling").labels.bincount().tolist() == [6, 6]
    assert made("classical").augment and made("classical").draw is None
    both = made("over-sampling+classical")
    assert both.augment and both.draw is not None
    assert made("dcgan").labels.bincount().tolist() == [30, 18] and not made("dcgan").augment
    assert (made("dcgan").images[made("dcgan").labels == 1] == 7).flatten(1).all(1).sum() == 12
    assert made("cyclegan+classical").augment
    assert imbalance.training("ceiling", drawn((30, 30))).labels.bincount().tolist() == [30, 30]
    with pytest.raises(UnknownName, match="Unknown arm 'smote'"):
        made("smote")
    with pytest.raises(GancourseError, match="needs synthetic pictures"):
        imbalance.training("dcgan", whole)


def test_near_copies_are_found_under_another_light():
    rng = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 120, (6, 1, 64, 64), generator=rng, dtype=torch.uint8)
    pictures[5] = pictures[2] // 2 + 100
    assert imbalance.near_copies(pictures, 0.9).tolist() == [[2, 5]]
    groups = imbalance.joined(["a", "a", "b", "b", "c", "d"], np.array([[2, 5], [0, 4]]))
    assert groups == ["a", "a", "b", "b", "a", "b"]


def test_a_tile_under_two_numbers_is_torn_where_the_other_number_trains():
    whole = drawn((30, 30))
    fold = imbalance.fold(whole, 0)
    here, there = fold.test.pieces[0], fold.train.pieces[0]
    beside = next(piece for piece in fold.test.pieces if piece != here)
    assert not imbalance.torn(fold, [(here, beside)]).any()  # both are tested
    torn = imbalance.torn(fold, [(here, beside, there)])
    assert [p for p, t in zip(fold.test.pieces, torn, strict=True) if t] == [
        p for p in fold.test.pieces if p in (here, beside)
    ]
    assert imbalance.torn(fold, [(here, fold.validation.pieces[0])]).any()


def test_stand_ins_have_the_shape_of_the_real_thing():
    steel = imbalance.neu("stand-in", limit=100)
    assert len(steel) == 600 and steel.classes[steel.minority] == "scratches"
    assert "stand-in NEU-DET" in steel.caption and steel.images.shape == (600, 1, 64, 64)
    assert len(set(steel.pieces)) > 20
    tiles = imbalance.tiles("stand-in", limit=25)
    assert tiles.labels.bincount().tolist() == [25, 25] and tiles.classes == ("clean", "defective")
    for whole in (steel, tiles):
        imbalance.fold(whole, 0)


def test_an_own_folder_is_a_folder_of_classes(tmp_path):
    rng = np.random.default_rng(0)
    for name, n in (("good", 12), ("bad", 8)):
        (tmp_path / name).mkdir()
        for i in range(n):
            pixels = rng.integers(0, 255, (40, 50), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    whole = imbalance.own(tmp_path, "bad")
    assert whole.classes == ("bad", "good") and whole.minority == 0
    assert whole.labels.bincount().tolist() == [8, 12] and len(set(whole.pieces)) == 20
    assert len(imbalance.fold(whole, 0).train) == 12
    with pytest.raises(UnknownName, match="Unknown class 'ugly'"):
        imbalance.own(tmp_path, "ugly")
    with pytest.raises(GancourseError, match="needs a subfolder for each of two classes"):
        imbalance.own(tmp_path / "good", "bad")
