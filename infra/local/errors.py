"""What can go wrong on this machine, said so that a person knows what to do."""


class LocalError(Exception):
    """The embedded AWS cannot be had; the message says why and what to do. Printed without a traceback."""
