"""Walks of one row through every tree of a gradient-boosted forest, compiled by numba.

These functions take flat arrays and caller-owned buffers, hold no state, release the interpreter lock and may be called
from other compiled functions. They check no bounds: `severity.forest.Forest` builds arrays that keep them safe.

A row is first laid out as `cells`, twice per feature: as it is, and with NaN replaced by -inf. A split reads the copy
that sends a missing value its way, so that every step down a tree is one comparison without a branch. A leaf compares
the last cell, always -inf, and so leads to itself: trees of unequal depth can be walked side by side, `LANES` at a
time, which hides the latency of memory (600 trees of 31 leaves: 19 µs a row one tree after the other, 6 µs in lanes).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 8  # trees walked side by side; the eight cursors of `score_row`

# A split leads to `child` when its cell is <= `threshold`, else to `child + 1`. A leaf keeps its value as `threshold`.
NODE = np.dtype([("threshold", "f8"), ("child", "u4"), ("cell", "u4")], align=True)
# What reaching a node added to the score (`delta`), because of which feature, and where it was reached from.
# A root is its own parent.
STEP = np.dtype([("delta", "f8"), ("parent", "u4"), ("feature", "u4")], align=True)


class Trees(NamedTuple):
    """A forest as flat arrays. Tree `t` adds to raw score `t % k`, where `k` is the number of raw scores.

    `slots` and `depths` are the order of walking: trees of like depth together, `LANES` a group.
    """

    nodes: NDArray[np.void]  # (nodes,) NODE
    steps: NDArray[np.void]  # (nodes,) STEP
    roots: NDArray[np.uint32]  # (trees,) a tree's first node
    slots: NDArray[np.uint32]  # (groups, LANES) the trees of a group; the last group repeats one to be full
    depths: NDArray[np.uint32]  # (groups,) steps that the deepest of its trees needs
    base: NDArray[np.float64]  # (k,) raw scores before any tree


_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile at the first call, without the interpreter lock, and keep the machine code on disk.

    Where neither the package's folder, `NUMBA_CACHE_DIR` nor the user's own cache can be written, numba refuses to
    cache at all; the function is then compiled anew in each process.
    """
    try:
        compiled = njit(nogil=True, cache=True)(function)
    except RuntimeError:
        compiled = njit(nogil=True)(function)
    return cast(_Function, compiled)


@kernel
def _next(nodes: NDArray[np.void], cells: NDArray[np.float64], at: np.uint32) -> np.uint32:
    node = nodes[at]
    return np.uint32(node.child + np.uint32(not (cells[node.cell] <= node.threshold)))


@kernel
def score_row(
    trees: Trees,
    x: NDArray[np.float64],
    cells: NDArray[np.float64],
    leaves: NDArray[np.uint32],
    raw: NDArray[np.float64],
) -> None:
    """Raw scores of one row, bit-equal to scikit-learn's: the same leaf values, added in the same order.

    x: (n_features,), NaN is missing. Written: cells (2 * n_features + 1,), leaves (trees,) and raw (k,).
    """
    nodes, roots = trees.nodes, trees.roots
    for feature in range(x.shape[0]):
        value = x[feature]
        cells[2 * feature] = value
        cells[2 * feature + 1] = -np.inf if np.isnan(value) else value
    cells[2 * x.shape[0]] = -np.inf

    for group in range(trees.depths.shape[0]):
        s = trees.slots[group]
        a, b, c, d = roots[s[0]], roots[s[1]], roots[s[2]], roots[s[3]]
        e, f, g, h = roots[s[4]], roots[s[5]], roots[s[6]], roots[s[7]]
        for _ in range(trees.depths[group]):
            a, b, c, d = _next(nodes, cells, a), _next(nodes, cells, b), _next(nodes, cells, c), _next(nodes, cells, d)
            e, f, g, h = _next(nodes, cells, e), _next(nodes, cells, f), _next(nodes, cells, g), _next(nodes, cells, h)
        leaves[s[0]], leaves[s[1]], leaves[s[2]], leaves[s[3]] = a, b, c, d
        leaves[s[4]], leaves[s[5]], leaves[s[6]], leaves[s[7]] = e, f, g, h

    k = trees.base.shape[0]
    for output in range(k):
        raw[output] = trees.base[output]
    for first in range(0, leaves.shape[0], k):
        for output in range(k):
            raw[output] += nodes[leaves[first + output]].threshold


@kernel
def attribute_row(trees: Trees, leaves: NDArray[np.uint32], output: int, contributions: NDArray[np.float64]) -> None:
    """What each feature added to raw score `output` of the row whose `leaves` `score_row` has just found.

    Written: contributions (n_features,). See `Forest.attribute` for what they mean.
    """
    steps = trees.steps
    contributions[:] = 0.0
    for tree in range(output, leaves.shape[0], trees.base.shape[0]):
        at = leaves[tree]
        parent = steps[at].parent
        while parent != at:
            contributions[steps[at].feature] += steps[at].delta
            at = parent
            parent = steps[at].parent


@kernel
def explain_row(
    trees: Trees,
    x: NDArray[np.float64],
    output: int,
    cells: NDArray[np.float64],
    leaves: NDArray[np.uint32],
    raw: NDArray[np.float64],
    contributions: NDArray[np.float64],
) -> None:
    """`score_row`, then `attribute_row` for one output."""
    score_row(trees, x, cells, leaves, raw)
    attribute_row(trees, leaves, output, contributions)


@kernel
def score_rows(
    trees: Trees,
    X: NDArray[np.float64],
    cells: NDArray[np.float64],
    leaves: NDArray[np.uint32],
    raw: NDArray[np.float64],
) -> None:
    """`score_row` for each row of X (n, n_features). Written: raw (n, k)."""
    for row in range(X.shape[0]):
        score_row(trees, X[row], cells, leaves, raw[row])


@kernel
def attribute_rows(
    trees: Trees,
    X: NDArray[np.float64],
    cells: NDArray[np.float64],
    leaves: NDArray[np.uint32],
    raw: NDArray[np.float64],
    contributions: NDArray[np.float64],
) -> None:
    """Raw scores and all attributions of each row. Written: raw (n, k) and contributions (n, k, n_features)."""
    for row in range(X.shape[0]):
        score_row(trees, X[row], cells, leaves, raw[row])
        for output in range(raw.shape[1]):
            attribute_row(trees, leaves, output, contributions[row, output])
