"""One process writes a SQLite ledger: who starts takes its lock, and whoever comes second is told so."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LedgerTaken(ValueError):
    """Another process writes this ledger.

    Parameters
    ----------
    holder
        Its process id, as far as is known.
    """

    def __init__(self, ledger: Path, holder: str) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{who} runs on {ledger} already; stop it, or name another folder with --data")


@contextmanager
def sole_writer(url: str) -> Iterator[None]:
    """Be the only process that runs on a ledger; databases other than SQLite's files need no such thing.

    Notes
    -----
    The system lets go of the lock when the process ends, however it ends. The file stays: removing it would let two
    processes hold locks on two files of one name. Commands that look after a ledger (``verify``, ``rebuild``) take no lock.

    Raises
    ------
    LedgerTaken
        When another process is.
    """
    ledger = _file_of(url)
    if ledger is None:
        yield
        return
    ledger.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # names and phones lie here, too
    with ledger.with_name(f"{ledger.name}.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            file.seek(0)
            raise LedgerTaken(ledger, file.read(20).strip()) from held
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _file_of(url: str) -> Path | None:
    scheme, _, rest = url.partition("://")
    name = rest.partition("?")[0].removeprefix("/")  # sqlite:///relative, sqlite:////absolute
    return Path(name) if scheme.partition("+")[0] == "sqlite" and name and name != ":memory:" else None
