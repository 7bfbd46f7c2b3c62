"""The sets that can be solved and compared, and where their instances lie."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmarks.sets.instance import Instance

ROOT = Path(__file__).parents[2]
SETS = ("hhcrsp", "strsp", "pcvrptw")


class BenchmarkSet(Protocol):
    """What a module of this package offers. ``FILES`` says which files make an instance."""

    FILES: str

    def read(self, paths: Sequence[Path]) -> Instance: ...

    def instances(self, folder: Path) -> list[tuple[Path, ...]]: ...


class UnknownInstanceError(ValueError):
    """No such files; the message says where they were looked for."""


def data_root() -> Path:
    """Folder of the shared data: NINGJU_SHARED_DATA, else beside the project."""
    return Path(os.environ.get("NINGJU_SHARED_DATA", ROOT.parent / "shared" / "data"))


def folder(name: str, data: Path) -> Path:
    """Where a set's files lie in the shared data."""
    return data / "benchmarks" / name


def named(name: str) -> BenchmarkSet:
    """Load a set's module."""
    return cast("BenchmarkSet", import_module(f"benchmarks.sets.{name}"))


def located(name: str, words: Sequence[str], data: Path) -> tuple[Path, ...]:
    """Find the files that were named: by path, or by a path or a bare name inside the set's folder."""
    wanted = named(name).FILES.split()
    if len(words) != len(wanted):
        raise UnknownInstanceError(f"{name} takes {' '.join(wanted)}, not {len(words)} files")
    found = []
    for word, form in zip(words, wanted, strict=True):
        suffix = Path(form).suffix
        places = [Path(word), folder(name, data) / word, folder(name, data) / f"{word}{suffix}"]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise UnknownInstanceError(
                f"no file {word!r}, neither here nor in {folder(name, data)} (NINGJU_SHARED_DATA)"
            )
        found.append(path)
    return tuple(found)
