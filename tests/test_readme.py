"""The README says what the code does: its blocks run and print what stands below them, its commands are CI's."""

import contextlib
import io
import re
from pathlib import Path

import pytest

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
