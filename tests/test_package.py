"""What holds for the package as a whole: who imports whom, what an import loads, what is documented."""

import ast
import configparser
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import shallownet

PACKAGE = Path(shallownet.__file__).parent
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("*.py")}

# A module imports only from the lines above its own.
LAYERS = [
    "_types _checks _random _files _threads _kernels _languages",
    "_cells",
    "_csv _encoding",
    "activations datasets _hdf5",
    "costs columns",
    "network",
    "objective preprocessing storage step",
    "evaluation optimizers column_files tables gradient_check plotting",
    "readers inspection",
    "states callbacks convert page interchange",
    "training",
    "lbfgs",
    "compiled",
    "model_selection",
    "dask table_model",
    "sklearn report",
    "__init__",
    "export",
    "cli",
    "__main__",
]
LAYER = {module: number for number, modules in enumerate(LAYERS) for module in modules.split()}

IMPORTERS = {
    "h5py": {"convert", "readers"},
    "matplotlib": {"plotting", "report"},
    "scipy": {"lbfgs", "compiled"},
    "sklearn": {"sklearn", "interchange"},
    "dask": {"dask"},
    "distributed": {"dask"},
    "numba": {"compiled", "_kernels"},
    "onnx": {"export"},
    "tqdm": {"callbacks", "cli", "readers"},
    "threadpoolctl": {"_threads"},
}


def imports(module):
    """The full names that a module imports, inside its functions too: ``shallownet.costs``, ``numpy``, …"""
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            if node.module == "shallownet":
                yield from (f"shallownet.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_one_way(module):
    for name in imports(module):
        package, _, imported = name.partition(".")
        if package == "shallownet":
            imported = imported if imported in LAYER else "__init__"
            assert LAYER[imported] < LAYER[module], f"{module} imports {imported}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_library_is_imported_only_where_it_belongs(module):
    for name in imports(module):
        library = name.partition(".")[0]
        if library not in {"shallownet", "numpy"} | sys.stdlib_module_names:
            assert module in IMPORTERS[library], f"{module} imports {library}"


def test_importing_the_package_loads_numpy_and_nothing_heavier():
    heavy = {*IMPORTERS, "pandas", "torch", "jax"}
    code = "import sys, shallownet; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True, text=True, check=True,
    ).stdout.split()
    assert "numpy" in loaded
    assert heavy.isdisjoint(loaded)


def test_the_public_names_are_there_in_order():
    assert shallownet.__all__ == sorted(set(shallownet.__all__))
    assert all(hasattr(shallownet, name) for name in shallownet.__all__)
    assert re.fullmatch(r"\d+\.\d+\.\d+", shallownet.__version__)


@pytest.mark.parametrize("name", shallownet.__all__)
def test_a_public_name_is_documented_with_all_its_arguments(name):
    function = getattr(shallownet, name)
    documented = inspect.getdoc(function)
    assert documented[0].isupper()
    assert documented.partition("\n")[0].endswith(".")
    for argument in inspect.signature(function).parameters:
        assert re.search(rf"\b{argument}\b", documented), f"{name} does not tell of {argument}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_function_that_tells_of_its_parameters_is_annotated(module):
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.FunctionDef) and "Parameters\n" in (ast.get_docstring(node) or ""):
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            bare = [argument.arg for argument in arguments if argument.annotation is None and argument.arg != "self"]
            assert not bare, f"{node.name} has no type for {bare}"
            assert node.returns, f"{node.name} has no type for what it returns"


def test_the_annotations_ship():
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_says_what_it_is(module):
    assert ast.get_docstring(MODULES[module])


def test_doctests_run_and_warnings_are_errors():
    configuration = configparser.ConfigParser()
    configuration.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    settings = configuration["tool:pytest"]
    assert "--doctest-modules" in settings["addopts"]
    assert "shallownet" in settings["testpaths"].split()
    assert settings["filterwarnings"].split() == ["error"]


def test_ci_tests_the_oldest_versions_too():
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    core = setup["options"]["install_requires"] + setup["options.extras_require"]["lbfgs"]
    assert all(re.fullmatch(r"\w+ >= [\d.]+", line) for line in core.split("\n") if line)
    ci = (Path(__file__).parents[1] / ".ci/run").read_text(encoding="utf-8")
    assert "core.replace(' >= ', '==')" in ci
    oldest = ci[ci.index("oldest versions"):]
    tested = re.findall(r"\w+", " ".join(re.findall(r"tests/test_\{(.*)\}\.py", oldest.partition("echo")[0])))
    assert {"network", "training", "storage", "column_files", "threads", "plotting"} <= {*tested}


def test_security_says_of_every_reader_what_holds():
    text = (Path(__file__).parents[1] / "SECURITY.md").read_text(encoding="utf-8")
    promised, other = text.split("## What does not have this promise")
    for name in ("load_parameters", "load_metadata", "load_checkpoint", "open_columns"):
        assert f"`{name}`" in promised
    for name in ("read_coursera_h5", "read_idx", "read_mnist", "read_table", "python -m shallownet.convert"):
        assert f"`{name}" in other
