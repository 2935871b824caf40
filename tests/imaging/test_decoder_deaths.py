"""Whatever a photo does to the process that decodes it, that photo alone fails, and the next one is rendered."""

import re
from contextlib import closing

import pytest

from raythumbs.errors import Crashed, TimedOut
from raythumbs.imaging.sandbox import Child, Sandbox
from raythumbs.model.photo import RenditionSpec
from tests.imaging.pictures import LIMITS
from tests.imaging.test_refused_calls import taken_over
from tests.imaging.test_sandbox import rendered

DEATHS = {
    "ctypes.string_at(0)": "SIGSEGV",
    "os.abort()": "SIGABRT",
    "os._exit(0)": "exit 0",
    "raise SystemExit": "exit 0",
    "raise KeyboardInterrupt": "SIGINT|exit",
    "os.close(int(sys.argv[1])); time.sleep(0.5)": "exit 1",
    "raise BaseException": "exit 1",
    "raise RecursionError": "exit 1",
    "bytearray(100 << 30)": "exit 1",
    "os.write(int(sys.argv[1]), bytes(100))": "makes no sense",
    "[threading.Thread(target=threading.Event().wait, daemon=True).start() for _ in iter(int, 1)]": "exit 1|SIG",
}


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What one sandbox tells of each photo that kills its decoder, one after the other, and of a sound one last."""
    children = [taken_over(tried) for tried in reversed(DEATHS)]
    with closing(Sandbox([RenditionSpec()], LIMITS, start_child=lambda orders: _next(children, orders))) as sandbox:
        return {tried: _told_by(sandbox) for tried in [*DEATHS, "nothing"]}


def _told_by(sandbox: Sandbox) -> str:
    try:
        return f"{rendered(sandbox).width} pixels wide"
    except Crashed as error:
        return str(error)


@pytest.mark.parametrize("tried", DEATHS)
def test_a_photo_that_kills_its_decoder_crashes_alone(told: dict[str, str], tried: str) -> None:
    assert re.search(DEATHS[tried], told[tried])
    assert told["nothing"] == "120 pixels wide"


@pytest.mark.parametrize("tried", ["[None for _ in iter(int, 1)]", "threading.Event().wait()"])
def test_a_photo_that_holds_its_decoder_for_ever_is_given_up_alone(tried: str) -> None:
    children = [taken_over(f"{tried}; threading.Event().wait()")]

    with closing(Sandbox([RenditionSpec()], LIMITS, start_child=lambda orders: _next(children, orders))) as sandbox:
        sandbox.fences()
        with pytest.raises(TimedOut):
            rendered(sandbox, seconds=0.5)

        assert rendered(sandbox).width == 120


def _next(children: list, orders: bytes) -> Child:
    return children.pop()(orders) if children else Child.started(orders)
