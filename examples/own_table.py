"""A table of your own: read it, choose a network by cross-validation, tell how well it does, and draw its mistakes."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from shallownet.datasets import blobs
from shallownet.plotting import plot_confusion_matrix, plot_residuals
from shallownet.table_model import describe, train_on
from shallownet.tables import read_table


def write_small_table(path):
    """Three sorts of grain, with length and weight in units of very different size."""
    X, Y = blobs(300, classes=3, noise=0.5)
    sorts = np.array(["barley", "oat", "wheat"])[Y.argmax(axis=0)]
    lines = [f"{6 + x1:.3f},{1000 * (30 + 3 * x2):.0f},{sort}" for x1, x2, sort in zip(*X, sorts, strict=True)]
    path.write_text("\n".join(["length,weight,sort", *lines]) + "\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", nargs="?", help="a CSV file with a header; without it, a small one is made")
    parser.add_argument("--target", default="sort", help="the column to predict (default: %(default)s)")
    parser.add_argument("--delimiter", help="what stands between the cells (default: the one that fits)")
    parser.add_argument("--output", default="own_table.png", help="the picture (default: %(default)s)")
    options = parser.parse_args(arguments)

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.table or f"{folder}/grains.csv")
        if not options.table:
            write_small_table(path)
        try:
            table = read_table(path, options.target, delimiter=options.delimiter)
            figure.savefig(options.output)                                # better refused now than after the training
            model = train_on(table, source=path)
        except (OSError, ValueError) as error:
            parser.error(error)
    print(*describe(model), sep="\n")

    held_out = model.report["held_out"]
    if table.classes is None:
        plot_residuals(table.Y, held_out, figure.subplots())
    else:
        labels = held_out.argmax(axis=0) if len(held_out) > 1 else 1 * (held_out > 0.5)
        plot_confusion_matrix(table.Y, labels, table.classes, figure.subplots())
    figure.savefig(options.output, dpi=120)
    print(f"The picture is in {options.output}.")


if __name__ == "__main__":
    main()
