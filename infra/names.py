"""What functions are called: one folder of functions/ is one function, and its name is the same everywhere."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def function_names() -> tuple[str, ...]:
    """Return the name of every function folder."""
    return tuple(sorted(handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")))


def pascal(name: str) -> str:
    """Return the name as constructs and outputs have it: `decay_sweep` is `DecaySweep`."""
    return "".join(word.capitalize() for word in name.split("_"))
