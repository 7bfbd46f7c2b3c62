"""Files named on the command line."""

import sys
from pathlib import Path

from ningju.cli.exits import wrong
from ningju.reading.files import Source

LARGEST = 200_000_000


def read(file: str) -> Source:
    """Read a file, or standard input for ``-``."""
    if file == "-":
        return Source("-", sys.stdin.buffer.read(LARGEST))
    path = Path(file)
    try:
        if path.stat().st_size > LARGEST:
            wrong(f"{file} is larger than {LARGEST:,} bytes; divide it")
        return Source(file, path.read_bytes())
    except OSError as error:
        wrong(f"cannot read {file}: {error.strerror or error}")
