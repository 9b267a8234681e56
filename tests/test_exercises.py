"""Every exercise's check passes the reference answer, refuses a plausible wrong one, and stands in the document."""

import importlib.util
import inspect
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from shallownet import backward_propagation, initialize_parameters

DOCS = Path(__file__).parents[1] / "docs"
EXERCISES = (DOCS / "exercises.md").read_text(encoding="utf-8")


def load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "exercises" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checks, reference = load("checks"), load("reference")
WRONG = {}


def wrong(name, message):
    """Enter a wrong answer to an exercise, with the message that it must get."""
    def enter(answer):
        WRONG[f"{name}: {answer.__doc__}"] = name, answer, message
        return answer

    return enter


@wrong("xor", r"^the labels .* must be 0 at \[0, 3\]; got 1\.$")
def wrong_xor():
    """OR"""
    return reference.xor() | {"W2": np.array([[5.0, 0.0]]), "b2": np.zeros((1, 1))}


@wrong("xor", r"^the network must be sure, within 0\.1 of \[\[0, 1, 1, 0\]\]; got \[\[0\.\d+, ")
def unsure_xor():
    """small output weights"""
    return reference.xor() | {"W2": np.array([[1.0, -1.0]]), "b2": np.array([[-1.0]])}


@wrong("xor", r"^the network must have 2 hidden units; got 4\.$")
def large_xor():
    """four hidden units"""
    W1, b1, W2, b2 = reference.xor().values()
    return {"W1": np.tile(W1, (2, 1)), "b1": np.tile(b1, (2, 1)), "W2": np.tile(W2, 2) / 2, "b2": b2}


@wrong("linear_collapse", r"^W X \+ b must be \S+ at \[0, 0\]; got")
def wrong_collapse(parameters):
    """the hidden bias forgotten"""
    return parameters["W2"] @ parameters["W1"], parameters["b2"]


@wrong("linear_collapse", r"^W must have shape \(2, 3\); got \(3, 2\)\.$")
def transposed_collapse(parameters):
    """transposed"""
    W, b = reference.linear_collapse(parameters)
    return W.T, b


@wrong("symmetric_start", r"^W1 must still have rank one after 500 updates; got \[\[")
def random_start(n_x, n_h, n_y):
    """random weights"""
    return initialize_parameters(n_x, n_h, n_y, random_state=3)


@wrong("symmetric_start", r"^no weight may be zero; got W1 = \[\[-?0\.0, ")
def zero_start(n_x, n_h, n_y):
    """zero weights"""
    return initialize_parameters(n_x, n_h, n_y, scale=0)


@wrong("symmetric_start", r"^W1 must learn; in 500 updates it moved by 0\.$")
def saturated_start(n_x, n_h, n_y):
    """so large that tanh saturates"""
    return reference.symmetric_start(n_x, n_h, n_y) | {"W1": np.full((n_h, n_x), 1e9)}


@wrong("symmetric_start", r"^W1 must have shape \(4, 2\); got \(2, 4\)\.$")
def transposed_start(n_x, n_h, n_y):
    """transposed"""
    return {"W1": np.ones((n_x, n_h))}


@wrong("sigmoid", r"^sigmoid must compute without a warning from NumPy; got: overflow encountered in exp\.$")
def overflowing_sigmoid(Z):
    """both branches computed"""
    return np.where(Z > 0, 1 / (1 + np.exp(-Z)), np.exp(Z) / (1 + np.exp(Z)))


@wrong("sigmoid", r"^sigmoid\(Z\) must be 0\.268941 at \[0, 2\]; got 0\.119203\.$")
def steep_sigmoid(Z):
    """tanh of Z, not of Z/2"""
    return (np.tanh(Z) + 1) / 2


@wrong("cost_from_logits", r"^the cost of Z2 = \[\[1000\.0, .* must be 350; got 23\.\d+\.$")
def clipped_cost(Z2, Y):
    """a clipped logarithm"""
    A2 = np.clip(reference.sigmoid(Z2), 1e-15, 1 - 1e-15)
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]


@wrong("cost_from_logits", r"^the cost of Z2 = \[\[1000\.0, -1000\.0\], \[3\.0, 4\.0\]\]")
def mean_over_outputs(Z2, Y):
    """a mean over the outputs too"""
    return np.mean(np.logaddexp(0, Z2) - Y * Z2)


@wrong("softmax_to_sigmoid", r"^the probability of class 1 must be \S+ at \[0, 0\]; got")
def one_logit(parameters):
    """the logit of class 1 alone"""
    return {"W1": parameters["W1"], "b1": parameters["b1"], "W2": parameters["W2"][1:], "b2": parameters["b2"][1:]}


@wrong("softmax_to_sigmoid", r"^the new network's cost must be 'cross_entropy'; got 'softmax_cross_entropy'\.$")
def still_softmax(parameters):
    """the network itself"""
    return parameters


@wrong("fold_scaling", r"^A2 of the raw data must be \S+ at \[0, \d\]; got")
def unshifted(parameters, mean, std):
    """the mean forgotten"""
    return parameters | {"W1": parameters["W1"] / std.T}


@wrong("class_weights", r"^the weights of Y = \[\[0, 0, 0, 1\]\] must be 0\.666667 at \[0, 0\]; got 0\.333333\.$")
def unscaled_weights(Y):
    """their mean is not one"""
    return np.where(Y == 1, 1 / Y.sum(), 1 / (1 - Y).sum())


@wrong("class_weights", r"^class_weights must do without a loop; got 1\. Use np\.where\.$")
def looped_weights(Y):
    """a loop"""
    return np.array([[Y.size / (2 * np.sum(Y == y)) for y in Y[0]]])


@wrong("hinge", r"^dZ2 must be -0\.2 at \[0, 0\]; got -1\.$")
def unaveraged_hinge(Z2, Y):
    """1/m forgotten"""
    cost, dZ2 = reference.hinge(Z2, Y)
    return cost, dZ2 * Y.shape[1]


@wrong("hinge", r"^the cost of Z2 = .* must be 1\.04; got")
def unsigned_hinge(Z2, Y):
    """labels 0 and 1 taken for signs"""
    return np.maximum(1 - Y * Z2, 0).mean(), -Y * (Y * Z2 < 1) / Y.shape[1]


@wrong("batch_gradient", r"^the gradient of 10 samples in batches of 4 must be \S+ at \[0, 0\]; got")
def plain_mean(gradient, X, Y, batch_size):
    """every batch counts alike"""
    starts = range(0, X.shape[1], batch_size)
    return np.mean([gradient(X[:, i:i + batch_size], Y[:, i:i + batch_size]) for i in starts], axis=0)


@wrong("batch_gradient", r"^batches must have 1 to 5 samples; got \[10\]\.$")
def no_batches(gradient, X, Y, batch_size):
    """all at once"""
    return gradient(X, Y)


@wrong("momentum", r"^W = 1 after two gradients 1, .* must be 0\.971 at \[0, 0\]; got 0\.71\.$")
def heavy_momentum(W, gradients, learning_rate, beta):
    """without 1 - beta"""
    return reference.momentum(W, gradients, learning_rate / (1 - beta), beta)


@wrong("largest_learning_rate", r"^descent must diverge at 1\.05 · \S+; got \S+ times the distance at the start\.$")
def half_the_rate(X):
    """1/λ instead of 2/λ"""
    return reference.largest_learning_rate(X) / 2


@wrong("largest_learning_rate", r"^descent must converge at 0\.95 · \S+; got \S+ times the distance at the start\.$")
def smallest_eigenvalue(X):
    """the smallest eigenvalue"""
    return X.shape[1] / np.linalg.eigvalsh(X @ X.T).min()


@wrong("largest_learning_rate", r"^the rate must be positive and finite; got -1\.0\.$")
def negative_rate(X):
    """a negative rate"""
    return -1


@wrong("broken_gradient", r"^gradient_check must find the mistake, a difference above 0\.01; got \S+e-\d+\.$")
def nothing_broken(parameters, cache, X, Y):
    """the correct gradient"""
    return backward_propagation(parameters, cache, X, Y)


@wrong("broken_gradient", r"^the cost must fall below 0\.4 in 1,000 updates, so that no one suspects; got 0\.7\d+\.$")
def broken_too_much(parameters, cache, X, Y):
    """W2 against Z1"""
    dW2 = (cache["A2"] - Y) @ cache["Z1"].T / Y.shape[1]
    return backward_propagation(parameters, cache, X, Y) | {"dW2": dW2}


@wrong("wrong_gradients", r"^0\.1 % too large must be: dW1; got none\.$")
def too_tolerant(parameters, X, Y, grads):
    """finds nothing"""
    return []


def test_every_check_has_a_wrong_answer():
    assert {name for name, _, _ in WRONG.values()} == set(checks.CHECKS)


@pytest.mark.parametrize("name", checks.CHECKS)
def test_the_reference_answer_passes(name):
    assert checks.CHECKS[name](getattr(reference, name)) is None


@pytest.mark.parametrize(("name", "answer", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_told_what_is_wrong(name, answer, message):
    with pytest.raises(AssertionError) as caught:
        checks.CHECKS[name](answer)
    assert re.search(message, caught.value.args[0].replace(answer.__name__, name))


def test_the_document_asks_for_what_the_checks_call_in_their_order():
    signatures = re.findall(r"^Write `(\w+\(.*?\))`", EXERCISES, re.M)
    assert signatures == [f"{name}{inspect.signature(getattr(reference, name))}" for name in checks.CHECKS]
    assert [int(number) for number in re.findall(r"^### (\d+)\. ", EXERCISES, re.M)] == [*range(1, len(signatures) + 1)]
    assert EXERCISES.count("\n*Hint.* ") == len(signatures)


# The program

def test_the_reference_answers_pass_all(capsys):
    assert checks.main([str(DOCS / "exercises/reference.py")]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[1:] for line in lines] == [[name, "passed"] for name in checks.CHECKS]
    assert last == f"{len(lines)} of {len(lines)} passed"


def test_the_document_shows_what_the_program_prints(tmp_path, capsys):
    code, printed = re.findall(r"^```\w+\n(.*?)^```$", EXERCISES, re.M | re.S)
    (tmp_path / "my_answers.py").write_text(code)
    assert checks.main([str(tmp_path / "my_answers.py")]) == 1
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(("code", "line"), [
    ("", "not done yet"),
    ("def sigmoid(Z):\n    ...\n", "not done yet"),
    ("def sigmoid(Z):\n    raise NotImplementedError\n", "not done yet"),
    ("sigmoid = 3\n", "sigmoid must be a function of yours; got int."),
    ("def sigmoid(Z):\n    a = 1\n    return a + b\n", "NameError in line 3: name 'b' is not defined"),
    ("def sigmoid(Z):\n    Z += 1\n    return Z\n", "sigmoid(Z) must be 0 at [0, 0]; got -999."),
])
def test_an_answer_gets_one_line_whatever_it_does(code, line, tmp_path, capsys):
    (tmp_path / "answers.py").write_text(code)
    assert checks.main([str(tmp_path / "answers.py")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(checks.CHECKS) + 1
    assert lines[3] == f" 4 sigmoid                {line}"


@pytest.mark.parametrize(("code", "line"), [
    ("import shallownet\ndef sigmoid(Z):\n    return shallownet.activations.sigmoid(Z)\n",
     "sigmoid must do without activations, sigmoid."),
    ("from shallownet.activations import sigmoid as s\ndef sigmoid(Z):\n    return s(Z)\n",
     "sigmoid must do without sigmoid."),
    ("from shallownet.activations import sigmoid\n", "sigmoid must be a function of yours; got an imported one."),
    ("def sigmoid(Z):\n    while True:\n        pass\n", "it must end within 1 s; it was stopped."),
    ("def sigmoid(Z):\n    raise KeyboardInterrupt\n", "it ended Python; a function ends with return."),
])
def test_an_answer_cannot_cheat_hang_or_end_the_program(code, line, tmp_path):
    (tmp_path / "answers.py").write_text(code)
    assert checks.verdicts(tmp_path / "answers.py", ["sigmoid", "xor"], limit=1) == [line, "not done yet"]


@pytest.mark.parametrize(("code", "line"), [
    ("import sys\nsys.exit(0)\n", "the answers must do without sys."),
    ("raise SystemExit(0)\n", "the answers must do without SystemExit."),
    ("from reference import *\n", "the answers must do without reference."),
    ("import checks\nchecks.CHECKS.clear()\n", "the answers must do without checks."),
    ("def xor(:\n", "SyntaxError in line 1: "),
    ("1 / 0\n", "ZeroDivisionError in line 1: division by zero"),
])
def test_a_file_that_cannot_be_run_gets_one_line(code, line, tmp_path, capfd):
    (tmp_path / "answers.py").write_text(code)
    assert checks.main([str(tmp_path / "answers.py")]) == 1
    told, last = capfd.readouterr().out.splitlines()
    assert told.startswith(f"{tmp_path}/answers.py: {line}")
    assert last == f"0 of {len(checks.CHECKS)} passed"


def test_one_exercise_is_checked_by_its_number_and_reported(tmp_path, capsys):
    answers = str(DOCS / "exercises/reference.py")
    assert checks.main([answers, "--exercise", "4", "--report", str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().out.split()[:3] == ["4", "sigmoid", "passed"]
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines == ["file,exercise,name,verdict", f"{answers},4,sigmoid,passed"]
    (tmp_path / "empty.py").write_text("")
    paths = [str(tmp_path / "empty.py"), answers]
    assert checks.main([*paths, "--exercise", "4", "--report", str(tmp_path / "a.xml")]) == 1
    suite = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert [case.find("failure") is None for case in suite] == [False, True]


@pytest.mark.parametrize("name", ["missing.py", "notes.txt"])
def test_what_is_no_file_of_answers_is_refused(name, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(SystemExit) as stop:
        checks.main([str(tmp_path / name)])
    assert stop.value.code == 2
    assert re.search(rf"answers must be a Python file that is there; got .*{name}\.$", capsys.readouterr().err, re.M)


def test_an_answer_cannot_change_what_it_is_judged_by():
    def answer(W, gradients, learning_rate, beta):
        v = np.zeros_like(W)
        for gradient in gradients:
            v = beta * v + (1 - beta) * gradient
            W -= learning_rate * v
        return W

    assert checks.check_momentum(answer) is None
