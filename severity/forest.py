"""A gradient-boosted forest, read from scikit-learn once and evaluated without it, with exact additive reasons."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from severity.forest_kernel import LANES, NODE, STEP, Trees, attribute_rows, explain_row, score_rows

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

TOLERANCE = 1e-12  # largest difference from scikit-learn's raw score that `check` lets pass
# Of scikit-learn's node records, the fields that are read here: of every node, and of splits.
NODE_FIELDS = {"value", "count", "depth", "is_leaf"}
SPLIT_FIELDS = {"feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_categorical"}

Reason = Literal["layout", "categorical", "classes", "shape", "raw", "attribution"]


class ForestMismatch(ValueError):  # says what is wrong better than a second `Error` would
    """A model the kernel cannot evaluate, or whose scores it does not reproduce: `reason` for counters."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it survives being sent from another process
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A fitted forest of `k` raw scores (log-odds): one a class, or where there are two only that of the second.

    Its arrays are read-only copies. It pickles, and needs no scikit-learn to be used. Every method may be called from
    several threads at once.
    """

    classes: NDArray[np.int64]  # labels, in scikit-learn's order
    n_features: int
    baseline: NDArray[np.float64]  # (k,) mean raw score of the rows it was fitted to: what attributions start from
    trees: Trees

    def __post_init__(self) -> None:
        dtypes = (NODE, STEP, np.uint32, np.uint32, np.uint32, np.float64)
        trees = Trees(*map(_fixed, self.trees, dtypes))
        object.__setattr__(self, "classes", _fixed(self.classes, np.int64))
        object.__setattr__(self, "baseline", _fixed(self.baseline, np.float64))
        object.__setattr__(self, "trees", trees)

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor: unpickled arrays may be writable or unaligned, another type to numba, compiled anew.
        return Forest, tuple(getattr(self, field.name) for field in fields(self))

    @classmethod
    def from_sklearn(cls, model: "HistGradientBoostingClassifier") -> "Forest":
        """Copy the trees of a fitted model of numeric columns.

        scikit-learn keeps a value at every inner node, but it does not fit the leaves' ones: the learning rate is
        applied to leaves only, and a root's is always 0. So a node's value here is the mean of its leaves, weighted
        by the rows that reached them in fitting (unweighted row counts, also where the fit had sample weights).

        Raises ForestMismatch: `categorical` when the model treats a column as categorical, `layout` when it is
        unfitted or made by a scikit-learn whose trees look different, `classes` when a label is not an integer.
        """
        records, base, classes = _parts(model)
        n_features, k = int(model.n_features_in_), len(base)
        sizes = np.array([len(tree) for tree in records])
        tree_of = np.repeat(np.arange(len(records)), sizes)
        starts = np.cumsum(sizes) - sizes
        source = np.concatenate(records)
        source_start = starts[tree_of]
        left, right = source["left"] + source_start, source["right"] + source_start
        inner = np.flatnonzero(source["is_leaf"] == 0)
        leaf = np.flatnonzero(source["is_leaf"])
        _require_sound(source, inner, starts, tree_of, n_features)

        value = source["value"].copy()
        for depth in range(int(source["depth"].max()) - 1, -1, -1):
            at = inner[source["depth"][inner] == depth]
            counts = source["count"][left[at]].astype(np.float64), source["count"][right[at]].astype(np.float64)
            value[at] = (counts[0] * value[left[at]] + counts[1] * value[right[at]]) / (counts[0] + counts[1])

        # Depth first, the two children of a split beside each other: after its root come the pairs of a tree's splits.
        splits_before = np.searchsorted(inner, source_start[inner])
        pair = source_start[inner] + 1 + 2 * (np.arange(len(inner)) - splits_before)
        place = np.zeros(len(source), dtype=np.int64)
        place[starts], place[left[inner]], place[right[inner]] = starts, pair, pair + 1

        nodes = np.zeros(len(source), NODE)
        nodes["threshold"][place[inner]] = source["num_threshold"][inner]
        nodes["child"][place[inner]] = pair
        nodes["cell"][place[inner]] = 2 * source["feature_idx"][inner] + source["missing_go_to_left"][inner]
        nodes["threshold"][place[leaf]] = source["value"][leaf]
        nodes["child"][place[leaf]] = place[leaf]
        nodes["cell"][place[leaf]] = 2 * n_features

        steps = np.zeros(len(source), STEP)
        steps["parent"][starts] = starts
        for child in (left[inner], right[inner]):
            steps["parent"][place[child]] = place[inner]
            steps["feature"][place[child]] = source["feature_idx"][inner]
            steps["delta"][place[child]] = value[child] - value[inner]

        depths = np.maximum.reduceat(source["depth"], starts)
        order = np.argsort(depths, kind="stable")
        slots = np.pad(order, (0, -len(order) % LANES), mode="edge").reshape(-1, LANES)
        trees = Trees(nodes, steps, starts.astype(np.uint32), slots.astype(np.uint32), depths[slots].max(axis=1), base)
        return cls(classes, n_features, base + value[starts].reshape(-1, k).sum(axis=0), trees)

    @property
    def n_trees(self) -> int:
        """Trees of all raw scores together: the length of the `leaves` buffer that the kernel's functions write."""
        return len(self.trees.roots)

    def raw(self, X: ArrayLike) -> NDArray[np.float64]:
        """Raw scores (n, k) of rows X (n, n_features), bit-equal to scikit-learn's. ForestMismatch: `shape`."""
        rows = self._rows(X)
        raw = np.empty((len(rows), len(self.baseline)))
        score_rows(self.trees, rows, *self._buffers(), raw)
        return raw

    def attribute(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw scores (n, k) of rows X, and what each feature contributed to them (n, k, n_features).

        These are path attributions (Saabas 2014): the change of the node's value at each split is credited to the
        split's feature. `baseline + contributions.sum(axis=2)` is the raw score. They are *not* Shapley values: of
        features that only act together, the one split on last gets most of the credit.

        Raises ForestMismatch: `shape`.
        """
        rows = self._rows(X)
        raw = np.empty((len(rows), len(self.baseline)))
        contributions = np.empty((*raw.shape, self.n_features))
        attribute_rows(self.trees, rows, *self._buffers(), raw, contributions)
        return raw, contributions

    def explain(self, x: ArrayLike, output: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw scores (k,) of the one row x (n_features,), and the contributions (n_features,) to one of them.

        output: the raw score's place, which is the class's place in `classes`. Raises ForestMismatch: `shape`.
        """
        row = self._rows(np.asarray(x)[np.newaxis])[0]
        if not 0 <= output < len(self.baseline):
            raise ForestMismatch("shape", f"there is no raw score {output}, only 0 to {len(self.baseline) - 1}")
        raw, contributions = np.empty(len(self.baseline)), np.empty(self.n_features)
        explain_row(self.trees, row, output, *self._buffers(), raw, contributions)
        return raw, contributions

    def warm_up(self) -> None:
        """Compile every function (or load it from numba's cache), so that no report waits for it: seconds, once."""
        row = np.zeros((1, self.n_features))
        self.raw(row)
        self.attribute(row)
        self.explain(row[0], 0)

    def _buffers(self) -> tuple[NDArray[np.float64], NDArray[np.uint32]]:
        return np.empty(2 * self.n_features + 1), np.empty(self.n_trees, dtype=np.uint32)

    def _rows(self, X: ArrayLike) -> NDArray[np.float64]:
        rows = np.ascontiguousarray(X, dtype=np.float64).view()
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ForestMismatch("shape", f"rows of {self.n_features} features are needed, not an array {rows.shape}")
        rows.flags.writeable = False  # one type for numba, whether or not the caller's array can be written
        return rows


def check(forest: Forest, X: ArrayLike, expected_raw: ArrayLike) -> None:
    """Prove that the forest gives the golden raw scores (n, k) of rows X, and that its attributions add up to them.

    Raises ForestMismatch: `shape`; `raw` when a score differs by more than 1e-12; `attribution` when a sum does, times
    the size of what is summed where that exceeds 1.
    """
    raw, contributions = forest.attribute(X)
    expected = np.asarray(expected_raw, dtype=np.float64)
    if raw.shape != expected.shape:
        raise ForestMismatch("shape", f"golden raw scores are {expected.shape}, the forest gives {raw.shape}")
    _require_close("raw", "the golden raw score", np.abs(raw - expected), np.ones_like(raw))
    gap = np.abs(forest.baseline + contributions.sum(axis=2) - raw)
    size = np.abs(forest.baseline) + np.abs(contributions).sum(axis=2)
    _require_close("attribution", "baseline and contributions added up", gap, np.maximum(size, 1.0))


def _require_close(reason: Reason, what: str, gap: NDArray[np.float64], size: NDArray[np.float64]) -> None:
    wrong = ~(gap <= TOLERANCE * size)  # so that NaN is wrong, too
    if wrong.any():
        row, output = np.argwhere(wrong)[0]
        raise ForestMismatch(
            reason,
            f"the kernel's raw score differs from {what} by {gap[row, output]:.3g} at row {row}, score {output} "
            f"({wrong.any(axis=1).sum()} of {len(gap)} rows); do not use this forest, keep the one before",
        )


def _parts(
    model: "HistGradientBoostingClassifier",
) -> tuple[list[NDArray[np.void]], NDArray[np.float64], NDArray[np.int64]]:
    """The model's trees in the order of summing, its raw scores before any tree (k,), and its labels."""
    try:
        # Private, as scikit-learn offers no other way to its trees; hence the checks here and on golden rows.
        iterations, base, preprocessor = model._predictors, model._baseline_prediction, model._preprocessor
        records = [tree.nodes for iteration in iterations for tree in iteration]
        present = set.intersection(*(set(nodes.dtype.names or ()) for nodes in records))
        classes = np.asarray(model.classes_)
    except (AttributeError, TypeError) as error:
        raise ForestMismatch("layout", f"not a fitted HistGradientBoostingClassifier as known here: {error}") from error
    if missing := (NODE_FIELDS | SPLIT_FIELDS) - present:
        raise ForestMismatch("layout", f"the trees' nodes lack {sorted(missing)}: fit with scikit-learn 1.9")
    if preprocessor is not None or any(nodes["is_categorical"].any() for nodes in records):
        raise ForestMismatch("categorical", "the model has categorical columns: encode them as numbers before the fit")
    if not np.issubdtype(classes.dtype, np.integer):
        raise ForestMismatch("classes", f"labels must be integers, not {classes.dtype}")
    return records, np.array(base, dtype=np.float64).ravel(), classes


def _require_sound(
    nodes: NDArray[np.void],
    inner: NDArray[np.intp],
    starts: NDArray[np.intp],
    tree_of: NDArray[np.intp],
    n_features: int,
) -> None:
    """Refuse links that leave a tree or lead back, and features out of a row: the kernel would read foreign memory."""
    sizes = np.bincount(tree_of)
    binary = sizes == 2 * np.bincount(tree_of[inner], minlength=len(sizes)) + 1
    splits, size, own = nodes[inner], sizes[tree_of[inner]], inner - starts[tree_of[inner]]
    linked = [(splits[side] > own) & (splits[side] < size) for side in ("left", "right")]
    featured = (splits["feature_idx"] >= 0) & (splits["feature_idx"] < n_features)
    if not (binary.all() and np.all(linked) and featured.all()):
        raise ForestMismatch("layout", "a split names a child or a feature that does not exist: the model is damaged")


def _fixed(array: ArrayLike, dtype: Any) -> NDArray[Any]:
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy
