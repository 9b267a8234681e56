"""Open the page of a training in a browser and compare what it says with NumPy: open_page.py chromium"""

import json
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


# What a reader does: rest on the second unit, leave it, move the point, move the slider to the start, play.
ACTIONS = """
const said = [], say = id => said.push(document.getElementById(id).textContent);
const [plane, slider, units] = ["plane", "slider", "units"].map(id => document.getElementById(id));
const unit = units.children[1];
unit.dispatchEvent(new Event("pointerenter")); say("shown");
unit.dispatchEvent(new Event("pointerleave")); say("shown");
plane.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"})); say("answer");
const {left, bottom} = plane.getBoundingClientRect();
plane.dispatchEvent(new PointerEvent("pointermove", {buttons: 1, clientX: left, clientY: bottom})); say("answer");
slider.value = 0; slider.dispatchEvent(new Event("input")); say("state");
document.getElementById("play").click(); say("play");
document.body.append(Object.assign(document.createElement("pre"), {id: "said", textContent: JSON.stringify(said)}));
"""


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
        acted = Path(folder) / "acted.html"
        page = path.read_text(encoding="utf-8")
        acted.write_text(page.replace("</body>", f"<script>{{{ACTIONS}}}</script></body>"), encoding="utf-8")
        resting, left, right, corner, start, play = json.loads(text(opened(browser, acted.as_uri(), folder), "said"))
        assert (resting, left, play) == ("What unit 2 sees", "What the network says", "Pause")
        low, high = X.min(axis=1), X.max(axis=1)
        margin = (high - low) / 10
        moved = X[:, :1] + [[1.2 * (high - low)[0] / 50], [0]]
        for said, place in ((right, moved), (corner, (low - margin)[:, None])):
            p = sn.predict_probability(shown[-1][1], place).item()
            assert said.endswith(f"is {NAMES[int(p > 0.5)]} with probability {max(p, 1 - p):.3f}"), (said, place, p)
        assert start.startswith("iteration 0, cost 0.693162")
        print("units, point, slider and Play answer")


if __name__ == "__main__":
    main(sys.argv[1])
