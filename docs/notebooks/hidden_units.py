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
# # What hidden units do
#
# Each hidden unit draws a line through the plane and says on which side a point lies. The output layer adds up what they
# say. This notebook looks at one sample, at one unit, at all of them, and at a whole training.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import shallownet as sn
from shallownet.datasets import moons
from shallownet.page import export_page
from shallownet.plotting import plot_decision_boundary, plot_hidden_units, plot_network, plot_step
from shallownet.step import one_step, step_text

# %% [markdown]
# ## One step with all its numbers
#
# Two samples, two hidden units. Follow one sample, a column, from `X` down to the cost `J`, and the error back up. Each
# gradient has the shape of what it is the gradient of.

# %%
two_units = {
    "W1": np.array([[0.5, -1.0], [1.5, 0.5]]), "b1": np.array([[0.1], [-0.2]]),
    "W2": np.array([[1.0, -2.0]]), "b2": np.array([[0.3]]),
}
X_two, Y_two = np.array([[1.0, -1.0], [2.0, 0.5]]), np.array([[1, 0]])
quantities = one_step(two_units, X_two, Y_two)
print(step_text(quantities))

# %%
figure, ax = plt.subplots(figsize=(6, 6.4))
plot_step(quantities, ax);

# %% [markdown]
# ## A trained network
#
# Six units learn the two moons.

# %%
X, Y = moons(200)
frames = sn.snapshots(max_snapshots=1000)
parameters = sn.nn_model(X, Y, n_h=6, num_iterations=3000, report_every=10, callbacks=[frames])
print(f"accuracy: {100 * sn.accuracy(parameters, X, Y):.1f} %")

figure, ax = plt.subplots(figsize=(6, 4))
plot_decision_boundary(parameters, X, Y, ax);

# %% [markdown]
# ## What each unit sees
#
# A unit votes for a class on each side of its line, as strongly as its weight in `W2` is large. All votes and the bias add
# up to the decision.

# %%
figure, ax = plt.subplots(figsize=(10, 6))
plot_hidden_units(parameters, X, Y, ax);

# %% [markdown]
# ## A sample flows through the network
#
# The wider a line, the more flows along it, red where it is positive and blue where it is negative.

# %%
figure, ax = plt.subplots(figsize=(7, 4))
plot_network(parameters, classes=["upper moon", "lower moon"], x=X[:, [0]], ax=ax);

# %% [markdown]
# ## Without one unit
#
# Set a unit's weight in `W2` to zero, and it no longer has a say. Which one is missed most?

# %%
for i in range(6):
    W2 = parameters["W2"].copy()
    W2[:, i] = 0
    print(f"without unit {i + 1}: {100 * sn.accuracy(parameters | {'W2': W2}, X, Y):.1f} %")

# %% [markdown]
# ## The training, played
#
# The page needs nothing but a browser: move the slider, rest on a unit, move the point.

# %%
export_page(frames, X, Y, "training.html", classes=["upper moon", "lower moon"])
