"""Who may come in: signed tokens that expire, and how often anybody may ask: token buckets.

A party's link carries an invitation (member 0); whoever follows it is given a token with a member id of his own. Both are
`payload.signature`, base64url, HMAC-SHA-256 under a key that lies in the server's home, readable by its owner alone.
"""

import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from pathlib import Path
from tempfile import NamedTemporaryFile

from msgspec import DecodeError, Struct, json

from jam_recs.records import Profile
from shared.errors import LinerError

KEY_BYTES = 32
MAX_TOKEN = 4_096
LIFE_MS = 12 * 3_600_000
RATE = 20
"""Ops a second and member …"""
BURST = 40
"""… and how many at once after a pause."""


class Denied(LinerError):
    """A token that opens nothing: forged, expired, or of another room."""


class Token(Struct, frozen=True, omit_defaults=True):
    """What is signed. `member` 0 invites anybody; otherwise it is the bearer's id for all his returns."""

    room: str
    member: int
    expires_ms: int
    profile: Profile | None = None


def load_key(path: Path) -> bytes:
    """The server's key, made at the first start."""
    try:
        with NamedTemporaryFile(dir=path.parent) as file:  # whole, or not there
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
            os.link(file.name, path)
    except FileExistsError:
        pass
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise LinerError(f"{path}: expected {KEY_BYTES} bytes; delete it, and all tokens of this server with it")
    return key


def sign(key: bytes, token: Token) -> str:
    """`token` as text that fits into a link."""
    payload = json.encode(token)
    return f"{_text(payload)}.{_text(hmac.digest(key, payload, 'sha256'))}"


def verify(key: bytes, text: str, room: str, now_ms: int) -> Token:
    """What was signed; Denied, with the reason, for anything else. The signature is compared in constant time, before it is parsed."""
    payload, _, signature = text[:MAX_TOKEN].partition(".")
    try:
        body, given = _bytes(payload), _bytes(signature)
        if not hmac.compare_digest(hmac.digest(key, body, "sha256"), given):
            raise Denied("token: not signed by this server; ask the host for a new link")
        token = json.decode(body, type=Token)
    except (NotBase64, ValueError, DecodeError):
        raise Denied("token: cannot be read; ask the host for a new link") from None
    if token.room != room:
        raise Denied("token: it is for another room; ask the host for a new link")
    if token.expires_ms <= now_ms:
        raise Denied("token: expired; ask the host for a new link")
    return token


def new_member() -> int:
    """An id that nobody else has: 53 random bits, exact in every JSON reader."""
    return secrets.randbelow(2**53 - 1) + 1


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))


class Bucket:
    """A token bucket: `rate` a second, `burst` at once. Time, a monotonic clock's, enters with each op."""

    def __init__(self, rate: int = RATE, burst: int = BURST) -> None:
        self._rate, self._burst = rate, burst
        self._level, self._at_ms = burst * 1000, 0  # thousandths of an op

    def take(self, at_ms: int) -> bool:
        """Whether one more op is allowed at `at_ms`."""
        passed = max(0, at_ms - self._at_ms)
        self._at_ms = max(self._at_ms, at_ms)
        self._level = min(self._burst * 1000, self._level + passed * self._rate)
        if self._level < 1000:
            return False
        self._level -= 1000
        return True
