import pytest
from hypothesis import given
from hypothesis import strategies as st

from raythumbs.model.folder import Folder, FolderRule, browser_upload_key

TOKEN = "t" * 43
RULE = FolderRule(depth=None, browser_uploads="s3://bkt/app/uploads/", direct_uploads="s3://bkt/app/originals/")
AT_MOST_2 = FolderRule(depth=2, browser_uploads="s3://bkt/uploads/", direct_uploads="s3://bkt/originals/")


@pytest.mark.parametrize(
    ("rule", "address", "folder"),
    [
        (RULE, "s3://photos/users/7/cat.jpg", "users/7"),
        (RULE, "s3://photos/cat.jpg", None),
        (RULE, "s3://photos/users//cat.jpg", "users/"),
        (RULE, "s3://photos//cat.jpg", None),
        (RULE, "s3://photos/a b+c/%2F/cat.jpg", "a b+c/%2F"),
        (RULE, "file:///srv/photos/cat.jpg", "/srv/photos"),
        (RULE, "s3://bkt/app/originals/ab/0123", None),
        (RULE, "s3://bkt/app/uploads/2026/cat.jpg", "app/uploads/2026"),
        (RULE, "s3://bkt/app/uploads/cat.jpg", "app/uploads"),
        (RULE, f"s3://bkt/app/uploads/{TOKEN}", None),
        (RULE, f"s3://bkt/app/uploads/holiday/{TOKEN}", "holiday"),
        (RULE, f"s3://bkt/app/uploads/a%00b/{TOKEN}", "app/uploads/a%00b"),  # which no database could hold
        (RULE, f"s3://other/app/uploads/holiday/{TOKEN}", "app/uploads/holiday"),
        (AT_MOST_2, "s3://photos/users/7/2026/cat.jpg", "users/7"),
        (AT_MOST_2, "s3://photos/users/cat.jpg", "users"),
        (AT_MOST_2, f"s3://bkt/uploads/a%2Fb%2Fc/{TOKEN}", "a/b/c"),
        (FolderRule(depth=0, browser_uploads="s3://bkt/u/", direct_uploads="s3://bkt/o/"), "s3://photos/a/b.jpg", None),
    ],
)
def test_a_photo_that_nobody_names_a_folder_for_is_in_that_of_its_key(rule, address, folder):
    assert rule.of(address) == folder


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_a_key_for_a_browser_leads_back_to_the_folder_that_it_was_made_for(folder):
    key = browser_upload_key(folder, TOKEN)

    assert RULE.of(RULE.browser_uploads + key) == folder
    assert key.count("/") == 1
    assert not {".", ".."} & set(key.split("/"))


def a_folder(**figures):
    return Folder(**{"id": "f", "total": 0, "waiting": 0, "failed": 0, "cancelled": 0, "ended_at": None} | figures)


def test_a_folder_is_done_when_it_has_photos_and_none_waits():
    assert a_folder(total=3, failed=1, ended_at=5.0).done_at == 5.0
    assert a_folder(total=3, waiting=1, ended_at=5.0).done_at is None
    assert a_folder().done_at is None
    assert not a_folder().is_done(photos=1)
    assert not a_folder(total=2).is_done(photos=3)
    assert a_folder(total=3).is_done(photos=3)
