"""The four costs. The cost determines the output activation, so a wrong pair cannot be built.

Each is the cost per sample, ``(1, m)``, summed over the outputs. It is computed from the logits ``Z2``: there it is
finite and right at any size, whereas a logarithm of ``A2`` is infinite as soon as the output saturates.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shallownet._types import Array
from shallownet.activations import sigmoid


def cross_entropy(Z2: Array, Y: Array) -> Array:
    """``-Σ (Y log A2 + (1 - Y) log(1 - A2))`` with ``A2 = sigmoid(Z2)``, written as ``Σ log(1 + e^Z2) - Y Z2``.

    ``log(1 + e^Z) = max(Z, 0) + log(1 + e^-|Z|)`` neither overflows nor, for a right label, cancels.
    """
    return (np.maximum(Z2, 0) - Y * Z2 + np.log1p(np.exp(-np.abs(Z2)))).sum(axis=0, keepdims=True)


def cross_entropy_of_output(A2: Array, Y: Array) -> Array:
    """``-Σ (Y log A2 + (1 - Y) log(1 - A2))``, with ``0 log 0 = 0``; infinite where a saturated output is wrong."""
    return -(_y_log_a(Y, A2) + _y_log_a(1.0 - Y, 1 - A2)).sum(axis=0, keepdims=True)


def softmax_cross_entropy(Z2: Array, Y: Array) -> Array:
    """``-Σ Y log A2`` with ``A2 = softmax(Z2)``, written as ``log Σ e^Z2 - Σ Y Z2``.

    The largest ``Z2`` of each column is subtracted first, as in ``softmax``: then ``Σ e^Z2 = 1 + (the other terms)``,
    and ``log1p`` of the other terms keeps their digits however small they are.
    """
    Z2 = Z2 - Z2.max(axis=0)
    others = (np.exp(Z2) * (Z2 < 0)).sum(axis=0, keepdims=True)
    ties = (Z2 == 0).sum(axis=0, keepdims=True, dtype=Z2.dtype) - 1
    return np.log1p(others + ties) - (Y * Z2).sum(axis=0, keepdims=True)


def softmax_cross_entropy_of_output(A2: Array, Y: Array) -> Array:
    """``-Σ Y log A2`` with ``0 log 0 = 0``; infinite where a saturated output is wrong."""
    return -_y_log_a(Y, A2).sum(axis=0, keepdims=True)


def squared_error(A2: Array, Y: Array) -> Array:
    """``Σ (A2 - Y)²``, without a half; the output is linear, so ``A2 = Z2``."""
    return np.square(A2 - Y).sum(axis=0, keepdims=True)


def brier(Z2: Array, Y: Array) -> Array:
    """``Σ (A2 - Y)²`` with ``A2 = sigmoid(Z2)``."""
    return squared_error(sigmoid(Z2), Y)


def _y_log_a(Y, A):
    return Y * np.log(A, where=Y != 0, out=np.zeros(A.shape, np.result_type(A, np.float32)))


def cross_entropy_delta(A2: Array, Y: Array) -> Array:
    """``A2 - Y``, of both cross-entropies: the derivative of their output activation cancels."""
    return A2 - Y


def squared_error_delta(A2: Array, Y: Array) -> Array:
    """``2 (A2 - Y)``."""
    return 2 * (A2 - Y)


def brier_delta(A2: Array, Y: Array) -> Array:
    """``2 (A2 - Y) A2 (1 - A2)``."""
    return 2 * (A2 - Y) * A2 * (1 - A2)


class Cost(NamedTuple):
    """A row of the table: the output activation, the cost per sample from Z2 and from A2, and delta, ``m · dZ2``."""

    output: str
    of_logits: Callable[[Array, Array], Array]
    of_output: Callable[[Array, Array], Array]
    delta: Callable[[Array, Array], Array]


COSTS = {
    "cross_entropy": Cost("sigmoid", cross_entropy, cross_entropy_of_output, cross_entropy_delta),
    "softmax_cross_entropy": Cost(
        "softmax", softmax_cross_entropy, softmax_cross_entropy_of_output, cross_entropy_delta
    ),
    "squared_error": Cost("linear", squared_error, squared_error, squared_error_delta),
    "brier": Cost("sigmoid", brier, squared_error, brier_delta),
}
