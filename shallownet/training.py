"""The training loop: report, gradient, update."""

from collections.abc import Iterable
from math import isfinite

from shallownet._checks import as_columns, as_labels, check_callbacks, check_integer, check_name
from shallownet._types import (
    Array,
    Callback,
    Columns,
    CostName,
    Hidden,
    History,
    LearningRate,
    Parameters,
    RandomState,
    Scale,
    State,
)
from shallownet.callbacks import print_cost as print_cost_callback
from shallownet.costs import COSTS
from shallownet.network import initialize_parameters, layer_sizes
from shallownet.objective import Objective, ignore_overflow, objective
from shallownet.optimizers import Optimizer, check_optimizer, gradient_descent, learning_rate_of
from shallownet.states import (
    append_report,
    carry_begin,
    carry_outcome,
    finish,
    initial_state,
    is_finite,
    is_inactive,
    network_of,
    outcome,
    report,
    resume,
)


def nn_model(
    X: Columns,
    Y: Columns,
    n_h: int = 4,
    num_iterations: int = 10000,
    print_cost: bool = False,
    *,
    learning_rate: LearningRate = 1.2,
    hidden: Hidden = "tanh",
    cost: CostName = "cross_entropy",
    scale: Scale = 0.01,
    random_state: RandomState = 3,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    report_every: int = 1000,
    callbacks: Iterable[Callback] = (),
    state: State | None = None,
    threads: int | None = None,
    return_history: bool = False,
) -> Parameters | tuple[Parameters, History]:
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
        Draws the weights and shuffles mini-batches. The default is the course's seed.
    optimizer, batch_size, l2, sample_weight, report_every, callbacks, state, threads
        As in ``train``.
    return_history : bool
        Return the history as well, as ``train`` does.

    Returns
    -------
    parameters : dict, or ``(parameters, history)``

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
    X, Y, parameters = network_for(X, Y, n_h, hidden, cost, scale, random_state, state)
    if optimizer is None:
        optimizer = gradient_descent(learning_rate)
    if print_cost:
        callbacks = (print_cost_callback(), *check_callbacks(callbacks))
    parameters, history = train(
        X, Y, parameters, num_iterations, optimizer=optimizer, batch_size=batch_size, l2=l2,
        sample_weight=sample_weight, random_state=random_state, report_every=report_every, callbacks=callbacks,
        state=state, threads=threads,
    )
    return (parameters, history) if return_history else parameters


def network_for(X, Y, n_h, hidden, cost, scale, random_state, state):
    """Return the data and an untrained network for them; with ``state``, which has one, None in its place."""
    check_name("cost", cost, COSTS)
    if state is not None:
        _check_network(state, n_h=n_h, hidden=hidden, cost=cost)
        return X, Y, None
    X = as_columns("X", X)
    Y = as_labels(Y, X, COSTS[cost].output)
    return X, Y, initialize_parameters(
        *layer_sizes(X, Y, n_h), hidden=hidden, cost=cost, scale=scale, random_state=random_state, dtype=X.dtype, X=X
    )


def _check_network(state, **asked):
    """Refuse a state whose network is another one than was asked for."""
    parameters = network_of(None, state)
    network = {"n_h": len(parameters["W1"]), "hidden": "tanh", "cost": "cross_entropy"} | parameters
    for name, value in asked.items():
        if value != network[name]:
            raise ValueError(f"{name} must be that of the network in state, {network[name]!r}; got {value!r}.")


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
        Strength of the L2 regularization ``l2/(2m) · Σ W²``.
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
        If the training diverges.

    Every exception that ends a training, such as KeyboardInterrupt, carries ``parameters`` (finite, the best
    so far where ``early_stopping`` keeps them) and ``history``.

    Examples
    --------
    >>> from shallownet import datasets, initialize_parameters, momentum, train
    >>> X, Y = datasets.planar_flower()
    >>> parameters = initialize_parameters(2, 4, 1, random_state=3)
    >>> parameters, history = train(X, Y, parameters, 2000, optimizer=momentum(1.2))
    >>> history["iteration"]
    [0, 1000, 2000]
    """
    parameters = network_of(parameters, state)
    optimizer = gradient_descent(1.2) if optimizer is None else check_optimizer(optimizer)
    data = objective(
        X, Y, parameters, l2=l2, sample_weight=sample_weight, batch_size=batch_size, random_state=random_state,
        threads=threads,
    )
    return train_objective(data, parameters, state, num_iterations, optimizer, report_every, callbacks)


def train_objective(data, parameters, state, num_iterations, optimizer, report_every, callbacks):
    """Open the objective ``data``, train the parameters on it, or go on from ``state``, and return the outcome."""
    try:
        with data as objective:
            if state is None:
                state = initial_state(parameters, optimizer, objective)
            else:
                state = resume(state, optimizer, objective)
            return outcome(descend(objective, state, num_iterations, optimizer, report_every, callbacks))
    except BaseException as error:
        carry_begin(error, parameters, state)
        raise


def descend(
    objective: Objective,
    state: State,
    num_iterations: int,
    optimizer: Optimizer,
    report_every: int = 1000,
    callbacks: Iterable[Callback] = (),
) -> State:
    """Minimize the objective from ``state`` on and return the state at the end: the loop, whatever the data.

    Parameters
    ----------
    objective : Objective
    state : dict
        From ``initial_state`` or ``resume``; it is kept up to date, and callbacks get it.
    num_iterations, optimizer, report_every, callbacks
        As in ``train``.

    Returns
    -------
    state : dict
        With ``stop_reason``: ``"num_iterations"`` or ``"callback"``.
    """
    num_iterations = check_integer("num_iterations", num_iterations, state["iteration"])
    check_integer("report_every", report_every)
    callbacks = check_callbacks(callbacks)
    _, update = optimizer
    gradient, leap = objective.gradient, objective.leap
    objective.seek(state)
    state |= {"num_iterations": num_iterations, "finished": False, "stop_reason": None}
    parameters = previous = state["parameters"]
    grads = None
    optimizer_state, running = state["optimizer_state"], state["running"]

    def keep(iteration, running):
        state.update(iteration=iteration, parameters=parameters, optimizer_state=optimizer_state, running=running)
        state.update(objective.position())

    try:
        with ignore_overflow():
            iteration = state["iteration"]
            while iteration < num_iterations:
                due = iteration % report_every == 0
                cost, grads, weight = gradient(parameters, due)
                if not isfinite(grads["db2"].item(0) if cost is None else cost):
                    raise _divergence(cost, iteration, optimizer, optimizer_state)
                before = running      # a resumed training sees this batch again, so the state is without it
                if cost is not None:
                    running = _add_to_mean(running, cost, weight)
                if due:
                    keep(iteration, before)
                    if report(state, _mean(running, state["cost"]), callbacks):
                        break
                    running = [0.0, 0.0]
                previous = parameters
                parameters, optimizer_state = update(parameters, grads, optimizer_state)
                iteration += 1
                if leap and (n := min(num_iterations - iteration, -iteration % report_every)):
                    parameters, optimizer_state, previous, done, means = leap(n, parameters, optimizer_state)
                    iteration += done
                    for cost, weight in means:
                        running = _add_to_mean(running, cost, weight)
            else:
                keep(num_iterations, running)
                _append_last_report(objective, state, optimizer)
            finish(state, callbacks)
            state["inactive"] = objective.cost is not None and grads is not None and is_inactive(parameters, grads)
    except BaseException as error:
        carry_outcome(error, state, parameters, previous)
        raise
    return state


def _append_last_report(objective, state, optimizer):
    """Report the cost after the last update; with mini-batches, the mean since the last report."""
    parameters = state["parameters"]
    cost = objective.cost(parameters) if objective.cost else _mean(state["running"], state["cost"])
    if not (isfinite(cost or 0) and is_finite(parameters)):
        raise _divergence(cost, state["iteration"], optimizer, state["optimizer_state"])
    append_report(state, cost)
    state["stop_reason"] = "num_iterations"


def _add_to_mean(running, cost, weight):
    mean, total = running
    total += weight
    return [mean + (cost - mean) * (weight / (total or 1)), total]


def _mean(running, last):
    """The mean cost since the last report, or that report's where nothing that came since has a weight."""
    mean, weight = running
    return mean if weight else last


def _divergence(cost, iteration, optimizer, optimizer_state):
    rate = learning_rate_of(optimizer, optimizer_state)
    rate = "" if rate is None or iteration == 0 else f" with learning rate {rate:g}"
    got = "an infinite gradient" if cost is None else cost
    cure = "Begin with smaller weights" if iteration == 0 else "Use a smaller learning rate"
    return FloatingPointError(
        f"cost must stay finite; got {got} at iteration {iteration}{rate}. "
        f"{cure}, or standardize X (and Y for squared error)."
    )
