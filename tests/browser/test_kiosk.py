"""A kiosk and a poster in a store: one after the other, without a script, in both languages."""

import asyncio

import pytest
from playwright.async_api import Browser, Error

from tests.browser.conftest import Site
from tests.browser.test_survey_page import is_sound, visit
from tests.ingest.surveys.test_places import placed
from tests.ingest.surveys.world import document

SCREEN = {"width": 1080, "height": 1400}
INSTANT = {"mode": "instant", "wave": None, "questions": [document("nps")["questions"][n] for n in (0, 4)]}


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize(
    ("locale", "language", "thanks", "anew"), [("en-GB", "en", "Thank you!", "Next person"), ("zh-CN", "zh-Hans", "谢谢您！", "下一位")]
)
async def test_one_person_after_another_answers_at_a_kiosk_and_sees_nothing_of_the_one_before(
    browser: Browser, site: Site, locale: str, language: str, thanks: str, anew: str, javascript: bool
) -> None:
    await site.world.make("nps", "nps", **INSTANT, incentive={"kind": "coupon", "text": {"en": "A coffee", "zh-Hans": "一杯咖啡"}})
    place = await placed(site.world, "nps", kiosk=True)
    async with site.world.client() as client:
        await client.post("/v1/surveys/nps/coupons", json={"codes": ["COFFEE-1"]})
    async with visit(browser, site, place, viewport=SCREEN, locale=locale, java_script_enabled=javascript) as page:
        for score, words in (("9", "发货很快 quick"), ("2", "slow")):
            if javascript:
                await is_sound(page, language)
            await page.locator(f"button[value='{score}']").click()
            assert await page.locator("[aria-pressed='true']").count() == 0
            assert await page.locator("textarea").input_value() == ""
            if javascript:
                await is_sound(page, language)
            await page.locator("textarea").fill(words)
            await page.locator("button.main").click()
            assert await page.locator("h1").inner_text() == thanks
            assert ("COFFEE-1" in await page.content()) == (score == "9")
            if javascript:
                await is_sound(page, language)
            await page.get_by_role("link", name=anew).click()
        with pytest.raises(Error, match="ERR_CACHE_MISS"):
            await page.go_back()  # to what was thanked for: it is kept nowhere

    answers = [one["data"]["answers"] for one in await site.world.said("answered")]
    assert [[answer.get("score", answer.get("text")) for answer in one] for one in answers if len(one) == 2] == [
        [9, "发货很快 quick"],
        [2, "slow"],
    ]


async def test_a_kiosk_goes_back_to_its_first_screen_by_itself(browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingest.surveys.pages.kiosk.THANKS_SECONDS", 1)
    monkeypatch.setattr("services.ingest.surveys.pages.kiosk.WRITING_SECONDS", 1)
    monkeypatch.setattr("services.ingest.surveys.pages.kiosk.ASKING_SECONDS", 1)
    await site.world.make("nps", "nps", **INSTANT)
    place = await placed(site.world, "nps", kiosk=True)
    async with visit(browser, site, place, viewport=SCREEN, java_script_enabled=False) as page:
        await page.locator("button[value='9']").click()
        await page.get_by_text("Are you still there?").wait_for()
        await page.wait_for_url(f"{site.url}{place}")
        await page.locator("button[value='8']").click()
        await page.locator("button.plain").click()
        await page.wait_for_url(f"{site.url}{place}")
        assert await page.get_by_text("Would you recommend us?").count() == 1

    assert sorted(row["given"]["recommend"]["score"] for row in await site.world.invitations()) == [8, 9]


async def test_the_poster_of_a_place_shows_its_code_in_both_languages(browser: Browser, site: Site) -> None:
    await site.world.make("nps", "nps", **INSTANT)
    place = await placed(site.world, "nps")
    for language, title in (("en", "Would you recommend us?"), ("zh-Hans", "您愿意推荐我们吗？")):
        async with visit(browser, site, f"{place}/poster?lang={language}") as page:
            await is_sound(page, language)
            assert await page.locator("h1").inner_text() == title
            assert await page.evaluate("document.images[0].naturalWidth") > 100
            assert "till 3" in await page.content()


@pytest.mark.parametrize("javascript", [True, False])
async def test_a_page_is_opened_by_a_person_who_looks_at_it_and_not_by_what_fetches_it(
    browser: Browser, site: Site, javascript: bool
) -> None:
    await site.world.make("nps", "nps")
    path = await site.world.link("nps")
    async with site.world.client() as client:
        await client.get(path)
    fetched = await site.world.said("opened")
    async with visit(browser, site, path, java_script_enabled=javascript), asyncio.timeout(15):
        while not (opened := await site.world.said("opened")):
            await asyncio.sleep(0.05)

    assert (fetched, len(opened)) == ([], 1)
