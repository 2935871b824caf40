"""Stores of objects: local folders and S3 buckets, behind one protocol."""
