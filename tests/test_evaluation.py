import h5py
import numpy as np
import pytest
from asserts import assert_close
from streams import Slices

from shallownet import columns
from shallownet.activations import ACTIVATIONS
from shallownet.columns import workers
from shallownet.costs import COSTS
from shallownet.evaluation import accuracy, predict, predict_probability, r2_score
from shallownet.network import backward_propagation, compute_cost, forward_propagation, initialize_parameters
from shallownet.objective import (
    block_count,
    column_bytes,
    cost_and_gradient,
    cost_and_gradient_by_blocks,
    cost_of_columns,
)

pytestmark = pytest.mark.usefixtures("engine")

M = 700
SETTINGS = {
    "plain": {}, "l2": {"l2": 0.7}, "weights": {"sample_weight": np.random.RandomState(7).rand(1, M)},
    "both": {"l2": 0.7, "sample_weight": np.random.RandomState(8).randint(3, size=(1, M)).astype(float)},
}


@pytest.fixture(autouse=True)
def small_blocks_and_chunks(monkeypatch):
    """Blocks of 64 columns, chunks of 128: M columns are 11 blocks in 6 chunks."""
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    monkeypatch.setattr(columns, "READ_BYTES", 128 * 4 * 8)


@pytest.fixture(params=["array", "memmap", "hdf5", "slices"])
def stored(request, tmp_path):
    """A function that puts an array where the whole of it is not in memory, except for "array"."""
    with h5py.File(tmp_path / "data.h5", "w") as file:
        def store(array):
            name = str(len(list(tmp_path.iterdir())) + len(file))
            if request.param == "memmap":
                copy = np.memmap(tmp_path / name, array.dtype, "w+", shape=array.shape)
                copy[:] = array
                return copy
            if request.param == "hdf5":
                return file.create_dataset(name, data=array)
            return Slices(array) if request.param == "slices" else array

        yield store


def whole(parameters, X, Y, **settings):
    """Cost and gradients by the plain functions, on the whole at once."""
    A2, cache = forward_propagation(X, parameters)
    grads = backward_propagation(parameters, cache, X, Y, **settings)
    return compute_cost(A2, Y, parameters, cache=cache, **settings), grads


# Blocks, threads and streams agree with the whole

@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("cost", COSTS)
def test_blocks_of_any_source_give_the_cost_and_gradient_of_the_whole(cost, settings, stored, problem):
    parameters, X, Y = problem(n_y=3, m=M, cost=cost)
    assert block_count(parameters, M) == 11
    expected = whole(parameters, X, Y, **settings)
    X, Y = stored(X), stored(Y)
    assert_close(cost_and_gradient_by_blocks(parameters, X, Y, **settings), expected, rtol=1e-12, atol=1e-12)
    assert cost_of_columns(parameters, X, Y, **settings) == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_one_block_is_the_plain_functions(settings, problem):
    parameters, X, Y = problem(m=M)
    assert_close(cost_and_gradient(parameters, X, Y, **settings), whole(parameters, X, Y, **settings), rtol=0)
    cost, grads = cost_and_gradient(parameters, X, Y, with_cost=False, **settings)
    assert cost is None
    np.testing.assert_array_equal(grads["dW1"], whole(parameters, X, Y, **settings)[1]["dW1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_do_not_depend_on_the_number_of_threads(dtype, stored, monkeypatch, problem):
    parameters, X, Y = problem(n_x=20, n_h=30, m=M, dtype=dtype)
    monkeypatch.setattr(columns, "BLOCK_BYTES", 128 * column_bytes(parameters))
    X, Y, settings = stored(X), stored(Y), {"l2": 0.7, "sample_weight": np.random.RandomState(7).rand(1, M)}
    results = []
    for threads in (1, 2, 4):
        with workers(threads, 6) as run:
            results.append(cost_and_gradient_by_blocks(parameters, X, Y, run=run, **settings))
        results.append((cost_of_columns(parameters, X, Y, threads=threads, **settings),))
    for cost, grads in results[2::2]:
        assert cost == results[0][0]
        for name in grads:
            assert grads[name].tobytes() == results[0][1][name].tobytes()
    assert results[1] == results[3] == results[5]


@pytest.mark.parametrize("with_cost", [True, False])
def test_blocks_give_a_python_float_and_keep_float32(with_cost, problem):
    parameters, X, Y = problem(m=M, dtype=np.float32)
    cost, grads = cost_and_gradient_by_blocks(parameters, X, Y, with_cost=with_cost)
    assert (type(cost) is float) if with_cost else (cost is None)
    assert {gradient.dtype for gradient in grads.values()} == {np.dtype(np.float32)}
    assert type(cost_of_columns(parameters, X, Y)) is float


@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_a_block_without_any_weight_counts_nothing(l2, problem):
    parameters, X, Y = problem(m=M)
    sample_weight = np.ones((1, M))
    sample_weight[:, 64:200] = 0
    expected = whole(parameters, X, Y, l2=l2, sample_weight=sample_weight)
    actual = cost_and_gradient_by_blocks(parameters, X, Y, l2=l2, sample_weight=sample_weight)
    assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_column_takes_the_bytes_of_its_arrays(dtype, problem):
    parameters, X, Y = problem(n_x=5, n_h=7, n_y=2, m=1, dtype=dtype)
    cache = forward_propagation(X, parameters)[1]
    arrays = [X, Y, *cache.values(), cache["A1"], cache["A2"]]            # dZ1 and dZ2 have the shapes of these
    assert column_bytes(parameters) == sum(array.nbytes for array in arrays)


# Predictions

def test_a_sigmoid_predicts_zeros_and_ones():
    parameters = initialize_parameters(1, 1, 2, scale=np.ones)            # A2 = sigmoid(tanh(x)) twice
    np.testing.assert_array_equal(predict(parameters, np.array([[-1, 0, 2]])), [[0, 0, 1], [0, 0, 1]])


def test_a_softmax_predicts_the_number_of_the_class(problem):
    parameters, X, _ = problem(n_y=3, cost="softmax_cross_entropy")
    labels = predict(parameters, X)
    assert labels.shape == (1, 7)
    for column, label in enumerate(labels[0]):
        A2 = predict_probability(parameters, X[:, [column]])
        assert A2[label, 0] == A2.max()


def test_a_linear_output_predicts_its_value(problem):
    parameters, X, _ = problem(n_y=3, cost="squared_error")
    np.testing.assert_allclose(predict(parameters, X), forward_propagation(X, parameters)[0], rtol=1e-14)


@pytest.mark.parametrize("stored", [np.asarray, Slices])
@pytest.mark.parametrize("cost", COSTS)
def test_an_output_that_overflows_is_refused(cost, stored, problem):
    parameters, X, Y = problem(n_y=2, m=20, cost=cost, hidden="relu")
    X[:, 13] = 1e308
    for function in (predict, predict_probability):
        with pytest.raises(ValueError, match=r"^X must be small enough for the network; got an output that is NaN"):
            function(parameters, stored(X))
    score = r2_score if COSTS[cost].output == "linear" else accuracy
    with pytest.raises(ValueError, match="Standardize X as it was for the training, or train with a smaller"):
        score(parameters, stored(X), Y)


def test_outputs_whose_sum_overflows_are_values(problem):
    parameters = initialize_parameters(1, 1, 1, hidden="relu", cost="squared_error", scale=np.ones)
    np.testing.assert_array_equal(predict(parameters, np.full((1, 9), 1e308)), np.full((1, 9), 1e308))


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_predictions_by_blocks_of_any_source_are_those_of_the_whole(cost, hidden, stored, problem):
    parameters, X, Y = problem(n_y=3, m=M, cost=cost, hidden=hidden)
    A2 = forward_propagation(X, parameters)[0]
    source = stored(X)
    np.testing.assert_allclose(predict_probability(parameters, source), A2, rtol=1e-12, atol=1e-12)
    labels = {"sigmoid": A2 > 0.5, "softmax": A2.argmax(axis=0)[None], "linear": A2}[COSTS[cost].output]
    np.testing.assert_allclose(predict(parameters, source), labels, rtol=1e-12, atol=1e-12)
    if COSTS[cost].output == "linear":
        explained = 1 - ((Y - A2) ** 2).sum(axis=1) / ((Y - Y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        assert r2_score(parameters, source, stored(Y)) == pytest.approx(explained.mean(), rel=1e-12)
    else:
        right = labels == (Y.argmax(axis=0) if len(labels) == 1 else Y)
        assert accuracy(parameters, source, stored(Y)) == right.mean()


def test_blocks_of_any_size_are_put_where_they_belong(monkeypatch, problem):
    parameters, X, _ = problem(m=M)
    monkeypatch.setattr(columns, "BLOCK_BYTES", 200 * column_bytes(parameters))
    assert block_count(parameters, M) == 4                                # three blocks of 192 columns and one of 124
    np.testing.assert_allclose(predict_probability(parameters, X), forward_propagation(X, parameters)[0], rtol=1e-12)


@pytest.mark.parametrize(("dtype", "expected"), [
    (np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64), (np.uint8, np.float64),
    (bool, np.float64), (np.float16, np.float64), (">f8", np.float64), (">f4", np.float64), (np.longdouble, np.float64),
])
def test_float32_stays_float32_and_all_else_becomes_float64(dtype, expected, problem):
    parameters, X, _ = problem(dtype=expected)
    A2 = predict_probability(parameters, (X > 0).astype(dtype))
    assert A2.dtype == expected
    np.testing.assert_allclose(A2, forward_propagation((X > 0).astype(float), parameters)[0], rtol=1e-6)


@pytest.mark.parametrize("cost", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("function", [predict, predict_probability])
def test_the_result_goes_to_out(function, cost, tmp_path, problem):
    parameters, X, _ = problem(n_y=2, m=M, cost=cost)
    out = np.memmap(tmp_path / "out", float, "w+", shape=(2, M))
    assert function(parameters, X, out=out) is out
    np.testing.assert_array_equal(out, function(parameters, X))


def test_labels_are_integers_of_any_size_that_out_has(problem):
    parameters, X, _ = problem(m=M)
    assert predict(parameters, X).dtype == np.int64
    out = np.empty((1, M), np.int8)
    np.testing.assert_array_equal(predict(parameters, X, out=out), predict(parameters, X))


# Accuracy and R²

@pytest.mark.parametrize(("Y", "expected"), [
    ([[1, 0, 1, 0]], 1.0), ([[0, 1, 0, 1]], 0.0), ([[1, 1, 1, 0]], 0.75), ([[0.9, 0.2, 0.6, 0.5]], 1.0),
])
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_accuracy_is_the_fraction_of_right_labels(Y, expected, dtype):
    value = accuracy(initialize_parameters(1, 1, 1, scale=np.ones), [[1, -1, 2, -3]], np.array(Y, dtype))
    assert value == expected
    assert type(value) is float


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.int64])
def test_accuracy_takes_labels_of_any_dtype(dtype):
    parameters = initialize_parameters(1, 1, 1, scale=np.ones)
    assert accuracy(parameters, np.array([[1, -1, 2]]), np.array([[1, 0, 0]], dtype)) == 2 / 3


def test_accuracy_of_several_sigmoid_outputs_counts_labels():
    parameters = initialize_parameters(1, 1, 2, scale=np.ones)
    assert accuracy(parameters, np.array([[1, -1]]), np.array([[1, 0], [0, 0]])) == 0.75


def test_accuracy_of_a_softmax_counts_samples():
    parameters = initialize_parameters(1, 1, 2, cost="softmax_cross_entropy", scale=0)
    parameters["b2"] = np.array([[1.0], [0.0]])                           # class 0, always
    assert accuracy(parameters, np.ones((1, 4)), np.array([[1, 1, 0, 1], [0, 0, 1, 0]])) == 0.75


def linear(b2):
    """A network with the constant outputs ``b2``."""
    b2 = np.array(b2, float)[:, None]
    return initialize_parameters(1, 1, len(b2), cost="squared_error", scale=0) | {"b2": b2}


@pytest.mark.parametrize(("b2", "Y", "expected"), [
    ([2], [[1, 2, 3]], 0.0),                                              # as good as the mean
    ([3], [[1, 2, 3]], 1 - 5 / 2),
    ([2, 1], [[1, 2, 3], [0, 2, 1]], 0.0),
    ([2, 3], [[1, 2, 3], [1, 2, 3]], (0 + 1 - 5 / 2) / 2),                # averaged over the outputs
    ([0.1], [[0.1, 0.1, 0.1]], 1.0),                                      # a constant that is met
    ([0], [[0.1, 0.1, 0.1]], 0.0),                                        # and one that is not, its mean inexact
])
def test_r2_by_hand(b2, Y, expected):
    value = r2_score(linear(b2), np.ones((1, 3)), np.array(Y))
    assert value == pytest.approx(expected, abs=1e-14)
    assert type(value) is float


def test_r2_of_a_perfect_fit_is_one(problem):
    parameters, X, _ = problem(n_y=3, m=M, cost="squared_error")
    assert r2_score(parameters, X, predict(parameters, X)) == 1


# Errors

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda p, X, Y: accuracy(p | {"cost": "squared_error"}, X, Y), ValueError,
     r"^accuracy must be asked of a classifier; got a linear output\. Use r2_score\.$"),
    (lambda p, X, Y: r2_score(p, X, Y), ValueError,
     r"^r2_score must be asked of a linear output; got a sigmoid\. Use accuracy\.$"),
    (lambda p, X, Y: r2_score(p | {"cost": "softmax_cross_entropy"}, X, Y), ValueError, r"got a softmax\. Use"),
    (lambda p, X, Y: predict(p, X[:2]), ValueError,
     r"^X must .*got \(2, 7\)\."),
    (lambda p, X, Y: predict(p, X.T), ValueError, r"^X must .*got \(7, 3\)\."),
    (lambda p, X, Y: predict(p, X[0]), ValueError,
     r"^X must .*got \(7,\)\."),
    (lambda p, X, Y: predict(p, X[:, :0]), ValueError,
     r"^X must .*got \(3, 0\)\."),
    (lambda p, X, Y: accuracy(p, X, Y[0]), ValueError,
     r"^Y must .*got \(7,\)\."),
    (lambda p, X, Y: accuracy(p, X, Y.T), ValueError, r"got \(7, 1\)\. Use Y\.reshape\(1, -1\)\.$"),
    (lambda p, X, Y: accuracy(p, X, Y + 1), ValueError,
     "^Y must"),
    (lambda p, X, Y: predict(p | {"W1": p["W1"] * np.nan}, X), ValueError,
     r"^parameters\['W1'\] must .*got 12 .*\['W1'\]\[0, 0\]"),
    (lambda p, X, Y: predict([p], X), TypeError, r"^parameters must be a dictionary; got list\. Use initialize_param"),
    (lambda p, X, Y: predict({"W1": p["W1"]}, X), ValueError,
     r"^parameters must have the entries W1, b1, W2, b2; got no b1, W2, b2\. Use initialize_parameters"),
    (lambda p, X, Y: predict(p, X, out=np.empty((2, 7))), ValueError,
     r"^out must .*got \(2, 7\)\."),
    (lambda p, X, Y: predict(p, X, out=[[0] * 7]), ValueError, "^out must"),
    (lambda p, X, Y: predict_probability(p, X, out=np.empty((1, 7), int)), TypeError,
     r"^out must hold float64; got dtype int64\."),
    (lambda p, X, Y: predict(p, X, out=np.empty((1, 7), bool)), TypeError, r"^out must hold int64; got dtype bool\."),
])
def test_a_wrong_argument_is_refused(call, error, message, problem):
    with pytest.raises(error, match=message):
        call(*problem())


def test_a_wrong_out_is_refused_before_anything_is_read(problem):
    parameters, X, _ = problem(m=M)
    X[0, 0] = np.nan                                                      # who reads it finds this
    for out in (np.empty((2, M)), np.empty((1, M), bool)):
        with pytest.raises((ValueError, TypeError), match=r"^out must"):
            predict(parameters, Slices(X), out=out)


def test_nan_in_a_stream_is_named_by_its_place_in_the_whole(stored, problem):
    parameters, X, _ = problem(m=M)
    X[1, 333] = np.nan
    with pytest.raises(ValueError, match=r"^X must .*got 1 .*X\[1, 333\]"):
        predict(parameters, stored(X))


def test_a_stream_of_something_else_than_numbers_is_refused_at_the_door(problem):
    parameters, X, _ = problem(m=M)
    with pytest.raises(TypeError, match=r"^X must"):
        predict(parameters, Slices(X.astype(complex)))


def test_nan_is_refused_though_its_weight_is_zero(problem):
    parameters, X, Y = problem(n_x=1, n_h=1)
    parameters["W1"][:] = 0
    X[0, 3] = np.nan
    for function in (lambda: predict(parameters, X), lambda: accuracy(parameters, X, Y)):
        with pytest.raises(ValueError, match=r"^X must .*got 1 .*X\[0, 3\]"):
            function()


def test_a_read_only_out_is_refused_before_anything_is_computed(problem):
    parameters, X, _ = problem()
    out = np.empty((1, 7), int)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"^out must be writeable; got a read-only array\. Use np\.empty\(shape\)"):
        predict(parameters, X, out=out)
