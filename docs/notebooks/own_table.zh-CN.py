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
# # 用自己的表格
#
# 从 CSV 文件到可以直接输入原始数值的模型：读取，留出测试集，标准化，训练，查看错误，保存。

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
# ## 1. 文件
#
# 每行一个样本，第一行是表头，其余为数值，另有一列是类别。下面的单元格写出一个例子：三种谷物。使用自己的数据时，
# 换成自己的文件名即可。

# %%
path, target = "grains.csv", "sort"

X, Y = blobs(300, classes=3, noise=0.5)
sorts = np.array(["barley", "oat", "wheat"])[Y.argmax(axis=0)]
lines = [f"{6 + x1:.3f},{1000 * (30 + 3 * x2):.0f},{sort}" for (x1, x2), sort in zip(X.T, sorts)]
Path(path).write_text("\n".join(["length,weight,sort", *lines]) + "\n", encoding="utf-8")
print(Path(path).read_text(encoding="utf-8")[:100])

# %% [markdown]
# ## 2. 读取并划分
#
# 测试集只在最后看一次；验证集决定何时停止训练。从这里开始，每一列是一个样本。

# %%
X, Y, features, classes = read_table(path, target, task="classification")
X, Y, X_test, Y_test = sn.split_columns(X, Y)
X_train, Y_train, X_val, Y_val = sn.split_columns(X, Y)
print(f"{X_train.shape[1]} samples to train with, {X_val.shape[1]} to validate, {X_test.shape[1]} to test")
print(f"features {', '.join(features)}; classes {', '.join(classes)}")

# %% [markdown]
# ## 3. 标准化
#
# 长度约为 6，重量约为 30000：不统一尺度，隐藏单元很难同时用上两者。

# %%
mean, std = sn.standardize(X_train)
print("means:", mean.ravel().round(2), "standard deviations:", std.ravel().round(2))

# %% [markdown]
# ## 4. 训练，并适时停止
#
# 三个类别用 softmax；两个类别时代价函数用 `"cross_entropy"`。

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
# ## 5. 把标准化并入权重
#
# 此后网络直接接受原始数值，不必另外保存均值和标准差。

# %%
model = sn.fold_standardization(parameters, mean, std)
print(f"accuracy on the test part: {100 * sn.accuracy(model, X_test, Y_test):.1f} %")

# %% [markdown]
# ## 6. 查看错误
#
# 每一行是一个真实类别：网络把哪些品种弄混了？

# %%
figure, ax = plt.subplots(figsize=(4, 3.6))
plot_confusion_matrix(Y_test, sn.predict(model, X_test), classes, ax);

# %% [markdown]
# ## 7. 一粒谷物
#
# 按特征的顺序给出数值。从流过网络的量（这里用标准化后的数值）可以看出是什么决定了结果。

# %%
grain = np.array([[7.5], [39000.0]])
P = sn.predict_probability(model, grain)
for name, p in zip(classes, P[:, 0]):
    print(f"{name}: {p:.3f}")

figure, ax = plt.subplots(figsize=(7, 4.5))
plot_network(parameters, features, classes, x=(grain - mean) / std, ax=ax);

# %% [markdown]
# ## 8. 连同名称一起保存

# %%
save_parameters("grains.h5", model, features=list(features), classes=list(classes))
print(load_metadata("grains.h5"))
print(f"{100 * sn.accuracy(load_parameters('grains.h5'), X_test, Y_test):.1f} %")
