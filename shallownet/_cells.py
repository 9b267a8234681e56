"""Columns of cells, from a DataFrame or a dictionary; those of a file come from ``_csv``."""

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

HOLES = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none", "?", "-", "."})
NAMED = 3                             # places that a message names, of many


@dataclass
class Cells:
    """Columns of cells by name, from a file or a DataFrame.

    ``columns[name]()`` gives the cells from top to bottom: a list of text, or an array of numbers. ``place(i)`` says
    where row ``i`` stands, for messages; ``told`` is what was decided about the file; ``grouped`` has the columns of
    numbers that read like 1.234. ``refused`` has the rows of a file that have another length than its header, and why.
    """

    columns: dict[str, Callable[[], Sequence]]
    size: int
    where: str
    place: Callable[[int], str]
    delimiter: str = ""
    unnamed: set[str] = field(default_factory=set)
    categorical: set[str] = field(default_factory=set)
    grouped: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def cells_of(table):
    """Return the ``Cells`` of a DataFrame or of a dictionary of columns."""
    is_mapping = isinstance(table, Mapping)
    names, where = list(table if is_mapping else table.columns), "the dictionary" if is_mapping else "the DataFrame"
    twice = [str(name) for name, count in Counter(map(str, names)).items() if count > 1]
    if twice:
        raise ValueError(f"table must have a name of its own for every column; got more than one {listed(twice)}.")
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
    return [text_of(value) for value in array.tolist()]


def text_of(value):
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def texts_of(raw):
    """Cells as text, as it is written."""
    return [text_of(value) for value in raw.tolist()] if isinstance(raw, np.ndarray) else raw


def is_hole(cell: str) -> bool:
    """Whether a cell says that there is nothing."""
    return cell.lower() in HOLES


def is_number(cell):
    """Whether the cell is a number as Python and pandas read it."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell and cell.isascii()


def listed(names):
    return ", ".join(map(repr, names))


def nearest(name, names, n=NAMED, cutoff=0.6):
    """The names that are most like a name, the nearest first, whatever the case of their letters."""
    of_folded = {str(other).casefold(): other for other in names}
    return [of_folded[match] for match in difflib.get_close_matches(str(name).casefold(), of_folded, n, cutoff)]


def plural(noun, count):
    return noun if count == 1 else f"{noun}s"


def more(count, noun):
    return f" and {count} more {plural(noun, count)}" if count > 0 else ""
