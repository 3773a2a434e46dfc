"""Sign-in and a person's own account, in a browser: accessible, quiet, and usable in both languages."""

import pytest

from collab.accounts.models import User
from tests.browser.conftest import DESKTOP, PHONE, see

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
PUBLIC = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
OWN = ["/accounts/password/change/", "/accounts/email/", "/accounts/2fa/", "/accounts/logout/", "/calendar/"]


@pytest.fixture
def ada():
    return User.objects.create_user("ada@rhinefeld.test", PASSWORD, name="Ada Lind")


@pytest.fixture
def signed_in(page, live_server, client, ada):
    client.force_login(ada)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    return page


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize(("theme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light-desktop", "dark-phone"])
def test_pages_before_signing_in(page, live_server, complaints, axe, too_wide, path, theme, size):
    see(page, theme=theme, size=size)
    page.goto(live_server.url + path)
    assert axe() == []
    assert too_wide() == []
    assert complaints == []


@pytest.mark.parametrize("path", OWN)
def test_pages_of_ones_own_account(signed_in, live_server, complaints, axe, too_wide, path):
    see(signed_in, theme="dark", size=PHONE, language="zh-hans")
    signed_in.goto(live_server.url + path)
    assert signed_in.url.endswith(path)
    assert axe() == []
    assert too_wide() == []
    assert complaints == []


def test_signing_in_and_out_by_keyboard_and_menu(page, live_server, ada):
    see(page)
    page.goto(f"{live_server.url}/accounts/password/change/")
    page.get_by_label("Email").fill(ada.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/password/change/")
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/**")


def test_language_is_switched_in_place(page, live_server):
    see(page)
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_role("button", name="简体中文").click()
    page.wait_for_function("document.documentElement.lang === 'zh-hans'")
    assert page.url.endswith("/accounts/login/")


def test_a_wrong_password_is_said_at_the_form(page, live_server, ada, axe):
    see(page)
    page.goto(f"{live_server.url}/accounts/login/")
    page.get_by_label("Email").fill(ada.email)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    page.locator(".alert-danger").wait_for()
    assert axe() == []


def test_two_factor_is_set_up_with_a_code_to_scan(signed_in, live_server, complaints, axe):
    see(signed_in, theme="dark")
    signed_in.goto(f"{live_server.url}/accounts/2fa/totp/activate/")
    signed_in.get_by_label("Password").fill(PASSWORD)
    signed_in.get_by_role("button", name="Confirm").click()
    signed_in.locator("img.qr").wait_for()
    assert axe() == []
    assert complaints == []


def test_a_page_that_is_not_there_is_explained(page, live_server, axe, too_wide):
    see(page, theme="dark", size=PHONE)
    page.goto(f"{live_server.url}/nothing/")
    assert page.locator("h1").inner_text() == "There is nothing here for you"
    assert axe() == []
    assert too_wide() == []
