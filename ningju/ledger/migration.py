"""Bringing a database's tables up to this release."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from engine.ports import Unavailable

_LOCK = 0x6E696E676A75  # any number that nobody else in the database uses


def migrate(engine: Engine, to: str = "head") -> None:
    """Run the migrations between the database and a revision, in one transaction; one process at a time.

    Parameters
    ----------
    to
        The newest, or an earlier revision: then what later ones added goes, with what stands in it.

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
            order = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
            now = MigrationContext.configure(connection).get_current_revision()
            back = to in order and now in order and order.index(to) > order.index(now)
            (command.downgrade if back else command.upgrade)(config, to)
    except CommandError as error:
        raise Unavailable(f"the ledger's tables are of a release that this one does not know: {error}") from error
    except DBAPIError as error:
        raise Unavailable(str(error.orig)) from error
