"""Starts the workers of a local Ray as copies of one process that has imported everything already.

Ray starts an interpreter for each worker, which imports Ray, Ray Serve and raythumbs anew: 1 s of CPU and 100 MiB each.
A copy (fork(2)) takes 0.1 s, and shares the memory. `server.py` makes the copies; Ray starts `request.py` in place of
each worker, which asks for one. Without an answer it starts the worker as Ray would.
"""
