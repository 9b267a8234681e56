import importlib
import sys

import numpy as np
import pytest
from asserts import assert_close, assert_identical
from threadpoolctl import threadpool_info

from shallownet import columns, lbfgs
from shallownet.callbacks import checkpoint, early_stopping, snapshots
from shallownet.lbfgs import train_lbfgs
from shallownet.network import NAMES, initialize_parameters
from shallownet.objective import cost_and_gradient
from shallownet.optimizers import adam
from shallownet.storage import load_checkpoint
from shallownet.training import train

pytestmark = pytest.mark.usefixtures("engine")

KINDS = [("cross_entropy", 1), ("cross_entropy", 3), ("softmax_cross_entropy", 3), ("squared_error", 2), ("brier", 1)]


def last_state(X, Y, parameters, *args, **options):
    states = []
    train_lbfgs(X, Y, parameters, *args, callbacks=[states.append], **options)
    return states[-1]


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize(("cost", "n_y"), KINDS)
def test_the_cost_falls_at_every_iteration_and_is_that_of_the_engine(problem, cost, n_y, hidden):
    parameters, X, Y = problem(3, 5, n_y, 60, hidden=hidden, cost=cost)
    trained, history = train_lbfgs(X, Y, parameters, 30, l2=0.1)
    assert history["iteration"] == list(range(len(history["cost"])))
    assert (np.diff(history["cost"]) < 0).all()
    assert history["cost"][0] == pytest.approx(cost_and_gradient(parameters, X, Y, l2=0.1)[0], rel=1e-14)
    assert history["cost"][-1] == pytest.approx(cost_and_gradient(trained, X, Y, l2=0.1)[0], rel=1e-14)
    assert {name: trained.get(name) for name in ("hidden", "cost")} == {
        name: parameters.get(name) for name in ("hidden", "cost")
    }


@pytest.mark.parametrize(("cost", "n_y"), KINDS)
def test_a_converged_network_has_a_gradient_below_the_tolerance(problem, cost, n_y):
    parameters, X, Y = problem(3, 4, n_y, 60, cost=cost)
    states = []
    trained, _ = train_lbfgs(X, Y, parameters, 2000, l2=1.0, tolerance=1e-4, callbacks=[states.append])
    _, grads = cost_and_gradient(trained, X, Y, l2=1.0)
    assert states[-1]["stop_reason"] == "converged"
    assert max(abs(gradient).max() for gradient in grads.values()) <= 1e-4


def test_a_linear_problem_is_solved_as_least_squares_would():
    generator = np.random.RandomState(0)
    X, target = generator.standard_normal((4, 50)), generator.standard_normal((2, 4))
    Y = target @ X + 3.0
    parameters = initialize_parameters(4, 8, 2, hidden="relu", cost="squared_error", scale="glorot", random_state=0)
    parameters["b1"] = parameters["b1"] + 10.0  # every unit is on: the network is linear
    trained, history = train_lbfgs(X, Y, parameters, 2000, tolerance=0.0)
    assert history["cost"][-1] < 1e-5
    np.testing.assert_allclose(trained["W2"] @ trained["W1"], target, atol=1e-2)


def test_it_needs_a_fraction_of_the_iterations_of_gradient_descent(planar):
    X, Y = planar
    parameters = initialize_parameters(2, 4, 1, scale="glorot", random_state=3)
    _, slow = train(X, Y, parameters, 2000)
    _, fast = train_lbfgs(X, Y, parameters, 100)
    assert fast["cost"][-1] < slow["cost"][-1]


def test_what_the_caller_gave_stays_as_it_was(problem):
    parameters, X, Y = problem(3, 5, 1, 60)
    weights = np.ones((1, 60))
    for array in (X, Y, weights, *(parameters[name] for name in NAMES)):
        array.flags.writeable = False
    before = np.random.get_state(legacy=False)["state"]["key"]
    trained, _ = train_lbfgs(X, Y, parameters, 10, sample_weight=weights, restarts=2)
    assert not np.array_equal(trained["W1"], parameters["W1"])
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], before)


def test_what_a_report_shows_stays_as_it_was(problem):
    parameters, X, Y = problem(3, 5, 1, 60)
    frames = snapshots()
    train_lbfgs(X, Y, parameters, 5, callbacks=[frames])
    costs = [cost_and_gradient(network, X, Y)[0] for _, network in frames]
    assert (np.diff(costs[:6]) < 0).all()


def test_float32_stays_float32_and_comes_as_close(planar):
    X, Y = planar
    parameters = initialize_parameters(2, 4, 1, scale="glorot", random_state=3)
    single = {name: value.astype(np.float32) for name, value in parameters.items()}
    trained, history = train_lbfgs(X.astype(np.float32), Y, single, 100, l2=1.0)
    _, double = train_lbfgs(X, Y, parameters, 100, l2=1.0)
    assert {trained[name].dtype for name in NAMES} == {np.dtype(np.float32)}
    assert all(isinstance(cost, float) for cost in history["cost"])
    assert history["cost"][-1] == pytest.approx(double["cost"][-1], rel=0.02)


def test_a_weight_of_two_is_a_sample_that_is_there_twice(problem):
    parameters, X, Y = problem(3, 4, 1, 30)
    weights = np.random.RandomState(1).randint(0, 4, (1, 30))
    weighted, _ = train_lbfgs(X, Y, parameters, 8, l2=0.1, sample_weight=weights)
    repeated, _ = train_lbfgs(X.repeat(weights[0], axis=1), Y.repeat(weights[0], axis=1), parameters, 8, l2=0.1)
    assert_close(weighted, repeated, rtol=1e-9, atol=1e-9)


def test_blocks_agree_with_the_whole_for_any_number_of_threads(problem, monkeypatch):
    parameters, X, Y = problem(3, 4, 2, 1000)
    whole, _ = train_lbfgs(X, Y, parameters, 8, l2=0.1)
    monkeypatch.setattr(columns, "BLOCK_BYTES", 2**12)
    one, two, three = (train_lbfgs(X, Y, parameters, 8, l2=0.1, threads=threads)[0] for threads in (1, 2, 3))
    assert_close(whole, one, rtol=1e-9, atol=1e-9)
    assert_identical(one, two)
    assert_identical(one, three)


def test_data_is_streamed_from_a_file(problem, tmp_path):
    parameters, X, Y = problem(3, 4, 1, 200)
    np.save(tmp_path / "X.npy", X)
    streamed, _ = train_lbfgs(np.load(tmp_path / "X.npy", mmap_mode="r"), Y, parameters, 8)
    assert_close(streamed, train_lbfgs(X, Y, parameters, 8)[0], rtol=1e-9, atol=1e-9)


def test_blas_is_held_at_one_thread_and_let_go_again(problem):
    parameters, X, Y = problem()
    held, before = [], threadpool_info()
    train_lbfgs(X, Y, parameters, 2, callbacks=[lambda state: held.extend(threadpool_info())])
    assert {library["num_threads"] for library in held if library["user_api"] == "blas"} == {1}
    assert threadpool_info() == before


# Reports

def test_callbacks_see_every_iteration_and_the_end(problem):
    parameters, X, Y = problem(3, 4, 1, 60)
    seen = []
    trained, history = train_lbfgs(X, Y, parameters, 5, callbacks=[lambda state: seen.append(dict(state))])
    assert [state["iteration"] for state in seen] == [0, 1, 2, 3, 4, 5, 5]
    assert [state["finished"] for state in seen] == [False] * 6 + [True]
    assert [state["cost"] for state in seen[:-1]] == history["cost"]
    assert seen[0]["num_iterations"] == 5
    assert_identical(seen[-1]["parameters"], trained)


@pytest.mark.parametrize("iteration", [0, 3])
def test_a_callback_stops_the_training(problem, iteration):
    parameters, X, Y = problem(3, 4, 1, 60)
    finished = []

    def stop(state):
        finished.append(state["finished"])
        return state["iteration"] == iteration

    trained, history = train_lbfgs(X, Y, parameters, 50, callbacks=[stop])
    assert history["iteration"] == list(range(iteration + 1))
    assert finished == [False] * (iteration + 1) + [True]
    assert_identical(trained, train_lbfgs(X, Y, parameters, iteration)[0] if iteration else parameters)


def test_the_state_tells_why_the_training_ended(problem):
    parameters, X, Y = problem(3, 4, 1, 60)
    single = {name: value.astype(np.float32) for name, value in parameters.items()}
    assert last_state(X, Y, parameters, 3)["stop_reason"] == "num_iterations"
    assert last_state(X, Y, parameters, 2000, l2=5.0)["stop_reason"] == "converged"
    states = []
    train_lbfgs(X, Y, parameters, 9, callbacks=[states.append, lambda state: True])
    assert states[-1]["stop_reason"] == "callback"
    rough = last_state(X.astype(np.float32), Y, single, 5000, tolerance=0.0)
    assert rough["stop_reason"] in ("precision", "converged")
    assert rough["iteration"] < 5000


def test_with_restarts_early_stopping_keeps_the_network_that_validates_best(problem):
    parameters, X, Y = problem(5, 20, 1, 60)
    X_val, Y_val = problem(5, 20, 1, 60, seed=1)[1:]
    states = {}
    _, history = train_lbfgs(
        X, Y, parameters, 200, restarts=4,
        callbacks=[early_stopping(X_val, Y_val, 5), lambda state: states.update({id(state): state})],
    )
    lowest = [min(state["history"]["validation_cost"]) for state in states.values()]
    assert len(lowest) == 5
    assert min(history["validation_cost"]) == min(lowest)
    assert np.argmin(lowest) != np.argmin([state["cost"] for state in states.values()])


def test_early_stopping_returns_the_best_network(problem):
    parameters, X, Y = problem(5, 20, 1, 60)
    X_val, Y_val = problem(5, 20, 1, 60, seed=1)[1:]
    trained, history = train_lbfgs(X, Y, parameters, 200, callbacks=[early_stopping(X_val, Y_val, patience=5)])
    assert len(history["validation_cost"]) == len(history["cost"]) < 200
    best = np.argmin(history["validation_cost"])
    assert best < len(history["cost"]) - 1
    assert cost_and_gradient(trained, X, Y)[0] == pytest.approx(history["cost"][best], rel=1e-14)


# Going on

def test_a_saved_training_goes_on_from_its_network_and_history(problem, tmp_path):
    parameters, X, Y = problem(3, 4, 1, 60)
    path = tmp_path / "run.h5"
    _, first = train_lbfgs(X, Y, parameters, 10, callbacks=[checkpoint(path)])
    trained, history = train_lbfgs(X, Y, None, 25, state=load_checkpoint(path))
    assert history["iteration"] == list(range(26))
    assert history["cost"][:11] == first["cost"]
    assert (np.diff(history["cost"]) < 0).all()
    assert history["cost"][-1] == pytest.approx(cost_and_gradient(trained, X, Y)[0], rel=1e-14)


def test_it_goes_on_where_another_optimizer_ended(problem):
    parameters, X, Y = problem(3, 4, 1, 60)
    states = []
    _, adams = train(X, Y, parameters, 20, optimizer=adam(), report_every=10, callbacks=[states.append])
    _, history = train_lbfgs(X, Y, None, 25, state=states[-1])
    assert history["iteration"] == [0, 10, 20, 21, 22, 23, 24, 25]
    assert history["cost"][:3] == adams["cost"]


def test_going_on_without_early_stopping_leaves_its_network_behind(problem):
    parameters, X, Y = problem(5, 20, 1, 60)
    states = []
    watch = early_stopping(*problem(5, 20, 1, 60, seed=1)[1:], patience=5)
    train_lbfgs(X, Y, parameters, 200, callbacks=[watch, states.append])
    trained, history = train_lbfgs(X, Y, None, states[-1]["iteration"] + 3, state=states[-1])
    assert cost_and_gradient(trained, X, Y)[0] == history["cost"][-1]


def test_another_optimizer_refuses_its_state(problem):
    parameters, X, Y = problem(3, 4, 1, 60)
    with pytest.raises(ValueError, match=r"^state must hold what the optimizer needs, \['t'\]; got \[\]"):
        train(X, Y, None, 25, state=last_state(X, Y, parameters, 5))


# Restarts

def test_restarts_keep_the_network_with_the_lowest_cost(planar):
    X, Y = planar
    parameters = initialize_parameters(2, 4, 1, scale="glorot", random_state=3)
    costs = []

    def collect(state):
        if state["finished"]:
            costs.append(state["cost"])

    trained, history = train_lbfgs(X, Y, parameters, 40, restarts=4, callbacks=[collect])
    assert len(set(costs)) == len(costs) == 5
    assert history["cost"][-1] == min(costs) < costs[0]
    assert cost_and_gradient(trained, X, Y)[0] == pytest.approx(min(costs), rel=1e-14)
    assert_identical(trained, train_lbfgs(X, Y, parameters, 40, restarts=4)[0])
    assert costs[0] == train_lbfgs(X, Y, parameters, 40)[1]["cost"][-1]


@pytest.mark.parametrize(("hidden", "cost", "dtype"), [("tanh", "cross_entropy", float), ("relu", "brier", "f4")])
def test_a_restart_is_a_further_network_of_the_same_kind(hidden, cost, dtype):
    parameters = initialize_parameters(
        2, 3, 1, hidden=hidden, cost=cost, scale="glorot", random_state=5, dtype=dtype
    )
    X, Y = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.0]], dtype), np.array([[0.0, 1.0, 1.0]])
    begun = []

    def collect(state):
        if state["iteration"] == 0:
            begun.append(state["parameters"])

    train_lbfgs(X, Y, parameters, 1, restarts=2, random_state=5, callbacks=[collect])
    assert_identical(begun[0], parameters)
    assert all(network.keys() == parameters.keys() for network in begun)
    assert all(network["W1"].dtype == dtype for network in begun)
    assert len({network["W1"].tobytes() for network in begun}) == 3  # the seed's first network is left out


# Errors

def test_an_interrupted_training_hands_out_what_it_has(problem):
    parameters, X, Y = problem(3, 4, 1, 60)

    def interrupt(state):
        if state["iteration"] == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stop:
        train_lbfgs(X, Y, parameters, 50, callbacks=[interrupt])
    assert_identical(stop.value.parameters, train_lbfgs(X, Y, parameters, 4)[0])
    assert stop.value.history["iteration"] == [0, 1, 2, 3, 4]


def test_an_interrupted_restart_hands_out_the_best_network(planar):
    X, Y = planar
    parameters, _ = train_lbfgs(*planar, initialize_parameters(2, 4, 1, scale="glorot", random_state=3), 100)
    runs = []

    def interrupt(state):
        runs.append(state["iteration"] == 0)
        if sum(runs) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stop:
        train_lbfgs(X, Y, parameters, 5, restarts=3, callbacks=[interrupt])
    assert_identical(stop.value.parameters, train_lbfgs(X, Y, parameters, 5)[0])


def test_an_infinite_cost_is_refused_with_the_last_network(problem):
    parameters, X, Y = problem(3, 4, 1, 60, hidden="relu", cost="squared_error")
    with pytest.raises(FloatingPointError, match=r"cost must stay finite; got inf after iteration 0\. Standardize"):
        train_lbfgs(1e200 * X, Y, parameters)
    with pytest.raises(FloatingPointError) as stop:
        train_lbfgs(1e200 * X, Y, parameters)
    assert_identical(stop.value.parameters, parameters)
    assert stop.value.history == {"iteration": [], "cost": []}


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"X": np.zeros(3)}, ValueError, r"^X must .*got \(3,\)"),
    ({"X": np.full((3, 60), np.nan)}, ValueError, "^X must"),
    ({"Y": np.zeros(60)}, ValueError, "^Y must"),
    ({"Y": np.full((1, 60), 2.0)}, ValueError, "^Y must"),
    ({"parameters": None}, TypeError, "parameters must be a dictionary"),
    ({"parameters": {}}, ValueError, "parameters must have the entries W1"),
    ({"num_iterations": 0}, ValueError, "^num_iterations must .*got 0"),
    ({"num_iterations": 1.5}, TypeError, "^num_iterations must"),
    ({"l2": -1}, ValueError, "^l2 must"),
    ({"sample_weight": np.ones(60)}, ValueError, "^sample_weight must"),
    ({"restarts": -1}, ValueError, "^restarts must"),
    ({"random_state": "three", "restarts": 1}, TypeError, "^random_state must"),
    ({"tolerance": -1e-5}, ValueError, "^tolerance must"),
    ({"tolerance": "small"}, TypeError, "^tolerance must"),
    ({"threads": 0}, ValueError, "^threads must"),
    ({"callbacks": print}, TypeError, "^callbacks must"),
    ({"state": 7}, TypeError, "state must be a training state"),
    ({"state": {}}, ValueError, "state must be a training state; got no"),
])
def test_wrong_arguments_are_refused_by_name(problem, change, error, message):
    parameters, X, Y = problem(3, 4, 1, 60)
    arguments = {"X": X, "Y": Y, "parameters": parameters, "num_iterations": 5} | change
    with pytest.raises(error, match=message):
        train_lbfgs(**arguments)


def test_going_on_after_the_end_gives_the_same_network(problem):
    parameters, X, Y = problem(3, 4, 1, 60)
    trained, history = train_lbfgs(X, Y, parameters, 5)
    state = last_state(X, Y, parameters, 5)
    again, history_again = train_lbfgs(X, Y, None, 5, state=state)
    for name in NAMES:
        np.testing.assert_array_equal(again[name], trained[name])
    assert history_again == history
    with pytest.raises(ValueError, match=r"^num_iterations must .*got 4"):
        train_lbfgs(X, Y, None, 4, state=state)


def test_a_missing_scipy_is_named_with_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    monkeypatch.delitem(sys.modules, lbfgs.__name__)
    with pytest.raises(ImportError, match=r'needs SciPy.*pip install "shallownet\[lbfgs\]"'):
        importlib.import_module(lbfgs.__name__)
