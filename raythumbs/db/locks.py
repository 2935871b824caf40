"""The order of locks. Whoever changes photos and their jobs locks the photos first, by their sources; then the jobs.

Two queues that each wait for a row of the other would end in a deadlock, which PostgreSQL breaks after a second. The
order is that of the sources, because the intake knows no ids yet. SQLite has one writer and needs no locks.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, String, any_, bindparam, select
from sqlalchemy import literal_column as literal
from sqlalchemy.dialects.postgresql import ARRAY

from raythumbs.db.dialect import is_sqlite
from raythumbs.db.schema import jobs, photos

# Weaker than FOR UPDATE: a new job of the photo, which refers to its row, need not wait.
# Sorted by an expression, for which there is no index: else PostgreSQL may read every photo in the order of the index.
_order = photos.c.source.concat(literal("''"))
_locked: Select[Any] = select(photos.c.id).order_by(_order).with_for_update(of=photos, key_share=True)
LOCK_OF_SOURCES = _locked.where(photos.c.source == any_(bindparam("sources", type_=ARRAY(String))))
LOCK_OF_JOBS = _locked.join(jobs).where(jobs.c.id == any_(bindparam("ids", type_=ARRAY(String))))


def lock_photos(connection: Connection, lock: Select[Any], name: str, values: Iterable[str]) -> None:
    """Lock photos until the end of the transaction, in the order of their sources. `name` is what `lock` binds."""
    if not is_sqlite(connection):
        connection.execute(lock, {name: list(values)})
