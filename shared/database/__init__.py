"""The PostgreSQL side that every service shares: sessions, stored offsets, `seen`, outbox and relay, leadership, migrations."""
