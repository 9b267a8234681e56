"""Columns in blocks: one engine for data that fits the cache, the memory or only the disk.

Cost and gradient are means over columns, so the whole is the weighted mean of its blocks. Data is an array, or anything
with ``shape``, ``dtype`` and column slices ``X[:, i:j]`` (a memmap, an HDF5 dataset, a column file), which is streamed.
The boundaries and the order of summation depend on the sizes alone, so the bits do not depend on the threads.
"""

import ctypes
import os
import sys
from contextlib import closing, contextmanager
from functools import cache, partial
from itertools import chain

import numpy as np

from shallownet._checks import is_streamed
from shallownet._threads import one_blas_thread, thread_pool

BLOCK_BYTES = 3 * 2**20   # what the arrays of a block may take: they stay in the cache, and calls are few
READ_BYTES = 2**24        # what is read from a stream at once
RUN_BLOCKS = 8            # how many blocks in a row a thread takes at most: threads that meet often wait for each other


def column_slices(m, size):
    """Return the slices of ``size`` columns that cover ``m`` columns; the last may be shorter.

    Examples
    --------
    >>> column_slices(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(i, min(i + size, m)) for i in range(0, m, size)]


def block_size(column_bytes):
    """How many columns make a block when the arrays of a computation take ``column_bytes`` a column."""
    return max(64, BLOCK_BYTES // column_bytes // 64 * 64)


def chunk_size(arrays, multiple):
    """How many columns of a stream are read at once: about ``READ_BYTES``, a multiple of ``multiple``."""
    column_bytes = sum(a.shape[0] * a.dtype.itemsize for a in arrays if a is not None)
    return max(1, READ_BYTES // column_bytes // multiple) * multiple


def load(arrays, columns):
    """Return the columns of every array, in memory; None stays None."""
    return tuple(None if a is None else a[:, columns] for a in arrays)


def in_one_piece(block):
    """Return the block with its values side by side. Of a C-ordered array it is a copy, which the products repay."""
    return block if block is None or block.flags.forc else block.copy()


def prefetch(loads):
    """Yield the results of the functions in ``loads``; while one is used, a thread runs the next."""
    with thread_pool(1) as (submit, threads):
        submit = submit if threads else (lambda load: load)               # without one, it runs when it is used
        result = None
        for load in loads:
            following = submit(load)
            if result is not None:
                yield result()
            result = following
        if result is not None:
            yield result()


def chunks(arrays, multiple):
    """Yield the arrays chunk by chunk, in their order: one chunk if all are in memory."""
    if any(is_streamed(a) for a in arrays if a is not None):
        parts = column_slices(arrays[0].shape[1], chunk_size(arrays, multiple))
        with closing(prefetch(partial(load, arrays, part) for part in parts)) as loaded:
            yield from loaded
    else:
        yield arrays


def map_blocks(function, arrays, column_bytes, run=map):
    """Yield ``function(*block)`` for the blocks of the arrays, in order. ``run`` is a ``map``: that of ``workers``.

    Examples
    --------
    >>> X = np.ones((2, 10_000))
    >>> print(sum(map_blocks(np.sum, (X,), column_bytes=1024)))
    20000.0
    """
    size = block_size(column_bytes)

    def result(chunk, columns):
        return function(*map(in_one_piece, load(chunk, columns)))

    with closing(chunks(arrays, size)) as loaded:
        for chunk in loaded:
            yield from run(partial(result, chunk), column_slices(chunk[0].shape[1], size))


@contextmanager
def workers(threads, blocks, result_bytes=0):
    """Give a ``map`` that shares ``blocks`` blocks out over threads while BLAS is held at one.

    Left alone, BLAS starts threads of its own for every small product: it gets slower by them, and the last bits of its
    sums depend on their number. A block's result takes ``result_bytes``; those of a few blocks wait in memory.
    """
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = min(threads, blocks)
    keep_freed_memory()
    most = max(1, min(RUN_BLOCKS, BLOCK_BYTES // max(1, result_bytes)))
    with one_blas_thread(), thread_pool(threads if threads > 1 else 0) as (submit, threads):
        yield partial(_map_in_runs, submit, threads, most) if threads else map


def _map_in_runs(submit, threads, most, function, parts):
    """Map over the parts in order: a run of them, ``most`` at most, to each task, and about four tasks to a thread.

    A thread starts with NumPy's default handling of overflow; the function shall run with the caller's.
    """
    handling = np.geterr()

    def results(run):
        with np.errstate(**handling):
            return [function(part) for part in run]

    size = max(1, min(most, len(parts) // (4 * threads)))
    waits = [submit(partial(results, parts[i:i + size])) for i in range(0, len(parts), size)]
    return chain.from_iterable(wait() for wait in waits)


@cache
def keep_freed_memory():
    """Let glibc keep the memory of arrays, up to 32 MiB each and 64 MiB in all, for the next block or chunk.

    Giving it back to the system and asking for it again can take longer than all the arithmetic. Who has set glibc's
    ``MALLOC_MMAP_THRESHOLD_`` knows better.
    """
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)             # musl has none
        if mallopt is not None:
            mallopt(-3, 2**25)                                            # M_MMAP_THRESHOLD, at its most
            mallopt(-1, 2**26)                                            # M_TRIM_THRESHOLD


def drawn_batches(arrays, batch_size, generator, skip=0):
    """Yield one epoch of batches: every sample once, in random order, after the first ``skip`` batches.

    A batch is ``(rows, samples)``, arrays with a sample in each row and which of them it has, as ``take`` wants them.
    Arrays in memory are shuffled as a whole and ought to be Fortran-ordered, which keeps a sample's values together.
    Of a stream, the chunks are shuffled, then the samples inside a chunk. The last batch of a chunk may be short.
    """
    m = arrays[0].shape[1]
    parts = [slice(0, m)]
    if any(is_streamed(a) for a in arrays if a is not None):
        parts = column_slices(m, chunk_size(arrays, batch_size))
        parts = [parts[k] for k in generator.permutation(len(parts))]

    def loads(skip):
        for columns in parts:
            samples = generator.permutation(columns.stop - columns.start)  # of a skipped chunk too: each has its draw
            batches = [samples[batch] for batch in column_slices(len(samples), batch_size)]
            if skip < len(batches):
                yield partial(load_with, batches[skip:], columns)
            skip = max(0, skip - len(batches))

    def load_with(batches, columns):
        return batches, load(arrays, columns)

    with closing(prefetch(loads(skip)) if len(parts) > 1 else (function() for function in loads(skip))) as loaded:
        for batches, chunk in loaded:
            rows = [None if a is None else np.ascontiguousarray(a.T) for a in chunk]
            for samples in batches:
                yield rows, samples


def take(rows, samples):
    """Return the arrays of a batch, columns as samples again."""
    return tuple(None if a is None else a.take(samples, axis=0).T for a in rows)
