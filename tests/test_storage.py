import functools
import hashlib
import itertools
import json
import os
import re
import resource
import signal
import stat
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile_files import forge, run_child, same, set_array
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shallownet import storage
from shallownet._random import generator_state, set_generator_state
from shallownet.activations import ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.network import initialize_parameters
from shallownet.storage import (
    ModelFileError,
    load_checkpoint,
    load_metadata,
    load_parameters,
    save_checkpoint,
    save_parameters,
)

HIDDEN, COST = list(ACTIVATIONS), list(COSTS)
LOADERS = [load_parameters, load_metadata, load_checkpoint]


def network(seed=0, n_h=4, **names):
    return initialize_parameters(2, n_h, 2, random_state=seed, scale=1, **names)


def training_state(generator, dtype=float):
    parameters = network(hidden="relu", dtype=dtype)
    return {
        "iteration": 12,
        "parameters": parameters,
        "optimizer_state": {
            "t": np.array(12),
            **{f"{letter}_{name}": parameters[name] / 3 for letter in "mv" for name in ("W1", "b1", "W2", "b2")},
        },
        "history": {"iteration": [0, 10], "cost": [0.7, 0.1 + 0.2], "validation_cost": [float("inf"), float("nan")]},
        "random_state": generator_state(generator),
        "running": [1.5, -0.0],
        "settings": {"l2": 0.0, "batch_size": None, "optimizer": "adam", "shuffle": True, "m": 2**70},
        "best_parameters": network(1, dtype=dtype),
    }


# Round trips


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cost", COST)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_parameters_come_back_to_the_last_bit(hidden, cost, dtype, tmp_path):
    parameters = network(hidden=hidden, cost=cost, dtype=dtype)
    save_parameters(tmp_path / "model.h5", parameters)
    assert same(load_parameters(tmp_path / "model.h5"), parameters)


def test_the_texts_activation_and_cost_are_left_out_as_in_new_parameters(tmp_path):
    save_parameters(tmp_path / "model.h5", {**network(), "hidden": "tanh", "cost": "cross_entropy"})
    assert same(load_parameters(tmp_path / "model.h5"), network())


def test_each_array_keeps_its_own_dtype_and_the_order_of_memory_does_not_matter(tmp_path):
    parameters = network()
    mixed = {**parameters, "b1": parameters["b1"].astype("f4"), "W1": np.asfortranarray(parameters["W1"])}
    save_parameters(tmp_path / "model.h5", mixed)
    loaded = load_parameters(tmp_path / "model.h5")
    assert same(loaded, mixed)
    assert all(loaded[name].flags.c_contiguous and loaded[name].flags.writeable for name in ("W1", "b1", "W2", "b2"))


def test_integers_become_float64(tmp_path):
    save_parameters(tmp_path / "model.h5", {name: np.ones((1, 1), int) for name in ("W1", "b1", "W2", "b2")})
    assert load_parameters(tmp_path / "model.h5")["W1"].dtype == np.float64


def test_metadata_come_back(tmp_path):
    metadata = {"note": "ä\n\x00\ud800", "epochs": 3, "big": -(2**200), "rate": 0.1, "done": True, "none": None,
                "classes": ["cat", "dog"], "table": {"a b/c.d": [1, [2.5, {}]], "": []}, "mean": np.arange(3.0),
                "counts": np.arange(4, dtype=np.uint16).reshape(2, 2)}
    save_parameters(tmp_path / "model.h5", network(), **metadata)
    assert same(load_metadata(tmp_path / "model.h5"), metadata)
    save_parameters(tmp_path / "model.h5", network())
    assert load_metadata(tmp_path / "model.h5") == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("generator", [
    np.random.RandomState(3), np.random.default_rng(3), *(np.random.Generator(kind(3)) for kind in (
        np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64))
], ids=lambda generator: str(generator).partition(" at ")[0])
def test_a_training_state_comes_back_to_the_last_bit_and_the_generator_goes_on(generator, dtype, tmp_path):
    generator.standard_normal(5)
    state = training_state(generator, dtype)
    save_checkpoint(tmp_path / "run.h5", state)
    drawn = generator.standard_normal(5), generator.permutation(9)

    loaded = load_checkpoint(tmp_path / "run.h5")
    assert same(loaded, state)
    assert all(array.flags.writeable for array in loaded["optimizer_state"].values())
    set_generator_state(generator, loaded["random_state"])
    assert same([generator.standard_normal(5), generator.permutation(9)], list(drawn))


def test_tuples_come_back_as_lists_and_the_numbers_of_numpy_as_those_of_python(tmp_path):
    state = {"parameters": network(), "pair": (1, (2.0, None)), "count": np.int64(3), "flag": np.True_,
             "rate": np.float32(0.1), "cost": np.float64(0.1)}
    save_checkpoint(tmp_path / "run.h5", state)
    loaded = load_checkpoint(tmp_path / "run.h5")
    expected = {"pair": [1, [2.0, None]], "count": 3, "flag": True, "rate": float(np.float32(0.1)),
                "cost": 0.1}
    assert same(loaded, {"parameters": network(), **expected})


def test_a_long_history_comes_back(tmp_path):
    costs = np.random.default_rng(0).standard_normal(400_000).tolist()
    costs[3:6] = [float("nan"), float("inf"), -0.0]
    history = {"iteration": [*range(400_000)], "cost": costs, "few": [1, 2.5], "large": [2**63] * 1000,
               "mixed": [0.5, 1] * 500, "flags": [True] * 1000}
    save_checkpoint(tmp_path / "run.h5", {"parameters": network(), "history": history})
    assert same(load_checkpoint(tmp_path / "run.h5")["history"], history)
    with h5py.File(tmp_path / "run.h5") as file:
        np.testing.assert_array_equal(file["history.cost"], costs)


def test_more_arrays_than_an_hdf5_group_should_have_come_back(tmp_path):
    arrays = {f"A{k}": np.full(3, k / 7) for k in range(1000)} | {"a" * 300: np.ones(2), "nested": np.ones((1,) * 32)}
    save_parameters(tmp_path / "model.h5", network(), **arrays)
    assert same(load_metadata(tmp_path / "model.h5"), arrays)


@pytest.mark.parametrize(("large", "message"), [
    ([0] * 999 + [0.5] * 2**20, r"at most 1048576 values in lists and dictionaries; got more\. Use arrays"),
    ([[]] * 2**17, r"at most 131072 lists and dictionaries in lists"),
    (functools.reduce(lambda inner, _: [inner], range(300), []), "nested at most 100 levels deep; got more"),
])
def test_what_would_be_refused_is_not_saved(large, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_parameters(tmp_path / "model.h5", network(), large=large)
    assert list(tmp_path.iterdir()) == []


def test_a_hundred_levels_come_back(tmp_path):
    deep = functools.reduce(lambda inner, _: [inner], range(97), [])
    save_parameters(tmp_path / "model.h5", network(), deep=deep)
    assert load_metadata(tmp_path / "model.h5") == {"deep": deep}


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
arrays = hnp.arrays(
    st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "u8", ">i4", "?", "c16"]), hnp.array_shapes(min_dims=0, min_side=0)
)
keys = st.text(st.characters(), max_size=3).filter(lambda key: not key.startswith("$"))
trees = st.recursive(
    plain | arrays, lambda items: st.lists(items, max_size=3) | st.dictionaries(keys, items, max_size=3), max_leaves=8
)


@given(st.dictionaries(keys, trees, max_size=4))
def test_whatever_a_state_holds_comes_back(entries):
    state = {**entries, "parameters": network()}
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(f"{folder}/run.h5", state)
        assert same(load_checkpoint(f"{folder}/run.h5"), state)


@given(st.data(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.sampled_from([32, 64]))
def test_save_and_load_are_the_identity(data, n_x, n_h, n_y, width):
    shapes = {"W1": (n_h, n_x), "b1": (n_h, 1), "W2": (n_y, n_h), "b2": (n_y, 1)}
    floats = st.floats(allow_nan=False, allow_infinity=False, width=width)
    arrays = {name: hnp.arrays(f"f{width // 8}", shape, elements=floats) for name, shape in shapes.items()}
    parameters = data.draw(st.fixed_dictionaries(arrays))
    with tempfile.TemporaryDirectory() as folder:
        save_parameters(f"{folder}/model.h5", parameters)
        assert same(load_parameters(f"{folder}/model.h5"), parameters)


# The file


def test_equal_content_gives_equal_bytes(tmp_path):
    save_parameters(tmp_path / "a.h5", network(), note="x", epochs=3)
    save_parameters(tmp_path / "b.h5", dict(reversed(network().items())), epochs=3, note="x")
    run_child(__file__, "save_the_same", tmp_path / "c.h5")
    images = [(tmp_path / name).read_bytes() for name in ("a.h5", "b.h5", "c.h5")]
    assert images[0] == images[1] == images[2]
    flags = [images[0][header.start() + 5] for header in re.finditer(b"OHDR", images[0])]
    assert len(flags) == 6                                 # the root and five datasets
    assert not any(flag & 0x20 for flag in flags)          # no object keeps the time of its making


def save_the_same(path):
    save_parameters(path, network(), note="x", epochs=3)


def test_other_programs_find_the_arrays_and_names(tmp_path):
    save_parameters(tmp_path / "model.h5", network(hidden="relu"), note="x")
    with h5py.File(tmp_path / "model.h5") as file:
        assert {*file} == {"W1", "b1", "W2", "b2", "document"}
        np.testing.assert_array_equal(file["W1"], network()["W1"])
        attributes = dict(file.attrs)
        digest = attributes.pop("digest")
    assert attributes == {
        "format": b"shallownet parameters", "format_version": 2, "hidden": b"relu", "cost": b"cross_entropy"}
    assert re.fullmatch(b"[0-9a-f]{64}", digest)


def test_the_digest_covers_attributes_shapes_arrays_and_document(tmp_path):
    save_parameters(tmp_path / "model.h5", network())
    attributes = {"cost": "cross_entropy", "format": "shallownet parameters", "format_version": 2, "hidden": "tanh"}
    with h5py.File(tmp_path / "model.h5") as file:
        shapes = {name: [data.dtype.str, data.shape] for name, data in file.items()}
        datasets = [file[name][()].tobytes() for name in ("W1", "W2", "b1", "b2", "document")]
        content = json.dumps([attributes, shapes], sort_keys=True).encode() + b"".join(datasets)
        assert file.attrs["digest"] == hashlib.sha256(content).hexdigest().encode()


def test_a_checkpoint_names_its_arrays_by_their_place(tmp_path):
    save_checkpoint(tmp_path / "run.h5", training_state(np.random.default_rng(0)))
    with h5py.File(tmp_path / "run.h5") as file:
        assert {"parameters.W1", "optimizer_state.m_b2", "best_parameters.W2", "document"} < {*file}


# Refusals


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"W1": np.array([[np.nan, 1]] * 4)}, ValueError, r"^parameters\['W1'\] must .*got 4 "),
    ({"b1": np.ones((3, 1))}, ValueError, r"^parameters\['b1'\] must .*got \(3, 1\)"),
    ({"hidden": "sine"}, ValueError, r"^parameters\['hidden'\] must .*got 'sine'"),
    ({"W2": "weights"}, TypeError, r"^parameters\['W2'\] must"),
])
@pytest.mark.parametrize("save", [save_parameters, lambda path, bad: save_checkpoint(path, {"parameters": bad})])
def test_what_is_no_network_is_not_saved(save, change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        save(tmp_path / "model.h5", {**network(), **change})
    assert list(tmp_path.iterdir()) == []


def refused(save, message, error=ValueError):
    with pytest.raises(error, match=message):
        save()


def test_messages_name_the_argument_and_the_cure(tmp_path):
    path, parameters = tmp_path / "model.h5", network()
    refused(lambda: save_parameters(path, {**parameters, "note": "x"}),
            r"parameters must have the entries W1, b1, W2, b2, hidden, cost; got 'note'. Save it as metadata")
    refused(lambda: save_parameters(path, parameters, note=object()),
            r"metadata.note must be a number, a string, .*; got object. Leave it out", TypeError)
    refused(lambda: save_parameters(path, parameters, note=[np.array(["a"])]), "metadata.note.0 must be", TypeError)
    refused(lambda: save_parameters(path, parameters, note={1: 2}), "must have strings .* as keys; got 1")
    refused(lambda: save_parameters(path, parameters, note={"$a": 2}), r"without a leading \$ as keys; got '\$a'")
    refused(lambda: save_parameters(3, parameters), "path must be a str or a pathlib.Path; got 3", TypeError)
    refused(lambda: save_checkpoint(path, [parameters]), "state must be a dictionary; got list", TypeError)
    refused(lambda: save_checkpoint(path, parameters), "state must have the entry 'parameters'; got none")
    refused(lambda: load_parameters(b"model.h5"), "path must be a str or a pathlib.Path; got b'model.h5'", TypeError)
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_too_large_to_load_is_not_saved(tmp_path, monkeypatch):
    save_parameters(tmp_path / "model.h5", network())
    monkeypatch.setattr(storage, "LARGEST_FILE", 1000)
    with pytest.raises(ValueError, match=r"parameters must take at most 1000 bytes; got \d+\. Use float32"):
        save_parameters(tmp_path / "another.h5", network())
    with pytest.raises(ModelFileError, match=r"path must be a file of at most 1000 bytes; got .*model\.h5"):
        load_parameters(tmp_path / "model.h5")


@pytest.mark.parametrize("load", LOADERS)
def test_a_file_of_another_kind_names_its_loader(load, tmp_path):
    save_parameters(tmp_path / "parameters.h5", network())
    save_checkpoint(tmp_path / "checkpoint.h5", {"parameters": network()})
    other = "parameters" if load is load_checkpoint else "checkpoint"
    with pytest.raises(ModelFileError, match=rf"it is a shallownet {other} file: use load_{other}\(path\)"):
        load(tmp_path / f"{other}.h5")


def only_a_document(text):
    def change(_, arrays):
        arrays.clear()
        arrays["document"] = np.frombuffer(text, np.uint8)
    return change


@pytest.mark.parametrize(("change", "reason"), [
    (only_a_document(b'{"iteration": 3}'), "KeyError: 'parameters'"),
    (only_a_document(b"[1, 2]"), "TypeError"),
    (set_array("parameters.b1", np.full((4, 1), np.inf)), r"parameters\['b1'\] must be finite"),
])
def test_a_checkpoint_without_a_finite_network_is_refused(change, reason, tmp_path):
    save_checkpoint(tmp_path / "run.h5", {"iteration": 3, "parameters": network()})
    forge("checkpoint", tmp_path / "run.h5", change)
    with pytest.raises(ModelFileError, match=reason):
        load_checkpoint(tmp_path / "run.h5")


@pytest.mark.parametrize("load", LOADERS)
def test_a_missing_file_is_a_missing_file(load, tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError):
        save_parameters(tmp_path / "no folder" / "model.h5", network())


def save_to_odd_places(folder):
    """Child: print what happens to a save to a pipe and to a folder."""
    for path in (Path(folder, "pipe"), Path(folder, "folder")):
        try:
            save_parameters(path, network())
        except ValueError as error:
            print(error)


def test_a_folder_and_a_pipe_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    messages = run_child(__file__, "save_to_odd_places", tmp_path)
    assert messages == [
        f"path must be a regular file; got {str(tmp_path / name)!r}, a folder, pipe or device. Add a file name."
        for name in ("pipe", "folder")]
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "folder"}


# Atomic replacement


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_whatever_stops_a_save_leaves_the_old_file_and_nothing_else(step, error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    save_parameters(tmp_path / "model.h5", network())
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail)
        with pytest.raises(error):
            save_parameters(tmp_path / "model.h5", network(1))
    assert same(load_parameters(tmp_path / "model.h5"), network())
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_the_file_is_on_the_disk_before_it_takes_its_place_and_then_the_folder(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: steps.append(stat.S_ISDIR(os.fstat(file).st_mode)) or fsync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: steps.append("replace") or replace(*paths))
    save_parameters(tmp_path / "model.h5", network())
    assert steps == [False, "replace", True]


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link.h5", tmp_path / "folder" / "model.h5"
    link.symlink_to(target)
    for seed in (0, 1):                                    # to nothing, and to a file
        save_parameters(link, network(seed))
        assert link.is_symlink()
        assert not target.is_symlink()
        assert same(load_parameters(target), network(seed))
        assert same(load_parameters(link), network(seed))


def test_a_read_only_file_is_left_alone(tmp_path):
    save_parameters(tmp_path / "model.h5", network())
    (tmp_path / "model.h5").chmod(0o444)
    with pytest.raises(PermissionError, match=r"The file is read-only: save under another name.*model\.h5"):
        save_parameters(tmp_path / "model.h5", network(1))
    assert same(load_parameters(tmp_path / "model.h5"), network())


def test_a_file_that_may_not_be_written_is_left_alone(tmp_path, monkeypatch):
    save_parameters(tmp_path / "model.h5", network())
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(PermissionError, match="The file is read-only"):
        save_parameters(tmp_path / "model.h5", network(1))
    assert same(load_parameters(tmp_path / "model.h5"), network())


def test_a_new_file_obeys_the_umask_and_an_old_one_keeps_its_permissions(tmp_path):
    path, before = tmp_path / "model.h5", os.umask(0o027)
    try:
        save_parameters(path, network())
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o606)
        save_parameters(path, network(1))
        assert stat.S_IMODE(path.stat().st_mode) == 0o606
    finally:
        os.umask(before)


def test_neither_the_callers_arrays_nor_the_global_generator_are_touched(tmp_path):
    state = training_state(np.random.RandomState(3))
    for array in state["optimizer_state"].values():
        array.flags.writeable = False
    before = np.random.get_state(legacy=False)
    save_checkpoint(tmp_path / "run.h5", state)
    save_parameters(tmp_path / "model.h5", state["parameters"])
    load_parameters(tmp_path / "model.h5")
    assert same(np.random.get_state(legacy=False), before)
    assert same(state, training_state(np.random.RandomState(3)))


def test_threads_save_side_by_side(tmp_path):
    def save(seed):
        for _ in range(20):
            save_parameters(tmp_path / f"{seed}.h5", network(seed))

    threads = [threading.Thread(target=save, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(load_parameters(tmp_path / f"{seed}.h5"), network(seed)) for seed in range(4))


# Child processes that are killed, that compete, and that find the disk full


NETWORKS = [network(seed, n_h=2000) for seed in (0, 1)]


@contextmanager
def saver(path, first=0):
    """Have a child save one of two networks after the other; kill it at the end."""
    pid = os.fork()
    if pid == 0:
        for number in itertools.count(first):
            save_parameters(path, NETWORKS[number % 2])
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def print_which(path):
    loaded = load_parameters(path)
    print([same(loaded, network) for network in NETWORKS].index(True))


def kill_savers(folder, kills):
    """Child: kill its own children while they save, and print which of the two networks is there after each."""
    path, rng = Path(folder, "model.h5"), np.random.default_rng(0)
    times = [time.perf_counter()]
    for _ in range(5):
        save_parameters(path, NETWORKS[0])
        times.append(time.perf_counter())
    duration = np.diff(times).min()
    for number in range(int(kills)):
        with saver(path, number):
            time.sleep(rng.uniform(0, 4 * duration))
        print_which(path)


def race_savers(folder):
    """Child: let two savers compete, and print which of the two networks is there again and again."""
    path = Path(folder, "model.h5")
    save_parameters(path, NETWORKS[0])
    with saver(path), saver(path):
        for _ in range(200):
            print_which(path)


def fill_disk(folder):
    """Child: save where files of ever more bytes have room, and print whether that failed and what is there then."""
    path = Path(folder, "model.h5")
    save_parameters(path, network(0))
    size = path.stat().st_size
    for limit in range(0, size + 200, 50):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            save_parameters(path, network(1))
            failed = False
        except OSError:
            failed = True
        saved = network(0 if failed else 1)
        assert same(load_parameters(path), saved)
        assert failed == (limit < size)
        assert [entry.name for entry in path.parent.iterdir()] == ["model.h5"]
        print(failed)


def test_saving_on_another_thread_leaves_signals_alone(tmp_path):
    thread = threading.Thread(target=save_parameters, args=(tmp_path / "model.h5", network(0)))
    thread.start()
    thread.join()
    assert same(load_parameters(tmp_path / "model.h5"), network(0))


def test_two_hundred_kills_leave_the_old_file_or_the_new_one(tmp_path):
    seen = run_child(__file__, "kill_savers", tmp_path, 200)
    assert len(seen) == 200
    assert {*seen} == {"0", "1"}
    assert any(path.suffix == ".tmp" for path in tmp_path.iterdir())          # some came in the middle of a save


def test_two_savers_at_once_leave_the_file_of_one_of_them(tmp_path):
    seen = run_child(__file__, "race_savers", tmp_path)
    assert len(seen) == 200
    assert {*seen} == {"0", "1"}


def test_a_full_disk_leaves_the_old_file(tmp_path):
    failed = run_child(__file__, "fill_disk", tmp_path)
    assert failed == sorted(failed, reverse=True)
    assert {*failed} == {"True", "False"}


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as missing:
        save_parameters(tmp_path / "nowhere" / "net.h5", network())
    assert missing.value.filename == str(tmp_path / "nowhere" / "net.h5")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
