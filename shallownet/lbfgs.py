"""L-BFGS for the cost over all samples: on a small table it converges in a fraction of the time of gradient descent."""

import math
from collections.abc import Iterable

from shallownet._checks import check_callbacks, check_integer, check_number
from shallownet._random import random_generator
from shallownet._types import Array, Callback, Columns, History, Parameters, RandomState, State
from shallownet.network import initialize_parameters
from shallownet.objective import Objective, as_vector, ignore_overflow, named, objective
from shallownet.optimizers import Optimizer
from shallownet.states import (
    carry_begin,
    carry_outcome,
    finish,
    initial_state,
    network_of,
    outcome,
    report,
    rewind,
)

try:
    import scipy.optimize
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
        Strength of the L2 regularization ``l2/(2m) · Σ W²``.
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
        From ``load_checkpoint``: the training goes on from its parameters and its history. It does so with the gradient
        alone, as SciPy does not hand out what it knows of the second derivatives.
    threads : int, optional
        Threads for a large table; None takes one for each core. The result is the same for any number.

    Returns
    -------
    parameters : dict
        After the last iteration; with ``early_stopping`` the best. Cost and gradient are computed in float32 where data
        and network are float32; L-BFGS itself computes in float64.
    history : dict
        Lists ``iteration`` and ``cost``, one entry an iteration, and what callbacks add.

    Raises
    ------
    ImportError
        From ``import shallownet.lbfgs``, if SciPy is not installed.
    ValueError, TypeError
        For data or settings that do not fit, before anything is computed.
    FloatingPointError
        If the cost is not finite.

    Every exception that ends a training, such as KeyboardInterrupt, carries ``parameters`` (finite, the best
    so far where ``early_stopping`` keeps them) and ``history``.

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
    parameters = network_of(parameters, state)
    data = objective(X, Y, parameters, l2=l2, sample_weight=sample_weight, threads=threads)
    return train_objective(data, parameters, state, num_iterations, tolerance, callbacks, restarts, random_state)


def train_objective(data, parameters, state, num_iterations, tolerance, callbacks, restarts=0, random_state=3):
    """Open the objective ``data``, train on it, from ``state`` on if there is one, and return the best outcome."""
    try:
        with data as objective:
            state = initial_state(parameters, OPTIMIZER, objective) if state is None else restart(state, objective)
            further = further_networks(state["parameters"], restarts, random_state)
            states = [state, *(initial_state(network, OPTIMIZER, objective) for network in further)]
            state = minimize_all(objective, states, num_iterations, tolerance, callbacks)
            return outcome(state)
    except BaseException as error:
        carry_begin(error, parameters, state)
        raise


def minimize_all(objective, states, num_iterations, tolerance, callbacks):
    """Minimize the objective from each of the states and return the best; an exception carries the best so far."""
    begun = []
    try:
        for state in states:
            begun.append(state)
            minimize(objective, state, num_iterations, tolerance, callbacks)
    except BaseException as error:
        carry_outcome(error, best_of(begun))
        raise
    return best_of(states)


def best_of(states):
    """Return the state with the lowest cost, or validation cost where there is one."""

    def cost(state):
        lowest = state.get("best_cost", state["cost"])
        return math.inf if lowest is None else lowest

    return min(states, key=cost)


def minimize(
    objective: Objective,
    state: State,
    num_iterations: int = 500,
    tolerance: float = 1e-5,
    callbacks: Iterable[Callback] = (),
) -> State:
    """Minimize the objective from ``state`` on with L-BFGS and return the state at the end.

    Parameters
    ----------
    objective : Objective
        Of all samples, not of mini-batches.
    state : dict
        From ``initial_state`` or ``restart``; it is kept up to date, and callbacks get it.
    num_iterations, tolerance, callbacks
        As in ``train_lbfgs``.

    Returns
    -------
    state : dict
        With ``stop_reason``: ``"converged"``, ``"num_iterations"``, ``"callback"`` or ``"precision"``.
    """
    num_iterations = check_integer("num_iterations", num_iterations, max(1, state["iteration"]))
    tolerance = check_number("tolerance", tolerance, minimum=0)
    callbacks = check_callbacks(callbacks)
    begin, dtype = state["parameters"], objective.dtype
    state |= {"num_iterations": num_iterations, "finished": False, "stop_reason": None}

    def cost_and_gradient(vector):
        cost, grads, _ = objective.gradient(begin | named(vector.astype(dtype, copy=False), begin), True)
        if not math.isfinite(cost):
            raise FloatingPointError(
                f"cost must stay finite; got {cost} after iteration {state['iteration']}. "
                "Standardize X (and Y for squared error), or begin with smaller weights."
            )
        return cost, as_vector(grads, "d")

    def stops(vector, cost):
        state["parameters"] = begin | named(vector.astype(dtype), begin)
        return report(state, float(cost), callbacks)

    def after_iteration(intermediate_result):                             # the name tells SciPy what to pass
        state["iteration"] += 1
        if stops(intermediate_result.x, intermediate_result.fun):
            raise StopIteration                                           # as SciPy asks for

    vector = as_vector(begin)
    try:
        with ignore_overflow():
            if not stops(vector, cost_and_gradient(vector)[0]):
                remaining = num_iterations - state["iteration"]
                state["stop_reason"] = run_lbfgs(cost_and_gradient, vector, after_iteration, remaining, tolerance)
            finish(state, callbacks)
    except BaseException as error:
        carry_outcome(error, state)
        raise
    return state


def run_lbfgs(cost_and_gradient, vector, after_iteration, num_iterations, tolerance):
    """Run SciPy's L-BFGS-B and return why it ended."""
    if num_iterations == 0:                                               # SciPy would make one iteration
        return "num_iterations"
    result = scipy.optimize.minimize(
        cost_and_gradient, vector, jac=True, method="L-BFGS-B", callback=after_iteration,
        options={"maxiter": num_iterations, "maxfun": math.inf, "gtol": tolerance},
    )
    return {0: "converged", 1: "num_iterations", 2: "precision", 99: "callback"}[result.status]


def restart(state: State, objective: Objective) -> State:
    """Return a saved state, of any optimizer, rewound: L-BFGS keeps the iterations and the reports, and starts anew."""
    kept = rewind(state)
    begin = initial_state(state["parameters"], OPTIMIZER, objective)
    return {**kept, **begin, "iteration": kept["iteration"], "history": kept["history"]}


def further_networks(like: Parameters, restarts: int, random_state: RandomState) -> list[Parameters]:
    """Return untrained networks of the same kind, with weights of the scale ``"glorot"``.

    The first one drawn is left out: with the same seed it is the network that is there already.
    """
    (n_h, n_x), n_y = like["W1"].shape, like["W2"].shape[0]
    kind = {name: like[name] for name in ("hidden", "cost") if name in like} | {"dtype": like["W1"].dtype}
    generator = random_generator(random_state)
    draws = range(restarts + 1) if check_integer("restarts", restarts, 0) else ()
    return [
        initialize_parameters(n_x, n_h, n_y, **kind, scale="glorot", random_state=generator) for _ in draws
    ][1:]
