"""A table of your own: read a CSV file, hold a part out, standardize, train with early stopping, see the mistakes."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from shallownet import accuracy, early_stopping, momentum, nn_model, predict
from shallownet.datasets import blobs
from shallownet.plotting import plot_confusion_matrix
from shallownet.preprocessing import fold_standardization, split_columns, standardize
from shallownet.readers import read_table

try:
    from shallownet.sklearn import ShallowNetClassifier
except ImportError:  # scikit-learn is optional
    ShallowNetClassifier = None


def write_small_table(path):
    """Three sorts of grain, with length and weight in units of very different size."""
    X, Y = blobs(300, classes=3, noise=0.5)
    sorts = np.array(["barley", "oat", "wheat"])[Y.argmax(axis=0)]
    lines = [f"{6 + x1:.3f},{1000 * (30 + 3 * x2):.0f},{sort}" for x1, x2, sort in zip(*X, sorts, strict=True)]
    path.write_text("\n".join(["length,weight,sort", *lines]) + "\n")


def class_numbers(Y):
    return Y.argmax(axis=0) if len(Y) > 1 else Y[0].astype(int)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", help="a CSV file with a header; without it, a small one is made")
    parser.add_argument("--target", default="sort", help="the column with the classes (default: %(default)s)")
    parser.add_argument("--output", default="own_table.png", help="the picture (default: %(default)s)")
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.table or f"{folder}/grains.csv")
        if not options.table:
            write_small_table(path)
        try:
            X, Y, features, classes = read_table(path, options.target, task="classification")
            X, Y, X_test, Y_test = split_columns(X, Y)
            X, Y, X_val, Y_val = split_columns(X, Y)
        except (OSError, ValueError) as error:
            parser.error(error)
    print(f"{X.shape[1]} samples to train with, features {', '.join(features)}, classes {', '.join(map(str, classes))}")

    mean, std = standardize(X)
    parameters = nn_model(
        (X - mean) / std, Y, n_h=10, num_iterations=5000, scale="glorot", optimizer=momentum(0.3), report_every=25,
        cost="cross_entropy" if len(classes) == 2 else "softmax_cross_entropy",
        callbacks=[early_stopping((X_val - mean) / std, Y_val)],
    )
    parameters = fold_standardization(parameters, mean, std)  # takes raw columns from here on
    print(f"accuracy on {X_test.shape[1]} samples held out: {100 * accuracy(parameters, X_test, Y_test):.1f} %")
    if ShallowNetClassifier:
        rows, labels = np.hstack([X, X_val]).T, np.hstack([class_numbers(Y), class_numbers(Y_val)])
        score = ShallowNetClassifier().fit(rows, labels).score(X_test.T, class_numbers(Y_test))
        print(f"the same with ShallowNetClassifier and its defaults: {100 * score:.1f} %")

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    plot_confusion_matrix(Y_test, predict(parameters, X_test), classes, ax=figure.subplots())
    figure.savefig(options.output, dpi=120)
    print(f"The confusion matrix is in {options.output}.")


if __name__ == "__main__":
    main()
