"""Generated data: columns are samples, class by class; a seed gives the same numbers on every version of NumPy."""

import math

import numpy as np

from shallownet._checks import check_integer, check_number
from shallownet._random import random_generator
from shallownet._types import Array, RandomState


def planar_flower(m: int = 400, random_state: RandomState = 1) -> tuple[Array, Array]:
    """Two interleaved classes in the shape of a flower.

    Class ``j`` has the angle ``t`` from ``3.12 j`` to ``3.12 (j + 1)`` with noise, the radius ``4 sin(4t)`` with noise,
    and the points ``(r sin t, r cos t)``.

    Parameters
    ----------
    m : int
        Number of samples, half of each class.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (1, m)
        0.0 for the first half, 1.0 for the second.

    References
    ----------
    The planar data of Andrew Ng's course "Neural Networks and Deep Learning", week 3.

    Examples
    --------
    >>> X, Y = planar_flower()
    >>> X.shape, Y.shape, Y.mean().item()
    ((2, 400), (1, 400), 0.5)
    """
    sizes = _class_sizes(m, 2)
    generator = random_generator(random_state)
    halves = []
    for j, n in enumerate(sizes):
        t = np.linspace(j * 3.12, (j + 1) * 3.12, n) + 0.2 * generator.standard_normal(n)
        r = 4 * np.sin(4 * t) + 0.2 * generator.standard_normal(n)
        halves.append(np.array([r * np.sin(t), r * np.cos(t)]))
    return np.hstack(halves), _class_labels(sizes)


def moons(m: int = 200, noise: float = 0.1, random_state: RandomState = 1) -> tuple[Array, Array]:
    """Two interleaved half circles, ``(cos t, sin t)`` and ``(1 - cos t, 1/2 - sin t)`` for ``t`` from 0 to pi.

    Parameters
    ----------
    m : int
        Number of samples, half of each class.
    noise : float
        Standard deviation of the normal noise on each coordinate.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (1, m)
        0.0 for the upper moon, 1.0 for the lower one.

    Examples
    --------
    >>> X, Y = moons(m=4, noise=0)
    >>> X.round(1)
    array([[ 1. , -1. ,  0. ,  2. ],
           [ 0. ,  0. ,  0.5,  0.5]])
    >>> Y
    array([[0., 0., 1., 1.]])
    """
    sizes = _class_sizes(m, 2)
    upper, lower = (np.linspace(0, np.pi, n) for n in sizes)
    X = np.hstack([[np.cos(upper), np.sin(upper)], [1 - np.cos(lower), 0.5 - np.sin(lower)]])
    return _add_noise(X, noise, random_state), _class_labels(sizes)


def circles(
    m: int = 200, noise: float = 0.1, factor: float = 0.5, random_state: RandomState = 1
) -> tuple[Array, Array]:
    """A circle of radius 1 around a circle of radius ``factor``.

    Parameters
    ----------
    m : int
        Number of samples, half of each class.
    noise : float
        Standard deviation of the normal noise on each coordinate.
    factor : float
        Radius of the inner circle, below 1.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (1, m)
        0.0 for the outer circle, 1.0 for the inner one.

    Examples
    --------
    >>> X, Y = circles(m=4, noise=0)
    >>> X.round(1)
    array([[ 1. , -1. ,  0.5, -0.5],
           [ 0. ,  0. ,  0. ,  0. ]])
    """
    sizes = _class_sizes(m, 2)
    factor = check_number("factor", factor, minimum=0, below=1)
    X = np.hstack([radius * _around_the_circle(n) for radius, n in zip((1, factor), sizes, strict=True)])
    return _add_noise(X, noise, random_state), _class_labels(sizes)


def blobs(m: int = 200, classes: int = 2, noise: float = 0.2, random_state: RandomState = 1) -> tuple[Array, Array]:
    """One normal cloud a class, the centres evenly spaced on the unit circle.

    Parameters
    ----------
    m : int
        Number of samples, shared out evenly.
    classes : int
        Number of classes, at least 2.
    noise : float
        Standard deviation of each coordinate in its cloud.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (1, m) or (classes, m)
        0.0 and 1.0 for two classes, one-hot for more.

    Examples
    --------
    >>> X, Y = blobs(m=300, classes=3)
    >>> X.shape, Y.shape
    ((2, 300), (3, 300))
    """
    sizes = _class_sizes(m, classes)
    X = np.repeat(_around_the_circle(classes), sizes, axis=1)
    return _add_noise(X, noise, random_state), _class_labels(sizes)


def gaussian_quantiles(m: int = 200, classes: int = 2, random_state: RandomState = 1) -> tuple[Array, Array]:
    """One normal cloud, cut into rings of equally many samples: the classes are quantiles of the distance from 0.

    Parameters
    ----------
    m : int
        Number of samples, shared out evenly.
    classes : int
        Number of rings, at least 2.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
        From the innermost sample to the outermost one.
    Y : array, shape (1, m) or (classes, m)
        0.0 and 1.0 for two classes, one-hot for more.

    Examples
    --------
    >>> X, Y = gaussian_quantiles()
    >>> radius = np.hypot(X[0], X[1])
    >>> print(radius[Y[0] == 0].max() < radius[Y[0] == 1].min())
    True
    """
    sizes = _class_sizes(m, classes)
    X = random_generator(random_state).standard_normal((2, m))
    return X[:, np.argsort(np.hypot(X[0], X[1]))], _class_labels(sizes)


def spiral(m: int = 300, noise: float = 0.2, random_state: RandomState = 1984) -> tuple[Array, Array]:
    """A spiral of three arms, a class each.

    Point ``i`` of the ``n`` points of class ``j`` is ``(r sin t, r cos t)`` with the radius ``r = i/n`` and the angle
    ``t = 4j + 4r + noise · randn()``.

    Parameters
    ----------
    m : int
        Number of samples, a third of each class.
    noise : float
        Standard deviation of the normal noise on the angle.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (3, m)
        One-hot.

    Examples
    --------
    >>> X, Y = spiral()
    >>> X.shape, Y.sum(axis=1)
    ((2, 300), array([100., 100., 100.]))
    """
    sizes = _class_sizes(m, 3)
    noise = check_number("noise", noise, minimum=0)
    generator = random_generator(random_state)
    arms = []
    for j, n in enumerate(sizes):
        r = np.arange(n) / n
        t = 4 * j + 4 * r + noise * generator.standard_normal(n)
        arms.append(np.array([r * np.sin(t), r * np.cos(t)]))
    return np.hstack(arms), _class_labels(sizes)


def noisy_sine(m: int = 100, noise: float = 1.0, random_state: RandomState = 0) -> tuple[Array, Array]:
    """A period of the sine with uniform noise, for regression: ``y = sin(2 pi x) + noise · u``.

    ``x`` and ``u`` are uniform in [0, 1), all of ``x`` drawn first; ``y`` lies ``noise/2`` above the sine on average.

    Parameters
    ----------
    m : int
        Number of samples.
    noise : float
        Height of the noise.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X, Y : array, shape (1, m)

    Examples
    --------
    >>> X, Y = noisy_sine(m=3)
    >>> X
    array([[0.5488135 , 0.71518937, 0.60276338]])
    """
    check_integer("m", m)
    noise = check_number("noise", noise, minimum=0)
    generator = random_generator(random_state)
    X = generator.uniform(size=(1, m))
    return X, np.sin(2 * np.pi * X) + noise * generator.uniform(size=(1, m))


def disc(m: int = 121, noise: float = 0.0, random_state: RandomState = 1) -> tuple[Array, Array]:
    """A square grid on [-2, 2] x [-2, 2], labelled 1 inside the unit circle and 0 elsewhere.

    Parameters
    ----------
    m : int
        Number of samples, a square number: 121 are 11 by 11 points, the second coordinate running faster.
    noise : float
        Standard deviation of the normal noise that moves the labelled points; 0 leaves the grid as it is.
    random_state : int, RandomState, Generator or None

    Returns
    -------
    X : array, shape (2, m)
    Y : array, shape (1, m)

    Examples
    --------
    >>> X, Y = disc()
    >>> X[:, :3]
    array([[-2. , -2. , -2. ],
           [-2. , -1.6, -1.2]])
    >>> print(Y.sum())
    21.0
    """
    side = math.isqrt(check_integer("m", m, 4))
    if side**2 != m:
        raise ValueError(f"m must be a square number, as disc is a grid; got {m}. Use {side**2} or {(side + 1)**2}.")
    steps = 2 * np.arange(side) - (side - 1)                              # whole numbers: the circle is met exactly
    grid = np.array([np.repeat(steps, side), np.tile(steps, side)])
    X = -2 + 2 * (grid + side - 1) / (side - 1)
    Y = 4 * np.square(grid).sum(axis=0, keepdims=True) < (side - 1) ** 2
    return _add_noise(X, noise, random_state), Y.astype(float)


def _class_sizes(m, classes):
    """Share ``m`` samples out evenly; the first classes get what is left over."""
    check_integer("classes", classes, 2)
    check_integer("m", m, classes)
    return [m // classes + (j < m % classes) for j in range(classes)]


def _class_labels(sizes):
    """Labels class by class: 0/1 of shape (1, m) for two classes, one-hot of shape (classes, m) for more."""
    Y = np.repeat(np.eye(len(sizes)), sizes, axis=1)
    return Y[1:] if len(sizes) == 2 else Y


def _around_the_circle(n):
    """``n`` evenly spaced points of the unit circle, shape (2, n)."""
    t = 2 * np.pi * np.arange(n) / n
    return np.array([np.cos(t), np.sin(t)])


def _add_noise(X, noise, random_state):
    noise = check_number("noise", noise, minimum=0)
    return X + noise * random_generator(random_state).standard_normal(X.shape)
