"""What runs in a Ray task: fetch, render, store."""
