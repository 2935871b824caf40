from raythumbs.model.job import INCOMPLETE, NEXT, Priority, State


def test_every_state_has_its_moves() -> None:
    assert set(NEXT) == set(State)


def test_a_job_that_succeeded_or_was_cancelled_cannot_move() -> None:
    assert NEXT[State.SUCCEEDED] == set()
    assert NEXT[State.CANCELLED] == set()


def test_a_failed_job_can_only_be_queued_again() -> None:
    assert NEXT[State.FAILED] == {State.QUEUED}


def test_only_a_queued_job_begins_to_run() -> None:
    assert _states_that_may_become(State.RUNNING) == {State.QUEUED}


def test_only_a_running_job_succeeds_or_fails() -> None:
    assert _states_that_may_become(State.SUCCEEDED) == {State.RUNNING}
    assert _states_that_may_become(State.FAILED) == {State.RUNNING}


def test_a_job_can_be_cancelled_exactly_as_long_as_it_is_incomplete() -> None:
    assert _states_that_may_become(State.CANCELLED) == INCOMPLETE


def test_no_move_leads_to_the_same_state() -> None:
    assert [state for state in State if state in NEXT[state]] == []


def test_every_state_can_be_reached_by_a_job_that_was_enqueued() -> None:
    reached = {State.QUEUED}

    for _ in State:
        reached |= {after for before in reached for after in NEXT[before]}

    assert reached == set(State)


def test_high_goes_before_normal_and_normal_before_low() -> None:
    assert sorted(Priority, key=lambda priority: priority.rank) == [Priority.HIGH, Priority.NORMAL, Priority.LOW]


def test_a_rank_read_back_from_the_record_is_the_priority_that_was_written() -> None:
    assert [Priority.ranked(priority.rank) for priority in Priority] == list(Priority)


def _states_that_may_become(state: State) -> set[State]:
    return {before for before in State if state in NEXT[before]}
