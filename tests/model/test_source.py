import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from raythumbs.errors import BadSource, SourceNotAllowed
from raythumbs.model.source import BUCKET_BYTES, KEY_BYTES, PATH_BYTES, Source, SourcePolicy, is_folder_marker

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


# --- s3://bucket/key


@given(key=STORABLE)
@example(key="../../etc/passwd")
@example(key="my photo+1%20(2).jpg")
@example(key="/leading//double/")
@example(key="s3://photos/again")
@example(key="Zoë/写真.jpg")
def test_a_key_is_opaque(key: str) -> None:
    assume(len(key.encode()) <= KEY_BYTES)

    source = Source.parse(f"s3://photos/{key}")

    assert (source.scheme, source.bucket, source.key) == ("s3", "photos", key)
    assert str(source) == f"s3://photos/{key}"


@pytest.mark.parametrize("letter", ["k", "é", "写", "\N{CAT FACE}"])
def test_a_key_has_at_most_1024_bytes(letter: str) -> None:
    longest = "s3://photos/" + letter * (KEY_BYTES // len(letter.encode())) + "k" * (KEY_BYTES % len(letter.encode()))

    assert len(Source.parse(longest).key.encode()) == 1024
    with pytest.raises(BadSource, match="1025 bytes"):
        Source.parse(longest + "k")


def test_a_bucket_has_at_most_255_bytes_so_that_an_index_can_hold_it() -> None:
    longest = "b" * BUCKET_BYTES

    assert Source.parse(f"s3://{longest}/key").bucket == longest
    with pytest.raises(BadSource, match="is not a bucket"):
        Source.parse(f"s3://{longest}b/key")


@pytest.mark.parametrize(
    "bucket", ["ph", "photos of mine", "photös", "a*b", "..", "a..b", "a:b", "[a]", "%2e%2e", "a\n"]
)
def test_an_invalid_bucket_name_is_refused(bucket: str) -> None:
    with pytest.raises(BadSource):
        Source.parse(f"s3://{bucket}/key")


@pytest.mark.parametrize("bucket", ["abc", "Photos_of.the-Oldest", "my.bucket-1"])
def test_a_bucket_name_of_the_oldest_kind_is_accepted(bucket: str) -> None:
    assert Source.parse(f"s3://{bucket}/key").bucket == bucket


# --- file:///path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///photos/cat.jpg", "/photos/cat.jpg"),
        ("file:///my%20photos/Zo%C3%AB.jpg", "/my photos/Zoë.jpg"),
        ("file:///my photos/Zoë.jpg", "/my photos/Zoë.jpg"),
        ("file:///sale/50%25.jpg", "/sale/50%.jpg"),
        ("file:///sale/50%2541.jpg", "/sale/50%41.jpg"),
        ("file:///photos/./2026//cat.jpg", "/photos/2026/cat.jpg"),
        ("file:///photos/a..b.jpg", "/photos/a..b.jpg"),
        ("file:///a+b?c=d#e.jpg", "/a+b?c=d#e.jpg"),
    ],
)
def test_a_path_may_be_written_with_percent_escapes(uri: str, path: str) -> None:
    assert Source.parse(uri) == Source("file", "", path)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///photos/../etc/passwd",
        "file:///photos/%2e%2e/etc/passwd",
        "file:///..",
        "file://photos/cat.jpg",
        "file://localhost/photos/cat.jpg",
        "file://",
        "file:///cat%00.jpg",
    ],
)
def test_a_path_is_absolute_and_does_not_climb(uri: str) -> None:
    with pytest.raises(BadSource):
        Source.parse(uri)


@pytest.mark.parametrize("slashes", ["/", "//", "///"])
def test_a_file_has_one_address_however_many_slashes_it_is_written_with(slashes: str) -> None:
    assert str(Source.parse(f"file://{slashes}photos{slashes}cat.jpg")) == "file:///photos/cat.jpg"


def test_a_path_is_bounded_in_its_escaped_form() -> None:
    assert Source.parse("file:///" + "p" * (PATH_BYTES - 1))
    with pytest.raises(BadSource, match="2049 bytes"):
        Source.parse("file:///" + "p" * PATH_BYTES)
    with pytest.raises(BadSource):
        Source.parse("file:///" + "%25" * (PATH_BYTES // 2))


# --- any address


@given(uri=st.one_of(STORABLE.map("file:///{}".format), STORABLE.map("s3://photos/{}".format)))
@example(uri="file:///50%2541.jpg")
@example(uri="file:////photos/cat.jpg")
def test_an_address_that_was_written_to_a_row_is_read_as_the_same_source(uri: str) -> None:
    try:
        source = Source.parse(uri)
    except BadSource:
        reject()

    assert Source.parse(str(source)) == source


@given(uri=st.text(st.characters(codec=None)))
@example(uri="s3://")
@example(uri="s3:///key")
@example(uri="s3://bucket/")
@example(uri="S3://bucket/key")
@example(uri="https://bucket/key")
@example(uri="bucket/key")
def test_an_invalid_address_is_refused(uri: str) -> None:
    assume(not uri.startswith(("s3://b", "file:///")))

    with pytest.raises(BadSource):
        Source.parse(uri)


@pytest.mark.parametrize("letter", ["\0", chr(0xD800), chr(0xDFFF)])
@pytest.mark.parametrize("uri", ["s3://photos/{}.jpg", "s3://{}/cat.jpg", "file:///photos/{}.jpg"])
def test_text_that_no_column_can_hold_is_refused(uri: str, letter: str) -> None:
    with pytest.raises(BadSource) as refusal:
        Source.parse(uri.format(letter))

    assert refusal.value.reason.isascii()


# --- which sources may be read


POLICY = SourcePolicy(allowed=("s3://photos/", "file:///srv/photos/"), outputs=("s3://photos/thumbnails/",))


@pytest.mark.parametrize("uri", ["s3://photos/cat.jpg", "s3://photos/thumbnails.jpg", "file:///srv/photos/cat.jpg"])
def test_a_source_under_an_allowed_prefix_may_be_read(uri: str) -> None:
    source = Source.parse(uri)

    assert POLICY.allows(source)
    assert POLICY.check(source) == source


@pytest.mark.parametrize("uri", ["s3://photos2/cat.jpg", "s3://other/cat.jpg", "file:///srv/photos2/cat.jpg"])
def test_a_prefix_with_its_last_slash_does_not_reach_into_a_neighbour(uri: str) -> None:
    source = Source.parse(uri)

    assert not POLICY.allows(source)
    with pytest.raises(SourceNotAllowed, match="RAYTHUMBS_ALLOWED_SOURCES"):
        POLICY.check(source)


@given(key=STORABLE, allowed=st.sampled_from(["s3://", "s3://photos/", "s3://photos/thumbnails/"]))
def test_thumbnails_are_never_made_of_thumbnails_whatever_is_allowed(key: str, allowed: str) -> None:
    assume(len(key.encode()) <= KEY_BYTES - len("thumbnails/"))
    policy = SourcePolicy(allowed=(allowed,), outputs=POLICY.outputs)
    source = Source.parse(f"s3://photos/thumbnails/{key}")

    assert policy.is_output(source)
    assert not policy.allows(source)
    with pytest.raises(SourceNotAllowed, match="own thumbnails"):
        policy.check(source)


@pytest.mark.parametrize(
    "uri", ["file:////srv/photos/t/1.jpg", "file:///srv/./photos/t/1.jpg", "file:///srv/photos/%74/1.jpg"]
)
def test_another_spelling_of_an_address_does_not_get_around_the_policy(uri: str) -> None:
    policy = SourcePolicy(allowed=("file:///",), outputs=("file:///srv/photos/t/",))

    assert not policy.allows(Source.parse(uri))


def test_without_allowed_prefixes_nothing_may_be_read() -> None:
    policy = SourcePolicy(allowed=(), outputs=())

    assert not policy.allows(Source.parse("s3://photos/cat.jpg"))


@pytest.mark.parametrize(
    ("key", "size_bytes", "is_marker"),
    [
        ("2026/", 0, True),
        ("2026/", None, True),
        ("2026_$folder$", 0, True),
        ("2026_$folder$", None, True),
        ("2026/", 5, False),
        ("2026_$folder$", 5, False),
        ("2026/a.jpg", 0, False),
        ("2026/a.jpg", None, False),
    ],
)
def test_an_empty_object_with_the_name_of_a_folder_is_no_photo(key, size_bytes, is_marker):
    assert is_folder_marker(key, size_bytes) is is_marker
