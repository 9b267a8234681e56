"""Networks and training states in HDF5 files.

Loading runs no code from the file and reads no other file. Memory use is bounded by the file's size. A damaged file
raises ``ModelFileError``; it is never loaded with changed numbers. Saving is atomic: killed at any moment, the old file
or the new one is there, whole.

A file holds arrays and one document. Each array of floating-point numbers is a dataset of one chunk, with a Fletcher-32
checksum. Everything else is JSON in the dataset ``document``, which also declares the dtype and the shape of every
array. The attributes ``format`` and ``format_version`` say what the file is; ``digest`` is the SHA-256 of it all.
"""

import base64
import errno
import hashlib
import io
import json
import math
import os
import re
import secrets
import signal
import stat
import threading
from contextlib import contextmanager, suppress
from typing import Any

import h5py
import numpy as np

from shallownet._types import Parameters, PathLike, State
from shallownet.network import check_parameters

FORMAT_VERSION = 1
LOADERS = {
    "shallownet parameters": "load_parameters",
    "shallownet checkpoint": "load_checkpoint",
    "shallownet columns": "open_columns",
}
TYPES = {"<f4": h5py.h5t.IEEE_F32LE, "<f8": h5py.h5t.IEEE_F64LE, "|u1": h5py.h5t.STD_U8LE}
FLOATS = ("<f4", "<f8")
LARGEST_FILE = 2**32 - 1                # bytes; an HDF5 chunk ends there too
SIGNATURE = b"\x89HDF\r\n\x1a\n"
DEFAULTS = {"hidden": "tanh", "cost": "cross_entropy"}


class ModelFileError(ValueError):
    """The file is damaged, or is not what the loader reads. The message names the file and the reason."""


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
    """Return the bytes of the HDF5 file. HDF5 itself never writes to the disk: when that is full, it crashes."""
    image = io.BytesIO()
    with defer_sigint(), new_file(image) as file:
        write_header(file, {**header, "digest": _digest(header, document, arrays)})
        for name, array in [("document", np.frombuffer(document, np.uint8)), *sorted(arrays.items())]:
            file.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
    return image.getbuffer()


@contextmanager
def defer_sigint():
    """Hold Ctrl-C back until the block ends: in the clean-up of h5py's objects, Python prints and forgets it."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    held = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


def new_file(target):
    """Return a new HDF5 file that Python's file object ``target`` takes the bytes of."""
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_obj_track_times(False)  # equal content shall give equal bytes at any time
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)  # with checksums of all the metadata
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, target)
    return h5py.File(h5py.h5f.create(b"no name", h5py.h5f.ACC_TRUNC, creation, access))


def write_header(file, header):
    for name, value in header.items():
        # A str would become a string of variable length: one damaged byte in it makes HDF5 hang or crash.
        file.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def _digest(header, document, arrays):
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(document)             # declares the names, dtypes and shapes
    for name in sorted(arrays):
        digest.update(arrays[name])
    return digest.hexdigest()


@contextmanager
def replacing(path):
    """Give a new file to write to, which becomes ``path`` if the block ends without an error, and vanishes if not."""
    target = os.path.realpath(_file_name(path))
    mode = _mode_of_replaceable(target)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".shallownet-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb+") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(FileNotFoundError, PermissionError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = target                                       # the name that the caller knows
        raise
    _sync_folder(folder)


def _file_name(path):
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a pathlib.Path; got {path!r}.")
    return os.fspath(path)


def _mode_of_replaceable(path):
    """Return the permissions of the file that is to be replaced, None if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise ValueError(f"path must be a regular file; got {path!r}, a folder, pipe or device. Add a file name.")
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "The file is read-only: save under another name, or make it writable", path)
    return stat.S_IMODE(mode)


def _sync_folder(folder):
    with suppress(OSError):             # some systems cannot; the new file is in its place all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Reading


def open_regular(path):
    """Open a regular file for reading that is HDF5 from its first byte on: without a user block.

    A pipe is refused and not waited for.
    """
    name = _file_name(path)
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelFileError(f"path must be a regular file; got {name!r}, a folder, pipe or device. Name the file.")
    file = os.fdopen(descriptor, "rb")
    if file.read(len(SIGNATURE)) != SIGNATURE:
        file.close()
        raise ModelFileError(f"path must be an HDF5 file; got {name!r}, which begins otherwise. Name the right file.")
    file.seek(0)
    return file


def _read_bytes(path):
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise ModelFileError(f"path must be a file of at most {LARGEST_FILE} bytes; got {path!r} with {size}. "
                                 "Data larger than memory is read with open_columns.")
        return file.read(size)


@contextmanager
def refusing(path, kind):
    """Turn whatever goes wrong inside into a ``ModelFileError`` with the path and the reason."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        own = isinstance(error, ModelFileError)
        reason = str(error) if own else f"{type(error).__name__}: {error}"
        raise ModelFileError(f"path must be a whole shallownet {kind} file; got {os.fspath(path)!r}, but {reason}. "
                             "Restore it from a copy, or write it again.") from (None if own else error)


def require(condition, reason):
    if not condition:
        raise ModelFileError(reason)


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


def check_header(file, kind):
    """Refuse another format or version, and a file that begins with something else."""
    found = read_attribute(file, "format")
    require(found in LOADERS, f"its format is {found!r}")
    require(found == f"shallownet {kind}", f"it is a {found} file: use {LOADERS[found]}(path)")
    version = read_attribute(file, "format_version")
    require(version == FORMAT_VERSION, f"its format_version is {version}, and this shallownet reads {FORMAT_VERSION}")


def read_attribute(file, name):
    require(h5py.h5a.exists(file.id, name.encode()), f"it has no attribute {name!r}")
    attribute = h5py.h5a.open(file.id, name.encode())
    scalar = attribute.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
    require(scalar and attribute.dtype.kind in "Siu" and attribute.dtype.itemsize <= 64,
            f"its attribute {name!r} is no short string or integer")
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    return value.item().decode() if attribute.dtype.kind == "S" else value.item()


def open_dataset(file, name, dtypes):
    """Return a dataset after looking at all that would follow a path, run a filter, or make numbers up."""
    require(file.id.links.exists(name.encode()), f"it has no dataset {name!r}")
    require(file.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD, f"{name!r} is a link to elsewhere")
    dataset = file[name]
    require(isinstance(dataset, h5py.Dataset), f"{name!r} is not a dataset")
    stored = dataset.id.get_type()
    require(any(stored.equal(TYPES[dtype]) for dtype in dtypes), f"{name!r} is not stored as {' or '.join(dtypes)}")
    layout = dataset.id.get_create_plist()
    require(layout.get_layout() == h5py.h5d.CHUNKED and not dataset.is_virtual and dataset.external is None,
            f"{name!r} is not stored in chunks of its own")
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    require(filters == [h5py.h5z.FILTER_FLETCHER32], f"{name!r} has the filters {filters} and not one checksum")
    chunks = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    size = chunks * (math.prod(dataset.chunks) * dataset.dtype.itemsize + 4)
    # What the dataset declares must be there: a missing chunk is read as zeros, and a large shape takes memory.
    require(0 < size == dataset.id.get_storage_size() <= file.id.get_filesize(), f"{name!r} is not stored whole")
    return dataset


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
