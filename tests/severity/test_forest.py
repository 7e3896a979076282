"""The forest kernel promises scikit-learn's scores, and reasons that add up to them."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.lib import recfunctions
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier as Model
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from threadpoolctl import threadpool_limits

from severity import forest_kernel
from severity.forest import Forest, ForestMismatch, check
from severity.forest_kernel import attribute_row, attribute_rows, explain_row, score_row, score_rows

N_FEATURES = 6


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """scikit-learn's threads wait for each other in a busy loop: beside busy neighbours small fits take a minute."""
    with threadpool_limits(1):
        yield


def rows(seed: int, n: int = 600) -> NDArray[np.float64]:
    """Few distinct values in some columns, so that rows hit thresholds' neighbours; NaN and infinities in others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, N_FEATURES))
    X[:, 1] = np.round(X[:, 1])
    X[rng.random(n) < 0.3, 2] = np.nan
    X[:, 3] = np.round(X[:, 3], 1)  # scikit-learn's bins are quantiles, undefined beside infinities, above 255 values
    X[rng.random(n) < 0.1, 3] = np.inf
    X[rng.random(n) < 0.1, 3] = -np.inf
    X[:, 5] = np.where(rng.random(n) < 0.5, np.nan, 1.0)  # known or not is all it says: splits on NaN alone
    return X


def fit(labels: tuple[int, ...] = (1, 2, 3, 4, 5), **settings: Any) -> Model:
    X = rows(0)
    noise = np.random.default_rng(1).normal(scale=0.3, size=len(X))
    score = X[:, 0] + X[:, 1] * np.nan_to_num(X[:, 2], nan=2.0) + np.isnan(X[:, 5]) + np.isposinf(X[:, 3]) + noise
    place = np.searchsorted(np.quantile(score, np.linspace(0, 1, len(labels) + 1)[1:-1]), score)
    known: dict[str, Any] = {"max_iter": 12, "early_stopping": False, "min_samples_leaf": 5, "random_state": 0}
    return Model(**(known | settings)).fit(X, np.array(labels)[place])


@pytest.fixture(scope="module")
def model() -> Model:
    return fit()


@pytest.fixture(scope="module")
def forest(model: Model) -> Forest:
    return Forest.from_sklearn(model)


def thresholds(model: Model) -> list[list[float]]:
    """The thresholds of each feature's splits."""
    nodes = np.concatenate([tree.nodes for iteration in model._predictors for tree in iteration])
    splits = nodes[nodes["is_leaf"] == 0]
    return [splits["num_threshold"][splits["feature_idx"] == feature].tolist() for feature in range(N_FEATURES)]


def plain_attribution(model: Model, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Path attributions (k, n_features) by the definition, one node after the other, over scikit-learn's own nodes."""
    contributions = np.zeros((model.n_trees_per_iteration_, len(x)))
    for iteration in model._predictors:
        for output, tree in enumerate(iteration):
            nodes = tree.nodes

            def mean(at: int, nodes: NDArray[np.void] = nodes) -> float:
                if nodes["is_leaf"][at]:
                    return float(nodes["value"][at])
                children = nodes["left"][at], nodes["right"][at]
                return float(np.average([mean(child) for child in children], weights=nodes["count"][list(children)]))

            at = 0
            while not nodes["is_leaf"][at]:
                node = nodes[at]
                value = x[node["feature_idx"]]
                left = node["missing_go_to_left"] if np.isnan(value) else value <= node["num_threshold"]
                child = node["left"] if left else node["right"]
                contributions[output, node["feature_idx"]] += mean(child) - mean(at)
                at = child
    return contributions


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="five levels"),
        pytest.param({"max_iter": 1}, id="one iteration"),
        pytest.param({"max_iter": 3}, id="trees that fill no group of lanes"),
        pytest.param({"labels": (1, 3, 5)}, id="three of five levels"),
        pytest.param({"labels": (2, 4)}, id="two levels, one raw score"),
        pytest.param({"min_samples_leaf": 400}, id="trees of a single leaf"),
        pytest.param({"max_leaf_nodes": None, "min_samples_leaf": 1, "learning_rate": 1.0}, id="deep, unshrunk"),
        pytest.param({"max_depth": 1, "l2_regularization": 3.0}, id="stumps"),
        pytest.param({"labels": (2, 4), "monotonic_cst": [1, 0, 0, 0, 0, 0]}, id="monotonic"),
        pytest.param({"max_features": 0.5, "class_weight": "balanced"}, id="sampled columns, weighted classes"),
    ],
)
def test_every_row_gets_scikit_learns_raw_score_and_reasons_that_add_up(settings: dict[str, Any]) -> None:
    model = fit(**settings)
    forest = Forest.from_sklearn(model)
    X = np.concatenate([rows(0), rows(7)])
    expected = model._raw_predict(X)
    assert np.array_equal(forest.raw(X), expected)
    check(forest, X, expected)
    assert forest.classes.tolist() == model.classes_.tolist()


def test_a_large_forest_gives_the_same_on_many_rows() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5000, 40))
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.digitize(np.nansum(X[:, :6], axis=1) + rng.normal(size=len(X)), [-3, -1, 1, 3]) + 1
    model = Model(max_iter=40, early_stopping=False).fit(X, y)
    forest = Forest.from_sklearn(model)
    assert np.array_equal(forest.raw(X), model._raw_predict(X))
    check(forest, X, model._raw_predict(X))


def test_a_value_exactly_at_a_threshold_and_its_neighbours_go_scikit_learns_way(model: Model, forest: Forest) -> None:
    X = []
    for feature, cuts in enumerate(thresholds(model)):
        for cut in cuts:
            for value in (np.nextafter(cut, -np.inf), cut, np.nextafter(cut, np.inf)):
                row = np.zeros(N_FEATURES)
                row[feature] = value
                X.append(row)
    assert len(X) > 1000
    check(forest, X, model._raw_predict(np.array(X)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324])
def test_a_row_of_nothing_but_an_extreme_value_is_scored(model: Model, forest: Forest, value: float) -> None:
    X = np.full((1, N_FEATURES), value)
    check(forest, X, model._raw_predict(X))


@settings(max_examples=200)
@given(st.data())
def test_any_row_of_numbers_gets_scikit_learns_score(model: Model, forest: Forest, data: st.DataObject) -> None:
    cells = [
        st.floats() | st.just(float("nan")) | (st.sampled_from(cuts) if cuts else st.nothing())
        for cuts in thresholds(model)
    ]
    X = np.array(data.draw(st.lists(st.tuples(*cells), min_size=1, max_size=5)))
    check(forest, X, model._raw_predict(X))


def test_each_split_is_credited_to_its_own_feature(model: Model, forest: Forest) -> None:
    X = rows(11, n=8)
    _, contributions = forest.attribute(X)
    for x, own in zip(X, contributions, strict=True):
        np.testing.assert_allclose(own, plain_attribution(model, x), atol=1e-12, rtol=0)


def test_the_baseline_is_the_mean_raw_score_of_the_rows_of_the_fit(model: Model, forest: Forest) -> None:
    np.testing.assert_allclose(forest.baseline, model._raw_predict(rows(0)).mean(axis=0), atol=1e-12, rtol=0)


def test_one_row_explained_is_the_row_of_the_batch(forest: Forest) -> None:
    X = rows(5, n=20)
    raw, contributions = forest.attribute(X)
    for row, x in enumerate(X):
        for output in range(5):
            own_raw, own = forest.explain(x, output)
            assert np.array_equal(own_raw, raw[row])
            assert np.array_equal(own, contributions[row, output])


def test_another_compiled_function_may_call_the_kernel(forest: Forest) -> None:
    @njit
    def best(trees, x, cells, leaves, raw, contributions):
        score_row(trees, x, cells, leaves, raw)
        output = np.argmax(raw)
        attribute_row(trees, leaves, output, contributions)
        return output

    x = rows(6, n=1)[0]
    cells, leaves = np.empty(2 * N_FEATURES + 1), np.empty(forest.n_trees, dtype=np.uint32)
    raw, contributions = np.empty(5), np.full(N_FEATURES, np.nan)
    output = best(forest.trees, x, cells, leaves, raw, contributions)
    expected_raw, expected = forest.explain(x, int(np.argmax(forest.raw(x[np.newaxis]))))
    assert output == np.argmax(expected_raw)
    assert np.array_equal(raw, expected_raw)
    assert np.array_equal(contributions, expected)


def test_the_callers_array_may_have_any_layout_and_is_left_alone(forest: Forest) -> None:
    X = rows(8, n=30).astype(np.float32).astype(np.float64)  # exact in either width
    expected = forest.raw(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    for variant in (
        X,
        frozen,
        np.asfortranarray(X),
        X.astype(np.float32),
        X.tolist(),
        pd.DataFrame(X),
        X[:, ::-1][:, ::-1],
    ):
        assert np.array_equal(forest.raw(variant), expected)
    assert X.flags.writeable


def test_no_rows_give_no_scores(forest: Forest) -> None:
    raw, contributions = forest.attribute(np.empty((0, N_FEATURES)))
    assert raw.shape == (0, 5)
    assert contributions.shape == (0, 5, N_FEATURES)


def test_threads_do_not_disturb_each_other(forest: Forest) -> None:
    batches = [rows(seed, n=300) for seed in range(8)]
    expected = [forest.attribute(X) for X in batches]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(forest.attribute, batches * 5))
    for (raw, contributions), (expected_raw, expected_contributions) in zip(results, expected * 5, strict=True):
        assert np.array_equal(raw, expected_raw)
        assert np.array_equal(contributions, expected_contributions)


def test_nothing_is_compiled_anew_after_warm_up(model: Model, forest: Forest) -> None:
    forest.warm_up()
    compiled = [len(function.signatures) for function in (score_rows, attribute_rows, explain_row)]
    X = rows(9)
    X.flags.writeable = False  # as golden rows are when they come from a file mapped into memory
    for variant in (forest, pickle.loads(pickle.dumps(forest)), Forest.from_sklearn(fit(labels=(1, 3)))):
        variant.raw(X)
        variant.attribute(X.copy())
        variant.explain(X[0], 0)
    assert [len(function.signatures) for function in (score_rows, attribute_rows, explain_row)] == compiled


def test_a_pickled_forest_scores_the_same_and_stays_read_only(model: Model, forest: Forest) -> None:
    again = pickle.loads(pickle.dumps(forest))
    X = rows(9)
    check(again, X, model._raw_predict(X))
    assert not any(array.flags.writeable for array in (again.classes, again.baseline, *again.trees))


def tampered(forest: Forest, name: str, field: str, at: int, change: float) -> Forest:
    array = getattr(forest.trees, name).copy()
    array[field][at] += change
    return replace(forest, trees=forest.trees._replace(**{name: array}))


def test_one_wrong_leaf_is_found(model: Model, forest: Forest) -> None:
    X = rows(10)
    leaf = int(np.argmax(forest.trees.nodes["child"] == np.arange(len(forest.trees.nodes))))
    with pytest.raises(ForestMismatch, match="golden raw score") as error:
        check(tampered(forest, "nodes", "threshold", leaf, 1e-9), X, model._raw_predict(X))
    assert error.value.reason == "raw"


def test_one_wrong_threshold_is_found(model: Model, forest: Forest) -> None:
    X = rows(10)
    with pytest.raises(ForestMismatch, match="golden raw score"):
        check(tampered(forest, "nodes", "threshold", 0, 0.5), X, model._raw_predict(X))


def test_one_wrong_credit_is_found(model: Model, forest: Forest) -> None:
    X = rows(10)
    with pytest.raises(ForestMismatch, match="added up") as error:
        check(tampered(forest, "steps", "delta", 1, 1e-9), X, model._raw_predict(X))
    assert error.value.reason == "attribution"


def test_a_score_that_is_no_number_is_found(forest: Forest) -> None:
    X = rows(10, n=3)
    expected = forest.raw(X)
    expected[1, 2] = np.nan
    with pytest.raises(ForestMismatch, match="row 1, score 2"):
        check(forest, X, expected)


@pytest.mark.parametrize("X", [np.zeros((3, N_FEATURES + 1)), np.zeros(N_FEATURES), np.zeros((2, 2, N_FEATURES))])
def test_rows_of_another_shape_are_refused(forest: Forest, X: NDArray[np.float64]) -> None:
    with pytest.raises(ForestMismatch, match=f"{N_FEATURES} features") as error:
        forest.raw(X)
    assert error.value.reason == "shape"


def test_golden_scores_of_another_number_of_classes_are_refused(forest: Forest) -> None:
    with pytest.raises(ForestMismatch, match="golden raw scores are"):
        check(forest, rows(0), np.zeros((600, 3)))


@pytest.mark.parametrize("output", [-1, 5])
def test_a_raw_score_that_does_not_exist_is_refused(forest: Forest, output: int) -> None:
    with pytest.raises(ForestMismatch, match="no raw score"):
        forest.explain(np.zeros(N_FEATURES), output)


def refusal(model: Any) -> str:
    with pytest.raises(ForestMismatch) as error:
        Forest.from_sklearn(model)
    return error.value.reason


@pytest.mark.parametrize("column", [pytest.param(0, id="split on"), pytest.param(1, id="never split on")])
def test_a_model_with_a_categorical_column_is_refused(column: int) -> None:
    X = np.column_stack([np.arange(200) % 4, np.zeros(200)])
    assert refusal(Model(categorical_features=[column], max_iter=2).fit(X, X[:, 0].astype(int))) == "categorical"


def test_a_single_categorical_split_is_refused(model: Model) -> None:
    odd = copy.deepcopy(model)
    odd._predictors[3][2].nodes["is_categorical"][0] = 1
    assert refusal(odd) == "categorical"


@pytest.mark.parametrize("field", ["missing_go_to_left", "count", "depth", "num_threshold"])
def test_trees_of_a_scikit_learn_without_a_needed_field_are_refused(model: Model, field: str) -> None:
    odd = copy.deepcopy(model)
    tree = odd._predictors[1][0]
    tree.nodes = recfunctions.drop_fields(tree.nodes, field)
    assert refusal(odd) == "layout"


@pytest.mark.parametrize(
    ("field", "value"),
    [("left", 0), ("right", 10_000), ("feature_idx", N_FEATURES), ("feature_idx", -1), ("is_leaf", 1)],
)
def test_a_damaged_tree_is_refused_before_the_kernel_reads_foreign_memory(model: Model, field: str, value: int) -> None:
    odd = copy.deepcopy(model)
    odd._predictors[2][4].nodes[field][0] = value
    assert refusal(odd) == "layout"


def test_what_is_not_a_fitted_forest_of_levels_is_refused() -> None:
    X, y = np.nan_to_num(rows(0), posinf=9, neginf=-9), np.arange(600) % 3
    assert refusal(Model()) == "layout"
    assert refusal(HistGradientBoostingRegressor(max_iter=2).fit(X, y)) == "layout"
    assert refusal(RandomForestClassifier(2).fit(X, y)) == "layout"
    assert refusal(Model(max_iter=2).fit(X, y.astype(str))) == "classes"


def test_a_refusal_keeps_its_reason_on_the_way_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(ForestMismatch("raw", "differs")))
    assert (error.reason, error.detail, str(error)) == ("raw", "differs", "raw: differs")


def test_importing_compiles_nothing_and_loads_no_scikit_learn() -> None:
    code = (
        "import sys; from severity.forest_kernel import score_row; import severity.forest;"
        "assert not score_row.signatures; assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_kernel_compiles_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    def njit_without_a_folder(**options: Any) -> Any:
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(forest_kernel, "njit", njit_without_a_folder)

    @forest_kernel.kernel
    def double(x: float) -> float:
        return 2 * x

    assert double(21.0) == 42.0
