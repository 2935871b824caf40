"""One Chromium for all pages of a test run: to start one takes longer than most tests with a page."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # of the extra `ci`
    from playwright.async_api import Browser, Locator, LocatorAssertions, Page

ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


class Chromium:
    """A Chromium, and the event loop of the driver that it is driven by: a second driver takes half a second of CPU."""

    def __init__(self, loop: asyncio.Runner, browser: "Browser") -> None:
        self._loop = loop
        self._browser = browser

    def run(self, scenario: Coroutine[Any, Any, Any]) -> Any:
        """Run a scenario with pages."""
        return self._loop.run(scenario)

    @asynccontextmanager
    async def new_page(self, **options: Any) -> AsyncIterator["Page"]:
        """Give a page in a profile of its own, which has nothing of what other pages kept."""
        profile = await self._browser.new_context(**options)
        try:
            yield await profile.new_page()
        finally:
            await profile.close()


def expect(part: "Locator") -> "LocatorAssertions":
    """Give playwright's assertions on a part of a page. They wait for a minute until they are true."""
    from playwright.async_api import expect

    expect.set_options(timeout=60_000)  # milliseconds
    return expect(part)


@contextmanager
def running() -> Iterator[Chromium]:
    """Give a Chromium."""
    from playwright.async_api import async_playwright

    with asyncio.Runner() as loop:
        driver = async_playwright()
        playwright = loop.run(driver.__aenter__())
        try:
            started = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=ARGUMENTS, timeout=120_000
            )
            browser = loop.run(started)
            yield Chromium(loop, browser)
            loop.run(browser.close())
        finally:
            loop.run(driver.__aexit__())
