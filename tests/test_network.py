import math

import numpy as np
import pytest
from asserts import assert_close

from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.network import (
    NAMES,
    backward_propagation,
    compute_cost,
    forward_propagation,
    initialize_parameters,
    layer_sizes,
    update_parameters,
)

SETTINGS = [(cost, hidden, n_y) for cost in COSTS for hidden in ACTIVATIONS for n_y in (1, 2, 3)
            if n_y > 1 or cost != "softmax_cross_entropy"]


def arrays(entries):
    return {name: np.array(value, float) for name, value in entries.items()}


# layer_sizes

def test_layer_sizes_reads_the_rows():
    assert layer_sizes(np.zeros((5, 3)), np.zeros((2, 3))) == (5, 4, 2)
    assert layer_sizes(np.zeros((5, 3)), np.zeros((2, 3)), 7) == (5, 7, 2)
    assert layer_sizes([[1, 2]], [[0, 1]]) == (1, 4, 1)


# initialize_parameters

def test_initial_parameters_are_the_published_ones(published):
    parameters = initialize_parameters(2, 4, 1, random_state=2)
    expected = published["initialize_parameters"]
    np.testing.assert_allclose(parameters["W1"], expected["W1"], atol=5e-9)
    np.testing.assert_allclose(parameters["W2"], expected["W2"], atol=5e-9)
    np.testing.assert_array_equal(parameters["b1"], np.zeros((4, 1)))
    np.testing.assert_array_equal(parameters["b2"], np.zeros((1, 1)))


def test_W1_is_drawn_first_then_W2_row_by_row():
    generator = np.random.RandomState(5)
    W1, W2 = 0.01 * generator.randn(3, 2), 0.01 * generator.randn(4, 3)
    parameters = initialize_parameters(2, 3, 4, random_state=5)
    np.testing.assert_array_equal(parameters["W1"], W1)
    np.testing.assert_array_equal(parameters["W2"], W2)


def test_none_draws_after_the_seed_of_the_text():
    state = np.random.get_state()
    np.random.seed(2)
    parameters = initialize_parameters(2, 4, 1)
    np.random.set_state(state)
    assert_close(parameters, initialize_parameters(2, 4, 1, random_state=2), rtol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, float, "float32", "float64", np.dtype("float32"),
                                   np.dtype(float)])
def test_initial_parameters_have_their_shapes_and_dtype(dtype):
    parameters = initialize_parameters(2, 5, 3, random_state=0, dtype=dtype)
    assert {name: array.shape for name, array in parameters.items()} == {
        "W1": (5, 2), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1),
    }
    assert {array.dtype for array in parameters.values()} == {np.dtype(dtype)}


def test_the_names_are_there_only_where_the_network_is_not_the_textbooks():
    assert list(initialize_parameters(2, 4, 1)) == list(NAMES)
    parameters = initialize_parameters(2, 4, 1, hidden="relu", cost="brier")
    assert (parameters["hidden"], parameters["cost"]) == ("relu", "brier")


def test_scale_multiplies_the_weights():
    one, two = (initialize_parameters(2, 4, 1, scale=scale, random_state=0) for scale in (1, 2))
    assert_close(two, {name: 2 * array for name, array in one.items()}, rtol=0)


def test_glorot_scales_by_the_sizes_of_both_layers():
    one, glorot = (initialize_parameters(7, 9, 3, scale=scale, random_state=0) for scale in (1, "glorot"))
    np.testing.assert_allclose(glorot["W1"], one["W1"] * math.sqrt(2 / 16), rtol=1e-15)
    np.testing.assert_allclose(glorot["W2"], one["W2"] * math.sqrt(2 / 12), rtol=1e-15)


@pytest.mark.parametrize("hidden", sorted(ACTIVATIONS))
def test_nguyen_and_widrow_s_borders_pass_through_samples(hidden):
    X = np.random.RandomState(0).standard_normal((3, 40))
    network = initialize_parameters(3, 50, 2, hidden=hidden, scale="nguyen_widrow", X=X, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(network["W1"], axis=1), 0.7 * 50 ** (1 / 3), rtol=1e-12)
    distances = np.abs(network["W1"] @ X + network["b1"])                 # (n_h, m)
    np.testing.assert_allclose(distances.min(axis=1), 0, atol=1e-12)
    assert len(np.unique(distances.argmin(axis=1))) > 20
    glorot = initialize_parameters(3, 50, 2, scale="glorot", random_state=0)
    np.testing.assert_array_equal(network["W2"], glorot["W2"])


def test_nguyen_and_widrow_s_start_keeps_float32_and_the_seed():
    X = np.random.RandomState(0).standard_normal((3, 40))
    one, two = (initialize_parameters(3, 5, 2, scale="nguyen_widrow", X=X, random_state=7, dtype=np.float32)
                for _ in range(2))
    assert all((one[name] == two[name]).all() for name in NAMES)
    assert {one[name].dtype for name in NAMES} == {np.dtype(np.float32)}


def test_a_scale_that_is_a_function_draws_the_weights_of_a_shape():
    generator = np.random.RandomState(0)
    parameters = initialize_parameters(2, 3, 1, scale=lambda shape: generator.uniform(-1, 1, shape), dtype=np.float32)
    again = np.random.RandomState(0)
    np.testing.assert_array_equal(parameters["W1"], again.uniform(-1, 1, (3, 2)).astype(np.float32))
    np.testing.assert_array_equal(parameters["W2"], again.uniform(-1, 1, (1, 3)).astype(np.float32))


# Two samples by hand. With L = ln 3 the activations are fractions: tanh L = 4/5, tanh L/2 = 1/2, sigmoid L = 3/4.

L = math.log(3)
HAND_X, HAND_Y = np.array([[1.0, -1.0]]), np.array([[1.0, 1.0]])
HAND = arrays({"W1": [[L / 2], [L / 2]], "b1": [[L / 2], [0]], "W2": [[5 * L / 4, L]], "b2": [[-L / 2]]})
HAND_CACHE = arrays({
    "Z1": [[L, 0], [L / 2, -L / 2]], "A1": [[4 / 5, 0], [1 / 2, -1 / 2]], "Z2": [[L, -L]], "A2": [[3 / 4, 1 / 4]],
})
HAND_WEIGHTS = np.array([[1.0, 3.0]])
EXACT = {"rtol": 0, "atol": 1e-12}


def test_two_samples_by_hand_forward():
    A2, cache = forward_propagation(HAND_X, HAND)
    assert_close(cache, HAND_CACHE, **EXACT)
    np.testing.assert_array_equal(A2, cache["A2"])


@pytest.mark.parametrize(("settings", "cost"), [
    ({}, (math.log(4 / 3) + math.log(4)) / 2),
    ({"l2": 0.3}, (math.log(4 / 3) + math.log(4)) / 2 + 0.3 / 4 * 49 * L**2 / 16),
    ({"sample_weight": HAND_WEIGHTS}, (math.log(4 / 3) + 3 * math.log(4)) / 4),
    ({"sample_weight": HAND_WEIGHTS, "l2": 0.3},
     (math.log(4 / 3) + 3 * math.log(4)) / 4 + 0.3 / 8 * 49 * L**2 / 16),
])
@pytest.mark.parametrize("cache", [None, HAND_CACHE])
def test_two_samples_by_hand_cost(settings, cost, cache):
    assert compute_cost(HAND_CACHE["A2"], HAND_Y, HAND, cache=cache, **settings) == pytest.approx(cost, abs=1e-12)


PLAIN = arrays({"dW1": [[33 * L / 80], [3 * L / 16]], "db1": [[-21 * L / 40], [-3 * L / 8]],
                "dW2": [[-1 / 10, 1 / 8]], "db2": [[-1 / 2]]})
WEIGHTED = arrays({"dW1": [[27 * L / 40], [3 * L / 8]], "db1": [[-117 * L / 160], [-15 * L / 32]],
                   "dW2": [[-1 / 20, 1 / 4]], "db2": [[-5 / 8]]})


def decayed(grads, strength):
    return grads | {"dW1": grads["dW1"] + strength * HAND["W1"], "dW2": grads["dW2"] + strength * HAND["W2"]}


@pytest.mark.parametrize(("settings", "grads"), [
    ({}, PLAIN),
    ({"l2": 0.3}, decayed(PLAIN, 0.3 / 2)),
    ({"sample_weight": HAND_WEIGHTS}, WEIGHTED),
    ({"sample_weight": HAND_WEIGHTS, "l2": 0.3}, decayed(WEIGHTED, 0.3 / 4)),
])
def test_two_samples_by_hand_gradients(settings, grads):
    assert_close(backward_propagation(HAND, HAND_CACHE, HAND_X, HAND_Y, **settings), grads, **EXACT)


def test_two_samples_by_hand_softmax():
    parameters = arrays({"W1": [[L]], "b1": [[0]], "W2": [[5 * L / 8], [-5 * L / 8]], "b2": [[L / 2], [L / 2]]})
    parameters["cost"] = "softmax_cross_entropy"
    X, Y = np.array([[1.0, -1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])    # A1 = ±4/5, Z2 = L/2 ± L/2
    A2, cache = forward_propagation(X, parameters)
    np.testing.assert_allclose(A2, [[3 / 4, 1 / 4], [1 / 4, 3 / 4]], **EXACT)
    assert compute_cost(A2, Y, parameters, cache=cache) == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, abs=1e-12)
    dZ1 = 5 * L / 4 * 9 / 25 * np.array([-1 / 8, -3 / 8])
    assert_close(backward_propagation(parameters, cache, X, Y), arrays({
        "dW2": [[1 / 5], [-1 / 5]], "db2": [[-1 / 2], [1 / 2]], "dW1": [[dZ1[0] - dZ1[1]]], "db1": [[dZ1.sum()]],
    }), **EXACT)


@pytest.mark.parametrize(("cost", "A2", "value", "error"), [
    ("squared_error", [[L, -L]], ((L - 1) ** 2 + (L + 1) ** 2) / 2, [L - 1, -L - 1]),
    ("brier", [[3 / 4, 1 / 4]], (1 / 16 + 9 / 16) / 2, [-3 / 64, -9 / 64]),
])
def test_two_samples_by_hand_other_costs(cost, A2, value, error):
    parameters = HAND | {"cost": cost}
    output, cache = forward_propagation(HAND_X, parameters)
    np.testing.assert_allclose(output, A2, **EXACT)
    assert compute_cost(output, HAND_Y, parameters) == pytest.approx(value, abs=1e-12)
    assert compute_cost(output, HAND_Y, parameters, cache=cache) == pytest.approx(value, abs=1e-12)
    grads = backward_propagation(parameters, cache, HAND_X, HAND_Y)       # the error is m · dZ2 / 2 · 2: m = 2
    np.testing.assert_allclose(grads["db2"], [[sum(error)]], **EXACT)
    np.testing.assert_allclose(grads["dW2"], [np.array(error) @ HAND_CACHE["A1"].T], **EXACT)


# Every network

@pytest.mark.parametrize(("cost", "hidden", "n_y"), SETTINGS)
def test_forward_is_the_formula_and_has_the_shapes(cost, hidden, n_y, problem):
    parameters, X, _ = problem(n_y=n_y, cost=cost, hidden=hidden)
    A2, cache = forward_propagation(X, parameters)
    Z1 = parameters["W1"] @ X + parameters["b1"]
    Z2 = parameters["W2"] @ ACTIVATIONS[hidden].function(Z1) + parameters["b2"]
    np.testing.assert_allclose(cache["Z1"], Z1, rtol=1e-12)
    np.testing.assert_allclose(A2, OUTPUT_ACTIVATIONS[COSTS[cost].output](Z2), rtol=1e-12, atol=1e-15)
    assert {name: array.shape for name, array in cache.items()} == {
        "Z1": (4, 7), "A1": (4, 7), "Z2": (n_y, 7), "A2": (n_y, 7),
    }


@pytest.mark.parametrize(("cost", "hidden", "n_y"), SETTINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_shape_and_dtype_of_their_parameters(cost, hidden, n_y, dtype, problem):
    parameters, X, Y = problem(n_y=n_y, cost=cost, hidden=hidden, dtype=dtype)
    cache = forward_propagation(X, parameters)[1]
    assert {array.dtype for array in cache.values()} == {np.dtype(dtype)}
    for settings in ({}, {"l2": np.float64(0.1), "sample_weight": np.arange(7.0)[None]}):
        grads = backward_propagation(parameters, cache, X, Y.astype(float), **settings)
        assert list(grads) == ["dW1", "db1", "dW2", "db2"]
        for name in NAMES:
            assert (grads["d" + name].shape, grads["d" + name].dtype) == (parameters[name].shape, dtype)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_cache", [False, True])
def test_the_cost_is_a_python_float(cost, dtype, with_cache, problem):
    parameters, X, Y = problem(n_y=2, cost=cost, dtype=dtype)
    A2, cache = forward_propagation(X, parameters)
    for settings in ({}, {"l2": np.float32(1)}, {"sample_weight": np.ones((1, 7), dtype)}):
        assert type(compute_cost(A2, Y, parameters, cache=cache if with_cache else None, **settings)) is float


def test_the_cost_of_the_course_s_labels_outside_of_0_and_1():
    A2, Y = np.array([[0.5002307, 0.49985831, 0.50023963]]), np.random.RandomState(1).randn(1, 3)     # that of 2017
    assert compute_cost(A2, Y) == pytest.approx(0.692919893776, abs=5e-13)


def test_the_calls_of_the_text_work():
    A2, Y = np.array([[0.5, 0.25]]), np.array([[1, 0]])
    value = (math.log(2) + math.log(4 / 3)) / 2
    assert compute_cost(A2, Y) == pytest.approx(value, rel=1e-14)
    assert compute_cost(A2, Y, initialize_parameters(2, 4, 1)) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("Z2", "Y", "cost"), [
    ([[1000.0, -1000.0]], [[1, 0]], 0), ([[1000.0, -1000.0]], [[0, 1]], 1000), ([[-1000.0, 1000.0]], [[0, 0]], 500),
])
def test_cost_is_finite_when_the_output_saturates(Z2, Y, cost):
    Z2 = np.array(Z2)
    A2 = OUTPUT_ACTIVATIONS["sigmoid"](Z2)
    assert compute_cost(A2, np.array(Y), cache={"Z2": Z2}) == cost


def test_perfect_saturated_predictions_cost_nothing_without_a_cache():
    assert compute_cost(np.array([[1.0, 0.0]]), np.array([[1, 0]])) == 0


@pytest.mark.parametrize("cost", ["cross_entropy", "brier"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float32])
def test_labels_of_any_dtype_count_as_numbers(cost, dtype, problem):
    parameters, X, Y = problem(n_y=2, cost=cost)
    A2, cache = forward_propagation(X, parameters)
    typed = Y.astype(dtype)
    assert compute_cost(A2, typed, parameters) == compute_cost(A2, Y, parameters)
    assert compute_cost(A2, typed, parameters, cache=cache) == compute_cost(A2, Y, parameters, cache=cache)
    assert_close(backward_propagation(parameters, cache, X, typed), backward_propagation(parameters, cache, X, Y),
                rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_data_of_any_dtype_counts_as_numbers(dtype, problem):
    parameters, _, _ = problem()
    X = np.random.RandomState(0).randint(2, size=(3, 5)).astype(dtype)
    A2, _ = forward_propagation(X, parameters)
    np.testing.assert_allclose(A2, forward_propagation(X.astype(float), parameters)[0], rtol=1e-14)
    assert A2.dtype == np.float64


def test_the_backward_pass_uses_the_cache_and_computes_nothing_again():
    """A published test feeds activations that no tanh could give."""
    generator = np.random.RandomState(1)
    W2, X, Y = generator.randn(1, 4), generator.randn(2, 3), np.array([[1.0, 0.0, 1.0]])
    A1, A2 = 3 * generator.randn(4, 3), generator.rand(1, 3)
    parameters = {"W1": np.full((4, 2), np.nan), "b1": np.full((4, 1), np.nan), "W2": W2, "b2": np.full((1, 1), np.nan)}
    grads = backward_propagation(parameters, {"A1": A1, "A2": A2}, X, Y)
    dZ2 = (A2 - Y) / 3
    dZ1 = W2.T @ dZ2 * (1 - A1**2)
    assert_close(grads, {"dW1": dZ1 @ X.T, "db1": dZ1.sum(1, keepdims=True),
                        "dW2": dZ2 @ A1.T, "db2": dZ2.sum(1, keepdims=True)}, rtol=1e-13)


def test_the_regularization_is_of_the_weights_alone(problem):
    parameters, X, Y = problem()
    A2, cache = forward_propagation(X, parameters)
    regularization = compute_cost(A2, Y, parameters, l2=0.7) - compute_cost(A2, Y, parameters)
    squares = (parameters["W1"] ** 2).sum() + (parameters["W2"] ** 2).sum()
    assert regularization == pytest.approx(0.7 / (2 * 7) * squares, rel=1e-12)
    plain = backward_propagation(parameters, cache, X, Y)
    regularized = backward_propagation(parameters, cache, X, Y, l2=0.7)
    for name in ("db1", "db2"):
        np.testing.assert_array_equal(regularized[name], plain[name])
    for name in ("W1", "W2"):
        np.testing.assert_allclose(regularized["d" + name] - plain["d" + name], 0.1 * parameters[name], atol=1e-14)


def test_no_weight_at_all_gives_no_cost_and_no_gradient(problem):
    parameters, X, Y = problem()
    A2, cache = forward_propagation(X, parameters)
    nothing = np.zeros((1, 7))
    assert compute_cost(A2, Y, parameters, sample_weight=nothing) == 0
    for gradient in backward_propagation(parameters, cache, X, Y, sample_weight=nothing).values():
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


# update_parameters

def test_an_update_gives_the_published_values(published):
    given = published["update_parameters"]["inputs"]
    updated = update_parameters(arrays(given["parameters"]), arrays(given["grads"]), given["learning_rate"])
    assert_close(updated, arrays(published["update_parameters"]["expected"]), rtol=1e-5, atol=5e-9)


def test_the_learning_rate_of_the_text_is_the_default(published):
    given = published["update_parameters"]["inputs"]
    parameters, grads = arrays(given["parameters"]), arrays(given["grads"])
    assert_close(update_parameters(parameters, grads), update_parameters(parameters, grads, 1.2), rtol=0)


@pytest.mark.parametrize("learning_rate", [0.1, np.float64(0.1), np.float32(0.1), 1])
def test_an_update_keeps_names_dtype_and_the_old_parameters(learning_rate, problem):
    parameters, _, _ = problem(hidden="relu", cost="brier", dtype=np.float32)
    before = {name: np.copy(value) for name, value in parameters.items()}
    updated = update_parameters(parameters, {"d" + name: parameters[name] for name in NAMES}, learning_rate)
    assert (updated["hidden"], updated["cost"]) == ("relu", "brier")
    for name in NAMES:
        assert updated[name].dtype == np.float32
        np.testing.assert_array_equal(parameters[name], before[name])
        np.testing.assert_allclose(updated[name], (1 - learning_rate) * before[name], rtol=1e-6, atol=1e-7)


# Errors

@pytest.mark.parametrize(("call", "message"), [
    (lambda p, X, Y: layer_sizes(X[0], Y), r"^X must .*got \(7,\)\."),
    (lambda p, X, Y: layer_sizes(X, Y[0]), r"^Y must .*got \(7,\)\."),
    (lambda p, X, Y: layer_sizes(X, Y, 0), r"^n_h must .*got 0\."),
    (lambda p, X, Y: initialize_parameters(0, 4, 1), r"^n_x must .*got 0\."),
    (lambda p, X, Y: initialize_parameters(2, -4, 1), r"^n_h must .*got -4\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 0), r"^n_y must .*got 0\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, hidden="swish"),
     r"^hidden must .*got 'swish'\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, cost="hinge"),
     r"^cost must .*got 'hinge'\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, scale=-1), r"^scale must .*got -1\.0\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, scale=math.nan), "^scale must"),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, scale="he"), r"^scale must .*got 'he'\."),
    (lambda p, X, Y: initialize_parameters(3, 4, 1, scale="nguyen_widrow", X=X[:2]), r"^X must .*got \(2, 7\)\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, scale=lambda shape: np.ones((3, 3))),
     r"^scale\(shape\) must .*got \(3, 3\)\."),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, scale=lambda shape: np.full(shape, np.nan)),
     r"^scale\(shape\) must .*got 8 "),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, dtype=np.int64), "^dtype must"),
    (lambda p, X, Y: initialize_parameters(2, 4, 1, dtype="junk"), "^dtype must .*got 'junk'"),
    (lambda p, X, Y: forward_propagation(X[:2], p), r"^X must have shape \(3, m\); got \(2, 7\)\. Columns are samples"),
    (lambda p, X, Y: forward_propagation([[1]] * 3, p), r"^X must .*got a list\. Use np\.array\(X\)\."),
    (lambda p, X, Y: forward_propagation(X[:, 0], p), r"^X must have shape \(3, m\); got \(3,\)\. Columns are samples"),
    (lambda p, X, Y: compute_cost(Y, Y[0]), r"^Y must .*got \(7,\)\."),
    (lambda p, X, Y: compute_cost(Y, Y.T), r"^Y must .*got \(7, 1\)\."),
    (lambda p, X, Y: compute_cost(Y, Y, l2=1), r"^parameters must be given with l2, .*; got None\.$"),
    (lambda p, X, Y: compute_cost(Y, Y, sample_weight=np.ones(7)),
     r"^sample_weight must .*got \(7,\)\."),
    (lambda p, X, Y: backward_propagation(p, forward_propagation(X, p)[1], X, Y[0]),
     r"^Y must .*got \(7,\)\."),
    (lambda p, X, Y: backward_propagation(p, forward_propagation(X, p)[1], X, Y, sample_weight=np.ones((7, 1))),
     r"^sample_weight must .*got \(7, 1\)\."),
])
def test_a_wrong_value_is_refused(call, message, problem):
    with pytest.raises(ValueError, match=message):
        call(*problem())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: layer_sizes(np.ones((2, 3)), np.ones((1, 3)), 4.0), r"^n_h must .*got 4\.0\."),
    (lambda: layer_sizes(None, np.ones((1, 3))), "^X must"),
    (lambda: initialize_parameters(2, True, 1), "^n_h must"),
    (lambda: initialize_parameters("2", 4, 1), r"^n_x must .*got '2'\."),
    (lambda: initialize_parameters(2, 4, 1, scale=None), "^scale must"),
    (lambda: initialize_parameters(2, 4, 1, random_state="3"), "^random_state must .*got '3'"),
])
def test_a_wrong_type_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("dtype", [int, np.int8, np.uint8, bool])
def test_integers_are_floats_before_any_arithmetic(dtype):
    """100 · 2 is no number of eight bits, and an integer product takes no bias of floats."""
    X = np.array([[1, 2]]).astype(dtype)
    parameters = {"W1": np.array([[100]]), "b1": np.full((1, 1), 0.5), "W2": np.array([[1]]), "b2": np.zeros((1, 1))}
    if dtype is not bool:
        parameters["W1"] = parameters["W1"].astype(dtype)
    _, cache = forward_propagation(X, parameters)
    np.testing.assert_array_equal(cache["Z1"], 100 * X.astype(float) + 0.5)


def test_weights_of_half_precision_do_not_overflow(problem):
    parameters, X, Y = problem(m=10)
    A2, cache = forward_propagation(X, parameters)
    weights = np.full((1, 10), 60_000, np.float16)
    cost = compute_cost(A2, Y, sample_weight=weights)
    assert cost == pytest.approx(compute_cost(A2, Y), rel=1e-12)
    grads = backward_propagation(parameters, cache, X, Y, sample_weight=weights)
    np.testing.assert_allclose(grads["dW1"], backward_propagation(parameters, cache, X, Y)["dW1"], rtol=1e-12)
