"""Kafka's libraries, fetched by Maven from wherever Maven is set to look."""

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
HOME = Path(__file__).parents[2] / ".real" / "kafka"


class LibrariesMissing(RuntimeError):
    """Kafka's libraries cannot be had."""


def fetch(home: Path = HOME) -> Path:
    """Return the folder with Kafka's libraries; fetch them first when they are not there or the pom has changed.

    Raises
    ------
    LibrariesMissing
        When Maven is not there, or did not bring them.
    """
    libs = home / f"libs-{sha256(POM.read_bytes()).hexdigest()[:12]}"
    if libs.is_dir():
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        raise LibrariesMissing("Kafka's libraries come by Maven, which is not here (Debian: apt-get install maven)")
    partial = libs.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0 or not any(partial.glob("kafka_*.jar")):
        raise LibrariesMissing(f"Maven did not bring Kafka's libraries:\n{(done.stdout + done.stderr)[-2000:]}")
    partial.rename(libs)
    return libs
