"""Load thousands of mutated files: each must be refused with ModelFileError, or give what is in it.

    python benchmarks/fuzz_storage.py --mutations 20000 --seed 0

The originals are a parameters file, a checkpoint and a column file. A third of the mutations changes any bytes. A third
changes fields of the metadata and mends HDF5's checksums, so that these do not refuse the file at once. A third changes
the content and mends all checksums and digests, as a forger does: what is loaded then is compared with what h5py finds
in the file. Child processes with limits on time and memory do the loading; the exit status is 1 if one of them crashes,
if a load takes more than two seconds or more memory than ten times the file and 64 MiB, if an exception other than
ModelFileError comes out, or if other numbers are loaded in silence.
"""

import argparse
import base64
import json
import math
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from shallownet import column_files
from shallownet._hdf5 import DATATYPES, digest, file_head, lookup3, read_head
from shallownet.column_files import open_columns, write_columns
from shallownet.network import initialize_parameters
from shallownet.storage import (
    ModelFileError,
    load_checkpoint,
    load_metadata,
    load_parameters,
    save_checkpoint,
    save_parameters,
)

BATCH = 1000          # mutations of one child
TIME_LIMIT = 300      # seconds for a batch, which takes about three
LOAD_LIMIT = 2        # seconds for one file
MEMORY_LIMIT = 2**31  # bytes of address space of a child
GOOD = ("refused", "loaded unchanged", "loaded as forged")
BAD = ("silent change", "foreign exception", "crash", "hang", "memory")
INTERESTING = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
WORDS = ("", "relu", "tanh", "squared_error", "shallownet columns", "shallownet parameters", "shallownet checkpoint",
         "x" * 300)
TOKENS = (b"NaN", b"-1", b"1e999", b"0.5", b"null", b"[]", b"{}", b'"W1"', b"[" * 200 + b"]" * 200, b"9" * 5000,
          b'{"$dataset": "W1"}', b'{"$dataset": "parameters.b1"}', b'{"$float": "nan"}', b'{"$list": [1]}',
          b'{"$array": "AAAAAAAAAAA=", "dtype": "<f8", "shape": [1]}', b'{"$array": "", "dtype": "<f8", "shape": [-1]}',
          b'{"a": 1, "a": 2}')


def originals(folder):
    """Write the originals and return their ``(kind, bytes, content)``."""
    parameters = initialize_parameters(2, 4, 1, hidden="relu", random_state=0)
    state = {
        "iteration": 7, "parameters": parameters, "optimizer_state": {"t": np.array(7), "v_W1": parameters["W1"] / 3},
        "history": {"iteration": [0, 5], "cost": [0.7, float("inf")]}, "random_state": np.random.PCG64(0).state,
    }
    rng = np.random.default_rng(0)
    save_parameters(folder / "parameters", parameters, note="fuzz", epochs=3)
    save_checkpoint(folder / "checkpoint", state)
    column_files.CHECKED_BYTES = 512                     # several blocks in a small file
    write_columns(folder / "columns", (rng.standard_normal((8, k)) for k in (20, 20, 30)))
    for kind in ("parameters", "checkpoint", "columns"):
        yield kind, (folder / kind).read_bytes(), load(kind, folder / kind)


def load(kind, path):
    if kind == "columns":
        with open_columns(path) as X:
            return X[:, :]
    if kind == "checkpoint":
        return load_checkpoint(path)
    return {"parameters": load_parameters(path), "metadata": load_metadata(path)}


# Mutations


def mutate(image, others, rng):
    """Return ``image`` after one to three mutations."""
    image = bytearray(image)
    for _ in range(rng.integers(1, 4)):
        place, source = (int(i) for i in rng.integers(len(image), size=2))
        length = int(rng.integers(1, 65 if rng.random() < 0.9 else len(image) + 1))
        mutation = rng.choice(["flip", "byte", "integer", "splice", "copy", "insert", "delete", "cut"])
        if mutation == "flip":
            image[place] ^= 1 << int(rng.integers(8))
        elif mutation == "byte":
            image[place] = int(rng.integers(256))
        elif mutation == "integer":
            size = int(rng.choice([1, 2, 4, 8]))
            value = INTERESTING[rng.integers(len(INTERESTING))] % 2 ** (8 * size)
            image[place:place + size] = value.to_bytes(size, "little")
        elif mutation == "splice":
            other = others[rng.integers(len(others))]
            image[place:place + length] = other[place:place + length]
        elif mutation == "copy":
            image[place:place + length] = image[source:source + length]
        elif mutation == "insert":
            image[place:place] = rng.bytes(length)
        elif mutation == "delete":
            del image[place + 1:place + 1 + length]
        elif rng.random() < 0.2:                    # as after a cut there is little left to find
            del image[place + 1:]
    return bytes(image)


def mutate_fields(image, rng):
    """Return ``image`` after one to three mutations of its metadata, with the checksums of HDF5 mended."""
    image, length = bytearray(image), image.rindex(b"OHDR") + 100
    for _ in range(rng.integers(1, 4)):
        place, source = (int(i) for i in rng.integers(length, size=2))
        size = int(rng.choice([1, 2, 4, 8]))
        mutation = rng.choice(["integer", "step", "copy", "insert", "delete"])
        if mutation == "integer":
            value = INTERESTING[rng.integers(len(INTERESTING))] % 2 ** (8 * size)
            image[place:place + size] = value.to_bytes(size, "little")
        elif mutation == "step":
            value = int.from_bytes(image[place:place + size], "little") + int(rng.integers(-9, 10))
            image[place:place + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
        elif mutation == "copy":
            image[place:place + 8 * size] = image[source:source + 8 * size]
        elif mutation == "insert":
            image[place:place] = image[source:source + 8 * size]
        else:
            del image[place:place + size]
    return mend_checksums(image)


def mend_checksums(image):
    """Put the checksums of the superblock and of the object headers right, as somebody with bad intent would."""
    image = bytearray(image)
    image[44:48] = struct.pack("<I", lookup3(bytes(image[:44])))
    for match in re.finditer(b"OHDR", image):
        start = match.start()
        flags = image[start + 5] if start + 5 < len(image) else 0
        sizes = start + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        width = 1 << (flags & 3)
        end = sizes + width + int.from_bytes(image[sizes:sizes + width], "little")
        if end + 4 <= len(image):
            image[end:end + 4] = struct.pack("<I", lookup3(bytes(image[start:end])))
    return bytes(image)


def forge(kind, image, rng):
    """Return a file with other attributes, dtypes, shapes, numbers or another document; its digests are right."""
    attributes, found = read_head(image, len(image), kind)
    shapes = {name: (dtype, shape) for name, (dtype, shape, _) in found.items()}
    data = {name: image[place:place + size_of(*shapes[name])] for name, (_, _, place) in found.items()}
    for _ in range(rng.integers(1, 3)):
        mutation = rng.choice(["attribute", "shape", "numbers", "document", "names"], p=[0.1, 0.2, 0.2, 0.4, 0.1])
        name = str(rng.choice([*shapes]))
        if mutation == "attribute":
            value = INTERESTING[rng.integers(9)] - 1 if rng.random() < 0.5 else WORDS[rng.integers(len(WORDS))]
            attributes[str(rng.choice([*attributes, "note"]))] = value
        elif mutation == "shape":
            dtype, shape = shapes[name]
            size = INTERESTING[rng.integers(len(INTERESTING))] if rng.random() < 0.5 else int(rng.integers(12))
            more = shape[:1] if rng.random() < 0.1 else ()
            shapes[name] = str(rng.choice([*DATATYPES, dtype])), (*shape[:-1], size, *more)
        elif mutation == "numbers":
            data[name] = mutate(data[name], [data[name]], rng) if data[name] else b""
        elif mutation == "names":
            new = str(rng.choice(["W1", "x", "document", "columns"]))
            shapes[new], data[new] = shapes.pop(name), data.pop(name)
        elif "document" in data:
            data["document"] = mutate_document(data["document"], rng)
    for name, (dtype, shape) in shapes.items():          # as many bytes as the shape says, or the shape of the bytes
        size = size_of(dtype, shape)
        if size > 10**6 or name == "document":
            shapes[name] = dtype, (len(data[name]) // int(dtype[2:]),)
            size = size_of(*shapes[name])
        data[name] = data[name][:size].ljust(size, b"\0")
    if kind == "columns" and rng.random() < 0.8:
        mend_blocks(attributes, shapes, data)
    if attributes.pop("digest", None) is not None:
        covered = [data.get("checksums", b"")] if kind == "columns" else data.values()
        attributes["digest"] = digest(attributes, shapes, *covered)
    return file_head(attributes, shapes) + b"".join(data.values())


def size_of(dtype, shape):
    return int(dtype[2:]) * math.prod(shape)


def mutate_document(text, rng):
    """Put a token in the place of a value, or change any bytes."""
    if rng.random() < 0.2:
        return mutate(text, [text], rng)
    values = [*re.finditer(rb'"\$?\w*"|-?\d[\d.e+-]*|\[[^][]*\]|\{[^{}]*\}', text)]
    if not values:
        return text
    value = values[rng.integers(len(values))]
    return text[:value.start()] + TOKENS[rng.integers(len(TOKENS))] + text[value.end():]


def mend_blocks(attributes, shapes, data):
    dtype, shape = shapes.get("columns", ("", ()))
    size, block = int(dtype[2:] or 0) * math.prod(shape[1:]), attributes.get("block_columns")
    if size and isinstance(block, int) and block > 0:
        sums = [zlib.crc32(data["columns"][i:i + block * size]) for i in range(0, len(data["columns"]), block * size)]
        data["checksums"], shapes["checksums"] = np.array(sums, "<u4").tobytes(), ("<u4", (len(sums),))


# Outcomes


def as_h5py_reads(kind, path):
    """Return the content of a file that has been accepted, without shallownet."""
    with h5py.File(path) as file:
        arrays = {name: dataset[()] for name, dataset in file.items()}
        names = {name: file.attrs[name].decode() for name in ("hidden", "cost") if name in file.attrs}
    if kind == "columns":
        return arrays["columns"].T
    tree = restore(json.loads(arrays.pop("document").tobytes()), arrays)
    if kind == "checkpoint":
        return tree
    parameters = {name: np.asarray(tree[name]) for name in ("W1", "b1", "W2", "b2")}
    parameters = {name: a if a.dtype in (np.float32, np.float64) else a.astype(float) for name, a in parameters.items()}
    defaults = {"hidden": "tanh", "cost": "cross_entropy"}
    parameters |= {name: value for name, value in names.items() if value != defaults[name]}
    return {"parameters": parameters, "metadata": tree["metadata"]}


def restore(value, arrays):
    if isinstance(value, list):
        return [restore(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "$dataset" in value:
        return arrays[value["$dataset"]]
    if "$list" in value:
        return restore(value["$list"], arrays).tolist()
    if "$float" in value:
        return float(value["$float"])
    if "$array" in value:
        return np.frombuffer(base64.b64decode(value["$array"]), value["dtype"]).reshape(value["shape"])
    return {key: restore(item, arrays) for key, item in value.items()}


def same(a, b):
    """Whether two contents agree to the last bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and repr(a) == repr(b)


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def outcome(kind, path, content, forged):
    start, before, loaded = time.perf_counter(), memory(), None
    try:
        loaded = load(kind, path)
        result = "loaded unchanged" if same(loaded, content) else "silent change"
    except ModelFileError:
        result = "refused"
    except BaseException as error:
        return f"foreign exception: {type(error).__name__}: {error}".replace("\n", " ")
    if time.perf_counter() - start > LOAD_LIMIT:
        return "hang"
    if memory() - before > 10 * path.stat().st_size + 2**26:
        return "memory"
    if result == "silent change" and forged and same(loaded, as_h5py_reads(kind, path)):
        return "loaded as forged"
    return result


def run_child(seed, start, stop, folder):
    """Print the outcome of the mutations ``start`` to ``stop``, one a line."""
    files = list(originals(folder))
    images = [image for _, image, _ in files]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for number in range(start, stop):
        kind, image, content = files[number % len(files)]
        rng, way = np.random.default_rng((seed, number)), number // len(files) % 3
        mutated = (mutate(image, images, rng) if way == 0 else
                   mutate_fields(image, rng) if way == 1 else forge(kind, image, rng))
        (folder / "mutated").write_bytes(mutated)
        print(outcome(kind, folder / "mutated", content, way == 2), flush=True)


def outcomes(seed, start, stop):
    """Return the outcomes of the mutations ``start`` to ``stop``; what a child does not survive ends the list."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--seed", str(seed), "--child", str(start), str(stop), folder]
        try:
            child = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIME_LIMIT)
            output, end = child.stdout, [f"crash with status {child.returncode}"] * bool(child.returncode)
        except subprocess.TimeoutExpired as expired:
            output, end = expired.stdout or b"", ["hang"]
    return output.decode().splitlines() + end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        start, stop, folder = arguments.child
        return run_child(arguments.seed, int(start), int(stop), Path(folder))

    began, done, counts = time.perf_counter(), 0, Counter()
    while done < arguments.mutations:
        for line in outcomes(arguments.seed, done, min(done + BATCH, arguments.mutations)):
            kind = next((bad for bad in BAD if line.startswith(bad)), line)
            counts[kind] += 1
            if kind in BAD:
                print(f"mutation {done}: {line}", file=sys.stderr)
            done += 1
    for kind in (*GOOD, *BAD):
        print(f"{kind + ':':18}{counts[kind]:7,}")
    print(f"{done:,} mutations with seed {arguments.seed} in {time.perf_counter() - began:.0f} s")
    return int(any(counts[kind] for kind in BAD))


if __name__ == "__main__":
    sys.exit(main())
