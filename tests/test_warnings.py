"""What goes wrong without an error is said in one warning, with the cure; the cure works, and is silent."""

import numpy as np
import pytest

from shallownet import accuracy, nn_model, one_hot, train
from shallownet.datasets import planar_flower, spiral
from shallownet.network import initialize_parameters
from shallownet.optimizers import adam
from shallownet.preprocessing import standardize
from shallownet.states import trouble_of

XOR = np.array([[0.0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0.0, 1, 1, 0]])
generator = np.random.RandomState(0)
X_HOUSES = generator.standard_normal((5, 200))
HOUSES = X_HOUSES, 100_000 + 20_000 * X_HOUSES[:1] + 5000 * generator.standard_normal((1, 200))
PIXELS = generator.randint(0, 256, (64, 300)).astype(float), one_hot(np.arange(300) % 10)


def scaled(X):
    mean, std = standardize(X)
    return (X - mean) / std


@pytest.mark.parametrize("n_h", [2, 4])
def test_a_start_too_near_zero_is_told(n_h):
    with pytest.warns(UserWarning, match=r"^The cost has hardly moved, .* scale=1 or scale='glorot'\.$"):
        nn_model(*XOR, n_h, 2000)
    parameters = nn_model(*XOR, 4, 2000, scale=1)
    assert accuracy(parameters, *XOR) == 1


def test_a_training_that_diverges_without_overflow_is_told():
    with pytest.warns(UserWarning, match=r"^The cost is .* diverged or oscillates\. Use a smaller learning rate, and "):
        nn_model(*HOUSES, 4, 100, cost="squared_error")
    nn_model(scaled(HOUSES[0]), scaled(HOUSES[1]), 4, 100, cost="squared_error", learning_rate=0.05)


def test_a_training_that_oscillates_is_told():
    state = {"parameters": initialize_parameters(2, 4, 1, scale=1), "iteration": 4000, "settings": {}}
    assert "oscillates" in trouble_of({**state, "history": {"cost": [0.693, 0.079, 0.188, 0.066, 0.243]}})
    assert trouble_of({**state, "history": {"cost": [0.693, 0.079, 0.188, 0.066, 0.07]}}) is None


def test_a_dead_relu_is_told():
    settings = {"hidden": "relu", "cost": "softmax_cross_entropy"}
    with pytest.warns(UserWarning, match=r"^No hidden unit is active on any sample \(dead relu\).*standardize\(X\)"):
        nn_model(*PIXELS, 20, 50, **settings)
    nn_model(scaled(PIXELS[0]), PIXELS[1], 20, 50, **settings, learning_rate=0.1)


def test_one_hot_labels_of_independent_sigmoids_are_told():
    X, Y = spiral()
    with pytest.warns(UserWarning, match=r"^Y is one-hot.*cost='softmax_cross_entropy'"):
        parameters = nn_model(X, Y, 4, 20)
    with pytest.warns(UserWarning, match=r"^Y is one-hot"):
        accuracy(parameters, X, Y)
    accuracy(nn_model(X, Y, 4, 20, cost="softmax_cross_entropy"), X, Y)


def test_labels_that_do_not_exclude_each_other_are_not_told():
    X, Y = spiral()
    Y = np.hstack([Y[:, 1:], np.ones((len(Y), 1))])
    nn_model(X, Y, 4, 20)


def test_ordinary_trainings_are_silent():
    X, Y = planar_flower()
    nn_model(X, Y, 4, 1000)
    nn_model(X, Y, 4, 3)
    parameters = initialize_parameters(2, 4, 1, scale=1)
    train(X, Y, parameters, 300, optimizer=adam(0.05), batch_size=16, report_every=1)
    train(X, Y, nn_model(X, Y, 4, 1000), 1000)
