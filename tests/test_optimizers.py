import math
import pickle

import numpy as np
import pytest

from shallownet.network import NAMES, update_parameters
from shallownet.objective import cost_and_gradient
from shallownet.optimizers import Optimizer, adam, gradient_descent, inverse_time_decay, momentum, step_decay
from shallownet.training import train

OPTIMIZERS = {"gradient descent": gradient_descent, "momentum": momentum, "adam": adam}
STATES = {"gradient descent": {"t"}, "momentum": {"t", *(f"v_{name}" for name in NAMES)},
          "adam": {"t", *(f"{v}_{name}" for v in "mv" for name in NAMES)}}


def filled(value, prefix=""):
    """Parameters or gradients with one value everywhere."""
    shapes = {"W1": (3, 2), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}
    return {prefix + name: np.full(shape, float(value)) for name, shape in shapes.items()}


def after(optimizer, gradients, start=1.0):
    """The value of the parameters after steps with the gradients, and the state."""
    parameters = filled(start)
    state = optimizer.init(parameters)
    for gradient in gradients:
        parameters, state = optimizer.update(parameters, filled(gradient, "d"), state)
    values = np.concatenate([parameters[name].ravel() for name in NAMES])
    assert np.ptp(values) == 0                                            # no parameter is treated in its own way
    return values[0], state


# The formulas, by hand

def test_gradient_descent_by_hand():
    assert after(gradient_descent(0.1), [2, -1])[0] == pytest.approx(1 - 0.2 + 0.1, rel=1e-15)


def test_gradient_descent_is_update_parameters(problem):
    parameters, X, Y = problem()
    grads = cost_and_gradient(parameters, X, Y)[1]
    optimizer = gradient_descent(0.3)
    updated, _ = optimizer.update(parameters, grads, optimizer.init(parameters))
    for name, value in update_parameters(parameters, grads, 0.3).items():
        np.testing.assert_array_equal(updated[name], value)


def test_two_steps_of_momentum_by_hand():
    value, state = after(momentum(0.5, beta=0.9), [2, 1])
    assert state["v_W1"] == pytest.approx(np.full((3, 2), 0.9 * 0.2 + 0.1 * 1), rel=1e-14)    # v: 0.2, then 0.28
    assert value == pytest.approx(1 - 0.5 * 0.2 - 0.5 * 0.28, rel=1e-14)


@pytest.mark.parametrize("gradient", [1e-5, -0.02, 3.0, -1e6])
def test_the_first_step_of_adam_is_the_learning_rate(gradient):
    value, _ = after(adam(0.001, epsilon=1e-300), [gradient])
    assert 1 - value == pytest.approx(math.copysign(0.001, gradient), rel=1e-12)


def test_two_steps_of_adam_by_hand():
    value, state = after(adam(0.1, beta1=0.9, beta2=0.99, epsilon=0.5), [2, 1])
    first = 0.1 * 2 / (2 + 0.5)                                           # mhat = 2, vhat = 4
    m, v = 0.9 * 0.2 + 0.1 * 1, 0.99 * 0.04 + 0.01 * 1
    second = 0.1 * (m / 0.19) / (math.sqrt(v / 0.0199) + 0.5)             # epsilon stands outside the root
    assert value == pytest.approx(1 - first - second, rel=1e-14)
    assert state["m_b2"] == pytest.approx(m, rel=1e-14)
    assert state["v_b2"] == pytest.approx(v, rel=1e-14)


def test_adam_without_memory_divides_by_the_gradient_s_size():
    assert after(adam(0.1, beta1=0, beta2=0, epsilon=1), [3, -1])[0] == pytest.approx(1 - 0.1 * 3 / 4 + 0.1 / 2)


def test_adam_has_the_papers_defaults():
    assert after(adam(), [1, 2, 3])[0] == after(adam(0.001, 0.9, 0.999, 1e-8), [1, 2, 3])[0]


@pytest.mark.parametrize("gradients", [[2], [2, -1, 0.5]])
def test_momentum_with_beta_0_is_gradient_descent(gradients):
    assert after(momentum(0.3, beta=0), gradients)[0] == after(gradient_descent(0.3), gradients)[0]


# The learning rate as a function

@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_learning_rate_may_be_a_function_of_the_iteration(name):
    asked = []

    def rate(t):
        asked.append(t)
        return [0.5, 0.25, 0.125][t]

    constant = [after(OPTIMIZERS[name](1.0), [1] * k)[0] for k in range(4)]
    steps = -np.diff(constant)
    value, _ = after(OPTIMIZERS[name](rate), [1, 1, 1])
    assert asked == [0, 1, 2]
    assert value == pytest.approx(1 - (steps * [0.5, 0.25, 0.125]).sum(), rel=1e-14)


def test_inverse_time_decay_by_hand():
    rate = inverse_time_decay(0.6, decay=0.5)
    assert [rate(t) for t in (0, 1, 2, 4)] == pytest.approx([0.6, 0.4, 0.3, 0.2], rel=1e-15)


def test_step_decay_by_hand():
    rate = step_decay(0.8, factor=0.5, every=3)
    assert [rate(t) for t in range(8)] == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2]


# State, dtype and purity

@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_a_pair_and_its_state_is_visible(name, problem):
    parameters, X, Y = problem(n_y=2)
    optimizer = OPTIMIZERS[name](0.1)
    init, update = optimizer
    assert isinstance(optimizer, Optimizer)
    state = init(parameters)
    assert state.keys() == STATES[name]
    assert state["t"] == 0
    _, state = update(parameters, cost_and_gradient(parameters, X, Y)[1], state)
    assert state.keys() == STATES[name]
    assert state["t"] == 1
    for key in STATES[name] - {"t"}:
        assert state[key].shape == parameters[key[2:]].shape


def frozen(arrays):
    for array in arrays.values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return arrays


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_leaves_its_arguments_alone(name, problem):
    parameters, X, Y = problem()
    optimizer = OPTIMIZERS[name](0.1)
    grads = frozen(cost_and_gradient(frozen(parameters), X, Y)[1])
    _, state = optimizer.update(parameters, grads, frozen(optimizer.init(parameters)))
    keys, t = list(state), state["t"]
    optimizer.update(parameters, grads, frozen(state))
    assert (list(state), state["t"]) == (keys, t)
    assert list(parameters) == list(NAMES)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_keeps_the_names_of_activation_and_cost(name, problem):
    parameters, X, Y = problem(hidden="relu", cost="brier")
    optimizer = OPTIMIZERS[name](0.1)
    updated, _ = optimizer.update(parameters, cost_and_gradient(parameters, X, Y)[1], optimizer.init(parameters))
    assert (updated["hidden"], updated["cost"]) == ("relu", "brier")


@pytest.mark.parametrize("optimizer", [
    gradient_descent(np.float64(0.1)),
    gradient_descent(lambda t: np.float64(0.1)),
    momentum(np.float64(0.1), beta=np.float64(0.9)),
    momentum(lambda t: np.float64(0.1)),
    adam(np.float64(0.1), np.float64(0.9), np.float64(0.999), np.float64(1e-8)),
    adam(lambda t: np.float64(0.1)),
    adam(inverse_time_decay(np.float64(0.1), np.float64(0.1))),
    momentum(step_decay(np.float64(0.1), np.float64(0.5), np.int64(2))),
])
def test_float32_stays_float32_in_parameters_and_state(optimizer, problem):
    parameters, X, Y = problem(dtype=np.float32)
    state = optimizer.init(parameters)
    for _ in range(3):
        parameters, state = optimizer.update(parameters, cost_and_gradient(parameters, X, Y)[1], state)
    dtypes = {value.dtype for value in (*parameters.values(), *state.values()) if isinstance(value, np.ndarray)}
    assert dtypes == {np.dtype(np.float32)}


# Errors

@pytest.mark.parametrize(("call", "message"), [
    *((lambda f=f: f(0), r"^learning_rate must .*got 0\.0\.") for f in OPTIMIZERS.values()),
    *((lambda f=f: f(-1), r"^learning_rate must .*got -1\.0\.") for f in OPTIMIZERS.values()),
    *((lambda f=f: f(math.nan), "^learning_rate must") for f in OPTIMIZERS.values()),
    (lambda: gradient_descent(10**400), "^learning_rate must"),
    (lambda: momentum(0.1, beta=1), r"^beta must .*got 1\.0\."),
    (lambda: momentum(0.1, beta=-0.1), r"^beta must .*got -0\.1\."),
    (lambda: adam(beta1=1), r"^beta1 must .*got 1\.0\."),
    (lambda: adam(beta2=1.5), r"^beta2 must .*got 1\.5\."),
    (lambda: adam(epsilon=0), r"^epsilon must .*got 0\.0\."),
    (lambda: inverse_time_decay(0, 1), r"^learning_rate must .*got 0\.0\."),
    (lambda: inverse_time_decay(1, -1), r"^decay must .*got -1\.0\."),
    (lambda: step_decay(-1, 0.5, 10), r"^learning_rate must .*got -1\.0\."),
    (lambda: step_decay(1, 0, 10), r"^factor must .*got 0\.0\."),
    (lambda: step_decay(1, 0.5, 0), r"^every must .*got 0\."),
])
def test_a_wrong_value_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("call", "message"), [
    *((lambda f=f: f("0.1"), r"^learning_rate must .*got '0\.1'\.") for f in OPTIMIZERS.values()),
    (lambda: gradient_descent(None), "^learning_rate must"),
    (lambda: gradient_descent(True), "^learning_rate must"),
    (lambda: gradient_descent(np.array([0.1])), "^learning_rate must"),
    (lambda: momentum(0.1, beta="0.9"), r"^beta must .*got '0\.9'\."),
    (lambda: adam(beta1=None), "^beta1 must"),
    (lambda: adam(0.1, beta2=1j), "^beta2 must"),
    (lambda: adam(0.1, epsilon=[]), "^epsilon must"),
    (lambda: step_decay(0.1, 0.5, 2.5), r"^every must .*got 2\.5\."),
])
def test_a_wrong_type_is_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(("value", "error", "message"), [
    (None, TypeError, r"^learning_rate\(1\) must"),
    ("0.1", TypeError, r"^learning_rate\(1\) must .*got '0\.1'\."),
    (math.nan, ValueError, r"^learning_rate\(1\) must"),
])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_schedule_that_gives_no_number_is_refused(name, value, error, message):
    with pytest.raises(error, match=message):
        after(OPTIMIZERS[name](lambda t: value if t == 1 else 0.1), [1, 1, 1])


def test_an_optimizer_without_a_dictionary_is_refused_before_it_trains(problem):
    parameters, X, Y = problem()
    with pytest.raises(TypeError, match=r"^optimizer must be \(init, update\) .* a dictionary; got None from it"):
        train(X, Y, parameters, 3, optimizer=(lambda parameters: None, lambda *arguments: arguments))


@pytest.mark.parametrize("schedule", [inverse_time_decay(0.5, 0.01), step_decay(0.5, 0.5, 100)])
@pytest.mark.parametrize("make", [gradient_descent, momentum, adam])
def test_an_optimizer_can_be_pickled_with_its_schedule(make, schedule, problem):
    parameters, X, Y = problem()
    expected, _ = train(X, Y, parameters, 5, optimizer=make(schedule))
    trained, _ = train(X, Y, parameters, 5, optimizer=pickle.loads(pickle.dumps(make(schedule))))
    np.testing.assert_array_equal(trained["W1"], expected["W1"])
