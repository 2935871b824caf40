"""Code that a hostile photo smuggles into the decoder can do none of these. Each try is in a confined process.

No parent answers for refused calls here: the kernel refuses them itself. test_refused_calls.py has the whole decoder.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from raythumbs.imaging.confinement import confine

BEGIN = """
import ctypes, errno, os, resource, socket, sys, threading
from raythumbs.imaging.confinement import confine
confined = confine({options})
if confined.listener is not None:
    os.close(confined.listener)  # now the kernel refuses
"""
TRY = """
try:
    {tried}
except OSError as error:
    print(errno.errorcode[error.errno])
else:
    print("done")
"""
CONFINED = BEGIN + TRY


def told(tried: str, *arguments: object, options: str = "") -> str:
    """What a process says that tries something when it is confined."""
    command = [sys.executable, "-B", "-c", CONFINED.format(tried=tried, options=options), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@cache
def told_of_all(tries: tuple[str, ...], options: str = "") -> dict[str, str]:
    """What a confined process says that tries one thing after the other."""
    program = BEGIN.format(options=options) + "".join(TRY.format(tried=tried) for tried in tries)
    ended = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)
    return dict(zip(tries, ended.stdout.split(), strict=True))


TRIES = (
    "socket.socket()",
    "socket.socket(socket.AF_UNIX)",
    "socket.socketpair()",
    "os.execv(sys.executable, [sys.executable, '-c', ''])",
    "os.fork()",
    "os.kill(os.getppid(), 0)",
    "os.pidfd_open(os.getppid())",
    "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
    "os.memfd_create('program')",
    "os.open('/usr/raythumbs-was-here', os.O_WRONLY | os.O_CREAT)",
    "os.mkdir('/usr/raythumbs-was-here')",
    "os.setuid(0)",
    "os.chdir('/')",
)


@pytest.mark.parametrize("tried", TRIES)
@pytest.mark.parametrize("kernel", ["", "new_listener=1 << 30"], ids=["new", "older than 5.0"])
def test_a_confined_process_reaches_no_network_and_no_process_and_writes_no_file(tried, kernel):
    assert told_of_all(TRIES, kernel)[tried] in {"ENOSYS", "EPERM"}


READS = (
    "open(f'/proc/{os.getppid()}/environ', 'rb')",
    "open(f'/proc/{os.getppid()}/mem', 'rb')",
    "os.listdir('/')",
    "open('/etc/passwd')",
)


@pytest.mark.parametrize("tried", READS)
def test_a_confined_process_reads_no_file_but_pythons(tried):
    assert told_of_all(READS)[tried] == "EACCES"


def test_a_confined_process_reads_and_writes_no_file_of_its_owner(tmp_path):
    secret = tmp_path / "auth_token"
    secret.write_text("secret")

    assert told("open(sys.argv[1])", secret) == "EACCES"
    assert told("open(sys.argv[1], 'w')", tmp_path / "new") == "ENOSYS"
    assert told("os.unlink(sys.argv[1])", secret) == "ENOSYS"
    assert secret.read_text() == "secret"


NEEDED = (
    "threading.Thread(target=int).start()",  # of a decoder
    "import xml.dom.minidom",  # a module that was not imported before, as Pillow's plugins
    "ctypes.CDLL('libc.so.6')",
    "os.read(0, 1)",  # what is open already, as the photo is
    "resource.setrlimit(resource.RLIMIT_CPU, (60, resource.RLIM_INFINITY))",  # anew for each photo
)


@pytest.mark.parametrize("tried", NEEDED)
def test_a_confined_process_can_still_decode(tried):
    assert told_of_all(NEEDED)[tried] == "done"


def test_a_decoder_that_aborts_dies_of_that_and_not_of_its_confinement():
    ended = subprocess.run(
        [sys.executable, "-c", CONFINED.format(tried="os.abort()", options="")], capture_output=True, check=False
    )

    assert ended.returncode == -6  # SIGABRT


def test_without_one_of_the_fences_the_others_are_still_used():
    child = os.fork()  # a confinement is for a process's whole life
    if not child:
        confined = confine(create_ruleset=9999)  # a call that no kernel has
        if confined.listener is not None:
            os.close(confined.listener)
        reads = os.access("/etc/passwd", os.R_OK) and bool(Path("/etc/passwd").read_text(encoding="utf-8"))
        missing = [fence.name for fence in confined.fences if not fence.given]
        try:
            os.kill(os.getppid(), 0)
        except OSError:
            os._exit(0 if reads and "landlock" in missing and "seccomp" not in missing else 1)
        os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_where_the_kernel_gives_nothing_each_missing_fence_is_told_and_the_process_goes_on():
    # The first confinement is a kernel that refuses all that the second one asks for.
    told_of = "print(*(f'{fence.name}: {fence.detail}' for fence in confine().fences if not fence.given), sep=', ')"

    assert told(told_of).splitlines()[0] == ", ".join(
        f"{name}: Function not implemented"
        for name in ("network namespace", "capabilities", "no_new_privs", "landlock", "seccomp")
    )


@pytest.mark.needs("root")
def test_a_user_without_privileges_is_confined_as_root_is():
    become_nobody = "os.setgroups([]); os.setresgid(*[65534] * 3); os.setresuid(*[65534] * 3)\nconfined = confine("
    tried = "print(*(fence.name for fence in confined.fences if fence.given), sep=', ')"
    program = CONFINED.format(tried=tried, options="").replace("confined = confine(", become_nobody)

    ended = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True, check=True)

    # A network namespace is not given everywhere.
    assert ended.stdout.splitlines()[0].endswith("capabilities, no_new_privs, landlock, seccomp")
