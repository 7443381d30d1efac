"""Exact k nearest neighbours in bounded memory: bounds by matrix product, then proof."""

from __future__ import annotations

import contextlib
import math

import torch

from .. import device as devices
from ..errors import GancourseError

CHUNK_BYTES = 2**29
SPARE = 59  # candidates kept beyond k: with k = 5, 64 of them settle nearly every query at once
UNIT = 2.0**-24  # rounding of one float32 operation
TINY = 2.0**-100  # swallows float32 underflow


def knn(query, reference, k: int, *, chunk_bytes: int = CHUNK_BYTES, device: str = "auto"):
    """The ``k`` nearest ``reference`` rows of every ``query`` row by Euclidean distance, exactly.

    Rows (n, …) are flattened; uint8 or float. ``reference`` may be larger than memory: anything
    with ``shape`` and ``dtype`` that a slice and an index array read from, such as ``np.memmap``.
    Returns distances float64 (n, k) ascending and indices int64 (n, k), ties by lower index.

    A float32 matrix product on centred rows bounds every squared distance from both sides
    (|error| ≤ ε(‖q‖² + ‖r‖²), Higham 2002, §3.1); only rows that can be among the k are measured
    by differences in float64. Where the candidates kept do not prove the answer, a second pass
    measures every row whose lower bound allows it. Working memory is about ``chunk_bytes``.
    """
    search = _Search(query, reference, k, chunk_bytes, devices.pick(device))
    found = [search.block(i) for i in range(0, len(query), search.rows_q)]
    return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])


def blocks(n: int, m: int, d: int, itemsize: int, chunk_bytes: int) -> tuple[int, int, int]:
    """Rows at a time of queries, of references, and of pairs measured exactly; each at least 1.

    A quarter, a half and a quarter of ``chunk_bytes``; as many queries as possible, because
    every block of queries reads the whole reference once.
    """
    row = (itemsize + 8) * d  # as stored, in float32, centred
    queries = max(1, min(n, chunk_bytes // 4 // row))
    references = max(1, min(m, chunk_bytes // 2 // (row + 16 * queries)))
    pairs = max(1, min(2**18 // d, chunk_bytes // 4 // ((2 * itemsize + 16) * d)))  # 1 MB: in cache
    return queries, references, pairs


class _Search:
    def __init__(self, query, reference, k, chunk_bytes, device):
        self.query, self.reference, self.k, self.device = query, reference, k, device
        shapes = tuple(query.shape), tuple(reference.shape)
        if len(shapes[0]) < 2 or shapes[0][1:] != shapes[1][1:] or 0 in shapes[0] + shapes[1]:
            raise GancourseError(f"Rows of query and reference must agree; got {shapes}.")
        if not 1 <= k <= shapes[1][0]:
            raise GancourseError(f"k={k} nearest of {shapes[1][0]} reference rows.")
        self.m, d = shapes[1][0], math.prod(shapes[0][1:])
        size = max(_take(x, slice(0, 1)).element_size() for x in (query, reference))
        self.rows_q, self.rows_r, self.rows_p = blocks(len(query), self.m, d, size, chunk_bytes)
        # any centre is valid; near the mean the bounds are tight
        sample = torch.linspace(0, self.m - 1, min(self.m, 64)).long()
        self.centre = _take(reference, sample).double().mean(0).float().to(device)
        self.epsilon = 2 * d * UNIT / (1 - d * UNIT) + 16 * UNIT  # sums in any order, then the rest

    def block(self, start: int):
        """Distances and indices for the block of queries at ``start``."""
        query = _take(self.query, slice(start, start + self.rows_q))
        q, keep = self._centred(query), min(self.m, self.k + SPARE)
        low, index, norms = torch.empty(len(q[0]), 0), torch.empty(len(q[0]), 0).long(), []
        low, index = low.to(self.device), index.to(self.device)
        with _full_precision():
            for j, part in self._references():
                r = self._centred(part)
                norms.append(r[1])
                new = torch.arange(j, j + len(part), device=self.device).expand(len(low), -1)
                low, order = torch.cat([low, self._lower(q, r)], 1).topk(
                    min(keep, low.shape[1] + len(part)), largest=False
                )
                index = torch.cat([index, new], 1).gather(1, order)
        slack = 2 * (self.epsilon * (q[1][:, None] + torch.cat(norms)[index]) + TINY)
        # widened on the CPU: MPS has no float64, and widening loses nothing
        low, slack, index = low.cpu().double(), slack.cpu().double(), index.cpu()
        high = (low + slack).nan_to_num(nan=math.inf, neginf=math.inf)
        limit = high.kthvalue(self.k, 1).values  # the k-th nearest is no farther than this
        row, column = (low <= limit[:, None]).nonzero(as_tuple=True)
        best = self._measure(query, self.reference, row, index[row, column])
        proven = (low[:, -1] > limit) | (keep == self.m)
        if not proven.all():
            best = self._second_pass(query, q, best, (~proven).nonzero()[:, 0])
        return best[1].view(-1, self.k), best[2].view(-1, self.k)

    def _second_pass(self, query, q, best, rest):
        """Measure, for the queries ``rest``, every row that its lower bound does not exclude."""
        limit = best[1].view(-1, self.k)[rest, -1].square() * (1 + 1e-9)  # float64 rounding
        settled = ~torch.isin(best[0], rest)
        found, more = [x[settled] for x in best], [x[:0] for x in best]
        pick = rest.to(self.device)
        q = tuple(x[pick] for x in q)
        for j, part in self._references():
            with _full_precision():
                low = self._lower(q, self._centred(part)).cpu().double()
            row, column = (low <= limit[:, None]).nonzero(as_tuple=True)
            new = self._measure(query, part, rest[row], column)
            new = (new[0], new[1], new[2] + j)
            more = _best(*(torch.cat(x) for x in zip(more, new, strict=True)), self.k)
        return _best(*(torch.cat(x) for x in zip(found, more, strict=True)), self.k)

    def _references(self):
        for j in range(0, self.m, self.rows_r):
            yield j, _take(self.reference, slice(j, j + self.rows_r))

    def _centred(self, rows):
        if rows.dtype == torch.float64:
            x = (rows - self.centre.cpu()).float().to(self.device)  # MPS has no float64
        else:
            x = rows.to(self.device, torch.float32, copy=True).sub_(self.centre)
        norms = torch.linalg.vector_norm(x, dim=1).square()
        if not torch.isfinite(norms).all() and not torch.isfinite(x).all():
            raise GancourseError("Nearest neighbours of rows with NaN or infinity are undefined.")
        return x, norms

    def _lower(self, q, r):
        """Lower bounds (queries, references) of the squared distances."""
        (q, qq), (r, rr) = q, r
        if not qq.max() + rr.max() < 1e37:  # float32 would overflow: nothing is known
            return torch.full((len(q), len(r)), -math.inf, device=q.device)
        low = torch.addmm((qq * (1 - self.epsilon) - TINY)[:, None], q, r.T, alpha=-2)
        return low.add_(rr * (1 - self.epsilon))

    def _measure(self, query, reference, row, index):
        """Distances in float64 of pairs, and of these the best k of every query."""
        distance = torch.empty(len(row), dtype=torch.float64)
        for i in range(0, len(row), self.rows_p):
            pairs = slice(i, i + self.rows_p)
            left, right = _take(query, row[pairs]), _take(reference, index[pairs])
            # differences of uint8 are exact in float32, and their squares are summed in float64
            exact = torch.float32 if left.dtype == right.dtype == torch.uint8 else torch.float64
            difference = left.to(exact, copy=True).sub_(right)
            distance[pairs] = torch.linalg.vector_norm(difference, dim=1, dtype=torch.float64)
        return _best(row, distance, index, self.k)


def _best(row, distance, index, k: int):
    """The ``k`` smallest of every row, sorted by row, then distance, then index."""
    best = [row, distance, index]
    for key in (2, 1, 0):  # stable sorts, the most important key last
        order = best[key].argsort(stable=True)
        best = [x[order] for x in best]
    rank = torch.arange(len(row)) - torch.searchsorted(best[0], best[0])
    return [x[rank < k] for x in best]


def _take(source, rows) -> torch.Tensor:
    """Some rows, flattened, as a CPU tensor, from a tensor, an array or a memory map."""
    if isinstance(source, torch.Tensor):
        if isinstance(rows, torch.Tensor):  # index_select copies whole rows: ten times as fast
            part = source.detach().index_select(0, rows.to(source.device)).cpu()
        else:
            part = source[rows].detach().cpu()
    else:
        part = torch.tensor(source[rows.numpy() if isinstance(rows, torch.Tensor) else rows])
    if part.dtype not in (torch.uint8, torch.float32, torch.float64):
        part = part.double()
    return part.flatten(1)


@contextlib.contextmanager
def _full_precision():
    """The bounds hold for float32 products, not for TF32 or bfloat16 ones."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
