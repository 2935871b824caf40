from raythumbs.demo.result import DemoResult


def a_run(*, seconds: float) -> DemoResult:
    return DemoResult(
        accepted=20,
        succeeded=20,
        failed=0,
        seconds=seconds,
        photos_per_second=20 / seconds,
        sequential_photos_per_second=20.0,
        speedup=1 / seconds,
        cpu_percent=90.0,
        workers=2,
        thumbnails_dir="/tmp/thumbnails",
    )


def test_a_run_that_is_too_short_to_compare_says_so_and_how_many_photos_are_enough() -> None:
    note = a_run(seconds=1.0).note

    assert note is not None
    assert note.startswith("a run of 1.0 s is mostly start and end, too short to compare")
    assert note.endswith(": take 200 photos")


def test_a_run_that_is_long_enough_needs_no_note() -> None:
    assert a_run(seconds=5.0).note is None
    assert a_run(seconds=5.0).as_dict()["note"] is None
