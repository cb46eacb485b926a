"""The survey page: by thumb, by keyboard, without JavaScript, in both languages, on a narrow screen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.browser.conftest import Site

PHONE = {"width": 360, "height": 740}

# The smallest ratio of WCAG 2.2 (1.4.3) among all texts that are seen: relative luminance, against the nearest background that is painted.
CONTRAST = """() => {
    const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b };
    const rgb = text => text.match(/[\\d.]+/g).map(Number);
    const behind = element => { for (let e = element; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
    const texts = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.trap') &&
        [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
    return Math.min(...texts.map(e => {
        const [a, b] = [light(rgb(getComputedStyle(e).color).slice(0, 3)), light(behind(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05) }));
}"""
UNNAMED = """() => [...document.querySelectorAll('input:not([type=hidden]), textarea, button, a')].filter(e => !e.closest('.trap')
    && !(e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText).trim()).map(e => e.outerHTML)"""


@asynccontextmanager
async def visit(browser: Browser, site: Site, path: str, **context: Any) -> AsyncIterator[Page]:
    """A page in a context of its own; nothing may go wrong in it, and nothing is asked of anybody else."""
    made = await browser.new_context(**{"viewport": PHONE, "locale": "en-GB", **context})
    page = await made.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" and "422" not in message.text else None)
    page.on("request", lambda request: errors.append(request.url) if not request.url.startswith((site.url, "data:")) else None)
    await page.goto(site.url + path)
    yield page
    await made.close()
    assert errors == []


async def is_sound(page: Page, language: str) -> None:
    """What holds for every page that a customer sees."""
    assert await page.locator("html").get_attribute("lang") == language
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a page is as wide as the screen"
    assert await page.locator("h1").count() == 1
    assert await page.evaluate(UNNAMED) == []
    assert await page.evaluate(CONTRAST) >= 4.5
    assert await page.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize(
    ("language", "first", "last"), [("en", "Would you recommend us?", "Thank you!"), ("zh-Hans", "您愿意推荐我们吗？", "谢谢您！")]
)
async def test_a_customer_answers_by_taps_in_either_language_with_and_without_javascript(
    browser: Browser, site: Site, language: str, first: str, last: str, javascript: bool
) -> None:
    await site.world.make("nps", "nps")
    path = await site.world.link("nps", language=language)
    async with visit(browser, site, path, java_script_enabled=javascript) as page:
        assert await page.locator("h1").inner_text() == first
        if javascript:
            await is_sound(page, language)
        await page.locator("button[value='9']").click()
        await page.locator("button[value='price']").click()
        await page.locator("button[name='score'][value='5']").click()
        await page.locator("button[name='score'][value='1']").click()
        await page.locator("textarea").fill("发货更快 faster")
        await page.locator("button.main").click()
        assert await page.locator("h1").inner_text() == last
        if javascript:
            await is_sound(page, language)

    answers = (await site.world.said("answered"))[-1]["data"]["answers"]
    assert [answer.get("score", answer.get("choice", answer.get("text"))) for answer in answers] == [9, "price", 5, 1, "发货更快 faster"]


async def test_a_customer_answers_with_the_keyboard_alone_and_sees_where_they_are(browser: Browser, site: Site) -> None:
    await site.world.make("servqual", "servqual")
    path = await site.world.link("servqual", language="en")
    async with visit(browser, site, path) as page:
        await page.keyboard.press("Tab")  # the other language
        for digits in (6, 3):
            await page.keyboard.press("Tab")
            for _ in range(digits):
                await page.keyboard.press("ArrowRight")
            outline = await page.evaluate("getComputedStyle(document.activeElement.nextElementSibling).outlineStyle")
            assert outline == "solid"
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.innerText") == "Next"
        await page.keyboard.press("Enter")
        await page.get_by_text("Question 2 of").wait_for()

    [answered] = await site.world.said("answered")
    [answer] = answered["data"]["answers"]
    assert (answer["expectation"], answer["score"]) == (7, 4)


async def test_the_score_of_a_mails_link_is_chosen_and_only_the_customers_tap_answers(browser: Browser, site: Site) -> None:
    await site.world.make("nps", "nps")
    path = await site.world.link("nps", language="en")
    async with visit(browser, site, f"{path}?score=3") as page:
        await is_sound(page, "en")
        assert await page.locator("button[aria-pressed='true']").inner_text() == "3"
        before = await site.world.said("answered")
        await page.get_by_role("button", name="Yes, my answer is 3").click()
        await page.get_by_text("Question 2 of 5").wait_for()

    assert before == []
    assert [one["data"]["answers"][0]["score"] for one in await site.world.said("answered")] == [3]


async def test_a_page_is_switched_to_the_other_language_gone_back_in_and_gone_on_with_later(browser: Browser, site: Site) -> None:
    await site.world.make("csi", "csi")
    path = await site.world.link("csi")
    async with visit(browser, site, path) as page:
        await page.get_by_role("link", name="简体中文").click()
        await page.locator("button[value='4']").click()
        await page.get_by_role("link", name="上一题").click()
        assert await page.locator("button[aria-pressed='true']").inner_text() == "4"
        await page.locator("button[value='2']").click()
        assert "第 2 题" in await page.locator("#progress").inner_text()
        await is_sound(page, "zh-Hans")
    async with visit(browser, site, path, locale="zh-CN", color_scheme="dark", viewport={"width": 1280, "height": 800}) as later:
        assert "第 2 题" in await later.locator("#progress").inner_text()
        await is_sound(later, "zh-Hans")

    assert [one["data"]["answers"][0]["score"] for one in await site.world.said("answered")] == [4, 2]


async def test_each_kind_of_question_is_sound_on_a_narrow_screen(browser: Browser, site: Site) -> None:
    for template in ("kano", "servqual", "ces"):
        await site.world.make(template, template)
        path = await site.world.link(template, language="zh")
        async with visit(browser, site, path) as page:
            await is_sound(page, "zh-Hans")
            groups = await page.locator("fieldset").count()
            assert await page.locator("fieldset > legend").count() == groups >= 1


async def test_no_more_surveys_takes_one_button(browser: Browser, site: Site) -> None:
    await site.world.make("nps", "nps")
    await site.world.link("nps", customer={"id": "c-1"})
    token = "stop-this"
    made = "SELECT sha256(convert_to(:token, 'UTF8')), tenant, id, 'unsubscribe', expires_at FROM survey_invitations"
    await site.world.rows(f"INSERT INTO survey_tokens {made}", token=token)
    async with visit(browser, site, f"/u/{token}") as page:
        await is_sound(page, "en")
        await page.get_by_role("button", name="Send me no more surveys").click()
        assert await page.get_by_role("status").inner_text() == "Done. We will send you no more surveys."
        await is_sound(page, "en")

    assert len(await site.world.rows("SELECT * FROM survey_opt_outs")) == 1
