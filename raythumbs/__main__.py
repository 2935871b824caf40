"""The program `raythumbs`. Ctrl-C ends it without a traceback, even while it is still importing."""

import atexit
import gc
import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would print a traceback


def main() -> None:
    """Run the command line."""
    # Modules stay to the end. Python looked through them for garbage again and again, and once more at the end: a third
    # of the CPU of a short command, and a second of that of `raythumbs serve`.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    from raythumbs.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
