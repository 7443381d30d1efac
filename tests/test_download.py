"""Downloads against a real server on this machine that is slow, breaks off, lies and errs."""

import dataclasses
import gzip
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gancourse import data
from gancourse.data import catalog, fetch
from gancourse.errors import GancourseError

PICTURES = {f"pics/{i}.bin": bytes([i]) * 50_000 + os.urandom(50_000) for i in range(5)}
FOLDERS = {"pics": "trainA", "more/pics": "trainB"}


def zipped(members, top="repo-0123/"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, content in members.items():
            z.writestr(name if isinstance(name, zipfile.ZipInfo) else top + name, content)
    return out.getvalue()


GOOD = zipped({**PICTURES, "README.md": b"not ours", "code/run.py": b"not ours"})
MANIFEST = "".join(
    f"{hashlib.sha256(c).hexdigest()}  {n.replace('pics', 'trainA')}\n"
    for n, c in sorted(PICTURES.items())
)
DIGEST = hashlib.sha256(MANIFEST.encode()).hexdigest()
CHANGED = zipped({**PICTURES, "pics/3.bin": b"x" + PICTURES["pics/3.bin"][1:]})  # its CRC fits


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        count = self.server.hits[self.path] = self.server.hits.get(self.path, 0) + 1
        kind = self.path.strip("/").split(".")[0]
        body = {"changed": CHANGED, "text": b"<html>moved</html>"}.get(kind, GOOD)
        if kind == "missing":
            return self.send_error(404)
        if kind == "drips-headers":  # one that never ends, a byte every 0.1 s
            self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
            while not self.server.over.wait(0.1):
                self.wfile.write(b"x")
            return
        half = body[: len(body) // 2]
        length = {"lies-long": len(body) + 9, "lies-short": len(half)}.get(kind, len(body))
        self.send_response(200)
        if kind != "no-length":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        breaks = kind in ("breaks", "stalls", "no-length") or (kind == "flaky" and count == 1)
        sent = b"" if kind == "drips" else half if breaks else body
        for start in range(0, len(sent), 20_000):
            self.wfile.write(sent[start : start + 20_000])
            time.sleep(0.1 if kind == "slow" else 0)
        if kind == "stalls":
            self.server.over.wait(5)
        if kind == "drips":  # a byte every 0.1 s: no read ever times out
            for byte in body[:100]:
                self.wfile.write(bytes([byte]))
                self.server.over.wait(0.1)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads, httpd.over = True, threading.Event()
    httpd.handle_error = lambda *_: None  # clients that go away are part of the tests
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.over.set()
    httpd.shutdown()


@pytest.fixture
def site(server):
    server.hits = {}
    return lambda kind: f"http://127.0.0.1:{server.server_port}/{kind}.zip"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("GANCOURSE_DATA", "GANCOURSE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetch, "_failed", {})
    monkeypatch.setattr(fetch, "TIMEOUT", (2, 0.5))
    monkeypatch.setattr(fetch, "HURRIED", (0.5, 0.5))
    for name in ("toy", "grumpifycat"):  # tests register their own
        monkeypatch.setitem(catalog.ALL, name, catalog.ALL.get(name, None))
    monkeypatch.setitem(catalog.CATALOG, "grumpifycat", catalog.CATALOG["grumpifycat"])
    return tmp_path / "cache"


def register(*urls, sha256=None, name="toy", **more):
    """A set of five small files at ``urls``; known to ``fetch`` until the test ends."""
    settings = {"digest": DIGEST, "folders": FOLDERS, "megabytes": 1, "files": 5, **more}
    texts = dict.fromkeys(("about", "licence", "citation", "page"), "-")
    catalog.ALL[name] = catalog.Entry(name=name, urls=urls, sha256=sha256, **texts, **settings)


def visible(cache):
    return sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock"))


def assert_fetched(cache):
    assert visible(cache) == ["toy"]  # and no hidden leftovers
    found = {p.relative_to(cache / "toy").as_posix(): p.read_bytes() for p in cache.glob("toy/*/*")}
    assert found == {n.replace("pics", "trainA"): c for n, c in PICTURES.items()}


# --- mirrors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(GOOD).hexdigest()], ids=["any", "known"])
@pytest.mark.parametrize("kind", ["good", "slow"])
def test_fetch_takes_out_what_is_ours_and_checks_it(cache, site, kind, sha256):
    register(site(kind), sha256=sha256)
    assert fetch.fetch("toy") == cache / "toy" == fetch.path("TOY")
    assert_fetched(cache)
    assert fetch.verify("toy").ok is True


def test_a_set_of_which_nobody_published_hashes_is_compared_with_what_was_fetched(cache, site):
    register(site("good"), digest=None)
    folder = fetch.fetch("toy")
    check = fetch.verify("toy")
    assert check.ok is True and check.text.endswith("are as they were fetched.")
    (picture, *_) = sorted(p for p in folder.rglob("*.bin") if p.is_file())
    picture.write_bytes(picture.read_bytes() + b"x")
    (picture.parent / "cat (1).png").write_bytes(b"x")
    check = fetch.verify("toy")
    assert check.ok is False and f"changed: {picture.relative_to(folder).as_posix()}" in check.text
    assert "not in the set: " in check.text and "cat (1).png" in check.text


def test_a_set_that_is_there_is_not_fetched_again(cache, site, server):
    register(site("good"))
    fetch.fetch("toy")
    fetch.fetch("toy")
    assert server.hits == {"/good.zip": 1}


BAD = {
    "missing": "HTTP 404",
    "breaks": "",
    "stalls": "",
    "lies-long": "",
    "lies-short": "cannot be unpacked",
    "no-length": "cannot be unpacked",
    "changed": "not as published: ",
    "text": "cannot be unpacked",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_mirror_is_named_and_leaves_nothing_and_the_next_one_is_tried(cache, site, kind):
    register(site(kind), "http://127.0.0.1:9/nobody.zip")
    with pytest.raises(fetch.DownloadError, match=f"{kind}.zip: .*{BAD[kind]}.*nobody.zip: Conn"):
        fetch.fetch("toy", hurried=True)
    assert visible(cache) == []
    register(site(kind), site("good"))
    fetch.fetch("toy")
    assert_fetched(cache)


@pytest.mark.parametrize("kind", ["changed", "no-length"])
def test_a_known_hash_catches_wrong_bytes_before_they_are_unpacked(cache, site, kind, monkeypatch):
    monkeypatch.setattr(fetch, "unpack", lambda *_: pytest.fail("unpacked"))
    register(site(kind), sha256=hashlib.sha256(GOOD).hexdigest())
    with pytest.raises(fetch.DownloadError, match="wrong bytes"):
        fetch.fetch("toy", hurried=True)
    assert visible(cache) == []


def test_a_transfer_that_broke_off_is_started_again(cache, site, server):
    register(site("flaky"))
    fetch.fetch("toy")
    assert server.hits == {"/flaky.zip": 2}
    assert_fetched(cache)


def test_a_server_that_never_stops_is_cut_off(cache, site, monkeypatch):
    monkeypatch.setattr(fetch, "MAX_DOWNLOAD", 100_000)
    register(site("good"))
    with pytest.raises(fetch.DownloadError, match="sends more than"):
        fetch.fetch("toy", hurried=True)
    assert visible(cache) == []


@pytest.mark.parametrize("kind", ["drips", "drips-headers", "slow"])
def test_a_fetch_that_was_asked_for_ends_too(cache, site, monkeypatch, kind):
    """A floor of speed, a limit of the whole time, and one of the time until an answer."""
    patience = (0.5, 0, 1) if kind == "slow" else (0.5, 5_000, 7200)
    monkeypatch.setattr(fetch, "PATIENCE", patience)
    register(site(kind))
    with pytest.raises(fetch.DownloadError, match="too slow, [0-9]+ bytes|no answer within"):
        fetch.fetch("toy")
    assert visible(cache) == []


def test_a_single_file_is_checked_by_its_hash(cache, site):
    register(site("good"), sha256=hashlib.sha256(GOOD).hexdigest(), file="weights/net.pth")
    assert fetch.fetch("toy") == cache / "weights/net.pth"
    assert (cache / "weights/net.pth").read_bytes() == GOOD
    assert fetch.verify("toy").ok is True
    (cache / "weights/net.pth").write_bytes(b"x")
    assert fetch.verify("toy").ok is False


def test_a_set_of_which_nothing_but_the_number_is_known_must_be_whole(cache, site):
    register(site("good"), digest=None, files=6)
    with pytest.raises(fetch.DownloadError, match="not whole: 5 of 6"):
        fetch.fetch("toy")
    assert visible(cache) == []


# --- verify -------------------------------------------------------------------------------------


def test_verify_names_missing_changed_and_extra_files(cache, site, tmp_path, monkeypatch):
    register(site("good"))
    folder = fetch.fetch("toy")
    (folder / "trainA/0.bin").unlink()
    (folder / "trainA/1.bin").write_bytes(b"x")
    (folder / "trainA/extra.bin").write_bytes(b"x")
    monkeypatch.setattr(fetch, "MANIFESTS", tmp_path)
    assert "5 files, 5 published" in fetch.verify("toy").text  # installed without the manifests
    (tmp_path / "toy.sha256").write_text(MANIFEST)
    check = fetch.verify("toy")
    assert check.ok is False
    for text in ("missing: trainA/0.bin", "changed: trainA/1.bin", "not in the set: trainA/extra"):
        assert text in check.text


def test_verify_without_a_manifest_says_that_it_cannot(cache, site):
    """A set that somebody put there by hand."""
    register(site("changed"), digest=None)
    (fetch.fetch("toy") / fetch.AS_FETCHED).unlink()
    assert fetch.verify("toy").ok is None
    assert "no manifest" in fetch.verify("toy").text


@pytest.mark.parametrize("name", ["\udcff.bin", "a\u2028b.bin", "a\x85b.bin"])
def test_a_fetched_file_may_have_any_name(cache, site, name):
    register(site("good"), digest=None)
    folder = fetch.fetch("toy")
    (folder / "trainA" / name).write_bytes(b"x")
    found = fetch.hashes(folder, ["trainA"])
    (folder / fetch.AS_FETCHED).write_bytes(fetch.manifest(found))
    assert fetch.verify("toy").ok is True
    (folder / "trainA" / name).unlink()
    assert "missing: trainA/" in fetch.verify("toy").text


def test_a_file_that_cannot_be_read_is_named(cache, site, monkeypatch):
    register(site("good"))
    fetch.fetch("toy")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fetch.hashlib, "file_digest", refuse)
    with pytest.raises(GancourseError, match="trainA/0.bin cannot be read: Permission"):
        fetch.verify("toy")


def test_the_manifest_has_the_format_of_sha256sum(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b (1).txt").write_bytes(b"abc")
    assert fetch.manifest(fetch.hashes(tmp_path, ["a"])) == (
        b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/b (1).txt\n"
    )


def test_a_stray_file_of_any_name_is_named(cache, site, tmp_path, monkeypatch):
    register(site("good"))
    folder = fetch.fetch("toy")
    (folder / "trainA/cat (1).bin").write_bytes(b"x")
    (Path(os.fsdecode(os.fsencode(folder) + b"/trainA/\xff.bin"))).write_bytes(b"x")
    monkeypatch.setattr(fetch, "MANIFESTS", tmp_path)
    (tmp_path / "toy.sha256").write_text(MANIFEST)
    text = fetch.verify("toy").text
    assert "not in the set: trainA/cat (1).bin" in text and text.encode()


# --- hostile archives ---------------------------------------------------------------------------


def tarred(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for info, content in members:
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


HOSTILE = {
    "zip climbs out": zipped({"top/../../evil": b"x"}, ""),
    "zip climbs out of ours": zipped({"top/pics/../../../evil": b"x"}, ""),
    "zip absolute": zipped({"/tmp/evil": b"x"}, ""),
    "zip backslash": zipped({"top/pics/..\\..\\evil": b"x"}, ""),
    "zip drive": zipped({"top/pics/C:evil": b"x"}, ""),
    "zip link": zipped({zip_link("top/pics/evil"): b"/etc/passwd"}),
    "tar climbs out": tarred((tar_member("top/../../evil"), b"x")),
    "tar absolute": tarred((tar_member("/tmp/evil"), b"x")),
    "tar symlink": tarred((tar_member("top/pics/evil", tarfile.SYMTYPE, "/etc/passwd"), b"")),
    "tar hard link": tarred((tar_member("top/pics/evil", tarfile.LNKTYPE, "/etc/passwd"), b"")),
    "tar device": tarred((tar_member("top/pics/evil", tarfile.CHRTYPE), b"")),
    "tar one name twice": tarred(*[(tar_member("top/pics/evil"), b"x")] * 2),
    "tar cut short": tarred((tar_member("top/pics/a"), os.urandom(9000)))[:4000],
    "no archive": b"nothing of the kind",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing_elsewhere(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "deep/er/into").mkdir(parents=True)
    with pytest.raises(fetch.BadArchive):
        fetch.unpack(tmp_path / "a", tmp_path / "deep/er/into", FOLDERS)
    outside = [p for p in tmp_path.rglob("*evil*") if "into" not in p.parts]
    assert not outside and not Path("/tmp/evil").exists()
    assert not any(p.is_symlink() for p in tmp_path.rglob("*"))


ZEROS = bytes(30_000_000)  # 30 kB when packed


@pytest.fixture
def limited(monkeypatch):
    monkeypatch.setattr(fetch, "MAX_UNPACKED", 20_000_000)
    monkeypatch.setattr(fetch, "MAX_ENTRIES", 40)


def refused(folder):
    """Unpacking ``folder / "a"`` is refused, and leaves no more than may be unpacked."""
    with pytest.raises(fetch.BadArchive) as caught:
        fetch.unpack(folder / "a", folder / "out", FOLDERS)
    assert sum(p.stat().st_size for p in folder.rglob("out/*/*")) <= 20_000_000
    return str(caught.value)


@pytest.mark.parametrize("where", ["pics/bomb", "elsewhere/bomb"])
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_bomb_is_stopped_at_the_limit(limited, tmp_path, pack, where):
    if pack == "zip":
        with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"top/{where}", ZEROS)
    else:
        (tmp_path / "a").write_bytes(tarred((tar_member(f"top/{where}"), ZEROS)))
    assert "more than" in refused(tmp_path)


def test_a_bomb_that_understates_its_size_is_stopped_too(limited, tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("top/pics/bomb", ZEROS)
    honest = len(ZEROS).to_bytes(4, "little")
    lying = (tmp_path / "a").read_bytes().replace(honest, (9).to_bytes(4, "little"))
    (tmp_path / "a").write_bytes(lying)
    refused(tmp_path)


@pytest.mark.parametrize("where", ["pics", "elsewhere"])
@pytest.mark.parametrize("pieces", [(30, ZEROS[: 2**20]), (50, b"")], ids=["bytes", "files"])
def test_a_bomb_in_small_pieces_is_stopped_too(limited, tmp_path, where, pieces):
    number, content = pieces
    (tmp_path / "a").write_bytes(zipped({f"{where}/{i}": content for i in range(number)}))
    assert "more than" in refused(tmp_path)


def header(kind, size, name="top/pics/x"):
    """A tar's header of ``kind`` that announces ``size`` bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(kind, records):
    """A pax header with ``records``, padded to whole blocks."""
    return header(kind, len(records)) + records + bytes(-len(records) % 512)


def words(first, count):
    """``count`` pax records, each with a key of its own."""
    return b"".join(b"22 key%07d=0123456\n" % i for i in range(first, first + count))


KINDS = [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2**30, 2**33])
def test_a_tar_whose_header_is_a_bomb_is_refused_before_it_is_read(limited, tmp_path, kind, size):
    (tmp_path / "a").write_bytes(gzip.compress(header(kind, size) + bytes(10_240)))
    tracemalloc.start()
    assert "headers of a take over" in refused(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


SPARSE = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
BLOCKS = {  # a header bomb in pieces, none of which is large
    "pax for all": [pax(tarfile.XGLTYPE, words(i, 9000)) for i in range(0, 180_000, 9000)],
    "pax": [pax(tarfile.XHDTYPE, words(i, 9000)) for i in range(0, 180_000, 9000)],
    "long names": [pax(tarfile.GNUTYPE_LONGNAME, b"n" * 9000)] * 500,
    "a map of holes": [
        pax(tarfile.XHDTYPE, SPARSE) + header(tarfile.REGTYPE, 9),
        b"2000000\n" + b"1\n" * 3_000_000,
    ],
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_header_bomb_in_small_pieces_is_refused_too(tmp_path, monkeypatch, name):
    monkeypatch.setattr(fetch, "MAX_HEADERS", 2**20)
    content = b"".join(BLOCKS[name]) + header(tarfile.REGTYPE, 0) + bytes(1024)
    (tmp_path / "a").write_bytes(gzip.compress(content))
    assert "headers of a take over" in refused(tmp_path)


def test_folders_of_an_archive_count_as_files_do(limited, tmp_path):
    content = b"".join(header(tarfile.DIRTYPE, 0, f"top/{i}") for i in range(50))
    (tmp_path / "a").write_bytes(gzip.compress(content + bytes(1024)))
    assert "40 files" in refused(tmp_path)


@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_name_that_no_disk_takes_is_the_archives_fault(tmp_path, pack):
    name = f"top/pics/{'n' * 300}"
    packed = zipped({name: b"x"}, "") if pack == "zip" else tarred((tar_member(name), b"x"))
    (tmp_path / "a").write_bytes(packed)
    with pytest.raises(fetch.BadArchive, match="a cannot be unpacked .*too long"):
        fetch.unpack(tmp_path / "a", tmp_path / "out", FOLDERS)


def test_a_tar_unpacks_like_a_zip(tmp_path):
    members = [(tar_member(f"top/{n}"), c) for n, c in PICTURES.items()]
    (tmp_path / "a").write_bytes(tarred(*members, (tar_member("top/README"), b"not ours")))
    assert fetch.unpack(tmp_path / "a", tmp_path / "out", FOLDERS) == 5
    assert fetch.manifest(fetch.hashes(tmp_path / "out", FOLDERS.values())) == MANIFEST.encode()


# --- the disk -----------------------------------------------------------------------------------


def full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("broken", ["shutil.copyfileobj", "tempfile.TemporaryDirectory"])
def test_a_disk_that_refuses_is_named_and_nothing_is_kept(cache, site, monkeypatch, broken):
    register(site("good"))
    module, function = broken.split(".")
    monkeypatch.setattr(getattr(fetch, module), function, full)
    with pytest.raises(GancourseError, match="Could not write .*toy: No space.*GANCOURSE_CACHE"):
        fetch.fetch("toy")
    assert visible(cache) == []


def test_too_little_space_is_seen_before_the_download(cache, site, server):
    register(site("good"), megabytes=10**9)
    with pytest.raises(GancourseError, match="MB are needed.*Make room"):
        fetch.fetch("toy")
    assert server.hits == {}


# --- several processes, and interruptions ------------------------------------------------------


def child(url):
    """Another Python that fetches the set from ``url``."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_download as t\n"
        f"t.MANIFEST, t.DIGEST = None, {DIGEST!r}\n"
        "t.register(sys.argv[2])\n"
        "t.fetch.fetch('toy')\n"
    )
    args = [sys.executable, "-c", code, str(Path(__file__).parent), url]
    return subprocess.Popen(args, stderr=subprocess.PIPE)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_two_processes_at_once_download_once(cache, site, server):
    other = child(site("slow"))
    wait_for(lambda: server.hits)
    register(site("good"))
    fetch.fetch("toy")  # waits for the other, and finds what it fetched
    assert (other.wait(60), other.stderr.read()[-300:])[0] == 0
    other.stderr.close()
    assert server.hits == {"/slow.zip": 1}
    assert_fetched(cache)


def test_a_killed_download_leaves_nothing_visible_and_the_next_one_cleans_up(cache, site, server):
    process = child(site("slow"))
    wait_for(lambda: server.hits and any(cache.glob(".partial-*/*/*")))
    process.kill()
    assert process.wait(60) != 0
    process.stderr.close()
    assert not (cache / "toy").exists() and any(cache.glob(".partial-*"))
    register(site("good"))
    fetch.fetch("toy")
    assert_fetched(cache)


def test_an_interrupted_download_leaves_nothing_at_all(cache, site, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    register(site("good"))
    monkeypatch.setattr(fetch, "unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch.fetch("toy")
    assert visible(cache) == []


# --- what load() does with it ------------------------------------------------------------------


def offline_cats(url):
    cats = catalog.CATALOG["grumpifycat"]
    fake = dataclasses.replace(cats, urls=(url,))
    catalog.ALL["grumpifycat"] = catalog.CATALOG["grumpifycat"] = fake
    return fake


def test_automatic_downloads_are_tried_once_a_process(cache, site, server):
    entry = offline_cats(site("missing"))
    for _ in range(2):
        assert fetch.locate(entry, required=False) is None
        with pytest.raises(data.DataNotFound, match="grumpifycat is not on this machine.*404"):
            fetch.locate(entry, required=True)
    assert server.hits == {"/missing.zip": 1}


@pytest.mark.parametrize("kind", ["stalls", "drips", "drips-headers", "missing"])
def test_load_falls_back_to_a_stand_in_within_seconds(cache, site, monkeypatch, kind):
    monkeypatch.setattr(fetch, "HURRY", (1, 100_000, 1200))
    offline_cats(site(kind))
    begun = time.monotonic()
    for part in "AB":
        assert data.load("grumpifycat", part=part, size=16, limit=2).source == "stand-in"
    assert time.monotonic() - begun < 5
    assert visible(cache) == []


def test_offline_mode_downloads_nothing(cache, site, server, monkeypatch):
    monkeypatch.setenv("GANCOURSE_OFFLINE", "1")
    with pytest.raises(data.DataNotFound, match="GANCOURSE_OFFLINE is set"):
        fetch.locate(offline_cats(site("good")), required=True)
    assert server.hits == {}


def test_a_set_that_needs_an_account_says_how(cache):
    with pytest.raises(data.DataNotFound, match="kaggle competitions download"):
        fetch.fetch("severstal-steel-defect-detection")


def test_an_unknown_set_suggests_the_nearest(cache):
    with pytest.raises(ValueError, match="Did you mean 'NEU-DET'"):
        fetch.fetch("NEU-DE")


def test_path_of_a_missing_set_says_how_to_get_it(cache):
    with pytest.raises(data.DataNotFound, match="gancourse data fetch NEU-DET"):
        fetch.path("neu-det")


def test_a_user_without_a_home_is_told_of_the_cache(monkeypatch):
    def nowhere(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("GANCOURSE_CACHE", "~/here")
    monkeypatch.setattr(Path, "expanduser", nowhere)
    with pytest.raises(GancourseError, match="Set GANCOURSE_CACHE"):
        fetch.cache_folder()
