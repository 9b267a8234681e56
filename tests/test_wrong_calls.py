"""Wrong calls, each with the cure that its message names: the cure is carried out, and the call works."""

from contextlib import ExitStack

import h5py
import numpy as np
import pandas as pd
import pytest

import shallownet
from shallownet import column_files, datasets, plotting, preprocessing

m = 12
generator = np.random.RandomState(0)
VALUES = generator.standard_normal((2, m))
LABELS = (VALUES[:1] > 0).astype(float)
CLASSES = np.arange(m)[None] % 3
TARGETS = generator.standard_normal((1, m))


@pytest.fixture
def names(tmp_path):
    """What the calls and the cures speak of."""
    parameters = shallownet.initialize_parameters(2, 4, 1, scale=1)
    with h5py.File(tmp_path / "data.h5", "w") as file, ExitStack() as stack:
        file.update({"X": VALUES, "Y": LABELS, "X_rows": VALUES.T, "y": LABELS[0], "labels": LABELS + 1})
        np.savez(tmp_path / "data.npz", X=VALUES, Y=LABELS)
        with np.load(tmp_path / "data.npz") as archive:
            yield {
                **vars(shallownet), **vars(preprocessing), **vars(plotting), **vars(datasets),
                **vars(column_files),
                "np": np, "pd": pd, "stack": stack,
                "file": file, "archive": archive, "folder": tmp_path, "parameters": parameters,
                "softmax": shallownet.initialize_parameters(2, 4, 3, cost="softmax_cross_entropy"),
                "linear": shallownet.initialize_parameters(2, 4, 1, cost="squared_error"),
                "X": VALUES, "Y": LABELS, "classes": CLASSES, "targets": TARGETS,
                "words": np.array(["no", "yes"])[LABELS.astype(int)[0]],
            }


CALLS = [
    # What is wrong, the call, the cure: an expression for the argument that the message names first, or a whole call
    # Shapes
    ("", "predict(parameters, X.T)", "X", "X.T"),
    ("X = X[:, 0]", "predict(parameters, X)", "X", "X.reshape(-1, 1)"),
    ("X = X[:, 0].tolist()", "predict(parameters, X)", "X", "np.array(X).reshape(-1, 1)"),
    ("X = X[:, 0]", "predict_probability(parameters, X)", "X", "X.reshape(-1, 1)"),
    ("X = X[0]", "nn_model(X, Y, 4, 9)", "X", "X.reshape(1, -1)"),
    ("X = X[0].tolist()", "nn_model(X, Y, 4, 9)", "X", "np.array(X).reshape(1, -1)"),
    ("X = pd.Series(X[0])", "nn_model(X, Y, 4, 9)", "X", "X.to_numpy().reshape(1, -1)"),
    ("Y = Y[0]", "nn_model(X, Y, 4, 9)", "Y", "Y.reshape(1, -1)"),
    ("Y = Y.T", "nn_model(X, Y, 4, 9)", "Y", "Y.reshape(1, -1)"),
    ("Y = Y[0].tolist()", "nn_model(X, Y, 4, 9)", "Y", "np.array(Y).reshape(1, -1)"),
    ("Y = pd.Series(Y[0])", "nn_model(X, Y, 4, 9)", "Y", "Y.to_numpy().reshape(1, -1)"),
    ("Y = pd.DataFrame(Y.T)", "nn_model(X, Y, 4, 9)", "Y", "Y.to_numpy().reshape(1, -1)"),
    ("Y = file['y']", "nn_model(X, Y, 4, 9)", "Y", "Y[:].reshape(1, -1)"),
    ("Y = np.vstack([Y, Y]).T", "nn_model(X, Y, 4, 9)", "Y", "Y.T"),
    ("Y = np.vstack([Y, Y]).T.tolist()", "nn_model(X, Y, 4, 9)", "Y", "np.array(Y).T"),
    ("X, Y = X.T, Y.T", "nn_model(X, Y, 4, 9)", ("X", "Y"), "X.T and Y.reshape(1, -1)"),
    ("X, Y = X.T, Y[0]", "nn_model(X, Y, 4, 9)", ("X", "Y"), "X.T and Y.reshape(1, -1)"),
    ("X, Y = X.T, np.vstack([Y, Y, Y]).T", "nn_model(X, Y, 4, 9)", ("X", "Y"), "X.T and Y.T"),
    ("X, Y = X.T, pd.Series(Y[0])", "nn_model(X, Y, 4, 9)", ("X", "Y"), "X.T and Y.to_numpy().reshape(1, -1)"),
    ("X, Y = file['X_rows'], Y[0]", "nn_model(X, Y, 4, 9)", ("X", "Y"), "X[:, :].T and Y.reshape(1, -1)"),
    ("X = file['X_rows']", "predict(parameters, X)", "X", "X[:, :].T"),
    ("X = file['X_rows']", "train(X, Y, parameters, 3)", "X", "X[:, :].T"),
    ("X = pd.DataFrame(X.T)", "predict(parameters, X)", "X", "X.to_numpy().T"),
    ("X = pd.DataFrame(X.T)", "train(X, Y, parameters, 3)", "X", "X.to_numpy().T"),
    ("X = X.T.tolist()", "predict(parameters, X)", "X", "np.array(X).T"),
    ("X = X.T", "accuracy(parameters, X, Y)", "X", "X.T"),
    ("Y = Y[0]", "accuracy(parameters, X, Y)", "Y", "Y.reshape(1, -1)"),
    ("Y = targets[0]", "r2_score(linear, X, Y)", "Y", "Y.reshape(1, -1)"),
    ("Y = classes", "accuracy(softmax, X, Y)", "Y", "one_hot(Y)"),
    ("Y = classes", "train(X, Y, softmax, 3)", "Y", "one_hot(Y)"),
    ("X_val = X.T", "train(X, Y, parameters, 3, callbacks=[early_stopping(X_val, Y, 2)])", "X_val", "X_val.T"),
    ("Y_val = Y[0]", "train(X, Y, parameters, 3, callbacks=[early_stopping(X, Y_val, 2)])", "Y_val",
     "Y_val.reshape(1, -1)"),
    ("sample_weight = np.ones(12)", "train(X, Y, parameters, 3, sample_weight=sample_weight)", "sample_weight",
     "sample_weight.reshape(1, -1)"),
    ("sample_weight = [1.0] * 12", "train(X, Y, parameters, 3, sample_weight=sample_weight)", "sample_weight",
     "np.array(sample_weight).reshape(1, -1)"),
    ("sample_weight = pd.Series(np.ones(12))", "train(X, Y, parameters, 3, sample_weight=sample_weight)",
     "sample_weight", "sample_weight.to_numpy().reshape(1, -1)"),
    ("X = X[0]", "standardize(X)", "X", "X.reshape(1, -1)"),
    ("Y = Y[0]", "split_columns(X, Y)", "Y", "Y.reshape(1, -1)"),
    ("Y = Y.T", "plot_data(X, Y)", "Y", "Y.reshape(1, -1)"),
    ("X = np.vstack([X, X]); i, j = 0, 1", "plot_data(X, Y)", "X", "X[[i, j]]"),
    # Tables and files
    ("X = pd.DataFrame(X)", "forward_propagation(X, parameters)", "X", "X.to_numpy()"),
    ("X = X.tolist()", "forward_propagation(X, parameters)", "X", "np.array(X)"),
    ("Y = pd.DataFrame(Y)", "compute_cost(predict_probability(parameters, X), Y)", "Y", "Y.to_numpy()"),
    ("X = file", "nn_model(X, Y, 4, 9)", "X", "X['X']"),
    ("Y = file", "nn_model(X, Y, 4, 9)", "Y", "Y['Y']"),
    ("X = archive", "nn_model(X, Y, 4, 9)", "X", "X['X']"),
    ("Y = archive", "accuracy(parameters, X, Y)", "Y", "Y['Y']"),
    ("X = {'x': X}", "predict(parameters, X)", "X", "X['x']"),
    ("write_columns(folder / 'X', [X]); X = stack.enter_context(open_columns(folder / 'X'))", "split_columns(X, Y)",
     "X", "np.array(X[:, :])"),
    ("X = file['X']", "split_columns(X, Y)", "X", "np.array(X[:, :])"),
    ("X = np.memmap(folder / 'data', float, 'w+', shape=(2, 12))", "split_columns(X, Y)", "X",
     "np.array(X[:, :])"),
    ("import scipy.sparse; X = scipy.sparse.csr_matrix(X)", "predict(parameters, X)", "X", "X.toarray()"),
    # Labels and values
    ("Y = words", "nn_model(X, Y, 4, 9)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = words.tolist()", "nn_model(X, Y, 4, 9)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = pd.Series(words)", "nn_model(X, Y, 4, 9)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = words", "one_hot(Y)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = ['a', 'b']", "one_hot(Y)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = words", "split_columns(X, Y)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = words", "balanced_weights(Y)", "Y", "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("Y = words", "plot_confusion_matrix(Y, np.zeros((1, 12)))", "Y",
     "np.unique(Y, return_inverse=True)[1].reshape(1, -1)"),
    ("X = X.astype(str)", "nn_model(X, Y, 4, 9)", "X", "np.array(X, float)"),
    ("X = X.astype(object)", "nn_model(X, Y, 4, 9)", "X", "np.array(X, float)"),
    ("X = X.astype(str).tolist()", "nn_model(X, Y, 4, 9)", "X", "np.array(X, float)"),
    ("X = X + 0j", "nn_model(X, Y, 4, 9)", "X", "np.real(X)"),
    ("Y = Y + 1", "nn_model(X, Y, 4, 9)", "Y", "Y == 2.0"),
    ("Y = 2 * Y - 1", "nn_model(X, Y, 4, 9)", "Y", "Y == 1.0"),
    ("Y = (Y + 1).tolist()", "nn_model(X, Y, 4, 9)", "Y", "np.array(Y) == 2.0"),
    ("Y = pd.DataFrame(Y + 1)", "nn_model(X, Y, 4, 9)", "Y", "Y.to_numpy() == 2.0"),
    ("Y = file['labels']", "nn_model(X, Y, 4, 9)", "Y", "Y[:, :] == 2.0"),
    ("Y = classes + 1", "nn_model(X, Y, 4, 9)", None,
     "nn_model(X, one_hot(Y), 4, 9, cost='softmax_cross_entropy')"),
    ("Y = classes - 1", "nn_model(X, Y, 4, 9)", None,
     "nn_model(X, one_hot(np.unique(Y, return_inverse=True)[1].ravel()), 4, 9, cost='softmax_cross_entropy')"),
    ("Y = targets", "nn_model(X, Y, 4, 9)", None, "nn_model(X, Y, 4, 9, cost='squared_error', learning_rate=0.1)"),
    ("Y = classes", "nn_model(X, Y, 4, 9, cost='softmax_cross_entropy')", "Y", "one_hot(Y)"),
    ("Y = classes - 1", "one_hot(Y)", "Y", "np.unique(Y, return_inverse=True)[1]"),
    ("Y = classes", "balanced_weights(Y)", "Y", "one_hot(Y)"),
    ("Y = np.zeros(12)", "one_hot(Y)", None, "one_hot(Y, n_classes=2)"),
    # Networks, settings, callbacks
    ("", "predict(train(X, Y, parameters, 3), X)", "parameters, history", "train(X, Y, parameters, 3)"),
    ("", "nn_model(X, Y, 4, num_iters=9)", None, "nn_model(X, Y, 4, num_iterations=9)"),
    ("", "train(X, Y, parameters, 3, callbacks=[progress_bar])", None,
     "train(X, Y, parameters, 3, callbacks=[progress_bar()])"),
    ("", "train(X, Y, parameters, 3, callbacks=[print_cost])", None,
     "train(X, Y, parameters, 3, callbacks=[print_cost()])"),
    ("", "train(X, Y, parameters, 3, callbacks=[snapshots])", None,
     "train(X, Y, parameters, 3, callbacks=[snapshots()])"),
    ("", "train(X, Y, parameters, 3, callbacks=print_cost())", None,
     "train(X, Y, parameters, 3, callbacks=[print_cost()])"),
    ("", "nn_model(X, Y, 4.0, 9)", None, "nn_model(X, Y, int(4.0), 9)"),
    ("", "nn_model(X, Y, 4, 1e1)", None, "nn_model(X, Y, 4, int(1e1))"),
    ("", "train(X, Y, parameters, 3, optimizer='adam')", None, "train(X, Y, parameters, 3, optimizer=adam(0.001))"),
    ("", "r2_score(parameters, X, Y)", None, "accuracy(parameters, X, Y)"),
    ("", "accuracy(linear, X, targets)", None, "r2_score(linear, X, targets)"),
    ("", "predict({}, X)", None, "predict(initialize_parameters(2, 4, 1), X)"),
]
WORDS = {                                                                 # of a whole call that the message names
    "nn_model(X, one_hot(Y), 4, 9, cost='softmax_cross_entropy')": "cost='softmax_cross_entropy' with one_hot(Y)",
    "nn_model(X, one_hot(np.unique(Y, return_inverse=True)[1].ravel()), 4, 9, cost='softmax_cross_entropy')":
        "cost='softmax_cross_entropy' with one_hot(np.unique(Y, return_inverse=True)[1].ravel())",
    "nn_model(X, Y, 4, 9, cost='squared_error', learning_rate=0.1)": "cost='squared_error'",
    "one_hot(Y, n_classes=2)": "one_hot(Y, n_classes=2)",
    "nn_model(X, Y, 4, num_iterations=9)": "nn_model() got an unexpected keyword argument 'num_iters'",
    "train(X, Y, parameters, 3, callbacks=[progress_bar()])": "Use progress_bar(...): call it",
    "train(X, Y, parameters, 3, callbacks=[print_cost()])": "Use ",
    "train(X, Y, parameters, 3, callbacks=[snapshots()])": "Use snapshots(...): call it",
    "nn_model(X, Y, int(4.0), 9)": "int(...)",
    "nn_model(X, Y, 4, int(1e1))": "int(...)",
    "train(X, Y, parameters, 3, optimizer=adam(0.001))": "adam(0.001)",
    "accuracy(parameters, X, Y)": "Use accuracy",
    "r2_score(linear, X, targets)": "Use r2_score",
    "predict(initialize_parameters(2, 4, 1), X)": "Use initialize_parameters(n_x, n_h, n_y)",
}


@pytest.mark.parametrize(("mistake", "call", "target", "cure"), CALLS)
def test_the_cure_that_a_message_names_works(mistake, call, target, cure, names):
    names["VALUES"] = VALUES
    exec(mistake, names)
    with pytest.raises((ValueError, TypeError)) as refused:
        eval(call, names)
    message = str(refused.value)
    if target is None:
        assert WORDS[cure] in message
        eval(cure, names)
    elif isinstance(target, tuple):
        assert f"Use {cure}" in message
        for name, expression in zip(target, cure.split(" and "), strict=True):
            exec(f"{name} = {expression}", names)
        eval(call, names)
    elif target == "parameters, history":
        assert f"Use {target} = train(...)" in message
        exec(f"{target} = {cure}", names)
        eval("predict(parameters, X)", names)
    else:
        assert cure in message
        exec(f"{target} = {cure}", names)
        eval(call, names)


def test_the_table_is_large():
    assert len(CALLS) >= 60
