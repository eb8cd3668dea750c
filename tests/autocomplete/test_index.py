"""The index on disk: equal bytes for equal terms, whole or not at all, mapped and shared, small."""

import fcntl
import json
import os

import numpy as np
import pytest

from autocomplete import capacity, index
from autocomplete.pipeline import check, publish
from autocomplete.suggest import Suggester
from shared.errors import BadInput, CheckFailed, LinerError
from tests.autocomplete.by_hand import terms_of, texts
from tests.processes import forked

TERMS = terms_of(
    ("Björk", 3, "artist", "b"), ("🎤 mic", 2, None, None), ("Muse", 2, "artist", None), ("zero", 0, None, "z")
)


def test_what_is_mapped_is_what_was_built(tmp_path):
    built = index.build(TERMS)
    digest = index.save(built, tmp_path)
    mapped = index.load(tmp_path)
    assert (mapped.digest, len(mapped), mapped.slots, mapped.type_names) == (digest, 4, built.slots, built.type_names)
    for text in ("bjork", "🎤", "m", "zero"):
        assert Suggester(mapped).suggest(text)[1] == Suggester(built).suggest(text)[1]
    assert [mapped.id(term) for term in range(4)] == ["b", None, None, "z"]


def test_the_same_terms_give_the_same_bytes(tmp_path):
    assert index.save(index.build(TERMS), tmp_path / "a") == index.save(index.build(TERMS), tmp_path / "b")
    assert sorted(os.listdir(tmp_path / "a")) == sorted(os.listdir(tmp_path / "b"))


def test_arrays_are_mapped_not_copied(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    mapped = index.load(tmp_path)
    assert isinstance(mapped.names.nodes.base, np.memmap)
    assert not mapped.names.nodes.flags.writeable


def test_a_reader_of_the_old_index_reads_on(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    old = Suggester(index.load(tmp_path))
    index.save(index.build(terms_of(("new", 1))), tmp_path)
    assert texts(old.suggest("bjork")) == ["Björk"]
    assert texts(Suggester(index.load(tmp_path)).suggest("new")) == ["new"]


def test_a_publication_while_a_reader_maps_gives_the_new_index_whole(tmp_path, monkeypatch):
    index.save(index.build(TERMS), tmp_path)
    digests, map_one = [], index._map

    def published_first(path):
        if not digests:
            digests.append(index.save(index.build(OTHER), tmp_path))
        return map_one(path)

    monkeypatch.setattr(index, "_map", published_first)
    assert index.load(tmp_path).digest == digests[0]


def test_arrays_that_are_missing_are_not_called_no_index(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    next(tmp_path.glob("scores-*.npy")).unlink()
    with pytest.raises(BadInput, match=r"torn index .*scores-"):
        index.load(tmp_path)


def test_names_of_types_are_part_of_the_digest(tmp_path):
    digests = {index.save(index.build(terms_of(("Muse", 1, kind))), tmp_path) for kind in ("artist", "band")}
    assert len(digests) == 2


def test_no_index_says_how_to_make_one(tmp_path):
    with pytest.raises(BadInput, match="liner autocomplete build --terms FILE"):
        index.load(tmp_path)


@pytest.mark.parametrize("damage", ["{", '{"format": 1}', '{"format": 99}', "[]"])
def test_a_damaged_manifest_is_refused(tmp_path, damage):
    index.save(index.build(TERMS), tmp_path)
    (tmp_path / "manifest.json").write_text(damage)
    with pytest.raises(BadInput, match="build it again"):
        index.load(tmp_path)


def test_a_torn_array_is_refused(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    path = next(tmp_path.glob("names.nodes-*.npy"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadInput, match="torn index"):
        index.load(tmp_path)


def test_changed_bytes_are_found_by_their_digest(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    index.verify(tmp_path)
    path = next(tmp_path.glob("scores-*.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="do not have the digest"):
        index.verify(tmp_path)
    index.save(index.build(TERMS), tmp_path)
    index.verify(tmp_path)


def test_arrays_and_folders_of_others_are_left_alone(tmp_path):
    foreign = ["my.npy", "names.npy", "scores-2024.npy", ".my.tmp"]
    for name in foreign:
        (tmp_path / name).write_text("somebody's")
    index.save(index.build(TERMS), tmp_path)
    index.save(index.build(terms_of(("new", 1))), tmp_path)
    assert all((tmp_path / name).read_text() == "somebody's" for name in foreign)
    assert len(list(tmp_path.glob("*-*.npy"))) == 14 + 1


def test_two_builds_into_one_folder_take_turns(tmp_path, monkeypatch):
    def published(path, manifest):
        with (tmp_path / ".lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.write_text(json.dumps(manifest))

    monkeypatch.setattr(index, "write_json", published)
    index.save(index.build(TERMS), tmp_path)
    with (tmp_path / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_index_that_does_not_find_its_names_is_not_published(tmp_path):
    publish(index.build(TERMS), tmp_path)
    before = (tmp_path / "manifest.json").read_text()
    wrong = index.build(terms_of(("right", 2), ("left", 1)))
    broken = index.Index(
        **{**vars(wrong), "names": index.build(terms_of(("other", 1), ("else", 1))).names, "words": wrong.words}
    )
    object.__setattr__(broken, "words", index.build(terms_of(("other", 1), ("else", 1))).words)
    with pytest.raises(CheckFailed, match="does not find its own 'right'"):
        publish(broken, tmp_path)
    assert (tmp_path / "manifest.json").read_text() == before
    check(index.load(tmp_path))


def test_a_heavy_one_letter_name_passes_the_gate():
    check(index.build(terms_of(*((f"m{n}", 100 - n) for n in range(60)), ("m", 60))))


def test_a_full_disk_leaves_the_old_index(tmp_path, monkeypatch):
    publish(index.build(TERMS), tmp_path)
    before = (tmp_path / "manifest.json").read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index.os, "fsync", full)
    with pytest.raises(LinerError, match=r"could not write [\d,]+ bytes \(No space left on device\)"):
        publish(index.build(terms_of(("new", 1))), tmp_path)
    assert (tmp_path / "manifest.json").read_text() == before
    assert texts(Suggester(index.load(tmp_path)).suggest("muse")) == ["Muse"]


processes = forked(__name__)
OTHER = terms_of(("new", 1), ("newer", 2))


def save_and_die(built, folder, last):
    """Save an index and die at the `last` time that something is made durable."""
    calls = 0

    def dying(_):
        nonlocal calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), 9)

    index.os.fsync = dying
    index.save(built, folder)


@pytest.mark.fault
@pytest.mark.parametrize("call", [1, 7, 15])
def test_killed_at_any_write_the_old_index_is_whole_and_a_rerun_completes(tmp_path, call):
    index.save(index.build(TERMS), tmp_path)
    new = index.build(OTHER)
    killed = processes.Process(target=save_and_die, args=(new, tmp_path, call))
    killed.start()
    killed.join()
    assert killed.exitcode == -9
    assert texts(Suggester(index.load(tmp_path)).suggest("muse")) == ["Muse"]
    index.verify(tmp_path)
    digest = index.save(new, tmp_path)
    assert index.load(tmp_path).digest == digest
    index.verify(tmp_path)
    assert not [path.name for path in tmp_path.glob(".*.tmp")]


def test_weights_of_zero_rank_last_and_nothing_else_counts():
    scores = index.scores_of(np.array([5.0, 1e-9, 0.0, 0.0]))
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert scores[2] == scores[3] == scores[1] - 1000
    assert index.scores_of(np.zeros(2)).tolist() == [-1000, -1000]


def test_a_term_takes_less_than_120_bytes(tiny_world):
    titles = tiny_world.dataset("tracks").table()["title"].to_pylist()
    words = sorted({word for title in titles for word in title.split()})[:200]
    built = index.build(terms_of(*((f"{one} {other}", 1) for one in words for other in words)))
    assert built.bytes / len(built) < 120


def test_more_names_than_offsets_can_count_are_refused(monkeypatch):
    assert capacity.MOST_BYTES == index.MOST_BYTES + 1
    monkeypatch.setattr(index, "MOST_BYTES", 20)
    index.build(terms_of(("twenty letters in all", 1))[:0])
    with pytest.raises(BadInput, match="21 bytes of names; expected at most 20 in one index: split the terms"):
        index.build(terms_of(("twenty letters in all", 1)))
    with pytest.raises(BadInput, match="split the terms"):
        index.build(terms_of(("short", 1, None, "but a long identifier")))


def test_the_manifest_tells_version_digest_and_size(tmp_path):
    index.save(index.build(TERMS), tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["format"], manifest["terms"]) == (1, 4)
    assert manifest["bytes"] == index.load(tmp_path).bytes
