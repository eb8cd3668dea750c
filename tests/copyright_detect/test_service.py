"""The service: files in parts, what is heard of them, evidence and sound; and one-line answers for what cannot be."""

import io
import shutil
import threading
import wave

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image

from copyright_detect import gateway
from copyright_detect.chunks import partition_for
from copyright_detect.gateway import set_current_db
from copyright_detect.records import SAMPLE_RATE
from copyright_detect.store import PartitionStore, Upload
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.errors import NotFound
from shared.settings import Settings
from tests.copyright_detect.uploads import Clock, small_demo

BASE = "/copyright-detect"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(tmp_path, db, clock):
    """The service on an empty home, held against the four songs."""
    set_current_db(tmp_path / "copyright_detect", db)
    engines = Engines(Settings(home=tmp_path), clock)
    with TestClient(build_app(engines, "copyright_detect")) as opened:
        yield opened
    wait()
    engines.close()


def wait():
    """Until everything that was sent has been heard."""
    for thread in threading.enumerate():
        if thread.name == gateway.HEARING:
            thread.join()


def as_file(samples, kind="WAV"):
    out = io.BytesIO()
    soundfile.write(out, samples, SAMPLE_RATE, format=kind)
    return out.getvalue()


def begin(client, **query):
    return client.post(f"{BASE}/uploads", params=query).json()["upload"]


def send(client, content, size=300_000, **query):
    """A file in parts; the upload's id, once it was heard."""
    upload = begin(client, **query)
    parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    for number, part in enumerate(parts):
        answer = put(client, upload, number, part, last=number == len(parts) - 1)
        assert answer.status_code == 200, answer.text
    wait()
    return upload


def put(client, upload, number, body, last=False):
    return client.put(f"{BASE}/uploads/{upload}/parts/{number}", params={"last": last}, content=body)


def get(client, path):
    answer = client.get(f"{BASE}/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("kind", ["WAV", "MP3", "OGG"])
def test_a_file_in_parts_is_heard_and_decided(client, podcast, tmp_path, kind):
    upload = send(client, as_file(podcast, kind), show="licensed")
    report = get(client, f"uploads/{upload}")
    (match,) = report["matches"]
    assert (report["status"], report["error"], match["reference"], match["kind"]) == (
        "complete",
        None,
        "song 1",
        "closed",
    )
    assert abs(match["start_s"] - 10) < 1
    assert report["heard_s"] == pytest.approx(40, abs=0.1)
    assert report["actions"] == {"US": "monetise", "elsewhere": "monetise"}  # the licence silences the block
    (listed,) = get(client, "uploads")["uploads"]
    assert (listed["upload"], listed["show"], listed["status"]) == (upload, "licensed", "complete")
    assert list((tmp_path / "copyright_detect" / "incoming").iterdir()) == []


def test_waveform_evidence_and_both_sounds(client, podcast):
    upload = send(client, as_file(podcast))
    wave_form = get(client, f"uploads/{upload}/waveform")
    assert (len(wave_form["peaks"]), wave_form["heard_s"]) == (160, 40.0)
    record = get(client, f"uploads/{upload}/evidence/0.json")
    assert record["match"]["reference"] == "song 1"
    picture = client.get(f"{BASE}/uploads/{upload}/evidence/0.png")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).width == 1120
    for path, seconds in (
        (f"uploads/{upload}/sound.wav?begin_s=5&end_s=7", 2),
        (f"uploads/{upload}/reference/0.wav", 15),
    ):
        with wave.open(io.BytesIO(client.get(f"{BASE}/{path}").content)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
            assert file.getnframes() / SAMPLE_RATE == pytest.approx(seconds, abs=1)


def test_a_long_waveform_is_drawn_from_few_points(client):
    upload = send(client, as_file(np.zeros(9 * 60 * SAMPLE_RATE, np.float32), "FLAC"))
    assert len(get(client, f"uploads/{upload}/waveform")["peaks"]) <= 2000


def test_a_part_that_comes_twice_is_taken_once(client, podcast):
    content = as_file(podcast)
    upload = begin(client)
    for number, part in ((0, content[:1000]), (0, content[:1000]), (1, content[1000:2000])):
        assert put(client, upload, number, part).status_code == 200
    assert put(client, upload, 0, content[:1000]).status_code == 400
    answer = put(client, upload, 3, b"x")
    assert (answer.status_code, answer.json()["error"]) == (400, f"upload '{upload}': part 3 came, part 2 is expected")
    assert put(client, upload, 1, b"other").status_code == 400
    assert put(client, upload, 2, content[2000:800_000]).json()["bytes"] == 800_000
    assert get(client, f"uploads/{upload}")["status"] == "receiving"
    assert put(client, upload, 3, content[800_000:], last=True).status_code == 200
    wait()
    for _ in range(2):  # its answer was lost: the file was heard meanwhile
        assert put(client, upload, 3, content[800_000:], last=True).json()["status"] == "done"
    assert get(client, f"uploads/{upload}")["heard_s"] == 40.0
    assert len(get(client, "uploads")["uploads"]) == 1


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty"), (b"no sound at all\n" * 99, ""), (b"RIFF\0\0\0\0WAVEfmt ", "")]
)
def test_what_is_no_sound_fails_in_one_line(client, content, reason):
    upload = send(client, content)
    report = get(client, f"uploads/{upload}")
    assert report["status"] == "failed"
    assert reason in report["error"]
    assert "the file" in report["error"]
    assert "incoming" not in report["error"]
    assert "\n" not in report["error"]


def test_an_error_that_nobody_foresaw_ends_the_upload_in_one_line(client, monkeypatch, caplog):
    monkeypatch.setattr(gateway, "cut", lambda *_: 1 // 0)
    upload = send(client, as_file(np.zeros(SAMPLE_RATE, np.float32)))
    report = get(client, f"uploads/{upload}")
    assert (report["status"], report["error"]) == ("failed", "an error of ours; it is in the server's log")
    assert "ZeroDivisionError" in caplog.text


def test_what_a_server_that_died_had_begun_is_cleared_and_called_interrupted(tmp_path, db):
    set_current_db(tmp_path / "copyright_detect", db)
    engines = Engines(Settings(home=tmp_path), Clock())
    dying = gateway.Gateway(engines)
    upload = dying.begin("s")
    dying.part(upload, 0, b"some", last=False)
    (tmp_path / "copyright_detect" / "incoming" / upload).write_bytes(b"some and half of the next")  # the disk was full
    dying.part(upload, 1, b"more", last=False)
    assert (tmp_path / "copyright_detect" / "incoming" / upload).read_bytes() == b"somemore"
    store = PartitionStore(dying.runs[0].folder, partition_for("u", gateway.PARTITIONS))
    with store.transaction(0, 1) as batch:
        batch.put(Upload("u", "s"))
    store.close()
    born = gateway.Gateway(engines)
    assert not (tmp_path / "copyright_detect" / "incoming").exists()
    assert born.report("u")["status"] == "interrupted"
    assert [each["status"] for each in born.uploads()] == ["interrupted"]
    engines.close()


def test_an_index_named_while_an_upload_is_heard_is_for_the_next_server(tmp_path, db, podcast, monkeypatch):
    set_current_db(tmp_path / "copyright_detect", db)
    engines = Engines(Settings(home=tmp_path), Clock())
    here, uploads = gateway.Gateway(engines), []

    def hear():
        before = set(threading.enumerate())
        uploads.append(here.begin("s"))
        here.part(uploads[-1], 0, as_file(podcast), last=True)
        for thread in set(threading.enumerate()) - before:
            thread.join()

    def pause(_):
        if len(uploads) == 1:  # between two batches of the first: another index is named, another upload heard
            set_current_db(tmp_path / "copyright_detect", shutil.copytree(db, tmp_path / "other"))
            hear()

    monkeypatch.setattr(gateway, "sleep", pause)
    hear()
    for upload in uploads:
        report = here.report(upload)
        assert (report["status"], [match["reference"] for match in report["matches"]]) == ("complete", ["song 1"])
    assert gateway.Gateway(engines).db == tmp_path / "other"
    engines.close()


def test_uploads_are_listed_by_time_whatever_their_partition(client, tmp_path):
    run, names = gateway.Run("files", tmp_path), [f"{number:04x}" for number in range(6)]
    assert len({partition_for(name, gateway.PARTITIONS) for name in names}) == 2
    for began, name in enumerate(names):
        store = PartitionStore(run.folder, partition_for(name, gateway.PARTITIONS))
        with store.transaction(store.next_offset(), store.next_offset() + 1) as batch:
            batch.put(Upload(name, "s", "complete", started_ms=began))
        store.close()
    assert [each["upload"] for each in get(client, "uploads")["uploads"]] == names[::-1]


def test_a_worker_that_could_not_begin_is_hired_anew(client, podcast, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(gateway.Worker, "assign", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
        assert get(client, f"uploads/{send(client, as_file(podcast))}")["error"] == "no space left"
    assert get(client, f"uploads/{send(client, as_file(podcast))}")["status"] == "complete"


def test_bounds_hold_before_anything_is_decoded(client, clock, monkeypatch):
    upload = begin(client)
    assert put(client, upload, 0, bytes((1 << 20) + 1)).status_code == 413

    unannounced = (bytes(1 << 18) for _ in range(5))  # in pieces, without a content-length
    assert put(client, upload, 0, unannounced).json() == {"error": "body over 1,048,576 bytes"}
    monkeypatch.setattr(gateway, "MOST_BYTES", 1000)
    assert "over 1,000 bytes" in put(client, upload, 0, bytes(1001)).json()["error"]
    assert client.get(f"{BASE}/uploads/{upload}").status_code == 404  # it is forgotten
    monkeypatch.setattr(gateway, "MOST_OPEN", 2)
    begin(client), begin(client)
    assert "2 uploads are running" in client.post(f"{BASE}/uploads").json()["error"]
    clock.now += gateway.IDLE_MS + 1
    assert client.post(f"{BASE}/uploads").status_code == 201  # those that stopped coming make room


def test_nothing_is_indexed_yet(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    client = TestClient(build_app(engines, "copyright_detect"))
    answer = client.post(f"{BASE}/uploads")
    assert answer.status_code == 404
    assert "play the demo first" in answer.json()["error"]
    assert get(client, "uploads") == {"uploads": []}
    with pytest.raises(NotFound, match="no such folder; make the index first"):
        set_current_db(tmp_path / "copyright_detect", tmp_path / "nowhere")
    engines.close()


@pytest.mark.parametrize(
    "path",
    ["uploads/none", "uploads/none/waveform", "uploads/none/evidence/0.png", "uploads/none/evidence/0.json",
     "uploads/none/sound.wav", "uploads/none/reference/0.wav"],
)  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(client, path):
    answer = client.get(f"{BASE}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "upload 'none': nothing of it was heard"


def test_stretches_and_matches_that_cannot_be(client, podcast):
    upload = send(client, as_file(podcast))
    assert (
        client.get(f"{BASE}/uploads/{upload}/evidence/7.png").json()["error"]
        == f"upload '{upload}': no match 7; it has [0]"
    )
    for span in ("begin_s=2&end_s=2", "begin_s=0&end_s=601"):
        assert (
            "expected a stretch of at most 600 s"
            in client.get(f"{BASE}/uploads/{upload}/sound.wav?{span}").json()["error"]
        )
    assert client.get(f"{BASE}/uploads/{upload}/sound.wav?begin_s=90&end_s=91").status_code == 404


def test_the_demo_plays_once_at_a_time(client, tmp_path, tiny_world, songs, monkeypatch):
    going = threading.Event()

    def make_world(*_):
        going.wait()
        return tiny_world

    small_demo(monkeypatch, tiny_world, songs, tmp_path)
    monkeypatch.setattr("shared.world.make_world", make_world)
    monkeypatch.setattr(gateway, "DEMO_PACE_S", 0)
    upload = client.post(f"{BASE}/demo").json()["upload"]
    assert get(client, f"uploads/{upload}")["status"] == "preparing"
    assert "the demo is playing" in client.post(f"{BASE}/demo").json()["error"]
    going.set()
    wait()
    report = get(client, f"uploads/{upload}")
    assert (report["status"], report["actions"]["US"], report["actions"]["elsewhere"]) == (
        "complete",
        "monetise",
        "block",
    )
    assert get(client, f"uploads/{upload}/evidence/1.json")["match"]["reference"].startswith("005 ")
    assert client.get(f"{BASE}/uploads/{upload}/reference/1.wav").status_code == 200
    going.clear()  # another may begin now
    assert client.post(f"{BASE}/demo").status_code == 202
    going.set()
    wait()
