"""The page in a real browser: send, watch, read, seek, erase; by hand, by keyboard, in the dark."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from asking import Client

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser, client: Client) -> Iterator[object]:
    """An open page; whatever it asks of another server, or logs as an error, fails the test."""
    context = browser.new_context()
    opened = context.new_page()
    asked, wrong = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if is_wrong(said) else None)
    ready(opened, client)
    yield opened
    context.close()
    assert not [url for url in asked if not url.startswith((client.address, "data:", "blob:"))]
    assert not wrong


@pytest.fixture(scope="module")
def clip(benchmark: Path) -> Path:
    return benchmark / "extra" / "two_people_right_swapped.mp4"


def is_wrong(said) -> bool:
    """Browsers log what the server refuses, which some tests ask for."""
    return said.type == "error" and "responded with a status of 4" not in said.text


def until(page, condition: str, *, seconds: float = 90) -> None:
    """Wait for a condition; Playwright's own way needs `eval`, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def ready(page, client: Client) -> None:
    page.goto(client.address)
    page.get_by_text("No file is chosen").wait_for()


def sent(page, clip: Path) -> None:
    page.set_input_files("#files", clip)
    page.locator(".answer").wait_for(timeout=60_000)


def test_a_clip_is_sent_answered_and_erased(page, clip: Path) -> None:
    sent(page, clip)
    assert page.locator("#result h2").inner_text() == clip.name
    assert page.locator(".person").count() == 2
    assert page.locator(".screen canvas").count() == 1
    page.locator("#result .danger").click()
    page.locator("dialog .danger").click()
    page.get_by_text("No file is chosen").wait_for()
    until(page, "document.querySelectorAll('#queue a').length === 0")


def test_several_are_sent_at_once_and_the_list_lives_through_a_reload(
    page, clip: Path, tmp_path: Path
) -> None:
    copies = []
    for number in range(3):
        copies.append(tmp_path / f"copy {number}.mp4")
        copies[-1].write_bytes(clip.read_bytes() + bytes([number]))
    page.set_input_files("#files", copies)
    until(page, "document.querySelectorAll('#queue a .mark').length === 3")
    page.reload()
    until(page, "document.querySelectorAll('#queue a .mark').length === 3")
    names = page.locator("#queue .name").all_inner_texts()
    assert sorted(names) == [copy.name for copy in copies]
    for _ in copies:
        page.locator("#queue a").first.click()
        page.locator("#result .danger").click()
        page.locator("dialog .danger").click()
        page.get_by_text("No file is chosen").wait_for()


def test_the_timeline_and_the_faces_move_the_video(page, clip: Path) -> None:
    sent(page, clip)
    until(page, "document.querySelector('video').readyState >= 1")
    assert page.evaluate("document.querySelector('video').videoWidth") > 0
    line = page.locator(".timeline").first
    box = line.bounding_box()
    line.click(position={"x": box["width"] / 2, "y": 10})
    length = page.evaluate("document.querySelector('video').duration")
    at = page.evaluate("document.querySelector('video').currentTime")
    assert at == pytest.approx(length / 2, abs=0.05 * length + 0.03)
    line.press("Home")
    until(page, "document.querySelector('video').currentTime === 0")
    line.press("ArrowRight")
    until(page, "document.querySelector('video').currentTime > 0")
    painted = page.evaluate(
        "(() => { const c = document.querySelector('.screen canvas');"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v) })()"
    )
    assert painted
    page.locator(".slide input").first.fill("100")
    opacity = page.evaluate("getComputedStyle(document.querySelector('.heat')).opacity")
    assert opacity == "1"
    page.locator(".face").first.click()


def test_the_report_can_be_downloaded(page, clip: Path, tmp_path: Path) -> None:
    sent(page, clip)
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("report")).click()
    assert started.value.suggested_filename.endswith("-report.html")


def test_everything_goes_by_keyboard_alone(page, clip: Path) -> None:
    sent(page, clip)
    page.reload()
    page.locator("#queue a").first.wait_for()
    page.locator(".answer").wait_for()
    page.locator(".skip").focus()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "(() => { const e = document.activeElement;"
                "return e.id || e.getAttribute('role') || e.className || e.tagName })()"
            )
        )
        if page.evaluate("document.activeElement.matches('#result .danger')"):
            break
    assert {"files", "boxes", "slider"} <= set(seen)
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    until(page, "!document.querySelector('dialog')")
    page.keyboard.press("Enter")
    page.locator("dialog .danger").focus()
    page.keyboard.press("Enter")
    page.get_by_text("No file is chosen").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_the_dark(browser, client: Client, clip: Path, width, scheme) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = context.new_page()
    ready(opened, client)
    sent(opened, clip)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert dark == (scheme == "dark")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, client: Client, clip: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(color_scheme=scheme)
    opened = context.new_page()
    ready(opened, client)
    assert axe.run(opened).violations_count == 0
    sent(opened, clip)
    found = axe.run(opened)
    assert found.violations_count == 0, found.generate_report()
    context.close()


def test_what_is_refused_is_said(page, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_text("<script>alert(1)</script>")
    page.set_input_files("#files", tmp_path / "no.mp4")
    page.locator(".job.bad").wait_for()
    assert "no video or picture" in page.locator(".job.bad .state").inner_text()
