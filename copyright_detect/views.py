"""What is said of an upload to whoever asks: how far it was heard, its matches, and what happens where."""

from typing import Any

from copyright_detect.records import SAMPLE_RATE
from copyright_detect.rights import ELSEWHERE, strictest
from copyright_detect.store import PartitionStore
from shared.clock import from_ms
from shared.errors import NotFound


def upload_report(store: PartitionStore, upload: str) -> dict[str, Any]:
    """What is known of an upload: how far it is, its matches, and what happens where."""
    found = store.upload(upload)
    if found is None:
        raise NotFound(f"upload {upload!r}: nothing of it was heard")
    decisions = store.decisions(upload)
    return {
        "upload": upload,
        "show": found.show,
        "status": found.status,
        "started": from_ms(found.started_ms).isoformat(),
        "heard_s": found.samples / SAMPLE_RATE,
        "matches": [{name: value for name, value in row.items() if name != "upload"} for row in store.verdicts(upload)],
        "actions": _actions(decisions),
        "decisions": [{name: value for name, value in row.items() if name != "upload"} for row in decisions],
    }


def _actions(decisions: list[dict[str, Any]]) -> dict[str, str]:
    """The strictest action of all references in each territory; a reference without a row for it has the one for ELSEWHERE."""
    found: dict[str, dict[str, str]] = {}
    for row in decisions:
        found.setdefault(row["reference"], {})[row["territory"]] = row["action"]
    territories = sorted({row["territory"] for row in decisions} - {ELSEWHERE}) + [ELSEWHERE] * bool(decisions)
    return {code: strictest(each.get(code, each[ELSEWHERE]) for each in found.values()) for code in territories}
