"""What a mail led its reader to say: that they want no more, noted on the send item so that the mail can be judged by it."""

from botocore.exceptions import ClientError

from shared import settings, table
from shared.aws import clients
from shared.aws.items import to_item
from shared.instants import instant_text
from shared.mailing import SendRef


def note(ref: SendRef, at: int) -> bool:
    """
    Keep when a stop link of the mail was used first.

    Returns: Whether there is such a mail; of a lead that was erased there is none any more.
    """
    try:
        clients.dynamodb().update_item(
            TableName=settings.table_name(),
            Key=to_item(
                {
                    table.PK: table.lead_pk(ref.lead_id),
                    table.SK: table.send_sk(ref.track, ref.rotation, ref.step),
                }
            ),
            UpdateExpression="SET #at = if_not_exists(#at, :at)",
            ConditionExpression="attribute_exists(#pk)",
            ExpressionAttributeNames={"#at": "unsubscribed_at", "#pk": table.PK},
            ExpressionAttributeValues=to_item({":at": instant_text(at)}),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
