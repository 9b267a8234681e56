import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from streams import Slices, mini_batches

from shallownet import columns
from shallownet.columns import (
    block_size,
    chunk_size,
    chunks,
    column_slices,
    map_blocks,
    prefetch,
    workers,
)


def numbered(m, rows=2):
    """Columns that carry their number: column i is (i, i + 0.5, …)."""
    return np.arange(m) + np.arange(rows)[:, None] / 2


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 16 columns of ``numbered(m)``, whose columns have 16 bytes."""
    monkeypatch.setattr(columns, "READ_BYTES", 256)


# Slices, blocks and chunks

@pytest.mark.parametrize(("m", "size"), [(1, 1), (5, 2), (6, 2), (5, 5), (5, 100)])
def test_slices_cover_every_column_once(m, size):
    parts = column_slices(m, size)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(m))
    assert all(part.stop - part.start == size for part in parts[:-1])


@pytest.mark.parametrize("column_bytes", [8, 500, 12_345, 10**9])
def test_a_block_fits_the_cache_and_is_a_multiple_of_64(column_bytes):
    size = block_size(column_bytes)
    assert size % 64 == 0
    assert size == 64 or size * column_bytes <= columns.BLOCK_BYTES


@pytest.mark.parametrize("multiple", [1, 7, 4096, 10**7])
def test_a_chunk_is_a_multiple_of_the_batch_and_bounded(multiple):
    arrays = (np.ones((30, 5)), np.ones((1, 5), np.float32), None)
    size = chunk_size(arrays, multiple)
    assert size % multiple == 0
    assert size == multiple or size * (30 * 8 + 4) <= columns.READ_BYTES


def test_arrays_in_memory_are_one_chunk_and_are_not_copied():
    X, Y = numbered(50), numbered(50, 1)
    (chunk,) = chunks((X, Y, None), 8)
    assert chunk[0] is X
    assert chunk[1] is Y
    assert chunk[2] is None


def test_a_stream_comes_chunk_by_chunk_in_order(small_chunks):
    X, Y = Slices(numbered(40)), numbered(40, 1)
    parts = list(chunks((X, Y, None), 5))
    assert X.asked == [(0, 10), (10, 20), (20, 30), (30, 40)]             # 24 bytes a column: 10 columns in 256 bytes
    np.testing.assert_array_equal(np.hstack([part[0] for part in parts]), X.array)
    np.testing.assert_array_equal(np.hstack([part[1] for part in parts]), Y)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("streamed", [False, True])
def test_blocks_come_in_order_and_cover_everything(threads, streamed, small_chunks, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)                        # blocks of 64 columns
    array = numbered(1000)
    with workers(threads, 16) as run:
        blocks = list(map_blocks(lambda X: X, (Slices(array) if streamed else array,), 16, run))
    assert [X.shape[1] for X in blocks] == 15 * [64] + [40]
    np.testing.assert_array_equal(np.hstack(blocks), array)


def test_block_boundaries_are_the_same_for_a_stream_and_for_an_array(monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    monkeypatch.setattr(columns, "READ_BYTES", 150 * 16)                 # not a multiple of a block
    array = numbered(1000)
    sizes = [[X.shape[1] for X in map_blocks(lambda X: X, (data,), 16)] for data in (array, Slices(array))]
    assert sizes[0] == sizes[1]


# Threads

def test_one_block_takes_no_thread():
    with workers(8, 1) as run:
        assert run is map
    with workers(1, 8) as run:
        assert run is map


def test_blocks_are_shared_out_over_threads():
    barrier = threading.Barrier(3, timeout=30)                            # passes only if three run at the same time
    with workers(3, 100) as run:
        names = list(run(lambda part: (barrier.wait(), threading.current_thread().name)[1], range(3)))
    assert len(set(names)) == 3


@pytest.mark.parametrize("parts", [0, 1, 7, 8, 9, 64, 65, 500])
def test_results_come_in_order_however_many_blocks_a_thread_takes_at_once(parts):
    with workers(2, 500) as run:
        assert list(run(lambda part: -part, range(parts))) == [-part for part in range(parts)]


def test_no_more_threads_than_blocks():
    barrier = threading.Barrier(3, timeout=0.2)                           # a third one never comes
    with workers(8, 2) as run, pytest.raises(threading.BrokenBarrierError):
        list(run(lambda part: barrier.wait(), range(3)))


def test_threads_handle_overflow_as_their_caller_does():
    with workers(2, 4) as run, np.errstate(over="ignore"):
        assert list(run(lambda x: x * x, [np.float64(1e200)] * 4)) == [np.inf] * 4
    with workers(2, 4) as run, np.errstate(over="raise"), pytest.raises(FloatingPointError):
        list(run(lambda x: x * x, [np.float64(1e200)] * 4))


def test_large_results_come_one_by_one():
    taken = threading.Event()
    with workers(2, 64, result_bytes=columns.BLOCK_BYTES) as run:
        results = run(lambda part: part == 0 or taken.wait(5), range(64))
        assert next(results)
        taken.set()
        assert all(results)                                               # False if the first had to wait for them


PAGE_FAULTS = """
import resource
import sys
import numpy as np
import shallownet as sn
from shallownet.column_files import open_columns, write_columns

X = np.ones((30, 300_000))
Y = X[:1]
if sys.argv[1] == "streamed":
    write_columns(sys.argv[2], [X])
    X = open_columns(sys.argv[2])
parameters = sn.initialize_parameters(30, 20, 1)
sn.train(X, Y, parameters, 1, threads=2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
sn.train(X, Y, parameters, 8, threads=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's way of keeping memory")
@pytest.mark.parametrize("trim", [None, "65536"])                         # the latter as Dask's nanny sets it
@pytest.mark.parametrize("data", ["in memory", "streamed"])
def test_a_block_takes_the_memory_that_the_last_one_left(data, trim, tmp_path):
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": trim} if trim else os.environ
    command = [sys.executable, "-c", PAGE_FAULTS, data, tmp_path / "X.h5"]
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    assert int(child.stdout) < 10_000                                     # 42,000 where each block asks the system


# Prefetching

def test_prefetch_keeps_the_order_and_is_one_ahead():
    done = []
    results = prefetch(lambda k=k: done.append(k) or k for k in range(5))
    assert next(results) == 0
    assert list(results) == [1, 2, 3, 4]
    assert done == [0, 1, 2, 3, 4]


def test_prefetch_runs_the_next_while_one_is_used():
    started = threading.Event()
    results = prefetch([lambda: 0, lambda: started.set() or 1, lambda: 2])
    next(results)
    assert started.wait(30)


def test_prefetch_never_holds_more_than_two():
    done = []
    results = prefetch(lambda k=k: done.append(k) or k for k in range(100))
    for k in range(5):
        next(results)
        assert len(done) <= k + 2
    results.close()
    assert len(done) <= 6


def test_an_error_while_reading_reaches_the_reader():
    def broken():
        raise OSError("the disk is gone")

    results = prefetch([lambda: 0, broken])
    assert next(results) == 0
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_prefetching_nothing_yields_nothing():
    assert list(prefetch([])) == []


# Mini-batches

KINDS = {"memory": np.asfortranarray, "stream": Slices}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("m", "batch_size"), [(40, 8), (41, 8), (40, 7), (5, 5), (5, 1), (17, 16), (100, 64)])
def test_an_epoch_draws_every_sample_once_and_only_the_last_batch_is_short(kind, m, batch_size, small_chunks):
    X, Y, weights = numbered(m), numbered(m, 1), np.asfortranarray(numbered(m, 1))
    batches = list(mini_batches((KINDS[kind](X), KINDS[kind](Y), weights), batch_size, np.random.RandomState(0)))
    sizes = sorted(x.shape[1] for x, _, _ in batches)
    assert len(batches) == -(-m // batch_size)
    assert sizes[1:] == [batch_size] * (len(batches) - 1)
    drawn = np.hstack([x[0] for x, _, _ in batches])
    np.testing.assert_array_equal(np.sort(drawn), np.arange(m))
    for x, y, weight in batches:                                          # a sample keeps its label and its weight
        np.testing.assert_array_equal(x[1], x[0] + 0.5)
        np.testing.assert_array_equal(y, x[[0]])
        np.testing.assert_array_equal(weight, x[[0]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_s_values_are_contiguous_in_a_batch(kind, small_chunks):
    for X, Y, weight in mini_batches((KINDS[kind](numbered(40)), KINDS[kind](numbered(40)), None), 8,
                                     np.random.RandomState(0)):
        assert X.flags.f_contiguous
        assert Y.flags.f_contiguous
        assert weight is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("generator", [np.random.RandomState, np.random.default_rng])
def test_the_order_is_the_seeds_and_another_one_each_epoch(kind, generator, small_chunks):
    X = KINDS[kind](numbered(50))

    def epoch(generator):
        return np.hstack([x for x, in mini_batches((X,), 8, generator)])[0].tolist()

    one, again, other = generator(0), generator(0), generator(1)
    first = epoch(one)
    assert first == epoch(again)
    assert first != epoch(other)
    second = epoch(one)
    assert second == epoch(again)
    assert second != first
    assert first != sorted(first)


def test_a_stream_is_read_a_chunk_at_a_time_in_shuffled_order(small_chunks):
    X = Slices(numbered(160))
    drawn = [x[0] for x, in mini_batches((X,), 8, np.random.RandomState(0))]
    assert sorted(X.asked) == [(i, i + 16) for i in range(0, 160, 16)]
    assert X.asked != sorted(X.asked)
    for k, (start, stop) in enumerate(X.asked):                           # the two batches of a chunk
        inside = np.hstack(drawn[2 * k:2 * k + 2])
        assert sorted(inside) == list(range(start, stop))
        assert list(inside) != sorted(inside)


@pytest.mark.parametrize("kind", KINDS)
def test_skipping_batches_gives_the_rest_of_the_epoch_and_leaves_the_generator_alike(kind, small_chunks):
    X, generator = KINDS[kind](numbered(70)), np.random.RandomState(0)
    batches = [x for x, in mini_batches((X,), 8, generator)]
    next_number = generator.randint(10**9)
    for skip in range(len(batches) + 1):
        generator = np.random.RandomState(0)
        rest = [x for x, in mini_batches((X,), 8, generator, skip)]
        assert len(rest) == len(batches) - skip
        for batch, expected in zip(rest, batches[skip:], strict=True):
            np.testing.assert_array_equal(batch, expected)
        assert generator.randint(10**9) == next_number


def test_a_stream_is_read_no_more_than_a_chunk_ahead(small_chunks):
    X = Slices(numbered(160))
    for k, _ in enumerate(mini_batches((X,), 8, np.random.RandomState(0))):
        assert k // 2 + 1 <= len(X.asked) <= k // 2 + 2                   # two batches a chunk
    X = Slices(numbered(160))
    for k, _ in enumerate(chunks((X,), 16)):
        assert k + 1 <= len(X.asked) <= k + 2


def test_skipped_chunks_are_not_read(small_chunks):
    X = Slices(numbered(160))
    list(mini_batches((X,), 8, np.random.RandomState(0), skip=15))
    assert len(X.asked) == 3
