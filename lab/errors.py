"""The one exception a user of the lab sees."""


class LabError(Exception):
    """Something the user can act on: what was found, what was expected, what to do. Printed without a traceback."""
