"""Networks from and to other libraries: scikit-learn, PyTorch, Keras.

There a layer computes ``a W + b`` with samples in rows (scikit-learn, Keras), or ``a Wᵀ + b`` (PyTorch). Here it is
``W a + b`` with samples in columns, so the first are transposed. A network that is another one is refused with the
reason.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shallownet._checks import as_floats, check_name
from shallownet._types import Array, CostName, Hidden, Parameters
from shallownet.activations import ACTIVATIONS
from shallownet.costs import COSTS
from shallownet.network import NAMES, check_parameters, output_of

SKLEARN_HIDDEN = {"tanh": "tanh", "logistic": "sigmoid", "relu": "relu"}
SKLEARN_COST = {"logistic": "cross_entropy", "softmax": "softmax_cross_entropy", "identity": "squared_error"}


def from_sklearn(mlp: Any) -> Parameters:
    """Return the network of a fitted ``MLPClassifier`` or ``MLPRegressor`` with one hidden layer.

    ``predict_probability`` gives as a column what ``predict_proba`` gives as a row (of two classes the second one), and
    ``predict`` the numbers of the classes in ``mlp.classes_``.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor

    Returns
    -------
    parameters : dict

    Raises
    ------
    TypeError
        If ``mlp`` is no fitted multilayer perceptron.
    ValueError
        If it has several hidden layers, or an activation or an output that is not here.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> mlp = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh").partial_fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0])
    >>> parameters = from_sklearn(mlp)
    >>> parameters["W1"].shape, parameters["cost"]
    ((4, 2), 'squared_error')
    """
    if not hasattr(mlp, "coefs_") or not hasattr(mlp, "out_activation_"):
        raise TypeError("mlp must be a fitted MLPClassifier or MLPRegressor; "
                        f"got {type(mlp).__name__}. Fit it first; of a pipeline, take the last step.")
    if len(mlp.coefs_) != 2:
        raise ValueError(f"mlp must have one hidden layer; got {len(mlp.coefs_) - 1}. Use hidden_layer_sizes=(n_h,).")
    check_name("mlp.activation", mlp.activation, SKLEARN_HIDDEN)
    check_name("mlp.out_activation_", mlp.out_activation_, SKLEARN_COST)
    (W1, W2), (b1, b2) = mlp.coefs_, mlp.intercepts_
    return _parameters(W1.T, b1, W2.T, b2, SKLEARN_HIDDEN[mlp.activation], SKLEARN_COST[mlp.out_activation_])


def to_sklearn(parameters: Parameters, *, classes: Sequence[Any] | None = None) -> Any:
    """Return a fitted ``MLPClassifier`` or ``MLPRegressor``, for skl2onnx, sklearn2pmml, emlearn and others.

    Parameters
    ----------
    parameters : dict
    classes : sequence, optional
        The classes' labels in ascending order, as scikit-learn has them: two for one sigmoid output, n_y for a softmax.
        By default 0, 1, …. Several sigmoid outputs become a classifier of several labels, which has no ``classes``.

    Returns
    -------
    mlp : MLPClassifier or MLPRegressor
        It predicts what ``parameters`` predict. Of a softmax with two outputs it has the equivalent single output, with
        the difference of the weights.

    Raises
    ------
    ImportError
        Without scikit-learn, which the extra ``sklearn`` installs.
    ValueError
        If ``classes`` do not go with the network, or it is a softmax with one output.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> mlp = to_sklearn(initialize_parameters(2, 4, 1), classes=["blue", "red"])
    >>> mlp.predict_proba([[0.0, 0.0]]), mlp.classes_
    (array([[0.5, 0.5]]), array(['blue', 'red'], dtype='<U4'))
    """
    try:
        from sklearn.neural_network import MLPClassifier, MLPRegressor
    except ImportError as error:
        raise ImportError('to_sklearn needs scikit-learn, which is not installed. '
                          'Use pip install "shallownet[sklearn]".') from error

    parameters = check_parameters(parameters)
    W1, b1, W2, b2 = (parameters[name] for name in NAMES)
    hidden, output, n_y = parameters.get("hidden", "tanh"), output_of(parameters), len(W2)
    activation = {ours: theirs for theirs, ours in SKLEARN_HIDDEN.items()}[hidden]
    classes = _sklearn_classes(classes, output, n_y)
    x = np.zeros((2, W1.shape[1]), W1.dtype)
    Estimator = MLPRegressor if output == "linear" else MLPClassifier
    mlp = Estimator(hidden_layer_sizes=(len(W1),), activation=activation, batch_size=1)
    if output == "linear":
        mlp.partial_fit(x, np.zeros((2, n_y) if n_y > 1 else 2))
    elif output == "sigmoid" and n_y > 1:
        mlp.partial_fit(x, np.eye(2, n_y, dtype=int), classes=np.arange(n_y))
    else:
        mlp.partial_fit(x, classes[:2], classes=classes)
    if output == "softmax" and n_y == 2:
        W2, b2 = W2[1:] - W2[:1], b2[1:] - b2[:1]
    mlp.coefs_, mlp.intercepts_ = [W1.T.copy(), W2.T.copy()], [b1[:, 0].copy(), b2[:, 0].copy()]
    return mlp


def _sklearn_classes(classes, output, n_y):
    """The classes as a sorted array; None where there are none."""
    if output == "softmax" and n_y == 1:
        raise ValueError("parameters must have at least two outputs for a softmax; got 1, which is always 1.")
    size = {"linear": 0, "sigmoid": 2 if n_y == 1 else 0, "softmax": n_y}[output]
    if classes is None:
        return np.arange(size)
    if len(classes) != size:
        raise ValueError(f"classes must have {size} labels, to go with the network; got {len(classes)}.")
    classes = np.asarray(classes)
    if (np.unique(classes) != classes).any():
        raise ValueError(f"classes must be in ascending order, as scikit-learn has them; got {classes.tolist()}. "
                         "Train with the classes in that order.")
    return classes


def from_torch(
    state_dict: Mapping[str, Any], *, hidden: Hidden = "tanh", cost: CostName = "cross_entropy"
) -> Parameters:
    """Return the network of a PyTorch module with two linear layers, from its ``state_dict()``.

    Parameters
    ----------
    state_dict : mapping of names to tensors
        Weight and bias of the first layer, weight and bias of the second.
    hidden, cost : str
        What a state dict does not tell: the activation between the layers, and through the cost the output's.

    Returns
    -------
    parameters : dict

    Raises
    ------
    ValueError
        If the tensors are not those of two linear layers with biases.

    Examples
    --------
    >>> first = {"0.weight": np.ones((4, 2)), "0.bias": np.zeros(4)}
    >>> from_torch({**first, "2.weight": np.ones((1, 4)), "2.bias": np.zeros(1)}, hidden="relu")["W2"]
    array([[1., 1., 1., 1.]])
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict must be a mapping; got {type(state_dict).__name__}. Use module.state_dict().")
    kinds = [name.rpartition(".")[2] for name in state_dict]
    if kinds != ["weight", "bias"] * 2:
        raise ValueError("state_dict must have weight, bias, weight, bias, of two linear layers; "
                         f"got {', '.join(state_dict)}. Other layers and layers without bias are not in this network.")
    return _parameters(*map(_array, state_dict.values()), hidden, cost)


def to_torch(parameters: Parameters) -> dict[str, Array]:
    """Return the arrays of a state dict for ``Sequential(Linear(n_x, n_h), Tanh(), Linear(n_h, n_y), Sigmoid())``.

    PyTorch is not needed for it. There::

        module.load_state_dict({name: torch.from_numpy(array) for name, array in to_torch(parameters).items()})

    The module must be in the network's dtype (``module.double()`` for float64) and have its activations.

    Parameters
    ----------
    parameters : dict

    Returns
    -------
    state_dict : dict of arrays
        ``"0.weight" (n_h, n_x)``, ``"0.bias" (n_h,)``, ``"2.weight" (n_y, n_h)``, ``"2.bias" (n_y,)``, new arrays.

    Examples
    --------
    >>> from shallownet import initialize_parameters
    >>> {name: array.shape for name, array in to_torch(initialize_parameters(2, 4, 1)).items()}
    {'0.weight': (4, 2), '0.bias': (4,), '2.weight': (1, 4), '2.bias': (1,)}
    """
    parameters = check_parameters(parameters)
    return {
        "0.weight": parameters["W1"].copy(),
        "0.bias": parameters["b1"][:, 0].copy(),
        "2.weight": parameters["W2"].copy(),
        "2.bias": parameters["b2"][:, 0].copy(),
    }


def from_keras(
    weights: Sequence[Array], *, hidden: Hidden = "tanh", cost: CostName = "cross_entropy"
) -> Parameters:
    """Return the network of a Keras model with two ``Dense`` layers, from its ``get_weights()``.

    Parameters
    ----------
    weights : sequence of arrays
        Kernel ``(n_x, n_h)`` and bias of the first layer, kernel ``(n_h, n_y)`` and bias of the second.
    hidden, cost : str
        What the weights do not tell: the activation between the layers, and through the cost the output's.

    Returns
    -------
    parameters : dict

    Raises
    ------
    ValueError
        If the arrays are not those of two dense layers with biases.

    Examples
    --------
    >>> from_keras([np.ones((2, 4)), np.zeros(4), np.ones((4, 1)), np.zeros(1)])["W1"].shape
    (4, 2)
    """
    weights = [_array(array) for array in weights]
    if [array.ndim for array in weights] != [2, 1, 2, 1]:
        shapes = ", ".join(str(array.shape) for array in weights)
        raise ValueError("weights must be kernel, bias, kernel, bias, of two dense layers; got arrays of shapes "
                         f"{shapes}. Other layers and layers without bias are not in this network.")
    W1, b1, W2, b2 = weights
    return _parameters(W1.T, b1, W2.T, b2, hidden, cost)


def _array(tensor):
    """A tensor, wherever it is, as an array."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().numpy()
    return as_floats("weights", tensor)


def _parameters(W1, b1, W2, b2, hidden, cost):
    """The network of these layers; new arrays."""
    check_name("hidden", hidden, ACTIVATIONS)
    check_name("cost", cost, COSTS)
    layers = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    sizes = [layers[name].shape for name in layers]
    if [len(size) for size in sizes] != [2, 1, 2, 1] or W2.shape[1] != W1.shape[0] or \
            (b1.shape, b2.shape) != (W1.shape[:1], W2.shape[:1]):
        raise ValueError("the layers must be (n_h, n_x), (n_h,), (n_y, n_h), (n_y,), two that follow each other; "
                         f"got {', '.join(map(str, sizes))}.")
    parameters = {name: np.array(a.reshape(-1, 1) if a.ndim == 1 else a, order="C") for name, a in layers.items()}
    if hidden != "tanh":
        parameters["hidden"] = hidden
    if cost != "cross_entropy":
        parameters["cost"] = cost
    return check_parameters(parameters)
