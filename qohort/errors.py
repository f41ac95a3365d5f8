"""The one exception and the one warning that a person is meant to read."""


class QohortError(Exception):
    """Something that the user can put right. The message names the value, the limit and the fix.

    The command line prints the message without a traceback and leaves with exit code 2.
    """


class QohortWarning(UserWarning):
    """Something about what was asked for that one would not expect; the command line prints the sentence alone."""
