"""The estimators take tables as they come: DataFrames with text, categories, dates and holes, arrays with NaN."""

import warnings

import numpy as np
import pandas
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.utils import get_tags

from shallownet.sklearn import ShallowNetClassifier, ShallowNetRegressor


def frame(m=100):
    random = np.random.RandomState(0)
    size = random.uniform(0, 10, m)
    colour = random.choice(["red", "blue", "green"], m)
    kind = np.where(size + 4 * (colour == "red") > 6, "big", "small")
    return pandas.DataFrame({
        "size": np.where(np.arange(m) % 11 == 0, np.nan, size),
        "colour": colour,
        "grade": pandas.Categorical(random.choice([1, 2, 3], m)),
        "day": pandas.date_range("2026-01-01", periods=m),
    }), kind, size + 4 * (colour == "red")


@pytest.fixture(scope="module")
def fitted():
    X, kind, _ = frame()
    return ShallowNetClassifier(networks=2).fit(X, kind)


def test_text_categories_dates_and_holes_are_learned_from():
    X, kind, value = frame()
    assert cross_val_score(ShallowNetClassifier(networks=2), X, kind, cv=3).mean() > 0.75
    assert cross_val_score(ShallowNetRegressor(networks=2), X, value, cv=3).mean() > 0.7


def test_names_and_numbers_of_features_are_those_of_the_table(fitted):
    assert fitted.n_features_in_ == 4
    assert fitted.feature_names_in_.tolist() == ["size", "colour", "grade", "day"]


def test_a_saved_estimator_predicts_the_same(fitted, tmp_path):
    X, _, _ = frame()
    fitted.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(ShallowNetClassifier.load(tmp_path / "model.h5").predict_proba(X),
                                  fitted.predict_proba(X))


def test_a_level_never_seen_is_told(fitted):
    X, _, _ = frame()
    with pytest.warns(UserWarning, match="colour: 'pink' in row 1 was not there in training"):
        assert np.isfinite(fitted.predict_proba(X[:1].assign(colour="pink"))).all()


def test_another_kind_or_a_missing_column_is_refused(fitted):
    X, _, _ = frame()
    with pytest.raises(ValueError, match="column 'size' must hold numbers; got 'x' in row 1"):
        fitted.predict(X.assign(size="x"))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(X.drop(columns="size"))


def test_arrays_may_have_nan_and_the_tags_say_so():
    X = np.random.RandomState(0).standard_normal((100, 3))
    y = X[:, 0] + X[:, 2]
    X[::9, 1] = np.nan
    assert ShallowNetRegressor(networks=2).fit(X, y).score(X, y) > 0.9
    assert all(get_tags(Estimator()).input_tags.allow_nan for Estimator in (ShallowNetClassifier, ShallowNetRegressor))


def test_a_table_of_numbers_alone_is_taken_as_it_is():
    _, _, value = frame(60)
    numbers = pandas.DataFrame({"a": value, "b": np.arange(len(value)), "c": 7.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ShallowNetRegressor(networks=2).fit(numbers, value)
    assert model.encoding_ is None
    assert model.parameters_["W1"].shape[1] == 3
