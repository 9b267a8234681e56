"""What is being minimized: one value for arrays, streams and mini-batches, checked once and closed whatever happens."""

import threading

import numpy as np
import pytest
from streams import Slices

from shallownet import columns, early_stopping, nn_model
from shallownet.lbfgs import train_lbfgs
from shallownet.network import NAMES, backward_propagation, compute_cost, forward_propagation
from shallownet.objective import objective
from shallownet.training import train

pytestmark = pytest.mark.usefixtures("engine")


class Failing(Slices):
    """A source that can be read once."""

    def __getitem__(self, key):
        if self.asked:
            raise OSError("the disk is gone")
        return super().__getitem__(key)


def single(parameters):
    return {name: parameters[name].astype(np.float32) for name in NAMES}


@pytest.mark.parametrize("stream", [np.array, Slices])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_cost_and_the_gradient_of_the_plain_functions(stream, weighted, problem):
    parameters, X, Y = problem(m=40)
    weight = np.arange(40.0).reshape(1, -1) if weighted else None
    A2, cache = forward_propagation(X, parameters)
    expected = backward_propagation(parameters, cache, X, Y, l2=0.5, sample_weight=weight)
    with objective(stream(X), Y, parameters, l2=0.5, sample_weight=weight) as data:
        cost, grads, m = data.gradient(parameters, True)
        assert cost == pytest.approx(compute_cost(A2, Y, parameters, cache=cache, l2=0.5, sample_weight=weight))
        assert data.cost(parameters) == pytest.approx(cost, rel=1e-14)
    assert m == (weight.sum() if weighted else 40)
    for name, gradient in grads.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-12, atol=1e-15)


def test_the_mean_over_an_epoch_of_batches_is_the_gradient_of_the_whole(problem):
    parameters, X, Y = problem(m=50)
    with objective(X, Y, parameters, l2=0.5) as whole, objective(X, Y, parameters, l2=0.5, batch_size=8) as batches:
        parts = [batches.gradient(parameters, True) for _ in range(7)]
        cost, grads, m = whole.gradient(parameters, True)
    assert sum(weight for _, _, weight in parts) == m
    assert sum(cost * weight for cost, _, weight in parts) / m == pytest.approx(cost, rel=1e-12)
    for name in grads:
        mean = sum(grads[name] * weight for _, grads, weight in parts) / m
        np.testing.assert_allclose(mean, grads[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("network", "data", "expected"), [
    (np.float32, np.float32, np.float32), (np.float32, np.float64, np.float64), (np.float64, np.float32, np.float64),
])
def test_one_rule_says_in_which_dtype_a_training_runs(network, data, expected, problem):
    parameters, X, Y = problem(dtype=network)
    X = X.astype(data)
    for trainer in (train, train_lbfgs):
        states = []
        trained, _ = trainer(X, Y, parameters, 3, callbacks=[states.append])
        assert {trained[name].dtype for name in NAMES} == {np.dtype(expected)}
        assert states[0] is states[-1]
        assert {states[0]["parameters"][name].dtype for name in NAMES} == {np.dtype(expected)}
    with objective(X, Y, parameters) as found:
        assert found.dtype == expected


@pytest.mark.parametrize("trainer", [train, train_lbfgs])
def test_the_state_does_not_hold_the_arrays_of_the_caller(trainer, problem):
    parameters, X, Y = problem()
    seen = []
    trainer(X, Y, parameters, 1, callbacks=[lambda state: seen.append(state["parameters"])])
    assert not any(np.shares_memory(seen[0][name], parameters[name]) for name in NAMES)


@pytest.mark.parametrize("batch_size", [None, 10])
def test_a_training_that_fails_leaves_no_thread_behind(batch_size, problem, monkeypatch):
    parameters, X, Y = problem(m=100)
    monkeypatch.setattr(columns, "READ_BYTES", 20 * 4 * 8)
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="the disk is gone") as kept:
        train(Failing(X), Y, parameters, 50, batch_size=batch_size)
    assert kept.value.__traceback__ is not None                           # and with it all frames
    assert set(threading.enumerate()) == before


def test_a_callback_that_fails_leaves_no_thread_behind(problem, monkeypatch):
    parameters, X, Y = problem(m=100)
    monkeypatch.setattr(columns, "READ_BYTES", 20 * 4 * 8)
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError) as kept:
        train(Slices(X), Y, parameters, 50, batch_size=10, callbacks=[lambda state: 1 / 0])
    assert kept.value.__traceback__ is not None
    assert set(threading.enumerate()) == before


def test_validation_samples_are_checked_once_and_not_at_every_report(problem):
    parameters, X, Y = problem()
    _, X_val, Y_val = problem(m=20, seed=1)
    source = Slices(X_val)
    train(X, Y, parameters, 10, report_every=1, callbacks=[early_stopping(source, Y_val, 100)])
    assert len(source.asked) == 1 + 11                                    # the checksum, and a cost for each report


def test_a_wrong_keyword_is_blamed_on_the_function_that_was_called(problem):
    _, X, Y = problem()
    with pytest.raises(TypeError, match=r"^nn_model\(\) got an unexpected keyword argument 'num_iter'"):
        nn_model(X, Y, 4, num_iter=9)
