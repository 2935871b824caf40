"""A decoder that a hostile photo has taken over: what it tries is refused by the kernel, and named in the log.

Each program here is the decoder's own, whose `render` is replaced by an attack.
"""

import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from raythumbs.errors import Crashed, NotAnImage, TimedOut
from raythumbs.imaging.confinement.call_names import numbers
from raythumbs.imaging.sandbox import Child, Sandbox
from raythumbs.model.photo import Format, RenditionSpec
from tests.imaging.pictures import LIMITS, four_corners, photograph, saved
from tests.imaging.test_sandbox import rendered, wait_for_the_end_of

TAKEN_OVER = """
import ctypes, errno, fcntl, mmap, os, resource, socket, sys, threading, time
from raythumbs.errors import NotAnImage
from raythumbs.imaging import sandbox_child

good_render = sandbox_child.render
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def render(file, specs, limits):
    try:
        {tried}
    except OSError as error:
        raise NotAnImage(errno.errorcode[error.errno])
    return good_render(file, specs, limits)

sandbox_child.render = render
sandbox_child.main()
"""

# Each with the system call by which it is refused.
ATTACKS = {
    "socket.socket()": "socket",
    "socket.socketpair()": "socketpair",
    "os.fork()": "clone",
    "os.execv('/usr/bin/true', ['true'])": "execve",
    "os.kill(os.getppid(), 9)": "kill",
    "call(numbers['tgkill'], os.getppid(), os.getppid(), 9)": "tgkill",
    "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))": "prlimit64",
    "fcntl.fcntl(0, 8, os.getppid())": "fcntl",  # F_SETOWN
    "fcntl.ioctl(0, 0x5412, b'x')": "ioctl",  # TIOCSTI
    "os.open('/usr/was-here', os.O_WRONLY | os.O_CREAT)": "openat",
    "call(numbers['prctl'], 4, 1)": "prctl",  # PR_SET_DUMPABLE
    "call(0x4000_0000 | 41)": "number 1073741865",  # the socket of x32, which has other numbers
}
FORBIDDEN = """
    connect bind listen accept accept4 execveat vfork pidfd_open pidfd_getfd pidfd_send_signal
    ptrace process_vm_readv process_vm_writev kcmp mount umount2 move_mount open_tree fsopen pivot_root chroot
    unshare setns clone3 bpf io_uring_setup io_uring_enter userfaultfd keyctl add_key request_key
    perf_event_open open_by_handle_at name_to_handle_at seccomp landlock_restrict_self
    init_module finit_module delete_module kexec_load reboot swapon quotactl personality
    memfd_create shmget shmat msgget semget mq_open inotify_init1 fanotify_init eventfd2 epoll_create1 timer_create
    setuid setresuid setgid setgroups capset setpriority sched_setscheduler ioprio_set
    unlink unlinkat rename renameat2 link linkat symlinkat mkdirat mknodat fchmodat fchownat utimensat truncate
    ftruncate fallocate setxattr chdir openat2 sendfile splice vmsplice tee copy_file_range
"""


def taken_over(tried: str) -> Callable[[bytes], Child]:
    """Start a child that tries something when it gets a photo."""
    program = f"numbers = {dict(numbers(platform.machine()))}\n" + TAKEN_OVER.format(tried=tried)

    def start(orders: bytes) -> Child:
        return Child.started(orders, program=["-c", program])

    return start


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, "raythumbs")
    return caplog


@pytest.mark.parametrize("tried", ATTACKS)
def test_an_attack_is_refused_and_the_photos_failure_names_the_system_call(tried: str) -> None:
    with (
        closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox,
        pytest.raises(Crashed, match=rf"was refused the system call {ATTACKS[tried]}, and said: E(PERM|NOSYS)"),
    ):
        rendered(sandbox)


def test_every_forbidden_system_call_is_refused_by_the_filter() -> None:
    names = [name for name in FORBIDDEN.split() if name in numbers(platform.machine()) and name != "clone3"]
    tries = f"""
        for name in {names}:
            try:
                call(numbers[name], 0, 0, 0, 0, 0, 0)
            except OSError as error:
                assert error.errno == errno.ENOSYS, name
            else:
                raise AssertionError(name)
        raise OSError(errno.EPERM, "")
    """.strip()

    with (
        closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tries))) as sandbox,
        pytest.raises(Crashed, match="EPERM") as told,
    ):
        rendered(sandbox)

    assert ", ".join(names) in told.value.reason


def test_a_decoder_that_goes_on_without_a_refused_call_renders_and_the_log_names_the_call_once(log) -> None:
    tried = "libc.syscall(numbers['timerfd_create'], 0, 0)"

    with closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox:
        first, second = rendered(sandbox), rendered(sandbox)

    assert first == second
    assert [line.getMessage() for line in log.records] == ['decoder.call_refused {"call": "timerfd_create"}']


def test_a_decoder_that_asks_for_refused_calls_for_ever_is_ended_in_time() -> None:
    tried = "[libc.syscall(numbers['eventfd2'], 0, 0) for _ in iter(int, 1)]"

    with closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox:
        sandbox.fences()  # started
        began = time.monotonic()
        with pytest.raises(TimedOut):
            rendered(sandbox, seconds=1)

    assert time.monotonic() - began < 10


def test_a_thread_of_a_decoder_is_refused_its_calls_too() -> None:
    tried = (
        "thread = threading.Thread(target=libc.syscall, args=(numbers['ptrace'], 0, 0, 0, 0)); thread.start();"
        " thread.join(); raise OSError(errno.EPERM, '')"
    )

    with (
        closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox,
        pytest.raises(Crashed, match="ptrace"),
    ):
        rendered(sandbox)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the other kind of system call is of x86")
def test_a_system_call_of_another_kind_of_program_ends_the_decoder() -> None:
    # The machine code is getpid() of a 32-bit program: mov eax, 20; int 0x80; ret.
    tried = (
        "room = mmap.mmap(-1, 4096, prot=7); room.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3');"
        " ctypes.CFUNCTYPE(int)(ctypes.addressof(ctypes.c_char.from_buffer(room)))()"
    )

    with (
        closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox,
        pytest.raises(Crashed, match="SIGSYS"),
    ):
        rendered(sandbox)


def test_a_decoder_does_not_have_the_descriptor_that_allows_calls() -> None:
    # Standard input, output and error; the line; the photo.
    tried = "raise OSError(errno.EPERM if sum(libc.fcntl(one, 1) >= 0 for one in range(64)) == 5 else errno.EIO, '')"

    with (
        closing(Sandbox([RenditionSpec()], LIMITS, start_child=taken_over(tried))) as sandbox,
        pytest.raises(NotAnImage, match="EPERM"),
    ):
        rendered(sandbox)


def test_a_photo_of_any_format_needs_no_refused_call(log) -> None:
    specs = [RenditionSpec(name=one.value, format=one, width=60, height=60) for one in Format]
    photo = photograph("temple").resize((320, 213))

    with closing(Sandbox(specs, LIMITS)) as sandbox:
        for written_as in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"):
            rendered(sandbox, saved(photo, written_as))

            assert sandbox.start().refused_calls == "", written_as


def test_what_the_kernel_does_not_give_is_told_in_one_line(log) -> None:
    program = (
        "from raythumbs.imaging import confinement, sandbox_child;"
        "whole = sandbox_child.confine; sandbox_child.confine = lambda: whole(create_ruleset=9999);"
        "sandbox_child.main()"
    )

    def start(orders: bytes) -> Child:
        return Child.started(orders, program=["-c", program])

    for _ in range(2):
        with closing(Sandbox([RenditionSpec()], LIMITS, start_child=start)) as sandbox:
            assert rendered(sandbox, saved(four_corners(), "PNG")).width == 120

    [line] = [line.getMessage() for line in log.records if "less_confined" in line.getMessage()]
    assert '"landlock": "Function not implemented"' in line


def test_the_decoder_ends_with_the_process_that_started_it_although_it_changed_its_namespaces() -> None:
    owning = (
        "import sys; from raythumbs.imaging import Limits; from raythumbs.imaging.sandbox import Sandbox;"
        "from raythumbs.model.photo import RenditionSpec;"
        "sandbox = Sandbox([RenditionSpec()], Limits()); sandbox.fences();"
        "print(sandbox.start().process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", owning], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        ending = os.pidfd_open(child)

        owner.kill()

    wait_for_the_end_of(ending)
    os.close(ending)
