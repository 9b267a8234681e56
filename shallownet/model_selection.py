"""Choosing a network by cross-validation: raw columns in, one network for raw columns out, and a report of the choice.

``fit`` does it all; the functions before it are its steps.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from shallownet._checks import (
    as_columns,
    as_floats,
    as_labels,
    as_sample_weight,
    check_integer,
    check_name,
    check_number,
    check_shape,
    is_streamed,
)
from shallownet._random import random_generator
from shallownet._types import Array, Parameters, RandomState
from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from shallownet.columns import workers
from shallownet.costs import COSTS
from shallownet.evaluation import predict_probability, score_of
from shallownet.lbfgs import OPTIMIZER, minimize
from shallownet.network import check_parameters, forward_propagation, initialize_parameters, output_of
from shallownet.objective import cost_of_columns, objective
from shallownet.optimizers import Optimizer
from shallownet.preprocessing import class_numbers, fold_standardization, standardize
from shallownet.states import initial_state

L2 = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
FOLDS = 5
NETWORKS = 5
TINY = 20                             # samples; below, the folds may tell nothing
WEAK = {"linear": 0.3, "sigmoid": 0.03, "softmax": 0.03}         # the largest l2 where they don't, by the output
FOLD_SAMPLES = 3_000                  # a fold trains on at most so many
FOLD_ITERATIONS, FOLD_TOLERANCE = 100, 1e-3
STALL_ITERATIONS, STALLED = 20, 0.999 # a training ends where so many leave more than this share of the cost
QUANTILES = 1_001
TELLING = 0.8                         # of the constant's cost: folds of few samples that stay above it tell nothing
BETTER = 0.999                        # times the constant's cost: what counts as better than the constant
ENSEMBLE_SAMPLES = 50_000             # networks times samples, of the last trainings
PARALLEL = 100_000                    # hidden activations an iteration from which threads are worth it


# Engines

def objective_of(engine: str, optimizer: Optimizer | None = None) -> Callable:
    """Return ``objective``, or its twin of the compiled engine, for which Numba is loaded only here.

    Parameters
    ----------
    engine : {"numpy", "compiled"}
    optimizer : Optimizer, optional
        That of a training with ``training.descend``: the compiled engine makes its updates too.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    if check_name("engine", engine, ("numpy", "compiled")) == "numpy":
        return objective
    from shallownet.compiled import compiled_objective

    return partial(compiled_objective, optimizer=optimizer)


# Several networks

def average_networks(networks: Sequence[Parameters]) -> Parameters:
    """Return the one network whose logits are the mean of the logits of ``networks``.

    ``1/k Σ (W2ᵢ g(W1ᵢ X + b1ᵢ) + b2ᵢ)`` is ``W2 g(W1 X + b1) + b2`` with all ``W1ᵢ`` and ``b1ᵢ`` stacked, the ``W2ᵢ``
    side by side divided by ``k``, and the mean of the ``b2ᵢ``: exactly a network with as many hidden units as all have.

    Parameters
    ----------
    networks : sequence of dict
        With the same inputs, outputs, hidden activation and cost; the numbers of hidden units may differ.

    Returns
    -------
    parameters : dict

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> networks = [initialize_parameters(2, 4, 1, random_state=seed) for seed in range(5)]
    >>> average_networks(networks)["W1"].shape
    (20, 2)
    """
    networks = [check_parameters(network) for network in networks]
    if not networks:
        raise ValueError("networks must hold at least one network; got none.")
    kinds = [_kind(network) for network in networks]
    for kind in kinds:
        if kind != kinds[0]:
            raise ValueError(f"networks must have the same inputs, outputs, hidden activation and cost; got {kinds[0]} "
                             f"and {kind}.")
    k = len(networks)
    return {
        **networks[0],
        "W1": np.vstack([network["W1"] for network in networks]),         # (n_h, n_x)
        "b1": np.vstack([network["b1"] for network in networks]),         # (n_h, 1)
        "W2": np.hstack([network["W2"] for network in networks]) / k,     # (n_y, n_h)
        "b2": sum(network["b2"] for network in networks) / k,             # (n_y, 1)
    }


def _kind(network):
    names = network.get("hidden", "tanh"), network.get("cost", "cross_entropy")
    return (network["W1"].shape[1], network["W2"].shape[0], *names)


# Calibration

def fit_temperature(Z2: Array, Y: Array, cost: str = "cross_entropy", sample_weight: Array | None = None) -> float:
    """Return the temperature ``t`` with the lowest mean cost of ``Z2 / t``, between 1/5 and 5.

    Logits of samples that the network has not seen are too large where it is too sure of itself; ``t > 1`` cures it.
    One more sample, of no class in particular, counts beside the ``m`` given: otherwise the answers of a network that
    is right on all of them would be certain, however few they are.

    Parameters
    ----------
    Z2 : array, shape (n_y, m)
        Held-out logits.
    Y : array, shape (n_y, m)
    cost : {"cross_entropy", "softmax_cross_entropy", "brier"}
    sample_weight : array, shape (1, m), optional

    Returns
    -------
    temperature : float

    References
    ----------
    Guo et al., "On calibration of modern neural networks", 2017.
    Platt, "Probabilistic outputs for support vector machines", 1999: labels that are not certain.

    Examples
    --------
    >>> Z2, Y = np.array([[9.0, 9.0, 9.0, -9.0]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    >>> fit_temperature(Z2, Y)
    5.0
    """
    check_name("cost", cost, [name for name, row in COSTS.items() if row.output != "linear"])
    weight = np.ones(Y.shape[1]) if sample_weight is None else sample_weight[0]
    weighted_mean = partial(np.average, weights=weight)
    m, k = weight.sum()**2 / np.square(weight).sum(), len(Y) if COSTS[cost].output == "softmax" else 2
    Y = (m * Y + 1 / k) / (m + 1)                                         # m: Kish's effective number of samples
    low, high = -math.log(5), math.log(5)
    for _ in range(4):                                                    # each time a tenth of the range
        candidates = np.linspace(low, high, 21)
        costs = [weighted_mean(COSTS[cost].of_logits(Z2 / math.exp(t), Y)[0]) for t in candidates]
        best, step = candidates[np.argmin(costs)], candidates[1] - candidates[0]
        low, high = max(best - step, -math.log(5)), min(best + step, math.log(5))
    return round(math.exp(best), 6)


def fold_temperature(parameters: Parameters, temperature: float) -> Parameters:
    """Return the network whose logits are those of ``parameters`` divided by ``temperature``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> parameters = initialize_parameters(2, 4, 1, scale=np.ones)
    >>> fold_temperature(parameters, 2.0)["W2"]
    array([[0.5, 0.5, 0.5, 0.5]])
    """
    parameters = check_parameters(parameters)
    temperature = check_number("temperature", temperature, positive=True)
    return {**parameters, "W2": parameters["W2"] / temperature, "b2": parameters["b2"] / temperature}


def prediction_interval(
    parameters: Parameters, X: Array, residual_quantiles: Array, level: float = 0.9
) -> tuple[Array, Array]:
    """Return the lower and the upper limit of the values of a regression, which hold the share ``level`` of them.

    The limits are the output minus and plus the quantile ``level`` of the held-out residuals' absolute values. They are
    as far apart for all samples, so they hold on average, and not where the noise depends on ``X``.

    Parameters
    ----------
    parameters : dict
    X : array, shape (n_x, m)
    residual_quantiles : array, shape (n_y, q)
        From the report of ``fit``: the quantiles 0, 1/(q - 1), …, 1 of ``|Y - A2|`` on held-out samples.
    level : float
        Between 0 and 1.

    Returns
    -------
    lower, upper : array, shape (n_y, m)

    References
    ----------
    Barber et al., "Predictive inference with the jackknife+", 2021: its form by cross-validation, simplified.

    Examples
    --------
    >>> X = np.linspace(-3, 3, 200)[np.newaxis]
    >>> Y = np.sin(X) + 0.1 * np.random.RandomState(0).standard_normal((1, 200))
    >>> parameters, report = fit(X, Y, cost="squared_error")
    >>> lower, upper = prediction_interval(parameters, X, report["residual_quantiles"])
    >>> bool(np.mean((lower < Y) & (Y < upper)) > 0.85)
    True
    """
    level = check_number("level", level, positive=True, below=1)
    Y = predict_probability(parameters, X)
    quantiles = as_floats("residual_quantiles", residual_quantiles)
    if output_of(parameters) != "linear" or quantiles.ndim != 2 or len(quantiles) != len(Y):
        raise ValueError(f"residual_quantiles must have shape ({len(Y)}, q) and go with cost='squared_error'; got "
                         f"{quantiles.shape} and a {output_of(parameters)} output. Use those in the report of fit.")
    levels = np.linspace(0, 1, quantiles.shape[1])
    distance = np.array([[np.interp(level, levels, row)] for row in quantiles])                      # (n_y, 1)
    return Y - distance, Y + distance


# Folds

def deal_folds(Y: Array, folds: int = FOLDS, *, counts: Array | None = None, random_state: RandomState = 3) -> Array:
    """Deal the samples out to folds at random, class by class; return the share of each that a fold holds out.

    Parameters
    ----------
    Y : array, shape (n_y, m)
        0/1 labels or one-hot labels are dealt class by class, other labels as one class.
    folds : int
        At least 2 and at most the number of samples.
    counts : array of int, shape (m,), optional
        How often each sample is there: its repetitions are dealt out one by one.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    shares : array, shape (folds, m)
        Columns sum to one. Without ``counts`` each is all zeros but for a single one.

    Examples
    --------
    >>> deal_folds(np.array([[0, 0, 1, 1]]), 2).sum(axis=1)
    array([2., 2.])
    """
    Y = as_columns("Y", Y)
    m = Y.shape[1]
    if check_integer("folds", folds, 2) > m:
        raise ValueError(f"folds must be at most the number of samples, {m}; got {folds}.")
    order = random_generator(random_state).permutation(m)
    classes = class_numbers(Y)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    counts = np.ones(m, int) if counts is None else counts
    ends = counts[order].cumsum()                                         # the places of its repetitions in the deal
    fold = np.arange(folds)[:, np.newaxis]
    dealt = (ends - 1 - fold) // folds - (ends - counts[order] - 1 - fold) // folds                  # (folds, m)
    shares = np.empty((folds, m))
    shares[:, order] = dealt / counts[order]
    return shares


class Validation(NamedTuple):
    """What ``cross_validate`` returns."""

    l2: float                         # the best
    networks: list[Parameters]        # its networks, one a fold
    Z2: Array                         # (n_y, m), the logits of each sample by the network that has not seen it
    temperature: float                # of these logits; 1 of a regression and of fewer than TINY samples
    fold_costs: list[float]           # the held-out cost of each fold, at that temperature where it is above 1
    cost: float                       # their mean, weighted by the samples
    table: dict[str, list[float]]     # l2, cost, std: every l2 tried, and the spread of its folds' costs


def cross_validate(
    X: Array,
    Y: Array,
    networks: Sequence[Parameters],
    *,
    l2: Iterable[float] = L2,
    shares: Array | None = None,
    sample_weight: Array | None = None,
    num_iterations: int = FOLD_ITERATIONS,
    tolerance: float = FOLD_TOLERANCE,
    patience: int = 2,
    random_state: RandomState = 3,
    threads: int | None = None,
    engine: str = "numpy",
    progress: Callable[[int, int], None] | None = None,
) -> Validation:
    """Train a network on all folds but one, for each fold and several strengths ``l2``, and choose the best.

    The search begins in the middle of ``l2`` and goes on in both directions until ``patience`` neighbours on both sides
    of the best are worse. Each strength begins with the same ``networks``: going on from a larger ``l2`` would stay
    on its plateau. Logits that are too large are divided by their temperature before they are compared: a network that
    is merely too sure of itself does not lose against one that has learned nothing.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Standardized data.
    Y : array, shape (n_y, m)
    networks : sequence of dict
        The untrained networks, one for each fold.
    l2 : iterable of float
        Strengths to choose from. With a single one there is no choice, and the rest of the result is of that one.
    shares : array, shape (folds, m), optional
        From ``deal_folds``, by default with as many folds as there are networks.
    sample_weight : array, shape (1, m), optional
    num_iterations, tolerance
        Of each training, as in ``train_lbfgs``.
    patience : int
    random_state : int, RandomState, Generator or None
        Deals the folds out.
    threads : int, optional
        Threads for the folds; None takes one for each core. The result is the same for any number.
    engine, progress
        As in ``fit``.

    Returns
    -------
    validation : Validation
        A named tuple of ``l2``, ``networks``, ``Z2``, ``temperature``, ``fold_costs``, ``cost`` and ``table``.

    Examples
    --------
    >>> from shallownet import datasets, initialize_parameters
    >>> X, Y = datasets.moons(100, noise=0.2)
    >>> networks = [initialize_parameters(2, 8, 1, scale="nguyen_widrow", X=X, random_state=i) for i in range(5)]
    >>> validation = cross_validate(X, Y, networks)
    >>> validation.l2 in validation.table["l2"]
    True
    """
    networks = [check_parameters(network) for network in networks]
    X = as_columns("X", X, rows=networks[0]["W1"].shape[1])
    Y = as_labels(Y, X, output_of(networks[0]), rows=networks[0]["W2"].shape[0])
    sample_weight = as_sample_weight(sample_weight, X)
    if shares is None:
        shares = deal_folds(Y, len(networks), random_state=random_state)
    check_shape("shares", shares, (len(networks), X.shape[1]), "There is a network for each fold.")
    strengths = sorted({check_number("l2", strength, minimum=0) for strength in l2})
    check_integer("patience", patience)
    train = partial(_train_all, num_iterations=num_iterations, tolerance=tolerance, threads=threads, engine=engine,
                    progress=progress)

    generator = random_generator(random_state)
    parts = [_training_part(X, Y, sample_weight, share, generator) for share in shares]
    weights = shares if sample_weight is None else shares * sample_weight                            # (folds, m)
    best, tried = len(strengths) // 2, {}
    while new := [k for k in _window(best, patience, len(strengths)) if k not in tried]:
        _plan(progress, len(new) * num_iterations * sum(part[0].shape[1] for part in parts))
        trained = train([(network, strengths[k], part)
                         for k in new for network, part in zip(networks, parts, strict=True)])
        for k in new:
            of_folds, trained = [state["parameters"] for state in trained[:len(networks)]], trained[len(networks):]
            tried[k] = of_folds, *_held_out(of_folds, X, Y, weights)
        best = min(tried, key=lambda k: np.average(tried[k][3], weights=weights.sum(axis=1)))
    table = {"l2": [], "cost": [], "std": []}
    for k in sorted(tried):
        table["l2"].append(strengths[k])
        table["cost"].append(float(np.average(tried[k][3], weights=weights.sum(axis=1))))
        table["std"].append(float(np.std(tried[k][3])))
    cost = table["cost"][table["l2"].index(strengths[best])]
    return Validation(strengths[best], *tried[best], cost, table)


def _train_all(trainings, *, num_iterations, tolerance, threads, engine, progress, stops=()):
    """Return the states at the end of ``trainings``: each of a network, an ``l2`` and ``(X, Y, weight)``."""
    data_of, (network, _, (X, *_)) = objective_of(engine), trainings[0]
    inner = threads if len(trainings) == 1 else 1
    if X.shape[1] * len(network["W1"]) < PARALLEL:
        threads = 1                                                       # Python's own lock would be in the way

    def train(training):
        network, l2, (X, Y, weight) = training
        with data_of(X, Y, network, l2=l2, sample_weight=weight, threads=inner) as data:
            return minimize(data, initial_state(network, OPTIMIZER, data), num_iterations, tolerance,
                            (*stops, *_telling_of(progress, X.shape[1])))

    with workers(threads, len(trainings)) as run:
        return list(run(train, trainings))


def _plan(progress, work):
    if progress is not None:
        progress(0, work)


def _telling_of(progress, samples):
    """Return the callbacks of one training, which tell what it has done; at its end the iterations it did not need."""
    if progress is None:
        return ()
    before = 0

    def tell(state):
        nonlocal before
        iteration = state["num_iterations"] if state["finished"] else state["iteration"]
        progress(samples * (iteration - before), 0)
        before = iteration

    return (tell,)


def _window(best, patience, count):
    return range(max(0, best - patience), min(count, best + patience + 1))


def _training_part(X, Y, sample_weight, share, generator):
    """What a fold trains on: the samples that it does not hold out, as far as it does not, at most FOLD_SAMPLES."""
    columns = np.flatnonzero(share < 1)
    if len(columns) > FOLD_SAMPLES:
        columns = np.sort(generator.permutation(columns)[:FOLD_SAMPLES])
    weight = (1 - share[columns])[np.newaxis]
    if sample_weight is not None:
        weight = weight * sample_weight[:, columns]
    weight = None if (weight == 1).all() else weight.astype(X.dtype)
    return np.ascontiguousarray(X[:, columns]), np.ascontiguousarray(Y[:, columns]), weight


def _held_out(networks, X, Y, weights):
    """Return the held-out logits, ``(n_y, m)``, their temperature, and each fold's cost, at it where it is above 1."""
    cost = networks[0].get("cost", "cross_entropy")
    held_out = [np.flatnonzero(weight) for weight in weights]
    logits = [forward_propagation(X[:, columns], network)[1]["Z2"]
              for columns, network in zip(held_out, networks, strict=True)]
    Z2, total, temperature = np.zeros(Y.shape), weights.sum(axis=0), 1.0
    for columns, Z2_fold, weight in zip(held_out, logits, weights, strict=True):
        Z2[:, columns] += Z2_fold * (weight / total)[columns]
    if COSTS[cost].output != "linear" and Y.shape[1] >= TINY:
        temperature = fit_temperature(Z2, Y, cost, total[np.newaxis])
    costs = [
        float(np.average(COSTS[cost].of_logits(Z2_fold / max(1, temperature), Y[:, columns])[0],
                         weights=weight[columns]))
        for columns, Z2_fold, weight in zip(held_out, logits, weights, strict=True)
    ]
    return Z2, temperature, costs


# All of it

def fit(
    X: Array,
    Y: Array,
    *,
    cost: str = "cross_entropy",
    hidden: str = "auto",
    n_h: int | Sequence[int] | str = "auto",
    l2: float | str = "auto",
    networks: int | str = "auto",
    sample_weight: Array | None = None,
    class_weight: Array | str | None = None,
    num_iterations: int = 500,
    tolerance: float = 1e-4,
    random_state: RandomState = 3,
    threads: int | None = None,
    engine: str = "numpy",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Parameters, dict[str, Any]]:
    """Choose, train and calibrate a network for a table as it is; return its parameters and a report.

    The columns are standardized, and the scaling is folded into the weights. Five folds choose ``l2``. The network
    of each fold, trained on to the end on all samples, and all of them averaged, are the result, which is one network.
    The temperature of a classifier is that of the held-out logits.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Data in memory, one sample a column, in any unit.
    Y : array, shape (n_y, m)
        Labels: 0 and 1 for cross-entropy, one-hot columns for softmax, values in any unit for squared error.
    cost : {"cross_entropy", "softmax_cross_entropy", "squared_error", "brier"}
    hidden : {"auto", "tanh", "sigmoid", "relu"}
        Activation of the hidden layer.
        "auto" is relu for columns of one unit, such as pixels, and tanh for others.
    n_h : int, sequence of int, or "auto"
        Hidden units of each network. "auto" is 100 for columns of one unit, 20 below 500 samples, and 50 beyond; among
        several, the one with the lowest held-out cost at the ``l2`` that is chosen with the first.
    l2 : float or "auto"
        Strength of the L2 regularization on standardized data; "auto" chooses among ``L2``.
    networks : int or "auto"
        How many are averaged: "auto" is 5 up to 10,000 samples, beyond as many as train on 50,000 together, but one at
        least. With one, and ``l2`` and ``n_h`` given, nothing is held out: it is the plain training of ``train_lbfgs``
        from ``scale="nguyen_widrow"``.
    sample_weight : array, shape (1, m), optional
        Whole numbers are repetitions of a sample, and are dealt out to the folds one by one.
    class_weight : "balanced", array of shape (n_classes,), or None
        Factors of the sample weights by class; "balanced" gives each class the same total.
    num_iterations, tolerance
        Of the last training, as in ``train_lbfgs``. After a choice it also ends where twenty iterations lower the cost
        by less than a thousandth.
    random_state : int, RandomState, Generator or None
        Draws weights and folds.
    threads : int, optional
        None takes one for each core. The result is the same for any number.
    engine : {"numpy", "compiled"}
        What computes the gradients: NumPy, or the loops of ``shallownet.compiled``.
    progress : callable, optional
        Called as ``progress(done, planned)`` with what has just been done and what has just been planned, in samples
        times iterations, from any thread. The search for ``l2`` plans as it goes. In the end all is done that was
        planned: a training that converges counts for all its iterations.

    Returns
    -------
    parameters : dict
        One network of ``networks · n_h`` hidden units, for columns in the unit of ``X``, with values in that of ``Y``.
    report : dict
        See the table.

    ====================== ===========================================================================================
    ``cost``               name of the cost
    ``hidden``, ``n_h``    of each network
    ``l2``                 strength of the L2 regularization
    ``networks``           number of networks
    ``table``              lists ``l2``, ``cost`` and ``std`` of the held-out cost: what was tried
    ``held_out_cost``      of the network of each fold on the samples that it has not seen, in standardized units; at
                           the temperature where that is above 1
    ``fold_costs``         the same, fold by fold
    ``score``              accuracy (R² of a regression) on the held-out samples
    ``fold_scores``        the same, fold by fold
    ``train_cost``         of the result on its own samples
    ``constant_cost``      of the best constant answer
    ``temperature``        by which the logits were divided
    ``held_out``           ``(n_y, m)``, held-out outputs, calibrated; values in the unit of ``Y``
    ``residual_quantiles`` ``(n_y, q)`` of a regression, for ``prediction_interval``; else None
    ``stop_reason``        ``"converged"``, ``"num_iterations"``, or ``"constant"`` if it is no better than that
    ``iterations``         of the longest of the last trainings
    ``history``            lists ``iteration`` and ``cost``, the mean of the networks', of the last trainings
    ``warnings``           list of texts
    ====================== ===========================================================================================

    Without folds, what comes from them is None.

    Examples
    --------
    >>> from shallownet import accuracy, datasets
    >>> X, Y = datasets.moons(200, noise=0.1)
    >>> parameters, report = fit(1000 * X, Y)
    >>> accuracy(parameters, 1000 * X, Y) > 0.98 and report["score"] > 0.95
    True
    """
    check_name("cost", cost, COSTS)
    for name, array in (("X", X), ("Y", Y)):
        if is_streamed(array):
            raise TypeError(f"{name} must be held in memory to be cross-validated; got a {type(array).__name__}. "
                            f"Use np.array({name}), or a part of it.")
    X = as_columns("X", X)
    Y = as_labels(Y, X, COSTS[cost].output)
    sample_weight = as_sample_weight(sample_weight, X)

    columns, samples, counts, weight = aggregate_duplicates(X, Y, sample_weight)
    kind = default_networks(X[:, columns], hidden, n_h, networks)
    weight = with_class_weight(Y[:, columns], weight, class_weight)
    scaling = scaling_of(X[:, columns], Y[:, columns], weight, cost)
    parameters, report = fit_standardized(
        *scale_columns(X[:, columns], Y[:, columns], **scaling), counts, weight, cost=cost, l2=l2, **kind,
        num_iterations=num_iterations, tolerance=tolerance, random_state=random_state, threads=threads,
        engine=engine, progress=progress,
    )
    parameters = fold_standardization(parameters, **scaling)
    if report["held_out"] is not None:
        unseen = samples < 0                                              # a weight of 0: nobody has seen them
        held_out = report["held_out"] * scaling.get("y_std", 1.0) + scaling.get("y_mean", 0.0)
        report["held_out"] = held_out[:, samples]
        if unseen.any():
            report["held_out"][:, unseen] = predict_probability(parameters, X[:, unseen])
    if report["residual_quantiles"] is not None:
        report["residual_quantiles"] *= scaling["y_std"]
    for text in report["warnings"]:
        warnings.warn(text, stacklevel=2)
    return parameters, report


def aggregate_duplicates(X: Array, Y: Array, weight: Array | None) -> tuple[Array, Array, Array, Array | None]:
    """Return the samples in an order of their own, duplicates aggregated into one sample with their number.

    So a repeated sample and a weight of 2 give the same network to the last bit, in any order of the samples. Summed in
    another order they would differ by rounding, and a nonconvex training makes much of little. Weights that are
    not whole numbers are not numbers of repetitions, and nothing is aggregated.

    Parameters
    ----------
    X : array, shape (n_x, m)
    Y : array, shape (n_y, m)
    weight : array, shape (1, m), or None

    Returns
    -------
    columns : array, shape (n,)
        A column of X and Y for each of the n different samples of positive weight.
    samples : array, shape (m,)
        Which of them each column is, or -1 for a weight of 0.
    counts : array of int, shape (n,)
        How often each is there, in the smallest whole numbers.
    weight : array, shape (1, n), or None
        None if all are 1.

    Examples
    --------
    >>> aggregate_duplicates(np.array([[3.0, 1.0, 3.0]]), np.array([[0.0, 1.0, 0.0]]), None)
    (array([0, 1]), array([0, 1, 0]), array([2, 1]), array([[2., 1.]]))
    """
    m = X.shape[1]
    row_weight = np.ones(m) if weight is None else weight[0].astype(float)
    there = np.flatnonzero(row_weight)
    row_weight = row_weight[there]
    whole = row_weight.max() < 2**31 and (row_weight == np.round(row_weight)).all()
    table = np.vstack([X[:, there], Y[:, there], *([] if whole else [row_weight])]).T + 0.0          # -0.0 becomes 0.0
    keys = np.ascontiguousarray(table).view(f"V{table[0].nbytes}")[:, 0]
    if whole:
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        counts = np.bincount(place, row_weight).astype(int)
        counts //= np.gcd.reduce(counts)
    else:
        first = np.argsort(keys, kind="stable")
        place, counts = np.argsort(first), np.ones(len(there), int)
    samples = np.full(m, -1)
    samples[there] = place
    weight = np.bincount(place, row_weight)[np.newaxis]
    return there[first], samples, counts, None if (weight == 1).all() else weight.astype(X.dtype)


def balanced_factors(classes, weight, n):
    """Return the factors that give each of the ``n`` classes that occurs the same total weight."""
    totals = np.bincount(classes, weight, n)
    return weight.sum() / (np.count_nonzero(totals) * np.where(totals == 0, 1, totals))


def with_class_weight(Y, weight, class_weight):
    """Return the weights times those of the classes."""
    if class_weight is None:
        return weight
    classes = class_numbers(Y)
    if classes is None:
        raise ValueError("class_weight must go with 0/1 or one-hot labels; got other labels. Use sample_weight.")
    classes, weight = classes.astype(int), np.ones((1, Y.shape[1])) if weight is None else weight
    n = max(2, len(Y))
    if isinstance(class_weight, str):
        check_name("class_weight", class_weight, ("balanced",))
        factors = balanced_factors(classes, weight[0], n)
    else:
        factors = as_floats("class_weight", class_weight)
        check_shape("class_weight", factors, (n,), "There is a factor for each class.")
        if factors.min() <= 0:
            raise ValueError(f"class_weight must be positive; got {factors.min():g}. Leave the class out of X and Y.")
    return (weight * factors[classes]).astype(weight.dtype)


def scaling_of(X: Array, Y: Array, weight: Array | None, cost: str) -> dict[str, Array]:
    """Return the arguments ``mean``, ``std`` (of a regression also ``y_mean``, ``y_std``) of ``fold_standardization``.

    Columns of one unit (``of_one_unit``) are divided by their common deviation, and only those that vary more by their
    own. A constant target is divided by its rounding, and comes back to the last digit.
    """
    mean, std = standardize(X, weight)
    if of_one_unit(X):
        std = np.maximum(std, np.sqrt(np.mean(np.square(std))))
    if COSTS[cost].output != "linear":
        return {"mean": mean, "std": std}
    y_mean, y_std = standardize(Y, weight)
    limits = np.finfo(Y.dtype)
    rounding = np.maximum(4 * limits.eps * np.abs(y_mean), limits.tiny)
    constant = np.abs(Y - y_mean).max(axis=1, keepdims=True) <= rounding
    return {"mean": mean, "std": std, "y_mean": y_mean, "y_std": np.where(constant, rounding, y_std)}


def of_one_unit(X: Array) -> bool:
    """Whether the columns look like the pixels of an image: half of them come near both ends of the range of all.

    A pixel that is seldom lit has a small deviation; divided by it, the few lit ones would dwarf everything.

    Parameters
    ----------
    X : array, shape (n_x, m)
        At least 16 rows; fewer are taken for features of a table.
    """
    low, high = X.min(axis=1), X.max(axis=1)
    margin = (high.max() - low.min()) / 10
    both = (low <= low.min() + margin) & (high >= high.max() - margin)
    return len(X) >= 16 and margin > 0 and both[high > low].mean() >= 0.5


def is_auto(value):
    """Whether a setting is the word "auto"; an array of sizes, which would be compared one by one, is not."""
    return isinstance(value, str) and value == "auto"


def default_networks(X, hidden, n_h, networks):
    """Return the hidden activation, the size and the number of networks, "auto" replaced by what suits the data."""
    image, m = of_one_unit(X), X.shape[1]
    if is_auto(hidden):
        hidden = "relu" if image else "tanh"
    if is_auto(n_h):
        n_h = 100 if image else 50 if m >= 500 else min(20, max(4, m))
    if is_auto(networks):
        networks = max(1, min(NETWORKS, ENSEMBLE_SAMPLES // m))
    return {"hidden": hidden, "n_h": n_h, "networks": networks}


def scale_columns(X, Y, *, mean, std, y_mean=0.0, y_std=1.0):
    """Return the standardized columns."""
    return (X - mean) / std, (Y - y_mean) / y_std


class Choice(NamedTuple):
    """What ``choose`` returns."""

    l2: float
    networks: list[Parameters]        # to go on training from: those of the folds, then untrained ones
    validation: Validation | None     # None where nothing was held out
    shares: Array | None              # of its folds


def choose(
    X: Array,
    Y: Array,
    counts: Array | None = None,
    weight: Array | None = None,
    *,
    cost: str,
    hidden: str,
    n_h: int | Sequence[int],
    l2: float | str = "auto",
    networks: int = FOLDS,
    generator: Any = None,
    **training: Any,
) -> Choice:
    """Choose ``l2`` and ``n_h`` by cross-validation; return them with the networks of the folds.

    Parameters
    ----------
    X, Y : array, shape (n_x, m) and (n_y, m)
        Standardized; Y too for a regression.
    counts, weight : array, shape (m,) and (1, m), optional
        From ``aggregate_duplicates``.
    cost, hidden, n_h, l2, networks
        As in ``fit``, without "auto" for the first three.
    generator : int, RandomState, Generator or None
    **training
        ``threads``, ``engine`` and ``progress``, as in ``cross_validate``.
    """
    check_name("hidden", hidden, ACTIVATIONS)
    sizes = [check_integer("n_h", size) for size in (n_h if isinstance(n_h, list | tuple) else [n_h])]
    strengths = L2 if is_auto(l2) else (check_number("l2", l2, minimum=0),)
    networks, m = check_integer("networks", networks), X.shape[1]
    choice = networks > 1 or len(strengths) > 1 or len(sizes) > 1
    folds = min(FOLDS, m) if choice and m > 1 else 0

    def untrained(size):
        return [initialize_parameters(len(X), size, len(Y), hidden=hidden, cost=cost, scale="nguyen_widrow", X=X,
                                      random_state=generator, dtype=X.dtype) for _ in range(max(folds, networks))]

    begin, weak = untrained(sizes[0]), WEAK[COSTS[cost].output]
    if not folds:
        return Choice(weak if len(strengths) > 1 else strengths[0], begin, None, None)
    shares = deal_folds(Y, folds, counts=counts, random_state=generator)
    compare = partial(cross_validate, X, Y, shares=shares, sample_weight=weight, random_state=generator,
                      **training)
    validation = compare(begin[:folds], l2=strengths)
    for size in sizes[1:]:
        other = untrained(size)
        compared = compare(other[:folds], l2=(validation.l2,))
        if compared.cost < validation.cost:
            begin, validation = other, compared._replace(table=validation.table)
    if len(strengths) > 1 and m < TINY and not _telling(validation, X, Y, weight, cost):
        return Choice(min(weak, validation.l2), begin, validation, shares)
    return Choice(validation.l2, validation.networks + begin[folds:], validation, shares)


def _telling(validation, X, Y, weight, cost):
    """Whether the folds of a few samples tell of the others; those of a truth table do not, each row is a corner."""
    corners = ((X == X.min(axis=1, keepdims=True)) | (X == X.max(axis=1, keepdims=True))).all()
    return not corners and validation.cost <= TELLING * constant_cost(Y, cost, weight)


def fit_standardized(
    X: Array,
    Y: Array,
    counts: Array | None = None,
    weight: Array | None = None,
    *,
    cost: str,
    hidden: str,
    n_h: int | Sequence[int],
    l2: float | str = "auto",
    networks: int = FOLDS,
    num_iterations: int = 500,
    tolerance: float = 1e-4,
    random_state: RandomState = 3,
    threads: int | None = None,
    engine: str = "numpy",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Parameters, dict[str, Any]]:
    """Do the part of ``fit`` between the scaling and its folding: choose, train, average, calibrate, report.

    Parameters
    ----------
    X : array, shape (n_x, m)
        Standardized.
    Y : array, shape (n_y, m)
        For a regression standardized.
    counts, weight : array, shape (m,) and (1, m), optional
        From ``aggregate_duplicates``.
    cost, hidden, n_h, l2, networks, num_iterations, tolerance, random_state, threads, engine, progress
        As in ``fit``.

    Returns
    -------
    parameters : dict
    report : dict
        As of ``fit``, in standardized units.
    """
    generator, m = None if random_state is None else random_generator(random_state), X.shape[1]
    _plan(progress, num_iterations * networks * m)
    choice = choose(X, Y, counts, weight, cost=cost, hidden=hidden, n_h=n_h, l2=l2, networks=networks,
                    generator=generator, threads=threads, engine=engine, progress=progress)
    begin = choice.networks[:networks]
    states = _train_all(
        [(network, choice.l2, (X, Y, weight)) for network in begin], num_iterations=num_iterations, tolerance=tolerance,
        threads=threads, engine=engine, progress=progress, stops=() if choice.validation is None else (has_stalled,),
    )
    average = average_networks([state["parameters"] for state in states])
    temperature = choice.validation.temperature if choice.validation else 1.0
    average = fold_temperature(average, temperature)
    reasons = {state["stop_reason"] for state in states}
    report = {
        "cost": cost, "hidden": hidden, "n_h": len(begin[0]["W1"]), "l2": choice.l2, "networks": len(states),
        **_held_out_report(choice, Y, cost, weight, temperature),
        "train_cost": cost_of_columns(average, X, Y, sample_weight=weight),
        "constant_cost": constant_cost(Y, cost, weight), "temperature": temperature,
        "stop_reason": "num_iterations" if "num_iterations" in reasons else "converged",
        "iterations": max(state["iteration"] for state in states), "history": _mean_history(states),
    }
    report["warnings"] = complaints(report["constant_cost"], report["train_cost"],
                                    report["held_out_cost"] if m >= TINY else None)
    if report["warnings"]:
        report["stop_reason"] = "constant"
    return average, report


def constant_cost(Y, cost, weight):
    """Return the cost of the best constant answer: the mean of the labels."""
    mean = np.average(Y, axis=1, weights=None if weight is None else weight[0])[:, np.newaxis]
    output = COSTS[cost].output
    limits = np.finfo(float)
    p = np.clip(mean, limits.tiny, 1 - limits.eps)
    Z2 = {"linear": mean, "softmax": np.log(p), "sigmoid": np.log(p / (1 - p))}[output]
    per_sample = COSTS[cost].of_logits(np.broadcast_to(Z2, Y.shape), Y)[0]
    return float(np.average(per_sample, weights=None if weight is None else weight[0]))


def has_stalled(state):
    """Whether the last ``STALL_ITERATIONS`` lowered the cost by too little to matter to an average of networks."""
    costs = state["history"]["cost"]
    return len(costs) > STALL_ITERATIONS and costs[-1] > STALLED * costs[-1 - STALL_ITERATIONS]


def _held_out_report(choice, Y, cost, weight, temperature):
    """Return what the folds tell; None without them."""
    names = ("table", "held_out_cost", "fold_costs", "score", "fold_scores", "held_out", "residual_quantiles")
    if choice.validation is None:
        return dict.fromkeys(names)
    table, held_out_cost, fold_costs = (getattr(choice.validation, name) for name in ("table", "cost", "fold_costs"))
    output = COSTS[cost].output
    A2 = OUTPUT_ACTIVATIONS[output](choice.validation.Z2 / temperature)
    weights = choice.shares if weight is None else choice.shares * weight
    quantiles = residual_quantiles(Y - A2, weight) if cost == "squared_error" else None
    score, *fold_scores = (score_of(A2, Y, output, weight) for weight in (weights.sum(axis=0), *weights))
    return dict(zip(names, (table, held_out_cost, fold_costs, score, fold_scores, A2, quantiles), strict=True))


def residual_quantiles(residuals, weight=None):
    """Return evenly spaced quantiles, ``(n_y, q)``, of the absolute values."""
    distances = np.abs(residuals)
    m = distances.shape[1]
    levels = np.linspace(0, 1, min(m, QUANTILES))
    rows = []
    for row in distances:
        order = np.argsort(row)
        total = (np.ones(m) if weight is None else weight[0][order]).cumsum()
        rows.append(np.interp(levels, total / (total[-1] + total[-1] / m), row[order]))
    return np.array(rows)


def _mean_history(states):
    """Return the mean of the costs; a training that has ended keeps its last one."""
    length = max(len(state["history"]["cost"]) for state in states)
    costs = [np.pad(state["history"]["cost"], (0, length - len(state["history"]["cost"])), "edge") for state in states]
    return {"iteration": list(range(length)), "cost": np.mean(costs, axis=0).tolist()}


def complaints(constant, train_cost, held_out_cost=None):
    """Return a list with the warning of a network that is no better than a constant answer, or an empty list."""
    costs = {"its own": train_cost} | ({} if held_out_cost is None else {"held-out": held_out_cost})
    return [
        f"The network is no better than a constant answer: its cost on {name} samples is {cost:.4g}, that of the "
        f"constant {constant:.4g}. X may tell nothing of Y; otherwise use more samples, a larger n_h or another l2."
        for name, cost in costs.items() if cost >= BETTER * constant > 1e-12
    ][:1]
