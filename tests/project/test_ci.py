"""CI itself: all checks run, in two lanes; one that fails or leaves something behind is noticed, and so is a command of the README."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
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
    for name in ("ningju/console/front/package-lock.json", "ningju/console/front/build.mjs", "deploy/front.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

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


SECTIONS = [
    "set-up",
    "libraries of the pages",
    "make test",
    "README says how to test",
    "ruff format",
    "ruff",
    "mypy",
    "import-linter",
    "lock files",
    "1,000 simulated seeds",
    "make test-real",
    "commands of the README",
    "demo on real input",
]
"""What .ci/run does on a machine without other Pythons."""

HEARING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Who is started in the background of a script is deaf to SIGINT, and so would be all that it starts."""


class Checks:
    """`.ci/run` on a tree in which each command is a stub that does what a test says."""

    def __init__(self, root, folder):
        self.tree, self.scratch, programs = folder / "tree", folder / "scratch", folder / "programs"
        for name in (self.tree / ".ci", self.tree / ".venv/bin", self.scratch, programs, folder / "data"):
            name.mkdir(parents=True)
        for name in ("changning", "nyc311"):
            (folder / "data" / name).mkdir()
        shutil.copy(root / ".ci/run", self.tree / ".ci/run")
        ours = [self.tree / name for name in (".ci/readme", ".ci/addresses")]
        ours += [self.tree / ".venv/bin" / name for name in ("ruff", "mypy", "lint-imports")]
        for stub in [*ours, *(programs / name for name in ("make", "mvn", "java"))]:
            self._write(
                stub, f'does="does_${{1-}}"; does=${{does//[!a-z_]/_}}\n[ {stub.name} != make ] || eval "${{!does-:}}"'
            )
        for absent in ("pyenv", "python3.12", "python3.13"):
            self._write(programs / absent, "exit 1")
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.scratch),
            "NINGJU_SHARED_DATA": str(folder / "data"),
        }

    @staticmethod
    def _write(path, script):
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def breaks(self, program):
        self._write(self.tree / program, "exit 3")

    def start(self, **does):
        """Start all checks; `test_real="..."` is what `make test-real` does."""
        told = {f"does_{name}": script for name, script in does.items()}
        return subprocess.Popen(
            [sys.executable, "-c", HEARING, self.tree / ".ci/run"],
            cwd=self.tree,
            env=self.environment | told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **does):
        process = self.start(**does)
        self.told, _ = process.communicate(timeout=60)
        return process.returncode

    def verdicts(self):
        return dict(re.findall(r"^ +\d+ s +\d+ %  (.*?)  +(ok|FAILED \(\d+\))$", self.told, re.MULTILINE))

    def living(self):
        """Those of the processes which noted their ids that have not ended."""
        noted = [int(text) for file in sorted(self.tree.glob("*.pid")) if (text := file.read_text().strip())]
        found = []
        for pid in noted:
            with suppress(psutil.NoSuchProcess):
                if (process := psutil.Process(pid)).status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@pytest.fixture
def checks(root, tmp_path):
    made = Checks(root, tmp_path)
    yield made
    for process in made.living():
        process.kill()


def test_each_check_runs_and_is_told_and_nothing_is_left_in_the_way(checks):
    assert checks.run() == 0
    assert checks.verdicts() == dict.fromkeys(SECTIONS, "ok")
    assert checks.told.count("not on this machine") == 2
    assert list(checks.scratch.iterdir()) == []


def test_tests_run_beside_the_other_checks_and_what_those_say_is_told_in_one_piece(checks):
    meet = "touch {0}; for _ in {{1..300}}; do [ ! -e {1} ] || break; sleep 0.1; done; [ -e {1} ]; echo {0} {0}"
    assert checks.run(test=meet.format("one", "other"), test_real=meet.format("other", "one")) == 0
    first, second = checks.told.index("==== make test\none one"), checks.told.index("==== README says how to test")
    assert first < second < checks.told.index("==== make test-real\nother other\n\n==== commands of the README")


@pytest.mark.parametrize(
    ("target", "name"), [("test", "make test"), ("test_real", "make test-real"), ("demo", "demo on real input")]
)
def test_a_target_that_fails_in_either_lane_fails_the_whole_and_is_named(checks, target, name):
    assert checks.run(**{target: "exit 3"}) == 1
    assert checks.verdicts() == dict.fromkeys(SECTIONS, "ok") | {name: "FAILED (3)"}


@pytest.mark.parametrize(
    ("program", "names"),
    [
        (".venv/bin/ruff", {"ruff", "ruff format"}),
        (".venv/bin/mypy", {"mypy"}),
        (".venv/bin/lint-imports", {"import-linter"}),
        (".ci/addresses", {"lock files"}),
        (".ci/readme", {"README says how to test", "commands of the README"}),
    ],
)
def test_a_program_that_finds_fault_fails_the_whole_and_is_named(checks, program, names):
    checks.breaks(program)
    assert checks.run() == 1
    assert checks.verdicts() == dict.fromkeys(SECTIONS, "ok") | dict.fromkeys(names, "FAILED (3)")


def test_without_a_set_up_nothing_else_is_tried(checks):
    assert checks.run(_venv__installed_dev="exit 3") == 1
    assert checks.verdicts() == {"set-up": "FAILED (3)"}
    assert "====" not in checks.told.replace("==== set-up", "")


def test_processes_left_behind_in_either_lane_are_ended_and_count_as_a_fault(checks):
    assert checks.run(test="sleep 300 & echo $! >a.pid", test_real="sleep 300 & echo $! >b.pid") == 1
    assert checks.verdicts() == dict.fromkeys(SECTIONS, "ok") | dict.fromkeys(
        ("make test", "make test-real"), "FAILED (1)"
    )
    assert "make test: left processes behind" in checks.told
    assert "make test-real: left processes behind" in checks.told
    assert checks.living() == []


def test_a_section_that_hangs_is_ended_when_its_minutes_are_over_and_the_rest_goes_on(checks):
    checks.environment["NINGJU_CI_MINUTE_S"] = "1"  # a second stands for a minute
    stay = "trap '' TERM; sleep 300 & echo $! >a.pid; while :; do wait; done"
    assert checks.run(test_real=stay) == 1
    assert checks.verdicts() == dict.fromkeys(SECTIONS, "ok") | {"make test-real": "FAILED (143)"}
    assert "make test-real: not done after" in checks.told
    assert checks.living() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_what_runs_in_both_lanes_and_tells_what_was_said(checks, number):
    stay = "trap 'echo {0} drains; exit 1' TERM; sleep 300 & echo $! >{0}.pid; wait"
    process = checks.start(test=stay.format("one"), test_real=stay.format("other"))
    until = time.monotonic() + 30
    while len(checks.living()) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    checks.told, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "one drains" in checks.told
    assert "other drains" in checks.told
    assert checks.verdicts()["mypy"] == "ok"
    assert "make test" not in checks.verdicts()
    assert checks.living() == []
    assert list(checks.scratch.iterdir()) == []


def test_what_a_lane_runs_is_not_deaf_to_signals(checks):
    assert checks.run(test="kill -INT $$; sleep 1", test_real="kill -INT $$; sleep 1") == 1
    assert {checks.verdicts()[name] for name in ("make test", "make test-real")} == {"FAILED (130)"}
