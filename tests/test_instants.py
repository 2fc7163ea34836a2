"""Times as they are read and written: whatever is read as an instant can be written again."""

import pytest

from shared.instants import instant_text, parse_instant


@pytest.mark.parametrize(
    "said", ["1000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1000-01-01T00:00:00-14:00", "9999-12-31T23:59:59+14:00"]
)
def test_the_first_and_the_last_instant_are_read_and_written(said: str):
    assert parse_instant(instant_text(parse_instant(said))) == parse_instant(said)


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+14:00", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_could_not_be_written_in_four_digits_is_none(said: str):
    with pytest.raises(ValueError, match="no year from 1000 to 9999"):
        parse_instant(said)
