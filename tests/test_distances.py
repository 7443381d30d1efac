"""FID, KID, precision and recall: closed forms, then other implementations."""

import numpy as np
import pytest
import torch

from gancourse.errors import GancourseError
from gancourse.metrics import distances
from gancourse.metrics.distances import frechet, frechet_from_stats, kid, precision_recall, stats
from gancourse.notebook import figures
from gancourse_lab import score_figures


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def whitened(n, d, seed=0):
    """Rows whose sample mean is exactly 0 and covariance exactly the identity (n > d)."""
    x = normal(n, d, seed).double()
    x = x - x.mean(0)
    return torch.linalg.qr(x).Q * (n - 1) ** 0.5


@pytest.mark.parametrize("n,d", [(40, 7), (5, 30)])  # by eigh and by the nuclear norm
def test_equal_covariances_leave_the_means(n, d):
    a, shift = normal(n, d).double(), normal(1, d, 1)[0].double()
    assert frechet(a, a + shift) == pytest.approx(float(shift.square().sum()), rel=1e-9)


def test_diagonal_covariances():
    """‖μ₁ − μ₂‖² + Σ (σ₁ − σ₂)²"""
    s1, s2 = torch.linspace(0.5, 2, 6).double(), torch.linspace(3, 1, 6).double()
    a, b = whitened(50, 6, 1) * s1, whitened(60, 6, 2) * s2 + 1
    expected = 6 + float((s1 - s2).square().sum())
    assert frechet(a, b) == pytest.approx(expected, rel=1e-9)
    found = frechet_from_stats(np.zeros(6), np.diag(s1**2), np.ones(6), np.diag(s2**2))
    assert found == pytest.approx(expected, rel=1e-9)


def test_one_dimension():
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [3.0], [6.0]])
    s1, s2 = 2**0.5, 3**0.5
    assert frechet(a, b) == pytest.approx((1 - 4) ** 2 + (s1 - s2) ** 2, rel=1e-12)


@pytest.mark.parametrize("n,m,d", [(30, 40, 10), (10, 12, 30), (10, 100, 30), (2, 2, 5)])
def test_zero_symmetric_and_invariant(n, m, d):
    a, b = normal(n, d, 1), normal(m, d, 2) * 1.5 + 0.2
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-9)
    turn = torch.linalg.qr(normal(d, d, 3).double()).Q
    assert frechet(a.double() @ turn, b.double() @ turn) == pytest.approx(frechet(a, b), rel=1e-9)
    assert frechet(a[torch.randperm(n)], b) == pytest.approx(frechet(a, b), rel=1e-9)


@pytest.mark.parametrize("n,m", [(20, 30), (20, 90), (90, 100)])
def test_nuclear_norm_equals_eigh(n, m):
    """n < d on both sides, one, none: the path from features against the path from covariances."""
    a, b = normal(n, 50, 1), normal(m, 50, 2) * 2
    assert frechet(a, b) == pytest.approx(frechet_from_stats(*stats(a), *stats(b)), rel=1e-6)


@pytest.mark.filterwarnings("ignore:The `disp` argument")
def test_against_pytorch_fid_and_torch_fidelity():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    a, b = normal(200, 30, 1).double(), normal(150, 30, 2).double() * 1.3 + 0.1
    found = frechet(a, b)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(a), fid_features_to_statistics(b), False
    )
    assert found == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)
    from pytorch_fid.fid_score import calculate_frechet_distance

    moments = [f(x.numpy()) for x in (a, b) for f in (lambda x: x.mean(0), lambda x: np.cov(x.T))]
    try:
        expected = calculate_frechet_distance(*moments)
    except TypeError as error:  # SciPy 1.18 took sqrtm(disp=…) away
        pytest.skip(f"pytorch-fid does not work with this SciPy: {error}")
    assert found == pytest.approx(expected, rel=1e-9)


def test_few_images_need_no_square_root_of_a_singular_matrix():
    """120 and 140 images at 2048 dimensions, varying in different ones: tr√(Σ₁Σ₂) = 0."""
    a, b = normal(120, 2048, 1).double(), normal(140, 2048, 2).double()
    a[:, 1000:], b[:, :1000] = 1.0, 3.0
    expected = (a.mean(0) - b.mean(0)).square().sum() + a.var(0).sum() + b.var(0).sum()
    assert frechet(a, b) == pytest.approx(float(expected), rel=1e-9)


def test_kid_of_two_and_two_by_hand():
    """d = 1: k = (xy + 1)³; a = {0, 1}, b = {1, 2}: 1 + 27 − 2 · (1 + 1 + 8 + 27)/4"""
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    assert kid(a, b).value == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kid_against_torch_fidelity():
    """One subset of everything."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    a, b = normal(80, 16, 1), normal(90, 16, 2) + 0.1
    settings = {"kid_subsets": 1, "kid_subset_size": 80, "rng_seed": 7, "verbose": False}
    theirs = kid_features_to_metric(a, b[:80], **settings)["kernel_inception_distance_mean"]
    assert kid(a, b[:80]).value == pytest.approx(theirs, rel=1e-4)


def test_kid_does_not_depend_on_blocks_or_order(monkeypatch):
    a, b = normal(50, 8, 1), normal(41, 8, 2) * 1.2
    expected = kid(a, b)
    monkeypatch.setattr(distances, "CHUNK_BYTES", 16 * 7**2)
    assert kid(a, b) == pytest.approx(expected, rel=1e-9)
    assert kid(b, a) == pytest.approx(expected, rel=1e-9)


def test_kid_jackknife_is_what_leaving_rows_out_gives():
    a, b = normal(9, 3, 1), normal(7, 3, 2) + 0.5
    found, expected = kid(a, b), 0.0
    for x, other in ((a, b), (b, a)):
        left = torch.tensor(
            [kid(torch.cat([x[:i], x[i + 1 :]]), other).value for i in range(len(x))]
        ).double()
        expected += float((left - left.mean()).square().sum()) * (len(x) - 1) / len(x)
    assert found.high - found.value == pytest.approx(1.96 * expected**0.5, rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_kid_is_unbiased_and_its_interval_covers(shift):
    """40 pairs of samples: the truth, from the moments of U(−1, 1) and U(−1, 1) + s, is inside."""
    # E k(x, y) = E x³ E y³ + 3 E x² E y² + 3 E x E y + 1
    m1, m2, m3 = shift, 1 / 3 + shift**2, shift + shift**3
    truth = (3 / 9 + 1) + (m3**2 + 3 * m2**2 + 3 * m1**2 + 1) - 2 * (m2 + 1)

    def uniform(n, seed):
        return torch.rand(n, 1, generator=torch.Generator().manual_seed(seed)) * 2 - 1

    found = [kid(uniform(45, 2 * s), uniform(45, 2 * s + 1) + shift) for s in range(40)]
    values = torch.tensor([f.value for f in found])
    assert abs(values.mean() - truth) < 3.5 * values.std() / 40**0.5
    assert sum(f.low <= truth <= f.high for f in found) >= 40 * 0.85
    widths = torch.tensor([f.high - f.low for f in found])
    assert widths.mean() < 2 * 3.92 * values.std()  # and the interval is not merely wide


def test_precision_recall_by_hand():
    """Real 0, 1, 2, 10 with k = 1: balls [−1, 1], [0, 2], [1, 3], [2, 18]; fake 3, 3.5, −5, 20:
    balls [2.5, 3.5], [3, 4], [−13, 3], [3.5, 36.5] (11.5, 16.5 …)."""
    real = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    fake = torch.tensor([[3.0], [3.5], [-5.0], [20.0]])
    assert precision_recall(real, fake, k=1) == (0.5, 1.0)
    assert precision_recall(real, fake + 1000, k=1) == (0.0, 0.0)


def test_precision_recall_against_torch_fidelity():
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, fake = normal(120, 5, 1), normal(100, 5, 2) * 0.6
    settings = {"prc_neighborhood": 3, "prc_batch_size": 50, "save_cpu_ram": True, "verbose": False}
    theirs = prc_features_to_metric(fake, real, **settings)
    found = precision_recall(real, fake)
    assert found == pytest.approx((theirs["precision"], theirs["recall"]))
    assert found[0] > found[1]


def test_precision_recall_of_itself_with_duplicates_and_chunks(monkeypatch):
    a = normal(40, 6)[torch.randint(0, 9, (200,))] + 100
    assert precision_recall(a, a) == (1.0, 1.0)
    real, fake = normal(90, 4, 1), normal(70, 4, 2)
    expected = precision_recall(real, fake)
    monkeypatch.setattr(distances, "CHUNK_BYTES", 32 * 90 * 4)
    assert precision_recall(real, fake) == expected


@pytest.mark.parametrize("measure", [frechet, kid, precision_recall])
def test_bad_features_are_refused(measure):
    good = normal(10, 4)
    holes = good.clone()
    holes[3, 2] = float("nan")
    with pytest.raises(GancourseError, match="1 of 10 feature rows hold NaN"):
        measure(holes, good)
    with pytest.raises(GancourseError, match="n ≥ 2"):
        measure(good, good[:1])
    with pytest.raises(GancourseError, match="two different extractors"):
        measure(good, normal(10, 5))
    with pytest.raises(GancourseError, match="n, d"):
        measure(good[0], good)


def test_other_bad_input():
    good, eye = normal(10, 4), torch.eye(3)
    with pytest.raises(GancourseError, match="more than k rows"):
        precision_recall(good, good, k=10)
    with pytest.raises(GancourseError, match="must agree"):
        frechet_from_stats(torch.zeros(3), eye, torch.zeros(4), torch.eye(4))
    with pytest.raises(GancourseError, match="negative eigenvalue"):
        frechet_from_stats(torch.zeros(3), eye, torch.zeros(3), -eye)
    with pytest.raises(GancourseError, match="symmetric"):
        frechet_from_stats(torch.zeros(3), eye, torch.zeros(3), torch.ones(3, 3).tril())


def test_two_points_are_their_squared_distance_apart():
    """No variance on either side: covariances that are given may be zero."""
    zero = torch.zeros(3, 3)
    assert frechet_from_stats(torch.ones(3), zero, torch.zeros(3), zero) == pytest.approx(3)


@pytest.mark.parametrize("measure", [frechet, kid, precision_recall])
@pytest.mark.parametrize("jitter", [0.0, 1e-7])
def test_constant_features_are_refused_by_name(measure, jitter):
    """One image many times, also where rounding differs from batch to batch."""
    good, constant = normal(10, 4), torch.full((7, 4), 3.0) + jitter * normal(7, 4)
    for a, b in ((constant, good), (good, constant)):
        with pytest.raises(
            GancourseError, match="All 7 feature rows are equal.*images that differ"
        ):
            measure(a, b)
    constant[-1, 0] += 0.1
    measure(constant, good)  # one row that differs is enough


def test_interval_prints_its_bounds():
    assert str(distances.Interval(0.1234567, -1.0, 2.0)) == "0.1235 [-1, 2]"


def test_a_ball_reaches_to_the_third_nearest_other_and_a_bag_s_bars_are_its_numbers():
    centres = torch.tensor([[0.0, 0.0], [1, 0], [2, 0], [3, 0], [5, 0]])
    figure, axis = figures.subplots(figsize=(3, 3))
    inside = torch.tensor([True, False])
    score_figures.balls(centres, torch.tensor([[0.5, 0], [5, 5]]), inside, ("real", "made"), axis)
    assert [circle.radius for circle in axis.patches] == [3, 2, 2, 2, 4]
    assert [len(line.get_xdata()) for line in axis.lines] == [5, 1, 1]
    images = torch.zeros(10, 1, 4, 4, dtype=torch.uint8)
    words = {"kernel": "KID", "title": "bag 1", "caption": "drawn"}
    shares = {"precision": 0.25, "recall": 1.0}
    figure = score_figures.bag(images, (1.45, 1.0, 9.0), shares, **words)
    right = figure.axes[1]
    assert [bar.get_width() for bar in right.patches[1::2]] == [0.5, 0.25, 1.0]
    assert [text.get_text() for text in right.texts] == [
        "KID 1.45",
        "precision 0.25",
        "recall 1.00",
    ]
    assert right.lines[0].get_xdata()[1] == 1  # an interval beyond the end is cut there
