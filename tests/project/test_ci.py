"""CI itself: the README's commands are run, and a command that fails is noticed."""

import os
import subprocess
import sys

import pytest

README = "# Ningju\n\n```sh\ngit clone address\ncd ningju\nmake demo   # a day\nmake test\n```\n\n```text\nfalse\n```\n"


@pytest.fixture
def readme(root, tmp_path):
    def call(text, *arguments):
        (tmp_path / "README.md").write_text(text)
        command = [sys.executable, root / ".ci/readme", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    return call


def test_blocks_of_shell_run_without_comments_and_without_fetching_the_clone(readme):
    result = readme(README, "--list")
    assert result.stdout == "$ make demo\nmake test\n"


def test_what_ran_before_is_not_run_again(readme):
    result = readme(README, "--list", "--skip", "make test")
    assert result.stdout == "$ make demo\n"


def test_a_block_in_two_languages_runs_once(readme, tmp_path):
    (tmp_path / "README.zh-CN.md").write_text("```sh\nmake demo  # 一天\nmake test\n```\n")
    assert readme(README, "--list").stdout.count("make demo") == 1


def test_a_command_that_fails_fails_the_check(readme):
    result = readme("```sh\necho before\nfalse\necho after\n```\n")
    assert result.returncode == 1
    assert "failed with 1" in result.stderr
    assert "after" not in result.stdout.splitlines()


def test_a_readme_that_does_not_say_how_to_test_is_refused(readme):
    assert readme(README, "--list", "--require", "make test").returncode == 0
    result = readme(README.replace("make test\n", ""), "--list", "--require", "make test")
    assert result.returncode == 1
    assert "does not say `make test`" in result.stderr


@pytest.fixture
def make(root, tmp_path):
    (tmp_path / "Makefile").write_bytes((root / "Makefile").read_bytes())
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "requirements-dev.lock").touch()

    # These tests may run under make themselves; its flags and variables are not ours.
    outer = {"MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "VENV", "PYTHON", "ARGS"}
    clean = {key: value for key, value in os.environ.items() if key not in outer}

    def call(*arguments):
        command = ["make", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=60, check=False)

    return call


def test_an_old_python_is_named_and_the_way_out_too(make, tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$1" in -V) echo "Python 3.9.18" ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    result = make("test", f"PYTHON={old}")
    assert result.returncode != 0
    assert "needs Python 3.11 or later" in result.stderr
    assert "Python 3.9.18" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_missing_python_is_named_and_the_way_out_too(make):
    result = make("demo", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert "needs Python 3.11 or later; 'no-such-python' is not there" in result.stderr


def test_an_installed_environment_is_left_alone_until_a_lock_changes(make, tmp_path):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("bin/python", ".installed-run", ".installed-dev"):
        (tmp_path / ".venv" / name).touch()
    assert "pip install" not in make("--dry-run", "test").stdout
    (tmp_path / "requirements-dev.lock").write_text("changed\n")
    later = (tmp_path / ".venv/.installed-dev").stat().st_mtime + 10

    os.utime(tmp_path / "requirements-dev.lock", (later, later))
    assert "--require-hashes --requirement requirements-dev.lock" in make("--dry-run", "test").stdout


def test_flags_are_passed_on_to_the_demo(make):
    assert (
        "ningju demo --days 2 --report day.json" in make("--dry-run", "demo", "ARGS=--days 2 --report day.json").stdout
    )
