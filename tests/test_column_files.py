import itertools
import os
import pickle
import resource
import stat
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile_files import run_child
from hypothesis import given
from hypothesis import strategies as st

from shallownet import column_files
from shallownet.column_files import open_columns, write_columns
from shallownet.evaluation import accuracy
from shallownet.network import initialize_parameters
from shallownet.storage import ModelFileError, load_parameters, save_parameters
from shallownet.training import train


def blocks(n_x, *sizes, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n_x, k)).astype(dtype) for k in sizes]


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a small file have many checksums: one for four samples with eight float64 features."""
    monkeypatch.setattr(column_files, "CHECKED_BYTES", 256)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_come_back_to_the_last_bit(dtype, tmp_path, small_blocks):
    written = blocks(8, 3, 10, 1, 20, dtype=dtype)
    write_columns(tmp_path / "X.h5", iter(written))
    with open_columns(tmp_path / "X.h5") as X:
        assert X.shape == (8, 34)
        assert X.ndim == 2
        assert X.dtype == dtype
        assert X[:, :].tobytes() == np.hstack(written).tobytes()


@given(st.integers(1, 9), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.data())
def test_any_slice_of_any_blocks_is_that_of_the_whole(n_x, sizes, data):
    whole = np.hstack(written := blocks(n_x, *sizes))
    i, j = (data.draw(st.none() | st.integers(-50, 50)) for _ in "ij")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_files, "CHECKED_BYTES", 100)
        write_columns(f"{folder}/X.h5", written)
        with open_columns(f"{folder}/X.h5") as X:
            np.testing.assert_array_equal(X[:, i:j], whole[:, i:j])


def test_a_samples_values_lie_side_by_side_on_disk_and_in_memory(tmp_path):
    write_columns(tmp_path / "X.h5", blocks(8, 30))
    with h5py.File(tmp_path / "X.h5") as file:
        assert file["columns"].shape == (30, 8)
        assert file["columns"].chunks is None
    with open_columns(tmp_path / "X.h5") as X:
        assert X[:, 3:9].flags.f_contiguous


@pytest.mark.parametrize("dtype", ["i8", "u1", "?", "f2", ">f8"])
def test_what_is_not_float32_becomes_float64(dtype, tmp_path):
    write_columns(tmp_path / "X.h5", [np.ones((2, 3), dtype)])
    with open_columns(tmp_path / "X.h5") as X:
        assert X.dtype == np.float64
        assert X[:, :].dtype == np.float64


def test_blocks_may_be_lists_memmaps_and_read_only(tmp_path):
    memmap = np.memmap(tmp_path / "raw", float, "w+", shape=(2, 3))
    memmap[:] = 7
    fixed = np.ones((2, 1))
    fixed.flags.writeable = False
    write_columns(tmp_path / "X.h5", [[[1], [2]], memmap, fixed])
    with open_columns(tmp_path / "X.h5") as X:
        np.testing.assert_array_equal(X[:, :], [[1, 7, 7, 7, 1], [2, 7, 7, 7, 1]])


def test_equal_blocks_give_equal_bytes(tmp_path, small_blocks):
    for name in ("a.h5", "b.h5"):
        write_columns(tmp_path / name, blocks(8, 30, 5))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


# Writing: refusals, and nothing left behind


@pytest.mark.parametrize(("wrong", "error", "message"), [
    ([], ValueError, r"blocks must hold at least one \(n_x, k\) array; got none"),
    (np.ones((2, 3)), TypeError, r"blocks must be an iterable of \(n_x, k\) arrays; got ndarray. Use \[X\]"),
    (3, TypeError, r"blocks must be an iterable of \(n_x, k\) arrays; got int"),
    ([np.ones((2, 3)), np.ones((3, 3))], ValueError, r"^blocks\[1\] must .*got \(3, 3\)"),
    ([np.ones((2, 3)), np.ones((5, 2))], ValueError, r"got \(5, 2\). Use blocks\[1\].T"),
    ([np.ones(3)], ValueError, r"^blocks\[0\] must .*got \(3,\)\."),
    ([np.ones((2, 0))], ValueError, r"^blocks\[0\] must"),
    ([np.ones((2, 3)), np.array([[1, 2], [3, np.nan]])], ValueError,
     r"^blocks\[1\] must .*got 1 .*blocks\[1\]\[1, 1\]"),
    ([np.ones((2, 3), "f4"), np.ones((2, 3))], ValueError,
     r"blocks\[1\] must have dtype float32, as blocks\[0\]; got float64. Use blocks\[1\].astype\('float32'\)"),
    ([np.array([["a"]])], TypeError, r"^blocks\[0\] must"),
    ([np.ma.masked_array([[1.0]])], TypeError, r"^blocks\[0\] must"),
])
def test_wrong_blocks_are_refused_and_leave_nothing_behind(wrong, error, message, tmp_path):
    with pytest.raises(error, match=message):
        write_columns(tmp_path / "X.h5", wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_of_the_source_comes_out_and_leaves_the_old_file(error, tmp_path):
    def source():
        yield np.ones((2, 3))
        raise error("from the source")

    write_columns(tmp_path / "X.h5", blocks(2, 5))
    before = (tmp_path / "X.h5").read_bytes()
    with pytest.raises(error, match="from the source"):
        write_columns(tmp_path / "X.h5", source())
    assert (tmp_path / "X.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["X.h5"]


def test_folders_links_and_read_only_files_are_treated_as_by_save_parameters(tmp_path):
    with pytest.raises(ValueError, match="path must be a regular file"):
        write_columns(tmp_path, blocks(2, 3))
    (tmp_path / "X.h5").write_text("old")
    (tmp_path / "X.h5").chmod(0o400)
    with pytest.raises(PermissionError, match="The file is read-only"):
        write_columns(tmp_path / "X.h5", blocks(2, 3))
    (tmp_path / "X.h5").chmod(0o600)
    (tmp_path / "link.h5").symlink_to(tmp_path / "X.h5")
    write_columns(tmp_path / "link.h5", blocks(2, 3))
    assert (tmp_path / "link.h5").is_symlink()
    assert stat.S_IMODE((tmp_path / "X.h5").stat().st_mode) == 0o600
    with open_columns(tmp_path / "X.h5") as X:
        assert X.shape == (2, 3)


def fill_disk(folder):
    """Child: write columns where files of ever more bytes have room; HDF5 alone crashes there."""
    column_files.CHECKED_BYTES = 2048
    path = Path(folder, "X.h5")
    write_columns(path, blocks(8, 500, 700))
    before = path.read_bytes()
    for limit in range(0, len(before) + 2000, 500):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            write_columns(path, blocks(8, 500, 700))
        except OSError as error:
            print(error.strerror)
        else:
            print("written")
        assert path.read_bytes() == before
        assert [entry.name for entry in path.parent.iterdir()] == ["X.h5"]


def write_without_end(folder):
    """Child: write more columns than any disk holds."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, resource.RLIM_INFINITY))
    try:
        write_columns(Path(folder, "X.h5"), itertools.repeat(np.ones((8, 1000))))
    except OSError as error:
        print(error.strerror)


def test_writing_ends_when_the_disk_is_full(tmp_path):
    assert run_child(__file__, "write_without_end", tmp_path) == ["File too large"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    lines = run_child(__file__, "fill_disk", tmp_path)
    assert lines == sorted(lines)
    assert {*lines} == {"File too large", "written"}


def write_much(folder):
    """Child: write and read 200 MB and print how much memory that took at the most, in MB."""
    path = Path(folder, "X.h5")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_columns(path, (np.full((100, 2500), float(k)) for k in range(100)))
    with open_columns(path) as X:
        for i in range(0, X.shape[1], 2500):
            assert X[:, i:i + 2500].mean() == i / 2500
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def test_memory_holds_a_few_blocks(tmp_path):
    (megabytes,) = run_child(__file__, "write_much", tmp_path)
    assert float(megabytes) < 40


# Reading


def test_an_index_other_than_columns_from_to_is_refused(tmp_path):
    write_columns(tmp_path / "X.h5", blocks(2, 9))
    with open_columns(tmp_path / "X.h5") as X:
        for index in (0, np.s_[:, 3], np.s_[:, ::2], np.s_[:, ::-1], np.s_[:1, :], np.s_[:, [1, 2]], np.s_[:], ...):
            with pytest.raises(TypeError, match=r"X must be read as X\[:, i:j\]; got the index .* Use X\[:, i:j\]\["):
                X[index]


def test_a_closed_file_says_so(tmp_path):
    write_columns(tmp_path / "X.h5", blocks(2, 9))
    with open_columns(tmp_path / "X.h5") as X:
        pass
    with pytest.raises(ValueError, match=r"X must be open; got <ColumnFile '.*X.h5', shape \(2, 9\), float64>.*closed"):
        X[:, 1:2]
    X.close()


def test_what_is_no_column_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_columns(tmp_path / "X.h5")
    save_parameters(tmp_path / "model.h5", initialize_parameters(2, 3, 1))
    with pytest.raises(ModelFileError, match=r"it is a shallownet parameters file: use load_parameters\(path\)"):
        open_columns(tmp_path / "model.h5")
    write_columns(tmp_path / "X.h5", blocks(2, 9))
    with pytest.raises(ModelFileError, match=r"it is a shallownet columns file: use open_columns\(path\)"):
        load_parameters(tmp_path / "X.h5")
    with pytest.raises(TypeError, match=r"path must be a str or a pathlib.Path; got 3"):
        open_columns(3)


def test_a_damaged_block_is_refused_and_the_others_are_read(tmp_path, small_blocks):
    (whole,) = blocks(8, 30)
    write_columns(tmp_path / "X.h5", [whole])
    image = bytearray((tmp_path / "X.h5").read_bytes())
    image[image.index(whole[:, 17].tobytes()) + 3] ^= 1
    (tmp_path / "X.h5").write_bytes(image)
    with open_columns(tmp_path / "X.h5") as X:
        with pytest.raises(ModelFileError, match=r"path must be a whole shallownet columns file; got .*X\.h5"):
            X[:, 14:18]
        np.testing.assert_array_equal(X[:, 20:30], whole[:, 20:30])


@pytest.mark.parametrize(("old", "new"), [(0, 0xFF), (0xFF, 0), (0, 1)])
def test_what_simple_sums_do_not_see_is_refused(old, new, tmp_path, small_blocks):
    sample = np.frombuffer(bytes([old] * 2 + [0, 0, 0, 0, 0xF0, 0x3F]) * 32).reshape(8, 4)
    write_columns(tmp_path / "X.h5", [sample])
    image = (tmp_path / "X.h5").read_bytes()
    place = image.index(sample.T.tobytes())
    (tmp_path / "X.h5").write_bytes(image[:place] + bytes([new] * 2) + image[place + 2:])
    with open_columns(tmp_path / "X.h5") as X, pytest.raises(ModelFileError, match="does not match its checksum"):
        X[:, :]


@pytest.mark.parametrize("end", ["its checksum", "the next one"])
def test_zeros_in_the_place_of_a_block_are_refused(end, tmp_path, small_blocks):
    (whole,) = blocks(8, 30)
    write_columns(tmp_path / "X.h5", [whole])
    image = bytearray((tmp_path / "X.h5").read_bytes())
    place = image.index(whole[:, 4:8].T.tobytes())
    image[place:place + 256] = bytes(256)
    if end == "its checksum":
        checksum = zlib.crc32(np.ascontiguousarray(whole[:, 4:8].T)).to_bytes(4, "little")
        place = image.rindex(checksum)
        image[place:place + 4] = bytes(4)
    (tmp_path / "X.h5").write_bytes(image)
    message = r"digest does not match|does not match its checksum"
    with pytest.raises(ModelFileError, match=message), open_columns(tmp_path / "X.h5") as X:
        X[:, :]


def test_a_file_that_is_cut_or_grows_while_open_is_refused(tmp_path, small_blocks):
    (whole,) = blocks(8, 30)
    write_columns(tmp_path / "X.h5", [whole])
    size = (tmp_path / "X.h5").stat().st_size
    with open_columns(tmp_path / "X.h5") as X:
        for changed in (size - 1, size // 2, size + 1):
            os.truncate(tmp_path / "X.h5", changed)
            with pytest.raises(ModelFileError, match="its size has changed since it was opened"):
                X[:, 8:12]


def test_a_file_that_is_cut_between_the_check_and_the_read_is_refused(tmp_path, small_blocks, monkeypatch):
    (whole,) = blocks(8, 30)
    write_columns(tmp_path / "X.h5", [whole])
    with open_columns(tmp_path / "X.h5") as X:
        before = os.stat(tmp_path / "X.h5")
        os.truncate(tmp_path / "X.h5", 1000)
        monkeypatch.setattr(os, "fstat", lambda _: before)
        with pytest.raises(ModelFileError, match="columns 24 to 27 does not match"):
            X[:, 24:28]


def test_a_file_that_is_written_over_while_open_is_refused(tmp_path, small_blocks):
    old, new = blocks(8, 30)[0], blocks(8, 30, seed=1)[0]
    write_columns(tmp_path / "X.h5", [old])
    write_columns(tmp_path / "new.h5", [new])
    with open_columns(tmp_path / "X.h5") as X:
        (tmp_path / "X.h5").write_bytes((tmp_path / "new.h5").read_bytes())      # in place, valid by itself
        with pytest.raises(ModelFileError, match="columns 0 to 3 does not match its checksum"):
            X[:, :]


def test_another_process_opens_the_pickled_file_itself(tmp_path, monkeypatch):
    (whole,) = blocks(2, 9)
    monkeypatch.chdir(tmp_path)
    write_columns("X.h5", [whole])
    with open_columns("X.h5") as X:
        (tmp_path / "pickle").write_bytes(pickle.dumps(X))
    monkeypatch.chdir("/")
    (line,) = run_child(__file__, "unpickle", tmp_path / "pickle")
    assert line == whole[:, 4:6].tobytes().hex()


def test_a_pickled_file_that_was_replaced_is_refused(tmp_path):
    old, new = blocks(2, 9)[0], blocks(2, 9, seed=1)[0]
    write_columns(tmp_path / "X.h5", [old])
    with open_columns(tmp_path / "X.h5") as X:
        pickled = pickle.dumps(X)
    write_columns(tmp_path / "X.h5", [new])
    with pytest.raises(ModelFileError, match=r"path must be the file that was pickled; got .*other columns by now"):
        pickle.loads(pickled)


def test_a_closed_file_stays_closed_when_it_is_pickled(tmp_path):
    write_columns(tmp_path / "X.h5", blocks(2, 9))
    X = open_columns(tmp_path / "X.h5")
    X.close()
    X = pickle.loads(pickle.dumps(X))
    assert X.shape == (2, 9)
    with pytest.raises(ValueError, match=r"X must be open; got .* which is closed"):
        X[:, :]
    X.close()


def unpickle(path):
    """Child: read from a pickled column file."""
    with pickle.loads(Path(path).read_bytes()) as X:
        print(X[:, 4:6].tobytes().hex())


def test_threads_and_forked_processes_read_at_once(tmp_path, small_blocks):
    (whole,) = blocks(8, 400)
    write_columns(tmp_path / "X.h5", [whole])
    with open_columns(tmp_path / "X.h5") as X:
        def read(_):
            return np.hstack([X[:, i:i + 7] for i in range(0, 400, 7)])

        child = os.fork()
        if child == 0:
            os._exit(0 if all((read(i) == whole).all() for i in range(20)) else 1)
        with ThreadPoolExecutor(4) as readers:
            for columns in readers.map(read, range(20)):
                np.testing.assert_array_equal(columns, whole)
        assert os.waitpid(child, 0)[1] == 0


def test_a_system_without_positioned_reads_reads_the_same(tmp_path, small_blocks, monkeypatch):
    (whole,) = blocks(8, 100)
    write_columns(tmp_path / "X.h5", [whole])
    monkeypatch.delattr(os, "preadv")
    with open_columns(tmp_path / "X.h5") as X, ThreadPoolExecutor(4) as readers:
        read = readers.map(lambda i: X[:, i:i + 7], range(0, 100, 7))
        np.testing.assert_array_equal(np.hstack(list(read)), whole)


def test_a_file_that_is_replaced_while_open_stays_what_it_was(tmp_path):
    old, new = blocks(2, 9)[0], blocks(2, 9, seed=1)[0]
    write_columns(tmp_path / "X.h5", [old])
    with open_columns(tmp_path / "X.h5") as X:
        write_columns(tmp_path / "X.h5", [new])
        np.testing.assert_array_equal(X[:, :], old)
        with open_columns(tmp_path / "X.h5") as X_new:
            np.testing.assert_array_equal(X_new[:, :], new)


def test_training_on_a_file_is_training_on_the_array(tmp_path):
    X, Y = blocks(3, 400)[0], (np.arange(400).reshape(1, -1) % 2).astype(float)
    parameters = initialize_parameters(3, 4, 1, random_state=0)
    write_columns(tmp_path / "X.h5", [X[:, :150], X[:, 150:]])
    write_columns(tmp_path / "Y.h5", [Y])
    with open_columns(tmp_path / "X.h5") as streamed, open_columns(tmp_path / "Y.h5") as labels:
        from_file, _ = train(streamed, labels, parameters, 20)
        assert accuracy(from_file, streamed, labels) == accuracy(from_file, X, Y)
    from_array, _ = train(X, Y, parameters, 20)
    for name in parameters:
        np.testing.assert_allclose(from_file[name], from_array[name], rtol=1e-12)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
