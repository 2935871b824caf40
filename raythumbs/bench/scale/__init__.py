"""What one queue, or several, can feed: clusters far larger than this machine, of nodes that are only pretended."""
