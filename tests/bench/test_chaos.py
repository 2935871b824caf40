"""The chaos run in its short form, and that its oracle sees what it is there to see."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

import pytest

from raythumbs.bench.chaos.killer import Kill
from raythumbs.bench.chaos.oracle import judge, outages
from raythumbs.bench.chaos.uploads import Entry

CLEAN = [b"first", b"second"]


class Told:
    """A service that tells this of its jobs, the newest first, and of its photos' thumbnails."""

    def __init__(self, jobs: Sequence[Mapping[str, object]], thumbnails: Mapping[str, list[str]]) -> None:
        self._jobs = jobs
        self._thumbnails = thumbnails

    def jobs(self) -> Iterator[Mapping[str, object]]:
        yield from self._jobs

    def photo(self, photo_id: str) -> Mapping[str, object]:
        return {"renditions": [{"url": url} for url in self._thumbnails[photo_id]]}


def a_job(source: str, state: str = "succeeded", *, code: str | None = None, attempt: int = 1) -> Mapping[str, object]:
    return {"source": source, "photoId": source, "state": state, "code": code, "reason": None, "attempt": attempt}


def judged(jobs, thumbnails, *entries: Entry):
    return judge(Told(jobs, thumbnails), entries, CLEAN, get=str.encode)


def test_what_ended_as_in_a_clean_run_is_neither_lost_nor_wrong():
    jobs = [
        a_job("a", attempt=3),
        a_job("a", "cancelled"),
        a_job("b", "cancelled"),
        a_job("c", "failed", code="poison"),
    ]

    verdict = judged(jobs, {"a": ["second"], "b": []}, Entry("a", 1), Entry("b", None), Entry("c", 0))

    assert (verdict.lost, verdict.wrong, verdict.unfinished) == ([], [], 0)
    assert verdict.states == {"succeeded": 1, "cancelled": 1, "poison": 1}
    assert verdict.attempts_beyond_first == 2


@pytest.mark.parametrize("jobs", [[], [a_job("a", "queued")], [a_job("a", "running"), a_job("a")]])
def test_what_has_no_job_or_no_end_is_lost(jobs):
    verdict = judged(jobs, {}, Entry("a", 0))

    assert len(verdict.lost) == 1
    assert verdict.unfinished == len(jobs[:1])


@pytest.mark.parametrize(
    ("thumbnails", "picture"),
    [(["second"], 0), (["first"], None), ([], 0), (["first", "first"], 0)],
    ids=["of an older version", "of a deleted photo", "none", "two"],
)
def test_other_thumbnails_than_in_a_clean_run_are_wrong(thumbnails, picture):
    verdict = judged([a_job("a")], {"a": thumbnails}, Entry("a", picture))

    assert len(verdict.wrong) == 1


def test_an_unacknowledged_photo_that_never_ends_is_seen_too():
    assert judged([a_job("a", "queued")], {}).unfinished == 1


@pytest.mark.parametrize(
    ("at", "felt"),
    [(7.0, 0.5), (10.4, 20.0), (20.0, 11.0), (30.9, 0.5), (32.0, 0.0)],
    ids=["hardly", "what dies slowly", "in the middle of it", "at its end", "after all"],
)
def test_a_kill_is_felt_for_the_longest_time_without_a_sign_of_life_around_it(at, felt):
    signs = [9.5, 10.0, 10.5, 11.0, 31.0, 31.5]

    assert outages([Kill("queue", at)], signs) == [pytest.approx(felt)]


@pytest.mark.timeout(600)
@pytest.mark.needs("time")
def test_nothing_is_lost_whatever_is_killed():
    # With this seed the queue dies first, then everything, and then its 15 seconds are over.
    command = ["bench", "chaos", "--photos", "30", "--minutes", "0.25", "--seed", "3", "--json"]
    run = subprocess.run([sys.executable, "-m", "raythumbs", *command], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    verdict = result["verdict"]
    assert (verdict["lost"], verdict["wrong"], verdict["unfinished"]) == ([], [], 0)
    assert set(verdict["states"]) <= {"succeeded", "cancelled", "poison"}
    assert verdict["acknowledged"] >= 28
    assert set(result["kills"]) >= {"queue", "everything"}
    assert all(not answer.startswith("4") for answer in result["answers"])
    assert (result["temporary_files"], result["orphans"], result["exit_status"]) == ([], [], 0)
