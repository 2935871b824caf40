"""Stands in for pandas in the processes that tests start, see tests/conftest.py."""

raise ModuleNotFoundError("a service does without pandas", name="pandas")
