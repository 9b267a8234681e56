"""Every example runs, prints its result beside the tutorial's, and writes a picture that shows something."""

import importlib.util
import re
import sys
from pathlib import Path

import command_line
import numpy as np
import pytest
from matplotlib import image

EXAMPLES = Path(__file__).parents[1] / "examples"
ARGUMENTS = {  # short settings
    "sine_regression": ["--iterations", "2000"],
    "digits": ["--steps", "300"],
    "disc": ["--iterations", "500"],
    "spiral": ["--epochs", "20"],
    "own_table": [],
    "larger_than_memory": ["--gigabytes", "0.02"],
}
PICTURES = ["sine_regression", "digits", "disc", "spiral", "own_table"]


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run an example in an empty folder and return what it printed."""
    monkeypatch.chdir(tmp_path)

    def function(name, arguments):
        load(name).main(arguments)
        return capsys.readouterr().out

    return function


def test_every_example_is_tested():
    others = {"dask_cluster", "command_line"}  # the first has its own test, beside those of shallownet.dask
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(ARGUMENTS) | others


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("disc", ["--iterations", "-5"], "--iterations: must be at least 1; got -5"),
    ("disc", ["--learning-rate", "0"], "--learning-rate: must be positive; got 0"),
    ("spiral", ["--seed", "-1"], "--seed: must be at least 0; got -1"),
    ("sine_regression", ["--output", "missing/a.png"], "--output: must be a file in a folder that is there"),
    ("sine_regression", ["--output", "a.doc"], r"--output: must end in \.png or \.pdf or \.svg; got a\.doc"),
    ("digits", ["--steps", "many"], "--steps: invalid integer value: 'many'"),
    ("digits", ["--model", "a.txt"], r"--model: must end in \.h5; got a\.txt"),
    ("larger_than_memory", ["--gigabytes", "-1"], "--gigabytes: must be positive; got -1"),
    ("dask_cluster", ["--workers", "0"], "--workers: must be at least 1; got 0"),
])
def test_a_wrong_argument_is_told_in_one_line_before_anything_is_computed(name, arguments, message, run, capsys):
    with pytest.raises(SystemExit) as stop:
        run(name, arguments)
    assert stop.value.code == 2
    assert re.search(f"error: argument {message}", capsys.readouterr().err.splitlines()[-1])


@pytest.mark.parametrize("error", [ValueError("X must be finite"), KeyboardInterrupt(), FloatingPointError("cost")])
def test_what_goes_wrong_in_an_example_is_one_line(error):
    def main():
        raise error

    with pytest.raises(SystemExit, match=rf": ({error}|interrupted)$"):
        command_line.run(main)


@pytest.mark.parametrize("name", ["dask_cluster", "digits"])
def test_help_needs_no_extra(name, run, capsys, monkeypatch):
    for module in ("distributed", "shallownet.dask", "sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit) as stop:
        run(name, ["--help"])
    assert stop.value.code == 0
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_written_and_not_blank(name, run, tmp_path):
    assert f"{name}.png" in run(name, ARGUMENTS[name])
    pixels = image.imread(tmp_path / f"{name}.png")
    assert pixels.shape[0] > 300
    assert pixels[:, :, :3].std() > 0.05


def test_sine_regression_prints_the_losses_of_the_text(run):
    rows = re.findall(r"^ *\d+ +(\S+) +(\S+)$", run("sine_regression", []), re.M)
    assert len(rows) == 10
    assert all(ours == text for ours, text in rows)


def test_disc_reaches_a_cost_below_a_hundredth(run):
    printed = run("disc", [])
    assert "untrained, at (0, 0): 0.5588" in printed
    assert float(re.search(r"^cost (\S+),", printed, re.M)[1]) < 0.01


def test_spiral_reaches_the_accuracy_of_the_text(run):
    assert float(re.search(r"training accuracy (\S+) %", run("spiral", []))[1]) >= 95


def test_digits_saves_the_network_that_it_reports(run, tmp_path):
    from shallownet.storage import load_metadata, load_parameters

    printed = run("digits", ["--steps", "3000"])
    assert float(re.search(r"test accuracy (\S+)", printed)[1]) > 0.85
    assert load_parameters(tmp_path / "digits.h5")["W1"].shape == (50, 64)
    assert load_metadata(tmp_path / "digits.h5") == {"data": "8x8 digits"}


def test_digits_reads_mnist_files(run, tmp_path):
    random = np.random.RandomState(0)
    for part, m in (("train", 300), ("t10k", 50)):
        labels = (np.arange(m) % 10).astype(np.uint8)
        images = random.randint(0, 80, (m, 28, 28)).astype(np.uint8)
        images[np.arange(m), labels] = 255
        for name, magic, array in (("images-idx3", 0x803, images), ("labels-idx1", 0x801, labels)):
            header = np.array([magic, *array.shape], ">i4").tobytes()
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(header + array.tobytes())
    printed = run("digits", ["--mnist", str(tmp_path), "--steps", "30"])
    assert "test accuracy" in printed
    assert (tmp_path / "digits.png").exists()


def test_own_table_reads_a_file_of_the_users(run, tmp_path):
    lines = [f"{i % 10},{i % 7},{'high' if i % 10 > 4 else 'low'}" for i in range(200)]
    (tmp_path / "levels.csv").write_text("a,b,level\n" + "\n".join(lines) + "\n")
    printed = run("own_table", ["levels.csv", "--target", "level"])
    assert "2 classes: high 100, low 100" in printed
    assert float(re.search(r"accuracy on rows held out: (\S+) ±", printed)[1]) > 0.95


def test_own_table_learns_values_too(run, tmp_path):
    lines = [f"{i % 10},{i % 7},{i % 10 + 0.5 * (i % 7)}" for i in range(200)]
    (tmp_path / "levels.csv").write_text("a;b;level\n" + "\n".join(lines).replace(",", ";") + "\n")
    printed = run("own_table", ["levels.csv", "--target", "level", "--output", "levels.png"])
    assert float(re.search(r"R² on rows held out: (\S+) ±", printed)[1]) > 0.95
    assert (tmp_path / "levels.png").exists()


def test_own_table_has_the_delimiter_that_a_message_advises(run, tmp_path, capsys):
    lines = [f"{i % 10}:{i % 7}:{'high' if i % 10 > 4 else 'low'}" for i in range(200)]
    (tmp_path / "levels.csv").write_text("a:b:level\n" + "\n".join(lines) + "\n")
    with pytest.raises(SystemExit):
        run("own_table", ["levels.csv", "--target", "level"])
    (advised,) = re.findall(r"Use delimiter='(.)'", capsys.readouterr().err)
    assert "high 100, low 100" in run("own_table", ["levels.csv", "--target", "level", "--delimiter", advised])


@pytest.mark.parametrize(("text", "target", "message"), [
    (None, "level", "No such file"),
    ("a,level\n1,low\n2,high\n", "height", "height"),
    ("a,level\n1,2.5\n2,2.5\n", "level", "column 'level' must hold different finite numbers"),
])
def test_own_table_refuses_in_one_line(run, tmp_path, capsys, text, target, message):
    if text:
        (tmp_path / "levels.csv").write_text(text)
    with pytest.raises(SystemExit) as stop:
        run("own_table", ["levels.csv", "--target", target])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--path", "mine.h5"], ["--gigabytes", "nan"], ["--gigabytes", "-1"],
                                       ["--batch-size", "0"]])
def test_larger_than_memory_touches_no_file_of_the_users(run, tmp_path, capsys, arguments):
    (tmp_path / "mine.h5").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        run("larger_than_memory", arguments)
    assert stop.value.code == 2
    assert f"argument {arguments[0]}: must be" in capsys.readouterr().err
    assert (tmp_path / "mine.h5").read_text() == "mine"


def test_larger_than_memory_reports_and_removes_its_file(run, tmp_path):
    printed = run("larger_than_memory", ARGUMENTS["larger_than_memory"])
    assert re.search(r"mini-batches: .* MB/s", printed)
    assert re.search(r"full batch: .* MB/s", printed)
    assert "peak memory" in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_help_names_every_option(name, run, capsys):
    with pytest.raises(SystemExit) as stop:
        load(name).main(["--help"])
    assert stop.value.code == 0
    assert "default" in capsys.readouterr().out


@pytest.mark.parametrize("name", PICTURES)
def test_the_program_of_a_text_is_short(name):
    lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) < 60
