"""Files that nobody should load, each with the reason of its refusal, and child processes to load them in.

A hostile file begins as a good one and is changed in one place, so that nothing else can be the reason.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import shallownet
from shallownet.column_files import open_columns
from shallownet.storage import ModelFileError, load_checkpoint, load_metadata, load_parameters

# Child processes


def run_child(script, *arguments, limit=300):
    """Run a script in a child and return the lines it prints. A crash, an error or a hang fails with the last line."""
    environment = {**os.environ, "PYTHONPATH": str(Path(shallownet.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-u", script, *map(str, arguments)]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired as expired:
        pytest.fail(f"{arguments} hung after {(expired.stdout or b'').decode().splitlines()[-1:]}")
    lines = child.stdout.decode().splitlines()
    if child.returncode:
        pytest.fail(f"{arguments} ended with {child.returncode} after {lines[-1:]}: {child.stderr.decode()[-2000:]}")
    return lines


def same(a, b):
    """Whether two contents agree to the last bit, types included."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and repr(a) == repr(b)


def load(kind, path):
    """Return all that a file of this kind holds."""
    if kind == "columns":
        with open_columns(path) as X:
            return X[:, :]
    return load_checkpoint(path) if kind == "checkpoint" else [load_parameters(path), load_metadata(path)]


def outcome(kind, path, content):
    """Return how the loading of ``path`` ends, as one line."""
    try:
        return "loaded unchanged" if same(load(kind, path), content) else "silent change"
    except ModelFileError as error:
        return f"refused: {error}".replace("\n", " ")
    except BaseException as error:
        return f"foreign exception: {error!r}".replace("\n", " ")


# Changes of one dataset, of any kind of file: name -> (change, reason)


def replace(create):
    """Return a change that puts something else in the place of a dataset."""
    def change(file, name):
        array = file[name][()]
        del file[name]
        create(file, name, array)
    return change


def stored_as(dtype, **options):
    return replace(lambda file, name, array: file.create_dataset(
        name, data=array.astype(dtype), **{"chunks": array.shape, "fletcher32": True, **options}))


def shaped(shape, chunks, **options):
    return replace(lambda file, name, array: file.create_dataset(name, shape, array.dtype, chunks=chunks, **options))


def link_outside(file, name, array):
    with h5py.File(f"{file.filename}.other", "w") as other:
        other.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
    file[name] = h5py.ExternalLink(f"{file.filename}.other", name)


def store_outside(file, name, array):
    other = Path(f"{file.filename}.other")
    other.write_bytes(array.tobytes())
    file.create_dataset(name, array.shape, array.dtype, external=[(str(other), 0, array.nbytes)])


def make_virtual(file, name, array):
    layout = h5py.VirtualLayout(array.shape, array.dtype)
    layout[:] = h5py.VirtualSource(".", "document", array.shape)
    file.create_virtual_dataset(name, layout)


def use_unknown_filter(file, name, array):
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk(array.shape)
    layout.set_filter(32000, h5py.h5z.FLAG_OPTIONAL)
    space, stored = h5py.h5s.create_simple(array.shape), h5py.h5t.py_create(array.dtype)
    h5py.h5d.create(file.id, name.encode(), stored, space, layout).write(h5py.h5s.ALL, h5py.h5s.ALL, array)


def hold_references(kind):
    def create(file, name, array):
        dtype = h5py.ref_dtype if kind == "object" else h5py.regionref_dtype
        dataset = file.create_dataset(name, array.shape, dtype, chunks=array.shape)
        dataset[...] = dataset.ref if kind == "object" else dataset.regionref[:1]
    return create


def hold_strings(file, name, array):
    file.create_dataset(name, array.shape, h5py.string_dtype(), chunks=array.shape)[...] = "1.0"


def hold_lists(file, name, array):
    file.create_dataset(name, array.shape, h5py.vlen_dtype(float), chunks=array.shape)


LINK, STORED, CHUNKED = "link to elsewhere", "is not stored as", "not stored in chunks of its own"
WHOLE, CHECKSUM = "is not stored whole", "not one checksum"

DATASET_CHANGES = {
    "external link": (replace(link_outside), LINK),
    "soft link": (replace(lambda file, name, array: file.__setitem__(name, h5py.SoftLink("/document"))), LINK),
    "dangling soft link": (replace(lambda file, name, array: file.__setitem__(name, h5py.SoftLink("/no"))), LINK),
    "looping soft link": (replace(lambda file, name, array: file.__setitem__(name, h5py.SoftLink(f"/{name}"))), LINK),
    "external storage": (replace(store_outside), CHUNKED),
    "virtual dataset": (replace(make_virtual), CHUNKED),
    "chunked shape bomb": (shaped((2**40, 2**20), (1024, 1024), fletcher32=True), WHOLE),
    "shape bomb of one chunk": (shaped((2**14, 2**13), (2**14, 2**13), fletcher32=True), WHOLE),
    "contiguous shape bomb": (shaped((2**40, 2**20), None), CHUNKED),
    "contiguous shape bomb below 4 GiB": (shaped((2**14, 2**14), None), CHUNKED),
    "gzip bomb": (replace(lambda file, name, array: file.create_dataset(
        name, data=np.zeros((2**11, 2**12)), chunks=(2**11, 2**12), compression="gzip")), CHECKSUM),
    "gzip": (stored_as("f8", compression="gzip"), CHECKSUM),
    "shuffle": (stored_as("f8", shuffle=True), CHECKSUM),
    "no checksum": (stored_as("f8", fletcher32=False), CHECKSUM),
    "unknown filter": (replace(use_unknown_filter), CHECKSUM),
    "strings of variable length": (replace(hold_strings), STORED),
    "lists of variable length": (replace(hold_lists), STORED),
    "object references": (replace(hold_references("object")), STORED),
    "region references": (replace(hold_references("region")), STORED),
    "compound": (stored_as([("re", "f8"), ("im", "f8")]), STORED),
    "opaque": (stored_as("V8"), STORED),
    "complex": (stored_as("c16"), STORED),
    "enumeration": (stored_as(h5py.enum_dtype({"no": 0, "yes": 1})), STORED),
    "integers": (stored_as("i8"), STORED),
    "booleans": (stored_as("?"), STORED),
    "long double": (stored_as(np.longdouble), STORED),
    "half precision": (stored_as("f2"), STORED),
    "big-endian": (stored_as(">f8"), STORED),
    "scalar": (replace(lambda file, name, array: file.create_dataset(name, data=1.0)), CHUNKED),
    "null space": (replace(lambda file, name, array: file.create_dataset(name, data=h5py.Empty("f8"))), CHUNKED),
    "zero size": (shaped((0, 2), (1, 2), fletcher32=True, maxshape=(None, 2)), WHOLE),
    "group": (replace(lambda file, name, array: file.create_group(name)), "is not a dataset"),
    "named type": (replace(lambda file, name, array: file.__setitem__(name, np.dtype("f8"))), "is not a dataset"),
}


# Changes of a whole parameters file: name -> (change, reason)


def sign(file):
    """Write the digest that goes with what the file holds now."""
    names = ("format", "format_version", "hidden", "cost")
    header = {name: file.attrs[name] for name in names}
    header = {k: v.decode() if isinstance(v, bytes) else int(v) for k, v in header.items()}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(file, key=lambda name: (name != "document", name)):
        digest.update(file[name][()].tobytes())
    file.attrs["digest"] = np.bytes_(digest.hexdigest())


def attribute(name, value):
    def change(file):
        del file.attrs[name]
        file.attrs[name] = value
    return change


def signed_attribute(name, value):
    def change(file):
        attribute(name, value)(file)
        sign(file)
    return change


def dataset(name, array, declare=True, **options):
    """Return a change of one array, declared and signed as it ought to be."""
    def change(file):
        del file[name]
        file.create_dataset(name, data=array, **{"chunks": array.shape, "fletcher32": True, **options})
        if declare:
            document = json.loads(file["document"][()].tobytes())
            document["datasets"][name] = [array.dtype.str, array.shape]
            rewrite(file, json.dumps(document).encode())
        sign(file)
    return change


def rewrite(file, document):
    del file["document"]
    array = np.frombuffer(document, np.uint8)
    file.create_dataset("document", data=array, chunks=array.shape, fletcher32=True)


def document(edit):
    """Return a change of the document, signed as it ought to be; ``edit`` gives bytes or changes the dictionary."""
    def change(file):
        tree = json.loads(file["document"][()].tobytes())
        text = edit(tree)
        rewrite(file, text if isinstance(text, bytes) else json.dumps(tree).encode())
        sign(file)
    return change


def content(**entries):
    return document(lambda tree: tree["content"].update(entries))


FILE_CHANGES = {
    "extra dataset": (lambda file: file.create_dataset("W3", data=1.0), "not the declared ones"),
    "extra group": (lambda file: file.create_group("more"), "not the declared ones"),
    "hard link to the root": (lambda file: file.__setitem__("loop", file["/"]), "not the declared ones"),
    "missing dataset": (lambda file: file.__delitem__("b1"), "not the declared ones"),
    "missing document": (lambda file: file.__delitem__("document"), "no dataset 'document'"),
    "missing format": (lambda file: file.attrs.__delitem__("format"), "no attribute 'format'"),
    "missing digest": (lambda file: file.attrs.__delitem__("digest"), "no attribute 'digest'"),
    "foreign format": (attribute("format", np.bytes_("something else")), "its format is 'something else'"),
    "future version": (attribute("format_version", 2), "format_version is 2, and this shallownet reads 1"),
    "wrong digest": (attribute("digest", np.bytes_("0" * 64)), "digest does not match"),
    "another activation": (attribute("hidden", np.bytes_("tanh")), "digest does not match"),
    "unknown activation": (signed_attribute("hidden", np.bytes_("sine")), "must be one of 'tanh'"),
    "unknown cost": (signed_attribute("cost", np.bytes_("sine")), "must be one of 'cross_entropy'"),
    "attribute of variable length": (attribute("hidden", "relu"), "no short string or integer"),
    "huge attribute": (attribute("hidden", np.bytes_("relu" * 10_000)), "no short string or integer"),
    "array as attribute": (attribute("format", np.array([b"a", b"b"])), "no short string or integer"),
    "float as attribute": (attribute("format_version", 1.0), "no short string or integer"),
    "empty attribute": (attribute("format", h5py.Empty("S4")), "no short string or integer"),
    "reference as attribute": (lambda file: attribute("format", file.ref)(file), "no short string or integer"),
    "integer for a string": (attribute("format", 1), "its format is 1"),
    "string that is no text": (attribute("format", np.bytes_(b"\xff\xfe")), "UnicodeDecodeError"),
    "NaN": (dataset("W1", np.array([[1.0, np.nan]])), "must be finite"),
    "infinity": (dataset("b2", np.array([[-np.inf]])), "must be finite"),
    "wrong rank": (dataset("W1", np.ones(2)), "must be a matrix"),
    "wrong shape": (dataset("W1", np.ones((2, 1)), declare=False), "has not its declared shape"),
    "layer sizes that disagree": (dataset("W2", np.ones((1, 3))), r"must have shape \(1, 1\)"),
    "several chunks": (dataset("W1", np.ones((1, 2)), chunks=(1, 1)), "is not one chunk"),
    "another dtype": (dataset("W1", np.ones((1, 2), "f4"), declare=False), "not stored as <f8"),
    "declared bytes": (dataset("W1", np.ones((1, 2), "u1")), "is declared as '|u1'"),
    "document that is no JSON": (document(lambda tree: b"{"), "JSONDecodeError"),
    "document that is no text": (document(lambda tree: b"\xff\xff"), "UnicodeDecodeError"),
    "document without end": (document(lambda tree: b"[" * 10**6), "RecursionError"),
    "document with a huge number": (document(lambda tree: b"9" * 10**6), "ValueError"),
    "document that is a list": (document(lambda tree: b"[1]"), "TypeError"),
    "document without datasets": (document(lambda tree: tree.pop("datasets")), "KeyError"),
    "network without weights": (document(lambda tree: tree["content"].pop("W1")), "KeyError: 'W1'"),
    "weights in words": (content(W1="all of them one"), "TypeError"),
    "weights that are not there": (content(W1={"$dataset": "W9"}), "KeyError: 'W9'"),
    "array of objects": (content(metadata={"$array": "AAAA", "dtype": "O", "shape": [1]}), "of dtype object"),
    "array of the wrong size": (content(metadata={"$array": "AAAA", "dtype": "u1", "shape": [2**60]}), "reshape"),
    "metadata that is a list": (content(metadata=[1]), "metadata is no dictionary"),
}

UNUSUAL = {
    "another attribute": lambda file: file.attrs.__setitem__("note", "a string of variable length"),
    "attribute of a dataset": lambda file: file["W1"].attrs.__setitem__("unit", "mV"),
    "pretty document": document(lambda tree: json.dumps(tree, indent=2).encode()),
}

IMAGE_CHANGES = {
    "empty": (lambda image: b"", "begins otherwise"),
    "not HDF5": (lambda image: b"W1 = 0.5\n" * 300, "begins otherwise"),
    "pickle": (lambda image: b"cposix\nsystem\n(S'exit 1'\ntR.", "begins otherwise"),
    "user block": (lambda image: bytes(512) + image, "begins otherwise"),
    "only a signature": (lambda image: image[:8], "OSError"),
}


# Changes of a column file: name -> (change, reason)


def columns(array, **options):
    def change(file):
        del file["columns"]
        file.create_dataset("columns", data=array, **{"chunks": array.shape, "fletcher32": True, **options})
    return change


def lose_chunk(file):
    del file["columns"]
    file.create_dataset("columns", (4, 2), "f8", chunks=(2, 2), fletcher32=True)[:2] = 1


COLUMN_CHANGES = {
    "extra dataset": (lambda file: file.create_dataset("W3", data=1.0), "holds more than columns"),
    "missing dataset": (lambda file: file.__delitem__("columns"), "holds more than columns"),
    "foreign format": (attribute("format", np.bytes_("something else")), "its format is 'something else'"),
    "future version": (attribute("format_version", 2), "format_version is 2, and this shallownet reads 1"),
    "wrong rank": (columns(np.ones((3, 2, 1))), "its columns lie in pieces"),
    "columns in pieces": (columns(np.ones((3, 2)), chunks=(3, 1)), "its columns lie in pieces"),
    "missing chunk": (lose_chunk, "is not stored whole"),
    "NaN": (columns(np.array([[1.0, np.nan]])), "must be finite"),
    "infinity": (columns(np.array([[-np.inf, 1.0]])), "must be finite"),
}


def in_oldest_format(path):
    """Return the bytes of the same file as HDF5 wrote it in 1998."""
    image = io.BytesIO()
    with h5py.File(path) as old, h5py.File(image, "w", libver="earliest") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name, data in old.items():
            new.create_dataset(name, data=data[()], chunks=data.chunks, fletcher32=True)
    return image.getvalue()
