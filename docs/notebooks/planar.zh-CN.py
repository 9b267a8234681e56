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
# # 平面数据与单隐藏层网络
#
# 课程第三周的编程作业：从数据开始，到比较不同的隐藏单元数和其他数据集，全部用 shallownet 的函数完成，数值与公布的一致。
# 每一列是一个样本。

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import shallownet as sn
from shallownet.activations import sigmoid
from shallownet.datasets import blobs, circles, gaussian_quantiles, moons, planar_flower
from shallownet.plotting import plot_cost, plot_data, plot_decision_boundary, plot_network

# %% [markdown]
# ## 1. 数据
#
# 400 个点组成一朵花：`X` 是两个坐标，`Y` 是颜色，0 为蓝，1 为红。

# %%
X, Y = planar_flower()
print(f"X has shape {X.shape}, Y has shape {Y.shape}: m = {X.shape[1]} samples.")

figure, ax = plt.subplots(figsize=(4, 4))
plot_data(X, Y, ax)
ax.legend(loc="upper left", bbox_to_anchor=(1, 1));

# %% [markdown]
# ## 2. 没有隐藏层会怎样
#
# 逻辑回归就是没有隐藏层的网络：`A = sigmoid(W X + b)`。它的决策边界是一条直线，而花瓣无法用一条直线分开，
# 因此准确率还不到一半。背景色是类别 1 的概率，从蓝（0）经白到红（1），每 0.1 一级；黑线处概率为 0.5。

# %%
W, b = np.zeros((1, 2)), np.zeros((1, 1))
for i in range(1000):
    dZ = (sigmoid(W @ X + b) - Y) / X.shape[1]
    W, b = W - dZ @ X.T, b - dZ.sum(axis=1, keepdims=True)

print(f"accuracy of logistic regression: {100 * np.mean((sigmoid(W @ X + b) > 0.5) == Y):.1f} %")

figure, ax = plt.subplots(figsize=(4, 4))
plot_decision_boundary(lambda X: sigmoid(W @ X + b), X, Y, ax);

# %% [markdown]
# ## 3. 逐个函数搭建网络
#
# | | |
# |---|---|
# | 隐藏层 | $Z^{[1]} = W^{[1]} X + b^{[1]}$，$A^{[1]} = \tanh(Z^{[1]})$ |
# | 输出层 | $Z^{[2]} = W^{[2]} A^{[1]} + b^{[2]}$，$A^{[2]} = \sigma(Z^{[2]})$ |
# | 代价 | $J = -\frac{1}{m} \sum \left(Y \log A^{[2]} + (1 - Y) \log(1 - A^{[2]})\right)$ |
#
# ### 3.1 各层的大小

# %%
n_x, n_h, n_y = sn.layer_sizes(X, Y, n_h=4)
print(f"n_x = {n_x}, n_h = {n_h}, n_y = {n_y}")

# %% [markdown]
# ### 3.2 初始化参数
#
# 权重取很小的随机数，这样各个隐藏单元才会变得不同；偏置为零。使用作业的随机种子，得到的就是作业里的数值。

# %%
parameters = sn.initialize_parameters(n_x, n_h, n_y, random_state=2)
for name in ("W1", "b1", "W2", "b2"):
    print(name, "=", parameters[name].round(8).tolist())

# %% [markdown]
# ### 3.3 前向传播
#
# `cache` 保存反向传播要用的量。

# %%
A2, cache = sn.forward_propagation(X, parameters)
for name, array in cache.items():
    print(name, array.shape, f"mean {array.mean():.6f}")

# %% [markdown]
# ### 3.4 代价
#
# 权重很小，所有输出都接近 0.5，因此代价接近 $\log 2 = 0.6931$。

# %%
print(f"{sn.compute_cost(A2, Y):.6f}")

# %% [markdown]
# ### 3.5 反向传播
#
# | | |
# |---|---|
# | $dZ^{[2]} = \frac{1}{m} (A^{[2]} - Y)$ | $dZ^{[1]} = W^{[2]T} dZ^{[2]} \circ (1 - (A^{[1]})^2)$ |
# | $dW^{[2]} = dZ^{[2]} A^{[1]T}$ | $dW^{[1]} = dZ^{[1]} X^T$ |
# | $db^{[2]} = \sum dZ^{[2]}$ | $db^{[1]} = \sum dZ^{[1]}$ |
#
# 梯度算对了吗？梯度检验把它与按导数定义算出的数值梯度对照。

# %%
grads = sn.backward_propagation(parameters, cache, X, Y)
for name, array in grads.items():
    print(name, array.shape)
print("correct:", sn.gradient_check(parameters, X, Y, grads=grads) < 1e-7)

# %% [markdown]
# ### 3.6 更新参数
#
# 沿梯度的反方向走一步，步长由学习率决定。

# %%
parameters = sn.update_parameters(parameters, grads, learning_rate=1.2)
A2, cache = sn.forward_propagation(X, parameters)
print(f"cost after one step: {sn.compute_cost(A2, Y):.6f}")

# %% [markdown]
# ## 4. 训练
#
# `nn_model` 把上面的步骤重复一万次。

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
# 加上 `return_history=True`，除参数外还返回训练历史。代价在哪一段下降得最快？

# %%
parameters, history = sn.nn_model(X, Y, n_h=4, num_iterations=10000, report_every=50, return_history=True)

figure, ax = plt.subplots(figsize=(5, 3))
plot_cost(history, ax);

# %% [markdown]
# ## 5. 需要多少个隐藏单元？
#
# 一两个单元无法围出花瓣，三个以上就可以；单元太多时，边界开始迁就个别的点。

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
# ## 6. 其他数据集
#
# 其中哪些不需要隐藏层？改一改 `n_h` 试试。

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
# ## 动手试试
#
# - 在 `nn_model` 中用 `hidden="sigmoid"` 或 `hidden="relu"` 代替 tanh。
# - 学习率取 0.1 或 10，代价会怎样变化？
# - 权重从零开始（`scale=0`）时，为什么什么也学不到？
