"""Headers of our own mails that say what a mail is about. A mail server sends them back with what it could not deliver."""

import json
from collections.abc import Mapping

CASE_HEADER = "Hearback-Case"
INVITATION_HEADER = "Hearback-Invitation"


def for_relay(host: str, about: Mapping[str, str]) -> dict[str, str]:
    """The same once more, where the mail server is a service that tells failures by webhook, and repeats there what this header holds.

    https://www.twilio.com/docs/sendgrid/for-developers/sending-email/unique-arguments
    https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-attachments (attaching metadata)
    """
    if about and host.endswith(".sendgrid.net"):
        return {"X-SMTPAPI": json.dumps({"unique_args": about})}
    return {"X-Mailgun-Variables": json.dumps(about)} if about and host.endswith(".mailgun.org") else {}
