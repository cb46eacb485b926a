"""The public form: by keyboard, without JavaScript, in both languages; its poster."""

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import Site
from tests.browser.test_survey_page import is_sound, visit
from tests.ingest.surveys.world import FORM

PATH = f"/f/{FORM}?touchpoint=till+3"


@pytest.mark.parametrize(
    ("locale", "language", "kind", "done"),
    [("en-GB", "en", "Complaint", "Thank you, it has reached us"), ("zh-CN", "zh-Hans", "投诉", "谢谢，我们已收到")],
)
async def test_a_complaint_is_written_without_javascript_and_without_a_name(
    browser: Browser, site: Site, locale: str, language: str, kind: str, done: str
) -> None:
    async with visit(browser, site, PATH, locale=locale, java_script_enabled=False) as page:
        await page.locator("button.main").click()
        assert await page.get_by_role("alert").count() == 1
        await page.get_by_role("radio", name=kind).check()
        await page.locator("textarea").fill("等了一个小时 waited for an hour")
        await page.locator("button.main").click()
        assert await page.get_by_role("status").inner_text() == done

    [complaint] = await site.world.said()
    assert complaint["type"] == "feedback.complaint_raised.v1"
    assert (complaint["data"]["text"], complaint["data"]["language"]) == ("等了一个小时 waited for an hour", language)
    assert (complaint["data"]["touchpoint"], "customer" in complaint["data"]) == ("till 3", False)


async def test_praise_is_written_with_the_keyboard_alone_and_the_hidden_field_is_never_met(browser: Browser, site: Site) -> None:
    async with visit(browser, site, PATH) as page:
        await is_sound(page, "en")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        for key in ("ArrowRight", "ArrowRight", "Tab"):
            await page.keyboard.press(key)
        await page.keyboard.type("Very kind")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Ann")
        await page.keyboard.press("Tab")
        await page.keyboard.type("ann@example.com")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.innerText") == "Send"
        await page.keyboard.press("Enter")
        await page.get_by_role("status").wait_for()
        await is_sound(page, "en")

    [praise] = await site.world.said()
    assert (praise["data"]["kind"], praise["data"]["text"]) == ("praise", "Very kind")
    assert praise["data"]["customer"] == {"name": "Ann", "email": "ann@example.com"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_is_wrong_is_marked_where_it_is(browser: Browser, site: Site, scheme: str) -> None:
    async with visit(browser, site, PATH, color_scheme=scheme) as page:
        await page.get_by_label("E-mail address").fill("nobody")
        await page.get_by_role("button", name="Send").click()
        await is_sound(page, "en")
        email = page.get_by_label("E-mail address")
        assert await email.get_attribute("aria-invalid") == "true"
        described = await email.get_attribute("aria-describedby")
        assert await page.locator(f"#{described}").inner_text() == "This is not an e-mail address."
        assert await email.input_value() == "nobody"


async def test_the_poster_shows_its_code_in_both_languages(browser: Browser, site: Site) -> None:
    for language, words in (("en", "Scan the code and tell us"), ("zh-Hans", "扫码告诉我们")):
        async with visit(browser, site, f"/f/{FORM}/poster?touchpoint=till+3&lang={language}") as page:
            await is_sound(page, language)
            assert await page.locator("h1").inner_text() == words
            assert await page.evaluate("document.images[0].naturalWidth") > 100
