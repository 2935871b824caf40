"""The table of system calls: some numbers that are known from elsewhere, and the machine's own headers."""

import re

import pytest

from raythumbs.imaging.confinement.call_names import name_of, numbers
from tests.needs import HEADERS

# From the manual pages and the documentation of other filters.
SAMPLES = {
    "x86_64": {"read": 0, "openat": 257, "clone": 56, "execve": 59, "rseq": 334, "prlimit64": 302, "recvmsg": 47},
    "aarch64": {"read": 63, "openat": 56, "clone": 220, "execve": 221, "rseq": 293, "prlimit64": 261, "recvmsg": 212},
}
COMMON = {"pidfd_send_signal": 424, "clone3": 435, "faccessat2": 439, "landlock_create_ruleset": 444, "mseal": 462}
# No calls, and one that has its number on other machines only.
OTHERS = {"syscalls", "arch_specific_syscall", "sync_file_range2"}


@pytest.mark.parametrize("machine", SAMPLES)
def test_a_call_has_its_number_on_each_machine(machine: str) -> None:
    known = numbers(machine)

    assert {name: known[name] for name in SAMPLES[machine] | COMMON} == SAMPLES[machine] | COMMON
    assert len(set(known.values())) == len(known)


@pytest.mark.needs("headers")
@pytest.mark.parametrize("machine", HEADERS)
def test_the_table_agrees_with_the_kernels_headers(machine: str) -> None:
    found = re.findall(r"(?m)^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", HEADERS[machine].read_text())
    headers = {name: int(number) for name, number in found if name not in OTHERS}
    headers |= {"newfstatat": headers.pop("fstatat")} if "fstatat" in headers else {}

    headers = {name: number for name, number in headers.items() if not 403 <= number < 424}  # of 32-bit machines

    known = numbers(machine)

    assert {name: number for name, number in headers.items() if number < 451 and known.get(name) != number} == {}


def test_a_machine_without_a_table_has_no_numbers_and_a_number_without_a_name_is_shown() -> None:
    assert numbers("vax") == {}
    assert name_of(1 << 30) == "number 1073741824"
