"""Ctrl-C at a chosen point."""

import inspect
import sys


def interrupted(function, point):
    """Run the function with a Ctrl-C at a point: where Python enters a function or is back from one written in C.

    There, and at the end of a loop, it looks for signals. Return the KeyboardInterrupt as it leaves the function, or
    None if that has fewer points.
    """
    points = 0

    def profile(frame, event, _):
        nonlocal points
        resumed = event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR      # is inside of its try
        if event in ("call", "c_return") and not resumed:
            points += 1
            if points == point:
                raise KeyboardInterrupt                                   # and Python takes the profile away

    sys.setprofile(profile)
    try:
        function()
    except KeyboardInterrupt as error:
        return error.with_traceback(None)
    finally:
        sys.setprofile(None)
    return None
