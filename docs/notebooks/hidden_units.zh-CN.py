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
# # 隐藏单元在做什么
#
# 每个隐藏单元在平面上画一条直线，判断一个点在哪一侧；输出层把它们的判断加起来。下面依次看一个样本、一个单元、
# 所有单元，以及整个训练过程。

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
# ## 一步训练，每个数都看得见
#
# 两个样本，两个隐藏单元。跟着一个样本（一列）从 `X` 往下走到代价 `J`，再看误差怎样一路传回来。
# 每个梯度的形状都与它所对应的量相同。

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
# ## 一个训练好的网络
#
# 六个单元学习两个半月形。

# %%
X, Y = moons(200)
frames = sn.snapshots(max_snapshots=1000)
parameters = sn.nn_model(X, Y, n_h=6, num_iterations=3000, report_every=10, callbacks=[frames])
print(f"accuracy: {100 * sn.accuracy(parameters, X, Y):.1f} %")

figure, ax = plt.subplots(figsize=(6, 4))
plot_decision_boundary(parameters, X, Y, ax);

# %% [markdown]
# ## 每个单元看到什么
#
# 每个单元在直线两侧分别投票给一个类别，它在 `W2` 中的权重越大，票就越重。所有的票加上偏置，就是网络的判断。

# %%
figure, ax = plt.subplots(figsize=(10, 6))
plot_hidden_units(parameters, X, Y, ax);

# %% [markdown]
# ## 一个样本流过网络
#
# 线越粗，流过的量越大；红色为正，蓝色为负。

# %%
figure, ax = plt.subplots(figsize=(7, 4))
plot_network(parameters, classes=["upper moon", "lower moon"], x=X[:, [0]], ax=ax);

# %% [markdown]
# ## 去掉一个单元
#
# 把某个单元在 `W2` 中的权重设为零，它就不再起作用。少了哪一个影响最大？

# %%
for i in range(6):
    W2 = parameters["W2"].copy()
    W2[:, i] = 0
    print(f"without unit {i + 1}: {100 * sn.accuracy(parameters | {'W2': W2}, X, Y):.1f} %")

# %% [markdown]
# ## 回放训练过程
#
# 生成的网页只需要浏览器：拖动滑块，把鼠标停在某个单元上，或移动平面上的点。

# %%
export_page(frames, X, Y, "training.html", classes=["upper moon", "lower moon"])
