"""The page in a real browser: `make test-page`. Pictures of it go to build/page.

Needs Debian's chromium (CHROMIUM=path for another).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from digits_train import synth

CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"
PICTURES = Path("build/page")
TOKEN = "a-token-of-the-test"  # noqa: S105
SERVER = """
import sys, time
import cv2
from digits_runtime import Reader, outputs
from digits_runtime.capture.health import Health
from digits_runtime.tracking import Tracker

clip, serve, token = sys.argv[1:]
video, frames = cv2.VideoCapture(clip), []
while (frame := video.read()[1]) is not None:
    frames.append(frame)
reader, tracker, count = Reader(), Tracker(), 0
with outputs.chosen(reader, as_json=True, serve=serve, token=token or None) as chosen:
    while True:
        count += 1
        frame = frames[count % len(frames)]
        reading = reader.read(frame, source=clip, number=count, captured=time.time())
        chosen.show(frame, reading, tracker.update(reading), Health("running", count, rate=10.0))
        time.sleep(0.1)
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "chromium is missing: apt-get install chromium"
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # Root has no sandbox of its own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _serve(serve: str, token: str = "") -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(CLIP), serve, token]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("page: "), line
        yield line.removeprefix("page: ").strip()
        process.terminate()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    yield from _serve("127.0.0.1:0")


@pytest.fixture(scope="session")
def guarded() -> Iterator[str]:
    yield from _serve("0.0.0.0:0", TOKEN)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type == "error" else None,
        )
        yield page
        assert [fault for fault in faults if "401" not in fault] == []


def _draw(page: Page, label: str, seed: int) -> None:
    """Draw a digit of the project's own handwriting with the mouse."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    strokes = synth.draw(label, np.random.default_rng(seed))
    points = np.concatenate(strokes)
    low, span = points.min(axis=0), np.ptp(points, axis=0).max()
    size = 0.6 * box["height"]
    left = box["x"] + (box["width"] - size) / 2
    top = box["y"] + 0.2 * box["height"]
    for stroke in strokes:
        places = (stroke - low) / span * size + (left, top)
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1 :: max(1, len(places) // 12)]:
            page.mouse.move(*place)
        page.mouse.move(*places[-1])
        page.mouse.up()


def test_the_live_view_shows_picture_number_and_history(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("#state")).to_have_text("running", timeout=10_000)
    expect(page.locator("#picture")).to_be_visible(timeout=10_000)
    expect(page.locator("#number")).to_have_text("45230", timeout=30_000)
    expect(page.locator("#history b").first).to_be_visible()
    before = page.locator("#picture").get_attribute("src")
    page.wait_for_timeout(600)
    assert page.locator("#picture").get_attribute("src") != before
    # A picture that has just been put in has no size yet.
    page.wait_for_function(
        "(i => i.naturalWidth == 640 && i.naturalHeight == 480)(document.querySelector('#picture'))"
    )
    page.screenshot(path=PICTURES / "desktop.png")


@pytest.mark.parametrize("label", list("0123456789"))
def test_a_digit_drawn_is_read(page: Page, url: str, label: str) -> None:
    page.goto(url)
    expect(page.locator("#pad")).to_be_visible(timeout=10_000)
    right = 0
    for seed in range(3):
        page.locator("#clear").click()
        expect(page.locator("#drawn")).to_have_text("")
        _draw(page, label, seed)
        page.wait_for_timeout(300)
        expect(page.locator("#drawn")).not_to_have_text("", timeout=5_000)
        right += page.locator("#drawn").inner_text() == label
    print(f"{label}: {right} of 3 drawings read")
    assert right == 3


def test_a_wrong_token_is_refused_and_the_right_one_opens(page: Page, guarded: str) -> None:
    page.goto(guarded)
    expect(page.locator("#login")).to_be_visible()
    expect(page.locator("#main")).to_be_hidden()
    page.screenshot(path=PICTURES / "login.png")
    page.fill("#token", "not-the-token-at-all")
    page.click("#login button")
    expect(page.locator("#refused")).to_have_text("That is not the token.")
    page.fill("#token", TOKEN)
    page.click("#login button")
    expect(page.locator("#picture")).to_be_visible(timeout=10_000)
    page.reload()
    expect(page.locator("#picture")).to_be_visible(timeout=10_000)


def test_a_link_with_the_token_opens_and_hides_it(page: Page, guarded: str) -> None:
    page.goto(f"{guarded}#{TOKEN}")
    expect(page.locator("#picture")).to_be_visible(timeout=10_000)
    assert TOKEN not in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(
    browser: Browser, url: str, scheme: str
) -> None:
    with browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
        color_scheme="dark" if scheme == "dark" else "light",
    ) as context:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#picture")).to_be_visible(timeout=10_000)
        expect(page.locator("#number")).not_to_have_class("none", timeout=30_000)
        _draw(page, "5", 1)
        expect(page.locator("#drawn")).to_have_text("5", timeout=5_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.screenshot(path=PICTURES / f"phone-{scheme}.png", full_page=True)


def test_no_more_than_eight_look_on(browser: Browser, url: str) -> None:
    with browser.new_context(viewport={"width": 400, "height": 300}) as context:
        pages = [context.new_page() for _ in range(9)]
        for page in pages:
            page.goto(url)
        deadline = time.monotonic() + 20
        refused = 0
        while time.monotonic() < deadline and not refused:
            refused = sum("too many" in page.locator("#state").inner_text() for page in pages)
        assert refused == 1
