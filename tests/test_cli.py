"""The command shallownet: commands that work together, and twenty mistakes that each are one line."""

import csv
import gzip
import io
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from py_mini_racer import MiniRacer

import shallownet
from shallownet import cli
from shallownet.network import initialize_parameters
from shallownet.storage import load_parameters, save_parameters
from shallownet.table_model import load_table_model, predict_table, train_table

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(shallownet.__file__).parents[1])}


def write(path, m=60):
    random = np.random.RandomState(0)
    lines = ["size,colour,kind"]
    for _ in range(m):
        size, colour = random.uniform(0, 10), random.choice(["red", "blue", "green"])
        lines.append(f"{size:.2f},{colour},{'big' if size + 3 * (colour == 'red') > 6 else 'small'}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a table, and a model and a report that the command made of it."""
    folder = tmp_path_factory.mktemp("cli")
    write(folder / "things.csv")
    (folder / "values.csv").write_text("a,b\n" + "".join(f"{i % 10}.5,{(i % 10) ** 2}.25\n" for i in range(60)))
    assert cli.main(["train", f"{folder}/things.csv", "--target", "kind", "--output", f"{folder}/model.h5",
                     "--report", f"{folder}/report.html"]) == 0
    return folder


def run(arguments, capsys):
    status = cli.main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_train_tells_what_it_decided_and_how_well_it_does(trained, capsys):
    status, out, err = run(["train", trained / "values.csv", "--target", "b", "--output", trained / "values.h5"],
                           capsys)
    assert (status, err) == (0, "")
    assert "values.csv: 60 rows, 2 columns, UTF-8, delimiter ','" in out
    assert "R² on rows held out: " in out
    assert "  the mean: " in out
    assert f"The model is in {trained}/values.h5." in out


def test_predict_writes_labels_with_probabilities_in_the_order_of_the_rows(trained, capsys):
    (trained / "new.csv").write_text("colour;size\nred;9\nblue;1\nred;huge\ngrey;5\n")
    status, out, err = run(["predict", trained / "model.h5", trained / "new.csv"], capsys)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert list(rows[0]) == ["kind", "P(big)", "P(small)", "problem"]
    assert [row["kind"] for row in rows[:3]] == ["big", "small", ""]
    assert rows[2]["problem"] == f"column 'size' must hold numbers; got 'huge' in line 4 of {trained}/new.csv"
    assert abs(float(rows[0]["P(big)"]) + float(rows[0]["P(small)"]) - 1) < 1e-5
    assert "colour: 'grey' in line 5 of" in err
    assert "1 of 4 rows could not be predicted" in err


def test_predict_refuses_a_line_of_another_length_alone_and_counts_no_refused_row_in_notes(trained, capsys):
    (trained / "new.csv").write_text("size,colour\n9,grey\n1,red,2\nhuge,grey\n7,\n1\n2,grey\n3,red\n")
    status, out, err = run(["predict", trained / "model.h5", trained / "new.csv"], capsys)
    rows = list(csv.DictReader(io.StringIO(out)))
    path = trained / "new.csv"
    assert status == 0
    assert [row["problem"] for row in rows] == [
        "", f"each line must have 2 cells; got 3 in line 3 of {path}",
        f"column 'size' must hold numbers; got 'huge' in line 4 of {path}", "",
        f"each line must have 2 cells; got 1 in line 6 of {path}", "", ""]
    assert [bool(row["kind"]) for row in rows] == [not row["problem"] for row in rows]
    assert err.splitlines() == [f"shallownet: note: {line}" for line in (
        f"colour: 'grey' in line 2 of {path} was not there in training; counts as the average level (2 rows)",
        f"colour: nothing in line 5 of {path}, where training had no holes; the average level is taken (1 row)",
        "3 of 7 rows could not be predicted; the last column says why")]


def test_millions_are_written_with_all_their_digits(trained, capsys):
    (trained / "people.csv").write_text("a,b\n" + "".join(f"{i % 9}.5,{i % 9 + 2}234567\n" for i in range(60)))
    run(["train", trained / "people.csv", "--target", "b", "--output", trained / "people.h5"], capsys)
    _, out, _ = run(["predict", trained / "people.h5", trained / "people.csv"], capsys)
    assert re.fullmatch(r"b,lower,upper,problem\n(\d{7,8},\d{7,8},\d{7,8},\n){60}", out)


def test_intervals_below_0_are_told_where_the_target_never_was(trained, capsys):
    waits = np.random.RandomState(0).exponential(size=60)
    for name, lift in (("counts", 0), ("signed", -1)):
        (trained / f"{name}.csv").write_text("a,b\n" + "".join(f"{i % 9}.5,{y + lift}\n" for i, y in enumerate(waits)))
        run(["train", trained / f"{name}.csv", "--target", "b", "--output", trained / f"{name}.h5"], capsys)
        _, out, err = run(["predict", trained / f"{name}.h5", trained / f"{name}.csv"], capsys)
        below = sum(float(row["lower"]) < 0 for row in csv.DictReader(io.StringIO(out)))
        assert below
        assert err == (f"shallownet: note: b: {below} of 60 intervals reach below 0, where no value was in training; "
                       "read 0 for these limits if there can be none\n" if name == "counts" else "")


def test_predict_writes_values_with_an_interval_into_a_file(trained, capsys):
    if not (trained / "values.h5").exists():
        run(["train", trained / "values.csv", "--target", "b", "--output", trained / "values.h5"], capsys)
    status, out, _ = run(["predict", trained / "values.h5", trained / "values.csv", "--output", trained / "p.csv",
                          "--level", "0.5"], capsys)
    rows = list(csv.DictReader(io.StringIO((trained / "p.csv").read_text())))
    assert (status, out, len(rows)) == (0, "", 60)
    assert all(float(row["lower"]) < float(row["b"]) < float(row["upper"]) for row in rows)


def test_show_tells_what_train_told(trained, capsys):
    status, told, _ = run(["train", trained / "things.csv", "--target", "kind", "--output", trained / "m.h5"], capsys)
    status, out, _ = run(["show", trained / "m.h5"], capsys)
    assert status == 0
    assert out.splitlines()[:-1] == told.splitlines()[:-1]


def test_show_tells_what_is_in_the_file(trained, capsys):
    status, out, _ = run(["show", trained / "model.h5"], capsys)
    assert status == 0
    assert "kind: target, 2 classes: big" in out
    assert "logistic regression" in out
    assert f"by shallownet train {trained}/things.csv --target kind" in out


def test_show_tells_of_a_network_without_a_table_too(trained, capsys):
    save_parameters(trained / "bare.h5", load_parameters(trained / "model.h5"), accuracy=0.5)
    n_h = len(load_parameters(trained / "model.h5")["W1"])
    assert run(["show", trained / "bare.h5"], capsys)[1].splitlines() == [
        f"network 4-{n_h}-1, tanh, cross_entropy, float64", "accuracy: 0.5"]


def test_the_report_is_one_page_that_needs_nothing_else(trained):
    page = (trained / "report.html").read_text(encoding="utf-8")
    assert page.count("<img ") == page.count('src="data:image/png;base64,') >= 5
    assert "http" not in page
    assert "<script" not in page


def test_a_gzipped_table_gives_the_same_network(trained, capsys):
    (trained / "things.csv.gz").write_bytes(gzip.compress((trained / "things.csv").read_bytes()))
    assert run(["train", trained / "things.csv.gz", "--target", "kind", "--output", trained / "z.h5"], capsys)[0] == 0
    ours, expected = (load_parameters(trained / name) for name in ("z.h5", "model.h5"))
    np.testing.assert_array_equal(ours["W1"], expected["W1"])


@pytest.mark.parametrize("mark", ["tab", r"\t", "\t"])
def test_a_tab_can_be_named(mark, trained, capsys):
    (trained / "tabs.csv").write_text("size\tcolour\n9\tred,blue\n")
    status, out, _ = run(["predict", trained / "model.h5", trained / "tabs.csv", "--delimiter", mark], capsys)
    assert (status, len(out.splitlines())) == (0, 2)


MISTAKES = [
    ("train none.csv --target kind --output m.h5",
     "there is no file 'none.csv'.\n"),
    ("train thing.csv --target kind --output m.h5",
     "there is no file 'thing.csv'. Did you mean 'things.csv'?"),
    ("train no/things.csv --target kind --output m.h5",
     "there is no file 'no/things.csv'.\n"),
    ("train things.csv --target knid --output m.h5",
     "target must be one of 'size', 'colour', 'kind'; got 'knid'. Did you mean 'kind'?"),
    ("train things.csv --target Kind --output m.h5",
     "got 'Kind'. Did you mean 'kind'?"),
    ("train heights.csv --target height --output m.h5",
     "Correct them, or use --task regression, which leaves these rows out, or --task classification."),
    ("train semicolons.csv --delimiter , --target b --output m.h5",
     "Use --delimiter ';', if"),
    ("train things.csv --output m.h5",
     "the following arguments are required: --target"),
    ("train things.csv --target kind",
     "the following arguments are required: --output"),
    ("train things.csv --target kind --output m.txt",
     "--output must end in .h5; got 'm.txt'"),
    ("train things.csv --target kind --output no/m.h5",
     "--output must lie in a folder that is there"),
    ("train things.csv --target kind --output folder.h5",
     "--output must be a file that can be written"),
    ("train things.csv --target kind --output m.h5 --report r.pdf",
     "--report must end in .html"),
    ("train things.csv --target kind --output m.h5 --drop x",
     "drop must be one of 'size'"),
    ("train things.csv --target kind --output m.h5 --seed x",
     "argument --seed: invalid int"),
    ("train things.csv --target kind --output m.h5 --seed -1",
     "random_state must lie in [0"),
    ("train things.csv --target kind --output m.h5 --delimiter e",
     "delimiter must be one charac"),
    ("train things.csv --target kind --output m.h5 --task regression",
     "column 'kind' must hold a"),
    ("train empty.csv --target kind --output m.h5",
     "path must be a table whose first line names the"),
    ("train book.xlsx --target kind --output m.h5",
     "got an Excel workbook or another ZIP archive"),
    ("train folder.h5 --target kind --output m.h5",
     "path must be a regular file; got folder.h5"),
    ("train ragged.csv --target b --output m.h5",
     "a table with 2 cells in every line, as in its header"),
    ("train constant.csv --target b --output m.h5",
     "column 'b' must hold different finite numbers"),
    ("predict things.csv things.csv",
     "things.csv"),
    ("predict model.h5 values.csv",
     "table must have the columns of the training; got no 'size', 'colour' in"),
    ("predict model.h5 none.csv",
     "there is no file 'none.csv'."),
    ("predict model.h5 ragged.csv",
     "a table with 2 cells in every line, as in its header; got 1 in line 2, and"),
    ("predict bare.h5 things.csv",
     "path must hold a model of a table; got a network without an encoding"),
    ("predict values.h5 values.csv --level 2",
     "level must be below 1; got 2.0"),
    ("show none.h5",
     "there is no file 'none.h5'."),
    ("frobnicate",
     "argument command: invalid choice: 'frobnicate'"),
    ("",
     "the following arguments are required: command"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_a_mistake_is_one_line_and_status_2(trained, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(trained)
    (trained / "folder.h5").mkdir(exist_ok=True)
    for name, text in (("empty.csv", ""), ("book.xlsx", "PK\3\4 and so on"), ("ragged.csv", "a,b\n1\n1,2\n1,2,3\n"),
                       ("semicolons.csv", "a;b\n1;2\n"), ("heights.csv", "a,height\n1,1.5\n2,1.7\n3,tall\n4,1.9"),
                       ("constant.csv", "a,b\n1,2\n2,2\n")):
        Path(name).write_text(text)
    if "bare.h5" in arguments:
        save_parameters("bare.h5", load_parameters("model.h5"))
    if "values.h5" in arguments:
        cli.main(["train", "values.csv", "--target", "b", "--output", "values.h5"])
        capsys.readouterr()
    before = sorted(path.name for path in trained.iterdir())
    try:
        status = cli.main(arguments.split())
    except SystemExit as stop:
        status = stop.code
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
    assert sorted(path.name for path in trained.iterdir()) == before


def test_export_writes_code_that_takes_a_row_of_the_table(trained, capsys):
    assert run(["export", trained / "model.h5", trained / "model.js", "--name", "things"], capsys) == (
        0, f"The code is in {trained}/model.js.\n", "")
    model = load_table_model(trained / "model.h5")
    rows = {"size": ["9", "1.5", ""], "colour": ["red", "blue", "grey"]}
    engine = MiniRacer()
    engine.eval((trained / "model.js").read_text(encoding="utf-8"))
    said = [engine.eval(f"things.predict({{size: {size!r}, colour: {colour!r}}})")
            for size, colour in zip(*rows.values(), strict=True)]
    assert said == predict_table(model, rows).values


def test_export_names_the_classes_that_were_saved_with_a_network(tmp_path, capsys):
    save_parameters(tmp_path / "net.h5", initialize_parameters(2, 3, 1), classes=["oat", "wheat"])
    assert run(["export", tmp_path / "net.h5", tmp_path / "net.h"], capsys)[0] == 0
    assert 'class 1 = "wheat"' in (tmp_path / "net.h").read_text()


def test_export_refuses_another_ending_in_one_line(trained, capsys):
    status, out, err = run(["export", trained / "model.h5", trained / "model.java"], capsys)
    assert (status, out) == (2, "")
    assert err == ("shallownet: error: code must end in one of .c, .h, .js, .py, .onnx; "
                   f"got '{trained}/model.java'.\n")


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"][not command:])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in cli.COMMANDS) if not command else "usage: shallownet" in out


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_three_commands_of_the_readme_work(readme, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[1] / readme).read_text(encoding="utf-8")
    commands = re.findall(r"^\.venv/bin/shallownet (.*)$", text, re.M)
    assert [command.split()[0] for command in commands] == ["train", "predict", "show"]
    rows = [f"{6 + i % 7 + 3 * (i % 2)},5;{3000 + 900 * (i % 2)};{'wheat' if i % 2 else 'oat'}" for i in range(60)]
    Path("grains.csv").write_text("\n".join(["length;weight;sort", *rows]))
    Path("new_grains.csv").write_text("weight\tlength\n3900\t11,5\n")
    for command in commands:
        assert cli.main(command.partition(" > ")[0].split()) == 0
    assert "\nwheat,0." in capsys.readouterr().out


def test_a_command_is_a_row_of_the_table(monkeypatch, capsys):
    row = cli.Command("greet", lambda parser: parser.add_argument("name"), lambda options: print("hello", options.name))
    monkeypatch.setitem(cli.COMMANDS, "greet", row)
    assert run(["greet", "you"], capsys) == (0, "hello you\n", "")


def test_python_m_shallownet_is_the_command(trained):
    result = subprocess.run([sys.executable, "-m", "shallownet", "show", trained / "model.h5"], env=ENVIRONMENT,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "colour: text, 3 levels" in result.stdout


def test_a_file_that_was_moved_predicts_in_a_fresh_process_what_the_model_in_memory_does(trained, tmp_path):
    shutil.copy(trained / "model.h5", tmp_path / "moved.h5")
    rows = [f"{('red', 'grey', '')[i % 3]},{i / 4}" for i in range(40)]
    (tmp_path / "new.csv").write_text("\n".join(["colour,size", *rows]))
    result = subprocess.run([sys.executable, "-m", "shallownet", "predict", "moved.h5", "new.csv"], env=ENVIRONMENT,
                            cwd=tmp_path, capture_output=True, text=True, check=True)
    model = train_table(trained / "things.csv", "kind")
    expected = predict_table(model, tmp_path / "new.csv")
    assert list(csv.reader(io.StringIO(result.stdout)))[1:] == [
        [label, f"{big:.6g}", f"{small:.6g}", ""]
        for label, (big, small) in zip(expected.values, expected.probabilities.T, strict=True)]
    assert len(set(expected.values)) == 2


def test_a_reader_that_has_enough_is_no_error(trained):
    predict = subprocess.Popen(
        [sys.executable, "-m", "shallownet", "predict", trained / "model.h5", trained / "things.csv"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    predict.stdout.close()
    assert predict.communicate()[1] == b""
    assert predict.returncode == 0


def test_ctrl_c_ends_politely_and_writes_nothing(tmp_path):
    train = train_on_much(tmp_path, stderr=subprocess.PIPE)
    assert train.stdout.readline().startswith("large.csv: 4000 rows")     # then it reads no more, and trains
    time.sleep(0.5)
    train.send_signal(signal.SIGINT)
    _, err = train.communicate(timeout=60)
    assert train.returncode in (130, -signal.SIGINT)                      # the same to a shell
    assert err.splitlines()[-1] == "shallownet: interrupted"
    assert "Traceback" not in err
    assert "%" not in err                                                 # no bar where nobody sees it
    assert [path.name for path in tmp_path.iterdir()] == ["large.csv"]


def test_ctrl_c_while_a_library_is_imported_is_no_error_of_the_import(monkeypatch, capsys):
    def stop(options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setitem(cli.COMMANDS, "stop", cli.Command("stop", lambda parser: None, stop))
    assert run(["stop"], capsys) == (130, "", "\nshallownet: interrupted\n")


def test_a_terminal_shows_a_bar_that_grows_until_ctrl_c(tmp_path):
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    with train_on_much(tmp_path, stderr=terminal) as train:
        os.close(terminal)
        shown = ""
        while len(set(shares := re.findall(r"training: +(\d+) %\|", shown))) < 3:
            shown += os.read(ours, 1000).decode(errors="replace")
        train.send_signal(signal.SIGINT)
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert train.returncode in (130, -signal.SIGINT)
    shares = list(map(int, shares))
    assert shares == sorted(shares)
    assert shown.splitlines()[-1] == "shallownet: interrupted"
    assert "Traceback" not in shown
    assert [path.name for path in tmp_path.iterdir()] == ["large.csv"]


def train_on_much(folder, **streams):
    """Begin a training that takes long, in a process of its own."""
    path = folder / "large.csv"
    path.write_text("y," + ",".join(f"x{i}" for i in range(50)) + "\n" + "".join(
        ",".join(map(repr, row)) + "\n" for row in np.random.RandomState(0).standard_normal((4000, 51)).tolist()))
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "shallownet", "train", path, "--target", "y", "--output", folder / "m.h5"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, **streams,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def _read(terminal):
    """What the process wrote; "" when it has ended."""
    try:
        return os.read(terminal, 1000).decode(errors="replace")
    except OSError:
        return ""
