"""How the command line ends. Scripts may rely on these numbers."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands that speak to a server."""

    OK = 0
    UNEXPECTED = 1  # an error of the server or of this program
    USAGE = 2  # the command line itself is wrong
    NOT_SIGNED_IN = 3  # no token, or one that is not valid any more
    NOT_FOUND = 4  # no such thing, or you may not see it
    REFUSED = 5  # the server understood and refused, or the values are not valid
    UNREACHABLE = 6  # no answer from the server
    HARVEST_FAILED = 7  # the harvest ended, and something failed
    TIMEOUT = 8  # it was not finished in the given time


def of_problem(status: int) -> ExitCode:
    """Return the exit code for an HTTP status."""
    if status == 401:
        return ExitCode.NOT_SIGNED_IN
    if status == 404:
        return ExitCode.NOT_FOUND
    return ExitCode.REFUSED if status < 500 else ExitCode.UNEXPECTED
