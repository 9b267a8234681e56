"""Tables as they come: what is read, what is decided and told, and that no number and no label changes."""

import gzip
import json
import re
import warnings

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shallownet import readers
from shallownet._cells import is_hole
from shallownet._encoding import LEVELS
from shallownet.tables import (
    encode,
    encode_rows,
    encode_target,
    features,
    fit_encoding,
    groups,
    read_table,
    summary,
)

with_files = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def column(name, cells, **options):
    """What one column of text becomes, beside a target."""
    frame = {name: cells, "y": [f"class {i % 2}" for i in range(len(cells))]}
    return read_table(frame, "y", **options)


def told(result, name):
    return next(line for line in result.summary if line.startswith(f"{name}: "))


# The target

def test_text_labels_become_sorted_classes(tmp_path):
    X, Y, names, classes = read_table(table(tmp_path, "a,kind,b\n1,no,-2\n3e1,yes,.5\n5,no,6\n"), "kind")
    np.testing.assert_array_equal(X, [[1, 30, 5], [-2, 0.5, 6]])
    np.testing.assert_array_equal(Y, [[0, 1, 0]])
    assert X.dtype == Y.dtype == np.float64
    assert X.flags.f_contiguous
    assert names == ("a", "b")
    assert classes == ("no", "yes")


def test_the_readers_module_has_it_too():
    assert readers.read_table is read_table


def test_more_than_two_classes_are_one_hot(tmp_path):
    _, Y, _, classes = read_table(table(tmp_path, "a,kind\n1,z\n2,x\n3,y\n4,z\n"), "kind")
    np.testing.assert_array_equal(Y, [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]])
    assert classes == ("x", "y", "z")


@pytest.mark.parametrize(("labels", "task", "Y", "classes"), [
    ("0 1 1", None, [[0, 1, 1]], (0, 1)),
    ("2 1 1", None, [[1, 0, 0]], (1, 2)),
    ("-1 1 -1", None, [[0, 1, 0]], (-1, 1)),
    ("0.0 1.0 1.0", None, [[0, 1, 1]], (0, 1)),
    ("0 1 1", "regression", [[0, 1, 1]], None),
    ("0 1 2", None, [[0, 1, 2]], None),
    ("7 -1.5 7", None, [[7, -1.5, 7]], None),
    ("10 9 10", "classification", [[1, 0, 1]], (9, 10)),
    ("10 9 0.5", "classification", [[0, 0, 1], [0, 1, 0], [1, 0, 0]], (0.5, 9, 10)),
    ("1_0 2_0 1_0", None, [[0, 1, 0]], ("1_0", "2_0")),
    ("1 2+ 1", "classification", [[0, 1, 0]], ("1", "2+")),
    ("low high 5 low", None, [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1]], ("5", "high", "low")),
    ("01 10 01", None, [[0, 1, 0]], ("01", "10")),
    ("1e3 7 7", None, [[1, 0, 0]], ("7", "1e3")),
    ("9007199254740993 9007199254740995 9007199254740993", "classification", [[0, 1, 0]],
     (9007199254740993, 9007199254740995)),
])
def test_the_target_is_what_the_task_says_and_no_label_changes(tmp_path, labels, task, Y, classes):
    rows = "".join(f"{k / 2},{label}\n" for k, label in enumerate(labels.split()))
    result = read_table(table(tmp_path, "a,y\n" + rows), "y", task=task)
    np.testing.assert_array_equal(result.Y, Y)
    assert result.classes == classes


@pytest.mark.parametrize("labels", ["1 1.0 2", "01 1 2", "1e3 1000 7"])
def test_labels_that_would_merge_are_refused(tmp_path, labels):
    rows = "".join(f"{k / 2},{label}\n" for k, label in enumerate(labels.split()))
    with pytest.raises(ValueError, match=r"column 'y' must write each class in one way; got '.*' and '.*' in .*ali"):
        read_table(table(tmp_path, "a,y\n" + rows), "y", task="classification")


@pytest.mark.parametrize("hole", ["NA", "", "?", "-", ".", "None", "nan", "n/a", "NULL"])
def test_rows_without_a_target_are_left_out_and_counted(tmp_path, hole):
    result = read_table(table(tmp_path, f"a,b,y\n1,2,yes\n2,4,{hole}\n3,3,no\n"), "y")
    assert result.classes == ("no", "yes")
    np.testing.assert_array_equal(result.X, [[1, 3], [2, 3]])
    np.testing.assert_array_equal(result.Y, [[1, 0]])
    assert told(result, "y") == "y: target, 2 classes: no 1, yes 1; 1 row without it left out"


def test_a_hole_in_a_row_without_a_target_is_no_hole_of_the_column(tmp_path):
    result = read_table(table(tmp_path, "a,y\n1,0.5\nx,NA\n3,2\n,\n"), "y")
    np.testing.assert_array_equal(result.X, [[1, 3]])


@pytest.mark.parametrize(("cells", "values", "said"), [
    (["2026-01-02", "2026-01-01", "1970-01-11"], [20455, 20454, 10], "dates as days since 1970"),
    (["1:30", "02:15:36", "0:00"], [1.5, 2.26, 0], "times as hours"),
])
def test_a_target_of_dates_or_times_is_values(cells, values, said):
    result = read_table({"a": [1.0, 2.5, 3.0], "y": cells}, "y")
    np.testing.assert_allclose(result.Y, [values], rtol=1e-15)
    assert said in told(result, "y")
    assert result.classes is None


def test_texts_in_a_target_of_numbers_are_refused_until_a_regression_is_asked_for():
    cells = [f"{i}.5" for i in range(40)] + ["tall", "NA", "5'7", "tall"]
    frame = {"a": [*np.arange(40) % 7, None, 8, None, 9], "y": cells}
    with pytest.raises(ValueError, match=r"got 'tall' in row 41; \"5'7\" in row 43; .*='regression', which leaves the"):
        read_table(frame, "y")
    result = read_table(frame, "y", task="regression")
    np.testing.assert_array_equal(result.Y, [np.arange(40) + 0.5])
    assert told(result, "a") == "a: numbers"                              # its holes are in rows that are left out
    assert told(result, "y") == ("y: target, values; 3 rows whose cell is no number left out: 'tall' 2, \"5'7\" 1; "
                                 "1 row without it left out")
    Y, known = encode_target(frame, json.loads(json.dumps(result.encoding)))
    np.testing.assert_array_equal(Y[:, known], result.Y)
    assert len(set(read_table(frame, "y", task="classification").classes)) == 42


@pytest.mark.parametrize("cells", [["low", "high", "5", "7"], ["1", "2", "many", "2", "1"] * 9])
def test_a_target_of_text_or_of_a_few_numbers_is_no_regression(cells):
    with pytest.raises(ValueError, match="column 'y' must hold a number in every line for a regression; got '"):
        read_table({"a": np.arange(len(cells)) % 3, "y": cells}, "y", task="regression")


def test_few_whole_numbers_as_values_name_the_other_task():
    classes = {"a": [1.5, 2, 4, 3, 5, 7], "y": [1, 2, 3, 1, 2, 3]}
    assert "task='classification' makes them classes" in told(read_table(classes, "y"), "y")
    assert told(read_table(classes | {"y": [1, 2, 3, 4, 5, 6]}, "y"), "y") == "y: target, values"


# Files

@pytest.mark.parametrize("text", [
    "\ufeffa,y\n1,u\n2,v\n",
    "a,y\r\n1,u\r\n2,v\r\n",
    "a,y\r1,u\r2,v\r",
    '"a","y"\n"1","u"\n"2","v"',
    "a, y\n 1 , u\n\n2,  v\n   \n",
    'a, "y"\n1, "u"\n2, "v"\n',
    "a;y\n1;u\n2;v\n",
    "a\ty\n1\tu\n2\tv\n",
    "a|y\n1|u\n2|v\n",
    "a,y\n1,u\n2,v\n".encode("utf-16"),
    "a,y\n1,u\n2,v\n".encode("utf-16-le"),
    "a,y\n1,u\n2,v\n".encode("utf-16-be"),
    gzip.compress(b"a,y\n1,u\n2,v\n"),
], ids=["mark", "windows", "old mac", "quotes", "blanks", "quotes after blanks", "semicolon", "tab", "bar", "utf-16",
        "utf-16-le", "utf-16-be", "gzip"])
def test_the_usual_dialects_are_read(tmp_path, text):
    X, Y, names, classes = read_table(table(tmp_path, text), "y")
    np.testing.assert_array_equal(X, [[1, 2]])
    np.testing.assert_array_equal(Y, [[0, 1]])
    assert (names, classes) == (("a",), ("u", "v"))


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " ", ":"])
def test_other_delimiters_and_quoted_ones_are_read(tmp_path, delimiter):
    text = 'a,"the, y"\n1,"u, or ""v"""\n2,Grün\n'.replace(",", delimiter)
    _, _, names, classes = read_table(table(tmp_path, text), f"the{delimiter} y", delimiter=delimiter)
    assert names == ("a",)
    assert classes == ("Grün", f'u{delimiter} or "v"')


def test_what_is_not_utf_8_is_windows_1252_and_told(tmp_path):
    result = read_table(table(tmp_path, "a,y\n1,süß\n2,50 €\n".encode("cp1252")), "y")
    assert result.classes == ("50 €", "süß")
    assert "not UTF-8, so taken as Windows-1252" in result.summary[0]


def test_rows_names_of_r_are_left_out(tmp_path):
    X, _, names, _ = read_table(table(tmp_path, 'a b y\nM1 1.5 2 u\nM2 2.5 3 v\n'.replace(" ", ",")), "y")
    np.testing.assert_array_equal(X, [[1.5, 2.5], [2, 3]])
    assert names == ("a", "b")
    result = read_table(table(tmp_path, ',a,y\n"12",1.5,u\n"15",2,v\n'), "y")
    assert told(result, "column 1") == ("column 1: left out, it has no name, and a different whole number in each row")


@pytest.mark.parametrize("text", ["price,y\n1,5,2\n1,5,3\n2,5,7\n", "a,y\n1,2,\n3,4,\n"],
                         ids=["decimal commas", "trailing comma"])
def test_a_header_one_cell_short_without_names_of_rows_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="path must be a table with"):
        read_table(table(tmp_path, text), "y")


@with_files
@given(st.data())
def test_any_table_of_numbers_comes_back(tmp_path, data):
    number = st.floats(allow_nan=False, allow_infinity=False)
    columns = data.draw(st.lists(st.lists(number, min_size=3, max_size=3, unique=True), min_size=3, max_size=3))
    text = "a,y,b\n" + "".join(",".join(map(repr, row)) + "\n" for row in zip(*columns, strict=True))
    result = read_table(table(tmp_path, text), "y", task="regression")
    np.testing.assert_array_equal(result.X, [columns[0], columns[2]])
    np.testing.assert_array_equal(result.Y, [columns[1]])


# Numbers

@pytest.mark.parametrize(("cells", "values"), [
    ("1,5 2 -0,25", [1.5, 2, -0.25]),
    ("1,234.5 1,000 7", [1234.5, 1000, 7]),
    ("1.234,5 1.000,25 7", [1234.5, 1000.25, 7]),
    ("1,234,567 1,000 -7", [1234567, 1000, -7]),
    ("1.234.567 1.000 7", [1234567, 1000, 7]),
    ("0,123 1,234 5,678", [0.123, 1.234, 5.678]),
    ("1,234 2,5 5,678", [1.234, 2.5, 5.678]),
    ("1'234'567 1'000 7", [1234567, 1000, 7]),
    ("1\u202f234\u202f567 1\u00a0000 7", [1234567, 1000, 7]),
    ("1,5e3 2 3", [1500, 2, 3]),
    ("+1 .5 5.", [1, 0.5, 5]),
    ("1e400 2 3", [2.5, 2, 3]),
])
def test_numbers_are_read_as_the_whole_column_writes_them(cells, values):
    result = column("a", re.split(" ", cells))
    np.testing.assert_array_equal(result.X[0], values)


@pytest.mark.parametrize(("decimal", "values"), [(",", [1.234, 5.678, 7]), (".", [1234, 5678, 7])])
def test_what_could_be_read_in_two_ways_is_refused_until_it_is_said(tmp_path, decimal, values):
    path = table(tmp_path, "a;y\n1,234;u\n5,678;v\n7;u\n")
    with pytest.raises(ValueError, match="column 'a' must hold numbers that can be read in one way; got '1,234', a th"):
        read_table(path, "y")
    np.testing.assert_array_equal(read_table(path, "y", decimal=decimal).X, [values])


def test_in_a_file_with_commas_between_the_cells_a_group_of_three_is_a_thousand(tmp_path):
    result = read_table(table(tmp_path, 'a,y\n"1,234",u\n"5,678",v\n'), "y")
    np.testing.assert_array_equal(result.X, [[1234, 5678]])
    assert "thousands separated by ','" in told(result, "a")


def test_dots_in_a_table_with_decimal_commas_are_refused_until_it_is_said(tmp_path):
    path = table(tmp_path, "a;b;y\n1.234;0,5;u\n5.678;1,5;v\n")
    with pytest.raises(ValueError, match=r"column 'a' must hold numbers that .*; got 1\.234 and the .* with decimal c"):
        read_table(path, "y")
    np.testing.assert_array_equal(read_table(path, "y", decimal=",").X, [[1234, 5678], [0.5, 1.5]])


@with_files
@given(st.lists(st.text("0123456789.,-+eE_ \u00a0\uff11\u0661'%xinfa", min_size=1, max_size=8), min_size=1, max_size=3))
def test_no_cell_gives_another_number_than_python(cells):
    encoding = fit_encoding({"a": [*cells, "8.5", "2.25"]})["columns"][0]
    if encoding["kind"] == "number" and not encoding["words"]:
        values = encode({"a": cells}, {"columns": [encoding]})[0]
        for cell, value in zip(cells, values, strict=True):
            if not is_hole(cell.strip()) and "inf" not in cell and np.isfinite(value):
                plain = cell.strip().replace(encoding["thousands"], "") if encoding["thousands"] else cell
                assert "_" not in cell
                assert cell.strip().isascii() or encoding["thousands"]
                assert float(plain.replace(",", ".")) == value or np.isinf(float(plain))


def test_holes_in_numbers_get_the_median_and_are_marked():
    result = column("a", ["1", "NA", "4", "?", "2"])
    np.testing.assert_array_equal(result.X, [[1, 2, 4, 2, 2], [0, 1, 0, 1, 0]])
    assert result.features == ("a", "a=(missing)")
    assert told(result, "a") == "a: numbers; 2 holes filled with the median 2 and marked"


def test_holes_in_a_file_of_numbers_are_holes(tmp_path):
    X, Y, features, classes = read_table(table(tmp_path, "a,b,y\n1,5,u\nNA,3,v\n4,,u\n2,4,v\n"), "y")
    assert features == ("a", "a=(missing)", "b", "b=(missing)")
    np.testing.assert_array_equal(X, [[1, 2, 4, 2], [0, 1, 0, 0], [5, 3, 4, 4], [0, 0, 1, 0]])
    np.testing.assert_array_equal(Y, [[0, 1, 0, 1]])
    assert classes == ("u", "v")


def test_words_among_many_numbers_are_holes_of_that_column_and_told():
    cells = [f"{i}.5" for i in range(40)] + ["trace", "trace"]
    result = column("rain", cells)
    assert told(result, "rain") == ("rain: numbers; 'trace' 2 count as holes; 2 holes filled with the median 20 and "
                                    "marked")
    np.testing.assert_array_equal(result.X[:, -3:], [[39.5, 20, 20], [0, 1, 1]])
    np.testing.assert_array_equal(encode({"rain": ["trace"]}, result.encoding), [[20], [1]])
    with pytest.raises(ValueError, match="column 'rain' must hold numbers; got 'much' in row 1"):
        encode({"rain": ["much"]}, result.encoding)


@pytest.mark.parametrize("slip", ["1,5", "1 5", "1_5", "\uff11", "1-5"])
def test_a_number_that_is_written_in_another_way_is_no_hole_but_refused(slip):
    with pytest.raises(ValueError, match=r"column 'a' must write its numbers in one way; got '.*' in row 41"):
        column("a", [f"{i}.5" for i in range(40)] + [slip])


# Text

def test_two_levels_are_one_row_and_three_are_three():
    result = column("sex", ["male", "female", "male"])
    np.testing.assert_array_equal(result.X, [[1, 0, 1]])
    assert result.features == ("sex=male",)
    result = column("colour", ["red", "blue", "green", "red"])
    np.testing.assert_array_equal(result.X, [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]])
    assert result.features == ("colour=blue", "colour=green", "colour=red")


def test_a_hole_in_text_is_a_level_of_its_own():
    result = column("colour", ["red", "blue", "", "red", "green"])
    np.testing.assert_array_equal(result.X[3], [0, 0, 1, 0, 0])
    assert result.features[3] == "colour=(missing)"
    assert "1 hole, a level of its own" in told(result, "colour")


def test_the_rarest_levels_beyond_the_limit_become_other():
    cells = [f"town {i}" for i in range(LEVELS)] * 2 + ["hamlet", "farm"]
    result = column("place", cells)
    assert len(result.X) == LEVELS + 1
    np.testing.assert_array_equal(result.X[-1], [0] * 2 * LEVELS + [1, 1])
    assert 'all but the 20 most frequent are "other" (2 rows)' in told(result, "place")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode({"place": ["farm"]}, result.encoding)                      # was there
    with pytest.warns(UserWarning, match=r"place: 'moon' in row 1 was not there in training; counts as \"other\""):
        np.testing.assert_array_equal(encode({"place": ["moon"]}, result.encoding)[-1], [1])


def test_a_level_never_seen_counts_as_the_average_level_and_is_told():
    encoding = column("colour", ["red", "blue", "green", "red"]).encoding
    with pytest.warns(UserWarning, match="colour: 'pink' in row 2 was not there in training; counts as the average"):
        X = encode({"colour": ["red", "pink"]}, encoding)
    np.testing.assert_array_equal(X, [[0, 0.25], [0, 0.25], [1, 0.5]])


@pytest.mark.parametrize(("cells", "reason"), [
    (["x"] * 3, "every cell is x"),
    (["7.0"] * 3, "every cell is 7"),
    (["", "NA", "?"], "no cell has anything in it"),
    ([f"name {i}" for i in range(30)], "its text names each row, such as 'name 0'"),
])
def test_columns_that_tell_nothing_are_left_out(cells, reason):
    result = read_table({"a": cells, "b": np.arange(len(cells)) % 3, "y": np.arange(len(cells)) ** 2.0}, "y")
    assert result.features == ("b",)
    assert told(result, "a") == f"a: left out, {reason}"


@pytest.mark.parametrize("name", ["id", "PassengerId", "customer_ID", "case", "Obs.", "patnr", "Unnamed: 0"])
@pytest.mark.parametrize("first", [0, 1])
def test_row_numbers_are_left_out_where_they_are_called_so(name, first):
    target = [None if i % 4 == 1 else i ** 2.0 for i in range(40)]        # they count the rows without a target too
    result = read_table({name: [str(i + first) for i in range(40)], "b": np.arange(40) % 3, "y": target}, "y")
    assert result.features == ("b",)
    assert told(result, name) == f"{name}: left out, it counts the rows"


@pytest.mark.parametrize("name", ["x", "age", "time", "day_of_year", "width"])
def test_other_numbers_that_count_the_rows_are_numbers_and_told(name):
    result = read_table({name: np.arange(1, 31), "y": np.arange(30.0)}, "y")
    np.testing.assert_array_equal(result.X, [np.arange(1, 31)])
    assert told(result, name) == f"{name}: numbers; they count the rows: drop=[{name!r}] leaves them out"


def test_drop_and_categorical_override():
    frame = {"a": [1, 2, 3, 1], "b": [1.5, 2, 3, 4], "y": ["u", "v", "u", "v"]}
    result = read_table(frame, "y", drop=["b"], categorical=["a"])
    assert result.features == ("a=1", "a=2", "a=3")
    assert told(result, "b") == "b: left out, as asked"


# Dates and times

def test_dates_become_days_month_and_weekday():
    result = column("day", ["2026-01-31", "2026-02-01", "1970-01-01"])
    np.testing.assert_array_equal(result.X, [[20484, 20485, 0], [1, 2, 1], [6, 7, 4]])
    assert result.features == ("day days", "day month", "day weekday")


@pytest.mark.parametrize(("cells", "days"), [
    (["31.01.2026", "01.02.2026"], [20484, 20485]),
    (["31/01/2026", "01/02/2026"], [20484, 20485]),
    (["01/31/2026", "02/01/2026"], [20484, 20485]),
    (["2026-01-31T12:00", "2026-02-01T18:00"], [20484.5, 20485.75]),
    (["2026-01-31 12:00:00+02:00", "2026-02-01 00:00:00+00:00"], [20484 + 10 / 24, 20485]),
])
def test_dates_are_read_as_the_whole_column_writes_them(cells, days):
    np.testing.assert_allclose(column("day", cells).X[0], days, rtol=1e-15)


def test_dates_that_could_be_read_in_two_ways_stay_text_and_that_is_told():
    result = column("day", ["03/04/2026", "05/06/2026"])
    assert result.features == ("day=05/06/2026",)
    assert "day or month first, which cannot be told" in told(result, "day")


def test_times_become_hours():
    np.testing.assert_allclose(column("at", ["9:30", "23:15", ""]).X, [[9.5, 23.25, 16.375], [0, 0, 1]])


# New rows

@pytest.fixture
def encoding():
    return read_table({"size": ["1", "2,5", "4,5"], "colour": ["red", "blue", "green"],
                       "day": ["2026-01-01", "2026-02-01", "2026-03-03"], "y": ["u", "v", "u"]}, "y").encoding


def test_the_encoding_goes_through_json(encoding):
    assert json.loads(json.dumps(encoding, allow_nan=False)) == encoding


def test_columns_are_found_by_name_and_further_ones_ignored(encoding):
    X = encode({"extra": [0], "day": ["2026-02-01"], "colour": ["blue"], "size": ["2,5"]}, encoding)
    np.testing.assert_array_equal(X[:4, 0], [2.5, 1, 0, 0])
    assert features(encoding)[:4] == ("size", "colour=blue", "colour=green", "colour=red")
    assert groups(encoding)["colour"] == slice(1, 4)


@pytest.mark.parametrize(("change", "message"), [
    ({"size": None}, r"table must have the columns of the training; got no 'size' in the dictionary\. Add them"),
    ({"size": None, "sizes": ["1"]}, r"got no 'size' in the dictionary\. Rename 'sizes'"),
    ({"colour": None, "Color": ["red"]}, r"got no 'colour' in the dictionary\. Rename 'Color'"),
    ({"day": None, "size": ["1"]}, r"got no 'day' in the dictionary\. Add them"),
    ({"size": ["big"]}, "'size' must hold numbers, written as in training with a decimal comma; got 'big' in row 1"),
    ({"size": ["1.5"]}, r"'size' must hold numbers, written as in training with a decimal comma; got '1\.5' in row 1"),
    ({"day": ["soon"]}, "column 'day' must hold dates; got 'soon' in row 1"),
    ({"colour": ["3"]}, "column 'colour' must hold text such as 'blue', as in training; got numbers such as '3'"),
])
def test_a_missing_column_or_another_kind_is_refused(encoding, change, message):
    rows = {"size": ["1"], "colour": ["red"], "day": ["2026-01-01"]} | change
    with pytest.raises(ValueError, match=message):
        encode({name: cells for name, cells in rows.items() if cells}, encoding)


def test_a_row_that_cannot_be_encoded_is_refused_alone(encoding):
    encoded = encode_rows({"size": ["1", "big"], "colour": ["red", "red"], "day": ["2026-01-01"] * 2}, encoding)
    assert encoded.refused == {1: "column 'size' must hold numbers, written as in training with a decimal "
                                  "comma; got 'big' in row 2"}
    assert np.isfinite(encoded.X[:, 0]).all()
    assert np.isnan(encoded.X[:, 1]).all()


def test_lines_of_another_length_are_refused_alone_where_names_of_rows_stand_in_front(encoding, tmp_path):
    lines = ["A,1,red,2026-01-01", "B,2,red", "C,3,blue,2026-02-01", "D,4,red,2026-01-01,5", "E,5,green,2026-01-01"]
    encoded = encode_rows(table(tmp_path, "\n".join(["size,colour,day", *lines])), encoding)
    assert {row: reason[:45] for row, reason in encoded.refused.items()} == {
        1: "each line must have 4 cells; got 3 in line 3 ", 3: "each line must have 4 cells; got 5 in line 5 "}
    np.testing.assert_array_equal(encoded.X[0], [1, np.nan, 3, np.nan, 5])
    with pytest.raises(ValueError, match=r"each line must have 4 cells; got 3 in line 3 of .*csv and 1 more row\. C"):
        encode(tmp_path / "table.csv", encoding)


def test_a_hole_where_training_had_none_is_told():
    encoding = column("a", ["1", "4", "2"]).encoding
    with pytest.warns(UserWarning, match="a: nothing in row 2, where training had no holes; the median 2 is taken"):
        np.testing.assert_array_equal(encode({"a": ["1", "NA"]}, encoding), [[1, 2]])


def test_a_hole_where_training_had_some_is_nothing_to_tell():
    encoding = column("colour", ["red", "blue", "", "red", "green"]).encoding
    encoded = encode_rows({"colour": ["NA", "red"]}, encoding)
    assert encoded.told == []
    np.testing.assert_array_equal(encoded.X, [[0, 0], [0, 0], [0, 1], [1, 0]])


def test_a_hole_in_text_where_training_had_none_is_told():
    encoding = column("colour", ["red", "blue", "red", "green"]).encoding
    with pytest.warns(UserWarning, match="colour: nothing in row 1, where training had no holes; the average level is"):
        np.testing.assert_array_equal(encode({"colour": ["NA"]}, encoding), [[0.25], [0.25], [0.5]])


def test_the_target_of_new_rows_is_encoded_as_the_old(encoding):
    Y, known = encode_target({"y": ["v", "", "u"]}, encoding)
    np.testing.assert_array_equal(Y, [[1, np.nan, 0]])
    np.testing.assert_array_equal(known, [True, False, True])
    with pytest.raises(ValueError, match="column 'y' must hold the classes of the training; got 'w' in row 1"):
        encode_target({"y": ["w"]}, encoding)


# DataFrames

def frame():
    return pandas.DataFrame({
        "size": [1.5, np.nan, 4.0, 2.0],
        "count": pandas.array([3, None, 5, 9], "Int64"),
        "colour": pandas.Categorical(["red", "blue", None, "green"]),
        "grade": pandas.Categorical([1, 2, 3, 1]),
        "good": [True, False, True, True],
        "day": pandas.to_datetime(["2026-01-31", "2026-02-01", None, "2026-02-03"]),
        "took": pandas.to_timedelta(["1 days", "36 hours", "0 s", None]),
        "y": ["u", "v", "u", "v"],
    })


def test_a_dataframe_goes_in_by_the_same_door_as_its_csv_file(tmp_path):
    plain = frame().drop(columns="took")
    path = tmp_path / "frame.csv"
    plain.to_csv(path, index=False)
    ours, of_file = read_table(plain, "y"), read_table(path, "y", categorical=["grade"])
    np.testing.assert_array_equal(ours.X, of_file.X)
    assert ours.features == of_file.features
    np.testing.assert_array_equal(encode(plain, of_file.encoding), of_file.X)
    np.testing.assert_array_equal(encode(path, ours.encoding), of_file.X)


def test_timedeltas_are_days():
    np.testing.assert_array_equal(read_table(frame(), "y").X[-2], [1, 1.5, 0, 1])


def test_without_a_target_all_columns_are_features():
    encoding = fit_encoding(frame())
    assert encode(frame(), encoding).shape == (len(features(encoding)), 4)
    assert "target" not in encoding
    assert len(summary(encoding)) == 9


@pytest.mark.parametrize("n", [12, 13])
def test_many_neighbours_that_are_the_same_are_one_line(n):
    frame = {f"x{i}": [1.5, 2.0, i + 0.25] for i in range(n)} | {"text": ["a", "b", "a"], "size": [1.0, 2.0, 5.5]}
    told = summary(fit_encoding(frame))[1:]
    assert told[-2:] == ("text: text, 2 levels: a 2, b 1", "size: numbers")
    assert told[:-2] == (("x0, x1, … x12, 13 columns: numbers",) if n == 13 else
                         tuple(f"x{i}: numbers" for i in range(12)))


def test_the_caller_keeps_his_frame():
    before = frame()
    after = before.copy(deep=True)
    read_table(after, "y")
    pandas.testing.assert_frame_equal(before, after)


# The numbers of pandas

def test_numbers_are_those_of_pandas(tmp_path):
    random = np.random.RandomState(0)
    data = pandas.DataFrame({f"x{i}": random.standard_normal(50) * 10.0 ** random.randint(-300, 300, 50)
                             for i in range(5)})
    data["y"] = random.randint(0, 2, 50)
    path = tmp_path / "table.csv"
    data.to_csv(path, index=False)
    expected = pandas.read_csv(path).to_numpy()[:, :-1].T
    np.testing.assert_array_equal(read_table(path, "y").X, expected)


# What is refused

@pytest.mark.parametrize(("text", "message"), [
    ("", r"path must be a table whose first line names the columns; .*table.csv is empty"),
    ("a,y\n", r"path must be a table with a line below the header; got none in .*table.csv"),
    ("a\n1\n", r"path must be a table of two columns or more; got the header 'a' in .*Use delimiter=':'"),
    ("a,b,y,b,a\n", "a table with a name of its own for every column; .*table.csv has more than one 'a', 'b'. Rename"),
    ("a,b\n1,2\n", "target must be one of 'a', 'b'; got 'y'"),
    ("a,y\n1,5\n2,5\n", "column 'y' must hold different finite numbers; got 5 in every line of .*table.csv"),
    ("a,y\n1,5\n2,inf\n3,7\n", "column 'y' must hold finite numbers; got infinity in .*table.csv"),
    ("a,y\n1,u\n2,u\n", "'y' must hold two classes or more; got 'u' in every line of .*that has a target. Use another"),
    ("a,y\n1,u\n2,?\n", "column 'y' must hold two classes or more; got 'u' in every line of .*that has a target"),
    ("a,y\n" + "".join(f"{k / 2},name{k}\n" for k in range(1001)), "'y' must hold at most 1000 classes; got 1001"),
    ("a,y\n" + "".join(f"{k / 2},name{k}\n" for k in range(30)), "'y' must hold classes that occur more than once"),
    ("a,y\n1,NA\n2,\n", "column 'y' must hold the target; got no cell with anything in it in .*table.csv"),
    ("a,y\n3,1\n3,2.5\n", "a table with a column to learn from; .* has none: .*a: left out, every cell is 3"),
    ("a,y\n1,5\n2,7\n3,x\n4,9.5\n", "column 'y' must hold a number in every line, as in most; got 'x' in line 4"),
    ("a,y\n1,2\n2,2,3\n3,4\n4,5\n", "a table with 2 cells in every line, as in its header; got 3 in line 3 of .*csv"),
    ("a,y\n1,2\n1,2,3\n4\n", "a table with 2 cells in every line, as in its header; got 3 in line 3, and another "
                             "length in 1 more lines of .*table.csv"),
    ("a,y\n1,2\n3,4\n5,\"2\n", "a CSV file; the quote that opens in line 4 of .*table.csv is never closed"),
    ('a,y\n1,"2\n3,4\n5,"u"\n', "a CSV file; got the cell from line 2 to line 4 of .*table.csv: .*quote too m"),
    ('a,y\n1,"2"3\n', "path must be a CSV file; got line 2 of .*table.csv: .*expected after"),
    ("a,y\n1," + "x" * 140_000, "path must be a CSV file; got line 2 of .*table.csv: field larger than field limit"),
    ("a,y\n1,u\0\n", "path must be a text file; got a NUL character in .*table.csv"),
    (b"PK\3\4" + bytes(30), "path must be a CSV file; got an Excel workbook or another ZIP archive in .*table.csv"),
    (b"PAR1" + bytes(30), "path must be a CSV file; got a Parquet file in .*give the DataFrame"),
    (b"\x1f\x8b\x08\0 no gzip", "path must be a whole gzip file; got .*table.csv: .*Fetch it again"),
    (gzip.compress(b"PAR1" + bytes(30)), "path must be a CSV file; got a Parquet file"),
    ("5.1,3.5,setosa\n4.9,3.0,setosa\n6,2,virginica\n", "names the columns; that of .* looks like data: 5.1"),
    ("1,2\n3,4\n", "first line names the columns; that of .* looks like data: 1, 2. Put a line with names above it"),
])
def test_a_table_with_a_fault_is_refused_with_its_place(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(table(tmp_path, text), "y")


def test_a_header_of_years_is_a_header(tmp_path):
    result = read_table(table(tmp_path, "1990,2000,2010\n1.5,2,3\n4,5,7\n"), "2010")
    assert result.features == ("1990", "2000")


def test_all_problems_of_a_table_are_in_one_message(tmp_path):
    rows = "".join(f"{i}.5,{i}.5,{i}.5\n" for i in range(30))
    path = table(tmp_path, "a,b,y\n" + rows + '"1,5",1,zero\n"1,5",2 2,1.5\n')
    with pytest.raises(ValueError, match="'y' must hold") as refused:
        read_table(path, "y")
    message = str(refused.value).replace(str(path), "the file")
    assert message.startswith("column 'y' must hold a number in every line, as in most; got 'zero' in line 32 of ")
    assert " column 'a' must write its numbers in one way; got '1,5' in line 32 of the file; '1,5' in " in message
    assert " column 'b' must write its numbers in one way; got '2 2' in line 33 of the file" in message


def test_a_delimiter_that_does_not_fit_is_answered_with_the_one_that_does(tmp_path):
    with pytest.raises(ValueError, match=r"two columns or more; got the header 'a\\ty' in .*Use delimiter='\\t'"):
        read_table(table(tmp_path, "a\ty\n1\tu\n"), "y", delimiter=",")


def test_a_mistyped_target_among_many_names_the_nearest(tmp_path):
    names = [f"feature{i}" for i in range(2000)] + ["species"]
    path = table(tmp_path, ",".join(names) + "\n" + ",".join("1" * 2001) + "\n")
    with pytest.raises(ValueError, match="target must be one of the 2001 columns, such as 'species'; got 'spceies'"):
        read_table(path, "spceies")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"task": "ranking"}, "task must be one of 'classification', 'regression'; got 'ranking'"),
    ({"decimal": ";"}, "decimal must be one of '.', ','; got ';'"),
    *(({"delimiter": delimiter}, f"delimiter must be one character that is in no .*; got {re.escape(repr(delimiter))}")
      for delimiter in ("", ", ", "\n", "e", "5", ".", "-", "\0", '"', None)[:-1]),
    ({"target": 1}, "target must be one of 'a', 'y'; got 1"),
    ({"drop": ["b"]}, "drop must be one of 'a', 'y'; got 'b'"),
    ({"categorical": ["b"]}, "categorical must be one of 'a', 'y'; got 'b'"),
])
def test_a_wrong_argument_of_read_table_is_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_table(**{"path": table(tmp_path, "a,y\n1.5,2\n3,4\n"), "target": "y"} | arguments)


@pytest.mark.parametrize("argument", ["drop", "categorical"])
def test_a_single_name_where_a_list_is_expected_is_refused(tmp_path, argument):
    with pytest.raises(TypeError, match=rf"{argument} must be a list of column names; got 'a'. Use {argument}=\["):
        read_table(table(tmp_path, "a,y\n1.5,2\n3,4\n"), "y", **{argument: "a"})


@pytest.mark.parametrize(("frame", "message"), [
    ({"a": [1], "b": [1, 2]}, "table must have columns of one length, and a row; got {'a': 1, 'b': 2}"),
    ({}, "table must have columns of one length"),
    (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "table must have a name of its own for every column; .* 'a'"),
])
def test_what_is_no_table_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        fit_encoding(frame)
