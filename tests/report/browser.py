"""A headless Chromium, driven by its own protocol: what a page does when somebody opens it."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from tornado.websocket import websocket_connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(os.environ.get("AXE_CORE", Path(__file__).parents[2] / ".venv/node/node_modules/axe-core/axe.min.js"))
PATIENCE = 120


@contextmanager
def running(home):
    """A browser, as the address of its protocol."""
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={home}", "--remote-debugging-port=0", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            told, began = Path(home) / "DevToolsActivePort", time.monotonic()
            while not (told.exists() and len(told.read_text().split()) == 2):
                assert time.monotonic() - began < PATIENCE, "Chromium did not start"
                time.sleep(0.1)
            port, path = told.read_text().split()
            yield f"ws://127.0.0.1:{port}{path}"
        finally:
            process.terminate()


class Tab:
    """One page: commands, and what happened meanwhile."""

    def __init__(self, socket, session):
        self.socket, self.session, self.number, self.events = socket, session, 0, []

    async def send(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        await self.socket.write_message(json.dumps(message | ({"sessionId": self.session} if self.session else {})))
        while True:
            answer = json.loads(await asyncio.wait_for(self.socket.read_message(), PATIENCE))
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    async def value(self, expression):
        """What an expression gives in the page."""
        options = {"returnByValue": True, "awaitPromise": True}
        found = await self.send("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def happened(self, *methods):
        return [event for event in self.events if event.get("method") in methods]


def visit(address, page, look, *, width=1280, scripts=True, dark=False):
    """What `look(tab)` gives, of a page opened in a window of its own."""

    async def all_of_it():
        socket = await websocket_connect(address, max_message_size=2**28)
        browser = Tab(socket, None)
        target = (await browser.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (await browser.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = Tab(socket, session)
        tab.number = 1000
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.send(f"{domain}.enable")
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await tab.send("Emulation.setDeviceMetricsOverride", **metrics)
        await tab.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await tab.send("Emulation.setEmulatedMedia", features=scheme)
        await tab.send("Page.navigate", url=page.as_uri())
        began = time.monotonic()
        while not tab.happened("Page.loadEventFired"):
            assert time.monotonic() - began < PATIENCE, "the page did not load"
            await tab.send("Page.getLayoutMetrics")
            await asyncio.sleep(0.05)
        found = await look(tab)
        await browser.send("Target.closeTarget", targetId=target)
        socket.close()
        return found

    return asyncio.run(all_of_it())
