"""Take the pictures of the README and the pages anew, from real runs: ``make pictures``, about three minutes.

Needs Chromium. A picture is cut to what its page is about, and has few colours, so that a clone stays small.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import noria

IMAGES = Path(__file__).resolve().parent / "images"
COLOURS = 96
READY = 60.0  # seconds that a service may take until it answers
WIDTH = 1060
TERMINAL = (
    "<style>{stylesheet} body {{ margin: 0; padding: 20px; color: {foreground}; background: {background}; "
    "font: 14px/1.35 monospace; width: max-content }} pre {{ margin: 0; font: inherit }}</style>"
    "<pre>{code}</pre>"
)


def told(*arguments: str, home: Path) -> str:
    """What a command prints to a terminal of 100 columns, as a web page."""
    environment = {**os.environ, "NORIA_HOME": str(home), "COLUMNS": "100"}
    command = [sys.executable, "-m", "noria", *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(Text(f"$ noria {' '.join(arguments)}", style="bold"))
    console.print(Text(done.stdout.replace(str(home), "~/.noria")))
    return console.export_html(code_format=TERMINAL, theme=MONOKAI)


@contextmanager
def service(*models: str, home: Path) -> Iterator[str]:
    """The address of a service that answers as long as the block lasts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "noria", "serve", *models, "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "NORIA_HOME": str(home)})
    client, until = noria.Client(f"http://127.0.0.1:{port}"), time.monotonic() + READY
    try:
        while True:
            try:
                client.models()
                break
            except noria.NoriaError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def keep(name: str, png: bytes) -> None:
    """Write a picture with few colours."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(IMAGES / f"{name}.png", optimize=True)


def shoot(
    browser: Browser, name: str, address: str, height: int, act: Callable[[Page], None] | None = None
) -> None:
    """The first `height` pixels of a page, after `act` has been done."""
    page = browser.new_page(viewport={"width": WIDTH, "height": height})
    page.goto(address)
    if act:
        act(page)
    page.wait_for_timeout(1500)
    keep(name, page.screenshot())
    page.close()


def ask(page: Page) -> None:
    """Put a question, and wait for its answer."""
    page.get_by_role("textbox").first.fill("Can a file be larger than memory?")
    page.get_by_role("button", name="Ask").click()
    page.locator("#talk a, #talk button").first.wait_for()


def predict(page: Page) -> None:
    """Ask for the prediction of the row that the form holds."""
    page.get_by_role("button", name="Predict", exact=True).click()


def main() -> None:
    """All pictures."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("Chromium is needed.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        home = Path(folder)
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        terminal = browser.new_page()
        terminal.set_content(told("run", "titanic", home=home))
        keep("run", terminal.locator("body").screenshot())
        told("run", "docs-qa", "--budget", "60s", home=home)
        report = next(home.glob("runs/titanic-*/report.html"))
        shoot(browser, "report", report.as_uri(), 620)
        profile = home / "profile.html"
        told(
            "profile",
            "package:bokeh_sampledata/titanic",
            "--target",
            "survived",
            "-o",
            str(profile),
            home=home,
        )
        shoot(browser, "profile", profile.as_uri(), 820)
        with service("titanic", "docs-qa", home=home) as address:
            shoot(browser, "model", f"{address}/models/titanic", 900, predict)
            shoot(browser, "ask", f"{address}/models/docs-qa", 580, ask)


if __name__ == "__main__":
    main()
