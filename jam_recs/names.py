"""What people type and scan: a name that can be shown, the link of a party, its QR code."""

import io
import unicodedata

import segno

from shared.errors import BadInput

MAX_NAME = 40


def clean_name(text: str) -> str:
    """A display name: composed, one line, at most 40 characters, nothing invisible. BadInput if nothing visible is left."""
    shown = "".join(
        mark for mark in unicodedata.normalize("NFC", text) if unicodedata.category(mark)[0] not in "CZ" or mark == " "
    )
    shown = " ".join(shown.split())[:MAX_NAME].strip()
    if not any(unicodedata.category(mark)[0] in "LNSP" for mark in shown):
        raise BadInput(f"name {text[:20]!r}: expected at least one visible character")
    return shown


def link_of(base: str, room: str, invite: str) -> str:
    """The party's link. The invitation stands behind `#`: no server, proxy or referrer is sent it."""
    return f"{base}jam-recs/#{room}.{invite}"


def qr_of(link: str) -> str:
    """The link as an SVG image that a phone's camera reads."""
    buffer = io.BytesIO()
    segno.make_qr(link, error="m").save(
        buffer, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False, svgns=True
    )
    return buffer.getvalue().decode()
