"""The distribution: its five top-level names are its own (ADR-0001), and it brings all that it needs."""

import importlib.metadata
import subprocess
import sys
import zipfile

import pytest

TOPS = {"schemas", "solvers", "engine", "streams", "ningju"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a clean copy of what git knows."""
    from tests.project.conftest import ROOT

    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", out, source],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_brings_exactly_our_top_level_names(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == TOPS


def test_the_wheel_holds_every_module_of_the_packages(wheel, root):
    listing = subprocess.run(["git", "ls-files", *TOPS], cwd=root, capture_output=True, text=True, check=True).stdout
    modules = {name for name in listing.splitlines() if name.endswith((".py", "py.typed")) and (root / name).is_file()}
    assert modules
    assert modules <= set(wheel.namelist())


def test_the_wheel_refuses_to_be_uploaded_and_carries_its_licence(wheel):
    names = wheel.namelist()
    metadata = wheel.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    assert "Classifier: Private :: Do Not Upload" in metadata
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def owners(distributions):
    """Say which distributions bring each of our top-level names."""
    return {top: set(distributions.get(top, [])) for top in TOPS}


def test_each_top_level_name_belongs_to_this_distribution_alone():
    assert owners(importlib.metadata.packages_distributions()) == {top: {"ningju"} for top in TOPS}


def test_another_distribution_with_one_of_our_names_is_noticed(tmp_path, monkeypatch):
    rival = tmp_path / "rival-1.0.dist-info"
    rival.mkdir()
    (rival / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (rival / "top_level.txt").write_text("engine\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert owners(importlib.metadata.packages_distributions())["engine"] == {"ningju", "rival"}
