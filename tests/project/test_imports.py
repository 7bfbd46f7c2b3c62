"""Who may import whom: the contracts hold, and each of them can fail."""

import subprocess
import sys
from pathlib import Path

import pytest


def lint(run, *, contract=None):
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.argv[0] = 'lint-imports'; c()"
    return run("-c", code, "--no-cache", *(("--contract", contract) if contract else ()))


def test_an_empty_tree_keeps_every_contract(run):
    result = lint(run)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("contract", "importer", "imported"),
    [
        ("layers", "schemas", "solvers"),
        ("layers", "schemas", "engine"),
        ("layers", "solvers", "engine"),
        ("layers", "engine", "streams"),
        ("layers", "engine", "ningju.ledger"),
        ("layers", "ningju.console", "ningju.bootstrap"),
        ("layers", "ningju.bootstrap", "ningju.cli"),
        ("adapters", "streams", "ningju.ledger"),
        ("adapters", "ningju.console", "ningju.ledger"),
        ("adapters", "ningju.simulation", "streams"),
        ("adapters", "ningju.dispatch", "ningju.console"),
        ("wiring", "ningju.cli", "ningju.ledger"),
        ("wiring", "ningju.cli", "streams"),
        ("pure-engine", "engine", "sqlalchemy"),
        ("pure-engine", "engine", "faust"),
        ("pure-engine", "engine", "kafka"),
        ("pure-engine", "engine", "fastapi"),
        ("pure-engine", "engine", "ortools"),
        ("pure-solvers", "solvers", "sqlalchemy"),
        ("pure-solvers", "schemas", "fastapi"),
        ("kafka", "ningju.ledger", "faust"),
        ("kafka", "ningju.bootstrap", "kafka"),
        ("sql", "streams", "sqlalchemy"),
        ("ortools", "ningju.simulation", "ortools"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(tree, run, contract, importer, imported):
    module = tree / importer.replace(".", "/") / "culprit.py"
    module.write_text(f"import {imported}\n")
    result = lint(run, contract=contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "BROKEN" in result.stdout
    assert f"{importer}.culprit" in result.stdout


def test_an_engine_that_reaches_ortools_through_a_solver_is_found(tree, run):
    (tree / "solvers/flow.py").write_text("def solve():\n    import ortools\n")
    (tree / "engine/matching.py").write_text("import solvers.flow\n")
    result = lint(run, contract="pure-engine")
    assert result.returncode == 1
    assert "engine.matching -> solvers.flow" in result.stdout


def test_package_inits_are_empty_because_contracts_do_not_see_them(root: Path):
    tops = ("schemas", "solvers", "engine", "streams", "ningju")
    inits = [path for top in tops for path in (root / top).rglob("__init__.py")]
    assert len(inits) >= 9
    assert [str(path.relative_to(root)) for path in inits if path.read_bytes().strip()] == []


@pytest.mark.parametrize("package", ["schemas", "engine"])
def test_every_module_of_a_pure_package_loads_no_solver_broker_database_or_web(root: Path, package: str):
    program = f"""
import importlib, pkgutil, sys
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    importlib.import_module(module.name)
heavy = ["ortools", "faust", "mode", "aiokafka", "kafka", "confluent_kafka", "sqlalchemy", "psycopg", "fastapi", "uvicorn"]
loaded = [name for name in heavy if name in sys.modules]
sys.exit(f"loaded: {{loaded}}" if loaded else 0)
"""
    fresh = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert fresh.returncode == 0, fresh.stderr
