"""Argument checks in one message style: argument, what was expected, what came, the cure."""

import math
import numbers
import os
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def outline(value):
    """Return a short text that says what a value is, for a message."""
    return f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.80}"


def check_name(argument, value, valid):
    """Return ``value`` if it is one of the names in ``valid``."""
    if not isinstance(value, str) or value not in valid:
        raise ValueError(f"{argument} must be one of {', '.join(map(repr, valid))}; got {value!r}.")
    return value


def check_integer(argument, value, minimum=1):
    """Return ``value`` as an ``int`` that is not below ``minimum``."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument} must be an integer; got {value!r}. Use int(...).")
    if value < minimum:
        raise ValueError(f"{argument} must be at least {minimum}; got {value}.")
    return int(value)


def check_number(argument, value, *, positive=False, minimum=None, below=None):
    """Return ``value`` as a finite ``float`` within its limits."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument} must be a number; got {value!r}.")
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{argument} must be finite; got {value}.")
    if positive and value <= 0:
        raise ValueError(f"{argument} must be positive; got {value}.")
    if minimum is not None and value < minimum:
        raise ValueError(f"{argument} must be at least {minimum}; got {value}.")
    if below is not None and value >= below:
        raise ValueError(f"{argument} must be below {below}; got {value}.")
    return value


def check_shape(argument, array, shape, cure):
    """Refuse an array of another shape; cheap enough to stand inside the training loop."""
    if getattr(array, "shape", None) != shape:
        got = getattr(array, "shape", f"a {type(array).__name__}")
        raise ValueError(f"{argument} must have shape {shape}; got {got}. {cure}")
    if not hasattr(array, "dtype"):                                       # a DataFrame
        got, code = type(array).__name__, array_code(argument, array)
        raise TypeError(f"{argument} must be an array; got a {got}. Use {code}.")


def check_dtype(dtype):
    """Refuse what is not float32 or float64."""
    try:
        known = np.dtype(dtype) in (np.float32, np.float64)
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"dtype must be float32 or float64; got {dtype!r}.")


def check_callbacks(callbacks):
    """Return the callbacks as a tuple of functions."""
    try:
        functions = None if callable(callbacks) else tuple(callbacks)     # snapshots() is a list, and callable
    except TypeError:
        functions = None
    if functions is None:
        raise TypeError(f"callbacks must be a sequence of functions; got {callbacks!r}. Use callbacks=[...].")
    for callback in functions:
        if not callable(callback):
            raise TypeError(f"callbacks must be a sequence of functions; got {callback!r} in it. "
                            "Use functions that take the training state.")
        name = getattr(callback, "__qualname__", "")
        if getattr(callback, "__module__", "") == "shallownet.callbacks" and name.isidentifier() and name[0] != "_":
            raise TypeError(f"callbacks must take the training state; got {name}, which makes such a callback. "
                            f"Use {name}(...): call it.")
    return functions


def is_streamed(X):
    """Whether ``X`` is read slice by slice (a memmap, an HDF5 dataset, a column file) and not held in memory."""
    return isinstance(X, np.memmap | Stream) or (
        isinstance(getattr(X, "shape", None), tuple)
        and hasattr(X, "dtype")
        and hasattr(X, "__getitem__")
        and (hasattr(X, "chunks") or not hasattr(X, "__array__"))
    )


def array_code(argument, array):
    """Return the code that makes an array with ``T`` and ``reshape`` of the argument, whatever it is."""
    if hasattr(array, "T") and hasattr(array, "reshape"):
        return argument
    if hasattr(array, "to_numpy"):
        return f"{argument}.to_numpy()"
    if hasattr(array, "shape") and hasattr(array, "__getitem__"):
        return f"{argument}[{', '.join(':' * len(array.shape))}]"
    return f"np.array({argument})"


def as_floats(argument, array):
    """Return ``array`` as float32 (if it is float32) or float64, refusing what holds no real numbers."""
    if array is None:
        raise TypeError(f"{argument} must be an array of numbers; got None.")
    if isinstance(array, Mapping):                                        # an h5py.File or an npz too
        names = [name for name in array if isinstance(name, str)]
        name = argument if argument in names else next(iter(names), "name")
        raise TypeError(f"{argument} must be one array; got a {type(array).__name__} of {', '.join(names) or 'none'}. "
                        f"Name the dataset: {argument}[{name!r}].")
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{argument} must not be a masked array; got one. Fill it or drop the masked samples.")
    try:
        array = array if type(array) is np.ndarray else np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{argument} must be a rectangular array of numbers; got rows of unequal length.") from error
    except Exception as error:
        raise TypeError(f"{argument} must be an array of numbers; got {type(array).__name__}: {error}") from error
    check_real(argument, array)
    with np.errstate(over="ignore"):                                      # infinity is named by check_finite
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def check_real(argument, array):
    """Refuse an array or a stream that holds no real numbers, or has them in a sparse format."""
    if hasattr(array, "toarray"):
        raise TypeError(f"{argument} must be a dense array; got a {type(array).__name__}. Use {argument}.toarray().")
    if np.dtype(array.dtype).kind not in "fiub":
        raise TypeError(f"{argument} must hold real numbers; got dtype {array.dtype}. {number_cure(argument, array)}")


def number_cure(argument, array):
    """Return what makes numbers of text, objects, dates or complex numbers."""
    kind = np.dtype(array.dtype).kind
    if kind == "c":
        return f"Use np.real({argument})."
    if kind in "SUOT" and not argument.startswith("X"):
        try:
            np.array(array[:1000] if len(array.shape) == 1 else array[:, :1000], float)
        except (TypeError, ValueError, IndexError):
            return f"Use np.unique({argument}, return_inverse=True)[1].reshape(1, -1) to number classes."
    return f"Use np.array({argument}, float), and read_table for a table with text."


class Stream:
    """Columns that are read slice by slice: a slice comes as floats that have been checked."""

    def __init__(self, argument, array, dtype, check=None):
        self.argument, self.array, self.check = argument, array, check
        self.shape, self.dtype = tuple(array.shape), dtype

    def __getitem__(self, key):
        columns = key[1]
        block = as_floats(self.argument, self.array[:, columns]).astype(self.dtype, copy=False)
        asked = len(range(*columns.indices(self.shape[1])))
        check_shape(f"{self.argument}[:, {columns.start or 0}:]", block, (self.shape[0], asked),
                    "The source gave other columns than it was asked for.")
        check_finite(self.argument, block, columns.start or 0)
        return block if self.check is None else self.check(block)


def check_finite(argument, array, first_column=0, cure="Drop these samples or fill the values in."):
    """Refuse NaN and infinity with their count and first place."""
    # One pass without a temporary, and without BLAS, whose threads may not be held here: the sum is finite unless an
    # entry is not, or it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(array.sum()):
            return array
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        wrong[:, -1] += first_column
        place = ", ".join(map(str, wrong[0]))
        raise ValueError(
            f"{argument} must be finite; got {len(wrong)} NaN or infinite value{'s' * (len(wrong) > 1)}, the first "
            f"at {argument}[{place}]. {cure}"
        )
    return array


def as_columns(argument, array, rows=None, finite=True):
    """Return a finite ``(rows, m)`` float array; a streamed one checks its values slice by slice, as it is read.

    Without ``finite`` an array in memory is left to be checked by the caller.
    """
    if isinstance(array, Stream):
        return array
    streamed, code = is_streamed(array), array_code(argument, array)
    if not streamed:
        array = as_floats(argument, array)
    letter = {"X": "n_x", "Y": "n_y"}.get(argument, "n")
    expected = f"({letter if rows is None else rows}, m)"
    if len(array.shape) != 2:
        one_sample = rows not in (None, 1) and array.shape == (rows,)
        cure = f"Use {code}.reshape({'-1, 1' if one_sample else '1, -1'})."
        if len(array.shape) != 1 or rows not in (None, 1, *array.shape):
            cure = "Columns are samples, rows are features."
        raise ValueError(f"{argument} must have shape {expected}; got {tuple(array.shape)}. {cure}")
    if 0 in array.shape:
        raise ValueError(f"{argument} must have shape {expected} with at least one row and one sample; "
                         f"got {tuple(array.shape)}.")
    if rows is not None and array.shape[0] != rows:
        cure = f"Use {code}.T." if array.shape[1] == rows else "Columns are samples, rows are features."
        raise ValueError(f"{argument} must have shape {expected}; got {tuple(array.shape)}. {cure}")
    if streamed:
        check_real(argument, array)
        return Stream(argument, array, result_dtype(array))
    return check_finite(argument, array) if finite else array


def as_labels(Y, X, output, rows=None, arguments=("Y", "X")):
    """Return the ``(n_y, m)`` labels that go with ``X`` and with the network's output activation, in the dtype of X."""
    if isinstance(Y, Stream):
        return Y
    name, data_name = arguments
    m = X.shape[1]
    streamed, code = is_streamed(Y), array_code(name, Y)
    if not streamed:
        Y = as_floats(name, Y)
    shape = tuple(Y.shape)
    letter = "n_y" if rows is None else rows
    if len(shape) != 2 or 0 in shape or shape[1] != m or (rows is not None and shape[0] != rows):
        if shape in ((m,), (m, 1)):
            cure = f"Use {code}.reshape(1, -1)."
        elif len(shape) == 2 and shape[0] == m:
            cure = f"Use {code}.T."
        elif len(shape) in (1, 2) and shape[0] == X.shape[0]:             # rows are samples, in both
            flat = shape[1:] in ((), (1,))
            cure = (f"Use {array_code(data_name, getattr(X, 'array', X))}.T and "
                    f"{code}{'.reshape(1, -1)' if flat else '.T'}: columns are samples.")
        elif shape == (1, m) and output == "softmax":
            cure = f"Use one_hot({name})."
        else:
            cure = "Columns are samples."
        raise ValueError(f"{name} must have shape ({letter}, m) with m = {m}, as in {data_name} {tuple(X.shape)}; "
                         f"got {shape}. {cure}")
    if streamed:
        check_real(name, Y)
        return Stream(name, Y, result_dtype(X), lambda block: check_labels(name, block, output, code))
    if output == "sigmoid" and len(Y) >= 3 and m > len(Y) and (Y == (Y > 0)).all() and (Y.sum(axis=0) == 1).all():
        warnings.warn(f"{name} is one-hot, but each of the {len(Y)} sigmoid outputs is a question of its own. "
                      "Use cost='softmax_cross_entropy' for classes that exclude each other.", stacklevel=3)
    return check_labels(name, check_finite(name, Y), output, code).astype(result_dtype(X), copy=False)


def check_labels(name, Y, output, code=None):
    """Refuse labels that the output activation cannot reach."""
    if output == "sigmoid" and (Y.min() < 0 or Y.max() > 1):
        raise ValueError(f"{name} must lie in [0, 1] for a sigmoid output; got values from {Y.min():g} to {Y.max():g}. "
                         f"Use {label_cure(name, Y, code or name)}.")
    if output == "softmax":
        total = Y.sum(axis=0)
        wrong = np.flatnonzero((np.abs(total - 1) > 1e-6) | (Y.min(axis=0) < 0))
        if len(Y) < 2 or len(wrong):
            got = "one row" if len(Y) < 2 else f"column {wrong[0]} with sum {total[wrong[0]]:g}"
            raise ValueError(f"{name} must have non-negative columns that sum to one for a softmax output; got {got}. "
                             f"Use one_hot({name}) for class numbers.")
    return Y


def label_cure(name, Y, code):
    """Return what to do with labels outside [0, 1]: two labels, the numbers of classes, or values."""
    values = np.unique(Y)
    if len(values) == 2:
        return f"{code} == {values[1].item()!r} for two classes, cost='squared_error' for values"
    if len(Y) == 1 and (values == np.floor(values)).all() and len(values) > 2:
        numbers = name if values[0] >= 0 else f"np.unique({name}, return_inverse=True)[1].ravel()"
        return f"cost='softmax_cross_entropy' with one_hot({numbers}) for classes, cost='squared_error' for values"
    return "cost='squared_error' for values"


def as_sample_weight(sample_weight, X):
    """Return the ``(1, m)`` weights, or None."""
    if sample_weight is None:
        return None
    code = array_code("sample_weight", sample_weight)
    sample_weight = as_floats("sample_weight", sample_weight)
    m = X.shape[1]
    check_shape("sample_weight", sample_weight, (1, m), f"Use {code}.reshape(1, -1)."
                if sample_weight.size == m else f"X has m = {m} samples.")
    check_finite("sample_weight", sample_weight, cure="A sample that shall not count has weight 0.")
    with np.errstate(over="ignore"):
        given, sample_weight = sample_weight, sample_weight.astype(result_dtype(X), copy=False)
        total = sample_weight.sum()
    if given.min() < 0 or sample_weight.max() == 0:                       # as float32, very small weights are 0
        raise ValueError("sample_weight must be non-negative with a positive sum; "
                         f"got values from {given.min():g} to {given.max():g}.")
    check_weight_sum(total)
    return sample_weight


def check_weight_sum(total):
    """Refuse an infinite sum of weights: the mean over the samples would be NaN."""
    if not math.isfinite(total):
        raise ValueError("sample_weight must have a finite sum; got one that overflows. "
                         "Use sample_weight / sample_weight.max().")


def result_dtype(X):
    """The dtype that a computation on ``X`` runs in: float32 for float32, float64 for everything else."""
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def as_path(argument, path):
    """Return ``path`` as a ``pathlib.Path``."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{argument} must be a str or a pathlib.Path; got {path!r}.")
    return Path(path)


def regular_file(path):
    """Return ``path`` as a ``pathlib.Path``, refusing a folder, a pipe or a device."""
    path = as_path("path", path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:                 # whoever opens it says so
        return path
    if not stat.S_ISREG(mode):                # opening a named pipe would wait for ever
        raise ValueError(f"path must be a regular file; got {path}, a folder, pipe or device.")
    return path
