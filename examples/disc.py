"""Four hidden units learn the disc: inside or outside the unit circle, on a grid of 11 by 11 points."""

import argparse
import random

import numpy as np
from command_line import PICTURE, integer, positive, run
from matplotlib.figure import Figure

from shallownet import accuracy, gradient_descent, initialize_parameters, predict_probability, train
from shallownet.datasets import disc
from shallownet.plotting import plot_cost, plot_decision_boundary


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=integer(1), default=2000, help="number of updates (default: %(default)s)")
    parser.add_argument("--learning-rate", type=positive, default=10, help="default: %(default)s")
    parser.add_argument("--output", type=PICTURE, default="disc.png", help="the picture (default: %(default)s)")
    options = parser.parse_args(arguments)

    X, Y = disc()
    draw = random.Random(0).random  # the tutorial draws its weights from [-0.5, 0.5), with Python's own generator

    def uniform(shape):
        return np.array([draw() - 0.5 for _ in range(np.prod(shape))]).reshape(shape)

    parameters = initialize_parameters(2, 4, 1, hidden="sigmoid", cost="brier", scale=uniform)
    print(f"untrained, at (0, 0): {predict_probability(parameters, np.zeros((2, 1))).item():.4f}  (tutorial: 0.55...)")
    parameters, history = train(
        X, Y, parameters, options.iterations, optimizer=gradient_descent(options.learning_rate), report_every=100
    )

    for iteration, cost in zip(history["iteration"][::5], history["cost"][::5], strict=True):
        print(f"{iteration:5d} {cost:.4f}")
    print(f"cost {history['cost'][-1]:.4f}, accuracy {100 * accuracy(parameters, X, Y):.1f} %  (tutorial: a picture)")

    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_decision_boundary(parameters, X, Y, ax=left)
    left.set_title("colour: what it predicts, from 0 (blue) to 1", fontsize="small")
    plot_cost(history, ax=right)
    figure.savefig(options.output, dpi=160)
    print(f"The learned function is in {options.output}.")


if __name__ == "__main__":
    run(main)
