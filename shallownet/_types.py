"""Names for what the functions pass to each other; the README's table says what the dictionaries hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Labels = NDArray[Any]                                 # floats, or the 0, 1, 2, … of predict
Columns = Any                                         # an array, or what has shape, dtype and column slices X[:, i:j]
Parameters = dict[str, Any]                           # W1, b1, W2, b2, and where they differ, hidden, cost
Cache = dict[str, Array]                              # Z1, A1, Z2, A2
Grads = dict[str, Array]                              # dW1, db1, dW2, db2
State = dict[str, Any]                                # of an optimizer, or of a training
History = dict[str, list]                             # iteration, cost, and what callbacks add
RandomState = int | np.random.RandomState | np.random.Generator | None
LearningRate = float | Callable[[int], float]
Callback = Callable[[State], bool | None]
PathLike = str | Path
Hidden = Literal["tanh", "sigmoid", "relu"]           # what comes with the package; tables take more
CostName = Literal["cross_entropy", "softmax_cross_entropy", "squared_error", "brier"]
Scale = float | Literal["glorot", "nguyen_widrow"] | Callable[[tuple[int, int]], Array]
