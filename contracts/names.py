"""Domain names between text, lower-case wire form (RFC 1035 section 3.1) and the key that segments are searched by.

No IDNA here (text in, A-labels expected: blocklists.normalise does that), no public suffixes, no I/O.
"""

from collections.abc import Iterator

MAX_LABEL = 63
MAX_WIRE = 255

# bytes.lower() changes A-Z only, which is what RFC 4343 wants of a name and harmless to length bytes (all <= 63 < "A").
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*")
_PLAIN_OR_DOT = bytes(_PLAIN) + b"."
_LENGTH = tuple(bytes((size,)) for size in range(MAX_LABEL + 1))


class BadName(ValueError):
    """The text or the bytes are no domain name; the message says why."""


def to_wire(text: str) -> bytes:
    """`Example.COM.` -> b'\\x07example\\x03com\\x00', lower case. Understands \\. and \\DDD (RFC 4343 section 2.1)."""
    if text in {"", "."}:
        return b"\0"
    wire = b"".join([_LENGTH[len(label)] + label for label in _labels_of(text)]) + b"\0"
    if len(wire) > MAX_WIRE:
        raise BadName(f"longer than {MAX_WIRE} octets")
    return wire.lower()


def _labels_of(text: str) -> list[bytes]:
    if "\\" not in text:
        try:
            labels = text.removesuffix(".").encode("ascii").split(b".")
        except UnicodeEncodeError as error:
            raise BadName("a letter outside ASCII: convert to an A-label first") from error
    else:
        labels = _unescape(text)
    if b"" in labels:
        raise BadName("an empty label")
    if max(map(len, labels)) > MAX_LABEL:
        raise BadName(f"a label longer than {MAX_LABEL} octets")
    return labels


def _unescape(text: str) -> list[bytes]:
    labels, label, position = [], bytearray(), 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == ".":
            labels.append(bytes(label))
            label = bytearray()
            continue
        if char == "\\":
            digits = text[position : position + 3]
            if len(digits) == 3 and digits.isascii() and digits.isdigit():
                if int(digits) > 255:
                    raise BadName(f"\\{digits} is no octet")
                label.append(int(digits))
                position += 3
                continue
            if not digits:
                raise BadName("a lone backslash at the end")
            if digits[0].isdigit():
                raise BadName("a backslash before fewer than three digits")
            char = digits[0]
            position += 1
        if ord(char) > 126 or ord(char) < 32:
            raise BadName("a letter outside printable ASCII")
        label.append(ord(char))
    if label:
        labels.append(bytes(label))
    return labels


def to_text(wire: bytes) -> str:
    """Wire form -> text without the final dot; the root is '.'. Odd octets become \\DDD, so any name survives."""
    if wire == b"\0":
        return "."
    parts = []
    position = 0
    while size := wire[position]:
        parts.append(wire[position + 1 : position + 1 + size])
        position += size + 1
    joined = b".".join(parts)
    if not joined.translate(None, _PLAIN_OR_DOT) and joined.count(b".") == len(parts) - 1:
        return joined.decode("ascii")
    return ".".join(_label_text(label) for label in parts)


def _label_text(label: bytes) -> str:
    out = []
    for octet in label:
        if octet in _PLAIN:
            out.append(chr(octet))
        elif octet in b'."\\;()@$':
            out.append("\\" + chr(octet))
        elif 32 < octet < 127:
            out.append(chr(octet))
        else:
            out.append(f"\\{octet:03d}")
    return "".join(out)


def labels(wire: bytes) -> Iterator[bytes]:
    """The labels from left to right, without the root."""
    position = 0
    while size := wire[position]:
        yield wire[position + 1 : position + 1 + size]
        position += size + 1


def parents(wire: bytes) -> Iterator[bytes]:
    """The name itself, then each parent up to, not including, the root."""
    position = 0
    while size := wire[position]:
        yield wire[position:]
        position += size + 1


def search_key(wire: bytes) -> bytes:
    """The labels in reverse order, each behind its length byte, no root: a parent's key is a prefix of its child's.

    The length bytes make prefixes stop at label borders: evil.com is a prefix of x.evil.com, never of x.notevil.com.
    """
    size = wire[0]
    key = b""
    start = 0
    while size:
        end = start + size + 1
        key = wire[start:end] + key
        start = end
        size = wire[start]
    return key


def from_search_key(key: bytes) -> bytes:
    """The wire name that `search_key` made this key of."""
    parts = []
    position = 0
    while position < len(key):
        end = position + key[position] + 1
        parts.append(key[position:end])
        position = end
    return b"".join(reversed(parts)) + b"\0"
