"""Readers of images that come from elsewhere: MNIST's IDX files, Coursera's HDF5 files; ``read_table`` is in tables.

A file is never trusted: its sizes are checked before memory is taken, and what is not whole is refused with the reason.
"""

import gzip
import hashlib
import http.client
import math
import struct
import urllib.request
import zlib
from _thread import start_new_thread
from pathlib import PureWindowsPath
from queue import Empty, SimpleQueue

import numpy as np

from shallownet._checks import as_path, regular_file
from shallownet._files import BEGIN, defer_signals, maker_of, replacing, require
from shallownet._types import Array, Labels, PathLike
from shallownet.preprocessing import one_hot
from shallownet.tables import read_table as read_table

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
DEFLATE_RATIO = 1032  # the most that a byte of gzip or of HDF5's deflate can unpack to

MNIST_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist"
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb86873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
MNIST_FILES = tuple(name.removesuffix(".gz") for name in MNIST_MD5)
DOWNLOAD_LIMIT = 2**26  # bytes; MNIST's largest file has 9.9 million
DOWNLOAD_SECONDS = 600  # for a file, from the first word to the last


def read_idx(path: PathLike) -> Labels:
    """Return the array in an IDX file, plain or gzipped.

    Parameters
    ----------
    path : path
        A file of MNIST's format: two zero bytes, a type, the number of dimensions, the dimensions, the numbers, all
        big-endian.

    Returns
    -------
    array : array
        In the shape and the type of the file, in this machine's byte order.

    Raises
    ------
    ValueError
        If the file is no IDX file, or is longer or shorter than its header says.

    References
    ----------
    LeCun, Cortes and Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = regular_file(path)
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    limit = path.stat().st_size * (DEFLATE_RATIO if gzipped else 1)
    try:
        with (gzip.open if gzipped else open)(path, "rb") as file:
            return _parse_idx(file, path, limit)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"path must be a whole gzip file; got {path}: {error}. Fetch it again.") from error


def _parse_idx(file, path, limit):
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not 1 <= magic[3] <= 32:
        raise ValueError("path must be an IDX file, which starts with two zero bytes, a type and the number of "
                         f"dimensions; got the bytes {magic.hex(' ') or '(none)'} in {path}.")
    dtype, rank = np.dtype(IDX_TYPES[magic[2]]), magic[3]
    dimensions = file.read(4 * rank)
    if len(dimensions) < 4 * rank:
        raise ValueError(f"path must be a whole IDX file; {path} ends within its header. Fetch it again.")
    shape = struct.unpack(f">{rank}I", dimensions)
    size = math.prod(shape) * dtype.itemsize
    data = _read_bytes(file, size) if size <= limit else b""
    if len(data) < size or file.read(1):
        raise ValueError(f"path must be a whole IDX file; {path} has {'more' if len(data) == size else 'fewer'} "
                         f"than the {size} bytes of the shape {shape} in its header. Fetch it again.")
    array = data.view(dtype).reshape(shape)
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _read_bytes(file, size):
    """Return the next ``size`` bytes, or those that there are, as an array; in pieces, so that none is held twice."""
    data, count = np.empty(size, np.uint8), 0
    while count < size and (more := file.readinto(data[count:count + 2**20])):
        count += more
    return data[:count]


def read_mnist(folder: PathLike) -> tuple[Array, Array, Array, Array]:
    """Return MNIST's digits from its four IDX files, plain or gzipped.

    Parameters
    ----------
    folder : path
        Holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte,
        or the same with ``.gz``.

    Returns
    -------
    X_train : array, shape (784, 60000)
        float32 in [0, 1], each sample contiguous in memory.
    Y_train : array, shape (10, 60000)
        One-hot, float32.
    X_test, Y_test : array, shape (784, 10000) and (10, 10000)

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is damaged, or images and labels do not go together.

    See Also
    --------
    download_mnist

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> images = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255])
    >>> labels = bytes([0, 0, 8, 1, 0, 0, 0, 1, 7])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in MNIST_FILES:
    ...         _ = Path(folder, name).write_bytes(images if "images" in name else labels)
    ...     X_train, Y_train, X_test, Y_test = read_mnist(folder)
    >>> X_train
    array([[0.],
           [1.]], dtype=float32)
    >>> Y_train.argmax(axis=0)
    array([7])
    """
    folder = as_path("folder", folder)
    paths = [next((path for path in _spellings(folder, name) if path.is_file()), None) for name in MNIST_FILES]
    missing = [name for name, path in zip(MNIST_FILES, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(f"folder must hold {', '.join(MNIST_FILES)}, plain or as .gz; got no "
                                f"{', '.join(missing)} in {folder}. Use download_mnist({str(folder)!r}).")
    X_train, Y_train = _read_digits(*paths[:2])
    X_test, Y_test = _read_digits(*paths[2:])
    if len(X_test) != len(X_train):
        raise ValueError(f"{paths[2]} must hold images of {len(X_train)} pixels, as {paths[0]} does; "
                         f"got {len(X_test)}.")
    return X_train, Y_train, X_test, Y_test


def _spellings(folder, name):
    """Where a file of MNIST may be: plain or gzipped, and with the dot that it has on Kaggle."""
    spellings = name, name.replace("-idx", ".idx")
    return [folder / f"{spelling}{ending}" for spelling in spellings for ending in ("", ".gz")]


def _read_digits(images_path, labels_path):
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, content, rank in ((images_path, images, 3), (labels_path, labels, 1)):
        if content.dtype != np.uint8 or content.ndim != rank or 0 in content.shape:
            raise ValueError(f"{path} must hold uint8 numbers in {rank} dimension{'s' * (rank > 1)}; "
                             f"got {content.dtype} of shape {content.shape}.")
    if len(labels) != len(images):
        raise ValueError(f"{labels_path} must hold a label for each of the {len(images)} images in {images_path}; "
                         f"got {len(labels)}.")
    if labels.max() > 9:
        raise ValueError(f"{labels_path} must hold the digits 0 to 9; got {labels.max()}.")
    X = images.reshape(len(images), -1).astype(np.float32)
    X /= 255
    return X.T, one_hot(labels, 10).astype(np.float32)


def download_mnist(folder: PathLike, *, mirror: str = MNIST_MIRROR, md5: dict[str, str] = MNIST_MD5) -> None:
    """Fetch MNIST's four files into a folder; what is already there and whole is left alone.

    Every file is checked against its MD5 sum before it appears in the folder, so there is never a part of one::

        download_mnist("mnist")                                           # 11 MB
        X_train, Y_train, X_test, Y_test = read_mnist("mnist")

    Parameters
    ----------
    folder : path
        Made if it is not there.
    mirror : str
        Where the files are, an ``http`` or ``https`` address: ``mirror/train-images-idx3-ubyte.gz`` and so on.
    md5 : dict
        The names of the files and their MD5 sums.

    Raises
    ------
    ConnectionError
        If the mirror does not deliver, or takes more than ten minutes for a file.
    ValueError
        If it delivers something else.
    """
    folder = as_path("folder", folder)
    for name in md5:
        if PureWindowsPath(name).name != name or name in ("", ".."):
            raise ValueError(f"md5 must have plain names of files, which go into folder; got {name!r}.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, expected in md5.items():
        path, url = folder / name, f"{str(mirror).rstrip('/')}/{name}"
        if path.is_file() and _md5(path.read_bytes()) == expected:
            continue
        data = _download(url, name)
        if _md5(data) != expected:
            raise ValueError(f"{url} must have the MD5 sum {expected}; got {_md5(data)}. Use another mirror.")
        with replacing(path) as file:
            file.write(data)


def _md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _download(url, name):
    """Return what is at the address. A thread asks for it, as a server may dawdle with its headers too."""
    answers, wanted = SimpleQueue(), [True]
    start_new_thread(_fetch, (url, name, wanted, answers))
    try:
        body, error = answers.get(timeout=DOWNLOAD_SECONDS)
    except Empty:
        body, error = None, TimeoutError(f"no whole answer within {DOWNLOAD_SECONDS} s")
    finally:
        wanted.clear()
    if isinstance(error, OSError | http.client.HTTPException | ValueError):      # the last for what is no address
        raise ConnectionError(f"mirror must deliver {url}; got {error!r}. Try again or use another mirror.") from error
    if error is not None:
        raise error
    return body


def _fetch(url, name, wanted, answers):
    """Put the bytes at the address, or an error, into ``answers``; stop when they are no longer ``wanted``."""
    try:
        answers.put((_body(url, name, wanted), None))
    except BaseException as error:
        answers.put((None, error))


def _body(url, name, wanted):
    from tqdm import tqdm

    body = bytearray()
    with _web().open(url, timeout=30) as response:
        length = response.length                                          # None if the server does not tell
        with tqdm(total=length, desc=name, unit="B", unit_scale=True, disable=None) as bar:
            while wanted and len(body) <= DOWNLOAD_LIMIT and (piece := response.read1(2**16)):
                body += piece
                bar.update(len(piece))
    if len(body) > DOWNLOAD_LIMIT or len(body) < (length or 0):
        raise OSError(f"{len(body)} bytes of {length or f'at most {DOWNLOAD_LIMIT}'}")
    return bytes(body)


def _web():
    """Return an opener of http and https addresses, to which a redirect must lead too."""
    opener = urllib.request.OpenerDirector()
    for name in ("Proxy", "HTTP", "HTTPS", "HTTPRedirect", "HTTPDefaultError", "Unknown"):
        opener.add_handler(getattr(urllib.request, f"{name}Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    return opener


def read_coursera_h5(path: PathLike) -> tuple[Array, Array, tuple[str | int, ...]]:
    """Read the images and labels of one of the course's HDF5 files, such as ``train_catvnoncat.h5``.

    Parameters
    ----------
    path : path
        Holds ``train_set_x (m, 64, 64, 3)`` of uint8, ``train_set_y (m,)`` of integers and ``list_classes``, or the
        same with ``test_``. Other image sizes are read as well.

    Returns
    -------
    X : array, shape (12288, m)
        Pixels in [0, 1], an image a column, which is contiguous in memory.
    Y : array, shape (1, m)
        Class numbers; use ``one_hot`` for more than two classes.
    classes : tuple of str or of int
        Names of the classes.

    Raises
    ------
    ValueError
        If the file is anything else. No other file is read, whatever links it holds.

    References
    ----------
    The image files of Andrew Ng's course "Neural Networks and Deep Learning", weeks 2 and 4.

    Examples
    --------
    >>> import h5py, tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "train_catvnoncat.h5")
    ...     with h5py.File(path, "w") as file:
    ...         file["train_set_x"] = np.full((2, 64, 64, 3), 51, np.uint8)
    ...         file["train_set_y"] = [0, 1]
    ...         file["list_classes"] = np.array([b"non-cat", b"cat"])
    ...     X, Y, classes = read_coursera_h5(path)
    >>> X.shape, X[0], Y, classes
    ((12288, 2), array([0.2, 0.2]), array([[0., 1.]]), ('non-cat', 'cat'))
    """
    path = regular_file(path)
    data = path.read_bytes()
    maker = maker_of(data[:BEGIN])
    if maker:
        raise ValueError(f"path must be one of the course's HDF5 image files; got {path}, which is {maker}. "
                         "Read its arrays with the program that wrote it, or with h5py.")
    with defer_signals():
        return _read_coursera(path, data)


def _read_coursera(path, data):
    import h5py

    try:
        require(data.startswith(b"\x89HDF\r\n\x1a\n"), "it is no HDF5 file")
        with h5py.File(h5py.h5f.open_file_image(data), "r") as file:
            images, labels, classes = (_read_dataset(file, *member, limit=DEFLATE_RATIO * len(data))
                                       for member in _coursera_members(file))
        m, names = len(images), tuple(c.decode() if isinstance(c, bytes) else c for c in classes.tolist())
        require(images.dtype == np.uint8 and images.shape[3] == 3,
                f"its images are {images.dtype} {images.shape} and not uint8 (m, height, width, 3)")
        require(len(labels) == m, f"it has {m} images and {len(labels)} labels")
        require(0 <= labels.min() and labels.max() < len(names),
                f"it has {len(names)} classes and labels from {labels.min()} to {labels.max()}")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"path must be one of the course's HDF5 image files; got {path}, but {error}.") from error
    return (images.reshape(m, -1) / 255).T, labels.reshape(1, m).astype(float), names


def _coursera_members(file):
    """Names, numbers of dimensions and NumPy's kinds of the three datasets."""
    for part in ("train", "test"):
        members = ((f"{part}_set_x", 4, "u"), (f"{part}_set_y", 1, "iu"), ("list_classes", 1, "iuSO"))
        if set(file) == {name for name, _, _ in members}:
            return members
    raise ValueError(f"it holds {', '.join(sorted(file)) or 'nothing'} and not train_set_x, train_set_y and "
                     "list_classes, or the same with test_")


def _read_dataset(file, name, rank, kinds, limit):
    """Read a dataset of plain numbers or strings, after a look at all that HDF5 would follow or unpack."""
    import h5py

    require(file.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD, f"{name} is a link to elsewhere")
    dataset = file[name]
    require(isinstance(dataset, h5py.Dataset), f"{name} is no dataset")
    require(not dataset.is_virtual and not dataset.external, f"{name} has its numbers in another file")
    stored = dataset.id.get_type()
    text = stored.get_class() == h5py.h5t.STRING
    any_length = text and stored.is_variable_str()
    require((stored.get_class() == h5py.h5t.INTEGER or text) and stored.dtype.kind in kinds,
            f"{name} holds {stored.dtype} and not integers{' or strings' * ('S' in kinds)}")
    shape = dataset.shape or ()
    require(len(shape) == rank and 0 not in shape, f"{name} has the shape {shape} and not {rank} dimension(s)")

    layout = dataset.id.get_create_plist()
    filters = {layout.get_filter(i)[0] for i in range(layout.get_nfilters())}
    require(filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32},
            f"{name} has the HDF5 filters {sorted(filters)} and not gzip")
    chunk = dataset.chunks or shape
    size = max(math.prod(shape), math.prod(chunk)) * stored.get_size()
    require(size <= limit, f"{name} declares {size} bytes, more than the file can hold")
    # What is not stored would be read as zeros.
    chunks = math.prod(-(-n // k) for n, k in zip(shape, chunk, strict=True))
    stored_size = dataset.id.get_storage_size()
    in_one_piece = stored_size == size or (any_length and stored_size > 0)
    whole = dataset.id.get_num_chunks() == chunks if dataset.chunks else in_one_piece
    require(whole, f"{name} is not stored whole")
    return dataset[()]
