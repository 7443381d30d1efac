"""All trained runs as Markdown tables: what README and records/README.md show."""

from __future__ import annotations

import math
import re

from gancourse.records import Record, load, names


def table() -> str:
    """All trained runs of the course as Markdown tables, one for each kind of model and features.

    A row is a setting: of several seeds the mean and (lowest–highest), of one seed the value and,
    where it has one, its [95 % interval]. Measurements and prototypes are left out, and a reader's
    own runs: what lies in other folders than the first of ``records.folders``.
    """
    groups: dict[tuple, dict[str, list[Record]]] = {}
    for name in names():
        run = load(name)
        if "final" not in run.content or "prototype" in run.content:
            continue
        drawn = " (stand-in)" * (run["data"]["source"] == "stand-in")
        of_kind = groups.setdefault((run.model, run.kid, run.fid), {})
        of_kind.setdefault(re.sub(r"-seed\d+$", "", name) + drawn, []).append(run)
    tables = []
    for model, kid, fid in sorted(groups, key=lambda kind: (list(KINDS).index(kind[0]), kind)):
        head, row = KINDS[model]
        head = [cell.format(kid=kid, fid=fid) for cell in ("setting", "seeds", *head)]
        of_kind = groups[model, kid, fid]
        rows = [[name, str(len(runs)), *row(runs)] for name, runs in of_kind.items()]
        lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _over_seeds(values: list, digits: int = 2) -> str:
    """Numbers or (value, low, high), one a seed, as one cell."""
    firsts = [v[0] if isinstance(v, list | tuple) else v for v in values]
    if len(values) == 1:
        if isinstance(values[0], list | tuple):
            return f"{firsts[0]:.{digits}f} [{values[0][1]:.{digits}f}, {values[0][2]:.{digits}f}]"
        return f"{firsts[0]:.{digits}f}"
    mean = math.fsum(firsts) / len(firsts)  # the same digits on every Python: 3.12 changed sum
    return f"{mean:.{digits}f} ({min(firsts):.{digits}f}–{max(firsts):.{digits}f})"


def _dcgan_row(runs: list[Record]) -> list[str]:
    """Distances to held-out images, of the last weights and their average, and copying."""
    ends = [[run["final"][kind]["held_out"] for run in runs] for kind in ("last", "average")]
    keys = (runs[0].kid, runs[0].fid)
    cells = [_over_seeds([end[key] for end in side]) for key in keys for side in ends]
    return [*cells, _over_seeds([run["final"]["average"]["copying"]["auc"] for run in runs])]


def _cyclegan_row(runs: list[Record]) -> list[str]:
    """Held-out translations at the end, of the shown weights: distance, reconstruction, content.

    Edges kept: agreement with the own input's edges minus that with other inputs'.
    """
    ways = [[run["final"][run.weights][way] for run in runs] for way in ("a_to_b", "b_to_a")]
    kids = [_over_seeds([way["held_out"][runs[0].kid] for way in side]) for side in ways]
    back = [_over_seeds([way["reconstruction"] for way in side]) for side in ways]
    kept = [
        _over_seeds([w["agreement"]["paired"] - w["agreement"]["shuffled"] for w in side])
        for side in ways
    ]
    return [f"{runs[0].steps:,}", *kids, *back, *kept]


def _pix2pix_row(runs: list[Record]) -> list[str]:
    """Held-out translations at the end, of the shown weights: photos, the own photo, content."""
    way = [run["final"][run.weights]["a_to_b"] for run in runs]
    kid, fid = ([w["held_out"][key] for w in way] for key in (runs[0].kid, runs[0].fid))
    kept = [w["agreement"]["paired"] - w["agreement"]["shuffled"] for w in way]
    l1 = _over_seeds([w["l1"] for w in way])
    return [f"{runs[0].steps:,}", _over_seeds(kid), _over_seeds(fid), l1, _over_seeds(kept)]


_DCGAN = ("{kid} last", "average", "{fid} last", "average", "copying AUC")
_CYCLEGAN = ("steps", "{kid} A→B", "B→A", "reconstruction error A", "B", "edges kept A→B", "B→A")
_PIX2PIX = ("steps", "{kid} A→B", "{fid} A→B", "L1 to the true photo", "edges kept")
KINDS = {
    "dcgan": (_DCGAN, _dcgan_row),
    "cyclegan": (_CYCLEGAN, _cyclegan_row),
    "pix2pix": (_PIX2PIX, _pix2pix_row),
    "wgan": (_DCGAN, _dcgan_row),
}
