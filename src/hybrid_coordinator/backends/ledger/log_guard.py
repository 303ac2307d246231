"""The database's own refusal to change what stands in the log of changes."""

from sqlalchemy import Connection

from hybrid_coordinator.backends.ledger.learning_tables import changes

_SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS changes_are_not_rewritten BEFORE UPDATE ON {changes.name}
    BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END
;;
CREATE TRIGGER IF NOT EXISTS changes_are_not_forgotten BEFORE DELETE ON {changes.name}
    BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END
"""

_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the log of changes only grows' USING ERRCODE = 'integrity_constraint_violation'; END $$
;;
DROP TRIGGER IF EXISTS changes_only_grow ON {changes.name}
;;
CREATE TRIGGER changes_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON {changes.name}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""

_GUARDS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def guard_log(connection: Connection) -> None:
    """Refuse every UPDATE and DELETE of the log, whoever asks. Who owns the file can still take the guard away: the
    hashes tell."""
    for statement in _GUARDS[connection.dialect.name].split(";;"):
        connection.exec_driver_sql(statement)
