"""What closed_loop reads from Kafka and how much of it at once, and the channel on which its timers are woken."""

from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS

GROUP = "closed_loop"
LIVE = (FEEDBACK_EVENTS,)
BACKFILL = (FEEDBACK_BACKFILL,)
TIMER_CHANNEL = "hearback_clocks"
BATCH = 1000
"""Events of one transaction: a case with its clocks costs many times what an event costs elsewhere."""
