import fractions
import math
import re
from itertools import product
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from streams import Slices

from shallownet._checks import (
    Stream,
    as_columns,
    as_floats,
    as_labels,
    as_sample_weight,
    check_finite,
    check_integer,
    check_name,
    check_number,
    check_shape,
    is_streamed,
    result_dtype,
)
from shallownet.activations import ACTIVATIONS
from shallownet.network import check_parameters

X = np.arange(6.0).reshape(2, 3)


# Names and numbers

def test_a_name_is_one_of_the_table():
    assert check_name("hidden", "tanh", ACTIVATIONS) == "tanh"


def test_an_unknown_name_lists_the_valid_ones():
    for value in ["Tanh", "", None, 3, ["tanh"], b"tanh"]:
        with pytest.raises(ValueError, match=rf"^cost must be one of 'tanh', 'relu'; got {re.escape(repr(value))}\.$"):
            check_name("cost", value, ["tanh", "relu"])


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_an_integer_comes_as_an_int(value):
    assert check_integer("n_h", value) == 3
    assert type(check_integer("n_h", value)) is int


def test_what_is_no_integer_is_refused():
    for value in [3.0, "3", None, True, np.True_, np.float64(3), np.array(3), np.array([3]), 3j, [3]]:
        with pytest.raises(TypeError, match=r"^n_h must be an integer; got .*\. Use int\(\.\.\.\)\.$"):
            check_integer("n_h", value)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int16(2), fractions.Fraction(2)])
def test_a_number_comes_as_a_float(value):
    assert check_number("l2", value) == 2
    assert type(check_number("l2", value)) is float


def test_what_is_no_number_is_refused():
    for value in ["2", None, True, np.False_, 2j, [2], np.array(2.0), np.array([2.0])]:
        with pytest.raises(TypeError, match=rf"^l2 must be a number; got {re.escape(repr(value))}\.$"):
            check_number("l2", value)


@pytest.mark.parametrize(("value", "limits", "message"), [
    (math.nan, {}, r"^l2 must be finite; got nan\.$"),
    (-math.inf, {}, r"^l2 must be finite; got -inf\.$"),
    (10**400, {}, r"^l2 must be finite; got inf\.$"),
    (0, {"positive": True}, r"^l2 must be positive; got 0\.0\.$"),
    (0.5, {"minimum": 1}, r"^l2 must be at least 1; got 0\.5\.$"),
    (1, {"below": 1}, r"^l2 must be below 1; got 1\.0\.$"),
])
def test_a_number_out_of_its_limits_is_refused(value, limits, message):
    with pytest.raises(ValueError, match=message):
        check_number("l2", value, **limits)


def test_a_number_at_its_limits_is_taken():
    assert check_number("l2", 1, minimum=1) == 1
    assert check_number("l2", np.nextafter(1, 0), below=1) < 1
    assert check_number("l2", 5e-324, positive=True) > 0


def test_a_shape_is_told_beside_the_expected_one():
    check_shape("Y", X, (2, 3), "")
    with pytest.raises(ValueError, match=r"^Y must have shape \(3, 2\); got \(2, 3\)\. Use Y\.T\.$"):
        check_shape("Y", X, (3, 2), "Use Y.T.")
    with pytest.raises(ValueError, match=r"^Y must have shape \(3, 2\); got a list\. Use Y\.T\.$"):
        check_shape("Y", X.tolist(), (3, 2), "Use Y.T.")


# Arrays

class Table:
    """Numbers as other libraries hold them: an object with a shape that gives an array when it is asked to."""

    def __init__(self, array):
        self.array, self.shape, self.columns = np.asarray(array), np.shape(array), range(np.shape(array)[1])

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_not_copied(dtype):
    array = X.astype(dtype)
    assert as_floats("X", array) is array
    assert as_columns("X", array) is array


@pytest.mark.parametrize("array", [
    X.tolist(), X.astype(int), X.astype(np.uint8), X.astype(">f8"), X.astype(">f4"), X.astype(np.float16),
    X.astype(np.longdouble), Table(X), Table(X.astype(np.int16)),
])
def test_other_numbers_become_float64(array):
    floats = as_floats("X", array)
    assert type(floats) is np.ndarray
    assert floats.dtype == np.dtype(np.float64)
    np.testing.assert_array_equal(floats, X)


class Stubborn:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not now")


@pytest.mark.parametrize(("array", "error", "message"), [
    (None, TypeError, r"^X must be an array of numbers; got None\.$"),
    ("abc", TypeError, r"^X must .* <U3\."),
    ({"a": 1}, TypeError, r"^X must be one array; got a dict of a\. Name the dataset: X\['a'\]\.$"),
    ({1, 2}, TypeError, r"^X must .* object\."),
    (1j * X, TypeError, r"^X must .* complex128\."),
    (X.astype("M8[s]"), TypeError, r"^X must .* datetime64\[s\]\."),
    ([[1, "2"]], TypeError, r"^X must .* <U"),
    (Table([["b"]]), TypeError, r"^X must .* <U1"),
    (Table([[1, None]]), TypeError, r"^X must .* object"),
    (np.ma.masked_array(X), TypeError, r"^X must not be a masked array; got one\. Fill it or drop the masked samples"),
    ([[1, 2], [3]], ValueError, r"^X must be a rectangular array of numbers; got rows of unequal length\.$"),
    (Stubborn(), TypeError, r"^X must be an array of numbers; got Stubborn: not now"),
    (np.full((2, 3), np.longdouble("1e400")), ValueError, "^X must .*got 6 "),
    (SimpleNamespace(chunks=1), TypeError, r"^X must .* object\."),
    (SimpleNamespace(shape=(2, 3), dtype=float), TypeError, r"^X must .* object\."),
])
def test_what_is_no_array_of_numbers_is_refused(array, error, message):
    with pytest.raises(error, match=message):
        as_columns("X", array)


@pytest.mark.parametrize(("places", "message"), [
    ([(0, 0)], r"^X must be finite; got 1 NaN or infinite value, the first at X\[0, 0\]\. Drop these"),
    ([(1, 2), (1, 0), (0, 1)], r"^X must be finite; got 3 NaN or infinite values, the first at X\[0, 1\]\."),
])
def test_numbers_that_are_not_finite_are_counted_and_placed(places, message):
    for value, dtype, order in product([np.nan, np.inf, -np.inf], [np.float32, np.float64], "CF"):
        array = np.array(X, dtype, order=order)
        for place in places:
            array[place] = value
        with pytest.raises(ValueError, match=message):
            check_finite("X", array)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 3e38), (np.float64, 1.7e308)])
def test_the_largest_numbers_are_finite(dtype, largest):
    array = np.full((2, 3), largest, dtype)
    assert check_finite("X", array) is array
    assert check_finite("X", -array[:, ::2]).shape == (2, 2)


def test_infinities_that_cancel_are_seen():
    with pytest.raises(ValueError, match="got 2 "):
        check_finite("X", np.array([[np.inf, 0, -np.inf]]))


# Columns and labels

@pytest.mark.parametrize(("array", "rows", "message"), [
    (X[0], None, r"^X must have shape \(n_x, m\); got \(3,\)\. Use X\.reshape\(1, -1\)\.$"),
    (X[None], None, r"^X must have shape \(n_x, m\); got \(1, 2, 3\)\. Columns are samples, rows are features\.$"),
    (3.0, None, r"^X must have shape \(n_x, m\); got \(\)\. Columns are samples, rows are features\.$"),
    (X[:, :0], None, r"^X must have shape \(n_x, m\) with at least one row and one sample; got \(2, 0\)\.$"),
    (X[:0], None, r"^X must have shape \(n_x, m\) with at least one row and one sample; got \(0, 3\)\.$"),
    (X, 3, r"^X must have shape \(3, m\); got \(2, 3\)\. Use X\.T\.$"),
    (X, 4, r"^X must have shape \(4, m\); got \(2, 3\)\. Columns are samples, rows are features\.$"),
])
def test_data_of_a_wrong_shape_is_refused(array, rows, message):
    with pytest.raises(ValueError, match=message):
        as_columns("X", array, rows)


@pytest.mark.parametrize(("Y", "output", "rows", "message"), [
    (np.zeros(3), "linear", 2, r"^Y must have shape \(2, m\) with m = 3, as in X \(2, 3\); got \(3,\)\. Use Y"),
    (np.zeros((3, 1)), "linear", None, r"^Y must have shape \(n_y, m\) with m = 3, .*; got \(3, 1\)\. Use Y\.reshape"),
    (np.zeros((3, 2)), "linear", 2, r"^Y must have shape \(2, m\) .*; got \(3, 2\)\. Use Y\.T\.$"),
    (np.zeros((1, 3)), "softmax", 2, r"^Y must have shape \(2, m\) .*; got \(1, 3\)\. Use one_hot\(Y\)\.$"),
    (np.zeros((1, 3)), "linear", 2, r"^Y must have shape \(2, m\) .*; got \(1, 3\)\. Columns are samples\.$"),
    (np.zeros((0, 3)), "sigmoid", None, r"^Y must have shape \(n_y, m\) .*; got \(0, 3\)\. Columns are samples\.$"),
    (np.zeros(()), "linear", None, r"^Y must have shape \(n_y, m\) .*; got \(\)\. Columns are samples\.$"),
    (np.full((1, 3), 1.01), "sigmoid", None, r"^Y must lie in \[0, 1\] for a sigmoid output; got values from 1\.01 to"),
    (np.full((1, 3), -1), "sigmoid", None, r"^Y must lie in \[0, 1\] for a sigmoid output; got values from -1 to -1\."),
    (np.ones((1, 3)), "softmax", None, r"^Y must have non-negative columns that sum to one .*; got one row\. Use"),
    (np.array([[1, 1, 0.2], [0, 0, 0.799]]), "softmax", None, r"^Y must have .*; got column 2 with sum 0\.999\. Use"),
    (np.array([[1, -1, 1], [0, 2, 0]]), "softmax", None, r"^Y must have non-negative .*; got column 1 with sum 1\."),
    (np.full((1, 3), np.nan), "linear", None, "^Y must .*got 3 "),
])
def test_labels_that_do_not_fit_are_refused(Y, output, rows, message):
    with pytest.raises(ValueError, match=message):
        as_labels(Y, X, output, rows)


@pytest.mark.parametrize(("Y", "output"), [
    ([[0, 0.5, 1]], "sigmoid"), ([[-5, 0, 1e9]], "linear"), ([[0.2, 1, 0], [0.8, 0, 1]], "softmax"),
    (np.array([[True, False, True]]), "sigmoid"), (np.array([[1, 0, 1]], np.uint8), "sigmoid"),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_come_in_the_dtype_of_the_data(Y, output, dtype):
    labels = as_labels(Y, X.astype(dtype), output)
    assert labels.dtype == dtype
    np.testing.assert_array_equal(labels, np.array(Y, dtype))


def test_soft_labels_in_float32_sum_to_one_nearly_enough():
    Y = np.random.RandomState(0).rand(10, 1000).astype(np.float32)
    Y /= Y.sum(axis=0)
    assert as_labels(Y, np.zeros((2, 1000), np.float32), "softmax") is Y


@pytest.mark.parametrize(("sample_weight", "message"), [
    (np.ones(3), r"^sample_weight must have shape \(1, 3\); got \(3,\)\. Use sample_weight\.reshape\(1, -1\)\.$"),
    (np.ones((3, 1)), r"^sample_weight must have shape \(1, 3\); got \(3, 1\)\. Use sample_weight\.reshape"),
    (np.ones((2, 3)), r"^sample_weight must have shape \(1, 3\); got \(2, 3\)\. X has m = 3 samples\.$"),
    ([[1, -1, 1]], r"^sample_weight must be non-negative with a positive sum; got values from -1 to 1\.$"),
    ([[0, 0, 0]], r"^sample_weight must be non-negative with a positive sum; got values from 0 to 0\.$"),
    ([[1, np.inf, 1]], "^sample_weight must .*got 1 "),
])
def test_weights_that_do_not_fit_are_refused(sample_weight, message):
    with pytest.raises(ValueError, match=message):
        as_sample_weight(sample_weight, X)


def test_weights_that_are_zero_in_float32_are_refused_for_float32_data():
    assert as_sample_weight(np.full((1, 3), 1e-50), X).all()
    with pytest.raises(ValueError, match="sample_weight must be non-negative with a positive sum; got values from 1e"):
        as_sample_weight(np.full((1, 3), 1e-50), X.astype(np.float32))


def test_weights_come_in_the_dtype_of_the_data():
    assert as_sample_weight(None, X) is None
    assert as_sample_weight([[0, 1, 2]], X.astype(np.float32)).dtype == np.float32


# Parameters

def network(**changes):
    return {"W1": np.ones((4, 2)), "b1": np.zeros((4, 1)), "W2": np.ones((3, 4)), "b2": np.zeros((3, 1))} | changes


def test_a_network_passes_with_its_names_and_its_arrays():
    parameters = network(hidden="relu", cost="brier", W1=[[1, 2]] * 4)
    checked = check_parameters(parameters)
    assert checked["W1"].dtype == np.float64
    assert checked["W2"] is parameters["W2"]
    assert (checked["hidden"], checked["cost"]) == ("relu", "brier")
    assert parameters["W1"] == [[1, 2]] * 4


@pytest.mark.parametrize(("parameters", "error", "message"), [
    (None, TypeError, r"^parameters must be a dictionary; got NoneType\. Use initialize_parameters\("),
    ([1, 2], TypeError, r"^parameters must be a dictionary; got list\."),
    ({}, ValueError, r"^parameters must have the entries W1, b1, W2, b2; got no W1, b1, W2, b2\. Use initialize"),
    ({k: v for k, v in network().items() if k != "b1"}, ValueError, r"^parameters must have .*; got no b1\. Use"),
    (network(hidden="x"), ValueError, r"^parameters\['hidden'\] must .*got 'x'\.$"),
    (network(cost=None), ValueError, r"^parameters\['cost'\] must be one of .*'cross_entropy'.*; got None\.$"),
    (network(W1=np.ones(4)), ValueError, r"^parameters\['W1'\] must be a matrix; got shape \(4,\)\.$"),
    (network(W2=np.ones((0, 4))), ValueError, r"^parameters\['W2'\] must be a matrix; got shape \(0, 4\)\.$"),
    (network(b1=np.ones(4)), ValueError,
     r"^parameters\['b1'\] must have shape \(4, 1\); got \(4,\)\. W1 has n_h = 4 rows, W2 has n_y = 3\.$"),
    (network(W2=np.ones((3, 5))), ValueError, r"^parameters\['W2'\] must have shape \(3, 4\); got \(3, 5\)\. W1"),
    (network(b2=np.ones((1, 1))), ValueError, r"^parameters\['b2'\] must have shape \(3, 1\); got \(1, 1\)\. W1 has"),
    (network(W2=np.full((3, 4), np.nan)), ValueError, r"^parameters\['W2'\] must .*got 12 "),
    (network(W1=[[1], [2, 3]]), ValueError, r"^parameters\['W1'\] must be a rectangular array of numbers; got rows"),
    (network(b1="zero"), TypeError, r"^parameters\['b1'\] must .* <U4\."),
])
def test_what_is_no_network_is_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        check_parameters(parameters)


# Streams

def test_what_is_read_slice_by_slice(tmp_path):
    memmap = np.memmap(tmp_path / "X", float, "w+", shape=(2, 3))
    with h5py.File(tmp_path / "X.h5", "w") as file:
        streams = [memmap, memmap[:, :2], file.create_dataset("X", data=X), Slices(X), as_columns("X", Slices(X)),
                   file.create_dataset("chunked", data=X, chunks=(2, 1))]
        assert all(map(is_streamed, streams))
    arrays = [X, X.tolist(), np.asarray(memmap), Table(X), None, 3, "X", SimpleNamespace(chunks=1),
              SimpleNamespace(shape=(2, 3), dtype=float)]
    assert not any(map(is_streamed, arrays))


@pytest.mark.parametrize(("dtype", "expected"), [
    (np.float32, np.float32), (np.float64, np.float64), (np.uint8, np.float64), (bool, np.float64), (">f4", np.float64),
])
def test_a_stream_gives_slices_of_floats(dtype, expected):
    stream = as_columns("X", Slices(X.astype(dtype)))
    assert isinstance(stream, Stream)
    assert stream.shape == (2, 3)
    assert stream.dtype == stream[:, 1:3].dtype == result_dtype(Slices(X.astype(dtype))) == expected
    np.testing.assert_array_equal(stream[:, 1:3], X.astype(dtype)[:, 1:3])


def test_a_stream_is_checked_as_it_is_read_and_names_the_place_in_the_whole():
    broken = X.copy()
    broken[1, 2] = np.nan
    stream = as_columns("X", Slices(broken))
    np.testing.assert_array_equal(stream[:, :2], X[:, :2])
    with pytest.raises(ValueError, match=r"^X must .*got 1 .*X\[1, 2\]\."):
        stream[:, 1:3]
    labels = as_labels(Slices(X), X, "sigmoid")
    with pytest.raises(ValueError, match=r"^Y must .* 0 .* 3\."):
        labels[:, :1]


@pytest.mark.parametrize(("array", "error", "message"), [
    (Slices(X[0]), ValueError, r"^X must .*got \(3,\)\."),
    (Slices(X.T), ValueError, r"^X must .*got \(3, 2\)\. Use X\[:, :\]\.T\.$"),
    (Slices(X[:, :0]), ValueError, r"^X must .*got \(2, 0\)"),
    (Slices(X.astype(str)), TypeError,
     r"^X must hold real numbers; got dtype <U\d+\. Use np\.array\(X, float\), and read_table for a table with text\."),
    (Slices(X * 1j), TypeError, r"^X must .* complex128\."),
])
def test_a_stream_that_does_not_fit_is_refused_before_it_is_read(array, error, message):
    with pytest.raises(error, match=message):
        as_columns("X", array, rows=2)
