# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Save, stop, go on
#
# A trained network is a file. A training that was stopped goes on from its checkpoint, and ends with the same bits as one
# that was never stopped.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import shallownet as sn
from shallownet.datasets import moons
from shallownet.plotting import plot_cost
from shallownet.storage import (
    ModelFileError,
    load_checkpoint,
    load_metadata,
    load_parameters,
    save_parameters,
)

X, Y = moons(400, noise=0.2)

# %% [markdown]
# ## 1. A network in a file
#
# HDF5, no pickle: loading runs no code from the file. What you want to remember goes along.

# %%
parameters = sn.nn_model(X, Y, n_h=8, num_iterations=1000)
save_parameters("moons.h5", parameters, data="moons, noise 0.2", iterations=1000)

loaded = load_parameters("moons.h5")
print("the same bits:", all(np.array_equal(loaded[name], parameters[name]) for name in ("W1", "b1", "W2", "b2")))
print(load_metadata("moons.h5"), f"{Path('moons.h5').stat().st_size} bytes")

# %% [markdown]
# A damaged file is refused; it is never loaded with changed numbers.

# %%
damaged = bytearray(Path("moons.h5").read_bytes())
damaged[len(damaged) // 2] ^= 1
Path("damaged.h5").write_bytes(damaged)
try:
    load_parameters("damaged.h5")
except ModelFileError as error:
    print("refused:", type(error).__name__)

# %% [markdown]
# ## 2. A training that is stopped
#
# `checkpoint` saves at every report. This one is stopped after 600 of 2,000 iterations, as Ctrl-C or a power cut could do.

# %%
settings = {"optimizer": sn.adam(0.01), "batch_size": 32, "report_every": 100}


def stop_at_600(state):
    return state["iteration"] == 600


start = sn.initialize_parameters(2, 8, 1, scale="glorot", random_state=3)
stopped, history = sn.train(X, Y, start, 2000, callbacks=[sn.checkpoint("run.h5"), stop_at_600], **settings)
print(f"stopped after {history['iteration'][-1]} iterations, cost {history['cost'][-1]:.4f}")

# %% [markdown]
# ## 3. Going on
#
# The same settings, and the state from the file in place of parameters.

# %%
resumed, history = sn.train(X, Y, None, 2000, state=load_checkpoint("run.h5"), **settings)
print(f"went on to {history['iteration'][-1]} iterations, cost {history['cost'][-1]:.4f}")

figure, ax = plt.subplots(figsize=(5, 3))
plot_cost(history, ax)
ax.axvline(600, color="0.6", linestyle=":");

# %% [markdown]
# ## 4. The same, never stopped
#
# Order of the samples, moments of Adam, everything is in the checkpoint: not a bit differs.

# %%
never_stopped, _ = sn.train(X, Y, start, 2000, **settings)
print("the same bits:", all(np.array_equal(resumed[name], never_stopped[name]) for name in ("W1", "b1", "W2", "b2")))
