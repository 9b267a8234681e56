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
# # 保存、中断、继续
#
# 训练好的网络就是一个文件。中断的训练可以从检查点继续，最终结果与不中断时逐比特一致。

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
# ## 1. 把网络存成文件
#
# 格式是 HDF5，不用 pickle：载入时不会执行文件中的任何代码。想记下的信息可以一并保存。

# %%
parameters = sn.nn_model(X, Y, n_h=8, num_iterations=1000)
save_parameters("moons.h5", parameters, data="moons, noise 0.2", iterations=1000)

loaded = load_parameters("moons.h5")
print("the same bits:", all(np.array_equal(loaded[name], parameters[name]) for name in ("W1", "b1", "W2", "b2")))
print(load_metadata("moons.h5"), f"{Path('moons.h5').stat().st_size} bytes")

# %% [markdown]
# 损坏的文件会被拒绝，绝不会载入被改动过的数值。

# %%
damaged = bytearray(Path("moons.h5").read_bytes())
damaged[len(damaged) // 2] ^= 1
Path("damaged.h5").write_bytes(damaged)
try:
    load_parameters("damaged.h5")
except ModelFileError as error:
    print("refused:", type(error).__name__)

# %% [markdown]
# ## 2. 中断的训练
#
# `checkpoint` 在每次报告时保存。下面的训练在 2000 次迭代中的第 600 次停下，就像按了 Ctrl-C 或断了电。

# %%
settings = {"optimizer": sn.adam(0.01), "batch_size": 32, "report_every": 100}


def stop_at_600(state):
    return state["iteration"] == 600


start = sn.initialize_parameters(2, 8, 1, scale="glorot", random_state=3)
stopped, history = sn.train(X, Y, start, 2000, callbacks=[sn.checkpoint("run.h5"), stop_at_600], **settings)
print(f"stopped after {history['iteration'][-1]} iterations, cost {history['cost'][-1]:.4f}")

# %% [markdown]
# ## 3. 继续训练
#
# 设置不变，用文件中的状态代替初始参数。

# %%
resumed, history = sn.train(X, Y, None, 2000, state=load_checkpoint("run.h5"), **settings)
print(f"went on to {history['iteration'][-1]} iterations, cost {history['cost'][-1]:.4f}")

figure, ax = plt.subplots(figsize=(5, 3))
plot_cost(history, ax)
ax.axvline(600, color="0.6", linestyle=":");

# %% [markdown]
# ## 4. 与从未中断的训练比较
#
# 样本的顺序、Adam 的动量，都在检查点里：一个比特也不差。

# %%
never_stopped, _ = sn.train(X, Y, start, 2000, **settings)
print("the same bits:", all(np.array_equal(resumed[name], never_stopped[name]) for name in ("W1", "b1", "W2", "b2")))
