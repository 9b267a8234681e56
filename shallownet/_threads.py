"""Threads that an interrupt may stop at any point, and BLAS held at one thread while they work.

A Ctrl-C, or a signal's handler that raises, comes between any two steps of Python code. In ``threading``, and so in
``concurrent.futures``, it may leave a lock held: ``Condition.__enter__`` is such code. Here threads meet at single
steps: a queue's ``get`` and ``put``, and the start of a thread.
"""

import os
import sys
import threading
from _thread import get_ident, start_new_thread
from contextlib import contextmanager, suppress
from functools import cache, partial
from queue import SimpleQueue


@contextmanager
def thread_pool(number):
    """Give ``submit`` and the number of threads that work for it: ``number``, or fewer if the system has no more.

    ``submit(function)`` returns a function that waits for the result. At the end, what has begun is waited for.
    """
    tasks, ended, at_work, process, threads = SimpleQueue(), SimpleQueue(), [True], os.getpid(), 0
    try:
        with suppress(RuntimeError):                                      # "can't start new thread"
            for _ in range(number):
                start_new_thread(_work, (tasks, ended, at_work))
                threads += 1
        yield partial(_submit, tasks), threads
    finally:
        tasks.put(None)
        at_work.clear()
        if os.getpid() == process:                                        # a forked child has none of the threads
            for _ in range(threads):
                ended.get()


def _submit(tasks, function):
    outcome = SimpleQueue()
    tasks.put((function, outcome))
    return partial(_result, outcome)


def _result(outcome):
    value, error = outcome.get()
    if error is None:
        return value
    try:
        raise error
    finally:
        del error                                                         # its traceback holds this frame


def _work(tasks, ended, at_work):
    while task := tasks.get():
        if at_work:
            _run(*task)
        del task                                                          # and the arrays that it holds
    tasks.put(None)                                                       # for the next thread
    ended.put(None)


def _run(function, outcome):
    try:
        outcome.put((function(), None))
    except BaseException as error:
        outcome.put((None, error))


class BlasLimit:
    """Holds BLAS at one thread while anybody asks for it: its threads are the whole process's.

    ``enforce`` makes true what ``holders`` says. It may be cut short anywhere, and is then called again.
    """

    def __init__(self):
        self.lock = threading.RLock()  # the collector, or a signal's handler, may come here while its thread is inside
        self.holders = {}              # the threads that they are in
        self.before = {}               # threads of each library before the first holder
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self.lock.acquire, after_in_parent=self.lock.release, after_in_child=self.forked
            )

    @contextmanager
    def held(self):
        holder = object()
        try:
            try:
                with self.lock:
                    self.holders[holder] = get_ident()
                    self.enforce()
                yield
            finally:
                self.let_go(holder)
        finally:
            self.let_go(holder)                                           # if an interrupt came into the first one

    def let_go(self, holder):
        with self.lock:
            self.holders.pop(holder, None)
            self.enforce()

    def enforce(self):
        if self.holders:
            for library in _blas_libraries("scipy.linalg" in sys.modules):
                self.before.setdefault(library.filepath, library.num_threads)
                _set_threads(library, 1)
        elif self.before:
            for library in _blas_libraries("scipy.linalg" in sys.modules):
                if library.filepath in self.before:
                    _set_threads(library, self.before[library.filepath])
            self.before.clear()

    def forked(self):
        """In the child, only the thread that forked goes on."""
        self.holders = {holder: thread for holder, thread in self.holders.items() if thread == get_ident()}
        try:
            self.enforce()
        finally:
            self.lock.release()


@cache
def _blas_libraries(with_scipy):
    """The BLAS libraries, found once, and once more when SciPy has brought its own: looking takes 10 ms."""
    from threadpoolctl import ThreadpoolController  # importing the package need not load it

    return ThreadpoolController().select(user_api="blas").lib_controllers


def _set_threads(library, number):
    """Set them from any thread: since threadpoolctl 3.8 the first that sets OpenBLAS's owns them until it lets go."""
    let_go = getattr(library, "clear_controlling_thread", lambda force: None)
    let_go(force=True)
    library.set_num_threads(number)
    let_go(force=True)


one_blas_thread = BlasLimit().held
