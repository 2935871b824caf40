"""Work in motion; the room with Ray."""
