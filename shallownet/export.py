"""A trained network in another language: C, JavaScript, plain Python and ONNX.

The exported code computes what ``predict_probability`` and ``predict`` compute, for one sample (ONNX: for rows). A
scaling that ``fold_standardization`` has put into the weights goes along, as it is in the weights.
"""

import json
import math
import os
import re
import textwrap
from collections.abc import Sequence
from string import Template
from typing import Any, NamedTuple

import numpy as np

from shallownet import __version__
from shallownet._cells import HOLES
from shallownet._checks import check_name
from shallownet._encoding import PATTERNS, SPACES, level_vectors
from shallownet._files import replacing
from shallownet._languages import C_TYPES, JAVASCRIPT, PYTHON, C, in_comment
from shallownet._types import Parameters, PathLike
from shallownet.network import NAMES, check_parameters, output_of
from shallownet.tables import features as encoded_features

ONNX_OPSET, ONNX_IR = 17, 8           # of 2022: later readers read them too
WIDTH = 110                           # characters of a line of numbers
JAVASCRIPT_WORDS = frozenset(
    "Infinity NaN arguments await break case catch class const continue debugger default delete do else enum "
    "eval export extends false finally for function if implements import in instanceof interface let module "
    "new null package private protected public return static super switch this throw true try typeof undefined "
    "var void while with yield".split()
)


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
