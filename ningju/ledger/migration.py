"""Bringing a database's tables up to this release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.ports import Unavailable

_LOCK = 0x6E696E676A75  # any number that nobody else in the database uses


def migrate(engine: Engine) -> None:
    """Run the migrations that the database lacks, in one transaction; one process at a time.

    Raises
    ------
    engine.ports.Unavailable
        When the database is away, or its tables belong to a newer release.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable(f"the ledger's tables are of a release that this one does not know: {error}") from error
    except DBAPIError as error:
        raise Unavailable(str(error.orig)) from error
