"""Data larger than memory: the columns of a matrix ``(n_x, m)`` in an HDF5 file, where each sample lies in one piece.

The promise is that of ``storage``: writing is atomic, and what is damaged raises ``ModelFileError``. HDF5 keeps a
checksum of each chunk of about 1 MiB, and looks at it whenever the chunk is read.
"""

import os
from collections.abc import Iterable
from itertools import chain

import h5py
import numpy as np

from shallownet._checks import as_columns, as_floats, check_finite
from shallownet._files import (
    FLOATS,
    FORMAT_VERSION,
    check_header,
    defer_sigint,
    new_file,
    open_dataset,
    open_regular,
    refusing,
    replacing,
    require,
    write_header,
)
from shallownet._types import Array, PathLike

HDF5_CHUNK_BYTES = 2**20
CACHE_BYTES = 2**23   # of chunks that HDF5 keeps: the next slice often begins in the chunk where the last one ended


def write_columns(path: PathLike, blocks: Iterable[Array]) -> None:
    """Write the columns of ``blocks``, one block after the other, to the HDF5 file ``path``; no more is held in memory.

    Parameters
    ----------
    path : str or path-like
        Replaced when all is written, and left as it was if anything fails.
    blocks : iterable of arrays, shape (n_x, k)
        Data, one sample a column; ``k`` may differ from block to block. float32 stays float32; integers and booleans
        become float64.

    Raises
    ------
    ValueError, TypeError
        If there is no block, a block holds NaN or infinity, or its rows or its dtype are not those of the first.
    OSError
        If the operating system refuses: no space left, no permission, no such folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_columns(f"{folder}/columns.h5", (np.full((2, 3), i) for i in range(4)))
    ...     with open_columns(f"{folder}/columns.h5") as X:
    ...         print(X.shape, X[:, 2:5])
    (2, 12) [[0. 1. 1.]
     [0. 1. 1.]]
    """
    if not isinstance(blocks, Iterable) or getattr(blocks, "ndim", 3) != 3:
        raise TypeError("blocks must be an iterable of (n_x, k) arrays; "
                        f"got {type(blocks).__name__}. Use [X] for one array.")
    with replacing(path) as file:
        _write(_Unfailing(file), _check_blocks(blocks))


def open_columns(path: PathLike) -> "ColumnFile":
    """Open a file of ``write_columns``: ``X[:, i:j]`` reads these columns, and ``train`` and ``predict`` take it as X.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    X : ColumnFile
        With ``shape (n_x, m)``, ``dtype``, ``ndim`` and ``close()``; a context manager, for one thread at a time.
        Other processes open the file themselves when they get it pickled.

    Raises
    ------
    ModelFileError
        If the file is damaged or is something else; at a slice, if its chunks are damaged.
    OSError
        If the operating system refuses: ``FileNotFoundError``, ``PermissionError``.
    """
    return ColumnFile(path)


class ColumnFile:
    """The columns of a file, read slice by slice; made by ``open_columns``."""

    ndim = 2

    def __init__(self, path):
        open_regular(path).close()
        self.path = os.path.abspath(path)
        with refusing(path, "columns"):
            self._file = h5py.File(path, "r", rdcc_nbytes=CACHE_BYTES, locking=False)
            try:
                self._rows = _look(self._file)                            # (m, n_x)
            except BaseException:
                self._file.close()
                raise
        self.shape = self._rows.shape[::-1]
        self.dtype = self._rows.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        if not self._file:
            raise ValueError(f"X must be open; got {self!r}, which is closed. Use open_columns(path).")
        columns = range(self.shape[1])[_column_slice(key)]
        rows = np.empty((len(columns), self.shape[0]), self.dtype)        # (j - i, n_x)
        if len(columns):
            with refusing(self.path, "columns"):
                self._rows.read_direct(rows, np.s_[columns.start:columns.stop])
                check_finite("X", rows.T, columns.start, cure="The checksum does not see it")
        return rows.T

    def close(self) -> None:
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __reduce__(self):
        return open_columns, (self.path,)

    def __repr__(self):
        return f"<ColumnFile {self.path!r}, shape {self.shape}, {self.dtype}>"


def _check_blocks(blocks):
    n_x = dtype = None
    for k, block in enumerate(blocks):
        name = f"blocks[{k}]"
        block = as_columns(name, as_floats(name, block), n_x)
        if dtype not in (None, block.dtype):
            raise ValueError(f"{name} must have dtype {dtype}, as blocks[0]; got {block.dtype}. "
                             f"Use {name}.astype({str(dtype)!r}).")
        n_x, dtype = len(block), block.dtype
        yield block


def _write(file, blocks):
    first = next(blocks, None)
    if first is None:
        raise ValueError("blocks must hold at least one (n_x, k) array; got none.")
    n_x, dtype = len(first), first.dtype
    with new_file(file) as h5:
        write_header(h5, {"format": "shallownet columns", "format_version": FORMAT_VERSION})
        rows = h5.create_dataset("columns", (0, n_x), dtype, maxshape=(None, n_x), fletcher32=True,
                                 chunks=(max(1, HDF5_CHUNK_BYTES // (n_x * dtype.itemsize)), n_x))
        for block in chain([first], blocks):
            with defer_sigint():
                m = len(rows)
                rows.resize(m + block.shape[1], axis=0)
                rows[m:] = block.T
            file.raise_failure()
    file.raise_failure()


def _look(file):
    check_header(file, "columns")
    version = file.id.get_create_plist().get_version()[0]
    require(version == 3, f"its HDF5 format is {version}, without checksums of what says where the chunks are")
    require(set(file) == {"columns"}, "it holds more than columns")
    rows = open_dataset(file, "columns", FLOATS)
    require(rows.ndim == 2 and rows.chunks[1] == rows.shape[1], "its columns lie in pieces")
    return rows


def _column_slice(key):
    plain = isinstance(key, tuple) and len(key) == 2 and all(isinstance(part, slice) for part in key)
    if not plain or key[0] != slice(None) or key[1].step not in (None, 1):
        raise TypeError(f"X must be read as X[:, i:j]; got the index {key}. Use X[:, i:j][...] to choose from columns.")
    return key[1]


class _Unfailing:
    """A file for HDF5 to write through that never fails, as HDF5 crashes after a failure: it is raised afterwards."""

    def __init__(self, file):
        self.file, self.failure = file, None
        self.read, self.readinto, self.tell = file.read, file.readinto, file.tell

    def _try(self, function, *arguments):
        if self.failure is None:
            try:
                function(*arguments)
            except BaseException as error:  # KeyboardInterrupt too: this runs inside of HDF5
                self.failure = error

    def write(self, data):
        self._try(self.file.write, data)
        return len(data)

    def seek(self, *place):
        self._try(self.file.seek, *place)

    def truncate(self, size):
        self._try(self.file.truncate, size)

    def flush(self):
        self._try(self.file.flush)

    def raise_failure(self):
        if self.failure is not None:
            raise self.failure
