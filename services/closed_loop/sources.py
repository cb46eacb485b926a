"""What closed_loop reads from Kafka, and the channel on which its timers are woken."""

from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS

GROUP = "closed_loop"
LIVE = (FEEDBACK_EVENTS,)
BACKFILL = (FEEDBACK_BACKFILL,)
TIMER_CHANNEL = "hearback_clocks"
