import h5py
import numpy as np
import pytest

from shallownet.activations import ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.gradient_check import gradient_check, numerical_gradient
from shallownet.network import backward_propagation, forward_propagation
from shallownet.objective import objective

RIGHT = 1e-7
SETTINGS = {
    "plain": {}, "l2": {"l2": 0.7}, "weights": {"sample_weight": np.array([[0.5, 0, 2, 1, 3, 0.1, 1]])},
    "both": {"l2": 0.7, "sample_weight": np.array([[0.5, 0, 2, 1, 3, 0.1, 1]])},
}


# numerical_gradient

@pytest.mark.parametrize("dtype", [float, np.float32, int, np.uint8])
def test_the_numerical_gradient_is_that_of_calculus(dtype):
    array = np.array([[1, 2, 3], [0, 5, 1]], dtype)
    gradient = numerical_gradient(lambda a: (a**3).sum(), array)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 3 * array.astype(float) ** 2, rtol=1e-8, atol=1e-9)


def test_the_numerical_gradient_takes_any_rank_and_lists():
    assert numerical_gradient(lambda a: float(a) ** 2, 3.0) == pytest.approx(6)
    np.testing.assert_allclose(numerical_gradient(np.sum, np.zeros((2, 1, 3))), np.ones((2, 1, 3)))
    np.testing.assert_allclose(numerical_gradient(lambda a: (a**2).sum(), [1.0, 3.0]), [2, 6])


def test_the_numerical_gradient_leaves_its_input_even_if_the_function_fails():
    array = np.array([1.0, 2.0])
    numerical_gradient(np.sum, array)
    with pytest.raises(ZeroDivisionError):
        numerical_gradient(lambda a: 1 / 0, array)
    np.testing.assert_array_equal(array, [1, 2])
    array.flags.writeable = False
    np.testing.assert_allclose(numerical_gradient(np.sum, array), [1, 1])


def test_the_differences_are_central():
    """They are exact for a square, whatever the step; one-sided ones would be off by h."""
    assert numerical_gradient(lambda a: (a**2).sum(), np.array([3.0]), h=0.5) == pytest.approx(6, rel=1e-14)


# gradient_check

@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(("cost", "hidden", "n_y"), [
    (cost, hidden, n_y) for cost in COSTS for hidden in ACTIVATIONS
    for n_y in ((2, 3) if cost == "softmax_cross_entropy" else (1, 3))
])
def test_the_gradient_is_right_for_every_cost_and_activation(cost, hidden, n_y, settings, problem, engine):
    parameters, X, Y = problem(n_y=n_y, cost=cost, hidden=hidden)
    Z1 = forward_propagation(X, parameters)[1]["Z1"]
    assert hidden != "relu" or np.abs(Z1).min() > 1e-3                    # off the kink
    assert gradient_check(parameters, X, Y, **settings) < RIGHT
    with objective(X, Y, parameters, **settings) as data:
        _, grads, _ = data.gradient(parameters, False)
    assert gradient_check(parameters, X, Y, grads=grads, **settings) < RIGHT


@pytest.mark.parametrize("seed", range(20))
def test_the_gradient_is_right_on_twenty_random_networks(seed, problem):
    sizes = np.random.RandomState(seed).randint(1, 7, size=4)
    assert gradient_check(*problem(*sizes, seed=seed)) < RIGHT


def test_the_gradient_is_right_on_the_planar_data(planar, problem):
    assert gradient_check(problem(n_x=2)[0], *planar) < RIGHT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_is_computed_in_float64(dtype, problem):
    parameters, X, Y = problem(dtype=dtype)
    assert gradient_check(parameters, X, Y.astype(np.uint8), l2=0.1, sample_weight=np.ones((1, 7), dtype)) < RIGHT


def test_the_difference_is_a_python_float_and_the_formula(problem):
    parameters, X, Y = problem()
    grads = backward_propagation(parameters, forward_propagation(X, parameters)[1], X, Y)
    doubled = {name: 2 * gradient for name, gradient in grads.items()}
    difference = gradient_check(parameters, X, Y, grads=doubled)
    assert type(difference) is float
    assert difference == pytest.approx(1 / 3, rel=1e-8)                   # ‖g - 2g‖ / (‖g‖ + ‖2g‖)


def planted(mistake, parameters, cache, X, Y):
    """The gradients of ``backward_propagation`` with a mistake in them."""
    grads = backward_propagation(parameters, cache, X, Y)
    dZ2 = (cache["A2"] - Y) / Y.shape[1]
    dZ1 = parameters["W2"].T @ dZ2 * (1 - cache["A1"] ** 2)
    if mistake == "a factor of 1.0005":
        return grads | {"dW2": 1.0005 * grads["dW2"]}
    if mistake == "a missing bias term":
        return grads | {"db1": 0 * grads["db1"]}
    if mistake == "W2 against Z1":
        return grads | {"dW2": dZ2 @ cache["Z1"].T}
    if mistake == "a mean in place of a sum":
        return grads | {"db2": dZ2.mean(axis=1, keepdims=True)}
    if mistake == "a wrong derivative":
        return grads | {"dW1": (parameters["W2"].T @ dZ2 * (1 - cache["A1"])) @ X.T}
    if mistake == "no derivative":
        return grads | {"db1": (parameters["W2"].T @ dZ2).sum(axis=1, keepdims=True)}
    if mistake == "a wrong sign":
        return grads | {"dW1": -grads["dW1"]}
    if mistake == "one entry":
        return grads | {"dW1": (dZ1 @ X.T) + 1e-5 * np.eye(4, 2)}
    return grads


@pytest.mark.parametrize("mistake", [
    "a factor of 1.0005", "a missing bias term", "W2 against Z1", "a mean in place of a sum", "a wrong derivative",
    "no derivative", "a wrong sign", "one entry",
])
def test_a_planted_mistake_is_caught(mistake, planar, problem):
    (parameters, _, _), (X, Y) = problem(n_x=2), planar
    cache = forward_propagation(X, parameters)[1]
    assert gradient_check(parameters, X, Y, grads=planted("none", parameters, cache, X, Y)) < RIGHT
    assert gradient_check(parameters, X, Y, grads=planted(mistake, parameters, cache, X, Y)) > 10 * RIGHT


@pytest.mark.parametrize("mistake", ["l2", "sample_weight"])
def test_a_forgotten_setting_is_caught(mistake, problem):
    parameters, X, Y = problem()
    settings = {"l2": 0.1, "sample_weight": SETTINGS["weights"]["sample_weight"]}
    forgotten = {name: value for name, value in settings.items() if name != mistake}
    grads = backward_propagation(parameters, forward_propagation(X, parameters)[1], X, Y, **forgotten)
    assert gradient_check(parameters, X, Y, grads=grads, **settings) > 10 * RIGHT


def test_streamed_data_is_checked_too(tmp_path, problem):
    parameters, X, Y = problem()
    mapped = np.memmap(tmp_path / "X", float, "w+", shape=X.shape)
    mapped[:] = X
    with h5py.File(tmp_path / "Y.h5", "w") as file:
        assert gradient_check(parameters, mapped, file.create_dataset("Y", data=Y)) < RIGHT


# Errors

@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"h": 0}, ValueError, r"^h must .*got 0\.0\."),
    ({"h": "a"}, TypeError, r"^h must .*got 'a'\."),
    ({"l2": -1}, ValueError, r"^l2 must .*got -1\.0\."),
    ({"l2": None}, TypeError, "^l2 must"),
    ({"l2": np.nan}, ValueError, "^l2 must"),
    ({"sample_weight": np.ones(7)}, ValueError, r"^sample_weight must .*got \(7,\)\."),
    ({"sample_weight": -np.ones((1, 7))}, ValueError,
     "^sample_weight must"),
    ({"sample_weight": np.zeros((1, 7))}, ValueError, "^sample_weight must"),
    ({"grads": 3}, TypeError, r"^grads must be a dictionary; got .*3\."),
    ({"grads": {}}, ValueError, r"^grads\['dW1'\] must"),
    ({"grads": {"dW1": np.ones((3, 4)), "db1": 0, "dW2": 0, "db2": 0}}, ValueError,
     r"^grads\['dW1'\] must .*got \(3, 4\)\."),
])
def test_a_wrong_setting_is_refused(settings, error, message, problem):
    with pytest.raises(error, match=message):
        gradient_check(*problem(), **settings)


@pytest.mark.parametrize(("change", "message"), [
    (lambda p, X, Y: (p, X.T, Y), r"^X must .*got \(7, 3\)\."),
    (lambda p, X, Y: (p, X, Y[0]), r"^Y must .*got \(7,\)\."),
    (lambda p, X, Y: (p, X, 2 * Y), "^Y must"),
    (lambda p, X, Y: (p, X * np.nan, Y), "^X must .*got 21 "),
    (lambda p, X, Y: (p | {"cost": "hinge"}, X, Y), r"^parameters\['cost'\] must"),
])
def test_wrong_data_is_refused(change, message, problem):
    with pytest.raises(ValueError, match=message):
        gradient_check(*change(*problem()))


def test_a_step_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"^h must .*got 0\.0"):
        numerical_gradient(np.sum, np.ones(2), h=0)
