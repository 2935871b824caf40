"""The demo: compares the service with a sequential program on this machine."""
