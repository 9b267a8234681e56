"""A page that plays a training: one HTML file that needs nothing else, for a lesson or a link.

The page evaluates the network itself, at every place of the plane and for every iteration of the slider, with the dozen
lines of ``NETWORK``; their formulas are those of ``export``.
"""

import html
import json
from collections.abc import Sequence
from importlib.resources import files
from math import ceil

import numpy as np

from shallownet._files import replacing
from shallownet._languages import AFFINE, JAVASCRIPT
from shallownet._types import Array, Labels, Parameters, PathLike
from shallownet.network import NAMES, output_of
from shallownet.plotting import (
    COLORS,
    _accuracy,
    _aspect,
    _checked_snapshots,
    _class_names,
    _class_numbers,
    _cost,
    _limits,
    _plane_points,
    spread_snapshots,
)

HIDDEN = ", ".join(f"{name}: z => {code}" for name, code in JAVASCRIPT.hidden.items())
OUTPUT = ",\n  ".join(f"{name}: Z2 => {{ {code} }}" for name, code in JAVASCRIPT.output.items())

# forward(network, x) is forward_propagation for one sample, where x, b1 and b2 are lists and W1 and W2 lists of rows.
NETWORK = f"""\
{AFFINE}
const HIDDEN = {{{HIDDEN}}};
const OUTPUT = {{
  {OUTPUT}
}};
function forward(network, x) {{
  const Z1 = affine(network.W1, x, network.b1), A1 = Z1.map(HIDDEN[network.hidden]);
  const Z2 = affine(network.W2, A1, network.b2), A2 = OUTPUT[network.output](Z2);
  return {{Z1, A1, Z2, A2}};
}}"""


def export_page(
    snapshots: Sequence[tuple[int, Parameters]],
    X: Array,
    Y: Labels,
    path: PathLike,
    *,
    classes: Sequence[str] | None = None,
    title: str = "Training of a network with one hidden layer",
    max_snapshots: int = 100,
) -> None:
    """Write a page with a slider over the iterations: boundary, hidden units, learning curve, and a point to move.

    The file holds everything: data, networks, program. It loads nothing, and no name in it is run.

    Parameters
    ----------
    snapshots : list of (int, dict)
        Pairs of iteration and parameters of a classifier with two inputs, as the callback ``snapshots`` collects them.
    X : array, shape (2, m)
        Data, one sample a column; of more than 2,000, every second, third, … is drawn.
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    path : str or path
        Where the page goes; the name ends in ``.html``.
    classes : list of str, optional
        The classes' names; without them "class 0", "class 1", ….
    title : str
    max_snapshots : int
        Positions of the slider; ``spread_snapshots`` chooses them.

    Raises
    ------
    ValueError
        If there are no snapshots, they are no classifiers of the plane, ``Y`` does not go with ``X``, there are more
        classes than names, or ``path`` does not end in ``.html``.
    OSError
        If the page cannot be written.

    Examples
    --------
    ::

        frames = snapshots(max_snapshots=1000)
        nn_model(X, Y, report_every=10, callbacks=[frames])
        export_page(frames, X, Y, "training.html")
    """
    if not str(path).lower().endswith(".html"):
        raise ValueError(f"path must end in .html; got {str(path)!r}.")
    snapshots = _checked_snapshots(snapshots)
    X = _plane_points(X)
    numbers = _class_numbers("Y", Y, X)
    shown = spread_snapshots(snapshots, X, max_snapshots)
    costs = {iteration: _cost(parameters, X, numbers) for iteration, parameters in snapshots}
    some = slice(None, None, ceil(X.shape[1] / 2000))
    low, high = _limits(X)
    width, height = high - low
    data = {
        "title": title,
        "classes": _class_names(classes, max(2, numbers.max() + 1, len(shown[0][1]["W2"]))),
        "colors": COLORS,
        "limits": np.column_stack([low, high]).tolist(),
        "aspect": height / width if _aspect(X) == "equal" else 0.9,
        "X": [[float(f"{value:.6g}") for value in row] for row in X[:, some]],
        "Y": numbers[some].tolist(),
        "history": {"iteration": list(costs), "cost": list(costs.values())},
        "snapshots": [
            {"iteration": iteration, "cost": costs[iteration], "accuracy": _accuracy(parameters, X, numbers),
             "network": network_data(parameters)}
            for iteration, parameters in shown
        ],
    }
    page = files("shallownet").joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("<title>Training of a network</title>", f"<title>{html.escape(title)}</title>")
    page = page.replace("/*NETWORK*/", NETWORK).replace("/*DATA*/", script_data(data))
    with replacing(path) as file:
        file.write(page.encode())


def network_data(parameters: Parameters) -> dict:
    """Return a network as ``forward`` of ``NETWORK`` takes it: lists of numbers, and the names of its activations."""
    W1, b1, W2, b2 = (parameters[name].astype(float) for name in NAMES)
    return {"W1": W1.tolist(), "b1": b1[:, 0].tolist(), "W2": W2.tolist(), "b2": b2[:, 0].tolist(),
            "hidden": parameters.get("hidden", "tanh"), "output": output_of(parameters)}


def script_data(data: dict) -> str:
    """Return ``data`` as JSON that no name in it can leave: an HTML parser finds no tag and no comment in it."""
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
