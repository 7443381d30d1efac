"""Every kind of picture file loads right, broken ones are named, folders say what they hold."""

import io
import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import EpsImagePlugin, Image

from gancourse import data
from gancourse.data import images
from gancourse.errors import GancourseError

RED, WHITE = [255, 0, 0], [255, 255, 255]


def write(path, array, mode=None, **save):
    Image.fromarray(np.asarray(array)).convert(mode).save(path, **save) if mode else (
        Image.fromarray(np.asarray(array)).save(path, **save)
    )
    return path


def flat(color, height=8, width=8):
    return np.full((height, width, len(color)), color, np.uint8)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(40):
        write(tmp_path / f"{i:02}.png", rng.integers(0, 256, (20, 16, 3), np.uint8))
    return tmp_path


# --- ranges -------------------------------------------------------------------------------------


def test_every_byte_survives_the_way_to_float_and_back():
    x = torch.arange(256, dtype=torch.uint8)
    f = data.to_float(x)
    assert (f[0], f[255]) == (-1, 1) and f.dtype == torch.float32
    assert torch.equal(data.to_uint8(f), x)


def test_floats_outside_the_range_are_clamped_and_rounded():
    assert data.to_uint8(torch.tensor([-3.0, 3.0, 0.5 / 127.5 - 1 + 1e-4])).tolist() == [
        0,
        255,
        1,
    ]


# --- file formats -------------------------------------------------------------------------------


def test_grey_is_repeated_over_three_channels_and_kept_at_one(tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    file = write(tmp_path / "a.png", grey)
    assert torch.equal(images.decode(file, None), torch.tensor(grey).expand(3, 8, 8))
    assert torch.equal(images.decode(file, None, 1), torch.tensor(grey)[None])


def test_colour_as_grey_is_its_luma(tmp_path):
    file = write(tmp_path / "a.png", flat(RED))
    assert images.decode(file, None, 1).unique().tolist() == [76]  # 0.299 * 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path, suffix):
    values = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(values).save(file)
    assert np.array_equal(images.decode(file, None)[0], (values / 257).round())


def test_transparent_pixels_show_white(tmp_path):
    rgba = np.concatenate([flat(RED), np.full((8, 8, 1), 255, np.uint8)], 2)
    rgba[:, 4:, 3] = 0
    picture = images.decode(write(tmp_path / "a.png", rgba), None)
    assert picture[:, 0, 0].tolist() == RED and picture[:, 0, 7].tolist() == WHITE


def test_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    picture.paste(1, (4, 0, 8, 8))
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "clear.png", transparency=1)
    assert images.decode(tmp_path / "plain.png", None)[:, 0, [0, 7]].T.tolist() == [
        RED,
        [0, 0, 255],
    ]
    assert images.decode(tmp_path / "clear.png", None)[:, 0, [0, 7]].T.tolist() == [RED, WHITE]


def test_bilevel_is_black_and_white(tmp_path):
    write(tmp_path / "a.png", np.eye(8, dtype=np.uint8) * 255, "1")
    assert torch.equal(images.decode(tmp_path / "a.png", None, 1)[0], torch.eye(8).byte() * 255)


def test_cmyk_jpeg_keeps_its_colour(tmp_path):
    write(tmp_path / "a.jpg", flat(RED), "CMYK", quality=95)
    red, green, blue = images.decode(tmp_path / "a.jpg", None).float().mean((1, 2))
    assert red > 240 and green < 15 and blue < 15


TURNED = {  # EXIF orientation → what was done to the upright picture before it was stored
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
@pytest.mark.parametrize("orientation", TURNED)
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8], upright[8:, 8:16] = 255, 128
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {"quality": 95}
    stored = np.ascontiguousarray(TURNED[orientation](upright))
    file = write(tmp_path / f"a.{suffix}", stored, exif=exif, **options)
    picture = images.decode(file, None).permute(1, 2, 0).numpy().astype(int)
    assert picture.shape == upright.shape and np.abs(picture - upright).max() < 8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_half_transparent_pixels_are_mixed_with_white(tmp_path, mode, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (8, 8, len(mode)), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    colour, alpha = pixels[..., :-1].astype(float), pixels[..., -1:] / 255
    expected = np.broadcast_to(colour * alpha + 255 * (1 - alpha), (8, 8, 3))
    found = images.decode(tmp_path / "a.png", None).permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() <= 1


def test_16_bit_colour_is_scaled(tmp_path):
    values = np.array([[[0, 257, 32896], [65535, 256, 128]]], ">u2")
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" + values.tobytes())),
        (b"IEND", b""),
    )
    png = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        png += struct.pack(">I", len(content)) + kind + content
        png += struct.pack(">I", zlib.crc32(kind + content))
    (tmp_path / "a.png").write_bytes(png)
    (tmp_path / "a.ppm").write_bytes(b"P6 2 1 65535\n" + values.tobytes())
    for name in ("a.png", "a.ppm"):
        found = images.decode(tmp_path / name, None).permute(1, 2, 0)
        assert found.tolist() == [[[0, 1, 128], [255, 1, 0]]], name


def test_of_several_frames_the_first_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), tuple(colour)) for colour in (RED, WHITE)]
    for suffix in ("gif", "webp", "tif", "png", "mpo"):
        options = {"lossless": True} if suffix == "webp" else {}
        file = tmp_path / f"a.{suffix}"
        frames[0].save(file, save_all=True, append_images=frames[1:], **options)
        red, green, blue = images.decode(file, None).float().mean((1, 2))
        assert red > 250 and green < 5 and blue < 5, suffix


def test_float_pixels_are_refused(tmp_path):
    Image.fromarray(np.random.rand(8, 8).astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="no agreed range"):
        images.decode(tmp_path / "a.tif", None)


# --- files that mean harm ------------------------------------------------------------------------


def test_no_other_reader_is_asked_whatever_a_file_is_called(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    monkeypatch.setattr(subprocess, "check_call", lambda *a, **_: started.append(a))
    Image.init()
    tried = []
    for kind in sorted(set(Image.SAVE) & set(Image.OPEN) - set(images.FORMATS)):
        content = io.BytesIO()  # given a name, Spider's writer takes its suffix for its own
        try:
            Image.new("L", (32, 32)).save(content, format=kind)
        except (OSError, ValueError, KeyError):
            continue
        file = tmp_path / f"{kind}.jpg"
        file.write_bytes(content.getvalue())
        tried.append(kind)
        with pytest.raises((OSError, ValueError)):
            images.decode(file, 16)
    assert "EPS" in tried and len(tried) > 5 and not started


def giants(folder):
    """Small files that are large pictures, or no picture at all to the eye."""
    Image.new("L", (12_000, 12_000)).save(folder / "square.png")
    Image.new("L", (1, 60_000)).save(folder / "thin.png")
    Image.new("RGB", (60_000, 1)).save(folder / "flat.tif")
    (folder / "claims.ppm").write_bytes(b"P6 60000 60000 255\n" + bytes(100))
    (folder / "claims.bmp").write_bytes(
        b"BM"
        + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    return sorted(folder.iterdir())


MEASURE = """
import json, resource, sys, time, warnings
from gancourse.data import images
warnings.simplefilter("ignore")
images.decode(sys.argv[1], 256)
before, found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
for file in sys.argv[2:]:
    begun = time.process_time()
    try:
        images.decode(file, 256)
        reason = ""
    except ValueError as error:
        reason = str(error)
    found.append((file, reason, time.process_time() - begun))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([after - before, found]))
"""


def test_giants_and_threads_are_refused_at_once_and_for_nothing(tmp_path):
    pytest.importorskip("resource")
    (tmp_path / "giants").mkdir()
    small = write(tmp_path / "a.png", flat(RED, 300, 300))
    command = [sys.executable, "-c", MEASURE, small, *giants(tmp_path / "giants")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    grown, found = json.loads(out)
    assert grown < 100_000 * (1024 if sys.platform == "darwin" else 1)  # kB, bytes on a Mac
    for file, reason, seconds in found:
        assert "million pixels" in reason or "times the other" in reason, file
        assert seconds < 0.1, file


@pytest.mark.parametrize(("width", "height"), [(12_000, 20), (20, 12_000), (1, 1000), (1000, 1)])
def test_of_a_strip_only_the_middle_is_resized(tmp_path, monkeypatch, width, height):
    strip = np.zeros((height, width, 3), np.uint8)
    strip[(height - 1) // 2 - 2 : height // 2 + 3, (width - 1) // 2 - 2 : width // 2 + 3] = 200
    asked = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda p, to, *a, **k: asked.append(to) or resize(p, to, *a, **k)
    )
    picture = images.decode(write(tmp_path / "a.png", strip), 512)
    assert picture.shape == (3, 512, 512) and picture[:, 256, 256].tolist() == [200] * 3
    assert asked == [(512, 512)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_plain_file_is_listed_not_waited_for(folder):
    (folder / "00.png").unlink()
    (folder / "01.png").unlink()
    (folder / "00.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "01.png")
    skipped = images.load_files(items(folder), 16)[2]
    assert [name for name, _ in skipped] == ["00.png", "01.png"]
    assert skipped[1][1] == "OSError: not a plain file"


# --- resize and crop ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 64), (64, 40), (64, 64), (31, 97), (16, 16), (7, 300)])
@pytest.mark.parametrize("size", [16, 33])
def test_any_shape_becomes_a_square_of_the_size(tmp_path, shape, size):
    file = write(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert images.decode(file, size).shape == (3, size, size)


def test_the_crop_is_the_middle(tmp_path):
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 255
    assert (images.decode(write(tmp_path / "a.png", wide), 8) == 255).all()


def test_shrinking_averages_rather_than_skips(tmp_path):
    board = np.indices((64, 64)).sum(0) % 2 * 255
    small = images.decode(write(tmp_path / "a.png", board.astype(np.uint8)), 8, 1)
    assert (small.float() - 127.5).abs().max() < 12  # without antialiasing: 0 or 255


def test_halves_of_a_paired_picture(tmp_path):
    pair = np.concatenate([flat(RED), flat(WHITE)], 1)
    file = write(tmp_path / "a.png", pair)
    assert images.decode(file, 8, half="left")[:, 0, 7].tolist() == RED
    assert images.decode(file, 8, half="right")[:, 0, 0].tolist() == WHITE


# --- folders ------------------------------------------------------------------------------------


def items(folder):
    return [(f.name, f, None) for f in sorted(folder.iterdir())]


def test_broken_files_are_named_and_skipped(folder):
    (folder / "39.png").write_bytes((folder / "39.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("not a picture")
    pixels, names, skipped = images.load_files(items(folder), 16)
    assert len(pixels) == len(names) == 39
    assert dict(skipped).keys() == {"39.png", "notes.txt"} and all(r for _, r in skipped)


def test_an_empty_file_says_so(folder):
    (folder / "00.png").write_bytes(b"")
    assert images.load_files(items(folder), 16)[2] == [("00.png", "OSError: the file is empty")]


def test_more_than_five_percent_broken_is_an_error_that_names_them(folder):
    for name in ("00.png", "01.png", "02.png"):
        (folder / name).write_bytes(b"x")
    with pytest.raises(GancourseError, match=r"3 of 40 .* 5%: 00\.png .*01\.png"):
        images.load_files(items(folder), 16)


def test_files_that_are_no_pictures_by_name_do_not_count(folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png", "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert len(images.list_files(folder)) == 40


def test_a_set_too_large_for_memory_is_refused_before_it_is_read(folder, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 1000)
    monkeypatch.setattr(images, "decode", None)
    with pytest.raises(GancourseError, match="smaller size, or limit"):
        images.load_files(items(folder), 16)


def test_mistake_12_a_folder_named_otherwise_is_an_error_that_lists_what_is_there(
    tmp_path, load_from
):
    (tmp_path / "grumpifycat/train/A").mkdir(parents=True)  # the archive has trainA
    write(tmp_path / "grumpifycat/train/A/1.png", flat(RED))
    with pytest.raises(data.DataNotFound, match=r"trainA.*Found in .*train/.*train/A/"):
        load_from(tmp_path, "grumpifycat", part="A")


def test_an_empty_folder_is_an_error_that_says_so(tmp_path, load_from):
    (tmp_path / "grumpifycat/trainA").mkdir(parents=True)
    with pytest.raises(data.DataNotFound, match="trainA, but there are none. Found .*: nothing"):
        load_from(tmp_path, "grumpifycat", part="A")


def test_files_named_otherwise_are_an_error_that_lists_them(tmp_path, load_from):
    (tmp_path / "NEU-DET/IMAGES").mkdir(parents=True)
    write(tmp_path / "NEU-DET/IMAGES/Sc_1.bmp", flat(RED))
    with pytest.raises(data.DataNotFound, match=r"scratches_\*.*Sc_1\.bmp"):
        load_from(tmp_path, "NEU-DET", part="scratches")


# --- ImageSet -----------------------------------------------------------------------------------


@pytest.fixture
def few():
    return data.ImageSet(
        images=torch.arange(4 * 3 * 2 * 2).reshape(4, 3, 2, 2).to(torch.uint8),
        names=list("abcd"),
        name="toy",
        part="dots",
        split="train",
        truth={"mask": torch.arange(4)[:, None]},
    )


@pytest.mark.parametrize(
    "index", [[2, 0], torch.tensor([2, 0]), np.array([2, 0])], ids=["list", "tensor", "array"]
)
def test_a_subset_carries_everything_along(few, index):
    part = few.subset(index)
    assert part.names == ["c", "a"]
    assert torch.equal(part.images, few.images[[2, 0]])
    assert part.truth["mask"].tolist() == [[2], [0]]


def test_a_subset_by_slice_and_by_mask(few):
    assert few.subset(slice(1, 3)).names == ["b", "c"]
    assert few.subset(torch.arange(4) > 1).names == ["c", "d"]


def test_floats_are_what_networks_take(few):
    assert torch.equal(few.floats(), data.to_float(few.images))
    assert few.floats([1]).shape == (1, 3, 2, 2)


def test_a_set_s_images_move_to_another_device(few):
    moved = few.to("meta")
    assert moved.images.device.type == "meta" and moved.names == few.names


def test_the_caption_says_what_is_shown(few):
    assert few.caption == "4 real toy dots, 2 px, train split"


def test_the_fingerprint_depends_on_pixels_and_shape_only(few):
    same = data.ImageSet(images=few.images.clone(), names=list("efgh"), name="other")
    assert same.fingerprint() == few.fingerprint()
    changed = few.images.clone()
    changed[3, 2, 1, 1] += 1
    assert data.ImageSet(images=changed, names=few.names, name="toy").fingerprint() != (
        few.fingerprint()
    )
    reshaped = few.images.reshape(4, 3, 1, 4)
    assert data.ImageSet(images=reshaped, names=few.names, name="toy").fingerprint() != (
        few.fingerprint()
    )


def test_wrong_content_is_refused(few):
    with pytest.raises(GancourseError, match="uint8"):
        data.ImageSet(images=few.floats(), names=few.names, name="toy")
    with pytest.raises(GancourseError, match="4 images, but 3 names"):
        data.ImageSet(images=few.images, names=["a", "b", "c"], name="toy")
