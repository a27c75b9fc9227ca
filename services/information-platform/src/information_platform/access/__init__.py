"""The facts of the law: what patients and staff decide, written once, composed, and told to every store (D9)."""
