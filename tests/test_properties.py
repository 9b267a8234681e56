"""What holds for every network, every data and every argument."""

import copy
import datetime
import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from asserts import assert_close
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from streams import Slices, mini_batches

import shallownet
from shallownet import columns
from shallownet.activations import ACTIVATIONS
from shallownet.columns import workers
from shallownet.costs import COSTS
from shallownet.evaluation import predict_probability
from shallownet.network import NAMES, compute_cost, forward_propagation, initialize_parameters, layer_sizes
from shallownet.objective import cost_and_gradient, cost_and_gradient_by_blocks, cost_and_gradient_by_parts
from shallownet.training import train

GRADS = tuple("d" + name for name in NAMES)
EXACT = {"rtol": 0, "atol": 1e-12}
assert_same = partial(assert_close, rtol=1e-12, atol=1e-12)


@st.composite
def networks(draw, largest=6, most=40, costs=tuple(COSTS), least=1):
    """A network, data and labels for it, and settings: l2 and weights, or none."""
    n_x, n_h, n_y = (draw(st.integers(1, largest)) for _ in range(3))
    m, cost = draw(st.integers(least, most)), draw(st.sampled_from(costs))
    n_y = max(n_y, 2) if cost == "softmax_cross_entropy" else n_y
    generator = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    parameters = initialize_parameters(
        n_x, n_h, n_y, hidden=draw(st.sampled_from(tuple(ACTIVATIONS))), cost=cost, scale=1, random_state=generator
    )
    for name in ("b1", "b2"):
        parameters[name] = generator.standard_normal(parameters[name].shape)
    X = generator.standard_normal((n_x, m))
    if cost == "squared_error":
        Y = generator.standard_normal((n_y, m))
    elif cost == "softmax_cross_entropy":
        Y = generator.dirichlet(np.ones(n_y), size=m).T
    else:
        Y = generator.rand(n_y, m)
    options = {}
    if draw(st.booleans()):
        options["l2"] = draw(st.sampled_from([0.1, 3.0]))
    if draw(st.booleans()):
        options["sample_weight"] = generator.randint(1, 4, size=(1, m)).astype(float)
    return parameters, X, Y, options


# Networks

@given(networks())
@settings(max_examples=60)
def test_shapes_are_those_of_the_layers(network):
    parameters, X, Y, options = network
    n_x, n_h, n_y = layer_sizes(X, Y, len(parameters["W1"]))
    A2, cache = forward_propagation(X, parameters)
    cost, grads = cost_and_gradient(parameters, X, Y, **options)
    assert A2.shape == cache["Z2"].shape == (n_y, X.shape[1])
    assert cache["Z1"].shape == cache["A1"].shape == (n_h, X.shape[1])
    assert [grads[name].shape for name in GRADS] == [(n_h, n_x), (n_h, 1), (n_y, n_h), (n_y, 1)]
    assert type(cost) is float
    assert np.isfinite(cost)


@given(networks(largest=4, most=8))
@settings(max_examples=60)
def test_the_gradient_is_right(network):
    parameters, X, Y, options = network
    Z1 = forward_propagation(X, parameters)[1]["Z1"]
    assume(parameters.get("hidden") != "relu" or np.abs(Z1).min() > 1e-3)
    assume(np.abs(cost_and_gradient(parameters, X, Y, **options)[1]["db2"]).max() > 1e-3)
    assert shallownet.gradient_check(parameters, X, Y, **options) < 1e-7


@given(networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_order_of_the_samples_changes_nothing(network, seed):
    parameters, X, Y, options = network
    order = np.random.RandomState(seed).permutation(X.shape[1])
    weights = options.get("sample_weight")
    moved = options if weights is None else options | {"sample_weight": weights[:, order]}
    assert_same(cost_and_gradient(parameters, X[:, order], Y[:, order], **moved),
                cost_and_gradient(parameters, X, Y, **options))


@given(networks(), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_order_of_the_hidden_units_changes_nothing(network, seed):
    parameters, X, Y, options = network
    order = np.random.RandomState(seed).permutation(len(parameters["W1"]))
    moved = parameters | {"W1": parameters["W1"][order], "b1": parameters["b1"][order],
                          "W2": parameters["W2"][:, order]}
    np.testing.assert_allclose(predict_probability(moved, X), predict_probability(parameters, X), **EXACT)
    cost, grads = cost_and_gradient(moved, X, Y, **options)
    expected, unmoved = cost_and_gradient(parameters, X, Y, **options)
    assert_same((cost, grads), (expected, {"dW1": unmoved["dW1"][order], "db1": unmoved["db1"][order],
                                           "dW2": unmoved["dW2"][:, order], "db2": unmoved["db2"]}))


@given(networks(), st.sampled_from([0.0, 0.7]))
@settings(max_examples=40)
def test_a_doubled_sample_counts_like_weight_two(network, l2):
    parameters, X, Y, _ = network
    weights = np.ones((1, X.shape[1]))
    weights[0, 0] = 2
    assert_same(cost_and_gradient(parameters, np.hstack([X, X[:, :1]]), np.hstack([Y, Y[:, :1]]), l2=l2),
                cost_and_gradient(parameters, X, Y, l2=l2, sample_weight=weights))


@given(networks(least=2), st.sampled_from([0.0, 0.7]))
@settings(max_examples=40)
def test_a_sample_of_weight_zero_counts_like_an_absent_one(network, l2):
    parameters, X, Y, _ = network
    weights = np.ones((1, X.shape[1]))
    weights[0, 0] = 0
    assert_same(cost_and_gradient(parameters, X, Y, l2=l2, sample_weight=weights),
                cost_and_gradient(parameters, X[:, 1:], Y[:, 1:], l2=l2))


@given(networks(), st.floats(0.01, 100))
@settings(max_examples=40)
def test_weights_count_by_their_ratios(network, factor):
    parameters, X, Y, options = network
    weights = options.get("sample_weight", np.ones((1, X.shape[1])))
    assert_same(cost_and_gradient(parameters, X, Y, sample_weight=factor * weights),
                cost_and_gradient(parameters, X, Y, sample_weight=weights))


@given(networks(costs=("softmax_cross_entropy",)))
@settings(max_examples=40)
def test_a_softmax_with_two_classes_is_a_sigmoid(network):
    softmax, X, Y, options = network
    softmax["W2"], softmax["b2"], Y = softmax["W2"][:2], softmax["b2"][:2], Y[:2] / Y[:2].sum(axis=0)
    sigmoid = softmax | {"cost": "cross_entropy", "W2": softmax["W2"][:1] - softmax["W2"][1:],
                         "b2": softmax["b2"][:1] - softmax["b2"][1:]}
    np.testing.assert_allclose(predict_probability(softmax, X)[:1], predict_probability(sigmoid, X), **EXACT)
    options = {name: value for name, value in options.items() if name != "l2"}  # the weights are not the same ones
    cost, grads = cost_and_gradient(softmax, X, Y, **options)
    expected, of_sigmoid = cost_and_gradient(sigmoid, X, Y[:1], **options)
    assert_same((cost, grads), (expected, {
        "dW1": of_sigmoid["dW1"], "db1": of_sigmoid["db1"],
        "dW2": np.vstack([of_sigmoid["dW2"], -of_sigmoid["dW2"]]), "db2": np.vstack([1, -1]) * of_sigmoid["db2"],
    }))


@given(networks(), st.integers(1, 50), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_the_whole_is_the_weighted_mean_of_its_batches(network, batch_size, seed):
    parameters, X, Y, options = network
    weights, l2 = options.get("sample_weight"), options.get("l2", 0.0)
    whole = X.shape[1] if weights is None else weights.sum()
    total, grads = 0.0, dict.fromkeys(GRADS, 0.0)
    for x, y, w in mini_batches((X, Y, weights), batch_size, np.random.RandomState(seed)):
        share = (x.shape[1] if w is None else w.sum()) / whole
        cost, of_batch = cost_and_gradient(parameters, x, y, l2=l2 * share, sample_weight=w)
        total += share * cost
        grads = {name: grads[name] + share * of_batch[name] for name in GRADS}
    assert_same((total, grads), cost_and_gradient(parameters, X, Y, **options))


@given(networks(most=500), st.booleans(), st.integers(1, 3))
@settings(max_examples=40)
def test_blocks_threads_and_streams_agree_with_the_whole(network, streamed, threads):
    parameters, X, Y, options = network
    expected = cost_and_gradient(parameters, X, Y, **options)
    source = (Slices(X), Slices(Y)) if streamed else (X, Y)
    with pytest.MonkeyPatch.context() as patch, workers(threads, 8) as run:
        patch.setattr(columns, "BLOCK_BYTES", 1)
        patch.setattr(columns, "READ_BYTES", 10_000)
        assert_same(cost_and_gradient_by_blocks(parameters, *source, run=run, **options), expected)
        np.testing.assert_allclose(predict_probability(parameters, source[0]), predict_probability(parameters, X),
                                   **EXACT)


@given(networks(), st.integers(1, 3))
@settings(max_examples=60)
def test_parts_of_the_hidden_units_agree_with_the_whole(network, threads):
    parameters, X, Y, options = network
    expected = cost_and_gradient(parameters, X, Y, **options)
    with pytest.MonkeyPatch.context() as patch, workers(threads, 8) as run:
        patch.setattr("shallownet.objective.PART_UNITS", 1)
        patch.setattr("shallownet.objective.PART_OPERATIONS", 1)
        assert_same(cost_and_gradient_by_parts(parameters, X, Y, run=run, **options), expected)


@given(networks(costs=("cross_entropy", "softmax_cross_entropy")), st.sampled_from([1e3, 1e6, 1e100, 1e300]))
@settings(max_examples=40)
def test_a_cost_from_the_logits_is_finite_at_any_size(network, size):
    parameters, X, Y, _ = network
    A2, cache = forward_propagation(X, parameters)
    cost = compute_cost(A2, Y, parameters, cache={"Z2": size * cache["Z2"]})
    assert 0 <= cost < np.inf


@given(networks(), st.integers(1, 50), st.integers(0, 12))
@settings(max_examples=25)
def test_a_training_stopped_anywhere_goes_on_bit_for_bit(network, batch_size, stop):
    parameters, X, Y, options = network
    states = []
    run = partial(train, X, Y, parameters, optimizer=shallownet.adam(0.01), batch_size=batch_size, **options)
    whole, history = run(12, report_every=5)
    run(stop, report_every=5, callbacks=[lambda state: states.append(copy.deepcopy(state))])
    resumed, history_again = run(12, report_every=5, state=states[-1])
    assert history_again == history
    for name in NAMES:
        assert resumed[name].tobytes() == whole[name].tobytes()


# Every public function leaves what it gets, and the global random state, alone

def updated(optimizer, parameters, grads):
    return optimizer.update(parameters, grads, optimizer.init(parameters))


def calls():
    """Calls of every public function, as (name, function, arguments)."""
    X, Y = np.random.RandomState(0).standard_normal((2, 30)), np.arange(30.0)[None] % 2
    parameters = initialize_parameters(2, 4, 1, scale=1, random_state=0)
    linear = initialize_parameters(2, 4, 1, cost="squared_error", scale=1, random_state=0)
    weights, numbers = np.arange(30.0)[None], np.arange(30)[None] % 3
    A2, cache = forward_propagation(X, parameters)
    grads = cost_and_gradient(parameters, X, Y)[1]
    state = {"iteration": 0, "num_iterations": 1, "parameters": parameters, "cost": 0.5, "finished": True,
             "history": {"iteration": [0], "cost": [0.5]}, "optimizer_state": {"t": 0}}
    s = shallownet
    yield from [
        ("layer_sizes", s.layer_sizes, (X, Y)),
        ("initialize_parameters", partial(s.initialize_parameters, random_state=0), (2, 4, 1)),
        ("forward_propagation", s.forward_propagation, (X, parameters)),
        ("compute_cost", partial(s.compute_cost, l2=1), (A2, Y, parameters)),
        ("compute_cost", lambda A2, Y, cache, weights: s.compute_cost(A2, Y, cache=cache, sample_weight=weights),
         (A2, Y, cache, weights)),
        ("backward_propagation", partial(s.backward_propagation, l2=1), (parameters, cache, X, Y)),
        ("update_parameters", s.update_parameters, (parameters, grads)),
        ("nn_model", lambda X, Y, w: s.nn_model(X, Y, 3, 5, sample_weight=w), (X, Y, weights)),
        ("nn_model", lambda X, Y: s.nn_model(X, Y, 3, 5, batch_size=8, l2=1), (X, Y)),
        ("train", lambda X, Y, p: s.train(X, Y, p, 5, optimizer=s.adam()), (X, Y, parameters)),
        ("train", lambda X, Y, p, w: s.train(X, Y, p, 5, batch_size=8, sample_weight=w), (X, Y, parameters, weights)),
        ("predict", s.predict, (parameters, X)),
        ("predict", s.predict, (linear, X)),
        ("predict_probability", s.predict_probability, (parameters, X)),
        ("accuracy", s.accuracy, (parameters, X, Y)),
        ("r2_score", s.r2_score, (linear, X, Y)),
        ("gradient_check", lambda p, X, Y, g: s.gradient_check(p, X, Y, grads=g), (parameters, X, Y, grads)),
        ("gradient_check", lambda p, X, Y, w: s.gradient_check(p, X, Y, l2=1, sample_weight=w),
         (parameters, X, Y, weights)),
        ("numerical_gradient", s.numerical_gradient, (np.sum, X)),
        ("gradient_descent", partial(updated, s.gradient_descent(0.1)), (parameters, grads)),
        ("momentum", partial(updated, s.momentum(0.1)), (parameters, grads)),
        ("adam", partial(updated, s.adam(0.1)), (parameters, grads)),
        ("inverse_time_decay", s.inverse_time_decay(1, 1), (3,)),
        ("step_decay", s.step_decay(1, 1, 1), (3,)),
        ("print_cost", lambda state: s.print_cost()(state), (state,)),
        ("progress_bar", lambda state: s.progress_bar()(state), (state,)),
        ("snapshots", lambda state: s.snapshots()(state), (state,)),
        ("early_stopping", lambda X, Y, p: s.train(X, Y, p, 5, callbacks=[s.early_stopping(X, Y)]), (X, Y, parameters)),
        ("record_validation", lambda X, Y, p: s.train(X, Y, p, 5, callbacks=[s.record_validation(X, Y)]),
         (X, Y, parameters)),
        ("standardize", s.standardize, (X,)),
        ("fold_standardization", s.fold_standardization, (parameters, *s.standardize(X))),
        ("one_hot", s.one_hot, (numbers,)),
        ("balanced_weights", s.balanced_weights, (Y,)),
        ("split_columns", lambda X, Y: s.split_columns(X, Y, 0.5, random_state=0), (X, Y)),
    ]


CALLS = list(calls())


def freeze(value):
    """Make every array in it read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            freeze(item)


@pytest.mark.parametrize(("function", "arguments"), [call[1:] for call in CALLS], ids=[call[0] for call in CALLS])
def test_read_only_arguments_are_enough_and_stay_as_they_were(function, arguments):
    freeze(arguments)
    before, random_state = copy.deepcopy(arguments), np.random.get_state(legacy=False)
    function(*arguments)
    np.testing.assert_equal(arguments, before)
    np.testing.assert_equal(np.random.get_state(legacy=False), random_state)


def test_every_public_function_was_called_so():
    """``checkpoint`` writes a file and is tested with the files."""
    assert {name for name, *_ in CALLS} == set(shallownet.__all__) - {"checkpoint"}


# Whatever is given at a public door: it works, or an error in the package's words says what is wrong

class Stubborn:
    """Gives neither an array nor a length."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __len__(self):
        raise RuntimeError("no length")

class Table:
    """Numbers as other libraries hold them: an object with a shape that gives an array when it is asked to."""

    def __init__(self, array):
        self.array, self.shape, self.columns = np.asarray(array), np.shape(array), range(np.shape(array)[1])

    def __array__(self, dtype=None, copy=None):
        return self.array


JUNK = [
    None, True, False, 0, -1, 3, 2.5, -0.5, np.nan, np.inf, -np.inf, 1j, np.float32(2), np.int8(-3), np.bool_(True),
    "", "tanh", "adam", b"bytes", [], (), {}, set(), [1, 2], [[1, 2], [3]], [[]], [None], [[None, 1.0]], ["a", "b"],
    {"a": 1}, {"W1": 1}, dict.fromkeys(NAMES), dict.fromkeys(NAMES, 1.0), dict.fromkeys(NAMES, "a"),
    {name: [[1], [2, 3]] for name in NAMES}, dict.fromkeys(GRADS), dict.fromkeys(GRADS, np.full((4, 2), "a")),
    object(), len, print, Stubborn(), SimpleNamespace(shape=(2, 6)), SimpleNamespace(shape=3, dtype=float),
    SimpleNamespace(chunks=1), SimpleNamespace(shape=(2, 6), dtype=np.dtype(float)), SimpleNamespace(shape=None),
    iter([1, 2]), (i for i in range(3)), range(3), datetime.date(2020, 1, 1), np.dtype(float), np.float32, float,
    np.array(3.0), np.array([]), np.zeros((0, 6)), np.zeros((2, 0)), np.zeros(6), np.zeros((6, 1)), np.zeros((6, 2)),
    np.zeros((2, 6, 1)), np.zeros((2, 5)), np.zeros((1, 6)), np.zeros((2, 6)), np.ones((3, 6), bool),
    np.full((2, 6), np.nan), np.full((1, 6), np.inf), np.full((2, 6), 1j), np.full((2, 6), "a"), np.full((1, 6), -1),
    np.full((1, 6), 2, np.uint8), np.full((2, 6), None), np.full((2, 6), 1, object), np.zeros((2, 6), "M8[s]"),
    np.zeros((2, 6), "m8[s]"), np.zeros((2, 6), [("a", float)]), np.zeros((2, 6), "S3"), np.zeros((2, 6), "V3"),
    np.zeros((2, 6), np.float16), np.full((2, 6), np.longdouble("1e400")), np.ma.zeros((2, 6)), np.ma.zeros((1, 6)),
    np.zeros((2, 6)).view(np.recarray), np.zeros((4, 12))[::2, ::2], np.zeros((2, 6), ">f4"),
    np.broadcast_to(0.5, (2, 6)),
    Table(np.zeros((2, 6))), Table(np.zeros((6, 2))), Table(np.full((2, 6), "a")), Table([[None] * 6] * 2),
    Slices(np.zeros((6, 2))), Slices(np.zeros(6)), Slices(np.full((2, 6), 1j)), Slices(np.full((2, 6), np.nan)),
    Slices(np.full((1, 6), 7.0)), Slices(np.full((2, 6), "a")), Slices(np.zeros((2, 0))), Slices(np.zeros((2, 6), int)),
    np.random.RandomState(0), np.random.PCG64(0), np.random.default_rng(0), 10**400, -10**400,
]


def doors():
    """The public doors as name: (function, arguments that are right)."""
    s, X, Y = shallownet, np.arange(12.0).reshape(2, 6) / 12, np.arange(6.0)[None] % 2
    parameters = initialize_parameters(2, 4, 1, scale=1, random_state=0)
    linear = parameters | {"cost": "squared_error"}
    training = {"optimizer": s.gradient_descent(0.1), "batch_size": 3, "l2": 0.1, "sample_weight": np.ones((1, 6)),
                "random_state": 3, "report_every": 2, "callbacks": (), "state": None, "threads": 1}
    return {
        "layer_sizes": (s.layer_sizes, {"X": X, "Y": Y, "n_h": 4}),
        "initialize_parameters": (s.initialize_parameters, {
            "n_x": 2, "n_h": 4, "n_y": 1, "hidden": "tanh", "cost": "cross_entropy", "scale": 0.01,
            "random_state": 0, "dtype": float}),
        "nn_model": (s.nn_model, {
            "X": X, "Y": Y, "n_h": 2, "num_iterations": 2, "learning_rate": 1.2, "hidden": "tanh",
            "cost": "cross_entropy", "scale": 0.01, **training, "optimizer": None}),
        "train": (s.train, {"X": X, "Y": Y, "parameters": parameters, "num_iterations": 2, **training}),
        "train, full batch": (s.train, {
            "X": X, "Y": Y, "parameters": linear, "num_iterations": 2, **training, "batch_size": None}),
        "predict": (s.predict, {"parameters": parameters, "X": X, "out": None}),
        "predict_probability": (s.predict_probability, {"parameters": parameters, "X": X, "out": None}),
        "accuracy": (s.accuracy, {"parameters": parameters, "X": X, "Y": Y}),
        "r2_score": (s.r2_score, {"parameters": linear, "X": X, "Y": Y}),
        "gradient_check": (s.gradient_check, {
            "parameters": parameters, "X": X, "Y": Y, "l2": 0.1, "sample_weight": None, "grads": None, "h": 1e-5}),
        "gradient_descent": (s.gradient_descent, {"learning_rate": 0.1}),
        "momentum": (s.momentum, {"learning_rate": 0.1, "beta": 0.9}),
        "adam": (s.adam, {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.9, "epsilon": 1e-8}),
        "inverse_time_decay": (s.inverse_time_decay, {"learning_rate": 0.1, "decay": 0.1}),
        "step_decay": (s.step_decay, {"learning_rate": 0.1, "factor": 0.1, "every": 10}),
        "early_stopping": (s.early_stopping, {"X_val": X, "Y_val": Y, "patience": 3, "min_improvement": 0.1}),
        "snapshots": (s.snapshots, {"every": 1, "max_snapshots": 10}),
    }


DOORS = doors()
SIZES = ("n_x", "n_h", "n_y", "num_iterations")
FUNCTIONS = ("learning_rate", "scale")


def fair(argument, value):
    """No huge size, which is no error but has no end, and no function of the caller's that fails by itself."""
    huge = argument in SIZES and isinstance(value, int) and value > 100
    return not huge and not (argument in FUNCTIONS and callable(value))


def complaint(function, arguments):
    """What the call says if it refuses its arguments."""
    try:
        function(**arguments)
    except (ValueError, TypeError) as error:
        return str(error)
    return None


def assert_works_or_says_why(function, arguments):
    message = complaint(function, arguments)
    assert message is None or re.match(r"\S[^\n]* must [^\n]*; got ", message), f"not in our words: {message}"


@pytest.mark.parametrize(("door", "argument"), [(name, key) for name in DOORS for key in DOORS[name][1]])
def test_a_wrong_argument_is_refused_in_the_package_s_words(door, argument):
    function, right = DOORS[door]
    for value in JUNK:
        if fair(argument, value):
            assert_works_or_says_why(function, right | {argument: value})


@pytest.mark.parametrize("door", ["train", "predict", "gradient_check"])
@pytest.mark.parametrize("entry", [*NAMES, "hidden", "cost"])
def test_a_wrong_entry_of_the_parameters_is_refused_in_the_package_s_words(door, entry):
    function, right = DOORS[door]
    for value in JUNK:
        assert_works_or_says_why(function, right | {"parameters": right["parameters"] | {entry: value}})


@pytest.mark.parametrize("callback", [shallownet.early_stopping, shallownet.record_validation])
@pytest.mark.parametrize("argument", ["X_val", "Y_val"])
def test_wrong_validation_data_is_refused_in_the_package_s_words(callback, argument):
    function, right = DOORS["train"]
    for value in JUNK:
        data = {"X_val": right["X"], "Y_val": right["Y"]} | {argument: value}
        assert_works_or_says_why(function, right | {"callbacks": [callback(**data)]})


@given(st.data())
@settings(max_examples=150)
def test_any_array_is_taken_or_refused_in_the_package_s_words(data):
    door = data.draw(st.sampled_from(["nn_model", "train", "predict", "accuracy", "r2_score", "gradient_check"]))
    function, right = DOORS[door]
    argument = data.draw(st.sampled_from([name for name in ("X", "Y", "sample_weight") if name in right]))
    dtype = data.draw(st.one_of(arrays.boolean_dtypes(), arrays.integer_dtypes(), arrays.floating_dtypes(),
                                arrays.complex_number_dtypes(), arrays.unicode_string_dtypes()))
    shape = data.draw(st.one_of(st.sampled_from([(2, 6), (1, 6)]), arrays.array_shapes(min_dims=0, min_side=0)))
    limits = {"min_value": -1000, "max_value": 1000} if dtype.kind == "f" else {}
    array = data.draw(arrays.arrays(dtype, shape, elements=arrays.from_dtype(dtype, **limits)))
    assert_works_or_says_why(function, right | {argument: array})
