"""Pictures: what is drawn, where, in which colours; nothing is shown, and pyplot is not loaded."""

import subprocess
import sys
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from shallownet import (
    compute_cost,
    forward_propagation,
    initialize_parameters,
    nn_model,
    predict,
    predict_probability,
    snapshots,
)
from shallownet.activations import ACTIVATIONS
from shallownet.datasets import planar_flower
from shallownet.plotting import (
    CJK_FONTS,
    COLORS,
    MARKERS,
    animate_training,
    plot_confusion_matrix,
    plot_cost,
    plot_data,
    plot_decision_boundary,
    plot_fit,
    plot_hidden_units,
    plot_network,
    plot_step,
    plot_weights,
    spread_snapshots,
    tint,
)
from shallownet.step import one_step

X = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 5.0]])
Y = np.array([[0.0, 1.0, 1.0, 0.0]])
ONE_HOT = np.eye(3)[:, [0, 1, 2, 0]]
HISTORY = {"iteration": [0, 1000, 2000], "cost": [0.69, 0.26, 0.24]}


def network(n_x=2, n_h=3, n_y=1, **names):
    return initialize_parameters(n_x, n_h, n_y, scale=1, random_state=0, **names)


def lines(contours):
    """The lines of the contours, each an array of points (n, 2)."""
    return [line for path in contours.get_paths()
            for line in np.split(path.vertices, np.flatnonzero(path.codes == path.MOVETO)[1:])]


def halves(X):
    """Probability of class 1, rising along the first axis: 0.5 at x_1 = 1.5."""
    return 1 / (1 + np.exp(-4 * (X[:1] - 1.5)))


def thirds(X):
    """Three classes side by side, divided at 0.75 and 2.25."""
    return np.eye(3)[:, np.searchsorted([0.75, 2.25], X[0])]


def axes():
    return Figure().add_subplot()


def flat(artists):
    """All artists of nested lists."""
    if not isinstance(artists, list | tuple):
        return [artists]
    return [artist for part in artists for artist in flat(part)]


DRAWINGS = {
    "data": lambda ax=None: plot_data(X, Y, ax),
    "binary boundary": lambda ax=None: plot_decision_boundary(network(), X, Y, ax),
    "several regions": lambda ax=None: plot_decision_boundary(thirds, X, ONE_HOT, ax),
    "cost": lambda ax=None: plot_cost(HISTORY, ax),
    "fit": lambda ax=None: plot_fit(network(1, cost="squared_error"), X[:1], X[1:], ax),
    "hidden units": lambda ax=None: plot_hidden_units(network(), X, Y, ax),
    "weights": lambda ax=None: plot_weights(network(6), (2, 3), ax=ax),
    "confusion matrix": lambda ax=None: plot_confusion_matrix(Y, 1 - Y, ax=ax),
    "network": lambda ax=None: plot_network(network(), x=X[:, :1], ax=ax),
    "step": lambda ax=None: list(plot_step(one_step(network(), X[:, :2], Y[:, :2]), ax).values()),
}


def luminance(color):
    """Relative luminance as in the web's accessibility guidelines (WCAG 2)."""
    color = np.array(to_rgb(color))
    return np.where(color <= 0.03928, color / 12.92, ((color + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(color, other):
    dark, light = sorted(map(luminance, (color, other)))
    return (light + 0.05) / (dark + 0.05)


# All of them

@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_new_figure_is_not_blank_and_known_to_pyplot(draw, tmp_path):
    from matplotlib import pyplot

    artists = flat(draw())
    assert len({artist.figure for artist in artists}) == 1
    artists[0].figure.savefig(tmp_path / "picture.png", dpi=50)
    pixels = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 10
    assert pyplot.get_fignums() == [artists[0].figure.number]


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_given_axes_are_drawn_on_and_nothing_else(draw):
    figure = Figure()
    ax, other = figure.subplots(1, 2)
    artists = flat(draw(ax))
    assert all(artist.axes is ax or artist.axes in ax.child_axes for artist in artists)
    assert figure.axes[:2] == [ax, other]
    assert not other.has_data()
    assert not figure.legends


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_style_and_random_state_stay_as_they_are(draw):
    def style():
        return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}

    before, state = style(), np.random.get_state()[1].copy()
    draw()
    assert style() == before
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_read_only_input_is_accepted():
    arrays = X.copy(), Y.copy(), ONE_HOT.copy()
    for array in arrays:
        array.flags.writeable = False
    points, y, one_hot = arrays
    parameters = network()
    for name in ("W1", "b1", "W2", "b2"):
        parameters[name].flags.writeable = False
    assert plot_data(points, one_hot)
    assert plot_decision_boundary(parameters, points, y)
    assert plot_hidden_units(parameters, points, y)
    assert plot_fit(np.square, points[:1], points[1:])
    assert plot_confusion_matrix(y, y)


def test_plotting_needs_no_display_and_no_pyplot():
    code = ("import sys; from shallownet.plotting import plot_data; "
            "figure = plot_data([[0, 1], [0, 1]], [0, 1])[0].figure; "
            "sys.exit('matplotlib.pyplot' in sys.modules or hasattr(figure, 'number'))")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# plot_data

@pytest.mark.parametrize("labels", [Y, Y.astype(bool), Y[0], Y[0].tolist(), np.vstack([1 - Y, Y])],
                         ids=["(1, m)", "bool", "(m,)", "list", "one-hot"])
def test_labels_may_come_in_any_form(labels):
    first, second = plot_data(X, labels)
    np.testing.assert_array_equal(first.get_offsets(), X[:, [0, 3]].T)
    np.testing.assert_array_equal(second.get_offsets(), X[:, [1, 2]].T)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_few_samples_do_not_become_one_colour(m):
    points = plot_data(X[:, :m], Y[:, :m])
    for c, artist in enumerate(points):
        np.testing.assert_allclose(artist.get_facecolor(), [to_rgba(COLORS[c])])
        assert len(artist.get_offsets()) == (Y[0, :m] == c).sum()


def test_a_class_keeps_its_colour_and_marker_where_others_are_missing():
    (alone,) = plot_data(X, np.full((1, 4), 2))
    third = plot_data(X, ONE_HOT)[2]
    assert alone.get_label() == third.get_label() == "class 2"
    np.testing.assert_array_equal(alone.get_facecolor(), third.get_facecolor())
    np.testing.assert_array_equal(alone.get_paths()[0].vertices, third.get_paths()[0].vertices)


def test_ten_classes_look_different():
    assert len({(COLORS[c % 8], MARKERS[c % 7]) for c in range(56)}) == 56
    points = plot_data(np.arange(20.0).reshape(2, 10), np.arange(10))
    looks = {(tuple(p.get_facecolor()[0]), len(p.get_paths()[0].vertices)) for p in points}
    assert len(looks) == 10


def test_new_figure_has_a_legend_and_given_axes_have_labels_for_one():
    points = plot_data(X, Y)
    (legend,) = points[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["class 0", "class 1"]
    ax = axes()
    plot_data(X, Y, ax)
    assert ax.get_legend_handles_labels()[1] == ["class 0", "class 1"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_1$", "$x_2$")


def test_all_points_are_inside_the_axes():
    ax = axes()
    plot_data(X, Y, ax)
    np.testing.assert_allclose(ax.get_xlim(), (-0.3, 3.3))
    np.testing.assert_allclose(ax.get_ylim(), (-0.5, 5.5))


def test_many_points_are_smaller_than_few():
    few, many = plot_data(X, Y), plot_data(*planar_flower())
    assert few[0].get_sizes()[0] > 2 * many[0].get_sizes()[0]


@pytest.mark.parametrize(("points", "labels", "message"), [
    (np.ones((3, 4)), Y, r"X must have two rows to be drawn in the plane; got shape \(3, 4\)\. Use X\[\[i, j\]\]"),
    (X.T, Y, r"X must have two rows to be drawn in the plane; got shape \(4, 2\)"),
    (X[0], Y, r"^X must .*got \(4,\)"),
    (X * np.nan, Y, "^X must"),
    (X, Y[:, :3], r"Y must have shape .* with m = 4, as in X \(2, 4\); got \(1, 3\)\. Columns are samples"),
    (X, Y.T, r"Y must have shape .* got \(4, 1\)\. Use Y\.reshape\(1, -1\)"),
    (X, 1.0, r"Y must have shape .* got \(\)"),
    (X, np.ones((2, 4)), r"Y must have a single 1 in each column where it has 2 rows; got \[1\. 1\.\] in column 0"),
    (X, 0.5 * np.ones((2, 4)), "Y must have a single 1 in each column"),
    (X, Y - 0.5, r"Y must hold labels 0 and 1, or class numbers from 0 to 99; got -0\.5\. Use numpy\.unique"),
    (X, Y + 0.5, "Y must hold labels 0 and 1, .* got 0.5"),
    (X, 100 * Y, "Y must hold labels 0 and 1, .* got 100"),
    (X, Y + np.inf, "^Y must"),
])
def test_data_that_cannot_be_drawn_are_refused(points, labels, message):
    with pytest.raises(ValueError, match=message):
        plot_data(points, labels)
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(halves, points, labels)
    with pytest.raises(ValueError, match=message):
        plot_hidden_units(network(), points, labels)


@pytest.mark.parametrize(("points", "aspect"), [
    (X, 1.0), (X * [[1.0], [0.3]], 1.0), (X * [[1.0], [1000.0]], "auto"), (X * [[0.0], [1.0]], "auto"),
])
def test_the_plane_has_equal_units_unless_the_features_have_others(points, aspect):
    assert plot_data(points, Y)[0].axes.get_aspect() == aspect
    assert plot_decision_boundary(halves, points, Y)[2][0].axes.get_aspect() == aspect
    assert plot_hidden_units(network(), points, Y)[0].axes.get_aspect() == aspect


def test_eight_classes_stand_out_from_their_own_background():
    numbers = np.arange(8)

    def model(X):
        return np.eye(8)[:, np.clip(np.round(X[0]), 0, 7).astype(int)]

    regions, _, points = plot_decision_boundary(model, np.array([numbers, numbers % 3]), numbers)
    for region, artist in zip(regions, points, strict=True):
        assert contrast(region.get_facecolor()[0, :3], artist.get_edgecolor()[0, :3]) > 3
    looks = {(tuple(artist.get_facecolor()[0]), len(artist.get_paths()[0].vertices)) for artist in points}
    assert len(looks) == 8


def test_classes_have_names_in_the_legend_and_at_the_colour_bar():
    regions, _, points = plot_decision_boundary(halves, X, Y, classes=["燕麦", "小麦"])
    (legend,) = points[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["燕麦", "小麦"]
    assert regions[0].figure.axes[1].get_xlabel() == "probability of 小麦"
    with pytest.raises(ValueError, match="classes must name all 2 classes; got 1 names"):
        plot_data(X, Y, classes=["oat"])


def test_the_shading_is_explained_where_there_is_one():
    (regions,), _, _ = plot_decision_boundary(halves, X, Y)
    assert regions.figure.axes[1].get_xlabel() == "probability of class 1"
    regions, _, _ = plot_decision_boundary(thirds, X, ONE_HOT)
    assert len(regions[0].figure.axes) == 1


# plot_decision_boundary

def test_two_classes_have_ten_levels_and_the_line_at_one_half():
    (regions,), (boundary,), points = plot_decision_boundary(halves, X, Y)
    np.testing.assert_allclose(regions.levels, np.linspace(0, 1, 11))
    np.testing.assert_array_equal(boundary.levels, [0.5])
    (line,) = lines(boundary)
    np.testing.assert_allclose(line[:, 0], 1.5, atol=1e-3)
    np.testing.assert_allclose([line[:, 1].min(), line[:, 1].max()], [-0.5, 5.5])
    assert [p.get_label() for p in points] == ["class 0", "class 1"]


def test_background_has_the_colours_of_the_classes():
    (regions,), _, _ = plot_decision_boundary(halves, X, Y)
    np.testing.assert_allclose(regions.cmap(0.0)[:3], tint(COLORS[0]))
    np.testing.assert_allclose(regions.cmap(1.0)[:3], tint(COLORS[1]))
    assert regions.get_clim() == (0.0, 1.0)
    blue, red = regions.to_rgba([0.05, 0.95])[:, [2, 0]]
    assert blue[0] > blue[1]
    assert red[1] > red[0]


def test_points_are_on_top():
    regions, boundaries, points = plot_decision_boundary(halves, X, Y)
    assert regions[0].get_zorder() < boundaries[0].get_zorder() < points[0].get_zorder()


def test_axes_end_where_the_background_ends():
    regions, _, _ = plot_decision_boundary(halves, X, Y)
    ax = regions[0].axes
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [-0.3, 3.3, -0.5, 5.5])


def test_several_classes_have_a_region_each():
    regions, boundaries, _ = plot_decision_boundary(thirds, X, ONE_HOT)
    assert len(regions) == len(boundaries) == 3
    for c, (low, high) in enumerate([(-0.3, 0.75), (0.75, 2.25), (2.25, 3.3)]):
        np.testing.assert_allclose(regions[c].get_facecolor()[0, :3], tint(COLORS[c]))
        x1 = regions[c].get_paths()[0].vertices[:, 0]
        np.testing.assert_allclose([x1.min(), x1.max()], [low, high], atol=0.02)


def test_the_largest_probability_wins_even_below_one_half():
    def model(X):
        return np.vstack([0.4 + 0 * X[0], 0.2 + X[0] / 10, 0.4 - X[0] / 10]).clip(0, 1)

    regions, (boundary, *_), _ = plot_decision_boundary(model, X, ONE_HOT)
    first, second, _ = (region.get_paths()[0].vertices[:, 0] for region in regions)
    np.testing.assert_allclose([first.max(), second.min()], 2)
    np.testing.assert_allclose(lines(boundary)[0][:, 0].max(), 2)


@pytest.mark.parametrize(("n_y", "cost"), [(1, "cross_entropy"), (2, "softmax_cross_entropy"), (1, "brier")])
def test_parameters_and_callables_draw_the_same_boundary(n_y, cost):
    parameters = network(n_y=n_y, cost=cost)
    _, (of_dictionary,), _ = plot_decision_boundary(parameters, X, Y)
    _, (of_callable,), _ = plot_decision_boundary(lambda X: predict_probability(parameters, X), X, Y)
    np.testing.assert_allclose(lines(of_dictionary)[0], lines(of_callable)[0])
    _, (of_labels,), _ = plot_decision_boundary(lambda X: predict(parameters, X), X, Y)
    cell = 6 / 199
    nearest = np.abs(lines(of_labels)[0][:, None] - lines(of_dictionary)[0]).max(axis=2).min(axis=1)
    assert nearest.max() < cell


def test_class_numbers_and_probabilities_draw_the_same_regions():
    of_scores, _, _ = plot_decision_boundary(thirds, X, ONE_HOT)
    of_numbers, _, _ = plot_decision_boundary(lambda X: thirds(X).argmax(axis=0), X, ONE_HOT)
    for scores, numbers in zip(of_scores, of_numbers, strict=True):
        np.testing.assert_array_equal(scores.get_paths()[0].vertices, numbers.get_paths()[0].vertices)


def test_two_independent_outputs_are_compared_with_each_other():
    _, (boundary,), _ = plot_decision_boundary(lambda X: np.vstack([0.8 + 0 * X[0], X[0] / 3.3]).clip(0, 1), X, Y)
    np.testing.assert_allclose(lines(boundary)[0][:, 0], 0.8 * 3.3)


def test_a_model_that_never_changes_its_mind_has_no_boundary():
    regions, boundaries, _ = plot_decision_boundary(lambda X: 0.2 + 0 * X[0], X, Y)
    assert len(regions) == 1
    assert boundaries == []


def test_one_sample_has_a_plane_around_it():
    regions, _, _ = plot_decision_boundary(halves, X[:, 1:2], Y[:, 1:2])
    assert regions[0].axes.get_xlim() == (0.0, 2.0)


@pytest.mark.parametrize(("model", "labels", "error", "message"), [
    (3, Y, TypeError, "model must be a parameters dictionary or a function of columns; got int"),
    ({"W1": 0}, Y, ValueError, "parameters must have the entries W1, b1, W2, b2"),
    (network(3), Y, ValueError, "parameters must be those of a network with 2 inputs, to be drawn here; got n_x = 3"),
    (lambda X: X[0], Y, ValueError, "model's output must hold labels 0 and 1, or class numbers"),
    (lambda X: -np.abs(X[:1]), Y, ValueError, "model's output must be probabilities or labels; got values from -3.3"),
    (lambda X: np.vstack([X, X]), Y, ValueError, "model's output must be probabilities or labels"),
    (lambda X: X[:, :5], Y, ValueError, r"model's output must have shape .* with n = 40000; got \(2, 5\)"),
    (lambda X: np.nan * X, Y, ValueError, "model's output must"),
    (lambda X: thirds(X)[:2], ONE_HOT, ValueError, "model's output must have 3 rows, as Y has class 2; got 2"),
    (halves, ONE_HOT, ValueError, "model's output must hold labels 0 and 1, or class numbers"),
])
def test_models_that_cannot_be_drawn_are_refused(model, labels, error, message):
    ax = axes()
    with pytest.raises(error, match=message):
        plot_decision_boundary(model, X, labels, ax)
    assert not ax.has_data()


# plot_cost

def test_a_history_is_drawn_as_it_is():
    (line,) = plot_cost(HISTORY)
    np.testing.assert_array_equal(line.get_xdata(), HISTORY["iteration"])
    np.testing.assert_array_equal(line.get_ydata(), HISTORY["cost"])
    assert (line.axes.get_xlabel(), line.axes.get_ylabel()) == ("iteration", "cost")
    assert line.axes.get_legend() is None


def test_validation_is_dashed_in_the_colour_of_its_training():
    training, validation = plot_cost(HISTORY | {"validation_cost": [0.7, 0.3, 0.31], "validation_accuracy": [1, 1, 1]})
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert training.get_color() == validation.get_color()
    (legend,) = training.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation, lowest at 1,000"]


@pytest.mark.parametrize(("costs", "lowest"), [([0.7, 0.3, 0.31], 1), ([np.nan, 0.5, 0.4], 2), ([0.2, 0.3], 0)])
def test_a_dot_marks_the_lowest_validation_cost(costs, lowest):
    training, validation = plot_cost(HISTORY | {"validation_cost": costs})
    assert (validation.get_marker(), validation.get_markevery()) == ("o", [lowest])
    assert training.get_marker() == "None"
    assert validation.get_label() == f"validation, lowest at {1000 * lowest:,}"


@pytest.mark.parametrize("given", [True, False])
def test_the_legend_lies_off_the_lines(given):
    iterations = np.arange(0, 10001, 100)
    falling = 0.2 + 0.5 * np.exp(-iterations / 800)
    histories = {name: {"iteration": iterations, "cost": cost} for name, cost in
                 {"falling": falling, "later": 0.7 - 0.5 * (iterations > 8000), "rising": falling[::-1]}.items()}
    lines = plot_cost(histories, axes() if given else None)
    figure = lines[0].figure
    figure.canvas.draw()
    legend = lines[0].axes.get_legend() if given else figure.legends[0]
    box = legend.get_window_extent()
    if not given:
        assert not box.overlaps(lines[0].axes.get_window_extent())
    for line in lines:
        path = line.get_transform().transform_path(line.get_path())
        assert not path.intersects_bbox(box, filled=False)


def test_a_logarithmic_axis_has_plain_numbers():
    (line,) = plot_cost({"iteration": [0, 1000], "cost": [0.69, 0.0069]})
    line.figure.canvas.draw()
    low, high = line.axes.get_ylim()
    labels = [label.get_text() for tick, label in zip(line.axes.get_yticks(), line.axes.get_yticklabels(), strict=True)
              if low <= tick <= high]
    assert {"0.01", "0.1", "0.5"} <= set(labels)
    assert not any("$" in label for label in labels)


def test_several_histories_have_a_colour_and_a_name_each():
    lines = plot_cost({"momentum": HISTORY | {"validation_cost": [0.7, 0.3, 0.31]}, "adam": HISTORY})
    names = ["momentum, training", "momentum, validation, lowest at 1,000", "adam"]
    assert [line.get_label() for line in lines] == names
    assert [line.get_color() for line in lines] == [COLORS[0], COLORS[0], COLORS[1]]


@pytest.mark.parametrize(("last", "scale"), [(0.24, "linear"), (0.0069, "log"), (0.0, "linear"), (-9.0, "linear")])
def test_scale_is_logarithmic_where_it_helps(last, scale):
    (line,) = plot_cost({"iteration": [0, 1], "cost": [0.69, last]})
    assert line.axes.get_yscale() == scale


@pytest.mark.parametrize(("history", "error", "message"), [
    ([0.69, 0.26], TypeError, r"history must be the dictionary that train returns, or several by name; got \[0.69"),
    ({}, TypeError, "history must be the dictionary that train returns"),
    ({"cost": [1.0]}, ValueError, r"history of 'cost' must have the lists iteration and cost; got \[1.0\]"),
    ({"iteration": [], "cost": []}, ValueError, "history must have the lists iteration and cost"),
    ({"adam": {"iteration": [0]}}, ValueError, "history of 'adam' must have the lists .* got .'iteration'."),
    ({"iteration": [0, 1], "cost": [1.0]}, ValueError, "as many costs as iterations, 2, .*; got 1 and 0"),
    (HISTORY | {"validation_cost": 4 * [1.0]}, ValueError, "as many costs as iterations, 3, .*; got 3 and 4"),
])
def test_histories_that_cannot_be_drawn_are_refused(history, error, message):
    with pytest.raises(error, match=message):
        plot_cost(history)


def test_histories_may_hold_arrays():
    (line,) = plot_cost({name: np.array(values) for name, values in HISTORY.items()})
    np.testing.assert_array_equal(line.get_ydata(), HISTORY["cost"])


# plot_fit

def test_the_curve_runs_over_its_points():
    (points,), (line,) = plot_fit(np.square, X[:1], X[1:])
    np.testing.assert_array_equal(points.get_offsets(), X.T)
    np.testing.assert_allclose(line.get_ydata(), line.get_xdata() ** 2)
    assert (line.get_xdata().min(), line.get_xdata().max()) == (0.0, 3.0)
    assert line.get_zorder() > points.get_zorder()


def test_points_and_curve_are_named():
    points, _ = plot_fit(np.square, X[:1], X[1:])
    assert [text.get_text() for text in points[0].figure.legends[0].get_texts()] == ["data", "fit"]
    ax = axes()
    plot_fit(lambda x: np.vstack([x, -x]), X[:1], X, ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["data $y_{1}$", "data $y_{2}$", "fit $y_{1}$", "fit $y_{2}$"]


def test_each_output_has_its_curve_and_colour():
    points, lines = plot_fit(lambda x: np.vstack([x, -x]), X[:1], np.vstack([X[:1], -X[:1]]))
    assert [line.get_color() for line in lines] == [COLORS[0], COLORS[1]]
    assert [tuple(p.get_facecolor()[0, :3]) for p in points] == [tint(COLORS[0]), tint(COLORS[1])]
    np.testing.assert_allclose(lines[1].get_ydata(), -lines[1].get_xdata())


def test_a_network_is_drawn_as_the_curve_that_it_predicts():
    parameters = network(1, cost="squared_error")
    _, (line,) = plot_fit(parameters, X[:1], X[1:])
    np.testing.assert_allclose(line.get_ydata(), predict(parameters, line.get_xdata()[None])[0])


@pytest.mark.parametrize(("model", "x", "y", "message"), [
    (np.square, X, X, r"^x must .*got \(2, 4\)"),
    (np.square, X[:1], X[1], r"^y must .*got \(4,\)\."),
    (np.square, X[:1], X[1:, :2], r"^y must .*got \(1, 2\)\."),
    (np.square, X[:1], X, r"model's output must .*got \(1, 400\)\."),
    (network(), X[:1], X[1:], "parameters must be those of a network with 1 input, to be drawn here; got n_x = 2"),
])
def test_fits_that_cannot_be_drawn_are_refused(model, x, y, message):
    with pytest.raises(ValueError, match=message):
        plot_fit(model, x, y)


# plot_hidden_units

TWO_UNITS = {
    "W1": np.array([[1.0, 0.0], [0.0, 2.0]]), "b1": np.array([[-1.5], [-2.0]]),
    "W2": np.array([[-3.0, 1.0]]), "b2": np.zeros((1, 1)),
}


def test_each_unit_has_a_panel_with_its_line_and_weight():
    images = plot_hidden_units(TWO_UNITS, X, Y)
    assert [image.axes.get_title() for image in images] == ["unit 1: W2 = −3.0", "unit 2: W2 = 1.0"]
    vertical, horizontal = (lines(image.axes.collections[0])[0] for image in images)
    np.testing.assert_allclose(vertical[:, 0], 1.5)
    np.testing.assert_allclose(horizontal[:, 1], 1.0)


def test_places_have_the_colour_of_the_class_that_the_unit_votes_for():
    first, second = (image.get_array() for image in plot_hidden_units(TWO_UNITS, X, Y))
    left, right = first[50, 0], first[50, -1]
    assert left[0] > left[2]                                              # reddish: tanh and weight are both negative
    assert right[2] > right[0]                                            # bluish
    np.testing.assert_allclose((1 - second.min()) / (1 - first.min()), 1 / 3, rtol=0.1)  # one scale for all units


def test_the_last_panel_shows_the_network():
    image = plot_hidden_units(TWO_UNITS, X, Y)[0]
    *_, whole = image.axes.figure.axes[0].child_axes
    (_, (boundary,), _) = plot_decision_boundary(TWO_UNITS, X, Y)
    assert whole.get_title() == "sum and bias"
    np.testing.assert_allclose(lines(whole.collections[1])[0], lines(boundary)[0])
    np.testing.assert_allclose(whole.get_xlim(), (-0.3, 3.3))


def test_the_strongest_of_many_units_are_drawn():
    parameters = network(n_h=70)
    parameters["W2"][0, :7] = 1e-6
    images = plot_hidden_units(parameters, X, Y)
    assert [image.axes.get_title().split(":")[0] for image in images] == [f"unit {i}" for i in range(8, 71)]


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_votes_of_several_classes_are_drawn_in_their_colours(hidden):
    parameters = network(n_h=12, n_y=3, hidden=hidden, cost="softmax_cross_entropy")
    images = plot_hidden_units(parameters, X, ONE_HOT)
    assert len(images) == 12
    assert images[0].axes.get_title() == "unit 1"
    strongest = min((image.get_array().reshape(-1, 3) for image in images), key=np.min)
    color = strongest[strongest.sum(axis=1).argmin()]
    assert any(np.allclose(color, tint(c, 0.6), atol=1e-6) for c in COLORS[:3])


def test_untrained_units_without_votes_are_white():
    images = plot_hidden_units(initialize_parameters(2, 2, 1, scale=0), X, Y)
    assert all((image.get_array() == 1).all() for image in images)


@pytest.mark.parametrize(("parameters", "error", "message"), [
    (network(3), ValueError, "network with 2 inputs"),
    (halves, TypeError, "parameters must be a dictionary; got function"),
    (network(cost="squared_error"), ValueError, "model's output must be probabilities or labels"),
])
def test_hidden_units_that_cannot_be_drawn_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        plot_hidden_units(parameters, 9 * X, Y)


# plot_network

def texts(artist):
    return [text.get_text() for text in artist.axes.texts]


def test_every_weight_and_bias_is_a_line_as_wide_as_it_is_large():
    parameters = network(n_x=2, n_h=3, n_y=2, cost="softmax_cross_entropy") | {"b1": np.array([[0.5], [-2.0], [0.0]])}
    _, weights = plot_network(parameters)
    for lines, (W, b) in zip(weights, (("W1", "b1"), ("W2", "b2")), strict=True):
        flow = np.hstack([parameters[W], parameters[b]]).ravel()
        widths = np.array(lines.get_linewidths())
        np.testing.assert_allclose(widths / widths.max(), np.abs(flow) / np.abs(flow).max())
        colors = [to_rgba(COLORS[int(value > 0)], 0.8) for value in flow]
        np.testing.assert_allclose(lines.get_colors()[flow != 0], np.array(colors)[flow != 0])
        solid = np.array([style[1] is None for style in lines.get_linestyles()])
        np.testing.assert_array_equal(solid[flow != 0], (flow > 0)[flow != 0])


def test_a_line_runs_from_its_unit_to_its_unit():
    (inputs, hidden, outputs), (first, second) = plot_network(network(n_x=2, n_h=3, n_y=1))
    ends = [(a, b) for b in hidden.get_offsets()[:3] for a in inputs.get_offsets()]
    np.testing.assert_allclose(first.get_segments(), ends)
    np.testing.assert_allclose(second.get_segments(), [(a, outputs.get_offsets()[0]) for a in hidden.get_offsets()])


def test_a_sample_flows_through_the_network():
    biases = {"b1": np.array([[0.5], [-2.0], [0.0]]), "b2": np.array([[3.0], [-1.0]])}
    parameters, x = network(n_y=2, cost="softmax_cross_entropy") | biases, X[:, [3]]
    (_, hidden, outputs), (first, second) = plot_network(parameters, x=x)
    A2, cache = forward_propagation(x, parameters)
    np.testing.assert_allclose(hidden.get_array(), [*cache["A1"][:, 0], 0])
    np.testing.assert_allclose(outputs.get_array(), A2[:, 0])
    flow = np.abs(np.hstack([parameters["W2"] * cache["A1"].T, parameters["b2"]])).ravel()
    widths = np.array(second.get_linewidths())
    np.testing.assert_allclose(widths / widths.max(), flow / flow.max())
    flow = np.abs(np.hstack([parameters["W1"] * x.T, parameters["b1"]])).ravel()
    np.testing.assert_allclose(first.get_linewidths(), 5 * flow / flow.max())
    assert f"{A2[1, 0]:.2f}" in texts(hidden)


@pytest.mark.parametrize(("settings", "default", "classes", "named"), [
    ({"n_y": 1}, ["class 1"], ["oat", "wheat"], ["wheat"]),
    ({"n_y": 3, "cost": "softmax_cross_entropy"}, ["class 0", "class 2"], ["oat", "rye", "wheat"], ["oat", "wheat"]),
    ({"n_y": 1, "cost": "squared_error"}, ["$y_{1}$"], ["yield"], ["yield"]),
])
def test_inputs_and_outputs_have_names(settings, default, classes, named):
    units, _ = plot_network(network(**settings))
    assert {"$x_{1}$", "$x_{2}$", *default} <= set(texts(units[0]))
    units, _ = plot_network(network(**settings), ["length", "weight"], classes)
    assert {"length", "weight", *named} <= set(texts(units[0]))


def test_the_strongest_units_of_many_are_drawn():
    parameters = network(n_x=20, n_h=30)
    parameters["W1"][:, 3] = 9
    parameters["W2"][0, 7] = 9
    units, weights = plot_network(parameters, max_units=5)
    assert [len(layer.get_offsets()) for layer in units] == [6, 6, 1]
    assert [len(lines.get_linewidths()) for lines in weights] == [5 * 6, 6]
    assert {"$x_{4}$", "8", "inputs\n5 strongest of 20", "hidden units\n5 strongest of 30"} <= set(texts(units[0]))


def test_a_network_without_weights_is_drawn():
    _, weights = plot_network(initialize_parameters(2, 2, 1, scale=0))
    assert max(weights[0].get_linewidths()) == 0


@pytest.mark.parametrize("name", ["小麦", "wheat"])
def test_chinese_names_have_a_font_where_one_is_installed(name):
    units, _ = plot_network(network(), classes=["oat", name])
    text = next(text for text in units[0].axes.texts if text.get_text() == name)
    installed = set(CJK_FONTS) & set(fontManager.get_font_names())
    assert bool(set(text.get_fontfamily()) & set(CJK_FONTS)) == (name == "小麦" and bool(installed))


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"features": ["a"]}, ValueError, "features must be 2 names; got 1"),
    ({"classes": ["a", "b", "c"]}, ValueError, "classes must be 2 names; got 3"),
    ({"x": X}, ValueError, r"x must have shape \(2, 1\); got \(2, 4\)\. Use one column of X"),
    ({"x": X[:, 0]}, ValueError, r"x must have shape \(2, m\); got \(2,\)"),
    ({"x": np.full((2, 1), np.nan)}, ValueError, "x must be finite"),
    ({"max_units": 0}, ValueError, "max_units must be at least 1"),
])
def test_networks_that_cannot_be_drawn_are_refused(settings, error, message):
    ax = axes()
    with pytest.raises(error, match=message):
        plot_network(network(), **settings, ax=ax)
    assert not ax.has_data()


# plot_step

def test_the_step_has_a_matrix_for_every_quantity():
    quantities = one_step(network(), X[:, :2], Y[:, :2])
    matrices = plot_step(quantities)
    assert set(matrices) == {quantity.name for quantity in quantities}
    for quantity in quantities:
        if quantity.part != "update":
            np.testing.assert_array_equal(matrices[quantity.name].get_array(), quantity.value)
    assert {"dZ1 = dA1 ∘ (1 − A1²)", "Z2 = W2 A1 + b2", f"{Y[0, 1]:.3f}"} <= set(texts(matrices["X"]))


def test_a_gradient_stands_beside_what_it_is_the_gradient_of():
    matrices = plot_step(one_step(network(), X[:, :2], Y[:, :2]))
    for name in ("W1", "b1", "Z1", "A1", "W2", "b2", "Z2"):
        left, right = (matrices[n].get_extent() for n in (name, "d" + name))
        assert left[2:] == right[2:]
        assert left[0] < right[0]


def test_a_step_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match=r"at most 8 units in a layer and 8 samples, .* got a matrix with 9 rows"):
        plot_step(one_step(network(n_h=9), X, Y))


# plot_weights

def test_weights_stand_in_the_mosaic_row_by_row():
    parameters = network(6, n_h=3)
    mosaic = plot_weights(parameters, (2, 3), n_columns=2).get_array()
    assert mosaic.shape == (5, 7)                                         # two by two images and a gap of a pixel
    for unit, (row, column) in enumerate([(0, 0), (0, 4), (3, 0)]):
        np.testing.assert_array_equal(mosaic[row:row + 2, column:column + 3].ravel(), parameters["W1"][unit])
    assert mosaic.mask[2].all()
    assert mosaic.mask[:, 3].all()
    assert mosaic.mask[3:, 4:].all()


def test_zero_weights_are_white_between_blue_and_red():
    image = plot_weights(network(6), (2, 3))
    low, high = image.get_clim()
    assert -low == high == np.abs(network(6)["W1"]).max()
    expected = [to_rgb(COLORS[0]), (1, 1, 1), to_rgb(COLORS[1])]
    np.testing.assert_allclose(image.to_rgba([low, 0.0, high])[:, :3], expected, atol=0.01)


def test_colour_images_are_drawn_as_the_mean_over_their_channels():
    parameters = network(2 * 2 * 3, n_h=1)
    mosaic = plot_weights(parameters, (2, 2, 3)).get_array()
    np.testing.assert_allclose(mosaic, parameters["W1"].reshape(2, 2, 3).mean(axis=2))


def test_weights_that_are_all_zero_are_drawn():
    assert plot_weights(initialize_parameters(4, 2, 1, scale=0), (2, 2)).get_clim() == (-1, 1)


@pytest.mark.parametrize(("shape", "n_columns", "error", "message"), [
    ((28, 28), 10, ValueError, r"shape must be that of images with n_x = 6 pixels, as in W1 \(3, 6\); got \(28, 28\)"),
    ((6,), 10, ValueError, r"shape must be that of images with n_x = 6 pixels.* got \(6,\)"),
    (6, 10, ValueError, "shape must be that of images with n_x = 6 pixels.* got 6"),
    ((-2, -3), 10, ValueError, "shape must be that of images with n_x = 6 pixels"),
    ((2, 3), 0, ValueError, "^n_columns must"),
    ((2, 3), 2.5, TypeError, "^n_columns must"),
])
def test_shapes_that_do_not_fit_are_refused(shape, n_columns, error, message):
    with pytest.raises(error, match=message):
        plot_weights(network(6), shape, n_columns)


# plot_confusion_matrix

def test_rows_are_true_classes_and_columns_predicted_ones():
    image = plot_confusion_matrix([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 2, 0])
    np.testing.assert_allclose(image.get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [1 / 2, 0, 1 / 2]])
    counts = {text.get_position(): text.get_text() for text in image.axes.texts}
    assert counts[(0, 0)] == "2\n67 %"
    assert counts[(1, 0)] == "1\n33 %"
    assert counts[(0, 2)] == "1\n50 %"
    assert counts[(1, 1)] == "1\n100 %"
    assert counts[(2, 0)] == "0"
    assert (image.axes.get_xlabel(), image.axes.get_ylabel()) == ("predicted class", "true class")


@pytest.mark.parametrize("right", [0, 50, 80, 92, 93, 100])
def test_counts_are_readable_on_their_colour(right):
    image = plot_confusion_matrix(np.zeros(100), np.arange(100) >= right)
    for text in image.axes.texts:
        column, row = text.get_position()
        assert contrast(image.to_rgba(image.get_array()[row, column])[:3], text.get_color()) > 4.5


def test_classes_have_their_names():
    image = plot_confusion_matrix(Y, Y, classes=["no cat", "cat"])
    for axis in (image.axes.xaxis, image.axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["no cat", "cat"]


def test_a_class_that_does_not_occur_has_a_row_of_zeros():
    image = plot_confusion_matrix([0, 2], [0, 2], classes=["a", "b", "c", "d"])
    np.testing.assert_array_equal(image.get_array(), np.diag([1, 0, 1, 0]))


@pytest.mark.parametrize(("true", "predicted", "classes", "message"), [
    (Y, Y[:, :3], None, r"^predictions must .*got \(3,\)\."),
    (Y, Y * 0.3, None, "predictions must hold labels 0 and 1"),
    (Y.T, Y, None, "Y must have a single 1 in each column"),
    (1.0, Y, None, r"Y must have shape \(1, m\), \(k, m\) or \(m,\); got \(\)"),
    ([], [], None, r"Y must have shape .* got \(0,\)"),
    (ONE_HOT, ONE_HOT, ["a", "b"], "classes must name all 3 classes; got 2 names"),
])
def test_predictions_that_cannot_be_compared_are_refused(true, predicted, classes, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion_matrix(true, predicted, classes)


# animate_training

SNAPSHOTS = [(0, network()), (1000, TWO_UNITS), (2000, network(n_h=5))]


def small_axes():
    return Figure((2, 2)).add_subplot()


def test_animation_is_written_as_a_gif(tmp_path):
    from matplotlib import pyplot

    ax = small_axes()
    animate_training(SNAPSHOTS, X, Y, tmp_path / "training.gif", ax)
    with Image.open(tmp_path / "training.gif") as gif:
        frames = []
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append((gif.info["duration"], np.asarray(gif.convert("RGB"))))
    assert len(frames) == 3                                               # the last is held, not repeated
    assert frames[2][0] >= 1000 > frames[0][0]
    assert (frames[0][1] != frames[1][1]).any()
    assert ax.child_axes[0].get_title().startswith("iteration 2,000: accuracy ")
    assert pyplot.get_fignums() == []


def test_each_frame_is_the_boundary_of_its_snapshot_beside_the_cost():
    ax = small_axes()
    animation = animate_training(SNAPSHOTS, X, Y, ax=ax)
    animation._draw_frame(1)
    plane, curve = ax.child_axes
    _, (boundary,), _ = plot_decision_boundary(TWO_UNITS, X, Y)
    np.testing.assert_allclose(lines(plane.collections[1])[0], lines(boundary)[0])
    right = (predict(TWO_UNITS, X) == Y).mean()
    assert plane.get_title() == f"iteration 1,000: accuracy {100 * right:.2f} %"
    cost = compute_cost(forward_propagation(X, TWO_UNITS)[0], Y)
    line, marker = curve.lines
    np.testing.assert_allclose(line.get_ydata()[1], cost)
    np.testing.assert_allclose(marker.get_xydata(), [[1000, cost]])
    assert curve.get_title() == f"cost {cost:.4f}"
    animation._draw_was_started = True                                    # or it warns that it was never shown


def test_snapshots_are_spread_over_what_happens():
    frames = snapshots(max_snapshots=1000)
    parameters = nn_model(*planar_flower(), 4, 3000, report_every=10, callbacks=[frames])
    spread = spread_snapshots(frames, planar_flower()[0], max_snapshots=40)
    assert len(spread) <= 40
    assert (spread[0], spread[-1]) == (frames[0], frames[-1])

    def largest_change(some):
        outputs = [predict_probability(network, planar_flower()[0]) for _, network in some]
        return max(np.abs(after - before).mean() for before, after in pairwise(outputs))

    assert largest_change(spread) < largest_change(frames[::8]) / 2       # the same number, evenly spaced
    assert max(np.diff([iteration for iteration, _ in spread])) < 3000 / 15
    assert spread_snapshots(frames[:1], planar_flower()[0]) == frames[:1]
    assert parameters is frames[-1][1]


def test_animation_of_several_classes_has_a_figure_of_its_own(tmp_path):
    snapshots = [(0, network(n_y=3, cost="softmax_cross_entropy"))]
    animate_training(iter(snapshots), X, ONE_HOT, str(tmp_path / "training.gif"))
    assert (tmp_path / "training.gif").stat().st_size > 1000


@pytest.mark.parametrize(("snapshots", "path", "message"), [
    ([], None, r"snapshots must be a list of \(iteration, parameters\) pairs; got none"),
    (SNAPSHOTS, "training.mp4", r"path must end in \.gif; got 'training\.mp4'"),
    ([*SNAPSHOTS, (0, network(3))], "training.gif", "network with 2 inputs"),
    ([network()], "training.gif", r"snapshots must be a list of \(iteration, parameters\) pairs; got others"),
])
def test_animations_that_cannot_be_made_are_refused(snapshots, path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        animate_training(snapshots, X, Y, path, small_axes())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_found_before_anything_is_drawn(tmp_path):
    ax = small_axes()
    with pytest.raises(FileNotFoundError):
        animate_training(SNAPSHOTS, X, Y, tmp_path / "missing" / "training.gif", ax)
    assert not ax.has_data()


def test_animation_plays_in_a_notebook():
    assert "data:image/png;base64" in animate_training(SNAPSHOTS, X, Y, ax=small_axes()).to_jshtml()


def test_a_validation_that_ended_early_is_drawn_as_far_as_it_goes():
    ax = axes()
    lines = plot_cost(HISTORY | {"validation_cost": [0.7, 0.3]}, ax)
    assert [len(line.get_xdata()) for line in lines] == [3, 2]


def test_a_single_report_is_a_point_that_can_be_seen():
    ax = axes()
    line, = plot_cost({"iteration": [0], "cost": [0.7]}, ax)
    assert line.get_marker() == "o"


def test_the_learning_curve_takes_a_logarithmic_axis():
    ax = axes()
    ax.set_xscale("log")
    plot_cost(HISTORY, ax)
    assert ax.get_xscale() == "log"


def test_a_probability_that_rounding_lifted_above_one_has_its_colour():
    regions, _, _ = plot_decision_boundary(lambda X: np.vstack([X[0] <= 0.5, (X[0] > 0.5) * (1 + 1e-7)]), X, Y)
    assert regions[0].zmax <= 1


def test_sizes_of_images_are_whole_numbers():
    with pytest.raises(TypeError, match=r"^shape must .*got 1\.0"):
        plot_weights(network(2), (1.0, 2))


@pytest.mark.parametrize("names", [["calm weather", "light wind", "strong wind", "storm"], 4 * ["八级大风"]])
def test_long_names_of_classes_stand_slanted(names):
    ax = axes()
    plot_confusion_matrix(np.arange(4), np.arange(4), names, ax)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {45}
    assert {label.get_rotation() for label in ax.get_yticklabels()} == {0}
