"""`If-Match` and `ETag`: two people cannot overwrite each other, because a write names the version that it has seen."""

import re
from typing import Annotated

from fastapi import Header

from shared.web.problems import Problem

IfMatch = Annotated[str | None, Header(alias="If-Match", description='the version that you have seen, as in ETag: "3"', examples=['"3"'])]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=256)]


def check_version(if_match: str | None, version: int) -> None:
    """Raise Problem 412 when `If-Match` names another version, 422 when it names none."""
    if if_match is None or if_match.strip() == "*":
        return
    versions = re.findall(r'(?:^|,)\s*"?(\d{1,9})"?\s*(?=,|$)', if_match)
    if not versions:
        raise Problem(422, "invalid_request", 'If-Match must be a version as ETag tells it, for example "3"')
    if str(version) not in versions:
        detail = f"somebody has changed it: the version is {version} now; read it again, then decide again"
        raise Problem(412, "version_mismatch", detail, headers={"ETag": etag(version)}, more={"version": version})


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'
