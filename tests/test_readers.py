import gzip
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import tracemalloc
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shallownet import readers
from shallownet.readers import (
    IDX_TYPES,
    MNIST_FILES,
    MNIST_MD5,
    download_mnist,
    read_coursera_h5,
    read_idx,
    read_mnist,
    read_table,
)
from shallownet.storage import load_parameters

with_files = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array):
    code = {np.dtype(name).newbyteorder("="): code for code, name in IDX_TYPES.items()}[array.dtype]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path, data):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# read_idx

@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_idx_type_is_read_in_its_shape(tmp_path, dtype, pack):
    array = np.arange(24, dtype=dtype).reshape(2, 3, 4) - np.array(3).astype(dtype)
    result = read_idx(write(tmp_path / "a", pack(idx_bytes(array))))
    assert result.dtype == array.dtype
    assert result.flags.writeable
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize("size", range(4 + 8 + 6))
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_idx_file_cut_anywhere_is_refused(tmp_path, size, pack):
    whole = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))
    with pytest.raises(ValueError, match=r"^path must"):
        read_idx(write(tmp_path / "a", pack(whole[:size])))


def test_a_gzip_file_cut_anywhere_is_refused(tmp_path):
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))
    for size in range(len(whole)):
        with pytest.raises(ValueError, match=r"^path must"):
            read_idx(write(tmp_path / "a", whole[:size]))


@pytest.mark.parametrize(("data", "message"), [
    (b"", r"an IDX file, .*; got the bytes \(none\) in .*a\."),
    (b"PK\3\4", "an IDX file, which starts with two zero bytes, a type and the number of dimensions; got the bytes 50"),
    (b"\1\0\x08\1\0\0\0\1\0", "an IDX file, .*; got the bytes 01 00 08 01"),
    (b"\0\0\7\1\0\0\0\1\0", "an IDX file, .*; got the bytes 00 00 07 01"),
    (b"\0\0\x08\0\1", "an IDX file, .*; got the bytes 00 00 08 00"),
    (b"\0\0\x08\x41" + bytes(300), "an IDX file, .*; got the bytes 00 00 08 41"),
    (b"\0\0\x08\3\0\0\0\1", "a whole IDX file; .*a ends within its header. Fetch it again"),
    (b"\0\0\x08\1\0\0\0\3\1\2", r"a whole IDX file; .*a has fewer than the 3 bytes of the shape \(3,\) in its header"),
    (b"\0\0\x08\1\0\0\0\1\1\2", r"a whole IDX file; .*a has more than the 1 bytes of the shape \(1,\) in its header"),
    (b"\x1f\x8b\x08\0 no gzip", "a whole gzip file; got .*a: .*Fetch it again"),
])
def test_what_is_no_whole_idx_file_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=f"path must be {message}"):
        read_idx(write(tmp_path / "a", data))


@pytest.mark.parametrize("dtype", ["u1", "i4"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_idx_file_is_never_in_memory_twice(tmp_path, dtype, pack):
    array = np.ones(2**23, "u1").view(dtype)
    path = write(tmp_path / "a", pack(idx_bytes(array)))
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read_idx(path)[-9:], array[-9:])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.4 * array.nbytes


def test_a_gzip_file_with_more_than_its_header_says_is_refused(tmp_path):
    packed = gzip.compress(idx_bytes(np.arange(3, dtype=np.uint8)) + bytes(10**6))
    with pytest.raises(ValueError, match="has more than the 3 bytes"):
        read_idx(write(tmp_path / "a", packed))


def test_a_damaged_gzip_file_is_refused(tmp_path):
    whole = gzip.compress(idx_bytes(np.random.RandomState(0).randint(0, 9, 200).astype(np.uint8)))
    for place in range(10, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        with pytest.raises(ValueError, match=r"^path must"):
            read_idx(write(tmp_path / "a", damaged))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_header_that_promises_what_the_file_cannot_hold_takes_no_memory(tmp_path, pack):
    code = ("import resource, sys; from shallownet.readers import read_idx\n"
            "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
            "try: read_idx(sys.argv[1])\n"
            "except ValueError as error: print(error)\n")
    path = write(tmp_path / "a", pack(b"\0\0\x08\3" + b"\xff" * 12))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, env=environment)
    assert "has fewer than the 79228162458924105385300197375 bytes" in run.stdout
    assert run.stderr == ""


@with_files
@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_or_read_never_worse(tmp_path, data):
    path = write(tmp_path / "a", b"\0\0\x08" + data)
    try:
        assert read_idx(path).nbytes <= len(data)
    except ValueError as error:
        assert "path must be" in str(error)  # noqa: PT017


@pytest.mark.parametrize("read", [read_idx, read_coursera_h5, lambda path: read_table(path, "y")])
def test_a_path_that_is_no_regular_file_is_refused_without_waiting(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ValueError, match=f"path must be a regular file; got {path}, a folder, pipe or device"):
            read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
    with pytest.raises(TypeError, match=r"path must be a str or a pathlib\.Path; got 3"):
        read(3)


# read_mnist

@pytest.fixture
def mnist():
    generator = np.random.RandomState(0)
    arrays = []
    for m in (20, 10):
        arrays += [generator.randint(0, 256, (m, 4, 3)), generator.randint(0, 10, m)]
    arrays[0][0, 0, :2] = 0, 255
    return {name: array.astype(np.uint8) for name, array in zip(MNIST_FILES, arrays, strict=True)}


def write_mnist(folder, arrays, gzipped=()):
    for name, array in arrays.items():
        if name in gzipped:
            write(folder / f"{name}.gz", gzip.compress(idx_bytes(array)))
        else:
            write(folder / name, idx_bytes(array))


def test_mnist_is_read_under_the_names_that_it_has_on_kaggle(tmp_path, mnist):
    write_mnist(tmp_path, {name.replace("-idx", ".idx"): array for name, array in mnist.items()})
    np.testing.assert_array_equal(read_mnist(tmp_path)[1].argmax(axis=0), mnist[MNIST_FILES[1]])


@pytest.mark.parametrize("gzipped", [(), MNIST_FILES, MNIST_FILES[1:3]], ids=["plain", "gzip", "mixed"])
def test_mnist_comes_as_contiguous_float32_columns_and_one_hot_labels(tmp_path, mnist, gzipped):
    write_mnist(tmp_path, mnist, gzipped)
    X_train, Y_train, X_test, Y_test = read_mnist(str(tmp_path))
    arrays = list(mnist.values())
    for X, Y, images, labels in ((X_train, Y_train, *arrays[:2]), (X_test, Y_test, *arrays[2:])):
        assert X.dtype == Y.dtype == np.float32
        assert X.flags.f_contiguous
        np.testing.assert_array_equal(X, (images.reshape(len(images), 12) / np.float32(255)).T)
        np.testing.assert_array_equal(Y, np.arange(10)[:, np.newaxis] == labels)
    assert X_train.min() == 0
    assert X_train.max() == 1


def test_a_folder_without_the_files_names_all_four_and_those_that_lack(tmp_path, mnist):
    lacking = [MNIST_FILES[0], MNIST_FILES[3]]
    write_mnist(tmp_path, {name: array for name, array in mnist.items() if name not in lacking})
    message = (f"folder must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
               f"t10k-labels-idx1-ubyte, plain or as .gz; got no {', '.join(lacking)} in {tmp_path}. "
               f"Use download_mnist('{tmp_path}').")
    with pytest.raises(FileNotFoundError, match=rf"^{re.escape(message)}$"):
        read_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match="got no train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-im"):
        read_mnist(tmp_path / "none")
    with pytest.raises(TypeError, match=r"folder must be a str or a pathlib\.Path; got None"):
        read_mnist(None)


@pytest.mark.parametrize(("file", "array", "message"), [
    (0, np.zeros((20, 12), np.uint8), r"{0} must hold uint8 numbers in 3 dimensions; got uint8 of shape \(20, 12\)"),
    (2, np.zeros((10, 4, 3), np.int32), "{2} must hold uint8 numbers in 3 dimensions; got int32"),
    (1, np.zeros((20, 1), np.uint8), r"{1} must hold uint8 numbers in 1 dimension; got uint8 of shape \(20, 1\)"),
    (3, np.zeros(0, np.uint8), r"{3} must hold uint8 numbers in 1 dimension; got uint8 of shape \(0,\)"),
    (1, np.zeros(19, np.uint8), "{1} must hold a label for each of the 20 images in .*{0}; got 19"),
    (3, np.full(10, 11, np.uint8), "{3} must hold the digits 0 to 9; got 11"),
    (2, np.zeros((10, 5, 5), np.uint8), "{2} must hold images of 12 pixels, as .*{0} does; got 25"),
])
def test_mnist_files_that_do_not_go_together_are_refused(tmp_path, mnist, file, array, message):
    write_mnist(tmp_path, {**mnist, MNIST_FILES[file]: array})
    with pytest.raises(ValueError, match=message.format(*MNIST_FILES)):
        read_mnist(tmp_path)


# download_mnist

@pytest.fixture
def mirror(monkeypatch):
    """A loopback server; ``mirror.files`` maps names to (status, announced length or None, body)."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests.append(self.path)
            status, length, body, *location = server.files.get(self.path.removeprefix("/mnist/"), (404, 0, b""))
            self.send_response(status)
            for place in location:
                self.send_header("Location", place)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}/mnist"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def served(mirror, mnist):
    """The MD5 sums of four small files that the mirror serves."""
    packed = {f"{name}.gz": gzip.compress(idx_bytes(array)) for name, array in mnist.items()}
    mirror.files = {name: (200, len(data), data) for name, data in packed.items()}
    return {name: hashlib.md5(data).hexdigest() for name, data in packed.items()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_sums_are_those_of_mnist():
    assert MNIST_MD5 == {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb86873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    assert readers.MNIST_MIRROR.startswith("https://")


@pytest.mark.parametrize("slash", ["", "/"])
def test_downloaded_files_are_those_of_the_mirror_and_can_be_read(tmp_path, mirror, served, capsys, slash):
    folder = tmp_path / "data" / "mnist"
    download_mnist(folder, mirror=mirror.url + slash, md5=served)
    assert contents(folder) == {name: body for name, (_, _, body) in mirror.files.items()}
    assert mirror.requests == [f"/mnist/{name}" for name in MNIST_MD5]
    assert [part.shape for part in read_mnist(folder)] == [(12, 20), (10, 20), (12, 10), (10, 10)]
    assert capsys.readouterr() == ("", "")  # no progress bar where the output is no terminal


def test_whole_files_are_left_alone_and_damaged_ones_fetched_again(tmp_path, mirror, served):
    download_mnist(tmp_path, mirror=mirror.url, md5=served)
    mirror.requests.clear()
    download_mnist(tmp_path, mirror=mirror.url, md5=served)
    assert mirror.requests == []
    damaged = tmp_path / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    download_mnist(tmp_path, mirror=mirror.url, md5=served)
    assert mirror.requests == ["/mnist/t10k-labels-idx1-ubyte.gz"]
    assert hashlib.md5(damaged.read_bytes()).hexdigest() == served[damaged.name]


def test_a_server_that_tells_no_length_is_fine(tmp_path, mirror, served):
    mirror.files = {name: (200, None, body) for name, (_, _, body) in mirror.files.items()}
    download_mnist(tmp_path, mirror=mirror.url, md5=served)
    assert len(contents(tmp_path)) == 4


@pytest.mark.parametrize(("answer", "error", "message"), [
    ((200, 5, b"other"), ValueError, "must have the MD5 sum [0-9a-f]{32}; got 795f3202b17cb6bc3d4b771d8c6c9eaf"),
    ((404, 0, b""), ConnectionError, "mirror must deliver http://.*train-images-.*; got .*404.*another mirror"),
    ((500, 0, b""), ConnectionError, "mirror must deliver http://.*train-images-.*; got .*500"),
    ((200, 100, b"short"), ConnectionError, "got OSError.'5 bytes of 100'."),
    ((200, None, bytes(500_000)), ConnectionError, r"train-images-.*; got OSError.'\d+ bytes of at most 4096'."),
    ((302, 0, b"", "ftp://127.0.0.1:9/train"), ConnectionError, "Redirection to url 'ftp.* is not allowed|unknown url"),
    ((302, 0, b"", "file:///dev/null"), ConnectionError, "Redirection to url 'file.* is not allowed"),
])
def test_a_bad_answer_leaves_nothing_behind(tmp_path, mirror, served, monkeypatch, answer, error, message):
    monkeypatch.setattr(readers, "DOWNLOAD_LIMIT", 4096)
    mirror.files["train-images-idx3-ubyte.gz"] = answer
    with pytest.raises(error, match=message):
        download_mnist(tmp_path, mirror=mirror.url, md5=served)
    assert contents(tmp_path) == {}


def test_a_bad_answer_leaves_the_old_file_and_the_files_before_it(tmp_path, mirror, served):
    write(tmp_path / "t10k-images-idx3-ubyte.gz", b"old")
    del mirror.files["t10k-images-idx3-ubyte.gz"]
    with pytest.raises(ConnectionError, match="404"):
        download_mnist(tmp_path, mirror=mirror.url, md5=served)
    found = contents(tmp_path)
    assert found.pop("t10k-images-idx3-ubyte.gz") == b"old"
    assert found == {name: mirror.files[name][2] for name in list(MNIST_MD5)[:2]}


def test_a_mirror_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ConnectionError, match=r"mirror must deliver http://127\.0\.0\.1:9/train-images.*Try again"):
        download_mnist(tmp_path, mirror="http://127.0.0.1:9")
    with pytest.raises(TypeError, match="folder must be a str"):
        download_mnist(7)


@pytest.mark.parametrize("address", [
    "nonsense", "", "http://", "http://[", "http://a..b", f"http://{'a' * 70}.example", "http://127.0.0.1:port",
    "http://127.0.0.1:9/a b", "ftp://127.0.0.1:9", "file:///dev",
])
def test_an_address_that_is_none_is_no_mirror(tmp_path, address):
    with pytest.raises(ConnectionError, match=r"^mirror must deliver .*/train-images-.*; got .*another mirror"):
        download_mnist(tmp_path, mirror=address)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("name", ["..", "../a", "a/b", "/a", "a\\b", "c:a", "", "."])
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_fetched(tmp_path, mirror, name):
    mirror.files[name] = (200, 1, b"a")
    message = f"md5 must have plain names of files, which go into folder; got {name!r}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        download_mnist(tmp_path / "new", mirror=mirror.url, md5={name: hashlib.md5(b"a").hexdigest()})
    assert contents(tmp_path) == {}
    assert mirror.requests == []


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.0 200 OK\r\n\r\n"], ids=["headers", "body"])
def test_a_server_that_dawdles_is_not_waited_for(tmp_path, monkeypatch, begin):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(readers, "DOWNLOAD_SECONDS", 0.2)
    over = threading.Event()

    def serve(listener):
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(begin)
            while not over.wait(0.02):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        try:
            with pytest.raises(ConnectionError, match=r"; got TimeoutError\('no whole answer within 0\.2 s'\)"):
                download_mnist(tmp_path, mirror=f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            over.set()
            server.join()
    assert contents(tmp_path) == {}


# read_coursera_h5

def coursera(path, part="train", images=None, labels=(0, 1, 1), classes=(b"non-cat", b"cat"), **options):
    images = np.arange(3 * 64 * 64 * 3).astype(np.uint8).reshape(3, 64, 64, 3) if images is None else images
    with h5py.File(path, "w") as file:
        file.create_dataset(f"{part}_set_x", data=images, **options)
        file[f"{part}_set_y"] = np.asarray(labels)
        file["list_classes"] = np.asarray(classes)
    return path


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("options", [{}, {"chunks": (2, 40, 64, 3)},
                                     {"compression": "gzip", "shuffle": True, "fletcher32": True}])
def test_images_become_columns_in_the_order_of_the_course(tmp_path, part, options):
    images = np.random.RandomState(0).randint(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    images[0, 0, 0] = 0, 255, 51
    X, Y, classes = read_coursera_h5(coursera(tmp_path / "a.h5", part, images, **options))
    assert X.shape == (12288, 3)
    assert X.dtype == Y.dtype == np.float64
    assert X.flags.f_contiguous
    np.testing.assert_array_equal(X, images.reshape(3, -1).T / 255)
    np.testing.assert_array_equal(X[:3, 0], [0, 1, 0.2])
    np.testing.assert_array_equal(Y, [[0, 1, 1]])
    assert classes == ("non-cat", "cat")


def test_numbered_classes_and_other_image_sizes_are_read(tmp_path):
    X, Y, classes = read_coursera_h5(coursera(tmp_path / "a.h5", images=np.full((4, 2, 5, 3), 255, np.uint8),
                                              labels=[5, 0, 3, 1], classes=range(6)))
    np.testing.assert_array_equal(X, np.ones((30, 4)))
    np.testing.assert_array_equal(Y, [[5, 0, 3, 1]])
    assert classes == (0, 1, 2, 3, 4, 5)


SMALL = np.zeros((3, 2, 2, 3), np.uint8)
REFUSED = r"^path must .*got .*a\.h5\b.*"


@pytest.mark.parametrize(("changes", "message"), [
    ({"part": "dev"}, "it holds dev_set_x, dev_set_y, list_classes and not train_set_x, train_set_y and list_classes"),
    ({"images": SMALL.astype(float)}, "train_set_x holds float64 and not integers"),
    ({"images": SMALL.astype(np.uint16)}, r"images are uint16 \(3, 2, 2, 3\) and not uint8 \(m, height, width, 3\)"),
    ({"images": SMALL[..., :2]}, r"uint8 \(3, 2, 2, 2\)"),
    ({"images": SMALL[0]}, r"train_set_x .*\(2, 2, 3\)"),
    ({"images": SMALL[:0]}, r"train_set_x .*\(0, 2, 2, 3\)"),
    ({"images": h5py.Empty("u1")}, r"train_set_x .*\(\)"),
    ({"images": SMALL > 0}, "train_set_x .*bool"),
    ({"labels": [0, 1]}, "it has 3 images and 2 labels"),
    ({"labels": [0, 1, 2]}, "it has 2 classes and labels from 0 to 2"),
    ({"labels": [0, -1, 1]}, "it has 2 classes and labels from -1 to 1"),
    ({"labels": [0.0, 1.0, 1.0]}, "train_set_y .*float64"),
    ({"labels": [[0, 1, 1]]}, r"train_set_y has the shape \(1, 3\) and not 1 dimension"),
    ({"classes": b"cat"}, r"list_classes .*\(\)"),
    ({"classes": [0.5, 1]}, "list_classes .*float64"),
    ({"classes": [b"\xff", b"cat"]}, "codec can't decode"),
    ({"compression": "lzf"}, r"train_set_x has the HDF5 filters \[32000\] and not gzip"),
])
def test_another_hdf5_file_is_refused_with_the_reason(tmp_path, changes, message):
    path = coursera(tmp_path / "a.h5", **{"images": SMALL} | changes)
    with pytest.raises(ValueError, match=REFUSED + message):
        read_coursera_h5(path)


def replace_images(path, make):
    with h5py.File(path, "r+") as file:
        del file["train_set_x"]
        make(file, "train_set_x")
    return path


def virtual(file, name):
    layout = h5py.VirtualLayout((3, 2, 2, 3), np.uint8)
    layout[:] = h5py.VirtualSource("other.h5", "train_set_x", (3, 2, 2, 3))
    file.create_virtual_dataset(name, layout)


def link(kind, *target):
    return lambda file, name: file.__setitem__(name, kind(*target))


def dataset(*arguments, **options):
    return lambda file, name: file.create_dataset(name, *arguments, **options)


@pytest.mark.parametrize(("make", "message"), [
    (link(h5py.ExternalLink, "other.h5", "train_set_x"), "train_set_x is a link to elsewhere"),
    (link(h5py.SoftLink, "/list_classes"), "train_set_x is a link to elsewhere"),
    (link(h5py.SoftLink, "/train_set_x"), "train_set_x is a link to elsewhere"),
    (lambda file, name: file.create_group(name), "train_set_x is no dataset"),
    (link(np.dtype, "u1"), "train_set_x is no dataset"),
    (virtual, "train_set_x has its numbers in another file"),
    (dataset((3, 2, 2, 3), "u1", external=[("/etc/hostname", 0, 36)]), "train_set_x has its numbers in another file"),
    (dataset((3, 2, 2, 3), h5py.enum_dtype({"a": 0}, "u1")), "train_set_x .*uint8"),
    (dataset((3, 2, 2, 3), [("r", "u1")]), r"train_set_x .*\[\('r', 'u1'\)\]"),
    (dataset((3, 2, 2, 3), h5py.ref_dtype), "train_set_x .*object"),
    (dataset((3, 2, 2, 3), h5py.vlen_dtype("u1")), "train_set_x .*object"),
    (dataset((3, 2, 2, 3), "V4"), "train_set_x .*V4"),
    (dataset((3, 10**6, 10**6, 3), "u1", chunks=(1, 64, 64, 3)), "train_set_x declares 9000000000000 bytes, more than"),
    (dataset((3, 2, 2, 3), "u1", chunks=(2**31, 1, 1, 1), maxshape=(None, 2, 2, 3)), "train_set_x declares 2147483648"),
    (dataset((3, 2, 2, 3), "u1", chunks=(1, 2, 2, 3)), "train_set_x is not stored whole"),
    (dataset((3, 2, 2, 3), "u1"), "train_set_x is not stored whole"),
])
def test_what_hdf5_would_follow_or_make_up_is_refused_untouched(tmp_path, make, message):
    coursera(tmp_path / "other.h5", images=SMALL)
    path = replace_images(coursera(tmp_path / "a.h5", images=SMALL), make)
    with pytest.raises(ValueError, match=REFUSED + message):
        read_coursera_h5(path)


def test_class_names_of_any_length_are_read(tmp_path):
    names = np.array(["non-cat", "cat"], object)
    assert read_coursera_h5(coursera(tmp_path / "a.h5", classes=names))[2] == ("non-cat", "cat")


def foreign(path, maker):
    """A file as MATLAB or Keras write it."""
    with h5py.File(path, "w", userblock_size=512 if maker == "MATLAB" else 0) as file:
        file["train_set_x"] = SMALL
        if maker == "Keras":
            file.attrs["keras_version"] = "2.15.0"
            file.create_group("model_weights")
    if maker == "MATLAB":
        with open(path, "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return path


@pytest.mark.parametrize("maker", ["MATLAB", "Keras"])
@pytest.mark.parametrize("read", [read_coursera_h5, load_parameters])
def test_a_file_of_another_program_is_told_what_it_is(read, maker, tmp_path):
    with pytest.raises(ValueError, match=rf"^path must .*a\.h5'?, which is a {maker} file"):
        read(foreign(tmp_path / "a.h5", maker))


def test_a_file_with_members_more_or_less_is_refused(tmp_path):
    path = coursera(tmp_path / "a.h5", images=SMALL)
    with h5py.File(path, "r+") as file:
        file["more"] = 1
    with pytest.raises(ValueError, match=" list_classes, more, train_set_x, train_set_y "):
        read_coursera_h5(path)
    h5py.File(path, "w").close()
    with pytest.raises(ValueError, match=(
        r"^path must be one of the course's HDF5 image files; got .*a\.h5, but it holds nothing and not train_set_x, "
        r"train_set_y and list_classes, or the same with test_\.$"
    )):
        read_coursera_h5(path)


@pytest.mark.parametrize(("data", "message"), [
    (b"", "it is no HDF5 file"),
    (b"no HDF5", "it is no HDF5 file"),
    (b"\x89HDF\r\n\x1a\n", ""),
    (b"\x89HDF\r\n\x1a\n" + bytes(1000), ""),
])
def test_what_is_no_hdf5_file_is_refused(tmp_path, data, message):
    with pytest.raises(ValueError, match=REFUSED + message):
        read_coursera_h5(write(tmp_path / "a.h5", data))


def test_an_hdf5_file_cut_anywhere_is_refused(tmp_path):
    whole = coursera(tmp_path / "a.h5", images=SMALL).read_bytes()
    for size in range(0, len(whole), 17):
        with pytest.raises(ValueError, match=REFUSED):
            read_coursera_h5(write(tmp_path / "a.h5", whole[:size]))


def test_a_flipped_bit_in_the_structure_gives_images_or_a_clear_error(tmp_path):
    whole = coursera(tmp_path / "a.h5", images=SMALL).read_bytes()
    outcomes = set()
    for place in np.random.RandomState(0).randint(0, 8 * len(whole), 200):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        try:
            outcomes.add(read_coursera_h5(write(tmp_path / "a.h5", data))[0].shape)
        except ValueError as error:
            outcomes.add(str(error)[:9])
    assert outcomes == {(12, 3), "path must"}
