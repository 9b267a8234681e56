"""Training on real clusters: a scheduler here, worker processes beside it, some of which are killed."""

import gc
import importlib
import importlib.util
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
from asserts import assert_identical
from distributed import Client, LocalCluster

import shallownet
import shallownet.dask
import shallownet.lbfgs
from shallownet import adam, momentum
from shallownet.column_files import write_columns
from shallownet.dask import accuracy, open_columns, predict, predict_probability, train, train_lbfgs
from shallownet.storage import ModelFileError, load_checkpoint

M = 1000
NAMES = ("W1", "b1", "W2", "b2")


@contextmanager
def cluster_of(workers, **settings):
    settings = {"threads_per_worker": 1, "dashboard_address": "localhost:0"} | settings
    with LocalCluster(n_workers=workers, **settings) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def clients():
    """Clients of clusters with 1, 2 and 3 worker processes."""
    with cluster_of(1) as one, cluster_of(2) as two, cluster_of(3) as three:
        yield {1: one, 2: two, 3: three}


@pytest.fixture(scope="module")
def client(clients):
    return clients[2]


@pytest.fixture
def data(problem):
    """Parameters, X and Y as arrays, read-only."""
    parameters, X, Y = problem(5, 6, 1, M)
    for array in (X, Y, *(parameters[name] for name in NAMES)):
        array.flags.writeable = False
    return parameters, X, Y


def chunked(*arrays, columns=200):
    return [da.from_array(array, chunks=(-1, columns)) for array in arrays]


def from_workers(array, columns, log):
    """A Dask array whose chunks the workers make; each time one is made, the file ``log`` gets a line."""

    @dask.delayed
    def make(start):
        with open(log, "a") as file:
            print(start, file=file)
        return array[:, start:start + columns]

    starts = range(0, array.shape[1], columns)
    return da.concatenate(
        [da.from_delayed(make(start), (len(array), columns), array.dtype) for start in starts], axis=1
    )


def assert_close(one, other, rtol):
    (parameters, history), (other_parameters, other_history) = one, other
    assert history["iteration"] == other_history["iteration"]
    np.testing.assert_allclose(history["cost"], other_history["cost"], rtol=rtol)
    for name in NAMES:
        difference = np.linalg.norm(parameters[name] - other_parameters[name])
        assert difference <= rtol * np.linalg.norm(other_parameters[name])


# The result

@pytest.mark.parametrize("columns", [1000, 333, 25])                       # 1, 4 and 40 chunks
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_iteration_is_that_of_train(clients, data, workers, columns):
    parameters, X, Y = data
    settings = {"report_every": 1, "l2": 0.3, "optimizer": momentum(0.5)}
    there = train(*chunked(X, Y, columns=columns), parameters, 4, client=clients[workers], **settings)
    assert_close(there, shallownet.train(X, Y, parameters, 4, **settings), rtol=1e-12)


@pytest.mark.parametrize(("hidden", "cost", "n_y"), [
    ("relu", "softmax_cross_entropy", 3), ("sigmoid", "squared_error", 2), ("tanh", "brier", 1),
])
def test_every_kind_of_network_trains_with_weighted_samples(client, problem, hidden, cost, n_y):
    parameters, X, Y = problem(4, 5, n_y, M, hidden=hidden, cost=cost)
    weights = np.random.RandomState(1).rand(1, M)
    weights[:, 200:400] = 0                                               # a chunk without any weight
    settings = {"report_every": 1, "l2": 0.5, "optimizer": adam(0.01)}
    X_chunks, Y_chunks, weight_chunks = chunked(X, Y, weights)
    there = train(X_chunks, Y_chunks, parameters, 3, client=client, sample_weight=weight_chunks, **settings)
    assert_close(there, shallownet.train(X, Y, parameters, 3, sample_weight=weights, **settings), rtol=1e-12)


def test_float32_stays_float32(client, problem):
    parameters, X, Y = problem(5, 6, 1, M, dtype=np.float32)
    there = train(*chunked(X, Y), parameters, 3, client=client, report_every=1)
    assert {array.dtype for array in there[0].values()} == {np.dtype(np.float32)}
    assert_close(there, shallownet.train(X, Y, parameters, 3, report_every=1), rtol=1e-6)


def test_integers_are_converted_and_labels_rechunked(client, data):
    parameters, X, Y = data
    X, Y = (10 * X).astype(np.int16), Y.astype(np.uint8)
    X_chunks, = chunked(X)
    Y_chunks, = chunked(Y, columns=300)
    there = train(X_chunks, Y_chunks, parameters, 3, client=client, report_every=1)
    assert_close(there, shallownet.train(X, Y, parameters, 3, report_every=1), rtol=1e-12)


def test_bits_depend_on_the_chunks_and_not_on_workers_or_threads(clients, data, monkeypatch):
    parameters, X, Y = data
    arrays = chunked(X, Y, columns=25)                                    # 40 chunks: a tree of two levels
    first = train(*arrays, parameters, 3, client=clients[1], report_every=1)
    assert_identical(train(*arrays, parameters, 3, client=clients[2], report_every=1, threads=2), first)
    monkeypatch.setattr(shallownet.dask, "LARGE_BYTES", 0)                # parameters take the way of large ones
    assert_identical(train(*arrays, parameters, 3, client=clients[3], report_every=1, threads=None), first)


def test_threads_inside_of_a_chunk_change_no_bit(client, problem):
    parameters, X, Y = problem(30, 20, 1, 20_000)                         # 10 blocks in each chunk
    arrays = chunked(X, Y, columns=10_000)
    one = train(*arrays, parameters, 2, client=client, report_every=1)
    assert_identical(train(*arrays, parameters, 2, client=client, report_every=1, threads=3), one)


def test_empty_chunks_change_nothing(client, data):
    parameters, X, Y = data
    kept = da.arange(M, chunks=200) % 600 < 200                           # two chunks of five
    filtered = [array[:, kept].compute_chunk_sizes() for array in chunked(X, Y)]
    assert filtered[0].chunks[1] == (200, 0, 0, 200, 0)
    arrays = chunked(*(array[:, kept.compute()] for array in (X, Y)))
    assert_identical(train(*filtered, parameters, 2, client=client), train(*arrays, parameters, 2, client=client))


# Reports, callbacks, checkpoints

def test_reports_are_printed_as_by_train(client, data, capsys):
    parameters, X, Y = data
    settings = {"report_every": 2, "callbacks": [shallownet.print_cost(), shallownet.record_validation(X, Y)]}
    _, here = shallownet.train(X, Y, parameters, 5, **settings)
    printed_here = capsys.readouterr().out
    _, there = train(*chunked(X, Y), parameters, 5, client=client, **settings)
    assert printed_here.count("Cost after iteration") == 3
    assert capsys.readouterr().out == printed_here
    assert there["validation_accuracy"] == here["validation_accuracy"]


def test_a_checkpoint_goes_on_bit_for_bit(client, data, tmp_path):
    parameters, X, Y = data
    arrays, settings = chunked(X, Y), {"client": client, "report_every": 2, "optimizer": adam(0.1)}
    path = tmp_path / "run.h5"
    train(*arrays, parameters, 4, callbacks=[shallownet.checkpoint(path)], **settings)
    resumed = train(*arrays, None, 8, state=load_checkpoint(path), **settings)
    assert_identical(resumed, train(*arrays, parameters, 8, **settings))


def test_a_checkpoint_of_train_goes_on_on_a_cluster(client, data, tmp_path):
    parameters, X, Y = data
    path = tmp_path / "run.h5"
    shallownet.train(X, Y, parameters, 3, report_every=1, callbacks=[shallownet.checkpoint(path)])
    resumed = train(*chunked(X, Y), None, 6, client=client, report_every=1, state=load_checkpoint(path))
    assert_close(resumed, shallownet.train(X, Y, parameters, 6, report_every=1), rtol=1e-12)


def test_divergence_is_named_and_keeps_the_last_finite_parameters(client, data):
    parameters, X, Y = data
    parameters = {**parameters, "cost": "squared_error"}
    with pytest.raises(FloatingPointError, match=r"at iteration .* with learning rate 1e") as stop:
        train(*chunked(X, Y), parameters, 50, client=client, optimizer=shallownet.gradient_descent(1e100))
    assert all(np.isfinite(stop.value.parameters[name]).all() for name in NAMES)


# L-BFGS

@pytest.mark.parametrize("columns", [1000, 25])
def test_lbfgs_takes_the_steps_of_train_lbfgs(client, data, columns):
    parameters, X, Y = data
    there = train_lbfgs(*chunked(X, Y, columns=columns), parameters, 5, client=client, l2=1.0)
    here = shallownet.lbfgs.train_lbfgs(X, Y, parameters, 5, l2=1.0)
    assert_close(there, here, rtol=1e-9)                                  # the line search enlarges rounding


def test_lbfgs_goes_on_and_may_be_interrupted(client, data):
    parameters, X, Y = data

    def interrupt(state):
        states.append(dict(state))
        if state["iteration"] == 2:
            raise KeyboardInterrupt

    states = []
    with pytest.raises(KeyboardInterrupt) as stop:
        train_lbfgs(*chunked(X, Y), parameters, 5, client=client, callbacks=[interrupt])
    assert stop.value.history["iteration"] == [0, 1, 2]
    np.testing.assert_array_equal(stop.value.parameters["W1"], states[-1]["parameters"]["W1"])
    _, history = train_lbfgs(*chunked(X, Y), None, 4, client=client, state=states[-1])
    assert history["iteration"] == [0, 1, 2, 3, 4]
    assert history["cost"][:3] == stop.value.history["cost"]


@pytest.mark.parametrize(("settings", "message"), [
    ({"tolerance": -1}, "^tolerance must"),
    ({"num_iterations": 0}, "^num_iterations must"),
    ({"l2": -1}, "^l2 must"),
])
def test_lbfgs_refuses_settings_that_do_not_fit(client, data, settings, message):
    parameters, X, Y = data
    with pytest.raises(ValueError, match=message):
        train_lbfgs(*chunked(X, Y), parameters, client=client, **settings)


# The data on the workers

def test_data_is_made_once_and_stays_where_it_is(client, data, tmp_path):
    parameters, X, _ = data
    X = np.tile(X, 20)                                                    # two chunks of 400 kB
    copies = []                                                           # from one worker to the other

    def count(state):
        copies.append(client.run(lambda dask_worker: len(dask_worker.transfer_incoming_log)))

    for repetition in range(3):
        log = tmp_path / f"log{repetition}"
        X_chunks = from_workers(X, 10_000, log)
        Y_chunks = (X_chunks[:1] > 0).astype(float)
        copies.clear()
        train(X_chunks, Y_chunks, parameters, 10, client=client, report_every=1, callbacks=[count])
        assert sorted(log.read_text().split()) == ["0", "10000"]
        assert copies[-1] == copies[0]


def test_a_worker_keeps_the_memory_of_a_block_for_the_next(clients, problem):
    parameters, X, Y = problem(30, 20, 1, 40_000)
    arrays = chunked(X, Y, columns=40_000)

    def page_faults(iterations):
        ask = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt  # noqa: E731
        before, = clients[1].run(ask).values()
        train(*arrays, parameters, iterations, client=clients[1], report_every=100)
        after, = clients[1].run(ask).values()
        return after - before

    page_faults(2)
    assert page_faults(22) - page_faults(2) < 20 * 1000                   # 12,600 each where each block asks the system


@pytest.mark.parametrize("victims", [1, 2])
def test_killed_workers_change_no_bit(data, tmp_path, victims):
    parameters, X, Y = data
    log = tmp_path / "log"
    X_chunks = from_workers(X, 200, log)
    Y_chunks, = chunked(Y)
    with cluster_of(2, silence_logs=60) as client:
        workers = list(client.run(os.getpid).values())

        def kill(state):
            if state["iteration"] == 3:
                for pid in workers[:victims]:
                    os.kill(pid, signal.SIGKILL)

        settings = {"client": client, "report_every": 1}
        result = train(X_chunks, Y_chunks, parameters, 8, callbacks=[kill], **settings)
        assert len(log.read_text().split()) > 5                           # some of the five chunks were made again
        assert set(client.run(os.getpid).values()) != set(workers)
        assert_identical(result, train(X_chunks, Y_chunks, parameters, 8, **settings))


def test_a_cluster_without_workers_is_given_up(data):
    parameters, X, Y = data
    with cluster_of(1, processes=False, silence_logs=60) as client:
        with pytest.raises(TimeoutError, match=r"client must have workers; got none, and no result for 0\.5 s\. Start"):
            train(*chunked(X, Y), parameters, 9, client=client, report_every=1, timeout=0.5,
                  callbacks=[lambda state: client.cluster.scale(0)])


def test_lost_sources_are_named(data):
    parameters, X, Y = data
    with cluster_of(1, silence_logs=60) as client:
        with pytest.raises(RuntimeError, match="client must keep its cluster and the data's source; lost one of them"):
            train(*chunked(X, Y), parameters, 9, client=client, report_every=1,
                  callbacks=[lambda state: client.restart()])


@pytest.mark.parametrize("close", [lambda client: client.close(), lambda client: client.cluster.close()])
def test_a_client_that_is_closed_in_a_callback_is_named(data, close):
    parameters, X, Y = data
    with cluster_of(1, processes=False, silence_logs=60) as client:
        with pytest.raises(RuntimeError, match="client must keep its cluster and the data's source; lost one") as stop:
            train(*chunked(X, Y), parameters, 9, client=client, report_every=1,
                  callbacks=[lambda state: close(client) if state["iteration"] == 2 else None])
    assert stop.value.history["iteration"] == [0, 1, 2]
    assert stop.value.parameters["W1"].shape == parameters["W1"].shape


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp",
                      dashboard_address="localhost:0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_a_scheduler_that_hangs_is_given_up(data):
    parameters, X, Y = data
    with subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cluster:
        try:
            with Client(cluster.stdout.readline().decode().strip()) as client:
                begun = time.monotonic()
                with pytest.raises(TimeoutError, match="client must have a scheduler that answers; got no") as stop:
                    train(*chunked(X, Y), parameters, 9, client=client, timeout=4, report_every=1, callbacks=[
                        lambda state: cluster.send_signal(signal.SIGSTOP) if state["iteration"] == 2 else None
                    ])
                assert time.monotonic() - begun < 120
                cluster.kill()
        finally:
            cluster.kill()
    assert stop.value.history["iteration"] == [0, 1, 2]


def test_a_source_s_own_timeout_passes(data):
    parameters, X, Y = data

    def slow(block):
        raise TimeoutError("the source is slow")

    X, Y = chunked(X, Y)
    with cluster_of(1, processes=False) as client, pytest.raises(TimeoutError, match="the source is slow"):
        train(X.map_blocks(slow, meta=np.empty((0, 0))), Y, parameters, 9, client=client, timeout=5)


@pytest.mark.parametrize("short", ["X", "Y", "sample_weight"])
def test_a_block_with_fewer_columns_than_declared_is_refused(client, data, short):
    def without_the_last(block, block_info=None):
        return block[:, :-5] if block_info[0]["chunk-location"] == (0, 2) else block

    parameters, X, Y = data
    arrays = dict(zip(("X", "Y", "sample_weight"), chunked(X, Y, np.ones((1, M))), strict=True))
    whole = arrays[short]
    arrays[short] = whole.map_blocks(without_the_last, dtype=whole.dtype, chunks=whole.chunks, meta=np.empty((0, 0)))
    with pytest.raises(ValueError, match=rf"^{short}\[:, 400:600\] must have shape \(\d, 200\); got \(\d, 195\)\."):
        train(parameters=parameters, num_iterations=9, client=client, **arrays)


def test_accuracy_refuses_a_block_with_fewer_columns_than_declared(data):
    parameters, X, Y = data
    short = [da.from_delayed(dask.delayed(array[:, :195]), (len(array), 200), array.dtype) for array in (X, Y)]
    with pytest.raises(ValueError, match=r"^X must have shape \(5, 200\); got \(5, 195\)\. The source gave other"):
        accuracy(parameters, *short)


def test_weights_whose_sum_overflows_are_named(client, data):
    parameters, X, Y = data
    with pytest.raises(ValueError, match=r"^sample_weight must have a finite sum; got one that overflows"):
        train(*chunked(X, Y), parameters, 9, client=client, sample_weight=chunked(np.full((1, M), 1e306))[0])


# Column files

@pytest.fixture
def files(data, tmp_path):
    """Paths of X and of Y, in three files each."""
    _, X, Y = data
    paths = [[tmp_path / f"{name}{k}.h5" for k in range(3)] for name in "XY"]
    for k, part in enumerate((slice(0, 300), slice(300, 301), slice(301, M))):
        write_columns(paths[0][k], [X[:, part]])
        write_columns(paths[1][k], [Y[:, part]])
    return paths


def test_workers_open_column_files(client, data, files):
    parameters, X, Y = data
    there = train(*files, parameters, 3, client=client, report_every=1)
    assert_close(there, shallownet.train(X, Y, parameters, 3, report_every=1), rtol=1e-12)


def test_column_files_are_one_lazy_array(client, data, files):
    _, X, _ = data
    for chunks, error in ((0, ValueError), (1.5, TypeError), ((300, 700), TypeError)):
        with pytest.raises(error, match=r"^chunks must"):
            open_columns(files[0], client=client, chunks=chunks)
    columns = open_columns(files[0], client=client, chunks=200)
    assert columns.chunks == ((5,), (200, 100, 1, 200, 200, 200, 99))
    np.testing.assert_array_equal(client.compute(columns).result(), X)
    assert open_columns([str(path) for path in files[0]], client=client).chunks[1] == (300, 1, 699)


def test_column_files_must_be_of_one_kind(client, files):
    with pytest.raises(ValueError, match=r"as .*X0\.h5 with 5 rows of float64; got .*Y1\.h5 with 1 rows of float64\."):
        open_columns([files[0][0], files[1][1]], client=client)


@pytest.mark.parametrize("paths", ["X.h5", [], [np.zeros(3)], None])
def test_paths_must_be_a_list(client, paths):
    with pytest.raises(TypeError, match=r"paths must be a list of column files; got .*\. Use \[path\]\."):
        open_columns(paths, client=client)


def test_files_that_are_no_column_files_are_named(client, data, files, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.h5"):
        open_columns([tmp_path / "missing.h5"], client=client)
    files[1][1].write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match=r"Y1\.h5"):
        train(*files, data[0], 1, client=client)


# Predictions

@pytest.mark.parametrize(("cost", "n_y"), [
    ("cross_entropy", 2), ("softmax_cross_entropy", 3), ("squared_error", 2), ("brier", 1),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_are_lazy_and_those_of_the_whole(problem, tmp_path, cost, n_y, dtype):
    parameters, X, _ = problem(4, 5, n_y, M, cost=cost, dtype=dtype)
    X_chunks = from_workers(X, 100, tmp_path / "log")
    for ours, whole in ((predict, shallownet.predict), (predict_probability, shallownet.predict_probability)):
        lazy, expected = ours(parameters, X_chunks), whole(parameters, X)
        assert lazy.chunks == ((len(expected),), (100,) * 10)
        assert lazy.dtype == expected.dtype
        assert not (tmp_path / "log").exists()
        np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-6 if dtype == np.float32 else 1e-12)
        (tmp_path / "log").unlink()


def test_predictions_do_not_need_the_sizes_of_the_chunks(data):
    parameters, X, _ = data
    X_chunks, = chunked(X)
    few = X_chunks[:, X_chunks[0] > 2.5]                                  # unknown sizes, some of them 0
    np.testing.assert_array_equal(
        predict(parameters, few).compute(), shallownet.predict(parameters, X[:, X[0] > 2.5])
    )


@pytest.mark.parametrize(("cost", "n_y"), [("cross_entropy", 2), ("softmax_cross_entropy", 3)])
def test_accuracy_is_that_of_the_whole(problem, cost, n_y):
    parameters, X, Y = problem(4, 5, n_y, M, cost=cost)
    assert accuracy(parameters, *chunked(X, Y, columns=300)) == pytest.approx(
        shallownet.accuracy(parameters, X, Y), rel=1e-14
    )


# Errors

@pytest.mark.parametrize("function", [predict, predict_probability, lambda parameters, X: accuracy(parameters, X, X)])
def test_predictions_refuse_chunks_across_the_features(data, function):
    parameters, X, _ = data
    with pytest.raises(ValueError, match=r"X must be chunked along the columns only; .* Use X\.rechunk\(\{0: -1\}\)\."):
        function(parameters, da.from_array(X, chunks=(2, 100)))


def test_predictions_refuse_arrays_of_this_process(data):
    parameters, X, _ = data
    with pytest.raises(TypeError, match=r"X must be a Dask array; got ndarray\. Use dask\.array\.from_array\(X, "):
        predict(parameters, X)


@pytest.mark.parametrize(("change", "message"), [
    (lambda X, Y, w: (X.rechunk((2, 100)), Y, w), r"X must be chunked .* got chunks of \(2, 2, 1\) rows\. Use X\.rech"),
    (lambda X, Y, w: (X[:, X[0] > 0], Y, w), r"X must have chunks of known sizes; .* Use X\.compute_chunk_sizes\(\)\."),
    (lambda X, Y, w: (X, Y[:, X[0] > 0], w), r"Y must have chunks of known sizes; .* Use Y\.compute_chunk_sizes\(\)\."),
    (lambda X, Y, w: (X[:3], Y, w), r"^X must .*got \(3, 1000\)"),
    (lambda X, Y, w: (X[0], Y, w), r"^X must .*got \(1000,\)"),
    (lambda X, Y, w: (X, Y[:, 1:], w), r"^Y must .*got \(1, 999\)"),
    (lambda X, Y, w: (X, Y[0], w), r"got \(1000,\)\. Use Y\.reshape\(1, -1\)\."),
    (lambda X, Y, w: (X, Y, w[0]), r"^sample_weight must .*got \(1000,\)"),
    (lambda X, Y, w: (X, 2 * Y, w), "^Y must"),
    (lambda X, Y, w: (da.where(da.arange(1000, chunks=200) == 777, np.nan, X), Y, w), r"the first at X\[0, 777\]"),
    (lambda X, Y, w: (X, Y, w - 2), r"sample_weight must be non-negative; got -1\."),
    (lambda X, Y, w: (X, Y, 0 * w), r"sample_weight must have a positive sum; got only zeros\."),
])
def test_data_that_does_not_fit_is_refused(client, data, change, message):
    parameters, X, Y = data
    X, Y, weights = change(*chunked(X, Y, np.ones((1, M))))
    with pytest.raises(ValueError, match=message):
        train(X, Y, parameters, 1, client=client, sample_weight=weights, callbacks=[lambda state: pytest.fail("ran")])


def test_the_cure_of_an_array_that_lies_the_wrong_way_round_works(client, data):
    parameters, X, Y = data
    expected, _ = train(*chunked(X, Y), parameters, 2, client=client)
    X = da.from_array(X.T, chunks=(200, -1))                              # rows are samples
    with pytest.raises(ValueError, match=r"^X must have samples as columns; got .*\. (?:Use X\.T)\.$"):
        train(X, chunked(Y)[0], parameters, 2, client=client)
    trained, _ = train(X.T, chunked(Y)[0], parameters, 2, client=client)
    np.testing.assert_allclose(trained["W1"], expected["W1"], rtol=1e-12)


@pytest.mark.parametrize("argument", ["X", "Y", "sample_weight"])
def test_arrays_of_this_process_are_refused(client, data, argument):
    def without_the_last(block, block_info=None):
        return block[:, :-5] if block_info[0]["chunk-location"] == (0, 2) else block

    parameters, X, Y = data
    arrays = dict(zip(("X", "Y", "sample_weight"), chunked(X, Y, np.ones((1, M))), strict=True))
    arrays[argument] = arrays[argument].compute()
    with pytest.raises(TypeError, match=f"{argument} must be a Dask array or a list of column files; got ndarray. "
                                        rf"Use dask\.array\.from_array\({argument}, chunks=\(-1, 200_000\)\)\."):
        train(**arrays, parameters=parameters, num_iterations=1, client=client)


@pytest.mark.parametrize(("settings", "message"), [
    ({"l2": -1}, "^l2 must"),
    ({"threads": 0}, "^threads must"),
    ({"timeout": 0}, "^timeout must"),
    ({"num_iterations": -1}, "^num_iterations must"),
    ({"report_every": 0}, "^report_every must"),
])
def test_settings_are_checked_before_the_data_is_read(client, data, tmp_path, settings, message):
    parameters, X, Y = data
    X_chunks = from_workers(X, 100, tmp_path / "log")
    with pytest.raises(ValueError, match=message):
        train(X_chunks, *chunked(Y), **{"parameters": parameters, "num_iterations": 1, "client": client} | settings)
    assert not (tmp_path / "log").exists()


def test_a_client_must_be_one(data):
    parameters, X, Y = data
    with pytest.raises(TypeError, match=r"client must be a distributed\.Client that is not asynchronous; got None\. "):
        train(*chunked(X, Y), parameters, 1, client=None)
    with cluster_of(1, processes=False) as client:
        pass
    with pytest.raises(ValueError, match=r"client must be connected to a cluster; got one that is closed\. Use Client"):
        train(*chunked(X, Y), parameters, 1, client=client)


@pytest.mark.parametrize("library", ["dask", "distributed"])
def test_a_missing_extra_is_named(monkeypatch, library):
    monkeypatch.delitem(sys.modules, "shallownet.dask")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r'Use pip install "shallownet\[dask\]"\.'):
        importlib.import_module("shallownet.dask")


# The example

def test_the_example_trains_to_the_result_of_train(capsys):
    path = Path(__file__).parents[1] / "examples/dask_cluster.py"
    spec = importlib.util.spec_from_file_location("dask_cluster", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(["--columns", "500", "--iterations", "20"])
    printed = capsys.readouterr().out
    assert "the dashboard is at http://" in printed
    costs = [line.split("cost ")[1] for line in printed.splitlines() if ": cost " in line]
    assert len(costs) == 2
    assert costs[0] == costs[1]


def test_refused_data_does_not_stay_on_the_workers(clients, data):
    client = clients[1]
    parameters, X, Y = data

    def held():
        return sum(len(keys) for keys in client.has_what().values())

    before = held()
    for trained in (train, train_lbfgs):
        with pytest.raises(ValueError, match=r"^Y must"):
            trained(*chunked(X, Y + 1.0), parameters, 3, client=client)
    deadline = time.monotonic() + 60
    while held() > before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.1)
    assert held() <= before
