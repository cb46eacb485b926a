"""Templates about the relationship and single experiences: NPS, satisfaction by dimension, effort, and the follow-up after a complaint."""

from services.ingest.surveys.domain.definition import SurveyDocument, Trigger, Wave
from services.ingest.surveys.domain.questions import Ces, Choice, Csat, FreeText, Lang, Likert, Nps, Option, Question, YesNo


def both(en: str, zh: str) -> dict[Lang, str]:
    """A text in the two languages."""
    return {"en": en, "zh-Hans": zh}


RECOMMEND = Nps(
    id="recommend",
    text=both("How likely are you to recommend us to a friend or colleague?", "您有多大可能把我们推荐给朋友或同事？"),
)
OVERALL = Csat(id="overall", text=both("Overall, how satisfied are you with us?", "总体而言，您对我们满意吗？"), always=True)
IMPROVE = FreeText(id="improve", text=both("What is the one thing we should do better?", "您认为我们最应该改进的一点是什么？"))

NPS = SurveyDocument(
    title=both("Would you recommend us?", "您愿意推荐我们吗？"),
    purpose=both(
        "Your answers tell us what to keep and what to change.",
        "您的回答将帮助我们了解哪些做得好、哪些需要改进。",
    ),
    mode="wave",
    wave=Wave(every="quarter"),
    questions=(
        RECOMMEND,
        Choice(
            id="reason",
            text=both("What is the main reason for your score?", "您打出这个分数的主要原因是什么？"),
            options=(
                Option(id="quality", text=both("Quality", "质量")),
                Option(id="price", text=both("Price", "价格")),
                Option(id="service", text=both("Service", "服务")),
                Option(id="delivery", text=both("Delivery", "交付")),
                Option(id="other", text=both("Something else", "其他")),
            ),
        ),
        OVERALL,
        YesNo(id="again", text=both("Would you choose us again?", "您还会再次选择我们吗？")),
        IMPROVE,
    ),
)


def _dimension(id: str, en: str, zh: str) -> Question:
    return Csat(id=id, dimension=id, text=both(f"How satisfied are you with {en}?", f"您对{zh}满意吗？"))


CSI = SurveyDocument(
    title=both("How satisfied are you?", "您满意吗？"),
    purpose=both(
        "We measure our work by what you say about each part of it.",
        "我们以您对各方面的评价来衡量我们的工作。",
    ),
    mode="wave",
    wave=Wave(every="quarter"),
    questions=(
        _dimension("quality", "the quality of what you bought", "产品质量"),
        _dimension("function", "what it can do", "产品功能"),
        _dimension("price", "the price for what you get", "价格"),
        _dimension("delivery", "the delivery", "交付"),
        _dimension("after_sales", "our service after the purchase", "售后服务"),
        _dimension("technical_support", "our technical support", "技术支持"),
        _dimension("communication", "how we keep you informed", "沟通"),
        OVERALL,
        IMPROVE,
    ),
)

CES = SurveyDocument(
    title=both("Was it easy?", "办理是否轻松？"),
    purpose=both(
        "We want getting help from us to be easy. Please tell us about your last contact.",
        "我们希望您轻松获得帮助。请告诉我们您最近一次的体验。",
    ),
    triggers=(Trigger(type="interaction.completed.v1"),),
    questions=(
        Ces(
            id="effort",
            text=both("How much effort did it take you to get your request handled?", "为了解决您的问题，您花费了多大精力？"),
            low=both("Very little", "非常少"),
            high=both("Very much", "非常多"),
        ),
        YesNo(id="solved", text=both("Is your request settled?", "您的问题解决了吗？")),
        Csat(id="contact", text=both("How satisfied are you with this contact?", "您对这次服务满意吗？")),
        Likert(
            id="knowledge",
            dimension="knowledge",
            text=both("The person who helped me knew their subject.", "为我服务的人员业务熟练。"),
            low=both("Disagree", "不同意"),
            high=both("Agree", "同意"),
        ),
        IMPROVE,
    ),
)

FOLLOW_UP = SurveyDocument(
    title=both("Did we put it right?", "问题解决得如何？"),
    purpose=both(
        "You told us that something went wrong. We would like to know whether it is right now.",
        "您曾向我们反映问题。我们想了解现在是否已妥善解决。",
    ),
    mode="follow_up",
    fatigue_days=0,
    reminders=1,
    questions=(
        Csat(id="recovery", text=both("How satisfied are you with how we handled your complaint?", "您对我们处理投诉的结果满意吗？")),
        YesNo(id="solved", text=both("Is the problem solved?", "问题解决了吗？")),
        Ces(
            id="effort",
            text=both("How much effort did it take you to have it put right?", "为了解决这个问题，您花费了多大精力？"),
            low=both("Very little", "非常少"),
            high=both("Very much", "非常多"),
        ),
        Likert(
            id="fairness",
            dimension="fairness",
            text=both("I was treated fairly.", "我得到了公平的对待。"),
            low=both("Disagree", "不同意"),
            high=both("Agree", "同意"),
        ),
        FreeText(id="open", text=both("Is there anything that is still open?", "还有什么尚未解决的吗？")),
    ),
)
