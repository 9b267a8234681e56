"""One answer to each exercise of docs/exercises.md, for the teacher; others are as good."""

import numpy as np

from shallownet import backward_propagation, compute_cost, forward_propagation, numerical_gradient


def xor():
    return {
        "W1": np.array([[5.0, 5.0], [5.0, 5.0]]), "b1": np.array([[-2.5], [-7.5]]),      # OR, AND
        "W2": np.array([[5.0, -5.0]]), "b2": np.array([[-5.0]]),                         # OR but not AND
    }


def linear_collapse(parameters):
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    return W2 @ W1, W2 @ b1 + b2


def symmetric_start(n_x, n_h, n_y):
    return {
        "W1": np.full((n_h, n_x), 0.1), "b1": np.zeros((n_h, 1)),
        "W2": np.full((n_y, n_h), 0.1), "b2": np.zeros((n_y, 1)),
    }


def sigmoid(Z):
    return (np.tanh(Z / 2) + 1) / 2


def cost_from_logits(Z2, Y):
    return np.sum(np.logaddexp(0, Z2) - Y * Z2) / Y.shape[1]


def softmax_to_sigmoid(parameters):
    W2, b2 = parameters["W2"], parameters["b2"]
    return {"W1": parameters["W1"], "b1": parameters["b1"], "W2": W2[1:] - W2[:1], "b2": b2[1:] - b2[:1]}


def fold_scaling(parameters, mean, std):
    W1 = parameters["W1"] / std.T
    return parameters | {"W1": W1, "b1": parameters["b1"] - W1 @ mean}


def class_weights(Y):
    m, ones = Y.size, Y.sum()
    return np.where(Y == 1, m / (2 * ones), m / (2 * (m - ones)))


def largest_learning_rate(X):
    return X.shape[1] / np.linalg.eigvalsh(X @ X.T).max()


def momentum(W, gradients, learning_rate, beta):
    v = np.zeros_like(W)
    for gradient in gradients:
        v = beta * v + (1 - beta) * gradient
        W = W - learning_rate * v
    return W


def batch_gradient(gradient, X, Y, batch_size):
    m = X.shape[1]
    slices = [slice(i, min(i + batch_size, m)) for i in range(0, m, batch_size)]
    return sum((s.stop - s.start) / m * gradient(X[:, s], Y[:, s]) for s in slices)


def hinge(Z2, Y):
    m, sign = Y.shape[1], 2 * Y - 1
    margin = 1 - sign * Z2
    return np.maximum(margin, 0).sum() / m, -sign * (margin > 0) / m


def broken_gradient(parameters, cache, X, Y):
    grads = backward_propagation(parameters, cache, X, Y)
    return grads | {"db1": np.zeros_like(grads["db1"])}


def wrong_gradients(parameters, X, Y, grads):
    def difference(name):
        def cost(array):
            moved = parameters | {name: array}
            A2, cache = forward_propagation(X, moved)
            return compute_cost(A2, Y, moved, cache=cache)

        n, g = numerical_gradient(cost, parameters[name]), grads["d" + name]
        return np.linalg.norm(n - g) / (np.linalg.norm(n) + np.linalg.norm(g))

    return ["d" + name for name in ("W1", "b1", "W2", "b2") if difference(name) > 1e-5]
