"""The state of a training: one dictionary, from the first iteration to a checkpoint and a resumed training.

=================== ==================================================================================================
``iteration``       updates made so far
``num_iterations``  updates that the training was asked for
``parameters``      the network before the next update
``cost``            its cost, or with mini-batches the mean over the batches since the last report; None before
``history``         dictionary of lists with an entry a report: ``iteration``, ``cost``, and what callbacks add
``optimizer_state`` dictionary of arrays
``finished``        True in the last call of the callbacks, after the last update
``stop_reason``     ``"num_iterations"``, ``"callback"``; of L-BFGS also ``"converged"``, ``"precision"``; None before
``inactive``        True where no relu is active on any sample, at the end of a training without mini-batches
``best_parameters`` the network to return instead, with ``best_cost``: put there by ``early_stopping``
``early_stopping``  what each ``early_stopping`` remembers
``running``         mean cost of the batches since the last report, and their weight
``random_state``    of the generator when the epoch of the next batch began
``epoch_start``     the iteration at which it began
``settings``        what a resumed training must find as it was
=================== ==================================================================================================
"""

import math
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from numbers import Integral

import numpy as np

from shallownet._checks import outline
from shallownet._types import Callback, Grads, History, Parameters, State
from shallownet.network import NAMES, check_parameters
from shallownet.objective import Objective, as_dtype
from shallownet.optimizers import Optimizer, check_optimizer_state

NEEDED = {"iteration", "parameters", "optimizer_state", "cost", "history", "running", "random_state", "epoch_start",
          "settings"}


def network_of(parameters: Parameters | None, state: State | None) -> Parameters:
    """Return the checked network that a training begins with: that of the state, where there is one."""
    return check_parameters(parameters if state is None else check_state(state)["parameters"])


def initial_state(parameters: Parameters, optimizer: Optimizer, objective: Objective) -> State:
    """Return the state of a training that has not begun."""
    parameters = as_dtype(parameters, objective.dtype)
    optimizer_state = optimizer[0](parameters)
    if not isinstance(optimizer_state, dict):
        raise TypeError("optimizer must be (init, update) with an init(parameters) that returns a dictionary; "
                        f"got {optimizer_state!r} from it. Return {{'t': 0}}.")
    return {
        "iteration": 0,
        "parameters": parameters,
        "optimizer_state": optimizer_state,
        "cost": None,
        "history": {"iteration": [], "cost": []},
        "running": [0.0, 0.0],
        "random_state": None,
        "epoch_start": 0,
        "settings": objective.settings,
    }


def check_state(state: State) -> State:
    """Refuse what is no training state: the first entry of another kind, shape or range than it can have is named."""
    if not isinstance(state, dict):
        raise TypeError(f"state must be a training state; got {state!r}. Use load_checkpoint(path).")
    missing = NEEDED - state.keys()
    if missing:
        raise ValueError(f"state must be a training state; got no {', '.join(sorted(missing))}. "
                         "Use load_checkpoint(path).")
    iteration = state["iteration"]
    _require(_is_whole(iteration), "['iteration']", "a count of iterations", iteration)
    _check_network(state["parameters"], "['parameters']")
    settings, running, generator = state["settings"], state["running"], state["random_state"]
    moments, epoch_start = state["optimizer_state"], state["epoch_start"]
    _require(isinstance(settings, dict) and all(v is None or isinstance(v, int | str) for v in settings.values()),
             "['settings']", "a dictionary of settings", settings)
    _check_history(state["history"], iteration, state["cost"])
    _require(isinstance(moments, dict), "['optimizer_state']", "a dictionary", moments)
    _require(isinstance(running, list | tuple) and len(running) == 2 and all(map(_is_number, running))
             and running[1] >= 0, "['running']", "a mean cost and a weight", running)
    _require(settings.get("batch_size") is not None or not any(running), "['running']", "zero without batches", running)
    _require(_is_whole(epoch_start, iteration), "['epoch_start']", f"an iteration up to {iteration}", epoch_start)
    _require(generator is None or isinstance(generator, dict), "['random_state']", "a generator's state or None",
             generator)
    _check_monitors(state.get("early_stopping", {}), state)
    return state


def _check_network(parameters, entry):
    _require(isinstance(parameters, dict) and all(
        isinstance(parameters.get(name), np.ndarray) and parameters[name].dtype in (np.float32, np.float64)
        for name in NAMES
    ), entry, "a network of float arrays W1, b1, W2, b2", parameters)
    check_parameters(parameters)


def _check_history(history, iteration, cost):
    """A report was made at this iteration, of this cost. The lists may go on: a copied state shares them."""
    _require(isinstance(history, dict) and {"iteration", "cost"} <= history.keys()
             and all(isinstance(values, list) for values in history.values()),
             "['history']", "a dictionary of lists, iteration and cost among them", history)
    iterations, costs = history["iteration"], history["cost"]
    _require(all(map(_is_whole, iterations)) and all(a < b for a, b in pairwise(iterations)),
             "['history']['iteration']", "counts of iterations in ascending order", iterations)
    _require(len(costs) == len(iterations) and all(map(_is_number, costs)),
             "['history']['cost']", f"{len(iterations)} finite numbers, one a report", costs)
    before = sum(report < iteration for report in iterations)
    for name in ("validation_cost", "validation_accuracy", "validation_r2"):
        values = history.get(name)
        _require(values is None or (before <= len(values) <= len(iterations) and all(map(_is_float, values))),
                 f"['history'][{name!r}]", f"{len(iterations)} numbers, one a report", values)
    reported = costs[before] if iteration in iterations else None
    _require((cost is None or _is_number(cost)) and cost == reported,
             "['cost']", f"that of the report at iteration {iteration}, {reported}", cost)


def _check_monitors(monitors, state):
    """What each ``early_stopping`` remembers."""
    _require(isinstance(monitors, dict), "['early_stopping']", "a dictionary", monitors)
    for key, monitor in monitors.items():
        entry = f"['early_stopping'][{key!r}]"
        _require(isinstance(monitor, dict), entry, "a dictionary", monitor)
        monitor = _renamed(monitor)
        lacking = {"iteration", "wait", "reference", "lowest"} - monitor.keys()
        _require(not lacking, entry, "a dictionary with iteration, wait, reference and lowest", list(monitor))
        iteration, wait, reference, lowest = (monitor[name] for name in ("iteration", "wait", "reference", "lowest"))
        _require(_is_whole(iteration, state["iteration"]), f"{entry}['iteration']",
                 f"an iteration up to {state['iteration']}", iteration)
        _require(_is_whole(wait, len(state["history"]["iteration"])), f"{entry}['wait']", "a number of reports", wait)
        _require(_is_float(reference) and _is_float(lowest) and -math.inf < lowest <= reference, f"{entry}['lowest']",
                 f"a cost up to the reference {reference!r:.40}", lowest)
        if "parameters" in monitor:
            _check_network(monitor["parameters"], f"{entry}['parameters']")
            best, network = ([p[name].shape for name in NAMES] for p in (monitor["parameters"], state["parameters"]))
            _require(best == network, f"{entry}['parameters']", f"a network of the shapes {network}", best)


def _check_epoch(state):
    """With mini-batches, the state tells when its epoch began, and the generator's state then."""
    m, batch_size = state["settings"]["m"], state["settings"]["batch_size"]
    if batch_size is not None:
        begun, batches = state["iteration"] - state["epoch_start"], -(-m // batch_size)
        _require(begun <= batches, "['epoch_start']", f"{batches} iterations back at most", state["epoch_start"])
        known = state["random_state"] is not None or state["iteration"] == 0
        _require(known, "['random_state']", "a generator's state", None)


def _require(right, entry, expected, got):
    if not right:
        raise ValueError(f"state{entry} must be {expected}; got {outline(got)}. Use load_checkpoint(path).")


def _is_whole(value, most=sys.maxsize):
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_) and 0 <= value <= most


def _is_float(value):
    return isinstance(value, float | np.floating)


def _is_number(value):
    return _is_float(value) and math.isfinite(value)


def resume(state: State, optimizer: Optimizer, objective: Objective) -> State:
    """Return a saved state of a training with this optimizer and these settings, rewound."""
    if state["settings"] != objective.settings:
        raise ValueError(f"state must come from a training with {objective.settings}; got {state['settings']}. "
                         "Use the data of that training, in memory or on disk as they were, and its batch_size.")
    _check_epoch(state)
    check_optimizer_state(optimizer, state["optimizer_state"], state["parameters"], state["iteration"])
    state = rewind(state)
    return {**state, "parameters": as_dtype(state["parameters"], objective.dtype)}


def rewind(state: State) -> State:
    """Return the state as it was when its iteration began: the report of that iteration is made again."""
    reports = sum(iteration < state["iteration"] for iteration in state["history"]["iteration"])
    state = {**state, "history": {name: values[:reports] for name, values in state["history"].items()}}
    for name in ("best_parameters", "best_cost"):                         # early_stopping puts them there again
        state.pop(name, None)
    if "early_stopping" in state:
        state["early_stopping"] = {key: _renamed(monitor) for key, monitor in state["early_stopping"].items()}
    return state


def _renamed(monitor):
    """Return what early stopping remembers, under today's names: the first checkpoints had others."""
    names = {"best": "reference", "waited": "wait"}
    return {names.get(name, name): value for name, value in monitor.items()}


def append_report(state: State, cost: float | None) -> None:
    """Write the cost, if there is one, into the history."""
    if cost is not None:
        state["cost"] = cost
        state["history"]["iteration"].append(state["iteration"])
        state["history"]["cost"].append(cost)


def report(state: State, cost: float | None, callbacks: Iterable[Callback]) -> bool:
    """Append a report, call the callbacks, and return whether one of them stops the training."""
    append_report(state, cost)
    if _run(callbacks, state):
        state["stop_reason"] = "callback"
    return state["stop_reason"] == "callback"


def finish(state: State, callbacks: Iterable[Callback]) -> None:
    """Call the callbacks for the last time."""
    state["finished"] = True
    _run(callbacks, state)


def _run(callbacks, state):
    """Call all of them, and return whether one wants to stop: returns True, and not what it has written or counted."""
    answers = [callback(state) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


def outcome(state: State) -> tuple[Parameters, History]:
    """Return ``(parameters, history)`` of a training that has ended: with ``early_stopping``, the best parameters.

    Warn once of an outcome that is hardly what was wanted, and name the cure.
    """
    trouble = trouble_of(state)
    if trouble:
        warnings.warn(trouble, stacklevel=4)
    return best_network(state), state["history"]


def best_network(state: State) -> Parameters:
    """Return the parameters of the state; with ``early_stopping``, the best."""
    return state.get("best_parameters", state["parameters"])


def trouble_of(state: State) -> str | None:
    """Return what went wrong in a training that has ended, with its cure; None for most of them.

    The costs of mini-batches differ by chance, so the lowest of the last tenth of the reports counts.
    """
    costs, parameters = state["history"]["cost"], state["parameters"]
    if state.get("inactive"):
        return ("No hidden unit is active on any sample (dead relu): the network's output is constant. "
                "Use standardize(X) and a smaller learning rate.")
    if len(costs) < 2 or state["iteration"] < 100 or "best_parameters" in state:
        return None
    at_end = 1 if state["settings"].get("batch_size") is None else max(3, len(costs) // 10)
    first, lowest, last = costs[0], min(costs), min(costs[-at_end:])
    if last > 2 * lowest and last - lowest > 0.1 * (first - lowest):
        return (f"The cost is {last:g} after iteration {state['iteration']}, and was {lowest:g} before: the training "
                "diverged or oscillates. Use a smaller learning rate, and standardize (Y too for squared error).")
    small = all(np.abs(parameters[name]).max() < 0.1 for name in ("W1", "W2"))
    if small and state["iteration"] >= 1000 and first - last < 1e-3 * abs(first):
        return (f"The cost has hardly moved, from {first:g} to {last:g} in {state['iteration']} iterations, and the "
                "weights are still near zero. Start with larger ones: scale=1 or scale='glorot'.")
    return None


def carry_outcome(error: BaseException, state: State, *candidates: Parameters) -> None:
    """Give an exception that ends a training the attributes ``parameters`` and ``history``.

    The parameters are the best so far where ``early_stopping`` keeps them, else the first finite candidate.
    """
    finite = (p for p in (*candidates, state["parameters"]) if is_finite(p))
    with suppress(AttributeError):                                        # an exception of the user's may refuse
        error.parameters = state.get("best_parameters") or next(finite, state["parameters"])
        reports = min(len(state["history"][name]) for name in ("iteration", "cost"))      # one may be half written
        error.history = {name: values[:reports] for name, values in state["history"].items()}


def carry_begin(error: BaseException, parameters: Parameters, state: State | None) -> None:
    """Give an exception from before the first iteration, or after the last, what ``carry_outcome`` gives to others."""
    if not hasattr(error, "history"):
        carry_outcome(error, state or {"parameters": parameters, "history": {"iteration": [], "cost": []}})


def is_finite(parameters: Parameters) -> bool:
    """Whether all weights and biases are finite."""
    return all(np.isfinite(parameters[name]).all() for name in NAMES)


def is_inactive(parameters: Parameters, grads: Grads) -> bool:
    """Whether no relu is active on any sample: the error does not come through to the hidden layer."""
    return bool(parameters.get("hidden") == "relu" and parameters["W2"].any()
                and grads["db2"].any() and not grads["db1"].any())
