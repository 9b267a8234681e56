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
# # Your own table
#
# From a CSV file to a model that takes raw values: read, hold a part out, standardize, train, look at the mistakes, save.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import shallownet as sn
from shallownet.datasets import blobs
from shallownet.plotting import plot_confusion_matrix, plot_cost, plot_network
from shallownet.readers import read_table
from shallownet.storage import load_metadata, load_parameters, save_parameters

# %% [markdown]
# ## 1. The file
#
# One line a sample, a header, numbers, and one column with the classes. This cell writes an example, three sorts of grain;
# put the name of your own file in its place.

# %%
path, target = "grains.csv", "sort"

X, Y = blobs(300, classes=3, noise=0.5)
sorts = np.array(["barley", "oat", "wheat"])[Y.argmax(axis=0)]
lines = [f"{6 + x1:.3f},{1000 * (30 + 3 * x2):.0f},{sort}" for (x1, x2), sort in zip(X.T, sorts)]
Path(path).write_text("\n".join(["length,weight,sort", *lines]) + "\n", encoding="utf-8")
print(Path(path).read_text(encoding="utf-8")[:100])

# %% [markdown]
# ## 2. Read it, and hold a part out
#
# The test part is looked at once, at the end; the validation part says when to stop. Columns are samples from here on.

# %%
X, Y, features, classes = read_table(path, target, task="classification")
X, Y, X_test, Y_test = sn.split_columns(X, Y)
X_train, Y_train, X_val, Y_val = sn.split_columns(X, Y)
print(f"{X_train.shape[1]} samples to train with, {X_val.shape[1]} to validate, {X_test.shape[1]} to test")
print(f"features {', '.join(features)}; classes {', '.join(classes)}")

# %% [markdown]
# ## 3. Standardize
#
# Lengths are about 6, weights about 30,000: without the same scale the units could hardly use both.

# %%
mean, std = sn.standardize(X_train)
print("means:", mean.ravel().round(2), "standard deviations:", std.ravel().round(2))

# %% [markdown]
# ## 4. Train, and stop in time
#
# Three classes have a softmax; for two classes use the cost `"cross_entropy"`.

# %%
cost = "cross_entropy" if len(classes) == 2 else "softmax_cross_entropy"
parameters = sn.initialize_parameters(len(X), 10, len(Y_train), cost=cost, scale="glorot", random_state=3)
parameters, history = sn.train(
    (X_train - mean) / std, Y_train, parameters, 5000, optimizer=sn.momentum(0.3), report_every=25,
    callbacks=[sn.early_stopping((X_val - mean) / std, Y_val)],
)
print(f"stopped after {history['iteration'][-1]} of 5000 iterations")

figure, ax = plt.subplots(figsize=(5, 3))
plot_cost(history, ax);

# %% [markdown]
# ## 5. Fold the scaling into the weights
#
# From here on the network takes raw values, and there is no scaler that could get lost.

# %%
model = sn.fold_standardization(parameters, mean, std)
print(f"accuracy on the test part: {100 * sn.accuracy(model, X_test, Y_test):.1f} %")

# %% [markdown]
# ## 6. Look at the mistakes
#
# A row is a true class: which sorts does the network take for each other?

# %%
figure, ax = plt.subplots(figsize=(4, 3.6))
plot_confusion_matrix(Y_test, sn.predict(model, X_test), classes, ax);

# %% [markdown]
# ## 7. One grain
#
# Values in the order of the features. What flows through the network, here in standardized
# values, says what decided.

# %%
grain = np.array([[7.5], [39000.0]])
P = sn.predict_probability(model, grain)
for name, p in zip(classes, P[:, 0]):
    print(f"{name}: {p:.3f}")

figure, ax = plt.subplots(figsize=(7, 4.5))
plot_network(parameters, features, classes, x=(grain - mean) / std, ax=ax);

# %% [markdown]
# ## 8. Save it, with the names

# %%
save_parameters("grains.h5", model, features=list(features), classes=list(classes))
print(load_metadata("grains.h5"))
print(f"{100 * sn.accuracy(load_parameters('grains.h5'), X_test, Y_test):.1f} %")
