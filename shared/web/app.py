"""The app factory: what every service's HTTP side has in common, so that a service adds nothing but its routers."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from shared.web.access import Access, Principal, authenticated, bearer_scheme
from shared.web.health import Health
from shared.web.problems import MEDIA_TYPE, Problem, add_problem_handlers
from shared.web.requests import RequestLayer, RequestMetrics


class Whoami(BaseModel):
    """What a key is and may do."""

    tenant: str
    key: str
    scopes: list[str]


class ProblemBody(BaseModel):
    """An error as RFC 9457 has it; `errors` says field by field what is wrong."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] = []


_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problems_of(path: str, method: str, operation: Mapping[str, Any]) -> dict[int, str]:
    """The problems with which a described operation may answer, beside those that its route names, each with its text."""
    away = {503: "A dependency is away, or busy; send the same request again after `Retry-After` seconds"}
    if "operation" in operation["tags"]:
        return away
    headers = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}
    return {
        401: "No valid key, or no proof of the sender",
        403: "The key may not do this",
        **({404: "There is nothing with this id"} if "{" in path else {}),
        **({400: "The body cannot be read", 413: "The body is too large"} if "requestBody" in operation else {}),
        **({409: "What is there does not allow it now; the text says why"} if method != "get" else {}),
        **({412: "Somebody has changed it since you read it"} if "If-Match" in headers else {}),
        422: "The request is not as described",
        **away,
    }


class _Described(FastAPI):
    """An app whose description says of every operation with which problems it may answer."""

    def openapi(self) -> dict[str, Any]:
        description = super().openapi()  # the same object every time
        schemas = description["components"]["schemas"]
        if "Problem" not in schemas:
            schemas["Problem"] = ProblemBody.model_json_schema()
            for path, operations in description["paths"].items():
                for method, operation in operations.items():
                    responses = operation["responses"]
                    for status, text in problems_of(path, method, operation).items():
                        responses.setdefault(str(status), {"description": text})
                    for status, response in responses.items():
                        if status >= "400":
                            response["content"] = _PROBLEM
        return description


def create_app(
    *,
    title: str,
    description: str,
    access: Access,
    health: Health,
    registry: CollectorRegistry,
    requests: RequestMetrics,
    routers: Sequence[APIRouter],
    max_body_bytes: int = 1024 * 1024,
    large_bodies: Mapping[str, int] = MappingProxyType({}),
) -> FastAPI:
    """The service's FastAPI app with health, metrics, `GET /v1/whoami`, problem+json, limits, and its own `routers`.

    `large_bodies` are limits of single paths, in the place of `max_body_bytes`.
    """
    own_texts: dict[int | str, dict[str, Any]] = {422: {"description": "The request is not as described"}}  # in place of FastAPI's own body
    app = _Described(title=title, description=description, version="1", docs_url=None, redoc_url=None, responses=own_texts)
    app.state.access = access
    add_problem_handlers(app)
    for router in (_common_routes(), *routers):
        app.include_router(router, dependencies=[Depends(bearer_scheme)])
    app.include_router(_operation_routes(health, registry))
    app.add_middleware(RequestLayer, metrics=requests, max_body_bytes=max_body_bytes, large_bodies=large_bodies)
    return app


def _common_routes() -> APIRouter:
    router = APIRouter(tags=["access"])

    @router.get("/v1/whoami", summary="What this key is and may do")
    async def whoami(caller: Annotated[Principal, Depends(authenticated)]) -> Whoami:
        return Whoami(tenant=caller.tenant, key=caller.key_id, scopes=sorted(caller.scopes))

    return router


def _operation_routes(health: Health, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/health/live", summary="Whether the loops of this process turn")
    async def live() -> dict[str, str]:
        if silent := health.silent_loops():
            raise Problem(503, "not_live", f"no longer turning: {', '.join(silent)}")
        return {"status": "live"}

    @router.get("/health/ready", summary="Whether this process can do its work; `degraded` when it can, though something is missing")
    async def ready() -> dict[str, str]:
        if missing := await health.missing():
            raise Problem(503, "not_ready", "; ".join(missing), headers={"Retry-After": "1"})
        if degraded := await health.degraded():
            return {"status": "degraded", "detail": "; ".join(degraded)}
        return {"status": "ready"}

    @router.get("/metrics", summary="Process and pipeline metrics for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
