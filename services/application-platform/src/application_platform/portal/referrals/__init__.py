"""Orders and referrals: ordered together with one signature, assessed where they come, and followed by the patient."""
