"""Wenjuanxing 问卷星: answers pushed as they are given. The signature covers the questionnaire and the number alone, not the answers.

So these two are the id: whoever has seen one push can repeat it, and not make others of it. Its times are those of China, without a zone. https://www.showdoc.com.cn/wjxopenapi/7664690808275512
"""

import hashlib
import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.node import id_of, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.questions import Question, Questions, answered, present
from services.ingest.adapters.signatures import check_any

CHINA = ZoneInfo("Asia/Shanghai")

_QUESTION = re.compile(r"q[0-9]{1,4}(_[0-9]{1,4}){0,2}")
_TEXT = Question(instrument="text")


class Secrets(Form):
    """What the push is signed with."""

    push_key: Annotated[
        str,
        Field(
            min_length=1,
            max_length=256,
            description="推送密钥 of the data push (数据推送); 问卷星's support tells it to holders of the 尊享版",
        ),
    ]


class Options(Form):
    """What the numbers of the questions ask; q1 is a text unless said here."""

    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One filled-in questionnaire, one answered survey. `sojumpparm` is what the link carried: the customer's id."""
    with proving():
        body = json_body(request.body)
        activity, index = body["activity"].required_id(), body["index"].required_id()
        signed = (f"{activity}{index}{secrets.push_key}".encode() for secrets in endpoint.secrets)
        expected = [hashlib.sha1(text, usedforsecurity=False).hexdigest() for text in signed]
        check_any(body["sign"].text(), expected)
    answers = []
    for name, value in body.members():
        asked = endpoint.options.questions.get(name) or (_TEXT if _QUESTION.fullmatch(name) else None)
        answer = None if asked is None else answered(name, value, asked)
        answers += [] if answer is None else [answer]
    if not answers:
        return Outcome(passed_over={"no_answer": 1})
    customer: dict[str, Any] = present(id=body["sojumpparm"].id())
    data = present(channel="web", survey=activity, customer=customer, answers=answers[:200])
    at = body["submittime"].iso(CHINA) or request.at
    return Outcome([ChannelEvent("feedback.survey_answered.v1", id_of(activity, index), at, data)])


ADAPTER = Adapter(
    name="wjx",
    title="Wenjuanxing 问卷星",
    secrets=Secrets,
    options=Options,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In 问卷星 open the questionnaire, then 设置问卷 › 数据推送API (data push), paste {url}, and tick 失败自动重发 (send again)",
        "Ask 问卷星's support for the push key (推送密钥; it belongs to the 尊享版), and give it to this endpoint",
        "Say in the options what q1, q2 and so on ask; a scale needs scale_min and scale_max",
        "Send links with ?sojumpparm=<customer id>, so that answers find their customer",
        "Test: 测试推送 (test push) beside the address, or fill the questionnaire in once",
    ),
)
