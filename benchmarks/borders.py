"""Draw where the hidden units of an untrained network begin to bend: the picture of docs/maths.md.

Run ``python benchmarks/borders.py``; it writes ``docs/borders.png``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from shallownet import initialize_parameters, standardize
from shallownet.datasets import moons


def main():
    X, Y = moons(300, noise=0.1)
    mean, std = standardize(X)
    X = (X - mean) / std
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), sharex=True, sharey=True, layout="constrained")
    for axis, scale in zip(axes, ("glorot", "nguyen_widrow"), strict=True):
        parameters = initialize_parameters(2, 20, 1, scale=scale, X=X, random_state=3)
        axis.scatter(*X, c=np.where(Y[0] == 1, "#d55e00", "#0072b2"), s=6)
        for w, b in zip(parameters["W1"], parameters["b1"], strict=True):
            foot = -b * w / (w @ w)                                       # the point of the border that is next to 0
            axis.axline(foot, foot + np.array([-w[1], w[0]]), color="black", linewidth=0.8, alpha=0.6)
        length = np.median(np.linalg.norm(parameters["W1"], axis=1))
        axis.set(title=f'scale="{scale}", median |w| {length:.2f}', xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal")
    figure.savefig(Path(__file__).parents[1] / "docs" / "borders.png", dpi=100)


if __name__ == "__main__":
    main()
