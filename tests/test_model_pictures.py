"""Pictures of how well a model does, against values worked out in another way."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from shallownet import plotting


def test_roc_has_the_area_of_the_rank_sum():
    random = np.random.RandomState(0)
    Y, A2 = random.randint(0, 2, (1, 200)), random.rand(1, 200).round(1)
    (line,) = plotting.plot_roc(Y, A2)
    positive, negative = A2[Y == 1][:, None], A2[Y == 0]
    area = np.mean(positive > negative) + np.mean(positive == negative) / 2
    assert line.get_label() == f"class 1, area {area:.3f}"
    np.testing.assert_array_equal([line.get_xdata()[[0, -1]], line.get_ydata()[[0, -1]]], [[0, 1], [0, 1]])


def test_roc_of_several_classes_has_a_curve_for_each_that_occurs():
    Y = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]])
    A2 = np.full((3, 4), 1 / 3)
    lines = plotting.plot_roc(Y, A2, ["a", "b", "c"])
    assert [line.get_label() for line in lines] == ["a, area 0.500", "b, area 0.500"]


def test_reliability_is_the_share_of_the_true_in_each_bin():
    A2 = np.array([[0.05, 0.05, 0.55, 0.55, 0.55, 1.0]])
    (line,) = plotting.plot_reliability(np.array([[0, 1, 1, 1, 0, 1]]), A2)
    np.testing.assert_allclose(line.get_xydata(), [[0.05, 0.5], [0.55, 2 / 3], [1, 1]])
    (line,) = plotting.plot_reliability(np.eye(3), np.eye(3), ["a", "b", "c"])
    np.testing.assert_allclose(line.get_xydata(), [[0, 0], [1, 1]])


@pytest.mark.parametrize(("m", "points"), [(8, 8), (100, 2), (2000, 2)])
def test_bins_of_few_samples_are_merged(m, points):
    A2 = np.where(np.arange(m) < 8, np.arange(m) / 8 + 0.01, 0.95)[np.newaxis]
    Y = np.arange(m)[np.newaxis] % 2
    (line,) = plotting.plot_reliability(Y, A2)
    assert len(line.get_xdata()) == points
    assert np.isfinite(line.get_xydata()).all()


def test_the_interval_of_a_share_is_wilsons():
    (line,) = plotting.plot_reliability(np.array([[1, 0, 0, 1]]), np.array([[0.95, 0.15, 0.15, 0.15]]))
    of_three, of_one = (segment[:, 1] for segment in line.axes.collections[0].get_segments())
    np.testing.assert_allclose(of_one, [1 / (1 + 1.96**2), 1])            # one of one
    np.testing.assert_allclose([(p - 1 / 3) ** 2 for p in of_three], [1.96**2 * p * (1 - p) / 3 for p in of_three])


def test_residuals_are_true_minus_predicted():
    upper, lower = plotting.plot_residuals(np.array([[1.0, 2, 4]]), np.array([[1.5, 2, 3]]))
    np.testing.assert_allclose(upper.get_offsets(), [[1.5, 1], [2, 2], [3, 4]])
    np.testing.assert_allclose(lower.get_offsets(), [[1.5, -0.5], [2, 0], [3, 1]])


def test_importance_has_its_longest_bar_on_top():
    bars = plotting.plot_importance({"a": (0.1, 0.01), "b": (0.4, 0.02), "c": (0.2, 0.0)}, n=2)
    axes = bars[0].axes
    assert [bar.get_width() for bar in bars] == [0.4, 0.2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "c"]
    assert axes.yaxis_inverted()


def test_effects_of_numbers_are_lines_and_of_levels_points():
    (line,) = plotting.plot_effects([1.0, 5.0], np.array([[3.0, 4.0]]), "size")
    np.testing.assert_array_equal(line.get_xydata(), [[1, 3], [5, 4]])
    (line,) = plotting.plot_effects(np.array(["2026-01-01", "2026-03-01"], "M8[D]"), np.array([[3.0, 4.0]]), "day")
    line.figure.canvas.draw()
    assert "Feb" in [label.get_text() for label in line.axes.get_xticklabels()]
    lines = plotting.plot_effects(["red", "blue"], np.array([[0.1, 0.2], [0.9, 0.8]]), "colour", ["u", "v"])
    assert [line.get_label() for line in lines] == ["u", "v"]
    assert lines[0].get_linestyle() == "None"
    assert [label.get_text() for label in lines[0].axes.get_xticklabels()] == ["red", "blue"]


def test_validation_marks_the_l2_with_the_lowest_cost():
    table = {"l2": [1.0, 0.1, 10.0], "cost": [0.4, 0.3, 0.6], "std": [0.1, 0.0, 0.1]}
    curve, chosen = plotting.plot_validation(table)
    np.testing.assert_array_equal(curve.get_xydata(), [[0.1, 0.3], [1, 0.4], [10, 0.6]])
    np.testing.assert_array_equal(chosen.get_xydata(), [[0.1, 0.3]])
    assert curve.axes.get_xscale() == "log"


@pytest.mark.parametrize(("name", "arguments"), [
    ("plot_roc", (np.array([[0, 1]]), np.array([[0.2, 0.8]]))),
    ("plot_reliability", (np.array([[0, 1]]), np.array([[0.2, 0.8]]))),
    ("plot_residuals", (np.array([[0.0, 1.0]]), np.array([[0.2, 0.8]]))),
    ("plot_importance", ({"a": (0.1, 0.0)},)),
    ("plot_effects", ([0.0, 1.0], np.array([[0.2, 0.8]]))),
    ("plot_validation", ({"l2": [1.0], "cost": [0.5], "std": [0.1]},)),
])
def test_pictures_of_a_model_draw_on_the_axes_they_get(name, arguments):
    figure = Figure()
    ax = figure.add_subplot()
    drawn = getattr(plotting, name)(*arguments, ax=ax)
    assert drawn
    assert all(artist.figure is figure for artist in drawn)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: plotting.plot_roc([[0, 1]], [[0.2, 0.8, 0.1]]), r"Y must have shape \(1, m\), .* with m = 3"),
    (lambda: plotting.plot_roc([[0, 1]], [[0.2, 3.0]]), "model's output must hold labels 0 and 1"),
    (lambda: plotting.plot_roc([[0, 1]], [[0.2, 0.8]], ["a"]), "classes must name all 2 classes; got 1 names"),
    (lambda: plotting.plot_reliability([[0, 1]], [[0.2, 0.8]], bins=0), "bins must be at least 1; got 0"),
    (lambda: plotting.plot_residuals([[0.0, 1.0]], [[1.0]]), r"predictions must have shape \(1, 2\); got \(1, 1\)"),
    (lambda: plotting.plot_importance({}), "importance must be the dictionary of permutation_importance; got {}"),
    (lambda: plotting.plot_effects([1.0], np.zeros((1, 2))), r"effects must have shape \(1, 1\); got \(1, 2\)"),
    (lambda: plotting.plot_validation({"l2": [1.0]}), "table must have the lists l2, cost and std of one length"),
])
def test_what_a_picture_of_a_model_cannot_draw_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
