"""The command line: run the course, train, make and judge pictures, look at records."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence

from gancourse import files
from gancourse.errors import GancourseError, UnknownName
from gancourse_studies import recording
from gancourse_tools import records_table


class _Parser(argparse.ArgumentParser):
    """A parser that suggests the nearest word when it meets an unknown one."""

    def error(self, message: str):
        wrong = re.search(r"invalid choice: '([^']*)'|unrecognized arguments: (\S+)", message)
        _, _, known = message.partition("choose from")
        # unknown options come to the top parser, so look in those of the commands as well
        parsers = [
            p for a in self._actions if isinstance(a.choices, dict) for p in a.choices.values()
        ]
        options = [text for p in [self, *parsers] for text in p._option_string_actions]
        words = re.findall(r"[\w-]+", known) or options
        near = wrong and difflib.get_close_matches(wrong[1] or wrong[2], words, n=1, cutoff=0.5)
        super().error(f"{message}. Did you mean {near[0]!r}?" if near else message)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(prog="gancourse", description="Run the course; train; make and judge pictures.")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    pairs = {"type": _pair, "action": "append", "default": [], "metavar": "NAME=VALUE"}

    _add(sub, "doctor", "check what this machine has for the course", "gancourse doctor")

    p = _add(
        sub,
        "data",
        "data sets: list, fetch, verify, path",
        "gancourse data fetch NEU-DET",
        "gancourse data verify",
    )
    p.add_argument("action", choices=["list", "fetch", "verify", "path"], nargs="?", default="list")
    p.add_argument("names", nargs="*", metavar="NAME", help="data sets or weights")

    p = _add(
        sub,
        "run",
        "execute chapters and write one page about it",
        "gancourse run 02 --profile smoke -p EPOCHS=2",
    )
    p.add_argument("chapters", nargs="*", help="such as 02; default: all")
    p.add_argument("--profile", help="smoke, quick (the default) or full (hours of a GPU)")
    p.add_argument("-p", "--parameter", dest="parameters", **pairs, help="a chapter's parameter")
    p.add_argument("--out", default="build/course", help="folder for the results (%(default)s)")
    p.add_argument("--timeout", type=float, help="seconds per chapter; default: by profile")

    p = _add(
        sub,
        "site",
        "write the course's site from the committed chapters",
        "gancourse site --out build/site",
    )
    p.add_argument("--out", default="build/site", help="folder of the site (%(default)s)")

    p = _add(
        sub,
        "slides",
        "a committed chapter as slides, or as a sheet to hand out",
        "gancourse slides 05",
        "gancourse slides 05 --handout",
    )
    p.add_argument("chapter", help="such as 05")
    p.add_argument("--handout", action="store_true", help="one side of A4 instead")
    p.add_argument("--out", help="the file (default: build/NN-slides.html or NN-handout.html)")

    p = _add(
        sub,
        "train",
        "train an experiment, or a model on your own folders",
        "gancourse train cyclegan --a my_cats --b my_dogs --minutes 40",
        "gancourse train dcgan --data my_pictures --size 64 --minutes 40",
        "gancourse train pix2pix --pairs my_pairs --minutes 40    # my_pairs/A, my_pairs/B",
        "gancourse train horse2zebra --profile smoke",
    )
    p.add_argument("experiment", metavar="WHAT", help="an experiment, or a model: cyclegan, …")
    p.add_argument("--a", metavar="DIR", help="your own pictures of domain A, for cyclegan")
    p.add_argument("--b", metavar="DIR", help="and of domain B")
    paired = "for pix2pix: two folders inside, A and B; pictures of one name are a pair"
    p.add_argument("--pairs", metavar="DIR", help=paired)
    p.add_argument("--data", metavar="DIR", help="your own pictures, for dcgan and wgan")
    p.add_argument("--size", type=int, help="side in pixels, such as 64")
    p.add_argument("--profile", help="smoke, quick (the default) or full; own folders: a laptop's")
    p.add_argument("--set", dest="settings", **pairs, help="a setting, such as epochs=2")
    p.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    p.add_argument("--source", default="auto", help="auto, real or stand-in")
    p.add_argument("--out", help="folder of the run; default: below runs/")
    every = {"type": int, "default": 8, "metavar": "N"}
    p.add_argument("--metrics-every", **every, help="measure each N epochs (default 8)")
    p.add_argument("--minutes", type=float, help="train this long instead of the profile's length")

    _add_sweep(sub)
    _add_pictures(sub)
    _add_score(sub)
    _add_export(sub)

    p = _add(
        sub,
        "records",
        "recorded runs: list, show NAME, index, keep RUN --out DIR",
        "gancourse records",
        "gancourse records show cats/none-seed0",
        "gancourse records keep runs/cats/mine --out kept/cats/mine --without-weights",
    )
    actions = ["list", "show", "index", "keep"]
    p.add_argument("action", choices=actions, nargs="?", default="list")
    p.add_argument("name", nargs="?", help="EXPERIMENT/RUN, or for keep a run's folder, too")
    p.add_argument("--out", help="where keep copies the record to")
    p.add_argument("--without-weights", action="store_true", help="keep leaves the networks out")
    return top


def _add(sub, name: str, help: str, *examples: str):
    """A command with its examples below ``--help``."""
    shape, listed = argparse.RawDescriptionHelpFormatter, "\n  ".join(("for example:", *examples))
    return sub.add_parser(name, help=help, description=help, epilog=listed, formatter_class=shape)


RUN_HELP = "a record's name, such as horse2zebra/laptop-seed0, or a run's folder"


def _add_pictures(sub) -> None:
    """The commands that make pictures with a recorded run."""
    p = _add(
        sub,
        "translate",
        "translate your own pictures with a recorded CycleGAN or pix2pix",
        "gancourse translate horse2zebra/laptop-seed0 my_horses --out my_zebras",
    )
    p.add_argument("run", metavar="RUN", help=RUN_HELP)
    p.add_argument("source", metavar="DIR|FILE", help="a picture, or a folder of them, any sizes")
    p.add_argument("--way", default="a-to-b", help="a-to-b (the default) or b-to-a")
    p.add_argument("--size", type=int, help="short side to resize to first; default: as they are")
    _add_output(p)

    p = _add(
        sub,
        "sample",
        "draw new pictures from a recorded DCGAN or WGAN",
        "gancourse sample neu-scratches/laptop-seed0 -n 64 --out scratches",
    )
    p.add_argument("run", metavar="RUN", help=RUN_HELP)
    p.add_argument("-n", type=int, default=64, help="how many (default 64)")
    p.add_argument("--seed", type=int, default=0, help="another seed draws others (default 0)")
    _add_output(p)


def _add_sweep(sub) -> None:
    p = _add(
        sub,
        "sweep",
        "run a study of many small trainings; what is finished is skipped",
        "gancourse sweep steel --list",
        "gancourse sweep steel --grid ten-hours --out runs/steel",
        "gancourse sweep steel --data my_parts --minority scratched --out runs/mine",
        "gancourse sweep steel --scheduler tcp://10.0.0.1:8786 --out /shared/steel",
    )
    p.add_argument("study", choices=["steel"], help="steel: does synthetic data help?")
    p.add_argument("--grid", default="ten-hours", help="ten-hours (the default), full or smoke")
    p.add_argument("--out", default="runs/steel", metavar="DIR", help="results (%(default)s)")
    p.add_argument("--data", metavar="DIR", help="your own pictures, a subfolder for each class")
    p.add_argument("--minority", metavar="CLASS", help="of --data, the class that is made scarce")
    p.add_argument("--workers", type=int, default=0, metavar="N", help="processes of our own")
    p.add_argument("--scheduler", default="", metavar="ADDRESS", help="a running Dask scheduler")
    p.add_argument("--list", action="store_true", help="only print the plan and its power")
    p.add_argument("--record", metavar="DIR", help="write the finished part as a record, and end")


def _add_export(sub) -> None:
    p = _add(
        sub,
        "export",
        "write a recorded generator as ONNX",
        "gancourse export horse2zebra/laptop-seed0 --out zebra.onnx",
    )
    p.add_argument("run", metavar="RUN", help=RUN_HELP)
    p.add_argument("--way", default="a-to-b", help="of a CycleGAN: a-to-b (the default) or b-to-a")
    p.add_argument("--out", required=True, metavar="FILE.onnx", help="the file to write")
    p.add_argument("--force", action="store_true", help="replace a file that is there")


def _add_score(sub) -> None:
    p = _add(
        sub,
        "score",
        "compare two folders of pictures: KID, FID, precision, recall",
        "gancourse score my_cats generated_cats",
    )
    p.add_argument("reference", metavar="DIR", help="the real pictures, or those to be like")
    p.add_argument("other", metavar="DIR", help="the pictures to judge")
    p.add_argument("--size", type=int, help="pixels to compare at; default: the smaller folder's")
    p.add_argument("--features", dest="kind", help="inception-768 (default), -2048 or stand-in")
    p.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")


def _add_output(p) -> None:
    p.add_argument("--out", required=True, metavar="DIR", help="where the PNG files go")
    p.add_argument("--force", action="store_true", help="write into a folder that holds pictures")
    p.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code: 0 fine, 1 it failed, 2 a word that does not exist, 130 Ctrl-C.

    And 141, silently, where what reads the output has gone, such as ``head``.
    """
    if hasattr(sys.stdout, "reconfigure"):  # a name that the terminal's encoding lacks is no error
        sys.stdout.reconfigure(errors="backslashreplace")
    args = parser().parse_args(argv)
    try:
        code = COMMANDS[args.command](args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _say_no_more()
        return 141
    except GancourseError as error:
        print(f"gancourse: {error}", file=sys.stderr)
        return 2 if isinstance(error, UnknownName) else 1
    except OSError as error:
        return _refused(error)
    except KeyboardInterrupt as stop:  # its text, if any, says how to go on
        print(f"gancourse: interrupted. {stop}", file=sys.stderr)
        return 130


def _refused(error: OSError) -> int:
    """Say in one line what the system refused; what names no file is no refusal but a fault."""
    full = error.errno in files.NO_ROOM
    if not full and not error.filename:
        raise error
    what = error.filename or "the output"
    try:
        sys.stdout.flush()
    except OSError:
        _say_no_more()
    advice = " Make room." if full else ""
    print(f"gancourse: {what}: {error.strerror}.{advice}", file=sys.stderr)
    return 1


def _say_no_more() -> None:
    """Standard output takes nothing more, and the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _doctor(args) -> int:
    from gancourse_lab import doctor

    return 0 if doctor.main() else 1


def _run(args) -> int:
    from gancourse_tools import course

    given = dict(args.parameters)
    results = course.run(args.chapters, args.profile, args.out, given, args.timeout)
    bad = [result for result in results if result.status in ("FAIL", "TIMEOUT")]
    print(f"{len(results) - len(bad)} of {len(results)} chapters fine: {args.out}/index.html")
    for result in bad:
        print(f"gancourse: {result}", file=sys.stderr)
    return 1 if bad else 0


def _site(args) -> int:
    from gancourse_tools import site

    print(site.build(args.out))
    return 0


def _slides(args) -> int:
    import nbformat

    from gancourse_tools import course, slides

    known = course.notebooks()
    (name,) = course.choose([args.chapter], known)
    what = "handout" if args.handout else "slides"
    out = files.path_of(args.out or f"build/{name.split('_')[0]}-{what}.html")
    print(slides.write(nbformat.read(known[name], 4), out, what))
    return 0


def _data(args) -> int:
    from gancourse.data import catalog, fetch

    if args.action == "list":
        for row in fetch.table():
            size = f"{row['megabytes']} MB" if row["megabytes"] else "size unknown"
            print(f"{row['name']}: {row['about']} ({size}; {row['licence']})")
            print(f"    {row['here'] or 'not on this machine'}")
        return 0
    names = [catalog.find(name, catalog.ALL).name for name in args.names]  # unknown ones first
    if args.action == "verify":
        names = names or [row["name"] for row in fetch.table() if row["here"]]
        if not names:
            raise GancourseError("No data set is on this machine: `gancourse data fetch NAME`.")
        checks = [fetch.verify(name) for name in names]
        print(*(check.text for check in checks), sep="\n")
        return int(any(check.ok is False for check in checks))
    if not names:
        raise GancourseError(f"data {args.action} NAME: one of {', '.join(catalog.ALL)}.")
    for name in names:
        print(fetch.fetch(name) if args.action == "fetch" else fetch.path(name))
    return 0


def _train(args) -> int:
    from gancourse_studies import train

    names = ("profile", "device", "source", "resume", "out", "metrics_every", "minutes")
    given = {name: getattr(args, name) for name in names}
    overrides = dict(args.settings)
    if args.size is not None:
        overrides["size"] = args.size
    done = train.train(args.experiment, overrides, own=_own_folders(args), **given)
    print(f"Recorded in {done}")
    return 0


def _sweep(args) -> int:
    from gancourse_lab.steel_results import Results
    from gancourse_studies import steel_study, sweep

    given = {}
    if bool(args.data) != bool(args.minority):
        raise GancourseError("Own pictures need both --data DIR and --minority CLASS.")
    if args.data:
        given = {"data": (args.data,), "minority": args.minority}
    grid = steel_study.grid(args.grid, **given)
    print(steel_study.plan(grid, args.out), flush=True)
    if args.list:
        return 0
    if args.record:
        print(steel_study.record(grid, args.out, args.record, args.grid))
        return 0
    how = {"workers": args.workers, "scheduler": args.scheduler}
    done = sweep.sweep(steel_study.jobs(grid), args.out, **how)
    print(f"{done.ran} jobs done, {done.there} were there, {len(done.failed)} failed: {args.out}")
    for key, reason in done.failed:
        print(f"gancourse: {key}: {reason}", file=sys.stderr)
    if not done.failed:
        print(Results(steel_study.collected(grid, args.out)).summary())
    return 1 if done.failed else 0


def _own_folders(args) -> list:
    """The folders that ``train`` was given, as the model takes them."""
    if sum(map(bool, (args.data, args.pairs, args.a or args.b))) > 1:
        raise GancourseError(
            "--data is for dcgan and wgan, --pairs for pix2pix, --a and --b for cyclegan: give one."
        )
    if bool(args.a) != bool(args.b):
        raise GancourseError("A CycleGAN needs both --a DIR and --b DIR.")
    if args.pairs:
        if args.experiment != "pix2pix":
            raise GancourseError("--pairs is for pix2pix: gancourse train pix2pix --pairs DIR.")
        from gancourse_studies import folders

        return folders.pair_of(args.pairs)
    return [folder for folder in (args.a, args.b, args.data) if folder]


def _translate(args) -> int:
    from gancourse_studies import pictures

    given = {name: getattr(args, name) for name in ("way", "size", "force", "device")}
    return _told(pictures.translate(args.run, args.source, args.out, **given), args.out)


def _sample(args) -> int:
    from gancourse_studies import pictures

    given = {name: getattr(args, name) for name in ("seed", "force", "device")}
    return _told(pictures.sample(args.run, args.n, args.out, **given), args.out)


def _export(args) -> int:
    from gancourse_studies import export

    off = export.export(args.run, args.out, way=args.way, force=args.force)
    checked = "not compared: onnxruntime is not installed"
    if off is not None:
        checked = f"onnxruntime and PyTorch agree to {off:.1g}"
    print(f"{args.out}: {checked}")
    return 0


def _score(args) -> int:
    from gancourse_studies import scores

    given = {name: getattr(args, name) for name in ("size", "kind", "device")}
    print(scores.score(args.reference, args.other, **given))
    return 0


def _told(written, out: str) -> int:
    """Say what was written; 1 where some pictures could not be read."""
    print(f"{len(written.files)} picture{'s' * (len(written.files) != 1)} in {out}")
    for note in written.notes:
        print(note)
    for name, reason in written.skipped:
        print(f"gancourse: {name} could not be read: {reason}", file=sys.stderr)
    return 1 if written.skipped else 0


def _records(args) -> int:
    from gancourse import records

    if args.action == "show":
        if not args.name:
            known = ", ".join(records.all_names()) or "-"
            raise GancourseError(f"records show NAME: one of {known}.")
        print(recording.as_text(records.load(args.name).content), end="")
        return 0
    if args.action == "keep":
        if not args.name or not args.out:
            raise GancourseError("records keep RUN --out DIR: say which run, and where to.")
        print(f"Kept in {recording.keep(args.name, args.out, not args.without_weights)}")
        return 0
    if args.action == "index":  # a Markdown table: the README's
        print(records_table.table())
        return 0
    listed, unread = recording.listing()
    print(listed)
    if unread:
        counted = f"{unread} record{'s' * (unread != 1)}"
        print(f"gancourse: {counted} cannot be read, see the list for why.", file=sys.stderr)
    return 1 if unread else 0


COMMANDS = {
    "doctor": _doctor,
    "data": _data,
    "run": _run,
    "site": _site,
    "slides": _slides,
    "train": _train,
    "sweep": _sweep,
    "translate": _translate,
    "sample": _sample,
    "score": _score,
    "export": _export,
    "records": _records,
}
