"""Every file becomes mono float32 at one rate, or one line that says what is wrong with it; limits hold while it streams."""

import os
import shutil
import struct
import subprocess

import numpy as np
import pytest
import soundfile

from copyright_detect.audio import decode, decode_all
from copyright_detect.detector import Detector
from copyright_detect.index import add_references, open_index
from copyright_detect.records import SAMPLE_RATE
from shared.errors import BadInput
from shared.world.sound import Release, rms, song

PIECE = Release(3, "t", "electronic", 20.0, 3)


@pytest.fixture(scope="module")
def piece() -> np.ndarray:
    return song(5, PIECE)


@pytest.fixture(scope="module")
def index(tmp_path_factory, piece):
    folder = tmp_path_factory.mktemp("audio") / "index"
    add_references(folder, [("piece", piece), ("other", song(5, PIECE._replace(track_id=9, original=9)))])
    return open_index(folder)


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    program = shutil.which("ffmpeg")
    assert program, "ffmpeg is part of the test machine: apt-get install ffmpeg"
    return program


def matches(index, samples) -> list[str]:
    detector = Detector(index)
    return [e.match.reference for e in [*detector.push(samples), *detector.finish()] if e.kind == "closed"]


def at_rate(sound: np.ndarray, rate: int) -> np.ndarray:
    at = np.arange(int(sound.size * rate / SAMPLE_RATE)) * SAMPLE_RATE / rate
    return np.interp(at, np.arange(sound.size), sound).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "rate", "subtype"),
    [
        ("wav", 8_000, "PCM_16"),
        ("wav", 192_000, "PCM_16"),
        ("wav", 44_100, "PCM_24"),
        ("wav", 44_100, "PCM_32"),
        ("wav", 44_100, "FLOAT"),
        ("wav", 11_025, "PCM_U8"),
        ("wav", 22_050, "ULAW"),
        ("flac", 48_000, "PCM_24"),
        ("ogg", 44_100, "VORBIS"),
        ("mp3", 44_100, "MPEG_LAYER_III"),
    ],
)
def test_any_rate_and_width_is_heard(tmp_path, index, piece, suffix, rate, subtype):
    path = tmp_path / f"piece.{suffix}"
    soundfile.write(path, at_rate(piece[: 12 * SAMPLE_RATE], rate), rate, subtype=subtype)
    samples = decode_all(path)
    assert samples.dtype == np.float32
    assert samples.size == pytest.approx(12 * SAMPLE_RATE, abs=0.1 * SAMPLE_RATE)
    assert matches(index, samples) == ["piece"]


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_channels_are_mixed(tmp_path, index, piece, channels):
    path = tmp_path / "piece.wav"
    soundfile.write(path, np.tile(0.5 * piece[: 12 * SAMPLE_RATE, None], (1, channels)), SAMPLE_RATE)
    assert matches(index, decode_all(path)) == ["piece"]


def test_stereo_that_cancels_in_mono_is_heard_as_its_difference(tmp_path, index, piece):
    path = tmp_path / "inverted.wav"
    soundfile.write(path, np.stack([piece, -piece], axis=1)[: 12 * SAMPLE_RATE], SAMPLE_RATE)
    assert matches(index, decode_all(path)) == ["piece"]


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("digital silence", np.zeros(5 * SAMPLE_RATE)),
        ("a constant", np.full(5 * SAMPLE_RATE, 0.7)),
        ("a clipped square", np.sign(np.sin(np.arange(5 * SAMPLE_RATE) / 9))),
        ("one sample", np.ones(1)),
        ("not a number", np.full(5 * SAMPLE_RATE, np.nan)),
        ("infinity", np.full(5 * SAMPLE_RATE, np.inf)),
    ],
)
def test_sound_that_is_none_matches_nothing(tmp_path, index, name, samples):
    path = tmp_path / f"{name}.wav"
    soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
    heard = decode_all(path)
    assert np.isfinite(heard).all()
    assert matches(index, heard) == []


def test_a_few_bad_samples_take_nothing_from_the_rest(tmp_path, index, piece):
    broken = piece[: 12 * SAMPLE_RATE].copy()
    broken[::5000] = np.nan
    broken[1::5000] = np.inf
    path = tmp_path / "broken.wav"
    soundfile.write(path, broken, SAMPLE_RATE, subtype="FLOAT")
    assert matches(index, decode_all(path)) == ["piece"]


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "wav"])
def test_a_torn_file_is_heard_up_to_the_tear(tmp_path, index, piece, suffix):
    whole, torn = tmp_path / f"whole.{suffix}", tmp_path / f"torn.{suffix}"
    soundfile.write(whole, at_rate(piece, 44_100), 44_100)
    data = whole.read_bytes()
    torn.write_bytes(data[: len(data) * 3 // 4])
    samples = decode_all(torn)
    assert 10 * SAMPLE_RATE < samples.size < 17 * SAMPLE_RATE
    assert matches(index, samples) == ["piece"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.wav", b"", "is empty"),
        ("notes.mp3", b"Dear listeners,\nthis is a text.\n" * 40, "no audio in it"),
        ("cover.wav", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "no audio in it"),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "no audio in it"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:10,\n/etc/hostname\n", "no audio in it"),
    ],
)
def test_what_is_no_audio_is_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        decode_all(path)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_no_samples_are_one_line(tmp_path):
    path = tmp_path / "header-only.wav"
    soundfile.write(path, np.zeros(0), SAMPLE_RATE)
    with pytest.raises(BadInput, match=r"header-only\.wav: holds no audio"):
        decode_all(path)


def test_refused_files_leave_nothing_open(tmp_path):
    path = tmp_path / "text.wav"
    path.write_bytes(b"no sound" * 100)
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        with pytest.raises(BadInput):
            decode_all(path)
    assert len(os.listdir("/dev/fd")) <= before


def test_a_name_that_lies_about_its_content(tmp_path, index, piece):
    path = tmp_path / "piece.txt"
    soundfile.write(path, piece[: 12 * SAMPLE_RATE], SAMPLE_RATE, format="FLAC")
    assert matches(index, decode_all(path)) == ["piece"]


def test_a_name_that_is_not_utf8(tmp_path, index, piece):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav")
    soundfile.write(tmp_path / "piece.wav", piece[: 12 * SAMPLE_RATE], SAMPLE_RATE)
    os.rename(tmp_path / "piece.wav", path)
    assert matches(index, decode_all(os.fsdecode(path))) == ["piece"]
    with pytest.raises(BadInput, match="no such file"):
        decode_all(os.fsdecode(path) + ".gone")


def test_a_tag_larger_than_the_music(tmp_path, index, piece):
    plain, tagged = tmp_path / "plain.mp3", tmp_path / "tagged.mp3"
    soundfile.write(plain, at_rate(piece[: 12 * SAMPLE_RATE], 44_100), 44_100)
    size = 4 << 20
    frame = b"APIC" + struct.pack(">I", size - 10) + b"\0\0" + b"\0" * (size - 10)
    header = b"ID3\x03\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    tagged.write_bytes(header + frame + plain.read_bytes())
    assert matches(index, decode_all(tagged)) == ["piece"]


def test_a_video_is_heard(tmp_path, index, piece, ffmpeg):
    soundfile.write(tmp_path / "piece.wav", piece[: 12 * SAMPLE_RATE], SAMPLE_RATE)
    picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=12"]
    codecs = ["-c:v", "mpeg4", "-c:a", "aac", str(tmp_path / "clip.mp4")]
    command = [ffmpeg, "-v", "error", *picture, "-i", str(tmp_path / "piece.wav"), *codecs]
    subprocess.run(command, check=True)
    assert matches(index, decode_all(tmp_path / "clip.mp4")) == ["piece"]


def test_hours_in_a_few_kilobytes_stop_at_the_limit(tmp_path):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8_000, np.int16))
    assert path.stat().st_size < 200_000
    blocks: list[np.ndarray] = []
    with pytest.raises(BadInput, match="longer than 600 s"):
        blocks.extend(decode(path, max_seconds=600))
    assert sum(map(len, blocks)) <= 600 * SAMPLE_RATE


def test_bytes_stop_at_the_limit(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    with pytest.raises(BadInput, match="expected at most 1,000"):
        next(decode(path, max_bytes=1_000))


@pytest.mark.parametrize("rate", [1_000, 1_000_000])
def test_rates_that_no_recorder_has(tmp_path, rate):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(2_000), rate)
    with pytest.raises(BadInput, match="expected 2,000 to 768,000 Hz"):
        decode_all(path)


def test_loud_and_soft_recordings_are_heard(tmp_path, index, piece):
    for gain in (1e-3, 30.0):
        path = tmp_path / f"{gain}.wav"
        soundfile.write(path, piece[: 12 * SAMPLE_RATE] * np.float32(gain), SAMPLE_RATE, subtype="FLOAT")
        assert rms(decode_all(path)) == pytest.approx(rms(piece[: 12 * SAMPLE_RATE]) * gain, rel=0.01)
        assert matches(index, decode_all(path)) == ["piece"]
