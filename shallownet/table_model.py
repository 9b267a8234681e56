"""A model of a table: the network, the encoding of its columns, and how well it did, in one value and in one file.

The command line and the report are made of these functions::

    model = train_table("grains.csv", "sort")
    print(*describe(model), sep="\\n")
    save_table_model("grains.h5", model)

    predictions = predict_table(load_table_model("grains.h5"), "new_grains.csv")

Training needs SciPy (the extra ``lbfgs``); predicting does not.
"""

import hashlib
import platform
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shallownet._checks import check_number
from shallownet._encoding import EPOCH
from shallownet._types import Array, Parameters, PathLike
from shallownet.activations import OUTPUT_ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.evaluation import predict_probability, score_of
from shallownet.preprocessing import standardize
from shallownet.storage import load_metadata, load_parameters, save_parameters
from shallownet.tables import Table, encode_rows, read_table, summary

LINEAR_L2 = 1.0
LINEAR_ITERATIONS = 500
LEVEL = 0.9                           # of the intervals


class TableModel(NamedTuple):
    """A network, the encoding that turns rows into its columns, and the report of its training."""

    parameters: Parameters
    encoding: dict[str, Any]
    report: dict[str, Any]


class Predictions(NamedTuple):
    """What ``predict_table`` returns."""

    values: list                      # a label or a value for each row, None where it could not be predicted
    probabilities: Array | None       # (n_classes, m) of a classifier
    lower: Array | None               # (m,) of a regression
    upper: Array | None
    told: list[str]                   # what is to be known about the rows
    refused: dict[int, str]           # by row, why it could not be predicted


def train_table(path: PathLike | Any, target: str, *, random_state: int = 3, **reading: Any) -> TableModel:
    """Read a table, choose and train a network by cross-validation, and compare it with simpler models.

    Parameters
    ----------
    path, target
        As for ``read_table``.
    random_state : int
        Draws weights and folds.
    **reading
        ``task``, ``delimiter``, ``decimal``, ``drop`` and ``categorical`` of ``read_table``.

    Returns
    -------
    model : TableModel
        The report is that of ``fit``, and ``"baseline_scores"``: the scores, fold by fold, of the most frequent class
        (or the mean) and of a linear model.
    """
    return train_on(read_table(path, target, **reading), random_state=random_state, source=path)


def train_on(
    table: Table,
    *,
    random_state: int = 3,
    source: PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TableModel:
    """Do as ``train_table``, from a table that has been read; ``source`` is its file, ``progress`` that of ``fit``."""
    from shallownet.model_selection import fit

    parameters, report = fit(table.X, table.Y, cost=table.cost, random_state=random_state, progress=progress)
    report["baseline_scores"] = baseline_scores(table.X, table.Y, table.cost)
    report |= {"source": _source(source), "samples": table.X.shape[1], "random_state": random_state}
    if table.classes is None:
        report["target_range"] = [float(table.Y.min()), float(table.Y.max())]
    report["versions"] = _versions()
    return TableModel(parameters, table.encoding, report)


def predict_table(model: TableModel, table: Any, *, level: float = LEVEL) -> Predictions:
    """Predict the rows of a table, in their order.

    Parameters
    ----------
    model : TableModel
    table : path, DataFrame, or dictionary of columns
        With the columns of the training by name; the target may be missing.
    level : float
        Share of the values that the intervals of a regression hold. All are as wide and know no bounds of the target:
        it is told where they reach below 0 and no value did in training.

    Returns
    -------
    predictions : Predictions
    """
    level = check_number("level", level, positive=True, below=1)
    X, told, refused = encode_rows(table, model.encoding)
    target, m = model.encoding["target"], X.shape[1]
    well = np.array([i for i in range(m) if i not in refused], int)
    values, outputs = [None] * m, np.full((len(model.parameters["W2"]), m), np.nan)
    if len(well):
        outputs[:, well] = predict_probability(model.parameters, X[:, well])
    if target["kind"] == "classes":
        outputs = np.vstack([1 - outputs, outputs]) if len(outputs) == 1 else outputs
        for i in well:
            values[i] = target["classes"][outputs[:, i].argmax()]
        return Predictions(values, outputs, None, None, told, refused)
    lower, upper = np.full((2, m), np.nan)
    if model.report["residual_quantiles"] is not None:
        quantiles = model.report["residual_quantiles"][0]                 # as in prediction_interval
        distance = np.interp(level, np.linspace(0, 1, len(quantiles)), quantiles)
        lower, upper = outputs[0] - distance, outputs[0] + distance
    for i in well:
        values[i] = in_words(target, outputs[0, i])
    below = int((lower < 0).sum())
    if below and target["kind"] != "date" and model.report.get("target_range", [-1])[0] >= 0:
        told.append(f"{target['name']}: {below} of {m} intervals reach below 0, where no value was in training; read 0 "
                    "for these limits if there can be none")
    return Predictions(values, None, lower, upper, told, refused)


def in_words(target: dict[str, Any], value: float) -> float | str:
    """Return a value of the target as the table has it: a date for days since 1970."""
    if target["kind"] != "date":
        return float(value)
    return (EPOCH + timedelta(days=round(float(value)))).date().isoformat()


def save_table_model(path: PathLike, model: TableModel) -> None:
    """Save the model in one HDF5 file, without pickle; ``load_parameters`` reads its network too."""
    save_parameters(path, model.parameters, encoding=model.encoding, report=_storable(model.report))


def load_table_model(path: PathLike) -> TableModel:
    """Return the model that ``save_table_model`` saved: the same predictions to the last bit.

    A network that ``save_parameters`` saved with its ``encoding`` is one, too; it has no report and no intervals.
    """
    metadata = load_metadata(path)
    if "target" not in metadata.get("encoding", {}):
        raise ValueError(f"path must hold a model of a table; got a network without an encoding in {path}. Use "
                         "load_parameters, or shallownet train.")
    return TableModel(load_parameters(path), metadata["encoding"],
                      {"residual_quantiles": None, **metadata.get("report", {})})


def describe(model: TableModel) -> list[str]:
    """Return what is to be known about a model, line by line."""
    report, target = model.report, model.encoding["target"]
    name = "accuracy" if target["kind"] == "classes" else "R²"
    lines = [*summary(model.encoding), ""]
    if "networks" not in report:                                          # the parameters are not of train_table
        return [*lines, f"network: {len(model.parameters['W1'])} hidden units, "
                        f"{model.parameters.get('hidden', 'tanh')}; nothing is known of its training"]
    if report.get("score") is None:
        lines.append("no score: too few rows to hold some out")
    else:
        lines.append(f"{name} on rows held out: {mean_and_error(report['fold_scores'])}")
        lines += [f"  {baseline}: {mean_and_error(scores)}" for baseline, scores in by_score(report["baseline_scores"])]
        lines.append(verdict(report))
    lines.append(f"network: {len(model.parameters['W1'])} hidden units ({report['networks']} networks of "
                 f"{report['n_h']}, averaged), {report['hidden']}, l2 = {report['l2']:g}, trained on "
                 f"{report['samples']} rows")
    lines += [f"note: {text}" for text in report["warnings"]]
    versions = sorted(report["versions"].items())                         # in the order of the file
    lines.append("made with " + ", ".join(f"{library} {version}" for library, version in versions))
    return lines


def by_score(scores: dict[str, list[float]]) -> list[tuple[str, list[float]]]:
    """Return names and scores, the lowest mean first."""
    return sorted(scores.items(), key=lambda item: np.mean(item[1]))


def mean_and_error(scores: list[float]) -> str:
    """Return the mean of the folds' scores and its standard error, as text."""
    return f"{np.mean(scores):z.3f} ± {_standard_error(scores):.3f}"


def _standard_error(scores):
    return np.std(scores) / np.sqrt(max(len(scores) - 1, 1))


def verdict(report: dict[str, Any]) -> str:
    """Return whether the network is better than the best of the simpler models, by more than a standard error.

    It is the standard error of the difference, as the folds of the models are not the same.

    Examples
    --------
    >>> verdict({"fold_scores": [0.80, 0.82, 0.84],
    ...          "baseline_scores": {"the mean": [0.0, 0.0, 0.0], "ridge regression": [0.81, 0.82, 0.83]}})
    'no better than ridge regression, within a standard error: prefer that, as it is simpler'
    """
    scores = report["baseline_scores"]
    best = max(scores, key=lambda name: (np.mean(scores[name]), name.startswith("the ")))
    ahead = np.mean(report["fold_scores"]) - np.mean(scores[best])
    error = np.hypot(_standard_error(report["fold_scores"]), _standard_error(scores[best]))
    if ahead > error:
        return f"better than {best} by more than a standard error"
    if best.startswith("the "):
        return f"no better than {best}, within a standard error: the columns may tell nothing of the target"
    if ahead < -error:
        return f"worse than {best} by more than a standard error: prefer that"
    return f"no better than {best}, within a standard error: prefer that, as it is simpler"


def baseline_scores(X: Array, Y: Array, cost: str, random_state: int = 3) -> dict[str, list[float]]:
    """Return the scores of simpler models on five folds: of the best constant answer, and of a linear model.

    The linear model is logistic or ridge regression on the standardized columns, with L2 regularization of strength 1.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[np.newaxis]
    >>> scores = baseline_scores(X, 2 * X + 1, "squared_error")
    >>> list(scores), round(min(scores["ridge regression"]), 2)
    (['the mean', 'ridge regression'], 1.0)
    """
    from shallownet.model_selection import deal_folds

    constant = "the mean" if cost == "squared_error" else "the most frequent class"
    linear = "ridge regression" if cost == "squared_error" else "logistic regression"
    m, output, scores = X.shape[1], COSTS[cost].output, {constant: [], linear: []}
    for share in deal_folds(Y, min(5, m), random_state=random_state) if m > 1 else ():
        train, test = share == 0, share > 0
        mean, std = standardize(X[:, train])
        X_train, X_test = (X[:, train] - mean) / std, (X[:, test] - mean) / std
        average = Y[:, train].mean(axis=1, keepdims=True)
        scores[constant].append(score_of(np.broadcast_to(average, Y[:, test].shape), Y[:, test], output))
        W, b = _linear(X_train, Y[:, train], cost)
        A2 = OUTPUT_ACTIVATIONS[output](W @ X_test + b)
        scores[linear].append(score_of(A2, Y[:, test], output))
    return scores


def _linear(X, Y, cost):
    """The weights of a linear model by Nesterov's accelerated descent; of ridge regression by its equations."""
    (n_x, m), row = X.shape, COSTS[cost]
    gram = X @ X.T
    if cost == "squared_error":
        b = Y.mean(axis=1, keepdims=True)
        return np.linalg.solve(gram + LINEAR_L2 * np.eye(n_x), X @ (Y - b).T).T, b
    W, b = np.zeros((len(Y), n_x)), np.zeros((len(Y), 1))
    step = m / (np.linalg.norm(gram, 2) / 2 + LINEAR_L2 + m / 2)          # delta changes by half of Z at most
    ahead, ahead_b = W, b
    for t in range(LINEAR_ITERATIONS):
        delta = OUTPUT_ACTIVATIONS[row.output](ahead @ X + ahead_b) - Y
        W_new = ahead - step * (delta @ X.T + LINEAR_L2 * ahead) / m
        b_new = ahead_b - step * delta.mean(axis=1, keepdims=True)
        ahead, ahead_b = W_new + t / (t + 3) * (W_new - W), b_new + t / (t + 3) * (b_new - b)
        W, b = W_new, b_new
    return W, b


def _source(path):
    """The file's name and its SHA-256."""
    if not isinstance(path, str | Path):
        return {"file": "a table in memory"}
    with Path(path).open("rb") as file:
        return {"file": Path(path).name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _versions():
    from importlib import metadata

    installed = {}
    for library in ("shallownet", "numpy", "scipy"):
        try:
            installed[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return {"Python": platform.python_version(), **installed}


def _storable(report):
    """The report without what is large, or not there."""
    return {name: value for name, value in report.items() if value is not None and name not in ("held_out", "history")}
