"""Tables as they come: CSV files and DataFrames in, columns for a network out, and every decision told.

Reading has two steps. ``_csv`` turns a file into columns of cells, which are text. Then ``fit_encoding`` decides for
each column what it is, and writes that down in a plain dictionary, the encoding, which goes into the model's file;
``encode`` follows it, for the same rows and for new ones. What cannot be known follows rules:

- A column whose cells are all numbers is numbers; where the separators leave two readings open, it is refused.
- ``""``, NA, N/A, NaN, null, None, ``?``, ``-`` and ``.`` are holes. Numbers get the median, and a row of ``X`` that
  marks the holes; in text a hole is a level of its own.
- Text becomes a row of ``X`` for each level, one row for two levels. Beyond ``LEVELS`` the rarest become "other".
- Dates become days since 1970, month and weekday (and hour); times become hours.
- Left out are constant columns, texts that name each row, and whole numbers that count the rows and are called so (id,
  index, number) or have no name. Others that count the rows, such as a time, are numbers, and told.
- The target is classes if it is text or two different whole numbers, otherwise values. Rows without it are left out.
"""

import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from shallownet._cells import NAMED, Cells, cells_of, is_hole, listed, more, nearest, texts_of
from shallownet._checks import check_name
from shallownet._csv import read_cells
from shallownet._encoding import KINDS, encode_values, fit_column, fit_target, left_out, two_decimals
from shallownet._types import Array, PathLike
from shallownet.preprocessing import one_hot

ALIKE = 12                            # neighbours of which the same is told, each in its line


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
        same way; of millions of rows, ``pandas.read_csv`` makes one ten times faster, by its own rules.
    target : str
        Name of the column to predict.
    task : {None, "classification", "regression"}
        What the target is. By default text and two different whole numbers are classes, other numbers are values, and
        numbers with a few texts among them are refused: a regression leaves these rows out, and tells so.
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
        encoding["target"], known = _attempt(problems, fit_target, target, cells, task, decimal) or ({}, None)
    for name in cells.columns:
        if name == target:
            continue
        if name in drop:
            column = left_out("as asked")
        else:
            options = (name in categorical or name in cells.categorical, name in cells.unnamed)
            column = _attempt(problems, fit_column, name, cells, known, decimal, *options)
        encoding["columns"].append({"name": name, **(column or {})})
    problems += [] if problems or decimal else two_decimals(encoding, cells)
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
        raise ValueError(f"{reasons[0]}{more(len(reasons) - 1, 'row')}. Correct them, or leave these rows out.")
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
    cells = _as_cells(table, partly=True)
    used = [column for column in encoding["columns"] if column["features"]]
    missing = [column["name"] for column in used if column["name"] not in cells.columns]
    if missing:
        unknown = cells.columns.keys() - {column["name"] for column in encoding["columns"]}
        near = [close for name in missing for close in nearest(name, sorted(unknown), 1)]
        raise ValueError(f"table must have the columns of the training; got no {listed(missing)} in {cells.where}. "
                         + (f"Rename {listed(near)}." if near else "Add them."))
    X = np.empty((cells.size, sum(len(column["features"]) for column in used))).T
    notes, refused, row = [], dict(cells.refused), 0
    for column in used:
        stop = row + len(column["features"])
        X[row:stop], of_column, bad = KINDS[column["kind"]](column, cells)
        notes += of_column
        for i, reason in bad.items():
            refused.setdefault(i, reason)
        row = stop
    X[:, list(refused)] = np.nan
    told = [tell(left) for rows, tell in notes if (left := [row for row in rows if row not in refused])]
    return Encoded(X, told, refused)


def encode_target(table: Any, encoding: dict[str, Any]) -> tuple[Array, Array]:
    """Return ``Y (n_y, m)`` of the rows, and which of them have a target; the others are NaN in ``Y``."""
    cells, target = _as_cells(table), encoding["target"]
    _check_column("table", target["name"], cells.columns)
    raw = cells.columns[target["name"]]()
    if target["kind"] != "classes":
        values, _, bad = encode_values(target, cells)
        if bad:
            raise ValueError(f"{next(iter(bad.values()))}{more(len(bad) - 1, 'row')}. Correct them.")
        return values[:1], ~np.isnan(values[0])
    texts = texts_of(raw)
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


def needs_encoding(table: Any) -> bool:
    """Whether a table must be encoded for a network: a DataFrame with text, categories or dates, or numbers with holes.

    Examples
    --------
    >>> needs_encoding(np.array([[1.0, np.nan]])), needs_encoding(np.array([[1.0, 2.0]]))
    (True, False)
    """
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        cells = cells_of(table)
        columns = [read() for read in cells.columns.values()]
        return bool(cells.categorical) or any(not isinstance(column, np.ndarray) or np.isnan(column).any()
                                              for column in columns)
    return isinstance(table, np.ndarray) and table.ndim == 2 and table.dtype.kind == "f" and bool(np.isnan(table).any())


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
    """Return what was decided: a line for each column, and one for more than ``ALIKE`` neighbours that are the same."""
    target = [encoding["target"]] if "target" in encoding else []
    lines = [*encoding["told"], *(f"{column['name']}: {column['told']}" for column in target)]
    for told, columns in groupby(encoding["columns"], itemgetter("told")):
        names = [column["name"] for column in columns]
        if len(names) > ALIKE:
            lines.append(f"{names[0]}, {names[1]}, … {names[-1]}, {len(names)} columns: {told}")
        else:
            lines += [f"{name}: {told}" for name in names]
    return tuple(lines)


def _as_cells(table, delimiter=None, partly=False):
    if isinstance(table, Cells):
        return table
    if isinstance(table, Mapping) or (hasattr(table, "columns") and hasattr(table, "__getitem__")):
        return cells_of(table)
    return read_cells(table, delimiter, partly)


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
    near = nearest(name, columns)
    some = f"the {len(columns)} columns, such as {listed(near or list(columns)[-NAMED:])}"
    of = listed(columns) if len(columns) <= 12 else some
    raise ValueError(f"{argument} must be one of {of}; got {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
