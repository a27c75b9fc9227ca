"""Medicines: the staff's list with prescribing, renewing, pausing and stopping, and the patient's list with a wish to renew."""
