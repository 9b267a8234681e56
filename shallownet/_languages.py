"""The languages of ``export``: C, JavaScript and Python, each a row of pieces. Another language is another row."""

import json
import re
from collections.abc import Callable
from string import Template
from typing import Any, NamedTuple

import numpy as np

BREAKS = re.compile(r"(?<=\*)/|(?<=/)[*/]|(?<=\?)\?|(?<=<)[/!]|(?<=--)>")     # ends of */ /* // ?? </ <! -->


class Language(NamedTuple):
    """The pieces of a language; in them ``$name`` stands for what ``_code`` knows of the network by that name."""

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


# Names and numbers


def in_comment(name: str | float) -> str:
    """Return a name so that it stays in a comment, whatever it holds: in quotes, on one line, without ``*/`` and such.

    Examples
    --------
    >>> print(in_comment("a*/b"), in_comment("温度"))
    "a*\\/b" "温度"
    """
    return BREAKS.sub(r"\\\g<0>", printable(json.dumps(name, ensure_ascii=False)))


def printable(text):
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
    return re.sub("<", r"\\u003c", printable(json.dumps(names, ensure_ascii=False)))


AFFINE = "const affine = (W, a, b) => W.map((row, i) => row.reduce((sum, w, j) => sum + w * a[j], b[i]));"

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

$encode  """ + AFFINE + """

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
