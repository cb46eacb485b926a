"""QR codes of our addresses, to be printed."""

from io import BytesIO

import segno
from fastapi import Response

from services.ingest.surveys.pages.rendering import HEADERS


def code_of(address: str) -> Response:
    """The code that leads to this address, as an image that can be printed in any size."""
    drawn = BytesIO()
    segno.make(address, error="m", micro=False).save(drawn, kind="svg", scale=8, border=4, light="#ffffff")
    return Response(drawn.getvalue(), headers=HEADERS, media_type="image/svg+xml")
