"""Networks go to other libraries and come back, and predict the same in both."""

import sys
from itertools import product
from typing import get_args

import numpy as np
import pytest
from conftest import make_problem
from sklearn.neural_network import MLPClassifier, MLPRegressor

from shallownet._types import CostName, Hidden
from shallownet.evaluation import predict, predict_probability
from shallownet.interchange import from_keras, from_sklearn, from_torch, to_sklearn, to_torch
from shallownet.network import NAMES, output_of

NETWORKS = [(cost, hidden, n_y) for cost, hidden, n_y in product(get_args(CostName), get_args(Hidden), (1, 2, 3))
            if (cost, n_y) != ("softmax_cross_entropy", 1)]


def probabilities(mlp, x):
    """As ``predict_probability`` has them: columns, and of two classes the second."""
    if isinstance(mlp, MLPRegressor):
        return mlp.predict(x).reshape(len(x), -1).T
    A2 = mlp.predict_proba(x).T
    return A2[1:] if mlp.n_outputs_ == 1 else A2


@pytest.mark.parametrize(("cost", "hidden", "n_y"), NETWORKS)
def test_a_network_goes_to_scikit_learn_and_back(cost, hidden, n_y):
    parameters, X, _ = make_problem(m=200, n_y=n_y, cost=cost, hidden=hidden)
    mlp = to_sklearn(parameters)
    expected = predict_probability(parameters, X)
    two = cost == "softmax_cross_entropy" and n_y == 2                    # has one output there
    np.testing.assert_allclose(probabilities(mlp, X.T), expected[two:], rtol=0, atol=1e-12)
    if output_of(parameters) != "linear":
        np.testing.assert_array_equal(mlp.predict(X.T).reshape(200, -1).T, predict(parameters, X))
    np.testing.assert_allclose(predict_probability(from_sklearn(mlp), X), expected[two:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
@pytest.mark.parametrize("target", ["two", "three", "several", "value", "values"])
def test_a_fitted_scikit_learn_network_comes_here(activation, target):
    generator = np.random.RandomState(0)
    x = generator.standard_normal((90, 3))
    y = {"two": np.array(["no", "yes"])[np.arange(90) % 2], "three": np.arange(90) % 3, "value": x[:, 0],
         "several": (x > 0).astype(int), "values": x[:, :2]}[target]
    Estimator = MLPRegressor if "value" in target else MLPClassifier
    options = {} if "value" in target else {"classes": [0, 1, 2] if target == "several" else np.unique(y)}
    mlp = Estimator(hidden_layer_sizes=(5,), activation=activation, random_state=0).partial_fit(x, y, **options)
    parameters = from_sklearn(mlp)
    np.testing.assert_allclose(predict_probability(parameters, x.T), probabilities(mlp, x), rtol=0, atol=1e-12)
    if target in ("two", "three"):
        assert (mlp.classes_[predict(parameters, x.T)[0]] == mlp.predict(x)).all()


def test_an_estimator_has_the_classes_it_is_given():
    parameters, X, _ = make_problem(n_y=3, m=50, cost="softmax_cross_entropy")
    classes = np.array(["cat", "dog", "emu"])
    assert (to_sklearn(parameters, classes=classes).predict(X.T) == classes[predict(parameters, X)[0]]).all()


def test_float32_stays_float32_in_scikit_learn():
    parameters, X, _ = make_problem(dtype=np.float32)
    mlp = to_sklearn(parameters)
    assert mlp.predict_proba(X.T).dtype == np.float32
    assert from_sklearn(mlp)["W1"].dtype == np.float32


@pytest.mark.parametrize(("cost", "hidden"), list(product(get_args(CostName), get_args(Hidden))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_network_goes_to_pytorch_and_keras_and_back(cost, hidden, dtype):
    parameters = make_problem(n_y=3, cost=cost, hidden=hidden, dtype=dtype)[0]
    state_dict = to_torch(parameters)
    weights = [array.T for array in state_dict.values()]
    for back in (from_torch(state_dict, hidden=hidden, cost=cost), from_keras(weights, hidden=hidden, cost=cost)):
        assert {k: v for k, v in back.items() if k not in NAMES} == {
            k: v for k, v in parameters.items() if k not in NAMES}
        for name in NAMES:
            assert back[name].dtype == dtype
            np.testing.assert_array_equal(back[name], parameters[name])


def test_the_arrays_are_the_taker_s_own():
    parameters = make_problem()[0]
    for taken in (to_torch(parameters), from_torch(to_torch(parameters)), {"W1": to_sklearn(parameters).coefs_[0]}):
        for array in taken.values():
            assert not any(np.shares_memory(array, parameters[name]) for name in NAMES)
            assert array.flags.writeable


def fitted(**options):
    return MLPRegressor(**{"hidden_layer_sizes": (4,), **options}).partial_fit(np.eye(3), np.arange(3.0))


@pytest.mark.parametrize(("mlp", "error", "message"), [
    (MLPClassifier(), TypeError, "mlp must be a fitted MLPClassifier or MLPRegressor; got MLPClassifier. Fit it first"),
    (None, TypeError, "got NoneType"),
    (fitted(hidden_layer_sizes=(4, 4)), ValueError, "mlp must have one hidden layer; got 2"),
    (fitted(hidden_layer_sizes=()), ValueError, "mlp must have one hidden layer; got 0"),
    (fitted(activation="identity"), ValueError, "mlp.activation must be one of 'tanh', 'logistic', 'relu'; got 'iden"),
])
def test_another_estimator_is_refused(mlp, error, message):
    with pytest.raises(error, match=message):
        from_sklearn(mlp)


def state(*shapes, names=("0.weight", "0.bias", "2.weight", "2.bias")):
    return dict(zip(names, map(np.ones, shapes), strict=True))


@pytest.mark.parametrize(("state_dict", "message"), [
    (state((4, 3), (4,), names=("0.weight", "0.bias")), "of two linear layers; got 0.weight, 0.bias. Other layers"),
    (state((4, 3), (1, 4), names=("0.weight", "2.weight")), "layers without bias"),
    (state((4, 3), (4,), (1, 5), (1,)), r"two that follow each other; got \(4, 3\), \(4,\), \(1, 5\), \(1,\)"),
    (state((4, 3), (3,), (1, 4), (1,)), "two that follow each other"),
    (state((4, 3, 3), (4,), (1, 4), (1,)), "two that follow each other"),
    (state((4, 3), (4,), (1, 4), (1,)) | {"2.bias": np.array([np.nan])}, "must be finite"),
])
def test_another_state_dict_is_refused(state_dict, message):
    with pytest.raises(ValueError, match=message):
        from_torch(state_dict)


def test_a_module_in_place_of_its_state_dict_is_refused():
    with pytest.raises(TypeError, match=r"state_dict must be a mapping; got list. Use module.state_dict\(\)"):
        from_torch([])


def test_other_weights_of_keras_are_refused():
    with pytest.raises(ValueError, match=r"of two dense layers; got arrays of shapes \(3, 4\), \(4, 1\)\. Other"):
        from_keras([np.ones((3, 4)), np.ones((4, 1))])
    with pytest.raises(ValueError, match="two that follow each other"):
        from_keras([np.ones((3, 4)), np.ones(4), np.ones((5, 1)), np.ones(1)])


@pytest.mark.parametrize("take", [from_torch, lambda layers, **names: from_keras(
    [array.T for array in layers.values()], **names)])
def test_unknown_names_are_refused(take):
    layers = state((4, 3), (4,), (1, 4), (1,))
    with pytest.raises(ValueError, match=r"hidden must be one of .*'tanh'"):
        take(layers, hidden="gelu")
    with pytest.raises(ValueError, match=r"cost must be one of .*'cross_entropy'"):
        take(layers, cost="hinge")


@pytest.mark.parametrize(("problem", "classes", "message"), [
    ({"cost": "softmax_cross_entropy"}, None, "at least two outputs for a softmax; got 1"),
    ({}, ["a"], "classes must have 2 labels, to go with the network; got 1"),
    ({}, ["b", "a"], r"classes must be in ascending order, as scikit-learn has them; got \['b', 'a'\]"),
    ({"cost": "squared_error"}, ["a", "b"], "classes must have 0 labels"),
])
def test_what_scikit_learn_cannot_have_is_refused(problem, classes, message):
    with pytest.raises(ValueError, match=message):
        to_sklearn(make_problem(**problem)[0], classes=classes)


def test_without_scikit_learn_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    with pytest.raises(ImportError, match=r'Use pip install "shallownet\[sklearn\]"'):
        to_sklearn(make_problem()[0])
