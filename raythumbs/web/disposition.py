"""The names in a form part's Content-Disposition, in every way in which clients write them.

Browsers write UTF-8, and escape only quotes and ends of lines (HTML, "Multipart form data"). Others write `filename*`
(RFC 8187, which RFC 7578 forbids here), encoded words (RFC 2047), backslashes before quotes, or Latin letters in one
byte.
"""

import re
from binascii import Error as BadBase64
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(rb';\s*([!#$%&\'*+.^_`|~\w-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_EXTENDED = re.compile(rb"(?i:(utf-8)|(iso-8859-1))'[^']*'([!#$&+.^_`|~\w%-]*)")
_ENCODED_WORDS = re.compile(r"(=\?[\w-]{1,40}\?[BbQq]\?[^?\s]*\?=\s*)+", re.ASCII)
_WORDS_LETTERS = 4096  # some codecs take long over more
_BROWSERS_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_WINDOWS_PATH = re.compile(r"\A(?:[A-Za-z]:\\|\\)(?:.*\\)?")


def names_of(disposition: bytes) -> tuple[str | None, str | None]:
    """Return the names of a part's field and of its file; None for one that is not told, or not readable.

    Bytes that are no UTF-8 are taken for Windows-1252, which has the Latin letters of Western Europe.
    """
    told = {key.lower(): _unquoted(value) for key, value in reversed(_PARAMETER.findall(disposition))}
    field, file_name = told.get(b"name"), told.get(b"filename")
    plain = None if file_name is None else _plain(_text(file_name))
    extended = _extended(told.get(b"filename*", b""))
    return None if field is None else _text(field), plain if extended is None else extended


def _unquoted(value: bytes) -> bytes:
    value = value.strip()
    if len(value) < len('""') or value[:1] != b'"' or value[-1:] != b'"':
        return value
    return re.sub(rb'\\(["\\])', rb"\1", value[1:-1])  # any other backslash is a Windows path's


def _text(value: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return value.decode(encoding)
        except UnicodeDecodeError:
            continue
    return value.decode("latin-1")


def _extended(value: bytes) -> str | None:
    told = _EXTENDED.fullmatch(value)
    if told is None:
        return None
    try:
        return unquote_to_bytes(told[3]).decode("utf-8" if told[1] else "iso-8859-1")
    except UnicodeDecodeError:
        return None


def _plain(name: str) -> str:
    if len(name) <= _WORDS_LETTERS and _ENCODED_WORDS.fullmatch(name):
        return _of_encoded_words(name)
    escaped = re.sub("%22|%0[AaDd]", lambda found: _BROWSERS_ESCAPES[found[0].upper()], name)
    return _WINDOWS_PATH.sub("", escaped, count=1)  # Internet Explorer sends the whole path


def _of_encoded_words(words: str) -> str:
    try:
        name = str(make_header(decode_header(words)))
        name.encode()  # which half of a surrogate pair cannot be
    except (HeaderParseError, BadBase64, LookupError, ValueError):
        return words
    return name
