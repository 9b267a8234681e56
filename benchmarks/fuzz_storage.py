"""Load thousands of mutated files: each must be refused with ModelFileError, or give the very content it had.

    python benchmarks/fuzz_storage.py --mutations 20000 --seed 0

The originals are a parameters file, a checkpoint and a column file. HDF5's checksums would refuse most mutations at
once; so the first two are mutated in HDF5's oldest format too, which has fewer, and every other mutation of theirs has
its checksums put right. Child processes with limits on time and memory do the loading; the exit status is 1 if one of
them crashes or hangs, if an exception other than ModelFileError comes out, or if changed numbers are loaded in silence.
"""

import argparse
import io
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from shallownet import column_files
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
TIME_LIMIT = 300      # seconds for a batch, which takes about two
MEMORY_LIMIT = 2**31  # bytes of address space of a child
BAD = ("silent change", "foreign exception", "crash", "hang")
INTERESTING = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


def originals(folder):
    """Write the originals and return their ``(loader, bytes, content)``."""
    parameters = initialize_parameters(2, 4, 1, hidden="relu", random_state=0)
    state = {
        "iteration": 7, "parameters": parameters, "optimizer_state": {"t": np.array(7), "v_W1": parameters["W1"] / 3},
        "history": {"iteration": [0, 5], "cost": [0.7, float("inf")]}, "random_state": np.random.PCG64(0).state,
    }
    rng = np.random.default_rng(0)
    save_parameters(folder / "parameters", parameters, note="fuzz", epochs=3)
    save_checkpoint(folder / "checkpoint", state)
    column_files.HDF5_CHUNK_BYTES = 512                  # several chunks in a small file
    write_columns(folder / "columns", (rng.standard_normal((8, k)) for k in (20, 20, 30)))

    loaders = {"parameters": read_parameters, "checkpoint": load_checkpoint, "columns": read_columns}
    for name, load in loaders.items():
        content = load(folder / name)
        yield load, (folder / name).read_bytes(), content
        if name != "columns":
            yield load, oldest_format(folder / name), content


def oldest_format(path):
    """Return the bytes of the same file in the format of 1998: without checksums of its metadata."""
    image = io.BytesIO()
    with h5py.File(path) as old, h5py.File(image, "w", libver="earliest") as new:
        for name, value in old.attrs.items():
            new.attrs[name] = value
        for name, dataset in old.items():
            new.create_dataset(name, data=dataset[()], chunks=dataset.chunks, fletcher32=True)
    return image.getvalue()


def read_parameters(path):
    return {"parameters": load_parameters(path), "metadata": load_metadata(path)}


def read_columns(path):
    with open_columns(path) as X:
        return X[:, :]


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


def mend_checksums(image):
    """Put the checksums of the superblock and of the object headers right, as somebody with bad intent would."""
    image = bytearray(image)
    image[44:48] = lookup3(image[:44])
    for match in re.finditer(b"OHDR", image):
        start = match.start()
        flags = image[start + 5] if start + 5 < len(image) else 0
        sizes = start + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16)
        width = 1 << (flags & 3)
        end = sizes + width + int.from_bytes(image[sizes:sizes + width], "little")
        if end + 4 <= len(image):
            image[end:end + 4] = lookup3(image[start:end])
    return bytes(image)


def lookup3(data):
    """Return the checksum of HDF5's metadata: Bob Jenkins's hash of 2006, with the start value 0."""
    def mix(x, y, k):
        return (x - y) % 2**32 ^ (y << k | y >> 32 - k) % 2**32

    def final(x, y, k):
        return ((x ^ y) - (y << k | y >> 32 - k)) % 2**32

    a = b = c = (0xDEADBEEF + len(data)) % 2**32
    words = struct.unpack(f"<{-(-len(data) // 12) * 3}I", data + bytes(-len(data) % 12))
    for i in range(0, len(words), 3):
        a, b, c = (a + words[i]) % 2**32, (b + words[i + 1]) % 2**32, (c + words[i + 2]) % 2**32
        if i + 3 < len(words):
            for k, l, m in ((4, 6, 8), (16, 19, 4)):
                a, c = mix(a, c, k), (c + b) % 2**32
                b, a = mix(b, a, l), (a + c) % 2**32
                c, b = mix(c, b, m), (b + a) % 2**32
    for k, l, m in ((14, 11, 25), (16, 4, 14)):
        c = final(c, b, k)
        a = final(a, c, l)
        b = final(b, a, m)
    return final(c, b, 24).to_bytes(4, "little")


def same(a, b):
    """Whether two contents agree to the last bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    return type(a) is type(b) and a == b


def outcome(load, path, content):
    try:
        return "loaded unchanged" if same(load(path), content) else "silent change"
    except ModelFileError:
        return "refused"
    except BaseException as error:
        return f"foreign exception: {type(error).__name__}: {error}".replace("\n", " ")


def run_child(seed, start, stop, folder):
    """Print the outcome of the mutations ``start`` to ``stop``, one a line."""
    files = list(originals(folder))
    images = [image for _, image, _ in files]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for number in range(start, stop):
        load, image, content = files[number % len(files)]
        path = folder / "mutated"
        mutated = mutate(image, images, np.random.default_rng((seed, number)))
        mend = number // len(files) % 2 and load is not read_columns  # columns have checksums and no digest
        path.write_bytes(mend_checksums(mutated) if mend else mutated)
        print(outcome(load, path, content), flush=True)


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
    for kind in ("refused", "loaded unchanged", *BAD):
        print(f"{kind + ':':18}{counts[kind]:7,}")
    print(f"{done:,} mutations with seed {arguments.seed} in {time.perf_counter() - began:.0f} s")
    return int(any(counts[kind] for kind in BAD))


if __name__ == "__main__":
    sys.exit(main())
