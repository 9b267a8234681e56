"""Write the exercises as notebooks, from docs/exercises.md: a text, a blank to fill, and a check, fourteen times.

    python docs/exercises/notebook.py

The notebooks are plain text (jupytext's percent format) in docs/notebooks.
"""

import re
from pathlib import Path

from checks import CHECKS

DOCS = Path(__file__).parents[1]
HEADER = (DOCS / "notebooks/planar.py").read_text(encoding="utf-8").partition("\n\n")[0]
INTRODUCTIONS = {
    "": """\
# Exercises

Fill the blanks, and run the cell below each: it says that the answer has passed, that it is not done yet, or what was
expected and what came. Columns are samples. The derivations are in [maths.md](../maths.md).""",
    ".zh-CN": """\
# 练习

补全每个空白，再运行下面的单元格：它会说明答案通过、尚未完成，或者期望的结果与实际得到的结果。
每一列是一个样本。推导见 [maths.md](../maths.md)（英文）。""",
}
BEGIN = """\
import sys

import numpy as np

import shallownet as sn

sys.path.insert(0, "../exercises")
from checks import check"""


def cells(text):
    """Yield the cells of the exercises in ``text``: (kind, source)."""
    for heading in re.split(r"^(?=#{2,3} )", text, flags=re.M)[1:]:
        yield "markdown", heading.strip()
        written = {name: arguments for name, arguments in re.findall(r"`(\w+)\(([^`]*)\)`", heading) if name in CHECKS}
        if heading.startswith("### "):
            (name, arguments), *_ = written.items()
            yield "code", f"def {name}({arguments}):\n    ...  # your code"
            yield "code", f"check({name})"


def notebook(language):
    """Return the notebook in a language, "" or ".zh-CN", as text."""
    text = (DOCS / f"exercises{language}.md").read_text(encoding="utf-8")
    parts = [HEADER]
    for kind, source in [("markdown", INTRODUCTIONS[language]), ("code", BEGIN), *cells(text)]:
        if kind == "markdown":
            source = "\n".join(f"# {line}".rstrip() for line in source.splitlines())
        parts.append(f"# %%{' [markdown]' * (kind == 'markdown')}\n{source}")
    return "\n\n".join(parts) + "\n"


def main():
    for language in INTRODUCTIONS:
        if (DOCS / f"exercises{language}.md").exists():
            path = DOCS / f"notebooks/exercises{language}.py"
            path.write_text(notebook(language), encoding="utf-8")
            print(path.relative_to(DOCS.parent))


if __name__ == "__main__":
    main()
