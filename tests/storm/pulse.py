"""When each zone's version moved, as seen in the database itself: how soon a zone is served again."""

import threading
from time import monotonic

import psycopg

from tests.storm.postgres import Postgres

LOOK_S = 0.1


class Pulse(threading.Thread):
    """Looks at the zones' versions, in a thread of its own and past every proxy."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__(daemon=True, name="pulse")
        self._postgres = postgres
        self._told = threading.Event()
        self._moved: dict[str, list[float]] = {}
        self._versions: dict[str, int] = {}

    def run(self) -> None:
        while not self._told.wait(LOOK_S):
            try:
                with self._postgres.connect() as connection:
                    while not self._told.wait(LOOK_S):
                        rows = connection.execute("SELECT zone, version FROM zone").fetchall()
                        now = monotonic()
                        for zone, version in rows:
                            if version > self._versions.get(zone, 0):
                                self._versions[zone] = version
                                self._moved.setdefault(zone, []).append(now)
            except psycopg.Error:
                continue

    def stop(self) -> None:
        self._told.set()
        if self.ident is not None:
            self.join(5)

    def served_again(self, since: float) -> dict[str, float]:
        """Seconds from a moment to each zone's next commit, or until now; what was under way just then does not count."""
        return {
            zone: round(next((at for at in moments if at > since + 2 * LOOK_S), monotonic()) - since, 1)
            for zone, moments in list(self._moved.items())
        }
