"""Seconds and bytes of a full-batch iteration: on threads, from a column file, and on worker processes of Dask.

    python benchmarks/dask_overhead.py
    python benchmarks/dask_overhead.py --m 1600000 --chunks 2 8 32 128

Every round measures each way once, in turn, in one run; the table has the medians over the rounds. The overhead is that
of two workers over two threads: the median of the rounds' ratios, in time and in CPU time (of workers, scheduler and
client together), which other work on the machine disturbs less. Bytes are those over the loopback. To count no others,
give the run a network of its own:

    unshare --net --map-root-user sh -c "ip link set lo up; python benchmarks/dask_overhead.py"
"""

import argparse
import os
import tempfile
import time
from functools import partial

import dask
import dask.array as da
import numpy as np
import psutil
from distributed import Client, LocalCluster, wait

import shallownet
import shallownet.dask
from shallownet.column_files import open_columns, write_columns

N_X, N_H = 30, 20
WAYS = ["1 thread", "column file", "1 worker", "2 threads", "2 workers"]  # those that are compared, side by side


def make(k, columns):
    """The samples of a chunk: a table of 30 features, and whether two of them have the same sign."""
    X = np.random.default_rng(k).standard_normal((N_X, columns))
    return X, (X[:1] * X[1:2] > 0).astype(float)


def on_cluster(chunks, columns):
    """Return X and Y as Dask arrays that the workers have made and keep."""
    pairs = [dask.delayed(make, nout=2)(k, columns) for k in range(chunks)]
    arrays = dask.persist(*(
        da.concatenate([da.from_delayed(pair[i], (rows, columns), float) for pair in pairs], axis=1)
        for i, rows in enumerate((N_X, 1))
    ))
    wait(arrays)
    return arrays


def measure(train, iterations, processes):
    """Return the seconds, CPU seconds and bytes of an iteration, between the first report and the next."""
    stamps = []

    def stamp(state):
        cpu = sum(sum(process.cpu_times()[:2]) for process in processes)
        stamps.append((time.perf_counter(), cpu, psutil.net_io_counters(pernic=True)["lo"].bytes_sent))

    train(num_iterations=iterations + 1, report_every=iterations, callbacks=[stamp])
    return [(after - before) / iterations for before, after in zip(*stamps[:2], strict=True)]


def compare(m, chunks, clients, options):
    """Print a line of the table."""
    columns = m // chunks
    X, Y = (np.concatenate(parts, axis=1) for parts in zip(*(make(k, columns) for k in range(chunks)), strict=True))
    write_columns(options.path, [X])
    parameters = shallownet.initialize_parameters(N_X, N_H, 1, random_state=3)
    train, here = partial(shallownet.train, parameters=parameters), [psutil.Process()]

    def on_workers(client):
        with client.as_current():
            arrays = on_cluster(chunks, columns)
        workers = [psutil.Process(pid) for pid in client.run(os.getpid).values()]
        return partial(shallownet.dask.train, *arrays, parameters, client=client), here + workers

    with open_columns(options.path) as file:
        ways = [
            (partial(train, X, Y, threads=1), here), (partial(train, file, Y), here), on_workers(clients[0]),
            (partial(train, X, Y, threads=2), here), on_workers(clients[1]),
        ]
        rounds = np.array([
            [measure(way, options.iterations, processes) for way, processes in ways] for _ in range(options.rounds)
        ])                                                                # (rounds, ways, 3)
    seconds, _, sent = np.median(rounds, axis=0).T
    overheads = 100 * (rounds[:, 4, :2] / rounds[:, 3, :2] - 1)           # (rounds, 2)
    (low, median, high), (_, cpu, _) = np.percentile(overheads, [25, 50, 75], axis=0).T
    cells = [f"{m:,}", f"{chunks}", *(f"{1e3 * s:.0f}" for s in seconds),
             f"{median:.0f} ({low:.0f} to {high:.0f})", f"{cpu:.0f}", f"{sent[4] / 1000:.0f}"]
    print("|", " | ".join(cells), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--m", type=int, nargs="+", default=[100_000, 400_000, 1_600_000], help="samples")
    parser.add_argument("--chunks", type=int, nargs="+", default=[2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--iterations", type=int, default=10, help="in a round")
    options = parser.parse_args()

    cells = ["m", "chunks", *(f"{way}, ms" for way in WAYS), "overhead, % (quartiles)", "in CPU time, %", "kB"]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, NumPy {np.__version__}, Dask {dask.__version__}\n")
    print("|", " | ".join(cells), "|\n" + "|---" * len(cells) + "|")
    settings = {"threads_per_worker": 1, "dashboard_address": "localhost:0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=1, **settings) as one, Client(one) as client_of_one,
        LocalCluster(n_workers=2, **settings) as two, Client(two) as client_of_two,
    ):
        options.path = os.path.join(folder, "X.h5")
        for m in options.m:
            for chunks in options.chunks:
                compare(m, chunks, [client_of_one, client_of_two], options)


if __name__ == "__main__":
    main()
