"""The check of the gradients: what calculus derived, against what the definition of the derivative gives."""

from collections.abc import Callable

import numpy as np

from shallownet._checks import (
    as_columns,
    as_floats,
    as_labels,
    as_sample_weight,
    check_number,
    check_shape,
)
from shallownet._types import Array, Columns, Grads, Parameters
from shallownet.network import (
    NAMES,
    backward_propagation,
    check_parameters,
    compute_cost,
    forward_propagation,
    output_of,
)


def numerical_gradient(f: Callable[[Array], float], array: Array, h: float = 1e-5) -> Array:
    """Return the gradient of ``f`` at ``array`` by central differences, ``(f(a + h) - f(a - h)) / 2h`` entry by entry.

    Parameters
    ----------
    f : callable
        Takes an array shaped like ``array`` and returns a number.
    array : array
        It is not changed.
    h : float
        Step. Its error falls with h², that of rounding grows with 1/h; 1e-5 is near the best for float64.

    Returns
    -------
    gradient : array
        Shaped like ``array``.

    Examples
    --------
    >>> numerical_gradient(lambda a: (a**2).sum(), np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    array, h = np.array(array, dtype=float), check_number("h", h, positive=True)
    gradient = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        moved = array.copy()
        moved[place] = array[place] + h
        above = f(moved)
        moved[place] = array[place] - h
        gradient[place] = (above - f(moved)) / (2 * h)
    return gradient


def gradient_check(
    parameters: Parameters,
    X: Columns,
    Y: Columns,
    *,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    grads: Grads | None = None,
    h: float = 1e-5,
) -> float:
    """Return the relative difference ``‖n - g‖ / (‖n‖ + ‖g‖)`` of the numerical gradient ``n`` and ``grads``, ``g``.

    A correct gradient gives about 1e-9; above 1e-5 there is nearly always a mistake. The norms run over all gradients
    together, so a mistake in one that is far smaller than the others can hide: check at weights of ordinary size, such
    as ``scale=1``. Where the whole gradient is almost zero (at a minimum, with ``scale=0``) the number says nothing.
    Everything is computed in float64. Entries where a relu stands at its kink have no derivative to compare with.

    Parameters
    ----------
    parameters : dict
    X, Y : array, shape (n_x, m), (n_y, m)
    l2, sample_weight
        As in ``compute_cost``.
    grads : dict, optional
        The gradients to check; those of ``backward_propagation`` by default.
    h : float
        Step of ``numerical_gradient``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> from shallownet.datasets import planar_flower
    >>> gradient_check(initialize_parameters(2, 4, 1, scale=1, random_state=3), *planar_flower()) < 1e-7
    True
    """
    parameters = check_parameters(parameters)
    parameters |= {name: parameters[name].astype(float) for name in NAMES}
    X = as_columns("X", X, rows=parameters["W1"].shape[1])[:, :].astype(float)
    Y = as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])[:, :]
    settings = {"l2": check_number("l2", l2, minimum=0), "sample_weight": as_sample_weight(sample_weight, X)}
    check_number("h", h, positive=True)

    def cost(name, array):
        moved = {**parameters, name: array}
        A2, cache = forward_propagation(X, moved)
        return compute_cost(A2, Y, moved, cache=cache, **settings)

    if grads is None:
        grads = backward_propagation(parameters, forward_propagation(X, parameters)[1], X, Y, **settings)
    if not isinstance(grads, dict):
        raise TypeError(f"grads must be a dictionary; got {grads!r}. Use backward_propagation.")
    for name in NAMES:
        check_shape(f"grads['d{name}']", grads.get("d" + name), parameters[name].shape, "Use backward_propagation.")
    g = np.concatenate([as_floats(f"grads['d{name}']", grads["d" + name]).ravel() for name in NAMES])
    n = np.concatenate([
        numerical_gradient(lambda array, name=name: cost(name, array), parameters[name], h).ravel() for name in NAMES
    ])
    return float(np.linalg.norm(n - g) / max(np.linalg.norm(n) + np.linalg.norm(g), np.finfo(float).tiny))
