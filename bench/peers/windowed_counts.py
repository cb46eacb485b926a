"""The peer of scoring: quixstreams counts the same answers in windows of a minute, exactly once, with its state store.

It does less than scoring, so that the comparison errs in its favour: every record is counted under the key that it has on the
topic, where totals over all customers would need a second topic by `group_by`; windows of one length, not three; neither
duplicates nor revisions are looked for; contracts are not checked. Runs in an environment of its own (requirements/peers.txt):
`python windowed_counts.py BOOTSTRAP TOPIC COUNT FOLDER` prints the records a second, from the first one to the last commit.
"""

import logging
import sys
import time
import uuid
from datetime import datetime
from typing import Any

from quixstreams import Application

MEASURED = {"nps", "csat", "ces"}
COUNTED = {"feedback.complaint_raised.v1": "complaints", "interaction.completed.v1": "interactions"}

Answers = list[tuple[str, float]]
Histograms = dict[str, int]


def happened_at(value: dict[str, Any], *_: object) -> int:
    """When it happened, in milliseconds since the epoch."""
    return int(datetime.fromisoformat(value["time"]).timestamp() * 1000)


def contributions(event: dict[str, Any]) -> Histograms:
    """What an event adds to which histogram, for the total and for its channel."""
    data = event["data"]
    if event["type"] == "feedback.survey_answered.v1":
        answers: Answers = [
            (a["instrument"] + a.get("polarity", ""), place(a)) for a in data["answers"] if "score" in a and a["instrument"] in MEASURED
        ]
    else:
        counted = COUNTED.get(event["type"])
        answers = [(counted, 0)] if counted else []
    return {f"{measure}:{slice}:{place}": 1 for measure, place in answers for slice in ("", data["channel"])}


def place(answer: dict[str, Any]) -> float:
    """Where the score lies on its scale, 0 to 1; NPS has the one scale."""
    low, high = answer.get("scale_min", 0), answer.get("scale_max", 10)
    return round((answer["score"] - low) / (high - low), 6)


def add(histograms: Histograms, more: Histograms) -> Histograms:
    """The reducer of a window."""
    for key, amount in more.items():
        histograms[key] = histograms.get(key, 0) + amount
    return histograms


def main(bootstrap: str, topic: str, count: int, folder: str) -> float:
    """Read `count` records of `topic` from its beginning; returns records a second."""
    logging.disable(logging.WARNING)
    processed, began = 0, 0.0

    def tell(_topic: str, _partition: int, _offset: int) -> None:
        nonlocal processed, began
        began = began or time.perf_counter()
        processed += 1
        if processed == count:
            app.stop()

    app = Application(
        broker_address=bootstrap,
        consumer_group=f"peer-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=folder,
        on_message_processed=tell,
        loglevel=None,
    )
    events = app.dataframe(app.topic(topic, timestamp_extractor=happened_at))
    answered = events.apply(contributions).filter(bool)
    answered.tumbling_window(duration_ms=60_000, grace_ms=3_600_000).reduce(add, dict).final()
    app.run()
    return processed / (time.perf_counter() - began)


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
