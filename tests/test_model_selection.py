import itertools
import json
import warnings

import numpy as np
import pytest

from shallownet import datasets, model_selection
from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.evaluation import accuracy, predict, predict_probability, r2_score
from shallownet.model_selection import (
    aggregate_duplicates,
    average_networks,
    cross_validate,
    deal_folds,
    fit,
    fit_temperature,
    fold_temperature,
    prediction_interval,
)
from shallownet.network import NAMES, forward_propagation, initialize_parameters
from shallownet.preprocessing import balanced_weights, one_hot
from shallownet.storage import load_parameters, save_parameters


def data(m=60, n_x=3, seed=0):
    return np.random.RandomState(seed).standard_normal((n_x, m))


def quiet_fit(*arguments, **settings):
    """``fit`` where a warning is not the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fit(*arguments, **settings)


def assert_same(one, two):
    for name in NAMES:
        np.testing.assert_array_equal(one[name], two[name])


# Several networks

@pytest.mark.parametrize("hidden", sorted(ACTIVATIONS))
@pytest.mark.parametrize("cost", sorted(COSTS))
def test_the_average_has_the_mean_of_the_logits(cost, hidden, tmp_path):
    X = data()
    networks = [initialize_parameters(3, 4 + k, 2, hidden=hidden, cost=cost, scale=1, random_state=k) for k in range(5)]
    average = average_networks(networks)
    Z2 = forward_propagation(X, average)[1]["Z2"]
    np.testing.assert_allclose(Z2, np.mean([forward_propagation(X, p)[1]["Z2"] for p in networks], axis=0), atol=1e-12)
    save_parameters(tmp_path / "average.h5", average)
    assert_same(load_parameters(tmp_path / "average.h5"), average)
    assert average["W1"].shape == (4 + 5 + 6 + 7 + 8, 3)


def test_networks_that_do_not_fit_together_are_refused():
    one, two = initialize_parameters(3, 4, 1), initialize_parameters(3, 4, 1, hidden="relu")
    with pytest.raises(ValueError, match="networks must have the same inputs, outputs, hidden activation and cost"):
        average_networks([one, two])
    with pytest.raises(ValueError, match="networks must hold at least one network"):
        average_networks([])


# Calibration

@pytest.mark.parametrize("cost", ["cross_entropy", "softmax_cross_entropy", "brier"])
def test_the_temperature_has_the_lowest_cost(cost):
    random = np.random.RandomState(0)
    Z2 = random.standard_normal((3, 4000))
    A2 = np.exp(Z2) / np.exp(Z2).sum(axis=0)
    Y = one_hot([random.choice(3, p=p) for p in A2.T]) if cost.startswith("softmax") else (
        random.uniform(size=Z2.shape) < 1 / (1 + np.exp(-Z2))).astype(float)
    temperature = fit_temperature(2.5 * Z2, Y, cost)                      # 2.5 times too sure
    assert temperature == pytest.approx(2.5, rel=0.1)
    costs = [COSTS[cost].of_logits(2.5 * Z2 / (f * temperature), Y).mean() for f in (0.98, 1, 1.02)]
    assert costs[1] == min(costs)


def test_a_sample_s_weight_counts_for_the_temperature():
    Z2, Y = np.full((1, 1000), 2.0), np.repeat([[1.0, 0.0]], 500, axis=1)
    temperature = fit_temperature(Z2, Y, sample_weight=8 * Y + 1)
    assert 1 / (1 + np.exp(-2 / temperature)) == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("unit", [1, 1e-6])
@pytest.mark.parametrize(("n_y", "cost"), [(1, "cross_entropy"), (3, "softmax_cross_entropy"), (3, "brier")])
def test_no_answer_is_certain_where_few_samples_are_all_right(n_y, cost, unit):
    Y = one_hot(np.arange(30) % n_y) if n_y > 1 else np.arange(30)[np.newaxis] % 2.0
    Z2 = 12 * (Y - 0.5)
    temperature = fit_temperature(Z2, Y, cost, np.full((1, 30), unit))
    A2 = OUTPUT_ACTIVATIONS[COSTS[cost].output](Z2 / temperature)
    k = n_y if cost.startswith("softmax") else 2
    assert A2.max() == pytest.approx(1 - (1 - 1 / k) / 31, abs=1e-4)      # one more sample, a k-th of it of this class


def test_a_temperature_is_folded_into_the_last_layer():
    X, parameters = data(), initialize_parameters(3, 4, 2, scale=1, random_state=0)
    parameters["b2"] = parameters["b2"] + 1
    Z2 = forward_propagation(X, parameters)[1]["Z2"]
    np.testing.assert_allclose(forward_propagation(X, fold_temperature(parameters, 3.0))[1]["Z2"], Z2 / 3, rtol=1e-12)
    with pytest.raises(ValueError, match="temperature must be positive; got 0"):
        fold_temperature(parameters, 0)
    with pytest.raises(ValueError, match="cost must be one of"):
        fit_temperature(Z2, Z2, "squared_error")


# Folds

def test_each_class_is_dealt_evenly():
    Y = one_hot(np.repeat([0, 1, 2], [50, 20, 7]))
    shares = deal_folds(Y, 5, random_state=0)
    np.testing.assert_array_equal(shares.sum(axis=0), 1)
    assert np.isin(shares, (0, 1)).all()
    assert np.ptp(shares @ Y.T, axis=0).max() <= 1


def test_repetitions_are_dealt_one_by_one():
    Y = np.array([[0.0, 1.0, 2.5, 1.0]])
    counts = np.array([1, 3, 1_000_000_007, 2])
    dealt = deal_folds(Y, 4, counts=counts, random_state=1) * counts
    np.testing.assert_allclose(dealt.sum(axis=0), counts)
    np.testing.assert_allclose(dealt, np.round(dealt), atol=1e-6)
    assert np.ptp(dealt.sum(axis=1)) <= 1 + 1e-6


def test_wrong_folds_are_refused():
    with pytest.raises(ValueError, match="folds must be at most the number of samples, 3; got 5"):
        deal_folds(np.ones((1, 3)), 5)
    with pytest.raises(ValueError, match="folds must be at least 2"):
        deal_folds(np.ones((1, 3)), 1)


def test_duplicates_are_aggregated_whatever_their_order():
    X, Y = data(9), np.arange(9.0)[np.newaxis]
    weight = np.array([[0, 1, 2, 3, 0, 1, 1, 2, 2]])
    columns, samples, counts, weights = aggregate_duplicates(X, Y, weight)
    repeated = weight[0].repeat(weight[0]), np.arange(9).repeat(weight[0])[::-1]
    again, _, counts_again, weights_again = aggregate_duplicates(X[:, repeated[1]], Y[:, repeated[1]], None)
    np.testing.assert_array_equal(X[:, columns], X[:, repeated[1]][:, again])
    np.testing.assert_array_equal(counts, counts_again)
    np.testing.assert_array_equal(weights, weights_again)
    np.testing.assert_array_equal(columns[samples[weight[0] > 0]], np.flatnonzero(weight[0]))
    assert (samples[weight[0] == 0] == -1).all()


def test_weights_that_are_no_numbers_of_repetitions_aggregate_nothing():
    X = np.zeros((1, 3))
    columns, samples, counts, weight = aggregate_duplicates(X, X, np.array([[0.5, 1.5, 0.5]]))
    assert sorted(columns) == sorted(samples) == [0, 1, 2]
    np.testing.assert_array_equal(counts, 1)
    np.testing.assert_array_equal(weight[0, samples], [0.5, 1.5, 0.5])
    assert (aggregate_duplicates(X, X, np.full((1, 3), 7))[2] == 1).all()   # a common factor says nothing


# Cross-validation

def networks_for(X, n_h=8, n_y=1, **kind):
    kind |= {"scale": "nguyen_widrow", "X": X}
    return [initialize_parameters(len(X), n_h, n_y, random_state=k, **kind) for k in range(5)]


def test_the_held_out_logits_are_those_of_the_network_that_has_not_seen_the_sample():
    X, Y = datasets.moons(100, noise=0.2)
    shares = deal_folds(Y, 5)
    validation = cross_validate(X, Y, networks_for(X), l2=[1.0], shares=shares)
    for network, share, cost in zip(validation.networks, shares, validation.fold_costs, strict=True):
        Z2 = forward_propagation(X, network)[1]["Z2"]
        np.testing.assert_allclose(validation.Z2[:, share == 1], Z2[:, share == 1], rtol=1e-12)
        Z2 = Z2 / max(1, validation.temperature)
        assert cost == pytest.approx(COSTS["cross_entropy"].of_logits(Z2, Y)[0][share == 1].mean())
    assert validation.temperature == fit_temperature(validation.Z2, Y)
    assert validation.cost == pytest.approx(np.mean(validation.fold_costs))
    assert validation.table == {"l2": [1.0], "cost": [validation.cost], "std": [np.std(validation.fold_costs)]}


def test_the_search_goes_on_until_the_neighbours_of_the_best_are_worse():
    X, Y = datasets.moons(100, noise=0.2)
    strengths = [10.0**k for k in range(-5, 4)]
    validation = cross_validate(X, Y, networks_for(X), l2=strengths, num_iterations=30)
    table = validation.table
    best = table["l2"].index(validation.l2)
    assert table["cost"][best] == min(table["cost"]) == validation.cost
    assert table["l2"] == sorted(table["l2"])
    tried = [strengths.index(l2) for l2 in table["l2"]]
    assert tried == list(range(tried[0], tried[-1] + 1))
    place = strengths.index(validation.l2)
    assert {max(0, place - 2), min(8, place + 2)} <= set(tried)
    assert len(tried) < 9


@pytest.mark.parametrize("parallel", [1, 10**9])
def test_the_number_of_threads_changes_no_bit(monkeypatch, parallel):
    monkeypatch.setattr(model_selection, "PARALLEL", parallel)
    X, Y = datasets.moons(120, noise=0.2)
    (one, report), (three, again) = (quiet_fit(X, Y, n_h=6, networks=3, threads=threads) for threads in (1, 3))
    assert_same(one, three)
    assert report["table"] == again["table"]


def test_a_network_that_is_too_sure_of_itself_is_preferred_to_one_that_learned_nothing():
    random = np.random.RandomState(0)
    X, X_new = random.uniform(size=(2, 150)), random.uniform(size=(2, 500))
    Y, Y_new = (np.floor(4 * columns).sum(axis=0, keepdims=True) % 2 for columns in (X, X_new))
    for seed in range(2):
        assert accuracy(fit(X, Y, networks=2, random_state=seed)[0], X_new, Y_new) > 0.75


# fit

def test_raw_columns_come_in_and_the_report_says_what_was_chosen():
    X, Y = datasets.moons(200, noise=0.1)
    X = 1000 * X + 5
    parameters, report = fit(X, Y)
    assert accuracy(parameters, X, Y) > 0.98
    assert report["score"] == pytest.approx(((report["held_out"] > 0.5) == Y).mean())
    assert report["held_out_cost"] < report["constant_cost"] == pytest.approx(np.log(2))
    assert parameters["W1"].shape == (report["networks"] * report["n_h"], 2)
    assert report["l2"] in report["table"]["l2"]
    assert len(report["fold_costs"]) == len(report["fold_scores"]) == 5
    assert report["warnings"] == []
    plain = {name: value for name, value in report.items() if not isinstance(value, np.ndarray)}
    assert json.loads(json.dumps(plain)) == plain


def test_several_outputs_keep_their_units():
    X = data(150)
    Y = np.vstack([1e6 * X[0] + 7e6, 1e-6 * np.sin(X[1])])
    parameters, report = fit(X, Y, cost="squared_error", networks=2)
    assert r2_score(parameters, X, Y) > 0.98
    assert 1 - np.mean(np.var(report["held_out"] - Y, axis=1) / np.var(Y, axis=1)) > 0.9
    lower, upper = prediction_interval(parameters, X, report["residual_quantiles"], 0.5)
    assert (upper - lower)[1].max() < 1e-5 < 1 < (upper - lower)[0].min()


@pytest.mark.parametrize("cost", ["cross_entropy", "brier"])
def test_several_labels_are_learned_each(cost):
    X = data(200)
    Y = (X[:2] > 0).astype(float)
    parameters, report = fit(X, Y, cost=cost, networks=2)
    assert accuracy(parameters, X, Y) > 0.95
    assert report["score"] > 0.9


def test_the_size_is_chosen_where_it_is_asked_for():
    X, Y = datasets.moons(200, noise=0.1)
    _, report = fit(X, Y, n_h=(1, 12), networks=2)
    assert report["n_h"] == 12


def test_held_out_outputs_come_in_the_order_of_the_samples():
    X, Y = datasets.moons(100, noise=0.1)
    order = np.random.RandomState(0).permutation(100)
    settings = {"n_h": 6, "networks": 2, "l2": 0.3}
    one, report = fit(X, Y, **settings)
    two, permuted = fit(X[:, order], Y[:, order], **settings)
    assert_same(one, two)
    np.testing.assert_array_equal(permuted["held_out"], report["held_out"][:, order])
    weighted, seen = fit(np.hstack([X, X[:, :3]]), np.hstack([Y, Y[:, :3]]), **settings,
                         sample_weight=np.r_[np.ones(100), np.zeros(3)][np.newaxis])
    assert_same(one, weighted)
    np.testing.assert_array_equal(seen["held_out"][:, :100], report["held_out"])
    np.testing.assert_array_equal(seen["held_out"][:, 100:], predict_probability(weighted, X[:, :3]))


def test_weights_are_repetitions():
    X, Y = datasets.moons(60, noise=0.1)
    weight = np.random.RandomState(0).randint(1, 4, 60)
    weighted, _ = fit(X, Y, n_h=6, networks=2, sample_weight=weight[np.newaxis])
    repeated, _ = fit(X.repeat(weight, axis=1), Y.repeat(weight, axis=1), n_h=6, networks=2)
    assert_same(weighted, repeated)


def test_class_weights_move_the_border():
    random = np.random.RandomState(0)
    X = random.standard_normal((1, 300))
    Y = (X + random.standard_normal((1, 300)) > 1.5).astype(float)
    settings = {"n_h": 4, "networks": 2}
    plain, balanced, by_hand = (
        fit(X, Y, class_weight=weights, **settings)[0] for weights in (None, "balanced", [1.0, 5.0])
    )
    assert predict(plain, X).sum() < Y.sum() < predict(balanced, X).sum()
    assert predict(plain, X).sum() < predict(by_hand, X).sum()
    weights = balanced_weights(Y)
    by_sample, _ = fit(X, Y, sample_weight=weights, **settings)
    np.testing.assert_allclose(predict_probability(by_sample, X), predict_probability(balanced, X), atol=0.05)


def test_a_network_that_learned_nothing_says_so():
    random = np.random.RandomState(0)
    with pytest.warns(UserWarning, match=r"no better than a constant answer: its cost on .* samples.*; otherwise"):
        _, report = fit(random.standard_normal((3, 200)), random.randint(0, 2, (1, 200)), networks=2)
    assert report["stop_reason"] == "constant"
    assert len(report["warnings"]) == 1


# The first thing that anybody tries

def truth_tables(inputs, count):
    X = np.array(list(itertools.product([0.0, 1.0], repeat=inputs))).T
    codes = np.random.RandomState(0).choice(np.arange(1, 2**2**inputs - 1), count, replace=False)
    return [(X, ((int(code) >> np.arange(2**inputs)) & 1)[np.newaxis].astype(float)) for code in codes]


@pytest.mark.parametrize(("inputs", "count", "r2"), [(2, 6, 0.95), (3, 4, 0.95), (4, 3, 0.9)])
def test_boolean_functions_are_learned(inputs, count, r2):
    for X, Y in truth_tables(inputs, count):
        assert accuracy(fit(X, Y, networks=3)[0], X, Y) == 1
        assert r2_score(fit(X, Y, cost="squared_error", networks=3)[0], X, Y) > r2


@pytest.mark.parametrize("function", [lambda x: 2 * x, lambda x: (x - 3) ** 2, lambda x: np.abs(x - 3)],
                         ids=["line", "parabola", "|x - 3|"])
@pytest.mark.parametrize("m", [5, 7, 9])
def test_a_few_points_are_learned(m, function):
    X = np.arange(1.0, m + 1)[np.newaxis]
    assert r2_score(fit(X, function(X), cost="squared_error")[0], X, function(X)) > 0.94


def test_a_wave_is_not_a_plateau():
    X = np.random.RandomState(0).uniform(0, 10, (1, 150))
    parameters, _ = fit(X, np.sin(4 * X), cost="squared_error", networks=2)
    X_new = np.linspace(0.2, 9.8, 200)[np.newaxis]
    assert r2_score(parameters, X_new, np.sin(4 * X_new)) > 0.95


# Edges

@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("cost", ["cross_entropy", "squared_error"])
def test_fewer_samples_than_folds_are_enough(m, cost):
    X, Y = np.arange(m, dtype=float)[np.newaxis], (np.arange(m, dtype=float) % 2)[np.newaxis]
    parameters, report = quiet_fit(X, Y, cost=cost)
    assert (np.round(predict_probability(parameters, X)) == Y).all()
    assert (report["held_out"] is None) == (m == 1)


def test_a_class_with_one_sample_is_taken():
    X = data(40)
    Y = one_hot(np.r_[np.zeros(20), np.ones(18), 2, 3].astype(int))
    parameters, report = quiet_fit(X + 3 * Y[:3], Y, cost="softmax_cross_entropy", networks=2)
    assert np.isfinite(report["held_out"]).all()
    assert accuracy(parameters, X + 3 * Y[:3], Y) > 0.8


def test_constant_columns_and_more_columns_than_samples_are_taken():
    X = np.vstack([np.full((1, 30), 0.1), data(30, 120)])
    Y = (X[1:2] > 0).astype(float)
    parameters, _ = quiet_fit(X, Y, networks=2)
    assert accuracy(parameters, X, Y) == 1


@pytest.mark.parametrize("value", [0.0, 1e-6, 7.0, -1e12])
def test_a_constant_target_comes_back_to_the_last_digits(value):
    X = data(30)
    Y = np.vstack([np.full((1, 30), value), X[:1]])
    for targets in (Y[:1], Y):
        parameters, _ = fit(X, targets, cost="squared_error", networks=2)
        np.testing.assert_allclose(predict(parameters, X)[0], value, rtol=1e-12, atol=1e-300)


def test_duplicates_are_taken():
    X = np.array([[0.0, 1.0]]).repeat(50, axis=1)
    Y = np.r_[np.zeros(40), np.ones(10), np.zeros(10), np.ones(40)][np.newaxis]
    parameters, report = fit(X, Y, networks=2)
    np.testing.assert_allclose(predict_probability(parameters, [[0.0, 1.0]]), [[0.2, 0.8]], atol=0.05)
    assert report["held_out"].shape == (1, 100)


def test_float32_stays_float32():
    X, Y = datasets.moons(100, noise=0.1)
    parameters, _ = fit(X.astype(np.float32), Y.astype(np.float32), n_h=6, networks=2)
    assert {parameters[name].dtype for name in NAMES} == {np.dtype(np.float32)}
    assert accuracy(parameters, X.astype(np.float32), Y) > 0.95


def test_many_samples_are_chosen_on_a_part_and_average_fewer_networks(monkeypatch):
    monkeypatch.setattr(model_selection, "FOLD_SAMPLES", 50)
    monkeypatch.setattr(model_selection, "ENSEMBLE_SAMPLES", 900)
    X, Y = datasets.moons(400, noise=0.1)
    parameters, report = fit(X, Y, n_h=8)
    assert report["networks"] == 2
    assert report["held_out"].shape == Y.shape
    assert accuracy(parameters, X, Y) > 0.98


def test_pixels_have_one_scale_and_relu():
    random = np.random.RandomState(0)
    X = np.where(random.uniform(size=(40, 120)) < np.linspace(0.05, 0.6, 40)[:, np.newaxis], 255.0, 0.0)
    Y = (X[-1:] > 0).astype(float)
    _, report = quiet_fit(X, Y, networks=1, l2=1.0)
    assert (report["hidden"], report["n_h"]) == ("relu", 100)
    mean, std = model_selection.scaling_of(X, Y, None, "cross_entropy").values()
    np.testing.assert_array_equal(mean, X.mean(axis=1, keepdims=True))
    assert std.min() == pytest.approx(np.sqrt(X.var(axis=1).mean()), rel=1e-12)
    table = X * np.logspace(0, 3, 40)[:, np.newaxis]
    assert quiet_fit(table, Y, networks=1, l2=1.0)[1]["hidden"] == "tanh"


# Errors

@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"cost": "hinge"}, ValueError, "cost must be one of"),
    ({"hidden": "cosine"}, ValueError, "hidden must be one of .*'tanh'"),
    ({"n_h": 0}, ValueError, "n_h must be at least 1"),
    ({"n_h": "many"}, TypeError, "n_h must be an integer"),
    ({"l2": -1.0}, ValueError, "l2 must be at least 0"),
    ({"l2": "small"}, TypeError, "l2 must be a number"),
    ({"networks": 0}, ValueError, "networks must be at least 1"),
    ({"sample_weight": np.ones((1, 3))}, ValueError, r"sample_weight must have shape \(1, 60\)"),
    ({"class_weight": "equal"}, ValueError, "class_weight must be one of 'balanced'"),
    ({"class_weight": [1.0]}, ValueError, r"class_weight must have shape \(2,\)"),
    ({"class_weight": [1.0, 0.0]}, ValueError, "class_weight must be positive; got 0"),
    ({"num_iterations": 0}, ValueError, "num_iterations must be at least 1"),
    ({"random_state": -1}, ValueError, "random_state must lie in"),
])
def test_wrong_settings_are_refused(settings, error, message):
    X = data()
    with pytest.raises(error, match=message):
        fit(X, (X[:1] > 0).astype(float), **settings)


def test_data_on_disk_and_class_weights_of_values_are_refused(tmp_path):
    X = data()
    X_disk = np.memmap(tmp_path / "X", float, "w+", shape=X.shape)
    with pytest.raises(TypeError, match=r"X must be held in memory to be .*; got a memmap\. Use np\.array"):
        fit(X_disk, X[:1], cost="squared_error")
    with pytest.raises(ValueError, match="class_weight must go with 0/1 or one-hot labels"):
        fit(X, X[:1], cost="squared_error", class_weight="balanced")
    with pytest.raises(ValueError, match=r"residual_quantiles must have shape \(1, q\) and go with cost="):
        prediction_interval(initialize_parameters(3, 2, 1), X, np.ones((1, 9)))


@pytest.mark.parametrize("settings", [{}, {"n_h": [3, 5]}, {"networks": 1, "l2": 1.0}])
def test_progress_is_told_until_all_is_done_that_was_planned(settings):
    X, Y = datasets.moons(80, noise=0.2)
    told = []
    parameters, _ = fit(X, Y, progress=lambda *work: told.append(work), **settings)
    done, planned = np.cumsum(told, axis=0).T
    assert (np.diff(done) >= 0).all()
    assert (done <= planned).all()
    assert done[-1] == planned[-1] > 0
    assert len(np.unique(done)) > 20
    np.testing.assert_array_equal(parameters["W1"], fit(X, Y, **settings)[0]["W1"])
