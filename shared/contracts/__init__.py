"""What one service may know of another: topics, the envelope, every event type, and how their bytes are read and written."""
