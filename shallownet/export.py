"""A trained network in another language: C, JavaScript, plain Python and ONNX.

A language is a row of pieces: how a number and a text are written, the hidden activation, the output and the label,
and the template that they go into. Another language is another row.

The exported code computes what ``predict_probability`` and ``predict`` compute, for one sample (ONNX: for rows). A
scaling that ``fold_standardization`` has put into the weights goes along, as it is in the weights.
"""

import json
import math
import os
import re
import textwrap
from collections.abc import Callable, Sequence
from string import Template
from typing import Any, NamedTuple

import numpy as np

from shallownet import __version__
from shallownet._cells import HOLES
from shallownet._checks import check_name
from shallownet._encoding import PATTERNS, SPACES, level_vectors
from shallownet._files import replacing
from shallownet._types import Parameters, PathLike
from shallownet.network import NAMES, check_parameters, output_of
from shallownet.tables import features as encoded_features

ONNX_OPSET, ONNX_IR = 17, 8           # of 2022: later readers read them too
WIDTH = 110                           # characters of a line of numbers
JAVASCRIPT_WORDS = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let module new null package private "
    "protected public return static super switch this throw true try typeof var void while with yield".split()
)
BREAKS = re.compile(r"(?<=\*)/|(?<=/)[*/]|(?<=\?)\?|(?<=<)[/!]|(?<=--)>")     # ends of */ /* // ?? </ <! -->


class Language(NamedTuple):
    """The pieces of a language; in them ``$f`` and ``$tanh`` … stand for what the floating-point type brings."""

    template: Template
    comment: Callable[[list[str]], str]
    number: Callable[[np.floating], str]
    text: Callable[[Any], str]
    brackets: str                     # around rows and matrices
    indent: str                       # of the tables in the template
    hidden: dict[str, str]            # A1 of one unit from z, by activation
    output: dict[str, str]            # A2 from Z2, by output activation
    label: dict[str, str]             # what predict returns, by task
    check_x: str = ""
    row: str | None = None            # encode, which turns a row of a table into x; from $columns and $holes
    encode_row: str = ""              # calls it


def export(
    path: PathLike,
    parameters: Parameters,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    encoding: dict[str, Any] | None = None,
    name: str = "model",
) -> None:
    """Write a network as code; the ending of ``path`` says as which: .c, .h, .js, .py or .onnx.

    Parameters
    ----------
    path : str or path-like
        A file that is there is replaced, atomically as by ``save_parameters``.
    parameters : dict
    features : sequence of str, optional
        Names of the n_x rows of ``X``.
    classes : sequence of str or numbers, optional
        Names of the classes: two for one sigmoid output, otherwise n_y. Then ``predict`` gives the class's name (in C
        its number).
    encoding : dict, optional
        Of the table that the network was trained on (``read_table``, ``fit_encoding``); it names features and classes.
        In JavaScript and Python ``x`` is then a row of the table, ``{column: cell}``, with its text and holes;
        C and ONNX take the encoded features.
    name : str
        What the code is called: the C function is ``name_predict``, the JavaScript object ``name``.

    Raises
    ------
    ValueError, TypeError
        If ``parameters`` is no network, the ending is another, or the names do not go with the network.
    OSError
        If the operating system refuses.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from shallownet import initialize_parameters
    >>> with TemporaryDirectory() as folder:
    ...     export(f"{folder}/planar.js", initialize_parameters(2, 4, 1))
    ...     print(Path(folder, "planar.js").read_text().splitlines()[0])
    /* A neural network with one hidden layer, 2-4-1, exported by shallownet 0.1.0.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending not in EXPORTERS:
        raise ValueError(f"path must end in one of {', '.join(EXPORTERS)}; got {os.fspath(path)!r}. The ending says "
                         "what is written.")
    code = EXPORTERS[ending](parameters, features=features, classes=classes, encoding=encoding, name=name)
    with replacing(path) as file:
        file.write(code.encode() if isinstance(code, str) else code.SerializeToString())


def to_c(
    parameters: Parameters,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    encoding: dict[str, Any] | None = None,
    name: str = "model",
) -> str:
    """Return a C99 header with one function, ``name_predict(x, a)``, which needs ``<math.h>`` and no allocation.

    It fills ``a`` with the n_y outputs of the sample ``x``, and returns the number of the class where the outputs say
    one class: 0 or 1 for one sigmoid output, the largest of a softmax. The weights are ``const`` tables, of ``float``
    for a float32 network and of ``double`` for others.

    Parameters
    ----------
    parameters, features, classes, encoding, name
        As for ``export``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> print(to_c(initialize_parameters(2, 4, 1)).splitlines()[16])
    static inline int model_predict(const double x[MODEL_N_X], double a[MODEL_N_Y])
    """
    return _code(C, parameters, features, classes, encoding, name)


def to_javascript(
    parameters: Parameters,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    encoding: dict[str, Any] | None = None,
    name: str = "model",
) -> str:
    """Return JavaScript that defines the object ``name`` with ``predictProbability(x)`` and ``predict(x)``.

    It runs as a script of a page, and ``require`` of Node.js reads it too. ``x`` is an array of the n_x features of a
    sample; both functions return for that sample what our functions of the same name give as its column: the array of
    outputs, and the class (its name, if ``classes`` has them), the array of 0 and 1, or the array of values. With
    ``encoding``, ``x`` is a row of the table, as ``{length: 5.1, garden: "north"}``, and ``encode(row)`` is there too.

    Parameters
    ----------
    parameters, features, classes, encoding, name
        As for ``export``.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> print(to_javascript(initialize_parameters(2, 4, 1), name="planar").splitlines()[-1])
    if (typeof module === "object") module.exports = planar;
    """
    return _code(JAVASCRIPT, parameters, features, classes, encoding, name)


def to_python(
    parameters: Parameters,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    encoding: dict[str, Any] | None = None,
    name: str = "model",
) -> str:
    """Return a Python module that needs the standard library only, with ``predict_probability(x)`` and ``predict(x)``.

    ``x`` is a sequence of the n_x features of a sample; the functions return what those of ``to_javascript`` do.

    Parameters
    ----------
    parameters, features, classes, encoding, name
        As for ``export``; ``name`` is that of the file, and not in the code.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> module = {}
    >>> exec(to_python(initialize_parameters(2, 4, 1), classes=["red", "blue"]), module)
    >>> module["predict_probability"]([0.0, 0.0]), module["predict"]([0.0, 0.0])
    ([0.5], 'red')
    """
    return _code(PYTHON, parameters, features, classes, encoding, name)


# What all languages share


def _row_pieces(language, network):
    """The pieces that turn a row of a table into ``x``, or check ``x`` where there is no encoding."""
    if network.encoding is None or language.row is None:
        check = Template(language.check_x).safe_substitute(n_x=network.n_x)
        return {"encode": "", "encode_name": "", "x": "x", "take": check}
    columns = [_exported_column(column) for column in network.encoding["columns"] if column["features"]]
    rows = ",\n".join(f"{language.indent}    {language.text(column)}" for column in columns)
    fields = {"columns": f"[\n{rows}\n{language.indent}]", "holes": language.text(sorted(HOLES))}
    encode = Template(language.row).safe_substitute(fields)
    return {"encode": encode, "encode_name": "encode, ", "x": "row", "take": language.encode_row}


def _exported_column(column):
    """What the exported code needs of a column's entry in the encoding: numbers or levels."""
    if column["kind"] == "levels":
        return {"name": column["name"], "levels": column["levels"], "vectors": level_vectors(column).tolist()}
    if column["kind"] != "number":
        raise ValueError(f"encoding must have columns of numbers and text only; got {column['name']!r}, a "
                         f"{column['kind']}. Give features and classes in its place, and encode the rows before.")
    form = (column["decimal"], column["thousands"])
    return {
        "name": column["name"], "pattern": PATTERNS[form].pattern, "decimal": form[0],
        "thousands": list(SPACES if form[1] == " " else form[1]), "words": column["words"],
        "fill": column["fill"][0], "marked": column["marked"],
    }


class _Network(NamedTuple):
    """What a language's template asks of a network; the biases are vectors here."""

    name: str
    n_x: int
    n_h: int
    n_y: int
    hidden: str
    cost: str
    output: str
    task: str
    features: list | None
    classes: list | None
    encoding: dict | None
    dtype: np.dtype
    arrays: dict[str, np.ndarray]


def _network(parameters, features, classes, encoding, name, hidden_pieces, output_pieces):
    """Check what was given, and return it as a ``_Network``."""
    parameters = check_parameters(parameters)
    hidden, cost = parameters.get("hidden", "tanh"), parameters.get("cost", "cross_entropy")
    output = output_of(parameters)
    check_name("parameters['hidden']", hidden, hidden_pieces)
    check_name("the output activation", output, output_pieces)
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name in JAVASCRIPT_WORDS:
        raise ValueError("name must be letters, digits and underscores, and no word of JavaScript; "
                         f"got {name!r}. Use name='model'.")
    (n_h, n_x), n_y = parameters["W1"].shape, len(parameters["W2"])
    task = {"sigmoid": "binary" if n_y == 1 else "multilabel", "softmax": "multiclass", "linear": "regression"}[output]
    if classes is not None and task == "regression":
        raise ValueError("classes must be given for a classifier; got a linear output. Leave them out.")
    if encoding is not None:
        features = encoded_features(encoding) if features is None else features
        classes = encoding.get("target", {}).get("classes") if classes is None else classes
    features = _names("features", features, n_x)
    classes = _names("classes", classes, 2 if task == "binary" else n_y)
    dtype = np.result_type(*(parameters[key] for key in NAMES))
    arrays = {key: parameters[key].astype(dtype) for key in NAMES}
    arrays |= {key: arrays[key][:, 0] for key in ("b1", "b2")}
    return _Network(name, n_x, n_h, n_y, hidden, cost, output, task, features, classes, encoding, dtype, arrays)


def _names(argument, names, size):
    """The names as a list of texts and numbers; None if there are none."""
    if names is None:
        return None
    if isinstance(names, str):
        raise TypeError(f"{argument} must be a sequence of names; got {names!r}. Use a list.")
    names = [name.item() if isinstance(name, np.generic) else name for name in names]
    for name in names:
        if not (isinstance(name, str) or (isinstance(name, int | float) and math.isfinite(name))):
            raise TypeError(f"{argument} must hold texts or finite numbers; got {name!r}. Use str(...).")
    if len(names) != size:
        raise ValueError(f"{argument} must have {size} names, to go with the network; got {len(names)}. "
                         "Give them in the order of the rows.")
    return names


def _code(language, *given):
    """Fill the language's template with its pieces for this network."""
    network = _network(*given, language.hidden, language.output)
    named = ", named" * (network.classes is not None and f"{network.task}, named" in language.label)
    fields = {
        **network._asdict(), **C_TYPES[network.dtype.name], "NAME": network.name.upper(),
        "comment": language.comment(_description(network)),
        "features": language.text(network.features), "classes": language.text(network.classes),
        "returns": "int" if network.task in ("binary", "multiclass") else "void",
        **{key: _table(array, language) for key, array in network.arrays.items()}, **_row_pieces(language, network),
    }
    pieces = {
        "hidden": language.hidden[network.hidden],
        "output": language.output[network.output],
        "label": language.label[network.task + named],
    }
    return language.template.substitute(fields | {key: Template(pieces[key]).substitute(fields) for key in pieces})


def _table(array, language):
    """A vector or a matrix, as the language writes one."""
    left, right = language.brackets
    if array.ndim == 2:
        rows = ",\n".join(textwrap.indent(_vector(row, language), language.indent + "    ") for row in array)
        return f"{left}\n{rows}\n{language.indent}{right}"
    return textwrap.indent(_vector(array, language), language.indent).lstrip()


def _vector(array, language):
    left, right = language.brackets
    numbers = ", ".join(map(language.number, array))
    return textwrap.fill(f"{left}{numbers}{right}", WIDTH, subsequent_indent=" ", break_long_words=False,
                         break_on_hyphens=False)


MEANING = {
    "binary": "probability of class 1; the class is 1 if it is above 0.5",
    "multilabel": "probability that label k is 1; it is if that is above 0.5",
    "multiclass": "probability of class k; the class is the largest",
    "regression": "values",
}


def _description(network):
    """The lines that say what the code is, what goes in and what comes out."""
    n_x, n_h, n_y, task = network.n_x, network.n_h, network.n_y, network.task
    kind = "label" if task == "multilabel" else "class"
    return [
        f"A neural network with one hidden layer, {n_x}-{n_h}-{n_y}, exported by shallownet {__version__}.",
        f"Hidden activation {network.hidden}, output {network.output} (cost {network.cost}).",
        "",
        f"Input x: {n_x} number{'s' * (n_x > 1)}" + (":" if network.features else "."),
        *(f"  x[{i}] = {in_comment(name)}" for i, name in enumerate(network.features or ())),
        f"Output: {n_y} number{'s' * (n_y > 1)}, {MEANING[task]}" + (":" if network.classes else "."),
        *(f"  {kind} {k} = {in_comment(name)}" for k, name in enumerate(network.classes or ())),
    ]


def in_comment(name: str | float) -> str:
    """Return a name so that it stays in a comment, whatever it holds: in quotes, on one line, without ``*/`` and such.

    Examples
    --------
    >>> print(in_comment("a*/b"), in_comment("温度"))
    "a*\\/b" "温度"
    """
    return BREAKS.sub(r"\\\g<0>", _printable(json.dumps(name, ensure_ascii=False)))


def _printable(text):
    """The text with what cannot be printed, such as a change of the direction of writing, as ``\\uXXXX``."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _exact(number):
    """The shortest decimal that reads back as this double, to the last bit."""
    return repr(float(number))


# C

C_TYPES = {
    "float64": {"real": "double", "f": ""},
    "float32": {"real": "float", "f": "f"},
}

C = Language(
    Template("""\
$comment

#ifndef ${NAME}_H
#define ${NAME}_H

#include <math.h>

#define ${NAME}_N_X $n_x
#define ${NAME}_N_H $n_h
#define ${NAME}_N_Y $n_y

static inline $returns ${name}_predict(const $real x[${NAME}_N_X], $real a[${NAME}_N_Y])
{
    static const $real W1[${NAME}_N_H][${NAME}_N_X] = $W1;
    static const $real b1[${NAME}_N_H] = $b1;
    static const $real W2[${NAME}_N_Y][${NAME}_N_H] = $W2;
    static const $real b2[${NAME}_N_Y] = $b2;
    $real a1[${NAME}_N_H];
    int i, j, k;

    for (j = 0; j < ${NAME}_N_H; j++) {
        $real z = b1[j];
        for (i = 0; i < ${NAME}_N_X; i++)
            z += W1[j][i] * x[i];
        a1[j] = $hidden;
    }
    for (k = 0; k < ${NAME}_N_Y; k++) {
        $real z = b2[k];
        for (j = 0; j < ${NAME}_N_H; j++)
            z += W2[k][j] * a1[j];
        a[k] = z;
    }
$output$label}

#endif
"""),
    comment=lambda lines: "\n".join(["/* " + lines[0], *(f" * {line}".rstrip() for line in lines[1:]), " */"]),
    number=lambda number: f"{number}f" if number.dtype == np.float32 else _exact(number),
    text=lambda names: "",                                                # names are in the comment, to save flash
    brackets="{}",
    indent="    ",
    hidden={
        "tanh": "tanh$f(z)",
        "sigmoid": "0.5$f * tanh$f(0.5$f * z) + 0.5$f",
        "relu": "z < 0 ? 0 : z",
    },
    output={
        "sigmoid": """\
    for (k = 0; k < ${NAME}_N_Y; k++)
        a[k] = 0.5$f * tanh$f(0.5$f * a[k]) + 0.5$f;
""",
        "softmax": """\
    $real largest = a[0], total = 0;
    for (k = 1; k < ${NAME}_N_Y; k++)
        largest = a[k] > largest ? a[k] : largest;
    for (k = 0; k < ${NAME}_N_Y; k++)
        total += a[k] = exp$f(a[k] - largest);
    for (k = 0; k < ${NAME}_N_Y; k++)
        a[k] /= total;
""",
        "linear": "",
    },
    label={
        "binary": "    return a[0] > 0.5$f;\n",
        "multiclass": """\
    for (j = 0, k = 1; k < ${NAME}_N_Y; k++)
        j = a[k] > a[j] ? k : j;
    return j;
""",
        "multilabel": "",
        "regression": "",
    },
)

# JavaScript


def _in_javascript(names):
    """A list of names; no text of it ends the script of the page that it stands in."""
    return re.sub("<", r"\\u003c", _printable(json.dumps(names, ensure_ascii=False)))


JAVASCRIPT = Language(
    Template("""\
$comment
const $name = (() => {
  const features = $features;
  const classes = $classes;
  const W1 = $W1;
  const b1 = $b1;
  const W2 = $W2;
  const b2 = $b2;

$encode  const affine = (W, a, b) => W.map((row, i) => row.reduce((sum, w, j) => sum + w * a[j], b[i]));

  function predictProbability($x) {
    $take
    const A1 = affine(W1, x, b1).map(z => $hidden);
    const Z2 = affine(W2, A1, b2);
    $output
  }

  function predict($x) {
    const A2 = predictProbability($x);
    return $label;
  }

  return {features, classes, ${encode_name}predictProbability, predict};
})();
if (typeof module === "object") module.exports = $name;
"""),
    comment=C.comment,
    number=_exact,
    text=_in_javascript,
    brackets="[]",
    indent="  ",
    hidden={
        "tanh": "Math.tanh(z)",
        "sigmoid": "0.5 * Math.tanh(0.5 * z) + 0.5",
        "relu": "Math.max(z, 0)",
    },
    output={
        "sigmoid": "return Z2.map(z => 0.5 * Math.tanh(0.5 * z) + 0.5);",
        "softmax": """\
const largest = Math.max(...Z2);
    const E = Z2.map(z => Math.exp(z - largest));
    const total = E.reduce((sum, e) => sum + e, 0);
    return E.map(e => e / total);""",
        "linear": "return Z2;",
    },
    label={
        "binary": "A2[0] > 0.5 ? 1 : 0",
        "binary, named": "classes[A2[0] > 0.5 ? 1 : 0]",
        "multiclass": "A2.indexOf(Math.max(...A2))",
        "multiclass, named": "classes[A2.indexOf(Math.max(...A2))]",
        "multilabel": "A2.map(a => a > 0.5 ? 1 : 0)",
        "regression": "A2",
    },
    check_x="if (x.length !== $n_x) throw new RangeError(`x must have $n_x numbers; got ${x.length}.`);",
    row="""\
  // A row of the table is {name: cell}; cells are numbers, text, or null for a hole.
  const columns = $columns;
  const holes = $holes;
  const text = cell => typeof cell === "boolean" ? (cell ? "True" : "False") : String(cell ?? "").trim();

  function number(column, cell) {
    const written = text(cell);
    if (typeof cell === "number" || /^[-+]?inf(inity)?$/i.test(written)) return Number(cell);
    if (holes.includes(written.toLowerCase()) || column.words.includes(written)) return NaN;
    if (!new RegExp(`^(?:${column.pattern})$`).test(written))
      throw new TypeError(`column ${column.name} must hold numbers; got ${written}.`);
    const plain = column.thousands.reduce((rest, mark) => rest.split(mark).join(""), written);
    return Number(plain.replace(column.decimal, "."));
  }

  function encodeCell(column, cell) {
    if (column.levels) {
      const level = column.levels.indexOf(text(cell)), {length} = column.levels;
      return column.vectors[level >= 0 ? level : holes.includes(text(cell).toLowerCase()) ? length + 1 : length];
    }
    const value = number(column, cell), hole = !Number.isFinite(value);
    return [hole ? column.fill : value].concat(column.marked ? [Number(hole)] : []);
  }

  function encode(row) {
    const missing = columns.find(column => !Object.hasOwn(row, column.name));
    if (missing) throw new TypeError(`row must have the column ${missing.name}.`);
    return columns.flatMap(column => encodeCell(column, row[column.name]));
  }

""",
    encode_row="const x = encode(row);",
)


# Python

PYTHON = Language(
    Template('''\
$comment

from math import exp, tanh

FEATURES = $features
CLASSES = $classes
W1 = $W1
b1 = $b1
W2 = $W2
b2 = $b2


${encode}def affine(W, a, b):
    return [sum((w * v for w, v in zip(row, a)), bias) for row, bias in zip(W, b)]


def predict_probability($x):
    $take
    A1 = [$hidden for z in affine(W1, x, b1)]
    Z2 = affine(W2, A1, b2)
    $output


def predict($x):
    A2 = predict_probability($x)
    return $label
'''),
    comment=lambda lines: "\n".join(f"# {line}".rstrip() for line in lines),
    number=_exact,
    text=repr,
    brackets="[]",
    indent="",
    hidden={
        "tanh": "tanh(z)",
        "sigmoid": "0.5 * tanh(0.5 * z) + 0.5",
        "relu": "0.0 if z < 0 else z",
    },
    output={
        "sigmoid": "return [0.5 * tanh(0.5 * z) + 0.5 for z in Z2]",
        "softmax": """\
largest = max(Z2)
    E = [exp(z - largest) for z in Z2]
    total = sum(E)
    return [e / total for e in E]""",
        "linear": "return Z2",
    },
    label={
        "binary": "int(A2[0] > 0.5)",
        "binary, named": "CLASSES[A2[0] > 0.5]",
        "multiclass": "A2.index(max(A2))",
        "multiclass, named": "CLASSES[A2.index(max(A2))]",
        "multilabel": "[int(a > 0.5) for a in A2]",
        "regression": "A2",
    },
    check_x="""\
if len(x) != $n_x:
        raise ValueError(f"x must have $n_x numbers; got {len(x)}.")""",
    row="""\
import re
from math import isfinite, nan

# A row of the table is {name: cell}; cells are numbers, text, or None for a hole.
COLUMNS = $columns
HOLES = $holes


def text(cell):
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell).strip()


def number(column, cell):
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell)
    cell = text(cell)
    if cell.lower() in HOLES or cell in column["words"] or re.fullmatch("[-+]?inf(inity)?", cell, re.I):
        return nan
    if not re.fullmatch(column["pattern"], cell, re.ASCII):
        raise ValueError(f"column {column['name']!r} must hold numbers; got {cell!r}.")
    for mark in column["thousands"]:
        cell = cell.replace(mark, "")
    return float(cell.replace(column["decimal"], "."))


def encode_cell(column, cell):
    if "levels" in column:
        levels, cell = column["levels"], text(cell)
        level = levels.index(cell) if cell in levels else len(levels) + (cell.lower() in HOLES)
        return column["vectors"][level]
    value = number(column, cell)
    hole = not isfinite(value)
    return [column["fill"] if hole else value] + [float(hole)] * column["marked"]


def encode(row):
    for column in COLUMNS:
        if column["name"] not in row:
            raise ValueError(f"row must have the column {column['name']!r}.")
    return [value for column in COLUMNS for value in encode_cell(column, row[column["name"]])]


""",
    encode_row="x = encode(row)",
)


# ONNX

ONNX_HIDDEN = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu"}
ONNX_OUTPUT = {"sigmoid": "Sigmoid", "softmax": "Softmax", "linear": "Identity"}
ONNX_INT64 = 7
ONNX_LABEL = {                        # from A2 to label, or its number: operator, inputs, output, attributes
    "binary": [
        ("Greater", ["A2", "half"], "above", {}),
        ("Cast", ["above"], "column", {"to": ONNX_INT64}),
        ("Squeeze", ["column", "axis"], "number", {}),
        ("Sub", ["one", "A2"], "rest", {}),
        ("Concat", ["rest", "A2"], "probabilities", {"axis": 1}),
    ],
    "multilabel": [
        ("Greater", ["A2", "half"], "above", {}),
        ("Cast", ["above"], "label", {"to": ONNX_INT64}),
        ("Identity", ["A2"], "probabilities", {}),
    ],
    "multiclass": [
        ("ArgMax", ["A2"], "number", {"axis": 1, "keepdims": 0}),
        ("Identity", ["A2"], "probabilities", {}),
    ],
    "regression": [],
}


def to_onnx(
    parameters: Parameters,
    *,
    features: Sequence[str] | None = None,
    classes: Sequence[Any] | None = None,
    encoding: dict[str, Any] | None = None,
    name: str = "model",
) -> Any:
    """Return an ONNX model, with inputs and outputs as scikit-learn's converter names them. Rows are samples here.

    The input is ``X (m, n_x)``, for any m, in the network's dtype. A classifier has the outputs ``label`` and
    ``probabilities``: ``(m,)`` and ``(m, n_classes)``, which are two for one sigmoid output; with several sigmoid
    outputs both are ``(m, n_y)``. A regression has the output ``variable (m, n_y)``.

    Parameters
    ----------
    parameters, features, classes, encoding, name
        As for ``export``. Features and classes are in the model's metadata too, as JSON.

    Returns
    -------
    model : onnx.ModelProto

    Raises
    ------
    ImportError
        Without the package ``onnx``, which the extra of that name installs.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> model = to_onnx(initialize_parameters(2, 4, 1), classes=["red", "blue"])
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    try:
        from onnx import checker, helper, numpy_helper
    except ImportError as error:
        raise ImportError('to_onnx needs onnx, which is not installed. Use pip install "shallownet[onnx]".') from error

    network = _network(parameters, features, classes, encoding, name, ONNX_HIDDEN, ONNX_OUTPUT)
    constants = {**network.arrays, **_onnx_constants(network)}
    last = "variable" if network.task == "regression" else "A2"
    nodes = [
        helper.make_node("Gemm", ["X", "W1", "b1"], ["Z1"], transB=1),
        helper.make_node(ONNX_HIDDEN[network.hidden], ["Z1"], ["A1"]),
        helper.make_node("Gemm", ["A1", "W2", "b2"], ["Z2"], transB=1),
        helper.make_node(ONNX_OUTPUT[network.output], ["Z2"], [last]),
    ]
    for kind, inputs, result, attributes in ONNX_LABEL[network.task]:
        nodes.append(helper.make_node(kind, inputs, [result], **attributes))
    if network.task in ("binary", "multiclass"):
        nodes.append(helper.make_node("Gather", ["classes", "number"], ["label"]))
    types = {"label": constants.get("classes", np.array(0)).dtype}

    def described(value, *shape):
        return helper.make_tensor_value_info(
            value, helper.np_dtype_to_tensor_dtype(types.get(value, network.dtype)), [None, *shape])

    graph = helper.make_graph(
        nodes, network.name, [described("X", network.n_x)],
        [described(value, *shape) for value, shape in _onnx_outputs(network).items()],
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", ONNX_OPSET)], ir_version=ONNX_IR, producer_name="shallownet",
        producer_version=__version__, doc_string="\n".join(_description(network)),
    )
    helper.set_model_props(model, {"hidden": network.hidden, "cost": network.cost,
                                   "features": json.dumps(network.features), "classes": json.dumps(network.classes)})
    checker.check_model(model, full_check=True)
    return model


def _onnx_constants(network):
    """What the nodes of ``ONNX_LABEL`` and the last ``Gather`` need beside the weights."""
    if network.task == "regression":
        return {}
    constants = {"half": np.array(0.5, network.dtype), "one": np.array(1, network.dtype), "axis": np.array([1])}
    if network.task != "multilabel":
        classes = network.classes or [*range(max(network.n_y, 2))]
        is_text = any(isinstance(name, str) for name in classes)
        constants["classes"] = np.array([str(name) for name in classes], object) if is_text else np.array(classes)
    used = {value for _, inputs, _, _ in ONNX_LABEL[network.task] for value in inputs} | {"classes"}
    return {key: constants[key] for key in constants if key in used}


def _onnx_outputs(network):
    """The names of the outputs, and what their shapes have after m."""
    return {
        "binary": {"label": (), "probabilities": (2,)},
        "multilabel": {"label": (network.n_y,), "probabilities": (network.n_y,)},
        "multiclass": {"label": (), "probabilities": (network.n_y,)},
        "regression": {"variable": (network.n_y,)},
    }[network.task]


EXPORTERS = {".c": to_c, ".h": to_c, ".js": to_javascript, ".py": to_python, ".onnx": to_onnx}
