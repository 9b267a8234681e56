"""A state with one entry changed is refused by the entry's name, or its training ends as that of the right one."""

import copy
import math
import random

import numpy as np
import pytest

from shallownet import (
    adam,
    early_stopping,
    gradient_descent,
    initialize_parameters,
    momentum,
    record_validation,
    states,
    train,
)
from shallownet.datasets import moons

X, Y = moons(60, noise=0.2)
VALIDATION = moons(30, noise=0.2, random_state=8)
SETTINGS = {
    "full batch": {"optimizer": adam(0.05)},
    "batches": {"optimizer": momentum(0.1), "batch_size": 16},
    "generator": {"optimizer": gradient_descent(0.5), "batch_size": 16, "random_state": np.random.default_rng},
}


def resumed(kind, state, iterations=30):
    settings = dict(SETTINGS[kind])
    if "random_state" in settings:
        settings["random_state"] = settings["random_state"](3)
    callbacks = [record_validation(*VALIDATION), early_stopping(*VALIDATION, 5)]
    kept = []
    parameters = initialize_parameters(2, 3, 1, scale=1, random_state=3)
    trained, history = train(X, Y, parameters, iterations, report_every=4, state=state, **settings,
                             callbacks=[*callbacks, lambda state: kept.append(copy.deepcopy(state))])
    return trained, history, kept


SAVED = {kind: next(state for state in resumed(kind, None)[2] if state["iteration"] > 12) for kind in SETTINGS}
RIGHT = {kind: resumed(kind, copy.deepcopy(state))[:2] for kind, state in SAVED.items()}


def places(value, path=()):
    """The paths to all entries of nested dictionaries and lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from places(entry, (*path, key))


class Odd:
    """Nothing that a state holds."""

    def __repr__(self):
        return "Odd"


def others(value):
    """Values that cannot stand in the place of this one."""
    yield from (Odd(), "x", [], {}, [None], {"a": 1}, 1 + 2j, b"x", True)
    yield from (np.zeros((2, 0)), np.array(["x"]), np.array([None]))
    if not isinstance(value, np.ndarray):
        yield np.zeros(3)
    else:
        yield from (None, 7, value[:-1], value[..., None], value.astype(complex), value.astype(object), value.tolist())
        yield from (value.astype(str), np.full(value.shape, np.nan), np.where(value == value, np.inf, 0))
        yield from () if value.dtype.kind == "f" else (-value.astype(float), value.astype(float) + 0.5)
    if isinstance(value, int):
        yield from (-1, -10**9, 2**130, 10**400, 2.5, math.nan, None, "7")
    if isinstance(value, float):
        yield from (math.nan, math.inf, -math.inf, 10**400, "0.5", None)
    if isinstance(value, str):
        yield from (None, 0, 7.5, "")
    if isinstance(value, dict | list):
        yield from (None, 0, 1.5, "")
    if isinstance(value, list):
        yield from (value[:-2], value + value)


def changed(state, choose):
    """Return the state with one entry changed or taken away, and the path to it."""
    state = copy.deepcopy(state)
    path = choose.choice([path for path in places(state) if path[0] not in IGNORED])
    holder, recorded = state, len(path) > 1 and str(path[1]).startswith("validation")
    for key in path[:-1]:
        holder = holder[key]
    if isinstance(holder, dict) and not recorded and choose.random() < 0.1:
        del holder[path[-1]]
    else:                       # what a callback has recorded may be missing, or any float
        wrong = [other for other in others(holder[path[-1]]) if not (recorded and isinstance(other, float))]
        holder[path[-1]] = choose.choice(wrong)
    return state, path


# A resumed training writes these anew.
IGNORED = {"num_iterations", "finished", "stop_reason", "best_parameters", "best_cost"}


def same(a, b):
    return all(np.array_equal(a[0][name], b[0][name]) for name in ("W1", "b1", "W2", "b2")) and repr(a[1]) == repr(b[1])


def outcome(kind, state):
    """What becomes of a changed state: "refused", "the same", "another result", or the foreign exception."""
    try:
        result = resumed(kind, state)[:2]
    except (ValueError, TypeError) as error:
        ours = str(error).startswith(("state", "parameters", "random_state")) and " must " in str(error)
        return "refused" if ours else repr(error)
    except Exception as error:
        return repr(error)
    return "the same" if same(result, RIGHT[kind]) else "another result"


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_saved_state_goes_on_as_if_it_had_not_been_saved(kind):
    assert same(RIGHT[kind], resumed(kind, None)[:2])


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_state_with_one_entry_changed_is_refused_or_harmless(kind):
    choose = random.Random(0)
    for _ in range(150):
        state, path = changed(SAVED[kind], choose)
        assert outcome(kind, state) in ("refused", "the same"), path


@pytest.mark.parametrize(("path", "value", "message"), [
    (("iteration",), -3, r"state\['iteration'\] must be a count of iterations; got -3\. Use load_checkpoint\(path\)\."),
    (("parameters", "W1"), [[1.0]], r"state\['parameters'\] must be a network of float arrays W1, b1, W2, b2; got"),
    (("parameters", "b2"), np.array([[np.nan]]), r"parameters\['b2'\] must be finite"),
    (("optimizer_state",), 3, r"state\['optimizer_state'\] must be a dictionary; got 3"),
    (("optimizer_state", "t"), 17, r"state\['optimizer_state'\]\['t'\] must be a number of updates up to 16; got 17"),
    (("optimizer_state", "v_b1"), -np.ones((3, 1)),
     r"state\['optimizer_state'\]\['v_b1'\] must be a finite array of shape \(3, 1\), none of it negative; got float"),
    (("optimizer_state", "m_W2"), np.ones(3),
     r"state\['optimizer_state'\]\['m_W2'\] must be a finite array of shape \(1, 3\); got float64 of shape \(3,\)"),
    (("cost",), 0.25, r"state\['cost'\] must be that of the report at iteration 16, 0\.\d+; got 0\.25"),
    (("history",), [], r"state\['history'\] must be a dictionary of lists, iteration and cost among them; got \[\]"),
    (("history", "iteration"), [0, 8, 4], r"state\['history'\]\['iteration'\] must be counts .* in ascending order"),
    (("history", "cost"), [0.5], r"state\['history'\]\['cost'\] must be 5 finite numbers, one a report; got \[0\.5\]"),
    (("history", "validation_cost"), [0.5], r"state\['history'\]\['validation_cost'\] must be 5 numbers, one a report"),
    (("running",), [0.5, -1.0], r"state\['running'\] must be a mean cost and a weight; got \[0\.5, -1\.0\]"),
    (("running",), [0.5, 1.0], r"state\['running'\] must be zero without batches; got \[0\.5, 1\.0\]"),
    (("random_state",), 3, r"state\['random_state'\] must be a generator's state or None; got 3"),
    (("epoch_start",), 17, r"state\['epoch_start'\] must be an iteration up to 16; got 17"),
    (("settings",), {"m": []}, r"state\['settings'\] must be a dictionary of settings; got"),
    (("early_stopping",), 7, r"state\['early_stopping'\] must be a dictionary; got 7"),
])
def test_the_first_wrong_entry_is_named(path, value, message):
    state = copy.deepcopy(SAVED["full batch"])
    holder = state
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(ValueError, match=f"^{message}"):
        resumed("full batch", state)


@pytest.mark.parametrize(("name", "value", "message"), [
    ("wait", 10**6, r"\['wait'\] must be a number of reports; got 1000000"),
    ("iteration", 99, r"\['iteration'\] must be an iteration up to 16; got 99"),
    ("lowest", 99.0, r"\['lowest'\] must be a cost up to the reference 0\.\d+; got 99"),
    ("parameters", {}, r"\['parameters'\] must be a network"),
])
def test_what_early_stopping_remembers_is_checked(name, value, message):
    state = copy.deepcopy(SAVED["full batch"])
    (key, monitor), = state["early_stopping"].items()
    monitor[name] = value
    with pytest.raises(ValueError, match=rf"^state\['early_stopping'\]\['{key}'\]{message}"):
        resumed("full batch", state)


@pytest.mark.parametrize(("kind", "path", "value"), [
    ("batches", ("state", "pos"), 10**6), ("batches", ("state", "pos"), -1), ("batches", ("has_gauss",), 7),
    ("batches", ("state", "key"), np.zeros(3, np.uint32)), ("batches", ("bit_generator",), "PCG64"),
    ("generator", ("uinteger",), 2**40), ("generator", ("state", "inc"), -1), ("generator", ("state",), None),
])
def test_a_generator_s_state_that_no_generator_has_is_refused(kind, path, value):
    state = copy.deepcopy(SAVED[kind])
    holder = state["random_state"]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(ValueError, match=r"^random_state must be of the kind that the state was saved from, "):
        resumed(kind, state)


@pytest.mark.parametrize(("entries", "message"), [
    ({"epoch_start": 11}, r"\['epoch_start'\] must be 4 iterations back at most; got 11"),
    ({"random_state": None}, r"\['random_state'\] must be a generator's state; got None"),
])
def test_an_epoch_that_did_not_begin_there_is_refused(entries, message):
    with pytest.raises(ValueError, match=rf"^state{message}\. Use load_checkpoint\(path\)\.$"):
        resumed("batches", copy.deepcopy(SAVED["batches"]) | entries)


def test_a_copy_whose_lists_went_on_is_a_state():
    kept = []
    parameters = initialize_parameters(2, 3, 1, scale=1, random_state=3)
    whole = train(X, Y, parameters, 20, report_every=4, callbacks=[lambda state: kept.append(dict(state))])
    for state in kept:                                                    # each shares the lists of the last
        assert states.check_state(state) is state
        assert same(train(X, Y, None, 20, report_every=4, state=state), whole)
