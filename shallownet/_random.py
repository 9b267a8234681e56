"""Randomness is an argument: one door from ``random_state`` to something that draws numbers."""

import numbers

import numpy as np

LARGEST = {"pos": 624, "buffer_pos": 4, "has_gauss": 1, "has_uint32": 1}     # entries of a generator's state


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
    """Put ``generator`` into a state that ``generator_state`` returned.

    NumPy takes a position outside of its numbers, and reads there: the entries are checked before, and compared after.
    """
    before = generator_state(generator)
    try:
        if not (_alike(before, state, values=False) and _in_range(state | state["state"])):
            raise ValueError("entries that it cannot have")
        _set_state(generator, state)
        if not _alike(generator_state(generator), state):
            _set_state(generator, before)
            raise ValueError("numbers that it cannot have")
    except (ValueError, TypeError, OverflowError) as error:
        kind = state.get("bit_generator", "none") if isinstance(state, dict) else "none"
        raise ValueError(f"random_state must be of the kind that the state was saved from, {kind!s:.40}; "
                         f"got {generator!r}: {error}. Use the random_state of that training.") from error


def _set_state(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _in_range(entries):
    return all(0 <= entries.get(name, 0) <= most for name, most in LARGEST.items())


def _alike(a, b, values=True):
    """Whether two states have the same form, and the same ``values``."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_alike(a[name], b[name], values) for name in a)
    if isinstance(a, np.ndarray):
        formed = isinstance(b, np.ndarray) and (a.dtype, a.shape) == (b.dtype, b.shape)
        return formed and not (values and (a != b).any())
    return type(a) is type(b) and not (values and a != b)


def generator_in_state(state):
    """Return a new generator in a state that ``generator_state`` returned."""
    names = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
    if state["bit_generator"] not in names:
        raise ValueError(f"bit_generator must be one of {', '.join(names)}; got {state['bit_generator']!r}.")
    bits = getattr(np.random, state["bit_generator"])()
    generator = np.random.RandomState(bits) if "has_gauss" in state else np.random.Generator(bits)
    set_generator_state(generator, state)
    return generator
