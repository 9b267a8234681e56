"""What a network says, and how well, over all samples: block by block, however many there are."""

from contextlib import closing
from functools import partial

import numpy as np

from shallownet._checks import as_columns, as_labels, check_finite, check_shape
from shallownet._types import Array, Columns, Labels, Parameters
from shallownet.columns import map_blocks, workers
from shallownet.network import check_parameters, forward_propagation, output_of
from shallownet.objective import block_count, column_bytes, ignore_overflow


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
    return write_probability(parameters, X, out, over_outputs)


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
    return write_labels(parameters, X, out, over_outputs)


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

    def count(A2, Y):
        right = _right(A2, Y, output_of(parameters))
        return np.array([right.sum(), right.size])

    right, labels = sum(over_outputs(count, parameters, X, Y))
    return float(right / labels)


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

    return _r2(*sum(over_outputs(squares, parameters, X, Y)))


def score_of(A2: Array, Y: Array, output: str, weight: Array | None = None) -> float:
    """Return what ``accuracy``, or for a linear output ``r2_score``, says of outputs that are there already.

    Parameters
    ----------
    A2, Y : array, shape (n_y, m)
    output : {"sigmoid", "softmax", "linear"}
    weight : array, shape (m,), optional
        Of the samples; one with a weight of 0 is not there.

    Examples
    --------
    >>> score_of(np.array([[0.2, 0.9, 0.4]]), np.array([[0, 1, 1]]), "sigmoid", np.array([1, 1, 2]))
    0.5
    """
    if weight is not None:
        A2, Y, weight = A2[:, weight > 0], Y[:, weight > 0], weight[weight > 0]
    if output != "linear":
        return float(np.average(_right(A2, Y, output).mean(axis=0), weights=weight))
    D = Y - Y[:, :1]                                                      # 0 in a constant row
    mean = np.average(D, axis=1, weights=weight)[:, np.newaxis]
    return _r2(*(np.average(np.square(distance), axis=1, weights=weight) for distance in (Y - A2, D - mean)))


def _right(A2, Y, output):
    """Whether each label is right, ``(n_y, m)``, or ``(1, m)`` for a softmax."""
    if output == "softmax":
        return A2.argmax(axis=0, keepdims=True) == Y.argmax(axis=0, keepdims=True)
    return (A2 > 0.5) == (Y > 0.5)


def _r2(residual, total):
    constant = total == 0
    return float(np.mean(np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))))


# One way for every engine, which brings its own ``over_outputs``


def write_probability(parameters, X, out, over_outputs):
    """Return ``A2``, in ``out`` if it is given."""
    parameters = check_parameters(parameters)
    return _write_outputs(parameters, X, out, over_outputs, lambda A2: A2, rows=len(parameters["W2"]))


def write_labels(parameters, X, out, over_outputs):
    """Return the labels, in ``out`` if it is given."""
    parameters = check_parameters(parameters)
    write = partial(_write_outputs, parameters, X, out, over_outputs)
    output = output_of(parameters)
    if output == "sigmoid":
        return write(lambda A2: A2 > 0.5, rows=len(parameters["W2"]), dtype=np.int64)
    if output == "softmax":
        return write(lambda A2: A2.argmax(axis=0, keepdims=True), rows=1, dtype=np.int64)
    return write_probability(parameters, X, out, over_outputs)


def over_outputs(function, parameters, X, Y=None):
    """Yield ``function(A2, Y)`` block by block; refuse X if it is not finite."""

    def block(X_block, Y_block):
        A2, cache = forward_propagation(X_block, parameters)
        if not np.isfinite(cache["Z1"][0].sum()) and isinstance(X, np.ndarray):   # shows in every hidden unit
            check_finite("X", X)
        return function(check_output(A2), Y_block)

    if not parameters["W1"][0].all() and isinstance(X, np.ndarray):       # BLAS may take 0 · NaN for 0
        check_finite("X", X)
    with workers(None, block_count(parameters, X.shape[1])) as run, ignore_overflow():
        yield from map_blocks(block, (X, Y), column_bytes(parameters), run)


def check_output(A2):
    """Refuse an output that has overflowed."""
    with ignore_overflow():
        total = A2.sum()
    if not (np.isfinite(total) or np.isfinite(A2).all()):
        raise ValueError("X must be small enough for the network; got an output that is NaN or infinite. "
                         "Standardize X as it was for the training, or train with a smaller learning rate.")
    return A2


def _write_outputs(parameters, X, out, over_outputs, decide, rows, dtype=None):
    """Write ``decide(A2)`` of every block into ``out``, or into a new array; by default in the dtype of ``A2``."""
    X = as_columns("X", X, rows=parameters["W1"].shape[1], finite=out is not None)  # out is not half-written
    shape, dtype = (rows, X.shape[1]), np.dtype(dtype or np.result_type(parameters["W1"], X.dtype))
    if out is None:
        out = np.empty(shape, dtype)
    check_shape("out", out if hasattr(out, "__setitem__") else None, shape, "Use np.empty(shape).")
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        raise ValueError("out must be writeable; got a read-only array. Use np.empty(shape), or a memmap of mode 'r+'.")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"out must hold {dtype}; got dtype {out.dtype}. Use np.empty(shape, {dtype}).")
    start = 0
    with closing(over_outputs(lambda A2, Y: decide(A2), parameters, X)) as blocks:
        for block in blocks:
            out[:, start:start + block.shape[1]] = block
            start += block.shape[1]
    return out


def _compared(parameters, X, Y):
    """Check data and labels against the network."""
    X = as_columns("X", X, rows=parameters["W1"].shape[1], finite=False)
    return X, as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
