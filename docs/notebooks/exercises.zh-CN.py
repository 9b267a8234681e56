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
# # 练习
#
# 补全每个空白，再运行下面的单元格：它会说明答案通过、尚未完成，或者期望的结果与实际得到的结果。
# 每一列是一个样本。推导见 [maths.md](../maths.md)（英文）。

# %%
import sys

import numpy as np

import shallownet as sn

sys.path.insert(0, "../exercises")
from checks import check

# %% [markdown]
# ## 网络

# %% [markdown]
# ### 1. 让网络学会异或
#
# 没有一条直线能把 (0,0)、(1,1) 与 (0,1)、(1,0) 分开，所以单个神经元学不会异或；两个隐藏单元就够了。
#
# 编写 `xor()`。返回一个 `n_h = 2` 的网络，它在四个点上的输出与异或相差不超过 0.1。权重可以靠推理得到，也可以靠训练得到。
#
# *提示* 靠推理：异或就是“或”而非“与”，一个隐藏单元可以做其中任何一个。靠训练：初始权重要大于 0.01；有些随机种子会使
# 梯度下降停在半路，换一个即可。

# %%
def xor():
    ...  # your code

# %%
check(xor)

# %% [markdown]
# ### 2. 去掉非线性
#
# 隐藏层的 tanh 起什么作用？把 `A1` 误写成 `Z1` 的 `Z2 = np.dot(W2, Z1) + b2` 运行时不会报错，有的教程就这样印了出来。
# 说明这样一来网络变成了什么。
#
# 编写 `linear_collapse(parameters)`。返回形状为 `(n_y, n_x)` 的 `W` 和形状为 `(n_y, 1)` 的 `b`，使 `W X + b` 对任意 `X`
# 都等于 `W2 Z1 + b2`。
#
# *提示* 代入 `Z1 = W1 X + b1` 并展开。这样的网络能学会第 1 题吗？

# %%
def linear_collapse(parameters):
    ...  # your code

# %%
check(linear_collapse)

# %% [markdown]
# ### 3. 始终对称的初始值
#
# 权重从随机数开始，各个隐藏单元才会变得不同。看看不这样做会怎样。
#
# 编写 `symmetric_start(n_x, n_h, n_y)`。返回一个没有零权重的网络，它能学习，也就是 `W1` 会变化，但在平面数据上更新 500 次
# 之后 `W1` 的秩仍然是一：四个隐藏单元只做了一个单元的事。
#
# *提示* 两个隐藏单元要有什么相同，它们的梯度才会相等？为什么检查不允许零权重：如果所有权重都是零，哪些梯度会消失？

# %%
def symmetric_start(n_x, n_h, n_y):
    ...  # your code

# %%
check(symmetric_start)

# %% [markdown]
# ## 数值

# %% [markdown]
# ### 4. 不会溢出的 sigmoid
#
# `Z = -1000` 时，`1 / (1 + np.exp(-Z))` 会溢出。
#
# 编写 `sigmoid(Z)`。逐元素返回 sigmoid，不触发 NumPy 的警告。
#
# *提示* 注意 `np.where` 的两个分支都会计算。分子分母同乘 e^(Z/2)，找出一个你认识的函数。

# %%
def sigmoid(Z):
    ...  # your code

# %%
check(sigmoid)

# %% [markdown]
# ### 5. 由 logit 计算代价
#
# 一旦 `A2` 舍入成 1，`log(1 - A2)` 就是无穷大，尽管梯度 `A2 - Y` 没有问题。
#
# 编写 `cost_from_logits(Z2, Y)`。返回 `A2 = sigmoid(Z2)` 的交叉熵，对输出求和，对样本求平均；`Z2 = 1000`、`Y = 0` 时应为
# 1000。
#
# *提示* 先在纸上化简 -log A2 和 -log(1 - A2)。`np.logaddexp` 计算 log(e^a + e^b) 而不溢出。

# %%
def cost_from_logits(Z2, Y):
    ...  # your code

# %%
check(cost_from_logits)

# %% [markdown]
# ### 6. 两个类别的 softmax 就是 sigmoid
#
# 编写 `softmax_to_sigmoid(parameters)`。输入是有两个 softmax 输出的网络（`"cost"` 为 `"softmax_cross_entropy"`），返回只有
# 一个 sigmoid 输出的网络（没有 `"cost"`，或为 `"cross_entropy"`），它给类别 1 的概率与原网络相同。
#
# *提示* softmax 的分子分母同除以 e^(类别 1 的 Z)。

# %%
def softmax_to_sigmoid(parameters):
    ...  # your code

# %%
check(softmax_to_sigmoid)

# %% [markdown]
# ## 数据

# %% [markdown]
# ### 7. 把标准化并入权重
#
# 网络是在 `(X - mean) / std` 上训练的。使用它的人要么用同样的方式处理数据，要么把这一步并入网络。
#
# 编写 `fold_scaling(parameters, mean, std)`，其中 `mean` 和 `std` 的形状是 `(n_x, 1)`。返回的网络作用于 `X`，结果与原网络
# 作用于 `(X - mean) / std` 相同。
#
# *提示* 把 `W1 (X - mean)/std + b1` 按 `X` 整理。`W1` 的哪个轴对应特征？

# %%
def fold_scaling(parameters, mean, std):
    ...  # your code

# %%
check(fold_scaling)

# %% [markdown]
# ### 8. 类别不均衡，不用循环
#
# 如果每有一个类别 1 的样本就有九个类别 0 的样本，“总是答 0”十次会对九次。取权重 `m / (2 · 该类别的样本数)`，两个类别
# 就同样重要。下面的循环计算这样的权重：
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
# 编写 `class_weights(Y)`。输入是形状为 `(1, m)` 的标签 0 和 1，返回同样的权重，形状为 `(1, m)`；不用循环，也不用把循环藏在
# 里面的 `np.vectorize` 和 `balanced_weights`。
#
# *提示* `Y` 的和就是 1 的个数。用 3000 个样本比较两种写法的时间。

# %%
def class_weights(Y):
    ...  # your code

# %%
check(class_weights)

# %% [markdown]
# ## 梯度下降

# %% [markdown]
# ### 9. 最大的学习率
#
# 对于代价 J(w) = 1/m Σ (wᵀx)²，学习率小于某个值时梯度下降收敛，大于它时发散。
#
# 编写 `largest_learning_rate(X)`。对形状为 `(n_x, m)` 的数据 `X` 返回这个学习率；取它的 0.95 倍时必须收敛，1.05 倍时必须
# 发散。
#
# *提示* 梯度是 H w，矩阵 H 不变，所以每次更新都把 w 乘以 I - 学习率 · H。它对 H 的特征向量做了什么？

# %%
def largest_learning_rate(X):
    ...  # your code

# %%
check(largest_learning_rate)

# %% [markdown]
# ### 10. 手写动量法
#
# 动量法不沿梯度本身，而沿梯度的滑动平均前进：v = beta v + (1 - beta) 梯度。
#
# 编写 `momentum(W, gradients, learning_rate, beta)`。输入是梯度的列表，每次更新一个，返回最后一次更新之后的 `W`；`v` 从零
# 开始。
#
# *提示* W = 1，两个梯度都是 1，学习率 0.1，beta 0.9：v 先是 0.1，再是 0.19，最后 W 为 0.971。

# %%
def momentum(W, gradients, learning_rate, beta):
    ...  # your code

# %%
check(momentum)

# %% [markdown]
# ### 11. 由小批量得到整体
#
# 小批量的梯度在平均意义下是对的。最后一批不足时，也要让这个平均精确。
#
# 编写 `batch_gradient(gradient, X, Y, batch_size)`。`gradient(X, Y)` 返回所给样本的平均值的梯度。每次用不超过 `batch_size`
# 列调用它，返回全部样本的平均值的梯度。
#
# *提示* 十个样本，每批四个：三批各占多大的权重？

# %%
def batch_gradient(gradient, X, Y, batch_size):
    ...  # your code

# %%
check(batch_gradient)

# %% [markdown]
# ## 梯度

# %% [markdown]
# ### 12. 自己的代价函数
#
# 合页损失（hinge）要求站在正确的一侧并留有间隔：令符号 s = 2Y - 1，即 ±1，损失为 max(0, 1 - s Z2)。
#
# 编写 `hinge(Z2, Y)`。返回代价（样本的平均值）和它的梯度 `dZ2`；`Z2` 和 `Y` 的形状都是 `(1, m)`。先在纸上推导梯度，
# 由 `numerical_gradient` 来评判。
#
# *提示* 合页损失为零处，导数也为零。不要忘记平均值的 1/m。

# %%
def hinge(Z2, Y):
    ...  # your code

# %%
check(hinge)

# %% [markdown]
# ### 13. 写一个错误的梯度
#
# 代价下降什么也证明不了：梯度可以是错的，梯度下降照样能找到路。
#
# 编写 `broken_gradient(parameters, cache, X, Y)`。像 `backward_propagation` 一样返回含 `dW1`、`db1`、`dW2`、`db2` 的字典，
# 但带一个你选的错误：它要足够好，在 1000 次更新内把平面数据的代价降到 0.4 以下；又要足够坏，让 `gradient_check` 得到的
# 相对差大于 0.01。
#
# *提示* 从自己犯过的错误开始：多一个系数？漏一项？其中哪些会让学习停下来？

# %%
def broken_gradient(parameters, cache, X, Y):
    ...  # your code

# %%
check(broken_gradient)

# %% [markdown]
# ### 14. 找出错误的梯度
#
# 现在换到另一边：编写检验程序。
#
# 编写 `wrong_gradients(parameters, X, Y, grads)`。返回 `"dW1"`、`"db1"`、`"dW2"`、`"db2"` 中在 `grads` 里有错的那些，组成
# 列表；即使只错 0.1%，或只错一个元素，也要找出来。不要用 `backward_propagation`。
#
# *提示* 固定其他参数，把代价作为某一个参数的函数交给 `numerical_gradient`。相对于大小作比较，大于 1e-5 即为错误。

# %%
def wrong_gradients(parameters, X, Y, grads):
    ...  # your code

# %%
check(wrong_gradients)
