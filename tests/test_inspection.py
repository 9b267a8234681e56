"""What a network has learned: importance of columns and mean effects, against networks whose answer is known."""

import numpy as np
import pytest

from shallownet import predict_probability
from shallownet.inspection import EFFECT_SAMPLES, mean_effect, permutation_importance

# Y = 3 x1 + x2, exactly, for positive inputs; x3 is not looked at
LINEAR = {"W1": np.array([[3.0, 1.0, 0.0]]), "b1": np.full((1, 1), 100.0), "W2": np.ones((1, 1)),
          "b2": np.full((1, 1), -100.0), "hidden": "relu", "cost": "squared_error"}


@pytest.fixture
def data():
    X = np.random.RandomState(0).uniform(0, 1, (3, 2000))
    return X, 3 * X[:1] + X[1:2]


def test_importance_is_the_fall_of_r2_when_a_column_is_permuted(data):
    X, Y = data
    importance = permutation_importance(LINEAR, X, Y)
    assert list(importance) == ["x1", "x2", "x3"]
    # permuting x_i doubles its share of the variance, as an error: 2 · 9/10 and 2 · 1/10
    np.testing.assert_allclose([mean for mean, _ in importance.values()], [1.8, 0.2, 0], atol=0.05)
    assert importance["x3"] == (0, 0)


def test_the_rows_of_a_group_are_permuted_together(data):
    X, Y = data
    twin = np.vstack([X, X[:1]])
    network = LINEAR | {"W1": np.array([[1.0, 1.0, 0.0, 2.0]])}           # x1 in two rows that agree
    groups = {"first": [0, 3], "second": slice(1, 2)}
    importance = permutation_importance(network, twin, Y, groups)
    np.testing.assert_allclose(importance["first"][0], 1.8, atol=0.06)    # apart, they would fall by (1 + 4)/10 · 2


def test_importance_of_a_classifier_is_the_fall_of_accuracy(data):
    X, _ = data
    network = {"W1": np.array([[50.0, 0.0, 0.0]]), "b1": np.full((1, 1), -25.0), "W2": np.full((1, 1), 9.0),
               "b2": np.zeros((1, 1))}
    importance = permutation_importance(network, X, 1.0 * (X[:1] > 0.5), repeats=3)
    np.testing.assert_allclose(importance["x1"][0], 0.5, atol=0.05)


def test_importance_depends_on_the_seed_alone_and_leaves_the_data_alone(data):
    X, Y = data
    X.flags.writeable = Y.flags.writeable = False
    first, second = (permutation_importance(LINEAR, X, Y, random_state=seed) for seed in (5, 5))
    assert first == second
    assert first != permutation_importance(LINEAR, X, Y, random_state=6)


def test_the_mean_effect_is_the_mean_of_the_outputs_with_the_rows_set(data):
    X, _ = data
    X = X[:, :50]
    effect = mean_effect(LINEAR, X, slice(0, 2), np.array([[0.0, 1.0], [2.0, 3.0]]))
    changed = X.copy()
    changed[:2] = [[1], [3]]
    np.testing.assert_allclose(effect, [[2, 6]], atol=1e-12)
    np.testing.assert_allclose(effect[:, 1], predict_probability(LINEAR, changed).mean(axis=1), atol=1e-12)


def test_of_many_samples_evenly_spaced_ones_are_taken():
    X = np.arange(3 * 4 * EFFECT_SAMPLES, dtype=float).reshape(3, -1)
    np.testing.assert_allclose(mean_effect(LINEAR, X, slice(1, 3), np.zeros((2, 1))), [[3 * X[0, ::4].mean()]])


@pytest.mark.parametrize(("values", "message"), [
    (np.zeros((2, 3)), r"values must have shape \(1, 3\); got \(2, 3\)"),
    (np.zeros(3), r"values must have shape \(n, m\); got \(3,\)"),
])
def test_values_of_another_shape_are_refused(data, values, message):
    with pytest.raises(ValueError, match=message):
        mean_effect(LINEAR, data[0], slice(0, 1), values)


def test_repeats_must_be_a_positive_integer(data):
    with pytest.raises(ValueError, match="repeats must be at least 1; got 0"):
        permutation_importance(LINEAR, *data, repeats=0)
