"""Signs forms with which browsers upload straight to a bucket (Amazon S3, "Browser-based uploads using POST")."""

from raythumbs.model.upload_form import UploadForm, UploadTerms
from raythumbs.storage.s3 import S3Store
from raythumbs.storage.s3_answers import translated


def signed_form(store: S3Store, terms: UploadTerms) -> UploadForm:
    """Return a form that keeps these terms. The store checks them, so a page cannot change them."""
    key = store.prefix + terms.key
    with translated(f"s3://{store.bucket}/{key}"):
        signed = store.client.generate_presigned_post(
            store.bucket,
            key,  # boto3 adds a condition that the key is exactly this one
            Fields={"Content-Type": terms.content_type},
            Conditions=[{"Content-Type": terms.content_type}, ["content-length-range", 1, terms.max_bytes]],
            ExpiresIn=terms.seconds,
        )
    return UploadForm(url=_of_region(signed["url"], store), fields=signed["fields"])


def _of_region(url: str, store: S3Store) -> str:
    """Return the address of the bucket in its own region. The signature is of the form, not of its address.

    boto3 gives the address without a region. For a new bucket that is redirected, and a browser posts on as the origin
    `null` (Amazon S3, "Virtual hosting of buckets"; Fetch, "HTTP-redirect fetch").
    """
    return url.replace(
        f"//{store.bucket}.s3.amazonaws.com/", f"//{store.bucket}.s3.{store.client.meta.region_name}.amazonaws.com/"
    )
