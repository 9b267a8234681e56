"""Files: replaced atomically, opened with care, refused with the reason; shared by all that reads or writes them."""

import _signal
import errno
import os
import secrets
import stat
import threading
from contextlib import contextmanager, suppress

SIGNATURE = b"\x89HDF\r\n\x1a\n"
BEGIN = 2**14                           # bytes, in which other programs name themselves


class ModelFileError(ValueError):
    """The file is damaged, or is not what the loader reads. The message names the file and the reason."""


# Writing


@contextmanager
def replacing(path):
    """Give a new file to write to, which becomes ``path`` if the block ends without an error, and vanishes if not."""
    with defer_signals():               # realpath passes over every OSError, a handler's TimeoutError too
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
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:            # some systems cannot; the new file is in its place all the same
        if error.errno is None:         # not the system's, but the TimeoutError of a signal's handler
            raise


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
        file.seek(0)
        maker = maker_of(file.read(BEGIN))
        file.close()
        what = f"is {maker}" if maker else "begins otherwise"
        raise ModelFileError(f"path must be an HDF5 file; got {name!r}, which {what}. Name the right file.")
    file.seek(0)
    return file


def read_at(file, offset, buffer):
    """Fill ``buffer``, an array or bytearray, from ``offset`` on; return the number of bytes that were there.

    Threads and forked processes may do so at once: the position of the file is neither used nor moved.
    """
    view, done = memoryview(buffer).cast("B"), 0
    while done < len(view):
        count = _read_some(file, offset + done, view[done:])
        if count == 0:
            break
        done += count
    return done


def _read_some(file, offset, view):
    if hasattr(os, "preadv"):
        return os.preadv(file.fileno(), [view], offset)
    with _position:                                                       # Windows, where nothing forks
        file.seek(offset)
        return file.readinto(view)


_position = threading.Lock()


# What damaged content leads to. The refusals of the operating system (OSError, MemoryError) pass as what they are.
DAMAGE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)


@contextmanager
def refusing(path, kind):
    """Turn what damaged content leads to into a ``ModelFileError`` with the path and the reason.

    What a signal's handler raises comes after the block, as what it is.
    """
    with defer_signals():
        try:
            yield
        except DAMAGE as error:
            _refuse(path, kind, error)


def _refuse(path, kind, error):
    own = isinstance(error, ModelFileError)
    reason = str(error) if own else f"{type(error).__name__}: {error}"
    with open(path, "rb") as file:
        maker = maker_of(file.read(BEGIN))
    if maker:
        raise ModelFileError(f"path must be a shallownet {kind} file; got {os.fspath(path)!r}, which is {maker}. "
                             "Read its arrays with the program that wrote it, or with h5py.") from None
    raise ModelFileError(f"path must be a whole shallownet {kind} file; got {os.fspath(path)!r}, but {reason}. "
                         "Restore it from a copy, or write it again.") from (None if own else error)


def maker_of(begin):
    """Return which other program's file begins with these ``BEGIN`` bytes, by the names in them; None for others."""
    if begin.startswith(b"MATLAB"):
        return f"a MATLAB file, {begin[:10].decode('ascii', 'replace')}"
    if begin.startswith(b"PK") and b"config.json" in begin:
        return "a Keras file (.keras)"
    if begin.startswith(b"\x89HDF") and (b"keras_version" in begin or b"model_weights" in begin):
        return "a Keras file (.h5)"
    return None


def require(condition, reason):
    if not condition:
        raise ModelFileError(reason)


@contextmanager
def defer_signals():
    """Hold back the signals with Python handlers until the block ends, for code in which their exceptions get lost.

    What a handler raises while h5py's objects are cleaned up, for one, Python prints and forgets. The module
    ``signal`` itself, which is ``_signal`` with names for the numbers, swallows a ``ValueError``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield                                                             # handlers run in the main thread only
        return
    handlers = {number: _signal.getsignal(number) for number in _signal.valid_signals()}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    held, holding = [], True

    def hold(number, frame):
        if holding:
            held.append(number)
        else:                                                             # the own handler is not back in place yet
            handlers[number](number, frame)

    try:
        for number in handlers:
            _signal.signal(number, hold)
        yield
    finally:
        holding = False
        for number, handler in handlers.items():
            _signal.signal(number, handler)
        for number in held:
            _signal.raise_signal(number)
