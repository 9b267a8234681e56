"""The README says what the code does: its blocks run and print what stands below them, its commands are CI's."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from shallownet import accuracy, initialize_parameters, nn_model, train
from shallownet.datasets import planar_flower
from shallownet.preprocessing import split_columns

ROOT = Path(__file__).parents[1]
READMES = sorted(path.name for path in ROOT.glob("README*.md"))
GO_ON = {"README.md": ["docs/saving.md", "docs/elsewhere.md"]}            # pages with the names of a README's blocks


def blocks(readme):
    """The fenced blocks, as (language, text)."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / readme).read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("readme", READMES)
def test_code_blocks_print_what_stands_below_them(readme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed, compared = {}, "", 0
    for language, text in [block for page in (readme, *GO_ON.get(readme, ())) for block in blocks(page)]:
        if language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(text, f"{readme}: {text.splitlines()[0]}", "exec"), names)
            printed = output.getvalue()
        elif language == "text":
            assert printed == text
            compared += 1
    assert compared >= 5


def commands(readme):
    return [text.strip() for language, text in blocks(readme) if language == "bash"]


@pytest.mark.parametrize("readme", READMES)
def test_the_two_commands_do_all_their_own_setup(readme):
    demo, tests = commands(readme)[:2]
    assert all(command.startswith("python3 -m venv .venv && .venv/bin/pip install ") for command in (demo, tests))
    assert demo.endswith("&& .venv/bin/python planar_demo.py")
    assert tests.endswith("&& .venv/bin/python -m pytest")


@pytest.mark.parametrize("readme", READMES)
def test_ci_runs_the_readmes_test_command(readme):
    assert commands(readme)[1] in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", [*READMES, *GO_ON["README.md"]])
def test_links_lead_to_files_that_are_there(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_installation_comes_before_the_code_that_needs_it(readme):
    languages = [language for language, _ in blocks(readme)]
    assert languages.index("bash") < languages.index("python")


@pytest.mark.parametrize("readme", READMES)
def test_code_that_needs_an_extra_says_so(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    for library, extra in {"sklearn": "sklearn", "shallownet.compiled": "compiled", "shallownet.dask": "dask"}.items():
        for use in re.finditer(rf"from {re.escape(library)}[. ]", text):
            assert f'pip install ".[{extra}]"' in text[:use.start()]


@pytest.mark.parametrize(("said", "readme"), [
    (r"Run all tests, which takes some \w+ minutes:\n\n```bash", "README.md"),
    (r"运行全部测试（约\w+分钟）：\n\n```bash", "README.zh-CN.md"),
    (r"five short tutorials(.|\n)*\"Neural Networks and Deep Learning\"(.|\n)*step 43 of DeZero", "README.md"),
    (r"\.venv\\Scripts\\", "README.md"),
    (r"\.venv\\Scripts\\", "README.zh-CN.md"),
], ids=["minutes", "minutes, Chinese", "tutorials", "Windows", "Windows, Chinese"])
def test_the_readmes_say_what_a_reader_asks_first(said, readme):
    assert re.search(said, (ROOT / readme).read_text(encoding="utf-8"), re.I)


@pytest.mark.parametrize("readme", READMES)
def test_the_older_numbers_are_those_of_the_other_seed(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    numbers, seed = re.search(r"((?:0\.\d{6}\D{1,3})+)….*`random_state=(\d)`", text).groups()
    costs = [float(number) for number in re.findall(r"[\d.]+", numbers)]
    parameters = initialize_parameters(2, 4, 1, random_state=int(seed))
    _, history = train(*planar_flower(), parameters, 1000 * len(costs), report_every=1000)
    assert [round(cost, 6) for cost in history["cost"][:-1]] == costs


@pytest.mark.parametrize("readme", READMES)
def test_the_code_for_an_own_table_takes_numbers_as_classes(readme, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = (text for language, text in blocks(readme) if language == "python" and "read_table(" in text)
    numbered = code.replace("'wheat' if i % 2 else 'oat'", "2 if i % 2 else 1")
    assert numbered != code
    exec(numbered, {"nn_model": nn_model, "split_columns": split_columns, "accuracy": accuracy})
    assert capsys.readouterr().out.endswith("1.00 on 40 samples held out\n2\n")
