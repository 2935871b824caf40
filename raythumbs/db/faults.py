"""Errors of the database's library become errors of raythumbs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from raythumbs.db.sqlite_file import damaged, is_damage
from raythumbs.errors import DatabaseUnavailable, Unstorable
from raythumbs.settings import without_password


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
        raise DatabaseUnavailable(f"{shown}: {error.orig}") from error
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(f"{shown}: {error}") from error


def shown_address(url: URL) -> str:
    """Return the URL without its password, and without one in its query, which SQLAlchemy would show."""
    return without_password(url.render_as_string(hide_password=False))
