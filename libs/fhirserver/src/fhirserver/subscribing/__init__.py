"""Subscriptions: from a change to a notification, with nothing lost between (http://hl7.org/fhir/R4/subscription.html)."""
