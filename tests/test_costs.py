import math

import numpy as np
import pytest

from shallownet.activations import OUTPUT_ACTIVATIONS
from shallownet.costs import (
    COSTS,
    brier,
    cross_entropy,
    cross_entropy_of_output,
    softmax_cross_entropy,
    softmax_cross_entropy_of_output,
    squared_error,
)


def labels(name, n_y=3, m=50):
    generator = np.random.RandomState(0)
    if name == "softmax_cross_entropy":
        return np.eye(n_y)[:, generator.randint(n_y, size=m)]
    return generator.standard_normal((n_y, m)) if name == "squared_error" else generator.rand(n_y, m)


def test_the_table_holds_the_documented_costs_and_outputs():
    assert {name: row.output for name, row in COSTS.items()}.items() >= {
        "cross_entropy": "sigmoid", "softmax_cross_entropy": "softmax", "squared_error": "linear", "brier": "sigmoid",
    }.items()


@pytest.mark.parametrize(("cost", "Z2", "Y", "value"), [
    (cross_entropy, [math.log(3)], [1], math.log(4 / 3)),                 # A2 = 3/4
    (cross_entropy, [math.log(3)], [0], math.log(4)),
    (cross_entropy, [math.log(3), 0], [0, 1], math.log(4) + math.log(2)),  # two outputs: the sum
    (cross_entropy, [math.log(3)], [0.5], (math.log(4) + math.log(4 / 3)) / 2),
    (softmax_cross_entropy, [0, math.log(2), math.log(5)], [0, 1, 0], math.log(4)),
    (softmax_cross_entropy, [0, math.log(2), math.log(5)], [0.5, 0, 0.5], (math.log(8) + math.log(8 / 5)) / 2),
    (squared_error, [3], [1], 4),                                         # without a half
    (squared_error, [3, 1], [1, 2], 5),
    (brier, [math.log(3)], [1], 1 / 16),
    (brier, [math.log(3), 0], [1, 1], 1 / 16 + 1 / 4),
])
def test_a_cost_by_hand(cost, Z2, Y, value):
    per_sample = cost(np.array(Z2, float)[:, None], np.array(Y, float)[:, None])
    assert per_sample.shape == (1, 1)
    assert per_sample.item() == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize("name", COSTS)
def test_the_cost_of_logits_is_the_cost_of_their_output(name):
    row, Y = COSTS[name], labels(name)
    Z2 = np.random.RandomState(1).standard_normal(Y.shape) * 3
    np.testing.assert_allclose(row.of_logits(Z2, Y), row.of_output(OUTPUT_ACTIVATIONS[row.output](Z2), Y), rtol=1e-12)


@pytest.mark.parametrize("name", COSTS)
def test_delta_is_the_derivative_of_the_cost_with_respect_to_the_logits(name):
    row, Y = COSTS[name], labels(name)
    Z2, h = np.random.RandomState(1).standard_normal(Y.shape), 1e-5
    delta = row.delta(OUTPUT_ACTIVATIONS[row.output](Z2), Y)
    for k, unit in enumerate(np.eye(len(Y))[:, :, None]):
        derivative = (row.of_logits(Z2 + h * unit, Y) - row.of_logits(Z2 - h * unit, Y)) / (2 * h)
        np.testing.assert_allclose(delta[[k]], derivative, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("cost", "Z2", "Y", "value"), [
    (cross_entropy, [1000], [1], 0), (cross_entropy, [1000], [0], 1000),
    (cross_entropy, [-1000], [0], 0), (cross_entropy, [-1000], [1], 1000),
    (cross_entropy, [1000], [0.25], 750),
    (softmax_cross_entropy, [1000, -1000], [1, 0], 0), (softmax_cross_entropy, [1000, -1000], [0, 1], 2000),
    (softmax_cross_entropy, [1000, 1000], [0, 1], math.log(2)),
    (squared_error, [1000], [-1000], 4e6),
    (brier, [1000], [1], 0), (brier, [1000], [0], 1), (brier, [-1000], [1], 1),
])
def test_a_cost_is_finite_and_exact_when_the_output_saturates(cost, Z2, Y, value):
    assert cost(np.array(Z2, float)[:, None], np.array(Y, float)[:, None]).item() == value


@pytest.mark.parametrize("logit", [1.0, 20.0, 30.0, 36.0, 40.0, 100.0, 700.0])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_cross_entropy_of_a_right_prediction_does_not_cancel(logit, label):
    Z2, value = np.array([[logit if label else -logit]]), math.log1p(math.exp(-logit))
    assert cross_entropy(Z2, np.array([[label]])).item() == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize("logit", [1.0, 20.0, 30.0, 36.0, 40.0, 100.0, 700.0])
def test_softmax_cross_entropy_of_a_right_prediction_does_not_cancel(logit):
    Z2, Y = np.array([[-3 * logit], [5.0], [5.0 - logit]]), np.array([[0.0], [1.0], [0.0]])
    value = math.log1p(math.exp(-logit) + math.exp(-3 * logit - 5))
    assert softmax_cross_entropy(Z2, Y).item() == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize("logit", [40.0, 100.0, 1000.0])
def test_cross_entropy_of_a_wrong_prediction_grows_with_the_logit(logit):
    assert cross_entropy(np.array([[logit]]), np.zeros((1, 1))).item() == logit
    assert softmax_cross_entropy(np.array([[logit], [0.0]]), np.array([[0.0], [1.0]])).item() == logit


@pytest.mark.parametrize(("cost", "A2", "Y", "value"), [
    (cross_entropy_of_output, [1, 0], [1, 0], 0), (cross_entropy_of_output, [0.5, 0], [1, 0], math.log(2)),
    (softmax_cross_entropy_of_output, [1, 0], [1, 0], 0), (softmax_cross_entropy_of_output, [0, 1], [0, 1], 0),
])
def test_zero_times_log_zero_is_zero(cost, A2, Y, value):
    assert cost(np.array(A2, float)[:, None], np.array(Y, float)[:, None]).item() == value


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_cross_entropy"])
@pytest.mark.parametrize("label", [-2.0, -0.5, 1.5])
def test_the_cost_of_an_output_is_its_formula_for_labels_outside_of_0_and_1_too(name, label):
    row, Y = COSTS[name], labels(name)
    Y[1, :5] = label
    Z2 = np.random.RandomState(1).standard_normal(Y.shape)
    A2 = OUTPUT_ACTIVATIONS[row.output](Z2)
    formula = {"cross_entropy": -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)), "softmax_cross_entropy": -Y * np.log(A2)}
    np.testing.assert_allclose(row.of_output(A2, Y), formula[name].sum(axis=0, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("name", COSTS)
def test_float32_stays_float32(name):
    row, Y = COSTS[name], labels(name).astype(np.float32)
    Z2 = np.ones(Y.shape, np.float32)
    A2 = OUTPUT_ACTIVATIONS[row.output](Z2)
    assert [f.dtype for f in (row.of_logits(Z2, Y), row.of_output(A2, Y), row.delta(A2, Y))] == [np.float32] * 3


@pytest.mark.parametrize("name", COSTS)
def test_the_arguments_stay_as_they_were(name):
    row, Y = COSTS[name], labels(name)
    A2 = OUTPUT_ACTIVATIONS[row.output](np.ones(Y.shape))
    before = A2.copy(), Y.copy()
    A2.flags.writeable = Y.flags.writeable = False
    row.of_logits(A2, Y), row.of_output(A2, Y), row.delta(A2, Y)
    np.testing.assert_array_equal([A2, Y], before)
