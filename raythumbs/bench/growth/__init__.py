"""How the cost grows with the work: with the photos, with the slots, with the backlog."""
