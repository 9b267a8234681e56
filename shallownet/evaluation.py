"""Cost, gradient and quality over all samples, block by block, however many there are."""

from collections.abc import Callable
from functools import partial

import numpy as np

from shallownet._checks import as_columns, as_labels, check_finite, check_shape
from shallownet._types import Array, Columns, Grads, Labels, Parameters
from shallownet.columns import block_size, map_blocks, workers
from shallownet.network import (
    NAMES,
    backward_propagation,
    check_parameters,
    compute_cost,
    forward_propagation,
    output_of,
)

# What overflows is refused by name, so NumPy need not warn of it.
ignore_overflow = partial(np.errstate, over="ignore", under="ignore", invalid="ignore")


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


def cost_and_gradient_by_blocks(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    with_cost: bool = True,
    run: Callable | None = None,
) -> tuple[float | None, Grads]:
    """Return ``(cost, grads)`` of the samples, evaluated block by block.

    Cost and gradient are means over the samples: a block counts with its share of the samples (or of their weights),
    and so the result is that of ``cost_and_gradient`` on the whole. ``run`` comes from ``columns.workers``.
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
    for cost, grads in map_blocks(block, (X, Y, sample_weight), column_bytes(parameters), run):
        total_cost += cost
        for name, gradient in grads.items():
            if name in total:
                total[name] += gradient
            else:
                total[name] = gradient
    return total_cost if with_cost else None, total


def cost_of_columns(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    threads: int | None = None,
) -> float:
    """Return ``compute_cost`` over all samples, evaluated block by block."""
    m = total_weight(X, sample_weight)

    def block(X, Y, sample_weight):
        share = total_weight(X, sample_weight) / m
        A2, cache = forward_propagation(X, parameters)
        return share * compute_cost(A2, Y, parameters, cache=cache, l2=l2 * share, sample_weight=sample_weight)

    with workers(threads, block_count(parameters, X.shape[1])) as run:
        return float(sum(map_blocks(block, (X, Y, sample_weight), column_bytes(parameters), run)))


def predict_probability(parameters: Parameters, X: Columns, *, out: Array | None = None) -> Array:
    """Return the output ``A2`` for the columns of ``X``, evaluated block by block.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
        An array, or anything with ``shape``, ``dtype`` and column slices: a memmap, an HDF5 dataset, a column file.
    out : array, shape (n_y, m), optional
        Gets the result, for example a memmap where it is large.

    Returns
    -------
    A2 : array, shape (n_y, m)
        ``out`` if it was given.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> predict_probability(initialize_parameters(2, 4, 1), np.zeros((2, 3)))
    array([[0.5, 0.5, 0.5]])
    """
    return _labels(parameters, X, out, lambda A2, Y: A2, dtype=None)


def predict(parameters: Parameters, X: Columns, *, out: Labels | None = None) -> Labels:
    """Return the labels that the network gives to the columns of ``X``.

    A sigmoid output above 0.5 is a 1, otherwise a 0; a softmax gives the number of its largest output; a linear output
    is the value itself.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
        An array, or anything with ``shape``, ``dtype`` and column slices: a memmap, an HDF5 dataset, a column file.
    out : array, optional
        Gets the result, for example a memmap where it is large.

    Returns
    -------
    labels : array
        ``(n_y, m)`` of 0 and 1 for a sigmoid, ``(1, m)`` of class numbers for a softmax, ``(n_y, m)`` of values for a
        linear output.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> parameters = initialize_parameters(1, 1, 1, scale=np.ones)
    >>> predict(parameters, np.array([[-1.0, 2.0]]))
    array([[0, 1]])
    """
    parameters = check_parameters(parameters)
    output = output_of(parameters)
    if output == "sigmoid":
        return _labels(parameters, X, out, lambda A2, Y: A2 > 0.5, dtype=np.int64)
    if output == "softmax":
        return _labels(parameters, X, out, lambda A2, Y: A2.argmax(axis=0, keepdims=True), dtype=np.int64)
    return predict_probability(parameters, X, out=out)


def accuracy(parameters: Parameters, X: Columns, Y: Columns) -> float:
    """Return the fraction of samples that ``predict`` labels right; with several sigmoid outputs, of labels.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)
        0 and 1; one-hot for a softmax.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Raises
    ------
    ValueError
        For a linear output: that has ``r2_score``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> accuracy(initialize_parameters(1, 1, 1, scale=np.ones), np.array([[-1.0, 2.0]]), np.array([[0, 0]]))
    0.5
    """
    parameters = check_parameters(parameters)
    if output_of(parameters) == "linear":
        raise ValueError("accuracy must be asked of a classifier; got a linear output. Use r2_score.")
    X, Y = _compared(parameters, X, Y)
    softmax = output_of(parameters) == "softmax"

    def right(A2, Y):
        return (A2.argmax(axis=0) == Y.argmax(axis=0)).sum() if softmax else ((A2 > 0.5) == (Y > 0.5)).sum()

    labels = X.shape[1] if softmax else X.shape[1] * Y.shape[0]
    return float(sum(_over_outputs(right, parameters, X, Y)) / labels)


def r2_score(parameters: Parameters, X: Columns, Y: Columns) -> float:
    """Return the coefficient of determination ``1 - Σ (Y - A2)² / Σ (Y - mean Y)²``, averaged over the outputs.

    1 is perfect, 0 is as good as the mean of Y. A constant output row counts 1 if it is met, otherwise 0.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)

    Returns
    -------
    r2 : float

    Raises
    ------
    ValueError
        For a classifier: that has ``accuracy``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> parameters = initialize_parameters(1, 1, 1, cost="squared_error", scale=0)
    >>> r2_score(parameters, np.array([[1.0, 2.0]]), np.array([[-1.0, 1.0]]))
    0.0
    """
    parameters = check_parameters(parameters)
    if output_of(parameters) != "linear":
        raise ValueError(f"r2_score must be asked of a linear output; got a {output_of(parameters)}. Use accuracy.")
    X, Y = _compared(parameters, X, Y)
    first = Y[:, :1]                                                      # a constant row deviates from it by 0
    sums = map_blocks(lambda Y: (Y - first).sum(axis=1, keepdims=True), (Y,), column_bytes(parameters))
    mean = sum(sums) / X.shape[1]

    def squares(A2, Y):
        return np.array([np.square(Y - A2).sum(axis=1), np.square(Y - first - mean).sum(axis=1)])

    residual, total = sum(_over_outputs(squares, parameters, X, Y))
    constant = total == 0
    return float(np.mean(np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))))


def total_weight(X, sample_weight):
    """``m`` of the formulas: the number of samples, or the sum of their weights."""
    return X.shape[1] if sample_weight is None else float(sample_weight.sum())


def column_bytes(parameters):
    """What a training step's arrays take for one column: X, then Z1, A1, dZ1, then Z2, A2, dZ2 and Y.

    In a wide network a byte for each hundred operations, if that is more: then several threads share a mini-batch.
    """
    W1, W2 = parameters["W1"], parameters["W2"]
    operations = 6 * (W1.size + W2.size)                                  # three products with each, two apiece
    return max((W1.shape[1] + 3 * W1.shape[0] + 4 * W2.shape[0]) * W1.itemsize, operations // 100)


def gradient_bytes(parameters):
    """What the gradients of a block take."""
    return sum(parameters[name].nbytes for name in NAMES)


def block_count(parameters, m):
    """In how many blocks ``m`` columns are evaluated."""
    return -(-m // block_size(column_bytes(parameters)))


def _over_outputs(function, parameters, X, Y=None):
    """Yield ``function(A2, Y)`` block by block; refuse X if it is not finite."""

    def block(X_block, Y_block):
        A2, cache = forward_propagation(X_block, parameters)
        if not np.isfinite(cache["Z1"][0].sum()) and isinstance(X, np.ndarray):   # shows in every hidden unit
            check_finite("X", X)
        return function(A2, Y_block)

    if not parameters["W1"][0].all() and isinstance(X, np.ndarray):       # BLAS may take 0 · NaN for 0
        check_finite("X", X)
    with workers(None, block_count(parameters, X.shape[1])) as run, ignore_overflow():
        yield from map_blocks(block, (X, Y), column_bytes(parameters), run)


def _labels(parameters, X, out, decide, dtype):
    """Write ``decide(A2, None)`` of every block into ``out``, or into a new array."""
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1], finite=out is not None)  # out is not half-written
    one = decide(np.zeros((parameters["W2"].shape[0], 1), np.result_type(parameters["W1"], X.dtype)), None)
    shape, dtype = (len(one), X.shape[1]), np.dtype(dtype or one.dtype)
    if out is None:
        out = np.empty(shape, dtype)
    check_shape("out", out if hasattr(out, "__setitem__") else None, shape, "Use np.empty(shape).")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError("out must be writeable; got a read-only array. Use np.empty(shape), or a memmap of mode 'r+'.")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"out must hold {dtype}; got dtype {out.dtype}. Use np.empty(shape, {dtype}).")
    start = 0
    for labels in _over_outputs(decide, parameters, X):
        out[:, start:start + labels.shape[1]] = labels
        start += labels.shape[1]
    return out


def _compared(parameters, X, Y):
    """Check data and labels against the network."""
    X = as_columns("X", X, rows=parameters["W1"].shape[1], finite=False)
    return X, as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
