"""The program `raythumbs`: what it imports takes a moment, in which Ctrl-C ends it as silently as any other."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would show a traceback of the imports


def main() -> None:
    """Run the command line."""
    from raythumbs.cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
