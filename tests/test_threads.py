"""BLAS held at one thread, and the pool: in any thread, after a fork, after an interrupt at any point."""

import os
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
from interrupts import interrupted
from threadpoolctl import threadpool_info, threadpool_limits

from shallownet import columns, predict, train
from shallownet.columns import prefetch, workers


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_blas_threads():
    """BLAS has two threads, on any machine, and the main thread has said so."""
    with threadpool_limits(2, user_api="blas"):
        yield
        assert blas_threads() == {2}


def in_thread(function):
    """Return what the function returns in a thread of its own, which shall not hang."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return results[0]


def held():
    with workers(2, 4):
        return blas_threads()


# BLAS

@pytest.mark.parametrize("blocks", [1, 4])
def test_blas_is_held_at_one_thread_and_let_go(blocks):
    with workers(1, blocks):
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_blas_is_held_in_any_thread_whoever_set_it_first():
    assert held() == {1}
    assert in_thread(held) == {1}
    assert blas_threads() == {2}
    with threadpool_limits(2, user_api="blas"):                           # the main thread's
        assert in_thread(held) == {1}
        assert blas_threads() == {2}


def test_a_thread_that_is_alive_does_not_keep_the_limit_for_itself():
    done = threading.Event()
    first = threading.Thread(target=lambda: (held(), done.wait(30)))
    first.start()
    try:
        assert held() == in_thread(held) == {1}
        assert blas_threads() == {2}
    finally:
        done.set()
        first.join()


def test_trainings_that_overlap_in_threads_hold_blas_until_the_last_one_ends():
    entered, leave = threading.Event(), threading.Event()

    def outlast():
        with workers(2, 4):
            entered.set()
            leave.wait(30)
            return blas_threads()

    results = []
    other = threading.Thread(target=lambda: results.append(outlast()))
    with workers(2, 4):
        other.start()
        assert entered.wait(30)
    assert blas_threads() == {1}
    leave.set()
    other.join()
    assert results == [{1}]
    assert blas_threads() == {2}


def test_predictions_in_many_threads_leave_blas_as_it_was(problem):
    parameters, X, _ = problem()
    expected = predict(parameters, X)

    def many():
        for _ in range(100):
            np.testing.assert_array_equal(predict(parameters, X), expected)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blas_threads() == {2}


BITS = """
import hashlib, os, sys, threading
import numpy as np
from threadpoolctl import threadpool_info
import shallownet as sn

def blas():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

def bits():
    parameters, _ = sn.train(X, X[:1] > 0, sn.initialize_parameters(50, 40, 1, random_state=1), 3, threads=2)
    return hashlib.sha256(b"".join(parameters[name].tobytes() for name in ("W1", "b1", "W2", "b2"))).hexdigest()

def thread(function):
    results = []
    worker = threading.Thread(target=lambda: results.append(function()))
    worker.start()
    worker.join()
    return results[0]

def fork(function):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, f"{function()}".encode())
        os._exit(0)
    os.close(writing)
    os.wait()
    return os.read(reading, 1000).decode()

def both(function):
    with sn.columns.workers(2, 4):
        return thread(lambda: fork(function)), blas()

X = np.random.RandomState(0).standard_normal((50, 10_000))
before, expected = blas(), bits()
assert thread(bits) == expected
assert fork(bits) == expected
assert thread(lambda: fork(bits)) == expected
assert fork(lambda: thread(bits)) == expected
inside = threading.Event(), threading.Event()
def hold():
    with sn.columns.workers(2, 4):
        inside[0].set()
        inside[1].wait()
holder = threading.Thread(target=hold)
holder.start()
inside[0].wait()
assert fork(blas) == f"{before}"                       # the child has no such holder
assert fork(bits) == expected
assert blas() == [1] * len(before)
inside[1].set()
holder.join()
with sn.columns.workers(2, 4):
    assert fork(blas) == f"{[1] * len(before)}"        # nor has it lost its own
assert blas() == before
print("all alike")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_training_gives_the_same_bits_in_a_thread_and_after_a_fork():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    child = subprocess.run([sys.executable, "-c", BITS], env=environment, capture_output=True, text=True, timeout=120)
    assert child.stderr == ""
    assert child.stdout == "all alike\n"


# Interrupts

def nothing():
    with workers(2, 8):
        pass


def blocks():
    with workers(2, 8) as run:
        return list(run(partial(np.multiply, 2), range(8)))


def chunks():
    return list(prefetch(partial(np.multiply, 2, k) for k in range(8)))


@pytest.mark.parametrize("function", [nothing, blocks, chunks])
def test_an_interrupt_at_any_point_leaves_no_limit_and_no_lock(function):
    held()                                                                # the libraries are found once
    point = 1
    while interrupted(function, point):
        assert blas_threads() == {2}, point
        if point % 10 == 0:
            assert list(in_thread(blocks)) == list(in_thread(chunks)) == list(range(0, 16, 2)), point
        point += 1
    assert point > 10


def test_a_training_may_follow_one_that_was_interrupted_anywhere(problem, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)                        # blocks of 64 columns
    parameters, X, Y = problem(m=300)
    training = partial(train, X, Y, parameters, 3, threads=2)
    expected, point = training()[0]["W1"], 1
    while interrupted(training, point):
        assert blas_threads() == {2}, point
        np.testing.assert_array_equal(in_thread(training)[0]["W1"], expected)
        point += 7
    assert point > 300


# Threads that are not to be had

def test_without_threads_the_work_is_done_all_the_same(problem, monkeypatch):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    parameters, X, Y = problem(m=300)
    expected, _ = train(X, Y, parameters, 3, threads=2)
    size = threading.stack_size(2**47)                                    # more than there is
    try:
        with pytest.raises(RuntimeError):
            threading.Thread(target=print).start()
        trained, _ = train(X, Y, parameters, 3, threads=2)
        assert chunks() == list(range(0, 16, 2))
    finally:
        threading.stack_size(size)
    np.testing.assert_array_equal(trained["W1"], expected["W1"])
