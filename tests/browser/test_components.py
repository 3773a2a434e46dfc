"""Every component, seen in a browser: both languages, light and dark, desktop and a narrow phone."""

import pytest

from tests.browser.conftest import DESKTOP, PHONE, see

pytestmark = [pytest.mark.urls("tests.browser.style_urls"), pytest.mark.django_db(transaction=True)]

EYES = [
    pytest.param("light", DESKTOP, "en", id="light-desktop-en"),
    pytest.param("dark", DESKTOP, "zh-hans", id="dark-desktop-zh"),
    pytest.param("light", PHONE, "zh-hans", id="light-phone-zh"),
    pytest.param("dark", PHONE, "en", id="dark-phone-en"),
]


def open_style(page, live_server) -> None:
    page.goto(f"{live_server.url}/style/")
    page.locator("td-curve canvas").wait_for()
    page.get_by_text("无法写入检查点").wait_for()


@pytest.mark.parametrize(("theme", "size", "language"), EYES)
def test_every_component_is_accessible_and_quiet(page, live_server, complaints, axe, too_wide, theme, size, language):
    see(page, theme=theme, size=size, language=language)
    open_style(page, live_server)
    page.get_by_text("fresh").wait_for()
    assert axe() == []
    assert too_wide() == []
    assert complaints == []
