"""Files that nobody should load, each with the reason of its refusal, and child processes to load them in.

A hostile file begins as a good one and is changed in one place, so that nothing else can be the reason.
"""

import hashlib
import io
import json
import math
import os
import subprocess
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

import shallownet
from shallownet._hdf5 import digest, file_head, read_head
from shallownet.column_files import open_columns
from shallownet.convert import convert
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
    """Return all that a file of this kind holds. Old ones are converted; what is in the way of that is the outcome."""
    if kind.startswith("old "):
        kind = kind.removeprefix("old ")
        convert(path, f"{path}.new")
        path = f"{path}.new"
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


# Files of format_version 1


def write_old(kind, path):
    """Rewrite the file ``path`` as shallownet wrote it before: in chunks with HDF5's own checksum."""
    with h5py.File(path) as new:
        attributes = {name: value.decode() if isinstance(value, bytes) else 1 for name, value in new.attrs.items()}
        arrays = {name: data[()] for name, data in new.items()}
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110")) as old:
        if kind == "columns":
            rows = arrays["columns"]
            old.create_dataset("columns", data=rows, chunks=(2, rows.shape[1]), maxshape=(None, rows.shape[1]),
                               fletcher32=True)
            attributes = {name: attributes[name] for name in ("format", "format_version")}
        else:
            content = arrays.pop("document").tobytes().replace(b'{"$float": "inf"}', b"Infinity")
            datasets = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
            document = b'{"content": %b, "datasets": %b}' % (content, json.dumps(datasets).encode())
            for name, array in {"document": np.frombuffer(document, np.uint8), **arrays}.items():
                old.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
        for name, value in attributes.items():
            old.attrs[name] = np.bytes_(value) if isinstance(value, str) else value
        if kind != "columns":
            sign(old)
    Path(path).write_bytes(image.getvalue())


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


# Changes of a whole old parameters file: name -> (change, reason)


def sign(file):
    """Write the digest that goes with what the file holds now."""
    header = {name: file.attrs[name] for name in ("format", "format_version", "hidden", "cost") if name in file.attrs}
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


OLD_FILE_CHANGES = {
    "extra dataset": (lambda file: file.create_dataset("W3", data=1.0), "not the declared ones"),
    "extra group": (lambda file: file.create_group("more"), "not the declared ones"),
    "hard link to the root": (lambda file: file.__setitem__("loop", file["/"]), "not the declared ones"),
    "missing dataset": (lambda file: file.__delitem__("b1"), "not the declared ones"),
    "missing document": (lambda file: file.__delitem__("document"), "no dataset 'document'"),
    "missing format": (lambda file: file.attrs.__delitem__("format"), "no attribute 'format'"),
    "missing digest": (lambda file: file.attrs.__delitem__("digest"), "no attribute 'digest'"),
    "foreign format": (attribute("format", np.bytes_("something else")), "its format is 'something else'"),
    "another version": (attribute("format_version", 2), "format_version is 2"),
    "wrong digest": (attribute("digest", np.bytes_("0" * 64)), "digest does not match"),
    "another activation": (attribute("hidden", np.bytes_("tanh")), "digest does not match"),
    "unknown activation": (signed_attribute("hidden", np.bytes_("sine")), "must be one of .*'tanh'"),
    "unknown cost": (signed_attribute("cost", np.bytes_("sine")), "must be one of .*'cross_entropy'"),
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
    "wrong shape": (dataset("W1", np.ones((2, 1)), declare=False), "a shape is not as declared"),
    "layer sizes that disagree": (dataset("W2", np.ones((1, 3))), r"must have shape \(1, 1\)"),
    "another dtype": (dataset("W1", np.ones((1, 2), "f4"), declare=False), "not stored as <f8"),
    "declared bytes": (dataset("W1", np.ones((1, 2), "u1")), "other numbers than floats"),
    "document that is no JSON": (document(lambda tree: b"{"), "JSONDecodeError"),
    "document that is a list": (document(lambda tree: b"[1]"), "TypeError"),
    "document without datasets": (document(lambda tree: tree.pop("datasets")), "KeyError"),
    "network without weights": (document(lambda tree: tree["content"].pop("W1")), "KeyError: 'W1'"),
    "metadata that is a list": (content(metadata=[1]), "TypeError"),
}

OLD_UNUSUAL = {
    "another attribute": lambda file: file.attrs.__setitem__("note", "a string of variable length"),
    "attribute of a dataset": lambda file: file["W1"].attrs.__setitem__("unit", "mV"),
    "pretty document": document(lambda tree: json.dumps(tree, indent=2).encode()),
}

IMAGE_CHANGES = {
    "empty": (lambda image: b"", "begins otherwise"),
    "not HDF5": (lambda image: b"W1 = 0.5\n" * 300, "begins otherwise"),
    "pickle": (lambda image: b"cposix\nsystem\n(S'exit 1'\ntR.", "begins otherwise"),
    "user block": (lambda image: bytes(512) + image, "begins otherwise"),
    "only a signature": (lambda image: image[:8], "structure is not that of|HDF5 finds"),
}


# Changes of the content of a file, with every checksum and digest as it ought to be: name -> (change, reason)


def forge(kind, path, change):
    """Let ``change`` edit the attributes and the arrays of a file."""
    image = Path(path).read_bytes()
    attributes, datasets = read_head(image, len(image), kind)
    arrays = {name: np.frombuffer(image, dtype, math.prod(shape), address).reshape(shape)
              for name, (dtype, shape, address) in datasets.items()}
    attributes["digest"] = ""
    change(attributes, arrays)
    shapes = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    if attributes.get("digest") == "":
        covered = [arrays["checksums"]] if kind == "columns" else arrays.values()
        others = {name: value for name, value in attributes.items() if name != "digest"}
        attributes["digest"] = digest(others, shapes, *covered)
    data = b"".join(array.tobytes() for array in arrays.values())
    Path(path).write_bytes(file_head(attributes, shapes) + data)


def set_attribute(name, value):
    return lambda attributes, arrays: attributes.__setitem__(name, value)


def set_array(name, array):
    return lambda attributes, arrays: arrays.__setitem__(name, np.asarray(array))


def set_document(edit):
    """Return a change of the document; ``edit`` gives bytes, or changes the tree."""
    def change(attributes, arrays):
        tree = json.loads(arrays["document"].tobytes())
        text = edit(tree)
        text = text if isinstance(text, bytes) else json.dumps(tree).encode()
        arrays["document"] = np.frombuffer(text, np.uint8)
    return change


def set_metadata(text):
    """Return a change of the document whose metadata is this JSON."""
    return set_document(lambda tree: json.dumps(tree | {"metadata": 0}).encode().replace(
        b'"metadata": 0', b'"metadata": ' + text))


def drop(name):
    return lambda attributes, arrays: (attributes if name in attributes else arrays).pop(name)


def long_list(array):
    """Return a change that has the array in the place of a list."""
    def change(attributes, arrays):
        arrays["more"] = array
        set_metadata(b'{"a": {"$list": {"$dataset": "more"}}}')(attributes, arrays)
    return change


ARRAY = b'{"$array": "AAAAAAAAAAA=", "dtype": "%b", "shape": %b}'
ATTRIBUTES = "its attributes are other"
FORGED_FILES = {
    "extra dataset": (set_array("W3", np.ones(1)), "nothing refers to its arrays W3"),
    "many datasets": (lambda _, arrays: arrays.update({f"A{i}": np.ones(1) for i in range(300)}), "structure"),
    "missing dataset": (drop("b1"), "KeyError: 'b1'"),
    "missing document": (drop("document"), "it has no document"),
    "missing format": (drop("format"), "its format is None"),
    "missing digest": (drop("digest"), ATTRIBUTES),
    "another attribute": (set_attribute("note", "a string"), ATTRIBUTES),
    "foreign format": (set_attribute("format", "something else"), "its format is 'something else'"),
    "number as format": (set_attribute("format", 1), "its format is 1"),
    "future version": (set_attribute("format_version", 3), "format_version is 3, and this shallownet reads 2"),
    "wrong digest": (set_attribute("digest", "0" * 64), "digest does not match"),
    "unknown activation": (set_attribute("hidden", "sine"), "must be one of .*'tanh'"),
    "unknown cost": (set_attribute("cost", "sine"), "must be one of .*'cross_entropy'"),
    "number as activation": (set_attribute("hidden", 7), "must be one of .*'tanh'"),
    "NaN": (set_array("W1", [[1.0, np.nan]]), "must be finite"),
    "infinity": (set_array("b2", [[-np.inf]]), "must be finite"),
    "wrong rank": (set_array("W1", np.ones(2)), "must be a matrix"),
    "scalar": (set_array("W1", 1.0), "structure"),
    "nothing": (set_array("W1", np.ones((0, 2))), "structure"),
    "layer sizes that disagree": (set_array("W2", np.ones((1, 3))), r"must have shape \(1, 1\)"),
    "bytes for weights": (set_array("W1", np.ones((1, 2), "u1")), "other numbers than floats"),
    "integers for weights": (set_array("W1", np.ones((1, 2), "i8")), "other numbers than floats"),
    "numbers for a document": (set_array("document", np.ones(2)), "its document is no text"),
    "document that is no JSON": (set_document(lambda tree: b"{"), "JSONDecodeError"),
    "document that is no text": (set_document(lambda tree: b"\xff\xff"), "UnicodeDecodeError"),
    "document without end": (set_document(lambda tree: b"[" * 10**5), "RecursionError"),
    "document with a huge number": (set_document(lambda tree: b"9" * 10**6), "ValueError"),
    "document that is a list": (set_document(lambda tree: b"[1]"), "nothing refers to its arrays"),
    "network without weights": (set_document(lambda tree: tree.pop("W1")), "nothing refers to its arrays W1"),
    "weights in words": (set_document(lambda tree: tree.update(metadata=tree["W1"], W1="one")), "TypeError|no dict"),
    "weights that are not there": (set_document(lambda tree: tree.update(W1={"$dataset": "W9"})), "KeyError: 'W9'"),
    "one array under two names": (set_document(lambda tree: tree.update(b1=tree["W1"])), "KeyError: 'W1'"),
    "metadata that is a list": (set_metadata(b"[1]"), "metadata is no dictionary"),
    "metadata with a key twice": (set_metadata(b'{"a": 1, "a": 1}'), "a key twice"),
    "metadata with NaN": (set_metadata(b'{"a": NaN}'), "NaN, which is no number"),
    "metadata with infinity": (set_metadata(b'{"a": [-Infinity]}'), "-Infinity, which is no number"),
    "metadata with too large a number": (set_metadata(b'{"a": 1e999}'), "1e999, which is no number"),
    "metadata with an odd number": (set_metadata(b'{"a": {"$float": "1"}}'), "a number '1'"),
    "metadata of 300 levels": (set_metadata(b'{"a": %b}' % (b"[" * 300 + b"]" * 300)), "deeper than 100 levels"),
    "metadata of 101 levels": (set_metadata(b'{"a": %b}' % (b"[" * 99 + b"]" * 99)), "deeper than 100 levels"),
    "metadata with an odd mark": (set_metadata(b'{"a": {"$set": []}}'), "unknown kind of value"),
    "metadata with a mark too many": (set_metadata(b'{"a": {"$float": "inf", "b": 1}}'), "unknown kind of value"),
    "matrix as a list": (long_list(np.ones((1000, 1))), "a list of something else"),
    "float32 as a list": (long_list(np.ones(1000, "f4")), "a list of something else"),
    "small integers as a list": (set_metadata(b'{"a": {"$list": %b}}' % (ARRAY % (b"<i2", b"[4]"))), "something else"),
    "name as a list": (set_metadata(b'{"a": {"$list": "W1"}}'), "AttributeError"),
    "many values": (set_metadata(b'{"a": [%b0]}' % (b"0," * 2**20)), "more than 1048576 values"),
    "many lists": (set_metadata(b'{"a": [%b[]]}' % (b"[]," * 2**17)), "more than 131072 lists and dictionaries"),
    "array of objects": (set_metadata(b'{"a": %b}' % (ARRAY % (b"|O8", b"[1]"))), "an array of dtype"),
    "array of records": (set_metadata(b'{"a": %b}' % (ARRAY % (b"f4,f4", b"[1]"))), "an array of dtype"),
    "array of shape [-1]": (set_metadata(b'{"a": %b}' % (ARRAY % (b"<f8", b"[-1]"))), r"an array of shape \[-1\]"),
    "array of shape true": (set_metadata(b'{"a": %b}' % (ARRAY % (b"<f8", b"[true]"))), "an array of shape"),
    "array of the wrong size": (set_metadata(b'{"a": %b}' % (ARRAY % (b"|u1", b"[%d]" % 2**60))), "no array of shape"),
    "array of no base64": (set_metadata(b'{"a": {"$array": "?", "dtype": "<f8", "shape": [0]}}'), "Error"),
}


def set_columns(array):
    """Return a change of the columns, each with its checksum."""
    def change(attributes, arrays):
        attributes["block_columns"] = 1
        arrays["columns"] = np.asarray(array)
        arrays["checksums"] = np.array([zlib.crc32(row) for row in arrays["columns"]], "<u4")
    return change


FORGED_COLUMNS = {
    "extra dataset": (set_array("W3", np.ones(1)), "more than columns and their checksums"),
    "missing checksums": (lambda _, arrays: arrays.update(checksums=arrays.pop("columns")), "more than columns"),
    "missing digest": (drop("digest"), ATTRIBUTES),
    "wrong digest": (set_attribute("digest", "0" * 64), "digest does not match"),
    "foreign format": (set_attribute("format", "something else"), "its format is 'something else'"),
    "future version": (set_attribute("format_version", 3), "format_version is 3, and this shallownet reads 2"),
    "no columns to a block": (set_attribute("block_columns", 0), "its blocks have 0 columns"),
    "less than no columns to a block": (set_attribute("block_columns", -(2**63)), "its blocks have -"),
    "words for a block": (set_attribute("block_columns", "many"), "its blocks have many columns"),
    "larger blocks": (set_attribute("block_columns", 2**62), "lacks a checksum for each block"),
    "a checksum too many": (set_array("checksums", np.ones(9, "<u4")), "lacks a checksum for each block"),
    "floats for checksums": (set_array("checksums", np.ones(2)), "lacks a checksum for each block"),
    "wrong checksum": (set_array("checksums", np.ones(2, "<u4")), "columns 0 to 1 does not match its checksum"),
    "wrong rank": (set_columns(np.ones((3, 2, 1))), "no matrix of floats"),
    "nothing": (set_columns(np.ones((0, 2))), "structure"),
    "integers": (set_columns(np.ones((3, 2), "i8")), "no matrix of floats"),
    "NaN": (set_columns([[1.0, np.nan]]), "must be finite"),
    "infinity": (set_columns([[-np.inf, 1.0]]), "must be finite"),
}


# Changes of an old column file: name -> (change, reason)


def columns(array, **options):
    def change(file):
        del file["columns"]
        file.create_dataset("columns", data=array, **{"chunks": array.shape, "fletcher32": True, **options})
    return change


def lose_chunk(file):
    del file["columns"]
    file.create_dataset("columns", (4, 2), "f8", chunks=(2, 2), fletcher32=True)[:2] = 1


OLD_COLUMN_CHANGES = {
        "missing dataset": (lambda file: file.__delitem__("columns"), "no dataset 'columns'"),
    "foreign format": (attribute("format", np.bytes_("something else")), "its format is 'something else'"),
    "another version": (attribute("format_version", 2), "format_version is 2"),
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
