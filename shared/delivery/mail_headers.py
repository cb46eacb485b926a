"""Headers of our own mails that say what a mail is about. A mail server sends them back with what it could not deliver."""

CASE_HEADER = "Hearback-Case"
INVITATION_HEADER = "Hearback-Invitation"
