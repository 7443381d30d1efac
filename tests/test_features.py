"""Feature extractors: equal to pytorch-fid, honest about what they are, cached by content."""

import copy
import hashlib
import os

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from gancourse.errors import GancourseError
from gancourse.metrics import features
from gancourse.metrics.distances import frechet

needs_trunk = pytest.mark.skipif(
    features.find_weights(features.TRUNK) is None,
    reason=f"{features.TRUNK} is in neither $GANCOURSE_DATA/weights nor the cache",
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache and no data folder: what a newcomer has."""
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "cache"


def images(n=5, size=20, channels=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, channels, size, size), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def random_inception():
    """pytorch-fid's own network of random weights with lively batch norm statistics."""
    from pytorch_fid import inception as fid

    class Local(fid.InceptionV3):
        """The same class with the download of its weights left out."""

    torch.manual_seed(0)
    before = fid.load_state_dict_from_url
    state = {}

    def weights(url, progress=True):
        net = fid._inception_v3(num_classes=1008, aux_logits=False, weights=None)
        for name, (block, kwargs) in PATCHES.items():
            setattr(net, name, getattr(fid, block)(**kwargs))
        for key, value in net.state_dict().items():
            if key.endswith("conv.weight"):
                nn.init.kaiming_normal_(value)
            elif key.endswith(("running_var", "bn.weight")):
                value.uniform_(0.5, 1.5)
            elif key.endswith(("running_mean", "bn.bias")):
                value.normal_(0, 0.2)
        state.update(net.state_dict())
        return state

    fid.load_state_dict_from_url = weights
    try:
        return Local((2, 3)).eval(), state
    finally:
        fid.load_state_dict_from_url = before


PATCHES = {
    "Mixed_5b": ("FIDInceptionA", {"in_channels": 192, "pool_features": 32}),
    "Mixed_5c": ("FIDInceptionA", {"in_channels": 256, "pool_features": 64}),
    "Mixed_5d": ("FIDInceptionA", {"in_channels": 288, "pool_features": 64}),
    "Mixed_6b": ("FIDInceptionC", {"in_channels": 768, "channels_7x7": 128}),
    "Mixed_6c": ("FIDInceptionC", {"in_channels": 768, "channels_7x7": 160}),
    "Mixed_6d": ("FIDInceptionC", {"in_channels": 768, "channels_7x7": 160}),
    "Mixed_6e": ("FIDInceptionC", {"in_channels": 768, "channels_7x7": 192}),
    "Mixed_7b": ("FIDInceptionE_1", {"in_channels": 1280}),
    "Mixed_7c": ("FIDInceptionE_2", {"in_channels": 2048}),
}


def test_the_network_equals_pytorch_fid_at_768_and_2048(random_inception):
    """Fused norms, layer order, pooling, resizing and scale, against pytorch-fid's own forward."""
    reference, state = random_inception
    x = images(2, 40)
    with torch.no_grad():
        at_768, at_2048 = reference(x / 255.0)
    for last, expected in (("Mixed_6e", at_768.mean((2, 3))), ("Mixed_7c", at_2048[:, :, 0, 0])):
        net = features.Inception(state, last)
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())
        found = features.Extractor(net, "x", "x", "x", "cpu")(x)
        assert found.shape == expected.shape
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@needs_trunk
def test_trunk_equals_pytorch_fid_768_on_the_real_weights(random_inception):
    """pytorch-fid's own blocks with the folded weights in them: batch norm becomes the bias."""
    reference = copy.deepcopy(random_inception[0])
    weights = load_file(features.find_weights(features.TRUNK))
    own = dict(zip(BLOCKS, [m for b in list(reference.blocks)[:3] for m in b], strict=True))
    with torch.no_grad():
        for key, value in weights.items():
            module = own[key.split(".")[0]].get_submodule(
                ".".join(key.split(".")[1:-2])
            )  # a BasicConv2d
            if key.endswith("weight"):
                module.conv.weight.copy_(value)
            else:
                module.bn.weight.fill_(1)
                module.bn.running_mean.zero_()
                module.bn.running_var.fill_(1 - module.bn.eps)
                module.bn.bias.copy_(value)
        x = images(3, 33)
        expected = reference(x / 255.0)[0].mean((2, 3))
    found = features.extractor("inception-768", "cpu")(x)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


BLOCKS = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1"]
BLOCKS += ["Conv2d_4a_3x3", "maxpool2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a"]
BLOCKS += ["Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"]


@needs_trunk
def test_trunk_refuses_2048_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    if features.find_weights(features.FULL):
        pytest.skip("the whole network is here")
    with pytest.raises(GancourseError, match="trunk ends at 768"):
        features.extractor("inception-2048")
    assert features.extractor("auto", "cpu").metric == "FID-768"
    with pytest.raises(GancourseError, match="Mixed_7"):
        features.Inception(load_file(features.find_weights(features.TRUNK)), "Mixed_7c")


def test_without_weights_it_is_the_stand_in_and_says_so(cache):
    found = features.extractor()
    assert (found.name, found.metric, found.dims) == ("stand-in", "FD(stand-in)", 240)
    assert "FID" not in found.metric and "stand-in" in repr(found)
    for kind in ("inception-768", "inception-2048"):
        with pytest.raises(GancourseError, match="gancourse data fetch"):
            features.extractor(kind)
    with pytest.raises(GancourseError, match="Did you mean 'stand-in'"):
        features.extractor("standin")


def test_stand_in_is_the_same_network_everywhere(cache):
    """A sum over the frozen random stream, and features of a constant picture."""
    net = features.StandIn()
    assert float(net.layers[0].weight.detach().double().sum()) == pytest.approx(
        STAND_IN[0], rel=1e-5
    )
    grey = torch.full((1, 1, 64, 64), 128, dtype=torch.uint8)
    assert float(features.extractor()(grey).double().sum()) == pytest.approx(STAND_IN[1], rel=1e-4)


STAND_IN = (-6.821931, 15.1773)


def test_stand_in_tells_textures_apart(cache):
    extract = features.extractor()
    smooth = F.avg_pool2d(images(60, 64, seed=1).float(), 5, 1, 2).byte()
    noise, more = images(60, 64, seed=2), images(60, 64, seed=3)
    assert frechet(extract(noise), extract(smooth)) > 20 * frechet(extract(noise), extract(more))


@pytest.mark.parametrize("kind", ["stand-in", pytest.param("inception-768", marks=needs_trunk)])
def test_batch_size_and_grey_do_not_matter(kind):
    extract = features.extractor(kind, "cpu")
    x = images(5, 24, channels=1)
    extract.batch_size = 1
    one = extract(x)
    extract.batch_size = 5
    all_at_once = extract(x)
    scale = all_at_once.abs().max()
    assert one.dtype == torch.float32 and one.shape == (5, extract.dims)
    assert (one - all_at_once).abs().max() < 1e-5 * scale
    assert (extract(x.expand(-1, 3, -1, -1)) - one).abs().max() < 1e-5 * scale


def test_only_stored_images_are_taken(cache):
    extract = features.extractor()
    for bad in (images().float(), images()[0], images(channels=2), images(0)):
        with pytest.raises(GancourseError, match="uint8 images"):
            extract(bad)


def test_cache_is_keyed_by_content_shape_and_network(cache, monkeypatch):
    extract, x = features.extractor(), images()
    first = extract.cached(x)
    assert torch.equal(first, extract(x))
    monkeypatch.setattr(extract.net, "forward", lambda batch: 1 / 0)  # must not be needed again
    assert torch.equal(extract.cached(x.clone()), first)
    other = x.clone()
    other[-1, -1, -1, -1] ^= 1
    for changed in (other, x.reshape(5, 3, 10, 40), x[:4]):
        with pytest.raises(ZeroDivisionError):
            extract.cached(changed)
    extract._key = "another network"
    with pytest.raises(ZeroDivisionError):
        extract.cached(x)


def test_broken_cache_files_are_written_anew(cache):
    extract, x = features.extractor(), images()
    first = extract.cached(x)
    (path,) = (cache / "features").iterdir()  # and no temporary file beside it
    for content in (b"", b"rubbish", path.read_bytes()[:-8]):
        path.write_bytes(content)
        assert torch.equal(extract.cached(x), first)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_cache_that_cannot_be_written_only_warns(cache):
    cache.mkdir()
    (cache / "features").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="not cached"):
        found = features.extractor().cached(images())
    assert found.shape == (5, 240)


def test_wrong_weights_are_refused_by_name(cache):
    folder = cache / "weights"
    folder.mkdir(parents=True)
    for name, kind in ((features.TRUNK, "inception-768"), (features.FULL, "inception-2048")):
        (folder / name).write_bytes(b"something else")
        with pytest.raises(GancourseError, match=f"{name}.*SHA-256"):
            features.extractor(kind)


def test_full_weights_are_loaded_without_pickle(random_inception, cache, monkeypatch):
    """A state dict with batch norm under the published name; the hash is made to fit."""
    _, state = random_inception
    path = cache / "weights" / features.FULL
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    monkeypatch.setitem(
        features.SHA256, features.FULL, hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    )
    found = features.extractor("auto", "cpu")
    assert (found.name, found.metric, found.dims) == ("Inception-2048", "FID", 2048)
    assert features.extractor("inception-768", "cpu").dims == 768  # the whole contains the trunk
    torch.save({"a": os.system}, path)
    monkeypatch.setitem(
        features.SHA256, features.FULL, hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    )
    with pytest.raises(Exception, match="(?i)weights.only|unsupported"):
        features.extractor("auto", "cpu")
