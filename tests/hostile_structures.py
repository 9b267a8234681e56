"""Files whose structure would crash the HDF5 library, hang it, or have it take gigabytes; all their checksums are true.

The first kind takes a good file and puts an object header in another one's place. The second kind is written by HDF5
with what shallownet never writes (an index of chunks, a heap of links), and a field of it is changed.
"""

import io
import re
import struct

import h5py
import numpy as np

from shallownet._hdf5 import lookup3

SUPERBLOCK, ROOT = 0, 48
SEALED = {b"EAHD": 68, b"FAHD": 24, b"BTHD": 34, b"FRHP": 142}            # bytes in front of the checksum


def seal(image, start, length):
    image[start + length:start + length + 4] = struct.pack("<I", lookup3(bytes(image[start:start + length])))


def mend(image):
    """Return the bytes with the checksums of superblock, object headers, indices and heaps as they ought to be."""
    image = bytearray(image)
    seal(image, SUPERBLOCK, 44)
    for signature, length in SEALED.items():
        for found in re.finditer(signature, image):
            seal(image, found.start(), length)
    for found in re.finditer(b"OHDR", image):
        start, end = found.start(), body(image, found.start()).stop
        if end + 4 <= len(image):
            seal(image, start, end - start)
    return bytes(image)


def body(image, header):
    """Return where the messages of an object header lie."""
    flags = image[header + 5] if header + 5 < len(image) else 0
    place, width = header + 6 + 16 * bool(flags & 32) + 4 * bool(flags & 16), 1 << (flags & 3)
    size = int.from_bytes(image[place:place + width], "little")
    return range(place + width, place + width + size)


def messages(image, header):
    """Return the messages of an object header of version 2, as ``(type, flags, content)``."""
    found, places = [], body(image, header)
    place, head = places.start, 6 if image[header + 5] & 4 else 4         # with the order of creation, or without
    while place + head <= places.stop:
        kind, length, flags = struct.unpack_from("<BHB", image, place)
        found.append((kind, flags, image[place + head:place + head + length]))
        place += head + length
    return found


def with_header(image, header, changed):
    """Return the file with another header, at its end, in the place of the one at the address ``header``."""
    content = b"".join(struct.pack("<BHB", kind, len(data), flags) + data for kind, flags, data in changed)
    new = b"OHDR\2\2" + struct.pack("<I", len(content)) + content + bytes(4)
    image = image.replace(struct.pack("<Q", header), struct.pack("<Q", len(image)))
    return with_end(image + new)


def with_end(image):
    """Return the file with its length in the superblock, and true checksums."""
    return mend(image[:28] + struct.pack("<Q", len(image)) + image[36:])


def headers(image):
    return [found.start() for found in re.finditer(b"OHDR", image)]


# Changes of a good file


def shared_with_itself(image):
    """Every message of every header, shared with the very header that it is in: HDF5 follows that for ever."""
    for header in headers(image):
        shared = b"\3\2" + struct.pack("<Q", header)
        found = messages(image, header)
        for k, (kind, flags, _) in enumerate(found):
            changed = [*found[:k], (kind, flags | 2, shared), *found[k + 1:]]
            yield f"message {kind} of {header} at {k}", with_header(image, header, changed)


def attribute_of_a_shared_type(image):
    """The type of each attribute is that of the root group, which is shared with itself."""
    found, shared = messages(image, ROOT), b"\3\2" + struct.pack("<Q", ROOT)
    for k, (kind, flags, data) in enumerate(found):
        if kind == 12:
            name, datatype, space = struct.unpack("<HHH", data[2:8])
            data = (b"\3\1" + struct.pack("<HHH", name, len(shared), space) + data[8:9 + name] + shared
                    + data[9 + name + datatype:])
            yield f"attribute {k}", with_header(image, ROOT, [*found[:k], (kind, flags, data), *found[k + 1:],
                                                              (3, 2, shared)])


def continued_in_itself(image):
    """A header goes on in a block that goes on in itself."""
    for header in headers(image):
        address, size = len(image), 4 + 4 + 16 + 4
        block = bytearray(b"OCHK" + struct.pack("<BHBQQ", 16, 16, 0, address, size) + bytes(4))
        seal(block, 0, size - 4)
        link = (16, 0, struct.pack("<QQ", address, size))
        yield f"header {header}", with_header(image + bytes(block), header, [*messages(image, header), link])


def extended_superblock(image):
    """A superblock extension: a shared message table, a cache image, or some other header of the file."""
    for name, message in {"shared message table": (15, 0, b"\0" + struct.pack("<QB", len(image), 255)),
                          "cache image": (24, 0, b"\0" + struct.pack("<QQ", 0, 2**40))}.items():
        extended = with_header(image, len(image) + 1, [message])          # nothing points to it but the superblock
        yield name, with_end(extended[:20] + struct.pack("<Q", len(image)) + extended[28:])
    for header in headers(image):
        yield f"header {header}", with_end(image[:20] + struct.pack("<Q", header) + image[28:])


def nested_types(image):
    """A type of lists of lists, or of arrays of arrays, thousands of levels deep."""
    for header in headers(image)[1:]:
        for name, level, levels in (("lists", b"\x39\0\0\0" + struct.pack("<I", 16), 8000),
                                    ("arrays", b"\x3a\0\0\0" + struct.pack("<IBI", 8, 1, 1), 2600)):
            changed = [(kind, flags, level * levels + data if kind == 3 else data)
                       for kind, flags, data in messages(image, header)]
            yield f"{name} in {header}", with_header(image, header, changed)


def overlapping_arrays(image):
    """Numbers that lie in the head, in another dataset, outside of the file, or that are more than there are."""
    for header in headers(image)[1:]:
        for name, address, size in (("head", 0, None), ("another", len(image) - 8, None), ("outside", 2**63, None),
                                    ("more", None, 2**62), ("less", None, 8), ("nowhere", 2**64 - 1, None)):
            def layout(data, address=address, size=size):
                place, length = struct.unpack("<QQ", data[2:])
                return data[:2] + struct.pack("<QQ", place if address is None else address, length if size is None
                                              else size)
            changed = [(kind, flags, layout(data) if kind == 8 else data)
                       for kind, flags, data in messages(image, header)]
            yield f"{name} of {header}", with_header(image, header, changed)


def many_names(image):
    """One dataset under two thousand names."""
    header = headers(image)[1]
    links = [(6, 0, struct.pack("<BBB", 1, 0, 5) + b"x%04d" % k + struct.pack("<Q", header)) for k in range(2000)]
    yield "links", with_header(image, ROOT, [*messages(image, ROOT), *links])


STRUCTURES = (shared_with_itself, attribute_of_a_shared_type, continued_in_itself, extended_superblock, nested_types,
              overlapping_arrays, many_names)


# Fields of what shallownet does not write


def written_by_hdf5(maxshape=None, arrays=1):
    """Return a file of HDF5's own making: columns in chunks, and that many arrays."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110")) as file:
        for name, value in {"format": np.bytes_("shallownet columns"), "format_version": 2}.items():
            file.attrs[name] = value
        rows = np.arange(960.0).reshape(240, 4)
        for k in range(arrays):
            file.create_dataset(f"columns{k or ''}", data=rows, chunks=(8, 4), maxshape=maxshape, fletcher32=True)
    return image.getvalue()


EXTENSIBLE, FIXED, TREE, DENSE = "extensible array", "fixed array", "B-tree of chunks", "heap of links"
WRITTEN = {EXTENSIBLE: ((None, 4), 1), FIXED: (None, 1), TREE: ((None, None), 1), DENSE: (None, 12)}
# structure, signature, offset and size of the field, values
FIELDS = [
    (EXTENSIBLE, b"EAHD", 6, 1, (0, 255)),                                # bytes of an element
    (EXTENSIBLE, b"EAHD", 8, 1, (0, 255)),                                # elements in the index block
    (EXTENSIBLE, b"EAHD", 9, 1, (0, 255)),                                # least elements of a data block
    (EXTENSIBLE, b"EAHD", 10, 1, (0, 255)),                               # least pointers of a super block
    (EXTENSIBLE, b"EAHD", 11, 1, (0, 255)),                               # bits of a page
    (EXTENSIBLE, b"EAHD", 44, 8, (2**32, 2**62, 2**64 - 1)),              # greatest index that is set
    (FIXED, b"FAHD", 6, 1, (0, 255)),                                     # bytes of an element
    (FIXED, b"FAHD", 7, 1, (0, 255)),                                     # bits of a page
    (FIXED, b"FAHD", 8, 8, (0, 2**32, 2**62)),                            # number of elements
    *((structure, b"BTHD", offset, size, values) for structure in (TREE, DENSE) for offset, size, values in (
        (5, 1, (0, 3, 10)),                                               # type
        (6, 4, (0, 16, 2**29, 2**30)),                                    # size of a node
        (10, 2, (0, 1, 7, 0x3F0B, 65535)),                                # size of a record
        (12, 2, (5, 65535)),                                              # depth
        (24, 2, (0, 65535)),                                              # records in the root
        (26, 8, (0, 2**16, 2**25, 2**62)),                                # records in all
    )),
    (DENSE, b"FRHP", 5, 2, (0, 4096)),                                    # length of a heap identifier
    (DENSE, b"FRHP", 110, 2, (0, 2, 32768)),                              # width of the table
    (DENSE, b"FRHP", 112, 8, (0, 1, 2**40)),                              # size of the first blocks
    (DENSE, b"FRHP", 120, 8, (0, 2**63)),                                 # greatest size of a block
    (DENSE, b"FRHP", 128, 2, (0, 65535)),                                 # bits of the heap's size
    (DENSE, b"FRHP", 140, 2, (1, 65535)),                                 # rows of the root block
]


def changed_fields():
    """Yield every field of ``FIELDS`` with each of its values."""
    images = {name: written_by_hdf5(*arguments) for name, arguments in WRITTEN.items()}
    for structure, signature, offset, size, values in FIELDS:
        place = images[structure].index(signature) + offset
        for value in values:
            image = bytearray(images[structure])
            image[place:place + size] = value.to_bytes(size, "little")
            yield f"{structure} {signature.decode()} {offset} {value}", mend(image)
