"""Activation functions, each with its derivative written in the output ``A``.

That asks for a function that never takes one value with two derivatives, such as a rising one (tanh, softplus). GELU
and swish fall before they rise, so they cannot be rows of the table.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shallownet._types import Array


def tanh(Z: Array) -> Array:
    """Hyperbolic tangent, ``A = (e^Z - e^-Z) / (e^Z + e^-Z)``, in (-1, 1)."""
    return np.tanh(Z)


@np.errstate(over="ignore")
def sigmoid(Z: Array) -> Array:
    """Logistic function ``A = 1 / (1 + e^-Z)``, in (0, 1) but for rounding.

    A small probability is right to its last digits. Where ``e^-Z`` overflows, below -709 or in float32 below -88, it is
    0: the right one is smaller than the smallest normal number, or nearly so.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    A = np.exp(-Z)
    A += 1
    return 1 / A


def relu(Z: Array) -> Array:
    """Rectified linear unit ``A = max(Z, 0)``."""
    return np.maximum(Z, 0)


def softmax(Z: Array) -> Array:
    """Softmax over the rows of each column, ``A_k = e^Z_k / Σ_j e^Z_j``; each column sums to one.

    The largest ``Z`` of each column is subtracted first: the quotient is the same, and nothing overflows.

    Examples
    --------
    >>> softmax(np.array([[1000.0], [1000.0]]))
    array([[0.5],
           [0.5]])
    """
    A = np.exp(Z - Z.max(axis=0))
    A /= A.sum(axis=0)
    return A


def linear(Z: Array) -> Array:
    """Identity ``A = Z``, the output of a regression."""
    return Z


def tanh_derivative(A: Array) -> Array:
    """``dA/dZ = 1 - A²``."""
    return 1.0 - A * A


def sigmoid_derivative(A: Array) -> Array:
    """``dA/dZ = A (1 - A)``, as exact as ``A`` is: near 1 that is the rounding of 1."""
    return A * (1.0 - A)


def relu_derivative(A: Array) -> Array:
    """``dA/dZ = 1`` where ``A > 0``, else 0 (0 at the kink)."""
    return (A > 0).astype(A.dtype)


class Activation(NamedTuple):
    """A hidden layer's activation ``A = function(Z)`` and ``dA/dZ = derivative(A)``, which must not depend on more."""

    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


ACTIVATIONS = {
    "tanh": Activation(tanh, tanh_derivative),
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "relu": Activation(relu, relu_derivative),
}

OUTPUT_ACTIVATIONS = {"sigmoid": sigmoid, "softmax": softmax, "linear": linear}
