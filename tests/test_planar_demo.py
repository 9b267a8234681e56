"""The demo: the published numbers, its pictures, its options, and how it ends when something is wrong."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import shallownet as sn
from shallownet.datasets import moons, planar_flower, spiral
from shallownet.storage import load_parameters

PATH = Path(__file__).parents[1] / "planar_demo.py"


def load():
    spec = importlib.util.spec_from_file_location("planar_demo", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def keep_figures(module, monkeypatch):
    """Return a list that gets the figures that the demo makes."""
    made, new_figure = [], module.new_figure

    def keep(options, height):
        made.append(new_figure(options, height))
        return made[-1]

    monkeypatch.setattr(module, "new_figure", keep)
    return made


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The demo as a module, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load()


@pytest.fixture
def figures(demo, monkeypatch):
    return keep_figures(demo, monkeypatch)


@pytest.fixture(scope="module")
def without_arguments(tmp_path_factory):
    """What the demo prints and draws without arguments: the lines, the figure and the folder."""
    folder = tmp_path_factory.mktemp("demo")
    module, printed = load(), io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stdout(printed):
        monkeypatch.chdir(folder)
        figures = keep_figures(module, monkeypatch)
        assert module.main([]) == 0
    return printed.getvalue().splitlines(), figures[0], folder


def run_alone(*arguments, folder):
    """Run the demo as a program without a display, and return what it did."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    environment["PYTHONPATH"] = os.pathsep.join([str(PATH.parent), environment.get("PYTHONPATH", "")])
    return subprocess.run([sys.executable, "-W", "error", PATH, *arguments], cwd=folder, env=environment,
                          capture_output=True, text=True, check=False)


# What it shows

def test_the_published_numbers_are_printed(without_arguments):
    (shapes, baseline, *costs), _, _ = without_arguments
    assert shapes == "X has shape (2, 400), Y has shape (1, 400): m = 400 samples."
    assert baseline == "Accuracy without hidden layer (logistic regression): 47.0 %"
    published = [0.693162, 0.258625, 0.239334, 0.230802, 0.225528, 0.221845, 0.219094]
    assert costs[:7] == [f"Cost after iteration {1000 * i}: {cost:.6f}" for i, cost in enumerate(published)]
    assert [line.split(":")[0] for line in costs[7:10]] == [f"Cost after iteration {i}" for i in (7000, 8000, 9000)]
    assert costs[10] in ("Accuracy with 4 hidden units: 90.5 %", "Accuracy with 4 hidden units: 90.75 %")
    assert costs[11] == "Accuracy after 5000 iterations with"


def test_hidden_sizes_reach_the_published_accuracy(without_arguments):
    lines, figure, _ = without_arguments
    expected = {"1 hidden unit": [67.5], "2 hidden units": [67.25], "3 hidden units": [90.75],
                "4 hidden units": [90.5], "5 hidden units": [91.25], "20 hidden units": [90.75, 91.0],
                "50 hidden units": [90.25, 90.5]}
    for line, (size, percents) in zip(lines[-8:-1], expected.items(), strict=True):
        assert line in [f"  {size}: {percent} %" for percent in percents]
    assert [ax.get_title() for ax in figure.axes[4:]] == [
        line.strip().replace(": ", "\n") for line in lines[-8:-1]
    ]


def test_the_picture_has_a_panel_for_everything(without_arguments):
    lines, figure, _ = without_arguments
    assert [ax.get_title() for ax in figure.axes[:4]] == [
        "the data\n", "no hidden layer\n47.0 %", lines[12].removeprefix("Accuracy with ").replace(": ", "\n"),
        "the cost\nby iteration",
    ]
    assert len(figure.axes) == 4 + 7
    assert all(ax.has_data() for ax in figure.axes)


def test_the_picture_can_be_read_on_a_projector_and_a_phone(without_arguments):
    _, figure, _ = without_arguments
    letters = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    heights = [text.get_fontsize() / 72 * figure.dpi * 400 / 1600 for text in letters]
    assert min(heights) > 6                                               # pixels, where the picture has 400
    assert "probability of class 1" in figure.legends[0].get_title().get_text()


def test_it_ends_by_saying_where_the_picture_is(without_arguments):
    lines, _, folder = without_arguments
    assert lines[-1] == f"The picture is in {folder / 'planar_demo.png'}"
    assert [path.name for path in folder.iterdir()] == ["planar_demo.png"]


def test_the_picture_fits_a_readme(without_arguments):
    path = without_arguments[2] / "planar_demo.png"
    with Image.open(path) as picture:
        assert picture.width == 1600
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100
    assert path.stat().st_size < 500_000


def test_logistic_regression_is_at_its_optimum(demo):
    X, Y = planar_flower()
    error = demo.logistic_regression(X, Y)(X) - Y
    np.testing.assert_allclose(error @ X.T / 400, 0, atol=1e-12)
    np.testing.assert_allclose(error.mean(), 0, atol=1e-12)


def test_classes_are_named_once(demo, figures):
    demo.main(["--iterations", "1", "--no-sweep", "--dataset", "spiral"])
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["class 0", "class 1", "class 2"]


def test_learning_curve_begins_and_ends_with_the_training(demo, figures):
    demo.main(["--iterations", "25", "--no-sweep"])
    (line,) = figures[0].axes[3].lines
    np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20, 25])


def test_it_runs_as_a_program_without_a_display(tmp_path):
    done = run_alone("--iterations", "200", "--no-sweep", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"The picture is in {tmp_path / 'planar_demo.png'}"
    assert [path.name for path in tmp_path.iterdir()] == ["planar_demo.png"]


# Options

def test_three_classes_have_a_softmax_with_and_without_hidden_layer(demo, capsys):
    demo.main("--dataset spiral --iterations 1 --no-sweep --model network.h5".split())
    X, Y = spiral()
    A = demo.logistic_regression(X, Y)(X)
    np.testing.assert_allclose(A.sum(axis=0), 1)
    right = round(100 * np.mean(A.argmax(axis=0) == Y.argmax(axis=0)), 2)
    assert f"(logistic regression): {right} %" in capsys.readouterr().out
    assert load_parameters("network.h5")["cost"] == "softmax_cross_entropy"


@pytest.mark.parametrize(("dataset", "m", "n_y"), [
    ("flower", 400, 1), ("moons", 200, 1), ("circles", 200, 1), ("blobs", 200, 1), ("quantiles", 200, 1),
    ("spiral", 300, 3),
])
def test_every_dataset_is_learned_and_drawn(demo, figures, capsys, dataset, m, n_y):
    assert demo.main(["--dataset", dataset, "--iterations", "10", "--no-sweep"]) == 0
    assert capsys.readouterr().out.startswith(f"X has shape (2, {m}), Y has shape ({n_y}, {m}): m = {m} samples.")
    assert len(figures[0].axes) == 4
    assert_no_title_is_cut(figures[0])


def assert_no_title_is_cut(figure):
    assert all(ax.title.get_window_extent().y1 <= figure.bbox.y1 for ax in figure.axes)


def test_options_reach_the_training(demo, capsys):
    demo.main("--hidden 3 --iterations 30 --learning-rate 0.5 --seed 7 --no-sweep --model network.h5".split())
    X, Y = planar_flower()
    expected = sn.nn_model(X, Y, 3, 30, learning_rate=0.5, random_state=7)
    saved = load_parameters("network.h5")
    for name in ("W1", "b1", "W2", "b2"):
        np.testing.assert_array_equal(saved[name], expected[name])
    assert f"The network is in {Path('network.h5').resolve()}" in capsys.readouterr().out


def test_the_activation_reaches_every_network(demo, monkeypatch):
    asked, nn_model = [], sn.nn_model
    monkeypatch.setattr(demo.sn, "nn_model", lambda *data, **settings: asked.append((data[2], settings["hidden"]))
                        or nn_model(*data, **settings))
    demo.main("--activation relu --hidden-sizes 2,7 --iterations 1 --model network.h5".split())
    assert load_parameters("network.h5")["hidden"] == "relu"
    assert asked == [(2, "relu"), (7, "relu")]


def test_hidden_sizes_are_those_that_were_asked_for(demo, figures, capsys):
    demo.main("--hidden-sizes 1,3,8,9,10 --iterations 1".split())
    printed = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    sizes = [f"{n} hidden unit{'s' * (n > 1)}" for n in (1, 3, 8, 9, 10)]
    assert printed == [f"  {size}" for size in sizes]
    assert [ax.get_title().split("\n")[0] for ax in figures[0].axes[4:]] == sizes


def test_noise_reaches_the_data(demo, figures):
    demo.main("--dataset moons --noise 0.5 --iterations 1 --no-sweep".split())
    drawn = np.vstack([points.get_offsets() for points in figures[0].axes[0].collections])
    assert {tuple(point) for point in drawn} == {tuple(point) for point in moons(noise=0.5)[0].T}


def test_a_test_part_is_held_out_and_its_cost_is_drawn(demo, figures, capsys):
    demo.main("--test-fraction 0.25 --iterations 200 --no-sweep --model network.h5".split())
    X, Y, X_test, Y_test = sn.split_columns(*planar_flower(), 0.25)
    parameters = load_parameters("network.h5")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "100 of them are held out, for a test."
    assert f"Accuracy on the samples held out: {round(100 * sn.accuracy(parameters, X_test, Y_test), 2)} %" in lines
    training, test = figures[0].axes[3].lines
    for line, data in ((training, (X, Y)), (test, (X_test, Y_test))):
        cost = sn.compute_cost(sn.predict_probability(parameters, data[0]), data[1])
        np.testing.assert_allclose(line.get_ydata()[-1], cost)
    assert test.get_label().startswith("test, lowest at ")


def test_animation_ends_with_the_trained_network(demo, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(demo, "animate_training", lambda frames, X, Y, path: drawn.extend(frames))
    demo.main("--iterations 15 --no-sweep --animate training.gif --model network.h5".split())
    assert list(dict(drawn)) == [0, 10, 15]
    np.testing.assert_array_equal(drawn[-1][1]["W1"], load_parameters("network.h5")["W1"])
    assert f"The animation is in {Path('training.gif').resolve()}" in capsys.readouterr().out


def test_animation_and_hidden_units_are_written(demo, capsys):
    demo.main("--iterations 2 --no-sweep --output demo.png --hidden-units --animate training.gif".split())
    assert sorted(path.name for path in Path().iterdir()) == ["demo.png", "demo_hidden_units.png", "training.gif"]
    with Image.open("training.gif") as gif, Image.open("demo_hidden_units.png") as units:
        assert gif.n_frames == 2
        assert units.width > units.height                                 # two rows of three panels
    assert f"The picture of the hidden units is in {Path('demo_hidden_units.png').resolve()}" in capsys.readouterr().out


def test_the_page_plays_the_training(demo, capsys):
    demo.main("--iterations 15 --no-sweep --page training.html --model network.h5".split())
    data = Path("training.html").read_text(encoding="utf-8").partition('type="application/json">')[2]
    shown = json.JSONDecoder().raw_decode(data)[0]["snapshots"]
    assert [snapshot["iteration"] for snapshot in shown] == [0, 10, 15]
    np.testing.assert_array_equal(shown[-1]["network"]["W1"], load_parameters("network.h5")["W1"])
    assert f"The page is in {Path('training.html').resolve()}" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["jpg", "pdf", "svg"])
def test_picture_may_have_another_format(demo, ending):
    demo.main(["--iterations", "1", "--no-sweep", "--output", f"demo.{ending}"])
    assert Path(f"demo.{ending}").stat().st_size > 10_000


@pytest.mark.parametrize(("iterations", "terminal", "bars"), [(20001, True, 1), (20000, True, 0), (20001, False, 0)])
def test_a_long_training_has_a_progress_bar_on_a_terminal(demo, capsys, monkeypatch, iterations, terminal, bars):
    made = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(demo.sn, "progress_bar", lambda: made.append("bar"))
    monkeypatch.setattr(demo.sn, "train", lambda *arguments, **settings: sys.exit(0))
    with pytest.raises(SystemExit):
        demo.main(["--iterations", str(iterations)])
    assert len(made) == bars


def test_show_opens_a_window_and_leaves_nothing_open(demo, monkeypatch):
    from matplotlib import pyplot

    shown = []
    monkeypatch.setattr(pyplot, "get_backend", lambda: "tkagg")
    monkeypatch.setattr(pyplot, "show", lambda: shown.extend(pyplot.get_fignums()))
    assert demo.main(["--iterations", "1", "--no-sweep", "--show"]) == 0
    assert len(shown) == 1
    assert pyplot.get_fignums() == []


def test_show_without_a_display_says_so(tmp_path):
    done = run_alone("--iterations", "1", "--no-sweep", "--show", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "There is no display to open a window on."


def test_without_a_window_pyplot_is_not_loaded(tmp_path):
    code = ("import sys, planar_demo; planar_demo.main('--iterations 1 --no-sweep --hidden-units'.split()); "
            "sys.exit('matplotlib.pyplot' in sys.modules)")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PATH.parent), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# Ctrl-C

def test_ctrl_c_ends_the_training_with_what_there_is(demo, figures, capsys, monkeypatch):
    def interrupt(state):
        if state["iteration"] == 1000:
            raise KeyboardInterrupt

    monkeypatch.setattr(demo.sn, "print_cost", lambda: interrupt)
    assert demo.main(["--model", "network.h5"]) == 130
    *_, stopped, accuracy, picture, network = capsys.readouterr().out.splitlines()
    assert stopped == "Stopped. This is what there is so far:"
    assert accuracy.startswith("Accuracy with 4 hidden units: ")
    assert picture.startswith("The picture is in ")
    assert network.startswith("The network is in ")
    assert len(figures[0].axes) == 4                                      # no hidden sizes after that
    assert figures[0].axes[3].lines[0].get_xdata()[-1] == 1000


def test_ctrl_c_ends_the_hidden_sizes_with_those_that_are_done(demo, figures, capsys, monkeypatch):
    def nn_model(X, Y, n_h, *arguments, **settings):
        if n_h == 3:
            raise KeyboardInterrupt
        return sn.initialize_parameters(2, n_h, 1, random_state=0)

    monkeypatch.setattr(demo.sn, "nn_model", nn_model)
    demo.main(["--iterations", "1"])
    assert capsys.readouterr().out.splitlines()[-2] == "Stopped."
    assert len(figures[0].axes) == 4 + 2


def test_ctrl_c_before_there_is_anything_ends_in_one_line(demo, capsys, monkeypatch):
    def train(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.sn, "train", train)
    with pytest.raises(SystemExit) as end:
        demo.main([])
    assert end.value.code == 130
    assert capsys.readouterr().err == "Stopped.\n"


# Wrong values

@pytest.mark.parametrize(("arguments", "message"), [
    ("--hidden 0", "argument --hidden: must be a whole number from 1 to 1000; got '0'"),
    ("--hidden four", "argument --hidden: must be a whole number from 1 to 1000; got 'four'"),
    ("--hidden 1001", "argument --hidden: must be a whole number from 1 to 1000; got '1001'"),
    ("--iterations 1.5", "argument --iterations: must be a whole number from 1 to 1000000000; got '1.5'"),
    ("--seed -1", "argument --seed: must be a whole number from 0 to 4294967295; got '-1'"),
    ("--learning-rate 0", "argument --learning-rate: must be a positive number up to 1000, such as 1.2; got '0'"),
    ("--learning-rate nan", "argument --learning-rate: must be a positive number up to 1000, such as 1.2; got 'nan'"),
    ("--learning-rate inf", "argument --learning-rate: must be a positive number up to 1000, such as 1.2; got 'inf'"),
    ("--learning-rate fast", "argument --learning-rate: must be a positive number up to 1000, such as 1.2; got 'fast'"),
    ("--dataset iris", "argument --dataset: invalid choice: 'iris' (choose from"),
    ("--output none/demo.png", "argument --output: must be a file that can be written; got 'none/demo.png' (No such"),
    ("--output demo.txt", "argument --output: must be a file that ends in .png or .jpg or .pdf or .svg; got"),
    ("--output .", "argument --output: must be a file that ends in"),
    ("--output folder.png", "argument --output: must be a file that can be written; got 'folder.png' (Is a directory)"),
    ("--animate training.mp4", "argument --animate: must be a file that ends in .gif; got 'training.mp4'"),
    ("--hidden-sizes 1,0", "argument --hidden-sizes: must be up to 20 different whole numbers from 1 to 1000, such as"),
    ("--hidden-sizes 2,2", "argument --hidden-sizes: must be up to 20 different whole numbers"),
    ("--hidden-sizes few", "argument --hidden-sizes: must be up to 20 different whole numbers"),
    ("--activation step", "argument --activation: invalid choice: 'step' (choose from"),
    ("--noise -1", "argument --noise: must be a positive number up to 1000"),
    ("--noise 0.3", "argument --noise: must be left out for --dataset flower, which has no such setting; got 0.3"),
    ("--test-fraction 1", "argument --test-fraction: must be a number between 0 and 1, such as 0.2; got '1'"),
    ("--page training.htm", "argument --page: must be a file that ends in .html; got 'training.htm'"),
    ("--model none/network.h5", "argument --model: must be a file that can be written; got 'none/network.h5'"),
    ("--depth 3", "unrecognized arguments: --depth 3"),
    ("--hidden", "argument --hidden: expected one argument"),
])
def test_a_wrong_value_gets_one_line_that_says_what_is_allowed(demo, capsys, arguments, message):
    Path("folder.png").mkdir()
    with pytest.raises(SystemExit) as end:
        demo.main(arguments.split())
    assert end.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert message in error
    assert [path.name for path in Path().iterdir()] == ["folder.png"]


def test_a_picture_goes_where_a_link_points_and_capitals_are_an_ending_too(demo):
    Path("demo.PNG").symlink_to("picture.png")
    demo.main("--iterations 2 --no-sweep --output demo.PNG".split())
    assert Path("demo.PNG").is_symlink()
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_value_has_no_traceback(tmp_path):
    done = run_alone("--hidden", "many", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "planar_demo.py: argument --hidden: must be a whole number from 1 to 1000; got 'many'\n"


def test_an_older_picture_survives_a_wrong_value(demo):
    Path("demo.png").write_text("older")
    with pytest.raises(SystemExit):
        demo.main(["--output", "demo.png", "--hidden", "0"])
    assert Path("demo.png").read_text() == "older"


def test_a_full_disk_ends_in_one_line(demo, capsys, monkeypatch):
    def savefig(figure, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", savefig)
    with pytest.raises(SystemExit) as end:
        demo.main(["--iterations", "1", "--no-sweep"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert error.count("\n") == 1


def test_help_explains_every_option(demo, capsys):
    with pytest.raises(SystemExit) as end:
        demo.main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for option in ("dataset", "hidden", "activation", "noise", "test-fraction", "iterations", "learning-rate", "seed",
                   "output", "hidden-sizes", "no-sweep", "hidden-units", "animate", "page", "model", "show"):
        lines = text.partition(f"\n  --{option}")[2].splitlines()[:2]
        assert len(" ".join(lines).split()) > 3, option
