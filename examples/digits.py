"""Ten classes of handwritten digits: sigmoid units, softmax, mini-batches of 100, accuracy after each epoch."""

import argparse
from timeit import timeit

from command_line import PICTURE, integer, output, run
from matplotlib.figure import Figure

from shallownet import accuracy, gradient_descent, initialize_parameters, one_hot, progress_bar, split_columns, train
from shallownet.objective import cost_and_gradient, cost_of_columns
from shallownet.plotting import COLORS, plot_weights
from shallownet.readers import read_mnist
from shallownet.storage import load_parameters, save_parameters


def small_digits():
    try:
        from sklearn.datasets import load_digits  # 1,797 images of 8 by 8 pixels come with scikit-learn
    except ImportError:
        raise SystemExit("The small digits come with scikit-learn: install it, or use --mnist FOLDER.") from None
    images, labels = load_digits(return_X_y=True)
    return split_columns(images.T / 16, one_hot(labels.reshape(1, -1)))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", metavar="FOLDER", help="the four MNIST files; default: the digits of scikit-learn")
    parser.add_argument("--steps", type=integer(1), default=10000, help="number of updates (default: %(default)s)")
    parser.add_argument("--model", type=output(".h5"), default="digits.h5",
                        help="where the network is saved (default: %(default)s)")
    parser.add_argument("--output", type=PICTURE, default="digits.png", help="the picture (default: %(default)s)")
    options = parser.parse_args(arguments)

    X, Y, X_test, Y_test = read_mnist(options.mnist) if options.mnist else small_digits()
    parameters = initialize_parameters(
        X.shape[0], 50, 10, hidden="sigmoid", cost="softmax_cross_entropy", random_state=3, dtype=X.dtype
    )
    batch = (parameters, X[:, :100], Y[:, :100])
    forward, both = (timeit(lambda: f(*batch), number=50) / 50 for f in (cost_of_columns, cost_and_gradient))  # noqa: B023
    numerical = 2 * forward * sum(parameters[name].size for name in ("W1", "b1", "W2", "b2"))
    print(f"one step: numerical gradient {numerical:.1f} s (the tutorial: 45 s), backpropagation {1000 * both:.2f} ms")

    parts, curves = {"training": (X, Y), "test": (X_test, Y_test)}, {"training": [], "test": []}

    def accuracies(state):
        for part, columns in parts.items():
            curves[part].append(accuracy(state["parameters"], *columns))

    parameters, _ = train(
        X, Y, parameters, options.steps, optimizer=gradient_descent(0.1), batch_size=100,
        report_every=-(-X.shape[1] // 100), callbacks=[progress_bar(), accuracies],
    )
    save_parameters(options.model, parameters, data="MNIST" if options.mnist else "8x8 digits")
    parameters = load_parameters(options.model)
    reached = ", ".join(f"{part} accuracy {accuracy(parameters, *columns):.4f}" for part, columns in parts.items())
    print(f"{reached}  (the tutorial, after 17 epochs of MNIST: about 0.945)")

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (part, values), style, color in zip(curves.items(), ("-", "--"), COLORS[:2], strict=True):
        left.plot(values, style, color=color, label=part)
    left.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1), title="accuracy after each epoch")
    left.legend(loc="lower right")
    plot_weights(parameters, shape=(28, 28) if options.mnist else (8, 8), ax=right)
    right.set_title("the weights of each hidden unit\nblue: negative, orange: positive")
    figure.savefig(options.output, dpi=180)
    print(f"The network is in {options.model}, its picture in {options.output}.")


if __name__ == "__main__":
    run(main)
