"""Exact neighbours against brute force; the copying check against planted copies."""

import math

import pytest
import torch
import torch.nn.functional as F

from gancourse.errors import GancourseError
from gancourse.metrics import neighbours
from gancourse.metrics.neighbours import copying, knn, mann_whitney


def brute(query, reference, k):
    """Every difference in float64, stably sorted: equal distances keep the lower index."""
    q, r = query.double().flatten(1), reference.double().flatten(1)
    distance, index = (q[:, None] - r[None]).square().sum(2).sort(dim=1, stable=True)
    return distance[:, :k].sqrt(), index[:, :k]


def sets(kind, seed=0):
    g = torch.Generator().manual_seed(seed)
    q, r = torch.rand(5, 3, 4, generator=g), torch.rand(90, 3, 4, generator=g)
    pick = torch.randint(0, 9, (90,), generator=g)
    return {
        "uint8": ((q * 255).byte(), (r * 255).byte()),
        "few values, many ties": ((q * 2).byte(), (r * 2).byte()),
        "float32": (q, r),
        "float64": (q.double(), r.double()),
        "duplicates": (r[:5], r[pick]),
        "constant": (torch.ones(5, 3, 4), torch.ones(90, 3, 4)),
        "far from zero": (q + 1e4, r + 1e4),
        "two far clusters": (q, r + 1e5 * (pick[:, None, None] > 4)),
        "underflow": (q * 1e-22, r * 1e-22),
        "overflow": (q * 1e25, r * 1e25),
        "mixed types": ((q * 255).byte(), r * 255),
    }[kind]


KINDS = ["uint8", "few values, many ties", "float32", "float64", "duplicates", "constant"]
KINDS += ["far from zero", "two far clusters", "underflow", "overflow", "mixed types"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [1, 100, neighbours.VALUES])
def test_exact(kind, values, monkeypatch):
    monkeypatch.setattr(neighbours, "VALUES", values)  # small blocks give the same answer
    monkeypatch.setattr(neighbours, "CACHED", values)
    query, reference = sets(kind)
    for k in (1, 7, 90):
        distance, index = knn(query, reference, k, device="cpu")
        expected = brute(query, reference, k)
        assert torch.equal(index, expected[1])
        assert torch.allclose(distance, expected[0], rtol=1e-12, atol=0)


def test_a_copy_is_at_distance_zero_in_features_too():
    """By the product alone its distance would be the rounding of ‖r‖², about 1e-3 here."""
    reference = torch.randn(50, 768, generator=torch.Generator().manual_seed(0)).double() + 1e4
    distance, index = knn(reference[:9], reference, 1)
    assert not distance.any() and index[:, 0].tolist() == list(range(9))


def test_bad_sets_are_refused():
    query, reference = sets("float32")
    holes = reference.clone()
    holes[7] = float("nan")
    for bad, k, match in (
        (reference[:, :2], 1, "must agree"),
        (reference, 91, "k=91"),
        (reference, 0, "k=0"),
        (reference[:0], 1, "must agree"),
        (holes, 1, "NaN"),
    ):
        with pytest.raises(GancourseError, match=match):
            knn(query, bad, k)


def pictures(n, seed, size=16):
    """Smooth random pictures, uint8 (n, 1, size, size)."""
    coarse = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    fine = F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1)
    return (fine * 255).round().byte()


TRAIN, HELD_OUT, FRESH = pictures(100, 0), pictures(50, 1), pictures(40, 2)


def noisy(images, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (images.int() + torch.randint(-3, 4, images.shape, generator=g)).clamp(0, 255).byte()


@pytest.mark.parametrize(
    "plant,options",
    [
        (lambda x: x, {}),
        (lambda x: x.flip(3), {}),
        (lambda x: x.flip(2), {"flips": "v"}),
        (lambda x: x.flip(2, 3), {"flips": "hv"}),
        (lambda x: x.roll((2, -1), (2, 3)), {"shift": 2}),
        (lambda x: x.flip(3).roll(1, 3), {"shift": 1}),
    ],
)
def test_planted_copies_are_flagged_and_found(plant, options):
    found = copying(noisy(plant(TRAIN[:40])), TRAIN, HELD_OUT, **options)
    assert found.auc > 0.99 and found.p_value < 1e-6 and found.closest > 35
    assert "look at the nearest pairs" in found.verdict
    assert found.nearest.tolist() == list(range(40))
    assert all(fake == train for fake, train, _ in found.pairs())
    distances = [d for _, _, d in found.pairs(5)]
    assert distances == sorted(distances) and len(distances) == 5


def test_flipped_copies_hide_when_flips_are_left_out():
    found = copying(noisy(TRAIN[:40].flip(3)), TRAIN, HELD_OUT, flips="")
    assert found.p_value > 0.01 and found.closest < 10


def test_fresh_samples_are_not_flagged():
    found = copying(FRESH, TRAIN, HELD_OUT)
    assert 0.3 < found.auc < 0.7 and found.p_value > 0.01
    assert "no copying" in found.verdict and "cannot exclude" in found.verdict


def test_p_values_of_fresh_samples_are_uniform():
    """80 draws: the mean of uniforms is 1/2 ± 0.032, a tenth lies below 0.1, few below 0.01."""
    p, closest = [], []
    for s in range(80):
        g = torch.Generator().manual_seed(s)
        train, held_out, fake = (torch.randn(n, 4, generator=g) for n in (60, 30, 25))
        found = copying(fake, train, held_out)
        p.append(found.p_value)
        closest.append(found.closest_p)
    p, closest = torch.tensor(p), torch.tensor(closest)
    assert abs(p.mean() - 0.5) < 0.1
    assert 0.02 < (p < 0.1).float().mean() < 0.2
    assert (p < 0.01).float().mean() < 0.05 and (closest < 0.05).float().mean() < 0.12


def test_a_few_copies_among_many_move_only_the_closest():
    """12 of 60 fakes are copies: the ranks barely move, the nearest distances give them away."""
    fake = torch.cat([noisy(TRAIN[:12]), pictures(48, 9)])
    found = copying(fake, TRAIN, pictures(60, 8), flips="")
    assert found.closest >= 12 and found.closest_p < 0.005
    assert "nearer to a training image than any held-out" in found.verdict
    assert {fake for fake, _, _ in found.pairs(12)} == set(range(12))


def test_blurred_fakes_are_near_without_being_copies_and_the_verdict_says_so():
    blurred = F.avg_pool2d(pictures(40, 5).float(), 9, 1, 4, count_include_pad=False).byte()
    found = copying(blurred, TRAIN, HELD_OUT)
    assert found.p_value < 0.005 and "merely smoother" in found.verdict


def test_far_fakes_are_called_far():
    noise = torch.randint(0, 256, (40, 1, 16, 16), dtype=torch.uint8)
    found = copying(noise, TRAIN, HELD_OUT)
    assert found.effect < -0.9 and "farther away" in found.verdict


def test_over_features():
    class Mean:
        name = "block means"

        def __call__(self, x):
            return F.avg_pool2d(x.float(), 4).flatten(1)

        cached = __call__

    extract = Mean()
    for features in (extract, extract.cached):
        found = copying(noisy(TRAIN[:30].flip(3)), TRAIN, HELD_OUT, features=features)
        assert found.space == "block means" and found.p_value < 1e-6
    direct = copying(extract(TRAIN[:30]), extract(TRAIN), extract(HELD_OUT))
    assert direct.space == "features" and direct.closest == 30


def test_rank_statistic_by_hand():
    """x = 1, 2; y = 2, 3: pairs (1<2, 1<3, 2=2, 2<3) count 3.5 of 4."""
    assert mann_whitney(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]))[0] == 3.5 / 4
    # three below three: one of C(6, 3) = 20 labellings is as extreme
    p = mann_whitney(torch.arange(3.0), torch.arange(3.0) + 3)[1]
    assert p == pytest.approx(0.05, abs=0.01)
    assert mann_whitney(torch.ones(30), torch.ones(30)) == (0.5, 1.0)


def test_rank_statistic_against_scipy():
    from scipy.stats import mannwhitneyu

    x = torch.randint(0, 12, (35,), generator=torch.Generator().manual_seed(1)).double()
    y = torch.randint(1, 14, (28,), generator=torch.Generator().manual_seed(2)).double()
    theirs = mannwhitneyu(y, x, alternative="greater", method="asymptotic")
    auc, p_value = mann_whitney(x, y)
    assert auc == pytest.approx(theirs.statistic / (35 * 28))
    assert p_value == pytest.approx(theirs.pvalue, rel=1e-9)


def test_closest_p_is_the_share_of_labellings():
    """All 3 fakes nearer than all 4 held-out: one of C(7, 3) labellings."""
    train = torch.zeros(2, 1)
    found = copying(torch.arange(1.0, 4)[:, None], train, torch.arange(5.0, 9)[:, None])
    assert found.closest == 3 and found.closest_p == pytest.approx(1 / math.comb(7, 3))


def test_detectable_is_detected_four_times_out_of_five():
    """Normals shifted so that their AUC is what the check says it can see."""
    import dataclasses

    found = copying(FRESH, TRAIN, HELD_OUT)
    large = dataclasses.replace(found, fake=torch.zeros(80), held_out=torch.zeros(80))
    shift = 2**0.5 * float(torch.special.ndtri(torch.tensor(large.detectable)))
    g = torch.Generator().manual_seed(0)
    hits = sum(
        mann_whitney(torch.randn(80, generator=g) - shift, torch.randn(80, generator=g))[1]
        < large.alpha / 2
        for _ in range(200)
    )
    assert 0.7 < hits / 200 < 0.92


def test_bad_images_are_refused():
    for bad, options, match in (
        (FRESH[:1], {}, "at least two"),
        (FRESH[:, :, 1:], {}, "differ in shape"),
        (FRESH, {"flips": "x"}, "flips="),
        (FRESH, {"shift": 8}, "leaves nothing"),
        (FRESH, {"shift": -1}, "leaves nothing"),
    ):
        with pytest.raises(GancourseError, match=match):
            copying(bad, TRAIN, HELD_OUT, **options)


def test_ranks_of_float32_are_counted_in_float64():
    x, y = (torch.rand(n, generator=torch.Generator().manual_seed(n)) for n in (40, 30))
    assert mann_whitney(x, y) == mann_whitney(x.double(), y.double())
