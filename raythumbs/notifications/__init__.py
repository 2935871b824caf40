"""One file for each sender of upload notifications: headers and body in, UploadEvents out, or a refusal."""
