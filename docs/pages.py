"""Write what the site shows and the repository does not hold: the gallery's pictures, and the notebooks as they ran."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbclient

DOCS = Path(__file__).parent
ROOT = DOCS.parent
BUILT = DOCS / "_built"                                                   # ignored by git
EXAMPLES = {"planar_demo": ["planar_demo.py", "--hidden-units"],
            **{name: [f"examples/{name}.py"] for name in ("sine_regression", "digits", "disc", "spiral", "own_table")}}
NOTEBOOKS = ["planar", "hidden_units", "own_table", "save_and_resume"]


def write_pages():
    """Run the examples and the notebooks, unless they have not changed since the last time."""
    BUILT.mkdir(exist_ok=True)
    newest = max(path.stat().st_mtime for folder in ("shallownet", "examples") for path in (ROOT / folder).glob("*.py"))
    for name, (script, *arguments) in EXAMPLES.items():
        if is_older(BUILT / f"{name}.png", newest):
            run(ROOT / script, *arguments, "--output", f"{name}.png")
    for name in NOTEBOOKS:
        source = DOCS / f"notebooks/{name}.py"
        if is_older(DOCS / f"notebooks/{name}.md", max(newest, source.stat().st_mtime)):
            notebook = jupytext.read(source)
            nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(BUILT)}}).execute()
            outputs = [cell.get("outputs", []) for cell in notebook.cells]
            for language in ("", ".zh-CN"):
                cells = jupytext.read(DOCS / f"notebooks/{name}{language}.py").cells
                text = "\n\n".join(page_of(name, i, cell, outputs[i]) for i, cell in enumerate(cells))
                (DOCS / f"notebooks/{name}{language}.md").write_text(text + "\n", encoding="utf-8")


def is_older(path, time):
    return not path.exists() or path.stat().st_mtime < time


def run(*command):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command], cwd=BUILT, env=environment, check=True, stdout=subprocess.DEVNULL)


def page_of(name, i, cell, outputs):
    """Return a cell and what it gave as Markdown; its pictures go into a folder."""
    if cell.cell_type == "markdown":
        return cell.source
    parts = [f"```python\n{cell.source}\n```"]
    for k, output in enumerate(outputs):
        if "text" in output:
            parts.append(f"```text\n{output['text'].rstrip()}\n```")
        elif "image/png" in output.get("data", {}):
            picture = f"{name}_{i}_{k}.png"
            (BUILT / picture).write_bytes(base64.b64decode(output["data"]["image/png"]))
            parts.append(f"![{name}](../_built/{picture})")
    return "\n\n".join(parts)
