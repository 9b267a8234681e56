"""Microseconds of CPU time for one sample: our functions, onnxruntime, and the exported Python, JavaScript and C.

    python benchmarks/exported_code.py

It needs gcc, and the extra "test" (onnx, onnxruntime, mini-racer). Each way is timed in turn, five times; the table has
the medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from py_mini_racer import MiniRacer

from shallownet import forward_propagation, initialize_parameters, predict_probability
from shallownet.export import export, to_javascript, to_onnx, to_python

SIZES = [(2, 4, 1), (30, 20, 1), (784, 50, 10)]
REPETITIONS = 5
MAIN = r"""
#include <stdio.h>
#include <time.h>
#include "model.h"

int main(void)
{
    static double x[MODEL_N_X], a[MODEL_N_Y];
    double sum = 0;
    const long calls = 20000000L / (MODEL_N_X * MODEL_N_H + 100);
    const clock_t start = clock();
    for (long call = 0; call < calls; call++) {
        x[call % MODEL_N_X] = (double)(call % 7) / 7;
        model_predict(x, a);
        sum += a[0];
    }
    fprintf(stderr, "%g\n", sum);
    printf("%g\n", 1e6 * (double)(clock() - start) / CLOCKS_PER_SEC / (double)calls);
    return 0;
}
"""


def microseconds(function, seconds=0.1):
    """The CPU time of a call: other work on the machine disturbs it less than the clock's."""
    calls, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for _ in range(10):
            function()
        calls += 10
    return 1e6 * (time.process_time() - start) / calls


def compile_c(parameters, folder):
    export(folder / "model.h", parameters)
    (folder / "main.c").write_text(MAIN)
    subprocess.run(["gcc", "-std=c99", "-O2", "main.c", "-o", "main", "-lm"], cwd=folder, check=True)
    return lambda: float(subprocess.run([folder / "main"], capture_output=True, check=True).stdout)


def time_javascript(parameters):
    engine, n_x = MiniRacer(), parameters["W1"].shape[1]
    engine.eval(to_javascript(parameters) + f"const x = Array({n_x}).fill(0.5);")
    calls = 1_000_000 // (parameters["W1"].size + 200)
    engine.eval(f"function many() {{ for (let i = 0; i < {calls}; i++) model.predictProbability(x); }} many();")
    return lambda: microseconds(lambda: engine.eval("many()")) / calls


def ways(parameters, folder):
    """By name, a function that returns the microseconds of a call."""
    x = np.full((parameters["W1"].shape[1], 1), 0.5)
    module, row, rows = {}, x[:, 0].tolist(), np.ascontiguousarray(x.T)
    exec(to_python(parameters), module)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(parameters).SerializeToString(), options)
    return {
        "`predict_probability`": lambda: microseconds(lambda: predict_probability(parameters, x)),
        "`forward_propagation`": lambda: microseconds(lambda: forward_propagation(x, parameters)),
        "onnxruntime": lambda: microseconds(lambda: session.run(None, {"X": rows})),
        "Python": lambda: microseconds(lambda: module["predict_probability"](row)),
        "JavaScript": time_javascript(parameters),
        "C": compile_c(parameters, folder),
    }


def main():
    table = {}
    for n_x, n_h, n_y in SIZES:
        cost = "cross_entropy" if n_y == 1 else "softmax_cross_entropy"
        parameters = initialize_parameters(n_x, n_h, n_y, cost=cost, scale="glorot", random_state=3)
        with tempfile.TemporaryDirectory() as folder:
            timed = ways(parameters, Path(folder))
            times = [{name: take() for name, take in timed.items()} for _ in range(REPETITIONS)]
        for name in timed:
            table.setdefault(name, []).append(statistics.median(each[name] for each in times))
    print(f"| one sample, µs | {' | '.join('-'.join(map(str, size)) for size in SIZES)} |")
    print("|---" * (1 + len(SIZES)) + "|")
    for name, row in table.items():
        print(f"| {name} | {' | '.join(f'{value:.3g}' for value in row)} |")


if __name__ == "__main__":
    sys.exit(main())
