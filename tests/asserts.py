"""What several test files assert: two results agree in structure, and to the bit or within a tolerance."""

import numpy as np


def assert_identical(actual, expected, path="result"):
    """The same structure, the same types, the same bits."""
    assert type(actual) is type(expected), path
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), path
        for key in expected:
            assert_identical(actual[key], expected[key], f"{path}[{key!r}]")
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected), path
        for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_identical(one, other, f"{path}[{k}]")
    elif isinstance(expected, np.ndarray):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), path
        assert actual.tobytes() == expected.tobytes(), path
    else:
        assert actual == expected, path


def assert_close(actual, expected, path="result", **tolerance):
    """The same structure, the same names, and numbers that agree within ``rtol`` and ``atol``."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), path
        for key in expected:
            assert_close(actual[key], expected[key], f"{path}[{key!r}]", **tolerance)
    elif isinstance(expected, list | tuple):
        for k, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_close(one, other, f"{path}[{k}]", **tolerance)
    elif isinstance(expected, str):
        assert actual == expected, path
    else:
        np.testing.assert_allclose(actual, expected, **tolerance, err_msg=path)
