"""Tables as they come: CSV files and DataFrames in, columns for a network out, and every decision told.

Reading has two steps. ``_csv`` turns a file into columns of cells, which are text. Then ``fit_encoding`` decides for
each column what it is, and writes that down in a plain dictionary, the encoding, which goes into the model's file;
``encode`` follows it, for the same rows and for new ones. What cannot be known follows rules:

- A column whose cells are all numbers is numbers; where the separators leave two readings open, it is refused.
- ``""``, NA, N/A, NaN, null, None, ``?``, ``-`` and ``.`` are holes. Numbers get the median, and a row of ``X`` that
  marks the holes; in text a hole is a level of its own.
- Text becomes a row of ``X`` for each level, one row for two levels. Beyond ``LEVELS`` the rarest become "other".
- Dates become days since 1970, month and weekday (and hour); times become hours.
- Left out are constant columns, texts that name each row, and whole numbers that count the rows or have no name.
- The target is classes if it is text or two different whole numbers, otherwise values. Rows without it are left out.
"""

import difflib
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from shallownet._checks import check_name
from shallownet._csv import NAMED, Cells, is_number, read_cells
from shallownet._types import Array, PathLike
from shallownet.preprocessing import one_hot

HOLES = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none", "?", "-", "."})
LEVELS = 20                           # rows of X that the text of a column gets
MAX_CLASSES = 1000
OTHER, MISSING = "(other)", "(missing)"
LIKE_NUMBER = re.compile(r"[-+\d.,' _\u00a0\u202f\u2212]+(?:[eE][-+]?\d+)?")
SPACES = " \u00a0\u202f"              # between thousands
FORMATS = ((".", ","), (",", "."), (",", ""), (".", " "), (",", " "), (".", "'"), (",", "'"))   # decimal, thousands
PLAIN = (".", "")
DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d))?)?")
TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d(?:\.\d+)?))?")
EPOCH = datetime(1970, 1, 1)
PARTS = ("days", "month", "weekday", "hour")


class _Columns(NamedTuple):
    X: Array
    Y: Array
    features: tuple[str, ...]
    classes: tuple | None


class Table(_Columns):
    """A table as a network takes it; unpacks as ``X (n_x, m)``, ``Y (n_y, m)``, ``features``, ``classes``.

    Besides, ``encoding`` is the dictionary that turns new rows into the same columns, and ``summary`` tells in one line
    each what was decided.
    """

    encoding: dict
    summary: tuple[str, ...]

    def __new__(cls, X, Y, features, classes, encoding=None, summary=()):
        table = super().__new__(cls, X, Y, features, classes)
        table.encoding, table.summary = encoding, summary
        return table

    @property
    def cost(self) -> str:
        """Name of the cost that goes with the target."""
        if self.classes is None:
            return "squared_error"
        return "cross_entropy" if len(self.Y) == 1 else "softmax_cross_entropy"


class Encoded(NamedTuple):
    """``X (n_x, m)``; what there is to tell; the reason for each row that could not be encoded and is NaN in ``X``."""

    X: Array
    told: list[str]
    refused: dict[int, str]


def read_table(
    path: PathLike | Any,
    target: str,
    *,
    task: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
) -> Table:
    """Read a table with a header, one line a sample, and make of it what a network takes.

    Parameters
    ----------
    path : path or DataFrame
        A CSV file, plain or gzipped, in UTF-8, UTF-16 or Windows-1252. A DataFrame or a dictionary of columns goes the
        same way.
    target : str
        Name of the column to predict.
    task : {None, "classification", "regression"}
        What the target is. By default text and two different whole numbers are classes, other numbers are values.
    delimiter : str, optional
        What stands between the cells; by default the one of ``, ; tab |`` that fits.
    decimal : {None, ".", ","}
        Needed only where each number of a column reads like 1,234, which may be a thousand or a little more than one.
    drop : sequence of str
        Columns to leave out.
    categorical : sequence of str
        Columns of numbers that are names of levels.

    Returns
    -------
    X : array, shape (n_x, m)
        Features; each sample contiguous in memory.
    Y : array, shape (1, m) or (n_y, m)
        0.0 and 1.0 for two classes, one-hot for more; the values of a regression.
    features : tuple of str
        Names of the rows of ``X``.
    classes : tuple of str or of numbers, or None
        The classes in the order of their numbers, sorted; None for a regression. No label's text is changed.

    Raises
    ------
    ValueError
        If something could be read in two ways, or not at all; all problems in one message, with line and column.

    Examples
    --------
    >>> flowers = {"length": ["5,1", "7", "?", "6,3"], "garden": ["north", "south", "south", "north"],
    ...            "species": ["setosa", "versicolor", "setosa", "versicolor"]}
    >>> table = read_table(flowers, "species")
    >>> table.X
    array([[5.1, 7. , 6.3, 6.3],
           [0. , 0. , 1. , 0. ],
           [0. , 1. , 1. , 0. ]])
    >>> table.features, table.classes
    (('length', 'length=(missing)', 'garden=south'), ('setosa', 'versicolor'))
    >>> print(*table.summary, sep="\\n")
    the dictionary: 4 rows, 3 columns
    species: target, 2 classes: setosa 2, versicolor 2
    length: numbers, decimal comma; 1 hole filled with the median 6.3 and marked
    garden: text, 2 levels: north 2, south 2
    """
    cells = _as_cells(path, delimiter)
    encoding = fit_encoding(cells, target, task=task, decimal=decimal, drop=drop, categorical=categorical)
    Y, known = encode_target(cells, encoding)
    X = encode_rows(cells, encoding).X
    if not known.all():
        X, Y = np.asfortranarray(X[:, known]), np.asfortranarray(Y[:, known])
    classes = encoding["target"].get("classes")
    return Table(X, Y, features(encoding), classes if classes is None else tuple(classes), encoding, summary(encoding))


def fit_encoding(
    table: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    decimal: str | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
) -> dict[str, Any]:
    """Decide what each column of a table is, and return that as a plain dictionary that JSON can hold.

    Parameters
    ----------
    table : path, DataFrame, or dictionary of columns
    target, task, decimal, drop, categorical
        As in ``read_table``; without a target all columns are features.

    Returns
    -------
    encoding : dict
        ``"target"`` and ``"columns"``: for each column its name, its kind, its features, what was told about it, and
        what ``encode`` needs; ``"told"`` about the table.

    Examples
    --------
    >>> encoding = fit_encoding({"size": [1.5, 2.0, 7.5], "colour": ["red", "blue", "green"]})
    >>> encode({"colour": ["blue"], "size": [3.0]}, encoding)
    array([[3.],
           [1.],
           [0.],
           [0.]])
    """
    cells = _as_cells(table)
    if task is not None:
        check_name("task", task, ("classification", "regression"))
    if decimal is not None:
        check_name("decimal", decimal, (".", ","))
    drop, categorical = _names("drop", drop), _names("categorical", categorical)
    for argument, names in (("drop", drop), ("categorical", categorical), ("target", [target][:target is not None])):
        for name in names:
            _check_column(argument, name, cells.columns)
    encoding, problems, known = {"told": list(cells.told), "columns": []}, [], None
    if target is not None:
        encoding["target"], known = _attempt(problems, _fit_target, target, cells, task, decimal) or ({}, None)
    for name in cells.columns:
        if name == target:
            continue
        if name in drop:
            column = _left_out("as asked")
        else:
            options = (name in categorical or name in cells.categorical, name in cells.unnamed)
            column = _attempt(problems, _fit_column, name, cells, known, decimal, *options)
        encoding["columns"].append({"name": name, **(column or {})})
    problems += _two_decimals(encoding, cells, decimal) if not problems else []
    if problems:
        raise ValueError(" ".join(problems))
    if not features(encoding):
        raise ValueError(f"path must be a table with a column to learn from; {cells.where} has none: "
                         f"{'; '.join(summary(encoding))}.")
    return encoding


def encode(table: Any, encoding: dict[str, Any]) -> Array:
    """Turn rows into the columns that the network was trained on.

    Columns are found by name, in any order; further ones are ignored. A level that was not there in training is told in
    a warning, and counts as "other", or where there was no other, as the average level.

    Parameters
    ----------
    table : path, DataFrame, or dictionary of columns
    encoding : dict
        From ``fit_encoding`` or ``read_table``.

    Returns
    -------
    X : array, shape (n_x, m)

    Raises
    ------
    ValueError
        If a column is missing, or a cell is not of its column's kind.
    """
    encoded = encode_rows(table, encoding)
    if encoded.refused:
        reasons = list(encoded.refused.values())
        raise ValueError(f"{reasons[0]}{_more(len(reasons) - 1, 'row')}. Correct them, or leave these rows out.")
    for line in encoded.told:
        warnings.warn(line, stacklevel=2)
    return encoded.X


def encode_rows(table: Any, encoding: dict[str, Any]) -> Encoded:
    """Do as ``encode``, but tell and refuse row by row: a row that cannot be encoded is NaN, with the reason.

    Examples
    --------
    >>> encoding = fit_encoding({"size": [1.5, 2.0, 7.5], "colour": ["red", "blue", "green"]})
    >>> encode_rows({"size": ["2", "big"], "colour": ["pink", "red"]}, encoding)
    Encoded(X=array([[2.        ,        nan],
           [0.33333333,        nan],
           [0.33333333,        nan],
           [0.33333333,        nan]]),
        told=["colour: 'pink' in row 1 was not there in training; counts as the average level (1 row)"],
        refused={1: "column 'size' must hold numbers; got 'big' in row 2"})
    """
    cells = _as_cells(table)
    used = [column for column in encoding["columns"] if column["features"]]
    missing = [column["name"] for column in used if column["name"] not in cells.columns]
    if missing:
        near = [close for name in missing for close in difflib.get_close_matches(name, cells.columns, 1)]
        raise ValueError(f"table must have the columns of the training; got no {_listed(missing)} in {cells.where}. "
                         + (f"Rename {_listed(near)}." if near else "Add them."))
    X = np.empty((cells.size, sum(len(column["features"]) for column in used))).T
    told, refused, row = [], {}, 0
    for column in used:
        stop = row + len(column["features"])
        X[row:stop], notes, bad = KINDS[column["kind"]](column, cells)
        told += notes
        for i, reason in bad.items():
            refused.setdefault(i, reason)
        row = stop
    X[:, list(refused)] = np.nan
    return Encoded(X, told, refused)


def encode_target(table: Any, encoding: dict[str, Any]) -> tuple[Array, Array]:
    """Return ``Y (n_y, m)`` of the rows, and which of them have a target; the others are NaN in ``Y``."""
    cells, target = _as_cells(table), encoding["target"]
    _check_column("table", target["name"], cells.columns)
    raw = cells.columns[target["name"]]()
    if target["kind"] != "classes":
        values, _, bad = _values(target, cells)
        if bad:
            raise ValueError(f"{next(iter(bad.values()))}{_more(len(bad) - 1, 'row')}. Correct them.")
        return values[:1], ~np.isnan(values[0])
    texts = _texts(raw)
    known = np.array([not is_hole(text) for text in texts])
    number_of = {str(label): k for k, label in enumerate(target["classes"])}
    for i, text in enumerate(texts):
        if known[i] and text not in number_of:
            raise ValueError(f"column {target['name']!r} must hold the classes of the training; got {text!r} in "
                             f"{cells.place(i)}.")
    numbers = np.array([number_of.get(text, 0) for text in texts], float)
    Y = numbers[np.newaxis] if len(number_of) == 2 else one_hot(numbers, len(number_of))
    Y[:, ~known] = np.nan
    return Y, known


def features(encoding: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the rows of ``X``."""
    return tuple(feature for column in encoding["columns"] for feature in column["features"])


def groups(encoding: dict[str, Any]) -> dict[str, slice]:
    """Return which rows of ``X`` each column of the table has become.

    Examples
    --------
    >>> groups(fit_encoding({"colour": ["red", "blue", "green"], "size": [1.5, 2.0, 7.5]}))
    {'colour': slice(0, 3, None), 'size': slice(3, 4, None)}
    """
    result, row = {}, 0
    for column in encoding["columns"]:
        if column["features"]:
            result[column["name"]] = slice(row, row + len(column["features"]))
            row += len(column["features"])
    return result


def summary(encoding: dict[str, Any]) -> tuple[str, ...]:
    """Return what was decided, in one line each."""
    target = [encoding["target"]] if "target" in encoding else []
    return (*encoding["told"], *(f"{column['name']}: {column['told']}" for column in (*target, *encoding["columns"])))


# From what holds a table to columns of cells


def _as_cells(table, delimiter=None):
    if isinstance(table, Cells):
        return table
    if isinstance(table, Mapping):
        names, where = list(table), "the dictionary"
    elif hasattr(table, "columns") and hasattr(table, "__getitem__"):
        names, where = list(table.columns), "the DataFrame"
    else:
        return read_cells(table, delimiter)
    twice = [str(name) for name, count in Counter(map(str, names)).items() if count > 1]
    if twice:
        raise ValueError(f"table must have a name of its own for every column; got more than one {_listed(twice)}.")
    columns = {str(name): table[name] for name in names}
    sizes = {name: len(column) for name, column in columns.items()}
    if not sizes or len(set(sizes.values())) > 1 or not min(sizes.values()):
        raise ValueError(f"table must have columns of one length, and a row; got {sizes} in {where}.")
    size = min(sizes.values())
    return Cells(
        {name: (lambda column=column: _raw(column)) for name, column in columns.items()}, size, where,
        lambda row: f"row {row + 1}", categorical={n for n, c in columns.items() if hasattr(_dtype(c), "categories")},
        told=[f"{where}: {size} rows, {len(columns)} columns"],
    )


def _dtype(column):
    return getattr(column, "dtype", None)


def _raw(column):
    """An array of numbers, or a list of text."""
    array = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column,
                       object if isinstance(column, list | tuple) else None)
    if array.dtype.kind in "iuf":
        return array
    if array.dtype.kind == "m":
        return np.where(np.isnat(array), np.nan, array / np.timedelta64(1, "D"))
    if array.dtype.kind == "M":
        return np.datetime_as_string(array).tolist()
    return [_text(value) for value in array.tolist()]


def _text(value):
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _texts(raw):
    """Cells as text, as it is written."""
    return [_text(value) for value in raw.tolist()] if isinstance(raw, np.ndarray) else raw


def is_hole(cell: str) -> bool:
    """Whether a cell says that there is nothing."""
    return cell.lower() in HOLES


def _known(raw, known):
    """The cells of the rows that have a target."""
    if known is None or known.all():
        return raw
    return raw[known] if isinstance(raw, np.ndarray) else [cell for cell, keep in zip(raw, known, strict=True) if keep]


# Numbers


def _plain_numbers(raw):
    """The cells as Python reads them, NaN for holes; None if a cell is something else."""
    if isinstance(raw, np.ndarray):
        return raw.astype(float)
    try:
        values = np.array(list(map(float, raw)))
    except ValueError:
        values = None
    joined = "".join(raw)
    if values is None or not joined.isascii() or "_" in joined:
        values = np.empty(len(raw))
        for i, cell in enumerate(raw):
            if is_number(cell):
                values[i] = float(cell)
            elif is_hole(cell):
                values[i] = np.nan
            else:
                return None
    return values


def _pattern(form):
    decimal, thousands = (f"[{re.escape(separator)}]" if separator else "" for separator in form)
    thousands = f"[{SPACES}]" if form[1] == " " else thousands
    whole = rf"(?:[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+|\d+)" if thousands else r"\d+"
    return re.compile(rf"[-+]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][-+]?\d+)?", re.ASCII)


PATTERNS = {form: _pattern(form) for form in (PLAIN, *FORMATS)}


def _formats(texts, decimal):
    """The ways of writing numbers that fit every cell, each with separators that do occur."""
    present = [text for text in texts if not is_hole(text)]
    joined = "".join(present)
    return [form for form in FORMATS if decimal in (None, form[0])
            and any(mark in joined for mark in (SPACES if form[1] == " " else form[1] or form[0]))
            and all(map(PATTERNS[form].fullmatch, present))]


def _numbers(name, raw, cells, decimal):
    """Return the values and how they are written; ``(None, None)`` if the cells are no numbers."""
    if decimal != "," or isinstance(raw, np.ndarray) or not any("." in cell and not is_hole(cell) for cell in raw):
        values = _plain_numbers(raw)
        if values is not None:
            return values, PLAIN
    formats = _formats(raw, decimal)
    if (".", ",") in formats and (",", "") in formats:
        if cells.delimiter != ",":
            cell = next(cell for cell in raw if "," in cell)
            raise ValueError(f"column {name!r} must hold numbers that can be read in one way; got {cell!r}, a thousand "
                             "or a fraction, and the like in every cell. Give decimal=',' or decimal='.'.")
        formats.remove((",", ""))                                         # in such a file the comma splits no number
    if not formats:
        return None, None
    return np.array([_formatted(cell, formats[0]) for cell in raw]), formats[0]


def _formatted(cell, form):
    """The number that is written in this way; NaN for a hole, None for something else."""
    if is_hole(cell):
        return np.nan
    if form == PLAIN:
        return float(cell) if is_number(cell) else None
    if not PATTERNS[form].fullmatch(cell):
        return None
    for mark in SPACES if form[1] == " " else form[1]:
        cell = cell.replace(mark, "")
    return float(cell.replace(form[0], "."))


def _two_decimals(encoding, cells, decimal):
    """The problems of a file where one column proves decimal commas, and another could be read in both ways."""
    columns = [column for column in (encoding.get("target", {}), *encoding["columns"]) if column.get("decimal")]
    if decimal or not any(column["decimal"] == "," for column in columns):
        return []
    problems = []
    for column in columns:
        if column["decimal"] == "." and column["thousands"] in ("", ","):
            raw = [cell for cell in _texts(cells.columns[column["name"]]()) if not is_hole(cell)]
            marked = [cell for cell in raw if "." in cell or "," in cell]
            if marked and all(re.fullmatch(r"[-+]?[1-9]\d{0,2}([.,]\d{3})+", cell) for cell in marked):
                problems.append(f"column {column['name']!r} must hold numbers that can be read in one way; got "
                                f"{marked[0]!r} in a table with decimal commas. Give decimal=',' or decimal='.'.")
    return problems


# Dates and times


def _date(cell, style):
    """The moment, in UTC where the cell has a zone; None if it is written in another style."""
    if style == "ISO":
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError:
            return None
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    found = DATE.fullmatch(cell)
    if not found or (style == "month first" and found[2] == "."):
        return None
    day, month = (found[1], found[3]) if style == "day first" else (found[3], found[1])
    try:
        return datetime(int(found[4]), int(month), int(day), *(int(part or 0) for part in found.groups()[4:]))
    except ValueError:
        return None


def _hours(cell, style):
    found = TIME.fullmatch(cell)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return int(found[1]) + int(found[2]) / 60 + float(found[3] or 0) / 3600


def _moment(cell, style):
    """Days since 1970, month, weekday and hour of a date; None if it is none."""
    date = _date(cell, style)
    if date is None:
        return None
    return (date - EPOCH) / timedelta(days=1), date.month, date.isoweekday(), date.hour + date.minute / 60


def _styles(present):
    """The styles of dates and times that fit every cell."""
    styles = [("date", style) for style in ("ISO", "day first", "month first")
              if all(_date(cell, style) is not None for cell in present)]
    return styles + [("time", "")] * all(_hours(cell, "") is not None for cell in present)


READ = {"number": _formatted, "date": _moment, "time": _hours}


# What a column is


def _left_out(reason):
    return {"kind": "left out", "features": [], "told": f"left out, {reason}"}


def _fit_column(name, cells, known, decimal, categorical, unnamed):
    raw = _known(cells.columns[name](), known)
    values, form = (None, None) if categorical else _numbers(name, raw, cells, decimal)
    if values is not None:
        values = np.where(np.isinf(values), np.nan, values)
        present = values[~np.isnan(values)]
        different = {*present[:1], *present[present != present[:1]][:1]}
        return (_nothing_to_learn(len(present), len(values), different) or _row_numbers(values, unnamed)
                or _fit_numbers(name, values[np.newaxis], "number", form))
    texts = _texts(raw)
    present = [text for text in texts if not is_hole(text)]
    counts = Counter(present)
    left_out = _nothing_to_learn(len(present), len(texts), counts)
    if left_out or categorical:
        return left_out or _fit_levels(name, counts, len(texts))
    styles = _styles(present)
    if len(styles) == 1:
        kind, style = styles[0]
        return _fit_moments(name, texts, kind, style)
    words = _words_among_numbers(name, texts, cells, known)
    if words:
        values = np.array([np.nan if text in words else _formatted(text, PLAIN) for text in texts])
        return _fit_numbers(name, values[np.newaxis], "number", PLAIN, words=words)
    if len(counts) == len(present) and (unnamed or len(counts) > LEVELS):
        return _left_out(f"its text names each row, such as {present[0]!r}")
    column = _fit_levels(name, counts, len(texts))
    if styles:
        column["told"] += "; dates with day or month first, which cannot be told: write them as 2026-01-31"
    return column


def _nothing_to_learn(present, size, different):
    if present == 0:
        return _left_out("no cell has anything in it")
    if present == size and len(different) == 1:
        return _left_out(f"every cell is {_text(next(iter(different)))}")
    return None


def _row_numbers(values, unnamed):
    """A column that is left out as it numbers the rows: consecutive, or without a name."""
    if np.isnan(values).any() or (values != np.floor(values)).any():
        return None
    if len(values) > LEVELS and values[0] in (0, 1) and (np.diff(values) == 1).all():
        return _left_out("it counts the rows")
    if unnamed and len(np.unique(values)) == len(values):
        return _left_out("it has no name, and a different whole number in each row")
    return None


def _words_among_numbers(name, texts, cells, known):
    """The words that stand in a column of numbers, such as "trace", and count as holes there; none if it is text.

    What looks like a number written in another way is no word: it is refused.
    """
    numbers = [text for text in texts if is_number(text)]
    words = Counter(text for text in texts if not (is_hole(text) or is_number(text)))
    if len(numbers) <= words.total() or len(set(numbers)) <= LEVELS:
        return {}
    rows = np.arange(cells.size) if known is None else np.flatnonzero(known)
    odd = [(row, text) for row, text in zip(rows, texts, strict=True) if text in words and LIKE_NUMBER.fullmatch(text)]
    if odd:
        places = "; ".join(f"{text!r} in {cells.place(row)}" for row, text in odd[:NAMED])
        raise ValueError(f"column {name!r} must write its numbers in one way; got {places}"
                         f"{_more(len(odd) - NAMED, 'cell')}. Correct them or empty them, or give drop=[{name!r}] or "
                         f"categorical=[{name!r}].")
    return words


def _fit_numbers(name, values, kind, form, parts=("",), words=()):
    """The column's dictionary from its values (k, m), NaN where there are holes."""
    holes = int(np.isnan(values[0]).sum())
    present = dict(zip(parts, values[:, ~np.isnan(values[0])], strict=True))
    kept = [part for part in parts if part in ("", "days") or np.ptp(present[part])]
    fill = [float(np.median(present[part])) for part in kept]
    names = [f"{name} {part}".strip() for part in kept] + [f"{name}={MISSING}"] * (holes > 0)
    told = {"number": "numbers", "date": f"dates, as {', '.join(kept)}", "time": "times, as hours"}[kind]
    column = {"kind": kind, "features": names, "fill": fill, "parts": kept, "marked": holes > 0}
    if kind == "number":
        column |= {"decimal": form[0], "thousands": form[1], "words": sorted(words)}
        told += f"; {', '.join(f'{word!r} {words[word]}' for word in list(words)[:NAMED])}" if words else ""
        told += f" and {len(words) - NAMED} other words" if len(words) > NAMED else ""
        told += " count as holes" if words else ""
        told += ", decimal comma" if form[0] == "," else ""
        told += f", thousands separated by {form[1]!r}" if form[1] else ""
        told += f"; {holes} {_plural('hole', holes)} filled with the median {fill[0]:g} and marked" if holes else ""
    else:
        column["style"] = form
        told += f", {form}" if form not in ("", "ISO") else ""
        told += f"; {holes} {_plural('hole', holes)} filled with the median and marked" if holes else ""
    return column | {"told": told}


def _fit_moments(name, texts, kind, style):
    parts = PARTS if kind == "date" else ("",)
    rows = [(np.nan,) * len(parts) if is_hole(text) else np.atleast_1d(READ[kind](text, style)) for text in texts]
    return _fit_numbers(name, np.array(rows, float).T, kind, style, parts)


def _fit_levels(name, counts, size):
    """The column's dictionary from the counts of its levels."""
    holes = size - counts.total()
    ordered = sorted(counts, key=lambda level: (-counts[level], level))
    levels, rare = sorted(ordered[:LEVELS]), ordered[LEVELS:]
    if not rare and len(levels) == 2:
        names = [f"{name}={levels[1]}"]
    else:
        names = [f"{name}={level}" for level in levels] + [f"{name}={OTHER}"] * bool(rare)
    share = [counts[level] / counts.total() for level in levels] + [sum(map(counts.get, rare)) / counts.total()]
    most = ", ".join(f"{level} {counts[level]}" for level in ordered[:NAMED]) + ", …" * (len(ordered) > NAMED)
    told = f"text, {len(ordered)} {_plural('level', len(ordered))}: {most}"
    told += f"; all but the {LEVELS} most frequent are \"other\" ({sum(map(counts.get, rare))} rows)" if rare else ""
    told += f"; {holes} {_plural('hole', holes)}, a level of its own" if holes else ""
    return {"kind": "levels", "features": names + [f"{name}={MISSING}"] * (holes > 0), "levels": levels,
            "share": share, "other": bool(rare), "rare": rare if len(rare) <= MAX_CLASSES else [],
            "marked": holes > 0, "told": told}


def _fit_target(name, cells, task, decimal):
    """The target's dictionary, and which rows have one."""
    raw = cells.columns[name]()
    texts = _texts(raw)
    known = np.array([not is_hole(text) for text in texts])
    texts = [text for text in texts if not is_hole(text)]
    holes = cells.size - len(texts)
    without = f"; {holes} {_plural('row', holes)} without it left out" if holes else ""
    if not texts:
        raise ValueError(f"column {name!r} must hold the target; got no cell with anything in it in {cells.where}.")
    values, form = _numbers(name, _known(raw, known), cells, decimal)
    styles = [] if values is not None else _styles(texts)
    distinct = np.unique(values) if values is not None else ()
    two = len(distinct) == 2 and (distinct == np.floor(distinct)).all()
    if task == "classification" or (task is None and (two or (values is None and len(styles) != 1))):
        if task is None and values is None:
            _refuse_target_slips(name, texts, cells, known)
        classes = _classes(name, texts, None if form != PLAIN else values, cells)
        counts = Counter(texts)
        most = ", ".join(f"{label} {counts[str(label)]}" for label in classes[:10]) + ", …" * (len(classes) > 10)
        told = f"target, {len(classes)} classes: {most}{without}"
        return {"name": name, "kind": "classes", "classes": classes, "told": told, "features": []}, known
    if values is None and len(styles) != 1:
        row, text = next((row, text) for row, text in zip(np.flatnonzero(known), texts, strict=True)
                         if not is_number(text))
        raise ValueError(f"column {name!r} must hold a number in every line for a regression; got {text!r} in "
                         f"{cells.place(row)}. Use task='classification'.")
    if values is not None and (np.isinf(values).any() or len(distinct) < 2):
        raise ValueError(f"column {name!r} must hold different finite numbers; got {distinct[0]:g} in every line of "
                         f"{cells.where}." if len(distinct) < 2 else
                         f"column {name!r} must hold finite numbers; got infinity in {cells.where}. Empty these cells.")
    kind, style = ("number", form) if values is not None else styles[0]
    if kind == "number":
        column, unit = {"decimal": form[0], "thousands": form[1], "parts": [""]}, "values"
        if len(distinct) <= 10 and (distinct == np.floor(distinct)).all():
            unit += f", {len(distinct)} different whole numbers: task='classification' makes them classes"
    else:
        column = {"style": style, "parts": ["days"] if kind == "date" else [""]}
        unit = "dates as days since 1970" if kind == "date" else "times as hours"
        if len(set(texts)) < 2:
            raise ValueError(f"column {name!r} must hold different values; got {texts[0]!r} in every line.")
    return {"name": name, "kind": kind, "marked": False, "features": [], **column,
            "told": f"target, {unit}{without}"}, known


def _refuse_target_slips(name, texts, cells, known):
    """Refuse numbers with a few texts among them: are they values or classes?"""
    slips = [(row, text) for row, text in zip(np.flatnonzero(known), texts, strict=True) if not is_number(text)]
    different = set(texts)
    if len(slips) < len(texts) - len(slips) and (len(different) > LEVELS or 2 * len(different) > len(texts)):
        places = "; ".join(f"{text!r} in {cells.place(row)}" for row, text in slips[:NAMED])
        raise ValueError(f"column {name!r} must hold a number in every line, as in most; got {places}"
                         f"{_more(len(slips) - NAMED, 'cell')}. Correct them, or use task='classification'.")


def _classes(name, texts, values, cells):
    """The different labels, sorted: numbers where that changes no text."""
    labels = sorted(set(texts))
    if values is not None:
        number_of = dict(zip(texts, values.tolist(), strict=True))
        labels.sort(key=number_of.get)
        same = [pair for pair in pairwise(labels) if number_of[pair[0]] == number_of[pair[1]]]
        if same:
            raise ValueError(f"column {name!r} must write each class in one way; got {same[0][0]!r} and "
                             f"{same[0][1]!r} in {cells.where}. Write them alike, or use task='regression'.")
        numbers = [_canonical(label) for label in labels]
        labels = labels if None in numbers else numbers
    if not 2 <= len(labels) <= MAX_CLASSES:
        raise ValueError(f"column {name!r} must hold from 2 to {MAX_CLASSES} classes; got {len(labels)} in "
                         f"{cells.where}. Use task='regression' for values.")
    if len(labels) == len(texts) > LEVELS:
        raise ValueError(f"column {name!r} must hold classes that occur more than once; got another label in each "
                         f"of {len(texts)} lines of {cells.where}, such as {texts[0]!r}. Use another target.")
    return labels


def _canonical(label):
    """The number whose text is exactly this, or None: "01" and "1e3" stay text."""
    for kind in (int, float):
        try:
            if str(kind(label)) == label:
                return kind(label)
        except ValueError:
            pass
    return None


# Encoding by kind: the rows of X (k, m), what there is to tell, and the rows that cannot be encoded


def _values(column, cells):
    name, kind, raw = column["name"], column["kind"], cells.columns[column["name"]]()
    style = (column["decimal"], column["thousands"]) if kind == "number" else column["style"]
    values, bad, words = None, {}, set(column.get("words", ()))
    if kind == "number" and (style == PLAIN or isinstance(raw, np.ndarray)):
        values = _plain_numbers(raw)
        values = None if values is None else np.where(np.isinf(values), np.nan, values)[np.newaxis]
    if values is None:
        parts = PARTS if kind == "date" else ("",)
        values = np.full((len(parts), cells.size), np.nan)
        for i, text in enumerate(_texts(raw)):
            if is_hole(text) or text in words:
                continue
            found = READ[kind](text, style)
            if found is None:
                what = {"number": "numbers", "date": "dates", "time": "times"}[kind]
                what += ", written as in training with a decimal comma" if style[0] == "," else ""
                bad[i] = f"column {name!r} must hold {what}; got {text!r} in {cells.place(i)}"
            else:
                values[:, i] = found if np.all(np.isfinite(found)) else np.nan
        values = values[[parts.index(part) for part in column["parts"]]]
    holes = np.isnan(values[0])
    told = []
    if "fill" in column and holes.any():
        values[:, holes] = np.array(column["fill"])[:, np.newaxis]
        holes_only = [i for i in np.flatnonzero(holes) if i not in bad]
        if holes_only and not column["marked"] and column["features"]:
            told = [f"{name}: nothing in {cells.place(holes_only[0])}, where training had no holes; the median "
                    f"{column['fill'][0]:g} is taken ({len(holes_only)} {_plural('row', len(holes_only))})"]
    return np.vstack([values, holes]) if column["marked"] else values, told, bad


def _levels(column, cells):
    name, levels, share = column["name"], column["levels"], column["share"]
    texts = _texts(cells.columns[name]())
    codes = {level: i for i, level in enumerate(levels)} | {None: len(levels)}
    two = len(levels) == 2 and not column["other"]
    k = 1 if two else len(levels) + column["other"]
    average = np.array([share[1]] if two else share[:k])
    vectors = np.zeros((len(levels) + 2, k + column["marked"]))           # of each level, of others, of a hole
    vectors[:len(levels), :k] = [[0], [1]] if two else np.eye(len(levels), k)
    vectors[-2, :k] = np.eye(k)[-1] if column["other"] else average
    vectors[-1, :k] = 0 if column["marked"] and not two else average
    vectors[-1, k:] = 1
    numbers = np.array([codes.get(text, -1 if is_hole(text) else -2) for text in texts])
    rare = set(column["rare"])                                            # empty too where they are too many to list
    unseen = [i for i in np.flatnonzero(numbers == -2) if texts[i] not in rare and bool(rare) == column["other"]]
    holes, lines = np.flatnonzero(numbers == -1), []
    if unseen:
        how = '"other"' if column["other"] else "the average level"
        lines.append(f"{name}: {texts[unseen[0]]!r} in {cells.place(unseen[0])} was not there in training; counts as "
                     f"{how} ({len(unseen)} {_plural('row', len(unseen))})")
    if len(holes) and not column["marked"]:
        lines.append(f"{name}: nothing in {cells.place(holes[0])}, where training had no holes; the average level is "
                     f"taken ({len(holes)} {_plural('row', len(holes))})")
    if len(unseen) == len(texts) - len(holes) > 0 and not any(map(is_number, levels)):
        if all(is_number(texts[i]) for i in unseen):
            raise ValueError(f"column {name!r} must hold text such as {levels[0]!r}, as in training; got numbers such "
                             f"as {texts[unseen[0]]!r} in {cells.where}.")
    return vectors[numbers].T, lines, {}


KINDS = {"number": _values, "date": _values, "time": _values, "levels": _levels}


# Words for messages


def _attempt(problems, function, *arguments):
    """The function's result; a ``ValueError`` goes to the problems, so that one message has them all."""
    try:
        return function(*arguments)
    except ValueError as error:
        problems.append(str(error))
        return None


def _names(argument, names):
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"{argument} must be a list of column names; got {names!r}. Use {argument}=[...].")
    return tuple(names)


def _check_column(argument, name, columns):
    if name in columns:
        return
    if len(columns) <= 12:
        raise ValueError(f"{argument} must be one of {_listed(columns)}; got {name!r}.")
    near = difflib.get_close_matches(str(name), columns, NAMED, 0.5) or list(columns)[-NAMED:]
    raise ValueError(f"{argument} must be one of the {len(columns)} columns, such as {_listed(near)}; got {name!r}.")


def _listed(names):
    return ", ".join(map(repr, names))


def _plural(noun, count):
    return noun if count == 1 else f"{noun}s"


def _more(count, noun):
    return f" and {count} more {_plural(noun, count)}" if count > 0 else ""
