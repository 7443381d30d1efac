"""What data there is: whose it is, where it can be had, and how its folders are laid out.

Addresses point at the makers' or first publishers' own copies, at a fixed commit where there is
one. ``digest`` is the SHA-256 of the manifest ``data/manifests/<name>.sha256``, so that a package
installed without the manifests can still check a download as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from gancourse.errors import among

NEU_CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
MT_CLASSES = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Free", "MT_Uneven")
BERKELEY = "efrosgans.eecs.berkeley.edu"


@dataclass(frozen=True)
class Mirror:
    """One place to download from: the address, and the SHA-256 of the file there if it is known."""

    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class Entry:
    """One data set, or one file of weights.

    ``folders`` maps a folder of the archive (below its top folder) to one of ours; nothing else is
    taken out. ``train`` and ``test`` are our folders, ``{part}`` standing for the part; ``test``
    None means no official split, so ``images.held_out`` makes one from what ``split_key`` finds in
    the file name. ``halves`` says which half of a paired picture a part is. ``megabytes`` is about
    the size on disk, None if not known; ``how`` says how to get a set that needs an account.
    """

    name: str
    about: str
    licence: str
    citation: str
    page: str
    megabytes: int | None
    files: int
    mirrors: tuple[Mirror, ...] = ()
    digest: str | None = None
    folders: dict[str, str] = field(default_factory=dict)
    file: str | None = None
    how: str = ""
    parts: tuple[str, ...] = ()
    train: str = "train{part}"
    test: str | None = None
    pattern: str = "*"
    halves: dict[str, str] = field(default_factory=dict)
    split_key: str = r"(.+)"

    def key(self, file: Path) -> str:
        """The text whose hash decides the split: the file's name, or the number of a tile."""
        return re.search(self.split_key, file.name)[1]

    def place(self, base: Path) -> Path:
        """Where it lies below a data folder or the cache."""
        return base / (self.file or self.name)

    @property
    def checked(self) -> str:
        """What its files are compared with."""
        if self.digest:
            return "per file"
        return "by hash" if self.file else "no manifest"

    @property
    def how_to_get(self) -> str:
        """What a user can do to get it."""
        if self.how:
            return self.how
        return (
            f"Run `gancourse data fetch {self.name}` where there is a network, or get it by hand "
            f"from {self.page} and set GANCOURSE_DATA to the folder that holds "
            f"{self.file or self.name + '/'} (data/README.md shows the layout)."
        )


def _github(repository: str, commit: str) -> tuple[Mirror, ...]:
    """Both addresses of a repository's archive; its bytes may change, the files inside do not."""
    return (
        Mirror(f"https://codeload.github.com/{repository}/zip/{commit}"),
        Mirror(f"https://github.com/{repository}/archive/{commit}.zip"),
    )


_ENTRIES = (
    Entry(
        name="NEU-DET",
        about="hot-rolled steel, 6 kinds of defect x 300, 200x200 grey, with boxes",
        licence="none stated; research use",
        citation="Song & Yan, Applied Surface Science 285 (2013) 858-864; He, Song, Meng & Yan, "
        "IEEE Trans. Instrumentation and Measurement 69 (2020) 1493-1504",
        page="https://github.com/siddhartamukherjee/NEU-DET-Steel-Surface-Defect-Detection",
        megabytes=28,
        files=3600,
        digest="24b2f16bcb311c819d8cceaf1ef8c5f55c0a6eb8b74ff1bf76af64ddf16d4a46",
        mirrors=_github(
            "siddhartamukherjee/NEU-DET-Steel-Surface-Defect-Detection",
            "351bee21b56bbf97a1e1d18262bceb202eb7ef41",
        ),
        folders={
            "IMAGES": "IMAGES",
            "Validation_Images": "IMAGES",  # 30 of the 1800 that this copy had set aside
            "ANNOTATIONS": "ANNOTATIONS",
            "Validation_Annotations": "ANNOTATIONS",
        },
        parts=NEU_CLASSES,
        train="IMAGES",
        pattern="{part}_*",
    ),
    Entry(
        name="grumpifycat",
        about="cats: 75 Russian Blue (A), 204 Grumpy Cat (B), 64x64",
        licence="none stated; course material, research use",
        citation="CMU 16-726, assignment 3, When Cats Meet GANs; the 256 px original is the "
        "grumpifycat set of the CycleGAN and CUT authors",
        page="https://github.com/madhu-korada/16726-s24-hw3",
        megabytes=3,
        files=279,
        digest="8066f8ea7e0542ff582eb0fbb2ac58aa9c2f4892b55872f1d42be16f8dc2178a",
        mirrors=_github("madhu-korada/16726-s24-hw3", "0cf62efac169a3dce5c08e57521f1aac83439d72"),
        folders={
            "data/cat/grumpifyAprocessed": "trainA",
            "data/cat/grumpifyBprocessed": "trainB",
        },
        parts=("A", "B"),
    ),
    Entry(
        name="horse2zebra",
        about="horses (A: 1067 + 120) and zebras (B: 1334 + 140), 256x256",
        licence="ImageNet photographs; research use",
        citation="Zhu, Park, Isola & Efros, ICCV 2017",
        page=f"https://{BERKELEY}/cyclegan/datasets/",
        megabytes=118,
        files=2661,
        digest="fb1d1fb79192dfee03e9a251d2e64dbfb4039fda7204196f9c16784a9e153408",
        mirrors=tuple(
            Mirror(
                f"{scheme}://{BERKELEY}/cyclegan/datasets/horse2zebra.zip",
                "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
            )
            for scheme in ("https", "http")
        ),
        folders={f: f for f in ("trainA", "trainB", "testA", "testB")},
        parts=("A", "B"),
        test="test{part}",
    ),
    Entry(
        name="facades",
        about="facades, photo left and label map right, 400 + 100 pairs used here",
        licence="see the makers' page, cmp.felk.cvut.cz/~tylecr1/facade",
        citation="Tylecek & Sara, GCPR 2013; as paired by Isola et al., CVPR 2017",
        page=f"https://{BERKELEY}/pix2pix/datasets/",
        megabytes=30,
        files=606,
        mirrors=(Mirror(f"https://{BERKELEY}/pix2pix/datasets/facades.tar.gz"),),
        folders={f: f for f in ("train", "val", "test")},
        parts=("photo", "label"),
        train="train",
        test="val",
        halves={"photo": "left", "label": "right"},
    ),
    Entry(
        name="magnetic-tile",
        about="magnetic tiles: 392 with 5 kinds of defect, 952 without, with pixel masks",
        licence="free to use; cite the paper",
        citation="Huang, Qiu & Yuan, The Visual Computer 36 (2020) 85-96; IEEE CASE 2018",
        page="https://github.com/abin24/Magnetic-tile-defect-datasets.",
        megabytes=None,
        files=2688,
        mirrors=_github("abin24/Magnetic-tile-defect-datasets.", "cc4eb53"),
        folders={f"{c}/Imgs": c for c in MT_CLASSES},
        parts=MT_CLASSES,
        train="{part}",
        pattern="*.jpg",  # the masks are PNG files of the same name
        split_key=r"(\d+)\.\w+$",  # exposures of one tile share its number: keep them together
    ),
    Entry(
        name="severstal-steel-defect-detection",
        about="steel strips, 12,568 of 1600x256, 4 kinds of defect as run-length masks",
        licence="Kaggle competition rules",
        citation="Severstal: Steel Defect Detection, Kaggle 2019",
        page="https://www.kaggle.com/c/severstal-steel-defect-detection",
        megabytes=1600,
        files=12569,
        how="Needs a Kaggle account: accept the rules on the competition's page, run `kaggle "
        "competitions download -c severstal-steel-defect-detection`, and unpack it so that "
        "$GANCOURSE_DATA/severstal-steel-defect-detection/ holds train_images/ and train.csv.",
        train="train_images",
        pattern="*.jpg",
    ),
    Entry(
        name="fid-inception",
        about="the Inception network of FID (2015-12-05, 2048 features)",
        licence="Apache-2.0",
        citation="Szegedy et al., CVPR 2016; Heusel et al., NeurIPS 2017; port by Seitzer 2020",
        page="https://github.com/mseitzer/pytorch-fid",
        megabytes=96,
        files=1,
        mirrors=tuple(
            Mirror(url, "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2")
            for url in (
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                "pt_inception-2015-12-05-6726825d.pth",
                "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
                "weights-inception-2015-12-05-6726825d.pth",
            )
        ),
        file="weights/pt_inception-2015-12-05-6726825d.pth",
    ),
)
ALL = {entry.name: entry for entry in _ENTRIES}
CATALOG = {name: entry for name, entry in ALL.items() if not entry.file}  # the sets of pictures


def find(name: str, entries: dict[str, Entry] = CATALOG) -> Entry:
    """The entry called ``name``, in any case; raises ``UnknownName`` with the nearest word."""
    return entries[among("data set", name, entries)]
