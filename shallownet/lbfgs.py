"""L-BFGS for the cost over all samples: on a small table it converges in a fraction of the time of gradient descent."""

import math
from collections.abc import Iterable
from functools import partial

import numpy as np

from shallownet._checks import (
    as_columns,
    as_labels,
    as_sample_weight,
    check_callbacks,
    check_integer,
    check_number,
    is_streamed,
)
from shallownet._random import random_generator
from shallownet._types import Array, Callback, Columns, History, Parameters, RandomState, State
from shallownet.columns import workers
from shallownet.evaluation import (
    block_count,
    cost_and_gradient,
    cost_and_gradient_by_blocks,
    gradient_bytes,
    ignore_overflow,
)
from shallownet.network import NAMES, check_parameters, initialize_parameters, output_of
from shallownet.optimizers import Optimizer
from shallownet.training import call, check_state, rewound, start

try:
    from scipy.optimize import minimize
except ImportError as error:
    raise ImportError('shallownet.lbfgs needs SciPy, which is not installed. '
                      'Use pip install "shallownet[lbfgs]".') from error

OPTIMIZER = Optimizer(lambda parameters: {}, None)    # what SciPy knows of the curvature stays there


def train_lbfgs(
    X: Columns,
    Y: Columns,
    parameters: Parameters | None,
    num_iterations: int = 500,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    restarts: int = 0,
    random_state: RandomState = 3,
    tolerance: float = 1e-5,
    callbacks: Iterable[Callback] = (),
    state: State | None = None,
    threads: int | None = None,
) -> tuple[Parameters, History]:
    """Train ``parameters`` on all samples with L-BFGS and return ``(parameters, history)``.

    An iteration moves the weights along ``-H dW``, where ``H`` estimates the inverse of the second derivatives from the
    last ten changes of the gradient, and looks for the length of the step itself: there is no learning rate.
    Standardized data and weights of the scale ``"glorot"`` are a good start.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column: an array, or anything with ``shape``, ``dtype`` and column slices, which is streamed.
    Y : array, shape (n_y, m)
        Labels.
    parameters : dict
        The network to begin with, from ``initialize_parameters``; it is not changed. With ``state`` it is not used.
    num_iterations : int
        Largest number of iterations, those before ``state`` included.
    l2 : float
        Strength of the penalty ``l2/(2m) · Σ W²``.
    sample_weight : array, shape (1, m), optional
    restarts : int
        Trainings of further networks, with weights of the scale ``"glorot"``. The network with the lowest cost is kept;
        with ``early_stopping``, that with the lowest validation cost.
    random_state : int, RandomState, Generator or None
        Draws the weights of the restarts. The first network that it draws is left out: it is the one to begin with, if
        that was drawn with the same seed.
    tolerance : float
        The training has converged when no entry of the gradient is larger, or the cost falls by less than 2e-9.
    callbacks : sequence of callables
        Called with the training state before the first iteration, after each one, and at the end; True stops. See
        ``callbacks``. With ``restarts`` each network has a state of its own, and True ends its training only; a
        checkpoint is of the network that was trained last. At the end ``state["stop_reason"]`` is ``"converged"``,
        ``"num_iterations"``, ``"callback"`` or ``"precision"``: no step was found that lowers the cost, as its last
        digits are rounding.
    state : dict, optional
        From ``load_checkpoint``: the training goes on from its parameters and its history. It does so with the slope
        alone, as SciPy does not hand out what it knows of the second derivatives.
    threads : int, optional
        Threads for a large table; None takes one for each core. The result is the same for any number.

    Returns
    -------
    parameters : dict
        After the last iteration; with ``early_stopping`` the best. The dtype is that of the network to begin with, and
        so is the precision of cost and gradient; L-BFGS itself computes in float64.
    history : dict
        Lists ``iteration`` and ``cost``, one entry an iteration, and what callbacks add.

    Raises
    ------
    ImportError
        From ``import shallownet.lbfgs``, if SciPy is not installed.
    ValueError, TypeError
        For data or settings that do not fit, before anything is computed.
    FloatingPointError
        If the cost is not finite. Like KeyboardInterrupt, it carries ``parameters`` (finite, the best so far where
        ``early_stopping`` keeps them) and ``history``.

    References
    ----------
    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989; the implementation is
    ``scipy.optimize.minimize(method="L-BFGS-B")``.

    Examples
    --------
    >>> from shallownet import accuracy, datasets, initialize_parameters
    >>> X, Y = datasets.planar_flower()
    >>> parameters = initialize_parameters(2, 4, 1, scale="glorot", random_state=3)
    >>> parameters, history = train_lbfgs(X, Y, parameters, 200, restarts=5)
    >>> accuracy(parameters, X, Y) > 0.9
    True
    """
    if state is not None:
        parameters = check_state(state)["parameters"]
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    Y = as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
    sample_weight = as_sample_weight(sample_weight, X)
    l2 = check_number("l2", l2, minimum=0)
    tolerance = check_number("tolerance", tolerance, minimum=0)
    check_integer("restarts", restarts, 0)
    check_integer("threads", 1 if threads is None else threads)
    callbacks = check_callbacks(callbacks)
    begin = fresh_state(parameters) if state is None else resume(state, parameters)
    check_integer("num_iterations", num_iterations, max(1, begin["iteration"]))
    generator = random_generator(random_state)
    further = [glorot_network(parameters, generator) for _ in range(restarts + 1)][1:] if restarts else []

    blocks = block_count(parameters, X.shape[1])
    in_memory = not any(map(is_streamed, (X, Y, sample_weight)))
    states = []
    with workers(threads, blocks, gradient_bytes(parameters)) as run:
        evaluate = cost_and_gradient if blocks == 1 and in_memory else partial(cost_and_gradient_by_blocks, run=run)
        evaluate = partial(evaluate, X=X, Y=Y, l2=l2, sample_weight=sample_weight)
        try:
            for state in (begin, *map(fresh_state, further)):
                states.append(state)
                minimize_cost(state, evaluate, num_iterations, tolerance, callbacks)
        except (KeyboardInterrupt, FloatingPointError) as stop:
            stop.parameters, stop.history = best_of(states)
            raise
    return best_of(states)


class CallbackStop(Exception):
    """A callback wants to stop."""


def minimize_cost(state, evaluate, num_iterations, tolerance, callbacks):
    """Run L-BFGS from the parameters of ``state``, and keep the state up to date."""
    begin = state["parameters"]
    dtype = begin["W1"].dtype

    def cost_and_slope(vector):
        cost, grads = evaluate(as_parameters(vector.astype(dtype, copy=False), begin))
        if not math.isfinite(cost):
            raise FloatingPointError(
                f"cost must stay finite; got {cost} after iteration {state['iteration']}. "
                "Standardize X (and Y for squared error), or begin with smaller weights."
            )
        return cost, as_vector(grads, "d")

    def report(vector, cost):
        state["parameters"], state["cost"] = as_parameters(vector.astype(dtype), begin), float(cost)
        state["history"]["iteration"].append(state["iteration"])
        state["history"]["cost"].append(state["cost"])
        if call(callbacks, state):
            raise CallbackStop

    def after_iteration(intermediate_result):                             # the name tells SciPy what to pass
        state["iteration"] += 1
        report(intermediate_result.x, intermediate_result.fun)

    options = {"maxiter": num_iterations - state["iteration"], "maxfun": math.inf, "gtol": tolerance}
    state |= {"num_iterations": num_iterations, "finished": False}
    vector = as_vector(begin)
    try:
        with ignore_overflow():
            report(vector, cost_and_slope(vector)[0])
            status = 1
            if options["maxiter"] > 0:                                    # with 0, SciPy makes one iteration
                status = minimize(
                    cost_and_slope, vector, jac=True, method="L-BFGS-B", callback=after_iteration, options=options
                ).status
        state["stop_reason"] = ("converged", "num_iterations", "precision")[status]
    except CallbackStop:
        state["stop_reason"] = "callback"
    state["finished"] = True
    call(callbacks, state)


def fresh_state(parameters):
    """Return the state of a training that has not begun."""
    return start(parameters, OPTIMIZER, {"optimizer": "L-BFGS"})


def resume(state, parameters):
    """Return a saved state, of any optimizer, rewound: L-BFGS keeps the iterations and the reports, and starts anew."""
    kept = rewound(state)
    return {**kept, **fresh_state(parameters), "iteration": kept["iteration"], "history": kept["history"]}


def best_of(states):
    """Return parameters and history of the training with the lowest cost, or validation cost where there is one."""

    def cost(state):
        lowest = state.get("best_cost", state["cost"])
        return math.inf if lowest is None else lowest

    best = min(states, key=cost)
    return best.get("best_parameters", best["parameters"]), best["history"]


def glorot_network(like, generator):
    """Return an untrained network of the same kind, with weights of the scale ``"glorot"``."""
    (n_h, n_x), n_y = like["W1"].shape, like["W2"].shape[0]
    names = {name: like[name] for name in ("hidden", "cost") if name in like}
    return initialize_parameters(
        n_x, n_h, n_y, **names, scale="glorot", random_state=generator, dtype=like["W1"].dtype
    )


def as_vector(arrays, prefix=""):
    """Return the entries of W1, b1, W2, b2 (or dW1, …) one after the other, in float64."""
    return np.concatenate([arrays[prefix + name].ravel() for name in NAMES], dtype=float)


def as_parameters(vector, like):
    """Return the network with the entries of ``vector``, as views."""
    parameters, begin = dict(like), 0
    for name in NAMES:
        end = begin + like[name].size
        parameters[name] = vector[begin:end].reshape(like[name].shape)
        begin = end
    return parameters
