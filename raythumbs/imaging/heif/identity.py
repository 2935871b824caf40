"""Sees through items of kind `iden`: another item with more transformations (HEIF, 6.6.2.1)."""

from dataclasses import replace

from raythumbs.imaging.heif.item_tables import Association
from raythumbs.imaging.heif.meta import Meta

_TRANSFORMATIONS = {b"clap", b"irot", b"imir"}


def without_identity(meta: Meta) -> Meta:
    """Return tables in which the primary item is what it is derived from, with the transformations of both.

    The alpha of one is the alpha of the other.
    """
    item, more, passed = meta.primary, list[Association](), set[int]()
    while meta.kinds.get(item) == b"iden" and item not in passed and len(sources := meta.targets(b"dimg", item)) == 1:
        more = _transformations(meta, item) + more
        passed.add(item)
        item = sources[0]
    if not passed:
        return meta
    own = [*meta.associations.get(item, ()), *more]
    references = {
        (kind, item if source in passed else source): tuple(item if target in passed else target for target in targets)
        for (kind, source), targets in meta.references.items()
        if kind != b"dimg" or source not in passed
    }
    return replace(meta, primary=item, references=references, associations={**meta.associations, item: own})


def _transformations(meta: Meta, item: int) -> list[Association]:
    return [
        association
        for association in meta.associations.get(item, ())
        if 0 < association.index <= len(meta.known) and meta.known[association.index - 1].kind in _TRANSFORMATIONS
    ]
