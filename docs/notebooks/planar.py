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
# # Planar data and one hidden layer
#
# The exercise of week 3 of the course, from the data to the sweep over hidden sizes and the other datasets, with the
# functions of shallownet. The numbers are the published ones. Columns are samples throughout.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import shallownet as sn
from shallownet.activations import sigmoid
from shallownet.datasets import blobs, circles, gaussian_quantiles, moons, planar_flower
from shallownet.plotting import plot_cost, plot_data, plot_decision_boundary, plot_network

# %% [markdown]
# ## 1. The data
#
# A flower of 400 points: `X` holds their two coordinates, `Y` their colour, 0 for blue and 1 for red.

# %%
X, Y = planar_flower()
print(f"X has shape {X.shape}, Y has shape {Y.shape}: m = {X.shape[1]} samples.")

figure, ax = plt.subplots(figsize=(4, 4))
plot_data(X, Y, ax)
ax.legend(loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# ## 2. Without a hidden layer
#
# Logistic regression is a network without the hidden layer, `A = sigmoid(W X + b)`. Its boundary is a line, and no line
# separates the petals: it is right for less than half of the points. The background is the probability of class 1, from
# blue (0) over white to red (1), in steps of 0.1; the black line is where it is 0.5.

# %%
W, b = np.zeros((1, 2)), np.zeros((1, 1))
for i in range(1000):
    dZ = (sigmoid(W @ X + b) - Y) / X.shape[1]
    W, b = W - dZ @ X.T, b - dZ.sum(axis=1, keepdims=True)

print(f"accuracy of logistic regression: {100 * np.mean((sigmoid(W @ X + b) > 0.5) == Y):.1f} %")

figure, ax = plt.subplots(figsize=(4, 4))
plot_decision_boundary(lambda X: sigmoid(W @ X + b), X, Y, ax);

# %% [markdown]
# ## 3. The network, function by function
#
# | | |
# |---|---|
# | hidden layer | $Z^{[1]} = W^{[1]} X + b^{[1]}$, $A^{[1]} = \tanh(Z^{[1]})$ |
# | output | $Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}$, $A^{[2]} = \sigma(Z^{[2]})$ |
# | cost | $J = -\frac{1}{m} \sum \left(Y \log A^{[2]} + (1 - Y) \log(1 - A^{[2]})\right)$ |
#
# ### 3.1 The sizes of the layers

# %%
n_x, n_h, n_y = sn.layer_sizes(X, Y, n_h=4)
print(f"n_x = {n_x}, n_h = {n_h}, n_y = {n_y}")

# %% [markdown]
# ### 3.2 The first weights
#
# Small and random, so that the hidden units become different from each other; the biases are zero. With the exercise's
# seed they are the exercise's numbers.

# %%
parameters = sn.initialize_parameters(n_x, n_h, n_y, random_state=2)
for name in ("W1", "b1", "W2", "b2"):
    print(name, "=", parameters[name].round(8).tolist())

# %% [markdown]
# ### 3.3 Forward
#
# `cache` keeps what the backward pass needs.

# %%
A2, cache = sn.forward_propagation(X, parameters)
for name, array in cache.items():
    print(name, array.shape, f"mean {array.mean():.6f}")

# %% [markdown]
# ### 3.4 The cost
#
# The weights are small, so every output is close to 0.5, and the cost close to $\log 2 = 0.6931$.

# %%
print(f"{sn.compute_cost(A2, Y):.6f}")

# %% [markdown]
# ### 3.5 Backward
#
# | | |
# |---|---|
# | $dZ^{[2]} = \frac{1}{m} (A^{[2]} - Y)$ | $dZ^{[1]} = W^{[2]T} dZ^{[2]} \circ (1 - (A^{[1]})^2)$ |
# | $dW^{[2]} = dZ^{[2]} A^{[1]T}$ | $dW^{[1]} = dZ^{[1]} X^T$ |
# | $db^{[2]} = \sum dZ^{[2]}$ | $db^{[1]} = \sum dZ^{[1]}$ |
#
# Is it correct? The gradient check compares it with the definition of the derivative.

# %%
grads = sn.backward_propagation(parameters, cache, X, Y)
for name, array in grads.items():
    print(name, array.shape)
print("correct:", sn.gradient_check(parameters, X, Y, grads=grads) < 1e-7)

# %% [markdown]
# ### 3.6 The update
#
# A step against the gradient, as long as the learning rate says.

# %%
parameters = sn.update_parameters(parameters, grads, learning_rate=1.2)
A2, cache = sn.forward_propagation(X, parameters)
print(f"cost after one step: {sn.compute_cost(A2, Y):.6f}")

# %% [markdown]
# ## 4. The training
#
# `nn_model` repeats these steps 10,000 times.

# %%
parameters = sn.nn_model(X, Y, n_h=4, num_iterations=10000, print_cost=True)
print(f"accuracy: {100 * sn.accuracy(parameters, X, Y):.2f} %")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
plot_decision_boundary(parameters, X, Y, left)
left.set_title("4 hidden units")
plot_network(parameters, ax=right)
right.set_title("the network")
figure.tight_layout()

# %% [markdown]
# With `return_history=True` it returns the history as well. Where does the cost fall fastest?

# %%
parameters, history = sn.nn_model(X, Y, n_h=4, num_iterations=10000, report_every=50, return_history=True)

figure, ax = plt.subplots(figsize=(5, 3))
plot_cost(history, ax);

# %% [markdown]
# ## 5. How many hidden units?
#
# One or two units cannot form the petals. From three on they can; many units also begin to follow single points.

# %%
figure, axes = plt.subplots(2, 4, figsize=(12, 6.4))
for ax, n_h in zip(axes.flat, [1, 2, 3, 4, 5, 20, 50]):
    parameters = sn.nn_model(X, Y, n_h, num_iterations=5000)
    percent = 100 * sn.accuracy(parameters, X, Y)
    print(f"{n_h} hidden units: {percent:.2f} %")
    plot_decision_boundary(parameters, X, Y, ax)
    ax.set(title=f"{n_h}: {percent:.2f} %", xticks=[], yticks=[], xlabel="", ylabel="")
axes.flat[-1].remove()

# %% [markdown]
# ## 6. Other datasets
#
# Which of them could do without a hidden layer? Change `n_h` and see.

# %%
datasets = {"noisy circles": circles(), "noisy moons": moons(), "blobs": blobs(), "quantiles": gaussian_quantiles()}
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4))
for ax, (name, (X, Y)) in zip(axes, datasets.items()):
    parameters = sn.nn_model(X, Y, n_h=4, num_iterations=5000)
    percent = 100 * sn.accuracy(parameters, X, Y)
    print(f"{name}: {percent:.1f} %")
    plot_decision_boundary(parameters, X, Y, ax)
    ax.set(title=f"{name}: {percent:.1f} %", xticks=[], yticks=[], xlabel="", ylabel="")

# %% [markdown]
# ## Try it
#
# - Replace tanh by `hidden="sigmoid"` or `hidden="relu"` in `nn_model`.
# - A learning rate of 0.1, of 10: what does the cost do?
# - Start from weights of zero (`scale=0`): why does nothing happen?
