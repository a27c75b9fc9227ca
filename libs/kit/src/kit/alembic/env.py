"""Alembic's environment for every service: runs on the connection that kit.migrate hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    transaction_per_migration=True,
    region_mode=context.config.attributes["mode"],
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
