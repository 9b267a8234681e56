"""The report: what it tells, for a classifier, many classes, and a regression."""

import base64
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest

from shallownet.report import effect_of, html_report, write_report
from shallownet.table_model import train_on, verdict
from shallownet.tables import read_table


def data(kind, m=80):
    random = np.random.RandomState(0)
    size, colour = random.uniform(0, 10, m), random.choice(["red", "blue", "<b>green</b>"], m)
    effect = size + 4 * (colour == "red")
    y = {"two": np.where(effect > 6, "big", "small"), "many": np.char.add("c", (effect.astype(int)).astype(str)),
         "values": effect + 0.1 * random.standard_normal(m)}[kind]
    holes = np.where(np.arange(m) % 9 == 0, np.nan, size)
    return read_table({"size": holes, "colour": colour.tolist(), "noise": random.standard_normal(m), "y": y}, "y")


@pytest.fixture(scope="module", params=["two", "many", "values"])
def case(request):
    table = data(request.param)
    model = train_on(table)
    return request.param, model, table, html_report(model, table)


class Elements(HTMLParser):
    """Collects the elements, and refuses a page whose elements are not closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_has_all_its_pictures_in_it(case):
    _, _, _, page = case
    elements = Elements(page).seen
    images = [attributes for tag, attributes in elements if tag == "img"]
    assert len(images) >= 5
    for image in images:
        assert image["alt"]
        assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    assert not [attributes for tag, attributes in elements if tag in ("script", "link") or "href" in attributes]


def test_scores_stand_beside_those_of_simpler_models(case):
    kind, model, _, page = case
    assert ("R²" if kind == "values" else "Accuracy") in page
    assert ("ridge regression" if kind == "values" else "logistic regression") in page
    assert f"{np.mean(model.report['fold_scores']):.3f} ±" in page
    assert f"</b>, {verdict(model.report)}." in page


def test_every_decision_is_told_and_text_of_the_table_is_no_markup(case):
    _, _, table, page = case
    assert "size: numbers; 9 holes filled with the median" in page
    assert "&lt;b&gt;green" in page
    assert "<b>green" not in page
    assert len(re.findall("<li>", page)) == len(table.summary)


def test_it_says_how_to_do_it_again(case):
    assert "train_table(path, target)" in case[3]
    assert "numpy" in case[3]


@pytest.mark.parametrize("n", [12, 13])
def test_it_says_where_not_all_columns_are_drawn(n):
    x = np.random.RandomState(0).standard_normal((n, 60))
    table = read_table({f"x{i}": row for i, row in enumerate(x)} | {"y": x[0] + 0.5 * x[1]}, "y")
    page = html_report(train_on(table), table)
    assert ("The first 12 of 13 columns. How far the R² falls" in page) == (n == 13)


def test_an_effect_is_that_of_the_column_of_the_table(case):
    _, model, table, _ = case
    columns = {column["name"]: column for column in model.encoding["columns"]}
    levels, effect = effect_of(model, table, columns["colour"])
    assert levels == ["<b>green</b>", "blue", "red"]
    assert effect.shape[1] == 3
    numbers, effect = effect_of(model, table, columns["size"])
    assert numbers == sorted(numbers)
    assert effect.shape[1] == len(numbers)


def test_the_effect_of_a_date_is_drawn_over_dates():
    days = [f"2026-0{1 + i // 28 % 3}-{1 + i % 28:02}" for i in range(84)]
    table = read_table({"day": days, "y": np.arange(84) ** 2.0}, "y")
    model = train_on(table)
    values, effect = effect_of(model, table, model.encoding["columns"][0])
    assert np.datetime64("2026-01-01") < values[0] < values[-1] < np.datetime64("2026-03-28")
    assert effect[0, 0] < effect[0, -1]
    assert '<img alt="day"' in html_report(model, table)


def test_the_report_of_another_table_is_refused(case, tmp_path):
    _, model, table, _ = case
    with pytest.raises(ValueError, match=r"table must be the one that the model was trained on; got 1 features"):
        write_report(tmp_path / "r.html", model, type(table)(table.X[:1], *table[1:]))
    assert list(tmp_path.iterdir()) == []


def test_a_table_too_small_to_hold_out_says_so():
    table = read_table({"a": [1.0, 2.5], "y": ["u", "v"]}, "y")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                   # that two rows tell nothing
        model = train_on(table)
    model.report.update(score=None, fold_scores=None, held_out=None, table=None)
    assert "nothing is known of its quality" in html_report(model, table)
