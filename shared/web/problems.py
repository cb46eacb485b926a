"""Errors over HTTP: RFC 9457 problem+json with a stable `type`, a text that says what to do, and what is wrong field by field."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from shared.errors import FieldError, InvalidEvent, Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

log = structlog.get_logger()


class Problem(Exception):
    """An answer that is not success. `kind` is the stable last part of `type`; `more` are further members of the body."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self) -> bytes:
        """The JSON body."""
        members: dict[str, Any] = {
            "type": f"urn:hearback:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        if self.errors:
            members["errors"] = [{"loc": list(error.loc), "msg": error.msg} for error in self.errors]
        return msgspec.json.encode(members)

    def response(self) -> Response:
        """The same as a Starlette response."""
        return Response(self.body(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def unavailable(error: Unavailable) -> Problem:
    """503: a dependency is away, the same request may succeed later."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, "unavailable", f"{error.dependency} is not available now; send the same request again later", headers=headers)


def not_found() -> Problem:
    """404, also for what belongs to another tenant: its existence is not told."""
    return Problem(404, "not_found", "there is nothing with this id")


async def unforeseen(_: Request, __: Exception) -> Response:
    """500 without detail, for an error that nobody foresaw; whoever calls this raises it again, so that it is logged."""
    return Problem(500, "internal", "something went wrong on our side; it is logged with this request's trace").response()


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem+json; what is unforeseen stays a 500 without detail, and is logged."""

    async def on_problem(_: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        return problem.response()

    async def on_unavailable(request: Request, error: Exception) -> Response:
        assert isinstance(error, Unavailable)
        route = getattr(request.scope.get("route"), "path", "unmatched")
        log.warning("request refused", action="request_refused", route=route, dependency=error.dependency, detail=error.detail)
        return unavailable(error).response()

    async def on_refused_data(_: Request, refused: Exception) -> Response:
        assert isinstance(refused, InvalidEvent)  # a NUL in a cursor, say, which the database takes nowhere
        detail = "the request holds something that can never be stored; leave out NUL characters and halves of surrogate pairs"
        return Problem(422, "invalid_request", detail, errors=refused.errors).response()

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [FieldError(tuple(e["loc"]), e["msg"]) for e in error.errors()]
        return Problem(422, "invalid_request", "the request is not as the API takes it; see errors", errors=errors).response()

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return Problem(error.status_code, kind, str(error.detail), headers=error.headers).response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Unavailable, on_unavailable)
    app.add_exception_handler(InvalidEvent, on_refused_data)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, unforeseen)
