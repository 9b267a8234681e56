"""A training that is killed and resumed, as a real process, ends bit-identical to one that is not."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from asserts import assert_identical

from shallownet.storage import load_checkpoint

ITERATIONS = 400
SCRIPT = """
import sys
from importlib import import_module
from pathlib import Path
import shallownet as sn
from shallownet.column_files import open_columns
from shallownet.datasets import planar_flower
from shallownet.storage import load_checkpoint

folder, optimizer, batch_size, streamed, engine = sys.argv[1:]
train = import_module("shallownet.compiled").train if engine == "compiled" else sn.train
X, Y = planar_flower(120)
if streamed == "True":
    sn.columns.READ_BYTES = 24 * 3 * 8                      # five chunks of 24 columns
    X = open_columns(Path(folder).parent / "X.h5")
parameters = sn.initialize_parameters(2, 5, 1, random_state=3)
optimizer = {"adam": sn.adam(0.01), "descent": sn.gradient_descent(sn.step_decay(1.2, 0.5, 100))}[optimizer]
path = Path(folder, "run.h5")
state = load_checkpoint(path) if path.exists() else None

def report(state):
    print(state["iteration"], flush=True)                    # the checkpoint is there
    sys.stdin.readline()                                     # goes on when told to, or when there is nobody to tell

print("started", flush=True)
train(
    X, Y, parameters, ITERATIONS, optimizer=optimizer, batch_size=int(batch_size) or None, report_every=7, state=state,
    callbacks=[sn.early_stopping(*planar_flower(40, 5), patience=1000), sn.checkpoint(path), report],
)
""".replace("ITERATIONS", str(ITERATIONS))


@pytest.fixture
def start(tmp_path):
    """Start the training in a folder, as a process of its own."""
    from shallownet.column_files import write_columns
    from shallownet.datasets import planar_flower

    write_columns(tmp_path / "X.h5", [planar_flower(120)[0]])

    processes = []

    def function(name, setting):
        if "compiled" in setting:
            from shallownet import compiled

            compiled.kernel("descend", np.dtype(float))                   # on the disk, for the processes to find
        (tmp_path / name).mkdir(exist_ok=True)
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / name), *map(str, setting)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout.readline() == b"started\n"
        return process, tmp_path / name / "run.h5"

    yield function
    for process in processes:
        process.kill()
        process.communicate()


def let_it_end(process):
    process.communicate(timeout=60)
    assert process.returncode == 0


def let_it_report(process, times):
    process.stdin.write(b"\n" * times)
    process.stdin.flush()


@pytest.mark.parametrize("setting", [
    ("descent", 0, False, "numpy"), ("adam", 0, False, "numpy"), ("descent", 32, False, "numpy"),
    ("adam", 32, False, "numpy"), ("adam", 8, True, "numpy"), ("descent", 0, False, "compiled"),
    ("adam", 32, False, "compiled"),
], ids=["full batch, descent", "full batch, adam", "batches, descent", "batches, adam", "streamed batches, adam",
        "full batch, descent, compiled", "batches, adam, compiled"])
def test_killed_and_resumed_is_bit_identical_to_not_killed(start, setting):
    process, path = start("whole", setting)
    let_it_end(process)
    moments = random.Random(0)
    for _ in range(4):                                                    # of 58 reports, 48: it cannot end
        process, killed = start("killed", setting)
        let_it_report(process, 12)
        for _ in range(moments.randrange(3, 12)):
            process.stdout.readline()
        time.sleep(moments.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 0 < load_checkpoint(killed)["iteration"] < ITERATIONS
    process, killed = start("killed", setting)
    let_it_end(process)
    resumed = load_checkpoint(killed)
    assert resumed["iteration"] == ITERATIONS
    assert_identical(resumed, load_checkpoint(path))


def test_ctrl_c_leaves_a_whole_checkpoint(start):
    process, path = start("interrupted", ("adam", 32, False, "numpy"))
    let_it_report(process, 12)
    while not path.exists() or load_checkpoint(path)["iteration"] == 0:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    state = load_checkpoint(path)
    assert 0 < state["iteration"] < ITERATIONS
    assert state["history"]["iteration"][-1] == state["iteration"]
    assert [file for file in Path(path.parent).iterdir() if file != path] == []
