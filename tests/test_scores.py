"""Chapter 08's measurements: what an alteration does, what is drawn, what the record holds."""

import math

import pytest
import torch

from gancourse import records
from gancourse.errors import GancourseError, UnknownName
from gancourse_lab import alterations
from gancourse_studies import score_behaviour
from gancourse_tools import records_table


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(n=2, size=128):
    """Smooth pictures: JPEG and shrinking leave them nearly as they are."""
    wave = torch.linspace(0, 3, size).sin()
    picture = 128 + 100 * wave[:, None] * wave * torch.tensor([1.0, 0.5, -0.5])[:, None, None]
    return picture.round().byte().expand(n, -1, -1, -1).contiguous()


def test_alterations_that_keep_everything():
    x = torch.randint(0, 256, (2, 3, 40, 40), generator=stream()).byte()
    assert torch.equal(alterations.alter(x, "none", 0), x)
    twice = alterations.alter(alterations.alter(x, "mirror", "left-right"), "mirror", "left-right")
    assert torch.equal(twice, x) and not torch.equal(alterations.alter(x, "mirror", ""), x)


@pytest.mark.parametrize("kind", alterations.LEVELS)
def test_every_level_of_every_kind_gives_pictures(kind):
    for level in alterations.LEVELS[kind]:
        y = alterations.alter(photos(), kind, level)
        assert y.dtype == torch.uint8 and y.shape[:2] == (2, 3)
        assert y.shape[-1] == (64 if kind == "resize" else 128)


@pytest.mark.parametrize("method", alterations.LEVELS["resize"])
def test_only_antialiasing_sees_every_pixel(method):
    """Stripes of 5 pixels, of which 4 become one: without antialiasing they come back as others."""
    stripes = (torch.arange(256) % 5 < 3).byte() * 200
    small = alterations.alter(stripes.expand(1, 3, 256, -1), "resize", method)[..., 4:-4]
    assert (float(small.float().std()) < 35) == method.endswith("aa")


def test_blur_keeps_the_mean_and_has_its_width():
    dot = torch.zeros(1, 1, 65, 65)
    dot[..., 32, 32] = 1
    line = alterations.alter((dot * 255).byte(), "blur", 0.5)[0, 0].float().sum(0)
    assert float(line.sum()) == pytest.approx(255, abs=4)
    stripe = torch.zeros(1, 1, 65, 65)
    stripe[..., 32] = 255
    spread = alterations.alter(stripe.byte(), "blur", 2)[0, 0, 32].float()
    at = torch.arange(65) - 32.0
    assert math.sqrt(float((spread * at**2).sum() / spread.sum())) == pytest.approx(2, rel=0.05)


def test_noise_has_its_deviation_and_jpeg_its_quality():
    grey = torch.full((1, 3, 128, 128), 128, dtype=torch.uint8)
    noisy = alterations.alter(grey, "noise", 16)
    assert float(noisy.float().std()) == pytest.approx(16, rel=0.03)
    assert torch.equal(noisy, alterations.alter(grey, "noise", 16))
    errors = [
        float((alterations.alter(photos(1), "jpeg", quality).float() - photos(1)).abs().mean())
        for quality in (75, 10)
    ]
    assert errors[0] < errors[1] < 12


def test_an_unknown_alteration_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'jpeg'"):
        alterations.alter(photos(), "jpg", 50)


def test_real_against_real_shares_no_row():
    pool = torch.arange(20.0)[:, None]
    one, two = alterations.split(pool, stream())(9)
    assert len(one) == len(two) == 9 and len(torch.cat([one, two]).unique()) == 18
    one, two = alterations.some_of(pool, pool + 100, stream())(5, 7)
    assert (len(one.unique()), len(two.unique())) == (5, 7) and one.max() < 100 <= two.min()


def test_over_sizes_shows_the_bias():
    found = alterations.over_sizes(alterations.split(normal(300, 6), stream()), 100, 20)
    assert found["n"] == [10, 20, 40, 70, 100]
    far, kids = torch.tensor(found["FD"]), torch.tensor(found["KID"])
    assert far.shape == kids.shape == (5, 20)
    assert (far.mean(1).diff() < 0).all()
    assert (kids.mean(1).abs() < 4 * kids.std(1) / 20**0.5).all()


def test_power_grows_from_the_level_to_one():
    found = alterations.power_curve(normal(100, 4), normal(60, 4, 1) + 3, 30, 20, 19, stream())
    for name in ("KID", "Fréchet"):
        assert found[name][0] <= 0.2 and found[name][-1] == 1
    assert found["mean"][-1] > found["mean"][2] > abs(found["mean"][0])


def test_a_share_of_one_side_is_replaced(monkeypatch):
    seen = []

    def look(one, two, *_):
        strange = int((two >= 1000).sum())
        seen.append((len(one), len(two), strange, len(torch.cat([one, two]).unique())))
        return 1.0, 0.0

    monkeypatch.setattr(alterations, "permutation_test", look)
    base = torch.arange(50.0)[:, None]
    alterations.power_curve(base, base + 1000, 20, 2, 19, stream())
    assert [s[2] for s in seen[::4]] == [round(share * 20) for share in alterations.SHARES]
    assert {(s[0], s[1], s[3]) for s in seen} == {(20, 20, 40)}


@pytest.mark.parametrize("base, strangers", [(79, 60), (80, 19)])
def test_power_needs_enough_rows(base, strangers):
    with pytest.raises(GancourseError, match="Two sides of 40 need 80 rows, 20 strangers"):
        alterations.power_curve(normal(base, 4), normal(strangers, 4), 40, 2, 19, stream())


def test_a_bootstrap_moves_the_distance_and_halves_have_its_spread():
    found = alterations.new_samples(normal(900, 6), normal(900, 6, 1) + 0.5, (60, 50), 30, stream())
    row = found["scores"]["Fréchet"]
    assert row["moved"] > 0.5 * row["s"]  # copies add a bias
    assert row["halves"] == pytest.approx(row["s"], rel=0.4)


def test_copies_are_left_out_and_the_order_stays():
    x = torch.arange(6).byte().view(6, 1, 1, 1)
    found = score_behaviour.distinct(x[[0, 1, 1, 2, 3, 0, 4]], seen=x[[3, 5]])
    assert found == [0, 1, 3, 6]


def test_the_measurement_is_a_record(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    monkeypatch.setattr(alterations, "SIZES", (10, 20))
    monkeypatch.setattr(alterations, "SHARES", (0.0, 0.5))
    out = tmp_path / "evaluation" / "horse2zebra"
    score_behaviour.measure(out, size=64, repeats=2, draws=6, source="stand-in")
    run = records.load("evaluation/horse2zebra")
    assert run.model == "measurement" and run.fid == "FD(stand-in)" and "stand-in" in run.caption
    assert set(run["altered"]) == {"none"} | {
        f"{k} {v}" for k in alterations.LEVELS for v in alterations.LEVELS[k]
    }
    assert all(
        set(row) >= {"FD(stand-in)", "KID(stand-in)×10³", "precision"}
        for row in run["altered"].values()
    )
    assert run["bias"]["zebras"]["n"] == [10, 20] and run["power"]["horses"]["share"] == [0, 0.5]
    assert records_table.table() == ""
