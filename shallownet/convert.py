"""Convert a file of format_version 1, which older versions of shallownet wrote, to the present format.

    python -m shallownet.convert OLD NEW

Use it for files of your own only. The HDF5 library reads them, and it trusts what it reads: a forged file can crash
this process or take all its memory. What the old checksums of columns do not see, the conversion does not see either: a
piece that was zeroed together with its checksum, and 0xFFFF in the place of 0x0000. The new file may replace the old
one; it is written atomically.
"""

import argparse
import hashlib
import json
import math
import os
import sys
from contextlib import suppress
from functools import partial

import h5py
import numpy as np

from shallownet._checks import check_finite
from shallownet._files import ModelFileError, open_regular, refusing, require
from shallownet._hdf5 import FORMAT_VERSION, LARGEST_HEAD, LOADERS, read_head
from shallownet._types import PathLike
from shallownet.column_files import write_columns
from shallownet.network import NAMES
from shallownet.storage import DEFAULTS, FLOATS, from_json, save_checkpoint, save_parameters

TYPES = {"<f4": h5py.h5t.IEEE_F32LE, "<f8": h5py.h5t.IEEE_F64LE, "|u1": h5py.h5t.STD_U8LE}


def convert(old: PathLike, new: PathLike) -> None:
    """Read the file ``old`` of format_version 1 and write the same content to ``new``.

    Parameters
    ----------
    old, new : str or path-like
        May be the same.

    Raises
    ------
    ModelFileError
        If ``old`` is damaged, or is no file of format_version 1.
    ValueError
        If ``old`` is of the present format already, or ``new`` is no place for a file.
    OSError
        If the operating system refuses.
    """
    if _is_current(old):
        raise ValueError(f"old must be a file of format_version 1; got {os.fspath(old)!r}, which is of the present "
                         f"format_version {FORMAT_VERSION}. Use it as it is.")
    with refusing(old, "format_version 1"):
        try:
            with h5py.File(old, "r", locking=False) as file:
                _convert(file, new)
        except (OSError, RuntimeError) as error:
            if getattr(error, "errno", None) is not None:
                raise                                                     # by the operating system
            raise ModelFileError(f"HDF5 finds {error}") from error


def _is_current(path):
    with open_regular(path) as file:
        image, size = file.read(LARGEST_HEAD), os.fstat(file.fileno()).st_size
    for name in LOADERS:
        with suppress(ModelFileError):
            read_head(image, size, name.removeprefix("shallownet "))
            return True
    return False


def _convert(file, new):
    found, version = _attribute(file, "format"), _attribute(file, "format_version")
    require(found in LOADERS, f"its format is {found!r}")
    require(version == 1, f"its format_version is {version}")
    if found == "shallownet columns":
        hdf5 = file.id.get_create_plist().get_version()[0]
        require(hdf5 == 3, f"its HDF5 format is {hdf5}, without checksums of what says where the columns are")
        write_columns(new, _blocks(_dataset(file, "columns", FLOATS)))
    elif found == "shallownet checkpoint":
        save_checkpoint(new, _tree(file, found, {}))
    else:
        names = {name: _attribute(file, name) for name in DEFAULTS}
        tree = _tree(file, found, names)
        save_parameters(new, {name: tree[name] for name in NAMES} | names, **tree["metadata"])


def _blocks(rows):
    """Yield the columns of the old dataset ``(m, n_x)``, about 16 MiB at once."""
    require(rows.ndim == 2 and rows.chunks[1] == rows.shape[1], "its columns lie in pieces")
    size = max(1, 2**24 // rows[0].nbytes)
    for i in range(0, len(rows), size):
        yield check_finite("X", rows[i:i + size].T, i, cure="The old checksum does not see it")


def _tree(file, found, names):
    document = _dataset(file, "document", ["|u1"])[()].tobytes()
    declared = json.loads(document)["datasets"]
    require({*file} == {"document", *declared}, "its datasets are not the declared ones")
    require(all(dtype in FLOATS for dtype, _ in declared.values()), "it declares other numbers than floats")
    arrays = {name: _dataset(file, name, [dtype])[()] for name, (dtype, _) in declared.items()}
    require(all([*arrays[name].shape] == shape for name, (_, shape) in declared.items()), "a shape is not as declared")
    header = {"format": found, "format_version": 1, **names}
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode() + document)
    for name in sorted(arrays):
        sha.update(arrays[name])
    require(_attribute(file, "digest") == sha.hexdigest(), "its digest does not match")
    return json.loads(document, object_pairs_hook=partial(from_json, arrays))["content"]


def _attribute(file, name):
    require(h5py.h5a.exists(file.id, name.encode()), f"it has no attribute {name!r}")
    attribute = h5py.h5a.open(file.id, name.encode())
    scalar = attribute.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
    require(scalar and attribute.dtype.kind in "Siu" and attribute.dtype.itemsize <= 64,
            f"its attribute {name!r} is no short string or integer")
    value = np.empty((), attribute.dtype)
    attribute.read(value)
    return value.item().decode() if attribute.dtype.kind == "S" else value.item()


def _dataset(file, name, dtypes):
    """Return a dataset after looking at all that would follow a path, run a filter, or make numbers up."""
    require(file.id.links.exists(name.encode()), f"it has no dataset {name!r}")
    require(file.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD, f"{name!r} is a link to elsewhere")
    dataset = file[name]
    require(isinstance(dataset, h5py.Dataset), f"{name!r} is not a dataset")
    stored = dataset.id.get_type()
    require(any(stored.equal(TYPES[dtype]) for dtype in dtypes), f"{name!r} is not stored as {' or '.join(dtypes)}")
    layout = dataset.id.get_create_plist()
    require(layout.get_layout() == h5py.h5d.CHUNKED and not dataset.is_virtual and dataset.external is None,
            f"{name!r} is not stored in chunks of its own")
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    require(filters == [h5py.h5z.FILTER_FLETCHER32], f"{name!r} has the filters {filters} and not one checksum")
    chunks = math.prod(-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    size = chunks * (math.prod(dataset.chunks) * dataset.dtype.itemsize + 4)
    # What the dataset declares must be there: a missing chunk is read as zeros, and a large shape takes memory.
    require(0 < size == dataset.id.get_storage_size() <= file.id.get_filesize(), f"{name!r} is not stored whole")
    return dataset


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shallownet.convert", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    arguments = parser.parse_args()
    try:
        convert(arguments.old, arguments.new)
    except (ModelFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError as error:                                           # nothing is wrong with the file
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
