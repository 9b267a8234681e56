"""A stream, which is data that is read slice by slice, and the mini-batches of arrays and streams."""

from contextlib import closing

from shallownet.columns import drawn_batches, take


def mini_batches(arrays, batch_size, generator, skip=0):
    """Yield the arrays of each batch of an epoch."""
    with closing(drawn_batches(arrays, batch_size, generator, skip)) as batches:
        for rows, samples in batches:
            yield take(rows, samples)


class Slices:
    """Data that can do nothing but column slices, and keeps a list of those it was asked for."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __getitem__(self, key):
        rows, part = key
        assert rows == slice(None)
        self.asked.append((part.start, part.stop))
        return self.array[:, part]
