"""The functions of the course, week 3, in the order of the training loop. Columns are samples."""

import numpy as np
from numpy.typing import DTypeLike

from shallownet._checks import (
    array_code,
    as_columns,
    as_floats,
    check_dtype,
    check_finite,
    check_integer,
    check_name,
    check_number,
    check_shape,
    is_streamed,
)
from shallownet._random import random_generator
from shallownet._types import Array, Cache, Columns, CostName, Grads, Hidden, Parameters, RandomState, Scale
from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from shallownet.costs import COSTS

NAMES = ("W1", "b1", "W2", "b2")


def layer_sizes(X: Columns, Y: Columns, n_h: int = 4) -> tuple[int, int, int]:
    """Return the sizes ``(n_x, n_h, n_y)`` of the three layers.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column.
    Y : array, shape (n_y, m)
        Labels.
    n_h : int
        Number of hidden units.

    Examples
    --------
    >>> layer_sizes(np.zeros((5, 3)), np.zeros((2, 3)))
    (5, 4, 2)
    """
    return (as_columns("X", X).shape[0], check_integer("n_h", n_h), as_columns("Y", Y).shape[0])


def initialize_parameters(
    n_x: int,
    n_h: int,
    n_y: int,
    *,
    hidden: Hidden = "tanh",
    cost: CostName = "cross_entropy",
    scale: Scale = 0.01,
    random_state: RandomState = None,
    dtype: DTypeLike = float,
    X: Columns | None = None,
) -> Parameters:
    """Return the parameters of an untrained network: small random weights, zero biases.

    ``W1 = scale · randn(n_h, n_x)`` is drawn first, then ``W2 = scale · randn(n_y, n_h)``. With ``scale="glorot"``
    a layer from ``a`` to ``b`` units has the scale ``sqrt(2 / (a + b))``. With ``scale="nguyen_widrow"`` the directions
    of ``W1`` are random, their length is ``0.7 n_h^(1/n_x)``, and the border ``W1 x + b1 = 0`` of each hidden unit
    passes through a sample drawn from ``X``; ``W2`` is that of ``"glorot"``.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Sizes of the input, hidden and output layer.
    hidden : {"tanh", "sigmoid", "relu"}
        Activation of the hidden layer.
    cost : {"cross_entropy", "softmax_cross_entropy", "squared_error", "brier"}
        Cost; it determines the output activation (sigmoid, softmax, linear, sigmoid).
    scale : float, "glorot", "nguyen_widrow" or callable
        Standard deviation of the weights; a callable gets a shape, such as ``(n_h, n_x)``, and returns the weights.
    random_state : int, RandomState, Generator or None
        None draws from NumPy's global state, as the course does after ``np.random.seed(2)``.
    dtype : dtype
        float64, or float32.
    X : array, shape (n_x, m), optional
        Standardized data for ``scale="nguyen_widrow"``; no other scale uses it.

    Returns
    -------
    parameters : dict
        ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``, ``b2 (n_y, 1)``, and ``"hidden"`` and ``"cost"`` where
        they are not the default tanh and cross-entropy.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    Nguyen and Widrow, "Improving the learning speed of 2-layer neural networks by choosing initial values of the
    adaptive weights", 1990.

    Examples
    --------
    >>> parameters = initialize_parameters(2, 4, 1, random_state=2)
    >>> parameters["W1"][0]
    array([-0.00416758, -0.00056267])
    """
    n_x, n_h, n_y = (check_integer(k, v) for k, v in (("n_x", n_x), ("n_h", n_h), ("n_y", n_y)))
    check_name("hidden", hidden, ACTIVATIONS)
    check_name("cost", cost, COSTS)
    if isinstance(scale, str):
        check_name("scale", scale, ("glorot", "nguyen_widrow"))
    elif not callable(scale):
        check_number("scale", scale, minimum=0)
    if scale == "nguyen_widrow":
        X = _samples_in_memory(X, n_x)
    check_dtype(dtype)
    generator = random_generator(random_state)

    def weights(rows, columns):
        if callable(scale):
            W = as_columns("scale(shape)", scale((rows, columns)))
            check_shape("scale(shape)", W, (rows, columns), "It draws the weights of that shape.")
            return W.astype(dtype)
        deviation = np.sqrt(2 / (rows + columns)) if isinstance(scale, str) else scale
        return (deviation * generator.standard_normal((rows, columns))).astype(dtype)

    parameters = {
        "W1": weights(n_h, n_x),                                          # (n_h, n_x)
        "b1": np.zeros((n_h, 1), dtype),                                  # (n_h, 1)
        "W2": weights(n_y, n_h),                                          # (n_y, n_h)
        "b2": np.zeros((n_y, 1), dtype),                                  # (n_y, 1)
    }
    if scale == "nguyen_widrow":
        W1 = parameters["W1"]
        W1 = 0.7 * n_h ** (1 / n_x) * W1 / np.linalg.norm(W1, axis=1, keepdims=True)
        samples = X[:, (X.shape[1] * generator.uniform(size=n_h)).astype(int)]                     # (n_x, n_h)
        b1 = -(W1 * samples.T).sum(axis=1, keepdims=True)
        parameters |= {"W1": W1.astype(dtype), "b1": b1.astype(dtype)}
    if hidden != "tanh":
        parameters["hidden"] = hidden
    if cost != "cross_entropy":
        parameters["cost"] = cost
    return parameters


def _samples_in_memory(X, n_x):
    if X is None or is_streamed(X):
        raise TypeError(f"X must be an array of samples with scale='nguyen_widrow'; got {type(X).__name__}. "
                        "Use X=standardized data, or scale='glorot'.")
    return as_columns("X", X, rows=n_x)


def check_parameters(parameters: Parameters) -> Parameters:
    """Refuse a dictionary that is not a network: missing entries, shapes that disagree, unknown names, NaN."""
    if not isinstance(parameters, dict):
        from_train = isinstance(parameters, tuple) and len(parameters) == 2
        cure = "parameters, history = train(...)" if from_train else "initialize_parameters(n_x, n_h, n_y)"
        raise TypeError(f"parameters must be a dictionary; got {type(parameters).__name__}. Use {cure}.")
    missing = [name for name in NAMES if name not in parameters]
    if missing:
        raise ValueError(f"parameters must have the entries W1, b1, W2, b2; got no {', '.join(missing)}. "
                         "Use initialize_parameters(n_x, n_h, n_y).")
    if "hidden" in parameters:
        check_name("parameters['hidden']", parameters["hidden"], ACTIVATIONS)
    if "cost" in parameters:
        check_name("parameters['cost']", parameters["cost"], COSTS)
    arrays = {name: as_floats(f"parameters[{name!r}]", parameters[name]) for name in NAMES}
    for name in ("W1", "W2"):
        if arrays[name].ndim != 2 or 0 in arrays[name].shape:
            raise ValueError(f"parameters[{name!r}] must be a matrix; got shape {arrays[name].shape}.")
    n_h, n_y = arrays["W1"].shape[0], arrays["W2"].shape[0]
    for name, shape in {"b1": (n_h, 1), "W2": (n_y, n_h), "b2": (n_y, 1)}.items():
        check_shape(f"parameters[{name!r}]", arrays[name], shape, f"W1 has n_h = {n_h} rows, W2 has n_y = {n_y}.")
    for name, array in arrays.items():
        check_finite(f"parameters[{name!r}]", array, cure="Train again with a smaller learning rate.")
    return {**parameters, **arrays}


def output_of(parameters: Parameters) -> str:
    """Return the name of the output activation: ``"sigmoid"``, ``"softmax"`` or ``"linear"``."""
    return COSTS[parameters.get("cost", "cross_entropy")].output


def forward_propagation(X: Array, parameters: Parameters) -> tuple[Array, Cache]:
    """Return the output ``A2`` and the cache of all that the backward pass needs.

    ``Z1 = W1 X + b1``, ``A1 = g(Z1)``, ``Z2 = W2 A1 + b2``, ``A2 = g_output(Z2)``, where ``g`` is tanh and
    ``g_output`` the sigmoid unless ``parameters`` says otherwise.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data, one sample a column.
    parameters : dict
        From ``initialize_parameters`` or ``nn_model``.

    Returns
    -------
    A2 : array, shape (n_y, m)
        Output: probabilities for a sigmoid or softmax, values for a linear output.
    cache : dict
        ``Z1``, ``A1`` of shape (n_h, m) and ``Z2``, ``A2`` of shape (n_y, m).

    Examples
    --------
    >>> A2, cache = forward_propagation(np.zeros((2, 3)), initialize_parameters(2, 4, 1))
    >>> A2
    array([[0.5, 0.5, 0.5]])
    """
    W1, b1, W2, b2 = parameters["W1"], parameters["b1"], parameters["W2"], parameters["b2"]
    g = ACTIVATIONS[parameters.get("hidden", "tanh")].function
    g_output = OUTPUT_ACTIVATIONS[output_of(parameters)]
    if getattr(X, "ndim", 0) != 2 or X.shape[0] != W1.shape[1] or not hasattr(X, "dtype"):
        got = X.shape if hasattr(X, "dtype") else f"a {type(X).__name__}. Use {array_code('X', X)}"
        raise ValueError(f"X must have shape ({W1.shape[1]}, m); got {got}. Columns are samples.")
    if X.dtype.kind != "f":
        X = X.astype(float)                                               # integers would overflow

    Z1 = W1.dot(X)
    Z1 += b1                                                              # (n_h, m)
    A1 = g(Z1)                                                            # (n_h, m)
    Z2 = W2.dot(A1)
    Z2 += b2                                                              # (n_y, m)
    A2 = g_output(Z2)                                                     # (n_y, m)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def compute_cost(
    A2: Array,
    Y: Array,
    parameters: Parameters | None = None,
    *,
    cache: Cache | None = None,
    l2: float = 0.0,
    sample_weight: Array | None = None,
) -> float:
    """Return the cost: the mean over the samples, plus the L2 regularization ``l2/(2m) · Σ W²``.

    The cross-entropy is ``J = -1/m Σ (Y log A2 + (1 - Y) log(1 - A2))``; the other costs are in ``COSTS``.

    Parameters
    ----------
    A2 : array, shape (n_y, m)
        Output of ``forward_propagation``.
    Y : array, shape (n_y, m)
        Labels.
    parameters : dict, optional
        Names the cost if it is not cross-entropy; its weights enter the regularization.
    cache : dict, optional
        From ``forward_propagation``. With it the cost comes from ``Z2`` and is finite however far the output saturates.
    l2 : float
        Strength of the L2 regularization.
    sample_weight : array, shape (1, m), optional
        Makes the mean a weighted mean, and ``m`` the sum of the weights.

    Returns
    -------
    cost : float

    Raises
    ------
    ValueError
        If ``Y`` is not shaped like ``A2``, or ``l2`` is given without ``parameters``.

    Examples
    --------
    >>> compute_cost(np.array([[0.5, 0.5]]), np.array([[0, 1]]))
    0.6931471805599453
    """
    cost = COSTS["cross_entropy" if parameters is None else parameters.get("cost", "cross_entropy")]
    check_shape("Y", Y, A2.shape, "It goes with A2, sample by sample; columns are samples.")
    per_sample = cost.of_output(A2, Y) if cache is None else cost.of_logits(cache["Z2"], Y)        # (1, m)

    if sample_weight is None:
        m = Y.shape[1]
        total = per_sample.sum()
    else:
        check_shape("sample_weight", sample_weight, (1, Y.shape[1]), "Use sample_weight.reshape(1, -1).")
        m = float(sample_weight.sum(dtype=float)) or 1                    # no weight at all: cost and gradient are 0
        total = (sample_weight * per_sample).sum()
    if l2:
        if parameters is None:
            raise ValueError("parameters must be given with l2, the L2 regularization of the weights; got None.")
        total = total + l2 / 2 * sum(np.vdot(W, W) for W in (parameters["W1"], parameters["W2"]))
    return float(total / m)


def backward_propagation(
    parameters: Parameters,
    cache: Cache,
    X: Array,
    Y: Array,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
) -> Grads:
    """Return the gradients of ``compute_cost`` with respect to the parameters.

    ``dZ2 = (A2 - Y)/m`` (for both cross-entropies), ``dW2 = dZ2 A1ᵀ + l2/m W2``, ``db2 = Σ dZ2``,
    ``dZ1 = (W2ᵀ dZ2) ∘ g'(Z1)``, ``dW1 = dZ1 Xᵀ + l2/m W1``, ``db1 = Σ dZ1``, the sums running over the samples.

    Parameters
    ----------
    parameters : dict
    cache : dict
        From ``forward_propagation``; its activations are used as they are.
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)
    l2 : float
        Strength of the L2 regularization, as in ``compute_cost``.
    sample_weight : array, shape (1, m), optional
        As in ``compute_cost``.

    Returns
    -------
    grads : dict
        ``dW1``, ``db1``, ``dW2``, ``db2``, shaped like their parameters.

    Examples
    --------
    >>> X, Y = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    >>> parameters = initialize_parameters(1, 3, 1, random_state=0)
    >>> A2, cache = forward_propagation(X, parameters)
    >>> backward_propagation(parameters, cache, X, Y)["dW1"].shape
    (3, 1)
    """
    W1, W2 = parameters["W1"], parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    g_derivative = ACTIVATIONS[parameters.get("hidden", "tanh")].derivative
    delta = COSTS[parameters.get("cost", "cross_entropy")].delta
    check_shape("Y", Y, A2.shape, "It goes with A2, sample by sample; columns are samples.")

    if Y.dtype is not A2.dtype:
        Y = Y.astype(A2.dtype)                                            # float32 stays float32

    dZ2 = delta(A2, Y)                                                    # (n_y, m)
    if sample_weight is None:
        m = Y.shape[1]
    else:
        check_shape("sample_weight", sample_weight, (1, Y.shape[1]), "Use sample_weight.reshape(1, -1).")
        m = float(sample_weight.sum(dtype=float)) or 1                    # without weight the gradient is 0
        dZ2 *= sample_weight
    dZ2 *= 1 / m
    ones = np.empty((Y.shape[1], 1), A2.dtype)                            # (m, 1), for Σ as a product: it is faster
    ones.fill(1)
    dW2 = dZ2.dot(A1.T)                                                   # (n_y, n_h)
    db2 = dZ2.dot(ones)                                                   # (n_y, 1)
    dZ1 = W2.T.dot(dZ2)
    dZ1 *= g_derivative(A1)                                               # (n_h, m)
    dW1 = dZ1.dot(X.T)                                                    # (n_h, n_x)
    db1 = dZ1.dot(ones)                                                   # (n_h, 1)
    if l2:
        dW1 += l2 / m * W1
        dW2 += l2 / m * W2
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def update_parameters(parameters: Parameters, grads: Grads, learning_rate: float = 1.2) -> Parameters:
    """Return the parameters after one step of gradient descent, ``W - learning_rate · dW``; the old ones stay.

    Parameters
    ----------
    parameters : dict
    grads : dict
        From ``backward_propagation``.
    learning_rate : float

    Examples
    --------
    >>> parameters = {"W1": np.ones((1, 1)), "b1": np.ones((1, 1)), "W2": np.ones((1, 1)), "b2": np.ones((1, 1))}
    >>> grads = {"dW1": np.ones((1, 1)), "db1": np.ones((1, 1)), "dW2": np.ones((1, 1)), "db2": np.ones((1, 1))}
    >>> update_parameters(parameters, grads, learning_rate=0.25)["W1"]
    array([[0.75]])
    """
    learning_rate = float(learning_rate)                                  # float32 stays float32
    return {
        **parameters,                                                     # the names of activation and cost
        "W1": parameters["W1"] - learning_rate * grads["dW1"],
        "b1": parameters["b1"] - learning_rate * grads["db1"],
        "W2": parameters["W2"] - learning_rate * grads["dW2"],
        "b2": parameters["b2"] - learning_rate * grads["db2"],
    }
