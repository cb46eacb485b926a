"""Redaction of free text in one process: microseconds for a kilobyte (1,000 bytes of UTF-8), by what the text is like.

`redaction` is the mix: of ten texts six hold nothing that could be personal, three hold dates, amounts and order numbers, one holds
personal data of every kind; one in four is Chinese. Every kind is looked for, with Germany as the tenant's country.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial

from bench.rounds import interleave, record
from services.ingest.personal.redaction import Redactor

SEED = 20261122
TEXTS = 400
SECONDS = 0.3

ENGLISH = (
    "The parcel came three days late and nobody answered when I called the hotline.",
    "I was told that my refund would be on its way, but I have heard nothing since.",
    "The agent was friendly, listened to me and found a solution at once.",
    "Your app logs me out every time I try to pay, which is more than annoying.",
    "Please send me a new cable, because the one in the box does not fit my phone.",
    "I have been a customer of yours for years and have never been treated like this.",
)
CHINESE = (
    "快递员态度很差，商品送到的时候已经损坏了。",
    "客服一直打不通，希望尽快处理退款问题。",
    "这次的服务很好，客服人员很有耐心，问题马上就解决了。",
    "应用经常闪退，付款页面打不开，非常影响使用。",
)
NUMBERS = (
    "I ordered it on 2026-03-01 (order no. 48151623) for 129.99 EUR.",
    "The invoice 20260117-4455 of 12.05.2026 says 1.234,50 Euro, I paid 3 of 4 parts.",
    "订单号202603011234，3月1日付款299元，运费12.50元。",
)
PERSONAL = (
    "My card is 4111 1111 1111 1111 and my account DE89 3704 0044 0532 0130 00.",
    "Call me at +49 30 1234567 or write to ann.lee@example.com.",
    "Steuer-ID 86 095 742 719, or by phone 0170 1234567.",
    "请打我的手机13812345678，身份证11010519491231002X。",
)


def text(chance: random.Random, sentences: Sequence[str], more: Sequence[str] = ()) -> str:
    """Six sentences and one more of another sort."""
    chosen = [chance.choice(sentences) for _ in range(6)]
    if more:
        chosen.insert(chance.randrange(7), chance.choice(more))
    return " ".join(chosen)


def corpora() -> dict[str, list[str]]:
    """Texts by what they are like; the same ones every time."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    found = {
        "plain": [text(chance, ENGLISH) for _ in range(TEXTS)],
        "chinese": [text(chance, CHINESE) for _ in range(TEXTS)],
        "numbers": [text(chance, ENGLISH, NUMBERS[:2]) for _ in range(TEXTS)],
        "personal": [text(chance, ENGLISH, PERSONAL[:3]) for _ in range(TEXTS)],
    }
    kinds = [(), (), (), (), (), (), NUMBERS, NUMBERS, NUMBERS, PERSONAL]
    found["mix"] = [text(chance, CHINESE if n % 4 == 0 else ENGLISH, kinds[n % 10]) for n in range(TEXTS)]
    return found


async def microseconds(texts: Sequence[str]) -> float:
    """Of CPU for a kilobyte."""
    redact = Redactor(region="DE").redact
    size = sum(len(text.encode()) for text in texts)
    began, count = time.thread_time(), 0
    while (spent := time.thread_time() - began) < SECONDS:
        for one in texts:
            redact(one)
        count += 1
    return spent * 1e6 / (count * size / 1000)


async def main() -> None:
    """All of them, and the mix as the figure."""
    figures, steal = await interleave({name: partial(microseconds, texts) for name, texts in corpora().items()})
    for name, values in figures.items():
        record("redaction" if name == "mix" else f"redaction_{name}", {"ours": values}, "microseconds per kB", steal)


if __name__ == "__main__":
    asyncio.run(main())
