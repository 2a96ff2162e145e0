"""How a webhook can fail.

DomainError
└── WebhookFailed               it may be heard another time
    └── WebhookRefused          it never will be
"""

from domain.errors import DomainError


class WebhookFailed(DomainError):
    """The webhook was not taken."""

    code = "webhook-failed"
    retryable = True


class WebhookRefused(WebhookFailed):
    """The webhook is not wanted, or leads where it may not."""

    code = "webhook-refused"
    retryable = False
