"""The documentation site, from the files that exist: sphinx-build -W -c docs . docs/_build

The README is the first page; the API pages come from the docstrings, gallery and notebook pages from running them.
"""

import re
import sys
from pathlib import Path

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.writers.html5 import HTML5Translator

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from pages import write_pages  # noqa: E402

project = "shallownet"
copyright = "the contributors of shallownet, MIT licence"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = ["docs/_build", ".venv", "**/site-packages"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]                                        # a word in a type may name two fields
html_theme = "alabaster"
html_theme_options = {"page_width": "62rem", "sidebar_width": "13rem", "font_family": "system-ui, sans-serif",
                      "head_font_family": "system-ui, sans-serif", "code_font_size": "0.85em", "show_powered_by": False,
                      "show_related": False, "fixed_sidebar": True}
html_sidebars = {"**": ["about.html", "navigation.html", "searchfield.html"]}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "to_readme.html"}
templates_path = ["_templates"]

CONTENTS = """

```{toctree}
:hidden:
:caption: Use
docs/notebooks/index
docs/saving
docs/elsewhere
docs/gallery
docs/exercises
docs/scaling
docs/performance
docs/tables
```

```{toctree}
:hidden:
:caption: Look up
docs/maths
docs/api
CHANGELOG
CONTRIBUTING
SECURITY
```

```{toctree}
:hidden:
:caption: 中文
简介 <README.zh-CN>
docs/notebooks/index.zh-CN
docs/exercises.zh-CN
```
"""


def add_contents(app, docname, source):
    """Add what a page on GitHub does not show: the table of contents, and the modules with their docstrings."""
    if docname == root_doc:
        source[0] += CONTENTS
    if docname.endswith(".zh-CN"):                                        # a line's end is no space in Chinese
        wide = "[\u2e80-\uffef]"
        source[0] = re.sub(f"(?<={wide})\n(?={wide})", "", source[0])
    if docname == "docs/api":
        modules = sorted(path.stem for path in (ROOT / "shallownet").glob("[a-z]*.py"))
        for module in modules:
            source[0] += f"\n## {module}\n\n```{{eval-rst}}\n.. automodule:: shallownet.{module}\n   :members:\n```\n"


def skip_foreign(app, what, name, obj, skip, options):
    """Leave out the methods that scikit-learn makes, ``set_fit_request`` and the like."""
    return True if name.startswith("set_") and name.endswith("_request") else None


class Translator(HTML5Translator):
    """Formulas as MathML, which a browser sets without a script and without a network."""

    def visit_math(self, node):
        self.body.append(convert(node.astext()))
        raise SkipNode

    def visit_math_block(self, node):
        self.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
        raise SkipNode


def setup(app):
    app.connect("builder-inited", lambda app: write_pages())
    app.connect("source-read", add_contents)
    app.connect("autodoc-skip-member", skip_foreign)
    app.set_translator("html", Translator, override=True)
