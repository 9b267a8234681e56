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
# # Exercises
#
# Fill the blanks, and run the cell below each: it says that the answer has passed, that it is not done yet, or what was
# expected and what came. Columns are samples. The derivations are in [maths.md](../maths.md).

# %%
import sys

import numpy as np

import shallownet as sn

sys.path.insert(0, "../exercises")
from checks import check

# %% [markdown]
# ## The network

# %% [markdown]
# ### 1. Make XOR learnable
#
# No line separates (0,0) and (1,1) from (0,1) and (1,0), so no single neuron learns XOR. Two hidden units are enough.
#
# Write `xor()`. It returns a network with `n_h = 2` whose output is within 0.1 of XOR at the four points. Find the
# weights by thought or by training.
#
# *Hint.* By thought: XOR is "OR but not AND", and a hidden unit can be either. By training: begin with larger weights
# than 0.01, and try another seed when descent gets stuck, as it does with some.

# %%
def xor():
    ...  # your code

# %%
check(xor)

# %% [markdown]
# ### 2. Remove the bend
#
# What does the hidden layer's tanh do? The slip `Z2 = np.dot(W2, Z1) + b2`, with `Z1` in place of `A1`, runs without an
# error and has been printed in tutorials. Show what it makes of the network.
#
# Write `linear_collapse(parameters)`. It returns `W` of shape `(n_y, n_x)` and `b` of shape `(n_y, 1)` such that
# `W X + b` equals `W2 Z1 + b2` for every `X`.
#
# *Hint.* Insert `Z1 = W1 X + b1` and multiply out. Could this network learn exercise 1?

# %%
def linear_collapse(parameters):
    ...  # your code

# %%
check(linear_collapse)

# %% [markdown]
# ### 3. A start that stays symmetric
#
# Weights begin at random so that the hidden units become different. See what happens otherwise.
#
# Write `symmetric_start(n_x, n_h, n_y)`. It returns a network without a zero weight which learns — `W1` moves — but
# whose `W1` still has rank one after 500 updates on the planar data: four hidden units do the work of one.
#
# *Hint.* What must two hidden units have in common for their gradients to be equal? And why does the check forbid zeros:
# which gradients vanish if all weights are zero?

# %%
def symmetric_start(n_x, n_h, n_y):
    ...  # your code

# %%
check(symmetric_start)

# %% [markdown]
# ## Numbers

# %% [markdown]
# ### 4. A sigmoid that does not overflow
#
# `1 / (1 + np.exp(-Z))` overflows for `Z = -1000`.
#
# Write `sigmoid(Z)`. It returns the sigmoid of each entry, without a warning from NumPy.
#
# *Hint.* Note that `np.where` computes both of its branches. Multiply numerator and denominator by e^(Z/2), and look for
# a function that you know.

# %%
def sigmoid(Z):
    ...  # your code

# %%
check(sigmoid)

# %% [markdown]
# ### 5. The cost from the logits
#
# As soon as `A2` has rounded to 1, `log(1 - A2)` is infinite, although the gradient `A2 - Y` is fine.
#
# Write `cost_from_logits(Z2, Y)`. It returns the cross-entropy of `A2 = sigmoid(Z2)`, summed over the outputs and
# averaged over the samples; for `Z2 = 1000` and `Y = 0` it is 1000.
#
# *Hint.* Simplify -log A2 and -log(1 - A2) on paper. `np.logaddexp` computes log(e^a + e^b) without overflow.

# %%
def cost_from_logits(Z2, Y):
    ...  # your code

# %%
check(cost_from_logits)

# %% [markdown]
# ### 6. A softmax with two classes is a sigmoid
#
# Write `softmax_to_sigmoid(parameters)`. It gets a network with two softmax outputs (`"cost"` is
# `"softmax_cross_entropy"`) and returns one with a single sigmoid output (no `"cost"`, or `"cross_entropy"`) that gives
# class 1 the same probability.
#
# *Hint.* Divide numerator and denominator of the softmax by e^(Z of class 1).

# %%
def softmax_to_sigmoid(parameters):
    ...  # your code

# %%
check(softmax_to_sigmoid)

# %% [markdown]
# ## Data

# %% [markdown]
# ### 7. Scaling folded into the weights
#
# A network was trained on `(X - mean) / std`, and whoever uses it must scale the data in the same way, or it can be
# built in.
#
# Write `fold_scaling(parameters, mean, std)`, with `mean` and `std` of shape `(n_x, 1)`. It returns a network that does
# for `X` what the given one does for `(X - mean) / std`.
#
# *Hint.* Sort `W1 (X - mean)/std + b1` by `X`. Which axis of `W1` belongs to the features?

# %%
def fold_scaling(parameters, mean, std):
    ...  # your code

# %%
check(fold_scaling)

# %% [markdown]
# ### 8. Unequal classes, without a loop
#
# With nine samples of class 0 for each one of class 1, "always 0" is right nine times in ten. Weights
# `m / (2 · samples of the class)` give both classes the same say. This loop computes them:
#
#     def class_weights(Y):
#         weights = np.zeros(Y.shape)
#         for i in range(Y.shape[1]):
#             same = 0
#             for j in range(Y.shape[1]):
#                 same += Y[0, j] == Y[0, i]
#             weights[0, i] = Y.shape[1] / (2 * same)
#         return weights
#
# Write `class_weights(Y)`. It gets labels 0 and 1 of shape `(1, m)` and returns the same weights, `(1, m)`, without a
# loop, and without `np.vectorize` and `balanced_weights`, which hide one.
#
# *Hint.* The sum of `Y` is the number of ones. Time both with 3,000 samples.

# %%
def class_weights(Y):
    ...  # your code

# %%
check(class_weights)

# %% [markdown]
# ## Descent

# %% [markdown]
# ### 9. The largest learning rate
#
# For the cost J(w) = 1/m Σ (wᵀx)², descent converges below a certain learning rate and diverges above it.
#
# Write `largest_learning_rate(X)`. It returns this rate for data `X` of shape `(n_x, m)`; at 0.95 of it descent must
# converge and at 1.05 of it diverge.
#
# *Hint.* The gradient is H w with a constant matrix H, so an update multiplies w by I - rate · H. What does it do to an
# eigenvector of H?

# %%
def largest_learning_rate(X):
    ...  # your code

# %%
check(largest_learning_rate)

# %% [markdown]
# ### 10. Momentum by hand
#
# Momentum goes along a running mean of the gradients, v = beta v + (1 - beta) gradient, instead of the gradient itself.
#
# Write `momentum(W, gradients, learning_rate, beta)`. It gets a list of gradients, one for each update, and returns `W`
# after the last of them; `v` begins at zero.
#
# *Hint.* W = 1, two gradients of 1, rate 0.1 and beta 0.9: v is 0.1, then 0.19, and W ends at 0.971.

# %%
def momentum(W, gradients, learning_rate, beta):
    ...  # your code

# %%
check(momentum)

# %% [markdown]
# ### 11. The whole from its mini-batches
#
# The gradient of a mini-batch is right on average. Make the average exact, also when the last batch is shorter.
#
# Write `batch_gradient(gradient, X, Y, batch_size)`. `gradient(X, Y)` returns the gradient of a mean over the samples
# that it is given. Call it with `batch_size` columns or fewer, and return the gradient of the mean over all samples.
#
# *Hint.* Ten samples in batches of four: with which weight does each of the three count?

# %%
def batch_gradient(gradient, X, Y, batch_size):
    ...  # your code

# %%
check(batch_gradient)

# %% [markdown]
# ## Gradients

# %% [markdown]
# ### 12. A cost of your own
#
# The hinge asks for the right side and a margin: with the sign s = 2Y - 1, which is ±1, it is max(0, 1 - s Z2).
#
# Write `hinge(Z2, Y)`. It returns the cost, the mean over the samples, and its gradient `dZ2`; both `Z2` and `Y` are
# `(1, m)`. Derive the gradient on paper; `numerical_gradient` is the judge.
#
# *Hint.* Where the hinge is zero its derivative is zero. Do not forget the mean's 1/m.

# %%
def hinge(Z2, Y):
    ...  # your code

# %%
check(hinge)

# %% [markdown]
# ### 13. Break the gradient
#
# A falling cost proves nothing: gradients can be wrong and descent finds its way nevertheless.
#
# Write `broken_gradient(parameters, cache, X, Y)`. It returns `dW1`, `db1`, `dW2`, `db2` in a dictionary, as
# `backward_propagation` does, with a mistake of your choice. It must be good enough to bring the cost of the planar data
# below 0.4 in 1,000 updates, and bad enough for `gradient_check` to find a difference above 0.01.
#
# *Hint.* Begin with the mistakes that you have made yourself. A factor? A forgotten term? Which of them stop the
# learning?

# %%
def broken_gradient(parameters, cache, X, Y):
    ...  # your code

# %%
check(broken_gradient)

# %% [markdown]
# ### 14. Find what is broken
#
# Now for the other side: write the check.
#
# Write `wrong_gradients(parameters, X, Y, grads)`. It returns the list of those among `"dW1"`, `"db1"`, `"dW2"`, `"db2"`
# that are wrong in `grads`, even by 0.1 %, or in one entry only. Do without `backward_propagation`.
#
# *Hint.* Hold all parameters but one, and give `numerical_gradient` the cost as a function of that one. Compare relative
# to the size; above 1e-5 it is wrong.

# %%
def wrong_gradients(parameters, X, Y, grads):
    ...  # your code

# %%
check(wrong_gradients)
