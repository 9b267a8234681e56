"""Networks and training states in HDF5 files.

Loading runs no code from the file and reads no other file. Memory use is bounded by the file's size. A damaged file
raises ``ModelFileError``; it is never loaded with changed numbers. Saving is atomic: killed at any moment, the old file
or the new one is there, whole.

A file holds arrays and one document. Each array of floating-point numbers is a dataset of one chunk, with a Fletcher-32
checksum. Everything else is JSON in the dataset ``document``, which also declares the dtype and the shape of every
array. The attributes ``format`` and ``format_version`` say what the file is; ``digest`` is the SHA-256 of it all.
"""

import base64
import hashlib
import io
import json
import os
import re
from typing import Any

import h5py
import numpy as np

from shallownet._files import (
    FLOATS,
    FORMAT_VERSION,
    ModelFileError,
    check_header,
    defer_sigint,
    new_file,
    open_dataset,
    open_regular,
    read_attribute,
    refusing,
    replacing,
    require,
    write_header,
)
from shallownet._types import Parameters, PathLike, State
from shallownet.network import check_parameters

LARGEST_FILE = 2**32 - 1                # bytes; an HDF5 chunk ends there too
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
        they are not the text's; float32 and float64 keep their type.
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
        if name not in ("W1", "b1", "W2", "b2"):
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
        parameters = {name: tree[name] for name in ("W1", "b1", "W2", "b2")} | names
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
    content = _to_json(tree, "", arrays)
    datasets = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    document = json.dumps({"content": content, "datasets": datasets}, sort_keys=True).encode()
    size = len(document) + sum(array.nbytes + 1024 for array in arrays.values())
    if size > LARGEST_FILE:
        raise ValueError(f"{kind} must take at most {LARGEST_FILE} bytes; got {size}. Use float32.")
    header = {"format": f"shallownet {kind}", "format_version": FORMAT_VERSION, **names}
    image = _file_image(header, document, arrays)
    with replacing(path) as file:
        file.write(image)


def _file_image(header, document, arrays):
    """Return the bytes of the HDF5 file."""
    image = io.BytesIO()
    with defer_sigint(), new_file(image) as file:
        write_header(file, {**header, "digest": _digest(header, document, arrays)})
        for name, array in [("document", np.frombuffer(document, np.uint8)), *sorted(arrays.items())]:
            file.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
    return image.getbuffer()


def _digest(header, document, arrays):
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(document)             # declares the names, dtypes and shapes
    for name in sorted(arrays):
        digest.update(arrays[name])
    return digest.hexdigest()


# Reading


def _read_bytes(path):
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise ModelFileError(f"path must be a file of at most {LARGEST_FILE} bytes; got {path!r} with {size}. "
                                 "Data larger than memory is read with open_columns.")
        return file.read(size)


def _parse(image, kind, names):
    """Return the saved tree, and the attributes ``names``, of the HDF5 file with the bytes ``image``."""
    with h5py.File(io.BytesIO(image), "r") as file:
        check_header(file, kind)
        names = {name: read_attribute(file, name) for name in names}
        document = _read_chunk(file, "document", "|u1")
        declared = json.loads(document.tobytes())
        require(set(file) == {"document", *declared["datasets"]}, "its datasets are not the declared ones")
        arrays = {name: _read_array(file, name, *entry) for name, entry in declared["datasets"].items()}
        header = {"format": f"shallownet {kind}", "format_version": FORMAT_VERSION, **names}
        require(read_attribute(file, "digest") == _digest(header, document, arrays), "its digest does not match")
    return _from_json(declared["content"], arrays), names


def _read_array(file, name, dtype, shape):
    require(dtype in FLOATS, f"{name!r} is declared as {dtype!r}")
    array = _read_chunk(file, name, dtype)
    require(array.shape == tuple(shape), f"{name!r} has not its declared shape")
    return array


def _read_chunk(file, name, dtype):
    dataset = open_dataset(file, name, [dtype])
    require(dataset.chunks == dataset.shape, f"{name!r} is not one chunk")
    return dataset[()]


# Between nested dictionaries and JSON


def _to_json(value, name, arrays):
    """Return ``value`` as JSON can hold it; arrays of floating-point numbers go to ``arrays``, under dotted names."""
    if isinstance(value, np.bool_ | np.integer | np.float64 | np.float32):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {_check_key(key): _to_json(item, f"{name}.{key}".lstrip("."), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
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
    plain = re.fullmatch(r"\w+(\.\w+)*", name, re.ASCII) and name not in ("document", *arrays)
    if plain and array.dtype.str in FLOATS and array.ndim and array.size:
        arrays[name] = np.ascontiguousarray(array)
        return {"$dataset": name}
    data = base64.b64encode(array.tobytes()).decode()
    return {"$array": data, "dtype": array.dtype.str, "shape": array.shape}


def _from_json(value, arrays):
    if isinstance(value, list):
        return [_from_json(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "$dataset" in value:
        return arrays[value["$dataset"]]
    if "$array" in value:
        return _array_from_json(value)
    return {key: _from_json(item, arrays) for key, item in value.items()}


def _array_from_json(value):
    dtype = np.dtype(value["dtype"])
    require(dtype.kind in "fiubc", f"it holds an array of dtype {dtype}")
    return np.frombuffer(base64.b64decode(value["$array"]), dtype).reshape(value["shape"]).copy()
