"""Check the answers to docs/exercises.md.

    python docs/exercises/checks.py my_answers.py
    python docs/exercises/checks.py my_answers.py --exercise 4
    python docs/exercises/checks.py class/*.py --report class.csv

Each exercise asks for one function; the check of the same name calls it and raises AssertionError with what was
expected and what came. The answers run in a process of their own, and for ten seconds each at most.
"""

import argparse
import ast
import copy
import csv
import importlib.util
import inspect
import json
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
from pathlib import Path
from types import CodeType, FunctionType, SimpleNamespace
from xml.etree import ElementTree

import numpy as np

from shallownet import (
    backward_propagation,
    balanced_weights,
    compute_cost,
    forward_propagation,
    gradient_check,
    initialize_parameters,
    numerical_gradient,
    predict_probability,
    train,
    update_parameters,
)
from shallownet.costs import cross_entropy
from shallownet.datasets import planar_flower


def check_xor(answer):
    parameters = ask(answer)
    X, Y = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]), np.array([[0, 1, 1, 0]])
    A2 = predict_probability(parameters, X)
    n_h = len(parameters["W1"])
    assert n_h == 2, f"the network must have 2 hidden units; got {n_h}."
    expect("the labels of (0,0), (0,1), (1,0), (1,1)", A2 > 0.5, Y)
    assert np.abs(A2 - Y).max() < 0.1, f"the network must be sure, within 0.1 of {rounded(Y)}; got {rounded(A2)}."


def check_linear_collapse(answer):
    parameters = random_network(3, 5, 2)
    W, b = ask(answer, parameters)
    X = np.random.RandomState(1).standard_normal((3, 4))
    Z1 = parameters["W1"] @ X + parameters["b1"]
    expect("W", W, parameters["W2"] @ parameters["W1"])
    expect("W X + b", W @ X + b, parameters["W2"] @ Z1 + parameters["b2"])


def check_symmetric_start(answer):
    parameters = ask(answer, 2, 4, 1)
    for name, shape in (("W1", (4, 2)), ("W2", (1, 4))):
        assert np.shape(parameters[name]) == shape, f"{name} must have shape {shape}; got {np.shape(parameters[name])}."
        assert np.all(parameters[name]), f"no weight may be zero; got {name} = {rounded(parameters[name])}."
    trained, _ = train(*planar_flower(), parameters, 500)
    moved = np.abs(trained["W1"] - parameters["W1"]).max()
    assert moved > 0.01, f"W1 must learn; in 500 updates it moved by {moved:.2g}."
    first, second = np.linalg.svd(trained["W1"], compute_uv=False)
    assert second < 1e-6 * first, f"W1 must still have rank one after 500 updates; got {rounded(trained['W1'])}."


def check_sigmoid(answer):
    Z = np.array([[-1000.0, -30.0, -1.0, 0.0], [0.5, 2.0, 30.0, 1000.0]])
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-Z))
    expect("sigmoid(Z)", ask(answer, Z), expected)


def check_cost_from_logits(answer):
    for Z2, Y in (
        (np.array([[2.0, -3.0, 0.0]]), np.array([[1.0, 1.0, 0.0]])),
        (np.array([[1000.0, -1000.0, 50.0]]), np.array([[0.0, 0.0, 0.0]])),
        (np.array([[1000.0, -1000.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 1.0]])),
    ):
        expect(f"the cost of Z2 = {Z2.tolist()}, Y = {Y.tolist()}", ask(answer, Z2, Y), cross_entropy(Z2, Y).mean())


def check_softmax_to_sigmoid(answer):
    parameters = random_network(3, 4, 2, cost="softmax_cross_entropy")
    X = np.random.RandomState(1).standard_normal((3, 6))
    result = ask(answer, parameters)
    cost = result.get("cost", "cross_entropy")
    assert cost == "cross_entropy", f"the new network's cost must be 'cross_entropy'; got {cost!r}."
    expect("the probability of class 1", predict_probability(result, X), predict_probability(parameters, X)[1:])


def check_fold_scaling(answer):
    parameters = random_network(3, 4, 1)
    X = np.array([[170.0], [0.02], [-4.0]]) + np.array([[30.0], [0.001], [1]]) * np.random.RandomState(1).rand(3, 6)
    mean, std = X.mean(axis=1, keepdims=True), X.std(axis=1, keepdims=True)
    expected = predict_probability(parameters, (X - mean) / std)
    expect("A2 of the raw data", predict_probability(ask(answer, parameters, mean, std), X), expected)


def check_class_weights(answer):
    for Y in (np.array([[0, 0, 0, 1]]), np.array([[1, 0, 1, 1, 1, 1, 1, 0]])):
        expect(f"the weights of Y = {Y.tolist()}", ask(answer, Y), balanced_weights(Y))
    tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While | ast.comprehension)]
    assert not loops, f"class_weights must do without a loop; got {len(loops)}. Use np.where."


def check_largest_learning_rate(answer):
    for X in np.random.RandomState(2).standard_normal((2, 3, 20)) + np.array([[[0.0]], [[1.0]]]):
        rate = float(ask(answer, X))
        assert 0 < rate < np.inf, f"the rate must be positive and finite; got {rate}."
        near, far = (distance_after_descent(X, factor * rate) for factor in (0.95, 1.05))
        assert near < 1, f"descent must converge at 0.95 · {rate:.4g}; got {near:.3g} times the distance at the start."
        assert far > 1, f"descent must diverge at 1.05 · {rate:.4g}; got {far:.3g} times the distance at the start."


def distance_after_descent(X, learning_rate, steps=300):
    """How far from the minimum 0 of the mean of (wᵀx)² descent ends; it begins at the distance 1."""
    w = np.ones((1, len(X)))
    for _ in range(steps):
        w = w - learning_rate * 2 * w @ X @ X.T / X.shape[1]
        if np.abs(w).max() > 1e6:
            break
    return np.abs(w).max()


def check_momentum(answer):
    one = np.ones((1, 1))
    expect("W = 1 after two gradients 1, at rate 0.1 and beta 0.9,", ask(answer, one, [one, one], 0.1, 0.9), [[0.971]])
    W, *gradients = np.random.RandomState(0).standard_normal((6, 2, 3))
    for beta in (0.0, 0.5):
        # Gradient s acts in the 5 - s updates from its own on, by a geometric sum.
        expected = W - 0.3 * sum((1 - beta ** (5 - s)) * gradient for s, gradient in enumerate(gradients))
        expect(f"W after five gradients, beta {beta:g},", ask(answer, W, gradients, 0.3, beta), expected)


def check_batch_gradient(answer):
    generator = np.random.RandomState(0)
    X, Y, w = generator.standard_normal((2, 10)), generator.standard_normal((1, 10)), np.array([[0.5, -1.0]])
    widths = []

    def gradient(X, Y):
        widths.append(X.shape[1])
        return 2 * (w @ X - Y) @ X.T / X.shape[1]

    expected = gradient(X, Y)
    for batch_size in (5, 4):
        widths.clear()
        result = ask(answer, gradient, X, Y, batch_size)
        assert 0 < max(widths, default=0) <= batch_size, f"batches must have 1 to {batch_size} samples; got {widths}."
        expect(f"the gradient of 10 samples in batches of {batch_size}", result, expected)


def check_hinge(answer):
    Z2, Y = np.array([[0.3, -0.8, 2.5, -1.7, 0.6]]), np.array([[1.0, 0.0, 1.0, 1.0, 0.0]])
    cost, dZ2 = ask(answer, Z2, Y)
    expect(f"the cost of Z2 = {Z2.tolist()}, Y = {Y.tolist()}", cost, (0.7 + 0.2 + 0 + 2.7 + 1.6) / 5)
    expect("dZ2", dZ2, numerical_gradient(lambda Z2: ask(answer, Z2, Y)[0], Z2), tolerance=1e-6)


def check_broken_gradient(answer):
    (X, Y), parameters = planar_flower(), initialize_parameters(2, 4, 1, random_state=3)
    for _ in range(1000):
        cache = forward_propagation(X, parameters)[1]
        parameters = update_parameters(parameters, ask(answer, parameters, cache, X, Y))
    A2, cache = forward_propagation(X, parameters)
    cost = compute_cost(A2, Y, cache=cache)
    assert cost < 0.4, f"the cost must fall below 0.4 in 1,000 updates, so that no one suspects; got {cost:.3f}."
    difference = gradient_check(parameters, X, Y, grads=ask(answer, parameters, cache, X, Y))
    assert difference > 0.01, f"gradient_check must find the mistake, a difference above 0.01; got {difference:.2g}."


def check_wrong_gradients(answer):
    generator = np.random.RandomState(1)
    parameters, X, Y = random_network(3, 4, 1), generator.standard_normal((3, 8)), generator.randint(2, size=(1, 8))
    parameters["W2"] = parameters["W2"] / 100                             # small gradients of the first layer
    grads = backward_propagation(parameters, forward_propagation(X, parameters)[1], X, Y)

    def double_the_last_entry(gradient):
        gradient = gradient.copy()
        gradient[-1, -1] *= 2
        return gradient

    mistakes = {"0.1 % too large": lambda gradient: 1.001 * gradient,
                "0.1 % too small": lambda gradient: 0.999 * gradient,
                "of the wrong sign": np.negative, "doubled in the last entry": double_the_last_entry}
    for mistake, plant in mistakes.items():
        for wrong in ((), ("dW1",), ("db1",), ("dW2", "db2"), ("dW1", "db1", "dW2", "db2")):
            planted = {name: plant(gradient) if name in wrong else gradient for name, gradient in grads.items()}
            found = ask(answer, parameters, X, Y, planted)
            assert set(found) == set(wrong), f"{mistake} must be: {names(wrong)}; got {names(found)}."


def names(found):
    return ", ".join(sorted(found)) or "none"


def rounded(array):
    return np.round(array, 3).tolist()


def ask(answer, *arguments):
    """Call the answer with copies, so that it cannot change what it is judged by."""
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            result = answer(*map(copy.deepcopy, arguments))
    except FloatingPointError as error:
        raise AssertionError(f"{answer.__name__} must compute without a warning from NumPy; got: {error}.") from error
    if result is None:
        raise NotImplementedError
    return result


def expect(name, got, expected, tolerance=1e-9):
    """Compare entry by entry and name the first that is wrong."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape, f"{name} must have shape {expected.shape}; got {got.shape}."
    for place in np.argwhere(~np.isclose(got, expected, rtol=tolerance, atol=tolerance))[:1]:
        entry = f" at {place.tolist()}" if len(place) else ""
        raise AssertionError(f"{name} must be {expected[tuple(place)]:.6g}{entry}; got {got[tuple(place)]:.6g}.")


def random_network(n_x, n_h, n_y, **settings):
    """A network whose biases are random too."""
    generator = np.random.RandomState(0)
    parameters = initialize_parameters(n_x, n_h, n_y, scale=1, random_state=generator, **settings)
    return parameters | {b: generator.standard_normal(parameters[b].shape) for b in ("b1", "b2")}


CHECKS = {name.removeprefix("check_"): check for name, check in globals().items() if name.startswith("check_")}


NUMBERS = {name: number for number, name in enumerate(CHECKS, 1)}
LIMIT = 10  # seconds an answer
FORBIDDEN = {  # names that an answer may not use, nor the functions that it calls
    "sigmoid": {"activations", "ACTIVATIONS", "OUTPUT_ACTIVATIONS", "sigmoid", "expit"},
    "cost_from_logits": {"costs", "COSTS", "cross_entropy", "compute_cost"},
    "fold_scaling": {"fold_standardization"},
    "class_weights": {"balanced_weights", "vectorize"},
    "momentum": {"optimizers", "momentum"},
    "wrong_gradients": {"backward_propagation"},
}
CLOSED = {"checks", "reference", "sys", "os", "importlib", "inspect", "gc", "builtins", "__main__", "__import__",
          "exec", "eval", "exit", "quit", "SystemExit"}


def used_names(function):
    """Return the names that a function uses, with those of the functions of its own file that it calls."""
    names, seen, waiting = set(), set(), [function.__code__]
    while waiting:
        code = waiting.pop()
        seen.add(code)
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        for name in code.co_names:
            used = function.__globals__.get(name)
            names |= {name, getattr(used, "__name__", name)}              # under an alias too
            if isinstance(used, FunctionType) and used.__code__.co_filename == code.co_filename:
                waiting += {used.__code__} - seen
    return names


def verdict(name, answers):
    """Return "passed", "not done yet" or what is wrong, in words."""
    try:
        if not hasattr(answers, name):
            raise NotImplementedError
        answer = getattr(answers, name)
        assert isinstance(answer, FunctionType), f"{name} must be a function of yours; got {type(answer).__name__}."
        forbidden = FORBIDDEN.get(name, set()) & used_names(answer)
        assert not forbidden, f"{name} must do without {', '.join(sorted(forbidden))}."
        CHECKS[name](answer)
    except NotImplementedError:
        return "not done yet"
    except AssertionError as error:
        return str(error)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == answers.__file__]
        return f"{type(error).__name__}{f' in line {lines[-1]}' if lines else ''}: {error}"
    return "passed"


def check(answer):
    """Print the verdict on a function; for a notebook, where the answers are not in a file."""
    name = answer.__name__
    print(f"{name}: {verdict(name, SimpleNamespace(__file__=answer.__code__.co_filename, **{name: answer}))}")


def load(path):
    """Run the file of answers and return it as a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {part for alias in node.names for part in alias.name.split(".")}
            names |= set((getattr(node, "module", None) or "").split("."))
    assert not names & CLOSED, f"the answers must do without {', '.join(sorted(names & CLOSED))}."
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judge(results, path, *exercises):
    """In a process of its own: write a line for the file, and one with the verdict on each exercise."""
    with open(results, "a", encoding="utf-8") as file:
        def write(line):
            print(json.dumps(line), file=file, flush=True)

        try:
            answers = load(Path(path))
        except (Exception, SystemExit) as error:
            line = getattr(error, "lineno", None) or traceback.extract_tb(error.__traceback__)[-1].lineno
            own = isinstance(error, AssertionError)
            write(str(error) if own else f"{type(error).__name__} in line {line}: {getattr(error, 'msg', error)}")
            return
        write("")
        for name in exercises:
            answer = getattr(answers, name, None)
            own = not isinstance(answer, FunctionType) or answer.__code__.co_filename == str(path)
            write(verdict(name, answers) if own else f"{name} must be a function of yours; got an imported one.")


def verdicts(path, exercises, limit=LIMIT):
    """Return a verdict on each exercise, or raise ValueError where the file itself cannot be run."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        while len(found) < len(exercises):
            results, waiting = Path(folder, str(len(found))), exercises[len(found):]
            results.touch()
            child = subprocess.Popen([sys.executable, __file__, "--judge", str(results), str(path), *waiting])
            ended = run_until_it_stands_still(child, results, limit, 1 + len(waiting))
            loaded, *lines = map(json.loads, results.read_text(encoding="utf-8").splitlines() or [json.dumps(ended)])
            if loaded:
                raise ValueError(f"{path}: {loaded}")
            found += lines
            if len(lines) < len(waiting):
                found.append(ended)
    return found


def run_until_it_stands_still(child, results, limit, lines):
    """Wait for a child that writes lines, kill it when none comes in time, and return what to say of a missing one."""
    written, deadline = 0, time.monotonic() + limit + 20                  # the first one takes the imports
    while child.poll() is None:
        if written < (written := results.read_bytes().count(b"\n")):
            deadline = time.monotonic() + limit
        if time.monotonic() > deadline and written < lines:
            child.kill()
            child.wait()
            return f"it must end within {limit:g} s; it was stopped."
        time.sleep(0.02)
    return "it ended Python; a function ends with return."


def write_report(path, rows):
    """Write (file, number, name, verdict) rows as CSV, or as JUnit's XML."""
    if path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("file", "exercise", "name", "verdict"), *rows])
        return
    failed = sum(row[3] != "passed" for row in rows)
    suite = ElementTree.Element("testsuite", name="exercises", tests=str(len(rows)), failures=str(failed))
    for file, _, name, result in rows:
        case = ElementTree.SubElement(suite, "testcase", classname=str(file), name=name)
        if result != "passed":
            ElementTree.SubElement(case, "failure", message=result)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Check the answers to docs/exercises.md.")
    parser.add_argument("answers", type=Path, nargs="+", help="Python file with your functions, such as my_answers.py")
    parser.add_argument("--exercise", type=int, choices=NUMBERS.values(), metavar="N", help="this one alone")
    parser.add_argument("--report", type=Path, help="write the verdicts to this file too, .csv or .xml (JUnit)")
    options = parser.parse_args(arguments)
    if options.report and options.report.suffix not in (".csv", ".xml"):
        parser.error(f"--report must end in .csv or .xml; got {options.report}.")
    exercises = [name for name, number in NUMBERS.items() if options.exercise in (None, number)]
    rows = []
    for path in options.answers:
        if path.suffix != ".py" or not path.is_file():
            parser.error(f"answers must be a Python file that is there; got {path}.")
        if len(options.answers) > 1:
            print(path)
        try:
            results = verdicts(path, exercises)
        except ValueError as error:
            print(error)
            results = [str(error)] * len(exercises)
        else:
            for name, result in zip(exercises, results, strict=True):
                print(f"{NUMBERS[name]:2} {name:22} {result}")
        rows += [(path, NUMBERS[name], name, result) for name, result in zip(exercises, results, strict=True)]
        print(f"{results.count('passed')} of {len(exercises)} passed")
    if options.report:
        write_report(options.report, rows)
    return 0 if all(result == "passed" for *_, result in rows) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        judge(*sys.argv[2:])
    else:
        sys.exit(main())
