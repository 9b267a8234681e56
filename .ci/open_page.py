"""Open the page of a training in a browser and compare what it says with NumPy: open_page.py chromium"""

import re
import subprocess
import sys
import tempfile
from html import unescape
from pathlib import Path

import numpy as np

import shallownet as sn
from shallownet.datasets import planar_flower
from shallownet.page import export_page
from shallownet.plotting import spread_snapshots

NAMES = ["</script><script>document.title = 'broken'</script>", "小麦"]


def opened(browser, url, folder):
    """Return the page as it is after its program has run."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
    done = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def text(dom, name):
    return unescape(re.search(rf'id="{name}"[^>]*>(.*?)</', dom)[1])


def main(browser):
    X, Y = planar_flower()
    frames = sn.snapshots(max_snapshots=1000)
    sn.nn_model(X, Y, 4, 3000, report_every=10, callbacks=[frames])
    shown = spread_snapshots(frames, X)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "training.html"
        export_page(frames, X, Y, path, classes=NAMES, title="A training")
        for k in (0, len(shown) // 2, len(shown) - 1):
            iteration, parameters = shown[k]
            A2, cache = sn.forward_propagation(X, parameters)
            cost, p = sn.compute_cost(A2, Y, cache=cache), A2[0, 0]       # the point begins at the first sample
            dom = opened(browser, f"{path.as_uri()}#{k}", folder)
            expected = f"iteration {iteration:,}, cost {cost:.6f}, accuracy {100 * sn.accuracy(parameters, X, Y):.2f} %"
            assert text(dom, "state") == expected, (text(dom, "state"), expected)
            answer = f"is {NAMES[int(p > 0.5)]} with probability {np.maximum(p, 1 - p):.3f}"
            assert text(dom, "answer").endswith(answer), (text(dom, "answer"), answer)
            assert text(dom, "title") == "A training"
            assert dom.count("</button>") == 5, "Play, and one for each hidden unit"
            print(text(dom, "state"))


if __name__ == "__main__":
    main(sys.argv[1])
