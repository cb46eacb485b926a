"""App Store: one page of reviews."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.app_store import Options, Secrets
from tests.ingest.adapters.case import Case, Pull
from tests.ingest.adapters.keypairs import ec_key, pem

SECRETS = Secrets(issuer_id="57246542-96fe-1a63-e053-0824d011072a", key_id="2X9R4HXF34", private_key=pem(ec_key()))
OPTIONS = Options(app_id="1234567890")
AT = datetime(2026, 3, 20, tzinfo=UTC)

CASES: list[Case] = []
PULLS = [
    Pull(
        adapter="app_store",
        sample="app_store/customer_reviews.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        fetch=Fetch("reviews"),
        identity=["data.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "00000012-aaaa-bbbb-cccc-000000000001",
                "time": "2026-03-19T09:12:41+00:00",
                "data": {
                    "channel": "review",
                    "text": "Keeps crashing\n\nCrashes since the last update.",
                    "rating": 2,
                    "scale_min": 1,
                    "scale_max": 5,
                    "author": "jd1984",
                    "region": "USA",
                    "product": "1234567890",
                    "revision": 827226761,
                },
            },
        ],
    ),
]
