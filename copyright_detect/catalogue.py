"""What uploads are held against: an index and the rights beside it, both as of the last refresh."""

from pathlib import Path

from copyright_detect.index import open_index
from copyright_detect.rights_file import open_rights


class Catalogue:
    """One folder, opened. `refresh` between batches: a decision never sees half of a change."""

    def __init__(self, db: str | Path) -> None:
        self.db = Path(db)
        self._stamp = self._stat()  # before the reading: what is written meanwhile is read again
        self.index, self.rights = open_index(self.db), open_rights(self.db)

    def refresh(self) -> None:
        """Take up what was added, removed or claimed since."""
        self.index.refresh()
        if self._stamp != (stamp := self._stat()):
            self.rights, self._stamp = open_rights(self.db), stamp

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = (self.db / "rights.csv").stat()
        except FileNotFoundError:
            return (0, 0, 0)
        return found.st_ino, found.st_mtime_ns, found.st_size
