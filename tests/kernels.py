"""Notebooks run from top to bottom."""

from pathlib import Path

from nbformat import NotebookNode

from tests.surroundings import WITHOUT_PANDAS, with_pandas


def run_notebook(notebook: NotebookNode, *, cwd: Path, ipython: Path, **environment: str) -> None:
    """Run a notebook in a kernel that has pandas, and the folder `ipython` for itself. What it starts has no pandas."""
    from nbclient import NotebookClient  # of the extra `ci`

    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "starts.py").write_text(f"import os\nos.environ['PYTHONPATH'] = {WITHOUT_PANDAS!r}\n")
    surroundings = {**with_pandas(), "IPYTHONDIR": str(ipython), **environment}
    NotebookClient(notebook, kernel_name="python3").execute(cwd=cwd, env=surroundings)
