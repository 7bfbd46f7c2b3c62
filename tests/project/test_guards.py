"""Formatter, linter, type checker and warnings: each complains about what it is there for."""

import pytest

CLEAN = '''"""Somebody's age."""


def older(age: int) -> int:
    """Count another birthday."""
    return age + 1
'''


def ruff(run, *arguments):
    return run("-m", "ruff", *arguments, "--no-cache", ".")


def test_clean_code_passes_all_of_them(tree, run):
    (tree / "engine/age.py").write_text(CLEAN)
    for result in (
        ruff(run, "format", "--check"),
        ruff(run, "check"),
        run("-m", "mypy", "--cache-dir", "/dev/null"),
    ):
        assert result.returncode == 0, result.stdout + result.stderr


def test_code_that_is_not_laid_out_is_refused(tree, run):
    (tree / "engine/age.py").write_text(CLEAN.replace("age + 1", "age+1"))
    result = ruff(run, "format", "--check")
    assert result.returncode == 1
    assert "engine/age.py" in result.stdout


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("F401", "import json\n"),
        ("T201", 'print("hello")\n'),
        ("DTZ001", "import datetime\n\nNOON = datetime.datetime(2026, 1, 1, 12)\n"),
        ("TID251", "import time\n\nNOW = time.time()\n"),
        ("TID251", "import uuid\n\nID = uuid.uuid4()\n"),
        ("TID251", "import random\n\nDICE = random.randint(1, 6)\n"),
        ("NPY002", "import numpy as np\n\nNOISE = np.random.rand(3)\n"),
        ("TID252", "from . import zone\n"),
        ("D101", "class Zone:\n    pass\n"),
        ("D103", "def shout():\n    return 1\n"),
        ("PGH003", "AGE: int = 3  # type: ignore\n"),
        ("S608", 'def query(name):\n    """Ask."""\n    return f"SELECT * FROM person WHERE name = {name}"\n'),
        ("BLE001", "try:\n    AGE = 3\nexcept Exception:\n    AGE = 4\n"),
    ],
)
def test_a_rule_of_the_linter_fires_in_the_engine(tree, run, rule, code):
    (tree / "engine/culprit.py").write_text(code)
    result = ruff(run, "check", "--output-format", "concise")
    assert result.returncode == 1
    assert "engine/culprit.py" in result.stdout
    assert rule in result.stdout


def test_only_the_command_line_may_print(tree, run):
    (tree / "ningju/cli/hello.py").write_text('print("hello")\n')
    assert ruff(run, "check").returncode == 0


def test_adapters_may_read_the_clock(tree, run):
    (tree / "streams/clock.py").write_text("import time\n\nSTARTED = time.time()\n")
    assert ruff(run, "check").returncode == 0


@pytest.mark.parametrize("package", ["schemas", "solvers", "engine", "streams", "ningju/ledger"])
@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("def older(age: int) -> int:\n    return str(age)\n", "return-value"),
        ("def older(age):\n    return age\n", "no-untyped-def"),
        ("import no_such_library\n", "import-not-found"),
    ],
)
def test_a_type_error_in_any_package_is_refused(tree, run, package, code, complaint):
    (tree / package / "culprit.py").write_text(code)
    result = run("-m", "mypy", "--cache-dir", "/dev/null")
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{package}/culprit.py" in result.stdout
    assert complaint in result.stdout


def pytest_in(tree, run, test):
    (tree / "tests").mkdir()
    (tree / "tests/test_it.py").write_text(test)
    return run("-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_a_warning_fails_a_test(tree, run):
    result = pytest_in(tree, run, "import warnings\n\ndef test_it():\n    warnings.warn('old', DeprecationWarning)\n")
    assert result.returncode == 1
    assert "DeprecationWarning: old" in result.stdout


def test_an_unraised_exception_fails_a_test(tree, run):
    test = (
        "def test_it():\n"
        "    class Leak:\n"
        "        def __del__(self):\n"
        "            raise ValueError('nobody listens')\n"
        "    Leak()\n"
    )
    result = pytest_in(tree, run, test)
    assert result.returncode == 1
    assert "nobody listens" in result.stdout


def test_an_unknown_marker_is_refused(tree, run):
    result = pytest_in(tree, run, "import pytest\n\n@pytest.mark.slwo\ndef test_it():\n    pass\n")
    assert result.returncode != 0
    assert "slwo" in result.stdout


def test_real_tests_run_only_when_asked_for(tree, run):
    result = pytest_in(tree, run, "import pytest\n\n@pytest.mark.real\ndef test_it():\n    assert False\n")
    assert result.returncode == 5  # nothing left to run
    assert run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "real").returncode == 1
