"""The program `raythumbs`. Ctrl-C ends it without a traceback, even while it is still importing."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would print a traceback


def main() -> None:
    """Run the command line."""
    from raythumbs.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
