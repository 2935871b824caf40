"""What runs in the queue's actor: the durable order of jobs, and the loops that work on it."""
