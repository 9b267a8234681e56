"""Data larger than memory: the columns of a matrix ``(n_x, m)`` in an HDF5 file, where each sample lies in one piece.

The promise is that of ``storage``: writing is atomic, and what is damaged raises ``ModelFileError``. The file has a
CRC-32 of each block of about 1 MiB, which is checked whenever the block is read, and a SHA-256 of these checksums and
of what describes the columns. HDF5 programs open the file; here its numbers are read without them, by any thread.
"""

import os
import zlib
from collections.abc import Iterable
from itertools import chain

import numpy as np

from shallownet._checks import as_columns, as_floats, check_finite
from shallownet._files import ModelFileError, open_regular, read_at, refusing, replacing, require
from shallownet._hdf5 import FORMAT_VERSION, LARGEST_HEAD, digest, file_head, read_head
from shallownet._types import Array, PathLike

CHECKED_BYTES = 2**20    # of columns with one checksum


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
        _write(file, _check_blocks(blocks))


def open_columns(path: PathLike) -> "ColumnFile":
    """Open a file of ``write_columns``: ``X[:, i:j]`` reads these columns, and ``train`` and ``predict`` take it as X.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    X : ColumnFile
        With ``shape (n_x, m)``, ``dtype``, ``ndim`` and ``close()``; a context manager. Threads may read at once. A
        process that gets it pickled opens the file itself, and refuses it if it holds other columns by then.

    Raises
    ------
    ModelFileError
        If the file is damaged or is something else; at a slice, if its blocks are damaged,
        or the file was changed since it was opened.
    OSError
        If the operating system refuses: ``FileNotFoundError``, ``PermissionError``.
    """
    return ColumnFile(path)


class ColumnFile:
    """The columns of a file, read slice by slice; made by ``open_columns``."""

    ndim = 2

    def __init__(self, path):
        self._file = open_regular(path)
        self.path = os.path.abspath(path)
        self._edge = None, None                                           # number and rows of a block read in parts
        try:
            with refusing(path, "columns"):
                self._look()
        except BaseException:
            self.close()
            raise

    def _look(self):
        """Read what describes the columns, and the checksums."""
        self._size = os.fstat(self._file.fileno()).st_size
        attributes, datasets = read_head(self._file.read(LARGEST_HEAD), self._size, "columns")
        require([*attributes] == ["format", "format_version", "block_columns", "digest"], "its attributes are others")
        require([*datasets] == ["columns", "checksums"], "it holds more than columns and their checksums")
        dtype, shape, self._start = datasets["columns"]
        require(dtype in ("<f4", "<f8") and len(shape) == 2 and 0 not in shape, "its columns are no matrix of floats")
        self.dtype, self.shape = np.dtype(dtype), shape[::-1]
        self._block = attributes["block_columns"]
        require(isinstance(self._block, int) and self._block >= 1, f"its blocks have {self._block} columns")
        dtype, shape, place = datasets["checksums"]
        require((dtype, shape) == ("<u4", (-(-self.shape[1] // self._block),)), "it lacks a checksum for each block")
        self._checksums = np.empty(shape, dtype)
        require(read_at(self._file, place, self._checksums) == self._checksums.nbytes, "its checksums are cut off")
        self._digest = attributes.pop("digest")
        described = {name: dataset[:2] for name, dataset in datasets.items()}
        require(self._digest == digest(attributes, described, self._checksums), "its digest does not match")

    def __getitem__(self, key: tuple[slice, slice]) -> Array:
        if self._file is None:
            raise ValueError(f"X must be open; got {self!r}, which is closed. Use open_columns(path).")
        columns = range(self.shape[1])[_column_slice(key)]
        rows = np.empty((len(columns), self.shape[0]), self.dtype)        # (j - i, n_x)
        with refusing(self.path, "columns"):
            require(os.fstat(self._file.fileno()).st_size == self._size, "its size has changed since it was opened")
            for k in range(columns.start // self._block, -(-columns.stop // self._block) if len(columns) else 0):
                self._read(k, columns, rows)
        return rows.T

    def _read(self, k, columns, rows):
        """Fill the part of ``rows``, the samples of ``columns``, that lies in the block ``k``."""
        block = range(self.shape[1])[k * self._block:(k + 1) * self._block]
        first, last = max(block.start, columns.start), min(block.stop, columns.stop)
        part = rows[first - columns.start:last - columns.start]
        if last - first == len(block):
            self._read_block(k, block, part)
        else:                                                             # the next slice often begins where this ends
            edge, kept = self._edge
            if edge != k:
                kept = np.empty((len(block), self.shape[0]), self.dtype)
                self._read_block(k, block, kept)
                self._edge = k, kept
            part[:] = kept[first - block.start:last - block.start]

    def _read_block(self, k, block, rows):
        read = read_at(self._file, self._start + block.start * rows[0].nbytes, rows)
        require(read == rows.nbytes and zlib.crc32(rows) == self._checksums[k],
                f"the block of its columns {block.start} to {block.stop - 1} does not match its checksum")
        if not np.isfinite(rows).all():                                   # without the threads of BLAS for 1 MiB
            check_finite("X", rows.T, block.start, cure="The file was made so")

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getstate__(self):
        return {"path": self.path, "shape": self.shape, "dtype": self.dtype, "digest": self._digest,
                "closed": self._file is None}

    def __setstate__(self, state):
        digest = state.pop("digest")
        if state.pop("closed"):
            vars(self).update(state, _digest=digest, _file=None)
            return
        self.__init__(state["path"])
        if self._digest != digest:
            self.close()
            raise ModelFileError(f"path must be the file that was pickled; got {self.path!r}, which holds other "
                                 "columns by now. Use open_columns(path).")

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
    n_x, dtype = len(first), first.dtype.newbyteorder("<")
    size = max(1, CHECKED_BYTES // (n_x * dtype.itemsize))                  # columns with one checksum
    attributes = {"format": "shallownet columns", "format_version": FORMAT_VERSION, "block_columns": size}

    def head(m, checksums):
        datasets = {"columns": (dtype.str, (m, n_x)), "checksums": ("<u4", checksums.shape)}
        return file_head({**attributes, "digest": digest(attributes, datasets, checksums)}, datasets)

    file.seek(len(head(0, np.empty(0, "<u4"))))                           # it is as long for any number of columns
    m, checksums = 0, []
    for block in chain([first], blocks):
        rows = np.ascontiguousarray(block.T, dtype)
        file.write(rows)
        while len(rows):
            if m % size == 0:
                checksums.append(0)
            room = size - m % size
            part, rows = rows[:room], rows[room:]
            checksums[-1] = zlib.crc32(part, checksums[-1])
            m += len(part)
    checksums = np.array(checksums, "<u4")
    file.write(checksums)
    file.seek(0)
    file.write(head(m, checksums))


def _column_slice(key):
    plain = isinstance(key, tuple) and len(key) == 2 and all(isinstance(part, slice) for part in key)
    if not plain or key[0] != slice(None) or key[1].step not in (None, 1):
        raise TypeError(f"X must be read as X[:, i:j]; got the index {key}. Use X[:, i:j][...] to choose from columns.")
    return key[1]
