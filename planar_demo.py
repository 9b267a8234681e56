"""Planar classification with one hidden layer, from the data to the picture: python planar_demo.py"""

import argparse
import os
import sys
from inspect import signature
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import shallownet as sn
from shallownet.activations import ACTIVATIONS, sigmoid, softmax
from shallownet.datasets import blobs, circles, gaussian_quantiles, moons, planar_flower, spiral
from shallownet.page import export_page
from shallownet.plotting import animate_training, plot_cost, plot_data, plot_decision_boundary, plot_hidden_units
from shallownet.storage import save_parameters

DATASETS = {"flower": planar_flower, "moons": moons, "circles": circles, "blobs": blobs,
            "quantiles": gaussian_quantiles, "spiral": spiral}
HIDDEN_SIZES = (1, 2, 3, 4, 5, 20, 50)


def demo(options):
    """Train, print, draw; return the exit status."""
    X, Y = DATASETS[options.dataset](**({} if options.noise is None else {"noise": options.noise}))
    print(f"X has shape {X.shape}, Y has shape {Y.shape}: m = {X.shape[1]} samples.")
    test = None
    if options.test_fraction:
        X, Y, *test = sn.split_columns(X, Y, options.test_fraction)
        print(f"{test[0].shape[1]} of them are held out, for a test.")

    line = logistic_regression(X, Y)
    print(f"Accuracy without hidden layer (logistic regression): {percent(accuracy_of(line, X, Y))}")

    frames = sn.snapshots(max_snapshots=2000)
    stopped = False
    try:
        parameters, history = train(X, Y, test, options, frames)
    except KeyboardInterrupt as stop:
        if not getattr(stop, "history", {}).get("cost"):
            raise                                                         # too early for anything to show
        parameters, history, stopped = stop.parameters, stop.history, True
    if stopped:
        print("Stopped. This is what there is so far:")
    print(f"Accuracy with {units(options.hidden)}: {percent(sn.accuracy(parameters, X, Y))}")
    if test:
        print(f"Accuracy on the samples held out: {percent(sn.accuracy(parameters, *test))}")

    networks = {} if stopped or options.no_sweep else try_hidden_sizes(X, Y, options)

    panel = 1.8 * np.ptp(X[1]) / np.ptp(X[0])                             # its height, as it is 1.8 inches wide
    figure = new_figure(options, height=rows(networks) * (panel + 0.55) + 1.2)
    draw(figure, X, Y, line, parameters, history, networks, test)
    save("picture", figure.savefig, options.output)
    if options.hidden_units:
        figure = plot_hidden_units(parameters, X, Y)[0].figure
        save("picture of the hidden units", figure.savefig,
             options.output.with_stem(options.output.stem + "_hidden_units"))
    if stopped:
        frames.append((history["iteration"][-1], parameters))
    if options.animate:
        save("animation", lambda path: animate_training(frames, X, Y, path), options.animate)
    if options.page:
        save("page", lambda path: export_page(frames, X, Y, path), options.page)
    if options.model:
        save("network", lambda path: save_parameters(path, parameters), options.model)
    if options.show:
        show()
    return 130 if stopped else 0


def logistic_regression(X, Y, num_iterations=1000, learning_rate=1.0):
    """Return the best classifier without hidden layer, ``A = sigmoid(W X + b)``, by gradient descent from zero."""
    output = sigmoid if len(Y) == 1 else softmax
    W, b = np.zeros((len(Y), len(X))), np.zeros((len(Y), 1))
    for _ in range(num_iterations):
        dZ = (output(W @ X + b) - Y) / X.shape[1]                         # (n_y, m)
        W = W - learning_rate * dZ @ X.T                                  # (n_y, n_x)
        b = b - learning_rate * dZ.sum(axis=1, keepdims=True)             # (n_y, 1)
    return lambda X: output(W @ X + b)


def accuracy_of(model, X, Y):
    """Return the fraction of columns to which ``model`` gives their class."""
    A = model(X)
    return np.mean(A.argmax(axis=0) == Y.argmax(axis=0)) if len(Y) > 1 else np.mean((A > 0.5) == Y)


def cost_for(Y):
    return "cross_entropy" if len(Y) == 1 else "softmax_cross_entropy"


def train(X, Y, test, options, frames):
    """Return the trained network and its history; print the cost as the course does, or show a bar if it takes long."""

    def print_every_1000(state):
        if state["iteration"] % 1000 == 0:
            sn.print_cost()(state)

    parameters = sn.initialize_parameters(
        len(X), options.hidden, len(Y), hidden=options.activation, cost=cost_for(Y), random_state=options.seed
    )
    bar = options.iterations > 20_000 and sys.stderr.isatty()
    callbacks = [frames, sn.progress_bar() if bar else print_every_1000]
    if test:
        callbacks.append(sn.record_validation(*test))
    return sn.train(
        X, Y, parameters, options.iterations, optimizer=sn.gradient_descent(options.learning_rate),
        report_every=10, callbacks=callbacks,
    )


def try_hidden_sizes(X, Y, options):
    """Return a network for each hidden size; Ctrl-C ends with those that are done."""
    networks, iterations = {}, min(options.iterations, 5000)
    print(f"Accuracy after {iterations} iterations with")
    try:
        for n_h in options.hidden_sizes:
            networks[n_h] = sn.nn_model(
                X, Y, n_h, iterations, hidden=options.activation, cost=cost_for(Y),
                learning_rate=options.learning_rate, random_state=options.seed,
            )
            print(f"  {units(n_h)}: {percent(sn.accuracy(networks[n_h], X, Y))}")
    except KeyboardInterrupt:
        print("Stopped.")
    return networks


def draw(figure, X, Y, line, parameters, history, networks, test=None):
    """Draw the data, both boundaries and the learning curve; below, the boundary of each hidden size."""
    figure.get_layout_engine().set(h_pad=0.08)
    panels = list(figure.subplots(rows(networks), 4, squeeze=False).flat)
    data, linear, network, curve, *others = panels
    points = plot_data(X, Y, data)
    data.set_title("the data\n")
    plot_decision_boundary(line, X, Y, linear)
    linear.set_title(f"no hidden layer\n{percent(accuracy_of(line, X, Y))}")
    plot_decision_boundary(parameters, X, Y, network)
    network.set_title(f"{units(len(parameters['W1']))}\n{percent(sn.accuracy(parameters, X, Y))}")
    lines = plot_cost(history, curve)
    if test:
        lines[1].set_label(lines[1].get_label().replace("validation", "test"))
        curve.legend(handles=lines, fontsize=7)
    curve.set(title="the cost\nby iteration", xlabel="", ylabel="", box_aspect=data.get_data_ratio())
    for ax, (n_h, parameters) in zip(others, networks.items(), strict=False):
        plot_decision_boundary(parameters, X, Y, ax)
        ax.set_title(f"{units(n_h)}\n{percent(sn.accuracy(parameters, X, Y))}")
    for ax in panels:
        if ax is not curve:
            ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
        if not ax.has_data():
            ax.remove()
    meaning = "probability of class 1 in steps of 0.1; line: 0.5" if len(Y) == 1 else "the most probable class"
    figure.legend(handles=points, loc="outside lower center", ncols=len(points), frameon=False, markerscale=2,
                  title=f"background: {meaning}")


def rows(networks):
    return 1 + ceil(len(networks) / 4)


def new_figure(options, height):
    """Return a figure of 1,600 pixels' width; for --show it has a window."""
    size = {"figsize": (8, height), "dpi": 200, "layout": "constrained"}  # small in inches, so the letters are large
    if options.show:
        from matplotlib import pyplot

        return pyplot.figure(**size)
    return Figure(**size)


def show():
    from matplotlib import pyplot

    if pyplot.get_backend().lower() == "agg":
        print("There is no display to open a window on.")
    else:
        pyplot.show()
    pyplot.close("all")


def save(what, write, path):
    write(path)
    print(f"The {what} is in {path.resolve()}")


def units(n_h):
    return f"{n_h} hidden unit{'s' * (n_h > 1)}"


def percent(fraction):
    return f"{round(100 * fraction, 2)} %"


def main(argv=None):
    """Run the demo; what goes wrong gets one line and exit status 2, Ctrl-C gets 130."""
    parser = Parser(description="Train a network with one hidden layer on points in the plane; draw what it learns.")
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="flower", help="the points to learn (default: %(default)s)")
    add("--hidden", type=whole_number(1, 1000), default=4, metavar="N", help="hidden units (default: %(default)s)")
    add("--activation", choices=ACTIVATIONS, default="tanh", help="of the hidden units (default: %(default)s)")
    add("--noise", type=positive_number, metavar="S",
        help="standard deviation of the points' noise (default: the dataset's; the flower and the quantiles have none)")
    add("--test-fraction", type=fraction, metavar="F",
        help="hold this part of the samples out, and draw its cost, too (default: none)")
    add("--iterations", type=whole_number(1, 10**9), default=10000, metavar="N", help="updates (default: %(default)s)")
    add("--learning-rate", type=positive_number, default=1.2, metavar="R", help="of an update (default: %(default)s)")
    add("--seed", type=whole_number(0, 2**32 - 1), default=3, metavar="N", help="of the weights (default: %(default)s)")
    add("--output", type=writable_file(".png", ".jpg", ".pdf", ".svg"), default="planar_demo.png", metavar="FILE",
        help="the picture (default: %(default)s)")
    add("--hidden-sizes", type=hidden_sizes, default=HIDDEN_SIZES, metavar="N,N,…",
        help=f"the sweep (default: {','.join(map(str, HIDDEN_SIZES))})")
    add("--no-sweep", action="store_true", help="leave out the hidden sizes")
    add("--hidden-units", action="store_true", help="draw what each hidden unit sees, too")
    add("--animate", type=writable_file(".gif"), metavar="FILE", help="write the training as an animation (.gif), too")
    add("--page", type=writable_file(".html"), metavar="FILE", help="write a page that plays the training (.html), too")
    add("--model", type=writable_file(".h5"), metavar="FILE", help="save the network (.h5), too")
    add("--show", action="store_true", help="open the picture in a window")
    options = parser.parse_args(argv)
    if options.noise is not None and "noise" not in signature(DATASETS[options.dataset]).parameters:
        parser.error(f"argument --noise: must be left out for --dataset {options.dataset}, which has no such setting; "
                     f"got {options.noise:g}")
    try:
        return demo(options)
    except OSError as error:
        parser.error(error)
    except KeyboardInterrupt:
        parser.exit(130, "Stopped.\n")


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def whole_number(low, high):
    def convert(text):
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}; got {text!r}")
        return value

    return convert


def positive_number(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"must be a positive number up to 1000, such as 1.2; got {text!r}")
    return value


def fraction(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, such as 0.2; got {text!r}")
    return value


def hidden_sizes(text):
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = [0]
    if len(set(sizes)) < len(sizes) or not 0 < min(sizes) <= max(sizes) <= 1000 or len(sizes) > 20:
        raise argparse.ArgumentTypeError(
            f"must be up to 20 different whole numbers from 1 to 1000, such as 1,4,16; got {text!r}"
        )
    return sizes


def writable_file(*endings):
    """Return the check of a path by its ending and by opening it: better refused now than after the training."""

    def convert(text):
        path = Path(text)
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"must be a file that ends in {' or '.join(endings)}; got {text!r}")
        new = not os.path.lexists(path)
        try:
            path.open("ab").close()
        except OSError as error:
            raise argparse.ArgumentTypeError(
                f"must be a file that can be written; got {text!r} ({error.strerror})"
            ) from error
        if new:
            path.unlink()
        return path

    return convert


if __name__ == "__main__":
    sys.exit(main())
