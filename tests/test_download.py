"""Downloads against a real server on this machine that is slow, breaks off, lies and errs."""

import dataclasses
import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gancourse import data
from gancourse.data import archive, catalog, download, store
from gancourse.errors import GancourseError

PICTURES = {f"pics/{i}.bin": bytes([i]) * 50_000 + os.urandom(50_000) for i in range(5)}
FOLDERS = {"pics": "trainA", "more/pics": "trainB"}
QUICK = (2, 0.5)  # seconds to connect, and to wait for a byte


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
        half = body[: len(body) // 2]
        length = {"lies-long": len(body) + 9, "lies-short": len(half)}.get(kind, len(body))
        self.send_response(200)
        if kind != "no-length":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        breaks = kind in ("breaks", "stalls", "no-length") or (kind == "flaky" and count == 1)
        for start in range(0, len(half if breaks else body), 20_000):
            self.wfile.write((half if breaks else body)[start : start + 20_000])
            time.sleep(0.1 if kind == "slow" else 0)
        if kind == "stalls":
            self.server.over.wait(5)

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
    monkeypatch.setattr(download, "_failed", {})
    for name in ("toy", "grumpifycat"):  # tests register their own
        monkeypatch.setitem(catalog.ALL, name, catalog.ALL.get(name, None))
    return tmp_path / "cache"


def register(*urls, sha256=None, name="toy", **more):
    """A set of five small files at ``urls``; known to ``fetch`` until the test ends."""
    settings = {"digest": DIGEST, "folders": FOLDERS, "megabytes": 1, "files": 5, **more}
    texts = dict.fromkeys(("about", "licence", "citation", "page"), "-")
    mirrors = tuple(catalog.Mirror(url, sha256) for url in urls)
    catalog.ALL[name] = catalog.Entry(name=name, mirrors=mirrors, **texts, **settings)


def visible(cache):
    return sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock"))


def assert_fetched(cache):
    assert visible(cache) == ["toy"]  # and no hidden leftovers
    found = {p.relative_to(cache / "toy").as_posix(): p.read_bytes() for p in cache.glob("toy/*/*")}
    assert found == {n.replace("pics", "trainA"): c for n, c in PICTURES.items()}


# --- mirrors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(GOOD).hexdigest()])
@pytest.mark.parametrize("kind", ["good", "slow"])
def test_fetch_takes_out_what_is_ours_and_checks_it(cache, site, kind, sha256):
    register(site(kind), sha256=sha256)
    assert download.fetch("toy", timeout=QUICK) == cache / "toy" == download.path("TOY")
    assert_fetched(cache)
    assert download.verify("toy").ok is True


def test_a_set_that_is_there_is_not_fetched_again(cache, site, server):
    register(site("good"))
    download.fetch("toy")
    download.fetch("toy")
    assert server.hits == {"/good.zip": 1}
    (cache / "toy/trainA/0.bin").write_bytes(b"damaged")
    download.fetch("toy", again=True)
    assert_fetched(cache)


BAD = {
    "missing": "HTTP 404",
    "breaks": "broke off",
    "stalls": "no connection|no answer",
    "lies-long": "broke off",
    "lies-short": "cannot be unpacked",
    "no-length": "cannot be unpacked",
    "changed": "changed|is not the published set",
    "text": "cannot be unpacked",
}


@pytest.mark.parametrize("kind", BAD)
def test_after_a_bad_mirror_the_next_one_is_tried(cache, site, server, kind):
    register(site(kind), site("good"))
    download.fetch("toy", timeout=QUICK)
    assert server.hits == {f"/{kind}.zip": 1, "/good.zip": 1}
    assert_fetched(cache)


@pytest.mark.parametrize("kind", BAD)
def test_when_all_mirrors_are_bad_the_error_says_which_and_why_and_nothing_stays(cache, site, kind):
    register(site(kind))
    with pytest.raises(download.DownloadError, match=f"toy.*{kind}.zip: .*({BAD[kind]})"):
        download.fetch("toy", timeout=QUICK, tries=1)
    assert visible(cache) == []


@pytest.mark.parametrize("kind", ["changed", "lies-short", "no-length", "text"])
def test_a_known_hash_catches_wrong_bytes_before_they_are_unpacked(cache, site, kind, monkeypatch):
    monkeypatch.setattr(archive, "unpack", lambda *_: pytest.fail("unpacked"))
    register(site(kind), sha256=hashlib.sha256(GOOD).hexdigest())
    with pytest.raises(download.DownloadError, match="wrong bytes"):
        download.fetch("toy", timeout=QUICK, tries=1)
    assert visible(cache) == []


def test_a_transfer_that_broke_off_is_started_again(cache, site, server):
    register(site("flaky"))
    download.fetch("toy", timeout=QUICK)
    assert server.hits == {"/flaky.zip": 2}
    assert_fetched(cache)


def test_a_server_that_never_stops_is_cut_off(cache, site, monkeypatch):
    monkeypatch.setattr(download, "MAX_DOWNLOAD", 100_000)
    register(site("good"))
    with pytest.raises(download.DownloadError, match="sends more than"):
        download.fetch("toy", tries=1)
    assert visible(cache) == []


def test_a_single_file_is_checked_by_its_hash(cache, site):
    register(site("good"), sha256=hashlib.sha256(GOOD).hexdigest(), file="weights/net.pth")
    assert download.fetch("toy") == cache / "weights/net.pth"
    assert (cache / "weights/net.pth").read_bytes() == GOOD
    assert download.verify("toy").ok is True
    (cache / "weights/net.pth").write_bytes(b"x")
    assert download.verify("toy").ok is False


def test_no_network_is_said_so(cache):
    register("http://127.0.0.1:9/nobody-listens.zip")
    with pytest.raises(download.NoConnection, match="Is there a network.*nobody-listens"):
        download.fetch("toy", timeout=QUICK, tries=1)


# --- verify -------------------------------------------------------------------------------------


def test_verify_names_missing_changed_and_extra_files(cache, site, tmp_path, monkeypatch):
    register(site("good"))
    folder = download.fetch("toy")
    (folder / "trainA/0.bin").unlink()
    (folder / "trainA/1.bin").write_bytes(b"x")
    (folder / "trainA/extra.bin").write_bytes(b"x")
    monkeypatch.setattr(store, "MANIFESTS", tmp_path)
    assert "5 files, 5 published" in download.verify("toy").text  # installed without the manifests
    (tmp_path / "toy.sha256").write_text(MANIFEST)
    check = download.verify("toy")
    assert check.ok is False
    for text in ("missing: trainA/0.bin", "changed: trainA/1.bin", "not in the set: trainA/extra"):
        assert text in check.text


def test_verify_without_a_manifest_says_that_it_cannot(cache, site):
    register(site("changed"), digest=None)
    download.fetch("toy")
    assert download.verify("toy").ok is None
    assert "no manifest" in download.verify("toy").text


def test_the_manifest_has_the_format_of_sha256sum(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.txt").write_bytes(b"abc")
    assert archive.manifest(tmp_path, ["a"]) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/b.txt\n"
    )


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
    with pytest.raises(archive.BadArchive):
        archive.unpack(tmp_path / "a", tmp_path / "deep/er/into", FOLDERS)
    outside = [p for p in tmp_path.rglob("*evil*") if "into" not in p.parts]
    assert not outside and not Path("/tmp/evil").exists()
    assert not any(p.is_symlink() for p in tmp_path.rglob("*"))


ZEROS = bytes(30_000_000)  # 30 kB when packed


@pytest.mark.parametrize("where", ["pics/bomb", "elsewhere/bomb"])
@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_a_bomb_is_stopped_at_the_limit(tmp_path, pack, where):
    if pack == "zip":
        with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr(f"top/{where}", ZEROS)
    else:
        (tmp_path / "a").write_bytes(tarred((tar_member(f"top/{where}"), ZEROS)))
    with pytest.raises(archive.BadArchive, match="more than"):
        archive.unpack(tmp_path / "a", tmp_path / "out", FOLDERS, max_bytes=20_000_000)
    assert sum(p.stat().st_size for p in tmp_path.rglob("out/*/*")) <= 20_000_000


def test_a_bomb_that_understates_its_size_is_stopped_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("top/pics/bomb", ZEROS)
    honest = len(ZEROS).to_bytes(4, "little")
    lying = (tmp_path / "a").read_bytes().replace(honest, (9).to_bytes(4, "little"))
    (tmp_path / "a").write_bytes(lying)
    with pytest.raises(archive.BadArchive):
        archive.unpack(tmp_path / "a", tmp_path / "out", FOLDERS, max_bytes=20_000_000)
    assert sum(p.stat().st_size for p in tmp_path.rglob("out/*/*")) <= 20_000_000


@pytest.mark.parametrize("where", ["pics", "elsewhere"])
def test_a_bomb_in_small_pieces_is_stopped_too(tmp_path, where):
    pieces = {f"{where}/{i}": ZEROS[: 2**20] for i in range(30)}
    (tmp_path / "a").write_bytes(zipped(pieces))
    with pytest.raises(archive.BadArchive, match="more than"):
        archive.unpack(tmp_path / "a", tmp_path / "out", FOLDERS, max_bytes=20 * 2**20)


def test_too_many_files_are_stopped(tmp_path):
    (tmp_path / "a").write_bytes(zipped({f"pics/{i}": b"" for i in range(50)}))
    with pytest.raises(archive.BadArchive, match="more than"):
        archive.unpack(tmp_path / "a", tmp_path / "out", FOLDERS, max_entries=40)


def test_a_tar_unpacks_like_a_zip(tmp_path):
    members = [(tar_member(f"top/{n}"), c) for n, c in PICTURES.items()]
    (tmp_path / "a").write_bytes(tarred(*members, (tar_member("top/README"), b"not ours")))
    assert archive.unpack(tmp_path / "a", tmp_path / "out", FOLDERS) == 5
    assert archive.manifest(tmp_path / "out", FOLDERS.values()) == MANIFEST


# --- the disk -----------------------------------------------------------------------------------


def test_no_space_is_seen_before_the_download(cache, site, server, monkeypatch):
    register(site("good"))
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: shutil_usage(free=1000))
    with pytest.raises(GancourseError, match="no space left .*Make room or set GANCOURSE_CACHE"):
        download.fetch("toy")
    assert server.hits == {}


def shutil_usage(free):
    return type("usage", (), {"total": 10**9, "used": 10**9 - free, "free": free})


def test_a_disk_that_fills_up_half_way_keeps_nothing(cache, site, monkeypatch):
    register(site("good"))

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    with pytest.raises(GancourseError, match="toy: there is no space left"):
        download.fetch("toy")
    assert visible(cache) == []


def test_a_cache_that_may_not_be_written_to(cache, site):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    register(site("good"))
    cache.mkdir()
    cache.chmod(0o500)
    with pytest.raises(GancourseError, match="not permitted.*GANCOURSE_CACHE"):
        download.fetch("toy")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_disk_that_refuses_is_named(cache, site, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), str(cache))

    register(site("good"))
    monkeypatch.setattr(download.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(GancourseError, match="Could not write .*toy: .*(permitted|read-only)"):
        download.fetch("toy")


def test_a_cache_that_is_a_file(cache, site):
    register(site("good"))
    cache.write_text("in the way")
    with pytest.raises(GancourseError, match="Could not write .*toy"):
        download.fetch("toy")


# --- several processes, and interruptions ------------------------------------------------------


def child(url):
    """Another Python that fetches the set from ``url``."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_download as t\n"
        f"t.MANIFEST, t.DIGEST = None, {DIGEST!r}\n"
        "t.register(sys.argv[2])\n"
        "t.download.fetch('toy')\n"
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
    download.fetch("toy")  # waits for the other, and finds what it fetched
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
    download.fetch("toy")
    assert_fetched(cache)


def test_an_interrupted_download_leaves_nothing_at_all(cache, site, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    register(site("good"))
    monkeypatch.setattr(download._Capped, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download.fetch("toy")
    assert visible(cache) == []


# --- what load() does with it ------------------------------------------------------------------


def offline_cats(url):
    cats = catalog.CATALOG["grumpifycat"]
    fake = dataclasses.replace(cats, mirrors=(catalog.Mirror(url),))
    catalog.ALL["grumpifycat"] = fake
    return fake


def test_automatic_downloads_are_tried_once_a_process(cache, site, server):
    entry = offline_cats(site("missing"))
    assert download.automatic(entry) is None and download.automatic(entry) is None
    assert server.hits == {"/missing.zip": 1}
    assert "404" in download.why_not(entry)


def test_without_a_network_no_other_set_is_tried_either(cache, site, server):
    assert download.automatic(offline_cats("http://127.0.0.1:9/nobody.zip")) is None
    register(site("good"))
    assert download.automatic(catalog.ALL["toy"]) is None
    assert server.hits == {}


def test_offline_mode_downloads_nothing(cache, site, server, monkeypatch):
    monkeypatch.setenv("GANCOURSE_OFFLINE", "1")
    entry = offline_cats(site("good"))
    assert download.automatic(entry) is None and server.hits == {}
    assert "GANCOURSE_OFFLINE" in download.why_not(entry)


def test_a_set_that_needs_an_account_says_how(cache):
    with pytest.raises(data.DataNotFound, match="kaggle competitions download"):
        download.fetch("severstal-steel-defect-detection")


def test_an_unknown_set_suggests_the_nearest(cache):
    with pytest.raises(ValueError, match="Did you mean 'NEU-DET'"):
        download.fetch("NEU-DE")


def test_path_of_a_missing_set_says_how_to_get_it(cache):
    with pytest.raises(data.DataNotFound, match="gancourse data fetch NEU-DET"):
        download.path("neu-det")
