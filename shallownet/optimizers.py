"""Optimizers: pairs of pure functions, ``init(parameters) -> state`` and ``update(parameters, grads, state)``.

``update`` returns ``(parameters, state)``. The state is a dictionary of arrays, saved like parameters; its entry
``t`` counts the updates. A learning rate is a number, or a function of ``t``.
"""

import numbers
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from shallownet._checks import check_integer, check_number, outline
from shallownet._types import Grads, LearningRate, Parameters, State
from shallownet.network import NAMES, update_parameters


class Optimizer(NamedTuple):
    """The pair of functions."""

    init: Callable[[Parameters], State]
    update: Callable[[Parameters, Grads, State], tuple[Parameters, State]]


def learning_rate_of(optimizer, state):
    """Return the rate of the next update, or None for an optimizer that is not of this module."""
    learning_rate = getattr(optimizer[1], "keywords", {}).get("learning_rate")
    return None if learning_rate is None else _rate(learning_rate, state)


def check_optimizer(optimizer):
    """Refuse what is no pair of functions."""
    if not (isinstance(optimizer, tuple) and len(optimizer) == 2 and all(map(callable, optimizer))):
        raise TypeError(f"optimizer must be a pair of functions (init, update); got {optimizer!r}. Use adam(0.001).")
    return optimizer


def check_optimizer_state(optimizer, state, parameters, iteration):
    """Refuse a saved state that is not one of this optimizer's after so many updates."""
    expected = optimizer[0](parameters)
    if state.keys() != expected.keys():
        raise ValueError(f"state must hold what the optimizer needs, {sorted(expected)}; "
                         f"got {sorted(map(str, state))}. Use the optimizer of that training.")
    update = getattr(optimizer[1], "func", None)
    if update not in (_descend, _momentum, _adam):                        # what another one keeps, its author knows
        return
    for name, value in state.items():
        squares = update is _adam and name.startswith("v_")
        if name == "t":
            right = f"a number of updates up to {iteration}"
            fits = isinstance(value, numbers.Integral) and type(value) is not bool and 0 <= value <= iteration
        else:
            right = f"a finite array of shape {expected[name].shape}" + ", none of it negative" * squares
            fits = isinstance(value, np.ndarray) and value.shape == expected[name].shape and value.dtype.kind == "f"
            fits = fits and np.isfinite(value).all() and not (squares and value.min() < 0)
        if not fits:
            raise ValueError(f"state['optimizer_state'][{name!r}] must be {right}; got {outline(value)}. "
                             "Use load_checkpoint(path).")


def gradient_descent(learning_rate: LearningRate) -> Optimizer:
    """Gradient descent, ``W = W - learning_rate · dW``.

    Parameters
    ----------
    learning_rate : float or callable
        A function gets the number of the iteration, from 0, and returns the rate.

    Examples
    --------
    >>> from shallownet.network import initialize_parameters
    >>> parameters = initialize_parameters(2, 4, 1)
    >>> init, update = gradient_descent(0.5)
    >>> init(parameters)
    {'t': 0}
    """
    return Optimizer(_count, partial(_descend, learning_rate=_check_rate(learning_rate)))


def momentum(learning_rate: LearningRate, beta: float = 0.9) -> Optimizer:
    """Gradient descent with momentum, ``v = beta v + (1 - beta) dW``, ``W = W - learning_rate · v``.

    Parameters
    ----------
    learning_rate : float or callable
    beta : float
        In [0, 1); 0 is gradient descent.

    References
    ----------
    The form of Andrew Ng's course "Improving Deep Neural Networks", week 2.
    """
    beta = check_number("beta", beta, minimum=0, below=1)
    init = partial(_zeros, names=("v",))
    return Optimizer(init, partial(_momentum, learning_rate=_check_rate(learning_rate), beta=beta))


def adam(
    learning_rate: LearningRate = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
) -> Optimizer:
    """Adam: momentum, divided by the root of the gradient's mean square.

    ``m = beta1 m + (1 - beta1) dW``, ``v = beta2 v + (1 - beta2) dW²``, ``mhat = m / (1 - beta1^t)``,
    ``vhat = v / (1 - beta2^t)``, ``W = W - learning_rate · mhat / (sqrt(vhat) + epsilon)``, ``t`` counting from 1.

    Parameters
    ----------
    learning_rate : float or callable
    beta1, beta2 : float
        In [0, 1).
    epsilon : float

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
    """
    settings = {
        "learning_rate": _check_rate(learning_rate),
        "beta1": check_number("beta1", beta1, minimum=0, below=1),
        "beta2": check_number("beta2", beta2, minimum=0, below=1),
        "epsilon": check_number("epsilon", epsilon, positive=True),
    }
    return Optimizer(partial(_zeros, names=("m", "v")), partial(_adam, **settings))


def inverse_time_decay(learning_rate: float, decay: float) -> Callable[[int], float]:
    """A learning rate that falls as ``learning_rate / (1 + decay · t)``.

    Examples
    --------
    >>> inverse_time_decay(0.5, decay=0.01)(100)
    0.25
    """
    learning_rate = check_number("learning_rate", learning_rate, positive=True)
    decay = check_number("decay", decay, minimum=0)
    return partial(_inverse_time_decay, learning_rate, decay)


def step_decay(learning_rate: float, factor: float, every: int) -> Callable[[int], float]:
    """A learning rate that begins with ``learning_rate`` and is multiplied by ``factor`` each ``every`` iterations.

    Examples
    --------
    >>> step_decay(0.5, factor=0.5, every=100)(250)
    0.125
    """
    learning_rate = check_number("learning_rate", learning_rate, positive=True)
    factor = check_number("factor", factor, positive=True)
    every = check_integer("every", every)
    return partial(_step_decay, learning_rate, factor, every)


def _inverse_time_decay(learning_rate, decay, t):
    return learning_rate / (1 + decay * t)


def _step_decay(learning_rate, factor, every, t):
    return learning_rate * factor ** (t // every)


def _descend(parameters, grads, state, *, learning_rate):
    return update_parameters(parameters, grads, _rate(learning_rate, state)), {"t": state["t"] + 1}


def _momentum(parameters, grads, state, *, learning_rate, beta):
    rate = _rate(learning_rate, state)
    parameters, state = dict(parameters), _counted(state)
    for name in NAMES:
        v = beta * state["v_" + name] + (1 - beta) * grads["d" + name]
        parameters[name] = parameters[name] - rate * v
        state["v_" + name] = v
    return parameters, state


def _adam(parameters, grads, state, *, learning_rate, beta1, beta2, epsilon):
    rate = _rate(learning_rate, state)
    parameters, state = dict(parameters), _counted(state)
    t = state["t"]
    for name in NAMES:
        gradient = grads["d" + name]
        m = beta1 * state["m_" + name] + (1 - beta1) * gradient
        v = beta2 * state["v_" + name] + (1 - beta2) * gradient**2
        mhat = m / (1 - beta1**t)
        vhat = v / (1 - beta2**t)
        parameters[name] = parameters[name] - rate * mhat / (np.sqrt(vhat) + epsilon)
        state["m_" + name], state["v_" + name] = m, v
    return parameters, state


def _count(parameters):
    return {"t": 0}


def _zeros(parameters, names):
    return _count(parameters) | {f"{v}_{name}": np.zeros_like(parameters[name]) for v in names for name in NAMES}


def _counted(state):
    return {**state, "t": state["t"] + 1}


def _check_rate(learning_rate):
    return learning_rate if callable(learning_rate) else check_number("learning_rate", learning_rate, positive=True)


def _rate(learning_rate, state):
    if not callable(learning_rate):
        return learning_rate
    return check_number(f"learning_rate({state['t']})", learning_rate(state["t"]), minimum=0)
