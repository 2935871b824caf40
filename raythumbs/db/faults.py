"""Translates errors of the database's library: each is an outage, a refused value, a damaged file, or a bug.

Only an outage is worth a retry. A bug is logged with its traceback, once, and becomes Internal.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from raythumbs.db.sqlite_file import damaged, is_damage
from raythumbs.errors import BadSettings, DatabaseUnavailable, Unstorable
from raythumbs.events import known
from raythumbs.settings import without_password

# PostgreSQL's codes (its manual, "PostgreSQL Error Codes")
_READ_ONLY = "25006"  # a standby, or a server that was made read-only for a while
_NO_PRIVILEGE = "42501"
_COLLISIONS = {"40P01", "40001"}  # deadlock_detected, serialization_failure


class Collision(DatabaseUnavailable):
    """The database undid a transaction because another one was in its way. The same transaction may succeed now."""


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Translate the errors of the database's library. `url` says which database; its password is not shown."""
    shown = shown_address(url)
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise Unstorable(f"the database refuses a value: {error.orig}") from error
    except OverflowError as error:  # SQLite's driver, for an integer beyond 64 bits
        raise Unstorable(f"the database refuses a value: {error}") from error
    except DBAPIError as error:
        if is_damage(error.orig):
            raise damaged(Path(str(url.database)), f"is damaged ({error.orig})") from error
        if _sqlstate(error) == _NO_PRIVILEGE:
            raise BadSettings(f"{shown}: {error.orig}") from error
        if _sqlstate(error) in _COLLISIONS:
            raise Collision(f"{shown}: {error.orig}") from error
        if _is_outage(error):
            raise DatabaseUnavailable(f"{shown}: {error.orig}") from error
        raise known("statement.stumbled", error) from error
    except (PoolTimeout, PendingRollbackError) as error:  # the latter follows a connection lost in this transaction
        raise DatabaseUnavailable(f"{shown}: {error}") from error
    except SQLAlchemyError as error:
        raise known("statement.stumbled", error) from error


def shown_address(url: URL) -> str:
    """Return the URL without its password, and without one in its query, which SQLAlchemy would show."""
    return without_password(url.render_as_string(hide_password=False))


def _is_outage(error: DBAPIError) -> bool:
    """Return whether the database or the network is down, full, busy or read-only, so that a retry may help."""
    if error.connection_invalidated or _sqlstate(error) == _READ_ONLY:
        return True
    return isinstance(error, OperationalError | InterfaceError) and not _is_wrong_statement(error)


def _is_wrong_statement(error: DBAPIError) -> bool:
    """Return whether SQLite refuses the statement itself, which its driver calls an operational error too.

    SQLite uses the same code for a transaction that is gone, because it ends transactions itself when the disk is full.
    """
    if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
        return False
    return not any(word in str(error.orig) for word in ("transaction", "savepoint"))


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
