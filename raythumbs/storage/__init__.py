"""Where objects lie: local folders and S3 buckets, behind one protocol."""
