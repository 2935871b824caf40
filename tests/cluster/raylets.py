"""A program in place of Ray's raylet, for the agents that a raylet starts."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

NODE = "0123456789abcdef"


def raylet(session: Path, agent: Sequence[str]) -> "subprocess.Popen[str]":
    """Start a program that starts the agent, as a raylet does, tells its number, and ends when its input does."""
    given = ["--session-dir", str(session), "--node-id", NODE, f"--stderr-filepath={log_of(session)}", "--other=x"]
    command = [*agent, "agent.py", *given]
    program = f"{shlex.join(command)} & echo $!; read _"
    return subprocess.Popen(["/bin/sh", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def log_of(session: Path) -> Path:
    return session.with_name(f"{session.name}.err")


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it has ended in between
        return True


def opened(process: psutil.Process) -> list[str]:
    """The files that a process has open, by which who clears up a folder finds it."""
    return [str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir()]
