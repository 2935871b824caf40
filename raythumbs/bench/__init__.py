"""Throughput, measured the same way by the CLI and the notebook."""
