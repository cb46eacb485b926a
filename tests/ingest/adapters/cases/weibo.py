"""Weibo: a post that mentions us, a comment on a post of ours."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.weibo import Options, Secrets
from tests.ingest.adapters.case import Case, Pull

SECRETS = Secrets(access_token="test-token")
OPTIONS = Options(own_reviewed_app=True, uid="1000000001")
WRITER = {"author": "示例用户", "customer": {"id": "weibo:1000000042", "name": "示例用户"}, "reach": 204}

CASES: list[Case] = []

PULLS = [
    Pull(
        adapter="weibo",
        sample="weibo/statuses_mentions.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 10, 0, tzinfo=UTC),
        fetch=Fetch("lists"),
        identity=["statuses.idstr", "statuses.mid", "statuses.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "5270000000000011",
                "time": "2026-03-19T09:34:45+00:00",
                "data": {"channel": "social", "text": "@示例客服 重复扣款两次，没人处理", **WRITER},
            }
        ],
    ),
    Pull(
        adapter="weibo",
        sample="weibo/comments_to_me.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 10, 0, tzinfo=UTC),
        fetch=Fetch("lists", {"turn": 1}),
        identity=["comments.idstr", "comments.mid", "comments.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "5270000000000021",
                "time": "2026-03-19T09:54:45+00:00",
                "data": {"channel": "social", "text": "等了三天还没退款", "reply_to": "5270000000000001", **WRITER},
            }
        ],
    ),
]
