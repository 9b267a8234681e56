"""Callbacks of ``train``: each gets the training state at every report, and stops the training by returning True.

The state is a dictionary:

=================== ==================================================================================================
``iteration``       updates made so far
``num_iterations``  updates that the training was asked for
``parameters``      the network before the next update
``cost``            its cost, or with mini-batches the mean over the batches since the last report
``history``         dictionary of lists with an entry a report: ``iteration``, ``cost``, and what callbacks add
``optimizer_state`` dictionary of arrays
``finished``        True in the last call, after the last update
=================== ==================================================================================================

``best_parameters`` may be put there by a callback: ``train`` then returns those. ``random_state``, ``running`` and
``settings`` are what a resumed training needs besides.
"""

import math
import zlib
from functools import cache, partial

import numpy as np

from shallownet._checks import as_columns, as_labels, as_sample_weight, check_integer, check_number
from shallownet._types import Array, Callback, Columns, PathLike, State
from shallownet.evaluation import accuracy, cost_of_columns, r2_score
from shallownet.network import output_of


def print_cost() -> Callback:
    """Print the texts' line at every report: ``Cost after iteration 1000: 0.258625``."""

    def callback(state):
        if not state["finished"]:
            print(f"Cost after iteration {state['iteration']}: {state['cost']:f}")

    return callback


def progress_bar() -> Callback:
    """Show a bar with the cost and the time left; silent where the output is no terminal."""
    bar = None

    def callback(state):
        nonlocal bar
        if bar is not None and (bar.total != state["num_iterations"] or bar.n > state["iteration"]):
            bar.close()                                                   # of a training that was interrupted
            bar = None
        if bar is None:
            from tqdm import tqdm

            bar = tqdm(total=state["num_iterations"], initial=state["iteration"], unit="it", disable=None)
        if state["cost"] is not None:
            bar.set_postfix_str(f"cost {state['cost']:.6f}", refresh=False)
        bar.update(state["iteration"] - bar.n)
        if state["finished"]:
            bar.close()
            bar = None

    return callback


def record_validation(X_val: Columns, Y_val: Columns) -> Callback:
    """Add ``validation_cost`` and ``validation_accuracy`` (for a linear output ``validation_r2``) to the history.

    Where another callback has written an entry at this report, that one stays.

    Parameters
    ----------
    X_val, Y_val : array, shape (n_x, m), (n_y, m)
        Samples that the training does not see.
    """

    def callback(state):
        parameters, history = state["parameters"], state["history"]
        linear = output_of(parameters) == "linear"
        name, score = ("validation_r2", r2_score) if linear else ("validation_accuracy", accuracy)
        X, Y, _ = _validation(parameters, X_val, Y_val)
        _append(history, "validation_cost", partial(cost_of_columns, parameters, X, Y))
        _append(history, name, partial(score, parameters, X, Y))

    return callback


def early_stopping(
    X_val: Columns,
    Y_val: Columns,
    patience: int = 10,
    *,
    min_improvement: float = 1e-4,
    sample_weight: Array | None = None,
) -> Callback:
    """Stop when the validation cost has not improved for ``patience`` reports, and return the best parameters.

    It watches the cost, which also falls where the accuracy of a small validation set stands still. Adds
    ``validation_cost`` to the history, unless another callback has: then that stays, and this one watches its own.

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

    def callback(state):
        parameters, history = state["parameters"], state["history"]
        X, Y, weight = _validation(parameters, X_val, Y_val, sample_weight)
        validation_cost = cache(partial(cost_of_columns, parameters, X, Y, sample_weight=weight))
        _append(history, "validation_cost", validation_cost)
        # The watch is in the state, so that a resumed training goes on as if it had not been stopped.
        watches, key = state.get("early_stopping", {}), _fingerprint(X, Y, weight)
        watch = watches.get(key, {"iteration": None, "lowest": math.inf, "best": math.inf, "waited": 0})
        if history["iteration"] and state["iteration"] != watch["iteration"]:      # a resumed report comes twice
            cost, best = validation_cost(), watch["best"]
            watch = {**watch, "iteration": state["iteration"], "waited": watch["waited"] + 1}
            if cost < watch["lowest"]:
                watch |= {"lowest": cost, "parameters": parameters}
            if cost < (best - min_improvement * abs(best) if best < math.inf else best):
                watch |= {"best": cost, "waited": 0}
            if not state["finished"]:                                     # a longer training has no such report
                state["early_stopping"] = {**watches, key: watch}
        state |= {"best_parameters": watch.get("parameters", parameters), "best_cost": watch["lowest"]}
        return watch["waited"] >= patience

    return callback


def checkpoint(path: PathLike, every: int = 1) -> Callback:
    """Save the training state to ``path`` at every ``every``-th report and at the end, atomically.

    ``train(..., state=load_checkpoint(path))`` continues as if nothing had happened, bit for bit.

    Parameters
    ----------
    path : path
    every : int
        Reports between two checkpoints; reports come every ``report_every`` iterations.
    """
    check_integer("every", every)

    def callback(state):
        if state["finished"] or (len(state["history"]["iteration"]) - 1) % every == 0:
            from shallownet.storage import save_checkpoint  # h5py is loaded by those who save

            save_checkpoint(path, state)

    return callback


class snapshots(list):
    """A list of ``(iteration, parameters)`` that fills itself when used as a callback, for ``animate_training``.

    Parameters
    ----------
    every : int
        Reports between two snapshots; the network after the last update is always there.
    most : int
        When the list is full, every other snapshot goes and ``every`` doubles: the list covers the whole training.

    Examples
    --------
    >>> import numpy as np
    >>> from shallownet import nn_model
    >>> frames = snapshots(most=4)
    >>> parameters = nn_model(np.eye(2), np.eye(2), num_iterations=70, report_every=10, callbacks=[frames])
    >>> [iteration for iteration, _ in frames]
    [0, 20, 40, 70]
    """

    def __init__(self, every: int = 1, most: int = 200):
        super().__init__()
        self.every, self.most = check_integer("every", every), check_integer("most", most, 2)

    def __call__(self, state: State) -> None:
        while self and self[-1][0] >= state["iteration"]:                 # this report again, or another training's
            self.pop()
        report = len(state["history"]["iteration"]) - 1
        full = len(self) == self.most
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


def _validation(parameters, X_val, Y_val, sample_weight=None):
    """Return the validation samples that go with the network, and their weights."""
    X = as_columns("X_val", X_val, rows=parameters["W1"].shape[1])
    Y = as_labels(Y_val, X, output_of(parameters), rows=parameters["W2"].shape[0], arguments=("Y_val", "X_val"))
    return X, Y, as_sample_weight(sample_weight, X)


def _fingerprint(*arrays):
    """Return a name for the samples, made of their number and the first thousand: that of others differs."""
    checksum = 0
    for array in arrays:
        if array is not None:
            checksum = zlib.crc32(np.ascontiguousarray(array[:, :1000]), checksum)
    return f"{arrays[0].shape[1]}_{checksum:08x}"
