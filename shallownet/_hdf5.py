"""The little of HDF5 that shallownet's files are made of, and the gate that lets nothing else in.

A file is a head, and after it the numbers of its datasets, one after the other without a gap. The head holds the
superblock, the root group with its attributes and links, and a header for each dataset: no extension, no heap, no
index, no filter, nothing shared. It follows from the names, dtypes, shapes and attributes alone. So the gate reads
these off, builds the head anew and compares: what differs in a single bit is refused, and in what is left there is
nothing to follow, to unpack or to make up. The HDF5 library, which trusts what it reads, is not needed for it;
h5py and all other HDF5 programs can open the files.

Source: HDF5 File Format Specification, version 3.0 (The HDF Group), whose sections are named where they are used.
"""

import hashlib
import json
import math
import struct

from shallownet._files import require

FORMAT_VERSION = 2
LOADERS = {
    "shallownet parameters": "load_parameters",
    "shallownet checkpoint": "load_checkpoint",
    "shallownet columns": "open_columns",
}
MOST_DATASETS = 256
LONGEST_NAME = 255                      # bytes
LARGEST_HEAD = 2**17                    # bytes: more than 256 datasets with the longest names take
LARGEST_DATASET_HEADER = 512            # bytes: more than 32 dimensions take
UNDEFINED = 2**64 - 1                   # HDF5's address of what is not there
ROOT = 48                               # address of the root group's header: the length of the superblock

# IV.A.2.b, d, f, g, h, i, m: the types of messages
DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, LAYOUT, GROUP_INFO, ATTRIBUTE = 1, 2, 3, 5, 6, 8, 10, 12

# IV.A.2.d: class and version, bit field, size in bytes; offset and number of the bits; floats: exponent and mantissa
DATATYPES = {
    "<f4": struct.pack("<B3BI HH4BI", 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127),
    "<f8": struct.pack("<B3BI HH4BI", 0x11, 0x20, 63, 0, 8, 0, 64, 52, 11, 0, 52, 1023),
    "<i8": struct.pack("<B3BI HH", 0x10, 0x08, 0, 0, 8, 0, 64),
    "<u4": struct.pack("<B3BI HH", 0x10, 0x00, 0, 0, 4, 0, 32),
    "|u1": struct.pack("<B3BI HH", 0x10, 0x00, 0, 0, 1, 0, 8),
}
DTYPES = {datatype: dtype for dtype, datatype in DATATYPES.items()}


# Writing


def file_head(attributes, datasets):
    """Return all the bytes in front of the numbers.

    ``attributes`` maps names to ASCII strings and integers, ``datasets`` names to ``(dtype, shape)``. The length does
    not depend on the sizes in the shapes.
    """
    headers = {name: _dataset_header(*dataset, 0) for name, dataset in datasets.items()}
    address = ROOT + len(_root_header(attributes, dict.fromkeys(datasets, 0)))
    addresses = {}
    for name, header in headers.items():
        addresses[name] = address
        address += len(header)
    for name, (dtype, shape) in datasets.items():
        headers[name] = _dataset_header(dtype, shape, address)
        address += _bytes(dtype, shape)
    return _superblock(address) + _root_header(attributes, addresses) + b"".join(headers.values())


def _bytes(dtype, shape):
    return int(dtype[2:]) * math.prod(shape)


def _superblock(end):
    """II.A, version 2: 8 bytes for offsets and lengths, base address 0, no extension, the file's end, the root."""
    return _sealed(struct.pack("<8s4B4Q", b"\x89HDF\r\n\x1a\n", 2, 8, 8, 0, 0, UNDEFINED, end, ROOT))


def _root_header(attributes, addresses):
    return _object_header([
        (LINK_INFO, struct.pack("<BBQQ", 0, 0, UNDEFINED, UNDEFINED)),    # all links are in this header
        (GROUP_INFO, bytes(2)),
        *((LINK, struct.pack("<3B", 1, 0, len(name)) + name.encode("ascii") + struct.pack("<Q", address))
          for name, address in addresses.items()),
        *((ATTRIBUTE, _attribute(name, value)) for name, value in attributes.items()),
    ])


def _attribute(name, value):
    """IV.A.2.m, version 3: a string of fixed length or an integer, as a scalar."""
    name = name.encode("ascii") + b"\0"
    if isinstance(value, str):
        data = value.encode("ascii")
        datatype = struct.pack("<B3BI", 0x13, 1, 0, 0, len(data))         # padded with NUL
    else:
        data, datatype = struct.pack("<q", value), DATATYPES["<i8"]
    space = _dataspace(())
    sizes = struct.pack("<BBHHHB", 3, 0, len(name), len(datatype), len(space), 0)
    return sizes + name + datatype + space + data


def _dataset_header(dtype, shape, address):
    """The numbers lie in one piece at ``address`` (IV.A.2.i, version 3); what was never written is zero."""
    return _object_header([
        (DATASPACE, _dataspace(shape)),
        (DATATYPE, DATATYPES[dtype]),
        (FILL_VALUE, bytes([3, 0b1010])),                                 # allocated late, no value given
        (LAYOUT, struct.pack("<BBQQ", 3, 1, address, _bytes(dtype, shape))),
    ])


def _dataspace(shape):
    """IV.A.2.b, version 2: a scalar, or the sizes without maximal sizes."""
    return struct.pack(f"<4B{len(shape)}Q", 2, len(shape), 0, min(1, len(shape)), *shape)


def _object_header(messages):
    """IV.A.1.b: version 2, four bytes for the size, no times, one chunk."""
    body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
    return _sealed(struct.pack("<4sBBI", b"OHDR", 2, 2, len(body)) + body)


def _sealed(data):
    return data + struct.pack("<I", lookup3(data))


def lookup3(data):
    """Return the checksum of HDF5's metadata: Bob Jenkins's hashlittle of 2006 with the start value 0."""
    def rotate(x, k):
        return (x << k | x >> 32 - k) & 0xFFFFFFFF

    a = b = c = (0xDEADBEEF + len(data)) & 0xFFFFFFFF
    words = struct.unpack(f"<{-(-len(data) // 12) * 3}I", data + bytes(-len(data) % 12))
    for i in range(0, len(words), 3):
        a, b, c = (a + words[i]) & 0xFFFFFFFF, (b + words[i + 1]) & 0xFFFFFFFF, (c + words[i + 2]) & 0xFFFFFFFF
        if i + 3 < len(words):
            for k in (4, 6, 8, 16, 19, 4):
                a, b, c = b, (b + c) & 0xFFFFFFFF, (a - c & 0xFFFFFFFF) ^ rotate(c, k)
    for k in (14, 11, 25, 16, 4, 14, 24):
        a, b, c = b, (c ^ b) - rotate(b, k) & 0xFFFFFFFF, a
    return b


def digest(attributes, datasets, *pieces):
    """Return the SHA-256 of attributes, names, dtypes, shapes and of the pieces: what makes a file consistent."""
    sha = hashlib.sha256(json.dumps([attributes, datasets], sort_keys=True).encode())
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()


# Reading


def read_head(image, size, kind):
    """Return the attributes and the datasets, as ``(dtype, shape, address)``, of a file of ``size`` bytes.

    ``image`` holds the first ``LARGEST_HEAD`` bytes. Refused is what is not a whole file of this kind.
    """
    try:
        attributes, found = _look(image)
        head = file_head(attributes, found)
    except (struct.error, ValueError, LookupError):
        head = None
    require(head is not None and image.startswith(head),
            "its structure is not that of format_version 2. A file of your own that is older is converted with "
            "python -m shallownet.convert OLD NEW")
    _check_kind(attributes, kind)
    datasets, end = {}, len(head)
    for name, (dtype, shape) in found.items():
        datasets[name] = (dtype, shape, end)
        end += _bytes(dtype, shape)
    require(end == size, f"it has {size} bytes instead of {end}")
    return attributes, datasets


def _check_kind(attributes, kind):
    """Refuse another format or version."""
    found, version = attributes.get("format"), attributes.get("format_version")
    require(found in LOADERS, f"its format is {found!r}")
    require(found == f"shallownet {kind}", f"it is a {found} file: use {LOADERS[found]}(path)")
    require(version == FORMAT_VERSION, f"its format_version is {version}, and this shallownet reads {FORMAT_VERSION}")


def _look(image):
    """Return attributes and datasets of a head that may be anything: ``file_head`` has the last word."""
    attributes, datasets = {}, {}
    for kind, body in _messages(image, ROOT):
        if kind == ATTRIBUTE:
            name, value = _look_at_attribute(body)
            attributes[name] = value
        elif kind == LINK:
            (address,) = struct.unpack("<Q", body[-8:])
            header = image[address:address + LARGEST_DATASET_HEADER]
            datasets[body[3:-8].decode("ascii")] = _look_at_dataset(dict(_messages(header, 0)))
            require(len(datasets) <= MOST_DATASETS, "it has too many datasets")
    return attributes, datasets


def _messages(image, header):
    """Yield type and body of the messages in the object header at the address ``header``."""
    (size,) = struct.unpack_from("<I", image, header + 6)
    require(header + 10 + size <= len(image), "a header ends outside of the file")
    place, end = header + 10, header + 10 + size
    while place < end:
        kind, length = struct.unpack_from("<BH", image, place)
        yield kind, image[place + 4:place + 4 + length]
        place += 4 + length


def _look_at_attribute(body):
    name, datatype, space = struct.unpack("<HHH", body[2:8])
    data = body[9 + name + datatype + space:]
    integer = body[9 + name:9 + name + datatype] == DATATYPES["<i8"]
    return body[9:8 + name].decode("ascii"), struct.unpack("<q", data)[0] if integer else data.decode("ascii")


def _look_at_dataset(messages):
    sizes = messages[DATASPACE][4:]
    shape = struct.unpack(f"<{len(sizes) // 8}Q", sizes)
    require(shape and 0 not in shape, "it has a dataset without numbers, or a single number")
    return DTYPES[messages[DATATYPE]], shape
