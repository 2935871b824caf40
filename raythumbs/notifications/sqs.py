"""Messages of an Amazon SQS queue. Only who may send to the queue can put one there, so a message has no signature.

The body is an event of S3, or of EventBridge, or a message of SNS with such an event. Sources: Amazon S3 User Guide,
"Event message structure"; Amazon SNS Developer Guide, "Fanout to Amazon SQS queues".
"""

from raythumbs.errors import BadRequest
from raythumbs.notifications.event import Notification, json_of
from raythumbs.notifications.s3 import notification_in
from raythumbs.notifications.sns import confirmation


def read(body: str) -> Notification:
    """Return the events of a message, and its faults; raise BadRequest if none of it can be understood."""
    value = json_of(body, "message")
    if asked := confirmation(value):
        raise BadRequest(
            f"the topic {asked.topic!a} asks whether it may send here: open the SubscribeURL of its message"
        )
    return notification_in(value)
