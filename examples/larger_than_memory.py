"""Data larger than memory: write a file of the size you name, train on it, watch time, speed and peak memory."""

import argparse
import os
import time
from pathlib import Path

import numpy as np
from command_line import integer, output, positive, run
from tqdm import tqdm

from shallownet import accuracy, adam, initialize_parameters, train
from shallownet.column_files import open_columns, write_columns

N_X = 50
BLOCK = 20_000  # columns written at a time: 8 MB


def blocks(m, labels):
    """Generate the data block by block: 1 where two of the features have the same sign."""
    random = np.random.RandomState(3)
    for start in tqdm(range(0, m, BLOCK), desc="writing", unit="block", disable=None):
        X = random.standard_normal((N_X, min(BLOCK, m - start)))
        labels[:, start:start + X.shape[1]] = X[:1] * X[1:2] > 0
        yield X


def memory(name):
    """Megabytes that the system counts for this process: VmRSS now, VmHWM at the peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")  # only Linux tells
    return int(next(line for line in status.read_text().splitlines() if line.startswith(name)).split()[1]) / 1024


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=positive, default=1, help="size of the file (default: %(default)s)")
    parser.add_argument("--batch-size", type=integer(1), default=500, help="default: %(default)s")
    parser.add_argument("--path", type=output(".h5"), default="larger_than_memory.h5",
                        help="removed at the end (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not 0 < options.gigabytes < float("inf"):
        parser.error(f"argument --gigabytes: must be positive; got {options.gigabytes}")
    if options.batch_size < 1:
        parser.error(f"argument --batch-size: must be at least 1; got {options.batch_size}")
    if os.path.lexists(options.path):
        parser.error(f"argument --path: must be a new file, as it is removed at the end; got {options.path}")

    before = memory("VmRSS")
    m = max(1000, int(options.gigabytes * 1e9 / (8 * N_X)))
    Y = np.zeros((1, m), np.float32)
    write_columns(options.path, blocks(m, Y))
    size = os.path.getsize(options.path) / 1e6
    parameters = initialize_parameters(N_X, 16, 1, scale="glorot", random_state=3)
    try:
        with open_columns(options.path) as X:
            for kind, batch_size in {"mini-batches": options.batch_size, "full batch": None}.items():
                iterations = 1 if batch_size is None else -(-m // batch_size)
                start = time.perf_counter()
                parameters, history = train(
                    X, Y, parameters, iterations, optimizer=adam(0.01), batch_size=batch_size, report_every=iterations
                )
                took = time.perf_counter() - start
                passes = 1 if batch_size else 2  # the last cost of a full batch is one more pass over the file
                print(f"{kind}: {took / passes:.1f} s a pass over {m:,} samples, {size * passes / took:.0f} MB/s, "
                      f"cost {history['cost'][-1]:.3f}")
            print(f"accuracy {accuracy(parameters, X, Y):.3f}")
    finally:
        os.remove(options.path)
    print(f"peak memory {memory('VmHWM') - before:.0f} MB above the interpreter's, "
          f"of which {Y.nbytes / 1e6:.0f} MB labels; the file has {size:.0f} MB")


if __name__ == "__main__":
    run(main)
