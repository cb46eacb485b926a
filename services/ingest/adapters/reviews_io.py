"""Reviews.io's webhook: one review of the company or of a product. Nothing is signed.

https://developer.reviews.io
"""

from services.ingest.adapters.adapter import Adapter, Endpoint, NoOptions, Outcome, Request
from services.ingest.adapters.node import id_of, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.reviews import reviewed
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token


def receive(request: Request, endpoint: Endpoint[TokenSecrets, NoOptions]) -> Outcome:
    """One review, one `comment_posted`, known by its kind and id: companies' and products' reviews are counted apart."""
    check_sent_token(request, endpoint.secrets)
    review = json_body(request.body)
    user = review["user"]
    email, name = user["email_address"].email() or user["email"].email(), user["name"].name()
    id = review["id"].required_id()
    kind = review["review_type"].text(64)
    event = reviewed(
        id if kind in (None, "company") else id_of(kind, id),
        review["date_created"].iso(endpoint.zone) or request.at,
        review["rating"].number(),
        review["title"].text(),
        review["comments"].text(),
        customer=present(email=email, name=name),
        author=name,
        interaction_id=review["order_id"].id(),
        product=review["product"]["name"].name() or review["product"]["sku"].name(),
    )
    return Outcome([event])


ADAPTER = Adapter(
    name="reviews_io",
    title="Reviews.io",
    secrets=TokenSecrets,
    options=NoOptions,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In Reviews.io open Integrations, Webhooks, and add one for new company and product reviews with the URL "
        "{url}?token=<the token of this endpoint>",
        "Test: Send test in Reviews.io's webhook settings; the answer must be 200",
    ),
)
