"""The compiled engine: ``train``, ``nn_model``, ``train_lbfgs``, ``predict`` and ``predict_probability``, by Numba.

    from shallownet.compiled import train

They take the arguments of the plain functions and differ from them in their objective alone: its gradient is compiled
loops (``_kernels.py``), and the loop between two reports is compiled too where the optimizer is one of ours. Results
are those of the plain functions to about 1e-12, not bit for bit; they are the same bits for any number of threads.
"""

import pickle
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from importlib.util import find_spec
from math import isfinite

import numpy as np

from shallownet import evaluation
from shallownet._checks import check_callbacks, check_finite, is_streamed
from shallownet._types import (
    Array,
    Callback,
    Columns,
    CostName,
    Hidden,
    History,
    Labels,
    LearningRate,
    Parameters,
    RandomState,
    Scale,
    State,
)
from shallownet.activations import ACTIVATIONS
from shallownet.callbacks import print_cost as print_cost_callback
from shallownet.columns import chunks, column_slices, load, workers
from shallownet.costs import COSTS
from shallownet.network import NAMES
from shallownet.objective import (
    Batches,
    Objective,
    as_vector,
    block_count,
    check_data,
    named,
    objective,
    part_count,
    total_weight,
)
from shallownet.optimizers import Optimizer, adam, check_optimizer, gradient_descent, learning_rate_of, momentum
from shallownet.states import network_of
from shallownet.training import network_for, train_objective

try:
    import numba

    from shallownet import _kernels
    if find_spec("scipy") is None:
        raise ImportError("No module named 'scipy'")                      # Numba's way to BLAS
except ImportError as error:
    raise ImportError(f'shallownet.compiled needs Numba and SciPy; got {str(error).rstrip(".")}. '
                      'Use pip install "shallownet[compiled]".') from error

SLICE_SECONDS = 0.03       # what the compiled loop may take before it looks for Ctrl-C
BLOCK_PRODUCTS = 2**22     # of a block: a thread's share, far above what sharing costs
ROWS = ACTIVATIONS | COSTS                                     # as the kernels have them
RULES = {gradient_descent(1).update.func: (_kernels.DESCENT, ()), momentum(1).update.func: (_kernels.MOMENTUM, ("v",)),
         adam(1).update.func: (_kernels.ADAM, ("m", "v"))}    # and the arrays of their states


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
    X, Y, n_h, num_iterations, print_cost, learning_rate, hidden, cost, scale, random_state, return_history
        As in ``shallownet.nn_model``.
    optimizer, batch_size, l2, sample_weight, report_every, callbacks, state, threads
        As in ``shallownet.train``.

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
    X, Y, parameters, num_iterations
        As in ``shallownet.train``.
    optimizer, batch_size, l2, sample_weight, random_state, report_every, callbacks, state, threads
        As in ``shallownet.train``; so are the returned values and the errors. Checkpoints of one engine go on in the
        other.

    Raises
    ------
    ImportError
        From ``import shallownet.compiled``, if Numba or SciPy is not installed.

    Examples
    --------
    >>> from shallownet import datasets, initialize_parameters, momentum
    >>> X, Y = datasets.planar_flower()
    >>> parameters = initialize_parameters(2, 4, 1, random_state=3)
    >>> parameters, history = train(X, Y, parameters, 2000, optimizer=momentum(1.2))
    >>> history["iteration"]
    [0, 1000, 2000]
    """
    parameters = network_of(parameters, state)
    optimizer = gradient_descent(1.2) if optimizer is None else check_optimizer(optimizer)
    data = compiled_objective(
        X, Y, parameters, l2=l2, sample_weight=sample_weight, batch_size=batch_size, random_state=random_state,
        threads=threads, optimizer=optimizer,
    )
    return train_objective(data, parameters, state, num_iterations, optimizer, report_every, callbacks)


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

    Parameters
    ----------
    X, Y, parameters, num_iterations, l2, sample_weight, restarts, random_state, tolerance, callbacks, state, threads
        As in ``shallownet.lbfgs.train_lbfgs``, and so are the returned values and the errors.
    """
    from shallownet.lbfgs import train_objective

    parameters = network_of(parameters, state)
    data = compiled_objective(X, Y, parameters, l2=l2, sample_weight=sample_weight, threads=threads)
    return train_objective(data, parameters, state, num_iterations, tolerance, callbacks, restarts, random_state)


def predict(parameters: Parameters, X: Columns, *, out: Labels | None = None) -> Labels:
    """Return the labels that the network gives to the columns of ``X``.

    Parameters
    ----------
    parameters, X, out
        As in ``shallownet.predict``, and so are the returned labels.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> parameters = initialize_parameters(1, 1, 1, scale=np.ones)
    >>> predict(parameters, np.array([[-1.0, 2.0]]))
    array([[0, 1]])
    """
    return evaluation.write_labels(parameters, X, out, over_outputs)


def predict_probability(parameters: Parameters, X: Columns, *, out: Array | None = None) -> Array:
    """Return the output ``A2`` for the columns of ``X``.

    Parameters
    ----------
    parameters, X, out
        As in ``shallownet.predict_probability``, and so is the returned array.
    """
    return evaluation.write_probability(parameters, X, out, over_outputs)


# The objective


@contextmanager
def compiled_objective(
    X: Columns,
    Y: Columns,
    parameters: Parameters,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    batch_size: int | None = None,
    random_state: RandomState = 3,
    threads: int | None = None,
    optimizer: Optimizer | None = None,
) -> Iterator[Objective]:
    """Give the ``Objective`` of these data, compiled.

    It is that of the plain functions where a row of a table is the user's, and where the hidden units of a wide network
    are split over the threads: a step is matrix products, and BLAS makes them either way.

    Parameters
    ----------
    X, Y, parameters, l2, sample_weight, batch_size, random_state, threads
        As in ``shallownet.objective.objective``.
    optimizer : Optimizer, optional
        That of the training: one of ours makes its updates in the compiled loop.
    """
    settings = {"l2": l2, "sample_weight": sample_weight, "batch_size": batch_size, "random_state": random_state,
                "threads": threads}
    known = is_known(parameters)
    arrays, l2, batch_size, generator, dtype = check_data(X, Y, parameters, **settings)
    if not known or is_split(parameters, batch_size or arrays[0].shape[1], batch_size):
        with objective(X, Y, parameters, **settings) as data:
            yield data
        return
    network = Network(parameters, dtype)
    if batch_size is not None:
        with closing(Batches(arrays, batch_size, generator)) as batches, workers(1, 1):
            yield _mini_batches(network, batches, l2, optimizer)
        return
    m = arrays[0].shape[1]
    with workers(threads, -(-m // network.block_columns), network.size * dtype.itemsize) as run:
        yield _full_batch(network, arrays, l2, optimizer, run)


def _full_batch(network, arrays, l2, optimizer, run):
    X, _, sample_weight = arrays
    m = total_weight(X, sample_weight)
    settings = {"m": X.shape[1], "batch_size": None}
    if X.shape[1] > network.block_columns or any(map(is_streamed, arrays)):
        evaluate, leap = partial(gradient_by_blocks, network, arrays, l2 / m, run), None
    else:
        data = network.data(*arrays)
        evaluate, leap = partial(network.gradient, data, l2 / m), network.leap(optimizer, l2 / m)

    def gradient(parameters, with_cost):
        return *evaluate(parameters, with_cost)[:2], m

    def leap_over(n, *state):
        return leap(lambda n: (data, None, n), n, *state)

    return Objective(gradient, lambda parameters: gradient(parameters, True)[0], network.dtype, settings,
                     leap=leap and leap_over)


def gradient_by_blocks(network, arrays, l2_per_weight, run, parameters, with_cost):
    """Return cost and gradient of all samples, block by block: their boundaries depend on the sizes alone."""
    m = total_weight(arrays[0], arrays[2])

    def block(chunk, columns):
        cost, grads, weight = network.gradient(
            network.data(*load(chunk, columns)), l2_per_weight, parameters, with_cost
        )
        share = weight / m
        return share * cost if with_cost else 0.0, {name: share * gradient for name, gradient in grads.items()}

    total_cost, total = 0.0, {}
    with closing(chunks(arrays, network.block_columns)) as loaded:
        for chunk in loaded:
            slices = column_slices(chunk[0].shape[1], network.block_columns)
            for cost, grads in run(partial(block, chunk), slices):
                total_cost += cost
                total = {name: total[name] + grads[name] for name in grads} if total else grads
    return total_cost if with_cost else None, total


def _mini_batches(network, batches, l2, optimizer):
    l2_per_weight = l2 / batches.total_weight
    leap = network.leap(optimizer, l2_per_weight, with_cost=True)

    def gradient(parameters, with_cost):
        rows, samples = next(batches)
        return network.gradient(network.rows(rows), l2_per_weight, parameters, True, samples)

    def draw(n):
        """Up to ``n`` batches from one piece of memory."""
        drawn = [next(batches)]
        while len(drawn) < n:
            drawn.append(next(batches))
            if not all(a is b or np.shares_memory(a, b) for a, b in zip(drawn[0][0], drawn[-1][0], strict=True)):
                batches.give_back([drawn.pop()])
                break
        return drawn

    def leap_over(n, *state):
        drawn = []

        def data(n):
            drawn[:] = draw(n)
            return network.rows(drawn[0][0]), [samples for _, samples in drawn], len(drawn)

        result = leap(data, n, *state)
        batches.give_back(drawn[result[3]:])
        return result

    return Objective(gradient, None, network.dtype, batches.settings, batches.seek, batches.epoch.copy,
                     leap=leap and leap_over)


class Network:
    """A network of one size and kind for the kernels: its parameters are one vector, its names are numbers."""

    def __init__(self, parameters, dtype):
        self.like = parameters
        self.dtype = np.dtype(dtype)
        self.hidden = _kernels.HIDDEN[parameters.get("hidden", "tanh")]
        self.cost = _kernels.COST[parameters.get("cost", "cross_entropy")]
        self.n_h, n_x = parameters["W1"].shape
        self.size = sum(parameters[name].size for name in NAMES)
        if self.n_h * n_x >= _kernels.FORWARD_SIZE:
            import scipy.linalg  # noqa: F401  its BLAS has to be there when workers holds BLAS at one thread
        n_y = len(parameters["W2"])
        columns = _kernels.columns.py_func(n_x, self.n_h, n_y)
        self.block_columns = columns * min(64, max(1, BLOCK_PRODUCTS // (self.n_h * (n_x + n_y)) // columns))

    def vector(self, arrays, prefix=""):
        return as_vector(arrays, prefix, self.dtype)

    def named(self, vector, prefix=""):
        return named(vector, self.like, prefix)

    def data(self, X, Y, sample_weight):
        """Samples as the kernels take them."""
        if sample_weight is None:
            sample_weight = np.empty((1, 0))
        return tuple(np.asarray(a, self.dtype) for a in (X, Y, sample_weight))

    def rows(self, rows):
        return self.data(*(None if a is None else a.T for a in rows))

    def gradient(self, data, l2, parameters, with_cost, samples=None):
        """Return cost, gradients and weight of the samples, or of those listed."""
        theta, gradient = self.vector(parameters), np.empty(self.size, self.dtype)
        _, costs, weights = self.descend(
            _kernels.NO_UPDATE, theta, np.empty((0, 0), self.dtype), gradient, data, l2, 0, np.empty(1),
            None if samples is None else [samples], with_cost=with_cost,
        )
        return (float(costs[0]) if with_cost else None), self.named(gradient, "d"), float(weights[0])

    def descend(self, rule, theta, moments, gradient, data, l2, t, rates, batches=None, beta1=0.0, beta2=0.0,
                epsilon=0.0, with_cost=False):
        """Run the kernel; return how many updates it made, and the costs and weights of their batches."""
        costs, weights = np.empty(len(rates)), np.empty(len(rates))
        if batches is None:
            samples, bounds = np.empty(0, np.int64), np.array([0, data[0].shape[1]])
        else:
            samples, bounds = np.concatenate(batches), np.cumsum([0, *map(len, batches)])
        done = kernel("descend", self.dtype)(
            rule, self.hidden, self.cost, self.n_h, theta, moments, gradient, *data, samples, bounds, l2, t, rates,
            beta1, beta2, epsilon, with_cost, costs, weights,
        )
        return done, costs, weights

    def leap(self, optimizer, l2, with_cost=False):
        """Return a function that makes many updates, or None for an optimizer that is not of ours."""
        rule, names = RULES.get(getattr(optimizer and optimizer[1], "func", None), (None, ()))
        if rule is None:
            return None
        keywords = optimizer[1].keywords
        settings = {"beta1": keywords.get("beta1", keywords.get("beta", 0.0)), "beta2": keywords.get("beta2", 0.0),
                    "epsilon": keywords.get("epsilon", 0.0), "with_cost": with_cost}
        pace = 1.0                                                        # updates in a slice

        def leap(draw, n, parameters, optimizer_state):
            nonlocal pace
            data, batches, n = draw(min(n, max(1, int(pace))))
            begin, t = self.vector(parameters), optimizer_state["t"]
            moments = np.empty((len(names), self.size), self.dtype)
            rates = np.full(n, learning_rate_of(optimizer, {"t": t}))
            if callable(keywords["learning_rate"]):
                rates[1:] = [learning_rate_of(optimizer, {"t": t + k}) for k in range(1, n)]

            def run(n):
                """From the beginning on, so that it can be asked for again."""
                theta, gradient = begin.copy(), np.empty_like(begin)
                for row, name in zip(moments, names, strict=True):
                    row[:] = self.vector(optimizer_state, f"{name}_")
                done, *means = self.descend(rule, theta, moments, gradient, data, l2, t, rates[:n],
                                            batches and batches[:n], **settings)
                return theta, done, means

            start = time.perf_counter()
            theta, done, (costs, weights) = run(n)
            pace = min(2 * pace + 1, max(1, n * SLICE_SECONDS / (time.perf_counter() - start + 1e-9)))
            previous = parameters
            if done < n:                                                  # it diverges: the last finite ones are wanted
                before, *_ = run(max(0, done - 1))
                previous = parameters | self.named(before)
                theta, *_ = run(done)
            state = {"t": t + done}
            for row, name in zip(moments, names, strict=True):
                state |= self.named(row, f"{name}_")
            means = list(zip(costs[:done].tolist(), weights[:done].tolist(), strict=True)) if with_cost else []
            return parameters | self.named(theta), optimizer_state | state, previous, done, means

        return leap


def is_known(parameters):
    """Whether the kernels have the network's activation and cost; if not, say once that the plain functions run."""
    for name, table, known in ((parameters.get("hidden", "tanh"), ACTIVATIONS, _kernels.HIDDEN),
                               (parameters.get("cost", "cross_entropy"), COSTS, _kernels.COST)):
        if name not in known or table[name] is not ROWS[name]:
            warnings.warn(f"{name!r} is not compiled: the plain functions run in its place.", stacklevel=4)
            return False
    return True


def is_split(parameters, m, batch_size):
    """Whether the plain engine splits the hidden units of each mini-batch, or of a full batch in one block."""
    return part_count(parameters, m) > 1 and (batch_size is not None or block_count(parameters, m) == 1)


def over_outputs(function, parameters, X):
    """Yield ``function(A2, None)`` block by block, as ``evaluation.over_outputs`` does."""
    if not is_known(parameters):
        yield from evaluation.over_outputs(function, parameters, X)
        return
    network = Network(parameters, np.result_type(X.dtype, *(parameters[name] for name in NAMES)))
    theta, n_y = network.vector(parameters), len(parameters["W2"])
    write = kernel("write_output", network.dtype)

    def block(chunk, columns):
        X_block = np.asarray(chunk[0][:, columns], network.dtype)
        A2 = np.empty((n_y, X_block.shape[1]), network.dtype)
        if not isfinite(write(network.hidden, network.cost, theta, network.n_h, X_block, A2)) and not is_streamed(X):
            check_finite("X", X)
        return function(evaluation.check_output(A2), None)

    with workers(None, -(-X.shape[1] // network.block_columns)) as run, closing(
        chunks((X,), network.block_columns)
    ) as loaded:
        for chunk in loaded:
            yield from run(partial(block, chunk), column_slices(chunk[0].shape[1], network.block_columns))


# Compiling


@cache
def kernel(name, dtype):
    """Return a kernel in that precision, compiled, or as a former process has left it on the disk."""
    T = numba.from_dtype(dtype)
    vector, matrix = T[::1], T[:, ::1]
    data, integers, numbers = numba.types.Array(T, 2, "A", readonly=True), numba.int64[::1], numba.float64[::1]
    one, number = numba.int64, numba.float64
    signature = {
        "descend": one(one, one, one, one, vector, matrix, vector, data, data, data, integers, integers, number, one,
                       numbers, number, number, number, numba.boolean, numbers, numbers),
        "write_output": number(one, one, vector, one, data, matrix),
    }[name]
    function = getattr(_kernels, name)
    with said_after_a_second(f"shallownet.compiled: preparing for {dtype}; the first time, this compiles."):
        try:
            return numba.njit(signature, cache=True, **_kernels.EXACT)(function)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):  # nowhere to write, or a damaged file
            return numba.njit(signature, **_kernels.EXACT)(function)


@contextmanager
def said_after_a_second(message):
    """Print the message on stderr if what follows takes longer than a second."""
    timer = threading.Timer(1, lambda: print(message, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
