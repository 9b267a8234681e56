"""Damaged and hostile files, in child processes with limits on time and memory: a crash or a hang is a failure."""

import os
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from hostile_files import (
    DATASET_CHANGES,
    FORGED_COLUMNS,
    FORGED_FILES,
    IMAGE_CHANGES,
    OLD_COLUMN_CHANGES,
    OLD_FILE_CHANGES,
    OLD_UNUSUAL,
    forge,
    in_oldest_format,
    load,
    outcome,
    run_child,
    write_old,
)
from hostile_structures import STRUCTURES, changed_fields, mend

from shallownet import column_files
from shallownet.storage import ModelFileError, save_checkpoint, save_parameters

KINDS = {"parameters": "W1", "checkpoint": "parameters.W1", "columns": "columns"}
OLD_KINDS = {f"old {kind}": name for kind, name in KINDS.items()}
STRUCTURE = "its structure is not that of format_version 2"
MEMORY_LIMIT = 2**31


def write_good(kind, path):
    """Write a small whole file."""
    if kind.startswith("old "):
        write_good(kind.removeprefix("old "), path)
        write_old(kind.removeprefix("old "), path)
        return
    parameters = {"W1": np.array([[0.1, -2.5]]), "b1": np.array([[1e-300]]), "W2": np.array([[np.pi]]),
                  "b2": np.array([[-0.0]]), "hidden": "relu"}
    if kind == "parameters":
        save_parameters(path, parameters, note="small", epochs=3)
    elif kind == "checkpoint":
        save_checkpoint(path, {"iteration": 3, "parameters": parameters, "history": {"cost": [0.5, float("inf")]}})
    else:
        with patch.object(column_files, "CHECKED_BYTES", 32):
            column_files.write_columns(path, [np.array([[0.1, 0.2, 0.3], [1, 2, 3]])])


def load_all(kind, folder):
    """Child: print the outcome of every file of the folder."""
    write_good(kind, Path(folder, "good"))
    content = load(kind, Path(folder, "good"))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for path in sorted(Path(folder).glob("*.h5")):
        print(path.stem, end="\t")
        print(outcome(kind, path, content))


def load_mutants(kind, folder, mutants, first, step):
    """Child: print the outcome of every ``step``-th mutant of a good file."""
    path = Path(folder, f"good{first}")
    write_good(kind, path)
    content, image = load(kind, path), path.read_bytes()
    with open(path, "r+b", buffering=0) as file:           # opening it again and again would take the most time
        for number in range(int(first), len(image) * (1 if mutants == "cuts" else 8), int(step)):
            mutant = bytearray(image)
            if mutants == "cuts":
                del mutant[number:]
            else:
                mutant[number // 8] ^= 1 << number % 8
            if mutants == "mended flips":
                mutant = mend(mutant)
            if mutant == image:                            # the bit was one of a checksum
                continue
            file.seek(0)
            file.write(mutant)
            file.truncate()
            print(number, end="\t")
            print(outcome(kind, path, content).partition(":")[0])


def check_reasons(kind, folder, reasons):
    """Load every file of the folder in one child and compare what it says with what was expected."""
    found = dict(line.split("\t") for line in run_child(__file__, "load_all", kind, folder))
    assert found.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert found[name].startswith("refused"), f"{name}: {found[name]}"
        assert re.search(reason, found[name]), f"{name}: {found[name]}"
        assert f"{name}.h5" in found[name]


def make(kind, folder, changes, *arguments):
    """Write one changed file for every change; return the reasons."""
    for name, (change, _) in changes.items():
        path = folder / f"{name}.h5"
        write_good(kind, path)
        with h5py.File(path, "r+") as file:
            change(file, *arguments)
    return {name: reason for name, (_, reason) in changes.items()}


def make_forged(kind, folder, changes):
    """Write one forged file for every change; return the reasons."""
    for name, (change, _) in changes.items():
        write_good(kind, folder / f"{name}.h5")
        forge(kind, folder / f"{name}.h5", change)
    return {name: reason for name, (_, reason) in changes.items()}


@pytest.mark.parametrize("kind", OLD_KINDS)
def test_what_is_not_a_plain_dataset_is_not_converted(kind, tmp_path):
    check_reasons(kind, tmp_path, make(kind, tmp_path, DATASET_CHANGES, OLD_KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_program_changed_is_refused(kind, tmp_path):
    reasons = make(kind, tmp_path, DATASET_CHANGES, KINDS[kind])
    check_reasons(kind, tmp_path, dict.fromkeys(reasons, STRUCTURE))


def test_forged_parameters_files_are_refused(tmp_path):
    check_reasons("parameters", tmp_path, make_forged("parameters", tmp_path, FORGED_FILES))


def test_forged_column_files_are_refused(tmp_path):
    check_reasons("columns", tmp_path, make_forged("columns", tmp_path, FORGED_COLUMNS))


def test_old_parameters_files_that_contradict_themselves_are_not_converted(tmp_path):
    check_reasons("old parameters", tmp_path, make("old parameters", tmp_path, OLD_FILE_CHANGES))


def test_old_column_files_that_contradict_themselves_are_not_converted(tmp_path):
    reasons = make("old columns", tmp_path, OLD_COLUMN_CHANGES)
    write_good("old columns", tmp_path / "good")
    (tmp_path / "oldest format.h5").write_bytes(in_oldest_format(tmp_path / "good"))
    check_reasons("old columns", tmp_path, reasons | {"oldest format": "its HDF5 format is 0"})


@pytest.mark.parametrize("kind", OLD_KINDS)
def test_an_old_file_names_its_cure_and_converted_it_is_what_it_was(kind, tmp_path):
    new_kind = kind.removeprefix("old ")
    write_good(kind, tmp_path / "old.h5")
    write_good(new_kind, tmp_path / "good.h5")
    with pytest.raises(ModelFileError, match=r"converted with python -m shallownet\.convert OLD NEW"):
        load(new_kind, tmp_path / "old.h5")
    run_child("-m", "shallownet.convert", tmp_path / "old.h5", tmp_path / "old.h5")        # in place
    assert outcome(new_kind, tmp_path / "old.h5", load(new_kind, tmp_path / "good.h5")) == "loaded unchanged"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_needs_no_conversion_is_told_so(kind, tmp_path):
    write_good(kind, tmp_path / "good.h5")
    command = [sys.executable, "-m", "shallownet.convert", tmp_path / "good.h5", tmp_path / "new.h5"]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert child.returncode == 2
    assert f"got '{tmp_path}/good.h5', which is of the present format_version 2. Use it as it is." in child.stderr
    assert not (tmp_path / "new.h5").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_hdf5_file_or_no_file_is_refused_and_not_waited_for(kind, tmp_path):
    for name, (change, _) in IMAGE_CHANGES.items():
        write_good(kind, tmp_path / "good")
        (tmp_path / f"{name}.h5").write_bytes(change((tmp_path / "good").read_bytes()))
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    reasons = {name: reason for name, (_, reason) in IMAGE_CHANGES.items()}
    check_reasons(kind, tmp_path, {**reasons, "pipe": "must be a regular file", "folder": "must be a regular file"})


def test_old_files_that_are_only_unusual_are_converted_unchanged(tmp_path):
    make("old parameters", tmp_path, {name: (change, None) for name, change in OLD_UNUSUAL.items()})
    write_good("old parameters", tmp_path / "good")
    (tmp_path / "oldest format.h5").write_bytes(in_oldest_format(tmp_path / "good"))
    (tmp_path / "bytes at the end.h5").write_bytes((tmp_path / "good").read_bytes() + bytes(100))
    found = dict(line.split("\t") for line in run_child(__file__, "load_all", "old parameters", tmp_path))
    assert found == dict.fromkeys([*OLD_UNUSUAL, "oldest format", "bytes at the end"], "loaded unchanged")


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncated_file_is_refused(kind, tmp_path):
    lines = run_child(__file__, "load_mutants", kind, tmp_path, "cuts", 0, 1)
    assert Counter(line.split("\t")[1] for line in lines) == {"refused": len(lines)}
    assert len(lines) > 600


@pytest.mark.parametrize("kind", ["parameters", "columns"])
def test_every_flipped_bit_is_refused(kind, tmp_path):
    lines = run_child(__file__, "load_mutants", kind, tmp_path, "flips", 0, 1)
    assert Counter(line.split("\t")[1] for line in lines) == {"refused": len(lines)}
    assert len(lines) > 4800


@pytest.mark.parametrize("kind", ["parameters", "columns"])
def test_a_flipped_bit_is_refused_when_the_checksums_of_hdf5_are_mended(kind, tmp_path):
    lines = run_child(__file__, "load_mutants", kind, tmp_path, "mended flips", 0, 7)
    assert Counter(line.split("\t")[1] for line in lines) == {"refused": len(lines)}
    assert len(lines) > 600


@pytest.mark.parametrize("kind", KINDS)
def test_a_structure_that_hdf5_would_follow_is_refused(kind, tmp_path):
    write_good(kind, tmp_path / "good")
    image, count = (tmp_path / "good").read_bytes(), 0
    for structure in STRUCTURES:
        for name, changed in structure(image):
            (tmp_path / f"{structure.__name__}, {name}.h5").write_bytes(changed)
            count += 1
    found = run_child(__file__, "load_all", kind, tmp_path, limit=60)
    assert len(found) == count > 40
    assert [line for line in found if STRUCTURE not in line] == []


def test_an_index_or_a_heap_with_odd_fields_is_refused(tmp_path):
    for name, image in changed_fields():
        (tmp_path / f"{name}.h5").write_bytes(image)
    for kind in KINDS:
        found = run_child(__file__, "load_all", kind, tmp_path, limit=60)
        assert len(found) > 70
        assert [line for line in found if STRUCTURE not in line] == []


def test_a_thousand_mutations_are_refused_or_harmless():
    script = Path(__file__).parents[1] / "benchmarks" / "fuzz_storage.py"
    counts = dict(re.split(": +", line) for line in run_child(script, "--mutations", 1000) if ":" in line)
    good = {"refused", "loaded unchanged", "loaded as forged"}
    assert counts.keys() == good | {"silent change", "foreign exception", "crash", "hang", "memory"}
    assert sum(int(counts[outcome]) for outcome in good) == 1000
    assert int(counts["loaded as forged"]) > 5



if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
