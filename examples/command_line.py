"""What the examples share: arguments that are checked before the training, and one line where something is wrong."""

import argparse
import sys
from pathlib import Path


def integer(minimum):
    """Return a type for argparse: an integer that is not below ``minimum``."""

    def read(text):
        if int(text) < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}; got {text}")
        return int(text)

    read.__name__ = "integer"
    return read


def positive(text):
    """A type for argparse: a positive number."""
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be positive; got {text}")
    return float(text)


def output(*endings):
    """Return a type for argparse: a path that can be written, with one of the endings."""

    def read(text):
        path = Path(text)
        if path.suffix not in endings:
            raise argparse.ArgumentTypeError(f"must end in {' or '.join(endings)}; got {text}")
        if path.is_dir() or not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"must be a file in a folder that is there; got {text}")
        missing = not path.exists()
        try:
            path.open("ab").close()                                       # what cannot be written fails now
        except OSError as error:
            raise argparse.ArgumentTypeError(f"must be writable; got {text}: {error.strerror}") from None
        if missing:
            path.unlink()
        return text

    return read


PICTURE = output(".png", ".pdf", ".svg")


def run(main):
    """Call ``main()`` and end with one line, not with a traceback, where its data are wrong or Ctrl-C is pressed."""
    try:
        main()
    except (ValueError, TypeError, OSError, FloatingPointError, ImportError) as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{Path(sys.argv[0]).name}: interrupted")
