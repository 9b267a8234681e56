"""Neural networks with one hidden layer, as plain functions. Columns are samples: X is (n_x, m), Y is (n_y, m).

To read the code, begin with ``activations``, ``costs`` and ``network``: they are the formulas. Then ``objective`` (what
is minimized, wherever the data lie), ``optimizers`` and ``training`` (the loop). Everything else stands on these.
"""

from shallownet.callbacks import checkpoint, early_stopping, print_cost, progress_bar, record_validation, snapshots
from shallownet.evaluation import accuracy, predict, predict_probability, r2_score
from shallownet.gradient_check import gradient_check, numerical_gradient
from shallownet.network import (
    backward_propagation,
    compute_cost,
    forward_propagation,
    initialize_parameters,
    layer_sizes,
    update_parameters,
)
from shallownet.optimizers import adam, gradient_descent, inverse_time_decay, momentum, step_decay
from shallownet.preprocessing import balanced_weights, fold_standardization, one_hot, split_columns, standardize
from shallownet.training import nn_model, train

__version__ = "0.1.0"

__all__ = [
    "accuracy",
    "adam",
    "backward_propagation",
    "balanced_weights",
    "checkpoint",
    "compute_cost",
    "early_stopping",
    "fold_standardization",
    "forward_propagation",
    "gradient_check",
    "gradient_descent",
    "initialize_parameters",
    "inverse_time_decay",
    "layer_sizes",
    "momentum",
    "nn_model",
    "numerical_gradient",
    "one_hot",
    "predict",
    "predict_probability",
    "print_cost",
    "progress_bar",
    "r2_score",
    "record_validation",
    "snapshots",
    "split_columns",
    "standardize",
    "step_decay",
    "train",
    "update_parameters",
]
