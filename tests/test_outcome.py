"""Whatever ends a training, its exception carries the work: ``parameters`` and ``history``."""

import shutil
from functools import partial

import numpy as np
import pytest
from interrupts import interrupted
from streams import Slices

from shallownet import checkpoint, early_stopping, gradient_descent, train
from shallownet.lbfgs import train_lbfgs
from shallownet.network import NAMES

DRIVERS = {
    "full batch": partial(train, report_every=2),
    "batches": partial(train, report_every=2, batch_size=4),
    "L-BFGS": partial(train_lbfgs),
    "L-BFGS, restarts": partial(train_lbfgs, restarts=2),
}

drivers = pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)


class Full(Exception):
    """What a callback raises."""


class Closed(Exception):
    """An exception with parameters of its own."""

    parameters = property(lambda self: "its own")


class Breaking(Slices):
    """A source that breaks at the fifth read."""

    def __getitem__(self, key):
        if len(self.asked) == 4:
            raise OSError("the disk is gone")
        return super().__getitem__(key)


def assert_carries_the_training(error, parameters, reports):
    assert all(np.isfinite(error.parameters[name]).all() for name in NAMES)
    assert {name: error.parameters[name].shape for name in NAMES} == {name: parameters[name].shape for name in NAMES}
    assert len(error.history["iteration"]) == len(error.history["cost"]) >= reports


@drivers
def test_an_error_in_a_callback_carries_it(driver, problem):
    parameters, X, Y = problem(m=20)

    def fail(state):
        if state["iteration"] == 6:
            raise Full("no space left")

    with pytest.raises(Full) as stop:
        driver(X, Y, parameters, 20, callbacks=[fail])
    assert_carries_the_training(stop.value, parameters, 4)
    assert (stop.value.parameters["W1"] != parameters["W1"]).any()


@drivers
def test_an_error_in_the_last_call_of_a_callback_carries_it(driver, problem):
    parameters, X, Y = problem(m=20)

    def fail(state):
        if state["finished"]:
            raise Full("no space left")

    with pytest.raises(Full) as stop:
        driver(X, Y, parameters, 4, callbacks=[fail])
    if "restarts" not in driver.keywords:                                 # they have an end each
        trained, history = driver(X, Y, parameters, 4)
        np.testing.assert_array_equal(stop.value.parameters["W1"], trained["W1"])
        assert stop.value.history == history
    assert_carries_the_training(stop.value, parameters, 3)


@drivers
def test_a_checkpoint_that_cannot_be_written_carries_it(driver, problem, tmp_path):
    parameters, X, Y = problem(m=20)
    (tmp_path / "folder").mkdir()

    def lose(state):
        if state["iteration"] == 4:
            shutil.rmtree(tmp_path / "folder", ignore_errors=True)

    with pytest.raises(OSError, match="folder") as stop:
        driver(X, Y, parameters, 20, callbacks=[lose, checkpoint(tmp_path / "folder" / "run.h5")])
    assert_carries_the_training(stop.value, parameters, 3)


@drivers
def test_a_source_that_breaks_carries_it(driver, problem):
    parameters, X, Y = problem(m=20)
    with pytest.raises(OSError, match="the disk is gone") as stop:
        driver(Breaking(X), Y, parameters, 40)
    assert_carries_the_training(stop.value, parameters, 1)


@drivers
def test_the_best_parameters_are_carried_where_early_stopping_keeps_them(driver, problem):
    parameters, X, Y = problem(m=20)
    kept = []

    def fail(state):
        kept.append(state["best_parameters"])
        if state["iteration"] == 6:
            raise Full("no space left")

    with pytest.raises(Full) as stop:
        driver(X, Y, parameters, 20, callbacks=[early_stopping(X, 1 - Y), fail])
    candidates = kept if "restarts" in driver.keywords else kept[-1:]     # the best of all networks, or the last best
    assert any(stop.value.parameters is best for best in candidates)


@pytest.mark.filterwarnings("error")
def test_a_warning_that_is_made_an_error_carries_it(engine, problem):
    parameters, X, Y = problem(m=20)
    small = parameters | {name: 1e-3 * parameters[name] for name in NAMES}
    with pytest.raises(UserWarning, match="hardly moved") as stop:
        train(X, Y, small, 1000, optimizer=gradient_descent(1e-6))
    assert_carries_the_training(stop.value, parameters, 2)
    assert (stop.value.parameters["W1"] != small["W1"]).any()


@drivers
def test_an_exception_with_parameters_of_its_own_passes_as_it_is(driver, problem):
    parameters, X, Y = problem(m=20)

    def fail(state):
        raise Closed("closed")

    with pytest.raises(Closed, match="closed") as stop:
        driver(X, Y, parameters, 20, callbacks=[fail])
    assert stop.value.parameters == "its own"


@drivers
@pytest.mark.parametrize("iterations", [1, 4])
def test_ctrl_c_at_any_point_carries_it(driver, iterations, problem):
    parameters, X, Y = problem(m=20)
    point, bare, reports = 1, 0, 0
    while stop := interrupted(lambda: driver(X, Y, parameters, iterations), point):
        if hasattr(stop, "history"):
            assert_carries_the_training(stop, parameters, reports)
            reports = len(stop.history["iteration"]) if "restarts" not in driver.keywords else 0
        else:
            bare += 1
        point += 1 + bare // 60                                           # the check of the arguments, step by step
    assert reports or "restarts" in driver.keywords
    assert bare < 150
