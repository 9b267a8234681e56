"""The command ``shallownet``: train on a table, predict new rows, show what is in a model's file.

Wrong input is one line and exit status 2; what takes long shows a bar on a terminal. Adding a command is adding a row
to ``COMMANDS``.
"""

import argparse
import csv
import os
import re
import shlex
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shallownet import __version__
from shallownet._cells import nearest
from shallownet._random import random_generator
from shallownet.storage import load_metadata, load_parameters

EXAMPLES = """
examples:
  shallownet train penguins.csv --target species --output penguins.h5 --report penguins.html
  shallownet predict penguins.h5 new.csv > predictions.csv
  shallownet show penguins.h5
  shallownet export penguins.h5 penguins.js

A table is a CSV file (.csv, .csv.gz) with a line of names and a line for each sample. Text, dates, holes, decimal
commas and the delimiter are found out, and every decision is told.
"""


class Command(NamedTuple):
    """A row of ``COMMANDS``."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


# train


def _train_arguments(parser):
    parser.add_argument("table", help="a CSV file with a line of names, plain or gzipped")
    parser.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    parser.add_argument("--output", required=True, metavar="MODEL.h5", help="where the model goes")
    parser.add_argument("--report", metavar="REPORT.html", help="where a report with pictures goes")
    parser.add_argument("--task", choices=("classification", "regression"),
                        help="what the target is (default: classes if it is text or two different whole numbers); "
                             "regression leaves rows out whose target is no number")
    parser.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    parser.add_argument("--categorical", nargs="+", default=[], metavar="COLUMN",
                        help="columns of numbers that are names, such as a postcode")
    _delimiter_argument(parser)
    parser.add_argument("--decimal", choices=(".", ","), metavar="MARK",
                        help="the decimal point, . or , (needed only if 1,234 could be read in two ways)")
    parser.add_argument("--seed", type=int, default=3, help="draws weights and folds (default: %(default)s)")


def _train(options):
    from shallownet.table_model import describe, save_table_model, train_on
    from shallownet.tables import read_table

    output = _writable("--output", options.output, ".h5")
    report = _writable("--report", options.report, ".html") if options.report else None
    random_generator(options.seed)                                        # refuses a seed that is none
    reading = {name: getattr(options, name) for name in ("task", "drop", "categorical", "delimiter", "decimal")}
    table = read_table(options.table, options.target, **reading)
    print(*map(_as_options, table.summary), sep="\n")
    with _bar("cross-validating and training") as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore")                                   # the description has them
        model = train_on(table, random_state=options.seed, source=options.table, progress=progress)
    model.report["command"] = shlex.join(["shallownet", *options.arguments])
    save_table_model(output, model)
    print(*describe(model)[len(table.summary):], f"The model is in {output}.", sep="\n")
    if report:
        from shallownet.report import write_report

        with _bar("drawing the report", "{desc} …", delay=0):
            write_report(report, model, table)
        print(f"The report is in {report}.")


# predict


def _predict_arguments(parser):
    parser.add_argument("model", help="a file that train wrote")
    parser.add_argument("table", help="a CSV file with the columns of the training, in any order")
    parser.add_argument("--output", metavar="PREDICTIONS.csv", help="where they go (default: standard output)")
    parser.add_argument("--level", type=float, default=0.9,
                        help="share of the values that an interval holds (default: %(default)s)")
    _delimiter_argument(parser)


def _delimiter_argument(parser):
    parser.add_argument("--delimiter", metavar="MARK", type=lambda mark: {"tab": "\t", r"\t": "\t"}.get(mark, mark),
                        help="what stands between the cells (default: the one of , ; tab | that fits)")


def _predict(options):
    from shallownet._csv import read_cells
    from shallownet.table_model import in_words, load_table_model, predict_table

    output = _writable("--output", options.output, ".csv") if options.output else None
    model = load_table_model(options.model)
    predictions = predict_table(model, read_cells(options.table, options.delimiter, partly=True), level=options.level)
    target = model.encoding["target"]
    if predictions.probabilities is not None:
        columns = {f"P({label})": row for label, row in zip(target["classes"], predictions.probabilities, strict=True)}
    else:
        columns = {"lower": predictions.lower, "upper": predictions.upper}

    def cell(number):
        return "" if np.isnan(number) else in_words(target, number) if target["kind"] == "date" else _digits(number)

    rows = [
        ["" if value is None else _digits(value) if isinstance(value, float) and target["kind"] != "classes" else value,
         *(cell(column[i]) for column in columns.values()), predictions.refused.get(i, "")]
        for i, value in enumerate(predictions.values)
    ]
    with open(output, "w", encoding="utf-8", newline="") if output else _standard_output() as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([[target["name"], *columns, "problem"], *rows])
    for line in predictions.told:
        _note(line)
    if predictions.refused:
        _note(f"{len(predictions.refused)} of {len(rows)} rows could not be predicted; the last column says why")


def _digits(number):
    """Six digits, and of millions all, as 1.23457e+06 is hard to read."""
    return f"{number:.0f}" if 1e6 <= abs(number) < 1e15 else f"{number:.6g}"


@contextmanager
def _standard_output():
    yield sys.stdout


# show


def _show_arguments(parser):
    parser.add_argument("model", help="a file that train, or save_parameters, wrote")


def _show(options):
    metadata, parameters = load_metadata(options.model), load_parameters(options.model)
    if "target" in metadata.get("encoding", {}):
        from shallownet.table_model import describe, load_table_model

        print(*map(_as_options, describe(load_table_model(options.model))), sep="\n")
        if "command" in metadata.get("report", {}):
            print(f"by {metadata['report']['command']}")
        return
    (n_h, n_x), n_y = parameters["W1"].shape, len(parameters["W2"])
    print(f"network {n_x}-{n_h}-{n_y}, {parameters.get('hidden', 'tanh')}, {parameters.get('cost', 'cross_entropy')}, "
          f"{parameters['W1'].dtype}")
    for name, value in metadata.items():
        print(f"{name}: {value}")


# export


def _export_arguments(parser):
    parser.add_argument("model", help="a file that train, or save_parameters, wrote")
    parser.add_argument("code", help="where the code goes; the ending says as what: .c, .h, .js, .py, .onnx")
    parser.add_argument("--name", default="model", help="what the code is called in it (default: %(default)s)")


def _export(options):
    from shallownet.export import EXPORTERS, export
    from shallownet.tables import features

    suffix = Path(options.code).suffix.lower()
    path = _writable("code", options.code, suffix if suffix in EXPORTERS else "one of " + ", ".join(EXPORTERS))
    metadata, parameters = load_metadata(options.model), load_parameters(options.model)
    encoding = metadata.get("encoding")
    names = {name: metadata.get(name) for name in ("features", "classes")}
    if encoding is not None:
        names = {"features": features(encoding), "classes": encoding["target"].get("classes"), "encoding": encoding}
    export(path, parameters, **names, name=options.name)
    print(f"The code is in {path}.")


COMMANDS = {
    "train": Command("train a network on a table, and tell how well it does", _train_arguments, _train),
    "predict": Command("predict the rows of a table", _predict_arguments, _predict),
    "show": Command("show what is in a model's file", _show_arguments, _show),
    "export": Command("write a model as code: C, JavaScript, Python, ONNX", _export_arguments, _export),
}


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``shallownet`` and return its exit status: 0, 2 for wrong input, 130 for Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(arguments, argparse.Namespace(arguments=arguments))
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *place, **more: _note(message)
            COMMANDS[options.command].run(options)
    except BrokenPipeError:                                               # the reader, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, OSError, ValueError, TypeError, ImportError, FloatingPointError, MemoryError) as error:
        if _is_interrupt(error):
            print("\nshallownet: interrupted", file=sys.stderr)
            return 130
        print(f"shallownet: error: {_in_one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _parser():
    parser = Parser(
        prog="shallownet", description="A neural network with one hidden layer for a table of yours.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"shallownet {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", title="commands")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.help, description=f"{command.help.capitalize()}."))
    return parser


def _writable(argument, path, suffix):
    """Refuse, before the work, a path that could not be written after it."""
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{argument} must end in {suffix}; got {str(path)!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"{argument} must lie in a folder that is there; got {str(path)!r}. Make {path.parent}.")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{argument} must be a file that can be written; got {str(path)!r}.")
    return path


@contextmanager
def _bar(what, shape="{desc}: {percentage:3.0f} %|{bar}| {elapsed}", delay=0.5):
    """Show on a terminal how far something is that takes long; gives the ``progress`` of ``model_selection.fit``."""
    from tqdm import tqdm

    lock = threading.Lock()
    with tqdm(desc=what, total=0, bar_format=shape, delay=delay, leave=False, disable=None) as bar:

        def progress(done, planned):
            with lock:                                                    # the threads of a fit tell by turns
                bar.total += planned
                bar.update(done)

        yield progress


def _note(text):
    print(f"shallownet: note: {_as_options(str(text))}", file=sys.stderr)


def _is_interrupt(error):
    """Whether it is Ctrl-C, or comes from it: a library that is interrupted while it is imported says ImportError."""
    return isinstance(error, KeyboardInterrupt) or (error is not None and _is_interrupt(error.__cause__))


def _in_one_line(error):
    if isinstance(error, FileNotFoundError) and error.filename:
        path = Path(error.filename)
        near = nearest(path.name, os.listdir(path.parent), 1, 0.85) if path.parent.is_dir() else []
        return f"there is no file {str(path)!r}." + (f" Did you mean {str(path.parent / near[0])!r}?" if near else "")
    return _as_options(" ".join(str(error).split())) or type(error).__name__


def _as_options(text):
    """The text, with Python's arguments as they are written here: ``task='regression'`` is ``--task regression``."""
    return re.sub(r"\b(task|drop|categorical|delimiter|decimal)=\[?'([^']+)'\]?",
                  lambda found: f"--{found[1]} {shlex.quote(found[2])}", text)
