"""The tree of errors. Each message says what is wrong, which value, and what to do, in one line.

LinerError                  exit code 1
├── BadInput                exit code 2   the user's file, flag or field is wrong
│   └── NotFound            exit code 2   a dataset, version or id that does not exist
├── CheckFailed             exit code 1   a quality gate refused; nothing was published
├── EngineUnavailable       exit code 1   a server is away, or an extra is not installed
├── Conflict                exit code 1   somebody else committed first; reload and try again
└── Busy                    exit code 1   somebody else held what is needed for longer than one can wait
"""


class LinerError(Exception):
    """Base of all errors that the program raises on purpose."""

    exit_code = 1


class BadInput(LinerError):
    """Input that cannot be used: names file, row and field, what was expected and what to do."""

    exit_code = 2


class NotFound(BadInput):
    """A dataset, version, user or key that does not exist."""


class CheckFailed(LinerError):
    """A quality gate refused the result; what was published before stays published."""


class EngineUnavailable(LinerError):
    """A server does not answer, or the extra that talks to it is not installed."""


class Conflict(LinerError):
    """A commit found another offset or version than the one it began with."""


class Busy(LinerError):
    """A lock that was not free in time; nothing was begun."""
