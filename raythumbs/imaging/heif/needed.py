"""Which items the pixels of the primary item are made of."""

from collections.abc import Sequence

from raythumbs.imaging.heif.meta import Meta

_ALPHA = {  # HEIF, 6.5.8 and B.2.4; ISO/IEC 23000-22 (MIAF), 7.3.5.2
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:avc:2015:auxid:1",
}


def needed_items(meta: Meta) -> Sequence[int]:
    """Return the primary item, the items it is derived from, and their alpha: not its previews, depth or gain map."""
    alpha: dict[int, list[int]] = {}
    for (kind, item), masters in meta.references.items():
        if kind == b"auxl" and is_alpha(meta, item):
            for master in masters:
                alpha.setdefault(master, []).append(item)
    found, waiting = dict.fromkeys([meta.primary]), [meta.primary]
    while waiting:
        item = waiting.pop()
        more = [needed for needed in (*meta.targets(b"dimg", item), *alpha.get(item, ())) if needed not in found]
        found |= dict.fromkeys(more)
        waiting += dict.fromkeys(more)
    return list(found)


def is_alpha(meta: Meta, item: int) -> bool:
    """Return whether an auxiliary item holds the transparency of its master."""
    kind = meta.first(item, b"auxC")
    return kind is not None and kind[4:].split(b"\0")[0] in _ALPHA
