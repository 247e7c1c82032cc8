"""Alerts: people are told over channels (log, mail, webhook)."""

from procession.operations.alerts.alert import Alert
from procession.operations.alerts.channel import Channel
from procession.operations.alerts.desk import AlertDesk
from procession.operations.alerts.incident import incident_alert
from procession.operations.alerts.log import LogChannel
from procession.operations.alerts.mail import MailChannel, MailSecurity
from procession.operations.alerts.urls import channel_for
from procession.operations.alerts.webhook import WebhookChannel

__all__ = [
    "Alert",
    "AlertDesk",
    "Channel",
    "LogChannel",
    "MailChannel",
    "MailSecurity",
    "WebhookChannel",
    "channel_for",
    "incident_alert",
]
