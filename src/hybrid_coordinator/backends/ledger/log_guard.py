"""The database's own refusal to change what stands in a log of changes."""

from sqlalchemy import Connection, Table

_SQLITE = """
CREATE TRIGGER IF NOT EXISTS {name}_are_not_rewritten BEFORE UPDATE ON {log}
    BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END
;;
CREATE TRIGGER IF NOT EXISTS {name}_are_not_forgotten BEFORE DELETE ON {log}
    BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END
"""

_POSTGRESQL = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'the log of changes only grows' USING ERRCODE = 'integrity_constraint_violation'; END $$
;;
DROP TRIGGER IF EXISTS {name}_only_grow ON {log}
;;
CREATE TRIGGER {name}_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON {log}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""

_GUARDS = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}


def guard_log(connection: Connection, log: Table, name: str) -> None:
    """Refuse every UPDATE and DELETE of a log, whoever asks; `name` is what its guards are called by. Who owns the file
    can still take them away: the hashes tell."""
    for statement in _GUARDS[connection.dialect.name].format(name=name, log=log.name).split(";;"):
        connection.exec_driver_sql(statement)
