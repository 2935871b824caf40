"""Code that a hostile photo smuggles into the decoder can do none of these. Each try is in a confined process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from raythumbs.imaging import confinement

CONFINED = """
import ctypes, os, socket, sys, threading
from raythumbs.imaging.confinement import confine
confine()
try:
    {tried}
except OSError as error:
    print(type(error).__name__)
else:
    print("done")
"""


def told(tried: str, *arguments: object) -> str:
    """What a process says that tries something when it is confined."""
    command = [sys.executable, "-c", CONFINED.format(tried=tried), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "tried",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.execv(sys.executable, [sys.executable, '-c', ''])",
        "os.fork()",
        "os.kill(os.getppid(), 0)",
        "os.pidfd_open(os.getppid())",
        "open(f'/proc/{os.getppid()}/environ', 'rb')",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "os.listdir('/')",
        "open('/etc/passwd')",
        "open('/usr/raythumbs-was-here', 'w')",
    ],
)
def test_a_confined_process_reaches_no_network_no_process_and_no_file(tried):
    assert told(tried) == "PermissionError"


def test_a_confined_process_reads_and_writes_no_file_of_its_owner(tmp_path):
    secret = tmp_path / "auth_token"
    secret.write_text("secret")

    assert told("open(sys.argv[1])", secret) == "PermissionError"
    assert told("open(sys.argv[1], 'w')", tmp_path / "new") == "PermissionError"
    assert told("os.unlink(sys.argv[1])", secret) == "PermissionError"
    assert secret.read_text() == "secret"


@pytest.mark.parametrize(
    "tried",
    [
        "threading.Thread(target=int).start()",  # of a decoder
        "import xml.dom.minidom",  # a module that was not imported before, as Pillow's plugins
        "ctypes.CDLL('libc.so.6')",
        "os.read(0, 1)",  # what is open already, as the photo is
    ],
)
def test_a_confined_process_can_still_decode(tried):
    assert told(tried) == "done"


def test_without_one_of_the_fences_the_other_is_still_used():
    child = os.fork()  # a confinement is for a process's whole life
    if not child:
        confinement.confine(create_ruleset=9999)  # a call that no kernel has
        reads = os.access("/etc/passwd", os.R_OK) and bool(Path("/etc/passwd").read_text(encoding="utf-8"))
        try:
            os.kill(os.getppid(), 0)
        except PermissionError:
            os._exit(0 if reads else 1)
        os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
