"""Browser tests: the system's Chromium, axe for accessibility, and a page that reports what it complained about."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from collab.accounts.models import User

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's sync interface keeps an event loop running

CHROMIUM = next(
    (
        found
        for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
        if name and (found := shutil.which(name))
    ),
    None,
)
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives in this folder; without a Chromium say how to get one."""
    for item in items:
        if Path(__file__).parent not in item.path.parents or "page" not in getattr(item, "fixturenames", ()):
            continue
        item.add_marker(pytest.mark.browser)
        if CHROMIUM is None:
            item.add_marker(
                pytest.mark.skip(reason="no Chromium found: install one (apt install chromium) or set CHROMIUM")
            )


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    executable = {"executable_path": CHROMIUM} if CHROMIUM else {}
    return {**browser_type_launch_args, **executable, "args": ["--disable-dev-shm-usage", "--disable-gpu"]}


@pytest.fixture
def complaints(page) -> Iterator[list[str]]:
    """Everything the page wrote to its console as a warning or error: script faults, refusals of the policy, 404s."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    yield heard


@pytest.fixture
def enter(page, live_server):
    """Sign in as somebody, without the form."""

    def switch(user: User) -> None:
        # The page before asks for nothing more: a late answer would set its person's cookie again.
        page.goto("about:blank")
        client = Client()
        client.force_login(user)
        page.context.clear_cookies()
        cookie = client.cookies["sessionid"].value
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])

    return switch


@pytest.fixture
def axe(page) -> Callable[[], list[str]]:
    """Call it to get the accessibility faults of the page as it stands: 'rule: element, …'."""

    def run() -> list[str]:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']})).violations")
        return [f"{fault['id']}: " + ", ".join(node["html"][:120] for node in fault["nodes"][:4]) for fault in found]

    return run


@pytest.fixture
def too_wide(page) -> Callable[[], list[str]]:
    """Call it to get the elements that stick out of the screen to the right (and are not inside a scrolling box)."""

    def run() -> list[str]:
        return page.evaluate(
            """() => {
              const boxes = ["auto", "scroll", "hidden"];
              const scrolls = (e) => e && (boxes.includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
              const hidden = (e) => e.closest(".offcanvas, .offcanvas-lg, .visually-hidden, .skip-link, dialog");
              return [...document.body.querySelectorAll("*")]
                .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
                .filter((e) => !scrolls(e.parentElement) && !hidden(e))
                .map((e) => e.outerHTML.slice(0, 120)).slice(0, 5);
            }"""
        )

    return run


def see(page, *, theme: str = "light", size: dict | None = None, language: str = "en") -> None:
    """Look with these eyes from the next page on: appearance, size of the screen, language."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size(size or DESKTOP)
    page.context.set_extra_http_headers({"Accept-Language": language})
