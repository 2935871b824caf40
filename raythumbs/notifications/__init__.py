"""Reads notifications. One file for each sender turns headers and a body into events, or refuses them."""
