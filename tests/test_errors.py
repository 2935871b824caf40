from collections.abc import Iterator

from raythumbs.errors import BadPicture, RaythumbsError


def test_each_error_has_a_code_of_its_own() -> None:
    kinds = [kind for kind in _kinds(RaythumbsError) if "code" in vars(kind)]  # a kind without one has its parent's

    assert len({kind.code for kind in kinds}) == len(kinds)


def test_only_an_error_that_is_the_services_own_fault_is_worth_a_retry() -> None:
    retryable = [kind for kind in _kinds(RaythumbsError) if kind.retryable]

    assert retryable
    assert all(kind.http_status >= 500 for kind in retryable)


def test_a_bad_picture_is_never_tried_again() -> None:
    assert not any(kind.retryable for kind in [BadPicture, *_kinds(BadPicture)])


def _kinds(root: type[RaythumbsError]) -> Iterator[type[RaythumbsError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)
