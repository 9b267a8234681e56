"""Damaged and hostile files, in child processes with limits on time and memory: a crash or a hang is a failure."""

import os
import re
import resource
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from hostile_files import (
    COLUMN_CHANGES,
    DATASET_CHANGES,
    FILE_CHANGES,
    IMAGE_CHANGES,
    UNUSUAL,
    in_oldest_format,
    load,
    outcome,
    run_child,
)

from shallownet import column_files
from shallownet.storage import save_checkpoint, save_parameters

KINDS = {"parameters": "W1", "checkpoint": "parameters.W1", "columns": "columns"}
MEMORY_LIMIT = 2**31


def write_good(kind, path):
    """Write a small whole file."""
    parameters = {"W1": np.array([[0.1, -2.5]]), "b1": np.array([[1e-300]]), "W2": np.array([[np.pi]]),
                  "b2": np.array([[-0.0]]), "hidden": "relu"}
    if kind == "parameters":
        save_parameters(path, parameters, note="small", epochs=3)
    elif kind == "checkpoint":
        save_checkpoint(path, {"iteration": 3, "parameters": parameters, "history": {"cost": [0.5, float("inf")]}})
    else:
        with patch.object(column_files, "HDF5_CHUNK_BYTES", 32):
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
        for number in range(int(first), len(image) * (8 if mutants == "flips" else 1), int(step)):
            mutant = bytearray(image)
            if mutants == "flips":
                mutant[number // 8] ^= 1 << number % 8
            else:
                del mutant[number:]
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


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_a_plain_dataset_is_refused_before_it_is_touched(kind, tmp_path):
    check_reasons(kind, tmp_path, make(kind, tmp_path, DATASET_CHANGES, KINDS[kind]))


def test_parameters_files_that_contradict_themselves_are_refused(tmp_path):
    check_reasons("parameters", tmp_path, make("parameters", tmp_path, FILE_CHANGES))


def test_column_files_that_contradict_themselves_are_refused(tmp_path):
    reasons = make("columns", tmp_path, COLUMN_CHANGES)
    write_good("columns", tmp_path / "good")
    (tmp_path / "oldest format.h5").write_bytes(in_oldest_format(tmp_path / "good"))
    check_reasons("columns", tmp_path, reasons | {"oldest format": "its HDF5 format is 0"})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_hdf5_file_or_no_file_is_refused_and_not_waited_for(kind, tmp_path):
    for name, (change, _) in IMAGE_CHANGES.items():
        write_good(kind, tmp_path / "good")
        (tmp_path / f"{name}.h5").write_bytes(change((tmp_path / "good").read_bytes()))
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    reasons = {name: reason for name, (_, reason) in IMAGE_CHANGES.items()}
    check_reasons(kind, tmp_path, {**reasons, "pipe": "must be a regular file", "folder": "must be a regular file"})


def test_files_that_are_only_unusual_are_loaded_unchanged(tmp_path):
    make("parameters", tmp_path, {name: (change, None) for name, change in UNUSUAL.items()})
    write_good("parameters", tmp_path / "good")
    (tmp_path / "oldest format.h5").write_bytes(in_oldest_format(tmp_path / "good"))
    (tmp_path / "bytes at the end.h5").write_bytes((tmp_path / "good").read_bytes() + bytes(100))
    found = dict(line.split("\t") for line in run_child(__file__, "load_all", "parameters", tmp_path))
    assert found == dict.fromkeys([*UNUSUAL, "oldest format", "bytes at the end"], "loaded unchanged")


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncated_file_is_refused(kind, tmp_path):
    lines = run_child(__file__, "load_mutants", kind, tmp_path, "cuts", 0, 1)
    assert Counter(line.split("\t")[1] for line in lines) == {"refused": len(lines)}
    assert len(lines) > 900


@pytest.mark.parametrize("kind", ["parameters", "columns"])
def test_every_flipped_bit_is_refused_or_harmless(kind, tmp_path):
    def run(first):
        return run_child(__file__, "load_mutants", kind, tmp_path, "flips", first, 2)

    with ThreadPoolExecutor(2) as pool:
        lines = [line for half in pool.map(run, [0, 1]) for line in half]
    counts = Counter(line.split("\t")[1] for line in lines)
    assert counts.keys() <= {"refused", "loaded unchanged"}
    assert counts["refused"] > 0.9 * len(lines) > 6000


def test_a_thousand_mutations_are_refused_or_harmless():
    script = Path(__file__).parents[1] / "benchmarks" / "fuzz_storage.py"
    counts = dict(re.split(": +", line) for line in run_child(script, "--mutations", 1000) if ":" in line)
    assert counts.keys() == {"refused", "loaded unchanged", "silent change", "foreign exception", "crash", "hang"}
    assert int(counts["refused"]) + int(counts["loaded unchanged"]) == 1000


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
