"""The notebooks run from an empty folder and print what they promise; the Chinese ones run the same code."""

import base64
import importlib.util
import io
import shutil
from pathlib import Path

import jupytext
import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted(path.stem for path in (DOCS / "notebooks").glob("*.py") if "." not in path.stem)
PUBLISHED = [
    "X has shape (2, 400), Y has shape (1, 400): m = 400 samples.",
    "accuracy of logistic regression: 47.0 %",
    "W1 = [[-0.00416758, -0.00056267], [-0.02136196, 0.01640271], [-0.01793436, -0.00841747], "
    "[0.00502881, -0.01245288]]",
    "W2 = [[-0.01057952, -0.00909008, 0.00551454, 0.02292208]]",
    "correct: True",
    *(f"Cost after iteration {1000 * i}: {cost}" for i, cost in enumerate(
        ["0.693162", "0.258625", "0.239334", "0.230802", "0.225528", "0.221845", "0.219094"])),
    ("accuracy: 90.50 %", "accuracy: 90.75 %"),
    "1 hidden units: 67.50 %", "2 hidden units: 67.25 %", "3 hidden units: 90.75 %", "4 hidden units: 90.50 %",
    "5 hidden units: 91.25 %", ("20 hidden units: 90.75 %", "20 hidden units: 91.00 %"),
    ("50 hidden units: 90.25 %", "50 hidden units: 90.50 %"),
]
PROMISED = {
    "planar": PUBLISHED,
    "hidden_units": ["accuracy: 100.0 %", "  Z2  = W2 A1 + b2                                     [-2.5455  1.3751]"],
    "own_table": ["192 samples to train with, 48 to validate, 60 to test",
                  "features length, weight; classes barley, oat, wheat", "accuracy on the test part: 90.0 %"],
    "save_and_resume": ["the same bits: True", "refused: ModelFileError", "went on to 2000 iterations, cost 0.1101"],
}
PICTURES = {"planar": 6, "hidden_units": 4, "own_table": 3, "save_and_resume": 1}
FILES = {"planar": [], "hidden_units": ["training.html"], "own_table": ["grains.csv", "grains.h5"],
         "save_and_resume": ["damaged.h5", "moons.h5", "run.h5"]}


def read(name):
    return jupytext.read(DOCS / "notebooks" / f"{name}.py")


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook, folder):
    """Run a notebook in a folder and return its printed lines, its pictures and what it wrote to the error stream."""
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    errors = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
    pictures = [base64.b64decode(output["data"]["image/png"]) for output in outputs
                if "image/png" in output.get("data", {})]
    return printed.splitlines(), pictures, errors


@pytest.mark.parametrize("name", PROMISED)
def test_a_notebook_runs_and_keeps_its_promises(name, tmp_path):
    printed, pictures, errors = execute(read(name), tmp_path)
    assert errors == ""
    for line in PROMISED[name]:
        assert not {line}.isdisjoint(printed) if isinstance(line, str) else set(line) & set(printed), line
    assert len(pictures) == PICTURES[name]
    for picture in pictures:
        assert len(np.unique(np.asarray(Image.open(io.BytesIO(picture)).convert("L")))) > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES[name]


def test_every_notebook_is_tested():
    assert NOTEBOOKS == sorted([*PROMISED, "exercises"])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_chinese_notebook_runs_the_same_code(name):
    chinese = read(f"{name}.zh-CN")
    assert code(chinese) == code(read(name))
    texts = "".join(cell.source for cell in chinese.cells if cell.cell_type == "markdown")
    assert sum("\u4e00" <= letter <= "\u9fff" for letter in texts) > 100


def exercise_writer(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "exercises")
    spec = importlib.util.spec_from_file_location("exercise_notebook", DOCS / "exercises/notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_exercise_notebooks_are_those_of_the_document(language, monkeypatch):
    written = (DOCS / f"notebooks/exercises{language}.py").read_text(encoding="utf-8")
    assert exercise_writer(monkeypatch).notebook(language) == written, "run docs/exercises/notebook.py"


def test_the_exercises_wait_for_answers_and_the_reference_passes(tmp_path, monkeypatch):
    checks = list(exercise_writer(monkeypatch).CHECKS)
    shutil.copytree(DOCS / "exercises", tmp_path / "exercises")
    (tmp_path / "notebooks").mkdir()
    notebook = read("exercises")
    answers = (DOCS / "exercises/reference.py").read_text(encoding="utf-8")
    sources = [answers, *(f"check({name})" for name in checks)]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    printed, _, errors = execute(notebook, tmp_path / "notebooks")
    assert errors == ""
    assert printed == [*(f"{name}: not done yet" for name in checks), *(f"{name}: passed" for name in checks)]
