"""One small index and one podcast per session; read them, never write into them."""

import pytest

from copyright_detect import demo
from tests.copyright_detect.uploads import Desk, heard_whole, make_db, make_podcast, small_demo


@pytest.fixture(scope="session")
def db(tmp_path_factory):
    """The folder of an index of four songs, with rights."""
    return make_db(tmp_path_factory.mktemp("copyright") / "db")


@pytest.fixture(scope="session")
def podcast():
    """40 s of speech with 15 s of `song 1` under it from 10 s on."""
    return make_podcast()


@pytest.fixture(scope="session")
def events(db, podcast):
    """What one detector says about the podcast."""
    return heard_whole(db, podcast)


@pytest.fixture(scope="session")
def songs(tmp_path_factory, tiny_world):
    """The demo's songs, indexed."""
    folder = tmp_path_factory.mktemp("songs")
    with pytest.MonkeyPatch.context() as patch:
        small_demo(patch, tiny_world)
        demo.index_world(folder, tiny_world, 1, quiet=True)
    return folder


@pytest.fixture
def desk(tmp_path, db):
    """An empty log and a worker."""
    opened = Desk(tmp_path, db)
    yield opened
    opened.close()
