"""Randomness is an argument: one door from ``random_state`` to something that draws numbers."""

import numbers

import numpy as np


def random_generator(random_state):
    """Return what draws the numbers for ``random_state``.

    An ``int`` gives ``numpy.random.RandomState(int)``, whose stream NumPy promises never to change; a ``RandomState``
    or a ``Generator`` is used as it is; ``None`` gives NumPy's global state, so that ``np.random.seed`` works.
    All of them have ``standard_normal``, ``permutation``, ``shuffle`` and ``uniform``.
    """
    if random_state is None:
        return np.random  # the module: its functions draw from the global state
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    if isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool):
        if not 0 <= random_state < 2**32:
            raise ValueError(f"random_state must lie in [0, 2**32 - 1]; got {random_state}.")
        return np.random.RandomState(int(random_state))
    raise TypeError(
        f"random_state must be an int, a RandomState, a Generator or None; got {random_state!r}. Use an int."
    )


def generator_state(generator):
    """Return the generator's state as a dictionary of plain values and arrays."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state(legacy=False)


def set_generator_state(generator, state):
    """Put ``generator`` into a state that ``generator_state`` returned."""
    try:
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = state
        else:
            generator.set_state(state)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"random_state must be of the kind that the state was saved from, {state['bit_generator']}; "
                         f"got {generator!r}. Use the random_state of that training.") from error
