"""Whether a chunk may be heard, and if not, why: repeats, contradictions, gaps and latecomers, told apart by number and digest.

The log delivers at least once, senders retry, and a broken sender contradicts itself. The first chunk of a number counts,
whatever comes later. A chunk that is ahead waits, at most WINDOW of them, so that memory is bounded however long the
one that is missing takes; an upload whose gap is never filled ends by timeout, heard up to the gap.
"""

from collections.abc import Callable

from copyright_detect.chunks import Chunk
from copyright_detect.store import RUNNING, Upload

WINDOW = 64
TAKEN, REPEATED = "taken", "repeated"


def judge(
    upload: Upload, chunk: Chunk, digest: Callable[[str, int], bytes | None], last_number: Callable[[str], int]
) -> tuple[str, str]:
    """(outcome, reason): TAKEN and REPEATED have no reason; the others are set aside with theirs.

    digest: of an upload's chunk that came before, by number; last_number: the highest that came.
    """
    known = digest(chunk.upload, chunk.number)
    if known == chunk.digest:
        return REPEATED, ""
    if known is not None:
        return "conflicting", f"chunk {chunk.number} came before with other samples, which count"
    if upload.status != RUNNING:
        return "late", f"the upload is {upload.status}; send it again under a new id"
    if chunk.show != upload.show:
        return "conflicting", f"show {chunk.show[:40]!r}; the upload began as {upload.show[:40]!r}"
    if upload.end_number is not None and (chunk.last or chunk.number > upload.end_number):
        return "conflicting", f"chunk {chunk.number}: the upload ends with chunk {upload.end_number}"
    if chunk.last and chunk.number < (highest := last_number(chunk.upload)):
        return "conflicting", f"chunk {chunk.number} says it is the last, but chunk {highest} came before it"
    if chunk.number >= upload.next_number + WINDOW:
        ahead = f"more than {WINDOW} ahead of chunk {upload.next_number}, which is missing"
        return "early", f"chunk {chunk.number}: {ahead}"
    return TAKEN, ""
