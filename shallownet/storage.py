"""Networks and training states in HDF5 files.

Loading runs no code from the file and reads no other file. Memory use is bounded by the file's size. A damaged file
raises ``ModelFileError``; it is never loaded with changed numbers. Saving is atomic: killed at any moment, the old file
or the new one is there, whole.

A file holds arrays and one document. Each array of floating-point numbers is a dataset; everything else is JSON in the
dataset ``document``. The attributes ``format`` and ``format_version`` say what the file is; ``digest`` is the SHA-256
of it all. How the bytes lie is told in ``_hdf5``; every byte of a file is checked when it is loaded.
"""

import base64
import json
import math
import os
import re
from functools import partial
from typing import Any

import numpy as np

from shallownet._files import ModelFileError, open_regular, refusing, replacing, require
from shallownet._hdf5 import FORMAT_VERSION, LARGEST_HEAD, LONGEST_NAME, MOST_DATASETS, digest, file_head, read_head
from shallownet._types import Parameters, PathLike, State
from shallownet.network import NAMES, check_parameters

FLOATS = ("<f4", "<f8")
PACKED = ("<f8", "<i8")                 # long lists
LARGEST_FILE = 2**32 - 1                # bytes, as all is read at once
# What the document may hold, as values in Python take up to thirty times the bytes that they take in JSON.
MOST_VALUES = 2**20
MOST_CONTAINERS = 2**17
MOST_LEVELS = 100
LONG_LIST = 1000                        # from this length on, a list of floats or of integers is an array
DEFAULTS = {"hidden": "tanh", "cost": "cross_entropy"}


# Parameters and checkpoints


def save_parameters(path: PathLike, parameters: Parameters, **metadata: Any) -> None:
    """Save a network to the HDF5 file ``path``, atomically and to the last bit.

    A file that is there already is replaced (its permissions stay), through a symbolic link too; a read-only file is
    left alone. Equal content gives equal bytes.

    Parameters
    ----------
    path : str or path-like
    parameters : dict
        ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``, ``b2 (n_y, 1)``, and ``"hidden"`` and ``"cost"`` where
        they are not the default's; float32 and float64 keep their type.
    **metadata
        Whatever shall go with the network: strings, numbers, booleans, arrays of numbers, lists and dictionaries of
        these. ``load_metadata`` returns it.

    Raises
    ------
    ValueError, TypeError
        If ``parameters`` is not a finite network, or ``metadata`` holds something else.
    OSError
        If the operating system refuses: no space left, no permission, no such folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from shallownet.network import initialize_parameters
    >>> parameters = initialize_parameters(2, 4, 1, random_state=2)
    >>> with TemporaryDirectory() as folder:
    ...     save_parameters(f"{folder}/planar.h5", parameters, accuracy=0.905)
    ...     print(load_parameters(f"{folder}/planar.h5")["W1"][0], load_metadata(f"{folder}/planar.h5"))
    [-0.00416758 -0.00056267] {'accuracy': 0.905}
    """
    parameters = check_parameters(parameters)
    names = {name: parameters.pop(name, default) for name, default in DEFAULTS.items()}
    for name in parameters:
        if name not in NAMES:
            raise ValueError(f"parameters must have the entries W1, b1, W2, b2, hidden, cost; got {name!r}. "
                             "Save it as metadata: save_parameters(path, parameters, name=...).")
    _save(path, "parameters", {**parameters, "metadata": metadata}, names)


def load_parameters(path: PathLike) -> Parameters:
    """Return the parameters that ``save_parameters`` saved: the same numbers, dtypes and names.

    Raises
    ------
    ModelFileError
        If the file is damaged or is something else; the message says what.
    OSError
        If the operating system refuses: ``FileNotFoundError``, ``PermissionError``.
    """
    return _load_parameters(path)[0]


def load_metadata(path: PathLike) -> dict[str, Any]:
    """Return the dictionary of metadata that ``save_parameters`` got; the errors are those of ``load_parameters``."""
    return _load_parameters(path)[1]


def _load_parameters(path):
    image = _read_bytes(path)
    with refusing(path, "parameters"):
        tree, names = _parse(image, "parameters", DEFAULTS)
        require(isinstance(tree["metadata"], dict), "its metadata is no dictionary")
        names = {name: value for name, value in names.items() if value != DEFAULTS[name]}
        parameters = {name: tree[name] for name in NAMES} | names
        return check_parameters(parameters), tree["metadata"]


def save_checkpoint(path: PathLike, state: State) -> None:
    """Save a training state, so that a run that was killed goes on from it bit for bit; atomic as ``save_parameters``.

    Parameters
    ----------
    path : str or path-like
    state : dict
        ``"parameters"`` and whatever else the training needs: numbers of any size, strings, None, arrays of numbers of
        any dtype, and lists and dictionaries of these. Tuples come back as lists, NumPy's numbers as Python's.

    Raises
    ------
    ValueError, TypeError, OSError
        As ``save_parameters``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from shallownet.network import initialize_parameters
    >>> state = {"iteration": 7, "parameters": initialize_parameters(2, 4, 1, random_state=2)}
    >>> with TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/run.h5", state)
    ...     print(load_checkpoint(f"{folder}/run.h5")["iteration"])
    7
    """
    if not isinstance(state, dict):
        raise TypeError(f"state must be a dictionary; got {type(state).__name__}. Use the state that callbacks get.")
    if "parameters" not in state:
        raise ValueError("state must have the entry 'parameters'; got none. Use the state that callbacks get.")
    parameters = check_parameters(state["parameters"])
    _save(path, "checkpoint", {**state, "parameters": parameters}, {})


def load_checkpoint(path: PathLike) -> State:
    """Return the state that ``save_checkpoint`` saved; the errors are those of ``load_parameters``."""
    image = _read_bytes(path)
    with refusing(path, "checkpoint"):
        state, _ = _parse(image, "checkpoint", ())
        check_parameters(state["parameters"])
        return state


# Writing


def _save(path, kind, tree, names):
    arrays = {}
    document = json.dumps(_to_json(tree, "", arrays), sort_keys=True, allow_nan=False).encode()
    excess = _excess(document)
    if excess:
        raise ValueError(f"{kind} must hold at most {excess} in lists and dictionaries; got more. Use arrays.")
    arrays = {name: arrays[name] for name in sorted(arrays)} | {"document": np.frombuffer(document, np.uint8)}
    attributes = {"format": f"shallownet {kind}", "format_version": FORMAT_VERSION, **names}
    datasets = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    attributes["digest"] = digest(attributes, datasets, *arrays.values())
    pieces = [np.frombuffer(file_head(attributes, datasets), np.uint8), *arrays.values()]
    size = sum(piece.nbytes for piece in pieces)
    if size > LARGEST_FILE:
        raise ValueError(f"{kind} must take at most {LARGEST_FILE} bytes; got {size}. Use float32.")
    with replacing(path) as file:
        for piece in pieces:
            file.write(piece)


def _excess(document):
    """Return what the document holds too much of, None if nothing; brackets and commas in strings count too."""
    if document.count(b",") >= MOST_VALUES:
        return f"{MOST_VALUES} values"
    if document.count(b"[") + document.count(b"{") > MOST_CONTAINERS:
        return f"{MOST_CONTAINERS} lists and dictionaries"
    return None


# Reading


def _read_bytes(path):
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise ModelFileError(f"path must be a file of at most {LARGEST_FILE} bytes; got {path!r} with {size}. "
                                 "Data larger than memory is read with open_columns.")
        return file.read(size)


def _parse(image, kind, names):
    """Return the saved tree, and the attributes ``names``, of the file with the bytes ``image``."""
    attributes, datasets = read_head(image[:LARGEST_HEAD], len(image), kind)
    require([*attributes] == ["format", "format_version", *names, "digest"], "its attributes are other ones")
    arrays = {name: np.frombuffer(image, dtype, math.prod(shape), address).reshape(shape)
              for name, (dtype, shape, address) in datasets.items()}
    shapes = {name: dataset[:2] for name, dataset in datasets.items()}
    require(attributes.pop("digest") == digest(attributes, shapes, *arrays.values()), "its digest does not match")
    require("document" in arrays, "it has no document")
    document = arrays.pop("document")
    require(document.dtype == np.uint8, "its document is no text")
    require(all(array.dtype.str in FLOATS for array in arrays.values()), "it has arrays of other numbers than floats")
    tree = _parse_document(document.tobytes(), arrays)
    require(not arrays, f"nothing refers to its arrays {', '.join(arrays)}")
    return tree, {name: attributes[name] for name in names}


def _parse_document(document, arrays):
    excess = _excess(document)
    require(excess is None, f"its document holds more than {excess}")
    tree = json.loads(document, object_pairs_hook=partial(from_json, arrays), parse_float=_parse_float,
                      parse_constant=_parse_float)
    require(_levels(tree) <= MOST_LEVELS, f"its document is nested deeper than {MOST_LEVELS} levels")
    return tree


def _levels(tree):
    """Return how many lists and dictionaries lie inside of each other."""
    levels, inside = 0, [tree]
    while inside := [item for item in inside if isinstance(item, dict | list)]:
        levels += 1
        inside = [part for item in inside for part in (item.values() if isinstance(item, dict) else item)]
    return levels


# Between nested dictionaries and JSON


def _to_json(value, name, arrays, level=0):
    """Return ``value`` as JSON can hold it; arrays of floating-point numbers go to ``arrays``, under dotted names."""
    if isinstance(value, np.bool_ | np.integer | np.float64 | np.float32):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(float(value))}
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if level == MOST_LEVELS:
        raise ValueError(f"{name} must be nested at most {MOST_LEVELS} levels deep; got more. Flatten it.")
    if isinstance(value, dict):
        return {_check_key(key): _to_json(item, f"{name}.{key}".lstrip("."), arrays, level + 1)
                for key, item in value.items()}
    if isinstance(value, list | tuple):
        if len(value) >= LONG_LIST and {*map(type, value)} in ({float}, {int}):
            array = np.array(value)
            if array.dtype.str in PACKED:                                 # not integers beyond 64 bits
                return {"$list": _array_to_json(array, name, arrays)}
        return [_to_json(item, f"{name}.{i}", arrays, level + 1) for i, item in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiubc":
        return _array_to_json(np.asarray(value), name, arrays)
    raise TypeError(f"{name} must be a number, a string, None, an array of numbers, or a list or dictionary of these; "
                    f"got {type(value).__name__}. Leave it out or convert it.")


def _check_key(key):
    if not isinstance(key, str) or key.startswith("$"):
        raise ValueError(f"Dictionaries in a file must have strings without a leading $ as keys; got {key!r}. "
                         "Use another key.")
    return key


def _array_to_json(array, name, arrays):
    if array.dtype.str in FLOATS and 1 <= array.ndim <= 32 and array.size and _is_free(name, arrays):
        arrays[name] = np.ascontiguousarray(array)
        return {"$dataset": name}
    data = base64.b64encode(array.tobytes()).decode()
    return {"$array": data, "dtype": array.dtype.str, "shape": array.shape}


def _is_free(name, arrays):
    """Whether a dataset can have this name."""
    return (re.fullmatch(r"\w+(\.\w+)*", name, re.ASCII) and name not in ("document", *arrays)
            and len(name) <= LONGEST_NAME and len(arrays) < MOST_DATASETS - 1)


def from_json(arrays, pairs):
    """Return the value of a JSON object: a dictionary, or what stands for something that JSON does not have."""
    value = dict(pairs)
    require(len(value) == len(pairs), "its document has a key twice")
    match sorted(value):
        case ["$dataset"]:
            return arrays.pop(value["$dataset"]).copy()
        case ["$list"]:
            array = value["$list"]
            require(array.ndim == 1 and array.dtype.str in PACKED, "it has a list of something else")
            return array.tolist()
        case ["$float"]:
            require(value["$float"] in ("nan", "inf", "-inf"), f"it has a number {value['$float']!r}")
            return float(value["$float"])
        case ["$array", "dtype", "shape"]:
            return _array_from_json(value["$array"], value["dtype"], value["shape"])
    require(not any(key.startswith("$") for key in value), "its document has an unknown kind of value")
    return value


def _array_from_json(text, dtype, shape):
    require(re.fullmatch(r"[<>|][fiubc]\d{1,2}", dtype, re.ASCII), f"it holds an array of dtype {dtype!r}")
    require(all(type(size) is int and size >= 0 for size in shape), f"it holds an array of shape {shape}")
    data, dtype = base64.b64decode(text, validate=True), np.dtype(dtype)
    require(len(data) == math.prod(shape) * dtype.itemsize, f"it holds no array of shape {shape}")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _parse_float(text):
    value = float(text)
    require(math.isfinite(value), f"its document holds {text}, which is no number")
    return value
