"""Training on a Dask cluster: the data lies on the workers in chunks of columns, the loop runs here.

Cost and gradient are means over columns, so a cluster is only more blocks: in each iteration the parameters go out, the
gradients of the chunks come back, weighted and added up in a tree, and the update is made once, where ``train`` was
called. The tree and the order inside of it depend on the number of chunks alone, and so the bits of the result do not
depend on the workers. Of a worker that dies, Dask computes the chunks again elsewhere, from where they came.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import numpy as np

from shallownet import evaluation
from shallownet._checks import (
    as_columns,
    as_floats,
    as_labels,
    check_finite,
    check_integer,
    check_labels,
    check_number,
    check_shape,
    check_weight_sum,
    result_dtype,
)
from shallownet._types import Callback, History, Parameters, PathLike, State
from shallownet.columns import workers
from shallownet.network import NAMES, check_parameters, output_of
from shallownet.objective import (
    Objective,
    block_count,
    cost_and_gradient_by_blocks,
    gradient_bytes,
    ignore_overflow,
    total_weight,
)
from shallownet.optimizers import Optimizer, check_optimizer, gradient_descent
from shallownet.states import network_of
from shallownet.training import train_objective

try:
    import dask
    import dask.array as da
    from distributed import Client, wait
except ImportError as error:
    raise ImportError('shallownet.dask needs Dask, which is not installed. '
                      'Use pip install "shallownet[dask]".') from error

Chunked = da.Array | Sequence[PathLike]

FAN_IN = 32            # gradients that are added up by one task
LARGE_BYTES = 100_000  # of parameters: below, they go with every task; beyond, to one worker, and on from there
TIMEOUT = 300          # seconds


def train(
    X: Chunked,
    Y: Chunked,
    parameters: Parameters | None,
    num_iterations: int,
    *,
    client: Client,
    optimizer: Optimizer | None = None,
    l2: float = 0.0,
    sample_weight: Chunked | None = None,
    report_every: int = 1000,
    callbacks: Iterable[Callback] = (),
    state: State | None = None,
    threads: int | None = 1,
    timeout: float = TIMEOUT,
) -> tuple[Parameters, History]:
    """Train ``parameters`` on the columns of a cluster and return ``(parameters, history)``.

    This is ``shallownet.train`` on the full batch: the same arguments, reports, callbacks and checkpoints, and the same
    numbers up to the rounding of a sum in another order. The data is loaded once and stays on the workers. There are no
    mini-batches: a gradient takes a round trip to the cluster, which a small batch would not be worth.

    Parameters
    ----------
    X : dask.array.Array, shape (n_x, m), or list of paths
        Data, one sample a column, chunked along the columns; or files of ``write_columns``, see ``open_columns``.
    Y : dask.array.Array, shape (n_y, m), or list of paths
        Labels. They are rechunked to the chunks of ``X``.
    parameters : dict
        The network to begin with; it is not changed. With ``state`` it is not used.
    num_iterations : int
        Number of updates, those before ``state`` included.
    client : distributed.Client
        Of the cluster.
    optimizer, l2, report_every, callbacks, state
        As in ``shallownet.train``. Callbacks run where ``train`` was called, and checkpoints are written there; those
        of ``shallownet.train`` go on here, and the other way round.
    sample_weight : dask.array.Array, shape (1, m), or list of paths, optional
    threads : int, optional
        Threads for each chunk; None takes one for each core. With 1, a worker's cores are used through its own threads,
        each of which works on a chunk.
    timeout : float
        Seconds to wait for results before looking whether the cluster still has a worker; and for that answer.

    Returns
    -------
    parameters : dict
    history : dict

    Raises
    ------
    ValueError, TypeError
        For data or settings that do not fit, before anything is trained.
    FloatingPointError
        If the training diverges, as in ``shallownet.train``.
    TimeoutError
        If no worker is left, or the scheduler does not answer.
    RuntimeError
        If the scheduler or the client is closed, or data is lost that only a dead worker held.

    Examples
    --------
    >>> import dask.array as da
    >>> from distributed import Client
    >>> from shallownet import datasets, initialize_parameters
    >>> X, Y = (da.from_array(array, chunks=(-1, 100)) for array in datasets.planar_flower())
    >>> with Client(processes=False, n_workers=2, dashboard_address="localhost:0") as client:
    ...     parameters, history = train(X, Y, initialize_parameters(2, 4, 1, random_state=3), 2, client=client)
    >>> [f"{cost:.6f}" for cost in history["cost"]]
    ['0.693162', '0.693100']
    """
    parameters = network_of(parameters, state)
    optimizer = gradient_descent(1.2) if optimizer is None else check_optimizer(optimizer)
    data = cluster_objective(
        X, Y, parameters, client=client, l2=l2, sample_weight=sample_weight, threads=threads, timeout=timeout
    )
    return train_objective(data, parameters, state, num_iterations, optimizer, report_every, callbacks)


def train_lbfgs(
    X: Chunked,
    Y: Chunked,
    parameters: Parameters | None,
    num_iterations: int = 500,
    *,
    client: Client,
    l2: float = 0.0,
    sample_weight: Chunked | None = None,
    tolerance: float = 1e-5,
    callbacks: Iterable[Callback] = (),
    state: State | None = None,
    threads: int | None = 1,
    timeout: float = TIMEOUT,
) -> tuple[Parameters, History]:
    """Train ``parameters`` on the columns of a cluster with L-BFGS and return ``(parameters, history)``.

    An iteration asks for a gradient or two and makes more of it than gradient descent does: where each gradient takes a
    round trip to the cluster, L-BFGS is the first choice.

    Parameters
    ----------
    X, Y, sample_weight, client, threads, timeout
        As in ``train``.
    parameters, num_iterations, l2, tolerance, callbacks, state
        As in ``shallownet.lbfgs.train_lbfgs``, and so are the returned values and the errors. It needs SciPy here, not
        on the workers.
    """
    from shallownet.lbfgs import train_objective

    parameters = network_of(parameters, state)
    data = cluster_objective(
        X, Y, parameters, client=client, l2=l2, sample_weight=sample_weight, threads=threads, timeout=timeout
    )
    return train_objective(data, parameters, state, num_iterations, tolerance, callbacks)


def open_columns(paths: Sequence[PathLike], *, client: Client, chunks: int | str = "auto") -> da.Array:
    """Return a lazy Dask array of the columns in files of ``write_columns``, one file after the other.

    The workers open the files, so each path must lead to the same file on all of them; the machine that calls needs no
    access. A file is read when its columns are needed, and again if the worker that held them dies.

    Parameters
    ----------
    paths : list of paths
    client : distributed.Client
    chunks : int or "auto"
        Columns in a chunk, at most; no chunk spans two files. "auto" makes chunks of 128 MiB (Dask's
        ``array.chunk-size``).

    Returns
    -------
    X : dask.array.Array, shape (n_x, m)

    Raises
    ------
    ValueError, TypeError
        If the files differ in their rows or dtype.
    ModelFileError, OSError
        As ``shallownet.column_files.open_columns``, from a worker.
    """
    _check_client(client)
    if chunks != "auto":
        check_integer("chunks", chunks)
    if not (isinstance(paths, list | tuple) and paths and all(isinstance(path, str | os.PathLike) for path in paths)):
        raise TypeError(f"paths must be a list of column files; got {paths!r}. Use [path].")
    paths = [os.path.abspath(path) for path in paths]
    with _named_loss(client):
        looks = _gather(client, _map(client, "look", _look, paths))
    for path, ((rows, _), dtype) in zip(paths, looks, strict=True):
        (first_rows, _), first_dtype = looks[0]
        if (rows, dtype) != (first_rows, first_dtype):
            raise ValueError(f"paths must be files of one kind, as {paths[0]} with {first_rows} rows of {first_dtype}; "
                             f"got {path} with {rows} rows of {dtype}. Write it again with write_columns.")
    return da.concatenate(
        [
            da.from_delayed(dask.delayed(_read)(path, columns.start, columns.stop), (shape[0], len(columns)), dtype)
            for path, (shape, dtype) in zip(paths, looks, strict=True)
            for columns in _ranges(da.core.normalize_chunks((-1, chunks), shape, dtype=dtype)[1])
        ],
        axis=1,
    )


def predict_probability(parameters: Parameters, X: da.Array) -> da.Array:
    """Return the output ``A2 (n_y, m)`` for the columns of a Dask array, lazily and chunk by chunk."""
    parameters = check_parameters(parameters)
    return _predicted(evaluation.predict_probability, parameters, X, parameters["W2"].shape[0])


def predict(parameters: Parameters, X: da.Array) -> da.Array:
    """Return the labels that the network gives to the columns of a Dask array, lazily and chunk by chunk.

    Parameters
    ----------
    parameters : dict
    X : dask.array.Array, shape (n_x, m)
        Chunked along the columns.

    Returns
    -------
    labels : dask.array.Array
        As ``shallownet.predict``; nothing is computed before its ``compute()``.

    Examples
    --------
    >>> import dask.array as da
    >>> from shallownet import initialize_parameters
    >>> parameters = initialize_parameters(1, 1, 1, scale=np.ones)
    >>> labels = predict(parameters, da.from_array(np.array([[-1.0, 2.0, 3.0]]), chunks=(1, 2)))
    >>> labels.compute()
    array([[0, 1, 1]])
    """
    parameters = check_parameters(parameters)
    output = output_of(parameters)
    if output == "linear":
        return predict_probability(parameters, X)
    rows = 1 if output == "softmax" else parameters["W2"].shape[0]
    return _predicted(evaluation.predict, parameters, X, rows, np.int64)


def accuracy(parameters: Parameters, X: da.Array, Y: da.Array) -> float:
    """Return the fraction of samples that ``predict`` labels right, as ``shallownet.accuracy``; it is computed now.

    Parameters
    ----------
    parameters : dict
    X, Y : dask.array.Array, shape (n_x, m), (n_y, m)
        Chunked along the columns.

    Returns
    -------
    accuracy : float
    """
    parameters = check_parameters(parameters)
    X, Y = _fitting_arrays(X, Y, None, parameters)
    blocks = zip(X.chunks[1], X.to_delayed().ravel(), Y.to_delayed().ravel(), strict=True)
    sizes, accuracies = zip(*((size, _accuracy(parameters, x, y, size)) for size, x, y in blocks if size), strict=True)
    return float(np.average(dask.compute(*accuracies), weights=sizes))


def _predicted(function, parameters, X, rows, dtype=None):
    X = _as_dask("X", X)
    as_columns("X", X, rows=parameters["W1"].shape[1])
    dtype = dtype or np.result_type(parameters["W1"].dtype, result_dtype(X))
    of_chunk = partial(_predict_chunk, function=function, parameters=parameters, rows=rows, dtype=dtype)
    return X.map_blocks(of_chunk, chunks=((rows,), X.chunks[1]), dtype=dtype, meta=np.empty((0, 0), dtype))


def _predict_chunk(X, function, parameters, rows, dtype):
    return function(parameters, X) if X.shape[1] else np.empty((rows, 0), dtype)


@dask.delayed
def _accuracy(parameters, X, Y, size):
    _check_block("X", X, (parameters["W1"].shape[1], size))
    return evaluation.accuracy(parameters, X, Y)


# The data


def _fitting_arrays(X, Y, sample_weight, parameters, client=None):
    """Return X, Y and sample_weight as Dask arrays that fit each other and the network, chunked alike."""
    arrays = {"X": X, "Y": Y, "sample_weight": sample_weight}
    arrays = {name: _as_dask(name, array, client) for name, array in arrays.items() if array is not None}
    for name, array in arrays.items():
        if any(map(math.isnan, array.shape)):
            raise ValueError(f"{name} must have chunks of known sizes; got shape {array.shape}. "
                             f"Use {name}.compute_chunk_sizes().")
    X = arrays["X"]
    as_columns("X", X, rows=parameters["W1"].shape[1])
    as_labels(arrays["Y"], X, output_of(parameters), rows=parameters["W2"].shape[0])
    if sample_weight is not None:
        check_shape("sample_weight", arrays["sample_weight"], (1, X.shape[1]), "It goes with X, sample by sample.")
    return [array.rechunk({0: -1, 1: X.chunks[1]}) for array in arrays.values()]


def _check_client(client):
    if not isinstance(client, Client) or client.asynchronous:
        raise TypeError(f"client must be a distributed.Client that is not asynchronous; got {client!r}. "
                        "Use Client() for this machine, Client(address) for a cluster.")
    if client.status != "running":
        raise ValueError(f"client must be connected to a cluster; got one that is {client.status}. "
                         "Use Client() for this machine, Client(address) for a cluster.")


def _as_dask(argument, array, client=None):
    """Return a Dask array whose samples are whole in their chunks; with a client, from a list of column files too."""
    if client is not None and isinstance(array, list | tuple):
        array = open_columns(array, client=client)
    if not isinstance(array, da.Array):
        or_files = "" if client is None else " or a list of column files"
        raise TypeError(f"{argument} must be a Dask array{or_files}; got {type(array).__name__}. "
                        f"Use dask.array.from_array({argument}, chunks=(-1, 200_000)).")
    if array.ndim == 2 and array.numblocks[0] > 1:
        if array.numblocks[1] == 1 and array.shape[0] > array.shape[1]:
            raise ValueError(f"{argument} must have samples as columns; got chunks of {array.chunks[0]} rows of "
                             f"{array.shape}. Use {argument}.T.")
        raise ValueError(f"{argument} must be chunked along the columns only; got chunks of {array.chunks[0]} rows. "
                         f"Use {argument}.rechunk({{0: -1}}).")
    return array


def _ranges(sizes):
    """Return the columns of the chunks of these sizes."""
    stops = np.cumsum(sizes).tolist()
    return [range(stop - size, stop) for size, stop in zip(sizes, stops, strict=True)]


def _look(path):
    from shallownet.column_files import open_columns  # h5py is loaded where files are opened

    with open_columns(path) as X:
        return X.shape, X.dtype


def _read(path, start, stop):
    from shallownet.column_files import open_columns

    with open_columns(path) as X:
        return X[:, start:stop]


# The objective


@contextmanager
def cluster_objective(
    X: Chunked,
    Y: Chunked,
    parameters: Parameters,
    *,
    client: Client,
    l2: float = 0.0,
    sample_weight: Chunked | None = None,
    threads: int | None = 1,
    timeout: float = TIMEOUT,
) -> Iterator[Objective]:
    """Give the ``Objective`` of data on a cluster; when the block ends, the workers let go of the data.

    Parameters
    ----------
    X, Y, parameters, client, l2, sample_weight, threads, timeout
        As in ``train``.
    """
    _check_client(client)
    arrays = _fitting_arrays(X, Y, sample_weight, parameters, client)
    l2 = check_number("l2", l2, minimum=0)
    check_integer("threads", 1 if threads is None else threads)
    timeout = check_number("timeout", timeout, positive=True)
    dtype = np.result_type(result_dtype(arrays[0]), *(parameters[name] for name in NAMES))
    chunks, m = [], 0.0
    parts = []           # of the last gradient: they go when the next one's tasks are on their way, a message less

    def gradient(parameters, with_cost):
        nonlocal m
        with _named_loss(client):
            if not chunks:                                                # when all settings have been checked
                chunks[:], m = _load_chunks(arrays, output_of(parameters), client, timeout)
            settings = {"l2": l2, "m": m, "with_cost": with_cost, "threads": threads}
            sent = _broadcast(client, parameters)
            parts[:] = _sum_in_tree(client, _map(client, "gradient", _part, chunks, parameters=sent, **settings))
            grads = _add(_gather(client, parts, timeout))
        return grads.pop("cost", None), grads, m

    def cost(parameters):
        return gradient(parameters, with_cost=True)[0]

    try:
        yield Objective(gradient, cost, dtype, {"m": arrays[0].shape[1], "batch_size": None})
    finally:
        chunks.clear()   # a traceback that somebody keeps holds this frame, and that would hold the workers' memory
        parts.clear()


def _broadcast(client, parameters):
    """Return what to send with every task: small parameters, or a future of large ones, which travel once."""
    if sum(parameters[name].nbytes for name in NAMES) <= LARGE_BYTES:
        return parameters
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):  # they have to go out
        return client.submit(dict, parameters, pure=False)


def _sum_in_tree(client, parts):
    """Return at most ``FAN_IN`` futures whose sum is that of the parts."""
    while len(parts) > FAN_IN:
        parts = _map(client, "add", _add, [parts[i:i + FAN_IN] for i in range(0, len(parts), FAN_IN)])
    return parts


def _load_chunks(arrays, output, client, timeout):
    """Return the chunks that the workers now hold, and ``m``, the sum of the samples' weights."""
    X = arrays[0]
    load = dask.delayed(partial(_load, rows=[array.shape[0] for array in arrays], dtype=result_dtype(X), output=output))
    group = f"load-{uuid4().hex}"
    # Persisted together, arrays of one origin share it; optimized each by itself, they would read it again.
    blocks = (array.to_delayed(optimize_graph=False).ravel() for array in client.persist(arrays))
    blocks = zip(_ranges(X.chunks[1]), *blocks, strict=True)
    chunks = client.compute([
        load(columns, *block, dask_key_name=(group, columns.start)) for columns, *block in blocks if columns
    ])
    try:
        weights = _gather(client, _map(client, "weight", _weight, chunks), timeout)
    except BaseException:
        del blocks, chunks              # Dask keeps the error, its traceback this frame, and that the workers' memory
        raise
    if not any(weights):
        raise ValueError("sample_weight must have a positive sum; got only zeros.")
    m = sum(weights)
    check_weight_sum(m)
    return [chunk for chunk, weight in zip(chunks, weights, strict=True) if weight], m


def _map(client, name, function, chunks, **settings):
    """``client.map`` with keys that make a group of each call's tasks.

    In the group that Dask makes of all calls, it may take tasks for the first ones of a graph: those go to any worker,
    and the chunks have to follow.
    """
    group = f"{name}-{uuid4().hex}"
    return client.map(function, chunks, key=[(group, k) for k in range(len(chunks))], **settings)


def _load(columns, X, Y, sample_weight=None, *, rows, dtype, output):
    """Return a chunk of the data, checked, as the worker keeps it; ``columns`` is their range."""
    first, X, Y = columns.start, as_floats("X", X), as_floats("Y", Y)
    for name, block, height in zip(("X", "Y", "sample_weight"), (X, Y, sample_weight), rows, strict=False):
        _check_block(f"{name}[:, {first}:{columns.stop}]", block, (height, len(columns)))
    check_finite("X", X, first)
    check_labels("Y", check_finite("Y", Y, first), output)
    if sample_weight is not None:
        sample_weight = check_finite("sample_weight", as_floats("sample_weight", sample_weight), first)
        if sample_weight.min() < 0:
            raise ValueError(f"sample_weight must be non-negative; got {sample_weight.min():g}.")
        sample_weight = sample_weight.astype(dtype, copy=False)
    # One layout, whatever the source: another one changes the last bits of the products. Blocks of it are in one piece.
    return np.asfortranarray(X, dtype), np.asfortranarray(Y, dtype), sample_weight


def _check_block(name, block, shape):
    check_shape(name, block, shape, "The source gave other columns than it declared.")


def _weight(chunk):
    X, _, sample_weight = chunk
    return total_weight(X, sample_weight)


def _part(chunk, parameters, l2, m, with_cost, threads):
    """Return what a chunk adds to cost and gradient of the whole, by its share ``weight/m`` of the samples."""
    X, Y, sample_weight = chunk
    share = total_weight(X, sample_weight) / m
    with (
        ignore_overflow(),
        workers(threads, block_count(parameters, X.shape[1]), gradient_bytes(parameters)) as run,
    ):
        cost, grads = cost_and_gradient_by_blocks(
            parameters, X, Y, l2=l2 * share, sample_weight=sample_weight, with_cost=with_cost, run=run
        )
    part = {name: share * dW for name, dW in grads.items()}
    return part | {"cost": share * cost} if with_cost else part


def _add(parts):
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def _gather(client, futures, timeout=TIMEOUT):
    """Return the results; without a worker, or a scheduler that answers, raise instead of waiting without end."""
    with client.as_current():
        while True:
            try:
                wait(futures, timeout)
                return _answer(client, timeout, client.gather, futures)
            except TimeoutError:
                if any(future.status == "error" for future in futures):   # it came from there
                    raise
            try:
                lacking = "" if _answer(client, timeout, client.nthreads) else "workers; got none"
            except TimeoutError:
                lacking = "a scheduler that answers; got no answer"
            if lacking:
                raise TimeoutError(f"client must have {lacking}, and no result for {timeout:g} s. "
                                   f"Start {lacking.partition(';')[0]}, and go on from the last checkpoint.")


def _answer(client, timeout, ask, *arguments):
    """Return what Dask answers to a question that has no time limit of its own."""

    async def answer():
        return await ask(*arguments)

    return client.sync(answer, callback_timeout=timeout)


@contextmanager
def _named_loss(client):
    """Say what was lost when the cluster, the client or a source is no longer there, whatever Dask says."""
    try:
        yield
    except Exception as error:
        if client.status == "running" and not isinstance(error, CancelledError):
            raise
        raise RuntimeError(f"client must keep its cluster and the data's source; lost one of them: {error} "
                           "Start the cluster again, and go on from the last checkpoint.") from error
