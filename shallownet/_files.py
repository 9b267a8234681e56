"""Files: replaced atomically, read without trust, and what HDF5 needs around it; shared by all that reads or writes.

HDF5 itself never writes to the disk: when that is full, it crashes.
"""

import errno
import math
import os
import secrets
import signal
import stat
import threading
from contextlib import contextmanager, suppress

import h5py
import numpy as np

FORMAT_VERSION = 1
LOADERS = {
    "shallownet parameters": "load_parameters",
    "shallownet checkpoint": "load_checkpoint",
    "shallownet columns": "open_columns",
}
TYPES = {"<f4": h5py.h5t.IEEE_F32LE, "<f8": h5py.h5t.IEEE_F64LE, "|u1": h5py.h5t.STD_U8LE}
FLOATS = ("<f4", "<f8")
SIGNATURE = b"\x89HDF\r\n\x1a\n"


class ModelFileError(ValueError):
    """The file is damaged, or is not what the loader reads. The message names the file and the reason."""


# Writing


@contextmanager
def replacing(path):
    """Give a new file to write to, which becomes ``path`` if the block ends without an error, and vanishes if not."""
    target = os.path.realpath(_file_name(path))
    mode = _mode_of_replaceable(target)
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".shallownet-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb+") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(FileNotFoundError, PermissionError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = target                                       # the name that the caller knows
        raise
    _sync_folder(folder)


def _file_name(path):
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a str or a pathlib.Path; got {path!r}.")
    return os.fspath(path)


def _mode_of_replaceable(path):
    """Return the permissions of the file that is to be replaced, None if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise ValueError(f"path must be a regular file; got {path!r}, a folder, pipe or device. Add a file name.")
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "The file is read-only: save under another name, or make it writable", path)
    return stat.S_IMODE(mode)


def _sync_folder(folder):
    with suppress(OSError):             # some systems cannot; the new file is in its place all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def defer_sigint():
    """Hold Ctrl-C back until the block ends: in the clean-up of h5py's objects, Python prints and forgets it."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    held = []
    signal.signal(signal.SIGINT, lambda *arguments: held.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


def new_file(target):
    """Return a new HDF5 file that Python's file object ``target`` takes the bytes of."""
    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_obj_track_times(False)  # equal content shall give equal bytes at any time
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)  # with checksums of all the metadata
    access.set_fileobj_driver(h5py.h5fd.fileobj_driver, target)
    return h5py.File(h5py.h5f.create(b"no name", h5py.h5f.ACC_TRUNC, creation, access))


def write_header(file, header):
    for name, value in header.items():
        # A str would become a string of variable length: one damaged byte in it makes HDF5 hang or crash.
        file.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


# Reading


def open_regular(path):
    """Open a regular file for reading that is HDF5 from its first byte on: without a user block.

    A pipe is refused and not waited for.
    """
    name = _file_name(path)
    descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelFileError(f"path must be a regular file; got {name!r}, a folder, pipe or device. Name the file.")
    file = os.fdopen(descriptor, "rb")
    if file.read(len(SIGNATURE)) != SIGNATURE:
        file.close()
        raise ModelFileError(f"path must be an HDF5 file; got {name!r}, which begins otherwise. Name the right file.")
    file.seek(0)
    return file


@contextmanager
def refusing(path, kind):
    """Turn whatever goes wrong inside into a ``ModelFileError`` with the path and the reason."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        own = isinstance(error, ModelFileError)
        reason = str(error) if own else f"{type(error).__name__}: {error}"
        raise ModelFileError(f"path must be a whole shallownet {kind} file; got {os.fspath(path)!r}, but {reason}. "
                             "Restore it from a copy, or write it again.") from (None if own else error)


def require(condition, reason):
    if not condition:
        raise ModelFileError(reason)


def check_header(file, kind):
    """Refuse another format or version, and a file that begins with something else."""
    found = read_attribute(file, "format")
    require(found in LOADERS, f"its format is {found!r}")
    require(found == f"shallownet {kind}", f"it is a {found} file: use {LOADERS[found]}(path)")
    version = read_attribute(file, "format_version")
    require(version == FORMAT_VERSION, f"its format_version is {version}, and this shallownet reads {FORMAT_VERSION}")


def read_attribute(file, name):
    require(h5py.h5a.exists(file.id, name.encode()), f"it has no attribute {name!r}")
    attribute = h5py.h5a.open(file.id, name.encode())
    scalar = attribute.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
    require(scalar and attribute.dtype.kind in "Siu" and attribute.dtype.itemsize <= 64,
            f"its attribute {name!r} is no short string or integer")
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    return value.item().decode() if attribute.dtype.kind == "S" else value.item()


def open_dataset(file, name, dtypes):
    """Return a dataset after looking at all that would follow a path, run a filter, or make numbers up."""
    require(file.id.links.exists(name.encode()), f"it has no dataset {name!r}")
    require(file.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD, f"{name!r} is a link to elsewhere")
    dataset = file[name]
    require(isinstance(dataset, h5py.Dataset), f"{name!r} is not a dataset")
    stored = dataset.id.get_type()
    require(any(stored.equal(TYPES[dtype]) for dtype in dtypes), f"{name!r} is not stored as {' or '.join(dtypes)}")
    layout = dataset.id.get_create_plist()
    require(layout.get_layout() == h5py.h5d.CHUNKED and not dataset.is_virtual and dataset.external is None,
            f"{name!r} is not stored in chunks of its own")
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    require(filters == [h5py.h5z.FILTER_FLETCHER32], f"{name!r} has the filters {filters} and not one checksum")
    chunks = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    size = chunks * (math.prod(dataset.chunks) * dataset.dtype.itemsize + 4)
    # What the dataset declares must be there: a missing chunk is read as zeros, and a large shape takes memory.
    require(0 < size == dataset.id.get_storage_size() <= file.id.get_filesize(), f"{name!r} is not stored whole")
    return dataset
