import os
import signal

from raythumbs.imaging.sandbox_child import limit_cpu


def test_a_child_that_spins_ends_though_nobody_watches_the_clock() -> None:
    child = os.fork()
    if child == 0:
        limit_cpu(0)
        while True:
            pass

    _, status, used = os.wait4(child, 0)

    assert os.WTERMSIG(status) == signal.SIGXCPU
    assert used.ru_utime + used.ru_stime < 10
