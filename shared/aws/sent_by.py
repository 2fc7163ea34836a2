"""By which playbooks a lead was sent something."""

from shared import settings, table
from shared.aws import clients
from shared.aws.items import from_item

MOST = 100
"""Sends of a lead that are looked at: more than anybody gets in a year."""


def bundles(lead_id: str, rotation: int, step: int) -> list[tuple[str, str]]:
    """Return track and bundle of each send of the lead that was that step of that round; none for who was erased."""
    answer = clients.dynamodb().query(
        TableName=settings.table_name(),
        KeyConditionExpression="#pk = :pk AND begins_with(#sk, :prefix)",
        ProjectionExpression="#sk, #playbook",
        ExpressionAttributeNames={"#pk": table.PK, "#sk": table.SK, "#playbook": "playbook"},
        ExpressionAttributeValues={":pk": {"S": table.lead_pk(lead_id)}, ":prefix": {"S": table.SEND_PREFIX}},
        Limit=MOST,
    )
    found = []
    for item in map(from_item, answer["Items"]):
        track = item[table.SK].removeprefix(table.SEND_PREFIX).rsplit("#", 2)[0]
        if item[table.SK] == table.send_sk(track, rotation, step):
            found.append((track, item["playbook"]))
    return found
