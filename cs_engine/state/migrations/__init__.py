"""Migrations of our tables, run by `migrate`."""

from __future__ import annotations

from pathlib import Path

from cs_engine.errors import SettingsError
from cs_engine.state.database import Database, Tx
from cs_engine.state.schema import HEAD

_LOCK = 0x63735F656E67696E
"""PostgreSQL's advisory lock that one migrating process holds: 'cs_engin'."""


def version(tx: Tx) -> str:
    """The migration that the database stands at; '' when it has none of our tables."""
    if tx.embedded:
        found = tx.row("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    else:
        found = tx.row("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL")
    row = tx.row("SELECT version_num FROM alembic_version") if found else None
    return str(row[0]) if row else ""


def migrate(database: Database) -> None:
    """Makes or upgrades the schema in one transaction, so that a killed migration leaves the old one. Raises SettingsError when a
    newer cs-engine has been at work there.
    """
    with database.read() as tx:
        if version(tx) == HEAD:
            return
    # Alembic costs a third of a second to import: only those who need it pay.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write() as tx:
        if not tx.embedded:
            tx.rows("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
        stands_at = version(tx)
        try:
            ScriptDirectory.from_config(config).get_revision(stands_at or HEAD)
        except CommandError as error:
            raise SettingsError(
                f"the database was made by another cs-engine (schema {stands_at}; this one knows up to {HEAD})",
                "upgrade cs-engine, or set CS_ENGINE_DATABASE_URL to another database",
            ) from error
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
