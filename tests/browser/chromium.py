"""A real browser without a window, spoken to by its own protocol (CDP) through a pipe: nothing else is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT = 60.0


def found() -> str | None:
    """The browser of this machine: as ``PERMITS_CHROMIUM`` names it, or by one of its usual names."""
    named = os.environ.get("PERMITS_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Seen:
    """What a page did while it was open: what it said on the console, and which addresses it asked for."""

    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


class Chromium:
    """The browser; one page at a time."""

    def __init__(self, program: str, home: Path) -> None:
        read, write = os.pipe(), os.pipe()
        # The browser reads from 3 and writes to 4: ours are moved out of the way first.
        child = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (read[0], write[1])]
        for fd in (read[0], write[1]):
            os.close(fd)
        options = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={home}", "--disable-gpu"]
        options += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
        options += ["--hide-scrollbars", "--disable-dev-shm-usage", "--disable-extensions"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # which root may not have
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{child[0]} 4>&{child[1]}', program, *options, "about:blank"],
            pass_fds=child,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in child:
            os.close(fd)
        self._out = os.fdopen(read[1], "wb", buffering=0)
        self._in = os.fdopen(write[0], "rb", buffering=0)
        os.set_blocking(self._in.fileno(), False)
        self._waiting = b""
        self._number = 0
        self._session: str | None = None
        self._target: str | None = None
        self.seen = Seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(WAIT)
        self._out.close()
        self._in.close()

    def open(self, file: Path, *, width: int, dark: bool = False, media: str = "") -> Seen:
        """Show a file at a width, as a telephone does where it is narrow; gives what it did."""
        self._session = None
        if self._target is not None:
            self.ask("Target.closeTarget", targetId=self._target)
        self._target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        phone = width < 600
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.seen = Seen()
        self.ask("Page.navigate", url=file.as_uri())
        self._until(lambda event: event.get("method") == "Page.loadEventFired")
        return self.seen

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def printed(self) -> bytes:
        """The page on A4."""
        answer = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(answer["data"])

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, with its answer."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        answer = self._until(lambda event: event.get("id") == number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            while b"\0" in self._waiting:
                text, _, self._waiting = self._waiting.partition(b"\0")
                event: dict[str, Any] = json.loads(text)
                self._note(event)
                if wanted(event):
                    return event
            more = self._in.read(1 << 20)
            if more == b"":
                raise AssertionError(f"the browser has ended: {self._process.poll()}")
            if more is None:
                time.sleep(0.01)
            else:
                self._waiting += more
        raise AssertionError("the browser does not answer")

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.seen.said.append(" ".join(str(each.get("value")) for each in params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.seen.said.append(params["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.seen.said.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.seen.asked.append(params["request"]["url"])
