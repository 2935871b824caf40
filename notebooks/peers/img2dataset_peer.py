"""img2dataset: downloads a list of addresses and shrinks what it gets, into a folder.

It writes to no bucket and no database: its seconds end when the last thumbnail is in the folder, and they are put into
the bucket afterwards, to be counted. It starts its processes anew for every list, so its seconds begin with the first
of its shards.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import contest as peers
from img2dataset import download

_SHARDS_A_CORE = 2
_THREADS = 16


def main() -> None:
    """Take part."""
    asked = peers.read()
    made = peers.Bucket(asked.endpoint, asked.made_bucket)

    def take_all(keys: Sequence[str]) -> Iterable[float]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="rt-peer-") as name:
            folder = Path(name)
            addresses = folder / "addresses.txt"
            addresses.write_text("".join(f"{asked.endpoint}/{asked.bucket}/{key}\n" for key in keys))
            download(
                url_list=str(addresses), output_folder=f"{folder}/made", processes_count=asked.workers,
                thread_count=_THREADS, number_sample_per_shard=-(-len(keys) // (asked.workers * _SHARDS_A_CORE)),
                image_size=asked.pixels, resize_mode="keep_ratio_largest", resize_only_if_bigger=True,
                encode_quality=asked.quality,
            )  # fmt: skip
            shards = (json.loads(told.read_text()) for told in folder.glob("made/*_stats.json"))
            first_shard = min(shard["start_time"] for shard in shards)
            thumbnails = sorted(folder.glob("made/*/*.jpg"))
            for thumbnail in thumbnails:
                made.put(thumbnail.name, thumbnail.read_bytes())
            return [began + thumbnail.stat().st_mtime - first_shard for thumbnail in thumbnails]

    peers.take_part(version("img2dataset"), asked, take_all)


if __name__ == "__main__":
    main()
