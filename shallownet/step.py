"""One step of training with all its numbers, for a lesson: forward, backward, update, each value beside its formula."""

from typing import NamedTuple

import numpy as np

from shallownet._checks import as_columns, as_labels, check_number
from shallownet._types import Array, Parameters
from shallownet.activations import ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.network import (
    NAMES,
    backward_propagation,
    check_parameters,
    compute_cost,
    forward_propagation,
    output_of,
    update_parameters,
)

HIDDEN = {"tanh": ("tanh(Z1)", "dA1 ∘ (1 − A1²)"), "sigmoid": ("1 / (1 + e^−Z1)", "dA1 ∘ A1 ∘ (1 − A1)"),
          "relu": ("max(Z1, 0)", "dA1 ∘ [A1 > 0]")}
OUTPUT = {"sigmoid": "1 / (1 + e^−Z2)", "softmax": "e^Z2 / Σ e^Z2", "linear": "Z2"}
COST = {
    "cross_entropy": ("−1/m Σ (Y log A2 + (1 − Y) log(1 − A2))", "1/m (A2 − Y)"),
    "softmax_cross_entropy": ("−1/m Σ Y log A2", "1/m (A2 − Y)"),
    "squared_error": ("1/m Σ (A2 − Y)²", "2/m (A2 − Y)"),
    "brier": ("1/m Σ (A2 − Y)²", "2/m (A2 − Y) ∘ A2 ∘ (1 − A2)"),
}


class Quantity(NamedTuple):
    """A name, its formula, and its value, an array of two dimensions; ``part`` is forward, backward or update."""

    part: str
    name: str
    formula: str
    value: Array


def one_step(parameters: Parameters, X: Array, Y: Array, learning_rate: float = 1.2) -> list[Quantity]:
    """Return everything that one step of gradient descent computes, in its order.

    Parameters
    ----------
    parameters : dict
        Of a small network: everything is meant to be looked at.
    X : array, shape (n_x, m)
        A few samples, two say, one a column.
    Y : array, shape (n_y, m)
        Their labels, as the cost wants them.
    learning_rate : float

    Returns
    -------
    quantities : list of Quantity
        X, W1, b1, Z1, A1, W2, b2, Z2, A2, Y and the cost J; dZ2, dW2, db2, dA1, dZ1, dW1, db1; the new parameters,
        and J with them. ``dA1`` is short for ∂J/∂A1, and so on.

    Raises
    ------
    ValueError
        If ``X`` or ``Y`` does not go with the network.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0], [-1.0]]), "b1": np.zeros((2, 1)), "W2": np.array([[2.0, 1.0]]),
    ...               "b2": np.zeros((1, 1))}
    >>> quantities = one_step(parameters, np.array([[0.0, 1.0]]), np.array([[0, 1]]), learning_rate=0.5)
    >>> print(step_text(quantities[7:11]))
    forward
      Z2  = W2 A1 + b2                                     [ 0.0000  0.7616]
      A2  = 1 / (1 + e^−Z2)                                [ 0.5000  0.6817]
      Y   given                                            [ 0.0000  1.0000]
      J   = −1/m Σ (Y log A2 + (1 − Y) log(1 − A2))        [ 0.5382]
    """
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    Y = as_labels(Y, X, output_of(parameters), rows=len(parameters["W2"]))
    check_number("learning_rate", learning_rate, positive=True)
    hidden, cost = parameters.get("hidden", "tanh"), parameters.get("cost", "cross_entropy")
    activation, derivative = HIDDEN.get(hidden, (f"{hidden}(Z1)", f"dA1 ∘ {hidden}'(Z1)"))
    of_output, delta = COST.get(cost, (f"1/m Σ {cost}(Z2, Y)", f"1/m {cost}'(Z2, Y)"))

    A2, cache = forward_propagation(X, parameters)
    grads = backward_propagation(parameters, cache, X, Y)
    updated = update_parameters(parameters, grads, learning_rate)
    A2_after, cache_after = forward_propagation(X, updated)
    dZ2 = COSTS[cost].delta(A2, Y) / X.shape[1]                           # (n_y, m)
    dA1 = parameters["W2"].T @ dZ2                                        # (n_h, m)
    dZ1 = dA1 * ACTIVATIONS[hidden].derivative(cache["A1"])               # (n_h, m)

    values = parameters | cache | grads | {"X": X, "Y": Y, "dZ2": dZ2, "dA1": dA1, "dZ1": dZ1}
    values["J"] = np.array([[compute_cost(A2, Y, parameters, cache=cache)]])
    after = np.array([[compute_cost(A2_after, Y, updated, cache=cache_after)]])
    formulas = {
        "forward": {"X": "given", "W1": "given", "b1": "given", "Z1": "= W1 X + b1", "A1": f"= {activation}",
                    "W2": "given", "b2": "given", "Z2": "= W2 A1 + b2", "A2": f"= {OUTPUT[output_of(parameters)]}",
                    "Y": "given", "J": f"= {of_output}"},
        "backward": {"dZ2": f"= {delta}", "dW2": "= dZ2 A1ᵀ", "db2": "= Σ dZ2", "dA1": "= W2ᵀ dZ2",
                     "dZ1": f"= {derivative}", "dW1": "= dZ1 Xᵀ", "db1": "= Σ dZ1"},
    }
    return [
        *(Quantity(part, name, formula, values[name])
          for part, named in formulas.items() for name, formula in named.items()),
        *(Quantity("update", name, f"− {learning_rate:g} d{name}", updated[name]) for name in NAMES),
        Quantity("update", "J", "after the step", after),
    ]


def step_text(quantities: list[Quantity]) -> str:
    """Return the quantities of ``one_step`` as text: name, formula, and value to four decimals.

    Parameters
    ----------
    quantities : list of Quantity
        All of them, or some.

    Returns
    -------
    text : str
    """
    lines, part = [], None
    for quantity in quantities:
        if quantity.part != part:
            part = quantity.part
            lines.append(part)
        for i, row in enumerate(quantity.value):
            name = f"{quantity.name:4}{quantity.formula}" if i == 0 else ""
            numbers = " ".join(f"{number:7.4f}" for number in row)
            lines.append(f"  {name:52} [{numbers}]")
    return "\n".join(lines)
