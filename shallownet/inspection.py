"""What a trained network has learned: which columns it needs, and how its output follows each of them."""

from collections.abc import Mapping

import numpy as np

from shallownet._checks import as_columns, as_labels, check_integer, check_shape
from shallownet._random import random_generator
from shallownet._types import Array, Parameters, RandomState
from shallownet.evaluation import accuracy, predict_probability, r2_score
from shallownet.network import check_parameters, output_of

EFFECT_SAMPLES = 1000                 # that a mean effect is taken over


def permutation_importance(
    parameters: Parameters,
    X: Array,
    Y: Array,
    groups: Mapping[str, slice] | None = None,
    *,
    repeats: int = 5,
    random_state: RandomState = 3,
) -> dict[str, tuple[float, float]]:
    """Return by how much the score falls when a column's values are dealt to other samples.

    The score is the accuracy, or R² of a linear output. The rows of ``X`` that come from one column of a table are
    permuted together, so a text column is one column however many levels it has.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)
    groups : dict, optional
        Rows of ``X`` by the name of the column, from ``tables.groups``; by default each row is a column.
    repeats : int
        Permutations of each column.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    importance : dict
        By name, the mean and the standard deviation of the fall; the most important first.

    References
    ----------
    Breiman, "Random forests", 2001, section 10.

    Examples
    --------
    >>> parameters = {"W1": np.array([[9.0, 0.0]]), "b1": np.zeros((1, 1)),
    ...               "W2": np.array([[9.0]]), "b2": np.zeros((1, 1))}
    >>> X = np.random.RandomState(0).standard_normal((2, 100))
    >>> groups = {"size": slice(0, 1), "noise": slice(1, 2)}
    >>> importance = permutation_importance(parameters, X, 1.0 * (X[:1] > 0), groups)
    >>> importance["size"][0] > 0.3, importance["noise"]
    (True, (0.0, 0.0))
    """
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    Y = as_labels(Y, X, output_of(parameters), rows=parameters["W2"].shape[0])
    score = r2_score if output_of(parameters) == "linear" else accuracy
    groups = {f"x{i + 1}": slice(i, i + 1) for i in range(len(X))} if groups is None else groups
    generator, whole = random_generator(random_state), score(parameters, X, Y)
    repeats, importance, permuted = check_integer("repeats", repeats), {}, X.copy()
    for name, rows in groups.items():
        falls = []
        for _ in range(repeats):
            permuted[rows] = X[rows][:, generator.permutation(X.shape[1])]
            falls.append(whole - score(parameters, permuted, Y))
        permuted[rows] = X[rows]
        importance[name] = float(np.mean(falls)), float(np.std(falls))
    return dict(sorted(importance.items(), key=lambda item: -item[1][0]))


def mean_effect(parameters: Parameters, X: Array, rows: slice, values: Array) -> Array:
    """Return the mean output over the samples when some rows of ``X`` are set to given values.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
        Of more than ``EFFECT_SAMPLES`` samples evenly spaced ones are taken.
    rows : slice
        The k rows that are set.
    values : array, shape (k, n)
        What they are set to, one after the other.

    Returns
    -------
    effect : array, shape (n_y, n)
        The partial dependence.

    References
    ----------
    Friedman, "Greedy function approximation", 2001, section 8.2.

    Examples
    --------
    >>> parameters = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.ones((1, 2)), "b2": np.zeros((1, 1)),
    ...               "hidden": "relu", "cost": "squared_error"}
    >>> mean_effect(parameters, np.array([[1.0, 2.0], [3.0, 5.0]]), slice(0, 1), np.array([[0.0, 10.0]]))
    array([[ 4., 14.]])
    """
    parameters = check_parameters(parameters)
    X = as_columns("X", X, rows=parameters["W1"].shape[1])
    X = X[:, :: -(-X.shape[1] // EFFECT_SAMPLES)].copy()
    values = as_columns("values", values)
    check_shape("values", values, (len(X[rows]), values.shape[1]), "There is a value for each of the rows.")
    effects = []
    for value in values.T:
        X[rows] = value[:, np.newaxis]
        effects.append(predict_probability(parameters, X).mean(axis=1))
    return np.array(effects).T
