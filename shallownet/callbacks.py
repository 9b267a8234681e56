"""Callbacks of ``train``: each gets the training state at every report, and stops the training by returning True.

``states.py`` says what is in the state; a callback may add lists to ``state["history"]``, an entry a report. The
callbacks here can be pickled, for trainings in other processes.
"""

import math
import os
import sys
import threading
import zlib
from functools import cache, partial

import numpy as np

from shallownet._checks import as_columns, as_labels, as_sample_weight, check_integer, check_number
from shallownet._types import Array, Callback, Columns, PathLike, State
from shallownet.evaluation import accuracy, r2_score
from shallownet.network import output_of
from shallownet.objective import cost_of_columns


def print_cost() -> Callback:
    """Print the course's line at every report: ``Cost after iteration 1000: 0.258625``."""
    return _print_cost


def _print_cost(state):
    if not state["finished"]:
        print(f"Cost after iteration {state['iteration']}: {state['cost']:f}")


def progress_bar() -> Callback:
    """Show a bar with the cost and the time left, in a notebook too; silent where the output is no terminal."""
    return _ProgressBar()


class _ProgressBar(threading.local):
    """A bar for each thread, as trainings in several may share the callback."""

    bar = None

    def __reduce__(self):
        return progress_bar, ()

    def __call__(self, state):
        bar, iteration, total = self.bar, state["iteration"], state["num_iterations"]
        if bar is not None and (bar.total != total or bar.n > iteration):
            bar.close()                                                   # of a training that was interrupted
            bar = None
        if bar is None:
            from tqdm.auto import tqdm

            silent = False if "ipykernel" in sys.modules else None        # None: where the output is no terminal
            bar = self.bar = tqdm(total=total, initial=iteration, unit="it", disable=silent)
        if state["cost"] is not None:
            bar.set_postfix_str(f"cost {state['cost']:.6f}", refresh=False)
        bar.update(iteration - bar.n)
        if state["finished"]:
            bar.close()
            self.bar = None


def record_validation(X_val: Columns, Y_val: Columns) -> Callback:
    """Add ``validation_cost`` and ``validation_accuracy`` (for a linear output ``validation_r2``) to the history.

    Where another callback has written an entry at this report, that one stays.

    Parameters
    ----------
    X_val, Y_val : array, shape (n_x, m), (n_y, m)
        Samples that the training does not see.
    """
    return partial(_record_validation, HeldOut(X_val, Y_val))


def _record_validation(held_out, state):
    parameters, history = state["parameters"], state["history"]
    linear = output_of(parameters) == "linear"
    name, score = ("validation_r2", r2_score) if linear else ("validation_accuracy", accuracy)
    X, Y, _ = held_out.checked(parameters)
    _append(history, "validation_cost", partial(held_out.cost, parameters))
    _append(history, name, partial(score, parameters, X, Y))


def early_stopping(
    X_val: Columns,
    Y_val: Columns,
    patience: int = 10,
    *,
    min_improvement: float = 1e-4,
    sample_weight: Array | None = None,
) -> Callback:
    """Stop when the validation cost has not improved for ``patience`` reports, and return the best parameters.

    It monitors the cost, which also falls where the accuracy of a small validation set stands still. Adds
    ``validation_cost`` to the history, unless another callback has: then that stays, and this one monitors its own.

    Parameters
    ----------
    X_val, Y_val : array, shape (n_x, m), (n_y, m)
        Samples that the training does not see.
    patience : int
        Reports without improvement; reports come every ``report_every`` iterations.
    min_improvement : float
        What counts as one, relative to the last cost that counted, so that small ones add up. The parameters of the
        lowest cost are kept all the same.
    sample_weight : array, shape (1, m), optional
        Of the validation samples.

    References
    ----------
    Prechelt, "Early stopping - but when?", 1998.
    """
    check_integer("patience", patience)
    check_number("min_improvement", min_improvement, minimum=0)
    return partial(_early_stopping, HeldOut(X_val, Y_val, sample_weight), patience, min_improvement)


def _early_stopping(held_out, patience, min_improvement, state):
    parameters, history = state["parameters"], state["history"]
    cost = cache(partial(held_out.cost, parameters))
    _append(history, "validation_cost", cost)
    # What it monitors is in the state, so that a resumed training goes on as if it had not been stopped.
    monitors, key = state.get("early_stopping", {}), held_out.fingerprint(parameters)
    monitor = monitors.get(key, {"iteration": None, "reference": math.inf, "wait": 0, "lowest": math.inf})
    if history["iteration"] and state["iteration"] != monitor["iteration"]:    # a resumed report comes twice
        monitor = {**monitor, "iteration": state["iteration"]}
        monitor["reference"], monitor["wait"] = waiting(
            cost(), monitor["reference"], monitor["wait"], min_improvement
        )
        if cost() < monitor["lowest"]:
            monitor |= {"lowest": cost(), "parameters": parameters}
        if not state["finished"]:                                     # a longer training has no such report
            state["early_stopping"] = {**monitors, key: monitor}
    state |= {"best_parameters": monitor.get("parameters", parameters), "best_cost": monitor["lowest"]}
    return monitor["wait"] >= patience


def waiting(cost: float, reference: float, wait: int, min_improvement: float) -> tuple[float, int]:
    """Return the cost to improve on, and how many reports have not, after one more report.

    Examples
    --------
    >>> waiting(0.5, reference=0.6, wait=3, min_improvement=0.01)
    (0.5, 0)
    >>> waiting(0.595, reference=0.6, wait=3, min_improvement=0.01)
    (0.6, 4)
    """
    improved = cost < (reference - min_improvement * abs(reference) if reference < math.inf else reference)
    return (cost, 0) if improved else (reference, wait + 1)


def checkpoint(path: PathLike, every: int = 1) -> Callback:
    """Save the training state to ``path`` at every ``every``-th report and at the end, atomically.

    ``train(..., state=load_checkpoint(path))`` continues as if nothing had happened, bit for bit.

    Parameters
    ----------
    path : path
        A relative one is of the folder that is current when ``checkpoint`` is called.
    every : int
        Reports between two checkpoints; reports come every ``report_every`` iterations.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a pathlib.Path; got {path!r}.")
    return partial(_checkpoint, os.path.abspath(path), check_integer("every", every))


def _checkpoint(path, every, state):
    if state["finished"] or (len(state["history"]["iteration"]) - 1) % every == 0:
        from shallownet.storage import save_checkpoint  # h5py is loaded by those who save

        save_checkpoint(path, state)


class snapshots(list):
    """A list of ``(iteration, parameters)`` that fills itself when used as a callback, for ``animate_training``.

    Parameters
    ----------
    every : int
        Reports between two snapshots; the network after the last update is always there.
    max_snapshots : int
        When the list is full, every other snapshot goes and ``every`` doubles: the list covers the whole training.

    Examples
    --------
    >>> import numpy as np
    >>> from shallownet import nn_model
    >>> frames = snapshots(max_snapshots=4)
    >>> parameters = nn_model(np.eye(2), np.eye(2), num_iterations=70, report_every=10, callbacks=[frames])
    >>> [iteration for iteration, _ in frames]
    [0, 20, 40, 70]
    """

    def __init__(self, every: int = 1, max_snapshots: int = 200):
        super().__init__()
        self.every = check_integer("every", every)
        self.max_snapshots = check_integer("max_snapshots", max_snapshots, 2)

    def __call__(self, state: State) -> None:
        while self and self[-1][0] >= state["iteration"]:                 # this report again, or another training's
            self.pop()
        report = len(state["history"]["iteration"]) - 1
        full = len(self) == self.max_snapshots
        if full and state["finished"]:
            self.pop()
        elif full and report % self.every == 0:
            del self[1::2]
            self.every *= 2
        if state["finished"] or report % self.every == 0:
            self.append((state["iteration"], state["parameters"]))


def _append(history, name, value):
    """Append to a list of the history, unless another callback has done so at this report.

    A callback that joins a resumed training finds reports without its value: they get NaN.
    """
    values, reports = history.setdefault(name, []), len(history["iteration"])
    if len(values) < reports:
        values += [math.nan] * (reports - 1 - len(values)) + [value()]


class HeldOut:
    """Validation samples, checked once for each kind of network that they meet."""

    def __init__(self, X_val, Y_val, sample_weight=None):
        self.given, self.kind = (X_val, Y_val, sample_weight), None

    def checked(self, parameters):
        """Return ``X, Y, sample_weight``, which go with the network."""
        kind = parameters["W1"].shape[1], parameters["W2"].shape[0], output_of(parameters)
        if kind != self.kind:
            X_val, Y_val, sample_weight = self.given
            X = as_columns("X_val", X_val, rows=kind[0])
            Y = as_labels(Y_val, X, kind[2], rows=kind[1], arguments=("Y_val", "X_val"))
            self.arrays, self.kind = (X, Y, as_sample_weight(sample_weight, X)), kind
            self.name = _fingerprint(*self.arrays)
        return self.arrays

    def cost(self, parameters):
        """Return the network's cost on these samples."""
        X, Y, sample_weight = self.checked(parameters)
        return cost_of_columns(parameters, X, Y, sample_weight=sample_weight)

    def fingerprint(self, parameters):
        """Return a name for the samples: that of others differs."""
        self.checked(parameters)
        return self.name


def _fingerprint(*arrays):
    """Return the number of the samples and a checksum of the first thousand."""
    checksum = 0
    for array in arrays:
        if array is not None:
            checksum = zlib.crc32(np.ascontiguousarray(array[:, :1000]), checksum)
    return f"{arrays[0].shape[1]}_{checksum:08x}"
