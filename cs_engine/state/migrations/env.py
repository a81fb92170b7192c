"""What Alembic runs. It is given a connection, in a transaction that is not its own."""

from __future__ import annotations

from alembic import context

from cs_engine.state.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
