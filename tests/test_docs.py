"""docs/maths.md is right: it quotes the code, its nodes are derivatives, its numbers come out, its formulas parse."""

import ast
import doctest
import inspect
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser

from shallownet import numerical_gradient
from shallownet._types import CostName, Hidden
from shallownet.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from shallownet.costs import COSTS

ROOT = Path(__file__).parents[1]
MATHS = (ROOT / "docs/maths.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", MATHS, re.M | re.S)
QUOTED = {line for _, block in BLOCKS for line in block.splitlines()}
ROWS = [ACTIVATIONS[name] for name in get_args(Hidden)] + [COSTS[name] for name in get_args(CostName)]
PROSE = re.sub(r"^```.*?^```$|`[^`]*`", "", MATHS, flags=re.M | re.S)
FORMULAS = sorted(set(re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$\n]+)\$(?!\$)", PROSE)))


def code_lines(path):
    """The lines of a file without indentation and without the comments at their ends."""
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("path", "block"), BLOCKS)
def test_the_quoted_lines_stand_in_the_code_in_this_order(path, block):
    remaining = iter(code_lines(path))
    for line in block.splitlines():
        assert line in remaining, f"{path} has no line {line!r}, or not at this place"


def test_every_quotation_names_its_file():
    assert len(BLOCKS) == len(re.findall(r"^```python$", MATHS, re.M)) > 30


@pytest.mark.parametrize(
    "function",
    sorted(
        {f for row in ROWS for f in row if callable(f)}
        | set(OUTPUT_ACTIVATIONS.values()),
        key=lambda f: f.__name__,
    ),
    ids=lambda f: f.__name__,
)
def test_every_activation_and_cost_that_comes_with_the_package_is_quoted(function):
    function = inspect.unwrap(function)                                   # a decorator stands somewhere else
    lines = code_lines(Path(function.__code__.co_filename).relative_to(ROOT))
    first = 1 + next(i for i, line in enumerate(lines) if line.startswith(f"def {function.__name__}("))
    body = lines[first:next((i for i in range(first, len(lines)) if lines[i].startswith(("def ", "class "))), None)]
    returned = next(line for line in reversed(body) if line.startswith("return"))
    assert returned in QUOTED | {"return A", "return Z"}


# The nodes

NODES = dict(
    (name, (forward, backward))
    for name, forward, backward in re.findall(r"^\| ([\w -]+) \| `(.+)` \| `(.+)` \|$", MATHS, re.M)
    if backward.startswith("d")
)
random = np.random.RandomState(0)
VALUES = {
    "np": np, "m": 4, "X": random.randn(3, 4), "Y": random.randn(3, 4), "W": random.randn(2, 3),
    "x": random.randn(2, 1), "T": random.rand(3, 4), "P": random.dirichlet(np.ones(3), size=4).T,
}


def test_the_table_has_all_the_nodes():
    assert len(NODES) == 15


@pytest.mark.parametrize("name", NODES)
def test_the_backward_pass_of_a_node_is_its_derivative(name):
    forward, backward = NODES[name]
    assigned, used = (
        {node.id[1:] for node in ast.walk(ast.parse(backward))
         if isinstance(node, ast.Name) and isinstance(node.ctx, context) and node.id.startswith("d")}
        for context in (ast.Store, ast.Load)
    )
    inputs, outputs = assigned, used - assigned

    def run(**moved):
        names = VALUES | moved
        exec(forward, names)
        return names

    arriving = {"d" + output: np.random.RandomState(1).standard_normal(run()[output].shape) for output in outputs}
    passed_on = run() | arriving
    exec(backward, passed_on)
    for name in inputs:
        def downstream(value, name=name):
            return sum(np.sum(arriving["d" + output] * run(**{name: value})[output]) for output in outputs)

        numerical = numerical_gradient(downstream, VALUES[name])
        assert passed_on["d" + name].shape == VALUES[name].shape
        np.testing.assert_allclose(passed_on["d" + name], numerical, rtol=1e-7, atol=1e-9)


# The prose

def test_the_numbers_come_out_as_printed():
    results = doctest.testfile(str(ROOT / "docs/maths.md"), module_relative=False)
    assert results.attempted > 10
    assert results.failed == 0


@pytest.mark.parametrize("formula", ["".join(parts) for parts in FORMULAS])
def test_a_formula_can_be_set(formula):
    # GitHub's Markdown eats the backslash before anything but a letter.
    assert not re.search(r"\\[^A-Za-z]|(?<!\|)\|\|", formula)
    MathTextParser("path").parse(f"${formula}$")


def test_no_dollar_is_left_over():
    without = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", "\0", PROSE)
    assert "$" not in without
    assert not re.search(r"\w\0|\0\w", without)                          # GitHub sets no formula that touches a word


def test_the_links_lead_to_the_headings():
    titles = re.findall(r"^## (.+)$", MATHS, re.M)
    anchors = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
    assert re.findall(r"\]\(#([^)]+)\)", MATHS) == anchors
