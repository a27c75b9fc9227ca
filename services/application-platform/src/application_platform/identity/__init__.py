"""Identity: the people, their commissions (medarbetaruppdrag) and their sessions in the browser."""
