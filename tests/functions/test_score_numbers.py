"""What servers and browsers say of text messages: the number's own consent, and the mail address left as it was."""

import pytest

from shared import table
from shared.aws import addresses
from shared.identity import address_hash, number_hash
from shared.instants import HOUR
from shared.mailing import TopicConsent
from tests.conftest import IDENTITY_SECRET, Aws, Context
from tests.functions.test_consent_trail import ADA, ADDRESS, NOW, event, heard

PHONE = "+46 70-123 45 67"
NAME = number_hash("+46701234567", IDENTITY_SECRET)
YES = {"channel": "sms", "agreed": True, "text": "Text me"}

pytestmark = pytest.mark.usefixtures("playbook", "aws")


def said(event_id: str, consent, at: int = NOW, **more):
    known = {"email": ADA, "traits": {"phone": PHONE}, "properties": {"consent": consent}}
    return event(event_id, "Consent Given", at, received_at=at, **{**known, **more})


def trail(aws: Aws, name: str = NAME):
    items = aws.items(table.address_pk(name))
    return [(each["said"], each["by"]) for each in items if each[table.SK].startswith(table.CONSENT_PREFIX)]


def test_a_servers_yes_opts_the_number_in_with_proof_and_the_mail_address_stays_as_it_was(aws: Aws, context: Context):
    for _ in range(2):
        heard(context, said("c1", YES), source="server")
    number, address = addresses.get_address(NAME), addresses.get_address(ADDRESS)
    assert (number.proven_at, number.opted_in_at, number.stopped_at) == (NOW, NOW, None)
    assert (address.opted_in_at, address.stopped_at) == (None, None)
    assert trail(aws) == [("agreed", "server key")]
    assert trail(aws, ADDRESS) == []
    assert address_hash(ADA, IDENTITY_SECRET) != NAME


def test_a_browsers_yes_is_kept_and_proves_nothing(aws: Aws, context: Context):
    heard(context, said("c1", YES), source="public")
    assert addresses.get_address(NAME).version == 0
    assert trail(aws) == [("agreed", "public key")]


def test_the_latest_word_holds_in_whatever_order_it_comes(context: Context):
    no = said("c2", {**YES, "agreed": False}, at=NOW + HOUR)
    heard(context, no, source="server", at=NOW + HOUR)
    heard(context, said("c1", YES), source="server", message_id="n")
    number = addresses.get_address(NAME)
    assert (number.opted_in_at, number.stopped_at) == (NOW, NOW + HOUR)


def test_a_topic_of_texts_is_the_numbers_alone(context: Context):
    heard(context, said("c1", {**YES, "topic": "guides"}), source="server")
    assert addresses.get_address(NAME).topics == {"guides": TopicConsent(opted_in_at=NOW)}
    assert addresses.get_address(NAME).opted_in_at is None
    assert addresses.get_address(ADDRESS).topics == {}


def test_consent_to_mail_says_nothing_of_texts_and_the_other_way_round(context: Context):
    mail = said("c1", {"agreed": True, "topic": "guides"}, traits={"phone": PHONE, "consent": True})
    heard(context, mail, source="server")
    assert addresses.get_address(NAME).version == 0
    assert addresses.get_address(ADDRESS).opted_in_at == NOW


@pytest.mark.parametrize(
    "consent", [{**YES, "agreed": "yes"}, {"channel": "sms"}, {"channel": ["sms"], "agreed": True}, "sms", None]
)
def test_what_is_not_clearly_said_is_not_consent(context: Context, consent):
    heard(context, said("c1", consent), source="server")
    assert addresses.get_address(NAME).version == 0


def test_without_a_number_that_can_be_called_there_is_nothing_to_consent_for(aws: Aws, context: Context):
    heard(context, said("c1", YES, traits={"phone": "070-123"}), source="server")
    heard(context, said("c2", YES, traits={}), source="server", message_id="n")
    assert [
        item for item in aws.items() if item[table.PK].startswith("ADDR#") and item[table.PK] != f"ADDR#{ADDRESS}"
    ] == []


def test_the_leads_proven_number_is_meant_where_the_event_names_none(context: Context):
    heard(
        context,
        event("i", "Identified", NOW - HOUR, received_at=NOW - HOUR, email=ADA, traits={"phone": PHONE}),
        source="server",
    )
    heard(context, said("c1", YES, traits={}), source="server", message_id="n")
    assert addresses.get_address(NAME).opted_in_at == NOW
