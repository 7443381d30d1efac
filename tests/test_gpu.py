"""What only a GPU can tell: ``make gpu-check``. Everywhere else these tests skip."""

import pytest
import test_fetching as runs
import torch

from gancourse import profiles, records
from gancourse.data.batches import batches_of, pairs_of
from gancourse.errors import GancourseError
from gancourse.metrics import neighbours
from gancourse.metrics.features import Extractor, StandIn, extractor
from gancourse.train import checkpoint, loop
from gancourse.train.cyclegan import CycleGANStep
from gancourse.train.dcgan import DCGANStep, sample_images
from gancourse_lab.monitor import Monitor

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(),
        reason="no CUDA device here, or hidden: only `make gpu-check` (pytest -m gpu) shows it",
    ),
]


@pytest.fixture(autouse=True)
def steady(monkeypatch):
    """The same sums in the same order, as far as cuDNN can, so that two runs compare."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)


each_model = pytest.mark.parametrize("model", runs.MODELS)
PRECISIONS = ("auto", "fp32", "fp16")


def make(model, precision="auto", on_gpu=True, **changes):
    """A fresh (step, batches) on the GPU, the pictures there too or on the CPU."""
    torch.manual_seed(0)
    base = {"batch_size": 4, **changes}
    if model == "dcgan":
        settings = profiles.settings("neu-scratches", "smoke", augment="steel", **base)
        step, images = DCGANStep(settings, "cuda", precision=precision), runs.pictures(model)
        return step, batches_of(images.to("cuda") if on_gpu else images, settings)
    settings = profiles.settings("horse2zebra", "smoke", pool=6, **base)
    step = CycleGANStep(settings, "cuda", precision=precision)
    images = [x.to("cuda") if on_gpu else x for x in runs.pictures(model)]
    return step, pairs_of(*images, settings)


def near(found, expected, rel):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=rel, abs=rel), name


@each_model
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_with_every_callback(model, precision, tmp_path):
    step, batches = make(model, precision)
    chosen = [make(model, tmp_path) for make in runs.CALLBACKS.values()]
    if model == "dcgan":
        chosen = [c for c in chosen if type(c).__name__ != "LinearDecay"]
    history = loop.fit(step, batches, callbacks=chosen, steps=64)
    assert {len(values) for values in history.terms.values()} == {64}
    assert checkpoint.latest(tmp_path).name == "step_0000064.pt"


@each_model
def test_pictures_on_the_cpu_train_a_step_on_the_gpu(model):
    step, batches = make(model, "fp32", on_gpu=False)
    history = loop.fit(step, batches, callbacks=[Monitor(log=None)], steps=13)
    assert len(history) == 13


@each_model
def test_a_resumed_run_is_the_same_run(model, tmp_path):
    whole = loop.fit(*make(model, "fp32"), steps=24)
    saver = checkpoint.Checkpoints(tmp_path)
    with pytest.raises(loop.Interrupted):
        loop.fit(*make(model, "fp32"), callbacks=[saver, runs.At(17, runs.interrupt)], steps=24)
    assert checkpoint.latest(tmp_path).name == "step_0000017.pt"
    torch.rand(9, device="cuda")
    step, batches = make(model, "fp32")
    history = checkpoint.load(checkpoint.latest(tmp_path), step, batches)
    assert len(history) == 17
    near(loop.fit(step, batches, history=history, steps=24).terms, whole.terms, 1e-2)


@each_model
def test_watching_does_not_change_a_run(model):
    alone = loop.fit(*make(model, "fp32"), steps=24)
    watched = loop.fit(*make(model, "fp32"), callbacks=[Monitor(every=2, log=None)], steps=24)
    near(watched.terms, alone.terms, 1e-2)


@each_model
def test_the_first_step_is_the_cpus(model):
    """Weights from the same seed; the DCGAN's latents are drawn on each device for itself."""
    on_gpu, batches = make(model, "fp32")
    on_cpu, others = runs.make(model)
    on_cpu.load_state_dict(on_gpu.state_dict())
    if model == "cyclegan":
        pair = tuple(x.images[:4, :, 1:17, 1:17].float() / 127.5 - 1 for x in runs.pictures(model))
        found, expected = on_gpu(pair), on_cpu(pair)
        near(*({k: v.item() for k, v in t.items()} for t in (found, expected)), 1e-2)
    else:
        z = torch.randn(4, 100, generator=torch.Generator().manual_seed(0))
        gap = on_gpu.sample(z).int() - on_cpu.sample(z).int()
        assert gap.abs().max() <= 1


@pytest.mark.parametrize("tf32", [False, True])
def test_features_are_the_cpus_whatever_tf32_is_set_to(tf32, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    images = torch.randint(0, 256, (9, 3, 64, 64), dtype=torch.uint8)
    pairs = [[Extractor(StandIn(), "stand-in", "FD", "", d) for d in ("cuda", "cpu")]]
    best = extractor("auto", "cpu")
    if best.name != "stand-in":
        pairs.append([extractor("auto", "cuda"), best])
    for on_gpu, on_cpu in pairs:
        torch.testing.assert_close(on_gpu(images), on_cpu(images), rtol=1e-4, atol=1e-4)
    assert torch.backends.cudnn.allow_tf32 is tf32


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_nearest_neighbours_are_the_cpus(precision):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)  # "high": TF32, which the search must not use
    try:
        query, reference = torch.randn(70, 768), torch.randn(500, 768)
        reference[:70] = query + 1e-4
        found = neighbours.knn(query.cuda(), reference.cuda(), 5, device="cuda")
    finally:
        torch.set_float32_matmul_precision(before)
    for a, b in zip(found, neighbours.knn(query, reference, 5, device="cpu"), strict=True):
        assert torch.equal(a, b)


def test_a_batch_too_large_names_one_to_try():
    def step(batch):
        return {"gen": torch.empty(2**50, dtype=torch.uint8, device="cuda")}

    _, batches = make("dcgan", "fp32")
    with pytest.raises(GancourseError, match=r"Step 1 does not fit .*Try batch_size=2"):
        loop.fit(step, batches, steps=3)


def test_a_recorded_generator_draws_the_same_on_the_gpu():
    runs_of_steel = [records.load(n) for n in records.names() if n.startswith("neu-scratches/")]
    record = next(record for record in runs_of_steel if "networks" in record.content)
    z = torch.randn(4, record["settings"]["z_dim"], generator=torch.Generator().manual_seed(0))
    expected = sample_images(record.generator(), z)
    found = sample_images(record.generator(device="cuda"), z.cuda())
    assert (found.int() - expected.int()).abs().max() <= 1


def test_the_crop_and_the_order_do_not_wait_for_the_gpu():
    _, batches = make("cyclegan")
    walk = iter(batches)
    next(walk)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in walk:
            pass
    finally:
        torch.cuda.set_sync_debug_mode("default")
