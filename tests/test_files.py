"""What all files have in common: signals at any moment, and the operating system's refusals, come out as they are."""

import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile_files import run_child

from shallownet._files import defer_signals
from shallownet.column_files import open_columns, write_columns
from shallownet.network import initialize_parameters
from shallownet.readers import read_coursera_h5
from shallownet.storage import ModelFileError, load_parameters, save_parameters


class Alarm(Exception):
    """What no library knows."""


def tasks(folder):
    """Write some files; return functions that write and read them, by name."""
    parameters = initialize_parameters(20, 50, 3, cost="softmax_cross_entropy", random_state=0)
    columns = [np.random.default_rng(k).standard_normal((20, 500)) for k in range(4)]
    save_parameters(folder / "model.h5", parameters)
    write_columns(folder / "X.h5", columns)
    with h5py.File(folder / "train.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = np.zeros((2, 8, 8, 3), np.uint8), [0, 1]
        file["list_classes"] = np.array([b"a", b"b"])
    X = open_columns(folder / "X.h5")
    return {
        "save_parameters": lambda: save_parameters(folder / "again.h5", parameters),
        "load_parameters": lambda: load_parameters(folder / "model.h5"),
        "write_columns": lambda: write_columns(folder / "again.h5", columns),
        "open_columns": lambda: open_columns(folder / "X.h5").close(),
        "slice": lambda: X[:, 100:1900],
        "read_coursera_h5": lambda: read_coursera_h5(folder / "train.h5"),
    }


def interrupt(folder, name, attempts):
    """Child: let a signal's handler raise at any moment of a task; print how often what came of it."""
    task = tasks(Path(folder))[name]
    random.seed(0)
    fired = []

    def handler(*_):
        fired.append(True)
        raise error

    signal.signal(signal.SIGALRM, handler)
    durations = []
    for _ in range(10):
        start = time.perf_counter()
        task()
        durations.append(time.perf_counter() - start)
    outcomes = Counter()
    for k in range(int(attempts)):
        error = (KeyboardInterrupt, TimeoutError, Alarm, ValueError, TypeError)[k % 5]
        fired.clear()
        outcome = "lost"
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, min(durations)))
            task()
            while not fired:
                time.sleep(1e-4)
        except BaseException as other:
            outcome = "raised" if type(other) is error else f"changed to {other!r}"
        outcomes[outcome] += 1
    print(dict(outcomes))
    print([path.name for path in Path(folder).iterdir() if path.suffix == ".tmp"])


@pytest.mark.parametrize("name", ["save_parameters", "load_parameters", "write_columns", "open_columns", "slice",
                                  "read_coursera_h5"])
def test_what_a_signal_raises_comes_out_as_it_is(name, tmp_path):
    attempts = 100 if name in ("save_parameters", "write_columns") else 500
    assert run_child(__file__, "interrupt", tmp_path, name, attempts) == [f"{{'raised': {attempts}}}", "[]"]


def test_every_deferred_signal_comes_after_the_block_and_the_handlers_are_back():
    seen = []
    handlers = {number: signal.signal(number, lambda number, _: seen.append(number))
                for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)}
    try:
        with defer_signals():
            for number in handlers:
                signal.raise_signal(number)
            assert seen == []
        assert seen == [*handlers]
        signal.raise_signal(signal.SIGUSR1)
        assert seen == [*handlers, signal.SIGUSR1]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_signal_without_a_handler_is_left_alone():
    before = signal.getsignal(signal.SIGUSR2)
    with defer_signals():
        assert signal.getsignal(signal.SIGUSR2) is before


def use_up_descriptors(folder, free):
    """Child: load when no more than ``free`` files can be opened, and print what comes of it."""
    jobs = tasks(Path(folder))
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1 + int(free), 2**10))
    for name in ("load_parameters", "open_columns", "read_coursera_h5", "save_parameters", "write_columns"):
        try:
            jobs[name]()
            print("done")
        except OSError as error:
            print(type(error).__name__, error.strerror)


def use_up_memory(folder):
    """Child: load a model that is larger than the memory, and print what comes of it."""
    path = Path(folder, "large.h5")
    save_parameters(path, initialize_parameters(2, 1, 1), large=np.zeros(2**21))
    for extra in range(0, 2**26, 2**22):
        (size,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (size * 1024 + extra, -1))
        try:
            load_parameters(path)
            print("loaded")
        except MemoryError:
            print("MemoryError")
        except ModelFileError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))


@pytest.mark.parametrize(("free", "outcome"), [(0, "OSError Too many open files"), (1, "done")])
def test_too_many_open_files_are_not_damage(free, outcome, tmp_path):
    assert run_child(__file__, "use_up_descriptors", tmp_path, free) == [outcome] * 5


def test_too_little_memory_is_not_damage(tmp_path):
    lines = run_child(__file__, "use_up_memory", tmp_path)
    assert {*lines} == {"MemoryError", "loaded"}


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
