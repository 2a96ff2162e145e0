"""Runs the migrations on the connection that `adapters.sql.schema` hands over."""

from alembic import context

# One transaction for all of them, begun and committed by the caller.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
