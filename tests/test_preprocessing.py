import h5py
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shallownet import preprocessing
from shallownet.datasets import blobs, moons
from shallownet.network import forward_propagation, initialize_parameters
from shallownet.preprocessing import balanced_weights, fold_standardization, one_hot, split_columns, standardize


def random_parameters(n_x=3, n_h=4, n_y=2, **settings):
    parameters = initialize_parameters(n_x, n_h, n_y, scale=1, random_state=0, **settings)
    generator = np.random.RandomState(1)
    for name in ("b1", "b2"):
        parameters[name] = generator.standard_normal(parameters[name].shape).astype(parameters[name].dtype)
    return parameters


def frozen(array):
    array.flags.writeable = False
    return array


# standardize

def test_standardized_data_has_mean_zero_and_deviation_one():
    X = np.random.RandomState(0).standard_normal((3, 50)) * [[1], [1e-6], [1e6]] + [[5], [0], [-1e7]]
    mean, std = standardize(X)
    assert mean.shape == std.shape == (3, 1)
    scaled = (X - mean) / std
    np.testing.assert_allclose(scaled.mean(axis=1), 0, atol=1e-13)
    np.testing.assert_allclose(scaled.std(axis=1), 1, rtol=1e-13)


@pytest.mark.parametrize("block", [7, 2**20])
def test_a_weight_of_two_is_a_sample_that_is_there_twice(block, monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK", block)
    X = np.random.RandomState(0).standard_normal((3, 50)) * [[1], [1e-6], [0]] + [[5], [0], [-1e7]]
    weights = np.arange(50) // 10                                         # ten samples do not count
    weighted, repeated = standardize(X, weights.reshape(1, -1)), standardize(X.repeat(weights, axis=1))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-13)


def test_two_samples_by_hand():
    mean, std = standardize(np.array([[1, 5], [2, 2]]))
    np.testing.assert_array_equal(mean, [[3], [2]])
    np.testing.assert_array_equal(std, [[2], [1]])


@pytest.mark.parametrize("value", [0.1, -1e300, 1e-300, 0.0, 12345.678])
@pytest.mark.parametrize("block", [7, 2**20])
def test_a_constant_feature_has_the_deviation_one(value, block, monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK", block)
    mean, std = standardize(np.full((1, 1001), value))
    assert std == 1
    np.testing.assert_allclose(mean, value, rtol=1e-15)


@pytest.mark.parametrize("block", [1, 5, 100, 2**20])
def test_blocks_agree_with_the_whole(block, monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK", block)
    X = np.random.RandomState(0).standard_normal((3, 101)) * [[1], [10], [100]] + 7
    mean, std = standardize(X)
    np.testing.assert_allclose(mean[:, 0], X.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(std[:, 0], X.std(axis=1), rtol=1e-13)


@pytest.mark.parametrize("outlier", [False, True])
def test_every_digit_is_kept_far_from_zero(outlier, monkeypatch):
    monkeypatch.setattr(preprocessing, "BLOCK", 64)
    deviations = np.random.RandomState(0).randint(-100, 100, (1, 1000)).astype(float)
    if outlier:
        deviations[0, 0] = 1e6
    mean, std = standardize(deviations + 1e12)  # exact, as these are integers
    np.testing.assert_allclose(mean - 1e12, [[deviations.mean()]], atol=2e-4)
    np.testing.assert_allclose(std, [[deviations.std()]], rtol=1e-10)


@settings(max_examples=50, deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.floats(-1e6, 1e6)))
def test_any_data_agrees_with_numpy(X):
    mean, std = standardize(X)
    np.testing.assert_allclose(mean[:, 0], X.mean(axis=1), rtol=1e-12, atol=1e-9)
    constant = (X == X[:, :1]).all(axis=1)
    assert (std[constant] == 1).all()
    varied = ~constant & (X.std(axis=1) > 1e-6)
    np.testing.assert_allclose(std[varied, 0], X.std(axis=1)[varied], rtol=1e-9)


def test_streamed_data_is_read_once_block_by_block(monkeypatch):
    class Columns:
        def __init__(self, array):
            self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, []

        def __getitem__(self, key):
            part = self.array[key]
            self.read.append(part.shape[1])
            return part

    monkeypatch.setattr(preprocessing, "BLOCK", 30)
    X = np.random.RandomState(0).standard_normal((3, 101))
    stream = Columns(X)
    np.testing.assert_array_equal(standardize(stream), standardize(X))
    assert max(stream.read) == 10
    assert sum(stream.read) == 101 + 1  # and the first sample once more


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_a_memmap_and_an_hdf5_dataset_give_what_the_array_gives(tmp_path, dtype):
    X = (np.random.RandomState(0).standard_normal((3, 50)) * 40 + 100).astype(dtype)
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", dtype, "r", shape=(3, 50))
    np.testing.assert_array_equal(standardize(mapped), standardize(X))
    with h5py.File(tmp_path / "X.h5", "w") as file:
        file["X"] = X
        np.testing.assert_array_equal(standardize(file["X"]), standardize(X))
        assert standardize(file["X"])[0].dtype == standardize(X)[0].dtype


def test_float32_stays_float32_but_is_summed_in_float64():
    X = (np.random.RandomState(0).standard_normal((1, 100_000)) + 1000).astype(np.float32)
    mean, std = standardize(X)
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(std[0], X.astype(float).std(), rtol=1e-7)


def test_a_float32_deviation_that_vanishes_is_one():
    X = np.zeros((1, 1_000_000), np.float32)
    X[0, 0] = np.finfo(np.float32).smallest_subnormal
    assert standardize(X)[1] == 1


def test_data_whose_variance_overflows_is_refused():
    with pytest.raises(ValueError, match=r"X must have rows of finite variance; that of X\[1\] overflows. Scale"):
        standardize(np.array([[1.0, 2.0], [1e200, -1e200]]))


def test_a_nan_is_refused_with_its_place_in_a_stream_too(tmp_path):
    X = np.ones((2, 10))
    X[1, 7] = np.nan
    with pytest.raises(ValueError, match=r"^X must .*got 1 .*X\[1, 7\]"):
        standardize(X)
    X.tofile(tmp_path / "X")
    with pytest.raises(ValueError, match=r"^X must .*got 1 .*X\[1, 7\]"):
        standardize(np.memmap(tmp_path / "X", float, "r", shape=(2, 10)))


# fold_standardization

@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_folded_network_does_for_raw_data_what_it_did_for_standardized(dtype):
    X = np.random.RandomState(0).standard_normal((3, 20)).astype(dtype) * [[3], [50], [0.1]] + [[1], [-200], [9]]
    X = X.astype(dtype)
    mean, std = standardize(X)
    parameters = random_parameters(dtype=dtype, hidden="relu", cost="brier")
    folded = fold_standardization(parameters, mean, std)
    A2, _ = forward_propagation((X - mean) / std, parameters)
    np.testing.assert_allclose(forward_propagation(X, folded)[0], A2, rtol=1e-4 if dtype == np.float32 else 1e-12)
    assert all(folded[name].dtype == dtype for name in ("W1", "b1", "W2", "b2"))
    assert (folded["hidden"], folded["cost"]) == ("relu", "brier")


def test_standardized_targets_are_folded_into_a_linear_output():
    X, Y = np.random.RandomState(0).standard_normal((2, 3, 20)) * 30 + 100
    Y = Y[:2]
    (mean, std), (y_mean, y_std) = standardize(X), standardize(Y)
    parameters = random_parameters(cost="squared_error")
    folded = fold_standardization(parameters, mean, std, y_mean=y_mean, y_std=y_std)
    A2, _ = forward_propagation((X - mean) / std, parameters)
    np.testing.assert_allclose(forward_propagation(X, folded)[0], A2 * y_std + y_mean, rtol=1e-12)


def test_folding_leaves_the_callers_arrays_alone():
    parameters = {name: frozen(array) for name, array in random_parameters().items()}
    before = {name: array.copy() for name, array in parameters.items()}
    folded = fold_standardization(parameters, np.ones((3, 1)), np.full((3, 1), 2.0))
    assert folded is not parameters
    for name, array in parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(("changes", "message"), [
    ({"mean": np.zeros(3)}, r"^mean must .*got \(3,\)\."),
    ({"std": np.ones((1, 3))}, r"^std must .*got \(1, 3\)"),
    ({"mean": np.full((3, 1), np.nan)}, "^mean must .*got 3 "),
    ({"std": np.zeros((3, 1))}, "std must be positive; got 0. Use 1 for a constant feature"),
    ({"y_mean": np.zeros((2, 1))}, r"y_mean and y_std must be given together; got no y_std. Use y_mean, y_std = st"),
    ({"y_std": np.ones((2, 1))}, "y_mean and y_std must be given together; got no y_mean"),
    ({"y_mean": np.zeros((3, 1)), "y_std": np.ones((3, 1))}, r"^y_mean must .*got \(3, 1\)"),
    ({"y_mean": np.zeros((2, 1)), "y_std": -np.ones((2, 1))}, "y_std must be positive; got -1"),
    ({"parameters": {}}, "parameters must have the entries W1, b1, W2, b2"),
])
def test_a_scaling_that_does_not_fit_is_refused(changes, message):
    parameters = random_parameters(cost="squared_error")
    arguments = {"parameters": parameters, "mean": np.zeros((3, 1)), "std": np.ones((3, 1))}
    with pytest.raises(ValueError, match=message):
        fold_standardization(**arguments | changes)


@pytest.mark.parametrize("cost", ["cross_entropy", "softmax_cross_entropy", "brier"])
def test_targets_are_scaled_back_for_a_linear_output_only(cost):
    with pytest.raises(ValueError, match=f"y_mean and y_std must go with a linear output.*; got cost='{cost}'"):
        fold_standardization(random_parameters(cost=cost), np.zeros((3, 1)), np.ones((3, 1)),
                             y_mean=np.zeros((2, 1)), y_std=np.ones((2, 1)))


# one_hot

@pytest.mark.parametrize("Y", [[2, 0, 1], [[2, 0, 1]], np.array([2.0, 0.0, 1.0]), np.array([[2, 0, 1]], np.uint8)])
def test_class_numbers_become_columns_with_a_single_one(Y):
    result = one_hot(Y)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(10, 12))
def test_argmax_is_the_inverse_of_one_hot(numbers, n_classes):
    Y = one_hot(numbers, n_classes)
    assert Y.shape == (n_classes, len(numbers))
    np.testing.assert_array_equal(Y.sum(axis=0), 1)
    np.testing.assert_array_equal(Y.argmax(axis=0), numbers)


@pytest.mark.parametrize(("Y", "n_classes", "error", "message"), [
    ([0, 1.5], None, ValueError, r"Y must hold class numbers 0, 1, 2, …; got 1.5. Use np.unique"),
    ([0, 1e300], None, ValueError, "Y must hold class numbers 0, 1, 2, …; got 1e\\+300 among 2 samples. Use np.unique"),
    ([0, 20_000], None, ValueError, "Y must hold class numbers 0, 1, 2, …; got 20000 among 2 samples. Use np.unique"),
    ([0, -1], None, ValueError, "Y must hold class numbers 0, 1, 2, …; got -1"),
    ([0, 3], 3, ValueError, "Y must hold class numbers below n_classes = 3; got 3. Use n_classes=4"),
    ([0, 0], None, ValueError, r"Y must hold two classes or more, or n_classes must be given; got class 0 alone"),
    ([0, 0], 1, ValueError, "^n_classes must .*got 1"),
    ([0, 1], 2.0, TypeError, r"^n_classes must .*got 2\.0"),
    ([0, np.nan], None, ValueError, "^Y must .*got 1 "),
    ([[0], [1]], None, ValueError, r"^Y must .*got \(2, 1\)\."),
    ([], None, ValueError, r"^Y must .*got \(1, 0\)"),
    (["a", "b"], None, TypeError, "^Y must"),
    (3, None, ValueError, r"^Y must .*got \(\)"),
])
def test_what_are_no_class_numbers_is_refused(Y, n_classes, error, message):
    with pytest.raises(error, match=message):
        one_hot(Y, n_classes)


# balanced_weights

def test_every_class_gets_the_same_total_weight():
    np.testing.assert_allclose(balanced_weights(np.array([[1, 0, 0, 0]])), [[2, 2 / 3, 2 / 3, 2 / 3]], rtol=1e-15)
    np.testing.assert_allclose(balanced_weights(one_hot([0, 1, 1, 2, 2, 2])), [[2, 1, 1, 2 / 3, 2 / 3, 2 / 3]],
                               rtol=1e-15)


@given(st.lists(st.integers(0, 4), min_size=1), st.booleans())
def test_the_mean_weight_is_one_whatever_classes_there_are(numbers, binary):
    Y = np.array([numbers]) % 2 if binary else one_hot(numbers, 5)
    weights = balanced_weights(Y)
    assert weights.shape == (1, len(numbers))
    np.testing.assert_allclose(weights.mean(), 1, rtol=1e-12)
    classes = Y[0] if binary else Y.argmax(axis=0)
    totals = [weights[0, classes == c].sum() for c in np.unique(classes)]
    np.testing.assert_allclose(totals, totals[0], rtol=1e-12)


@pytest.mark.parametrize("Y", [[[0, 1, 2]], [[0.5, 1]], [[1, 1], [0, 1]], [[0, 1], [0, 0]]])
def test_weights_of_what_are_no_classes_are_refused(Y):
    with pytest.raises(ValueError, match=r"Y must be 0/1 labels \(1, m\) or one-hot labels \(n_y, m\); got other"):
        balanced_weights(np.array(Y))


# split_columns

def sample_ids(m, n_x=3):
    """Data whose every column tells which sample it is."""
    return np.arange(m) + np.zeros((n_x, 1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.floats(0.01, 0.99),
       st.sampled_from(["0/1", "one-hot", "values"]), st.integers(0, 100))
def test_every_sample_is_in_one_part_with_its_label_and_classes_keep_their_share(numbers, fraction, kind, seed):
    m = len(numbers)
    classes = np.array(numbers) % {"0/1": 2, "one-hot": 4, "values": 1}[kind]
    assume(np.bincount(classes).max() > 1)
    Y = {"0/1": np.array([classes]), "one-hot": one_hot(numbers, 4), "values": sample_ids(m, 1) + 0.5}[kind]
    X = sample_ids(m)
    X_train, Y_train, X_test, Y_test = split_columns(X, Y, fraction, seed)
    train, test = X_train[0].astype(int), X_test[0].astype(int)
    assert sorted([*train, *test]) == list(range(m))
    np.testing.assert_array_equal(X_train, X[:, train])
    np.testing.assert_array_equal(X_test, X[:, test])
    np.testing.assert_array_equal(Y_train, Y[:, train])
    np.testing.assert_array_equal(Y_test, Y[:, test])
    for c in np.unique(classes):
        n, held_out = np.sum(classes == c), np.sum(classes[test] == c)
        if n > 1:
            assert 1 <= held_out <= n - 1
            assert abs(held_out - fraction * n) <= 0.5 or held_out in (1, n - 1)
        else:
            assert held_out == 0


def test_the_parts_have_the_asked_sizes_and_shares():
    Y = np.repeat([[0.0, 1.0]], [80, 20], axis=1)
    X_train, Y_train, X_test, Y_test = split_columns(sample_ids(100), Y, fraction=0.25)
    assert X_train.shape == (3, 75)
    assert X_test.shape == (3, 25)
    assert (Y_train.sum(), Y_test.sum()) == (15, 5)


def test_both_parts_are_shuffled_across_the_classes():
    X, Y = blobs(m=300, classes=3)
    _, Y_train, _, Y_test = split_columns(X, Y)
    for part in (Y_train, Y_test):
        runs = np.count_nonzero(np.diff(part.argmax(axis=0))) + 1
        assert runs > part.shape[1] / 2


def test_the_seed_decides_the_split():
    X, Y = moons()
    first = split_columns(X, Y)
    for ours, same, other in zip(first, split_columns(X, Y), split_columns(X, Y, random_state=4), strict=True):
        np.testing.assert_array_equal(ours, same)
        assert not np.array_equal(ours, other) or len(ours) == 1
    assert not np.array_equal(first[0], split_columns(X, Y, random_state=4)[0])


def test_a_generator_and_the_global_state_are_used_and_otherwise_left_alone():
    X, Y = moons()
    np.random.seed(3)
    for random_state in (np.random.RandomState(3), None):
        np.testing.assert_array_equal(split_columns(X, Y, random_state=random_state)[0], split_columns(X, Y)[0])
    parts = [split_columns(X, Y, random_state=np.random.default_rng(1))[0] for _ in range(2)]
    np.testing.assert_array_equal(*parts)
    state = np.random.get_state()[1].copy()
    split_columns(X, Y)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("order", ["C", "F"])
def test_samples_are_contiguous_copies_in_their_dtype(order):
    X = frozen(np.asarray(np.random.RandomState(0).standard_normal((3, 10)), np.float32, order=order))
    for part in split_columns(X, frozen(np.zeros((2, 10))))[::2]:
        assert part.flags.f_contiguous
        assert part.dtype == np.float32
        part[0, 0] = 0


def test_labels_of_several_yes_or_no_questions_are_split_as_one_class():
    Y = np.array([[0, 1, 1, 0, 1, 0], [0, 1, 0, 1, 0, 0]])
    *_, Y_test = split_columns(sample_ids(6), Y, fraction=0.5)
    assert Y_test.shape == (2, 3)


@pytest.mark.parametrize(("changes", "error", "message"), [
    ({"Y": np.zeros(10)}, ValueError, r"^Y must .*got \(10,\)\."),
    ({"Y": np.zeros((1, 9))}, ValueError, r"Y must have m = 10 samples, as in X \(3, 10\); got \(1, 9\). Columns"),
    ({"X": np.full((3, 10), np.inf)}, ValueError, "^X must .*got 30 "),
    ({"fraction": 0}, ValueError, r"^fraction must .*got 0\.0"),
    ({"fraction": 1}, ValueError, r"^fraction must .*got 1\.0"),
    ({"fraction": "half"}, TypeError, "^fraction must .*got 'half'"),
    ({"Y": np.eye(10)}, ValueError, r"Y must have a class of two samples or more to be split; got 10 samples, each"),
    ({"random_state": 1.5}, TypeError, r"^random_state must .*got 1\.5"),
])
def test_what_cannot_be_split_is_refused(changes, error, message):
    arguments = {"X": sample_ids(10), "Y": np.zeros((1, 10))}
    with pytest.raises(error, match=message):
        split_columns(**arguments | changes)


def test_streamed_data_is_not_shuffled_in_memory_unasked(tmp_path):
    np.zeros((3, 10)).tofile(tmp_path / "X")
    X = np.memmap(tmp_path / "X", float, "r", shape=(3, 10))
    with pytest.raises(TypeError, match=r"X must be held in memory to be shuffled; got a memmap. Use np\.array\(X\[:"):
        split_columns(X, np.zeros((1, 10)))
    assert split_columns(np.array(X), np.zeros((1, 10)))[0].shape == (3, 8)


def test_a_feature_that_is_constant_but_for_rounding_is_not_blown_up():
    X = np.array([[0.3, 0.1 + 0.2], [1e9, 1e9 + 1]])
    mean, std = standardize(X)
    np.testing.assert_array_equal(std, [[1], [0.5]])
    np.testing.assert_allclose(((X - mean) / std)[0], 0, atol=1e-16)
