"""An epoch over a column file beside the same epoch over the same data in memory: the ratio, in one run.

Also how fast the file is read and checked alone, in slices of 16 MiB and of a mini-batch.

    python benchmarks/streaming.py --gigabytes 2
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from shallownet import adam, initialize_parameters, train
from shallownet.column_files import open_columns, write_columns

N_X = 50


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def read_through(X, columns):
    for i in range(0, X.shape[1], columns):
        X[:, i:i + columns]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--batch-size", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    m = int(options.gigabytes * 1e9 / (8 * N_X))
    rows = np.random.RandomState(0).standard_normal((m, N_X))
    memory = rows.T                                                       # each sample lies in one piece
    Y = (memory[:1] * memory[1:2] > 0).astype(float)
    parameters = initialize_parameters(N_X, 16, 1, scale="glorot", random_state=3)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.h5")
        took = seconds(lambda: write_columns(path, (memory[:, i:i + 20_000] for i in range(0, m, 20_000))))
        print(f"{m:,} samples of {N_X} features, {rows.nbytes / 1e6:.0f} MB, written in {took:.1f} s")
        for columns in (2**24 // (8 * N_X), options.batch_size):
            with open_columns(path) as X:
                took = seconds(lambda X=X, n=columns: read_through(X, n))
            print(f"read through, {columns:,} columns a slice: {rows.nbytes / 1e9 / took:.2f} GB/s")
        for kind, batch_size in {"mini-batches": options.batch_size, "full batch": None}.items():
            iterations = -(-m // batch_size) if batch_size else 3

            def epoch(X, batch_size=batch_size, iterations=iterations):
                train(X, Y, parameters, iterations, optimizer=adam(0.01), batch_size=batch_size)

            ratios = []
            for _ in range(options.rounds):
                in_memory = seconds(lambda: epoch(memory))
                with open_columns(path) as X:
                    streamed = seconds(lambda: epoch(X))
                ratios.append(streamed / in_memory)
                print(f"{kind}: in memory {in_memory:.2f} s, streamed {streamed:.2f} s, ratio {ratios[-1]:.2f}")
            print(f"{kind}: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
