import importlib
import json
import os
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import shallownet
import shallownet.sklearn
from shallownet import fold_standardization, initialize_parameters, one_hot, standardize
from shallownet.activations import ACTIVATIONS
from shallownet.lbfgs import train_lbfgs
from shallownet.model_selection import aggregate_duplicates, fit
from shallownet.network import NAMES
from shallownet.preprocessing import balanced_weights
from shallownet.sklearn import ShallowNetClassifier, ShallowNetRegressor
from shallownet.storage import ModelFileError, load_parameters, save_parameters

BOTH = pytest.mark.parametrize("Estimator", [ShallowNetClassifier, ShallowNetRegressor])
QUICK = {"n_h": 8, "hidden": "tanh", "max_iter": 2000, "learning_rate": 0.03, "l2": 1.0, "networks": 1}


@pytest.fixture(scope="module")
def tables():
    """A table with three classes and one with values, of 90 rows, read-only."""
    generator = np.random.RandomState(0)
    X = generator.standard_normal((90, 4)) * [1, 10, 0.1, 1] + [0, 50, 0, -3]
    score = X[:, 0] + (X[:, 1] - 50) / 10
    y = {ShallowNetClassifier: np.digitize(score, [-0.5, 0.5]), ShallowNetRegressor: np.sin(score) * 7 + 100}
    for array in (X, *y.values()):
        array.flags.writeable = False
    return X, y


def small(Estimator, **settings):
    return Estimator(**QUICK | settings)


def assert_same(one, two):
    for name in NAMES:
        np.testing.assert_array_equal(one.parameters_[name], two.parameters_[name])


# What scikit-learn asks for

CHECKS = """
import json, warnings
from sklearn.utils.estimator_checks import check_estimator
from shallownet.sklearn import ShallowNetClassifier, ShallowNetRegressor
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "The network is no better than a constant")   # several checks train on noise
results = [result for estimator in (ShallowNetClassifier(), ShallowNetRegressor())
           for result in check_estimator(estimator, on_skip=None, on_fail=None)]
print(json.dumps([(type(result["estimator"]).__name__, result["check_name"], result["status"], str(result["exception"]))
                  for result in results]))
"""


def test_every_check_of_scikit_learn_passes_and_none_is_skipped():
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join(sys.path)}  # before SciPy loads
    process = subprocess.run(
        [sys.executable, "-c", CHECKS], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    results = json.loads(process.stdout)
    assert [result for result in results if result[2] != "passed"] == []
    for name in ("ShallowNetClassifier", "ShallowNetRegressor"):
        assert len([result for result in results if result[0] == name]) >= 50


@BOTH
def test_it_works_in_pipelines_grid_searches_and_processes(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    pipeline = make_pipeline(MinMaxScaler(), small(Estimator))
    name = Estimator.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__n_h": [2, 8], f"{name}__l2": [0.1, 1]}, cv=2, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.7
    one, two = (cross_val_score(small(Estimator), X, y, cv=3, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


@BOTH
def test_clones_and_copies_predict_the_same(tables, Estimator, tmp_path):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = clone(model).fit(X, y), pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")
    for copy in copies:
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))


@BOTH
def test_a_data_frame_is_taken_by_its_columns(tables, Estimator):
    X, y = pd.DataFrame(tables[0], columns=list("abcd")), pd.Series(tables[1][Estimator])
    model = small(Estimator).fit(X, y)
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(model.predict(X), small(Estimator).fit(*map(np.asarray, (X, y))).predict(tables[0]))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[["b", "a", "c", "d"]])


# The network underneath

@BOTH
def test_the_network_takes_the_columns_of_the_table_as_they_are(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X, y)
    predicted = shallownet.predict(model.parameters_, X.T)
    np.testing.assert_array_equal(model.predict(X), predicted[0])
    assert model.score(X, y) > 0.9


def test_probabilities_come_in_the_order_of_the_classes(tables):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    for labels in (y, np.where(y == 0, "b", "a")):
        model = small(ShallowNetClassifier).fit(X, labels)
        probabilities = model.predict_proba(X)
        assert probabilities.shape == (90, len(model.classes_))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("labels", [
    ["no", "yes"], [False, True], [-1, 1], [1.0, 2.0], ["a", "b", "c"], [10, 20, 30],
    np.array(["u", "v"], dtype=object), np.array(["a\0", "a"], dtype=object), np.array(["a\0", "b"]),
    np.array(["a", "b"], "U9"), np.array(["2026-11-25", "2026-11-26"], "M8[D]"), np.array([1, 60], "m8[s]"),
])
def test_labels_of_any_type_come_back_and_are_saved(tables, labels, tmp_path):
    X = tables[0]
    y = np.asarray(labels)[tables[1][ShallowNetClassifier] % len(labels)]
    model = small(ShallowNetClassifier).fit(X, y)
    model.save(tmp_path / "model.h5")
    loaded = ShallowNetClassifier.load(tmp_path / "model.h5")
    assert model.classes_.tolist() == loaded.classes_.tolist() == sorted(np.asarray(labels).tolist())
    assert model.predict(X).dtype == loaded.predict(X).dtype == y.dtype
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert model.score(X, y) > 0.8


def test_labels_of_numpy_s_strings_come_back_and_are_saved(tables, tmp_path):
    X = tables[0]
    y = np.array(["no\0", "no"], np.dtypes.StringDType())[tables[1][ShallowNetClassifier] % 2]
    model = small(ShallowNetClassifier).fit(X, y)
    model.save(tmp_path / "model.h5")
    loaded = ShallowNetClassifier.load(tmp_path / "model.h5")
    assert loaded.classes_.tolist() == ["no", "no\0"]
    assert (loaded.predict(X) == model.predict(X)).all()
    assert (model.predict(X) == y).mean() > 0.8


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 2)])
def test_values_come_back_in_the_shape_they_came_in(tables, shape, tmp_path):
    X, y = tables[0], tables[1][ShallowNetRegressor]
    y = np.resize(np.stack([y, -1000 * y]).T, (90, 2))[:, :shape[-1]] if len(shape) == 2 else y
    model = small(ShallowNetRegressor).fit(X, y)
    assert model.predict(X).shape == shape
    assert model.score(X, y) > 0.9
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(ShallowNetRegressor.load(tmp_path / "model.h5").predict(X), model.predict(X))


@BOTH
def test_float32_stays_float32(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X.astype(np.float32), y)
    assert {model.parameters_[name].dtype for name in NAMES} == {np.dtype(np.float32)}
    assert model.score(X.astype(np.float32), y) == pytest.approx(small(Estimator).fit(X, y).score(X, y), abs=0.02)


@BOTH
def test_the_unit_of_the_table_changes_nothing(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model, converted = small(Estimator).fit(X, y), small(Estimator).fit(1024 * X + 4096, y)
    # Not to the last digit: the rounding differs, and a search in a hundred steps amplifies it.
    np.testing.assert_allclose(converted.predict(1024 * X + 4096), model.predict(X), rtol=0.02)


@BOTH
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X, y)
    expected = model.predict(X)
    with pytest.raises(ValueError, match=r"^sample_weight must"):
        model.fit(np.hstack([X, X]), y, sample_weight=-np.ones(len(y)))
    np.testing.assert_array_equal(model.predict(X), expected)


def test_a_constant_target_is_learned():
    model = ShallowNetRegressor().fit(np.arange(20.0).reshape(10, 2), np.full(10, 7.0))
    np.testing.assert_allclose(model.predict(np.ones((1, 2))), 7.0, rtol=1e-4)


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_very_small_tables_are_learned(rows):
    X, y = np.arange(rows)[:, np.newaxis], np.arange(rows)
    model = ShallowNetRegressor().fit(X, y)
    assert abs(model.predict(X) - y).max() <= rows / 2


# The defaults

def test_the_defaults_are_good_on_tables_that_scikit_learn_ships():
    assert cross_val_score(ShallowNetRegressor(), *datasets.load_diabetes(return_X_y=True)).mean() > 0.45
    assert cross_val_score(ShallowNetClassifier(), *datasets.load_wine(return_X_y=True)).mean() > 0.97


def test_l2_follows_the_noise():
    generator = np.random.RandomState(0)
    X = generator.uniform(-3, 3, (100, 1))
    clean, noisy = np.sin(2 * X[:, 0]), generator.standard_normal(100)
    one = ShallowNetRegressor().fit(X, clean)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        two = ShallowNetRegressor().fit(X, noisy)
    assert one.l2_ <= 0.1
    assert two.l2_ >= 1.0
    assert one.score(X, clean) > 0.99
    assert one.cv_score_ > 0.95 > 0.1 > two.cv_score_
    assert ShallowNetRegressor(l2=0.5).fit(X, clean).l2_ == 0.5


@BOTH
def test_the_defaults_are_those_of_the_plain_function(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = Estimator().fit(X, y)
    if Estimator is ShallowNetClassifier:
        parameters, report = fit(X.T, one_hot(y), cost="softmax_cross_entropy")
    else:
        parameters, report = fit(X.T, y[np.newaxis], cost="squared_error")
    for name in NAMES:
        np.testing.assert_array_equal(model.parameters_[name], parameters[name])
    assert (model.l2_, model.n_h_, model.hidden_) == (report["l2"], report["n_h"], report["hidden"])
    assert (model.cv_score_, model.cv_scores_) == (report["score"], report["fold_scores"])
    assert (model.cv_table_, model.temperature_) == (report["table"], report["temperature"])


@BOTH
def test_one_network_with_l2_is_the_plain_training(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = Estimator(8, hidden="tanh", l2=1.0, networks=1, max_iter=2000).fit(X, y)
    one = ShallowNetClassifier is Estimator
    columns, *_ = aggregate_duplicates(X.T, one_hot(y) if one else y[np.newaxis], None)
    X, Y = X.T[:, columns], (one_hot(y) if one else y[np.newaxis])[:, columns]
    cost = "softmax_cross_entropy" if one else "squared_error"
    mean, std = standardize(X)
    scaling = {"mean": mean, "std": std} | ({} if one else dict(zip(("y_mean", "y_std"), standardize(Y), strict=True)))
    X, Y = (X - mean) / std, Y if one else (Y - scaling["y_mean"]) / scaling["y_std"]
    network = initialize_parameters(4, 8, len(Y), cost=cost, scale="nguyen_widrow", X=X, random_state=3)
    network, _ = train_lbfgs(X, Y, network, 2000, l2=1.0, tolerance=1e-4)
    for name, expected in fold_standardization(network, **scaling).items():
        if name in NAMES:
            np.testing.assert_array_equal(model.parameters_[name], expected)
    assert (model.cv_score_, model.cv_table_) == (None, None)


def test_large_tables_go_to_adam(tables, monkeypatch):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    monkeypatch.setattr(shallownet.sklearn, "LBFGS_SAMPLES", 89)
    settings = {"batch_size": 30}
    assert_same(small(ShallowNetClassifier, **settings).fit(X, y),
                small(ShallowNetClassifier, solver="adam", **settings).fit(X, y))
    assert_same(
        small(ShallowNetClassifier).fit(X[:89], y[:89]), small(ShallowNetClassifier, solver="lbfgs").fit(X[:89], y[:89])
    )


def test_intervals_hold_their_share_of_new_rows():
    generator = np.random.RandomState(0)
    X = generator.uniform(-3, 3, (2400, 2))
    y = np.column_stack([np.sin(X[:, 0]), 100 * X[:, 1]]) + generator.standard_normal((2400, 2)) * [0.2, 30]
    model = ShallowNetRegressor(networks=3).fit(X[:400], y[:400])
    widths = []
    for level in (0.5, 0.9):
        lower, upper = model.predict_interval(X[400:], level=level)
        assert lower.shape == upper.shape == (2000, 2)
        share = ((lower <= y[400:]) & (y[400:] <= upper)).mean(axis=0)
        np.testing.assert_allclose(share, level, atol=0.06)
        widths.append((upper - lower).mean())
    assert widths[0] < widths[1]
    model = ShallowNetRegressor(networks=3).fit(X[:100], y[:100, 0])
    assert model.predict_interval(X[:7])[0].shape == (7,)


def test_a_plain_training_has_no_intervals(tables):
    model = small(ShallowNetRegressor).fit(tables[0], tables[1][ShallowNetRegressor])
    with pytest.raises(ValueError, match=r"predict_interval must follow a fit that holds rows out.*Use fit with"):
        model.predict_interval(tables[0])


@BOTH
def test_one_warning_tells_that_nothing_was_learned(Estimator):
    generator = np.random.RandomState(0)
    X, y = generator.standard_normal((200, 3)), generator.randint(0, 2, 200)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = Estimator().fit(X, y)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert "no better than a constant answer" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert model.stop_reason_ == "constant"


def test_a_training_that_oscillates_is_not_called_converged():
    flowers = load_iris().data
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = ShallowNetRegressor(solver="adam", learning_rate=1.0).fit(flowers[:, :3], flowers[:, 3])
    assert [(warning.category, warning.filename) for warning in caught] == [(ConvergenceWarning, __file__)]
    assert "diverged or oscillates" in str(caught[0].message)
    assert model.stop_reason_ == "diverged"


@pytest.mark.parametrize(("change", "message"), [
    (lambda X, y, w: (np.where(np.arange(3) == 1, X * 1e200, X), y, w), r"^X must .*column 1 overflows"),
    (lambda X, y, w: (pd.DataFrame(np.where(np.arange(3) == 1, X * 1e200, X), columns=["a", "b", "c"]), y, w),
     r"^X must .*column 1, 'b' overflows"),
    (lambda X, y, w: (X, y * 1e200, w), r"^y must .*column 0 overflows"),
    (lambda X, y, w: (X, y, np.where(np.arange(30) == 7, np.nan, w)), r"^sample_weight must .*sample_weight\[7\]"),
])
def test_messages_count_rows_and_columns_as_the_table_does(change, message):
    X = np.random.RandomState(0).standard_normal((30, 3))
    table, y, weight = change(X, X[:, 0], np.ones(30))
    with pytest.raises(ValueError, match=message):
        ShallowNetRegressor().fit(table, y, sample_weight=weight)


@BOTH
def test_a_plateau_is_not_called_converged(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    with pytest.warns(ConvergenceWarning, match="no better than a constant answer"):
        model = Estimator(8, networks=1, l2=1e6).fit(X, y)
    assert model.stop_reason_ == "constant"


@pytest.mark.parametrize("batch_size", [30, 40, 1000])
def test_adam_counts_epochs_and_reports_each(tables, batch_size):
    X, y = tables[0], tables[1][ShallowNetRegressor]
    model = small(ShallowNetRegressor, solver="adam", batch_size=batch_size, max_iter=7)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=7 ended the training\. Use a larger max_iter"):
        model.fit(X, y)
    batches = {30: 3, 40: 3, 1000: 1}[batch_size]
    assert model.history_["iteration"] == [epoch * batches for epoch in range(8)]
    assert (model.n_iter_, model.stop_reason_) == (7, "max_iter")


@BOTH
def test_one_warning_tells_that_the_cost_still_fell(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = small(Estimator, max_iter=3).fit(X, y)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert caught[0].filename == __file__
    assert (model.n_iter_, model.stop_reason_) == (3, "max_iter")


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_training_that_converges_says_so(tables, Estimator, solver):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, solver=solver, batch_size=30).fit(X, y)
    assert model.stop_reason_ == "converged"
    assert model.n_iter_ < 2000
    assert model.history_["cost"][-1] < model.history_["cost"][0]


def test_restarts_find_a_lower_cost(tables):
    X, y = tables[0], tables[1][ShallowNetRegressor]
    one, several = (small(ShallowNetRegressor, n_h=3, l2=0.0, restarts=n).fit(X, y) for n in (0, 5))
    assert several.history_["cost"][-1] < one.history_["cost"][-1]
    assert several.history_["cost"][-1] == pytest.approx(np.mean((several.predict(X) - y) ** 2) / y.var())


# Randomness

@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_seed_gives_the_same_network_and_leaves_the_global_state_alone(tables, Estimator, solver):
    X, y = tables[0], tables[1][Estimator]
    before = np.random.get_state(legacy=False)["state"]["key"]
    models = [
        small(Estimator, solver=solver, random_state=seed, early_stopping=True).fit(X, y)
        for seed in (5, 5, np.random.RandomState(5), 6)
    ]
    assert_same(models[0], models[1])
    assert_same(models[0], models[2])
    assert not np.array_equal(models[0].parameters_["W1"], models[3].parameters_["W1"])
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], before)


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_no_seed_draws_from_the_global_state(tables, Estimator, solver):
    X, y = tables[0], tables[1][Estimator]
    models = []
    for seed in (5, 5, 6):
        np.random.seed(seed)
        models.append(small(Estimator, solver=solver, random_state=None, early_stopping=True).fit(X, y))
    assert_same(models[0], models[1])
    assert not np.array_equal(models[0].parameters_["W1"], models[2].parameters_["W1"])


@BOTH
def test_a_generator_is_used_as_it_is(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    models = [small(Estimator, random_state=np.random.default_rng(5)).fit(X, y) for _ in range(2)]
    assert_same(*models)


# Weights

@BOTH
def test_weights_repetitions_and_order_give_the_same_bits(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    generator = np.random.RandomState(1)
    weights, order = generator.randint(0, 3, 90), generator.permutation(90)
    weighted = small(Estimator, l2="auto").fit(X, y, sample_weight=weights)
    assert_same(weighted, small(Estimator, l2="auto").fit(X.repeat(weights, axis=0), y.repeat(weights)))
    assert_same(weighted, small(Estimator, l2="auto").fit(X[order], y[order], sample_weight=weights[order].tolist()))
    assert not np.array_equal(weighted.predict(X), small(Estimator, l2="auto").fit(X, y).predict(X))


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_weights_weigh(solver):
    X, y, weights = [[0], [0], [1], [1]], [0.0, 1.0, 0.0, 1.0], [1, 3, 3, 1]
    settings = {"l2": 0.0, "solver": solver, "max_iter": 500}
    values = small(ShallowNetRegressor, **settings).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(values.predict([[0], [1]]), [0.75, 0.25], atol=0.05)
    classes = small(ShallowNetClassifier, **settings).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(classes.predict_proba([[0], [1]])[:, 1], [0.75, 0.25], atol=0.05)


@BOTH
def test_both_zeros_are_the_same_and_a_constant_column_does_no_harm(tables, Estimator):
    y = tables[1][Estimator]
    X = np.column_stack([tables[0], np.full(90, 0.1), np.zeros(90)])
    model = small(Estimator).fit(X, y, sample_weight=np.full(90, 2))
    assert model.score(X, y) > 0.9
    twice, signs = np.vstack([X, X]), np.repeat([[1.0], [-1.0]], 90, axis=0)
    assert_same(model, small(Estimator).fit(twice * np.hstack([np.ones((180, 5)), signs]), np.tile(y, 2)))


def test_l2_is_chosen_by_the_weights_too():
    generator = np.random.RandomState(0)
    X = generator.uniform(-3, 3, (120, 1))
    y = np.sin(2 * X[:, 0])
    y[:60] = generator.standard_normal(60)
    clean = ShallowNetRegressor().fit(X, y, np.r_[np.full(60, 1e-3), np.ones(60)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        noisy = ShallowNetRegressor().fit(X, y, np.r_[np.ones(60), np.full(60, 1e-3)])
    assert clean.l2_ <= 0.1
    assert noisy.l2_ >= 1.0


@BOTH
def test_adam_takes_weights(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    settings = {"solver": "adam", "batch_size": 90}
    weights = np.random.RandomState(1).randint(0, 3, 90)
    weighted = small(Estimator, **settings).fit(X, y, sample_weight=weights)
    repeated = small(Estimator, **settings).fit(X.repeat(weights, axis=0), y.repeat(weights))
    assert weighted.history_["cost"][0] == pytest.approx(repeated.history_["cost"][0], rel=1e-12)
    assert weighted.history_["cost"][-1] == pytest.approx(repeated.history_["cost"][-1], rel=0.01)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 2: 0.5}, {"few": 5}])
def test_class_weights_are_sample_weights(tables, class_weight):
    X, y = tables[0], np.minimum(tables[1][ShallowNetClassifier], 2)
    if class_weight == {"few": 5}:
        y = np.where(y == 0, "few", "many")
    if class_weight == "balanced":
        weights = balanced_weights(np.eye(3)[:, y])[0]
    else:
        weights = np.array([class_weight.get(label, 1.0) for label in y.tolist()])
    by_class = small(ShallowNetClassifier, class_weight=class_weight).fit(X, y)
    by_sample = small(ShallowNetClassifier).fit(X, y, sample_weight=weights)
    assert_same(by_class, by_sample)
    extra = np.random.RandomState(2).randint(1, 3, 90)
    weighted = small(ShallowNetClassifier, class_weight=class_weight).fit(X, y, sample_weight=extra)
    repeated = small(ShallowNetClassifier, class_weight=class_weight).fit(X.repeat(extra, axis=0), y.repeat(extra))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


# Early stopping

@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("early_stopping", [True, np.True_, 0.3])
def test_early_stopping_keeps_the_best_network(tables, Estimator, solver, early_stopping):
    X, y = tables[0], tables[1][Estimator].copy()
    y[::2] = np.random.RandomState(4).permutation(y[::2])  # half of them are noise
    settings = {"n_h": 30, "l2": 0.0, "solver": solver, "early_stopping": early_stopping}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)               # the best of a few iterations may be bad
        model = small(Estimator, **settings).fit(X, y)
    validation = model.history_["validation_cost"]
    best = np.argmin(validation)
    assert model.stop_reason_ in ("early_stopping", "constant")
    assert 0 < best < len(validation) - 1 == model.n_iter_
    with pytest.warns(ConvergenceWarning):
        assert_same(model, small(Estimator, **settings | {"max_iter": int(best)}).fit(X, y))


@BOTH
def test_early_stopping_watches_weighted_samples(tables, Estimator):
    X, y = tables[0], tables[1][Estimator].copy()
    noise = np.arange(len(y)) % 2 == 0
    y[noise] = np.random.RandomState(4).permutation(y[noise])
    model = small(Estimator, early_stopping=0.3)
    costs = [model.fit(X, y, weights).history_["validation_cost"][-1] for weights in (None, np.where(noise, 1e-9, 1))]
    assert costs[1] < 0.7 * costs[0]


def test_early_stopping_does_not_stop_on_the_noise_of_a_small_table():
    X, y = datasets.make_moons(200, noise=0.1, random_state=0)
    for seed in range(3):
        assert ShallowNetClassifier(early_stopping=True, random_state=seed).fit(X, y).score(X, y) > 0.85


# Going on

@BOTH
def test_a_warm_start_of_adam_goes_on_bit_for_bit(tables, Estimator, tmp_path):
    X, y = tables[0], tables[1][Estimator]
    settings = {"solver": "adam", "batch_size": 40}
    with pytest.warns(ConvergenceWarning):
        whole = small(Estimator, max_iter=30, **settings).fit(X, y)
    model = small(Estimator, max_iter=12, warm_start=True, **settings)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    model.save(tmp_path / "model.h5")
    for other in (model, pickle.loads(pickle.dumps(model)), Estimator.load(tmp_path / "model.h5")):
        with pytest.warns(ConvergenceWarning):
            other.set_params(max_iter=18).fit(X, y)
        assert_same(other, whole)
        assert other.history_ == whole.history_
        assert other.n_iter_ == whole.n_iter_ == 30


@BOTH
def test_a_warm_start_of_lbfgs_goes_on_from_the_same_network(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, l2=0.01, max_iter=12, warm_start=True)
    with pytest.warns(ConvergenceWarning):
        first = model.fit(X, y).history_["cost"]
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert model.history_["cost"][:13] == first
    assert model.history_["iteration"] == list(range(25))
    assert model.n_iter_ == 24
    assert (np.diff(model.history_["cost"]) < 0).all()


@BOTH
def test_without_warm_start_a_fit_begins_anew(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator)
    assert_same(clone(model).fit(X, y), model.fit(X[:50], y[:50]).fit(X, y))


@BOTH
def test_a_warm_start_takes_other_rows_and_another_solver(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, warm_start=True).fit(X, y)
    scaling = model._scaling
    iterations = model.n_iter_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(solver="adam", max_iter=5).fit(X[:60], y[:60]).fit(X[10:], y[10:])
        model.set_params(solver="lbfgs", max_iter=2).fit(X, y)
    assert model._scaling is scaling
    assert iterations + 10 < model.n_iter_ <= iterations + 12
    assert model.score(X, y) > 0.9


@BOTH
def test_a_warm_start_needs_the_same_columns_and_keeps_l2(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, l2="auto", warm_start=True).fit(X, y)
    chosen, noisy = model.l2_, np.where(np.arange(90) % 3, np.random.RandomState(0).permutation(y), y)
    assert model.fit(X, noisy).l2_ == chosen != small(Estimator, l2="auto").fit(X, noisy).l2_
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4"):
        model.fit(X[:, :3], y)


@BOTH
def test_early_stopping_goes_on_and_is_left(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, early_stopping=True, warm_start=True).fit(X, y)
    reports = len(model.history_["cost"])
    assert min(model.history_["validation_cost"]) < model.history_["validation_cost"][0] / 2
    model.fit(X, y)
    assert len(model.history_["validation_cost"]) == len(model.history_["cost"]) >= reports
    model.set_params(early_stopping=False).fit(X, y)
    assert model.stop_reason_ == "converged"


@BOTH
def test_partial_fit_learns_from_part_after_part(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    settings = {"classes": np.unique(y)} if Estimator is ShallowNetClassifier else {}
    model = small(Estimator, batch_size=10)
    for _ in range(60):
        for part in (slice(0, 40), slice(40, 80), slice(80, 90)):
            model.partial_fit(X[part], y[part], **settings)
    assert model.n_iter_ == 180
    assert model.score(X, y) > 0.9


@BOTH
def test_partial_fit_on_the_same_rows_is_an_epoch_of_fit(tables, Estimator):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator, batch_size=40, l2=0.0)
    for _ in range(5):
        model.partial_fit(X, y, **({"classes": [0, 1, 2]} if Estimator is ShallowNetClassifier else {}))
    with pytest.warns(ConvergenceWarning):
        fitted = small(Estimator, batch_size=40, l2=0.0, solver="adam", max_iter=5).fit(X, y)
    assert_same(model, fitted)
    assert model.history_ == fitted.history_


def test_partial_fit_on_other_rows_keeps_the_moments_and_takes_every_row(tables):
    X, y = tables[0], tables[1][ShallowNetRegressor]
    model = small(ShallowNetRegressor, batch_size=20).partial_fit(X[:40], y[:40])
    moments, scaling, network = (model._state["optimizer_state"], model._scaling, model._state["parameters"])
    model.partial_fit(X[40:], y[40:])
    columns = (X[40:].T - scaling["mean"]) / scaling["std"], (y[40:] - scaling["y_mean"]) / scaling["y_std"]
    optimizer = shallownet.adam(QUICK["learning_rate"])._replace(init=lambda parameters: moments)
    expected, _ = shallownet.train(*columns, network, 3, optimizer=optimizer, batch_size=20, l2=50 / 90, random_state=3)
    for name in NAMES:
        np.testing.assert_array_equal(model._state["parameters"][name], expected[name])


@pytest.mark.parametrize("chunk", [1, 10])
def test_l2_of_partial_fit_counts_the_samples_seen(chunk):
    random = np.random.RandomState(0)
    X = random.standard_normal((1000, 3))
    y = 2 * X[:, 0] + X[:, 1]
    model = ShallowNetRegressor(8, learning_rate=0.01).partial_fit(X[:100], y[:100])
    for _ in range(3):
        for begin in range(100, 1000, chunk):
            model.partial_fit(X[begin:begin + chunk], y[begin:begin + chunk])
    assert model.score(X, y) > 0.9


@BOTH
def test_the_first_part_must_have_some_rows(tables, Estimator):
    settings = {"classes": [0, 1, 2]} if Estimator is ShallowNetClassifier else {}
    with pytest.raises(ValueError, match=r"X must have at least 10 rows in the first call of partial_fit.*got 1\."):
        Estimator().partial_fit(tables[0][:1], tables[1][Estimator][:1], **settings)


def test_partial_fit_refines_a_fitted_network(tables):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    model = small(ShallowNetClassifier).fit(X, y)
    before = model.score(X, y)
    model.partial_fit(X, y, sample_weight=np.ones(90))
    assert model.score(X, y) == pytest.approx(before, abs=0.05)


# Files

@BOTH
def test_a_saved_estimator_comes_back_whole(tables, Estimator, tmp_path):
    X, y = pd.DataFrame(tables[0], columns=list("abcd")), tables[1][Estimator]
    settings = {"class_weight": {0: 2, 2: 0.5}} if Estimator is ShallowNetClassifier else {}
    model = small(Estimator, early_stopping=0.25, hidden="relu", **settings).fit(X, y)
    model.save(tmp_path / "model.h5")
    loaded = Estimator.load(tmp_path / "model.h5")
    assert loaded.get_params() == model.get_params()
    assert loaded.history_ == model.history_
    for name in ("n_iter_", "stop_reason_", "l2_", "n_features_in_"):
        assert getattr(loaded, name) == getattr(model, name)
    np.testing.assert_array_equal(loaded.feature_names_in_, model.feature_names_in_)
    assert loaded.feature_names_in_.dtype == object
    assert_same(loaded, model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@BOTH
def test_the_file_is_one_of_the_plain_functions(tables, Estimator, tmp_path):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X, y)
    model.save(tmp_path / "model.h5")
    parameters = load_parameters(tmp_path / "model.h5")
    np.testing.assert_array_equal(shallownet.predict(parameters, X.T)[0], model.predict(X))


def test_a_file_of_something_else_is_refused(tables, tmp_path):
    X, y = tables[0], tables[1][ShallowNetRegressor]
    model, path = small(ShallowNetRegressor).fit(X, y), tmp_path / "model.h5"
    model.save(path)
    with pytest.raises(ValueError, match="path must hold a ShallowNetClassifier; got a ShallowNetRegressor"):
        ShallowNetClassifier.load(path)
    save_parameters(path, model.parameters_)
    with pytest.raises(ValueError, match=r"got a network without an estimator\. Use .*load_parameters"):
        ShallowNetRegressor.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        ShallowNetRegressor.load(path)


def test_what_a_file_cannot_hold_is_named(tables, tmp_path):
    X, days = tables[0], np.array(["2026-11-25", "2026-11-26"], "M8[D]")
    y = days[tables[1][ShallowNetClassifier] % 2]
    model = small(ShallowNetClassifier, class_weight=dict.fromkeys(days, 2)).fit(X, y)
    with pytest.raises(TypeError, match=r"settings\.class_weight\.0\.0 must be a number"):
        model.save(tmp_path / "model.h5")
    with pytest.raises(NotFittedError):
        ShallowNetRegressor().save(tmp_path / "model.h5")
    assert list(tmp_path.iterdir()) == []


# Errors

@BOTH
@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"n_h": 0}, ValueError, "^n_h must"),
    ({"hidden": "cosine"}, ValueError, "^hidden must"),
    ({"l2": -1.0}, ValueError, "^l2 must"),
    ({"l2": "small"}, TypeError, "^l2 must"),
    ({"solver": "sgd"}, ValueError, "^solver must"),
    ({"max_iter": 0}, ValueError, "^max_iter must"),
    ({"solver": "adam", "batch_size": 0}, ValueError, "^batch_size must"),
    ({"solver": "adam", "learning_rate": 0}, ValueError, "^learning_rate must"),
    ({"restarts": -1}, ValueError, "^restarts must"),
    ({"early_stopping": 1.5}, ValueError, "^early_stopping must"),
    ({"early_stopping": "yes"}, TypeError, "^early_stopping must"),
    ({"random_state": -1}, ValueError, "^random_state must"),
])
def test_wrong_settings_are_refused_and_leave_the_network_alone(tables, Estimator, settings, error, message):
    X, y = tables[0], tables[1][Estimator]
    model = small(Estimator).fit(X, y)
    before, predicted = dict(model.parameters_), model.predict(X)
    with pytest.raises(error, match=message):
        model.set_params(**settings).fit(X[:60], y[:60])
    assert all(model.parameters_[name] is before[name] for name in NAMES)
    np.testing.assert_array_equal(model.predict(X), predicted)


@pytest.mark.parametrize(("class_weight", "error", "message"), [
    ({3: 1.0}, ValueError, r"class_weight must have labels from \[0 1 2\] as keys; got 3"),
    ({0: -1.0}, ValueError, r"^class_weight\[0\] must"),
    ({0: 0, 1: 0, 2: 0}, ValueError, "class_weight must leave a weight to one of the samples"),
    ("equal", ValueError, "class_weight must be 'balanced', a dictionary or None; got 'equal'"),
    ([1, 2, 3], ValueError, "class_weight must be 'balanced', a dictionary or None"),
])
def test_wrong_class_weights_are_refused(tables, class_weight, error, message):
    with pytest.raises(error, match=message):
        small(ShallowNetClassifier, class_weight=class_weight).fit(tables[0], tables[1][ShallowNetClassifier])


@BOTH
@pytest.mark.parametrize(("weights", "message"), [
    (np.zeros(90), "sample_weight must not be zero for every sample"),
    (-np.ones(90), "^sample_weight must"),
    (np.ones(80), r"sample_weight must have shape \(90,\), a weight for each row of X; got \(80,\)"),
    (np.ones((2, 45)), r"sample_weight must have shape \(90,\), a weight for each row of X; got \(2, 45\)"),
    (np.full(90, np.nan), "^sample_weight must"),
])
def test_wrong_weights_are_refused(tables, Estimator, weights, message):
    with pytest.raises(ValueError, match=message):
        small(Estimator).fit(tables[0], tables[1][Estimator], sample_weight=weights)


def test_one_class_is_refused(tables):
    with pytest.raises(ValueError, match=r"y must hold at least two classes; got one class, 'a'"):
        ShallowNetClassifier().fit(tables[0], ["a"] * 90)


def test_a_column_of_labels_is_taken_with_scikit_learns_warning(tables):
    y = tables[1][ShallowNetClassifier]
    with pytest.warns(DataConversionWarning):
        model = small(ShallowNetClassifier).fit(tables[0], y.reshape(-1, 1))
    assert_same(model, small(ShallowNetClassifier).fit(tables[0], y))


def test_labels_that_the_network_does_not_know_are_refused(tables):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    model = small(ShallowNetClassifier, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"y must hold labels from classes_, \[0 1 2\]; got 3"):
        model.fit(X, y + 1)
    with pytest.raises(ValueError, match=r"classes must stay \[0 1 2\]; got \[0 1\]"):
        model.partial_fit(X, y, classes=[0, 1])


def test_the_first_part_must_name_all_classes(tables):
    with pytest.raises(ValueError, match="classes must be given in the first call of partial_fit"):
        ShallowNetClassifier().partial_fit(tables[0], tables[1][ShallowNetClassifier])


def test_a_part_cannot_be_balanced(tables):
    with pytest.raises(ValueError, match="class_weight must be a dictionary or None in partial_fit"):
        ShallowNetClassifier(class_weight="balanced").partial_fit(
            tables[0], tables[1][ShallowNetClassifier], classes=[0, 1, 2]
        )


def test_a_missing_scikit_learn_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, shallownet.sklearn.__name__)
    with pytest.raises(ImportError, match=r'needs scikit-learn.*pip install "shallownet\[sklearn\]"'):
        importlib.import_module(shallownet.sklearn.__name__)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_warm_start_learns_from_other_rows_after_early_stopping(solver):
    random = np.random.RandomState(0)
    rows, other = random.randn(2, 400, 3)
    labels, other_labels = rows[:, 0] > 0, (other[:, 0] < 0) ^ (random.rand(400) < 0.1)
    model = ShallowNetClassifier(early_stopping=True, warm_start=True, solver=solver, learning_rate=0.01, max_iter=300)
    model.fit(rows, labels).fit(other, other_labels)
    assert model.score(other, other_labels) > 0.85


def test_partial_fit_goes_on_from_the_best_network():
    random = np.random.RandomState(0)
    rows = random.randn(200, 5)
    labels = (rows[:, 0] > 0) ^ (random.rand(200) < 0.25)
    model = ShallowNetClassifier(solver="lbfgs", early_stopping=True, l2=0.0).fit(rows, labels)
    best = model.parameters_
    model.set_params(learning_rate=1e-12).partial_fit(rows, labels)
    np.testing.assert_allclose(model.parameters_["W1"], best["W1"], rtol=1e-9, atol=1e-9)


@BOTH
@pytest.mark.parametrize(("name", "value"), [("n_h", 7), ("hidden", "relu")])
def test_training_that_goes_on_keeps_its_network(tables, Estimator, name, value):
    X, y = tables[0], tables[1][Estimator]
    model = Estimator(5, max_iter=20, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    model.set_params(**{name: value})
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=rf"^{name} must stay .* when training goes on; got {value!r}\."):
            go_on(X, y)


def test_settings_in_numpy_s_types_are_saved_and_loaded(tmp_path, tables):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    labels = np.unique(y)
    settings = {"n_h": np.int64(5), "l2": np.float32(0.5), "warm_start": np.True_,
                "class_weight": dict(zip(labels, np.arange(1.0, len(labels) + 1), strict=True))}
    model = ShallowNetClassifier(**settings).fit(X, y)
    model.save(tmp_path / "model.h5")
    loaded = ShallowNetClassifier.load(tmp_path / "model.h5")
    assert loaded.get_params() == model.get_params()
    assert type(loaded.n_h) is int
    np.testing.assert_array_equal(loaded.fit(X, y).predict(X), model.fit(X, y).predict(X))


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_saved_estimator_goes_on_with_its_own_generator(kind, tmp_path, tables):
    X, y = tables[0], tables[1][ShallowNetClassifier]
    model = small(ShallowNetClassifier, random_state=kind(3)).fit(X, y)
    model.save(tmp_path / "model.h5")
    loaded = ShallowNetClassifier.load(tmp_path / "model.h5")
    assert type(loaded.random_state) is type(model.random_state)
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X))


def test_the_history_of_an_estimator_that_was_not_fitted_is_refused_by_name():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        ShallowNetClassifier().history_  # noqa: B018


@BOTH
@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_a_sparse_table_gives_what_the_dense_one_does(tables, Estimator, kind):
    X, y = tables[0].round(), tables[1][Estimator]
    model = small(Estimator).fit(kind(X), y)
    assert_same(model, small(Estimator).fit(X, y))
    np.testing.assert_array_equal(model.predict(kind(X)), model.predict(X))


@BOTH
def test_a_sparse_table_that_memory_cannot_hold_is_refused(tables, Estimator):
    huge = scipy.sparse.csr_matrix((90, 10**12))
    with pytest.raises(ValueError, match=r"^X must fit in memory as .*got \(90, 1000000000000\), 7\.2e\+05"):
        small(Estimator).fit(huge, tables[1][Estimator])


def test_the_log_of_a_probability(tables):
    model = small(ShallowNetClassifier).fit(tables[0], tables[1][ShallowNetClassifier])
    np.testing.assert_allclose(np.exp(model.predict_log_proba(tables[0])), model.predict_proba(tables[0]), rtol=1e-12)


def partially(estimator, X, y):
    classes = {"classes": [0, 1]} if isinstance(estimator, ShallowNetClassifier) else {}
    return estimator.partial_fit(X, y, **classes).partial_fit(X, y)


PATHS = {
    "average": ({}, "fit"), "one network": ({"networks": 1}, "fit"), "restarts": ({"l2": 1.0, "restarts": 1}, "fit"),
    "adam": ({"l2": 1.0, "solver": "adam"}, "fit"), "early stopping": ({"early_stopping": True}, "fit"),
    "part": ({}, "partially"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("Estimator", [ShallowNetClassifier, ShallowNetRegressor])
def test_the_compiled_engine_trains_the_same_network(Estimator, path, monkeypatch):
    settings, call = PATHS[path]
    fit = {"fit": Estimator.fit, "partially": partially}[call]
    random = np.random.RandomState(0)
    X = random.standard_normal((80, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain, ours = (fit(Estimator(n_h=4, **settings, max_iter=10, engine=engine), X, y)
                       for engine in ("numpy", "compiled"))
        np.testing.assert_allclose(ours.parameters_["W1"], plain.parameters_["W1"], rtol=1e-4, atol=1e-4)
        monkeypatch.setitem(ACTIVATIONS, "tanh", ACTIVATIONS["tanh"]._replace())         # which no kernel has
        fit(Estimator(n_h=4, **settings, max_iter=10), X, y)
        with pytest.warns(UserWarning, match="'tanh' is not compiled"):
            fit(Estimator(n_h=4, **settings, max_iter=10, engine="compiled"), X, y)


@pytest.mark.parametrize("settings", [{}, {"l2": 1.0, "solver": "adam"}, {"l2": 1.0, "restarts": 1}])
def test_an_unknown_engine_is_refused(settings):
    estimator = ShallowNetClassifier(engine="torch", **settings)
    with pytest.raises(ValueError, match=r"^engine must be one of 'numpy', 'compiled'; got 'torch'\.$"):
        estimator.fit(np.eye(4), [0, 1, 0, 1])
    assert not hasattr(estimator, "classes_")


def test_an_engine_without_numba_is_refused_with_the_name_of_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "shallownet.compiled", raising=False)
    monkeypatch.delitem(sys.modules, "shallownet._kernels", raising=False)
    with pytest.raises(ImportError, match=r"needs Numba .* pip install \"shallownet\[compiled\]\"\."):
        ShallowNetClassifier(engine="compiled").fit(np.eye(4), [0, 1, 0, 1])
