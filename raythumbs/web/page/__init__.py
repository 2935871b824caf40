"""The page: what operators see and do in a browser. `static/` has its files, which need no build step."""
