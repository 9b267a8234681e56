"""The compiled engine: its elementary functions, its numbers beside the plain functions', its bits, its notices.

What both engines promise is tested in the other files, with the fixture ``engine``.
"""

import builtins
import copy
import importlib
import importlib.util
import math
import runpy
import signal
import sys
import time

import mpmath
import numba
import numpy as np
import pytest
from streams import Slices
from threadpoolctl import threadpool_info

from shallownet import _kernels, compiled, training
from shallownet.activations import ACTIVATIONS, Activation
from shallownet.compiled import compiled_objective, nn_model, predict, train
from shallownet.costs import COSTS
from shallownet.datasets import planar_flower
from shallownet.network import NAMES, initialize_parameters
from shallownet.objective import objective
from shallownet.optimizers import adam, gradient_descent, inverse_time_decay, momentum

OPTIMIZERS = {"gradient descent": gradient_descent(0.5), "momentum": momentum(0.5),
              "adam, decaying": adam(inverse_time_decay(0.05, 0.1))}


def assert_identical(actual, expected):
    for name in NAMES:
        assert actual[name].dtype == expected[name].dtype
        assert actual[name].tobytes() == expected[name].tobytes()


# Elementary functions


@numba.njit
def apply_exp(x, y):
    for j in range(len(x)):
        y[j] = _kernels.exp(x[j])


@numba.njit
def apply_log1p(x, y):
    for j in range(len(x)):
        y[j] = _kernels.log1p(x[j])


@numba.njit
def apply_tanh(x, y):
    for j in range(len(x)):
        y[j] = _kernels.tanh(x[j])


def numbers(dtype):
    """Numbers of every size from the smallest subnormal to the largest power of 2, most where the functions bend."""
    info, random = np.finfo(dtype), np.random.RandomState(0)
    exponents = random.uniform(math.log2(float(info.smallest_subnormal)), info.maxexp - 1, 1500)
    some = [0, info.smallest_subnormal, info.tiny, info.eps, 1, float(info.max) / 8]
    return np.concatenate([2.0**exponents, 2.0 ** random.uniform(-8, 8, 3000), some]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("apply", "function", "domain", "bound"), [
    (apply_exp, mpmath.exp, lambda x: np.concatenate([x, -x]), 1.0),
    (apply_log1p, mpmath.log1p, lambda x: x[x < np.finfo(x.dtype).max / 4], 1.0),
    (apply_tanh, mpmath.tanh, lambda x: np.concatenate([x, -x]), 2.6),
], ids=["exp", "log1p", "tanh"])
def test_elementary_functions_keep_their_error_bounds_over_the_whole_range(apply, function, domain, bound, dtype):
    info, x = np.finfo(dtype), domain(numbers(dtype))
    y = np.empty_like(x)
    apply(x, y)
    largest = 0
    with mpmath.workprec(200):
        for argument, result in zip(x, y, strict=True):
            exact = function(mpmath.mpf(float(argument)))
            if exact > float(info.max):
                assert result == np.inf, argument
            else:
                rounded = np.float64(float(exact)).astype(dtype)
                unit = max(np.spacing(abs(rounded)), info.smallest_subnormal)
                largest = max(largest, abs(mpmath.mpf(float(result)) - exact) / mpmath.mpf(float(unit)))
    assert largest < bound                                                # units in the last place


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions_at_the_ends(dtype):
    x = np.array([-np.inf, -0.0, 0.0, np.inf, np.nan], dtype)
    y = np.empty_like(x)
    apply_exp(x, y)
    np.testing.assert_array_equal(y, [0, 1, 1, np.inf, np.nan])
    apply_tanh(x, y)
    np.testing.assert_array_equal(y, [-1, 0, 0, 1, np.nan])
    apply_log1p(x[1:3], y[1:3])
    np.testing.assert_array_equal(y[1:3], 0)


# Cost and gradient


def assert_agrees(parameters, X, Y, tolerance, **settings):
    with objective(X, Y, parameters, **settings) as plain, compiled_objective(X, Y, parameters, **settings) as ours:
        expected_cost, expected, weight = plain.gradient(parameters, True)
        cost, grads, m = ours.gradient(parameters, True)
        assert (type(cost), m) == (float, weight)
        assert cost == pytest.approx(expected_cost, rel=tolerance)
        assert ours.cost(parameters) == cost
        assert ours.dtype == plain.dtype
        assert ours.gradient(parameters, False)[0] is None
        for name, gradient in expected.items():
            assert grads[name].dtype == gradient.dtype
            size = np.abs(gradient).max()
            np.testing.assert_allclose(grads[name], gradient, rtol=0, atol=tolerance * max(size, 1e-2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", [{}, {"l2": 0.7}, {"sample_weight": np.arange(300.0)[None], "l2": 0.3}],
                         ids=["plain", "l2", "weights"])
@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize(("cost", "n_y"), [
    ("cross_entropy", 1), ("cross_entropy", 3), ("softmax_cross_entropy", 2), ("softmax_cross_entropy", 5),
    ("squared_error", 1), ("squared_error", 4), ("brier", 1), ("brier", 2),
])
def test_it_is_the_gradient_of_the_plain_functions(cost, n_y, hidden, settings, dtype, problem):
    parameters, X, Y = problem(n_x=5, n_h=3, n_y=n_y, m=300, cost=cost, hidden=hidden, dtype=dtype)
    assert_agrees(parameters, X, Y, 1e-12 if dtype == np.float64 else 3e-5, **settings)


@pytest.mark.parametrize("order", ["C", "F", "neither"])
@pytest.mark.parametrize(("n_x", "n_h", "n_y", "m"), [
    (1, 1, 1, 1), (2, 4, 1, 400), (4, 2, 1, 255), (6, 5, 2, 256), (9, 7, 3, 257), (64, 40, 3, 300), (50, 300, 10, 77),
])
def test_layers_of_any_size_and_data_in_any_order(n_x, n_h, n_y, m, order, problem):
    cost = "cross_entropy" if n_y == 1 else "softmax_cross_entropy"
    parameters, X, Y = problem(n_x=n_x, n_h=n_h, n_y=n_y, m=m, cost=cost)
    if order == "neither":
        X, Y = np.repeat(np.repeat(X, 2, axis=1), 2, axis=0)[::2, ::2], np.repeat(Y, 2, axis=1)[:, ::2]
    else:
        X, Y = np.asarray(X, order=order), np.asarray(Y, order=order)
    assert_agrees(parameters, X, Y, 1e-12)


def test_saturated_outputs_keep_a_finite_cost(problem):
    parameters, X, Y = problem(m=50)
    parameters["W2"] *= 1e4
    assert_agrees(parameters, X, Y, 1e-12)
    assert_agrees({name: parameters[name].astype(np.float32) for name in NAMES}, X.astype(np.float32),
                  Y.astype(np.float32), 1e-4)


def test_mixed_dtypes_run_in_the_wider_one(problem):
    parameters, X, Y = problem(m=50)
    assert_agrees(parameters, X.astype(np.float32), Y, 1e-12)
    assert_agrees({name: parameters[name].astype(np.float32) for name in NAMES}, X, Y, 1e-12)


def test_what_the_caller_gave_stays_as_it_was(problem):
    parameters, X, Y = problem(m=50)
    for array in (X, Y, *(parameters[name] for name in NAMES)):
        array.flags.writeable = False
    before = copy.deepcopy((parameters, X, Y))
    trained, _ = train(X, Y, parameters, 20, batch_size=8)
    predict(trained, X)
    assert_identical(parameters, before[0])
    np.testing.assert_array_equal(X, before[1])
    np.testing.assert_array_equal(Y, before[2])


# The bits


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(("batch_size", "streamed"), [(None, False), (8, False), (8, True)])
def test_updates_in_one_go_are_updates_one_by_one(batch_size, streamed, optimizer, dtype, problem):
    parameters, X, Y = problem(m=61, n_y=2, dtype=dtype)
    data = (Slices(X), Slices(Y)) if streamed else (X, Y)
    settings = {"optimizer": optimizer, "batch_size": batch_size, "l2": 0.1,
                "sample_weight": np.arange(61, dtype=dtype)[None]}
    at_once, history = train(*data, parameters, 60, report_every=30, **settings)
    one_by_one, steps = train(*data, parameters, 60, report_every=1, **settings)
    assert_identical(at_once, one_by_one)
    if batch_size is None:
        assert history["cost"] == [steps["cost"][k] for k in (0, 30, 60)]
    plain, expected = training.train(*data, parameters, 60, report_every=30, **settings)
    tolerance = 1e-11 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(history["cost"], expected["cost"], rtol=tolerance)
    for name in NAMES:
        np.testing.assert_allclose(at_once[name], plain[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stream", [np.array, Slices])
def test_the_bits_do_not_depend_on_the_number_of_threads(dtype, stream, problem, monkeypatch):
    monkeypatch.setattr(compiled, "BLOCK_PRODUCTS", 1)                    # blocks of 256 columns
    parameters, X, Y = problem(m=3000, dtype=dtype)
    results = [train(stream(X), Y, parameters, 5, l2=0.1, threads=threads)[0] for threads in (1, 2, 4, None)]
    for result in results[1:]:
        assert_identical(result, results[0])
    whole, _ = training.train(X, Y, parameters, 5, l2=0.1)
    for name in NAMES:
        np.testing.assert_allclose(results[0][name], whole[name], rtol=1e-11 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize(("first", "second"), [(train, training.train), (training.train, train)])
def test_a_training_goes_on_in_the_other_engine(first, second, batch_size, problem):
    parameters, X, Y = problem(m=37)
    settings = {"batch_size": batch_size, "optimizer": adam(0.05), "report_every": 7}
    states = []
    first(X, Y, parameters, 17, callbacks=[lambda state: states.append(copy.deepcopy(state))], **settings)
    expected, history = train(X, Y, parameters, 40, **settings)
    for state in states:
        resumed, later = second(X, Y, None, 40, state=state, **settings)
        assert later["iteration"] == history["iteration"]
        for name in NAMES:
            np.testing.assert_allclose(resumed[name], expected[name], rtol=1e-10, atol=1e-10)


# What it does besides


def interrupted_after(seconds, *arguments, **settings):
    """Interrupt a training after these seconds; return the exception, and how long it took from then on."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    due = time.perf_counter() + seconds
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with pytest.raises(KeyboardInterrupt) as stop:
            train(*arguments, **settings)
        return stop.value, time.perf_counter() - due
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_ends_a_long_training_within_a_tenth_of_a_second():
    X, Y = planar_flower()
    parameters = initialize_parameters(2, 4, 1, random_state=3)
    train(X, Y, parameters, 2)                                            # compiles
    delays = []
    for _ in range(5):
        error, delay = interrupted_after(0.4, X, Y, parameters, 10**8, report_every=10**8)
        assert np.abs(error.parameters["W1"] - parameters["W1"]).max() > 0.1
        assert error.history["iteration"] == [0]
        delays.append(delay)
    assert min(delays) < 0.1, delays                                      # other processes may keep this one waiting


def softplus(Z):
    return np.logaddexp(0, Z)


def softplus_derivative(A):
    return -np.expm1(-A)


@pytest.mark.parametrize(("table", "name", "row", "network"), [
    (ACTIVATIONS, "softplus", Activation(softplus, softplus_derivative), {"hidden": "softplus"}),
    (ACTIVATIONS, "tanh", Activation(softplus, softplus_derivative), {}),
    (COSTS, "distance", COSTS["squared_error"], {"cost": "distance"}),
    (COSTS, "brier", COSTS["squared_error"], {"cost": "brier"}),
])
def test_a_row_of_the_user_s_own_runs_in_the_plain_functions(table, name, row, network, problem, monkeypatch):
    monkeypatch.setitem(table, name, row)
    _, X, Y = problem(m=40)
    parameters = initialize_parameters(3, 4, 1, random_state=3, scale=1, **network)
    with pytest.warns(UserWarning, match=rf"^'{name}' is not compiled: the plain functions run in its place\.$"):
        ours = train(X, Y, parameters, 10, optimizer=gradient_descent(0.1))[0]
    assert_identical(ours, training.train(X, Y, parameters, 10, optimizer=gradient_descent(0.1))[0])
    with pytest.warns(UserWarning, match="is not compiled"):
        predict(ours, X)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_hidden_units_that_are_split_are_so_in_the_plain_functions(batch_size, problem, monkeypatch):
    monkeypatch.setattr("shallownet.objective.PART_UNITS", 2)
    monkeypatch.setattr("shallownet.objective.PART_OPERATIONS", 1)
    parameters, X, Y = problem(m=40)
    settings = {"batch_size": batch_size, "optimizer": adam(0.05), "threads": 2}
    ours = train(X, Y, parameters, 10, **settings)[0]
    assert_identical(ours, training.train(X, Y, parameters, 10, **settings)[0])


def test_an_optimizer_of_the_user_s_own_is_called_each_time(problem):
    parameters, X, Y = problem(m=40)
    init, update = gradient_descent(0.5)
    rates = []

    def counted(parameters, grads, state):
        rates.append(state["t"])
        return update(parameters, grads, state)

    ours, _ = train(X, Y, parameters, 20, optimizer=(init, counted))
    assert rates == list(range(20))
    assert_identical(ours, train(X, Y, parameters, 20, optimizer=gradient_descent(0.5))[0])


def test_a_schedule_is_asked_once_for_each_update(problem):
    parameters, X, Y = problem(m=40)
    asked = []

    def rate(t):
        asked.append(t)
        return 0.5

    ours, _ = train(X, Y, parameters, 20, optimizer=gradient_descent(rate))
    assert asked == list(range(20))
    assert_identical(ours, train(X, Y, parameters, 20, optimizer=gradient_descent(0.5))[0])


def test_a_folder_that_cannot_be_written_is_done_without(monkeypatch):
    asked = []

    def njit(signature, cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'descend': no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled.numba, "njit", njit)
    assert compiled.kernel.__wrapped__("descend", np.dtype(float)) is _kernels.descend
    assert asked == [True, False]


@pytest.mark.parametrize(("seconds", "said"), [(0, ""), (1.5, "compiling\n")])
def test_compiling_is_told_on_stderr_if_it_takes_over_a_second(seconds, said, capsys):
    with compiled.said_after_a_second("compiling"):
        time.sleep(seconds)
    assert capsys.readouterr().err == said


def test_a_missing_numba_is_named_with_the_extra(monkeypatch):
    def refuse(name, *arguments, **settings):
        if name == "numba":
            raise ImportError(name)
        return original(name, *arguments, **settings)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(sys.modules, "shallownet.compiled")
    with pytest.raises(ImportError, match=r"^shallownet\.compiled needs Numba and SciPy; got numba\. Use pip"):
        importlib.import_module("shallownet.compiled")


def test_a_missing_scipy_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delitem(sys.modules, "shallownet.compiled")
    with pytest.raises(ImportError, match=r"needs Numba and SciPy; got No module named 'scipy'\. Use pip .*compiled"):
        runpy.run_path(compiled.__file__)


def test_blas_is_held_at_one_thread_in_wide_layers(problem):
    parameters, X, Y = problem(n_x=64, n_h=64, m=20)
    seen = []

    def look(state):
        seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")

    train(X, Y, parameters, 4, batch_size=8, report_every=1, callbacks=[look])
    assert set(seen) == {1}


def test_nn_model_and_predict_are_the_twins_of_the_plain_ones(planar):
    X, Y = planar
    ours, plain = nn_model(X, Y, 4, 1000), training.nn_model(X, Y, 4, 1000)
    for name in NAMES:
        np.testing.assert_allclose(ours[name], plain[name], rtol=1e-11)
    np.testing.assert_array_equal(predict(ours, X), predict(plain, X))
