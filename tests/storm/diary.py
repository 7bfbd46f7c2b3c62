"""Files that are only ever added to, one JSON object a line."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Diary:
    """Writes each line through to the file at once."""

    def __init__(self, file: Path) -> None:
        self._lines = file.open("a", encoding="utf-8", buffering=1)

    def write(self, **line: Any) -> None:
        self._lines.write(json.dumps({"at": datetime.now(UTC).isoformat()} | line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._lines.close()


def read(file: Path) -> Iterator[dict[str, Any]]:
    """Every whole line that is an object; a process that was killed may leave half a one."""
    if file.exists():
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("{"):
                    try:
                        yield json.loads(line)
                    except json.JSONDecodeError:
                        continue
