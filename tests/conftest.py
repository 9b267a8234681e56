"""What several test files share: the published numbers, the planar data, and small random networks with data."""

import json
import signal
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from shallownet.datasets import planar_flower
from shallownet.network import initialize_parameters

hypothesis.settings.register_profile("reproducible", deadline=None, derandomize=True)
hypothesis.settings.load_profile("reproducible")

# A shell that runs the tests in the background has Ctrl-C ignored, by them and by their children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def published():
    return json.loads((Path(__file__).parent / "published_numbers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def planar():
    """The planar data, read-only."""
    X, Y = planar_flower()
    X.flags.writeable = Y.flags.writeable = False
    return X, Y


@pytest.fixture(scope="session")
def problem():
    return make_problem


def make_problem(n_x=3, n_h=4, n_y=1, m=7, *, hidden="tanh", cost="cross_entropy", seed=0, dtype=float):
    """Return ``(parameters, X, Y)``: a network with weights and biases of size one, data, and labels that fit it."""
    generator = np.random.RandomState(seed)
    parameters = initialize_parameters(
        n_x, n_h, n_y, hidden=hidden, cost=cost, scale=1, random_state=generator, dtype=dtype
    )
    for name in ("b1", "b2"):
        parameters[name] = generator.standard_normal(parameters[name].shape).astype(dtype)
    X = generator.standard_normal((n_x, m))
    if cost == "squared_error":
        Y = generator.standard_normal((n_y, m))
    elif cost == "softmax_cross_entropy":
        Y = np.eye(n_y)[:, generator.randint(n_y, size=m)]
    else:
        Y = generator.randint(2, size=(n_y, m))
    return parameters, X.astype(dtype), Y.astype(dtype)


@pytest.fixture(params=["numpy", "compiled"])
def engine(request, monkeypatch):
    """Run a test over both engines: what the test file imports is the plain engine's, then the compiled one's."""
    if request.param == "compiled":
        from shallownet import compiled

        request.node.add_marker(pytest.mark.filterwarnings("ignore:.*is not compiled"))   # a row that is in no kernel

        names = ("nn_model", "train", "train_lbfgs", "predict", "predict_probability")
        twins = {name: getattr(compiled, name) for name in names}
        for name, twin in (twins | {"objective": compiled.compiled_objective}).items():
            if hasattr(request.module, name):
                monkeypatch.setattr(request.module, name, twin)
    return request.param
