"""The course's way of training, from its formulas, with its mistakes mended: what a learner would write at first."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward_propagation(X, parameters):
    W1 = parameters["W1"]
    b1 = parameters["b1"]
    W2 = parameters["W2"]
    b2 = parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    assert A2.shape == (1, X.shape[1])
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def compute_cost(A2, Y):
    m = Y.shape[1]
    logprobs = np.multiply(np.log(A2), Y) + np.multiply(np.log(1 - A2), 1 - Y)
    cost = float(np.squeeze(-1 / m * np.sum(logprobs)))
    assert isinstance(cost, float)
    return cost


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2 = parameters["W2"]
    A1 = cache["A1"]
    A2 = cache["A2"]
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def update_parameters(parameters, grads, learning_rate=1.2):
    W1 = parameters["W1"] - grads["dW1"] * learning_rate
    b1 = parameters["b1"] - grads["db1"] * learning_rate
    W2 = parameters["W2"] - grads["dW2"] * learning_rate
    b2 = parameters["b2"] - grads["db2"] * learning_rate
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def nn_model(X, Y, n_h, num_iterations=10000, learning_rate=1.2, seed=3):
    """Return the parameters and the cost before the last update."""
    random = np.random.RandomState(seed)
    parameters = {
        "W1": random.randn(n_h, X.shape[0]) * 0.01,
        "b1": np.zeros((n_h, 1)),
        "W2": random.randn(Y.shape[0], n_h) * 0.01,
        "b2": np.zeros((Y.shape[0], 1)),
    }
    for _ in range(num_iterations):
        A2, cache = forward_propagation(X, parameters)
        cost = compute_cost(A2, Y)
        grads = backward_propagation(parameters, cache, X, Y)
        parameters = update_parameters(parameters, grads, learning_rate)
    return parameters, cost


def train_to_a_cost(X, Y, parameters, cost, learning_rate=1.2):
    """Train until the cost is reached; return it."""
    while True:
        A2, cache = forward_propagation(X, parameters)
        reached = compute_cost(A2, Y)
        if reached <= cost:
            return reached
        parameters = update_parameters(parameters, backward_propagation(parameters, cache, X, Y), learning_rate)
