"""Regression: ten sigmoid units learn one period of a noisy sine; the losses beside the tutorial's."""

import argparse

import numpy as np
from command_line import PICTURE, integer, positive, run
from matplotlib.figure import Figure

from shallownet import gradient_descent, initialize_parameters, r2_score, train
from shallownet.datasets import noisy_sine
from shallownet.plotting import plot_cost, plot_fit

TEXT = [0.847370, 0.251429, 0.247595, 0.237861, 0.212222, 0.167422, 0.096819, 0.078495, 0.077497, 0.077221]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=integer(1), default=10000, help="number of updates (default: %(default)s)")
    parser.add_argument("--learning-rate", type=positive, default=0.2, help="default: %(default)s")
    parser.add_argument("--output", type=PICTURE, default="sine_regression.png",
                        help="the picture (default: %(default)s)")
    options = parser.parse_args(arguments)

    random = np.random.RandomState(0)  # the tutorial draws the data first, then the weights, from one stream
    x, y = noisy_sine(random_state=random)
    parameters = initialize_parameters(1, 10, 1, hidden="sigmoid", cost="squared_error", random_state=random)
    parameters, history = train(
        x, y, parameters, options.iterations, optimizer=gradient_descent(options.learning_rate), report_every=100
    )

    print("iteration      ours  tutorial")
    for iteration, loss, text in zip(history["iteration"][::10], history["cost"][::10], TEXT, strict=False):
        print(f"{iteration:9d}  {loss:.6f}  {text:.6f}")
    print(f"R² = {r2_score(parameters, x, y):.3f}")

    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_fit(parameters, x, y, ax=left)
    plot_cost(history, ax=right)
    figure.savefig(options.output, dpi=160)
    print(f"The curve is in {options.output}.")


if __name__ == "__main__":
    run(main)
