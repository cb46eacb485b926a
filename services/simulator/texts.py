"""What the customers of the centre say, in English and Chinese, by subject."""

Texts = dict[str, tuple[str, ...]]

COMPLAINTS: dict[str, Texts] = {
    "billing": {
        "en": (
            "I was charged twice for order {order} and nobody can tell me when I get my money back.",
            "Your invoice for {product} still shows the old price. This is the third time I write about it.",
            "I cancelled in time and you took another month from my account.",
        ),
        "zh": (
            "订单{order}被重复扣款,到现在都没有人告诉我什么时候退款。",
            "{product}的账单还是旧价格,这已经是我第三次反映了。",
            "我已经按时取消了服务,你们又多扣了一个月的费用。",
        ),
    },
    "delivery": {
        "en": (
            "Parcel {order} was promised for Tuesday. It is Friday and the tracking has not moved.",
            "The courier left {product} in the rain. The box is soaked.",
            "Nobody rang, and yet the message says I was not at home.",
        ),
        "zh": (
            "包裹{order}说好周二送到,今天已经周五了,物流信息一点没动。",
            "快递员把{product}放在雨里,箱子全湿了。",
            "根本没有人按门铃,短信却说我不在家。",
        ),
    },
    "quality": {
        "en": (
            "{product} stopped working after nine days. I expect a new one, not a repair.",
            "The line dropped three times in one call.",
            "Half of the parts of {product} are missing, and so is the manual.",
        ),
        "zh": (
            "{product}用了九天就坏了,我要求换新的,不接受维修。",
            "一次通话断线三次,实在没法用。",
            "{product}少了一半的配件,说明书也没有。",
        ),
    },
    "service": {
        "en": (
            "I waited 40 minutes, was put through to four people, and was then cut off.",
            "Your agent promised to call me back yesterday. Nobody did.",
            "The chat bot keeps sending me in circles. I want to talk to a person.",
        ),
        "zh": (
            "等了四十分钟,转接了四个人,最后电话被挂断了。",
            "客服答应昨天给我回电话,结果没有人打来。",
            "机器人一直让我重复同样的问题,我要找人工客服。",
        ),
    },
}
"""Category → language → complaints."""

REMEDIES = ("refund", "replacement", "apology", "call back", None)

PRAISE: Texts = {
    "en": ("Solved in five minutes, thank you.", "{agent} was patient and really knew {product}.", "Best service I had in years."),
    "zh": ("五分钟就解决了,谢谢!", "{agent}很有耐心,对{product}也很熟悉。", "服务态度非常好,会推荐给朋友。"),
}
MIDDLING: Texts = {
    "en": ("It was fine.", "Good answer, but I had to wait for it.", "Works, though the form is longer than it needs to be."),
    "zh": ("还可以。", "回答不错,就是等得有点久。", "能用,就是表单太长了。"),
}
GRUMBLES: Texts = {
    "en": ("Nobody could help me with {product}.", "Far too long a wait.", "I had to explain everything twice."),
    "zh": ("{product}的问题没有人能解决。", "等太久了。", "同样的事情我说了两遍。"),
}
QUESTIONS: Texts = {
    "en": ("Does {product} work abroad?", "Can I change the delivery address of {order}?"),
    "zh": ("{product}在国外能用吗?", "订单{order}可以改收货地址吗?"),
}


def said_when(satisfaction: float) -> Texts:
    """What somebody says who is this satisfied, 0 to 1."""
    if satisfaction > 0.75:
        return PRAISE
    return MIDDLING if satisfaction > 0.45 else GRUMBLES
