"""The training loop: report, gradient, update."""

from collections.abc import Callable, Iterable
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from shallownet._checks import (
    as_columns,
    as_labels,
    as_sample_weight,
    check_callbacks,
    check_integer,
    check_name,
    check_number,
    is_streamed,
)
from shallownet._random import generator_state, random_generator, set_generator_state
from shallownet._types import Array, Callback, Columns, Grads, History, Parameters, RandomState, State
from shallownet.callbacks import print_cost as print_cost_callback
from shallownet.columns import chunk_size, mini_batches, workers
from shallownet.costs import COSTS
from shallownet.evaluation import (
    block_count,
    cost_and_gradient,
    cost_and_gradient_by_blocks,
    cost_of_columns,
    gradient_bytes,
    ignore_overflow,
    total_weight,
)
from shallownet.network import NAMES, check_parameters, initialize_parameters, layer_sizes, output_of
from shallownet.optimizers import Optimizer, check_optimizer, gradient_descent, learning_rate_of


def nn_model(
    X: Columns,
    Y: Columns,
    n_h: int = 4,
    num_iterations: int = 10000,
    print_cost: bool = False,
    *,
    learning_rate: float = 1.2,
    hidden: str = "tanh",
    cost: str = "cross_entropy",
    scale: float | str | Callable[[tuple[int, int]], Array] = 0.01,
    random_state: RandomState = 3,
    **training: Any,
) -> Parameters:
    """Train a network with one hidden layer and return its parameters.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column.
    Y : array, shape (n_y, m)
        Labels: 0 and 1 for cross-entropy, one-hot columns for softmax, values for squared error.
    n_h : int
        Number of hidden units.
    num_iterations : int
        Number of updates.
    print_cost : bool
        Print the cost every 1,000 iterations (``report_every``).
    learning_rate : float
        Of gradient descent; ``optimizer=`` takes its place. ``squared_error`` needs a rate below 1, such as 0.2.
    hidden, cost, scale
        As in ``initialize_parameters``.
    random_state : int, RandomState, Generator or None
        Draws the weights and shuffles mini-batches. The default is the seed of the text.
    **training
        Further arguments of ``train``: ``optimizer``, ``batch_size``, ``l2``, ``callbacks``, …

    Returns
    -------
    parameters : dict

    Raises
    ------
    ValueError, TypeError
        For data or settings that do not fit, before anything is computed.
    FloatingPointError
        If the training diverges.

    Examples
    --------
    >>> from shallownet.datasets import planar_flower
    >>> X, Y = planar_flower()
    >>> parameters = nn_model(X, Y, 4, 2000, print_cost=True)
    Cost after iteration 0: 0.693162
    Cost after iteration 1000: 0.258625
    """
    check_name("cost", cost, COSTS)
    if training.get("state") is not None:
        begun = check_state(training["state"])["parameters"]
        found = len(begun["W1"]), begun.get("hidden", "tanh"), begun.get("cost", "cross_entropy")
        for name, expected, got in zip(("n_h", "hidden", "cost"), found, (n_h, hidden, cost), strict=True):
            if got != expected:
                raise ValueError(f"{name} must be that of the network in state, {expected!r}; got {got!r}.")
    X = as_columns("X", X)
    Y = as_labels(Y, X, COSTS[cost].output)
    parameters = initialize_parameters(
        *layer_sizes(X, Y, n_h), hidden=hidden, cost=cost, scale=scale, random_state=random_state, dtype=X.dtype
    )
    if training.get("optimizer") is None:
        training["optimizer"] = gradient_descent(learning_rate)
    if print_cost:
        training["callbacks"] = (print_cost_callback(), *check_callbacks(training.get("callbacks", ())))
    return train(X, Y, parameters, num_iterations, random_state=random_state, **training)[0]


def train(
    X: Columns,
    Y: Columns,
    parameters: Parameters | None,
    num_iterations: int,
    *,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    random_state: RandomState = 3,
    report_every: int = 1000,
    callbacks: Iterable[Callback] = (),
    state: State | None = None,
    threads: int | None = None,
) -> tuple[Parameters, History]:
    """Train ``parameters`` on the data and return ``(parameters, history)``.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column: an array, or anything with ``shape``, ``dtype`` and column slices, which is streamed.
    Y : array, shape (n_y, m)
        Labels.
    parameters : dict
        The network to begin with, from ``initialize_parameters``; it is not changed. With ``state`` it is not used.
    num_iterations : int
        Number of updates, those before ``state`` included.
    optimizer : Optimizer
        ``gradient_descent(1.2)`` by default.
    batch_size : int, optional
        Samples an update. None takes all of them; otherwise each epoch draws every sample once, and its last batch may
        be shorter.
    l2 : float
        Strength of the penalty ``l2/(2m) · Σ W²``.
    sample_weight : array, shape (1, m), optional
    random_state : int, RandomState, Generator or None
        Shuffles the mini-batches.
    report_every : int
        Iterations between two reports. A report is the cost before the update; with mini-batches it is the mean over
        the samples of the batches since the last report, or that report's where none of them has a weight.
    callbacks : sequence of callables
        Called with the training state at each report and at the end; True stops, and nothing else. See ``callbacks``.
    state : dict, optional
        From ``load_checkpoint``: the training goes on from there, bit for bit as if it had not been stopped.
    threads : int, optional
        Threads for a large full batch or the mini-batches of a wide network; None takes one for each core. The result
        is the same for any number.

    Returns
    -------
    parameters : dict
        After the last update; with ``early_stopping`` the best.
    history : dict
        Lists ``iteration`` and ``cost``, and what callbacks add, an entry a report. The last entry is the cost after
        the last update, unless a callback has stopped the training; with mini-batches, the mean since the last report.

    Raises
    ------
    ValueError, TypeError
        For data or settings that do not fit, before anything is computed.
    FloatingPointError
        If the training diverges. Like KeyboardInterrupt, it carries ``parameters`` (finite, the best so far where
        ``early_stopping`` keeps them) and ``history``.

    Examples
    --------
    >>> from shallownet import datasets, initialize_parameters, momentum, train
    >>> X, Y = datasets.planar_flower()
    >>> parameters = initialize_parameters(2, 4, 1, random_state=3)
    >>> parameters, history = train(X, Y, parameters, 2000, optimizer=momentum(1.2))
    >>> history["iteration"]
    [0, 1000, 2000]
    """
    if state is not None:
        parameters = check_state(state)["parameters"]
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    Y = as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
    sample_weight = as_sample_weight(sample_weight, X)
    l2 = check_number("l2", l2, minimum=0)
    check_integer("threads", 1 if threads is None else threads)
    if state is None:
        parameters = in_one_dtype(parameters, X)
    if batch_size is not None:
        batch_size = min(check_integer("batch_size", batch_size), X.shape[1])
    generator = random_generator(random_state)
    optimizer = gradient_descent(1.2) if optimizer is None else check_optimizer(optimizer)
    callbacks = check_callbacks(callbacks)
    arrays = (X, Y, sample_weight)
    streamed = any(map(is_streamed, arrays))
    settings = {"m": X.shape[1], "batch_size": batch_size}
    if streamed and batch_size is not None:
        settings["chunk_size"] = chunk_size(arrays, batch_size)           # what is shuffled
    state = start(parameters, optimizer, settings) if state is None else resume(state, optimizer, settings)

    epoch = {"random_state": state["random_state"], "epoch_start": state["epoch_start"]}
    blocks = block_count(parameters, batch_size or X.shape[1])
    with workers(threads, blocks, gradient_bytes(parameters)) as run:
        evaluate = cost_and_gradient
        if blocks > 1 or (batch_size is None and streamed):
            evaluate = partial(cost_and_gradient_by_blocks, run=run)
        if batch_size is None:
            gradient, final_cost = _full_batch(evaluate, arrays, l2, threads)
        else:
            batches = _epochs(arrays, batch_size, generator, epoch, state["iteration"])
            gradient, final_cost = _mini_batches(evaluate, batches, l2 / total_weight(X, sample_weight)), None
        return descend(state, num_iterations, gradient, optimizer, report_every, callbacks, final_cost, epoch)


def in_one_dtype(parameters, X):
    """Return a copy of the network in the dtype that its training on ``X`` runs in."""
    dtype = np.result_type(X.dtype, *(parameters[name] for name in NAMES))
    return parameters | {name: parameters[name].astype(dtype) for name in NAMES}


def _full_batch(evaluate, arrays, l2, threads):
    """The gradient over all samples, and their cost."""
    X, Y, sample_weight = arrays
    m = total_weight(X, sample_weight)

    def gradient(parameters, with_cost):
        return *evaluate(parameters, X, Y, l2=l2, sample_weight=sample_weight, with_cost=with_cost), m

    def final_cost(parameters):
        return cost_of_columns(parameters, X, Y, l2=l2, sample_weight=sample_weight, threads=threads)

    return gradient, final_cost


def _mini_batches(evaluate, batches, l2_per_weight):
    """The gradient over the next batch, which gets its share of the penalty."""

    def gradient(parameters, with_cost):
        X, Y, sample_weight = next(batches)
        weight = total_weight(X, sample_weight)
        return *evaluate(parameters, X, Y, l2=l2_per_weight * weight, sample_weight=sample_weight), weight

    return gradient


def descend(
    state: State,
    num_iterations: int,
    gradient: Callable[[Parameters, bool], tuple[float | None, Grads, float]],
    optimizer: Optimizer,
    report_every: int,
    callbacks: Iterable[Callback],
    final_cost: Callable[[Parameters], float] | None = None,
    epoch: State | None = None,
) -> tuple[Parameters, History]:
    """Run the loop, wherever the gradients come from, and return ``(parameters, history)``.

    ``gradient(parameters, with_cost)`` returns ``(cost, grads, weight)`` of the next batch; its cost may be None unless
    ``with_cost``. ``final_cost(parameters)`` closes the history; without it the mean since the last report does, or
    that report's where nothing came since. ``epoch`` tells at any time where the epoch of the last batch began; the
    state gets it with each report, so that it fits the rest.
    """
    num_iterations = check_integer("num_iterations", num_iterations, state["iteration"])
    check_integer("report_every", report_every)
    _, update = optimizer
    parameters = previous = state["parameters"]
    optimizer_state, running = state["optimizer_state"], state["running"]
    state |= {"num_iterations": num_iterations, "finished": False}
    try:
        with ignore_overflow():
            for iteration in range(state["iteration"], num_iterations):
                due = iteration % report_every == 0
                cost, grads, weight = gradient(parameters, due)
                if not isfinite(grads["db2"].item(0) if cost is None else cost):
                    raise _divergence(cost, iteration, optimizer, optimizer_state)
                before = running      # a resumed training sees this batch again, so the state is without it
                if cost is not None:
                    running = _add_to_mean(running, cost, weight)
                if due:
                    _put(state, iteration, parameters, optimizer_state, before, epoch)
                    _append(state, running[0] if running[1] or state["cost"] is None else state["cost"])
                    if call(callbacks, state):
                        break
                    running = [0.0, 0.0]
                previous = parameters
                parameters, optimizer_state = update(parameters, grads, optimizer_state)
            else:
                _put(state, num_iterations, parameters, optimizer_state, running, epoch)
                cost = final_cost(parameters) if final_cost else running[0] if running[1] else state["cost"]
                if not (isfinite(cost or 0) and _finite(parameters)):
                    raise _divergence(cost, num_iterations, optimizer, optimizer_state)
                _append(state, cost)
            state["finished"] = True
            call(callbacks, state)
    except (KeyboardInterrupt, FloatingPointError) as stop:
        finite = (p for p in (parameters, previous) if _finite(p))
        stop.parameters = state.get("best_parameters") or next(finite, state["parameters"])
        stop.history = state["history"]
        raise
    return state.get("best_parameters", parameters), state["history"]


def start(parameters, optimizer, settings):
    """Return the state of a training that has not begun."""
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
        "running": [0.0, 0.0],            # mean cost and weight of the batches since the last report
        "random_state": None,             # of the generator when the epoch began
        "epoch_start": 0,                 # the iteration at which it began
        "settings": settings,
    }


def check_state(state):
    """Refuse what is no training state."""
    if not isinstance(state, dict):
        raise TypeError(f"state must be a training state; got {state!r}. Use load_checkpoint(path).")
    missing = {"iteration", "parameters", "optimizer_state", "cost", "history", "running", "random_state",
               "epoch_start", "settings"} - state.keys()
    if missing:
        raise ValueError(f"state must be a training state; got no {', '.join(sorted(missing))}. "
                         "Use load_checkpoint(path).")
    return state


def resume(state, optimizer, settings):
    """Return a saved state of a training with this optimizer and these settings, rewound."""
    if state["settings"] != settings:
        raise ValueError(f"state must come from a training with {settings}; got {state['settings']}. "
                         "Use the data of that training, in memory or on disk as they were, and its batch_size.")
    expected = optimizer[0](state["parameters"]).keys()
    if state["optimizer_state"].keys() != expected:
        raise ValueError(f"state must hold what the optimizer needs, {sorted(expected)}; "
                         f"got {sorted(state['optimizer_state'])}. Use the optimizer of that training.")
    return rewound(state)


def rewound(state):
    """Return the state as it was when its iteration began: the report of that iteration is made again."""
    reports = sum(iteration < state["iteration"] for iteration in state["history"]["iteration"])
    state = {**state, "history": {name: values[:reports] for name, values in state["history"].items()}}
    for name in ("best_parameters", "best_cost"):                         # early_stopping puts them there again
        state.pop(name, None)
    return state


def _epochs(arrays, batch_size, generator, epoch, iteration):
    """Yield the batches from ``iteration`` on without end, and keep in ``epoch`` where their epoch began."""
    m = arrays[0].shape[1]
    if epoch["random_state"] is not None:
        set_generator_state(generator, epoch["random_state"])
    arrays = tuple(a if a is None or is_streamed(a) else np.asfortranarray(a) for a in arrays)
    skip = iteration - epoch["epoch_start"]
    while True:
        epoch["random_state"] = generator_state(generator)
        yield from mini_batches(arrays, batch_size, generator, skip)
        epoch["epoch_start"] += -(-m // batch_size)
        skip = 0


def _put(state, iteration, parameters, optimizer_state, running, epoch):
    state |= {
        "iteration": iteration, "parameters": parameters, "optimizer_state": optimizer_state, "running": running,
        **(epoch or {}),
    }


def _append(state, cost):
    """Write the cost, if there is one, into the history."""
    if cost is not None:
        state["cost"] = cost
        state["history"]["iteration"].append(state["iteration"])
        state["history"]["cost"].append(cost)


def call(callbacks, state):
    """Call all, and tell whether one wants to stop: returns True, and not what it has written or counted."""
    return any([isinstance(stop, bool | np.bool_) and stop for stop in [callback(state) for callback in callbacks]])


def _add_to_mean(running, cost, weight):
    mean, total = running
    total += weight
    return [mean + (cost - mean) * (weight / (total or 1)), total]


def _divergence(cost, iteration, optimizer, optimizer_state):
    rate = learning_rate_of(optimizer, optimizer_state)
    rate = "" if rate is None else f" with learning rate {rate:g}"
    got = "an infinite gradient" if cost is None else cost
    return FloatingPointError(
        f"cost must stay finite; got {got} at iteration {iteration}{rate}. "
        "Use a smaller learning rate, or standardize X (and Y for squared error)."
    )


def _finite(parameters):
    return all(np.isfinite(parameters[name]).all() for name in NAMES)
