"""What happens to data before training: scaling, labels, weights and the held-out part."""

import numpy as np

from shallownet._checks import (
    as_columns,
    as_floats,
    as_sample_weight,
    check_finite,
    check_integer,
    check_number,
    check_shape,
    is_streamed,
    result_dtype,
)
from shallownet._random import random_generator
from shallownet._types import Array, Columns, Labels, Parameters, RandomState
from shallownet.columns import column_slices
from shallownet.costs import COSTS
from shallownet.network import NAMES, check_parameters

BLOCK = 2**20  # numbers that standardize holds at a time, 8 MB


def standardize(X: Columns, sample_weight: Array | None = None) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of each feature, for ``(X - mean) / std``.

    ``X`` is read once, block by block, so it may be larger than memory. The blocks' means and sums of squared
    deviations are merged exactly, which keeps every digit however far the data lie from zero.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column: an array, or anything with ``shape``, ``dtype`` and column slices ``X[:, i:j]``.
    sample_weight : array, shape (1, m), optional
        Makes the means weighted means, the one in the variance too.

    Returns
    -------
    mean, std : array, shape (n_x, 1)
        ``std`` divides by ``m``; it is 1 for a feature that is constant but for rounding, so that this becomes zero
        and not NaN or noise.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> X = np.array([[1.0, 3.0], [5.0, 5.0]])
    >>> mean, std = standardize(X)
    >>> (X - mean) / std
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    X = as_columns("X", X)
    sample_weight = as_sample_weight(sample_weight, X)
    n_x, m = X.shape
    # Deviations from the first sample: they are exactly zero for a constant feature.
    first = X[:, :1].astype(float)                                        # (n_x, 1)
    (mean, variance), done = np.zeros((2, n_x, 1)), 0.0                   # of the samples so far, and their weight
    width = max(1, BLOCK // n_x)
    with np.errstate(over="ignore", invalid="ignore"):
        for columns in column_slices(m, width):
            block = X[:, columns] - first                                 # (n_x, k)
            weights = None if sample_weight is None else sample_weight[0, columns].astype(float)
            weight = block.shape[1] if weights is None else weights.sum()
            if weight == 0:
                continue
            block_mean = np.average(block, axis=1, weights=weights, keepdims=True)
            block -= block_mean
            block_variance = np.average(np.square(block, out=block), axis=1, weights=weights, keepdims=True)
            share, step = weight / (done + weight), block_mean - mean
            variance += share * (block_variance - variance) + share * (1 - share) * step**2
            mean += share * step
            done += weight
        mean = (first + mean).astype(result_dtype(X))
        std = np.sqrt(variance).astype(mean.dtype)
    wrong = np.flatnonzero(~np.isfinite(std))
    if len(wrong):
        raise ValueError(f"X must have rows of finite variance; that of X[{wrong[0]}] overflows. Scale the row down.")
    std[std <= np.finfo(std.dtype).eps * np.abs(mean)] = 1                # 0.3 and 0.1 + 0.2 are the same
    return mean, std


def fold_standardization(
    parameters: Parameters, mean: Array, std: Array, *, y_mean: Array | None = None, y_std: Array | None = None
) -> Parameters:
    """Return the parameters that do for raw inputs what ``parameters`` do for standardized ones.

    ``W1 (X - mean)/std + b1 = W1' X + b1'`` with ``W1' = W1/std`` and ``b1' = b1 - W1' mean``, so the scaling lives in
    the network and there is none to lose. Where the targets of a regression were standardized too, the output is
    scaled back by ``W2' = y_std W2`` and ``b2' = y_std b2 + y_mean``.

    Parameters
    ----------
    parameters : dict
        Trained on ``(X - mean) / std``.
    mean, std : array, shape (n_x, 1)
        From ``standardize(X)``.
    y_mean, y_std : array, shape (n_y, 1), optional
        From ``standardize(Y)``, for a network with a linear output.

    Returns
    -------
    parameters : dict
        A new dictionary; the caller's arrays are untouched.

    Examples
    --------
    >>> parameters = {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1)), "W2": np.ones((1, 1)), "b2": np.zeros((1, 1))}
    >>> folded = fold_standardization(parameters, np.array([[10.0]]), np.array([[2.0]]))
    >>> folded["W1"], folded["b1"]
    (array([[0.5]]), array([[-5.]]))
    """
    parameters = check_parameters(parameters)
    W1, b1, W2, b2 = (parameters[name] for name in NAMES)
    mean, std = _as_scaling("mean", mean, "std", std, W1.shape[1])
    W1 = W1 / std.T                                                       # (n_h, n_x)
    folded = {"W1": W1, "b1": b1 - W1 @ mean}
    if (y_mean is None) != (y_std is None):
        raise ValueError(f"y_mean and y_std must be given together; got no {'y_std' if y_std is None else 'y_mean'}. "
                         "Use y_mean, y_std = standardize(Y).")
    if y_mean is not None:
        cost = parameters.get("cost", "cross_entropy")
        if COSTS[cost].output != "linear":
            raise ValueError("y_mean and y_std must go with a linear output, the one of cost='squared_error'; "
                             f"got cost={cost!r}. Leave them out.")
        y_mean, y_std = _as_scaling("y_mean", y_mean, "y_std", y_std, W2.shape[0])
        folded |= {"W2": y_std * W2, "b2": y_std * b2 + y_mean}
    return {**parameters, **{name: array.astype(parameters[name].dtype) for name, array in folded.items()}}


def _as_scaling(mean_name, mean, std_name, std, n):
    mean, std = (as_floats(name, array).astype(float) for name, array in ((mean_name, mean), (std_name, std)))
    for name, array in ((mean_name, mean), (std_name, std)):
        check_shape(name, array, (n, 1), "Use standardize, which returns it in this shape.")
        check_finite(name, array)
    if std.min() <= 0:
        raise ValueError(f"{std_name} must be positive; got {std.min():g}. Use 1 for a constant feature.")
    return mean, std


def one_hot(Y: Labels, n_classes: int | None = None) -> Array:
    """Return class numbers as columns of zeros with a single one, the labels of a softmax output.

    Parameters
    ----------
    Y : array, shape (1, m) or (m,)
        Class numbers 0, 1, …, n_classes - 1.
    n_classes : int, optional
        Number of classes; by default the largest class number plus one. Give it where a class may be missing in ``Y``.

    Returns
    -------
    Y : array, shape (n_classes, m)

    Examples
    --------
    >>> one_hot([2, 0, 1])
    array([[0., 1., 0.],
           [0., 0., 1.],
           [1., 0., 0.]])
    """
    Y = as_floats("Y", Y)
    Y = as_columns("Y", Y.reshape(1, -1) if Y.ndim == 1 else Y, rows=1)
    wrong = Y[(Y < 0) | (Y != np.floor(Y))]
    if wrong.size:
        raise ValueError(f"Y must hold class numbers 0, 1, 2, …; got {wrong[0]:g}. "
                         "Use np.unique(Y, return_inverse=True)[1] to number the classes.")
    largest = int(Y.max())
    if n_classes is None:
        if largest > 10_000 + 10 * Y.size:
            raise ValueError(f"Y must hold class numbers 0, 1, 2, …; got {largest:g} among {Y.size} samples. "
                             "Use np.unique(Y, return_inverse=True)[1] to number the classes, or give n_classes.")
        if largest == 0:
            raise ValueError("Y must hold two classes or more, or n_classes must be given; got class 0 alone. "
                             "Use one_hot(Y, n_classes=2).")
        n_classes = largest + 1
    if largest >= check_integer("n_classes", n_classes, 2):
        raise ValueError(f"Y must hold class numbers below n_classes = {n_classes}; got {largest}. "
                         f"Use n_classes={largest + 1}.")
    return (np.arange(n_classes)[:, np.newaxis] == Y).astype(float)


def balanced_weights(Y: Array) -> Array:
    """Return sample weights that give every class the same total, ``m / (classes · samples of the class)``.

    Parameters
    ----------
    Y : array, shape (1, m) or (n_y, m)
        0/1 labels, or one-hot labels. A class without a sample does not count.

    Returns
    -------
    sample_weight : array, shape (1, m)
        Their mean is one.

    Examples
    --------
    >>> balanced_weights(np.array([[0, 0, 0, 1]])).round(3)
    array([[0.667, 0.667, 0.667, 2.   ]])
    """
    Y = as_columns("Y", as_floats("Y", Y))
    numbers = class_numbers(Y)
    if numbers is None:
        raise ValueError("Y must be 0/1 labels (1, m) or one-hot labels (n_y, m); got other values or sums. "
                         "Use one_hot(Y) for class numbers.")
    _, classes, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return (Y.shape[1] / (len(counts) * counts))[classes].reshape(1, -1)


def split_columns(
    X: Array, Y: Array, fraction: float = 0.2, random_state: RandomState = 3
) -> tuple[Array, Array, Array, Array]:
    """Shuffle the samples and hold a part of them out, for validation or a test.

    Every class of 0/1 or one-hot labels keeps its share in both parts, and has a sample in both if it has two at all (a
    single one is for training). Other labels, such as the values of a regression, are split as one class.

    Parameters
    ----------
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)
    fraction : float
        Share of the held-out part, between 0 and 1.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X_train, Y_train, X_test, Y_test : array
        Copies with each sample contiguous in memory, as mini-batches want it.

    Examples
    --------
    >>> X, Y = np.arange(20.0).reshape(2, 10), np.repeat([[0.0, 1.0]], 5, axis=1)
    >>> X_train, Y_train, X_test, Y_test = split_columns(X, Y)
    >>> X_train.shape, X_test.shape, Y_test.sum().item()
    ((2, 8), (2, 2), 1.0)
    """
    for name, array in (("X", X), ("Y", Y)):
        if is_streamed(array):
            raise TypeError(f"{name} must be held in memory to be shuffled; got a {type(array).__name__}. "
                            f"Use np.array({name}[:, :]), or hold out a slice {name}[:, i:j].")
    X, Y = as_columns("X", X), as_columns("Y", Y)
    m = X.shape[1]
    if Y.shape[1] != m:
        raise ValueError(f"Y must have m = {m} samples, as in X {X.shape}; got {Y.shape}. Columns are samples.")
    fraction = check_number("fraction", fraction, positive=True, below=1)

    order = random_generator(random_state).permutation(m)
    numbers = class_numbers(Y)
    classes = np.zeros(m) if numbers is None else numbers[order]
    held_out = np.zeros(m, bool)
    for c in np.unique(classes):
        members = np.flatnonzero(classes == c)
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held_out[members[:count]] = True
    if not held_out.any():
        raise ValueError(f"Y must have a class of two samples or more to be split; got {m} samples, each of its own.")
    train, test = order[~held_out], order[held_out]
    return _take(X, train), _take(Y, train), _take(X, test), _take(Y, test)


def _take(array, columns):
    return np.take(array.T, columns, axis=0).T  # np.take writes rows, so each sample is contiguous


def class_numbers(Y):
    """Return the ``(m,)`` classes of 0/1 labels (1, m) or of one-hot labels (n_y, m); None for other labels."""
    if not np.isin(Y, (0, 1)).all():
        return None
    if len(Y) == 1:
        return Y[0]
    return Y.argmax(axis=0) if (Y.sum(axis=0) == 1).all() else None
