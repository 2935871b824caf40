"""The durable record; the only room with SQL."""
