"""Stands in for pyarrow in the processes that tests start, see tests/conftest.py."""

raise ModuleNotFoundError("a service does without pyarrow", name="pyarrow")
