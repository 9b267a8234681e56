"""One step with numbers: its values are those of the network's functions, and its formulas give them."""
from typing import get_args

import numpy as np
import pytest

from shallownet import (
    backward_propagation,
    compute_cost,
    forward_propagation,
    initialize_parameters,
    one_hot,
    update_parameters,
)
from shallownet._types import CostName, Hidden
from shallownet.activations import ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.step import one_step, step_text

X = np.array([[1.0, -1.0], [2.0, 0.5]])
Y = np.array([[1.0, 0.0]])
TWO_UNITS = {
    "W1": np.array([[0.5, -1.0], [1.5, 0.5]]), "b1": np.array([[0.1], [-0.2]]),
    "W2": np.array([[1.0, -2.0]]), "b2": np.array([[0.3]]),
}


def network(hidden, cost):
    return initialize_parameters(2, 3, 2, hidden=hidden, cost=cost, scale=1, random_state=0)


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("cost", COSTS)
def test_the_values_are_those_of_the_functions(hidden, cost):
    parameters, Y = network(hidden, cost), one_hot(np.array([[0, 1]]))
    quantities = one_step(parameters, X, Y, learning_rate=0.3)
    values = {quantity.name: quantity.value for quantity in quantities if quantity.part != "update"}
    A2, cache = forward_propagation(X, parameters)
    grads = backward_propagation(parameters, cache, X, Y)
    for name, value in {"X": X, "Y": Y, **cache, **grads}.items():
        np.testing.assert_array_equal(values[name], value)
    assert values["J"] == compute_cost(A2, Y, parameters, cache=cache)
    *updated, after = [quantity for quantity in quantities if quantity.part == "update"]
    expected = update_parameters(parameters, grads, 0.3)
    for quantity in updated:
        np.testing.assert_array_equal(quantity.value, expected[quantity.name])
    A2, cache = forward_propagation(X, expected)
    assert after.value == compute_cost(A2, Y, parameters, cache=cache)


@pytest.mark.parametrize("hidden", get_args(Hidden))
@pytest.mark.parametrize("cost", get_args(CostName))
def test_the_formulas_give_the_values(hidden, cost):
    """Each formula is read as Python, with the values of the other quantities."""
    quantities = one_step(network(hidden, cost), X, one_hot(np.array([[0, 1]])))
    values = {quantity.name: quantity.value for quantity in quantities if quantity.part != "update"}
    assert "dZ1" in values
    names = values | {"m": 2, "tanh": np.tanh, "log": np.log, "max": np.maximum, "exp": np.exp}
    python = {"W1 X + b1": "W1 @ X + b1", "W2 A1 + b2": "W2 @ A1 + b2", "dZ2 A1ᵀ": "dZ2 @ A1.T", "dZ1 Xᵀ": "dZ1 @ X.T",
              "W2ᵀ dZ2": "W2.T @ dZ2", "Σ dZ2": "dZ2.sum(axis=1, keepdims=True)",
              "Σ dZ1": "dZ1.sum(axis=1, keepdims=True)", "e^Z2 / Σ e^Z2": "exp(Z2) / exp(Z2).sum(axis=0)",
              "1 / (1 + e^−Z1)": "1 / (1 + exp(-Z1))", "1 / (1 + e^−Z2)": "1 / (1 + exp(-Z2))",
              "−1/m Σ Y log A2": "-1/m * (Y * log(A2)).sum()", "1/m Σ (A2 − Y)²": "1/m * ((A2 - Y)**2).sum()",
              "−1/m Σ (Y log A2 + (1 − Y) log(1 − A2))": "-1/m * (Y * log(A2) + (1 - Y) * log(1 - A2)).sum()"}
    for quantity in quantities:
        if quantity.formula.startswith("= "):
            formula = quantity.formula.removeprefix("= ")
            code = python.get(formula, formula.replace("∘", "*").replace("−", "-").replace("²", "**2")
                              .replace("/m (", "/m * (").replace("[", "(").replace("]", ")"))
            np.testing.assert_allclose(eval(code, {}, names), values[quantity.name].squeeze()
                                       if quantity.name == "J" else values[quantity.name], rtol=1e-12, err_msg=formula)


def test_a_hidden_layer_worked_by_hand():
    values = {quantity.name: quantity.value for quantity in one_step(TWO_UNITS, X, Y)[:18]}
    np.testing.assert_allclose(values["Z1"], [[-1.4, -0.9], [2.3, -1.45]])
    np.testing.assert_allclose(values["dA1"], [[1], [-2]] * values["dZ2"])
    np.testing.assert_allclose(values["dZ2"], (values["A2"] - [[1, 0]]) / 2)


def test_the_text_has_every_number():
    quantities = one_step(TWO_UNITS, X, Y, learning_rate=0.5)
    text = step_text(quantities)
    lines = text.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["forward", "backward", "update"]
    assert text.count("[") == sum(len(quantity.value) for quantity in quantities)
    for quantity in quantities:
        for number in quantity.value.ravel():
            assert f"{number:.4f}" in text
    assert any(line.startswith("  W1  − 0.5 dW1") for line in lines)
    assert len({line.index("[") for line in lines if "[" in line}) == 1


def test_nothing_that_was_given_is_changed():
    arrays = {name: value.copy() for name, value in TWO_UNITS.items()}
    one_step(TWO_UNITS, X, Y)
    for name, value in arrays.items():
        np.testing.assert_array_equal(TWO_UNITS[name], value)


@pytest.mark.parametrize(("data", "labels", "rate", "message"), [
    (X[:1], Y, 1.2, r"X must have shape \(2, m\); got \(1, 2\)"),
    (X, Y[:, :1], 1.2, r"Y must have shape \(1, m\) with m = 2"),
    (X, Y + 1, 1.2, r"Y must lie in \[0, 1\]"),
    (X, Y, 0.0, "learning_rate must be positive"),
])
def test_a_step_that_cannot_be_made_is_refused(data, labels, rate, message):
    with pytest.raises(ValueError, match=message):
        one_step(TWO_UNITS, data, labels, rate)
