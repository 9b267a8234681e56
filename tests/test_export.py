"""Exported code is compiled and run, and says what ``predict_probability`` and ``predict`` say."""

import json
import math
import re
import shutil
import subprocess
import sys
from itertools import product
from typing import get_args

import numpy as np
import onnxruntime
import pytest
from conftest import make_problem
from py_mini_racer import JSEvalException, MiniRacer

from shallownet._types import CostName, Hidden
from shallownet.evaluation import predict, predict_probability
from shallownet.export import EXPORTERS, export, to_c, to_javascript, to_onnx, to_python
from shallownet.network import forward_propagation, initialize_parameters, output_of
from shallownet.tables import encode_rows, fit_encoding
from shallownet.tables import features as encoded_features

N_X = 3
GCC = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
NETWORKS = list(product(get_args(CostName), get_args(Hidden), (1, 3), (np.float64, np.float32)))
IDS = [f"{cost}-{hidden}-{n_y}-{dtype.__name__}" for cost, hidden, n_y, dtype in NETWORKS]
LANGUAGES = ["c", "javascript", "python", "onnx"]
HOSTILE = [
    "two\nlines", "\r\n", "'\"", '"""', "'''", "*/ int pwned;", "/*", "*??/\n/", "??/", "back\\", "\\", 
    "</script><script>", "<!--", "--> pwned = 1", "温度", "🌡", "\u2028pwned = 1", "\u202etxt", "\x00", "\x1b[31m",
    "\ud800", "$name", "${x}", "{x}", "",
]


@pytest.fixture(scope="module")
def rows():
    """1,000 random samples and 100 extreme ones, as float32 has them; columns are samples."""
    generator = np.random.RandomState(1)
    random, extreme = generator.standard_normal((N_X, 1000)), generator.choice([-1000, 0, 1000], (N_X, 100))
    return np.hstack([random, extreme]).astype(np.float32)


@pytest.fixture(scope="module")
def networks():
    return [make_problem(N_X, 5, n_y, cost=cost, hidden=hidden, dtype=dtype, seed=seed)[0]
            for seed, (cost, hidden, n_y, dtype) in enumerate(NETWORKS)]


@pytest.fixture(scope="module", params=LANGUAGES)
def said(request, networks, rows, tmp_path_factory):
    """What the exported networks say in a language: for each its outputs (n_y, m) and labels."""
    return request.param, list(RUNNERS[request.param](networks, rows, tmp_path_factory.mktemp(request.param)))


def compiled(folder, source):
    """The program made of ``source`` without a warning."""
    if shutil.which("gcc") is None:
        pytest.fail("The tests of the exported C code need gcc, which is not installed.")
    (folder / "main.c").write_text(source)
    gcc = subprocess.run(["gcc", *GCC, "main.c", "-o", "main", "-lm"], cwd=folder, capture_output=True, text=True)
    assert (gcc.returncode, gcc.stderr) == (0, "")
    return folder / "main"


def run_c(networks, rows, folder):
    """One program has all networks; it reads samples and writes outputs and labels, all of them doubles."""
    lines = ["#include <stdio.h>"]
    body = ["double row[3]; (void)argc;", 'FILE *in = fopen(argv[1], "rb");',
            "while (fread(row, sizeof(double), 3, in) == 3) {"]
    for number, parameters in enumerate(networks):
        header = to_c(parameters, name=f"net{number}")
        (folder / f"net{number}.h").write_text(header, encoding="utf-8")
        lines.append(f'#include "net{number}.h"')
        real, n_y = "float" if parameters["W1"].dtype == np.float32 else "double", len(parameters["W2"])
        returns = f"int net{number}_predict" in header
        body.append(
            f"{{ {real} x[3], a[{n_y}]; double out[{n_y + 1}]; int i; for (i = 0; i < 3; i++) x[i] = ({real})row[i];"
            + (f"out[{n_y}] =" if returns else f"out[{n_y}] = -1;") + f" net{number}_predict(x, a);"
            f"for (i = 0; i < {n_y}; i++) out[i] = (double)a[i]; fwrite(out, sizeof(double), {n_y + 1}, stdout); }}"
        )
    source = "\n".join([*lines, "int main(int argc, char **argv) {", *body, "} return fclose(in); }\n"])
    (folder / "rows").write_bytes(rows.T.astype(float).tobytes())
    output = subprocess.run([compiled(folder, source), folder / "rows"], capture_output=True, check=True).stdout
    widths = [len(parameters["W2"]) + 1 for parameters in networks]
    table = np.frombuffer(output).reshape(rows.shape[1], sum(widths)).T
    for parameters, block in zip(networks, np.split(table, np.cumsum(widths)[:-1]), strict=True):
        A2, label = block[:-1], block[-1:]
        if (label == -1).all():                                           # the header's comment says how it is read off
            label = A2 > 0.5 if output_of(parameters) == "sigmoid" else A2
        yield A2, label


def run_javascript(networks, rows, folder):
    engine = MiniRacer()
    engine.eval(f"const rows = {json.dumps(rows.T.tolist())}")
    for number, parameters in enumerate(networks):
        engine.eval(to_javascript(parameters, name=f"net{number}"))
        yield columns(json.loads(engine.eval(
            f"JSON.stringify([rows.map(net{number}.predictProbability), rows.map(net{number}.predict)])")))


def run_python(networks, rows, folder):
    """A Python without site-packages runs all modules."""
    for number, parameters in enumerate(networks):
        (folder / f"net{number}.py").write_text(to_python(parameters), encoding="utf-8")
    (folder / "rows.json").write_text(json.dumps(rows.T.tolist()))
    code = (
        "import importlib, json, sys; sys.path.insert(0, '.'); rows = json.load(open('rows.json'))\n"
        f"for net in [importlib.import_module(f'net{{i}}') for i in range({len(networks)})]:\n"
        "    print(json.dumps([[f(row) for row in rows] for f in (net.predict_probability, net.predict)]))\n"
    )
    run = subprocess.run([sys.executable, "-S", "-I", "-c", code], cwd=folder, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    return [columns(json.loads(line)) for line in run.stdout.splitlines()]


def in_javascript(engine, expression):
    """The value of an expression; numbers with the sign of a zero, which JSON forgets."""
    write = "(key, value) => Object.is(value, -0) ? '-0' : value"
    return json.loads(engine.eval(f"JSON.stringify({expression}, {write})"), parse_int=float)


def columns(lists):
    """Outputs and labels, a sample a column, from lists with a sample an entry."""
    A2, label = map(np.array, lists)
    return A2.T, label.reshape(len(label), -1).T


def run_onnx(networks, rows, folder):
    for parameters in networks:
        session = onnxruntime.InferenceSession(to_onnx(parameters).SerializeToString())
        *label, A2 = session.run(None, {"X": rows.T.astype(parameters["W1"].dtype)})
        assert A2.dtype == parameters["W1"].dtype
        label = label[0] if label else A2
        if A2.shape[1] > len(parameters["W2"]):                           # the probabilities of no and of yes
            np.testing.assert_allclose(A2.sum(axis=1), 1, rtol=1e-6)
            A2 = A2[:, 1:]
        yield columns((A2, label))


RUNNERS = {"c": run_c, "javascript": run_javascript, "python": run_python, "onnx": run_onnx}


@pytest.mark.parametrize("number", range(len(NETWORKS)), ids=IDS)
def test_exported_code_says_what_the_network_says(said, networks, rows, number):
    language, results = said
    parameters, (A2, label) = networks[number], results[number]
    dtype = parameters["W1"].dtype
    tolerance = 1e-6 if dtype == np.float32 or language == "onnx" else 1e-12
    X = rows.astype(dtype)
    expected = predict_probability(parameters, X)
    largest = expected if tolerance == 1e-12 else np.vstack([expected, forward_propagation(X, parameters)[1]["A1"]])
    for part in (slice(1000), slice(1000, None)):
        size = max(1, np.abs(largest[:, part]).max())                     # float32 rounds the thousands of a relu
        np.testing.assert_allclose(A2[:, part], expected[:, part], rtol=0, atol=tolerance * size)
    if output_of(parameters) != "linear":
        np.testing.assert_array_equal(label, predict(parameters, X))


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_equal_outputs_the_first_is_the_class(language, tmp_path):
    networks = [initialize_parameters(N_X, 2, n_y, cost=cost, scale=0)
                for cost, n_y in (("softmax_cross_entropy", 3), ("cross_entropy", 1), ("cross_entropy", 3))]
    for _, label in RUNNERS[language](networks, np.zeros((N_X, 2), np.float32), tmp_path):
        assert not label.any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constants_read_back_to_the_last_bit(dtype):
    limits = np.finfo(dtype)
    edge = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, -0.0, limits.eps, 0.1, 1 / 3]
    W1 = np.hstack([edge, np.random.RandomState(0).standard_normal(92)]).astype(dtype).reshape(4, 25)
    parameters = {"W1": W1, "b1": W1[:, :1], "W2": W1[:, :4], "b2": W1[:, 1:2]}
    modules = {}
    exec(to_python(parameters), modules)
    engine = MiniRacer()
    engine.eval(to_javascript(parameters).replace("return {features", "return {W1, features"))
    c = re.search(r"W1\[MODEL_N_H\]\[MODEL_N_X\] = (.*?);", to_c(parameters), re.DOTALL)[1]
    c = np.array([number.strip().removesuffix("f") for number in re.sub("[{}]", "", c).split(",")]).astype(dtype)
    assert c.tobytes() == W1.tobytes()
    for read in (modules["W1"], in_javascript(engine, "model.W1")):
        assert np.array(read, float).tobytes() == W1.astype(float).tobytes()


@pytest.fixture
def hostile():
    """A network with a hostile name at each input and class, and these names."""
    return make_problem(len(HOSTILE), 3, len(HOSTILE), cost="softmax_cross_entropy")[0], \
        {"features": HOSTILE, "classes": HOSTILE[::-1]}


def test_no_name_breaks_out_of_c(hostile, tmp_path):
    parameters, names = hostile
    code = to_c(parameters, **names)
    comment, _, rest = code.partition("*/")
    assert rest == to_c(parameters).partition("*/")[2]
    assert comment.count("\n") == 6 + 2 * len(HOSTILE) - 1
    (tmp_path / "model.h").write_text(code, encoding="utf-8")
    assert compiled(tmp_path, '#include "model.h"\nint main(void) { return 0; }\n').exists()


def test_no_name_breaks_out_of_javascript(hostile):
    parameters, names = hostile
    code = to_javascript(parameters, **names)
    assert not re.search(r"</script|<!--|\u2028|\u202e", code)
    assert not re.search("^ *-->", code, re.MULTILINE)
    engine = MiniRacer()
    engine.eval(code)
    assert json.loads(engine.eval("JSON.stringify(model.features)")) == names["features"]
    assert json.loads(engine.eval("JSON.stringify(model.classes)")) == names["classes"]
    assert engine.eval("typeof pwned") == "undefined"


def test_no_name_breaks_out_of_python(hostile):
    parameters, names = hostile
    module = {}
    exec(compile(to_python(parameters, **names), "model.py", "exec"), module)
    assert (module["FEATURES"], module["CLASSES"]) == (names["features"], names["classes"])
    assert "pwned" not in module


def test_names_go_into_the_metadata_of_onnx(hostile):
    parameters, names = hostile
    names["classes"] = [name for name in names["classes"] if name != "\ud800"] + ["no half of a surrogate pair"]
    model = onnxruntime.InferenceSession(to_onnx(parameters, **names).SerializeToString())
    said = model.get_modelmeta().custom_metadata_map
    assert {key: json.loads(said[key]) for key in names} == names
    label, probabilities = model.run(None, {"X": np.ones((2, len(HOSTILE)))})
    assert label[0] == names["classes"][probabilities[0].argmax()]


@pytest.mark.parametrize("classes", [["no", "yes"], [3, 7], [0.5, 1.5]])
def test_a_named_class_is_predicted_by_its_name(classes):
    parameters, X, _ = make_problem(m=20, seed=1)
    expected = [classes[k] for k in predict(parameters, X)[0]]
    assert set(expected) == set(classes)
    module = {}
    exec(to_python(parameters, classes=classes), module)
    assert [module["predict"](x) for x in X.T] == expected
    engine = MiniRacer()
    engine.eval(to_javascript(parameters, classes=classes))
    assert json.loads(engine.eval(f"JSON.stringify({json.dumps(X.T.tolist())}.map(model.predict))")) == expected
    model = onnxruntime.InferenceSession(to_onnx(parameters, classes=classes).SerializeToString())
    assert model.run(["label"], {"X": X.T})[0].tolist() == expected


def test_the_comment_says_what_goes_in_and_what_comes_out():
    parameters = make_problem(2, n_y=1)[0]
    comment = to_c(parameters, features=["length", "weight"], classes=["oat", "wheat"]).partition("*/")[0]
    for line in ("2-4-1, exported by shallownet", 'x[1] = "weight"', 'class 1 = "wheat"', "output sigmoid",
                 "probability of class 1"):
        assert line in comment


def test_onnx_names_its_outputs_as_the_converter_of_scikit_learn():
    shapes = {}
    for cost, n_y in product(get_args(CostName), (1, 3)):
        graph = to_onnx(make_problem(n_y=n_y, cost=cost)[0]).graph
        shapes[cost, n_y] = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
                             for value in (*graph.input, *graph.output)}
    assert shapes["cross_entropy", 1] == {"X": [0, 3], "label": [0], "probabilities": [0, 2]}
    assert shapes["cross_entropy", 3] == {"X": [0, 3], "label": [0, 3], "probabilities": [0, 3]}
    assert shapes["softmax_cross_entropy", 3] == {"X": [0, 3], "label": [0], "probabilities": [0, 3]}
    assert shapes["squared_error", 3] == {"X": [0, 3], "variable": [0, 3]}


@pytest.mark.parametrize("ending", EXPORTERS)
def test_the_ending_says_what_is_written(ending, tmp_path):
    parameters = make_problem()[0]
    path = tmp_path / f"model{ending}"
    export(path, parameters, classes=["no", "yes"])
    code = EXPORTERS[ending](parameters, classes=["no", "yes"])
    assert path.read_bytes() == (code.encode() if isinstance(code, str) else code.SerializeToString())


def test_a_sample_of_another_size_is_refused_where_the_language_can_tell():
    parameters = make_problem()[0]
    module = {}
    exec(to_python(parameters), module)
    with pytest.raises(ValueError, match=r"x must have 3 numbers; got 2\."):
        module["predict"]([1, 2])
    engine = MiniRacer()
    engine.eval(to_javascript(parameters))
    with pytest.raises(JSEvalException, match=r"x must have 3 numbers; got 2\."):
        engine.eval("model.predict([1, 2])")


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"features": ["a"]}, ValueError, "features must have 3 names, to go with the network; got 1"),
    ({"classes": ["a"]}, ValueError, "classes must have 2 names"),
    ({"classes": "ab"}, TypeError, "classes must be a sequence of names; got 'ab'"),
    ({"features": ["a", None, "c"]}, TypeError, "features must hold texts or finite numbers; got None"),
    ({"classes": [0, math.nan]}, TypeError, "classes must hold texts or finite numbers; got nan"),
    ({"name": "a-b"}, ValueError, "name must be letters, digits and underscores"),
    ({"name": "class"}, ValueError, "no word of JavaScript; got 'class'"),
    ({"name": None}, ValueError, "name must be letters"),
])
@pytest.mark.parametrize("to", [to_c, to_javascript, to_python, to_onnx])
def test_names_that_do_not_go_with_the_network_are_refused(to, given, error, message):
    with pytest.raises(error, match=message):
        to(make_problem()[0], **given)


def test_a_regression_has_no_classes():
    with pytest.raises(ValueError, match="classes must be given for a classifier; got a linear output"):
        to_c(make_problem(cost="squared_error")[0], classes=["a"])


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in one of .c, .h, .js, .py, .onnx; got"):
        export(tmp_path / "model.java", make_problem()[0])
    assert not list(tmp_path.iterdir())


def test_without_onnx_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'Use pip install "shallownet\[onnx\]"'):
        to_onnx(make_problem()[0])


# Tables

NAMED_LIKE_CODE = "*/ </script> \\ \"'"
# By column 40 cells to fit the encoding to, and further cells: what was there in training, and what was not.
TABLE = {
    "plain": ([f"{value:.3f}" for value in np.random.RandomState(0).standard_normal(40)], [None, " 2.5 ", "1e999"]),
    "holes": (["?" if i % 7 == 0 else f"{i * i}e-1" for i in range(40)], ["", 3, "-inf"]),
    "comma": ([f"{i},5" for i in range(40)], ["nan", "1,5", "8,"]),
    "thousands": ([f"{i + 1}.{i:03},25" for i in range(40)], ["1.234.567", "5", None]),
    "spaces": ([f"{i + 1}\u00a0{i:03},5" for i in range(40)], ["1\u202f234,5", "7,5", ""]),
    "words": (["trace" if i == 3 else str(i * 1.5) for i in range(40)], ["trace", "NULL", "4"]),
    "numbers": (np.random.RandomState(1).standard_normal(40).tolist(), [math.nan, 1.0, math.inf]),
    "two": ([("yes", "no")[i % 2] for i in range(40)], ["maybe", "", "yes"]),
    "three": ([("red", "*/", "", "</script>")[i % 4] for i in range(40)], ["blue", None, "red"]),
    "two and holes": ([("yes", "no", None)[i % 3] for i in range(40)], ["?", "no", "other"]),
    "many": ([f"level {min(i, 24)}" for i in range(40)], ["level 30", "", "level 24"]),
    "truth": ([i % 3 == 0 for i in range(40)], [True, None, False]),
    NAMED_LIKE_CODE: ([f"{i % 5}" for i in range(40)], [3, 3.0, "4"]),
    "lines": (["a\nb" if i < 20 else "c" for i in range(40)], ["a\nb", " c ", "x"]),
}


@pytest.fixture(scope="module")
def tabular():
    """The encoding of the table, a network for it, and columns of further rows."""
    encoding = fit_encoding({name: cells for name, (cells, _) in TABLE.items()}, categorical=[NAMED_LIKE_CODE])
    rows = {name: [*cells[:6], *further] for name, (cells, further) in TABLE.items()}
    encoding["target"] = {"name": "kind", "kind": "classes", "classes": ["</script>", "*/", "\n"]}
    parameters = make_problem(len(encoded_features(encoding)), 5, 3, cost="softmax_cross_entropy")[0]
    return encoding, parameters, rows


def row_by_row(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def in_json(value):
    """As JSON, which has no NaN and no infinity: a hole."""
    return re.sub(r"\b(NaN|Infinity)\b", "null", json.dumps(value))


def test_exported_code_encodes_the_rows_of_a_table(tabular):
    encoding, parameters, rows = tabular
    X, _, refused = encode_rows(rows, encoding)
    assert not refused
    expected, names = predict_probability(parameters, X), encoding["target"]["classes"]
    labels = [names[k] for k in predict(parameters, X)[0]]

    module = {}
    exec(to_python(parameters, encoding=encoding), module)
    np.testing.assert_array_equal([module["encode"](row) for row in row_by_row(rows)], X.T)
    np.testing.assert_allclose([module["predict_probability"](row) for row in row_by_row(rows)], expected.T, atol=1e-12)
    assert [module["predict"](row) for row in row_by_row(rows)] == labels

    engine = MiniRacer()
    engine.eval(to_javascript(parameters, encoding=encoding))
    engine.eval(f"const rows = {in_json(row_by_row(rows))}")
    said = [json.loads(engine.eval(f"JSON.stringify(rows.map(model.{function}))"))
            for function in ("encode", "predictProbability", "predict")]
    np.testing.assert_array_equal(said[0], X.T)
    np.testing.assert_allclose(said[1], expected.T, atol=1e-12)
    assert said[2] == labels


@pytest.mark.parametrize(("change", "message"), [
    ({"plain": "big"}, "column .?plain.? must hold numbers; got .?big"),
    ({"comma": "1.5"}, "column .?comma.? must hold numbers; got .?1.5"),
    ({"plain": True}, "must hold numbers; got .?True"),
    ({"plain": ...}, "row must have the column .?plain"),
])
def test_a_row_that_cannot_be_encoded_is_refused(tabular, change, message):
    encoding, parameters, rows = tabular
    row = {name: cell for name, cell in (row_by_row(rows)[0] | change).items() if cell is not ...}
    module = {}
    exec(to_python(parameters, encoding=encoding), module)
    with pytest.raises(ValueError, match=message):
        module["predict"](row)
    engine = MiniRacer()
    engine.eval(to_javascript(parameters, encoding=encoding))
    with pytest.raises(JSEvalException, match=message):
        engine.eval(f"model.predict({in_json(row)})")


def test_the_names_of_a_table_do_not_break_out(tabular, tmp_path):
    encoding, parameters, _ = tabular
    assert "</script" not in to_javascript(parameters, encoding=encoding)
    (tmp_path / "model.h").write_text(to_c(parameters, encoding=encoding), encoding="utf-8")
    assert compiled(tmp_path, '#include "model.h"\nint main(void) { return 0; }\n').exists()


def test_c_and_onnx_name_the_encoded_features(tabular):
    encoding, parameters, _ = tabular
    features = list(encoded_features(encoding))
    props = {entry.key: entry.value for entry in to_onnx(parameters, encoding=encoding).metadata_props}
    assert json.loads(props["features"]) == features
    assert f"x[{len(features) - 1}] = " in to_c(parameters, encoding=encoding)


def test_a_column_of_dates_does_not_go_along():
    encoding = fit_encoding({"day": ["2026-01-31", "2026-02-01", "2026-03-05"], "size": [1, 3, 2]})
    parameters = make_problem(len(encoded_features(encoding)))[0]
    for to in (to_javascript, to_python):
        with pytest.raises(ValueError, match="encoding must have columns of numbers and text only; got 'day', a date"):
            to(parameters, encoding=encoding)
    assert "day month" in to_c(parameters, encoding=encoding)
