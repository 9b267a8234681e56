import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS, linear, relu, sigmoid, softmax, tanh

Z = np.array([[-3.0, -0.5, 0.0, 0.25], [1.0, 2.0, -1.5, 0.75]])


def of_each(function, Z):
    return np.array([[function(z) for z in row] for row in Z])


@pytest.mark.parametrize(("function", "formula"), [
    (tanh, math.tanh),
    (sigmoid, lambda z: 1 / (1 + math.exp(-z))),
    (relu, lambda z: max(z, 0.0)),
    (linear, lambda z: z),
])
def test_an_activation_is_its_formula(function, formula):
    np.testing.assert_allclose(function(Z), of_each(formula, Z), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float32, -87), (np.float64, -708)])
def test_sigmoid_and_its_derivative_are_right_to_the_last_digits(dtype, lowest):
    Z = np.sort(np.r_[np.linspace(lowest, 40, 500), np.linspace(-3, 3, 200)].astype(dtype))
    A, derivative = sigmoid(Z), ACTIVATIONS["sigmoid"].derivative(sigmoid(Z))

    def digits(value, exact):
        """The error in units of the last place."""
        return abs(Decimal(float(value)) - exact) / Decimal(float(np.spacing(dtype(exact))))

    with localcontext(prec=50):
        exact = [1 / (1 + (-Decimal(float(z))).exp()) for z in Z]
        assert max(map(digits, A, exact)) < 4
        derivatives = [e * (1 - e) for e in exact]
        assert max(map(digits, derivative[Z < 0], derivatives[:(Z < 0).sum()])) < 8


def test_softmax_is_its_formula():
    np.testing.assert_allclose(softmax(Z), np.exp(Z) / np.exp(Z).sum(axis=0), rtol=1e-15)


def test_softmax_of_three_logits_by_hand():
    A = softmax(np.log([[1.0], [2.0], [5.0]]))
    np.testing.assert_allclose(A, [[1 / 8], [2 / 8], [5 / 8]], rtol=1e-15)


def test_softmax_columns_sum_to_one():
    A = softmax(np.random.RandomState(0).standard_normal((5, 100)) * 300)
    np.testing.assert_allclose(A.sum(axis=0), 1, rtol=1e-14)


def test_softmax_takes_no_notice_of_a_shift():
    np.testing.assert_allclose(softmax(Z + 50), softmax(Z), rtol=1e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_derivative_in_the_output_is_the_derivative_in_the_input(name):
    function, derivative = ACTIVATIONS[name]
    inside = Z[np.abs(Z) > 0.1]                                           # off relu's kink
    numerical = (function(inside + 1e-6) - function(inside - 1e-6)) / 2e-6
    np.testing.assert_allclose(derivative(function(inside)), numerical, rtol=1e-8, atol=1e-10)


def test_the_derivative_of_relu_is_zero_at_its_kink():
    assert ACTIVATIONS["relu"].derivative(relu(np.zeros(1))) == 0


@pytest.mark.parametrize(("function", "values"), [
    (tanh, [-1, 0, 1]), (sigmoid, [0, 0.5, 1]), (relu, [0, 0, 1000]), (linear, [-1000, 0, 1000]),
])
def test_an_activation_saturates_without_a_warning(function, values):
    np.testing.assert_array_equal(function(np.array([[-1000.0, 0.0, 1000.0]])), [values])


def test_softmax_saturates_without_a_warning():
    np.testing.assert_array_equal(softmax(np.array([[1000.0, -1000.0], [-1000.0, -1000.0]])), [[1, 0.5], [0, 0.5]])


@pytest.mark.parametrize("function", [*OUTPUT_ACTIVATIONS.values(), *(row.function for row in ACTIVATIONS.values())])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_keeps_shape_dtype_and_input(function, dtype):
    Z32 = Z.astype(dtype)
    Z32.flags.writeable = False
    A = function(Z32)
    assert (A.shape, A.dtype) == (Z.shape, dtype)
    np.testing.assert_array_equal(Z32, Z.astype(dtype))


@pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_a_derivative_keeps_the_dtype(row):
    assert row.derivative(np.ones((2, 3), np.float32)).dtype == np.float32


def test_the_tables_hold_the_documented_names():
    assert set(ACTIVATIONS) >= {"tanh", "sigmoid", "relu"}
    assert set(OUTPUT_ACTIVATIONS) == {"sigmoid", "softmax", "linear"}
