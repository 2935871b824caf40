"""Photos from a bucket to thumbnails in a bucket: the service beside other ways to do it, and the machine's limit."""
