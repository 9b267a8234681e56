"""Estimators for scikit-learn: rows in, rows out, and the plain functions underneath.

The defaults are those of ``model_selection.fit``: inputs (and a regression's targets) are standardized and the scaling
is folded into the weights, five folds choose the strength of the L2 regularization, and the average of five networks is
one network. ``benchmarks/tables.py`` is the evidence for them.
"""

import math
import os
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_X_y
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError('shallownet.sklearn needs scikit-learn, which is not installed. '
                      'Use pip install "shallownet[sklearn]".') from error

from shallownet._checks import as_floats, as_sample_weight, check_finite, check_integer, check_name, check_number
from shallownet._random import generator_in_state, generator_state, random_generator
from shallownet._types import Array, History, Labels, PathLike, RandomState
from shallownet.callbacks import early_stopping
from shallownet.columns import load
from shallownet.evaluation import predict, predict_probability
from shallownet.lbfgs import OPTIMIZER, further_networks, minimize_all, restart
from shallownet.model_selection import (
    aggregate_duplicates,
    balanced_factors,
    choose,
    complaints,
    constant_cost,
    default_networks,
    fit_standardized,
    is_auto,
    objective_of,
    prediction_interval,
    scale_columns,
    scaling_of,
)
from shallownet.objective import cost_of_columns, objective
from shallownet.optimizers import adam
from shallownet.preprocessing import fold_standardization, one_hot, split_columns
from shallownet.states import best_network, initial_state, rewind, trouble_of
from shallownet.storage import load_metadata, load_parameters, save_parameters
from shallownet.tables import encode, fit_encoding, needs_encoding
from shallownet.training import descend

LBFGS_SAMPLES = 200_000               # solver="auto" takes L-BFGS up to this number of samples, Adam beyond
FIRST_ROWS = 10                       # that partial_fit takes the scaling from, at least
PARTIAL_L2 = 1.0                      # of l2="auto", where no part can be held out
PATIENT_UPDATES = 100                 # that Adam's patience lasts at least
PLATEAU = 0.99                        # times the constant's cost: above, Adam has not converged yet
MIN_IMPROVEMENT = 1e-4                # what is an improvement for Adam, relative to the cost
STOP_REASONS = {
    "converged": "converged", "precision": "converged", "num_iterations": "max_iter", "callback": "early_stopping",
    "constant": "constant",
}
LABELS = {"classes_", "feature_names_in_"}
REPORT = {"cv_score_": "score", "cv_scores_": "fold_scores", "cv_table_": "table", "temperature_": "temperature",
          "_residual_quantiles": "residual_quantiles"}
FITTED = {*LABELS, *REPORT, "n_features_in_", "n_iter_", "stop_reason_", "l2_", "n_h_", "hidden_", "_scaling", "_state",
          "_samples_seen", "_one_output", "encoding_"}


def _saved_labels(labels):
    """Return what a file can hold of labels of any dtype."""
    if labels.dtype.kind in "biuf":
        return labels
    if labels.dtype.kind in "mM":
        return {"values": labels.astype(np.int64), "dtype": labels.dtype.str}
    return {"values": labels.tolist(), "dtype": labels.dtype.str}


def _loaded_labels(saved):
    if not isinstance(saved, dict):
        return saved
    dtype = saved["dtype"] if "dtype" in saved else "O" if saved["objects"] else "U"       # of format_version 1
    return np.array(saved["values"], dtype)


class _ShallowNet(BaseEstimator):
    """What classifier and regressor share; a subclass turns its kind of ``y`` into columns and back."""

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a network, or with ``warm_start`` go on training the one there is.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_samples, n_features)
            Text, categories, dates and NaN are encoded as ``tables.fit_encoding`` decides; ``encoding_`` tells how.
        y : array-like, shape (n_samples,)
            Class labels; for a regression values, ``(n_samples, n_outputs)`` too.
        sample_weight : array-like, shape (n_samples,), optional
            A weight of 0 is a sample that is not there; a weight of 2 one that is there twice, to L-BFGS without
            ``early_stopping`` (mini-batches and a held-out part are drawn from the rows). Whole numbers are dealt out
            to the folds one by one, so give weights of importance as fractions.

        Returns
        -------
        self
        """
        check_integer("max_iter", self.max_iter)
        check_name("solver", self.solver, ("auto", "lbfgs", "adam"))
        go_on = self.warm_start and hasattr(self, "parameters_")
        for text in self._train(X, y, sample_weight, go_on, self.solver, self.max_iter, self.early_stopping):
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        return self

    @property
    def history_(self) -> History:
        """Lists ``iteration`` and ``cost``, with ``early_stopping`` also ``validation_cost``."""
        check_is_fitted(self)
        return self._state["history"]

    def save(self, path: PathLike) -> None:
        """Save the fitted estimator to the HDF5 file ``path``, without pickle.

        The file is one of ``save_parameters`` too: ``load_parameters(path)`` gives the network to the plain functions.
        """
        check_is_fitted(self)
        settings = self.get_params(deep=False)
        if isinstance(settings.get("class_weight"), dict):
            settings["class_weight"] = [[label, weight] for label, weight in settings["class_weight"].items()]
        if isinstance(self.random_state, np.random.RandomState | np.random.Generator):
            settings["random_state"] = generator_state(self.random_state)
        fitted = {name: value for name, value in vars(self).items() if name in FITTED}
        for name in LABELS & fitted.keys():
            fitted[name] = _saved_labels(fitted[name])
        save_parameters(path, self.parameters_, estimator=type(self).__name__, settings=settings, fitted=fitted)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Return the estimator that ``save`` saved: it predicts, and goes on training, as if nothing had happened."""
        metadata = load_metadata(path)
        found = metadata.get("estimator", "network without an estimator")
        if found != cls.__name__:
            raise ValueError(f"path must hold a {cls.__name__}; got a {found}. Use the load of that class, or "
                             "load_parameters(path) for the network alone.")
        settings, fitted = metadata["settings"], metadata["fitted"]
        if isinstance(settings.get("class_weight"), list):
            settings["class_weight"] = dict(settings["class_weight"])
        if isinstance(settings["random_state"], dict):
            settings["random_state"] = generator_in_state(settings["random_state"])
        for name in LABELS & fitted.keys():
            fitted[name] = _loaded_labels(fitted[name])
        estimator = cls(**settings)
        vars(estimator).update(fitted, parameters_=load_parameters(path))
        return estimator

    def _train(self, *arguments, **options):
        """Train and return the warnings; if that fails, the estimator is what it was."""
        before = dict(vars(self))
        try:
            return self._train_for(*arguments, **options)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _train_part(self, X, y, sample_weight, classes=None):
        """Train for one epoch of Adam."""
        go_on = hasattr(self, "parameters_")
        self._train(X, y, sample_weight, go_on, "adam", 1, classes=classes, partial=True)

    def _train_for(self, X, y, sample_weight, go_on, solver, iterations, hold_out=False, classes=None, partial=False):
        """Train for that many iterations, epochs with Adam, and return the warnings."""
        data = self._columns(X, y, sample_weight, go_on, classes)         # X, Y, the weights, the classes' factors
        m = data[0].shape[1]
        generator = None if self.random_state is None else random_generator(self.random_state)
        if go_on:
            self._check_network()
        elif partial and m < FIRST_ROWS:
            raise ValueError(f"X must have at least {FIRST_ROWS} rows in the first call of partial_fit, which takes "
                             f"the scaling from them; got {m}. Collect some, or begin with fit.")
        if solver == "auto":
            solver = "lbfgs" if m <= LBFGS_SAMPLES else "adam"
        if go_on or hold_out or partial or solver == "adam" or self.restarts:
            return self._train_one(data, go_on, solver, iterations, hold_out, partial, generator)
        return self._train_average(data, generator)

    def _train_average(self, data, generator):
        """Train as ``model_selection.fit`` does."""
        X, Y, weight, counts = aggregated(*data)
        kind = default_networks(X, self.hidden, self.n_h, self.networks)
        scaling = scaling_of(X, Y, weight, self._cost(Y))
        X, Y = scale_columns(X, Y, **scaling)
        parameters, report = fit_standardized(
            X, Y, counts, weight, cost=self._cost(Y), l2=self.l2, num_iterations=self.max_iter,
            tolerance=self.tolerance, random_state=generator, engine=self.engine, **kind,
        )
        with objective(X, Y, parameters, sample_weight=weight) as data:
            state = initial_state(parameters, OPTIMIZER, data)
        history = report["history"]
        state |= {"iteration": report["iterations"], "history": history, "cost": history["cost"][-1],
                  "stop_reason": report["stop_reason"]}
        report["residual_quantiles"] = in_unit_of_y(report["residual_quantiles"], scaling)
        self._keep(state, scaling, report["l2"], report["iterations"], samples(X, weight), report)
        return report["warnings"] or self._still_falling() * (report["table"] is None)

    def _train_one(self, data, go_on, solver, iterations, hold_out, partial, generator):
        """Train a single network, or go on training."""
        callbacks, cost = [], self._cost(data[1])
        if hold_out:
            data, held_out = split(data, fraction_of(hold_out), generator)
        *distinct, counts = aggregated(*data)
        scaling = self._scaling if go_on else scaling_of(*distinct, cost)
        if hold_out:
            X, Y, weight = scaled(*held_out, **scaling)
            callbacks = [early_stopping(X, Y, self.patience, sample_weight=weight)]
        X, Y, weight = scaled(*data, **scaling)
        seen = samples(X, weight)
        if partial and go_on:
            seen += self._samples_seen
        if go_on:
            state, (l2, parameters) = self._state, self._last()
        else:
            state, (l2, parameters) = None, self._first(distinct, counts, scaling, partial, generator)
        if solver == "lbfgs":
            X, Y, weight = scaled(*distinct, **scaling)                   # mini-batches draw every row
        train = self._train_lbfgs if solver == "lbfgs" else self._train_adam
        strength = l2 * samples(X, weight) / seen if partial else l2      # l2/2m counts all samples seen
        state, done = train(state, X, Y, parameters, iterations, callbacks, l2=strength, sample_weight=weight,
                            random_state=generator)
        self._keep(state, scaling, l2, done + (self.n_iter_ if go_on else 0), seen, {})
        return [] if partial else self._complaints(X, Y, weight, go_on)

    def _first(self, distinct, counts, scaling, partial, generator):
        """Return the strength of the L2 regularization and the network that a training begins with."""
        kind, l2 = default_networks(distinct[0], self.hidden, self.n_h, 1), self.l2
        if partial and is_auto(l2):
            l2 = PARTIAL_L2
        X, Y, weight = scaled(*distinct, **scaling)
        choice = choose(X, Y, counts, weight, cost=self._cost(Y), l2=l2, generator=generator, engine=self.engine,
                        **kind)
        return choice.l2, choice.networks[0]

    def _last(self):
        """Return the strength of the L2 regularization and the network that a training goes on from."""
        return self.l2_ if is_auto(self.l2) else self.l2, best_network(self._state)

    def _complaints(self, X, Y, weight, go_on):
        """Return the warnings of a training of a single network; set the reason why it is no good."""
        constant = constant_cost(Y, self._cost(Y), weight)
        texts = complaints(constant, cost_of_columns(best_network(self._state), X, Y, sample_weight=weight))
        if texts:
            self.stop_reason_ = "constant"
        elif not go_on and (trouble := trouble_of(self._state)):          # other data have other costs
            self.stop_reason_, texts = "diverged", [trouble]
        return texts or self._still_falling()

    def _keep(self, state, scaling, l2, iterations, seen, report):
        """Set the attributes of a training."""
        parameters = best_network(state)
        self.parameters_ = fold_standardization(parameters, **scaling)
        self.n_iter_, self.l2_, self._samples_seen = iterations, l2, seen
        self.stop_reason_ = STOP_REASONS[state["stop_reason"]]
        self.n_h_ = report.get("n_h", len(parameters["W1"]))
        self.hidden_ = parameters.get("hidden", "tanh")
        self._scaling, self._state = scaling, state
        for attribute, name in REPORT.items():
            setattr(self, attribute, report.get(name))

    def _still_falling(self):
        """Return a list with the warning of a training that did not come to its end, or an empty list."""
        return [f"The cost was still falling when max_iter={self.max_iter} ended the training. Use a larger max_iter, "
                "or a larger l2."] * (self.stop_reason_ == "max_iter")

    def _check_network(self):
        """Refuse other settings of the network that training goes on from; "auto" takes it as it is."""
        for name, value in {"n_h": self.n_h_, "hidden": self.hidden_}.items():
            given = getattr(self, name)
            if given != value and not is_auto(given):
                raise ValueError(f"{name} must stay {value!r} when training goes on; got {given!r}. "
                                 "Use fit with warm_start=False.")

    def _columns(self, X, y, sample_weight, go_on, classes):
        """Return X, Y, the weights and the class weights as columns, without samples of weight 0."""
        if not go_on:
            self.encoding_ = fit_encoding(as_table(X)) if needs_encoding(X) else None
        if getattr(getattr(y, "dtype", None), "kind", None) == "T":       # NumPy's strings, which scikit-learn refuses
            y = y.astype(object)
        checks = {"multi_output": True, "y_numeric": isinstance(self, RegressorMixin)}
        if self.encoding_ is None:
            X, y = validate_data(self, dense(X), y, reset=not go_on, dtype=[np.float64, np.float32], **checks)
        else:
            X, y = check_X_y(self._encoded(X, reset=not go_on), y, **checks)
        check_variances("X", X, getattr(self, "feature_names_in_", ()))
        if isinstance(self, RegressorMixin):
            check_variances("y", y.reshape(len(y), -1))
        X, weight = X.T, None                                             # (n_x, m)
        if sample_weight is not None:
            weight = np.asarray(sample_weight)
            if weight.shape != (X.shape[1],):
                raise ValueError(f"sample_weight must have shape ({X.shape[1]},), a weight for each row of X; "
                                 f"got {weight.shape}.")
            weight = check_finite("sample_weight", as_floats("sample_weight", weight))[np.newaxis]   # (1, m)
            if not weight.any():
                raise ValueError("sample_weight must not be zero for every sample; got zeros. Leave it out.")
            weight = as_sample_weight(weight, X)
        Y, factor = self._targets(y, weight, getattr(self, "classes_", None) if go_on else classes)
        both = times(weight, factor)
        if both is not None and not both.any():
            raise ValueError("class_weight must leave a weight to one of the samples; got zeros. Raise one of them.")
        return load((X, Y, weight, factor), slice(None) if both is None else both[0] > 0)

    def _inputs(self, X):
        check_is_fitted(self)
        if self.encoding_ is not None:
            return self._encoded(X, reset=False).T
        return validate_data(self, dense(X), reset=False, dtype=[np.float64, np.float32]).T

    def _encoded(self, X, reset):
        """Return a table with text or holes as rows of numbers."""
        validate_data(self, X, reset=reset, skip_check_array=True)        # names and number of the columns
        return encode(as_table(X), self.encoding_).T

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        return tags

    def _train_lbfgs(self, state, X, Y, parameters, iterations, callbacks, *, random_state, **options):
        """Return the state at the end, and the iterations made."""
        with objective_of(self.engine)(X, Y, parameters, **options) as data:
            if state is not None:
                states = [restart(state | {"parameters": parameters}, data)]
            else:
                networks = [parameters, *further_networks(parameters, self.restarts, random_state)]
                states = [initial_state(network, OPTIMIZER, data) for network in networks]
            before = states[0]["iteration"]
            state = minimize_all(data, states, before + iterations, self.tolerance, callbacks)
        return state, state["iteration"] - before

    def _train_adam(self, state, X, Y, parameters, epochs, callbacks, *, sample_weight, **options):
        """Return the state at the end, and the epochs made."""
        optimizer, constant = adam(self.learning_rate), constant_cost(Y, self._cost(Y), sample_weight)
        data = objective_of(self.engine, optimizer)(X, Y, parameters, batch_size=self.batch_size,
                                                    sample_weight=sample_weight, **options)
        with data as data:
            state = adam_state(state, parameters, optimizer, data)
            batches = -(-X.shape[1] // data.settings["batch_size"])       # of an epoch
            before, reports = state["iteration"], len(state["history"]["cost"])

            patience = max(check_integer("patience", self.patience), -(-PATIENT_UPDATES // batches))

            def converged(state):
                costs = state["history"]["cost"][reports:]
                best = min(costs[:-patience], default=np.inf)
                return (1 - MIN_IMPROVEMENT) * best < min(costs[-patience:]) and best < PLATEAU * constant

            callbacks = [converged, *callbacks]
            state = descend(data, state, before + epochs * batches, optimizer, batches, callbacks)
        if state["stop_reason"] == "callback" and converged(state):
            state["stop_reason"] = "converged"
        return state, -(-(state["iteration"] - before) // batches)


class ShallowNetClassifier(ClassifierMixin, _ShallowNet):
    """A network with one hidden layer that learns two or more classes from a table.

    Two classes have a sigmoid output and the cross-entropy, several a softmax. The inputs are standardized, and the
    scaling is folded into the weights: ``parameters_`` takes the columns of the table as they are, and works with
    ``predict``, ``save_parameters`` and all other functions of the package.

    Parameters
    ----------
    n_h : int or "auto"
        Hidden units of each network: as many as samples up to 20, 50 from 500 samples on, 100 for pixels.
    hidden : {"auto", "tanh", "sigmoid", "relu"}
        Activation of the hidden layer. "auto" is relu for columns of one unit, such as pixels, and tanh for others.
    l2 : float or "auto"
        Strength of the L2 regularization ``l2/(2m) · Σ W²`` of the standardized table's network, the inverse of the C
        of ``LogisticRegression``. "auto" chooses it by five folds.
    networks : int or "auto"
        Networks that are trained and averaged into one: five, fewer from 10,000 samples on. With one and an ``l2``
        nothing is held out: it is the plain training.
    solver : {"auto", "lbfgs", "adam"}
        "auto" is L-BFGS up to ``LBFGS_SAMPLES`` samples and Adam with mini-batches beyond. Adam, ``early_stopping``,
        ``restarts`` and ``partial_fit`` train a single network.
    max_iter : int
        Largest number of iterations of L-BFGS or epochs of Adam in one call of ``fit``.
    tolerance : float
        L-BFGS has converged when no entry of the gradient is larger. Networks that go on from the folds also end where
        twenty iterations lower the cost by less than a thousandth.
    patience : int
        Iterations of L-BFGS with ``early_stopping``, or epochs of Adam, without improvement before it stops; to Adam at
        least a hundred updates.
    batch_size : int
        Samples an update of Adam.
    learning_rate : float
        Of Adam.
    restarts : int
        Trainings of further networks with L-BFGS; the one with the lowest cost is kept.
    early_stopping : bool or float
        Hold out a tenth, or this fraction, of the samples, stop when the cost on them has not improved for
        ``patience`` iterations or epochs, and keep the best network.
    class_weight : "balanced", dict or None
        Weights of the classes, 1 where the dictionary has none; "balanced" gives every class the same total.
    warm_start : bool
        Let ``fit`` go on from the network of the last ``fit``, with its scaling. Adam goes on bit for bit as if it had
        not been stopped, if the data and the seed are the same; L-BFGS from the same network, with a new estimate of
        the curvature. After ``early_stopping`` both go on from the best network.
    random_state : int, RandomState, Generator or None
        Draws the weights, shuffles and holds out. The default gives the same network every time.
    engine : {"numpy", "compiled"}
        What computes the gradients: NumPy, or the loops of ``shallownet.compiled`` (extra ``compiled``). The network is
        the same but for rounding. "compiled" trains a small table in 0.6 to 0.85 of the time, but takes 0.8 s to load.

    Attributes
    ----------
    parameters_ : dict
        The network, for columns of the table as they are.
    classes_ : array
        The labels, sorted.
    history_ : dict
        Lists ``iteration`` (for Adam: updates) and ``cost`` (the mean of the networks'), and with ``early_stopping``
        also ``validation_cost``.
    n_iter_ : int
        Iterations or epochs made, those before a warm start included.
    stop_reason_ : {"converged", "max_iter", "early_stopping", "constant", "diverged"}
        "constant": the network is no better than a constant answer. "diverged": its cost had been far lower. A warning
        says so.
    l2_, n_h_, hidden_
        What was used: the strength of the L2 regularization, the hidden units of each network, their activation.
    cv_score_, cv_scores_ : float, list of float
        Accuracy (R² of a regression) on the held-out folds together, and one by one; None if nothing was held out.
    cv_table_ : dict
        Lists ``l2``, ``cost`` and ``std``: every strength that was tried, its held-out cost and the spread over folds.
    temperature_ : float
        By which the logits were divided.
    encoding_ : dict or None
        How text, categories, dates and NaN became numbers, as of ``tables.fit_encoding``; None if there were none.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_wine(return_X_y=True)
    >>> bool(cross_val_score(ShallowNetClassifier(), X, y).mean() > 0.97)
    True
    """

    def __init__(
        self,
        n_h: int | str = "auto",
        *,
        hidden: str = "auto",
        l2: float | str = "auto",
        networks: int | str = "auto",
        solver: str = "auto",
        max_iter: int = 500,
        tolerance: float = 1e-4,
        patience: int = 10,
        batch_size: int = 200,
        learning_rate: float = 0.001,
        restarts: int = 0,
        early_stopping: bool | float = False,
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        random_state: RandomState = 3,
        engine: str = "numpy",
    ):
        self.n_h = n_h
        self.hidden = hidden
        self.l2 = l2
        self.networks = networks
        self.solver = solver
        self.max_iter = max_iter
        self.tolerance = tolerance
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.restarts = restarts
        self.early_stopping = early_stopping
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.engine = engine

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train for one epoch of Adam, from the network there is; the first call takes the scaling from its samples.

        The L2 regularization counts all samples seen so far, so it is the same for small and for large parts.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.
        classes : array-like, optional
            All labels that will ever come; needed in the first call.

        Returns
        -------
        self
        """
        go_on = hasattr(self, "parameters_")
        if isinstance(self.class_weight, str):
            raise ValueError(f"class_weight must be a dictionary or None in partial_fit, which sees a part of the "
                             f"samples; got {self.class_weight!r}. Use class_weight={{label: weight, ...}}.")
        if classes is None and not go_on:
            raise ValueError("classes must be given in the first call of partial_fit; got None. Use np.unique(all_y).")
        if classes is not None:
            classes = np.unique(classes)
            if go_on and not np.array_equal(classes, self.classes_):
                raise ValueError(f"classes must stay {self.classes_}; got {classes}. Leave them out.")
        self._train_part(X, y, sample_weight, classes)
        return self

    def predict(self, X: ArrayLike) -> Labels:
        """Return the label of each row, ``(n_samples,)``."""
        X = self._inputs(X)
        return self.classes_[predict(self.parameters_, X)[0]]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class in the order of ``classes_``, ``(n_samples, n_classes)``."""
        X = self._inputs(X)
        A2 = predict_probability(self.parameters_, X)
        return np.vstack([1 - A2, A2]).T if len(A2) == 1 else A2.T

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Return the logarithm of ``predict_proba``; of a probability 0 it is minus infinity."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _targets(self, y, weight, classes):
        """Return Y and the class weight of each sample; remember the classes."""
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        classes = np.unique(y) if classes is None else classes
        if len(classes) < 2:
            raise ValueError(f"y must hold at least two classes; got one class, {classes.tolist()[0]!r}. Add another.")
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(f"y must hold labels from classes_, {classes}; got {unknown.tolist()[0]!r}. Name "
                             "all classes in the first call of partial_fit, or use fit with warm_start=False.")
        numbers = np.searchsorted(classes, y)                             # (m,)
        Y = one_hot(numbers, len(classes)) if len(classes) > 2 else numbers[np.newaxis].astype(float)
        self.classes_ = classes
        if self.class_weight is None:
            return Y, None
        weight = np.ones(len(y)) if weight is None else weight[0]
        return Y, self._weight_of_class(classes, numbers, weight)[np.newaxis, numbers]

    def _weight_of_class(self, classes, numbers, weight):
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            return balanced_factors(numbers, weight, len(classes))
        if not isinstance(self.class_weight, dict):
            raise ValueError(f"class_weight must be 'balanced', a dictionary or None; got {self.class_weight!r}.")
        unknown = [label for label in self.class_weight if label not in classes.tolist()]
        if unknown:
            raise ValueError(f"class_weight must have labels from {classes} as keys; got {unknown[0]!r}.")
        weights = {label: check_number(f"class_weight[{label!r}]", value, minimum=0)
                   for label, value in self.class_weight.items()}
        return np.array([weights.get(label, 1.0) for label in classes.tolist()])

    def _cost(self, Y):
        return "cross_entropy" if len(Y) == 1 else "softmax_cross_entropy"


class ShallowNetRegressor(RegressorMixin, _ShallowNet):
    """A network with one hidden layer that learns one or several values from a table.

    The output is linear and the cost the squared error. Inputs and targets are standardized, and the scaling is folded
    into the weights: ``parameters_`` takes the columns of the table as they are, gives values in the unit of ``y``, and
    works with ``predict``, ``save_parameters`` and all other functions of the package.

    Parameters
    ----------
    n_h, hidden, l2, networks, solver, max_iter, tolerance, patience
        As in ``ShallowNetClassifier``.
    batch_size, learning_rate, restarts, early_stopping, warm_start, random_state, engine
        As there.

    Attributes
    ----------
    parameters_, history_, n_iter_, stop_reason_, l2_, n_h_, hidden_
        As in ``ShallowNetClassifier``.
    cv_score_, cv_scores_, cv_table_, encoding_, n_features_in_, feature_names_in_
        As there.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bool(cross_val_score(ShallowNetRegressor(), X, y).mean() > 0.45)
    True
    """

    def __init__(
        self,
        n_h: int | str = "auto",
        *,
        hidden: str = "auto",
        l2: float | str = "auto",
        networks: int | str = "auto",
        solver: str = "auto",
        max_iter: int = 500,
        tolerance: float = 1e-4,
        patience: int = 10,
        batch_size: int = 200,
        learning_rate: float = 0.001,
        restarts: int = 0,
        early_stopping: bool | float = False,
        warm_start: bool = False,
        random_state: RandomState = 3,
        engine: str = "numpy",
    ):
        self.n_h = n_h
        self.hidden = hidden
        self.l2 = l2
        self.networks = networks
        self.solver = solver
        self.max_iter = max_iter
        self.tolerance = tolerance
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.restarts = restarts
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.random_state = random_state
        self.engine = engine

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one epoch of Adam, from the network there is; the first call takes the scaling from its samples.

        The L2 regularization counts all samples seen so far, so it is the same for small and for large parts.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``.

        Returns
        -------
        self
        """
        self._train_part(X, y, sample_weight)
        return self

    def predict(self, X: ArrayLike) -> Labels:
        """Return the values for each row, ``(n_samples,)`` or ``(n_samples, n_outputs)`` as ``y`` was."""
        X = self._inputs(X)
        Y = predict(self.parameters_, X)
        return Y[0] if self._one_output else Y.T

    def predict_interval(self, X: ArrayLike, level: float = 0.9) -> tuple[Array, Array]:
        """Return the lower and the upper limit that hold the share ``level`` of the values, shaped as by ``predict``.

        They are as far from the prediction as that share of the held-out rows was at most, see
        ``model_selection.prediction_interval``.
        """
        X = self._inputs(X)
        if self._residual_quantiles is None:
            raise ValueError("predict_interval must follow a fit that holds rows out; got a plain training. "
                             "Use fit with networks=5 or l2='auto', without early_stopping and warm_start.")
        limits = prediction_interval(self.parameters_, X, self._residual_quantiles, level)
        return tuple(Y[0] if self._one_output else Y.T for Y in limits)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y, weight, classes):
        """Return Y, and no class weights; remember the form of ``y``."""
        self._one_output = y.ndim == 1
        return y.reshape(len(y), -1).T.astype(float), None

    def _cost(self, Y):
        return "squared_error"


def dense(X):
    """Return a sparse table as a dense one where the free memory has room for it; others as they are."""
    if not hasattr(X, "toarray"):
        return X
    size, free = 8 * math.prod(X.shape), math.inf
    if hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > free:
        raise ValueError(f"X must fit in memory as a dense table; got {X.shape}, {size / 1e9:.3g} GB, with "
                         f"{free / 1e9:.3g} GB free. Use sklearn.decomposition.TruncatedSVD first.")
    return X.toarray()


def check_variances(argument, rows, names=()):
    """Refuse a column of the table whose variance overflows, by its number and its name."""
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = np.flatnonzero(~np.isfinite(rows.var(axis=0)))
    if len(wrong):
        name = f", {names[wrong[0]]!r}" if len(names) == rows.shape[1] else ""
        raise ValueError(f"{argument} must have columns of finite variance; that of column {wrong[0]}{name} overflows. "
                         "Scale the column down.")


def times(weight, factor):
    """Return the product of the weights, either of which may be None."""
    return factor if weight is None else weight if factor is None else weight * factor


def samples(X, weight):
    """Return the number of samples, or the sum of their weights."""
    return float(X.shape[1] if weight is None else weight.sum())


def scaled(X, Y, weight, factor=None, **scaling):
    """Return X and Y standardized, and the product of the weights."""
    return *scale_columns(X, Y, **scaling), times(weight, factor)


def aggregated(X, Y, weight, factor):
    """Return X, Y, the weights times the class weights, and the counts of ``aggregate_duplicates``."""
    columns, _, counts, weight = aggregate_duplicates(X, Y, weight)
    return X[:, columns], Y[:, columns], times(weight, None if factor is None else factor[:, columns]), counts


def as_table(X):
    """Return a DataFrame as it is, and the columns of an array by name."""
    return X if hasattr(X, "columns") else {f"x{i}": column for i, column in enumerate(np.asarray(X).T)}


def in_unit_of_y(residual_quantiles, scaling):
    return None if residual_quantiles is None else residual_quantiles * scaling["y_std"]


def adam_state(state, parameters, optimizer, objective):
    """Return the state that Adam goes on from: a new one, or the last, whose moments stay with other data."""
    if state is None:
        return initial_state(parameters, optimizer, objective)
    state = rewind(state | {"parameters": parameters})
    if state["settings"] == objective.settings and state["optimizer_state"]:
        return state
    moments = state["optimizer_state"] or optimizer.init(parameters)
    return {**state, "settings": objective.settings, "optimizer_state": moments, "random_state": None,
            "epoch_start": state["iteration"]}


def fraction_of(hold_out):
    """Return the share of the samples that ``early_stopping`` holds out."""
    if isinstance(hold_out, bool | np.bool_):
        return 0.1
    return check_number("early_stopping", hold_out, positive=True, below=1)


def split(arrays, fraction, generator):
    """Return the samples to train on, and those held out, of the arrays, X and Y first."""
    everyone = np.arange(arrays[0].shape[1])[np.newaxis]
    train, _, validation, _ = split_columns(everyone, arrays[1], fraction, generator)
    return [load(arrays, columns[0].astype(int)) for columns in (train, validation)]
