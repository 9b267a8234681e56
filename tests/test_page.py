"""The page that plays a training: its numbers are NumPy's, it holds everything, and no name gets out of its place."""

import json
from html.parser import HTMLParser
from typing import get_args

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from shallownet import (
    accuracy,
    compute_cost,
    forward_propagation,
    initialize_parameters,
    nn_model,
    one_hot,
    snapshots,
)
from shallownet._types import CostName, Hidden
from shallownet.datasets import planar_flower
from shallownet.page import NETWORK, export_page, network_data

X = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 5.0]])
Y = np.array([[0.0, 1.0, 1.0, 0.0]])
HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "\"'&lt;\\u003c\u2028 小麦"]


class Page(HTMLParser):
    """The tags of a page, and the texts of its scripts."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.title = [], [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.lasttag == "script":
            self.scripts[-1] += data
        elif self.lasttag == "title":
            self.title = self.title or data

    @property
    def data(self):
        return json.loads(self.scripts[0])


def network(n_x=2, n_h=3, n_y=1, **names):
    return initialize_parameters(n_x, n_h, n_y, scale=1, random_state=0, **names)


@pytest.fixture(scope="module")
def planar(tmp_path_factory):
    """The page of the planar network, and the snapshots in it."""
    frames, path = snapshots(max_snapshots=1000), tmp_path_factory.mktemp("page") / "training.html"
    nn_model(*planar_flower(), 4, 3000, report_every=10, callbacks=[frames])
    export_page(frames, *planar_flower(), path)
    return path, dict(frames)


@pytest.mark.parametrize("hidden", get_args(Hidden))
@pytest.mark.parametrize("cost", get_args(CostName))
def test_the_javascript_computes_what_numpy_computes(hidden, cost):
    generator = np.random.RandomState(0)
    parameters = network(3, 5, 2, hidden=hidden, cost=cost) | {"b1": generator.randn(5, 1), "b2": generator.randn(2, 1)}
    points = generator.randn(3, 20) * [[1.0], [30.0], [1000.0]]           # far enough to saturate
    javascript = MiniRacer()
    javascript.eval(NETWORK)
    _, cache = forward_propagation(points, parameters)
    for i, x in enumerate(points.T):
        said = json.loads(javascript.eval(
            f"JSON.stringify(forward({json.dumps(network_data(parameters))}, {json.dumps(x.tolist())}))"
        ))
        for name, values in cache.items():
            np.testing.assert_allclose(said[name], values[:, i], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_page_itself_says_what_numpy_says(planar):
    path, frames = planar
    page = Page(path)
    javascript = MiniRacer()
    javascript.eval(page.scripts[1])
    javascript.eval(f"const data = JSON.parse({json.dumps(page.scripts[0])})")
    points = np.random.RandomState(0).uniform(-5, 5, (2, 30))
    javascript.eval(f"const points = {json.dumps(points.T.tolist())}")
    for k in (0, 50, len(page.data["snapshots"]) - 1):
        said = json.loads(javascript.eval(
            f"JSON.stringify(points.map(x => forward(data.snapshots[{k}].network, x).A2[0]))"
        ))
        A2, _ = forward_propagation(points, frames[page.data["snapshots"][k]["iteration"]])
        np.testing.assert_allclose(said, A2[0], rtol=0, atol=1e-9)


def test_the_page_tells_cost_and_accuracy_of_each_position(planar):
    path, frames = planar
    data = Page(path).data
    X, Y = planar_flower()
    for shown in data["snapshots"][::20]:
        parameters = frames[shown["iteration"]]
        assert shown["accuracy"] == accuracy(parameters, X, Y)
        A2, cache = forward_propagation(X, parameters)
        np.testing.assert_allclose(shown["cost"], compute_cost(A2, Y, parameters, cache=cache))
    assert data["history"]["iteration"] == list(frames)
    np.testing.assert_allclose(data["X"], X, rtol=1e-5)
    np.testing.assert_array_equal(data["Y"], Y[0])


def test_the_page_is_small_and_loads_nothing(planar):
    path, _ = planar
    page = Page(path)
    assert 60 < len(page.data["snapshots"]) <= 100
    assert path.stat().st_size < 200_000
    text = path.read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert not {"link", "img", "iframe", "form", "base"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "content=\"default-src 'none'; script-src 'unsafe-inline'" in text


def test_hostile_names_stay_names(tmp_path):
    parameters = network(n_y=3, cost="softmax_cross_entropy")
    plain, hostile = tmp_path / "plain.html", tmp_path / "hostile.html"
    labels = one_hot(np.array([[0, 1, 2, 0]]))
    export_page([(0, parameters)], X, labels, plain, title="plain")
    export_page([(0, parameters)], X, labels, hostile, classes=HOSTILE, title=HOSTILE[0])
    page = Page(hostile)
    assert page.tags == Page(plain).tags
    assert page.scripts[1:] == Page(plain).scripts[1:]
    assert page.data["classes"] == HOSTILE
    assert page.data["title"] == page.title == HOSTILE[0]
    assert "<" not in page.scripts[0]
    assert "innerHTML" not in page.scripts[2]


def test_the_program_of_the_page_is_javascript(planar):
    page = Page(planar[0])
    MiniRacer().eval(f"new Function({json.dumps(page.scripts[2])})")


def test_snapshots_may_come_one_by_one(tmp_path):
    export_page(iter([(0, network()), (10, network(n_h=4))]), X, Y, tmp_path / "page.html")
    data = Page(tmp_path / "page.html").data
    assert [snapshot["iteration"] for snapshot in data["snapshots"]] == data["history"]["iteration"] == [0, 10]


def test_many_samples_are_thinned_out(tmp_path):
    many = np.random.RandomState(0).randn(2, 5001)
    export_page([(0, network())], many, (many[:1] > 0), tmp_path / "page.html")
    data = Page(tmp_path / "page.html").data
    assert np.shape(data["X"]) == (2, 1667)
    assert len(data["Y"]) == 1667


def test_features_of_other_units_fill_the_page(tmp_path):
    export_page([(0, network())], X * [[1.0], [1000.0]], Y, tmp_path / "page.html")
    assert Page(tmp_path / "page.html").data["aspect"] == 0.9


@pytest.mark.parametrize(("frames", "labels", "settings", "message"), [
    ([], Y, {}, r"snapshots must be a list of \(iteration, parameters\) pairs; got none"),
    ([(0, network(3))], Y, {}, r"X must have shape \(3, m\)"),
    ([(0, network(cost="squared_error"))], Y, {}, "snapshots must be of a classifier.*; got one with a linear output"),
    ([(0, network())], Y[:, :3], {}, "Y must have shape"),
    ([(0, network())], Y, {"classes": ["a"]}, "classes must name all 2 classes; got 1 names"),
    ([(0, network())], Y, {"max_snapshots": 1}, "max_snapshots must be at least 2"),
])
def test_pages_that_cannot_be_made_are_refused(frames, labels, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_page(frames, 9 * X, labels, tmp_path / "page.html", **settings)
    assert list(tmp_path.iterdir()) == []


def test_an_older_page_survives_a_folder_that_is_missing_and_is_replaced_otherwise(tmp_path):
    with pytest.raises(FileNotFoundError):
        export_page([(0, network())], X, Y, tmp_path / "missing" / "page.html")
    path = tmp_path / "page.html"
    path.write_text("older")
    with pytest.raises(ValueError, match="classes must name"):
        export_page([(0, network())], X, Y, path, classes=["a"])
    assert path.read_text() == "older"
    export_page([(0, network())], X, Y, path)
    assert Page(path).data["snapshots"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_has_the_ending_of_one(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.html; got 'page\.txt'"):
        export_page([(0, network())], X, Y, "page.txt")
