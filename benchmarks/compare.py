"""Both our engines beside the tutorial's own code, scikit-learn, PyTorch and JAX, as ratios in one run.

    python benchmarks/compare.py                       # all workloads, a quarter of an hour
    python benchmarks/compare.py --only planar table   # some of them
    python benchmarks/compare.py --save                # writes the README's table and docs/benchmarks.png too

In every round each of them runs once, in turn, so that whatever else the machine does meets all alike. A peer counts
with the better of one and all threads. The floor is what the unavoidable array operations take by themselves. The
compiled engine's kernels have been compiled by a former run, as a program's have; only "process" tells of a cold start.
"""

import argparse
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import peers
import textbook
from threadpoolctl import threadpool_limits

import shallownet
from shallownet import compiled, gradient_descent, initialize_parameters, nn_model, predict, standardize, train
from shallownet.columns import block_size, column_slices, in_one_piece, workers
from shallownet.datasets import blobs, planar_flower
from shallownet.lbfgs import train_lbfgs
from shallownet.objective import block_count, column_bytes, cost_and_gradient_by_blocks

ROOT = Path(__file__).parents[1]
THREADS = len(os.sched_getaffinity(0))
OURS = ("ours", "ours, compiled")


class Measured(NamedTuple):
    """Seconds of each runner in each round, and what the floor took."""

    name: str
    seconds: dict
    floor: list


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(name, runners, floor, rounds):
    """Run each runner once a round, after a first run that is not counted but drops a peer's slower setting."""
    first = {label: seconds(function) for label, function in runners.items()}
    for peer in {label.rpartition(" ")[0] for label in runners if label[-1].isdigit() and not label.startswith("ours")}:
        settings = sorted((label for label in runners if label.rpartition(" ")[0] == peer), key=first.get)
        for slower in settings[1:]:
            del runners[slower]
    measured = Measured(name, {label: [] for label in runners}, [])
    for _ in range(rounds):
        for label, function in runners.items():
            measured.seconds[label].append(seconds(function))
        measured.floor.append(floor())
    return measured


def with_threads(installed, make):
    """Each peer's function at one and at all threads, as a runner apiece."""
    runners = {}
    for peer in installed:
        function = make(peer)
        for threads in (1, THREADS) if peer.name != "JAX" else (THREADS,):
            def run(peer=peer, function=function, threads=threads):
                with peer.threads(threads):
                    return function()
            runners[f"{peer.name} {threads}"] = run
    return runners


def check(values, tolerance):
    """Refuse a comparison in which not all compute the same."""
    reference = next(iter(values.values()))
    for label, value in values.items():
        difference = np.abs(value - reference).max() / np.abs(reference).max()
        assert difference < tolerance, f"{label} differs by {difference:.1e}"


def planar(installed, rounds):
    """2-4-1 on 400 samples, 10,000 full-batch iterations, float64."""
    X, Y = planar_flower()
    rows, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    start = initialize_parameters(2, 4, 1, random_state=3)

    def ours():
        return nn_model(X, Y, 4, 10000)

    runners = {
        "ours": ours, "ours, compiled": lambda: compiled.nn_model(X, Y, 4, 10000),
        "the tutorial": lambda: textbook.nn_model(X, Y, 4)[1],
    } | with_threads(
        installed, lambda peer: lambda: peer.training(start, rows, labels, 1.2, len(rows), 10000)
    )
    costs = {label: cost_of(runners[label](), X, Y) for label in OURS}
    check(costs | {label: np.array(run()) for label, run in runners.items() if label not in OURS}, 0.02)
    return compare("planar", runners, lambda: planar_floor(start, X, Y), rounds)


def cost_of(parameters, X, Y):
    return np.array(shallownet.compute_cost(shallownet.predict_probability(parameters, X), Y))


def planar_to_a_cost(installed, rounds, cost=0.22):
    """2-4-1 on 400 samples, float64, until the cost is 0.22: each with its best optimizer and start."""
    X, Y = planar_flower()
    rows, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)
    start = initialize_parameters(2, 4, 1, scale="glorot", random_state=3)
    small = initialize_parameters(2, 4, 1, random_state=3)                # from here descent and Adam get there

    def reached(state):
        return state["cost"] <= cost

    def lbfgs(train_lbfgs):
        return lambda: train_lbfgs(X, Y, start, 10000, tolerance=0, callbacks=[reached])[0]

    runners = {"ours": lbfgs(train_lbfgs), "ours, compiled": lbfgs(compiled.train_lbfgs)}
    for label in OURS:
        assert cost_of(runners[label](), X, Y) <= cost
    text = {"the tutorial": lambda: textbook.train_to_a_cost(X, Y, small, cost)}
    others = text | with_threads(installed, lambda peer: peer.training_to_a_cost(
        small if peer.name == "JAX" else start, rows, labels, cost
    ))
    for label in [label for label, run in others.items() if run() > cost]:
        print(f"{label} ends in a minimum above the cost")
        del others[label]
    return compare("planar, to the cost 0.22", runners | others, lambda: 0.0, rounds)


def small_table(installed, rounds):
    """4-5-3 on 150 samples, float64: 100 iterations of L-BFGS, as scikit-learn and R's nnet fit such a table."""
    X, Y = blobs(150, classes=3, noise=0.5)
    X = np.vstack([X, X[:1] * X[1:], X[:1] - X[1:]])
    mean, std = standardize(X)
    X = (X - mean) / std
    rows, labels = np.ascontiguousarray(X.T), Y.argmax(axis=0)
    start = initialize_parameters(4, 5, 3, cost="softmax_cross_entropy", scale="glorot", random_state=3)

    def fit(train_lbfgs):
        return lambda: train_lbfgs(X, Y, start, 100, l2=0.1)[0]

    runners = {"ours": fit(train_lbfgs), "ours, compiled": fit(compiled.train_lbfgs)} | with_threads(
        [peer for peer in installed if hasattr(peer, "fit")], lambda peer: lambda: peer.fit(rows, labels, 5, 100, 0.1)
    )
    if shutil.which("Rscript"):
        took = peers.seconds_of_nnet(rows, labels, 5, 100, 0.1)
        print(f"R nnet: {1000 * took:.1f} ms, in its own process, the median of its own rounds")
    else:
        print("R nnet: Rscript is not installed")
    return compare("a small table, fit", runners, lambda: 0.0, rounds)


def planar_floor(parameters, X, Y):
    """Seconds of 10,000 times the NumPy calls of one iteration, with nothing around them."""
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    start = time.perf_counter()
    for _ in range(10000):
        Z1 = W1.dot(X)
        Z1 += b1
        A1 = np.tanh(Z1)
        Z2 = W2.dot(A1)
        Z2 += b2
        A2 = 0.5 * Z2
        np.tanh(A2, out=A2)
        A2 *= 0.5
        A2 += 0.5
        dZ2 = A2 - Y
        dZ2 *= 1 / 400
        ones = np.empty((400, 1))
        ones.fill(1)
        dW2 = dZ2.dot(A1.T)
        db2 = dZ2.dot(ones)
        dZ1 = W2.T.dot(dZ2)
        dZ1 *= 1 - A1 * A1
        dW1 = dZ1.dot(X.T)
        db1 = dZ1.dot(ones)
        W1, b1, W2, b2 = W1 - 1.2 * dW1, b1 - 1.2 * db1, W2 - 1.2 * dW2, b2 - 1.2 * db2
    return time.perf_counter() - start


def process(installed, rounds):
    """The planar training as a whole process, from its start to its exit; compilation included."""
    scripts = {
        "ours": "from shallownet import nn_model; nn_model(X, Y, 4, 10000)",
        "ours, compiled": "from shallownet.compiled import nn_model; nn_model(X, Y, 4, 10000)",
        "the tutorial": "import textbook; textbook.nn_model(X, Y, 4)",
    } | {
        peer.name: f"import peers, shallownet; peer = peers.{type(peer).__name__}()\n"
        "p = shallownet.initialize_parameters(2, 4, 1, random_state=3)\n"
        "with peer.threads(1): peer.training(p, X.T.copy(), Y.T.copy(), 1.2, 400, 10000)"
        for peer in installed
    }
    setup = "from shallownet.datasets import planar_flower; X, Y = planar_flower()\n"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}

    def runner(script):
        return lambda: subprocess.run([sys.executable, "-c", setup + script], env=environment, check=True)

    runners = {label: runner(script) for label, script in scripts.items()}
    with tempfile.TemporaryDirectory() as folder:
        environment["NUMBA_CACHE_DIR"] = folder
        print(f"ours, compiled, cold: {seconds(runners['ours, compiled']):.1f} s the first time")
        del environment["NUMBA_CACHE_DIR"]
    return compare("planar, whole process", runners, lambda: seconds(runner("")), rounds)


def table(installed, rounds, dtype=np.float64):
    """30-20-1 on 500,000 samples: the full-batch gradient."""
    X, Y, parameters = random_table(500_000, 20, dtype)
    rows, labels = np.ascontiguousarray(X.T), np.ascontiguousarray(Y.T)

    def ours(threads):
        def run():
            with workers(threads, block_count(parameters, X.shape[1])) as pool:
                return cost_and_gradient_by_blocks(parameters, X, Y, with_cost=False, run=pool)[1]["dW1"]
        return run

    def text():
        _, cache = textbook.forward_propagation(X, parameters)
        return textbook.backward_propagation(parameters, cache, X, Y)["dW1"]

    def compiled_gradient(threads):
        network, arrays = compiled.Network(parameters, dtype), (X, Y, None)

        def run():
            with workers(threads, -(-X.shape[1] // network.block_columns)) as pool:
                return compiled.gradient_by_blocks(network, arrays, 0.0, pool, parameters, False)[1]["dW1"]
        return run

    runners = {
        "ours": ours(None), "ours 1": ours(1), "ours, compiled": compiled_gradient(None),
        "ours, compiled 1": compiled_gradient(1), "the tutorial": text,
    } | with_threads(
        installed, lambda peer: peer.gradient(parameters, rows, labels)
    )
    check({label: run() for label, run in runners.items()}, 1e-9 if dtype == np.float64 else 1e-2)
    return compare(f"table, {np.dtype(dtype)}", runners, lambda: block_floor(parameters, X, backward=True), rounds)


def predictions(installed, rounds):
    """30-20-1 on a million samples: the labels."""
    X, _, parameters = random_table(1_000_000, 20, np.float64)
    rows, labels = np.ascontiguousarray(X.T), np.arange(X.shape[1]) % 2
    runners = {
        "ours": lambda: predict(parameters, X),
        "ours, compiled": lambda: compiled.predict(parameters, X),
        "the tutorial": lambda: textbook.forward_propagation(X, parameters)[0] > 0.5,
    }
    functions = with_threads(installed, lambda peer: peer.prediction(parameters, rows, labels))
    runners |= {label: lambda run=run: run() > 0.5 for label, run in functions.items()}
    check({label: run().astype(float) for label, run in runners.items()}, 1e-9)
    return compare("predict", runners, lambda: block_floor(parameters, X, backward=False), rounds)


def random_table(m, n_h, dtype):
    random = np.random.RandomState(0)
    X = random.standard_normal((30, m)).astype(dtype)
    Y = (X[:1] * X[1:2] > 0).astype(dtype)
    return X, Y, initialize_parameters(30, n_h, 1, scale="glorot", random_state=3, dtype=dtype)


def block_floor(parameters, X, backward):
    """Seconds of reading X, of the matrix products with it and of the tanh, block by block on one thread."""
    W1 = parameters["W1"]
    with threadpool_limits(1):
        start = time.perf_counter()
        for columns in column_slices(X.shape[1], block_size(column_bytes(parameters))):
            block = in_one_piece(X[:, columns])
            Z1 = W1.dot(block)
            np.tanh(Z1, out=Z1)
            if backward:
                Z1.dot(block.T)
        return time.perf_counter() - start


def digits(installed, rounds, n_h=50, batch_size=100):
    """784-50-10 on 60,000 columns, sigmoid and softmax, float32: one epoch."""
    random = np.random.RandomState(0)
    rows = random.rand(60_000, 784).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[(rows[:, :10] + 0.1 * rows[:, 10:20]).argmax(axis=1)]
    parameters = initialize_parameters(
        784, n_h, 10, hidden="sigmoid", cost="softmax_cross_entropy", random_state=3, dtype=np.float32
    )
    steps = -(-len(rows) // batch_size)

    def ours(train):
        return lambda: train(
            rows.T, labels.T, parameters, steps, optimizer=gradient_descent(0.1), batch_size=batch_size
        )

    runners = {"ours": ours(train), "ours, compiled": ours(compiled.train)} | with_threads(
        installed, lambda peer: lambda: peer.training(parameters, rows, labels, 0.1, batch_size)
    )
    costs = {label: np.array(runners[label]()[1]["cost"][-1]) for label in OURS}
    check(costs | {label: np.array(run()) for label, run in runners.items() if label not in OURS}, 0.05)

    def floor():
        W1, dZ1 = parameters["W1"], np.ones((n_h, batch_size), np.float32)
        with threadpool_limits(1):
            start = time.perf_counter()
            for i in range(0, len(rows), batch_size):
                X = rows[i:i + batch_size].T
                W1.dot(X)
                dZ1[:, :X.shape[1]].dot(X.T)
            return time.perf_counter() - start

    return compare("digits" if n_h == 50 else "wide digits", runners, floor, rounds)


def growth(*_):
    """Time per sample of the full-batch gradient, which must not grow."""
    sizes = [10**k for k in range(3, 8)]
    for engine in OURS:
        print(f"\nTime per sample of the full-batch gradient, 30-n_h-1, float32, in ns: {engine}")
        print(f"{'n_h':>5}" + "".join(f"{f'm = {m:,}':>16}" for m in sizes))
        for n_h in (4, 20, 100, 512):
            took = [time_per_sample(engine, n_h, m) for m in sizes]
            print(f"{n_h:5d}" + "".join(f"{t:16.1f}" for t in took))


def time_per_sample(engine, n_h, m):
    """The median time of a gradient over ``m``, in ns."""
    X, Y, parameters = random_table(m, n_h, np.float32)
    network = compiled.Network(parameters, np.float32)
    blocks = block_count(parameters, m) if engine == "ours" else -(-m // network.block_columns)
    with workers(None, blocks) as pool:
        def gradient():
            if engine == "ours":
                return cost_and_gradient_by_blocks(parameters, X, Y, with_cost=False, run=pool)
            return compiled.gradient_by_blocks(network, (X, Y, None), 0.0, pool, parameters, False)

        gradient()
        return statistics.median(seconds(gradient) for _ in range(max(3, min(200, 10**6 // m)))) / m * 1e9


def memory(*_):
    """Peak memory of a full-batch gradient beyond the data, in a process of its own."""
    script = """
import sys, compare
train = {"ours": compare.train, "ours, compiled": compare.compiled.train}[sys.argv[1]]
X, Y, parameters = compare.random_table(10**7, 20, compare.np.float32)
def status(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) / 1024
train(X[:, :10], Y[:, :10], parameters, 2); open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
train(X, Y, parameters, 2)
peak, data = status("VmHWM") - before, (X.nbytes + Y.nbytes) / 2**20
print(f"memory, {sys.argv[1]}: {peak:.0f} MB at the peak beyond the data of {data:.0f} MB")
"""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"}
    for engine in OURS:
        subprocess.run([sys.executable, "-c", script, engine], env=environment, check=True)


WORKLOADS = {
    "planar": planar,
    "process": process,
    "cost": planar_to_a_cost,
    "small": small_table,
    "table": table,
    "table32": lambda installed, rounds: table(installed, rounds, np.float32),
    "digits": digits,
    "wide": lambda installed, rounds: digits(installed, max(3, rounds // 3), 512, 256),
    "predict": predictions,
    "growth": growth,
    "memory": memory,
}


def faster(measured):
    """The label of our engine that is the faster one."""
    return min(OURS, key=lambda label: statistics.median(measured.seconds[label]))


def ratio(measured, label):
    """Median, lowest and highest of the rounds' ratios to our faster engine; of thread counts the better one."""
    ours = measured.seconds[faster(measured)]
    candidates = [
        [t / o for t, o in zip(took, ours, strict=True)]
        for name, took in measured.seconds.items() if name == label or name.rpartition(" ")[0] == label
    ]
    best = min(candidates, key=statistics.median, default=None)
    return best and (statistics.median(best), min(best), max(best))


def rows_of(results, labels):
    """The Markdown table's rows."""
    for measured in results:
        cells = [measured.name]
        for took in (*(measured.seconds[label] for label in OURS), measured.floor):
            milliseconds = 1000 * statistics.median(took or [0])
            cells.append(f"{milliseconds:,.{0 if milliseconds >= 100 else 1}f} ms" if milliseconds else "")
        for label in labels:
            found = ratio(measured, label)
            cells.append("" if found is None else "{:.1f} ({:.1f} to {:.1f})".format(*found))
        yield "| " + " | ".join(cells) + " |"


def report(results, installed, missing):
    labels = ["the tutorial", *(peer.name for peer in installed)]
    versions = ", ".join(f"{peer.name} {peers.version(peer.package)}" for peer in installed)
    lines = [
        "| workload | plain | compiled | floor | " + " | ".join(labels) + " |",
        "|---" * (4 + len(labels)) + "|",
        *rows_of(results, labels),
        "",
        "Ratios are times over those of our faster engine: the median of the rounds (the lowest to the highest). Above",
        "1, ours is faster. The compiled engine has been compiled by a former process.",
        f"Measured on {platform.system()} {platform.machine()} with {THREADS} cores, Python",
        f"{platform.python_version()}, NumPy {np.__version__}, {versions}."
        + (f" Not installed: {', '.join(missing)}." if missing else ""),
    ]
    return "\n".join(lines) + "\n"


def bar_chart(results, installed, path):
    from matplotlib.figure import Figure

    labels = ["the tutorial", *(peer.name for peer in installed)]
    colors = ["#999999", "#E69F00", "#56B4E9", "#009E73"]
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    ax = figure.subplots()
    for k, label in enumerate(labels):
        found = [(i, ratio(measured, label)) for i, measured in enumerate(results)]
        places, ratios = zip(*((i, r[0]) for i, r in found if r), strict=True)
        heights = [r - 1 for r in ratios]                                 # from 1 on, up or down
        bars = ax.bar([i + 0.2 * (k - 1.5) for i in places], heights, 0.19, bottom=1, label=label, color=colors[k])
        ax.bar_label(bars, [f"{r:.1f}" for r in ratios], fontsize=8, padding=1)
    ax.axhline(1, color="black", linewidth=1.5)
    ax.set_xticks(range(len(results)), [measured.name.replace(", ", "\n") for measured in results], fontsize=9)
    ax.set(ylabel="times slower than shallownet", yscale="log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.legend(ncols=len(labels), loc="upper right", frameon=False)
    ax.margins(y=0.15)
    figure.savefig(path, dpi=120)


def save(text):
    """Put the table between the README's markers."""
    readme = ROOT / "README.md"
    marked = re.compile(r"(<!-- benchmarks/compare.py --save -->\n).*?(<!-- end -->)", re.S)
    content, count = marked.subn(lambda m: m[1] + "\n" + text + "\n" + m[2], readme.read_text(encoding="utf-8"))
    assert count == 1, "README.md has no place for the table"
    readme.write_text(content, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="WORKLOAD",
                        help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--save", action="store_true", help="write the README's table and docs/benchmarks.png")
    options = parser.parse_args()
    installed, missing = peers.available()
    results = []
    for name in options.only:
        measured = WORKLOADS[name](installed, options.rounds)
        if measured:
            results.append(measured)
            print(f"\n{measured.name}, ms: " + ", ".join(
                f"{label} {1000 * statistics.median(took):.1f}" for label, took in measured.seconds.items()
            ) + f", floor {1000 * statistics.median(measured.floor):.1f}")
    if results:
        text = report(results, installed, missing)
        print("\n" + text)
        if options.save:
            save(text)
            bar_chart(results, installed, ROOT / "docs" / "benchmarks.png")


if __name__ == "__main__":
    main()
