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
``best_parameters`` the network to return instead, with ``best_cost``: put there by ``early_stopping``
``early_stopping``  what each ``early_stopping`` remembers
``running``         mean cost of the batches since the last report, and their weight
``random_state``    of the generator when the epoch of the next batch began
``epoch_start``     the iteration at which it began
``settings``        what a resumed training must find as it was
=================== ==================================================================================================
"""

from collections.abc import Iterable

import numpy as np

from shallownet._types import Callback, History, Parameters, State
from shallownet.network import NAMES, check_parameters
from shallownet.objective import Objective, as_dtype
from shallownet.optimizers import Optimizer

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
    """Refuse what is no training state."""
    if not isinstance(state, dict):
        raise TypeError(f"state must be a training state; got {state!r}. Use load_checkpoint(path).")
    missing = NEEDED - state.keys()
    if missing:
        raise ValueError(f"state must be a training state; got no {', '.join(sorted(missing))}. "
                         "Use load_checkpoint(path).")
    return state


def resume(state: State, optimizer: Optimizer, objective: Objective) -> State:
    """Return a saved state of a training with this optimizer and these settings, rewound."""
    if state["settings"] != objective.settings:
        raise ValueError(f"state must come from a training with {objective.settings}; got {state['settings']}. "
                         "Use the data of that training, in memory or on disk as they were, and its batch_size.")
    expected = optimizer[0](state["parameters"]).keys()
    if state["optimizer_state"].keys() != expected:
        raise ValueError(f"state must hold what the optimizer needs, {sorted(expected)}; "
                         f"got {sorted(state['optimizer_state'])}. Use the optimizer of that training.")
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


def run_callbacks(callbacks: Iterable[Callback], state: State) -> bool:
    """Call all of them, and return whether one wants to stop: returns True, and not what it has written or counted."""
    answers = [callback(state) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


def outcome(state: State) -> tuple[Parameters, History]:
    """Return ``(parameters, history)`` of a training that has ended: with ``early_stopping``, the best parameters."""
    return state.get("best_parameters", state["parameters"]), state["history"]


def carry_outcome(error: BaseException, state: State, *candidates: Parameters) -> None:
    """Give an exception that ends a training the attributes ``parameters`` and ``history``.

    The parameters are the best so far where ``early_stopping`` keeps them, else the first finite candidate.
    """
    finite = (p for p in (*candidates, state["parameters"]) if is_finite(p))
    error.parameters = state.get("best_parameters") or next(finite, state["parameters"])
    error.history = state["history"]


def is_finite(parameters: Parameters) -> bool:
    """Whether all weights and biases are finite."""
    return all(np.isfinite(parameters[name]).all() for name in NAMES)
