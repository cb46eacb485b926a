"""The endpoint as a tutorial writes it: FastAPI, a pydantic body, `send_and_wait` for each event."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from bench.servers import TOPIC


class Answer(BaseModel):
    """One answer of a survey."""

    question: str
    instrument: str
    score: float


class Data(BaseModel):
    """What a customer answered."""

    channel: str
    survey: str
    customer: dict[str, Any] | None = None
    answers: list[Answer] = Field(default_factory=list)


class Event(BaseModel):
    """An event."""

    id: str
    source: str
    type: str
    time: datetime
    data: Data


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    producer = AIOKafkaProducer(bootstrap_servers=os.environ["HEARBACK_KAFKA_BOOTSTRAP"], acks="all")
    await producer.start()
    app.state.producer = producer
    yield
    await producer.stop()


app = FastAPI(lifespan=lifespan)


@app.post("/one", status_code=202)
async def one(event: Event, request: Request) -> dict[str, int]:
    await request.app.state.producer.send_and_wait(TOPIC, event.model_dump_json().encode(), key=event.id.encode())
    return {"accepted": 1}


@app.post("/many", status_code=202)
async def many(events: list[Event], request: Request) -> dict[str, int]:
    producer = request.app.state.producer
    sent = [await producer.send(TOPIC, event.model_dump_json().encode(), key=event.id.encode()) for event in events]
    await asyncio.gather(*sent)
    return {"accepted": len(events)}


@app.get("/health/ready")
async def ready() -> Response:
    return Response("ready")


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False, loop="uvloop", http="httptools")
