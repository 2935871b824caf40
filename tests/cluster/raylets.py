"""A program in place of Ray's raylet, for the agents that a raylet starts."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

NODE = "0123456789abcdef"


def raylet(session: Path, agent: Sequence[str]) -> "subprocess.Popen[str]":
    """Start a program that starts the agent, as a raylet does, tells its number, and ends when its input does."""
    command = [*agent, "agent.py", "--session-dir", str(session), "--node-id", NODE, "--other=x"]
    program = f"{shlex.join(command)} & echo $!; read _"
    return subprocess.Popen(["/bin/sh", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
