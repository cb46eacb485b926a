"""Long diagnostics, split so that no customer is asked for more than ten things: SERVQUAL and Kano.

SERVQUAL's 22 items in five dimensions: Parasuraman, Zeithaml and Berry, Journal of Retailing 64 (1988). The wording is our own.
"""

from services.ingest.surveys.domain.definition import SurveyDocument, Wave
from services.ingest.surveys.domain.questions import Kano, Servqual
from services.ingest.surveys.domain.templates.relationship import both

_ITEMS: dict[str, tuple[tuple[str, str], ...]] = {
    "tangibles": (
        ("has up-to-date equipment", "设备先进"),
        ("has premises that are pleasant to be in", "环境舒适美观"),
        ("has staff of a neat appearance", "员工着装得体"),
        ("has documents that are clear and well made", "资料清晰美观"),
    ),
    "reliability": (
        ("keeps what it promises, in time", "信守承诺、按时完成"),
        ("takes a sincere interest in solving problems", "真诚地解决客户问题"),
        ("gets it right the first time", "一次就把事情做好"),
        ("delivers when it says it will", "在承诺的时间提供服务"),
        ("keeps records without errors", "记录准确无误"),
    ),
    "responsiveness": (
        ("says exactly when something will be done", "明确告知何时完成"),
        ("serves promptly", "服务迅速"),
        ("is always willing to help", "始终乐于助人"),
        ("is never too busy to answer", "再忙也及时回应"),
    ),
    "assurance": (
        ("has staff one can trust", "员工值得信赖"),
        ("lets customers feel safe in their dealings", "让客户在交易中感到安全"),
        ("is always courteous", "始终礼貌待人"),
        ("has staff who know the answers", "员工具备解答问题的知识"),
    ),
    "empathy": (
        ("gives customers individual attention", "给予客户个别关注"),
        ("is open at convenient hours", "营业时间方便客户"),
        ("has staff who care personally", "员工关心每位客户"),
        ("has the customer's interest at heart", "把客户利益放在心上"),
        ("understands what customers need", "了解客户的需求"),
    ),
}

SERVQUAL = SurveyDocument(
    title=both("What you expect, and what you find", "您的期望与实际感受"),
    purpose=both(
        "We compare what an excellent company should do with what we do.",
        "我们希望对比优秀企业应有的表现与我们的实际表现。",
    ),
    mode="wave",
    wave=Wave(every="quarter"),
    split=True,
    questions=tuple(
        Servqual(
            id=f"{dimension}_{number}",
            dimension=dimension,
            text=both(f"This company {en}.", f"这家公司{zh}。"),
            expectation=both(f"An excellent company {en}.", f"优秀的公司应当{zh}。"),
            low=both("Disagree", "不同意"),
            high=both("Agree", "同意"),
        )
        for dimension, items in _ITEMS.items()
        for number, (en, zh) in enumerate(items, 1)
    ),
)

_FEATURES = (
    ("quick_reply", "we answered every message within the hour", "我们在一小时内回复每条消息"),
    ("tracking", "you could follow your order step by step", "您可以全程跟踪订单"),
    ("free_returns", "returns were free of charge", "退货免费"),
    ("one_contact", "you always had the same person to talk to", "始终由同一位专员为您服务"),
    ("night_line", "our hotline was open day and night", "热线全天候开放"),
    ("self_service", "you could settle everything online yourself", "所有事项均可在线自助办理"),
    ("status_messages", "we told you unasked how things stand", "我们主动告知进度"),
)

KANO = SurveyDocument(
    title=both("What matters to you?", "什么对您重要？"),
    purpose=both("We would like to know what to build next.", "我们想了解接下来应当改进什么。"),
    mode="wave",
    wave=Wave(every="quarter"),
    split=True,
    questions=tuple(
        Kano(
            id=id,
            dimension=id,
            text=both(f"How would you feel if {en}?", f"如果{zh}，您感觉如何？"),
            dysfunctional=both(f"And how would you feel if it were not so that {en}?", f"如果不能做到“{zh}”，您感觉如何？"),
        )
        for id, en, zh in _FEATURES
    ),
)
