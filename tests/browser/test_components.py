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


@pytest.fixture
def style(page, live_server):
    see(page)
    open_style(page, live_server)
    return page


def test_curve_draws_all_answers_and_lists_them_for_reading_aloud(style):
    style.get_by_text("Values as a table").first.click()
    style.get_by_role("rowheader", name="400").wait_for()
    assert "Training loss" in style.locator("td-curve .curve-plot").get_attribute("aria-label")


def test_curve_changes_measurement_scale_and_series_by_keyboard(style):
    style.get_by_role("button", name="lr").press("Enter")
    assert style.locator(".curve-legend label").count() == 1
    style.get_by_role("button", name="Loss").press("Enter")
    style.get_by_label("Logarithmic").press("Space")
    style.get_by_label("Smoothing").press("End")
    style.locator(".curve-legend input").first.press("Space")
    said = style.locator("td-curve .curve-plot").get_attribute("aria-label")
    assert "Training loss" not in said and "Validation loss" in said


def test_a_label_stays_whole_where_its_table_is_wider_than_the_page(style):
    lines = style.evaluate(
        """() => {
            const drawn = "<td><svg class='rank-curve'></svg></td>".repeat(16);
            const row = `<tr><th scope='row'>spam</th>${drawn}</tr>`;
            const wide = `<div class='table-wrap'><table class='table'><tbody>${row}</tbody></table></div>`;
            const place = document.querySelector("main .stack");
            place.insertAdjacentHTML("afterbegin", wide);
            const range = document.createRange();
            range.selectNodeContents(place.querySelector("th"));
            return range.getClientRects().length;
        }"""
    )
    assert lines == 1


def test_log_joins_characters_cut_by_an_offset_and_marks_trouble(style):
    assert style.locator(".log .log-error").inner_text() == "ERROR: 无法写入检查点"
    assert style.locator(".log .log-warning").count() == 1
    assert style.locator(".log div").count() == 22


def test_confirm_holds_a_form_until_the_person_agrees(style):
    style.get_by_role("button", name="Stop").click()
    style.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert style.url.endswith("/style/")
    style.get_by_role("button", name="Stop").click()
    style.get_by_role("dialog").get_by_role("button", name="Stop").click()
    style.wait_for_url("**/style/sent/")


def test_what_was_agreed_is_sent_though_the_live_part_around_it_was_replaced_meanwhile(style):
    style.get_by_role("button", name="Stop").click()
    style.evaluate("document.querySelector('form[action=\"/style/sent/\"]').outerHTML = '<p>A newer state</p>'")
    style.get_by_role("dialog").get_by_role("button", name="Stop").click()
    style.wait_for_url("**/style/sent/")


def test_confirm_with_a_word_waits_for_the_word(style):
    style.get_by_role("button", name="Delete").click()
    dialog = style.get_by_role("dialog")
    assert dialog.get_by_role("button", name="Delete").is_disabled()
    dialog.get_by_role("textbox").fill("letters")
    dialog.get_by_role("button", name="Delete").click()
    style.wait_for_url("**/style/sent/")


def test_upload_names_the_file_and_follows_the_answer(style, tmp_path):
    (tmp_path / "letters.txt").write_bytes(b"Dear friend, " * 1000)
    style.locator("input[type=file]").set_input_files(tmp_path / "letters.txt")
    assert "letters.txt (13 kB)" in style.locator("[data-part=chosen]").inner_text()
    style.get_by_role("button", name="Upload", exact=True).click()
    style.wait_for_url("**/style/fragment/")


def test_appearance_is_remembered_and_known_before_the_first_paint(style):
    style.evaluate("localStorage.setItem('tandem-theme', 'dark')")
    style.route("**/js/app.js", lambda route: route.abort())  # what comes later may not be what sets it
    style.reload(wait_until="domcontentloaded")
    assert style.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_copy_says_that_it_copied(style):
    style.context.grant_permissions(["clipboard-read", "clipboard-write"])
    style.locator(".code-block [data-copy]").click()
    style.get_by_text("Copied").wait_for(state="attached")
    assert style.evaluate("navigator.clipboard.readText()").startswith("from transformers")


def test_live_fragment_stops_asking_while_nobody_looks(style):
    style.get_by_text("fresh").wait_for()
    style.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    style.evaluate("window.sent = 0; document.addEventListener('htmx:beforeSend', () => { window.sent += 1; });")
    style.evaluate("htmx.ajax('GET', '/style/fragment/', {source: '#fragment'})")
    assert style.evaluate("window.sent") == 0
    style.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    style.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    style.wait_for_function("window.sent === 1")


def test_navigation_of_a_phone_opens_and_closes(style, axe):
    style.set_viewport_size(PHONE)
    style.get_by_role("link", name="Datasets", exact=True).wait_for(state="hidden")
    style.get_by_role("button", name="Open navigation").click()
    style.get_by_role("link", name="Datasets", exact=True).wait_for(state="visible")
    style.wait_for_function("document.querySelector('#sidebar').getAnimations().length === 0")
    assert axe() == []
    style.keyboard.press("Escape")
    style.get_by_role("link", name="Datasets", exact=True).wait_for(state="hidden")


def test_on_a_phone_the_parts_of_a_cell_stay_one_sentence(style):
    """Text, time and note of a cell follow each other; they are no columns of their own."""
    style.set_viewport_size(PHONE)
    cell = style.locator(".table-stack td[data-label='When']").first
    cell.evaluate(
        "e => { e.innerHTML = 'priority date, <time>12 November 2026</time><span class=row-note>rule</span>' }"
    )
    beside = cell.evaluate(
        """e => {
          const text = document.createRange();
          text.selectNodeContents(e.firstChild);
          const [words, time] = [text.getBoundingClientRect(), e.querySelector("time").getBoundingClientRect()];
          return Math.abs(words.top - time.top) < 3 && time.left - words.right < 8;
        }"""
    )
    assert beside


def test_on_a_phone_the_row_of_tabs_begins_at_the_open_one(style):
    style.set_viewport_size(PHONE)
    many = "".join(f"<li class=nav-item><a class=nav-link href=#>Room {number}</a></li>" for number in range(12))
    style.evaluate("many => { document.querySelector('.nav-tabs').innerHTML = many }", many)
    style.locator(".nav-tabs a").last.evaluate("tab => tab.setAttribute('aria-current', 'page')")
    module = style.locator("script[src$='app.js']").evaluate("script => new URL('tabs.js', script.src).href")
    style.evaluate("module => import(module).then(({startTabs}) => startTabs())", module)
    right = style.locator(".nav-tabs a").last.evaluate("tab => tab.getBoundingClientRect().right")
    assert right <= PHONE["width"]


def test_smoothing_leaves_rare_measurements_where_they_are(style):
    module = style.locator("script[src$='curve.js']").first.evaluate("script => new URL('series.js', script.src).href")
    rare = f"import('{module}').then(({{smooth}}) => smooth([1, 101, 201], [4, 2, 1], 0.9, 1))"
    dense = f"import('{module}').then(({{smooth}}) => smooth([1, 2, 3], [4, 2, 1], 0.9, 1))"
    assert style.evaluate(rare) == pytest.approx([4, 2, 1], abs=0.01)
    assert style.evaluate(dense) == pytest.approx([4, 2.947, 2.229], abs=0.001)
