"""The model of a table: trained, compared, saved in one file, and the same in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import shallownet
from shallownet import predict_probability
from shallownet.datasets import blobs
from shallownet.model_selection import prediction_interval
from shallownet.storage import save_parameters
from shallownet.table_model import (
    baseline_scores,
    describe,
    load_table_model,
    predict_table,
    save_table_model,
    train_table,
    verdict,
)
from shallownet.tables import encode, summary


def write(path, m=90):
    """A table with text, numbers, holes and a date, whose label follows from two of them."""
    random = np.random.RandomState(0)
    lines = ["id;size;colour;day;noise;kind;price"]
    for i in range(m):
        size, colour = random.uniform(0, 10), random.choice(["red", "blue", "green"])
        kind = "big" if size + 3 * (colour == "red") > 6 else "small"
        price = 100 + 20 * size + 50 * (colour == "red") + random.normal()
        lines.append(f"{i + 1};{'' if i % 17 == 3 else f'{size:.2f}'.replace('.', ',')};{colour};{1 + i % 28}.01.2026;"
                     f"{random.randint(100)};{kind};{price:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def path(folder):
    return write(folder / "things.csv")


@pytest.fixture(scope="module")
def classifier(path):
    return train_table(path, "kind", drop=["price"])


@pytest.fixture(scope="module")
def regressor(path):
    return train_table(path, "price", drop=["kind"])


def test_a_classifier_beats_the_most_frequent_class(classifier):
    scores = classifier.report["baseline_scores"]
    assert classifier.report["score"] > np.mean(scores["the most frequent class"]) + 0.2
    assert len(scores["logistic regression"]) == 5


def test_labels_come_with_probabilities_in_the_order_of_the_rows(classifier, path):
    predictions = predict_table(classifier, path)
    X = encode(path, classifier.encoding)
    expected = predict_probability(classifier.parameters, X)
    np.testing.assert_array_equal(predictions.probabilities, np.vstack([1 - expected, expected]))
    assert predictions.values == ["small" if p > 0.5 else "big" for p in expected[0]]
    assert predictions.refused == {}


def test_values_come_with_an_interval(regressor, path):
    predictions = predict_table(regressor, path, level=0.8)
    wide = predict_table(regressor, path, level=0.99)
    limits = prediction_interval(regressor.parameters, encode(path, regressor.encoding),
                                 regressor.report["residual_quantiles"], 0.8)
    np.testing.assert_allclose([predictions.lower, predictions.upper], np.vstack(limits))
    values = np.array(predictions.values)
    np.testing.assert_allclose(values, predict_probability(regressor.parameters, encode(path, regressor.encoding))[0])
    assert (predictions.lower < values).all()
    assert (values < predictions.upper).all()
    assert (wide.upper > predictions.upper).all()


def test_a_row_that_cannot_be_predicted_says_why_and_the_others_are_predicted(classifier):
    rows = {"size": ["1", "big", "9,5"], "colour": ["red", "red", "blue"], "day": ["01.01.2026"] * 3,
            "noise": [1, 2, 3]}
    predictions = predict_table(classifier, rows)
    assert predictions.values[1] is None
    assert predictions.refused == {
        1: "column 'size' must hold numbers, written as in training with a decimal comma; got 'big' in row 2"}
    assert np.isnan(predictions.probabilities[:, 1]).all()
    alone = predict_table(classifier, {name: cells[2:] for name, cells in rows.items()})
    assert predictions.values[2] == alone.values[0]
    np.testing.assert_allclose(predictions.probabilities[:, 2], alone.probabilities[:, 0], rtol=1e-12)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_a_fresh_process_without_scipy_predicts_the_same_from_the_file(kind, request, folder, path):
    model = request.getfixturevalue(kind)
    save_table_model(folder / "model.h5", model)
    code = ("import sys; sys.modules['scipy'] = None; import numpy as np\n"
            "from shallownet.table_model import load_table_model, predict_table\n"
            "p = predict_table(load_table_model(sys.argv[1]), sys.argv[2])\n"
            "numbers = p.probabilities if p.lower is None else np.array([p.lower, p.upper])\n"
            "print(repr(p.values)); print(numbers.tobytes().hex())")
    environment = os.environ | {"PYTHONPATH": str(Path(shallownet.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code, folder / "model.h5", path], capture_output=True, text=True,
                         check=True, env=environment)
    ours = predict_table(model, path)
    numbers = ours.probabilities if ours.lower is None else np.array([ours.lower, ours.upper])
    assert run.stdout.splitlines() == [repr(ours.values), numbers.tobytes().hex()]


def test_columns_in_another_order_give_the_same_predictions(classifier, path, folder):
    rows = [line.split(";") for line in path.read_text().splitlines()]
    turned = folder / "turned.csv"
    turned.write_text("\n".join(",".join(f'"{cell}"' for cell in reversed(row)) for row in rows))
    assert predict_table(classifier, turned).values == predict_table(classifier, path).values


def test_a_date_is_predicted_as_a_date():
    model = train_table({"a": np.arange(40) % 7 + 0.5, "day": [f"2026-01-{1 + i % 7:02}" for i in range(40)]}, "day")
    assert predict_table(model, {"a": [0.5, 6.5]}).values == ["2026-01-01", "2026-01-07"]


def test_an_interval_that_begins_before_1970_is_nothing_to_tell_of():
    days = [f"1970-01-{1 + i % 7 // 2 + (i % 3 == 0):02}" for i in range(40)]
    model = train_table({"a": np.arange(40) % 7 + 0.5, "day": days}, "day")
    predictions = predict_table(model, {"a": [0.5, 6.5]}, level=0.99)
    assert predictions.lower.min() < 0
    assert predictions.told == []


def test_the_description_tells_decisions_scores_and_versions(classifier):
    lines = describe(classifier)
    assert "colour: text, 3 levels: " in "\n".join(lines)
    assert any(line.startswith("accuracy on rows held out: 0.") for line in lines)
    assert any(line.startswith("  logistic regression: 0.") for line in lines)
    assert verdict(classifier.report) in lines
    assert "numpy" in lines[-1]


@pytest.mark.parametrize(("network", "linear", "constant", "said"), [
    ([0.9, 0.92], [0.5, 0.6], [0.1, 0.1], "better than ridge regression by more than a standard error"),
    ([0.5, 0.6], [0.9, 0.92], [0.1, 0.1], "worse than ridge regression by more than a standard error: prefer that"),
    ([0.7, 0.9], [0.7, 0.8], [0.1, 0.1], "no better than ridge regression, within a standard error: prefer that, as"),
    ([0.8, 0.8], [0.8, 0.8], [0.1, 0.1], "no better than ridge regression, within a standard error: prefer that, as"),
    ([0.1, 0.2], [0.0, 0.0], [0.1, 0.2], "no better than the mean, within a standard error: the columns may tell not"),
])
def test_the_verdict_names_the_simpler_model_where_the_network_is_not_clearly_better(network, linear, constant, said):
    report = {"fold_scores": network, "baseline_scores": {"ridge regression": linear, "the mean": constant}}
    assert verdict(report).startswith(said)


def test_the_same_table_gives_the_same_file(folder, path, classifier):
    again = train_table(path, "kind", drop=["price"])
    save_table_model(folder / "a.h5", classifier)
    save_table_model(folder / "b.h5", again)
    assert (folder / "a.h5").read_bytes() == (folder / "b.h5").read_bytes()


def test_a_network_without_an_encoding_is_refused(folder, classifier):
    save_parameters(folder / "bare.h5", classifier.parameters)
    with pytest.raises(ValueError, match="path must hold a model of a table; got a network without an encoding in"):
        load_table_model(folder / "bare.h5")


def test_a_network_that_was_saved_with_its_encoding_is_a_model_without_a_report(folder, path, classifier, regressor):
    for name, model in (("steps", classifier), ("values", regressor)):
        save_parameters(folder / f"{name}.h5", model.parameters, encoding=model.encoding)
        loaded = load_table_model(folder / f"{name}.h5")
        assert predict_table(loaded, path).values == predict_table(model, path).values
        *told, last = describe(loaded)
        assert told == [*summary(model.encoding), ""]
        assert last.endswith("hidden units, tanh; nothing is known of its training")


# The linear model, against scikit-learn's

def test_the_linear_classifier_is_logistic_regression():
    X, Y = blobs(150, classes=3, noise=1.5)
    scores = baseline_scores(X, Y, "softmax_cross_entropy")["logistic regression"]
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    accuracy = LogisticRegression().fit(X.T, Y.argmax(axis=0)).score(X.T, Y.argmax(axis=0))
    np.testing.assert_allclose(np.mean(scores), accuracy, atol=0.05)


def test_the_linear_regression_is_ridge():
    random = np.random.RandomState(1)
    X = random.standard_normal((5, 200))
    Y = np.array([[1.0, -2, 0, 3, 0.5]]) @ X + random.standard_normal((1, 200))
    scores = baseline_scores(X, Y, "squared_error")
    expected = Ridge().fit(X.T, Y[0]).score(X.T, Y[0])
    np.testing.assert_allclose(np.mean(scores["ridge regression"]), expected, atol=0.03)
    np.testing.assert_allclose(np.mean(scores["the mean"]), 0, atol=0.05)
