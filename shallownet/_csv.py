"""CSV files as they come: what the file is, its encoding, delimiter and header are found out; cells stay text.

A cell is what stands between two delimiters, without the blanks around it. Nothing is converted here, so no label and
no number can change. Python's own ``csv`` splits the lines: it is strict about quotes where asked, and it is there.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from itertools import chain, pairwise

from shallownet._cells import Cells, is_number
from shallownet._checks import regular_file

DELIMITERS = ",;\t|"
SIGNATURES = {
    b"PK\3\4": "an Excel workbook or another ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"SQLite": "an SQLite database",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"%PDF": "a PDF document",
}
SAMPLE = 2**16                        # characters that the delimiter is found from
ROWS = 2**14                          # that are turned into columns at a time


def read_cells(path, delimiter=None, partly=False):
    """Return the ``Cells`` of a CSV file, plain or gzipped; without ``delimiter`` it is found.

    A line of another length than the header is an error; with ``partly`` its row alone is refused.
    """
    path = regular_file(path)
    with _opened(path) as file:
        _check_signature(file, path)
        codec = _codec(file)
        file.seek(0)
        text = io.TextIOWrapper(file, codec, newline="")
        sample = _sample(text, path)
        if delimiter is None:
            delimiter = max(DELIMITERS, key=lambda delimiter: _suitability(sample, delimiter))
        check_delimiter(delimiter)
        text.seek(0)
        cells = _parse(text, path, delimiter, partly)
        text.detach()
    kind = {"utf-8-sig": "UTF-8", "cp1252": "not UTF-8, so taken as Windows-1252"}.get(codec, codec.upper())
    cells.told.insert(0, f"{path.name}: {cells.size} rows, {len(cells.columns)} columns, {kind}, "
                         f"delimiter {delimiter!r}")
    return cells


def check_delimiter(delimiter):
    """Refuse what cannot stand between two cells, or stands in numbers and words."""
    if (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter.isalnum() or delimiter in "\"'\r\n\0.+-_"):
        raise ValueError(f"delimiter must be one character that is in no number and no word, such as ',' or ';'; "
                         f"got {delimiter!r}. Leave it out to have it found.")


@contextmanager
def _opened(path):
    """The file's bytes, unpacked if they are gzipped."""
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    with (gzip.open if gzipped else open)(path, "rb") as file:
        try:
            yield file
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"path must be a whole gzip file; got {path}: {error}. Fetch it again.") from error


def _check_signature(file, path):
    head = file.read(8)
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature):
            raise ValueError(f"path must be a CSV file; got {kind} in {path}. Save it as CSV, or read it with pandas "
                             "and give the DataFrame.")


def _codec(file):
    """UTF-8 if the whole file is, UTF-16 where it is marked or shows, else Windows-1252."""
    file.seek(0)
    head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(head) == 4 and (head[1::2] == b"\0\0" or head[::2] == b"\0\0"):
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(2**20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _sample(text, path):
    """The first lines, as text."""
    try:
        sample = text.read(SAMPLE)
    except UnicodeDecodeError as error:
        raise ValueError(f"path must be a text file; got {path}: {error}. Save it as UTF-8.") from error
    return sample if len(sample) < SAMPLE else sample[:sample.rfind("\n") + 1] or sample


def _suitability(sample, delimiter):
    """How well a delimiter cuts the lines into cells: the share of lines as long as the header, then its length."""
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(sample, ""), **_dialect(delimiter)) if row] or [[]]
    except csv.Error:
        return 0.0, 0
    if len(header) < 2:
        return 0.0, 0
    right = max(sum(len(row) == len(header) + more for row in rows) for more in (0, 1))    # 1: names of the rows
    return right / len(rows) if rows else 1.0, len(header)


def _dialect(delimiter):
    return {"delimiter": delimiter, "skipinitialspace": delimiter != " "}


def _parse(text, path, delimiter, partly):
    records = _records(text, path, delimiter)
    header = [name.strip() for name in next(records, (1, []))[1]]
    if not header:
        raise ValueError(f"path must be a table whose first line names the columns; {path} is empty.")
    first = next(records, None)
    short = first is not None and len(first[1]) == len(header) + 1 and first[1][-1].strip() != ""
    names = [""] * short + header                                         # R writes no name above the rows' names
    unnamed = {f"column {i + 1}" for i, name in enumerate(names) if name == ""}
    names = [name or f"column {i + 1}" for i, name in enumerate(names)]
    _check_header(names, path)
    if first is None:
        raise ValueError(f"path must be a table with a line below the header; got none in {path}.")
    lines, chunks, wrong = _read_columns(chain([first], records), len(names), path)
    if wrong and (not partly or 2 * len(wrong) > len(lines)):
        _refuse_lengths(wrong, lines, f"{len(names)} cells in every line, as in its {'first' if short else 'header'}",
                        path)
    columns = {name: _cells_of(of_column) for name, of_column in zip(names, chunks, strict=True)}
    _check_no_data(header, columns, path)
    if short and len(set(columns["column 1"]())) < len(lines) - max(0, len(wrong) - 1):
        raise ValueError(f"path must be a table with as many cells in its header as in its lines, or with a different "
                         f"name in front of each line; got {len(header)} and {len(names)} cells in {path}. "
                         "Name the column that has no name.")
    return Cells(
        columns, len(lines), str(path), lambda row: f"line {lines[row]} of {path}", delimiter, unnamed,
        told=["header one cell short: the first column is taken for the names of the rows"] * short,
        refused={row: f"each line must have {len(names)} cells; got {length} in line {lines[row]} of {path}"
                 for row, length in wrong.items()},
    )


def _read_columns(records, width, path):
    """Return the lines' numbers, the columns' text, and the lengths of the rows that have another; these are empty."""
    lines, rows, chunks, wrong = [], [], [[] for _ in range(width)], {}
    for line, cells in records:
        if len(cells) != width:
            wrong[len(lines)] = len(cells)
            cells = [""] * width
        lines.append(line)
        rows.append(cells)
        if len(rows) == ROWS:
            _append(chunks, rows, path)
    if rows:
        _append(chunks, rows, path)
    return lines, chunks, wrong


def _refuse_lengths(wrong, lines, expected, path):
    first, length = next(iter(wrong.items()))
    others = f", and another length in {len(wrong) - 1} more lines" if len(wrong) > 1 else ""
    raise ValueError(f"path must be a table with {expected}; got {length} in line {lines[first]}{others} of {path}. "
                     "Quote the cells that hold the delimiter.")


def _records(text, path, delimiter):
    """Yield line number and cells of every line that is not blank."""
    reader = csv.reader(text, strict=True, **_dialect(delimiter))
    line = 0
    try:
        for cells in reader:
            line = reader.line_num
            if cells and (len(cells) > 1 or cells[0].strip()):
                yield line, cells
    except csv.Error as error:
        begin, end = line + 1, reader.line_num
        if "unexpected end" in str(error):
            raise ValueError(f"path must be a CSV file; the quote that opens in line {begin} of {path} is never "
                             "closed. Close it, or write two for one that belongs to the text.") from error
        of_lines = f"line {begin}" if begin == end else f"the cell from line {begin} to line {end}"
        raise ValueError(f"path must be a CSV file; got {of_lines} of {path}: {error}. Look for a quote too many or "
                         "too few.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"path must be a text file in UTF-8; got {path}: {error}. Save it as UTF-8.") from error


def _append(chunks, rows, path):
    """Add the rows to the columns' text: cells joined by NUL take a tenth of a list's memory."""
    for of_column, column in zip(chunks, zip(*rows, strict=True), strict=True):
        joined = "\0".join(column)
        if joined.count("\0") >= len(column):
            raise ValueError(f"path must be a text file; got a NUL character in {path}. Save it as CSV in UTF-8.")
        of_column.append(joined)
    rows.clear()


def _cells_of(chunks):
    def cells():
        result = []
        for chunk in chunks:
            bare = chunk.isascii() and not any(blank in chunk for blank in " \t\n\r\v\f\x1c\x1d\x1e\x1f")
            result += chunk.split("\0") if bare else [cell.strip() for cell in chunk.split("\0")]
        return result

    return cells


def _check_header(names, path):
    if len(names) < 2:
        other = next((delimiter for delimiter in DELIMITERS if delimiter in names[0]), ":")
        raise ValueError(f"path must be a table of two columns or more; got the header {names[0]!r} in {path}. "
                         f"Use delimiter={other!r}, if that stands between the cells.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"path must be a table with a name of its own for every column; {path} has more than one "
                         f"{', '.join(map(repr, twice))}. Rename them.")


def _check_no_data(header, columns, path):
    """Refuse a first line that is a row of the table: numbers, and texts that occur again below them."""
    if "" in header or not any(map(is_number, header)) or _are_years(header):
        return
    of_name = list(columns.values())[-len(header):]
    if all(is_number(name) or name in cells() for name, cells in zip(header, of_name, strict=True)):
        raise ValueError(f"path must be a table whose first line names the columns; that of {path} looks like data: "
                         f"{', '.join(header[:8])}. Put a line with names above it.")


def _are_years(header):
    """Whether the header counts years, as tables with a column for each year do."""
    years = [int(name) for name in header if re.fullmatch("[12][0-9]{3}", name)]
    return len(years) == len(header) and all(a < b for a, b in pairwise(years))
