"""Tokens and buckets: forged, expired, foreign and broken ones open nothing; bursts end; time that runs back gives nothing."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jam_recs.names import MAX_NAME, clean_name, link_of, qr_of
from jam_recs.records import Profile
from jam_recs.tokens import BURST, RATE, Bucket, Denied, Token, load_key, new_member, sign, verify
from shared.errors import BadInput, LinerError

KEY = bytes(range(32))
TOKEN = Token("a", 7, 1_000, Profile("Ann", minor=True))


def test_what_was_signed_is_read():
    assert verify(KEY, sign(KEY, TOKEN), "a", 999) == TOKEN


@pytest.mark.parametrize(
    ("text", "room", "now", "why"),
    [
        (sign(KEY, TOKEN), "a", 1_000, "expired"),
        (sign(KEY, TOKEN), "b", 0, "for another room"),
        (sign(bytes(32), TOKEN), "a", 0, "not signed by this server"),
        (sign(KEY, TOKEN)[:-4], "a", 0, "not signed by this server"),
        (sign(KEY, TOKEN).replace(".", ""), "a", 0, "token:"),
        ("", "a", 0, "not signed by this server"),
        ("ü.ü", "a", 0, "token:"),
        ("%%%.%%%", "a", 0, "token:"),
        ("A.A", "a", 0, "cannot be read"),
        ("x" * 10_000, "a", 0, "token:"),
    ],
)
def test_a_bad_token_opens_nothing(text, room, now, why):
    with pytest.raises(Denied, match=why):
        verify(KEY, text, room, now)


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_no_text_is_a_token(text):
    with pytest.raises(Denied):
        verify(KEY, text, "a", 0)


def test_the_key_is_made_once_and_is_the_owners(tmp_path):
    key = load_key(tmp_path / "key")
    assert load_key(tmp_path / "key") == key
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(LinerError, match="expected 32 bytes"):
        load_key(tmp_path / "key")


def test_a_key_that_could_not_be_written_is_made_at_the_next_start(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("jam_recs.tokens.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            load_key(tmp_path / "key")
    assert len(load_key(tmp_path / "key")) == 32


def test_a_bucket_lets_a_burst_through_and_then_its_rate():
    bucket = Bucket()
    assert sum(bucket.take(10_000) for _ in range(100)) == BURST
    assert sum(bucket.take(11_000) for _ in range(100)) == RATE
    assert sum(bucket.take(1_000) for _ in range(100)) == 0  # the clock ran back an hour
    assert bucket.take(11_050)


def test_members_fit_into_every_number():
    assert all(0 < new_member() < 2**53 for _ in range(1_000))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Ann\n\tLee ", "AnnLee"),
        ("A\u0301", "Á"),
        ("x" * 200, "x" * MAX_NAME),
        ("\u202eevil", "evil"),
        ("🎈", "🎈"),
        ("Ann  B", "Ann B"),
    ],
)
def test_names_are_one_visible_line(typed, shown):
    assert clean_name(typed) == shown


@pytest.mark.parametrize("typed", ["", "   ", "\u200b\u200d", "\u0301", "\ud800"])
def test_invisible_names_are_refused(typed):
    with pytest.raises(BadInput, match="visible character"):
        clean_name(typed)


def test_the_code_holds_the_link():
    link = link_of("http://127.0.0.1:8000/", "room", sign(KEY, Token("room", 0, 2**41)))
    assert link.startswith("http://127.0.0.1:8000/jam-recs/#room.")
    assert qr_of(link).startswith("<svg")
