"""What is being minimized, as one value: a cost and its gradient as functions of the parameters, wherever the data lie.

A driver (``training.descend``, ``lbfgs.minimize``) takes an ``Objective`` and knows nothing of the data. Arrays in
memory, streams and mini-batches give one here, a cluster in ``dask.py``, loops that Numba compiles in ``compiled.py``.
Cost and gradient are means over the samples, so those of the whole are the weighted means of those of its blocks. And
``Z2`` is a sum over the hidden units, so a wide network is a sum of narrower ones.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from shallownet._checks import (
    as_columns,
    as_labels,
    as_sample_weight,
    check_integer,
    check_number,
    is_streamed,
)
from shallownet._random import generator_state, random_generator, set_generator_state
from shallownet._types import Array, Columns, Grads, Parameters, RandomState, State
from shallownet.activations import OUTPUT_ACTIVATIONS
from shallownet.columns import block_size, chunk_size, drawn_batches, map_blocks, take, workers
from shallownet.network import NAMES, backward_propagation, compute_cost, forward_propagation, output_of

PART_OPERATIONS = 3 * 10**8   # of a part of a wide network, in a step: far above what it costs that threads meet
PART_UNITS = 64               # that a part has at least

# What overflows is refused by name, so NumPy need not warn of it.
ignore_overflow = partial(np.errstate, over="ignore", under="ignore", invalid="ignore")


class Objective(NamedTuple):
    """A cost over samples, and its gradient with respect to the parameters.

    Attributes
    ----------
    gradient : callable
        ``gradient(parameters, with_cost) -> (cost, grads, weight)`` of all samples, or of the next mini-batch; the
        weight is the number of samples, or the sum of their weights. The cost may be None unless ``with_cost``.
    cost : callable or None
        ``cost(parameters)`` of all samples; None for mini-batches, whose mean cost stands for it.
    dtype : dtype
        What the training runs in: float32 if data and network are, else float64.
    settings : dict
        What a resumed training must find as it was.
    seek : callable
        ``seek(state)`` goes to the batch that the training of that state would take next.
    position : callable
        ``position()`` returns the entries that ``seek`` will look for in the state.
    leap : callable or None
        ``leap(n, parameters, optimizer_state) -> (parameters, optimizer_state, previous, done, means)`` makes up to
        ``n`` updates in one go, the same bits as one by one; it ends before a gradient that is not finite. ``previous``
        are parameters from before the last update, finite if there are such, ``done`` is how many it made, and
        ``means`` has the cost and the weight of each mini-batch.
    """

    gradient: Callable[[Parameters, bool], tuple[float | None, Grads, float]]
    cost: Callable[[Parameters], float] | None
    dtype: np.dtype
    settings: dict
    seek: Callable[[State], None] = lambda state: None
    position: Callable[[], dict] = dict
    leap: Callable[[int, Parameters, State], tuple[Parameters, State, Parameters, int, list]] | None = None


@contextmanager
def objective(
    X: Columns,
    Y: Columns,
    parameters: Parameters,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    batch_size: int | None = None,
    random_state: RandomState = 3,
    threads: int | None = None,
) -> Iterator[Objective]:
    """Give the ``Objective`` of these data for a network of the size and kind of ``parameters``.

    The data are checked once. When the block ends, however it ends, the threads and the reading of streams end too.

    Parameters
    ----------
    X, Y, parameters, l2, sample_weight, batch_size, random_state, threads
        As in ``train``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> X, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    >>> parameters = initialize_parameters(1, 3, 1, scale=0)
    >>> with objective(X, Y, parameters) as data:
    ...     cost, grads, weight = data.gradient(parameters, with_cost=True)
    >>> cost, grads["db2"], weight
    (0.6931471805599453, array([[0.]]), 2)
    """
    arrays, l2, batch_size, generator, dtype = check_data(
        X, Y, parameters, l2=l2, sample_weight=sample_weight, batch_size=batch_size, random_state=random_state,
        threads=threads,
    )
    parameters = as_dtype(parameters, dtype)
    m = batch_size or arrays[0].shape[1]
    blocks, parts = block_count(parameters, m), part_count(parameters, m)
    with workers(threads, blocks if blocks > 1 else parts, gradient_bytes(parameters)) as run:
        evaluate = cost_and_gradient
        if blocks > 1 or (batch_size is None and any(map(is_streamed, arrays))):
            evaluate = partial(cost_and_gradient_by_blocks, run=run)
        elif parts > 1:
            evaluate = partial(cost_and_gradient_by_parts, run=run)
        if batch_size is None:
            yield _full_batch(evaluate, run, arrays, l2, dtype)
        else:
            with closing(Batches(arrays, batch_size, generator)) as batches:
                yield _mini_batches(evaluate, batches, l2, dtype)


def check_data(X, Y, parameters, *, l2, sample_weight, batch_size, random_state, threads):
    """Return the arguments of ``objective``, checked: ``(X, Y, sample_weight), l2, batch_size, generator, dtype``."""
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    Y = as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
    arrays = X, Y, as_sample_weight(sample_weight, X)
    l2 = check_number("l2", l2, minimum=0)
    check_integer("threads", 1 if threads is None else threads)
    if batch_size is not None:
        batch_size = min(check_integer("batch_size", batch_size), X.shape[1])
    dtype = np.result_type(X.dtype, *(parameters[name] for name in NAMES))
    return arrays, l2, batch_size, random_generator(random_state), dtype


def _full_batch(evaluate, run, arrays, l2, dtype):
    X, Y, sample_weight = arrays
    m = total_weight(X, sample_weight)

    def gradient(parameters, with_cost):
        return *evaluate(parameters, X, Y, l2=l2, sample_weight=sample_weight, with_cost=with_cost), m

    def cost(parameters):
        return cost_by_blocks(parameters, X, Y, l2=l2, sample_weight=sample_weight, run=run)

    return Objective(gradient, cost, dtype, {"m": X.shape[1], "batch_size": None})


def _mini_batches(evaluate, batches, l2, dtype):
    l2_per_weight = l2 / batches.total_weight                             # a batch gets its share of the regularization

    def gradient(parameters, with_cost):
        X, Y, sample_weight = take(*next(batches))
        weight = total_weight(X, sample_weight)
        return *evaluate(parameters, X, Y, l2=l2_per_weight * weight, sample_weight=sample_weight), weight

    return Objective(gradient, None, dtype, batches.settings, batches.seek, batches.epoch.copy)


class Batches:
    """The mini-batches, epoch after epoch, as ``take`` wants them, and the place in them."""

    def __init__(self, arrays, batch_size, generator):
        self.arrays, self.batch_size, self.generator = arrays, batch_size, generator
        self.total_weight = total_weight(arrays[0], arrays[2])
        self.settings = {"m": arrays[0].shape[1], "batch_size": batch_size}
        if any(map(is_streamed, arrays)):
            self.settings["chunk_size"] = chunk_size(arrays, batch_size)  # what is shuffled
        self.epoch = {"random_state": None, "epoch_start": 0}             # of the generator then; the iteration
        self.skip = 0                                                     # batches of the first epoch
        self.batches, self.returned = self._epochs(), []
        self.close = self.batches.close

    def seek(self, state):
        """Go to the batch that the training of that state would take next."""
        self.epoch.update((name, state[name]) for name in self.epoch)
        self.skip = state["iteration"] - state["epoch_start"]
        if state["random_state"] is not None:
            set_generator_state(self.generator, state["random_state"])

    def __next__(self):
        return self.returned.pop() if self.returned else next(self.batches)

    def give_back(self, batches):
        """Let these be the next ones."""
        self.returned.extend(reversed(batches))

    def _epochs(self):
        ordered = tuple(a if a is None or is_streamed(a) else np.asfortranarray(a) for a in self.arrays)
        while True:
            self.epoch["random_state"] = generator_state(self.generator)
            yield from drawn_batches(ordered, self.batch_size, self.generator, self.skip)
            self.epoch["epoch_start"] += -(-ordered[0].shape[1] // self.batch_size)
            self.skip = 0


def as_dtype(parameters, dtype):
    """Return a copy of the network in that dtype."""
    return parameters | {name: parameters[name].astype(dtype) for name in NAMES}


def as_vector(arrays, prefix="", dtype=float):
    """Return the entries of W1, b1, W2, b2, or with the prefix of dW1, …, one after the other."""
    return np.concatenate([arrays[prefix + name].ravel() for name in NAMES], dtype=dtype)


def named(vector, like, prefix=""):
    """Return W1, b1, W2, b2 of the shapes in ``like``, or with the prefix dW1, …, as views of the vector."""
    arrays, begin = {}, 0
    for name in NAMES:
        end = begin + like[name].size
        arrays[prefix + name] = vector[begin:end].reshape(like[name].shape)
        begin = end
    return arrays


# Cost and gradient of given samples


def cost_and_gradient(
    parameters: Parameters,
    X: Array,
    Y: Array,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    with_cost: bool = True,
) -> tuple[float | None, Grads]:
    """Return ``(cost, grads)`` of the samples, evaluated as one block; without ``with_cost`` the cost is None.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> X, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    >>> cost, grads = cost_and_gradient(initialize_parameters(1, 3, 1, scale=0), X, Y)
    >>> cost
    0.6931471805599453
    """
    A2, cache = forward_propagation(X, parameters)
    cost = None
    if with_cost:
        cost = compute_cost(A2, Y, parameters, cache=cache, l2=l2, sample_weight=sample_weight)
    return cost, backward_propagation(parameters, cache, X, Y, l2=l2, sample_weight=sample_weight)


def cost_and_gradient_by_parts(
    parameters: Parameters,
    X: Array,
    Y: Array,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    with_cost: bool = True,
    run: Callable = map,
) -> tuple[float | None, Grads]:
    """Return ``(cost, grads)`` of the samples for a wide network, evaluated as the sum of narrower ones.

    Each part of the hidden units is a network of its own: ``Z2 = Σ W2ₚ g(W1ₚ X + b1ₚ) + b2``. Only this sum needs all
    parts; ``Z1``, ``A1``, ``dZ1`` and the gradients are each part's own. ``run`` is a ``map``: that of ``workers``.
    """
    parts = hidden_units(parameters, part_count(parameters, X.shape[1]))
    no_bias = {"b2": np.zeros_like(parameters["b2"])}
    networks = [parameters | part_of(parameters, units) | no_bias for units in parts]
    caches = list(run(lambda network: forward_propagation(X, network)[1], networks))
    Z2 = sum(cache["Z2"] for cache in caches) + parameters["b2"]          # (n_y, m)
    A2 = OUTPUT_ACTIVATIONS[output_of(parameters)](Z2)                    # (n_y, m)
    cost = None
    if with_cost:
        cost = compute_cost(A2, Y, parameters, cache={"Z2": Z2}, l2=l2, sample_weight=sample_weight)
    grads = {"d" + name: np.empty_like(parameters[name]) for name in NAMES}

    def backward(part):
        units, network, cache = part
        of_part = backward_propagation(network, cache | {"A2": A2}, X, Y, l2=l2, sample_weight=sample_weight)
        for name, gradient in part_of(grads, units, "d").items():
            gradient[:] = of_part[name]
        return of_part["db2"]                                             # of each part the same

    grads["db2"], *_ = run(backward, list(zip(parts, networks, caches, strict=True)))
    return cost, grads


def hidden_units(parameters, count):
    """Return the slices of the hidden units that make ``count`` parts of about the same size."""
    bounds = [len(parameters["W1"]) * k // count for k in range(count + 1)]
    return [slice(*ends) for ends in pairwise(bounds)]


def part_of(arrays, units, prefix=""):
    """Return the views of W1, b1 and W2, or with the prefix of dW1, ..., that belong to these hidden units."""
    W1, b1, W2 = (arrays[prefix + name] for name in ("W1", "b1", "W2"))
    return {prefix + "W1": W1[units], prefix + "b1": b1[units], prefix + "W2": W2[:, units]}


def cost_and_gradient_by_blocks(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    with_cost: bool = True,
    run: Callable = map,
) -> tuple[float | None, Grads]:
    """Return ``(cost, grads)`` of the samples, evaluated block by block.

    Cost and gradient are means over the samples: a block counts with its share of the samples (or of their weights),
    and so the result is that of ``cost_and_gradient`` on the whole. ``run`` is a ``map``: that of ``workers``.
    """
    m = total_weight(X, sample_weight)

    def block(X, Y, sample_weight):
        share = total_weight(X, sample_weight) / m
        cost, grads = cost_and_gradient(
            parameters, X, Y, l2=l2 * share, sample_weight=sample_weight, with_cost=with_cost
        )
        for gradient in grads.values():
            gradient *= share
        return share * cost if with_cost else 0.0, grads

    total_cost, total = 0.0, {}
    with closing(map_blocks(block, (X, Y, sample_weight), column_bytes(parameters), run)) as results:
        for cost, grads in results:
            total_cost += cost
            for name, gradient in grads.items():
                if name in total:
                    total[name] += gradient
                else:
                    total[name] = gradient
    return total_cost if with_cost else None, total


def cost_by_blocks(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    run: Callable = map,
) -> float:
    """Return ``compute_cost`` of the samples, evaluated block by block."""
    m = total_weight(X, sample_weight)

    def block(X, Y, sample_weight):
        share = total_weight(X, sample_weight) / m
        A2, cache = forward_propagation(X, parameters)
        return share * compute_cost(A2, Y, parameters, cache=cache, l2=l2 * share, sample_weight=sample_weight)

    with closing(map_blocks(block, (X, Y, sample_weight), column_bytes(parameters), run)) as costs:
        return float(sum(costs))


def cost_of_columns(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    threads: int | None = None,
) -> float:
    """Return ``compute_cost`` of the samples, evaluated block by block; by default on all cores."""
    with workers(threads, block_count(parameters, X.shape[1])) as run:
        return cost_by_blocks(parameters, X, Y, l2=l2, sample_weight=sample_weight, run=run)


# Sizes


def total_weight(X, sample_weight):
    """``m`` of the formulas: the number of samples, or the sum of their weights."""
    return X.shape[1] if sample_weight is None else float(sample_weight.sum())


def column_bytes(parameters):
    """What a training step's arrays take for one column: X, then Z1, A1, dZ1, then Z2, A2, dZ2 and Y."""
    W1, W2 = parameters["W1"], parameters["W2"]
    return (W1.shape[1] + 3 * W1.shape[0] + 4 * W2.shape[0]) * W1.itemsize


def gradient_bytes(parameters):
    """What the gradients of a block take."""
    return sum(parameters[name].nbytes for name in NAMES)


def block_count(parameters, m):
    """In how many blocks ``m`` columns are evaluated."""
    return -(-m // block_size(column_bytes(parameters)))


def part_count(parameters, m):
    """In how many parts of the hidden units ``m`` columns are evaluated: a power of two, which cores share out evenly.

    It depends on the sizes alone, and so do the bits.
    """
    W1, W2 = parameters["W1"], parameters["W2"]
    operations = 6 * (W1.size + W2.size) * m                              # three products with each, two apiece
    most = min(len(W1) // PART_UNITS, operations // PART_OPERATIONS)
    return 2 ** (max(1, most).bit_length() - 1)
