"""The floors of the house, as `pyproject.toml` tells them to import-linter."""

import subprocess
import sys
import sysconfig
from pathlib import Path

HOUSE = Path(__file__).parent.parent


def test_a_file_imports_only_from_its_own_room_and_from_lower_floors():
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"

    done = subprocess.run([linter, "--no-cache"], cwd=HOUSE, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def imported(*modules: str) -> set[str]:
    """All that a process has imported after these."""
    program = f"import sys, {', '.join(modules)}; print(*sys.modules, sep=chr(10))"
    done = subprocess.run([sys.executable, "-c", program], cwd=HOUSE, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_every_worker_imports_is_without_serve_the_database_and_numpy():
    found = imported("raythumbs.queue.actor", "raythumbs.worker.task")

    assert not {"ray.serve", "numpy", "boto3", "fastapi", "sqlalchemy", "alembic", "raythumbs.db"} & found


def test_what_every_replica_imports_is_without_the_database_the_decoders_and_the_queue():
    found = imported("raythumbs.app")

    assert not {"boto3", "sqlalchemy", "raythumbs.db", "PIL", "raythumbs.queue.thumbnail_queue"} & found


def test_a_queue_imports_alembic_only_to_migrate():
    assert "alembic" not in imported("raythumbs.queue.opening")
