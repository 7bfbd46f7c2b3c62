"""Lock files: hashes, no addresses, and what they lock is what pyproject.toml asks for."""

import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

GOOD = "# made by hand\nsix==1.17.0 \\\n    --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n    # via faust\n"


def check(root: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([root / ".ci/addresses", *files], capture_output=True, text=True, timeout=60, check=False)


def test_our_lock_files_name_no_address(root):
    result = check(root)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_lock_of_versions_and_hashes_is_accepted(root, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(GOOD)
    assert check(root, lock).returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://registry.example/simple",
        "-i registry.example",
        "--extra-index-url registry.example",
        "--find-links /opt/somewhere",
        "-f wheels",
        "six @ file:///opt/six.whl",
        "# from http://registry.example/simple",
        '"resolved": "HTTPS://registry.example/six.tgz"',
    ],
)
def test_an_address_in_a_lock_file_is_refused(root, tmp_path, line):
    lock = tmp_path / "requirements.lock"
    lock.write_text(GOOD + line + "\n")
    result = check(root, lock)
    assert result.returncode == 1
    assert "names an address" in result.stderr


def test_a_requirement_without_a_hash_is_refused(root, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(GOOD + "seven==1.0\n")
    result = check(root, lock)
    assert result.returncode == 1
    assert "no hash" in result.stderr


def locked(path: Path) -> dict[str, str]:
    pins = (line.split(" ")[0].split("==") for line in path.read_text().splitlines() if line[:1].isalnum())
    return {canonicalize_name(name): version for name, version in pins}


def wanted(root: Path) -> dict[str, list[Requirement]]:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run = project["project"]["dependencies"] + groups["build"]
    more = [line for group in ("test", "check", "bench") for line in groups[group]]
    more += [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    return {
        "requirements.lock": [Requirement(line) for line in run],
        "requirements-dev.lock": [Requirement(line) for line in run + more],
        "requirements-peers.lock": [Requirement(line) for line in groups["peers"]],
    }


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-peers.lock"])
def test_the_lock_satisfies_every_range_of_the_project(root, name):
    pins = locked(root / name)
    for requirement in wanted(root)[name]:
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in {name}: make lock"
        assert requirement.specifier.contains(version), f"{requirement}, locked {version}: make lock"


def test_both_locks_agree_so_that_tests_run_on_what_is_shipped(root):
    run, dev = locked(root / "requirements.lock"), locked(root / "requirements-dev.lock")
    assert run.items() <= dev.items()


def test_peers_come_beside_what_is_there_and_change_none_of_it(root):
    dev, peers = locked(root / "requirements-dev.lock"), locked(root / "requirements-peers.lock")
    assert {name: version for name, version in peers.items() if dev.get(name, version) != version} == {}


def test_every_direct_dependency_has_a_range_with_both_ends(root):
    for requirement in wanted(root)["requirements-dev.lock"] + wanted(root)["requirements-peers.lock"]:
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators == {">=", "<"}, requirement


def test_every_direct_dependency_has_its_reason_beside_it(root):
    names = tuple(f"{requirement.name}{end}" for requirement in wanted(root)["requirements-dev.lock"] for end in ">[")
    lines = [line.strip() for line in (root / "pyproject.toml").read_text().splitlines()]
    entries = [line for line in lines if line.startswith('"') and line[1:].startswith(names)]
    assert len(entries) >= 30
    assert [entry for entry in entries if "  # " not in entry and ", # " not in entry] == []
