"""CONTRIBUTING says what is true: its commands are CI's, and its steps add an activation and a cost that work."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shallownet import gradient_check, nn_model
from shallownet._types import Array
from shallownet.activations import ACTIVATIONS, Activation
from shallownet.costs import COSTS, Cost

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", CONTRIBUTING, re.M | re.S)


def new_rows():
    """The tables, each with the rows that the steps add."""
    names = {"np": np, "Array": Array, "Activation": Activation, "Cost": Cost}
    activation, cost, activation_row, cost_row = blocks("python")
    exec(activation + cost, names)
    return ((ACTIVATIONS, eval(f"{{{activation_row}}}", names)), (COSTS, eval(f"{{{cost_row}}}", names)))


@pytest.fixture
def added(monkeypatch):
    """The tables, with the rows that the steps add."""
    for table, rows in new_rows():
        for name, functions in rows.items():
            monkeypatch.setitem(table, name, functions)


@pytest.mark.parametrize("n_y", [1, 3])
@pytest.mark.parametrize(("hidden", "cost"), [("softplus", "cross_entropy"), ("tanh", "huber"), ("softplus", "huber")])
def test_the_gradient_of_what_the_steps_add_is_right(hidden, cost, n_y, added, problem):
    parameters, X, Y = problem(n_y=n_y, m=30, hidden=hidden, cost=cost)
    assert gradient_check(parameters, X, Y) < 1e-7


def test_what_the_steps_add_trains(added, problem):
    _, X, Y = problem()
    parameters = nn_model(X, Y, num_iterations=10, hidden="softplus", cost="huber", learning_rate=0.1)
    assert (parameters["hidden"], parameters["cost"]) == ("softplus", "huber")


def test_the_added_cost_is_what_its_text_says(added):
    cost = COSTS["huber"].of_logits(np.array([[0.5, -3.0, 1e9], [0.0, 1.0, 0.0]]), np.zeros((2, 3)))
    np.testing.assert_allclose(cost, [[0.25, 5 + 1, 2e9 - 1]], rtol=1e-15)


ADD = """
import sys
sys.path.insert(0, {tests!r})
from test_contributing import new_rows
for table, rows in new_rows():
    table.update(rows)
"""


def test_the_steps_turn_no_test_red_but_those_that_want_a_value(tmp_path):
    (tmp_path / "add_rows.py").write_text(ADD.format(tests=str(ROOT / "tests")))
    files = [f"tests/test_{name}.py" for name in ("activations", "costs", "network", "docs", "checks")]
    command = [sys.executable, "-m", "pytest", "-p", "add_rows", "-p", "no:cacheprovider", "-v", *files]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    red = re.findall(r"^(?:FAILED|ERROR) (\S+)", child.stdout, re.M)
    assert "[softplus" in child.stdout
    assert "[huber" in child.stdout
    assert red == []


def test_the_commands_are_those_of_the_readme_and_of_ci():
    test_command, lint_command = blocks("bash")[0].strip(), blocks("bash")[2].strip()
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert test_command in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert test_command in ci.splitlines()
    install, check = lint_command.split(" && ")
    assert check in ci.splitlines()
    assert install in ci


def test_the_files_it_names_are_there():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", CONTRIBUTING)
    paths = re.findall(r"\b(?:tests|shallownet)/\w+\.py\b", CONTRIBUTING)
    assert links
    assert paths
    assert [name for name in links + paths if not (ROOT / name).exists()] == []


def test_what_the_derivative_in_the_output_excludes_is_excluded():
    """An output of GELU and of swish belongs to two inputs, where the derivatives differ."""
    text = re.search(r"`derivative\(A\)` excludes.*?\n\n", CONTRIBUTING, re.S)[0]
    erf = np.vectorize(math.erf)
    excluded = {"GELU": lambda Z: Z / 2 * (1 + erf(Z / np.sqrt(2))), "swish": lambda Z: Z / (1 + np.exp(-Z))}
    for name, function in excluded.items():
        assert name in text
        Z = np.linspace(-6, 0, 6001)
        lowest = np.argmin(function(Z))
        assert 0 < lowest < len(Z) - 1                                    # it falls, and rises again
        A = function(Z[lowest] - 1)
        twin = Z[lowest] + np.interp(A, function(Z[lowest:]), Z[lowest:] - Z[lowest])
        np.testing.assert_allclose(function(twin), A, atol=1e-6)
        slopes = [(function(z + 1e-6) - function(z - 1e-6)) / 2e-6 for z in (Z[lowest] - 1, twin)]
        assert slopes[0] < -0.01 < 0.01 < slopes[1]
