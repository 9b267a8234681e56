"""Pictures of data, networks and training. Each function draws on ``ax`` and returns what it drew.

Without ``ax`` a function draws on a new figure of its own; every artist knows it::

    points = plot_data(X, Y)
    points[0].figure.savefig("data.png")

Where pyplot is loaded, as in a notebook, the figure is one of pyplot's; otherwise no window holds it. Nothing is shown
and no global style is set. Class ``c`` has the colour ``COLORS[c % 8]`` and the marker
``MARKERS[c % 7]`` in every picture. Labels ``Y`` are 0/1 of shape (1, m), one-hot columns (k, m), or class numbers.

References
----------
Okabe and Ito, "Color universal design", 2008: the eight colours, which colour-blind readers can tell apart.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, sqrt
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.contour import QuadContourSet
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter

from shallownet._checks import as_columns, as_floats, check_finite, check_integer, check_shape
from shallownet._types import Array, History, Labels, Parameters, PathLike
from shallownet.network import check_parameters, compute_cost, forward_propagation, output_of
from shallownet.step import Quantity

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
CJK_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei",
             "SimHei", "PingFang SC", "Hiragino Sans GB", "Heiti TC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
             "Arial Unicode MS", "Noto Serif CJK SC", "Noto Serif CJK JP")

Model = Parameters | Callable[[Array], Array]


def tint(color: str, strength: float = 0.45) -> tuple[float, float, float]:
    """Return ``color`` mixed with white: the background for points of that colour."""
    return tuple(1 - strength * (1 - np.array(to_rgb(color))))


def shade(color: str) -> tuple[float, float, float]:
    """Return ``color`` mixed with black in equal parts: the edge of points, which is seen on every background."""
    return tuple(np.array(to_rgb(color)) / 2)


PROBABILITY = LinearSegmentedColormap.from_list("probability", [tint(COLORS[0]), "white", tint(COLORS[1])])
DIVERGING = LinearSegmentedColormap.from_list("diverging", [COLORS[0], "white", COLORS[1]]).with_extremes(bad="0.8")
SEQUENTIAL = LinearSegmentedColormap.from_list("sequential", ["white", tint(COLORS[0], 0.6)])


def plot_data(
    X: Array, Y: Labels, ax: Axes | None = None, *, classes: Sequence[str] | None = None
) -> list[PathCollection]:
    """Draw the points of the plane, each class with its colour and marker.

    A unit is as long on both axes, unless one feature spans three times as much as the other.

    Parameters
    ----------
    X : array, shape (2, m)
        Data, one sample a column.
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    ax : matplotlib Axes, optional
        None draws on a new figure, with a legend; on your own axes ``ax.legend()`` makes one.
    classes : list of str, optional
        The classes' names; without them "class 0", "class 1", ….

    Returns
    -------
    points : list of PathCollection
        One for each class that occurs, labelled with its name.

    Raises
    ------
    ValueError
        If ``X`` does not have two rows, ``Y`` does not go with it, or there are more classes than names.

    Examples
    --------
    >>> points = plot_data(np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 0.0]]), np.array([[0, 1, 1]]))
    >>> [p.get_label() for p in points]
    ['class 0', 'class 1']
    """
    X = _plane_points(X)
    numbers = _class_numbers("Y", Y, X)
    names = _class_names(classes, numbers.max() + 1)
    axes = _axes(ax, "$x_1$", "$x_2$")
    axes.margins(0.1)
    axes.set_aspect(_aspect(X))
    area = np.prod(axes.get_window_extent().size) * (72 / axes.figure.dpi) ** 2
    size = np.clip(0.1 * area / X.shape[1], 4, 36)                        # points² each: a tenth of the plane in all
    points = [
        axes.scatter(*X[:, numbers == c], s=size, color=COLORS[c % 8], marker=MARKERS[c % 7],
                     edgecolors=[shade(COLORS[c % 8])], linewidths=0.1 * sqrt(size), label=names[c])
        for c in np.unique(numbers)
    ]
    if ax is None:
        _legend(axes)
    return points


def plot_decision_boundary(
    model: Model, X: Array, Y: Labels, ax: Axes | None = None, *, classes: Sequence[str] | None = None
) -> tuple[list[QuadContourSet], list[QuadContourSet], list[PathCollection]]:
    """Draw what the model says everywhere in the plane, and the points on top.

    For two classes the background shows the probability of class 1 in ten levels, and the line where it is 0.5; for
    several classes each class has its region.

    Parameters
    ----------
    model : dict or callable
        Parameters, or a function that takes columns (2, n) and returns probabilities (1, n) or (k, n), or class
        numbers (1, n).
    X : array, shape (2, m)
        Data, one sample a column.
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    ax : matplotlib Axes, optional
        None draws on a new figure, with a legend and, for two classes, a colour bar.
    classes : list of str, optional
        The classes' names; without them "class 0", "class 1", ….

    Returns
    -------
    regions : list of QuadContourSet
        The filled levels, one set for two classes (``figure.colorbar(regions[0])`` explains it), else one a class.
    boundaries : list of QuadContourSet
        The lines between the classes; none where the model never changes its mind.
    points : list of PathCollection
        From ``plot_data``.

    Raises
    ------
    ValueError
        If ``X`` does not have two rows, ``Y`` does not go with it, there are more classes than names, or the model
        returns neither probabilities nor labels.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 0.0]]), np.array([[0, 1, 1]])
    >>> regions, boundaries, points = plot_decision_boundary(lambda X: X[0] > 0.5, X, Y)
    >>> boundaries[0].levels
    array([0.5])
    """
    X = _plane_points(X)
    numbers = _class_numbers("Y", Y, X)
    x1, x2, grid = _grid(X)
    scores = _class_scores(model, grid, numbers)
    names = _class_names(classes, len(scores))
    axes = _axes(ax, "$x_1$", "$x_2$")
    regions, boundaries = [], []

    def draw(values, levels, boundary, **colors):
        values = values.reshape(len(x2), len(x1))
        regions.append(axes.contourf(x1, x2, values, levels, zorder=0, **colors))
        if values.min() < boundary < values.max():
            boundaries.append(axes.contour(x1, x2, values, [boundary], colors="black", linewidths=1.2, zorder=0.5))

    if len(scores) == 2:
        draw(0.5 + (scores[1] - scores[0]) / 2, np.linspace(0, 1, 11), 0.5, cmap=PROBABILITY)
    else:
        for c, score in enumerate(scores):
            lead = score - np.delete(scores, c, axis=0).max(axis=0)
            draw(lead, [0, 1], 0, colors=[tint(COLORS[c % 8])])
    points = plot_data(X, numbers, axes, classes=names)
    if ax is None:
        _legend(axes)
        if len(scores) == 2:
            bar = axes.figure.colorbar(regions[0], location="bottom", shrink=0.6, aspect=40)
            _readable(bar.ax.set_xlabel(f"probability of {names[1]}"))
    return regions, boundaries, points


def plot_cost(history: History | dict[str, History], ax: Axes | None = None) -> list[Line2D]:
    """Draw the learning curve: the cost against the iteration, on a log scale if it falls below a twentieth.

    A dot marks the lowest validation cost, and the legend says where it is.

    Parameters
    ----------
    history : dict
        From ``train``: the lists ``iteration``, ``cost`` and, where there is one, ``validation_cost`` (dashed). Or
        several of them by name, ``{"momentum": history, "adam": other_history}``.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    lines : list of Line2D

    Examples
    --------
    >>> lines = plot_cost({"iteration": [0, 1000, 2000], "cost": [0.69, 0.26, 0.24]})
    >>> lines[0].get_label()
    'training'
    """
    histories = _histories(history)
    axes = _axes(ax, "iteration", "cost")
    lines = []
    for i, (name, entries) in enumerate(histories.items()):
        for key, kind, style in (("cost", "training", "-"), ("validation_cost", "validation", "--")):
            if key in entries:
                label = f"{name}, {kind}" if name and "validation_cost" in entries else name or kind
                reports = entries["iteration"][:len(entries[key])]        # a callback may have stayed away
                marked = [0] if len(reports) == 1 else []
                if kind == "validation" and np.isfinite(entries[key]).any():
                    marked = [int(np.nanargmin(entries[key]))]
                    label += f", lowest at {reports[marked[0]]:,}"
                lines += axes.plot(reports, entries[key], style, color=COLORS[i % 8], label=label,
                                   marker="o" if marked else None, markevery=marked or None)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    costs = np.concatenate([line.get_ydata() for line in lines])
    if np.nanmin(costs) > 0 and np.nanmax(costs) > 20 * np.nanmin(costs):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if np.nanmax(costs) < 1e3 * np.nanmin(costs) else (1,)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    if len(lines) > 1:
        _legend(axes, inside=ax is not None)
    return lines


def plot_fit(model: Model, x: Array, y: Array, ax: Axes | None = None) -> tuple[list[PathCollection], list[Line2D]]:
    """Draw the curve of a regression over its points, with a legend.

    Parameters
    ----------
    model : dict or callable
        Parameters of a network with one input, or a function that takes (1, n) and returns values (n_y, n).
    x : array, shape (1, m)
    y : array, shape (n_y, m)
        One curve for each row.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    points : list of PathCollection
    lines : list of Line2D
        One for each row of ``y``, from the smallest to the largest ``x``.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0, 2.0]])
    >>> points, lines = plot_fit(np.square, x, x**2)
    >>> lines[0].get_ydata()[[0, -1]]
    array([0., 4.])
    """
    x = as_columns("x", x, rows=1)
    y = as_columns("y", y)
    check_shape("y", y, (len(y), x.shape[1]), "It goes with x, sample by sample; columns are samples.")
    curve = np.linspace(x.min(), x.max(), 400)
    values = _outputs(model, curve[None])
    check_shape("The model's output", values, (len(y), curve.size), f"y has {len(y)} rows.")

    axes = _axes(ax, "$x$", "$y$")
    outputs = [f" $y_{{{i + 1}}}$" if len(y) > 1 else "" for i in range(len(y))]
    points = [
        axes.scatter(x, row, s=20, color=[tint(COLORS[i % 8])], marker=MARKERS[i % 7], edgecolors=COLORS[i % 8],
                     linewidths=0.6, label="data" + outputs[i])
        for i, row in enumerate(y)
    ]
    lines = [
        axes.plot(curve, row, color=COLORS[i % 8], linewidth=2, label="fit" + outputs[i])[0]
        for i, row in enumerate(values)
    ]
    _legend(axes, inside=ax is not None)
    return points, lines


def plot_hidden_units(parameters: Parameters, X: Array, Y: Labels, ax: Axes | None = None) -> list[AxesImage]:
    """Draw what each hidden unit sees: its vote ``W2[:, i] A1[i]`` in the plane, and its line ``Z1[i] = 0``.

    A place has the colour of the class that the unit votes for there; the stronger the vote, the stronger the colour,
    on one scale for all units. The title is the unit's number and, for two classes, its weight in ``W2``. All votes
    and the bias ``b2`` add up to the last panel, the network's decision. Of more than 63 units the strongest 63 are
    drawn.

    Parameters
    ----------
    parameters : dict
        Of a classifier with two inputs.
    X : array, shape (2, m)
        Data, one sample a column.
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    ax : matplotlib Axes, optional
        Its place is divided into panels; None makes a new figure that fits them.

    Returns
    -------
    images : list of AxesImage
        One for each unit that is drawn, on its own panel ``image.axes``.

    Examples
    --------
    >>> parameters = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.array([[3.0, -1.0]]), "b2": np.zeros((1, 1))}
    >>> images = plot_hidden_units(parameters, np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0, 1]]))
    >>> [image.axes.get_title() for image in images]
    ['unit 1: W2 = 3.0', 'unit 2: W2 = −1.0']
    """
    X = _plane_points(X)
    classes = _class_numbers("Y", Y, X)
    x1, x2, grid = _grid(X, 100)
    parameters = check_parameters(parameters)
    _class_scores(parameters, X, classes)                                 # refuses what is no classifier of the plane
    W2 = parameters["W2"]
    if len(W2) == 1:
        W2 = np.vstack([-W2, W2]) / 2                                     # a sigmoid is a softmax of two such rows
    _, cache = forward_propagation(grid, parameters)
    votes = W2.T[:, :, None] * cache["A1"][:, None]                       # (n_h, k, n)
    votes -= votes.mean(axis=1, keepdims=True)
    colors = np.array([tint(COLORS[c % 8], 0.6) for c in range(len(W2))])

    strongest = np.sort(np.argsort(-votes.max(axis=(1, 2)), kind="stable")[:63])
    *panels, whole = _panels(ax, len(strongest) + 1)
    images = []
    for i, panel in zip(strongest, panels, strict=True):
        strength = votes[i].max(axis=0)[:, None] / (votes.max() or 1)     # (n, 1)
        image = 1 - strength * (1 - colors[votes[i].argmax(axis=0)])      # (n, 3)
        images.append(panel.imshow(image.reshape(len(x2), len(x1), 3), extent=(*x1[[0, -1]], *x2[[0, -1]]),
                                   origin="lower", aspect=_aspect(X), interpolation="bilinear", zorder=0))
        Z1 = cache["Z1"][i].reshape(len(x2), len(x1))
        if Z1.min() < 0 < Z1.max():
            panel.contour(x1, x2, Z1, [0], colors="black", linewidths=1.2, zorder=0.5)
        plot_data(X, classes, panel)
        weight = f": W2 = {parameters['W2'][0, i]:.1f}".replace("-", "−") if len(parameters["W2"]) == 1 else ""
        panel.set_title(f"unit {i + 1}{weight}", fontsize="medium")
    plot_decision_boundary(parameters, X, classes, whole)
    whole.set_title("sum and bias", fontsize="medium")
    if ax is None:
        whole.figure.supxlabel("colour: the class that a unit votes for\nline: where $Z_1 = 0$", fontsize="medium")
    for panel in (*panels, whole):
        panel.set(xlabel="", ylabel="", xticks=[], yticks=[], xlim=x1[[0, -1]], ylim=x2[[0, -1]])
    return images


def plot_weights(
    parameters: Parameters, shape: tuple[int, ...] = (28, 28), n_columns: int = 10, ax: Axes | None = None
) -> AxesImage:
    """Draw the first layer as images, one for each hidden unit, row by row from unit 1.

    Parameters
    ----------
    parameters : dict
    shape : tuple of int
        Of the images that the network was trained on, with ``n_x`` pixels: (28, 28), or (64, 64, 3) in colour, which
        is drawn as the mean over the channels.
    n_columns : int
        Images side by side.
    ax : matplotlib Axes, optional
        None draws on a new figure, with a colour bar.

    Returns
    -------
    image : AxesImage
        All of them in one, blue for negative weights, white for zero, red for positive ones.

    Raises
    ------
    ValueError
        If an image of this shape does not have ``n_x`` pixels.

    Examples
    --------
    >>> parameters = {"W1": np.eye(4), "b1": np.zeros((4, 1)), "W2": np.ones((1, 4)), "b2": np.zeros((1, 1))}
    >>> image = plot_weights(parameters, shape=(2, 2))
    >>> image.get_clim()
    (-1.0, 1.0)
    """
    W1 = check_parameters(parameters)["W1"]
    n_h, n_x = W1.shape
    if np.ndim(shape) != 1 or len(shape) not in (2, 3) or min(shape) < 1 or np.prod(shape) != n_x:
        raise ValueError(f"shape must be that of images with n_x = {n_x} pixels, as in W1 {W1.shape}; got {shape}. "
                         "Use the (height, width) of your images.")
    height, width, *_ = (check_integer("shape", size) for size in shape)
    n_columns = min(check_integer("n_columns", n_columns), n_h)
    n_rows = ceil(n_h / n_columns)
    tiles = np.full((n_rows * n_columns, height + 1, width + 1), np.nan)  # NaN is drawn grey
    tiles[:n_h, :-1, :-1] = W1.reshape(n_h, height, width, -1).mean(axis=-1)
    mosaic = tiles.reshape(n_rows, n_columns, height + 1, width + 1).swapaxes(1, 2)
    mosaic = mosaic.reshape(n_rows * (height + 1), n_columns * (width + 1))[:-1, :-1]

    axes = _axes(ax, size=(5, 5 * mosaic.shape[0] / mosaic.shape[1] + 0.7))
    axes.set_axis_off()
    largest = np.abs(W1).max() or 1
    image = axes.imshow(mosaic, cmap=DIVERGING, vmin=-largest, vmax=largest)
    if ax is None:
        axes.figure.colorbar(image, label="weight", location="bottom", shrink=0.6, aspect=40)
    return image


def plot_confusion_matrix(
    Y: Labels, predictions: Labels, classes: Sequence[str] | None = None, ax: Axes | None = None
) -> AxesImage:
    """Draw how many samples of each class were taken for which: row the true class, column the predicted one.

    The colour and the percentage are the fraction of the row, so a rare class counts like a frequent one.

    Parameters
    ----------
    Y, predictions : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers; ``predictions`` from ``predict``.
    classes : list of str, optional
        The classes' names.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    image : AxesImage
        The fractions; counts and percentages are the axes' texts.

    Raises
    ------
    ValueError
        If the two differ in length, or there are more classes than names.

    Examples
    --------
    >>> image = plot_confusion_matrix(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]))
    >>> image.get_array().data
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    true = _class_numbers("Y", Y)
    predicted = _class_numbers("predictions", predictions)
    check_shape("predictions", predicted, true.shape, "They go with Y, sample by sample; columns are samples.")
    k = max(true.max(), predicted.max()) + 1
    classes = list(map(str, range(k))) if classes is None else _class_names(classes, k)
    k = len(classes)
    counts = np.bincount(k * true + predicted, minlength=k * k).reshape(k, k)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    axes = _axes(ax, "predicted class", "true class")
    image = axes.imshow(fractions, cmap=SEQUENTIAL, vmin=0, vmax=1)
    cell = min(axes.get_window_extent().size) * 72 / axes.figure.dpi / k  # in points
    for (row, column), count in np.ndenumerate(counts):
        percentage = f"\n{100 * fractions[row, column]:.0f} %" if count else ""
        axes.text(column, row, f"{count}{percentage}", ha="center", va="center", fontsize=np.clip(cell / 4, 4, 10))
    long = max(map(_width, classes)) * k > 30                             # the names would run into each other
    axes.set_xticks(range(k), classes, **({"rotation": 45, "ha": "right"} if long else {}))
    axes.set_yticks(range(k), classes)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        _readable(label)
    return image


def plot_network(
    parameters: Parameters,
    features: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    x: Array | None = None,
    ax: Axes | None = None,
    *,
    max_units: int = 12,
) -> tuple[list[PathCollection], list[LineCollection]]:
    """Draw the network itself: its units, and its weights as lines, as wide as they are large.

    Positive weights are red and solid, negative ones blue and dashed; the unit "1" of a layer sends its biases. With a
    sample ``x`` the activations stand in the units, and a line is what flows along it, ``W1[i, j] x[j]`` and
    ``W2[k, i] A1[i]``. Of more units than ``max_units`` in a layer, the strongest are drawn: those whose lines
    are widest together.

    Parameters
    ----------
    parameters : dict
    features : list of str, optional
        The names of the inputs; without them $x_1$, $x_2$, ….
    classes : list of str, optional
        The names of the outputs; for one sigmoid output two names, of class 0 and class 1.
    x : array, shape (n_x, 1), optional
        One sample.
    ax : matplotlib Axes, optional
        None draws on a new figure, with a legend.
    max_units : int
        Units that are drawn in a layer.

    Returns
    -------
    units : list of PathCollection
        Inputs, hidden units and outputs; the first two with their unit "1" at the end.
    weights : list of LineCollection
        Of the hidden layer and of the output layer, line by line as in ``np.hstack([W1, b1]).ravel()``.

    Raises
    ------
    ValueError
        If there are not as many names as units, or ``x`` is not one sample.

    Examples
    --------
    >>> parameters = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.array([[3.0, -1.0]]), "b2": np.zeros((1, 1))}
    >>> units, weights = plot_network(parameters, features=["length", "weight"], classes=["oat", "wheat"])
    >>> [len(layer.get_offsets()) for layer in units]
    [3, 3, 1]
    """
    parameters = check_parameters(parameters)
    n_h, n_x = parameters["W1"].shape
    max_units = check_integer("max_units", max_units)
    names = [
        _names("features", features, n_x, [f"$x_{{{j + 1}}}$" for j in range(n_x)]),
        range(1, n_h + 1),
        _output_names(parameters, classes),
    ]
    if x is not None:
        x = as_columns("x", x, rows=n_x)
        check_shape("x", x, (n_x, 1), "Use one column of X, such as X[:, [0]].")
    values, flows = _flows(parameters, x)
    sizes = [np.abs(flow) for flow in flows]
    strength = sizes[0][:, :-1].sum(axis=0), sizes[1][:, :-1].sum(axis=0), sizes[1].sum(axis=1)
    drawn = [np.sort(np.argsort(-of_layer, kind="stable")[:max_units]) for of_layer in strength]
    flows = [flow[np.ix_(to, [*sent, -1])] for flow, sent, to in zip(flows, drawn[:2], drawn[1:], strict=True)]

    rows = max(len(drawn[0]) + 1, len(drawn[1]) + 1, len(drawn[2]))
    axes = _axes(ax, size=(4.8, max(2.5, 0.42 * rows + 0.9)))
    axes.set_axis_off()
    places = [_layer_places(n, layer, bias=layer < 2) for layer, n in enumerate(map(len, drawn))]
    weights = [_draw_flows(axes, flow, *places[i:i + 2]) for i, flow in enumerate(flows)]
    units = [_draw_units(axes, layer, places[layer], drawn[layer], names[layer], values[layer]) for layer in range(3)]
    axes.set(xlim=(-0.75, 2.75), ylim=(-rows / 2 - 0.2, rows / 2 + 0.9))
    if ax is None:
        signs = [Line2D([], [], color=COLORS[sign], linestyle=style, linewidth=2, label=label)
                 for sign, style, label in ((1, "-", "positive"), (0, "--", "negative"))]
        axes.figure.legend(handles=signs, loc="outside lower center", ncols=2, frameon=False,
                           title="lines: " + ("weights" if x is None else "weight × activation"))
    return units, weights


def plot_step(quantities: Sequence[Quantity], ax: Axes | None = None) -> dict[str, AxesImage]:
    """Draw one step of training with all its numbers: on the left forward, downwards; on the right backward, upwards.

    Each gradient stands beside what it is the gradient of. Red is positive, blue negative.

    Parameters
    ----------
    quantities : list of Quantity
        From ``one_step`` of ``shallownet.step``, for a network small enough to be read.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    matrices : dict of AxesImage
        By name: X, W1, …, J, dZ2, ….

    Raises
    ------
    ValueError
        If a matrix has more than eight rows or columns.

    Examples
    --------
    >>> from shallownet.step import one_step
    >>> parameters = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.array([[3.0, -1.0]]), "b2": np.zeros((1, 1))}
    >>> matrices = plot_step(one_step(parameters, np.eye(2), np.array([[0, 1]])))
    >>> matrices["dW1"].get_array().shape
    (2, 2)
    """
    by_name = {quantity.name: quantity for quantity in quantities if quantity.part != "update"}
    largest = max(max(quantity.value.shape) for quantity in by_name.values())
    if largest > 8:
        raise ValueError(f"quantities must be those of a network with at most 8 units in a layer and 8 samples, to be "
                         f"read; got a matrix with {largest} rows or columns.")
    rows = [("X",), ("W1", "b1"), ("Z1",), ("A1",), ("W2", "b2"), ("Z2",), ("A2", "Y"), ("J",)]
    heights = [max(len(by_name[name].value) for name in row) + 1.3 for row in rows]
    half = max(5.4, *(sum(_place(by_name[name]) for name in row) for row in rows))
    axes = _axes(ax, size=(2 * half * 0.52, sum(heights) * 0.27 + 0.4))
    axes.set_axis_off()
    matrices, top = {}, 0.0
    for row, height in zip(rows, heights, strict=True):
        for side, prefix in enumerate(("", "d")):
            left = side * (half + 0.5)
            for name in (prefix + name for name in row):
                if name in by_name:
                    matrices[name] = _draw_matrix(axes, by_name[name], left, top)
                    left += _place(by_name[name])
        top -= height
    for side, title in enumerate(("forward ↓", "backward ↑")):
        axes.text(side * (half + 0.5), 1.0, title, fontsize="large", va="bottom")
    axes.set(xlim=(-0.1, 2 * half + 0.6), ylim=(top + 0.2, 1.9))
    axes.set_aspect("auto")
    return matrices


def _place(quantity):
    """Return the width that a matrix takes, in cells, with room for its formula."""
    return max(quantity.value.shape[1] + 0.7, 2.7)


def _draw_matrix(axes, quantity, left, top):
    """Draw a matrix as coloured cells with their numbers, its name and formula above."""
    n_rows, n_columns = quantity.value.shape
    limit = np.abs(quantity.value).max() or 1
    image = axes.imshow(quantity.value, cmap=PROBABILITY, vmin=-limit, vmax=limit, zorder=0,
                        extent=(left, left + n_columns, top - n_rows, top))
    axes.add_patch(Rectangle((left, top - n_rows), n_columns, n_rows, fill=False, edgecolor="0.5", linewidth=0.6))
    for (i, j), number in np.ndenumerate(quantity.value):
        number = f"{number:.3f}".replace("-", "−")
        axes.text(left + j + 0.5, top - i - 0.5, number, ha="center", va="center", fontsize=7)
    formula = "" if quantity.formula == "given" else " " + quantity.formula
    axes.text(left, top + 0.1, quantity.name + formula, fontsize=7.5, va="bottom")
    return image


def spread_snapshots(
    snapshots: Sequence[tuple[int, Parameters]], X: Array, max_snapshots: int = 100
) -> list[tuple[int, Parameters]]:
    """Return at most ``max_snapshots`` of the snapshots, the first and the last among them, spread over what happens.

    Half of the way from one to the next is counted in iterations, the other half in how much the outputs at ``X``
    change: so a film of them neither rushes through the beginning nor stands still.

    Parameters
    ----------
    snapshots : list of (int, dict)
        Pairs of iteration and parameters, as the callback ``snapshots`` collects them.
    X : array, shape (n_x, m)
        Data, one sample a column; about 1,000 of them are looked at.
    max_snapshots : int

    Returns
    -------
    spread : list of (int, dict)

    Raises
    ------
    ValueError
        If there are no snapshots, or ``X`` does not go with their networks.

    Examples
    --------
    >>> parameters = {"W1": np.eye(2), "b1": np.zeros((2, 1)), "W2": np.array([[3.0, -1.0]]), "b2": np.zeros((1, 1))}
    >>> trained = [(i, parameters | {"b2": np.array([[min(i, 10.0)]])}) for i in range(101)]
    >>> [iteration for iteration, _ in spread_snapshots(trained, np.eye(2), max_snapshots=8)]
    [0, 1, 2, 3, 15, 43, 72, 100]
    """
    snapshots, max_snapshots = _checked_snapshots(snapshots), check_integer("max_snapshots", max_snapshots, 2)
    X = as_columns("X", X, rows=snapshots[0][1]["W1"].shape[1])
    some = X[:, ::ceil(X.shape[1] / 1000)]
    outputs = [_outputs(parameters, some) for _, parameters in snapshots]
    changes = [0.0, *(np.abs(after - before).mean() for before, after in pairwise(outputs))]
    way = np.cumsum(changes) / (sum(changes) or 1) + np.linspace(0, 1, len(changes))
    picked = np.searchsorted(way, np.linspace(0, way[-1], max_snapshots) - 1e-9)
    return [snapshots[i] for i in np.unique(picked)]


def animate_training(
    snapshots: Sequence[tuple[int, Parameters]],
    X: Array,
    Y: Labels,
    path: PathLike | None = None,
    ax: Axes | None = None,
    *,
    classes: Sequence[str] | None = None,
    max_frames: int = 100,
) -> FuncAnimation:
    """Return an animation of the decision boundary during training, beside the cost; with ``path`` as a GIF, too.

    Parameters
    ----------
    snapshots : list of (int, dict)
        Pairs of iteration and parameters, as the callback ``snapshots`` collects them; the more, the better they are
        spread over what happens.
    X : array, shape (2, m)
        Data, one sample a column.
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    path : str or path, optional
        Where the GIF goes; the name ends in ``.gif``. The last picture stays for a second.
    ax : matplotlib Axes, optional
        Its place is divided into two panels; None makes a new figure. For a window, give the axes of a window's figure,
        and keep the animation.
    classes : list of str, optional
        The classes' names.
    max_frames : int
        Pictures, ten a second; ``spread_snapshots`` chooses them.

    Returns
    -------
    animation : matplotlib.animation.FuncAnimation
        ``animation.to_jshtml()`` shows it in a notebook.

    Raises
    ------
    ValueError
        If there are no snapshots, or ``path`` does not end in ``.gif``.
    OSError
        If the GIF cannot be written.

    Examples
    --------
    ::

        frames = snapshots(max_snapshots=1000)
        nn_model(X, Y, report_every=10, callbacks=[frames])
        animate_training(frames, X, Y, "training.gif")
    """
    snapshots = _checked_snapshots(snapshots)
    if path is not None and not str(path).lower().endswith(".gif"):
        raise ValueError(f"path must end in .gif; got {str(path)!r}.")
    X = _plane_points(X)
    numbers = _class_numbers("Y", Y, X)
    costs = [_cost(parameters, X, numbers) for _, parameters in snapshots]
    pictures = spread_snapshots(snapshots, X, max_frames)
    axes = _axes(ax, size=(8, 4))
    axes.set_axis_off()
    if ax is None:
        axes.figure.set_layout_engine("none")                             # it would move the panels while they play
        axes.set_position((0.08, 0.08, 0.9, 0.9))
    plane, curve = axes.inset_axes((0, 0.05, 0.52, 0.88)), axes.inset_axes((0.66, 0.14, 0.34, 0.7))
    plot_cost({"iteration": [iteration for iteration, _ in snapshots], "cost": costs}, curve)
    marker, = curve.plot([], [], "o", color=COLORS[1])

    def draw(i):
        iteration, parameters = pictures[i]
        plane.clear()
        plot_decision_boundary(parameters, X, numbers, plane, classes=classes)
        accuracy = _accuracy(parameters, X, numbers)
        plane.set_title(f"iteration {iteration:,}: accuracy {100 * accuracy:.2f} %", fontsize="medium")
        cost = _cost(parameters, X, numbers)
        marker.set_data([iteration], [cost])
        curve.set_title(f"cost {cost:.4f}", fontsize="medium")

    frames = [*range(len(pictures)), *10 * [len(pictures) - 1]]
    animation = FuncAnimation(axes.figure, draw, frames, interval=100, cache_frame_data=False)
    if path is not None:
        animation.save(path, PillowWriter(fps=10), dpi=120)
    return animation


def plot_roc(Y: Labels, A2: Array, classes: Sequence[str] | None = None, ax: Axes | None = None) -> list[Line2D]:
    """Draw for each threshold how many of a class are found, against how many of the others are taken for it.

    Parameters
    ----------
    Y : array, shape (1, m), (k, m) or (m,)
        0/1 labels, one-hot columns or class numbers.
    A2 : array, shape (1, m) or (k, m)
        Probabilities, best of samples that the network was not trained on.
    classes : list of str, optional
        The classes' names.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    lines : list of Line2D
        A curve for class 1 of two, or for each of more classes against the rest; the label has the area under it.

    Examples
    --------
    >>> lines = plot_roc(np.array([[0, 0, 1, 1]]), np.array([[0.1, 0.6, 0.4, 0.9]]))
    >>> lines[0].get_label()
    'class 1, area 0.750'
    """
    true, A2, names = _scored(Y, A2, classes)
    axes = _axes(ax, "share of the others taken for it", "share of the class found")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    lines = []
    for c in range(len(A2)) if len(A2) > 2 else [1]:
        order = np.argsort(-A2[c], kind="stable")
        last = np.append(np.diff(A2[c][order]) != 0, True)                # equal probabilities pass together
        found, taken = (np.append(0, np.cumsum(of_class)[last]) for of_class in (true[order] == c, true[order] != c))
        if found[-1] and taken[-1]:
            found, taken = found / found[-1], taken / taken[-1]
            area = np.sum(np.diff(taken) * (found[1:] + found[:-1]) / 2)
            lines += axes.plot(taken, found, color=COLORS[c % 8], label=f"{names[c]}, area {area:.3f}")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    if lines:
        axes.legend(loc="lower right", fontsize="small")
    return lines


def plot_reliability(
    Y: Labels, A2: Array, classes: Sequence[str] | None = None, bins: int = 10, ax: Axes | None = None
) -> list[Line2D]:
    """Draw how often a class is the true one, against the probability that it was given.

    On the diagonal, 70 % means seven times in ten. Bars are 95 % intervals, wide where a probability was seldom given;
    the histogram at the bottom shows how often.

    Parameters
    ----------
    Y, A2, classes
        As for ``plot_roc``.
    bins : int
        Of equal width; where samples are few, neighbours are merged until there are ten.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    lines : list of Line2D
        One for class 1 of two; of more classes, one over all of them.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927: the intervals.

    Examples
    --------
    >>> lines = plot_reliability(np.array([[0, 0, 1, 1]]), np.array([[0.2, 0.2, 0.8, 0.8]]))
    >>> lines[0].get_ydata()
    array([0., 1.])
    """
    true, A2, names = _scored(Y, A2, classes)
    bins = check_integer("bins", bins)
    if len(A2) > 2:
        given, happened = A2.ravel(), (true == np.arange(len(A2))[:, None]).ravel()
        label, color = "all classes", "black"
    else:
        given, happened, label, color = A2[1], true == 1, names[1], COLORS[1]
    bin_of = np.minimum((given * bins).astype(int), bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    group_of = _merged(counts, min(10, max(1, len(given) // bins)))[bin_of]
    n, z = np.bincount(group_of), 1.96
    probability, share = (np.bincount(group_of, values) / n for values in (given, happened))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) / (1 + z**2 / n)
    axes = _axes(ax, "probability given", "share where it was true")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.bar((np.arange(bins) + 0.5) / bins, 0.2 * counts / counts.max(), 0.96 / bins, color="0.9", zorder=0)
    axes.vlines(probability, middle - reach, middle + reach, color=tint(color), linewidth=3)
    drawn = axes.plot(probability, share, "o", color=color, markersize=5, label=label)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="upper left", fontsize="small")
    return drawn


def plot_residuals(Y: Array, predictions: Array, ax: Axes | None = None) -> list[PathCollection]:
    """Draw the true values against the predicted ones, and below them the residuals, true minus predicted.

    The dashed lines hold nine in ten of the residuals.

    Parameters
    ----------
    Y, predictions : array, shape (1, m)
        Predictions best of samples that the network was not trained on.
    ax : matplotlib Axes, optional
        Its place is divided into two panels; None draws on a new figure.

    Returns
    -------
    points : list of PathCollection
        Above and below, on the axes ``points[0].axes`` and ``points[1].axes``.

    Examples
    --------
    >>> points = plot_residuals(np.array([[1.0, 2.0, 3.0]]), np.array([[1.5, 2.0, 2.5]]))
    >>> points[1].get_offsets()[:, 1].data
    array([-0.5,  0. ,  0.5])
    """
    Y = as_columns("Y", Y, rows=1)
    predictions = as_columns("predictions", predictions, rows=1)
    check_shape("predictions", predictions, Y.shape, "They go with Y, sample by sample; columns are samples.")
    ax = _axes(ax, size=(5, 5))
    ax.set_axis_off()
    upper, lower = ax.inset_axes((0.02, 0.4, 0.98, 0.6)), ax.inset_axes((0.02, 0.02, 0.98, 0.3))
    residuals = Y - predictions
    size = np.clip(2000 / Y.size, 3, 20)
    points = [axes.scatter(predictions, values, s=size, color=COLORS[0], alpha=0.6, linewidths=0)
              for axes, values in ((upper, Y), (lower, residuals))]
    low, high = predictions.min(), predictions.max()
    width = np.quantile(np.abs(residuals), 0.9)
    for axes, line in ((upper, (low, high)), (lower, (0, 0))):
        axes.plot((low, high), line, color="black", linewidth=1)
        for shift in (-width, width):
            axes.plot((low, high), np.add(line, shift), "--", color="black", linewidth=0.8)
    for axes in (upper, lower):
        axes.locator_params(nbins=5)
    upper.set(ylabel="true value")
    lower.set(xlabel="predicted value", ylabel="residual")
    return points


def plot_importance(importance: dict[str, tuple[float, float]], n: int = 12, ax: Axes | None = None) -> list[Any]:
    """Draw the importance of the columns, the most important at the top.

    Parameters
    ----------
    importance : dict
        By name, mean and standard deviation, from ``permutation_importance``.
    n : int
        Columns to draw at most.
    ax : matplotlib Axes, optional
        None draws on a new figure that fits them.

    Returns
    -------
    bars : list of matplotlib Rectangle

    Examples
    --------
    >>> bars = plot_importance({"size": (0.4, 0.02), "colour": (0.1, 0.01)})
    >>> [float(bar.get_width()) for bar in bars]
    [0.4, 0.1]
    """
    if not isinstance(importance, dict) or not importance or not all(np.shape(pair) == (2,)
                                                                     for pair in importance.values()):
        raise ValueError(f"importance must be the dictionary of permutation_importance; got {importance!r}.")
    names = sorted(importance, key=lambda name: -importance[name][0])[:check_integer("n", n)]
    means, deviations = np.array([importance[name] for name in names]).T
    axes = _axes(ax, "fall of the score without the column", size=(5, 0.9 + 0.28 * len(names)))
    bars = axes.barh(range(len(names)), means, 0.7, xerr=deviations, color=COLORS[0], ecolor="black")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), [_shortened(name, 28) for name in names])
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=5)
    return list(bars)


def plot_effects(
    values: Sequence[float | str], effects: Array, name: str = "", classes: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> list[Line2D]:
    """Draw how the mean output follows a column: a curve over numbers, a point for each level of a text.

    Parameters
    ----------
    values : sequence of float, str or datetime64, length n
        What the column is set to.
    effects : array, shape (n_y, n)
        From ``mean_effect``.
    name : str
        Of the column.
    classes : list of str, optional
        The classes' names.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    lines : list of Line2D
        One for each output.

    Examples
    --------
    >>> lines = plot_effects([1.0, 2.0], np.array([[0.2, 0.7]]), "size", ["oat", "wheat"])
    >>> lines[0].get_label()
    'wheat'
    """
    effects = as_columns("effects", effects)
    check_shape("effects", effects, (len(effects), len(values)), "There is a column for each of the values.")
    names = [f"output {i + 1}" for i in range(len(effects))] if classes is None else list(map(str, classes))
    text = any(isinstance(value, str) for value in values)
    axes = _axes(ax, name, "mean output" if classes is None else "mean probability", size=(4, 3))
    lines = []
    for i, (row, label) in enumerate(zip(effects, names[-len(effects):], strict=True)):
        style = {"marker": "o", "linestyle": ""} if text else {"linewidth": 2}
        color = COLORS[(i + (len(effects) == 1 and classes is not None)) % 8]
        lines += axes.plot(range(len(values)) if text else values, row, color=color, label=label, **style)
    if text:
        long = sum(len(_shortened(value, 14)) for value in values) > 30
        upright = {"rotation": 90, "fontsize": "x-small"} if len(values) > 8 else {"rotation": 45, "ha": "right"}
        axes.set_xticks(range(len(values)), [_shortened(value, 14) for value in values], **(upright if long else {}))
        axes.margins(x=0.1)
    elif isinstance(values[0], np.datetime64):
        locator = AutoDateLocator(maxticks=5)
        axes.xaxis.set(major_locator=locator, major_formatter=ConciseDateFormatter(locator))
    else:
        axes.locator_params(axis="x", nbins=5)
    if classes is not None:
        axes.set_ylim(-0.03, 1.03)
    if len(lines) > 1 or classes is not None:
        axes.legend(fontsize="small")
    return lines


def plot_validation(table: dict[str, list[float]], ax: Axes | None = None) -> list[Line2D]:
    """Draw the held-out cost against the strength of the L2 regularization, with the spread of the folds.

    Parameters
    ----------
    table : dict
        Lists ``l2``, ``cost`` and ``std``, as in the report of ``fit``.
    ax : matplotlib Axes, optional
        None draws on a new figure.

    Returns
    -------
    lines : list of Line2D
        The curve, and the point that was chosen.

    Examples
    --------
    >>> curve, chosen = plot_validation({"l2": [0.1, 1.0, 10.0], "cost": [0.5, 0.4, 0.6], "std": [0.1, 0.1, 0.1]})
    >>> float(chosen.get_xdata()[0])
    1.0
    """
    keys = ("l2", "cost", "std")
    if not isinstance(table, dict) or not all(np.size(table.get(key, ())) == np.size(table.get("l2")) > 0
                                              for key in keys):
        raise ValueError(f"table must have the lists l2, cost and std of one length; got {table!r}. Use "
                         "report['table'].")
    l2, cost, std = (np.array(table[key], float) for key in keys)
    order = np.argsort(l2)
    l2, cost, std = l2[order], cost[order], std[order]
    axes = _axes(ax, "L2 regularization l2", "held-out cost")
    axes.fill_between(l2, cost - std, cost + std, color=tint(COLORS[0]), linewidth=0)
    lines = axes.plot(l2, cost, "o-", color=COLORS[0], markersize=4)
    best = cost.argmin()
    lines += axes.plot(l2[best:best + 1], cost[best:best + 1], "o", color=COLORS[1], markersize=9)
    if l2[0] > 0 and len(l2) > 1:
        axes.set_xscale("log")
    return lines


def _merged(counts, least):
    """Return the group of each bin: one that holds ``least`` samples, or small neighbours that do so together."""
    groups, group, held = [], 0, 0
    for count in counts:
        if held and (held >= least or count >= least):
            group, held = group + 1, 0
        groups.append(group)
        held += count
    return np.array(groups)


def _scored(Y, A2, classes):
    """Return the class numbers, the probabilities with a row for each class, and the classes' names."""
    A2 = as_columns("A2", A2)
    true = _class_numbers("Y", Y, A2)
    scores = _class_scores(lambda X: A2, A2, true)
    names = [f"class {c}" for c in range(len(scores))] if classes is None else list(map(str, classes))
    if len(names) != len(scores):
        raise ValueError(f"classes must name all {len(scores)} classes; got {len(names)} names.")
    return true, scores, names


def _shortened(name, length):
    name = str(name)
    return name if len(name) <= length else f"{name[:length - 1]}…"


def _axes(ax, xlabel="", ylabel="", size=(5, 4)):
    """Return ``ax``, or axes on a new figure: small in inches, so the letters are large.

    Where pyplot is loaded, as in a notebook, the figure is one of pyplot's: ``plt.title`` and ``plt.show`` find it.
    """
    if ax is None:
        figure = sys.modules["matplotlib.pyplot"].figure if "matplotlib.pyplot" in sys.modules else Figure
        ax = figure(figsize=size, dpi=200, layout="constrained").add_subplot()
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def _legend(axes, inside=False):
    """Name what is drawn: outside of the axes, or inside where the lines are not."""
    legend = axes.legend() if inside else axes.figure.legend(loc="outside upper center", ncols=4)
    for text in legend.get_texts():
        _readable(text)


def _aspect(X):
    """Return "equal", or "auto" where one feature spans three times as much as the other: they have other units."""
    narrow, wide = sorted(np.ptp(X, axis=1))
    return "equal" if wide < 3 * narrow else "auto"


def _panels(ax, n):
    """Divide ``ax``, or a new figure, into ``n`` panels with room for their titles."""
    n_rows = round(sqrt(n)) if n > 3 else 1
    n_columns = ceil(n / n_rows)
    ax = _axes(ax, size=(1.9 * n_columns, 2.1 * n_rows))
    ax.set_axis_off()
    width, height = 1 / n_columns, 1 / n_rows
    return [
        ax.inset_axes((i % n_columns * width, 1 - (i // n_columns + 1) * height, 0.94 * width, 0.86 * height))
        for i in range(n)
    ]


def _flows(parameters, x):
    """Return the values of the three layers, and what flows into the two upper ones; without ``x`` the weights."""
    flows = [np.hstack([parameters[f"W{layer}"], parameters[f"b{layer}"]]) for layer in (1, 2)]
    if x is None:
        return 3 * [None], flows
    A2, cache = forward_propagation(x, parameters)
    values = [x[:, 0], cache["A1"][:, 0], A2[:, 0]]
    return values, [flow * np.append(sent, 1) for flow, sent in zip(flows, values[:2], strict=True)]


def _layer_places(n, layer, bias):
    """Return the (n, 2) places of a layer's units from the top to the bottom; with ``bias`` one more, of its "1"."""
    n += bias
    return np.column_stack([np.full(n, float(layer)), (n - 1) / 2 - np.arange(n)])


def _draw_flows(axes, flow, sent, to):
    """Draw a line for each entry of ``flow``: red and solid above zero, blue and dashed below."""
    lines = [(a, b) for b in to[:len(flow)] for a in sent]
    values = flow.ravel()
    width = 5 * np.abs(values) / (np.abs(values).max() or 1)
    return axes.add_collection(LineCollection(
        lines, linewidths=width, colors=[COLORS[int(v > 0)] for v in values],
        linestyles=["-" if v > 0 else (0, (2.5, 1)) for v in values], zorder=1, alpha=0.8,
    ))


def _draw_units(axes, layer, places, drawn, names, values):
    """Draw the units of a layer with their names, and with their ``values`` in them."""
    n = len(drawn)
    limit = 1 if values is None else np.abs(values).max() or 1
    shown = np.zeros(len(places))
    if values is not None:
        shown[:n] = values[drawn]
    units = axes.scatter(*places.T, s=330, c=shown, cmap=PROBABILITY, vmin=-limit, vmax=limit, edgecolors="black",
                         linewidths=0.8, zorder=2)
    for place, i in zip(places, drawn, strict=False):
        if values is not None:
            value = _short(values[i])
            axes.text(*place, value, ha="center", va="center", fontsize=min(7, 30 / len(value)), zorder=3)
        elif layer == 1:
            axes.text(*place, names[i], ha="center", va="center", fontsize=8, zorder=3)
        if layer != 1:
            _readable(axes.annotate(names[i], place, (12 if layer else -12, 0), textcoords="offset points",
                                    ha="left" if layer else "right", va="center"))
    for place in places[n:]:
        axes.text(*place, "1", ha="center", va="center", fontsize=8, style="italic", zorder=3)
    title = ("inputs", "hidden units", "outputs")[layer]
    if n < len(names):
        title += f"\n{n} strongest of {len(names)}"
    axes.text(layer, places[0, 1] + 0.55, title, ha="center", va="bottom", fontsize="small", color="0.3")
    return units


def _short(value):
    return (f"{value:.2f}" if abs(value) < 100 else f"{value:.5g}").replace("-", "−")


def _names(argument, names, n, default):
    """Return ``n`` names, or the default ones."""
    if names is None:
        return default
    names = list(map(str, names))
    if len(names) != n:
        raise ValueError(f"{argument} must be {n} name{'s' * (n > 1)}; got {len(names)}.")
    return names


def _class_names(names, k):
    """Return names for ``k`` classes, or more."""
    if names is None:
        return [f"class {c}" for c in range(k)]
    names = list(map(str, names))
    if len(names) < k:
        raise ValueError(f"classes must name all {k} classes; got {len(names)} names.")
    return names


def _output_names(parameters, classes):
    """Return a name for each output; a sigmoid says how likely class 1 is."""
    output, n_y = output_of(parameters), len(parameters["W2"])
    if output == "sigmoid" and n_y == 1:
        return _names("classes", classes, 2, ["class 0", "class 1"])[1:]
    default = [f"$y_{{{k + 1}}}$" if output == "linear" else f"class {k}" for k in range(n_y)]
    return _names("classes", classes, n_y, default)


def _width(name):
    """Return the width of a name in Latin letters: a Chinese one is twice as wide."""
    return sum(1 + (ord(letter) > 0x2E7F) for letter in name)


def _readable(text: Text) -> Text:
    """Give a text with Chinese letters the fonts that have them, where one is installed."""
    if _width(text.get_text()) > len(text.get_text()):
        installed = set(fontManager.get_font_names())
        text.set_fontfamily([*text.get_fontfamily(), *(font for font in CJK_FONTS if font in installed)])
    return text


def _plane_points(X):
    X = as_columns("X", X)
    if X.shape[0] != 2:
        raise ValueError(f"X must have two rows to be drawn in the plane; got shape {tuple(X.shape)}. "
                         "Use X[[i, j]] for two of its features.")
    return np.asarray(X)


def _class_numbers(argument, Y, X=None):
    """Return the (m,) class numbers of 0/1 labels, one-hot columns or class numbers."""
    Y = check_finite(argument, as_floats(argument, Y))
    m = (Y.shape or (0,))[-1] if X is None else X.shape[1]
    if Y.ndim not in (1, 2) or Y.shape[-1] != m or Y.size == 0:
        as_in = "" if X is None else f" with m = {m}, as in X {X.shape}"
        raise ValueError(f"{argument} must have shape (1, m), (k, m) or (m,){as_in}; got {Y.shape}. "
                         + (f"Use {argument}.reshape(1, -1)." if Y.size == m else "Columns are samples."))
    if Y.ndim == 2 and len(Y) > 1:
        wrong = np.flatnonzero((Y.max(axis=0) != 1) | (np.abs(Y).sum(axis=0) != 1))
        if len(wrong):
            raise ValueError(f"{argument} must have a single 1 in each column where it has {len(Y)} rows; "
                             f"got {Y[:, wrong[0]]} in column {wrong[0]}. Use one_hot or class numbers.")
        return Y.argmax(axis=0)
    Y = Y.ravel()
    wrong = np.flatnonzero((Y < 0) | (Y > 99) | (Y != np.floor(Y)))
    if len(wrong):
        raise ValueError(f"{argument} must hold labels 0 and 1, or class numbers from 0 to 99; got {Y[wrong[0]]:g}. "
                         "Use numpy.unique(labels, return_inverse=True)[1] for other labels.")
    return Y.astype(int)


def _limits(X):
    """Return the lowest and the highest corner of the plane around ``X``, with a margin of a tenth."""
    low, high = X.min(axis=1), X.max(axis=1)
    margin = np.where(high > low, (high - low) / 10, 1)
    return low - margin, high + margin


def _grid(X, n=200):
    """Return the axes' values, and as columns the (2, n²) points, of a grid over the plane of ``X``."""
    x1, x2 = np.linspace(*_limits(X), n).T
    return x1, x2, np.array(np.meshgrid(x1, x2)).reshape(2, -1)


def _outputs(model, X):
    """Return what the model says about the columns of ``X``, one row an output."""
    if isinstance(model, dict):
        parameters = check_parameters(model)
        n_x = parameters["W1"].shape[1]
        if n_x != len(X):
            raise ValueError(f"parameters must be those of a network with {len(X)} input{'s' * (len(X) > 1)}, "
                             f"to be drawn here; got n_x = {n_x}. Use a function of columns that fills in the others.")
        return forward_propagation(X, parameters)[0]
    if not callable(model):
        raise TypeError("model must be a parameters dictionary or a function of columns; "
                        f"got {type(model).__name__}. Use a function such as lambda X: predict(parameters, X).")
    values = check_finite("The model's output", as_floats("The model's output", model(X)))
    if values.ndim not in (1, 2) or values.shape[-1] != X.shape[1]:
        raise ValueError(f"The model's output must have shape (1, n) or (k, n) with n = {X.shape[1]}; "
                         f"got {values.shape}. Columns are samples.")
    return np.atleast_2d(values)


def _class_scores(model, X, classes):
    """Return one row of scores in [0, 1] for each class: probabilities, or 1 for the class that the model names."""
    scores = _outputs(model, X)
    k = max(2, classes.max() + 1)
    if len(scores) == 1 and (k > 2 or scores.max() > 1):
        numbers = _class_numbers("The model's output", scores)
        return 1.0 * (numbers == np.arange(max(k, numbers.max() + 1))[:, None])
    if scores.min() < -1e-6 or scores.max() > 1 + 1e-6:
        raise ValueError(f"The model's output must be probabilities or labels; got values from {scores.min():g} to "
                         f"{scores.max():g}. Use a classifier, or plot_fit for a regression.")
    if len(scores) == 1:
        scores = np.vstack([1 - scores, scores])
    if len(scores) < k:
        raise ValueError(f"The model's output must have {k} rows, as Y has class {k - 1}; got {len(scores)}.")
    return np.clip(scores, 0, 1)                                          # beyond it there is no colour


def _histories(history):
    """Return the histories by name; a single one has the name ""."""
    if not isinstance(history, dict) or not history:
        raise TypeError(f"history must be the dictionary that train returns, or several by name; got {history!r}.")
    histories = {"": history} if "iteration" in history else history
    for name, entries in histories.items():
        of_name = f" of {name!r}" * bool(name)
        if not isinstance(entries, dict) or not all(np.size(entries.get(key, ())) for key in ("iteration", "cost")):
            raise ValueError(f"history{of_name} must have the lists iteration and cost; got "
                             f"{list(entries) if isinstance(entries, dict) else entries!r}. Use what train returns.")
        reports, costs = len(entries["iteration"]), len(entries["cost"])
        validations = len(entries.get("validation_cost", ()))
        if costs != reports or validations > reports:
            raise ValueError(f"history{of_name} must have as many costs as iterations, {reports}, and no more "
                             f"validation costs; got {costs} and {validations}. Use what train returns.")
    return histories


def _checked_snapshots(snapshots):
    snapshots = list(snapshots)
    if not snapshots or not all(isinstance(snapshot, tuple) and len(snapshot) == 2 for snapshot in snapshots):
        raise ValueError("snapshots must be a list of (iteration, parameters) pairs; "
                         f"got {'others' if snapshots else 'none'}. Use the callback snapshots().")
    return [(iteration, check_parameters(parameters)) for iteration, parameters in snapshots]


def _accuracy(parameters, X, numbers):
    return float(np.mean(_class_scores(parameters, X, numbers).argmax(axis=0) == numbers))


def _cost(parameters, X, numbers):
    """Return the cost of a classifier whose labels are given as class numbers."""
    k = len(parameters["W2"])
    if output_of(parameters) == "linear":
        raise ValueError("snapshots must be of a classifier, to be drawn in the plane; got one with a linear output. "
                         "Use plot_fit for a regression.")
    _class_scores(parameters, X, numbers)                                 # refuses what does not go with the plane
    Y = 1.0 * (numbers == np.arange(k)[:, None]) if k > 1 else 1.0 * numbers[None]
    A2, cache = forward_propagation(X, parameters)
    return compute_cost(A2, Y, parameters, cache=cache)
