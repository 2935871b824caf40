"""What `raythumbs doctor` finds about the decoder."""

from dataclasses import replace

import pytest

from raythumbs.imaging.checkup import ESSENTIAL, Trial, checkup
from raythumbs.imaging.codecs import Codec
from raythumbs.imaging.confinement import Fence
from raythumbs.model.photo_format import PHOTO_FORMATS
from tests.imaging.pictures import LIMITS


@pytest.fixture(scope="module")
def found():
    return checkup(LIMITS)


def test_a_real_decoder_is_looked_at(found):
    assert [fence.name for fence in found.fences] == [
        "network namespace", "capabilities", "no_new_privs", "landlock", "seccomp",
    ]  # fmt: skip
    assert found.limits["core dump"] == found.limits["file size"] == 0
    assert LIMITS.decode_bytes < found.limits["data"] < found.limits["address space"]


def test_a_small_picture_of_every_format_is_rendered(found):
    assert [(one.format, one.trouble, one.refused) for one in found.trials] == [
        (one.pillow_name, "", "") for one in PHOTO_FORMATS
    ]


def test_a_sound_decoder_has_no_problem(found):
    assert replace(found, fences=tuple(replace(one, given=True) for one in found.fences)).problems == []


@pytest.mark.parametrize("name", ESSENTIAL)
def test_a_missing_fence_that_others_do_not_make_up_for_is_a_problem(found, name):
    without = replace(found, fences=(Fence(name, given=False, detail="Function not implemented"),))

    (problem,) = without.problems
    assert problem == f"the decoder has no {name} (Function not implemented): {ESSENTIAL[name]}"


@pytest.mark.parametrize("name", ["network namespace", "capabilities"])
def test_what_containers_do_not_give_and_seccomp_makes_up_for_is_no_problem(found, name):
    assert replace(found, fences=(Fence(name, given=False, detail="Operation not permitted"),)).problems == []


def test_a_known_fault_a_format_and_a_refused_call_are_problems(found):
    bad = replace(
        found,
        codecs=(Codec("libwebp", "1.3.1", "pillow"),),
        trials=(Trial("AVIF", "the decoder died", ""), Trial("PNG", "", "the system call futex_wait")),
    )

    assert bad.problems == [
        "libwebp 1.3.1 has CVE-2023-4863: use 1.3.2 or newer (Pillow's release notes for 10.0.1)",
        "a AVIF is not rendered: the decoder died",
        "while it rendered a PNG, the decoder was refused the system call futex_wait",
    ]
