"""One Chromium for all pages of a test run: to start one takes longer than most tests with a page."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

from playwright.async_api import Page, async_playwright

from raythumbs.cluster.free_port import free_port


@contextmanager
def running() -> Iterator[str]:
    """Give the address at which a Chromium is driven."""
    port, started, ended = free_port(), Future[None](), Future[None]()
    thread = Thread(target=lambda: asyncio.run(_hold(port, started, ended)))
    thread.start()
    try:
        started.result(timeout=120)
        yield f"http://127.0.0.1:{port}"
    finally:
        ended.set_result(None)
        thread.join()


async def _hold(port: int, started: Future[None], ended: Future[None]) -> None:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--remote-debugging-port={port}"]
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            started.set_result(None)
            await asyncio.wrap_future(ended)
            await browser.close()
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)


@asynccontextmanager
async def new_page(chromium: str, **options: Any) -> AsyncIterator[Page]:
    """Give a page in a profile of its own, which has nothing of what other pages kept."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium)
        profile = await browser.new_context(**options)
        try:
            yield await profile.new_page()
        finally:
            await profile.close()
            await browser.close()  # this connection to it
