"""libvips as a peer of the imaging benchmark: `vips_thumbnail`, as its own documentation recommends it."""

import json
import os
import sys
import time

os.environ["VIPS_CONCURRENCY"] = "1"  # read when the library is loaded

import pyvips


def main() -> None:
    """Answer jobs until there are no more."""
    pyvips.cache_set_max(0)
    jobs, answers = sys.stdin.buffer, sys.stdout.buffer
    version = ".".join(str(pyvips.version(index)) for index in range(3))
    answers.write(json.dumps({"version": version}).encode() + b"\n")
    answers.flush()
    while line := jobs.readline():
        job = json.loads(line)
        photo = jobs.read(job["bytes"])
        began = time.process_time()
        try:
            made = _thumbnail(photo, job)
        except pyvips.Error as error:
            answers.write(json.dumps({"error": str(error)}).encode() + b"\n")
        else:
            answer = {"bytes": len(made), "cpu_ms": (time.process_time() - began) * 1000}
            answers.write(json.dumps(answer).encode() + b"\n" + made)
        answers.flush()


def _thumbnail(photo: bytes, job: dict[str, int | str]) -> bytes:
    picture = pyvips.Image.thumbnail_buffer(photo, job["pixels"], height=job["pixels"], size="down")
    options = {"Q": job["quality"]} if job["format"] == "jpeg" else {}
    made: bytes = picture.write_to_buffer(f".{job['format']}", keep="none", **options)
    return made


if __name__ == "__main__":
    main()
