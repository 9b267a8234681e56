"""The same training on a cluster: two worker processes, which open the column files themselves.

For a cluster of machines, only the client changes: ``Client("scheduler-address:8786")``; see docs/scaling.md.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from command_line import integer, run

from shallownet.column_files import open_columns, write_columns

N_X = 30


def write_files(folder, files, columns):
    """Write the data, file by file: 1 where two of the features have the same sign. Return the paths of X and Y."""
    random = np.random.RandomState(3)
    X_paths, Y_paths = ([folder / f"{name}{k}.h5" for k in range(files)] for name in "XY")
    for X_path, Y_path in zip(X_paths, Y_paths, strict=True):
        X = random.standard_normal((N_X, columns))
        write_columns(X_path, [X])
        write_columns(Y_path, [X[:1] * X[1:2] > 0])
    return X_paths, Y_paths


def whole(paths):
    """Return the columns of all files, in the memory of this process."""
    parts = []
    for path in paths:
        with open_columns(path) as file:
            parts.append(file[:, :])
    return np.concatenate(parts, axis=1)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=integer(1), default=4, help="one chunk each (default: %(default)s)")
    parser.add_argument("--columns", type=integer(1), default=200_000, help="in each file (default: %(default)s)")
    parser.add_argument("--workers", type=integer(1), default=2, help="processes (default: %(default)s)")
    parser.add_argument("--iterations", type=integer(1), default=50, help="number of updates (default: %(default)s)")
    options = parser.parse_args(arguments)
    import shallownet.dask  # it says what to install, after --help

    parameters = shallownet.initialize_parameters(N_X, 20, 1, scale="glorot", random_state=3)
    settings = {"optimizer": shallownet.adam(0.02), "report_every": 10}
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address="localhost:0") as cluster,
        Client(cluster) as client,
    ):
        print(f"the dashboard is at {client.dashboard_link}")
        X, Y = write_files(Path(folder), options.files, options.columns)
        trained, history = shallownet.dask.train(
            X, Y, parameters, options.iterations, client=client, callbacks=[shallownet.progress_bar()], **settings
        )
        print(f"on {options.workers} workers: cost {history['cost'][-1]:.6f}")
        here, history_here = shallownet.train(whole(X), whole(Y), parameters, options.iterations, **settings)

    print(f"in this process: cost {history_here['cost'][-1]:.6f}")
    costs = np.array([history["cost"], history_here["cost"]])
    print(f"largest relative difference of a cost: {np.max(np.abs(costs[0] / costs[1] - 1)):.0e}")
    print(f"largest difference of a weight: {max(np.max(np.abs(trained[n] - here[n])) for n in ('W1', 'W2')):.0e}")


if __name__ == "__main__":  # each worker process imports this file: without the guard it would start a cluster too
    run(main)
