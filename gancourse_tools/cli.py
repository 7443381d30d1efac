"""The command line: ``gancourse doctor | data | run | train | records``."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence

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
    top = _Parser(prog="gancourse", description=__doc__.split("\n")[0])
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    pairs = {"type": _pair, "action": "append", "default": [], "metavar": "NAME=VALUE"}

    sub.add_parser("doctor", help="check what this machine has for the course")

    p = sub.add_parser("data", help="data sets: list, fetch, verify, path")
    p.add_argument("action", choices=["list", "fetch", "verify", "path"], nargs="?", default="list")
    p.add_argument("names", nargs="*", metavar="NAME", help="data sets or weights")

    p = sub.add_parser("run", help="execute chapters and write one page about it")
    p.add_argument("chapters", nargs="*", help="such as 02; default: all")
    p.add_argument("--profile", help="smoke, quick (the default) or full (hours of a GPU)")
    p.add_argument("-p", "--parameter", dest="parameters", **pairs, help="a chapter's parameter")
    p.add_argument("--out", default="build/course", help="folder for the results (%(default)s)")
    p.add_argument("--timeout", type=float, help="seconds per chapter; default: by profile")

    p = sub.add_parser("train", help="train one experiment, outside a notebook")
    p.add_argument("experiment")
    p.add_argument("--profile", help="smoke, quick (the default) or full (hours of a GPU)")
    p.add_argument("--set", dest="settings", **pairs, help="a setting, such as epochs=2")
    p.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    p.add_argument("--source", default="auto", help="auto, real or stand-in")
    p.add_argument("--out", help="folder of the run; default: below runs/")
    every = {"type": int, "default": 8, "metavar": "N"}
    p.add_argument("--metrics-every", **every, help="measure each N epochs (default 8)")
    p.add_argument("--minutes", type=float, help="train this long instead of the profile's length")

    p = sub.add_parser("records", help="recorded runs: list, show NAME, index")
    p.add_argument("action", choices=["list", "show", "index"], nargs="?", default="list")
    p.add_argument("name", nargs="?", help="EXPERIMENT/RUN, for show")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code: 0 fine, 1 it failed, 2 a word that does not exist, 130 Ctrl-C."""
    args = parser().parse_args(argv)
    try:
        return COMMANDS[args.command](args)
    except GancourseError as error:
        print(f"gancourse: {error}", file=sys.stderr)
        return 2 if isinstance(error, UnknownName) else 1
    except KeyboardInterrupt as stop:  # its text, if any, says how to go on
        print(f"gancourse: interrupted. {stop}", file=sys.stderr)
        return 130


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
        here = [row["name"] for row in fetch.table() if row["here"]]
        checks = [fetch.verify(name) for name in names or here]
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
    done = train.train(args.experiment, dict(args.settings), **given)
    print(f"Recorded in {done}")
    return 0


def _records(args) -> int:
    from gancourse import records

    if args.action == "show":
        if not args.name:
            raise GancourseError(f"records show NAME: one of {', '.join(records.names()) or '-'}.")
        print(recording.as_text(records.load(args.name).content), end="")
        return 0
    if args.action == "index":  # a Markdown table: the README's
        print(records_table.table())
        return 0
    for name in records.names():
        print(f"{name}: {records.load(name).caption}")
    return 0


COMMANDS = {
    "doctor": _doctor,
    "data": _data,
    "run": _run,
    "train": _train,
    "records": _records,
}
